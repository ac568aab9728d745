//! The losses: what a margin costs, to first and second order.

use super::double::{DOUBLE_EXP_ERROR, DOUBLE_UNIT, Double};
use super::exp::{EXP_ERROR, exp};
use super::kernel::wide;

/// A convex loss of the margins of a row and its target.
///
/// A *smooth* loss is self-concordant in the sense that a change of the margins by t changes the curvature by a factor within
/// e^±t (for softmax, t is the range of the changes over the classes) [@bach2010]. Of a *kinked* one the curvature is constant
/// between kinks.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Loss {
    /// log(1 + e^m) − y·m; y is 0 or 1.
    Logistic,
    /// log Σ e^(m_c) − m_y; y is one of so many classes.
    Softmax(usize),
    /// e^m − y·m.
    Poisson,
    /// m + y·e^−m.
    Gamma,
    /// (m − y)²/2 up to a distance of `delta`, linear beyond.
    Huber {
        /// The distance.
        delta: f64,
    },
    /// max(0, 1 − m)² if y is this class, max(0, 1 + m)² if not.
    SquaredHinge {
        /// The class.
        class: f64,
    },
}

/// What bounds the rounding errors of residuals.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Magnitudes {
    /// The largest residual.
    pub(super) residual: f64,
    /// The largest intermediate result.
    pub(super) inner: f64,
}

/// The arithmetic of a pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Arithmetic {
    Single,
    Double,
}

impl Arithmetic {
    /// How much one operation errs relatively, at the most.
    pub(super) fn unit(self) -> f64 {
        match self {
            Self::Single => UNIT,
            Self::Double => DOUBLE_UNIT,
        }
    }

    fn exp_error(self) -> f64 {
        match self {
            Self::Single => EXP_ERROR,
            Self::Double => DOUBLE_EXP_ERROR,
        }
    }
}

/// Half a unit in the last place of 1.
pub(super) const UNIT: f64 = f64::EPSILON / 2.0;

impl Loss {
    /// How many margins a row has.
    pub(crate) fn n_outputs(self) -> usize {
        if let Self::Softmax(k) = self { k } else { 1 }
    }

    pub(super) fn is_smooth(self) -> bool {
        !matches!(self, Self::Huber { .. } | Self::SquaredHinge { .. })
    }

    /// The derivatives of the loss by the margins of many rows, row by row.
    pub(super) fn residuals(self, margins: &[f64], y: &[f64], out: &mut [f64]) -> Magnitudes {
        wide(
            #[inline(always)]
            || match self {
                Self::Logistic => {
                    each(margins, y, out, |m, y| (logistic(m) - y, 1.0));
                    Magnitudes { residual: 1.0, inner: 1.0 }
                }
                Self::Softmax(k) => {
                    for ((m, out), y) in margins.chunks_exact(k).zip(out.chunks_exact_mut(k)).zip(y) {
                        softmax(m, out);
                        out[*y as usize] -= 1.0;
                    }
                    Magnitudes { residual: 1.0, inner: 1.0 }
                }
                Self::Poisson => each(margins, y, out, |m, y| {
                    let e = exp(m);
                    (e - y, e)
                }),
                Self::Gamma => each(margins, y, out, |m, y| {
                    let e = y * exp(-m);
                    (1.0 - e, e)
                }),
                Self::Huber { delta } => each(margins, y, out, |m, y| ((m - y).clamp(-delta, delta), (m - y).abs())),
                Self::SquaredHinge { class } => each(margins, y, out, |m, y| {
                    let sign = if y == class { 1.0 } else { -1.0 };
                    let slack = 1.0 - sign * m;
                    (-2.0 * sign * slack.max(0.0), slack.abs())
                }),
            },
        )
    }

