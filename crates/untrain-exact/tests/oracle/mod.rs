//! Optima of small convex problems by Newton's method in fixed point with 320 binary digits: as plainly as that can be written.

use std::ops::{Add, Div, Mul, Neg, Sub};

use num_bigint::BigInt;

const BITS: u32 = 320;

/// A number in fixed point.
#[derive(Debug, Clone, Default, PartialEq, PartialOrd)]
pub(crate) struct High(BigInt);

impl High {
    /// The number itself, which has no digits beyond 2^-200.
    pub(crate) fn of(x: f64) -> Self {
        let (mut x, mut exponent) = (x, BITS);
        while x.fract() != 0.0 {
            (x, exponent) = (x * 2.0, exponent - 1);
        }
        assert!(exponent >= 120 && x.abs() < 1e36, "there are too many digits");
        Self(BigInt::from(x as i128) << exponent)
    }

    /// 1 + x/1! + x²/2! + … of x/2^30, and that to the power of 2^30, with 64 digits more than are kept. Arguments beyond ±400 are met far from
    /// an optimum only.
    fn exp(&self) -> Self {
        let most = Self::of(400.0);
        if self.size() > most {
            return if *self > most { most.exp() } else { Self::default() };
        }
        let bits = BITS + 64;
        let (mut sum, mut term) = (BigInt::from(1) << bits, BigInt::from(1) << bits);
        let x: BigInt = (&self.0 << 64) >> 30;
        for i in 1..24 {
            term = ((term * &x) >> bits) / i;
            sum += &term;
        }
        for _ in 0..30 {
            sum = (&sum * &sum) >> bits;
        }
        Self(sum >> 64)
    }

    /// ⌊x·2^digits + offset + 1/2⌋.
    pub(crate) fn rounded(&self, digits: u32, offset: f64) -> i64 {
        let sum = Self(&self.0 << digits) + Self::of(offset) + Self::of(0.5);
        i64::try_from(sum.0 >> BITS).expect("it fits")
    }

    fn size(&self) -> Self {
        if self.0 < BigInt::ZERO { -self.clone() } else { self.clone() }
    }
}

impl Add for High {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self(self.0 + other.0)
    }
}

impl Sub for High {
    type Output = Self;
    fn sub(self, other: Self) -> Self {
        Self(self.0 - other.0)
    }
}

impl Neg for High {
    type Output = Self;
    fn neg(self) -> Self {
        Self(-self.0)
    }
}

impl Mul for &High {
    type Output = High;
    fn mul(self, other: Self) -> High {
        High((&self.0 * &other.0) >> BITS)
    }
}

