//! A pass over the rows that is nearly exact, at a few times the cost of one in `f64`.
//!
//! Rows are multiples of a power of two, 2^-grain: columns of counts are integers, and dense ones are integers times a power of two. So
//! coefficients are cut into digits of so few bits that all products and sums of a row times a digit are integers under 2^53
//! in units of 2^-grain. In `f64` these are exact in any order, with fused operations or without. Only putting the digits together
//! rounds, in double-double arithmetic. The same goes for residuals, summed over all rows.

use untrain_core::exponent;

use super::products::{BLOCK, Problem, Shape};
use crate::convex::double::{DOUBLE_UNIT, Double};
use crate::convex::loss::{Arithmetic, Magnitudes, UNIT};
use crate::convex::pass::Pass;
use crate::convex::rows::SLACK;

/// How many bits all digits have together at the least.
pub(super) const BITS: u32 = 100;
/// The fewest bits of a digit that are worth it; with as few, there may be 2^26 rows.
const FEWEST: u32 = 4;

/// Numbers below 2^`top` as `n` digits of `bits` bits: `Σ_l digit_l · 2^(top − bits·(l + 1))`.
#[derive(Debug, Clone, Copy)]
struct Digits {
    bits: u32,
    n: usize,
    top: i32,
}

impl Digits {
    /// Digits of `all` bits together for numbers of at most `largest`, of which sums with weights that are multiples of 2^-grain and whose magnitudes add
    /// up to at most `sum` are exact: `2^bits · sum · 2^grain ≤ 2^53`.
    fn new(all: u32, grain: u32, sum: f64, largest: f64) -> Option<Self> {
        let bits = 53 - i64::from(grain) - (i64::from(exponent(sum.max(1.0))) + 1);
        let top = exponent(largest) + 1;
        if bits < i64::from(FEWEST) || top > 900 {
            return None;
        }
        let bits = (bits as u32).min(40);
        Some(Self { bits, n: all.div_ceil(bits) as usize, top: top.max(-300) })
    }

    /// The value of a one in digit `l`.
    fn unit(self, l: usize) -> f64 {
        libm::scalbn(1.0, self.top - self.bits as i32 * (l as i32 + 1))
    }

    /// How far `x` may be from its digits: half of the last one, and the roundings of the differences.
    fn error(self) -> f64 {
        self.unit(self.n - 1) + 4.0 * DOUBLE_UNIT * libm::scalbn(1.0, self.top)
    }

    /// Cuts a number. No digit is over 2^bits in magnitude: the first because the number is not over 2^top, the others because what is
    /// left is at most half of the digit before.
    fn cut(x: Double, units: &[f64], out: &mut [f64]) {
        let mut rest = x;
        for (out, unit) in out.iter_mut().zip(units) {
            *out = (rest.hi / unit).round_ties_even();
            rest = rest - Double::from(*out * unit);
        }
    }

    fn units(self) -> Vec<f64> {
        (0..self.n).map(|l| self.unit(l)).collect()
    }
}

/// The digits put together, from the last to the first.
fn joined(digits: &[f64], units: &[f64]) -> Double {
    digits.iter().zip(units).rev().fold(Double::default(), |sum, (digit, unit)| sum + Double::from(digit * unit))
}