    /// The same of one row in double-double arithmetic.
    pub(super) fn residual_double(self, m: &[Double], y: f64, out: &mut [Double]) -> Magnitudes {
        let one = Double::from(1.0);
        let y2 = Double::from(y);
        let (r, inner) = match self {
            Self::Logistic => {
                let e = if m[0].hi > 0.0 { -m[0] } else { m[0] }.exp();
                let p = if m[0].hi > 0.0 { one / (one + e) } else { e / (one + e) };
                (p - y2, 1.0)
            }
            Self::Softmax(_) => {
                let top = m.iter().copied().fold(m[0], |a, b| if b.hi > a.hi { b } else { a });
                let mut sum = Double::default();
                for (out, m) in out.iter_mut().zip(m) {
                    *out = (*m - top).exp();
                    sum = sum + *out;
                }
                out.iter_mut().for_each(|out| *out = *out / sum);
                out[y as usize] = out[y as usize] - one;
                return Magnitudes { residual: 1.0, inner: 1.0 };
            }
            Self::Poisson => {
                let e = m[0].exp();
                (e - y2, e.hi)
            }
            Self::Gamma => {
                let e = (-m[0]).exp() * y;
                (one - e, e.hi)
            }
            Self::Huber { delta } => {
                let r = m[0] - y2;
                // The low part decides where the high part is delta itself.
                let is_beyond = (if r.hi < 0.0 { -r } else { r } - Double::from(delta)).hi > 0.0;
                (if is_beyond { Double::from(delta.copysign(r.hi)) } else { r }, r.hi.abs())
            }
            Self::SquaredHinge { class } => {
                let sign = if y == class { 1.0 } else { -1.0 };
                let slack = one - m[0] * sign;
                (if slack.hi > 0.0 { slack * (-2.0 * sign) } else { Double::default() }, slack.hi.abs())
            }
        };
        out[0] = r;
        Magnitudes { residual: r.hi.abs(), inner }
    }

    /// How far a residual may be from the true one, where margins err by up to `delta`.
    ///
    /// The first term is the largest slope of the residual times `delta` (for those that grow exponentially, e^delta − 1 under
    /// 2·delta times the exponential; of softmax, p·(1 − p)·2·delta, which is under delta/2); the second is the error of the exponential and
    /// of at most `k + 6` more operations. The difference of two margins that softmax takes errs by u·x at x, which e^−x makes under u.
    /// An argument that was clamped gives an exponential under 10^-300 instead of a smaller one, far under the 1 in the second term.
    pub(super) fn residual_error(self, arithmetic: Arithmetic, delta: f64, found: Magnitudes) -> f64 {
        let u = arithmetic.unit() * (self.n_outputs() as f64 + 6.0) + 2.0 * arithmetic.exp_error();
        let Magnitudes { residual, inner } = found;
        let slope = match self {
            Self::Logistic => 0.25,
            Self::Softmax(_) | Self::Huber { .. } => 1.0,
            Self::SquaredHinge { .. } => 2.0,
            // Where the exponential was clamped, nothing is known.
            Self::Poisson | Self::Gamma if delta < 0.5 && inner < 1e200 => 2.0 * inner,
            Self::Poisson | Self::Gamma => f64::INFINITY,
        };
        slope * delta + u * (inner + residual + 1.0)
    }

    /// The probabilities of softmax of many rows, from which all its curvatures follow; nothing for other losses.
    pub(super) fn shares(self, margins: &[f64]) -> Vec<f64> {
        let Self::Softmax(k) = self else { return Vec::new() };
        let mut shares = vec![0.0; margins.len()];
        margins.chunks_exact(k).zip(shares.chunks_exact_mut(k)).for_each(|(m, p)| softmax(m, p));
        shares
    }

    /// The second derivative of the loss by outputs `a` and `b` (by the margin, for a loss of one output), of many rows.
    /// `shares` are [`Loss::shares`] of the margins.
    pub(super) fn curvatures(self, margins: &[f64], shares: &[f64], y: &[f64], (a, b): (usize, usize), out: &mut Vec<f64>) {
        out.clear();
        if let Self::Softmax(k) = self {
            out.extend(shares.chunks_exact(k).map(|p| {
                // 1 − p as the sum of the others is right to a few digits even where p is nearly 1.
                let others = |a| p.iter().enumerate().filter(|(c, _)| *c != a).map(|(_, p)| p).sum::<f64>();
                if a == b { p[a] * others(a) } else { -p[a] * p[b] }
            }));
        } else {
            out.extend(margins.iter().zip(y).map(|(m, y)| self.curvature(*m, *y)));
        }
    }

