//! The matrix `A = XᵀX + αI`, as the users' sparse vectors of integers; products with it are exact.

use super::super::interactions::{Interactions, Vector};
use super::super::params::ALPHA_UNIT;

/// The binary digits after the point of `alpha`.
const ALPHA_DIGITS: i32 = 10;

/// `A`, never written out but to be inverted. X stands for integers times `2^-shift`.
pub(super) struct Gram<'a> {
    rows: Vec<&'a Vector>,
    n: usize,
    shift: i32,
    alpha_units: i64,
}

/// A vector `x` that joins or leaves: `A` becomes `A + sign · x xᵀ`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Step<'a> {
    pub(super) sign: i32,
    pub(super) x: &'a Vector,
}

impl<'a> Gram<'a> {
    pub(super) fn of(interactions: &'a Interactions, alpha_units: i64) -> Self {
        Self { rows: interactions.vectors().collect(), n: interactions.items.n_codes(), shift: interactions.shift(), alpha_units }
    }

    /// How many codes of items there are.
    pub(super) fn n(&self) -> usize {
        self.n
    }

    /// The binary digits after the point of values.
    pub(super) fn shift(&self) -> i32 {
        self.shift
    }

    /// The smallest that an eigenvalue of `A` can be.
    pub(super) fn alpha(&self) -> f64 {
        self.alpha_units as f64 / ALPHA_UNIT
    }

    /// The binary digits after the point with which all entries of `A` are integers.
    pub(super) fn digits(&self) -> i32 {
        ALPHA_DIGITS.max(2 * self.shift)
    }

    /// `2^digits · A · p`, for several `p` at once.
    pub(super) fn times<const K: usize>(&self, p: &[[i128; K]]) -> Vec<[i128; K]> {
        let mut out = vec![[0; K]; self.n];
        for x in &self.rows {
            let mut sum = [0; K];
            x.iter().for_each(|(code, value)| add(&mut sum, &p[*code as usize], *value));
            x.iter().for_each(|(code, value)| add(&mut out[*code as usize], &sum, *value));
        }
        let (square, unit) = (self.digits() - 2 * self.shift, self.digits() - ALPHA_DIGITS);
        for (out, p) in out.iter_mut().zip(p) {
            for (out, p) in out.iter_mut().zip(p) {
                *out = (*out << square) + ((p * i128::from(self.alpha_units)) << unit);
            }
        }
        out
    }

    /// What [`Gram::times`] would add for `x xᵀ` in `A`.
    pub(super) fn add_step(&self, step: Step<'_>, p: &[[i128; 1]], out: &mut [[i128; 1]]) {
        let square = self.digits() - 2 * self.shift;
        let product: i128 = step.x.iter().map(|(code, value)| p[*code as usize][0] * i128::from(*value)).sum();
        for (code, value) in step.x {
            out[*code as usize][0] += (product * i128::from(step.sign * value)) << square;
        }
    }

    /// The sum of squares of a step's vector.
    pub(super) fn square(&self, step: Step<'_>) -> f64 {
        let sum: i64 = step.x.iter().map(|(_, value)| i64::from(*value).pow(2)).sum();
        libm::scalbn(sum as f64, -2 * self.shift)
    }

    /// A bound on the largest eigenvalue: for any positive w the largest `(|X|ᵀ|X| w)_i / w_i` is one (Collatz–Wielandt), and
    /// steps of the power method make it a close one.
    pub(super) fn norm_bound(&self) -> f64 {
        const STEPS: usize = 8;
        let mut w = vec![1.0_f64; self.n];
        let mut bound = 0.0;
        for _ in 0..STEPS {
            let mut out = vec![0.0_f64; self.n];
            for x in &self.rows {
                let sum: f64 = x.iter().map(|(code, value)| f64::from(value.abs()) * w[*code as usize]).sum();
                x.iter().for_each(|(code, value)| out[*code as usize] += f64::from(value.abs()) * sum);
            }
            bound = out.iter().zip(&w).map(|(out, w)| out / w).fold(0.0, f64::max);
            let largest = out.iter().copied().fold(f64::MIN_POSITIVE, f64::max);
            w = out.iter().map(|out| out / largest + 1e-6).collect();
        }
        // Sums of positive numbers are off by far less than the millionth.
        libm::scalbn(bound, -2 * self.shift) * (1.0 + 1e-6) + self.alpha()
    }

    /// `A` in floating point, row by row.
    pub(super) fn dense(&self) -> Vec<f64> {
        let mut out = vec![0.0; self.n * self.n];
        for x in &self.rows {
            for (code, value) in *x {
                let row = &mut out[*code as usize * self.n..][..self.n];
                x.iter().for_each(|(other, y)| row[*other as usize] += f64::from(*value) * f64::from(*y));
            }
        }
        let unit = libm::scalbn(1.0, -2 * self.shift);
        out.iter_mut().for_each(|product| *product *= unit);
        (0..self.n).for_each(|i| out[i * self.n + i] += self.alpha());
        out
    }
}

fn add<const K: usize>(sum: &mut [i128; K], p: &[i128; K], value: i32) {
    if value == 1 {
        sum.iter_mut().zip(p).for_each(|(sum, p)| *sum += p);
    } else {
        sum.iter_mut().zip(p).for_each(|(sum, p)| *sum += p * i128::from(value));
    }
}

/// A bound on the length of a vector of integers.
pub(super) fn length(vector: impl Iterator<Item = i128>) -> f64 {
    vector.map(|x| (x as f64) * (x as f64)).sum::<f64>().sqrt() * (1.0 + 1e-9)
}
