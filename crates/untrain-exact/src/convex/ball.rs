//! Numbers of as many binary digits as are asked for, which carry a bound on their own error.

use std::ops::{Add, Div, Mul, Neg, Sub};

use num_bigint::BigInt;

/// A real number within `radius` of `middle · 2^-bits`.
///
/// An operation gives a ball that holds the result for every choice of numbers in its operands, roundings included: what is
/// computed with balls needs no error analysis of its own. A radius that is infinite or NaN means that nothing is known.
///
/// Radii are `f64`, made larger by [`up`] after a few operations. Where a ball is rounded, its radius has the term 2^-bits; as bits
/// are [`MOST_BITS`] at most, that is far over all that `f64` can lose by underflow.
#[derive(Debug, Clone)]
pub(super) struct Ball {
    bits: u32,
    middle: BigInt,
    radius: f64,
}

/// More digits than these would let radii underflow.
pub(super) const MOST_BITS: u32 = 900;

/// A little more than a number that is not negative, and that took at most a dozen roundings.
fn up(x: f64) -> f64 {
    x * (1.0 + 16.0 * f64::EPSILON)
}

fn power(exponent: i64) -> f64 {
    libm::scalbn(1.0, exponent.clamp(-2000, 2000) as i32)
}

impl Ball {
    pub(super) fn zero(bits: u32) -> Self {
        debug_assert!(bits <= MOST_BITS);
        Self { bits, middle: BigInt::ZERO, radius: 0.0 }
    }

    /// The number itself, where it has no digit beyond 2^-bits.
    pub(super) fn new(x: f64, bits: u32) -> Self {
        if !x.is_finite() {
            return Self::unknown(bits);
        }
        let (fraction, exponent) = (x.to_bits() & ((1 << 52) - 1), (x.to_bits() >> 52 & 0x7ff) as i64);
        let (digits, exponent) = if exponent == 0 { (fraction, -1074) } else { (fraction | 1 << 52, exponent - 1075) };
        let shift = exponent + i64::from(bits);
        let exact = digits == 0 || shift >= -i64::from(digits.trailing_zeros());
        let digits = BigInt::from(digits);
        let middle = if shift >= 0 { digits << shift } else { digits >> -shift };
        let middle = if x < 0.0 { -middle } else { middle };
        let ball = Self { bits, middle, radius: 0.0 };
        if exact { ball } else { ball.widened(power(-i64::from(bits))) }
    }

    fn unknown(bits: u32) -> Self {
        Self { bits, middle: BigInt::ZERO, radius: f64::INFINITY }
    }

    /// The same number with other digits; without an error of its own.
    pub(super) fn point(&self, bits: u32) -> Self {
        let middle = if bits >= self.bits { &self.middle << (bits - self.bits) } else { &self.middle >> (self.bits - bits) };
        Self { bits, middle, radius: 0.0 }
    }

    /// What a number that errs by up to `by` more is in.
    pub(super) fn widened(mut self, by: f64) -> Self {
        self.radius = up(self.radius + by);
        self
    }

    fn ulp(&self) -> f64 {
        power(-i64::from(self.bits))
    }

    pub(super) fn radius(&self) -> f64 {
        self.radius
    }

    pub(super) fn is_finite(&self) -> bool {
        self.radius < f64::INFINITY
    }

    /// The middle in `f64`, to within a few units of its last place.
    pub(super) fn nearest(&self) -> f64 {
        let drop = self.middle.bits().saturating_sub(64);
        let top = i128::try_from(&self.middle >> drop).unwrap_or(i128::MAX);
        libm::scalbn(top as f64, (drop as i64 - i64::from(self.bits)).min(5000) as i32)
    }

    /// No number of the ball is farther from 0.
    pub(super) fn most(&self) -> f64 {
        up(up(self.nearest().abs()) + self.radius)
    }

    /// No number of the ball is nearer to 0.
    pub(super) fn least(&self) -> f64 {
        let size = self.nearest().abs() * (1.0 - 16.0 * f64::EPSILON);
        if self.radius < size { (size - self.radius) * (1.0 - 16.0 * f64::EPSILON) } else { 0.0 }
    }

    pub(super) fn is_over_zero(&self) -> bool {
        self.middle > BigInt::ZERO
    }

    /// Times 2^-by.
    fn halved(&self, by: u32) -> Self {
        Self { middle: &self.middle >> by, ..*self }.with_radius(self.radius * power(-i64::from(by)) + self.ulp())
    }

    fn with_radius(mut self, radius: f64) -> Self {
        self.radius = up(radius);
        self
    }

