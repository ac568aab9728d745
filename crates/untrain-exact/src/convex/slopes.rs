//! The derivatives of the losses, in balls.

use super::ball::{Ball, Exponential};
use super::loss::Loss;

/// What a row's loss does at its margins.
pub(super) struct Slopes {
    /// The derivative by each margin.
    pub(super) first: Vec<Ball>,
    /// The second derivatives, row by row of a square.
    pub(super) second: Vec<Ball>,
    /// How far the margin is from a kink, at the least.
    pub(super) distance: f64,
}

/// A loss in one precision.
pub(super) struct SlopesOf {
    loss: Loss,
    bits: u32,
    exponential: Exponential,
}

impl SlopesOf {
    pub(super) fn new(loss: Loss, bits: u32) -> Self {
        Self { loss, bits, exponential: Exponential::new(bits) }
    }

    /// At margins `m` and the target `y`, which is given in `f64` too.
    pub(super) fn at(&self, m: &[Ball], y: &Ball, target: f64) -> Slopes {
        let smooth = |first, second| Slopes { first: vec![first], second: vec![second], distance: f64::INFINITY };
        let one = Ball::new(1.0, self.bits);
        match self.loss {
            Loss::Logistic => {
                // With e = e^−|m|, p is 1/(1 + e) or e/(1 + e), and p·(1 − p) is e/(1 + e)².
                let is_over = m[0].is_over_zero();
                let e = self.exponential.of(&if is_over { -&m[0] } else { m[0].clone() });
                let whole = &one + &e;
                let p = (if is_over { &one } else { &e }) / &whole;
                smooth(&p - y, &e / &(&whole * &whole))
            }
            Loss::Softmax(_) => self.softmax(m, target as usize),
            Loss::Poisson => {
                let e = self.exponential.of(&m[0]);
                smooth(&e - y, e)
            }
            Loss::Gamma => {
                let e = y * &self.exponential.of(&-&m[0]);
                smooth(&one - &e, e)
            }
            Loss::Huber { delta } => self.huber(&(&m[0] - y), &Ball::new(delta, self.bits)),
            Loss::SquaredHinge { class } => self.squared_hinge(&m[0], target == class),
        }
    }

    fn softmax(&self, m: &[Ball], class: usize) -> Slopes {
        let top = m.iter().fold(&m[0], |a, b| if (b - a).is_over_zero() { b } else { a });
        let exponentials: Vec<Ball> = m.iter().map(|m| self.exponential.of(&(m - top))).collect();
        let sum = exponentials.iter().fold(Ball::zero(self.bits), |sum, e| &sum + e);
        let shares: Vec<Ball> = exponentials.iter().map(|e| e / &sum).collect();
        let mut second = Vec::with_capacity(m.len() * m.len());
        for (a, p) in shares.iter().enumerate() {
            for (b, q) in shares.iter().enumerate() {
                let product = p * q;
                second.push(if a == b { p - &product } else { -&product });
            }
        }
        let mut first = shares;
        first[class] = &first[class] - &Ball::new(1.0, self.bits);
        Slopes { first, second, distance: f64::INFINITY }
    }

    /// Of m − y = r. The residual is the number within ±delta that is nearest to r, so it errs by no more than r does; where it is not
    /// known on which side of a kink r lies, the distance is 0.
    fn huber(&self, r: &Ball, delta: &Ball) -> Slopes {
        let distance = r.distance(delta).min(r.distance(&-delta));
        let (is_over, is_under) = ((r - delta).is_over_zero(), (&-r - delta).is_over_zero());
        let (first, second) = match (is_over, is_under) {
            (false, false) => (r.clone(), Ball::new(1.0, self.bits)),
            (true, _) => (delta.clone().widened(r.radius()), Ball::zero(self.bits)),
            (false, true) => ((-delta).widened(r.radius()), Ball::zero(self.bits)),
        };
        Slopes { first: vec![first], second: vec![second], distance }
    }

    /// As for Huber, the residual errs by no more than its larger part would.
    fn squared_hinge(&self, m: &Ball, is_class: bool) -> Slopes {
        let (one, zero) = (Ball::new(1.0, self.bits), Ball::zero(self.bits));
        let (slack, slope) = if is_class { (&one - m, -2.0) } else { (&one + m, 2.0) };
        let distance = slack.least();
        let (first, second) = if slack.is_over_zero() {
            (&Ball::new(slope, self.bits) * &slack, Ball::new(2.0, self.bits))
        } else {
            (zero.clone().widened(2.0 * slack.radius()), zero)
        };
        Slopes { first: vec![first], second: vec![second], distance }
    }
}
