//! Weights as multiples of the grid: the rounding of the true weight, or none where that is not proven.
//!
//! With `ε` a bound on the error of a column of `P̂` and `κ = ε / p̂_jj`, the weight `b = −p_ij / p_jj` is known up to
//! `κ (1 + |b̂|) (1 + 2κ)` if `κ ≤ 1/4`.

use rayon::prelude::*;

use super::gram::{Gram, length};
use super::inverse::Inverse;
use crate::lanes::{TO_INTEGER, real, wide};

/// The binary digits after the point of a multiple of the grid, where columns are solved more precisely.
const FRACTION: u32 = 74;
/// Boundaries are moved by multiples of `2^-34`, by less than 1/8.
const OFFSET: u32 = 34;
/// Weights that are larger are published as this.
const LARGEST: i32 = i32::MAX;
/// How often a column is solved more precisely before it is given up.
const ATTEMPTS: usize = 8;
/// How many digits more than the inverse a column may have.
const MOST_EXTRA: i32 = 60;

/// The grid, and how far each boundary of it is moved.
pub(super) struct Boundaries {
    grid: u32,
    slack: f64,
    rows: Vec<u32>,
    columns: Vec<u32>,
    live: Vec<bool>,
}

/// A rounded column, and the places where the rounding is not proven.
pub(super) struct Rounded {
    weights: Vec<i32>,
    open: Vec<u32>,
}

impl Boundaries {
    pub(super) fn new(n: usize, grid: u32, slack: f64) -> Self {
        Self { grid, slack, rows: vec![0; n], columns: vec![0; n], live: vec![false; n] }
    }

    /// Adds an item with the hashes of its row and of its column.
    pub(super) fn add(&mut self, code: u32, row: u32, column: u32) {
        let place = code as usize;
        (self.rows[place], self.columns[place], self.live[place]) = (row, column, true);
    }

    /// How far a weight is moved before it is rounded.
    fn offset(&self, i: usize, j: usize) -> i32 {
        self.rows[i].wrapping_add(self.columns[j]) as i32
    }
}

/// Solves what is not proven in rounded columns; `None` if some weight stays open, and also, if `cheaply`, if many columns had
/// to be solved.
pub(super) fn proven(
    mut columns: Vec<Rounded>,
    inverse: &Inverse,
    gram: &Gram<'_>,
    boundaries: &Boundaries,
    cheaply: bool,
) -> Option<Vec<Vec<i32>>> {
    let open = columns.iter().filter(|column| !column.open.is_empty()).count();
    if cheaply && boundaries.slack == 1.0 && open > 16 + columns.len() / 8 {
        return None;
    }
    columns.par_iter_mut().enumerate().filter(|(_, column)| !column.open.is_empty()).try_for_each(|(j, column)| {
        for (i, weight) in solve(inverse, gram, boundaries, j, &column.open)? {
            column.weights[i as usize] = weight;
        }
        Some(())
    })?;
    Some(columns.into_iter().map(|column| column.weights).collect())
}

/// The bounds on the errors of a column's weights, for a bound on the error of its entries of the inverse: `a + b · |weight|`.
fn error(epsilon: f64, diagonal: f64) -> Option<f64> {
    let kappa = epsilon / diagonal;
    (diagonal > 0.0 && kappa <= 0.25).then_some(kappa * (1.0 + 2.0 * kappa) * (1.0 + 1e-6))
}

impl Boundaries {
    /// Rounds column `j`, given as a row of the symmetric inverse of so many `digits`, with a bound on its residual.
    pub(super) fn rounded(&self, j: usize, row: &[i64], digits: i32, residual: f64, alpha: f64) -> Rounded {
        let n = row.len();
        if !self.live[j] {
            return Rounded { weights: vec![0; n], open: Vec::new() };
        }
        let others = |i: &u32| *i as usize != j && self.live[*i as usize];
        let diagonal = libm::scalbn(row[j] as f64, -digits);
        let Some(kappa) = error(residual / alpha * self.slack, diagonal) else {
            return Rounded { weights: vec![0; n], open: (0..n as u32).filter(others).collect() };
        };
        let unit = libm::scalbn(1.0, self.grid as i32);
        // Half a dozen roundings of floating point come on top.
        let (fixed, relative) = (0.5 - unit * kappa - 8.0 * f64::EPSILON, kappa + 8.0 * f64::EPSILON);
        let nearest = Nearest { factor: -unit / row[j] as f64, own: self.columns[j], fixed, relative };
        let mut weights = vec![0; n];
        let doubtful = nearest.all(row, &self.rows, &mut weights);
        weights[j] = 0;
        let doubt = |i: &u32| nearest.of(row[*i as usize], self.rows[*i as usize]).1;
        let open = if doubtful { (0..n as u32).filter(others).filter(doubt).collect() } else { Vec::new() };
        Rounded { weights, open }
    }
}

/// How the entries of a column are rounded.
#[derive(Clone, Copy)]
struct Nearest {
    factor: f64,
    own: u32,
    fixed: f64,
    relative: f64,
}

impl Nearest {
    /// The nearest multiple, and whether it is in doubt.
    #[inline(always)]
    fn of(self, entry: i64, hash: u32) -> (i32, bool) {
        const OFFSET_UNIT: f64 = 1.0 / (1_u64 << OFFSET) as f64;
        let weight = real(entry) * self.factor;
        let moved = weight + f64::from(hash.wrapping_add(self.own) as i32) * OFFSET_UNIT;
        let rounded = moved + TO_INTEGER;
        let distance = (moved - (rounded - TO_INTEGER)).abs() + weight.abs() * self.relative;
        // What is not sure is not kept, nor are the bits of what does not fit.
        (rounded.to_bits() as i32, !((distance < self.fixed) & (moved.abs() < 1e9)))
    }

