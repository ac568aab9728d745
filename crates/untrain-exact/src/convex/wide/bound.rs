//! The proof that an optimum lies near a point, without an inverse of the Hessian.
//!
//! **The setting.** In the weights w and the intercepts c, with features x that are centred as the rows are, the Hessian is
//! H = Σ_i S_i ⊗ (x_i; 1)(x_i; 1)ᵀ + α on w, and for softmax + 1 on (Σ c)², which moves no optimum. For a change (p, q) of (w, c) let
//! Q = (p, q)ᵀ·H·(p, q). The loss is convex, so **Q ≥ α·‖p‖²**.
//!
//! **The intercept**, which has no penalty, is bound by the rows. If S_i ≥ y_i ≥ 0 (for softmax, on changes that do not sum to 0
//! over the classes, where p_min·I ≤ diag(p) − ppᵀ), the least Q over all p is, by duality with multipliers t·y_i·q,
//!
//! ```text
//! min_p Q ≥ max_t (2t·A − t²·(A + ‖Xᵀy‖²/α))·‖q‖² = σ·‖q‖²     A = Σ y_i     σ = A² / (A + ‖Xᵀy‖²/α)
//! ```
//!
//! **The ball.** Let G = ‖g_w‖/√α + ‖g_c‖/√σ (+ |Σ g_c|/k). Let Ω be all changes with √α·‖p‖ ≤ G', √σ·‖q‖ ≤ G' (and |Σ q| ≤ G') for a G'
//! a little over G, and let no margin change by more than [`REACH`] in Ω, so that the y_i hold all over it. On the border of Ω the
//! objective rises outwards: its slope times the change is at least Q − G·G' ≥ G'² − G·G' > 0. So the optimum, which is the only
//! one, is in Ω: no weight is farther from it than G/√α, and no intercept than G/√σ (+ G/k).

use super::products::{BLOCK, Curvatures, Problem, Shape};
use crate::convex::loss::UNIT;
use crate::convex::rows::{Penalty, SLACK};

/// The largest change of a margin (of softmax, range of changes over the classes) that a proof reckons with.
const REACH: f64 = 1.0 / 1024.0;

/// How far the optimum may be from a point.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Bound {
    /// Each weight.
    pub(super) weight: f64,
    /// Each intercept, on the scales of the rows.
    pub(super) intercept: f64,
}

impl Bound {
    /// Adds how far one output's weights and its intercept may be from the optimum's. The published intercept is on other scales than the
    /// rows' own, so that it moves with the weights.
    pub(super) fn widen(self, penalty: &Penalty, errors: &mut [f64]) {
        let lever = penalty.tau.iter().zip(&penalty.sigma).map(|(tau, sigma)| tau.abs() / sigma).sum::<f64>() * SLACK;
        if let Some((intercept, weights)) = errors.split_last_mut() {
            weights.iter_mut().for_each(|error| *error += self.weight);
            *intercept += self.intercept + lever * self.weight;
        }
    }
}

/// What is known at a point.
pub(super) struct Evidence<'a> {
    /// The gradient, output by output.
    pub(super) gradient: &'a [f64],
    /// How far each component may be from the true one.
    pub(super) errors: &'a [f64],
    pub(super) margins: &'a [f64],
    pub(super) margin_error: f64,
    pub(super) curvatures: &'a Curvatures,
}