impl Div for &High {
    type Output = High;
    fn div(self, other: Self) -> High {
        High((&self.0 << BITS) / &other.0)
    }
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Loss {
    /// Of two classes the first has the score 0.
    Softmax,
    Poisson,
    Gamma,
    Huber(f64),
    /// The class that is to be over 1.
    SquaredHinge(usize),
}

type Derivatives = (Vec<High>, Vec<Vec<High>>);

impl Loss {
    /// First and second derivatives by the margins of a row.
    fn derivatives(self, m: &[High], y: f64) -> Derivatives {
        let (zero, one, target) = (High::default(), High::of(1.0), High::of(y));
        let (g, h) = match self {
            Self::Softmax => return softmax(m, y as usize),
            Self::Poisson => (m[0].exp() - target, m[0].exp()),
            Self::Gamma => {
                let e = &target / &m[0].exp();
                (one - e.clone(), e)
            }
            Self::Huber(epsilon) => {
                let (r, epsilon) = (m[0].clone() - target, High::of(epsilon));
                if r.size() <= epsilon {
                    (r, one)
                } else if r > zero {
                    (epsilon, zero)
                } else {
                    (-epsilon, zero)
                }
            }
            Self::SquaredHinge(class) => {
                let sign = High::of(if y as usize == class { 1.0 } else { -1.0 });
                let slack = one - &sign * &m[0];
                let two = High::of(2.0);
                if slack > zero { (-(&(&two * &sign) * &slack), two) } else { (zero.clone(), zero) }
            }
        };
        (vec![g], vec![vec![h]])
    }
}

fn softmax(m: &[High], y: usize) -> Derivatives {
    let first = usize::from(m.len() == 1);
    let scores: Vec<High> = (0..first).map(|_| High::default()).chain(m.iter().cloned()).collect();
    let top = scores.iter().fold(scores[0].clone(), |top, m| if *m > top { m.clone() } else { top });
    let e: Vec<High> = scores.into_iter().map(|m| (m - top.clone()).exp()).collect();
    let sum = e.iter().cloned().fold(High::default(), High::add);
    let p: Vec<High> = e.iter().map(|e| e / &sum).collect();
    let when = |is: bool, x: &High| if is { x.clone() } else { High::default() };
    let g = (first..p.len()).map(|c| p[c].clone() - when(c == y, &High::of(1.0))).collect();
    let h = (first..p.len()).map(|a| (first..p.len()).map(|b| when(a == b, &p[a]) - &p[a] * &p[b]).collect()).collect();
    (g, h)
}

/// The rows have a 1 for the intercept as their last; the penalty is `alpha`/2 times the squares of all weights but it. Intercepts of several
/// outputs add up to 0.
pub(crate) struct Problem {
    pub(crate) loss: Loss,
    pub(crate) n_outputs: usize,
    pub(crate) alpha: f64,
    pub(crate) x: Vec<Vec<High>>,
    pub(crate) y: Vec<f64>,
}

impl Problem {
    /// Gradient and Hessian of the objective.
    fn look(&self, w: &[High]) -> Derivatives {
        let (k, d) = (self.n_outputs, w.len() / self.n_outputs);
        let (mut g, mut h) = (vec![High::default(); k * d], vec![vec![High::default(); k * d]; k * d]);
        let add = |to: &mut High, what: High| *to = to.clone() + what;
        for (x, y) in self.x.iter().zip(&self.y) {
            let margin = |w: &[High]| w.iter().zip(x).fold(High::default(), |sum, (w, x)| sum + w * x);
            let (first, second) = self.loss.derivatives(&w.chunks_exact(d).map(margin).collect::<Vec<_>>(), *y);
            for (a, i) in (0..k).flat_map(|a| (0..d).map(move |i| (a, i))) {
                add(&mut g[a * d + i], &first[a] * &x[i]);
                for (b, j) in (0..k).flat_map(|b| (0..d).map(move |j| (b, j))) {
                    add(&mut h[a * d + i][b * d + j], &(&second[a][b] * &x[i]) * &x[j]);
                }
            }
        }
        let alpha = High::of(self.alpha);
        for place in (0..k * d).filter(|place| place % d != d - 1) {
            add(&mut g[place], &alpha * &w[place]);
            add(&mut h[place][place], alpha.clone());
        }
        if k > 1 {
            let intercepts: Vec<usize> = (0..k).map(|c| c * d + d - 1).collect();
            for a in &intercepts {
                intercepts.iter().for_each(|b| add(&mut g[*a], w[*b].clone()));
                intercepts.iter().for_each(|b| add(&mut h[*a][*b], High::of(1.0)));
            }
        }
        (g, h)
    }

    /// The optimum, to 60 decimal digits or so, from somewhere near it.
    pub(crate) fn optimum(&self, start: Vec<High>) -> Vec<High> {
        let enough = High(BigInt::from(1) << (BITS - 200));
        let mut w = start;
        for _ in 0..200 {
            let (g, h) = self.look(&w);
            let step = solve(h, g);
            if step.iter().all(|s| s.size() < enough) {
                return w;
            }
            // Halved until the objective still falls at the end of it, or the end is quite near.
            let mut part = High::of(1.0);
            w = loop {
                let next: Vec<High> = w.iter().zip(&step).map(|(w, s)| w.clone() - &part * s).collect();
                let slope = self.look(&next).0.iter().zip(&step).fold(High::default(), |sum, (g, s)| sum + g * s);
                if slope > -enough.clone() || part < High::of(0.5_f64.powi(40)) {
                    break next;
                }
                part = High(part.0 >> 1);
            };
        }
        panic!("the oracle does not find the optimum of {:?}", self.loss);
    }
}

/// Gauss's elimination with the largest pivot.
fn solve(mut a: Vec<Vec<High>>, mut b: Vec<High>) -> Vec<High> {
    let p = b.len();
    for k in 0..p {
        let pivot = (k..p).max_by(|i, j| a[*i][k].size().0.cmp(&a[*j][k].size().0)).expect("there are rows left");
        assert!(a[pivot][k] != High::default(), "the matrix is singular");
        a.swap(k, pivot);
        b.swap(k, pivot);
        let (row, right) = (a[k].clone(), b[k].clone());
        for i in (0..p).filter(|i| *i != k) {
            let factor = &a[i][k] / &row[k];
            (k..p).for_each(|j| a[i][j] = a[i][j].clone() - &factor * &row[j]);
            b[i] = b[i].clone() - &factor * &right;
        }
    }
    (0..p).map(|k| &b[k] / &a[k][k]).collect()
}