/// A pass at `v`, which stands output by output, as do gradient and errors of the answer, with digits of so many bits together; nothing if the rows are too large for it.
pub(super) fn pass_digits(problem: &Problem<'_>, v: &[Double], bits: u32) -> Option<Pass> {
    let Problem { loss, shape: Shape { k, d, .. }, rows, packed, .. } = *problem;
    let grain = rows.powers.iter().map(|power| -exponent(f64::from(*power))).max().unwrap_or(0).max(0) as u32;
    let one = rows.radius * ((rows.n_dense + rows.most_sparse + 1) as f64).sqrt() * SLACK;
    let coefficients = v.chunks_exact(d).flat_map(|v| &v[..d - 1]).fold(0.0_f64, |most, v| most.max(v.hi.abs()));
    let of_v = Digits::new(bits, grain, one, coefficients)?;
    let (margins, r, found, exact) = residuals(problem, v, of_v, one);
    let column = packed.sums.iter().copied().fold(1.0, f64::max);
    let largest = r.iter().fold(0.0_f64, |most, r| most.max(r.hi.abs()));
    let of_r = Digits::new(bits, grain, column, largest)?;
    let gradient = gradient(problem, &r, of_r);
    let high = libm::scalbn(1.0, of_r.top);
    let each = loss.residual_error(Arithmetic::Double, exact, found) + of_r.error() + (of_r.n + 4) as f64 * DOUBLE_UNIT * high;
    let errors = packed.sums.iter().map(|sum| sum * each * SLACK + f64::MIN_POSITIVE);
    let errors = (0..k).flat_map(|_| errors.clone()).collect();
    // Of the margins only the high parts are kept.
    let largest = margins.iter().fold(0.0_f64, |a, b| a.max(b.abs()));
    Some(Pass { gradient, errors, margins, margin_error: exact + 2.0 * UNIT * largest })
}

/// The margins, the residuals, their magnitudes, and how far a margin may be from the true one before its low part is left off.
fn residuals(problem: &Problem<'_>, v: &[Double], digits: Digits, one: f64) -> (Vec<f64>, Vec<Double>, Magnitudes, f64) {
    let Problem { loss, shape: Shape { k, d, n_dense }, rows, packed, .. } = *problem;
    let n = rows.y.len();
    let (many, units) = (Shape { k: k * digits.n, d, n_dense }, digits.units());
    let (mut cut, mut own) = (vec![0.0; many.len()], vec![0.0; digits.n]);
    for (c, v) in v.chunks_exact(d).enumerate() {
        for (j, v) in v[..d - 1].iter().enumerate() {
            Digits::cut(*v, &units, &mut own);
            own.iter().enumerate().for_each(|(l, digit)| cut[many.place(c * digits.n + l, j)] = *digit);
        }
    }
    let intercepts: Vec<Double> = v.chunks_exact(d).map(|v| v[d - 1]).collect();
    let (mut margins, mut r) = (vec![0.0; n * k], vec![Double::default(); n * k]);
    let (mut sums, mut m, mut found) = (vec![0.0; BLOCK * many.k], vec![Double::default(); k], Magnitudes::default());
    for start in (0..n).step_by(BLOCK) {
        let end = (start + BLOCK).min(n);
        let sums = &mut sums[..(end - start) * many.k];
        many.forward(rows, packed, start..end, &cut, sums);
        for (i, sums) in (start..end).zip(sums.chunks_exact(many.k)) {
            for (c, (m, sums)) in m.iter_mut().zip(sums.chunks_exact(digits.n)).enumerate() {
                *m = joined(sums, &units) + intercepts[c];
                margins[i * k + c] = m.hi;
            }
            let Magnitudes { residual, inner } = loss.residual_double(&m, rows.y[i], &mut r[i * k..(i + 1) * k]);
            found = Magnitudes { residual: found.residual.max(residual), inner: found.inner.max(inner) };
        }
    }
    let (high, intercept) = (libm::scalbn(1.0, digits.top), intercepts.iter().fold(0.0_f64, |most, v| most.max(v.hi.abs())));
    let exact = one * digits.error() + (digits.n + 4) as f64 * DOUBLE_UNIT * (one * high + intercept);
    (margins, r, found, exact * SLACK)
}