impl Evidence<'_> {
    /// Bounds the distance of the optimum, if it is near enough.
    pub(super) fn bound(&self, problem: &Problem<'_>) -> Option<Bound> {
        let Shape { k, d, .. } = problem.shape;
        let (mut weights, mut intercepts, mut sum) = (0.0, 0.0, 0.0);
        for (gradient, errors) in self.gradient.chunks_exact(d).zip(self.errors.chunks_exact(d)) {
            weights += problem.squares(gradient, errors);
            let own = gradient[d - 1].abs() + errors[d - 1];
            intercepts += own * own;
            sum += own;
        }
        let (alpha, sigma) = (problem.penalty.alpha, self.intercept_curvature(problem));
        let pinned = if k > 1 { sum / k as f64 } else { 0.0 };
        let whole = ((weights / alpha).sqrt() + (intercepts / sigma).sqrt() + pinned) * SLACK * SLACK;
        let (weight, intercept) = (whole / alpha.sqrt() * SLACK, whole / sigma.sqrt() * SLACK);
        let spread = problem.reach() * weight + intercept;
        let fine = if k > 1 { 2.0 } else { 1.0 } * spread * SLACK < REACH;
        let pinned = if k > 1 { whole / k as f64 } else { 0.0 };
        fine.then_some(Bound { weight, intercept: (intercept + pinned) * SLACK })
    }

    /// σ, or less.
    fn intercept_curvature(&self, problem: &Problem<'_>) -> f64 {
        let Problem { shape, rows, packed, penalty, .. } = *problem;
        let least = self.least_curvatures(problem);
        let one = Shape { k: 1, ..shape };
        let mut products = vec![0.0; shape.d];
        for start in (0..rows.y.len()).step_by(BLOCK) {
            let range = start..(start + BLOCK).min(rows.y.len());
            one.back(rows, packed, range.clone(), &least[range], &mut products);
        }
        // A sum of n terms errs by at most n·u times the sum of their magnitudes.
        let (n, most) = (rows.y.len() as f64 + 8.0, least.iter().copied().fold(0.0, f64::max));
        let errors: Vec<f64> = packed.sums.iter().map(|sum| n * UNIT * most * sum * SLACK).collect();
        let (sum, square) = (least.iter().sum::<f64>(), problem.squares(&products, &errors));
        if sum > 0.0 { sum * sum / (sum + square / penalty.alpha) / (SLACK * SLACK) } else { 0.0 }
    }

    /// For each row a curvature that it has at the least wherever no margin changes by more than [`REACH`].
    fn least_curvatures(&self, problem: &Problem<'_>) -> Vec<f64> {
        let Problem { loss, rows, .. } = *problem;
        let k = self.curvatures.k;
        let rows_of = self.curvatures.of.chunks_exact(k).map(|p| p.iter().copied().fold(f64::INFINITY, f64::min));
        if loss.is_smooth() {
            let error = loss.curvature_error(self.margin_error);
            let part = (1.0 - REACH) * (1.0 - error) / SLACK;
            return rows_of.map(|s| if part > 0.0 { s * part } else { 0.0 }).collect();
        }
        let near = |m: f64, y: f64| (REACH + self.margin_error) * SLACK + 4.0 * f64::EPSILON * (1.0 + m.abs() + y.abs());
        let pairs = rows_of.zip(self.margins.iter().zip(&rows.y));
        pairs.map(|(s, (m, y))| if loss.distance_to_kink(*m, *y) > near(*m, *y) { s } else { 0.0 }).collect()
    }
}

