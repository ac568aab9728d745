//! The few special functions that audits need, from the `libm` crate up, so that a report has the same digits on every machine.
//!
//! The statistics crates of the ecosystem call the platform's transcendental functions, whose last digits differ; error function and
//! log-gamma are in `libm`, so only the incomplete beta function and two inverses are left to write.

use std::f64::consts::SQRT_2;

/// The distribution function of the standard normal distribution.
pub fn normal_cdf(x: f64) -> f64 {
    0.5 * libm::erfc(-x / SQRT_2)
}

/// The logarithm of the density of N(`mean`, `sd`²) at `x`.
pub fn normal_log_density(x: f64, mean: f64, sd: f64) -> f64 {
    const HALF_LN_TWO_PI: f64 = 0.918_938_533_204_672_8;
    let z = (x - mean) / sd;
    -0.5 * z * z - libm::log(sd) - HALF_LN_TWO_PI
}

/// The quantile of the standard normal distribution; infinite at 0 and 1, NaN outside.
pub fn normal_quantile(p: f64) -> f64 {
    if !(0.0..=1.0).contains(&p) {
        return f64::NAN;
    }
    if p == 0.0 || p == 1.0 {
        return if p == 0.0 { f64::NEG_INFINITY } else { f64::INFINITY };
    }
    // In the lower half the distribution function keeps its relative precision; the upper half is its mirror image.
    if p > 0.5 { -bisect(-39.0, 0.0, |x| normal_cdf(x) < 1.0 - p) } else { bisect(-39.0, 0.0, |x| normal_cdf(x) < p) }
}

/// The regularised incomplete beta function I_x(a, b), by its continued fraction (modified Lentz).
pub fn beta_cdf(x: f64, a: f64, b: f64) -> f64 {
    if x <= 0.0 {
        return 0.0;
    }
    if x >= 1.0 {
        return 1.0;
    }
    // The fraction converges fast below the mean; above it, its mirror image does.
    if x > (a + 1.0) / (a + b + 2.0) { 1.0 - lower_beta(1.0 - x, b, a) } else { lower_beta(x, a, b) }
}

/// The quantile of the Beta(a, b) distribution.
pub fn beta_quantile(p: f64, a: f64, b: f64) -> f64 {
    bisect(0.0, 1.0, |x| beta_cdf(x, a, b) < p)
}

/// P[Bin(n, q) ≥ v].
pub fn binomial_at_least(v: u64, n: u64, q: f64) -> f64 {
    if v == 0 {
        1.0
    } else if v > n {
        0.0
    } else {
        beta_cdf(q, v as f64, (n - v) as f64 + 1.0)
    }
}

/// P[Bin(n, q) = k].
pub fn binomial_mass(k: u64, n: u64, q: f64) -> f64 {
    if k > n {
        return 0.0;
    }
    if q <= 0.0 || q >= 1.0 {
        return f64::from((q <= 0.0 && k == 0) || (q >= 1.0 && k == n));
    }
    let (k, n) = (k as f64, n as f64);
    let choose = libm::lgamma(n + 1.0) - libm::lgamma(k + 1.0) - libm::lgamma(n - k + 1.0);
    libm::exp(choose + k * libm::log(q) + (n - k) * libm::log1p(-q))
}

/// The point of [`low`, `high`] where `below` turns false, to the last bit.
fn bisect(mut low: f64, mut high: f64, below: impl Fn(f64) -> bool) -> f64 {
    // Towards zero, floats are dense: more halvings than 53 are needed, and it ends when no float lies between.
    for _ in 0..1100 {
        let middle = low + (high - low) / 2.0;
        if middle == low || middle == high {
            break;
        }
        if below(middle) {
            low = middle;
        } else {
            high = middle;
        }
    }
    high
}

/// I_x(a, b) where x is not much above a / (a + b).
fn lower_beta(x: f64, a: f64, b: f64) -> f64 {
    const TINY: f64 = 1e-300;
    let away = |value: f64| if value.abs() < TINY { TINY } else { value };
    let front = libm::lgamma(a + b) - libm::lgamma(a) - libm::lgamma(b) + a * libm::log(x) + b * libm::log1p(-x);
    let mut c = 1.0;
    let mut d = 1.0 / away(1.0 - (a + b) * x / (a + 1.0));
    let mut fraction = d;
    for m in 1..10_000 {
        let m = f64::from(m);
        for coefficient in
            [m * (b - m) * x / ((a + 2.0 * m - 1.0) * (a + 2.0 * m)), -(a + m) * (a + b + m) * x / ((a + 2.0 * m) * (a + 2.0 * m + 1.0))]
        {
            d = 1.0 / away(1.0 + coefficient * d);
            c = away(1.0 + coefficient / c);
            fraction *= c * d;
        }
        if (c * d - 1.0).abs() < 1e-16 {
            break;
        }
    }
    (libm::exp(front) * fraction / a).min(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(found: f64, expected: f64) {
        assert!((found - expected).abs() <= 1e-11 * expected.abs().max(1e-30), "{found} is not {expected}");
    }

    // The expected values are scipy 1.17's: stats.norm.ppf, stats.beta.ppf, stats.binom.sf and pmf.
    #[test]
    fn special_functions_agree_with_scipy() {
        close(normal_quantile(0.05), -1.644_853_626_951_472_9);
        close(normal_quantile(0.975), 1.959_963_984_540_054);
        close(normal_quantile(1e-12), -7.034_483_825_301_132);
        close(binomial_at_least(4, 10, 0.1), 0.012_795_198_4);
        close(1.0 - binomial_at_least(4, 10, 0.6), 0.054_761_881_6);
        close(beta_quantile(0.975, 1.0, 32.0), 1.0 - libm::pow(0.025, 1.0 / 32.0));
        close(binomial_mass(3, 10, 0.5), 120.0 / 1024.0);
    }

    #[test]
    fn the_ends_of_distributions_are_defined() {
        assert_eq!(normal_quantile(0.0), f64::NEG_INFINITY);
        assert!(normal_quantile(1.5).is_nan());
        assert_eq!(binomial_at_least(0, 0, 0.3), 1.0);
        assert_eq!(binomial_at_least(3, 2, 0.3), 0.0);
        assert_eq!(binomial_mass(2, 2, 1.0), 1.0);
    }
}