/// The transposed rows times the residuals, output by output.
fn gradient(problem: &Problem<'_>, r: &[Double], digits: Digits) -> Vec<Double> {
    let Problem { shape: Shape { k, d, n_dense }, rows, packed, .. } = *problem;
    let n = rows.y.len();
    let (many, units) = (Shape { k: k * digits.n, d, n_dense }, digits.units());
    let (mut sums, mut cut) = (vec![0.0; many.len()], vec![0.0; BLOCK * many.k]);
    for start in (0..n).step_by(BLOCK) {
        let end = (start + BLOCK).min(n);
        let cut = &mut cut[..(end - start) * many.k];
        r[start * k..end * k].iter().zip(cut.chunks_exact_mut(digits.n)).for_each(|(r, cut)| Digits::cut(*r, &units, cut));
        many.back(rows, packed, start..end, cut, &mut sums);
    }
    let mut own = vec![0.0; digits.n];
    let mut gradient = Vec::with_capacity(k * d);
    for c in 0..k {
        for j in 0..d {
            own.iter_mut().enumerate().for_each(|(l, own)| *own = sums[many.place(c * digits.n + l, j)]);
            gradient.push(joined(&own, &units));
        }
    }
    gradient
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use untrain_core::{Task, conformance, mix, unit};

    use super::*;
    use crate::convex::loss::Loss;
    use crate::convex::pass::pass_double;
    use crate::convex::rows::Rows;
    use crate::convex::wide::packed::Packed;
    use crate::encode::{Design, Preprocessing, Wanted};

    #[test]
    fn digits_put_together_are_the_number() {
        for i in 0..2000_u64 {
            let bits = 4 + (i % 37) as u32;
            let digits = Digits { bits, n: BITS.div_ceil(bits) as usize, top: 3 };
            let x = Double::from(16.0 * unit(mix(3, i)) - 8.0) + Double::from(1e-17 * unit(mix(4, i)));
            let mut cut = vec![0.0; digits.n];
            Digits::cut(x, &digits.units(), &mut cut);
            let most = (1_u64 << digits.bits) as f64;
            assert!(cut.iter().all(|digit| digit.abs() <= most && digit.fract() == 0.0));
            assert!((joined(&cut, &digits.units()) - x).hi.abs() <= digits.error());
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 100, max_global_rejects: 1 << 20, ..ProptestConfig::default() })]

        /// Both passes are within their own bounds of the truth, and so within the sum of both from each other.
        #[test]
        fn a_pass_by_digits_is_one_in_double_double(case in conformance::cases(200), seed: u64, standardize: bool, bits in 30..101_u32) {
            let how = Preprocessing { standardize, ..Preprocessing::default() };
            let Ok(design) = Design::new(&how, Wanted::from(case.task), &case.universe) else { return Ok(()) };
            let rows = Rows::new(&design);
            let loss = match design.targets() {
                crate::encode::Targets::Classes { names, .. } if names.len() > 2 => Loss::Softmax(names.len()),
                crate::encode::Targets::Classes { .. } => Loss::Logistic,
                _ => Loss::Huber { delta: 3.0 },
            };
            prop_assume!(case.task == Task::Classification || !rows.y.is_empty());
            let Ok(penalty) = rows.penalty(&design, 1.0) else { return Ok(()) };
            let (packed, _) = Packed::new(&rows, &design, &mut Vec::new());
            let (penalty, shape) = (packed.penalty(&penalty), Shape { k: loss.n_outputs(), d: packed.d(), n_dense: rows.n_dense });
            let draw = |j| Double::from(unit(mix(seed, j)) - 0.5) / Double::from(3.0 + j as f64 / 7.0);
            let all: Vec<Double> = (0..(shape.k * rows.d) as u64).map(draw).collect();
            let problem = Problem { loss, shape, rows: &rows, packed: &packed, penalty: &penalty };
            let Some(found) = pass_digits(&problem, &packed.pack(&all), bits) else { return Err(TestCaseError::fail("it is refused")) };
            let expected = pass_double(loss, &rows, &design, &all, &rows.y);
            let pairs = found.gradient.iter().zip(packed.pack(&expected.gradient)).zip(&found.errors).zip(packed.pack(&expected.errors));
            for (((found, expected), error), other) in pairs {
                prop_assert!((*found - expected).hi.abs() <= error + other, "{:?} {:?} {:e} {:e}", found, expected, error, other);
                prop_assert!(bits < BITS || *error <= 1e-15, "{:e}", error);
            }
        }
    }
}
