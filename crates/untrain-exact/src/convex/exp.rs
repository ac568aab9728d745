//! The exponential function, with a bound on its error, in a form that loops over many numbers vectorise.

/// The relative error of [`exp`] is under this, for arguments in ±700; beyond, the argument is clamped first.
///
/// With u = 2^-53: the quotient k is exact; `LN2_HIGH` has 32 significant digits, so `k·LN2_HIGH` and `x − k·LN2_HIGH` are exact
/// (|k| < 2^11; Sterbenz), and `k·LN2_LOW` errs by under 2^11·2^-33·u = 2^-22 u in all, and both parts together are off ln 2 by 2^-86, of
/// which k times is under 2^-23 u. So r, which is under 1/2, errs by u/4 + 2^-21 u ≤ 0.3 u.
/// The series to r^13/13! leaves out under 2^-57 = 2^-4 u of the result. Horner's last steps are `1 + (r + (r·r·q))`: q errs relatively by
/// 4 u at the most, of what contributes under 0.1 of the result; the two additions round by u·(0.42 + 1). In all under 3 u;
/// the bound is twice that.
pub(crate) const EXP_ERROR: f64 = 6.0 / (1_u64 << 53) as f64;

/// e^x for any number, vectorisable: no branch, no table.
#[inline(always)]
pub(crate) fn exp(x: f64) -> f64 {
    const LOG2_E: f64 = std::f64::consts::LOG2_E;
    const LN2_HIGH: f64 = 0.693_147_180_369_123_8;
    const LN2_LOW: f64 = 1.908_214_929_270_587_7e-10;
    // Adding 1.5·2^52 rounds to an integer, and leaves it in the low bits.
    const SHIFT: f64 = 6_755_399_441_055_744.0;
    let x = x.clamp(-LIMIT, LIMIT);
    let shifted = x * LOG2_E + SHIFT;
    let k = shifted - SHIFT;
    let r = (x - k * LN2_HIGH) - k * LN2_LOW;
    let mut q = SERIES[0];
    for c in &SERIES[1..] {
        q = q * r + c;
    }
    let e = 1.0 + (r + r * r * q);
    let power = f64::from_bits(shifted.to_bits().wrapping_add(1023) << 52);
    e * power
}

/// Arguments beyond are clamped: their exponentials are beyond what any loss here can use.
pub(crate) const LIMIT: f64 = 700.0;

/// 1/13!, 1/12!, … 1/2!
const SERIES: [f64; 12] = [
    1.0 / 6_227_020_800.0,
    1.0 / 479_001_600.0,
    1.0 / 39_916_800.0,
    1.0 / 3_628_800.0,
    1.0 / 362_880.0,
    1.0 / 40_320.0,
    1.0 / 5_040.0,
    1.0 / 720.0,
    1.0 / 120.0,
    1.0 / 24.0,
    1.0 / 6.0,
    0.5,
];

#[cfg(test)]
mod tests {
    use untrain_core::{mix, unit};

    use super::*;
    use crate::convex::double::Double;

    #[test]
    fn the_bound_holds_against_double_double() {
        let mut worst = 0.0_f64;
        for i in 0..400_000_u64 {
            let wide = [1.0, 40.0, 700.0][i as usize % 3];
            let x = (2.0 * unit(mix(17, i)) - 1.0) * wide;
            let truth = Double::from(x).exp();
            let error = ((Double::from(exp(x)) - truth) / truth).hi.abs();
            worst = worst.max(error);
        }
        assert!(worst < EXP_ERROR, "{worst:e}");
        assert_eq!(exp(0.0), 1.0);
        assert!(exp(-1e9) < 1e-300 && exp(1e9).is_finite());
    }
}
