//! From any point to the published optimum: Newton's steps, on an inverse Hessian that is kept from request to request.

use untrain_core::Result;

use super::certificate::{Enclosure, Evidence};
use super::double::{DOUBLE_UNIT, Double};
use super::exp::{EXP_ERROR, exp};
use super::gram::gram;
use super::inverse::Inverse;
use super::loss::{Arithmetic, Loss, UNIT};
use super::pass::{Pass, largest_norm, pass, pass_double};
use super::precise::Problem;
use super::published::{Published, decide};
use super::refusal::{not_unique, undecided};
use super::rows::{Penalty, Rows, SLACK};
use super::work::Work;
use crate::encode::Design;

/// A point near the optimum, and what is known there. All of it is history, and none of it reaches bytes.
#[derive(Debug, Clone)]
pub(crate) struct Solver {
    loss: Loss,
    d: usize,
    /// The weight of (Σ_c v_0c)²/2, which makes the intercepts of softmax unique and changes nothing else.
    pin: f64,
    v: Vec<Double>,
    /// Where to start from when the point at hand is no place to start from.
    origin: Vec<f64>,
    at: Option<Pass>,
    reference: Option<Reference>,
    pub(crate) work: Work,
}

/// Where the Hessian was made, and what has become of it since.
#[derive(Debug, Clone)]
struct Reference {
    inverse: Inverse,
    /// Kept until the inverse is verified.
    hessian: Option<Vec<f64>>,
    entry_error: f64,
    /// The point, and the margins of the rows there.
    v: Vec<f64>,
    margins: Vec<f64>,
    margin_error: f64,
    penalty: Penalty,
    /// The largest change of a margin since (of softmax, the largest range of changes over the classes).
    drift: f64,
}

const MOST_STEPS: usize = 300;
const MOST_HALVINGS: usize = 40;

/// What a step began with.
struct Standing {
    gradient: Vec<f64>,
    errors: Vec<f64>,
    step: Vec<f64>,
    /// ‖gradient‖_M.
    merit: f64,
    /// As much of it as may be nothing but rounding.
    floor: f64,
}

impl Solver {
    /// A solver that starts from raw coefficients, of shape `(outputs, d)`, or if that fails from `origin`.
    pub(crate) fn new(loss: Loss, rows: &Rows, start: &[f64], origin: Vec<f64>) -> Self {
        let k = loss.n_outputs() as f64;
        let pin = if k > 1.0 { (rows.y.len() as f64 / (k * k)).max(1.0) } else { 0.0 };
        let v = start.iter().map(|v| Double::from(*v)).collect();
        Self { loss, d: rows.d, pin, v, origin, at: None, reference: None, work: Work::default() }
    }

    #[cfg(test)]
    pub(super) fn pin(&self) -> f64 {
        self.pin
    }

    /// Takes rows, in descending order, out; the design and `rows` still have them.
    pub(crate) fn leave(&mut self, rows: &Rows, design: &Design, descending: &[u32]) {
        for row in descending {
            self.adjust(rows, design, *row as usize, false);
        }
        let k = self.loss.n_outputs();
        let kept = self.at.iter_mut().map(|at| &mut at.margins).chain(self.reference.iter_mut().map(|reference| &mut reference.margins));
        for margins in kept {
            for row in descending {
                let last = margins.len() - k;
                margins.copy_within(last.., *row as usize * k);
                margins.truncate(last);
            }
        }
    }

