//! Second moments of encoded rows, and what linear learners make of them: centred, scaled, with missing numbers at the mean.
//!
//! Sums and centring are integers; a number is rounded once, when an entry of a matrix becomes `f64`.

use rayon::prelude::*;
use untrain_core::{Error, Gram, Reader, Result, Writer, nearest_f64};

use crate::cholesky::{COLLINEAR, Cholesky, Dependent, UNKNOWN};
use crate::encode::{Design, Source, Targets};

/// The most pairs of columns that are kept, over all classes that have moments of their own: 16 bytes each.
const MAX_PAIRS: u64 = 1 << 27;
/// Rows that one thread takes at a time.
const PART: usize = 1 << 14;
/// Up to so many rows are added and removed one by one.
const FEW: usize = 64;

/// The second moments of features, of a one, and of the targets if they are wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Moments {
    gram: Gram,
    shape: Shape,
}

/// Which columns there are. The dense ones are numbers, the target if it is a number, and the one; the sparse ones are all
/// other features, and the classes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Shape {
    n_dense: usize,
    n_sparse: usize,
    number: bool,
    n_classes: usize,
}

/// A symmetric matrix over features, and sums, all in quantised units in which a missing number is the mean.
#[derive(Debug, Clone)]
pub(crate) struct Scatter {
    /// How many columns there are: features, then targets.
    pub(crate) p: usize,
    /// The upper triangle, in a square: row `i` begins at `i · p`.
    pub(crate) values: Vec<f64>,
}

/// A feature or a target as a sum of columns: one column, and for a number that may be missing its indicator, times the mean.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Term {
    at: usize,
    missing: Option<Missing>,
}

/// The indicator's column, and the mean as a whole number and a rest.
#[derive(Debug, Clone, Copy)]
struct Missing {
    at: usize,
    whole: i64,
    rest: f64,
}

impl Shape {
    /// The shape of each of `groups` moments, unless they are too large.
    fn of(design: &Design, with_targets: bool, groups: usize) -> Result<Self> {
        let layout = design.layout();
        let (number, n_classes) = match design.targets() {
            Targets::Numbers(_) if with_targets => (true, 0),
            Targets::Classes { names, .. } if with_targets => (false, names.len()),
            _ => (false, 0),
        };
        let shape = Self { n_dense: layout.n_dense, n_sparse: layout.n_columns - layout.n_dense, number, n_classes };
        let (n_dense, n_sparse) = shape.gram();
        let n = (n_dense + n_sparse) as u64;
        let found = n.saturating_mul(n + 1).saturating_mul(groups.max(1) as u64) / 2;
        if found > MAX_PAIRS {
            return Err(Error::TooMany { what: "pairs of columns", found, limit: MAX_PAIRS });
        }
        Ok(shape)
    }

    /// The place of the column of ones.
    fn one(self) -> usize {
        self.n_dense + usize::from(self.number)
    }

    fn gram(self) -> (usize, usize) {
        (self.one() + 1, self.n_sparse + self.n_classes)
    }

    fn feature(self, column: usize) -> usize {
        if column < self.n_dense { column } else { column + self.one() + 1 - self.n_dense }
    }

    fn target(self, i: usize) -> usize {
        if self.number { self.n_dense } else { self.one() + 1 + self.n_sparse + i }
    }

    fn n_targets(self) -> usize {
        if self.number { 1 } else { self.n_classes }
    }

    fn fill(self, design: &Design, row: usize, dense: &mut [f64], sparse: &mut Vec<(u32, f32)>) {
        let row = design.row(row);
        dense.iter_mut().zip(row.dense).for_each(|(to, q)| *to = f64::from(*q));
        if self.number {
            dense[self.n_dense] = design.quantised_target(row.y);
        }
        dense[self.one()] = 1.0;
        sparse.extend(row.sparse.iter().map(|(column, value)| (*column - self.n_dense as u32, *value)));
        if self.n_classes > 0 {
            sparse.push(((self.n_sparse + row.y as usize) as u32, 1.0));
        }
    }
}

impl Moments {
    /// No row yet. `groups` is how many of these there will be.
    ///
    /// # Errors
    ///
    /// [`Error::TooMany`] pairs of columns.
    pub(crate) fn empty(design: &Design, with_targets: bool, groups: usize) -> Result<Self> {
        let shape = Shape::of(design, with_targets, groups)?;
        let (n_dense, n_sparse) = shape.gram();
        Ok(Self { gram: Gram::new(n_dense, n_sparse), shape })
    }

