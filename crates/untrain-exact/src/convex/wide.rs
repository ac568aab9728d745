//! The published optimum of a problem with many weights: the Hessian is never made, let alone its inverse.
//!
//! Newton's steps are found by conjugate gradients ([`conjugate`], [`metric`], [`products`]), first in `f64`, then from gradients
//! that are nearly exact ([`digits`]). The proof ([`bound`]) rests on the penalty, which makes the objective strongly convex. It is
//! cruder than that of [`super::solver`], and the gradient so much finer that it decides all the same. Both prove the rounding of the
//! same optimum, so which of them answers is not to be seen in any byte.

mod bound;
mod conjugate;
mod digits;
mod metric;
mod packed;
mod products;

use bound::{Bound, Evidence};
use conjugate::dot;
use metric::Metric;
use packed::Packed;
use products::{Curvatures, Point, Problem, Shape};

use super::double::{DOUBLE_UNIT, Double};
use super::loss::Loss;
use super::pass::Pass;
use super::published::{Published, decide};
use super::rows::{Penalty, Rows};
use super::work::Work;
use crate::encode::Design;

/// A point near the optimum and a metric. Both are history, and neither reaches bytes.
#[derive(Debug, Clone)]
pub(crate) struct Wide {
    loss: Loss,
    d: usize,
    /// Output by output; between requests of all columns, and while one is answered of the packed ones.
    v: Vec<Double>,
    /// Where to start from when the point at hand is no place to start from.
    origin: Vec<f64>,
    /// The columns that the metric is of.
    columns: Vec<u32>,
    metric: Option<Metric>,
    /// By how much margins have changed since the metric was made.
    drift: f64,
    pub(crate) work: Work,
}

const MOST_STEPS: usize = 200;
const MOST_REFINEMENTS: usize = 30;
const MOST_HALVINGS: usize = 60;
/// A step this small against the coefficients is followed by a pass that is nearly exact.
const SMALL: f64 = 1.0 / (1 << 14) as f64;
/// With more drift, a metric is made anew before the next step.
const MOST_DRIFT: f64 = 1.0;
/// The steps' relative errors, at the most and at the least.
const COARSE: f64 = 0.1;
const FINE: f64 = 1e-8;

impl Wide {
    /// A solver that starts from raw coefficients, of shape `(outputs, d)`, or if that fails from `origin`.
    pub(crate) fn new(loss: Loss, rows: &Rows, start: &[f64], origin: Vec<f64>) -> Self {
        let v = start.iter().map(|v| Double::from(*v)).collect();
        Self { loss, d: rows.d, v, origin, columns: Vec::new(), metric: None, drift: 0.0, work: Work::default() }
    }

    /// The loss, where to start from if all else fails, and where it stands.
    pub(crate) fn parts(&self) -> (Loss, Vec<f64>, Vec<f64>) {
        (self.loss, self.origin.clone(), self.v.iter().map(|v| v.hi).collect())
    }

    /// The published optimum, one list an output, if it can be proved.
    pub(crate) fn settle(&mut self, rows: &Rows, design: &Design, penalty: &Penalty, grids: &[Published]) -> Option<Vec<Vec<i64>>> {
        let (packed, are_new) = Packed::new(rows, design, &mut self.columns);
        if are_new {
            self.metric = None;
        }
        let shape = Shape { k: self.loss.n_outputs(), d: packed.d(), n_dense: rows.n_dense };
        let (penalty, grids) = (packed.penalty(penalty), grids.iter().map(|grid| packed.grid(grid)).collect::<Vec<_>>());
        let problem = Problem { loss: self.loss, shape, rows, packed: &packed, penalty: &penalty };
        self.v = packed.pack(&self.v);
        self.d = packed.d();
        let found = self.settle_from_here(&problem, &grids).or_else(|| {
            self.v = packed.pack(&self.origin).into_iter().map(Double::from).collect();
            self.metric = None;
            self.settle_from_here(&problem, &grids)
        });
        self.v = packed.unpack(&self.v);
        self.d = rows.d;
        found.map(|weights| weights.iter().map(|weights| packed.unpack(weights)).collect())
    }

    fn settle_from_here(&mut self, problem: &Problem<'_>, grids: &[Published]) -> Option<Vec<Vec<i64>>> {
        self.project(problem.shape);
        self.approach(problem)?;
        let (mut before, mut slow) = (f64::INFINITY, 0);
        for _ in 0..MOST_REFINEMENTS {
            let pass = self.pass(problem)?;
            let (gradient, errors) = self.gradient(problem, &pass)?;
            let curvatures = Curvatures::at(self.loss, &pass.margins, &problem.rows.y);
            let Pass { margins, margin_error, .. } = &pass;
            let evidence = Evidence { gradient: &gradient, errors: &errors, margins, margin_error: *margin_error, curvatures: &curvatures };
            let bound = evidence.bound(problem);
            if let Some(decided) = bound.and_then(|bound| self.decide(bound, problem.penalty, grids)) {
                return Some(decided);
            }
            let (now, floor) = (dot(&gradient, &gradient).sqrt(), dot(&errors, &errors).sqrt());
            slow += usize::from(now > 0.5 * before);
            if now <= floor || slow > 2 {
                return None;
            }
            before = now;
            let metric = self.metric.get_or_insert_with(|| Metric::new(problem, &curvatures));
            let g = problem.shape.mixed(&gradient, |g| *g);
            let (step, products) = conjugate::solve(problem, &curvatures, metric, &g, FINE);
            self.work.products += products;
            self.go(problem.shape, &step);
        }
        None
    }

