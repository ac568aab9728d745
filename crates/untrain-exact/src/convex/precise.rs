//! The published optimum where double-double arithmetic cannot tell it: everything anew, in balls of more and more digits.
//!
//! The few problems that come here are ill-conditioned (a Hessian whose inverse `f64` cannot verify), or have a weight that lies very
//! near a border of its grid. Nothing is shared with the faster way but the rows, the penalty and the lemma of [`super::certificate`]:
//! gradient, Hessian and the residual of its inverse are made of [`Ball`]s, so that every rounding is in the bounds by construction.
//! Clarity beats speed here.

use super::ball::{Ball, Sum, dot, inverse};
use super::loss::Loss;
use super::published::Published;
use super::rows::{Penalty, Rows};
use super::slopes::SlopesOf;
use crate::encode::Design;

/// How many binary digits after the point the steps work with, after the 106 digits of double-double.
const PRECISIONS: [u32; 3] = [212, 424, 848];

/// One problem and its grids.
#[derive(Debug, Clone, Copy)]
pub(super) struct Problem<'a> {
    pub(super) loss: Loss,
    pub(super) rows: &'a Rows,
    pub(super) design: &'a Design,
    pub(super) penalty: &'a Penalty,
    pub(super) grids: &'a [Published],
    pub(super) pin: f64,
}

/// Multiplications of a Newton step that are worth their while: a minute or two.
const MOST_PRODUCTS: f64 = (1_u64 << 31) as f64;
const MOST_STEPS: usize = 60;
const MOST_HALVINGS: usize = 30;

/// What is known at a point.
struct Found {
    /// Of the whole objective.
    gradient: Vec<Ball>,
    /// A row each: the residuals' derivatives, `k·k` of them.
    curvatures: Vec<Ball>,
    /// How far each row's margin is from a kink, at the least.
    distances: Vec<f64>,
    /// Of a loss with kinks, what each row's curvature may be taken to be for a step that is surely down.
    majorants: Vec<f64>,
}

/// A nearly inverse Hessian in the roles that the proof has for it.
struct Metric {
    m: Vec<Ball>,
    /// The square roots of the diagonal, or a little more.
    roots: Vec<f64>,
    /// ‖x‖_M of any row, or more.
    reach: f64,
}

impl Problem<'_> {
    /// The gradient of the whole objective at a point, with `bits` digits.
    #[cfg(test)]
    pub(super) fn gradient(&self, v: &[Ball], bits: u32) -> Vec<Ball> {
        Precise::new(*self, bits).look(v).gradient
    }

    /// The weights on the grid, and the point where they were proved; `None` if not even the most digits can tell.
    pub(super) fn settle(&self, start: &[f64]) -> Option<(Vec<Vec<i64>>, Vec<f64>)> {
        let p = start.len() as f64;
        let width = (self.rows.n_dense + self.rows.most_sparse + 1) as f64;
        let k = self.loss.n_outputs() as f64;
        if self.design.len() as f64 * width * width * k * k / 2.0 + 2.0 * p * p * p > MOST_PRODUCTS || !start.iter().all(|v| v.is_finite())
        {
            return None;
        }
        let mut v: Vec<Ball> = start.iter().map(|v| Ball::new(*v, PRECISIONS[0]).point(PRECISIONS[0])).collect();
        for bits in PRECISIONS {
            v.iter_mut().for_each(|v| *v = v.point(bits));
            if let Some(weights) = Precise::new(*self, bits).descend(&mut v) {
                return Some((weights, v.iter().map(Ball::nearest).collect()));
            }
        }
        None
    }
}

/// A problem in one precision.
struct Precise<'a> {
    problem: Problem<'a>,
    bits: u32,
    slopes: SlopesOf,
    /// The penalty's alpha, and of each dense column σ, τ and κ.
    alpha: Ball,
    scales: Vec<[Ball; 3]>,
    /// The columns of each row that are not 0, times 2^[`SHIFT`].
    rows: Vec<Vec<(usize, i64)>>,
    targets: Vec<Ball>,
}

/// Rows are multiples of 2^-21.
const SHIFT: u32 = 21;