    /// Takes rows in that the design and `rows` have already, as the last.
    pub(crate) fn join(&mut self, rows: &Rows, design: &Design, new: std::ops::Range<usize>) {
        let v: Vec<f64> = self.v.iter().map(|v| v.hi).collect();
        // The low parts are left off: that is one more rounding of each coefficient, for which there is room in the dozen that is allowed for.
        let error = rows.margin_error(UNIT, largest_norm(&v, self.d), 1);
        for row in new {
            let margins = |v: &[f64]| v.chunks_exact(self.d).map(|v| rows.margin(design, row, v)).collect::<Vec<_>>();
            if let Some(at) = &mut self.at {
                at.margins.extend(margins(&v));
                at.margin_error = at.margin_error.max(2.0 * error);
            }
            if let Some(reference) = &mut self.reference {
                let margins = margins(&reference.v);
                reference.margins.extend(margins);
                let error = rows.margin_error(UNIT, largest_norm(&reference.v, self.d), 1);
                reference.margin_error = reference.margin_error.max(2.0 * error);
            }
            self.adjust(rows, design, row, true);
        }
        self.measure_drift();
    }

    /// Takes one row out of gradient and inverse, or into them.
    fn adjust(&mut self, rows: &Rows, design: &Design, row: usize, joins: bool) {
        let (k, d, y) = (self.loss.n_outputs(), self.d, rows.y[row]);
        let mut x = vec![0.0; d];
        rows.scatter(design, row, &mut x);
        if let Some(at) = &mut self.at {
            let mut r = vec![0.0; k];
            let found = self.loss.residuals(&at.margins[row * k..(row + 1) * k], &[y], &mut r);
            let error = self.loss.residual_error(Arithmetic::Single, at.margin_error, found);
            for (c, r) in r.iter().enumerate() {
                for (j, x) in x.iter().enumerate().filter(|(_, x)| **x != 0.0) {
                    let (g, e) = (&mut at.gradient[c * d + j], &mut at.errors[c * d + j]);
                    let change = Double::from(*r) * *x;
                    *g = if joins { *g + change } else { *g - change };
                    *e = (*e + error * x.abs() + 4.0 * DOUBLE_UNIT * g.hi.abs()) * (1.0 + f64::EPSILON * 4.0);
                }
            }
        }
        if let Some(reference) = &mut self.reference
            && !reference.change(self.loss, row, y, &x, joins)
        {
            self.reference = None;
        }
    }

    /// The published optimum, one list an output.
    ///
    /// # Errors
    ///
    /// [`untrain_core::Error::Unfit`] if the optimum does not exist, is not unique, or cannot be told from a border of the grid.
    pub(crate) fn settle(&mut self, rows: &Rows, design: &Design, penalty: &Penalty, grids: &[Published]) -> Result<Vec<Vec<i64>>> {
        let found = self.settle_from_here(rows, design, penalty, grids);
        if found.is_ok() {
            return found;
        }
        // A loss that grows exponentially may overflow where a record has joined that is unlike all others.
        self.v = self.origin.iter().map(|v| Double::from(*v)).collect();
        (self.at, self.reference) = (None, None);
        let undecided = match self.settle_from_here(rows, design, penalty, grids) {
            Ok(found) => return Ok(found),
            Err(undecided) => undecided,
        };
        if let Some(reason) = not_unique(self.loss, rows, design, penalty, self.at.as_ref()) {
            return Err(reason);
        }
        self.settle_precisely(rows, design, penalty, grids).ok_or(undecided)
    }

    /// The same in arithmetic of many digits, from the point at hand or else from the origin.
    fn settle_precisely(&mut self, rows: &Rows, design: &Design, penalty: &Penalty, grids: &[Published]) -> Option<Vec<Vec<i64>>> {
        self.work.precise += 1;
        let problem = Problem { loss: self.loss, rows, design, penalty, grids, pin: self.pin };
        let here: Vec<f64> = self.v.iter().map(|v| v.hi).collect();
        let (weights, v) = problem.settle(&here).or_else(|| problem.settle(&self.origin))?;
        self.v = v.into_iter().map(Double::from).collect();
        (self.at, self.reference) = (None, None);
        Some(weights)
    }