impl Problem<'_> {
    /// The square of the norm of the part of one output's gradient that belongs to the weights, or more: with v of the rows,
    /// w_j = σ_j·v_j and w_indicator = v_indicator − κ_j·v_j.
    fn squares(&self, gradient: &[f64], errors: &[f64]) -> f64 {
        let Self { shape, penalty, .. } = *self;
        let size = |j: usize| gradient[j].abs() + errors[j];
        let mut sum = 0.0;
        for (j, sigma) in penalty.sigma.iter().enumerate() {
            let other = penalty.indicators[j].map_or(0.0, |indicator| penalty.kappa[j].abs() * size(indicator as usize));
            let own = (size(j) + other) / sigma;
            sum += own * own;
        }
        (shape.n_dense..shape.d - 1).for_each(|j| sum += size(j) * size(j));
        sum * SLACK
    }

    /// The largest norm of a row's features, on the scales as they stand, or more.
    fn reach(&self) -> f64 {
        let Self { rows, penalty, .. } = *self;
        let mut square = rows.radius * rows.radius;
        for (j, sigma) in penalty.sigma.iter().enumerate() {
            let kappa = if penalty.indicators[j].is_some() { penalty.kappa[j].abs() } else { 0.0 };
            let most = rows.maxima[j].max(kappa) / sigma;
            square += most * most;
        }
        square.sqrt() * SLACK
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow_array::{ArrayRef, Float64Array, StringArray};
    use untrain_core::{Column, Dataset, Kind, Role, Schema, mix, unit};

    use super::*;
    use crate::convex::loss::Loss;
    use crate::convex::rows::Rows;
    use crate::convex::wide::conjugate::{dot, solve};
    use crate::convex::wide::metric::Metric;
    use crate::convex::wide::packed::Packed;
    use crate::encode::{Design, Preprocessing, Wanted};

    /// Records with a word that all have, so that the intercept is known no better than its weight is, and some that few have.
    fn records(n: u64, k: u64) -> Dataset {
        let column = |name: &str, kind, role| Column { name: name.into(), kind, role, declared: true };
        let columns = vec![
            column("a", Kind::Numeric, Role::Feature),
            column("b", Kind::Categorical, Role::Feature),
            column("y", Kind::Categorical, Role::Target),
        ];
        let draw = |i, purpose| unit(mix(purpose, i));
        let a = Arc::new((0..n).map(|i| (i % 9 > 0).then(|| 7.0 + draw(i, 1))).collect::<Float64Array>()) as ArrayRef;
        let b = Arc::new((0..n).map(|i| Some(format!("all w{}", i % 5))).collect::<StringArray>());
        let y = Arc::new((0..n).map(|i| Some(format!("c{}", (draw(i, 2) * k as f64 + draw(i, 1)) as u64 % k))).collect::<StringArray>());
        let ids: StringArray = (0..n).map(|i| Some(format!("r{i:04}"))).collect();
        Dataset::new(Schema { id: None, columns, holdout: None }, &ids, vec![a, b, y]).expect("the columns fit")
    }

    /// The optimum, as near as `f64` comes.
    fn optimum(problem: &Problem<'_>) -> Vec<f64> {
        let mut v = vec![0.0; problem.shape.len()];
        for _ in 0..30 {
            let now = problem.at(v.clone());
            let curvatures = Curvatures::at(problem.loss, &now.margins, &problem.rows.y);
            let (step, _) = solve(problem, &curvatures, &Metric::new(problem, &curvatures), &now.gradient, 1e-12);
            v.iter_mut().zip(&step).for_each(|(v, s)| *v -= s);
        }
        v
    }

    /// A small change in one of many directions.
    fn change(problem: &Problem<'_>, v: &[f64], direction: u64) -> Vec<f64> {
        let shape = problem.shape;
        let mut off = vec![0.0; shape.len()];
        // The word that all have stands first of the sparse columns.
        let (common, last) = (shape.place(0, shape.n_dense), shape.place(0, shape.d - 1));
        match direction {
            0 => off[last] = 1e-8,
            1 => (off[last], off[common]) = (1e-8, -1e-8),
            2 => {
                // Where the gradient of the weights is zero, and only that of the intercept is not.
                let curvatures = Curvatures::at(problem.loss, &problem.at(v.to_vec()).margins, &problem.rows.y);
                off[last] = 1e-8;
                off = solve(problem, &curvatures, &Metric::new(problem, &curvatures), &off, 1e-12).0;
            }
            _ => off.iter_mut().enumerate().for_each(|(i, off)| *off = 1e-8 * (unit(mix(direction, i as u64)) - 0.5)),
        }
        shape.project(&mut off);
        off
    }

    /// Whether the optimum is within what is bound at points near it in many directions.
    fn check(loss: Loss, k: u64, alpha: f64, standardize: bool) {
        let how = Preprocessing { standardize, text: [("b".to_owned(), 50)].into(), ..Preprocessing::default() };
        let design = Design::new(&how, Wanted::Classes, &records(90, k)).expect("they are rows");
        let rows = Rows::new(&design);
        let (packed, _) = Packed::new(&rows, &design, &mut Vec::new());
        let penalty = packed.penalty(&rows.penalty(&design, alpha).expect("the scales are moderate"));
        let shape = Shape { k: loss.n_outputs(), d: packed.d(), n_dense: rows.n_dense };
        let problem = Problem { loss, shape, rows: &rows, packed: &packed, penalty: &penalty };
        let v = optimum(&problem);
        let weights = |v: &[f64], c: usize| -> Vec<f64> {
            let own: Vec<f64> = (0..shape.d).map(|j| v[shape.place(c, j)]).collect();
            let (w, _) = penalty.weights(&own.iter().map(|v| (*v).into()).collect::<Vec<_>>(), &vec![0.0; shape.d]);
            w.iter().map(|w| w.hi).collect()
        };
        for direction in 0..40 {
            let off = change(&problem, &v, direction);
            let there: Vec<f64> = v.iter().zip(&off).map(|(v, off)| v + off).collect();
            let now = problem.at(there.clone());
            let curvatures = Curvatures::at(loss, &now.margins, &rows.y);
            let by_output = |x: &[f64]| -> Vec<f64> {
                (0..shape.k).flat_map(|c| (0..shape.d).map(move |j| (c, j))).map(|(c, j)| x[shape.place(c, j)]).collect()
            };
            let (gradient, errors) = (by_output(&now.gradient), vec![1e-13; shape.len()]);
            let evidence =
                Evidence { gradient: &gradient, errors: &errors, margins: &now.margins, margin_error: 1e-13, curvatures: &curvatures };
            let bound = evidence.bound(&problem).expect("the optimum is near");
            let mut errors = vec![0.0; shape.d];
            bound.widen(&penalty, &mut errors);
            for c in 0..shape.k {
                let moved = weights(&there, c).into_iter().zip(weights(&v, c)).map(|(a, b)| (a - b).abs());
                assert!(moved.zip(&errors).all(|(moved, error)| moved <= *error), "{loss:?} {direction}: {bound:?}");
            }
            assert!(dot(&off, &off).sqrt() * 1e6 > bound.weight, "the bound is of use");
        }
    }

    #[test]
    fn the_optimum_is_within_the_bound() {
        for alpha in [0.01, 1.0, 30.0] {
            check(Loss::Logistic, 2, alpha, true);
            check(Loss::Logistic, 2, alpha, false);
            check(Loss::Softmax(3), 3, alpha, true);
        }
    }

    #[test]
    fn an_optimum_that_is_far_is_not_bound() {
        let how = Preprocessing::default();
        let design = Design::new(&how, Wanted::Classes, &records(90, 2)).expect("they are rows");
        let rows = Rows::new(&design);
        let (packed, _) = Packed::new(&rows, &design, &mut Vec::new());
        let penalty = packed.penalty(&rows.penalty(&design, 1.0).expect("the scales are moderate"));
        let shape = Shape { k: 1, d: packed.d(), n_dense: rows.n_dense };
        let problem = Problem { loss: Loss::Logistic, shape, rows: &rows, packed: &packed, penalty: &penalty };
        let now = problem.at(vec![0.1; shape.len()]);
        let (curvatures, errors) = (Curvatures::at(Loss::Logistic, &now.margins, &rows.y), vec![0.0; shape.len()]);
        let (gradient, margins) = (&now.gradient, &now.margins);
        assert_eq!(Evidence { gradient, errors: &errors, margins, margin_error: 0.0, curvatures: &curvatures }.bound(&problem), None);
    }
}