    /// The moments of all rows, by as many threads as there are.
    ///
    /// # Errors
    ///
    /// As [`Moments::empty`].
    pub(crate) fn of(design: &Design, with_targets: bool) -> Result<Self> {
        let mut moments = Self::empty(design, with_targets, 1)?;
        let shape = moments.shape;
        let n_parts = rayon::current_num_threads().min(design.len() / PART).max(1);
        let length = design.len().div_ceil(n_parts);
        let part = |first: usize| {
            let mut gram = Gram::new(shape.gram().0, shape.gram().1);
            let n = length.min(design.len() - first);
            gram.extend(n, |i, dense, sparse| shape.fill(design, first + i, dense, sparse));
            gram
        };
        let parts: Vec<Gram> = (0..n_parts).into_par_iter().map(|i| part((i * length).min(design.len()))).collect();
        parts.iter().for_each(|part| moments.gram.merge(part));
        Ok(moments)
    }

    pub(crate) fn add(&mut self, design: &Design, rows: &[u32]) {
        let Self { gram, shape } = self;
        if rows.len() > FEW {
            gram.extend(rows.len(), |i, dense, sparse| shape.fill(design, rows[i] as usize, dense, sparse));
        } else {
            each(*shape, design, rows, |dense, sparse| gram.add(dense, sparse));
        }
    }

    pub(crate) fn remove(&mut self, design: &Design, rows: &[u32]) {
        let Self { gram, shape } = self;
        if rows.len() > FEW {
            let mut leaving = Gram::new(shape.gram().0, shape.gram().1);
            leaving.extend(rows.len(), |i, dense, sparse| shape.fill(design, rows[i] as usize, dense, sparse));
            gram.separate(&leaving);
        } else {
            each(*shape, design, rows, |dense, sparse| gram.remove(dense, sparse));
        }
    }

    /// How many rows there are.
    pub(crate) fn n(&self) -> u64 {
        self.gram.at(self.shape.one(), self.shape.one()) as u64
    }

    /// How many rows are of a class.
    pub(crate) fn of_class(&self, class: usize) -> u64 {
        self.sum(self.shape.target(class)) as u64
    }

    /// The features, then the targets.
    pub(crate) fn terms(&self, design: &Design) -> Vec<Term> {
        let shape = self.shape;
        let n_features = shape.n_dense + shape.n_sparse;
        let features = (0..n_features).map(|column| Term { at: shape.feature(column), missing: None });
        let targets = (0..shape.n_targets()).map(|i| Term { at: shape.target(i), missing: None });
        let mut terms: Vec<Term> = features.chain(targets).collect();
        let scales = design.scales();
        for input in &design.layout().inputs {
            if let Source::Number { column, indicator: Some(indicator) } = &input.source {
                let mean = scales[*column as usize].mean;
                let whole = mean.round_ties_even();
                let at = shape.feature(*indicator as usize);
                terms[*column as usize].missing = Some(Missing { at, whole: whole as i64, rest: mean - whole });
            }
        }
        terms
    }

    /// An entry of [`Moments::total`].
    pub(crate) fn total_at(&self, a: &Term, b: &Term) -> f64 {
        let n = i128::from(self.n());
        let entry = |a, b| (n * self.gram.at(a, b) - self.sum(a) * self.sum(b), 0.0);
        joint(a, b, &entry)
    }

    /// `n` times the sum of products of what is left without the mean: `n·Σ(x−x̄)(y−ȳ)`.
    pub(crate) fn total(&self, terms: &[Term]) -> Scatter {
        let n = i128::from(self.n());
        let sums: Vec<i128> = (0..self.gram.n_columns()).map(|column| self.sum(column)).collect();
        scatter(terms, |a, b| (n * self.gram.at(a, b) - sums[a] * sums[b], 0.0))
    }

    /// The sum of products of what is left without the mean of the row's class.
    pub(crate) fn within(&self, terms: &[Term]) -> Scatter {
        let classes: Vec<(i128, Vec<i128>)> = (0..self.shape.n_classes)
            .map(|class| {
                let target = self.shape.target(class);
                (i128::from(self.of_class(class)), (0..self.gram.n_columns()).map(|column| self.gram.at(column, target)).collect())
            })
            .collect();
        scatter(terms, |a, b| {
            // A sum of squares over a count is a whole number and a rest; only the rests are rounded.
            let (mut whole, mut rest) = (self.gram.at(a, b), 0.0);
            for (n, sums) in &classes {
                let product = sums[a] * sums[b];
                whole -= product.div_euclid(*n);
                rest += product.rem_euclid(*n) as f64 / *n as f64;
            }
            (whole, rest)
        })
    }

    /// The sum of a column.
    pub(crate) fn total_of(&self, term: &Term) -> f64 {
        let sum = self.sum(term.at);
        match term.missing {
            None => nearest_f64(sum),
            Some(Missing { at, whole, rest }) => nearest_f64(sum + i128::from(whole) * self.sum(at)) + rest * nearest_f64(self.sum(at)),
        }
    }

    /// The means of features: `places` are the centre and the step of each.
    pub(crate) fn means(&self, terms: &[Term], places: &[(f64, f64)]) -> Vec<f64> {
        let n = self.n() as f64;
        terms.iter().zip(places).map(|(term, (centre, step))| (self.total_of(term) - n * centre) / n / step).collect()
    }