    /// Goes near the optimum, in `f64`: where the last step was small.
    fn approach(&mut self, problem: &Problem<'_>) -> Option<()> {
        let shape = problem.shape;
        let mut now = problem.at(shape.mixed(&self.v, |v| v.hi));
        self.work.passes += 1;
        let mut tolerance = COARSE;
        for _ in 0..MOST_STEPS {
            let curvatures = Curvatures::at(self.loss, &now.margins, &problem.rows.y);
            if self.metric.is_none() || self.drift > MOST_DRIFT {
                self.metric = Some(Metric::new(problem, &curvatures));
                self.drift = 0.0;
            }
            let metric = self.metric.as_ref()?;
            let (step, products) = conjugate::solve(problem, &curvatures, metric, &now.gradient, tolerance);
            self.work.products += products;
            let largest = |x: &[f64]| x.iter().fold(0.0_f64, |most, x| most.max(x.abs()));
            let slope = dot(&now.gradient, &step);
            if slope.is_nan() || slope <= 0.0 {
                return slope.is_finite().then_some(());
            }
            if largest(&step) <= SMALL * (1.0 + largest(&now.v)) {
                self.go(shape, &step);
                return Some(());
            }
            let (next, part) = self.descend(problem, &now, &step, slope)?;
            let change = now.margins.iter().zip(&next.margins).fold(0.0_f64, |most, (a, b)| most.max((a - b).abs()));
            self.drift += change;
            let moved: Vec<f64> = step.iter().map(|s| part * s).collect();
            self.go(shape, &moved);
            tolerance = (change * change).clamp(FINE, COARSE);
            now = next;
        }
        None
    }

    /// The point down along the step, and which part of the step it is: where the objective still falls, or has just ceased to.
    fn descend(&mut self, problem: &Problem<'_>, now: &Point, step: &[f64], slope: f64) -> Option<(Point, f64)> {
        let rise = if self.loss.is_smooth() { 0.5 } else { 0.1 };
        let mut part = 1.0;
        for _ in 0..MOST_HALVINGS {
            let next = problem.at(now.v.iter().zip(step).map(|(v, s)| v - part * s).collect());
            self.work.passes += 1;
            let after = dot(&next.gradient, step);
            if after >= -rise * slope {
                return Some((next, part));
            }
            let secant = slope / (slope - after);
            part *= if secant.is_finite() { secant.clamp(0.1, 0.7) } else { 0.1 };
        }
        None
    }

    fn pass(&mut self, problem: &Problem<'_>) -> Option<Pass> {
        self.work.double_passes += 1;
        digits::pass_digits(problem, &self.v, digits::BITS)
    }

    /// The whole gradient and bounds of its errors, output by output.
    fn gradient(&self, problem: &Problem<'_>, pass: &Pass) -> Option<(Vec<f64>, Vec<f64>)> {
        let (mut gradient, mut errors, d) = (pass.gradient.clone(), pass.errors.clone(), self.d);
        for ((gradient, errors), v) in gradient.chunks_exact_mut(d).zip(errors.chunks_exact_mut(d)).zip(self.v.chunks_exact(d)) {
            problem.penalty.gradient(v, gradient, errors, DOUBLE_UNIT);
        }
        if problem.shape.k > 1 {
            // The pin of the intercepts.
            let sum = self.v.chunks_exact(d).fold(Double::default(), |sum, v| sum + v[d - 1]);
            let size: f64 = self.v.chunks_exact(d).map(|v| v[d - 1].hi.abs()).sum();
            for (gradient, errors) in gradient.chunks_exact_mut(d).zip(errors.chunks_exact_mut(d)) {
                gradient[d - 1] = gradient[d - 1] + sum;
                errors[d - 1] += self.v.len() as f64 * DOUBLE_UNIT * (size + gradient[d - 1].hi.abs());
            }
        }
        errors.iter_mut().zip(&gradient).for_each(|(error, g)| *error += g.lo.abs());
        let gradient: Vec<f64> = gradient.into_iter().map(|g| g.hi).collect();
        gradient.iter().chain(&errors).all(|x| x.is_finite()).then_some((gradient, errors))
    }

    /// Rounds what is known within `bound`.
    fn decide(&self, bound: Bound, penalty: &Penalty, grids: &[Published]) -> Option<Vec<Vec<i64>>> {
        let exact = vec![0.0; self.d];
        let outputs = self.v.chunks_exact(self.d).zip(grids);
        outputs
            .map(|(v, grid)| {
                let (weights, mut errors) = penalty.weights(v, &exact);
                bound.widen(penalty, &mut errors);
                decide(grid, &weights, &errors)
            })
            .collect()
    }

    /// Takes the step off.
    fn go(&mut self, shape: Shape, step: &[f64]) {
        for (output, v) in self.v.chunks_exact_mut(self.d).enumerate() {
            v.iter_mut().enumerate().for_each(|(j, v)| *v = *v - Double::from(step[shape.place(output, j)]));
        }
        self.project(shape);
    }

    /// Takes the mean over the outputs from every column.
    fn project(&mut self, shape: Shape) {
        let (k, d) = (shape.k, self.d);
        if k == 1 {
            return;
        }
        for j in 0..d {
            let sum = (0..k).fold(Double::default(), |sum, c| sum + self.v[c * d + j]);
            let mean = sum / Double::from(k as f64);
            (0..k).for_each(|c| self.v[c * d + j] = self.v[c * d + j] - mean);
        }
    }
}