    /// The second derivative by the margin, for a loss of one output.
    #[inline(always)]
    pub(super) fn curvature(self, m: f64, y: f64) -> f64 {
        match self {
            Self::Logistic | Self::Softmax(_) => {
                let e = exp(-m.abs());
                e / ((1.0 + e) * (1.0 + e))
            }
            Self::Poisson => exp(m),
            Self::Gamma => y * exp(-m),
            Self::Huber { delta } => f64::from(u8::from((m - y).abs() <= delta)),
            Self::SquaredHinge { class } => {
                let sign = if y == class { 1.0 } else { -1.0 };
                if sign * m < 1.0 { 2.0 } else { 0.0 }
            }
        }
    }

    /// The relative error of a curvature, where margins err by up to `delta`; of an entry off softmax's diagonal, the error relative to the
    /// root of the product of the two on the diagonal.
    ///
    /// A loss of one output errs by e^delta − 1. Of softmax, log p·(1 − p) moves by at most 2·delta, and log p·q by 2·delta·((1 − p) + (1 − q)),
    /// while p·q is only √(p·q/((1 − p)·(1 − q))) of the root: all under e^2·delta − 1, which is under 4·delta for delta ≤ 1/2. A curvature is
    /// made of at most two exponentials, each used twice.
    pub(super) fn curvature_error(self, delta: f64) -> f64 {
        if !self.is_smooth() {
            return 0.0;
        }
        let moved = if delta <= 0.5 { 4.0 * delta } else { f64::INFINITY };
        moved + 4.0 * EXP_ERROR + (self.n_outputs() as f64 + 8.0) * UNIT
    }

    /// How far a margin is from the next kink.
    pub(super) fn distance_to_kink(self, m: f64, y: f64) -> f64 {
        match self {
            Self::Huber { delta } => ((m - y).abs() - delta).abs(),
            Self::SquaredHinge { class } => (if y == class { 1.0 - m } else { 1.0 + m }).abs(),
            _ => f64::INFINITY,
        }
    }

    /// The curvature on the other side of a kink, less the one on this side, at most.
    pub(super) fn jump(self) -> f64 {
        if let Self::SquaredHinge { .. } = self { 2.0 } else { 1.0 }
    }

    /// A bound of the curvature that does not vanish, from which steps go downhill where the curvature itself vanishes.
    pub(super) fn majorant(self, m: f64, y: f64) -> f64 {
        match self {
            Self::Huber { delta } => (delta / (m - y).abs()).min(1.0),
            Self::SquaredHinge { .. } => 2.0,
            _ => self.curvature(m, y).max(1e-3),
        }
    }
}

/// 1/(1 + e^−m), with an absolute error under 5 units.
#[inline(always)]
pub(super) fn logistic(m: f64) -> f64 {
    1.0 / (1.0 + exp(-m))
}

/// The probabilities of softmax.
#[inline(always)]
pub(crate) fn softmax(m: &[f64], out: &mut [f64]) {
    let top = m.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let mut sum = 0.0;
    for (out, m) in out.iter_mut().zip(m) {
        *out = exp(m - top);
        sum += *out;
    }
    out.iter_mut().for_each(|out| *out /= sum);
}

#[inline(always)]
fn each(margins: &[f64], y: &[f64], out: &mut [f64], one: impl Fn(f64, f64) -> (f64, f64)) -> Magnitudes {
    let mut found = Magnitudes::default();
    for ((m, y), out) in margins.iter().zip(y).zip(out) {
        let (r, inner) = one(*m, *y);
        *out = r;
        found.residual = if r.abs() > found.residual { r.abs() } else { found.residual };
        found.inner = if inner > found.inner { inner } else { found.inner };
    }
    found
}

#[cfg(test)]
mod tests {
    use untrain_core::{mix, unit};

    use super::*;