    /// The integer nearest to the number, if the ball is on one side of both borders.
    pub(super) fn rounded(&self) -> Option<i64> {
        let half = BigInt::from(1) << (self.bits - 1);
        let nearest: BigInt = (&self.middle + &half) >> self.bits;
        let rest = Self { middle: &self.middle - (&nearest << self.bits), ..self.clone() };
        if rest.most() < 0.5 { i64::try_from(nearest).ok() } else { None }
    }

    /// |number − other| ≥ the answer.
    pub(super) fn distance(&self, other: &Self) -> f64 {
        (self - other).least()
    }
}

impl Add for &Ball {
    type Output = Ball;

    fn add(self, other: &Ball) -> Ball {
        Ball { bits: self.bits, middle: &self.middle + &other.middle, radius: up(self.radius + other.radius) }
    }
}

impl Sub for &Ball {
    type Output = Ball;

    fn sub(self, other: &Ball) -> Ball {
        Ball { bits: self.bits, middle: &self.middle - &other.middle, radius: up(self.radius + other.radius) }
    }
}

impl Neg for &Ball {
    type Output = Ball;

    fn neg(self) -> Ball {
        Ball { bits: self.bits, middle: -&self.middle, radius: self.radius }
    }
}

impl Mul for &Ball {
    type Output = Ball;

    fn mul(self, other: &Ball) -> Ball {
        let middle = (&self.middle * &other.middle) >> self.bits;
        let (a, b) = (up(self.nearest().abs()), up(other.nearest().abs()));
        Ball { bits: self.bits, middle, radius: 0.0 }
            .with_radius(a * other.radius + b * self.radius + self.radius * other.radius + self.ulp())
    }
}

impl Div for &Ball {
    type Output = Ball;

    /// a'/b' − a/b = ((a' − a) − (a/b)·(b' − b))/b'.
    fn div(self, other: &Ball) -> Ball {
        let least = other.least();
        if least == 0.0 {
            return Ball::unknown(self.bits);
        }
        let quotient = Ball { bits: self.bits, middle: (&self.middle << self.bits) / &other.middle, radius: self.ulp() };
        let radius = (self.radius + quotient.most() * other.radius) / least + self.ulp();
        quotient.with_radius(radius)
    }
}

/// Σ ball · integer, the middle exact; an integer stands for a multiple of 2^-shift.
#[derive(Debug, Clone, Default)]
pub(super) struct Sum {
    middle: BigInt,
    radius: f64,
}

impl Sum {
    /// Adds a product; the integer is under 2^53.
    pub(super) fn add(&mut self, ball: &Ball, factor: i64) {
        self.middle += &ball.middle * factor;
        self.radius = up(self.radius + ball.radius * factor.unsigned_abs() as f64);
    }

    /// The same with the product of two such integers.
    pub(super) fn add_twice(&mut self, ball: &Ball, a: i64, b: i64) {
        self.middle += &ball.middle * (i128::from(a) * i128::from(b));
        self.radius = up(self.radius + ball.radius * (a.unsigned_abs() as f64 * b.unsigned_abs() as f64));
    }

    pub(super) fn total(&self, shift: u32, bits: u32) -> Ball {
        let ball = Ball { bits, middle: &self.middle >> shift, radius: 0.0 };
        let ulp = ball.ulp();
        ball.with_radius(self.radius * power(-i64::from(shift)) + ulp)
    }
}

/// Σ a_k·b_k with one rounding.
pub(super) fn dot<'a>(pairs: impl Iterator<Item = (&'a Ball, &'a Ball)>, bits: u32) -> Ball {
    let (mut middle, mut radius) = (BigInt::ZERO, 0.0);
    for (a, b) in pairs {
        middle += &a.middle * &b.middle;
        if a.radius > 0.0 || b.radius > 0.0 {
            radius = up(radius + up(a.nearest().abs() * b.radius) + up(b.nearest().abs() * a.radius) + a.radius * b.radius);
        }
    }
    let ball = Ball { bits, middle: middle >> bits, radius: 0.0 };
    let ulp = ball.ulp();
    ball.with_radius(radius + ulp)
}

/// The exponential function.
#[derive(Debug, Clone)]
pub(super) struct Exponential {
    bits: u32,
    /// The natural logarithm of 2.
    ln2: Ball,
}