    fn settle_from_here(&mut self, rows: &Rows, design: &Design, penalty: &Penalty, grids: &[Published]) -> Result<Vec<Vec<i64>>> {
        let before = self.work;
        let (mut arithmetic, mut merit_before, mut fresh) = (Arithmetic::Single, f64::INFINITY, false);
        if self.at.is_none() {
            self.pass(rows, design, arithmetic);
        }
        for _ in 0..MOST_STEPS {
            if self.reference.is_none() {
                self.refresh(rows, design, penalty, false);
                (fresh, merit_before) = (true, f64::INFINITY);
            }
            let Some(standing) = self.stand(penalty) else { return Err(undecided(penalty.alpha)) };
            let enclosed = self.enclose(rows, design, penalty, &standing);
            if let Some(decided) = enclosed.as_ref().and_then(|enclosure| self.decide(enclosure, penalty, grids)) {
                self.work.without_pass += u64::from(before == self.work);
                return Ok(decided);
            }
            let near = standing.merit * self.reach(rows) < 0.3;
            let at_floor = standing.merit <= 4.0 * standing.floor;
            if !fresh && ((enclosed.is_none() && (near || at_floor)) || standing.merit > 0.2 * merit_before) {
                self.refresh(rows, design, penalty, false);
                (fresh, merit_before) = (true, f64::INFINITY);
                continue;
            }
            if at_floor || standing.merit < f64::MIN_POSITIVE {
                if arithmetic == Arithmetic::Double {
                    return Err(undecided(penalty.alpha));
                }
                arithmetic = Arithmetic::Double;
                self.pass(rows, design, arithmetic);
                merit_before = f64::INFINITY;
                continue;
            }
            if self.descend(rows, design, penalty, arithmetic, &standing) {
                (fresh, merit_before) = (false, standing.merit);
            } else {
                self.refresh(rows, design, penalty, true);
                let standing = self.stand(penalty).ok_or_else(|| undecided(penalty.alpha))?;
                if self.loss.is_smooth() {
                    if !self.descend(rows, design, penalty, arithmetic, &standing) {
                        return Err(undecided(penalty.alpha));
                    }
                } else {
                    // The objective lies under the parabola of the majorant, so that its minimum is a step down.
                    let start = self.v.clone();
                    self.go(rows, design, arithmetic, &start, &standing.step, 1.0);
                }
                (fresh, merit_before) = (false, 0.0);
            }
        }
        Err(undecided(penalty.alpha))
    }

    fn pass(&mut self, rows: &Rows, design: &Design, arithmetic: Arithmetic) {
        self.at = Some(match arithmetic {
            Arithmetic::Single => {
                self.work.passes += 1;
                self.v.iter_mut().for_each(|v| v.lo = 0.0);
                let v: Vec<f64> = self.v.iter().map(|v| v.hi).collect();
                pass(self.loss, rows, design, &v, &rows.y)
            }
            Arithmetic::Double => {
                self.work.double_passes += 1;
                pass_double(self.loss, rows, design, &self.v, &rows.y)
            }
        });
        self.measure_drift();
    }