    #[test]
    fn the_low_part_decides_at_a_kink_of_huber() {
        for sign in [1.0, -1.0] {
            for lo in [1e-17, 0.0, -1e-17] {
                // The residual is ±(2 + lo), of which at most 2 counts.
                let m = Double { hi: 3.0 * sign, lo: lo * sign };
                let mut out = [Double::default()];
                Loss::Huber { delta: 2.0 }.residual_double(&[m], sign, &mut out);
                assert_eq!(out[0], Double { hi: 2.0 * sign, lo: sign * f64::min(lo, 0.0) });
            }
        }
    }

    /// Against what softmax gives at margins that are off by as much as is allowed for, and that have rounding errors of their own.
    #[test]
    fn the_bounds_of_residuals_and_curvatures_hold() {
        let mut worst = [0.0_f64; 2];
        for i in 0..2000_u64 {
            let draw = |key, c| unit(mix(mix(key, i), c)) - 0.5;
            let (k, delta) = (3 + (i % 5), [1e-9, 1e-3, 0.5][i as usize % 3]);
            // At the worst, one class has nearly all and all others gain on it.
            let m: Vec<f64> = (0..k).map(|c| if c == 0 && i % 2 == 0 { 12.0 } else { 8.0 * draw(1, c) }).collect();
            let sign = |c| if i % 2 == 1 { draw(2, c).signum() } else { [1.0, -1.0][usize::from(c == 0)] };
            let off: Vec<f64> = m.iter().zip(0..).map(|(m, c)| m + delta * sign(c)).collect();
            let loss = Loss::Softmax(k as usize);
            let (mut r, mut moved) = (vec![0.0; m.len()], vec![0.0; m.len()]);
            let found = loss.residuals(&m, &[0.0], &mut r);
            loss.residuals(&off, &[0.0], &mut moved);
            let bound = loss.residual_error(Arithmetic::Single, delta, found);
            worst[0] = r.iter().zip(&moved).map(|(a, b)| (a - b).abs() / bound).fold(worst[0], f64::max);
            let curvature = |m: &[f64], pair| {
                let mut out = Vec::new();
                loss.curvatures(m, &loss.shares(m), &[0.0], pair, &mut out);
                out[0]
            };
            for (a, b) in (0..m.len()).flat_map(|a| (0..m.len()).map(move |b| (a, b))) {
                let size = (curvature(&m, (a, a)) * curvature(&m, (b, b))).sqrt();
                let change = (curvature(&m, (a, b)) - curvature(&off, (a, b))).abs();
                worst[1] = worst[1].max(change / (loss.curvature_error(delta) * size));
            }
        }
        assert!(worst.iter().all(|worst| *worst < 1.0 && *worst > 0.1), "{worst:?}");
    }

    #[test]
    fn residuals_are_as_near_to_those_of_double_double_as_is_said() {
        let losses =
            [Loss::Logistic, Loss::Softmax(3), Loss::Poisson, Loss::Gamma, Loss::Huber { delta: 1.5 }, Loss::SquaredHinge { class: 1.0 }];
        for (loss, i) in losses.into_iter().flat_map(|loss| (0..500_u64).map(move |i| (loss, i))) {
            let wide = [0.1, 5.0, 40.0][i as usize % 3];
            let m: Vec<f64> = (0..loss.n_outputs() as u64).map(|c| wide * (unit(mix(i, c)) - 0.5)).collect();
            let y = (i % 2) as f64 + f64::from(u8::from(loss == Loss::Gamma));
            let (mut r, mut precise) = (vec![0.0; m.len()], vec![Double::default(); m.len()]);
            let found = loss.residuals(&m, &[y], &mut r);
            loss.residual_double(&m.iter().map(|m| Double::from(*m)).collect::<Vec<_>>(), y, &mut precise);
            let bound = loss.residual_error(Arithmetic::Single, 0.0, found);
            assert!(r.iter().zip(&precise).all(|(r, p)| (Double::from(*r) - *p).hi.abs() < bound), "{loss:?} at {m:?}");
        }
    }
}
