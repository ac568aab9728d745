//! Rows as the solver has them: exact in `f32`, whatever the scales are; and how raw coefficients become weights.
//!
//! A dense column holds z = (q − anchor)·2^-e, exact in `f32`, and 0 where the number is missing. Anchor and e are chosen when rows are
//! made, for good conditioning; they cancel out of the result. On the scales as they stand, the feature is x = (z + τ)/σ, or a
//! constant where it is missing, so the margin w·x + b is v·z + v_0 with
//!
//! ```text
//! v_j = w_j/σ_j    v_indicator = w_indicator + κ_j·v_j    v_0 = b + Σ τ_j·v_j
//! ```
//!
//! A change of the scales thus changes nothing of the rows, but only the penalty and the reading of v: O(d).

use untrain_core::{Result, exponent};

use super::double::{Double, OUTER};
use crate::encode::{Design, Row, has};
use crate::encoded::unfit;

/// The rows, in the order of the design.
#[derive(Debug, Clone)]
pub(crate) struct Rows {
    /// How many dense columns there are.
    pub(super) n_dense: usize,
    /// How many columns there are, with the intercept, which is the last.
    pub(super) d: usize,
    /// Shape `(n, n_dense)`.
    z: Vec<f32>,
    /// The targets.
    pub(super) y: Vec<f64>,
    anchors: Vec<f32>,
    pub(super) powers: Vec<f32>,
    /// The steps of the scales when the rows were made.
    steps: Vec<f64>,
    /// Of each dense column, the sparse one that tells that it is missing.
    indicators: Vec<Option<u32>>,
    /// The sum of the magnitudes of each column, or more.
    pub(super) sums: Vec<f64>,
    /// The largest magnitude of each column, or more.
    pub(super) maxima: Vec<f64>,
    /// The largest Euclidean norm of a row, or more.
    pub(super) radius: f64,
    /// The most sparse entries of a row, or more.
    pub(super) most_sparse: usize,
}

/// The penalty on the scales as they stand.
#[derive(Debug, Clone)]
pub(crate) struct Penalty {
    pub(super) alpha: f64,
    pub(super) sigma: Vec<f64>,
    pub(super) tau: Vec<f64>,
    pub(super) kappa: Vec<f64>,
    pub(super) indicators: Vec<Option<u32>>,
    d: usize,
}

/// Sums of this many numbers err by under 2^-20 relatively; what is to be a bound is made larger by it.
pub(super) const SLACK: f64 = 1.0 + 1.0 / (1_u64 << 20) as f64;

impl Rows {
    pub(crate) fn new(design: &Design) -> Self {
        let layout = design.layout();
        let (n_dense, d) = (layout.n_dense, layout.n_columns + 1);
        let anchors: Vec<f32> = design.scales().iter().map(|scale| scale.mean.round() as f32).collect();
        let mut rows = Self {
            n_dense,
            d,
            z: Vec::with_capacity(n_dense * design.len()),
            y: Vec::with_capacity(design.len()),
            powers: vec![1.0; n_dense],
            steps: design.scales().iter().map(|scale| scale.step).collect(),
            anchors,
            indicators: layout.indicators(),
            sums: vec![0.0; d],
            maxima: vec![0.0; d],
            radius: 0.0,
            most_sparse: 0,
        };
        rows.powers = rows.chosen_powers(design);
        rows.join(design, 0..design.len());
        rows
    }

    /// Whether the scales are so far from where they were when the rows were made that the problem may have become ill-conditioned:
    /// a column has become constant, or has ceased to be.
    pub(crate) fn is_askew(&self, design: &Design) -> bool {
        let parts = self.anchors.iter().zip(&self.powers).zip(&self.steps);
        design.scales().iter().zip(parts).any(|(scale, ((anchor, power), step))| {
            let ratio = scale.step / step;
            !(0.125..=8.0).contains(&ratio) || (scale.mean - f64::from(*anchor)).abs() * f64::from(*power) > 8.0
        })
    }

    /// Powers of two that bring the columns' deviations to between 1 and 2.
    fn chosen_powers(&self, design: &Design) -> Vec<f32> {
        let mut squares = vec![0.0_f64; self.n_dense];
        for row in design.rows() {
            for ((square, q), anchor) in squares.iter_mut().zip(row.dense).zip(&self.anchors) {
                *square += f64::from(q - anchor) * f64::from(q - anchor);
            }
        }
        let n = design.len().max(1) as f64;
        let power = |square: f64| 2.0_f32.powi(-exponent((square / n).sqrt()).clamp(0, 21));
        squares.into_iter().map(power).collect()
    }

    pub(super) fn dense(&self, row: usize) -> &[f32] {
        &self.z[row * self.n_dense..(row + 1) * self.n_dense]
    }

    /// The dense part of some rows.
    pub(super) fn block(&self, rows: std::ops::Range<usize>) -> &[f32] {
        &self.z[rows.start * self.n_dense..rows.end * self.n_dense]
    }