    fn measure_drift(&mut self) {
        let (Some(at), Some(reference)) = (&self.at, &mut self.reference) else { return };
        let k = self.loss.n_outputs();
        let pairs = at.margins.chunks_exact(k).zip(reference.margins.chunks_exact(k));
        let range = |(now, then): (&[f64], &[f64])| {
            let changes = now.iter().zip(then).map(|(now, then)| now - then);
            let (low, high) = changes.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), c| (low.min(c), high.max(c)));
            if k == 1 { high.abs() } else { high - low }
        };
        reference.drift = pairs.map(range).fold(0.0, f64::max);
    }

    /// The whole gradient, and Newton's step.
    fn stand(&self, penalty: &Penalty) -> Option<Standing> {
        let (at, reference) = (self.at.as_ref()?, self.reference.as_ref()?);
        let (mut gradient, mut errors, d) = (at.gradient.clone(), at.errors.clone(), self.d);
        let parts = gradient.chunks_exact_mut(d).zip(errors.chunks_exact_mut(d)).zip(self.v.chunks_exact(d));
        parts.for_each(|((gradient, errors), v)| penalty.gradient(v, gradient, errors, DOUBLE_UNIT));
        if self.pin > 0.0 {
            let sum = self.v.chunks_exact(d).fold(Double::default(), |sum, v| sum + v[d - 1]) * self.pin;
            let size: f64 = self.v.chunks_exact(d).map(|v| v[d - 1].hi.abs()).sum();
            for (gradient, errors) in gradient.chunks_exact_mut(d).zip(errors.chunks_exact_mut(d)) {
                gradient[d - 1] = gradient[d - 1] + sum;
                errors[d - 1] += (self.v.len() as f64) * DOUBLE_UNIT * (self.pin * size + gradient[d - 1].hi.abs());
            }
        }
        // The low parts are left off.
        errors.iter_mut().zip(&gradient).for_each(|(error, g)| *error += g.lo.abs());
        let gradient: Vec<f64> = gradient.into_iter().map(|g| g.hi).collect();
        if !gradient.iter().chain(&errors).all(|x| x.is_finite()) {
            return None;
        }
        let step = reference.inverse.times(&gradient);
        let square: f64 = gradient.iter().zip(&step).map(|(g, s)| g * s).sum();
        let floor = errors.iter().zip(reference.inverse.roots()).map(|(e, root)| e * root).sum();
        Some(Standing { gradient, errors, step, merit: square.max(0.0).sqrt(), floor })
    }

    /// Goes down along the step, halving it until the gradient is smaller or the objective certainly is; tells whether it went.
    fn descend(&mut self, rows: &Rows, design: &Design, penalty: &Penalty, arithmetic: Arithmetic, standing: &Standing) -> bool {
        let (start, found) = (self.v.clone(), self.at.take());
        let mut part = 1.0;
        for _ in 0..MOST_HALVINGS {
            self.go(rows, design, arithmetic, &start, &standing.step, part);
            if let Some(after) = self.stand(penalty) {
                let smaller = after.merit <= (1.0 - part / 4.0) * standing.merit || after.merit <= 4.0 * after.floor;
                // A convex objective that still falls in this direction has fallen all the way.
                let slope: f64 = after.gradient.iter().zip(&standing.step).map(|(g, s)| g * s).sum();
                if smaller || slope > 0.0 {
                    return true;
                }
            }
            part /= 2.0;
        }
        (self.v, self.at) = (start, found);
        self.measure_drift();
        false
    }

    fn go(&mut self, rows: &Rows, design: &Design, arithmetic: Arithmetic, start: &[Double], step: &[f64], part: f64) {
        for ((v, start), step) in self.v.iter_mut().zip(start).zip(step) {
            *v = *start - Double::from(part * step);
        }
        self.pass(rows, design, arithmetic);
    }

    /// ‖x‖_M of any row (of softmax, of a difference of two classes' rows) at the most: by the largest eigenvalue of M, or by the sum of
    /// the columns' own norms, whichever is less.
    fn reach(&self, rows: &Rows) -> f64 {
        let Some(reference) = &self.reference else { return f64::INFINITY };
        let (is_one, roots) = (self.loss.n_outputs() == 1, reference.inverse.roots());
        let whole = if is_one { 1.0 } else { 2.0_f64.sqrt() } * rows.radius * reference.inverse.largest().sqrt();
        let output = |roots: &[f64]| roots.iter().zip(&rows.maxima).map(|(root, most)| root * most).sum::<f64>();
        let parts = if is_one { 1.0 } else { 2.0 } * roots.chunks_exact(self.d).map(output).fold(0.0, f64::max);
        whole.min(parts) * SLACK
    }

    fn enclose(&mut self, rows: &Rows, design: &Design, penalty: &Penalty, standing: &Standing) -> Option<Enclosure> {
        let reach = self.reach(rows);
        let reference = self.reference.as_mut()?;
        if standing.merit * reach < 0.5
            && let Some(hessian) = reference.hessian.take()
        {
            reference.inverse.verify(&hessian, reference.entry_error);
        }
        let rho = reference.inverse.rho() + reference.penalty.distance_of_all(penalty, reference.inverse.roots(), self.d);
        if !rho.is_finite() {
            return None;
        }
        let reference = self.reference.as_ref()?;
        let evidence = Evidence { gradient: &standing.gradient, errors: &standing.errors, inverse: &reference.inverse };
        if self.loss.is_smooth() {
            let margins = self.at.as_ref()?.margin_error + reference.margin_error;
            let fixed = reference.drift + 2.0 * margins;
            // Of softmax, the range of the errors is twice an error. Written so, the exponential's bound also pays for the roundings here.
            evidence.enclose(|r| {
                let t = fixed + reach * r;
                if t < 1.0 { exp(t) * (1.0 + EXP_ERROR) * (1.0 + rho) - 1.0 } else { f64::INFINITY }
            })
        } else {
            evidence.enclose(|r| rho + self.kinks(rows, design, reach * r).unwrap_or(f64::INFINITY))
        }
    }

    /// How much the Hessian may differ from the reference's, relative to K, where no margin changes by more than `by`: the sum of the
    /// leverages of rows that are at another side of a kink than they were, or may be.
    fn kinks(&self, rows: &Rows, design: &Design, by: f64) -> Option<f64> {
        const MOST: usize = 64;
        let (at, reference) = (self.at.as_ref()?, self.reference.as_ref()?);
        let mut x = vec![0.0; self.d];
        let (mut sum, mut n) = (0.0, 0);
        for (i, ((m, then), y)) in at.margins.iter().zip(&reference.margins).zip(&rows.y).enumerate() {
            let near =
                self.loss.distance_to_kink(*m, *y) <= (by + at.margin_error) * SLACK + 4.0 * f64::EPSILON * (1.0 + m.abs() + y.abs());
            if near || self.loss.curvature(*m, *y) != self.loss.curvature(*then, *y) {
                rows.scatter(design, i, &mut x);
                sum += self.loss.jump() * leverage(&reference.inverse, &x);
                n += 1;
            }
            if n > MOST || sum > 1.0 {
                return None;
            }
        }
        Some(sum * SLACK)
    }

    /// Rounds what is enclosed.
    fn decide(&self, enclosure: &Enclosure, penalty: &Penalty, grids: &[Published]) -> Option<Vec<Vec<i64>>> {
        let Enclosure { step, errors } = enclosure;
        let v: Vec<Double> = self.v.iter().zip(step).map(|(v, step)| *v - Double::from(*step)).collect();
        let outputs = v.chunks_exact(self.d).zip(errors.chunks_exact(self.d)).zip(grids);
        outputs
            .map(|((v, errors), grid)| {
                let (weights, errors) = penalty.weights(v, errors);
                decide(grid, &weights, &errors)
            })
            .collect()
    }

    /// Makes the Hessian at the point as it stands, or something larger that is positive definite.
    fn refresh(&mut self, rows: &Rows, design: &Design, penalty: &Penalty, majorant: bool) {
        let Some(at) = &self.at else { return };
        self.work.factorisations += 1;
        let (k, d) = (self.loss.n_outputs(), self.d);
        let p = k * d;
        let mut hessian = vec![0.0; p * p];
        let (mut weights, shares) = (Vec::new(), self.loss.shares(&at.margins));
        for a in 0..k {
            for b in a..k {
                if majorant && k == 1 {
                    weights = at.margins.iter().zip(&rows.y).map(|(m, y)| self.loss.majorant(*m, *y)).collect();
                } else {
                    self.loss.curvatures(&at.margins, &shares, &rows.y, (a, b), &mut weights);
                }
                let block = gram(rows, design, &weights);
                for (j, row) in block.chunks_exact(d).enumerate() {
                    hessian[(a * d + j) * p + b * d..][..d].copy_from_slice(row);
                    hessian[(b * d + j) * p + a * d..][..d].copy_from_slice(row);
                }
                hessian[(a * d + d - 1) * p + b * d + d - 1] += self.pin;
                if a != b {
                    hessian[(b * d + d - 1) * p + a * d + d - 1] += self.pin;
                }
            }
            penalty.add_to(&mut hessian, p, a * d);
        }
        let entry_error = self.loss.curvature_error(at.margin_error) + (rows.y.len() + 24) as f64 * UNIT;
        let mut inverse = if majorant { None } else { Inverse::of(&hessian, p) };
        if inverse.is_none() && !majorant && !self.loss.is_smooth() {
            return self.refresh(rows, design, penalty, true);
        }
        let exact = inverse.is_some();
        let mut damping = f64::EPSILON;
        while inverse.is_none() && damping < 1e30 {
            for j in 0..p {
                let at = j * p + j;
                hessian[at] += damping * hessian[at].max(1e-300);
            }
            inverse = Inverse::of(&hessian, p);
            damping *= 64.0;
        }
        self.reference = inverse.map(|inverse| Reference {
            inverse,
            hessian: exact.then_some(hessian),
            entry_error,
            v: self.v.iter().map(|v| v.hi).collect(),
            margins: at.margins.clone(),
            margin_error: at.margin_error,
            penalty: penalty.clone(),
            drift: 0.0,
        });
    }
}