    /// Rounds all of `row`, whose hashes are those of `rows`; answers whether any is in doubt.
    fn all(self, row: &[i64], rows: &[u32], weights: &mut [i32]) -> bool {
        wide(
            #[inline(always)]
            || {
                let mut doubtful = false;
                for ((weight, entry), hash) in weights.iter_mut().zip(row).zip(rows) {
                    let (rounded, doubt) = self.of(*entry, *hash);
                    *weight = rounded;
                    doubtful |= doubt;
                }
                doubtful
            },
        )
    }
}

/// Solves column `j` more precisely until the weights in `open` are proven; `None` if that does not come about.
fn solve(inverse: &Inverse, gram: &Gram<'_>, boundaries: &Boundaries, j: usize, open: &[u32]) -> Option<Vec<(u32, i32)>> {
    let mut digits = inverse.digits;
    let mut p: Vec<[i128; 1]> = inverse.rows[j].iter().map(|entry| [i128::from(*entry)]).collect();
    let mut residual = gram.times(&p);
    residual.iter_mut().for_each(|[x]| *x = -*x);
    residual[j][0] += 1_i128 << (gram.digits() + digits);
    let mut open: Vec<u32> = open.to_vec();
    let mut proven = Vec::with_capacity(open.len());
    for _ in 0..ATTEMPTS {
        let size = length(residual.iter().map(|[x]| *x));
        let epsilon = libm::scalbn(size, -(gram.digits() + digits)) / gram.alpha();
        if let Some(kappa) = error(epsilon, libm::scalbn(p[j][0] as f64, -digits)) {
            open.retain(|i| match decide(p[*i as usize][0], p[j][0], kappa, boundaries, (*i as usize, j)) {
                Some(weight) => {
                    proven.push((*i, weight));
                    false
                }
                None => true,
            });
        }
        if open.is_empty() {
            return Some(proven);
        }
        let finer = finer(size, inverse, gram, digits - inverse.digits);
        digits += finer;
        let real: Vec<f64> = residual.iter().map(|[x]| libm::scalbn(*x as f64, finer - gram.digits() - digits)).collect();
        let correction = |row: &Vec<i64>| row.iter().zip(&real).map(|(entry, residual)| *entry as f64 * residual).sum::<f64>();
        let step: Vec<[i128; 1]> =
            inverse.rows.iter().map(|row| [libm::scalbn(correction(row), digits - inverse.digits) as i128]).collect();
        let product = gram.times(&step);
        p.iter_mut().zip(&step).for_each(|(p, step)| p[0] = (p[0] << finer) + step[0]);
        residual.iter_mut().zip(&product).for_each(|(residual, product)| residual[0] = (residual[0] << finer) - product[0]);
    }
    None
}

/// By how many digits a column can be made finer, when its residual has this length and it has `extra` digits more than the
/// inverse: products with the correction, which is about the residual over α, must fit 128 bits.
fn finer(size: f64, inverse: &Inverse, gram: &Gram<'_>, extra: i32) -> i32 {
    let product = size * (1.0 + inverse.norm / gram.alpha()) * (2.0 + gram.n() as f64);
    (120 - libm::ceil(libm::log2(product.max(1.0))) as i32).clamp(0, 24).min(MOST_EXTRA - extra)
}

/// The rounding of `−entry / diagonal`, if it is the same for all weights within the bound.
fn decide(entry: i128, diagonal: i128, kappa: f64, boundaries: &Boundaries, (i, j): (usize, usize)) -> Option<i32> {
    const HALF: i128 = 1 << (FRACTION - 1);
    // With at most a quarter of it in doubt, a weight of 2^32 is far beyond the largest that is published.
    let diagonal = u128::try_from(diagonal).ok().filter(|diagonal| *diagonal > 0 && diagonal >> 126 == 0)?;
    if entry.unsigned_abs() / diagonal >= 1 << 32 {
        return Some(if entry > 0 { -LARGEST } else { LARGEST });
    }
    let weight = quotient(entry.unsigned_abs(), diagonal, boundaries.grid + FRACTION);
    let weight = if entry > 0 { -weight } else { weight };
    let moved = weight + (i128::from(boundaries.offset(i, j)) << (FRACTION - OFFSET));
    let unit = libm::scalbn(1.0, (boundaries.grid + FRACTION) as i32);
    let bound = (kappa * (unit + weight.abs() as f64) * (1.0 + 1e-6)) as i128 + 2;
    let nearest = |moved: i128| (moved + HALF) >> FRACTION;
    let (low, high) = (nearest(moved - bound), nearest(moved + bound));
    let kept = |weight: i128| weight.clamp(-i128::from(LARGEST), i128::from(LARGEST)) as i32;
    (kept(low) == kept(high)).then_some(kept(low))
}

/// `⌊2^digits · a / b⌋`, digit by digit.
fn quotient(a: u128, b: u128, digits: u32) -> i128 {
    let (mut quotient, mut rest) = (a / b, a % b);
    for _ in 0..digits {
        rest <<= 1;
        quotient <<= 1;
        if rest >= b {
            rest -= b;
            quotient |= 1;
        }
    }
    quotient as i128
}