impl<'a> Precise<'a> {
    fn new(problem: Problem<'a>, bits: u32) -> Self {
        let Problem { rows, design, penalty, .. } = problem;
        let ball = |x: f64| Ball::new(x, bits);
        let scales = penalty.scales().map(|scale| scale.map(ball)).collect();
        let fixed = |x: f32| (f64::from(x) * f64::from(1 << SHIFT)) as i64;
        let row = |i: usize| {
            let dense = rows.dense(i).iter().enumerate().filter(|(_, z)| **z != 0.0).map(|(j, z)| (j, fixed(*z)));
            let sparse = design.row(i).sparse.iter().map(|(j, x)| (*j as usize, fixed(*x)));
            dense.chain(sparse).chain([(rows.d - 1, 1 << SHIFT)]).collect()
        };
        Self {
            problem,
            bits,
            slopes: SlopesOf::new(problem.loss, bits),
            alpha: ball(penalty.alpha),
            scales,
            rows: (0..design.len()).map(row).collect(),
            targets: rows.y.iter().map(|y| ball(*y)).collect(),
        }
    }

    /// Newton's steps from `v` until the rounding is proved, or until no step helps.
    fn descend(&self, v: &mut Vec<Ball>) -> Option<Vec<Vec<i64>>> {
        let p = v.len();
        let mut found = self.look(v);
        for _ in 0..MOST_STEPS {
            let hessian = self.hessian(&found, false);
            let exact = inverse(&hessian, p, self.bits);
            let is_exact = exact.is_some();
            let metric = self.metric(match exact {
                None if !self.problem.loss.is_smooth() => inverse(&self.hessian(&found, true), p, self.bits)?,
                exact => exact?,
            });
            let merit = metric.norm(&found.gradient);
            if is_exact && merit * metric.reach < 0.1 {
                let rho = metric.rho(&hessian, self.bits);
                if rho.is_nan() || rho > 0.25 {
                    return None;
                }
                if let Some(radius) = self.radius(&metric, rho, &found)
                    && let Some(weights) = self.round(v, &metric, radius)
                {
                    return Some(weights);
                }
            }
            let floor: f64 = found.gradient.iter().zip(&metric.roots).map(|(g, root)| g.radius() * root).sum();
            if merit <= 4.0 * floor {
                return None;
            }
            (*v, found) = self.step(v, &found, &metric, is_exact)?;
        }
        None
    }

    /// A step of Newton's, halved until the gradient is smaller in the metric at hand; a step on a majorant is always down.
    fn step(&self, v: &[Ball], found: &Found, metric: &Metric, is_exact: bool) -> Option<(Vec<Ball>, Found)> {
        let step = metric.times(&found.gradient, self.bits);
        let before = metric.square(&found.gradient, &step);
        let mut part = 1.0;
        for _ in 0..MOST_HALVINGS {
            let share = Ball::new(part, self.bits);
            let next: Vec<Ball> = v.iter().zip(&step).map(|(v, s)| (v - &(&share * s)).point(self.bits)).collect();
            let there = self.look(&next);
            if there.gradient.iter().all(Ball::is_finite) {
                let after = metric.square(&there.gradient, &metric.times(&there.gradient, self.bits));
                let least = 1.0 - part / 4.0;
                if !is_exact || after <= least * least * before {
                    return Some((next, there));
                }
            }
            part /= 2.0;
        }
        None
    }

    /// Gradient and curvatures at a point.
    fn look(&self, v: &[Ball]) -> Found {
        let (k, d, bits) = (self.problem.loss.n_outputs(), self.problem.rows.d, self.bits);
        let mut sums = vec![Sum::default(); k * d];
        let (mut curvatures, mut distances, mut majorants) = (Vec::new(), Vec::new(), Vec::new());
        for (row, (y, target)) in self.rows.iter().zip(self.targets.iter().zip(&self.problem.rows.y)) {
            let margin = |v: &[Ball]| {
                let mut sum = Sum::default();
                row.iter().for_each(|(j, x)| sum.add(&v[*j], *x));
                sum.total(SHIFT, bits)
            };
            let margins: Vec<Ball> = v.chunks_exact(d).map(margin).collect();
            let slopes = self.slopes.at(&margins, y, *target);
            distances.push(slopes.distance);
            curvatures.extend(slopes.second);
            if !self.problem.loss.is_smooth() {
                majorants.push(self.problem.loss.majorant(margins[0].nearest(), *target));
            }
            for (residual, sums) in slopes.first.iter().zip(sums.chunks_exact_mut(d)) {
                row.iter().for_each(|(j, x)| sums[*j].add(residual, *x));
            }
        }
        let mut gradient: Vec<Ball> = sums.iter().map(|sum| sum.total(SHIFT, bits)).collect();
        self.add_penalty(v, &mut gradient);
        Found { gradient, curvatures, distances, majorants }
    }