impl Reference {
    /// Follows a row that leaves or joins; tells whether the inverse is still of use.
    fn change(&mut self, loss: Loss, row: usize, y: f64, x: &[f64], joins: bool) -> bool {
        if self.hessian.is_some() {
            return false;
        }
        let k = loss.n_outputs();
        let margins = &self.margins[row * k..(row + 1) * k];
        let error = loss.curvature_error(self.margin_error);
        if k == 1 {
            let s = loss.curvature(margins[0], y);
            return s == 0.0 || self.inverse.change(x, s, error, joins);
        }
        // diag(p) − ppᵀ ≤ diag(p), so that the change is at most Σ_c p_c·‖x‖² in the metric of each class's block.
        let mut p = vec![0.0; k];
        super::loss::softmax(margins, &mut p);
        let share: f64 = p.iter().enumerate().map(|(c, p)| p * leverage_in(&self.inverse, x, c * x.len())).sum();
        self.inverse.widen(share * (1.0 + error) * SLACK);
        self.inverse.rho() < 0.2
    }
}

/// ‖x‖²_M or more, for a loss of one output.
fn leverage(inverse: &Inverse, x: &[f64]) -> f64 {
    leverage_in(inverse, x, 0)
}

/// The same with the block of M that starts at `first`.
fn leverage_in(inverse: &Inverse, x: &[f64], first: usize) -> f64 {
    let (roots, matrix) = (inverse.roots(), inverse.matrix());
    let p = roots.len();
    let reach: f64 = x.iter().zip(&roots[first..]).map(|(x, root)| x.abs() * root).sum::<f64>() * SLACK;
    let rows = x.iter().enumerate().filter(|(_, x)| **x != 0.0);
    let square: f64 = rows.map(|(j, a)| a * super::kernel::dot(&matrix[(first + j) * p + first..][..x.len()], x)).sum();
    (square + 4.0 * p as f64 * UNIT * reach * reach).max(0.0) * SLACK
}

impl Penalty {
    /// The distance of the penalties of all outputs.
    fn distance_of_all(&self, other: &Self, roots: &[f64], d: usize) -> f64 {
        roots.chunks_exact(d).map(|roots| self.distance(other, roots)).sum()
    }
}

#[cfg(test)]
mod tests;