    /// Follows rows of the design that leave: from the last to the first, the last row takes the place.
    pub(crate) fn leave(&mut self, descending: &[u32]) {
        let d = self.n_dense;
        for row in descending {
            let last = self.z.len() - d;
            self.z.copy_within(last.., *row as usize * d);
            self.z.truncate(last);
            self.y.swap_remove(*row as usize);
        }
    }

    /// Takes rows of the design.
    pub(crate) fn join(&mut self, design: &Design, rows: std::ops::Range<usize>) {
        for i in rows {
            let row = design.row(i);
            self.push_dense(&row);
            self.y.push(row.y);
            let mut square = 1.0;
            let z = &self.z[i * self.n_dense..];
            for ((sum, most), z) in self.sums.iter_mut().zip(&mut self.maxima).zip(z) {
                *sum += f64::from(z.abs());
                *most = most.max(f64::from(z.abs()));
                square += f64::from(*z) * f64::from(*z);
            }
            for (column, x) in row.sparse {
                self.sums[*column as usize] += f64::from(x.abs());
                self.maxima[*column as usize] = self.maxima[*column as usize].max(f64::from(x.abs()));
                square += f64::from(*x) * f64::from(*x);
            }
            self.sums[self.d - 1] += 1.0;
            self.maxima[self.d - 1] = 1.0;
            self.radius = self.radius.max(square.sqrt() * SLACK);
            self.most_sparse = self.most_sparse.max(row.sparse.len());
        }
    }

    fn push_dense(&mut self, row: &Row<'_>) {
        for (j, q) in row.dense.iter().enumerate() {
            let missing = self.indicators[j].is_some_and(|indicator| has(row.sparse, indicator));
            self.z.push(if missing { 0.0 } else { (q - self.anchors[j]) * self.powers[j] });
        }
    }

    /// One row in full.
    pub(super) fn scatter(&self, design: &Design, row: usize, out: &mut [f64]) {
        out.fill(0.0);
        out.iter_mut().zip(self.dense(row)).for_each(|(out, z)| *out = f64::from(*z));
        design.row(row).sparse.iter().for_each(|(column, x)| out[*column as usize] = f64::from(*x));
        out[self.d - 1] = 1.0;
    }

    /// The margin of one row in `f64`.
    pub(super) fn margin(&self, design: &Design, row: usize, v: &[f64]) -> f64 {
        let dense = super::kernel::dot_f32(self.dense(row), &v[..self.n_dense]);
        design.row(row).sparse.iter().map(|(column, x)| f64::from(*x) * v[*column as usize]).sum::<f64>() + dense + v[self.d - 1]
    }

    /// How far a computed margin may be from the true one: γ·‖x‖·‖v‖ [@higham2002, section 3.1], with Cauchy and Schwarz, with
    /// as many roundings as the longest chain of additions has.
    pub(super) fn margin_error(&self, unit: f64, largest_norm: f64, lanes: usize) -> f64 {
        let roundings = (self.n_dense / lanes + lanes + self.most_sparse + 12) as f64;
        let gamma = roundings * unit * SLACK;
        gamma * self.radius * largest_norm
    }

    /// The penalty, on the scales of `design`.
    ///
    /// # Errors
    ///
    /// Scales so far from 1 that the arithmetic would end.
    pub(crate) fn penalty(&self, design: &Design, alpha: f64) -> Result<Penalty> {
        let (mut sigma, mut tau, mut kappa) = (Vec::new(), Vec::new(), Vec::new());
        for (j, scale) in design.scales().iter().enumerate() {
            let power = f64::from(self.powers[j]);
            let (sigma_j, anchor) = (scale.step * power, f64::from(self.anchors[j]));
            if !(LEAST..=1.0 / LEAST).contains(&sigma_j) {
                let reason =
                    format!("the numbers of \"{}\" are too large or too small to be weighed as they are", design.layout().column_name(j));
                return Err(unfit(reason, "set standardize = true"));
            }
            sigma.push(sigma_j);
            tau.push((anchor - scale.centre) * power);
            kappa.push((scale.mean - anchor) * power);
        }
        Ok(Penalty { alpha, sigma, tau, kappa, indicators: self.indicators.clone(), d: self.d })
    }
}

/// The smallest step of a feature, against its deviation.
const LEAST: f64 = 1.0 / (1_u64 << 40) as f64;

impl Penalty {
    /// The same penalty on `d` columns, of which `place` tells where an indicator is. One that no row has is of no account.
    pub(super) fn on(&self, d: usize, place: impl Fn(u32) -> Option<u32>) -> Self {
        let indicators = self.indicators.iter().map(|indicator| indicator.and_then(&place)).collect();
        Self { indicators, d, ..self.clone() }
    }

    /// Adds the Hessian of the penalty to one output's block, which starts at `first` of a matrix with `p` columns.
    pub(super) fn add_to(&self, matrix: &mut [f64], p: usize, first: usize) {
        for (row, column, value) in self.entries() {
            matrix[(first + row) * p + first + column] += value;
            if row != column {
                matrix[(first + column) * p + first + row] += value;
            }
        }
    }