    /// `alpha`/2·‖w‖² and the pin, to first order.
    fn add_penalty(&self, v: &[Ball], gradient: &mut [Ball]) {
        let (d, alpha) = (self.problem.rows.d, &self.alpha);
        let mut add = |place: usize, value: &Ball| gradient[place] = &gradient[place] + value;
        for (c, v) in v.chunks_exact(d).enumerate() {
            let w = self.weights(v);
            for (j, w) in w.iter().enumerate().take(d - 1) {
                let pull = alpha * w;
                let Some([sigma, ..]) = self.scales.get(j) else {
                    add(c * d + j, &pull);
                    continue;
                };
                add(c * d + j, &(sigma * &pull));
            }
            for (j, indicator, kappa) in self.indicators() {
                add(c * d + j, &-&(kappa * &(alpha * &w[indicator])));
            }
        }
        if self.problem.pin > 0.0 {
            let sum = v.chunks_exact(d).fold(Ball::zero(self.bits), |sum, v| &sum + &v[d - 1]);
            let pull = &Ball::new(self.problem.pin, self.bits) * &sum;
            (0..v.len() / d).for_each(|c| add(c * d + d - 1, &pull));
        }
    }

    /// Dense columns that have one that tells that they are missing: both, and κ.
    fn indicators(&self) -> impl Iterator<Item = (usize, usize, &Ball)> {
        let scales = self.scales.iter().enumerate();
        scales.filter_map(|(j, [_, _, kappa])| Some((j, self.problem.penalty.indicator(j)?, kappa)))
    }

    /// One output's weights, and last its intercept.
    fn weights(&self, v: &[Ball]) -> Vec<Ball> {
        let mut w = v.to_vec();
        let last = w.len() - 1;
        for (j, [sigma, tau, _]) in self.scales.iter().enumerate() {
            w[j] = &v[j] * sigma;
            w[last] = &w[last] - &(&v[j] * tau);
        }
        for (j, indicator, kappa) in self.indicators() {
            w[indicator] = &w[indicator] - &(&v[j] * kappa);
        }
        w
    }

    /// The Hessian of the whole objective, or of something larger that is positive definite.
    fn hessian(&self, found: &Found, majorant: bool) -> Vec<Ball> {
        let (k, d, bits) = (self.problem.loss.n_outputs(), self.problem.rows.d, self.bits);
        let p = k * d;
        let curvatures = if majorant { &found.majorants.iter().map(|s| Ball::new(*s, bits)).collect() } else { &found.curvatures };
        let mut hessian = vec![Ball::zero(bits); p * p];
        for (a, b) in (0..k).flat_map(|a| (a..k).map(move |b| (a, b))) {
            let mut sums = vec![Sum::default(); d * d];
            for (row, curvatures) in self.rows.iter().zip(curvatures.chunks_exact(k * k)) {
                let curvature = &curvatures[a * k + b];
                for (at, (i, x)) in row.iter().enumerate() {
                    row[at..].iter().for_each(|(j, z)| sums[i * d + j].add_twice(curvature, *x, *z));
                }
            }
            for i in 0..d {
                for j in i..d {
                    let entry = sums[i.min(j) * d + i.max(j)].total(2 * SHIFT, bits);
                    for (row, column) in [(a * d + i, b * d + j), (a * d + j, b * d + i)] {
                        hessian[row * p + column] = entry.clone();
                        hessian[column * p + row] = entry.clone();
                    }
                }
            }
        }
        self.add_curvature(&mut hessian, p);
        hessian
    }

    /// `alpha`/2·‖w‖² and the pin, to second order.
    fn add_curvature(&self, hessian: &mut [Ball], p: usize) {
        let d = self.problem.rows.d;
        let mut add = |row: usize, column: usize, value: &Ball| hessian[row * p + column] = &hessian[row * p + column] + value;
        for first in (0..p).step_by(d) {
            for j in 0..d - 1 {
                let own = self.scales.get(j).map_or_else(|| self.alpha.clone(), |[sigma, ..]| &self.alpha * &(sigma * sigma));
                add(first + j, first + j, &own);
            }
            for (j, indicator, kappa) in self.indicators() {
                let across = -&(&self.alpha * kappa);
                add(first + j, first + j, &(kappa * &-&across));
                add(first + j, first + indicator, &across);
                add(first + indicator, first + j, &across);
            }
        }
        let pin = Ball::new(self.problem.pin, self.bits);
        for a in (d - 1..p).step_by(d) {
            (d - 1..p).step_by(d).for_each(|b| add(a, b, &pin));
        }
    }