impl Exponential {
    pub(super) fn new(bits: u32) -> Self {
        // ln 2 = 2·artanh(1/3) = Σ 2/((2i + 1)·3^(2i + 1)); what is left out is under an eighth of the last term, which is an ulp.
        let mut power_of_third = BigInt::from(2) << bits;
        power_of_third /= 3;
        let (mut middle, mut n) = (BigInt::ZERO, 0_u32);
        while power_of_third > BigInt::ZERO {
            middle += &power_of_third / (2 * n + 1);
            power_of_third /= 9;
            n += 1;
        }
        // A term errs by under two ulps: the power, which is cut n times by a ninth of what was cut, and the division.
        let ball = Ball { bits, middle, radius: 0.0 };
        let radius = f64::from(4 * n + 4) * ball.ulp();
        Self { bits, ln2: ball.with_radius(radius) }
    }

    /// e to the power of any number of the ball.
    pub(super) fn of(&self, x: &Ball) -> Ball {
        const HALVINGS: u32 = 8;
        let middle = x.nearest();
        if middle.abs() > 1e6 || x.radius.is_nan() || x.radius > 0.5 {
            return Ball::unknown(self.bits);
        }
        let k = (middle * std::f64::consts::LOG2_E).round_ties_even() as i64;
        if k > 1000 {
            return Ball::unknown(self.bits);
        }
        let mut multiple = Sum::default();
        multiple.add(&self.ln2, k);
        let rest = (&x.point(self.bits) - &multiple.total(0, self.bits)).halved(HALVINGS);
        let mut e = self.series(&rest);
        for _ in 0..HALVINGS {
            e = &e * &e;
        }
        let scaled = if k >= 0 {
            let radius = e.radius * power(k);
            Ball { middle: e.middle << k, ..e }.with_radius(radius)
        } else {
            e.halved(k.unsigned_abs() as u32)
        };
        // e^(x ± ε) is within e^x·(e^ε − 1), and e^ε − 1 is under 2·ε for ε < 1/2.
        let by = 2.0 * x.radius * scaled.most();
        scaled.widened(by)
    }

    /// Σ r^i/i!, for r under 2^-9 or so.
    fn series(&self, r: &Ball) -> Ball {
        let one = Ball::new(1.0, self.bits);
        let (mut sum, mut term, mut i) = (one.clone(), one, 1_u32);
        // The terms fall by more than half each, so what is left out is under the last one.
        loop {
            let product = &term * r;
            let radius = product.radius / f64::from(i) + product.ulp();
            term = Ball { middle: product.middle / i, ..product }.with_radius(radius);
            sum = &sum + &term;
            if term.middle.bits() <= 1 {
                let rest = term.most();
                return sum.widened(rest);
            }
            i += 1;
        }
    }
}

/// The inverse of a symmetric matrix, exactly symmetric and only nearly the inverse: `None` if it does not look positive definite.
/// Errors are not followed.
pub(super) fn inverse(matrix: &[Ball], p: usize, bits: u32) -> Option<Vec<Ball>> {
    let mut a: Vec<BigInt> = matrix.iter().map(|ball| ball.middle.clone()).collect();
    // One sweep a column turns A into −A⁻¹; only the part on the diagonal and right of it is kept up.
    for k in 0..p {
        let pivot = a[k * p + k].clone();
        if pivot <= BigInt::ZERO {
            return None;
        }
        let column: Vec<BigInt> = (0..p).map(|j| if j < k { a[j * p + k].clone() } else { a[k * p + j].clone() }).collect();
        let scaled: Vec<BigInt> = column.iter().map(|x| (x << bits) / &pivot).collect();
        for i in (0..p).filter(|i| *i != k) {
            for j in (i..p).filter(|j| *j != k) {
                let by = (&column[i] * &scaled[j]) >> bits;
                a[i * p + j] -= by;
            }
        }
        for j in (0..p).filter(|j| *j != k) {
            a[j.min(k) * p + j.max(k)].clone_from(&scaled[j]);
        }
        a[k * p + k] = -((BigInt::from(1) << (2 * bits)) / pivot);
    }
    let at = |i: usize, j: usize| -&a[i.min(j) * p + i.max(j)];
    Some((0..p * p).map(|place| Ball { bits, middle: at(place / p, place % p), radius: 0.0 }).collect())
}

#[cfg(test)]
mod tests {
    use untrain_core::{mix, unit};

    use super::*;

    fn holds(ball: &Ball, truth: &Ball) -> bool {
        // The truth is known to far more digits than the ball has.
        let rest = &ball.point(truth.bits) - truth;
        rest.nearest().abs() <= ball.radius * (1.0 + 1e-12) + truth.radius
    }

    fn number(key: u64, i: u64) -> f64 {
        let sign = if i.is_multiple_of(2) { 1.0 } else { -1.0 };
        sign * unit(mix(key, i)) * power((mix(key + 7, i) % 120) as i64 - 60)
    }

