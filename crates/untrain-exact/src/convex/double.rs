//! Double-double arithmetic: a number as the sum of two `f64`, about 106 binary digits.

use std::ops::{Add, Div, Mul, Neg, Sub};

/// `hi + lo`, where `lo` is at most half a unit in the last place of `hi`.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Double {
    pub(crate) hi: f64,
    pub(crate) lo: f64,
}

/// One operation errs relatively by under this; by at most 2^-102 as [@joldes2017] shows.
pub(crate) const DOUBLE_UNIT: f64 = 1.0 / (1_u128 << 100) as f64;

/// More than the relative error of a few double-double operations.
pub(super) const OUTER: f64 = 1.0 / (1_u128 << 95) as f64;

/// [`Double::exp`] errs relatively by under this.
///
/// The argument is reduced to |r| ≤ ln 2/128 by a multiple of ln 2 held in three parts, which errs by under 2^-112·2^11; the
/// series to r^13/13! leaves out under 2^-130; some 30 operations on numbers under 1.01 add 2^-99; six squarings double a relative
/// error six times, and add their own, under 2^-92 in all.
pub(crate) const DOUBLE_EXP_ERROR: f64 = 1.0 / (1_u128 << 90) as f64;

#[inline]
fn two_sum(a: f64, b: f64) -> Double {
    let hi = a + b;
    let t = hi - a;
    Double { hi, lo: (a - (hi - t)) + (b - t) }
}

#[inline]
fn quick_two_sum(a: f64, b: f64) -> Double {
    let hi = a + b;
    Double { hi, lo: b - (hi - a) }
}

/// The product as Dekker has it, for numbers whose product and whose low parts neither overflow nor underflow.
#[inline]
fn two_product(a: f64, b: f64) -> Double {
    let split = |x: f64| {
        let t = 134_217_729.0 * x;
        let high = t - (t - x);
        (high, x - high)
    };
    let hi = a * b;
    let ((ah, al), (bh, bl)) = (split(a), split(b));
    Double { hi, lo: ((ah * bh - hi) + ah * bl + al * bh) + al * bl }
}

impl From<f64> for Double {
    fn from(hi: f64) -> Self {
        Self { hi, lo: 0.0 }
    }
}

impl Add for Double {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        let (s, t) = (two_sum(self.hi, other.hi), two_sum(self.lo, other.lo));
        let s = quick_two_sum(s.hi, s.lo + t.hi);
        quick_two_sum(s.hi, s.lo + t.lo)
    }
}

impl Neg for Double {
    type Output = Self;

    fn neg(self) -> Self {
        Self { hi: -self.hi, lo: -self.lo }
    }
}

impl Sub for Double {
    type Output = Self;

    fn sub(self, other: Self) -> Self {
        self + -other
    }
}

impl Mul for Double {
    type Output = Self;

    fn mul(self, other: Self) -> Self {
        let p = two_product(self.hi, other.hi);
        quick_two_sum(p.hi, p.lo + (self.hi * other.lo + self.lo * other.hi))
    }
}

impl Mul<f64> for Double {
    type Output = Self;

    fn mul(self, other: f64) -> Self {
        self * Self::from(other)
    }
}

impl Div for Double {
    type Output = Self;

    fn div(self, other: Self) -> Self {
        let first = self.hi / other.hi;
        let rest = self - other * first;
        let second = rest.hi / other.hi;
        let rest = rest - other * second;
        quick_two_sum(first, second) + Self::from(rest.hi / other.hi)
    }
}

impl Double {
    /// e to this power, clamped as [`super::exp`] is.
    pub(crate) fn exp(self) -> Self {
        // ln 2 in three parts, of which k times the first two are exact for |k| < 2^11.
        const HIGH: f64 = 0.693_147_180_369_123_8;
        const REST: Double = Double { hi: 1.908_214_929_270_587_7e-10, lo: 1.161_222_722_936_253_2e-26 };
        const SQUARINGS: i32 = 6;
        let x = if self.hi.abs() > super::exp::LIMIT { Self::from(self.hi.clamp(-super::exp::LIMIT, super::exp::LIMIT)) } else { self };
        let k = (x.hi * std::f64::consts::LOG2_E).round_ties_even();
        let r = (x - Self::from(k * HIGH)) - REST * k;
        let r = r * (1.0 / f64::from(1 << SQUARINGS));
        let mut q = Self::from(1.0);
        for i in (1..14).rev() {
            q = Self::from(1.0) + q * r / Self::from(f64::from(i));
        }
        for _ in 0..SQUARINGS {
            q = q * q;
        }
        let power = f64::from_bits(((k as i64 + 1023) as u64) << 52);
        Self { hi: q.hi * power, lo: q.lo * power }
    }
}

#[cfg(test)]
mod tests {
    use untrain_core::{mix, unit};

    use super::*;

    fn close(a: Double, b: Double, bound: f64) -> bool {
        (a - b).hi.abs() <= bound * b.hi.abs()
    }

    #[test]
    fn a_third_times_three_is_one() {
        let third = Double::from(1.0) / Double::from(3.0);
        assert!(close(third * 3.0, Double::from(1.0), DOUBLE_UNIT));
    }

    #[test]
    fn the_exponential_of_a_sum_is_the_product_of_exponentials() {
        for i in 0..3000_u64 {
            let [a, b] = [1, 2].map(|key| Double { hi: 300.0 * unit(mix(key, i)) - 150.0, lo: 1e-17 * unit(mix(key + 9, i)) });
            assert!(close((a + b).exp(), a.exp() * b.exp(), 3.0 * DOUBLE_EXP_ERROR), "{a:?} {b:?}");
        }
        // e to 32 digits.
        let e = Double { hi: std::f64::consts::E, lo: 1.445_646_891_729_250_2e-16 };
        assert!(close(Double::from(1.0).exp(), e, DOUBLE_EXP_ERROR));
    }
}
