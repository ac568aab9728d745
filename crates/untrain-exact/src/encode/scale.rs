//! Where a column of numbers lies and how wide it is, from exact sums.

use untrain_core::{Reader, Result, Writer, nearest_f64};

/// No fixed point has more digits before or after the point.
const MOST_DIGITS: i32 = 2100;

/// The sums of the quantised numbers of a column.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Sums {
    n: u64,
    sum: i64,
    squares: i128,
}

impl Sums {
    pub(super) fn add(&mut self, q: i64) {
        self.n += 1;
        self.sum += q;
        self.squares += i128::from(q) * i128::from(q);
    }

    pub(super) fn subtract(&mut self, q: i64) {
        self.n -= 1;
        self.sum -= q;
        self.squares -= i128::from(q) * i128::from(q);
    }

    /// The scale of the numbers, of which each is `q · 2^-shift`.
    pub(super) fn scale(&self, shift: i32, standardize: bool) -> Scale {
        if self.n == 0 {
            return Scale { shift, mean: 0.0, centre: 0.0, step: 1.0 };
        }
        let n = self.n as f64;
        let mean = self.sum as f64 / n;
        // n²·variance, exact; conversion, root and division are single roundings.
        let spread = i128::from(self.n) * self.squares - i128::from(self.sum) * i128::from(self.sum);
        let deviation = if spread == 0 { 0.0 } else { rounded(nearest_f64(spread).sqrt() / n) };
        let quantum = if deviation == 0.0 { 1.0 } else { low_bit(deviation) };
        let mean = if deviation == 0.0 { mean } else { (mean / quantum).round_ties_even() * quantum + 0.0 };
        if !standardize {
            // The step is a power of two, so that a feature is the number itself.
            return Scale { shift, mean, centre: 0.0, step: power(shift) };
        }
        Scale { shift, mean, centre: mean, step: if deviation == 0.0 { 1.0 } else { deviation } }
    }
}

/// How a quantised number becomes a feature: `(q − centre) / step`, and `(mean − centre) / step` where it is missing.
///
/// `q` is the number times 2^`shift`, rounded; the rest is in units of `q`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Scale {
    /// The binary digits of the fixed point.
    pub(crate) shift: i32,
    /// What stands for a missing number: the mean, rounded to 1/128 of the step's power of two.
    pub(crate) mean: f64,
    /// What becomes 0.
    pub(crate) centre: f64,
    /// What becomes 1 more; over 0.
    pub(crate) step: f64,
}

impl Scale {
    /// The feature of a quantised number.
    pub(crate) fn feature(&self, q: f64) -> f64 {
        (q - self.centre) / self.step
    }

    pub(super) fn write(&self, out: &mut Writer) {
        let Self { shift, mean, centre, step } = self;
        out.f64(f64::from(*shift));
        out.f64(*mean);
        out.f64(*centre);
        out.f64(*step);
    }

    pub(super) fn read(input: &mut Reader<'_>) -> Result<Self> {
        let (shift, mean, centre, step) = (input.f64()?, input.f64()?, input.f64()?, input.f64()?);
        let fine = shift.abs() <= f64::from(MOST_DIGITS) && shift.fract() == 0.0 && mean.is_finite() && centre.is_finite();
        if fine && step > 0.0 && step.is_finite() {
            Ok(Self { shift: shift as i32, mean, centre, step })
        } else {
            Err(input.malformed("a scale is no scale"))
        }
    }
}

/// Reads the fixed point of a column or of all.
pub(crate) fn read_shift(input: &mut Reader<'_>) -> Result<i32> {
    let shift = i32::try_from(input.signed()?).ok().filter(|shift| (-MOST_DIGITS..=MOST_DIGITS).contains(shift));
    shift.ok_or_else(|| input.malformed("a fixed point is out of range"))
}

/// A positive number rounded to 8 significant binary digits.
fn rounded(x: f64) -> f64 {
    let quantum = low_bit(x);
    (x / quantum).round_ties_even() * quantum
}

/// The value of the eighth significant binary digit.
fn low_bit(x: f64) -> f64 {
    f64::from_bits(x.to_bits() & (0x7ff << 52)) / 128.0
}

fn power(exponent: i32) -> f64 {
    libm::scalbn(1.0, exponent.clamp(-1000, 1000))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scale_is_mean_and_deviation_to_eight_digits() {
        let mut sums = Sums::default();
        [10, 20, 30, 1000].iter().for_each(|q| sums.add(*q));
        sums.subtract(1000);
        let scale = sums.scale(0, true);
        // The deviation of 10, 20, 30 is 8.1650; eight digits leave steps of 1/16.
        assert_eq!((scale.centre, scale.step), (20.0, 8.1875));
        assert_eq!(scale.feature(20.0), 0.0);
    }

    #[test]
    fn a_constant_is_zero() {
        let mut sums = Sums::default();
        [7, 7, 7].iter().for_each(|q| sums.add(*q));
        assert_eq!(sums.scale(3, true).feature(7.0), 0.0);
        assert_eq!(Sums::default().scale(3, true).feature(7.0), 7.0);
        // Not standardised, the feature of q = 24 with 3 digits after the point is 3.
        assert_eq!(sums.scale(3, false).feature(24.0), 3.0);
    }
}