    /// The entries on the diagonal and over it, exact to two roundings.
    fn entries(&self) -> Vec<(usize, usize, f64)> {
        let mut entries = Vec::with_capacity(self.d);
        for (j, sigma) in self.sigma.iter().enumerate() {
            let mut own = sigma * sigma;
            if let Some(indicator) = self.indicators[j] {
                own += self.kappa[j] * self.kappa[j];
                entries.push((j, indicator as usize, -self.alpha * self.kappa[j]));
            }
            entries.push((j, j, self.alpha * own));
        }
        entries.extend((self.sigma.len()..self.d - 1).map(|j| (j, j, self.alpha)));
        entries
    }

    /// Adds the gradient of the penalty at one output's `v`, and bounds of the roundings to `errors`.
    pub(super) fn gradient(&self, v: &[Double], gradient: &mut [Double], errors: &mut [f64], unit: f64) {
        let mut add = |row: usize, value: Double| {
            gradient[row] = gradient[row] + value;
            errors[row] += 8.0 * unit * (value.hi.abs() + gradient[row].hi.abs());
        };
        for (j, sigma) in self.sigma.iter().enumerate() {
            add(j, v[j] * *sigma * *sigma * self.alpha);
            if let Some(indicator) = self.indicators[j] {
                // (v_i − κ·v_j)²/2 by v_j; by v_i the part that is not the plain penalty of v_i.
                let indicator = indicator as usize;
                add(j, (v[indicator] - v[j] * self.kappa[j]) * -self.kappa[j] * self.alpha);
                add(indicator, v[j] * -self.kappa[j] * self.alpha);
            }
        }
        for (j, v) in v.iter().enumerate().take(self.d - 1).skip(self.sigma.len()) {
            add(j, *v * self.alpha);
        }
        // Cancellation inside a term: each is at most alpha·(|v_i| + |κ·v_j|)·max(1, |κ|).
        for (j, indicator) in self.indicators.iter().enumerate() {
            if let Some(indicator) = indicator {
                let size = self.alpha * (v[*indicator as usize].hi.abs() + (self.kappa[j] * v[j].hi).abs()) * (1.0 + self.kappa[j].abs());
                errors[j] += 8.0 * unit * size;
                errors[*indicator as usize] += 8.0 * unit * size;
            }
        }
    }

    /// How far another penalty's Hessian is from this one's, relative to a matrix K with an inverse whose diagonal has the square
    /// roots `roots`: |v_j| ≤ roots_j·‖v‖_K.
    pub(super) fn distance(&self, other: &Self, roots: &[f64]) -> f64 {
        let pairs = self.entries().into_iter().zip(other.entries());
        let off = |row, column| if row == column { 1.0 } else { 2.0 };
        pairs
            .map(|((row, column, a), (_, _, b))| {
                off(row, column) * ((a - b).abs() + 8.0 * f64::EPSILON * (a.abs() + b.abs())) * roots[row] * roots[column]
            })
            .sum::<f64>()
            * SLACK
    }

    /// One output's weights and intercept, and how far they are off if `v` is off by `errors`.
    pub(super) fn weights(&self, v: &[Double], errors: &[f64]) -> (Vec<Double>, Vec<f64>) {
        let (mut w, mut off) = (v.to_vec(), errors.to_vec());
        let last = self.d - 1;
        for (j, sigma) in self.sigma.iter().enumerate() {
            w[j] = v[j] * *sigma;
            off[j] = errors[j] * sigma;
            if let Some(indicator) = self.indicators[j] {
                let indicator = indicator as usize;
                w[indicator] = w[indicator] - v[j] * self.kappa[j];
                off[indicator] += errors[j] * self.kappa[j].abs() + (v[j].hi * self.kappa[j]).abs() * OUTER;
            }
            w[last] = w[last] - v[j] * self.tau[j];
            off[last] += errors[j] * self.tau[j].abs() + ((v[j].hi * self.tau[j]).abs() + w[last].hi.abs()) * OUTER;
        }
        off.iter_mut().zip(&w).for_each(|(off, w)| *off = (*off + w.hi.abs() * OUTER) * SLACK);
        (w, off)
    }

    /// Of each dense column σ, τ and κ.
    pub(super) fn scales(&self) -> impl Iterator<Item = [f64; 3]> {
        self.sigma.iter().zip(&self.tau).zip(&self.kappa).map(|((sigma, tau), kappa)| [*sigma, *tau, *kappa])
    }

    /// The column that tells that a dense one is missing.
    pub(super) fn indicator(&self, column: usize) -> Option<usize> {
        self.indicators[column].map(|indicator| indicator as usize)
    }

    /// Raw coefficients of weights, near enough to start from.
    pub(crate) fn raw(&self, w: &[f64]) -> Vec<f64> {
        let mut v = w.to_vec();
        for (j, sigma) in self.sigma.iter().enumerate() {
            v[j] = w[j] / sigma;
            if let Some(indicator) = self.indicators[j] {
                v[indicator as usize] += self.kappa[j] * v[j];
            }
            v[self.d - 1] += self.tau[j] * v[j];
        }
        v
    }
}
