//! Numbers as integers, so that their sums are exact in any order and after any history.

use std::collections::BTreeMap;

/// The fixed point of a set of numbers: a power of two that depends on the largest magnitude among them, and on nothing else.
///
/// It is a function of the set, kept up to date when numbers join or leave: it holds how many have each binary exponent.
///
/// # Examples
///
/// ```
/// use untrain_core::FixedPoint;
///
/// let mut fixed = FixedPoint::new(20);
/// [0.5, -3.0, 100.0].map(|x| fixed.take(x));
/// let unit = fixed.shift();
/// assert_eq!(FixedPoint::quantise(unit, 0.5), 0.5 * f64::from(1 << 13));
/// fixed.release(100.0);
/// assert_eq!(fixed.shift(), unit + 5);
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct FixedPoint {
    bits: u32,
    exponents: BTreeMap<i32, u32>,
}

impl FixedPoint {
    /// Without numbers yet; each will be an integer of at most 2^`bits` in magnitude.
    pub fn new(bits: u32) -> Self {
        Self { bits, exponents: BTreeMap::new() }
    }

    /// The binary digits after the point: `x` becomes `round(x · 2^shift)`.
    pub fn shift(&self) -> i32 {
        self.exponents.last_key_value().map_or(0, |(exponent, _)| self.bits as i32 - 1 - exponent)
    }

    /// Counts a finite number in.
    pub fn take(&mut self, number: f64) {
        *self.exponents.entry(exponent(number)).or_default() += 1;
    }

    /// Counts a number out that was counted in.
    pub fn release(&mut self, number: f64) {
        let exponent = exponent(number);
        if let Some(count) = self.exponents.get_mut(&exponent) {
            *count -= 1;
            if *count == 0 {
                self.exponents.remove(&exponent);
            }
        }
    }

    /// `number · 2^shift`, rounded to an integer, ties to even; a number far beyond the set stops at 2^52.
    pub fn quantise(shift: i32, number: f64) -> f64 {
        Self::scaled(shift, number).round_ties_even() + 0.0
    }

    /// The same, rounded towards zero: then numbers of one binary exponent become integers of one binary exponent.
    #[inline]
    pub fn truncate(shift: i32, number: f64) -> f64 {
        // A cast rounds towards zero, and is an instruction where `trunc` is a call.
        Self::scaled(shift, number) as i64 as f64
    }

    #[inline]
    fn scaled(shift: i32, number: f64) -> f64 {
        const LIMIT: f64 = (1_u64 << 52) as f64;
        // Two exact factors reach every shift that occurs, and the compiler makes a vector loop of them.
        let half = shift / 2;
        (number * power(half) * power(shift - half)).clamp(-LIMIT, LIMIT)
    }
}

/// The `f64` nearest to an integer, ties to even: what `as f64` gives, several times as fast.
#[inline]
pub fn nearest_f64(integer: i128) -> f64 {
    if let Ok(short) = i64::try_from(integer) {
        return short as f64;
    }
    let magnitude = integer.unsigned_abs();
    let shift = 64 - magnitude.leading_zeros().min(63);
    // The highest 64 bits, the last of which tells whether any below it is set, round as all bits do.
    let top = (magnitude >> shift) as u64 | u64::from(magnitude & ((1 << shift) - 1) != 0);
    let rounded = top as f64 * power(shift as i32);
    if integer < 0 { -rounded } else { rounded }
}

/// `2^exponent`, for exponents of normal numbers.
fn power(exponent: i32) -> f64 {
    f64::from_bits(((exponent + 1023).clamp(1, 2046) as u64) << 52)
}

/// `⌊log2 |x|⌋`; −1023 for zero and subnormal numbers.
pub fn exponent(x: f64) -> i32 {
    ((x.to_bits() >> 52) & 0x7ff) as i32 - 1023
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_largest_number_fills_the_bits() {
        for number in [1.0, -1.0, 0.75, 1e300, -1e300, 1e-300, 1e-310, 4e-320, 123_456.789] {
            let mut fixed = FixedPoint::new(20);
            fixed.take(number);
            fixed.take(0.0);
            let q = FixedPoint::quantise(fixed.shift(), number).abs();
            assert!(q <= f64::from(1 << 20), "{number} becomes {q}");
            assert!(number.abs() < f64::MIN_POSITIVE || q >= f64::from(1 << 19), "{number} becomes {q}");
            assert_eq!(FixedPoint::quantise(fixed.shift(), 0.0), 0.0);
        }
    }

    #[test]
    fn integers_are_rounded_as_the_language_does() {
        let mut word = 0x1234_5678_9abc_def0_u64;
        let mut next = || {
            word = crate::mix(word, 1);
            word
        };
        for bits in 0..128 {
            for _ in 0..200 {
                let integer = (((u128::from(next()) << 64) | u128::from(next())) >> bits) as i128;
                for near in [integer, integer & !0xff, integer | 0x80, -1 - integer] {
                    assert_eq!(nearest_f64(near), near as f64, "{near}");
                }
            }
        }
        // Halfway between two floats, and a little off it.
        for k in 1..74 {
            for (half, low) in [(3_i128, 0), (1, 1), (1, -1), (3, 1), (3, -1)] {
                let integer = (((1_i128 << 53) + half) << k) / 2 + low;
                assert_eq!(nearest_f64(integer), integer as f64, "{integer}");
            }
        }
        for edge in [i128::MAX, i128::MIN, i128::MIN + 1, i128::from(i64::MAX), i128::from(i64::MIN) - 1, 0] {
            assert_eq!(nearest_f64(edge), edge as f64, "{edge}");
        }
    }

    #[test]
    fn far_numbers_stop() {
        assert_eq!(FixedPoint::quantise(1000, 1e300), (1_u64 << 52) as f64);
        assert_eq!(FixedPoint::quantise(-990, 1e300), (1e300 * 2_f64.powi(-990)).round());
    }
}