    fn metric(&self, m: Vec<Ball>) -> Metric {
        let (d, maxima) = (self.problem.rows.d, &self.problem.rows.maxima);
        let p = self.problem.loss.n_outputs() * d;
        let roots: Vec<f64> = (0..p).map(|j| m[j * p + j].most().sqrt() * MORE).collect();
        let output = |roots: &[f64]| roots.iter().zip(maxima).map(|(root, most)| root * most).sum::<f64>();
        let differences = if p > d { 2.0 } else { 1.0 };
        let reach = differences * roots.chunks_exact(d).map(output).fold(0.0, f64::max) * MORE;
        Metric { m, roots, reach }
    }

    /// The optimum is nearer than this to the point, in the norm of the metric's inverse; the lemma of
    /// [`super::certificate::Evidence::enclose`], with the Hessian of the point itself as reference.
    fn radius(&self, metric: &Metric, rho: f64, found: &Found) -> Option<f64> {
        let radius = 2.0 * metric.norm(&found.gradient) + f64::MIN_POSITIVE;
        let by = metric.reach * radius * MORE;
        let eta = if self.problem.loss.is_smooth() {
            // e^t − 1 ≤ 2·t for t ≤ 1.
            if by < 0.1 { (1.0 + rho) * (1.0 + 2.0 * by) - 1.0 } else { f64::INFINITY }
        } else {
            let rows = self.rows.iter().zip(&found.distances).filter(|(_, distance)| by.is_nan() || **distance <= by);
            rho + rows.map(|(row, _)| self.problem.loss.jump() * metric.leverage(row)).sum::<f64>()
        };
        (eta * MORE < 0.49).then_some(radius)
    }

    /// Rounds the weights of all that is within `radius` of `v`.
    fn round(&self, v: &[Ball], metric: &Metric, radius: f64) -> Option<Vec<Vec<i64>>> {
        let d = self.problem.rows.d;
        let within: Vec<Ball> = v.iter().zip(&metric.roots).map(|(v, root)| v.clone().widened(root * radius * MORE)).collect();
        let outputs = within.chunks_exact(d).zip(self.problem.grids);
        let output = |(v, grid): (&[Ball], &Published)| {
            let unit = Ball::new(grid.steps(), self.bits);
            let rounded = |(w, offset): (&Ball, &f64)| {
                let at = &(w * &unit) + &Ball::new(*offset, self.bits);
                at.rounded().filter(|k| Published::RANGE.contains(k))
            };
            self.weights(v).iter().zip(&grid.offsets).map(rounded).collect::<Option<Vec<i64>>>()
        };
        outputs.map(output).collect()
    }
}

/// Makes up for the roundings of sums of numbers that are not negative.
const MORE: f64 = 1.0 + 1.0 / (1_u64 << 30) as f64;

impl Metric {
    fn times(&self, x: &[Ball], bits: u32) -> Vec<Ball> {
        self.m.chunks_exact(x.len()).map(|row| dot(row.iter().zip(x), bits)).collect()
    }

    /// ‖x‖²_M from M·x, near enough to compare.
    fn square(&self, x: &[Ball], moved: &[Ball]) -> f64 {
        debug_assert_eq!(self.roots.len(), x.len());
        x.iter().zip(moved).map(|(x, m)| x.nearest() * m.nearest()).sum()
    }

    /// ‖x‖_M or more: |x_j|·‖e_j‖_M in all.
    fn norm(&self, x: &[Ball]) -> f64 {
        x.iter().zip(&self.roots).map(|(x, root)| x.most() * root).sum::<f64>() * MORE
    }

    /// ‖x‖²_M of a row, or more.
    fn leverage(&self, row: &[(usize, i64)]) -> f64 {
        let norm: f64 = row.iter().map(|(j, x)| x.unsigned_abs() as f64 / f64::from(1 << SHIFT) * self.roots[*j]).sum();
        norm * norm * MORE
    }

    /// ‖M·H − I‖ in the norm that the roots scale, or more; see [`super::inverse::Inverse`] for what it is good for.
    fn rho(&self, hessian: &[Ball], bits: u32) -> f64 {
        let p = self.roots.len();
        let one = Ball::new(1.0, bits);
        let mut worst = 0.0_f64;
        for (i, row) in self.m.chunks_exact(p.max(1)).enumerate() {
            let mut sum = 0.0;
            for (j, root) in self.roots.iter().enumerate() {
                // H is symmetric.
                let product = dot(row.iter().zip(&hessian[j * p..(j + 1) * p]), bits);
                sum += if i == j { &product - &one } else { product }.most() * root;
            }
            // A NaN must not be lost in a maximum.
            let sum = sum / self.roots[i] * MORE;
            worst = if sum.is_nan() || sum > worst { sum } else { worst };
        }
        worst
    }
}
