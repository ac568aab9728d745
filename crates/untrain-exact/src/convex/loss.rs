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
                (if r.hi.abs() > delta { Double::from(delta.copysign(r.hi)) } else { r }, r.hi.abs())
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
    /// 2·delta times the exponential); the second is the error of the exponential and of at most `k + 6` more operations.
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

    /// The relative error of a curvature, where margins err by up to `delta`.
    pub(super) fn curvature_error(self, delta: f64) -> f64 {
        if self.is_smooth() { 4.0 * delta.min(1.0) + 4.0 * EXP_ERROR + (self.n_outputs() as f64 + 8.0) * UNIT } else { 0.0 }
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