    /// The same operations with 848 digits as reference: what is inside of a ball of 212 digits must have the result inside.
    #[test]
    fn a_ball_holds_the_result_of_every_operation() {
        for i in 0..400 {
            let make = |key, bits| &Ball::new(number(key, i), bits) / &Ball::new(3.0 + number(key + 1, i).abs(), bits);
            let pairs = |bits| {
                let (a, b) = (make(1, bits), make(3, bits));
                vec![&a + &b, &a - &b, &a * &b, &a / &b, dot([(&a, &b), (&b, &b)].into_iter(), bits), a.halved(9), -&a]
            };
            assert!(pairs(212).iter().zip(&pairs(848)).all(|(ball, truth)| holds(ball, truth)), "{i}");
            // Balls that are wide: an inner number, made at one end, must give an inner result.
            let (a, b) = (make(1, 424), make(3, 424));
            let by = a.nearest().abs() / 8.0;
            let (wide, end) = (a.clone().widened(by), &a + &Ball::new(by * 0.999, 424));
            assert!(holds(&(&wide * &b), &(&end * &b)) && holds(&(&b / &wide), &(&b / &end)) && holds(&(&wide - &b), &(&end - &b)));
        }
    }

    #[test]
    fn a_ball_holds_the_exponential() {
        let (narrow, broad) = (Exponential::new(212), Exponential::new(848));
        for i in 0..300 {
            let x = (2.0 * unit(mix(5, i)) - 1.0) * [1.0, 30.0, 650.0][i as usize % 3];
            let (e, truth) = (narrow.of(&Ball::new(x, 212)), broad.of(&Ball::new(x, 848)));
            assert!(holds(&e, &truth), "{x}");
            assert!(e.radius < 1e-58 * e.nearest().max(1.0) && (e.nearest() - x.exp()).abs() < 1e-10 * x.exp() + 1e-60, "{x}");
            let wide = narrow.of(&Ball::new(x, 212).widened(0.125));
            assert!([-0.124, 0.124].iter().all(|by| holds(&wide, &broad.of(&Ball::new(x + by, 848)))), "{x}");
        }
        // e to 50 digits.
        let one = broad.of(&Ball::new(1.0, 848));
        let digits: BigInt = "271828182845904523536028747135266249775724709369995".parse().expect("a number");
        let e = Ball { bits: 848, middle: (digits << 848) / BigInt::from(10).pow(50), radius: 0.0 };
        assert!((&one - &e).most() < 1e-50);
        assert!(!narrow.of(&Ball::new(1e9, 212)).is_finite() && narrow.of(&Ball::new(-9e5, 212)).most() < 1e-60);
    }

    #[test]
    fn a_number_is_rounded_only_if_the_ball_is_clear_of_borders() {
        let ball = |x: f64, radius| Ball::new(x, 212).widened(radius).rounded();
        assert_eq!((ball(2.4, 0.0), ball(-2.6, 0.05), ball(0.25, 0.2)), (Some(2), Some(-3), Some(0)));
        assert_eq!((ball(2.5, 0.0), ball(2.4, 0.11), ball(0.25, f64::NAN), ball(1e30, 0.0)), (None, None, None, None));
    }

    #[test]
    fn a_number_is_taken_as_it_is_or_with_its_error() {
        assert_eq!(Ball::new(-1.5e-20, 212).radius, 0.0);
        assert!(Ball::new(1e-70, 212).radius > 0.0 && Ball::new(0.0, 212).radius == 0.0);
        assert_eq!((Ball::new(-1.5e-20, 212).nearest(), Ball::new(1e30, 424).nearest()), (-1.5e-20, 1e30));
        assert!(!Ball::new(f64::NAN, 212).is_finite());
        let tiny = Ball::new(1.0, 212).widened(0.5);
        assert!(tiny.least() <= 0.5 && tiny.most() >= 1.5 && !(&tiny / &tiny.clone().widened(0.6)).is_finite());
    }

    #[test]
    fn a_matrix_times_its_inverse_is_one() {
        let p = 5;
        let entry = |i: usize, j: usize| if i == j { 4.0 } else { 1.0 / (1.0 + (i + j) as f64) };
        let a: Vec<Ball> = (0..p * p).map(|at| Ball::new(entry(at / p, at % p), 212)).collect();
        let m = inverse(&a, p, 212).expect("it is positive definite");
        for (i, row) in m.chunks_exact(p).enumerate() {
            for j in 0..p {
                let product = dot(row.iter().zip(&a[j * p..]), 212).nearest();
                assert!((product - f64::from(u8::from(i == j))).abs() < 1e-60);
            }
        }
        assert!(inverse(&[1.0, 2.0, 2.0, 1.0].map(|x| Ball::new(x, 212)), 2, 212).is_none());
    }
}