    pub(crate) fn write(&self, out: &mut Writer) {
        self.gram.write(out);
    }

    pub(crate) fn read(input: &mut Reader<'_>, design: &Design, with_targets: bool, groups: usize) -> Result<Self> {
        let shape = Shape::of(design, with_targets, groups)?;
        Ok(Self { gram: Gram::read(input, shape.gram().0, shape.gram().1)?, shape })
    }

    fn sum(&self, column: usize) -> i128 {
        self.gram.at(self.shape.one(), column)
    }
}

impl Scatter {
    pub(crate) fn at(&self, i: usize, j: usize) -> f64 {
        self.values[i.min(j) * self.p + i.max(j)]
    }

    /// The roots of the diagonal.
    pub(crate) fn roots(&self) -> Vec<f64> {
        (0..self.p).map(|i| self.at(i, i).max(0.0).sqrt()).collect()
    }

    /// The factor of the correlations, drawn by `shrinkage` towards equal variances: `spreads` are the deviations, and `sizes` what
    /// they become. On failure the column that is to blame; with shrinkage there is none.
    pub(crate) fn shrunk(&self, shrinkage: f64, roots: &[f64], spreads: &[f64], sizes: &[f64]) -> Result<Cholesky, usize> {
        let p = self.p;
        let mut matrix = vec![0.0; p * p];
        for i in 0..p {
            matrix[i * p + i] = if sizes[i] > 0.0 { 1.0 } else { 0.0 };
            for j in i + 1..p {
                if roots[i] > 0.0 && roots[j] > 0.0 && sizes[i] > 0.0 && sizes[j] > 0.0 {
                    let correlation = self.at(i, j) / roots[i] / roots[j];
                    matrix[i * p + j] = (1.0 - shrinkage) * correlation * (spreads[i] / sizes[i]) * (spreads[j] / sizes[j]);
                }
            }
        }
        let (floor, dependent) = if shrinkage == 0.0 { (COLLINEAR, Dependent::Refuse) } else { (UNKNOWN, Dependent::Raise) };
        Cholesky::new(matrix, p, floor, dependent)
    }
}

fn each(shape: Shape, design: &Design, rows: &[u32], mut act: impl FnMut(&[f64], &[(u32, f32)])) {
    let (mut dense, mut sparse) = (vec![0.0; shape.gram().0], Vec::new());
    for row in rows {
        sparse.clear();
        shape.fill(design, *row as usize, &mut dense, &mut sparse);
        act(&dense, &sparse);
    }
}

/// The matrix whose entries between columns are `entry`, each the difference of an integer and a rest.
fn scatter(terms: &[Term], entry: impl Fn(usize, usize) -> (i128, f64)) -> Scatter {
    let p = terms.len();
    let mut values = vec![0.0; p * p];
    for (i, a) in terms.iter().enumerate() {
        for (b, value) in terms[i..].iter().zip(&mut values[i * p + i..(i + 1) * p]) {
            *value = joint(a, b, &entry);
        }
    }
    Scatter { p, values }
}

/// The entry between two columns.
fn joint(a: &Term, b: &Term, entry: &impl Fn(usize, usize) -> (i128, f64)) -> f64 {
    if a.missing.is_none() && b.missing.is_none() { difference(entry(a.at, b.at)) } else { imputed(a, b, entry) }
}

fn difference((whole, rest): (i128, f64)) -> f64 {
    nearest_f64(whole) - rest
}

/// The entry between two columns of which at least one has missing numbers, which are the mean. The whole part of the mean is
/// multiplied exactly, so that only its rest, at most one half, is subject to rounding.
fn imputed(a: &Term, b: &Term, entry: &impl Fn(usize, usize) -> (i128, f64)) -> f64 {
    let column = |term: &Term| [(term.at, 1), (term.missing.map_or(term.at, |m| m.at), term.missing.map_or(0, |m| m.whole))];
    let combined = |left: &[(usize, i64)], right: &[(usize, i64)]| {
        let (mut whole, mut rest) = (0, 0.0);
        for (at, factor) in left {
            for (other, times) in right {
                if *factor != 0 && *times != 0 {
                    let (w, r) = entry(*at, *other);
                    whole += i128::from(*factor) * i128::from(*times) * w;
                    rest += (*factor as f64) * (*times as f64) * r;
                }
            }
        }
        difference((whole, rest))
    };
    let (left, right) = (column(a), column(b));
    let mut value = combined(&left, &right);
    if let Some(missing) = a.missing {
        value += missing.rest * combined(&[(missing.at, 1)], &right);
    }
    if let Some(missing) = b.missing {
        value += missing.rest * combined(&left, &[(missing.at, 1)]);
    }
    if let (Some(m), Some(o)) = (a.missing, b.missing) {
        value += m.rest * o.rest * difference(entry(m.at, o.at));
    }
    value
}
