//! A rough inverse of the Hessian, which makes conjugate gradients converge in few steps: the columns that matter most against each other,
//! all others by themselves, every output for itself. It is never part of a proof.

use super::products::{Curvatures, Problem, Shape};
use crate::cholesky::{Cholesky, Dependent, UNKNOWN};
use crate::convex::gram::{BLOCK, Packs};

/// The most columns that are taken together.
const MOST_HEAD: usize = 512;
/// The most numbers in all factors.
const MOST_ENTRIES: usize = 1 << 22;
/// The products of columns are found from some blocks of rows: so many rows for each column, and no fewer than so many blocks.
const ROWS_EACH: usize = 16;
const FEWEST_BLOCKS: usize = 8;

/// The rough inverse.
#[derive(Debug, Clone)]
pub(super) struct Metric {
    shape: Shape,
    /// One over the diagonal.
    scales: Vec<f64>,
    /// The columns that are taken together, by number.
    head: Vec<u32>,
    /// For each output the factor of their Hessian, scaled to a diagonal of ones, and the scales.
    factors: Vec<(Cholesky, Vec<f64>)>,
}

impl Metric {
    /// The metric of the Hessian with these curvatures.
    pub(super) fn new(problem: &Problem<'_>, curvatures: &Curvatures) -> Self {
        let shape = problem.shape;
        let diagonal = diagonal(problem, curvatures);
        let head = head(shape, &diagonal);
        let mut places = vec![u32::MAX; shape.d];
        head.iter().enumerate().for_each(|(place, column)| places[*column as usize] = place as u32);
        let factors = (0..shape.k).map(|output| factor(problem, curvatures, output, &head, &places)).collect();
        Self { shape, scales: diagonal.into_iter().map(|x| if x > 0.0 { 1.0 / x } else { 0.0 }).collect(), head, factors }
    }

    /// Makes `z` the metric times `r`.
    pub(super) fn apply(&self, r: &[f64], z: &mut [f64]) {
        z.iter_mut().zip(r).zip(&self.scales).for_each(|((z, r), scale)| *z = r * scale);
        let mut x = vec![0.0; self.head.len()];
        for (output, (factor, scales)) in self.factors.iter().enumerate() {
            let place = |column: &u32| self.shape.place(output, *column as usize);
            for ((x, column), scale) in x.iter_mut().zip(&self.head).zip(scales) {
                *x = r[place(column)] * scale;
            }
            factor.solve(&mut x);
            for ((x, column), scale) in x.iter().zip(&self.head).zip(scales) {
                z[place(column)] = x * scale;
            }
        }
        self.shape.project(z);
    }
}

/// The diagonal of the Hessian.
fn diagonal(problem: &Problem<'_>, curvatures: &Curvatures) -> Vec<f64> {
    let Problem { shape, rows, packed, penalty, .. } = *problem;
    let mut out = vec![0.0; shape.len()];
    for i in 0..rows.y.len() {
        let (z, sparse) = (rows.dense(i), packed.row(i));
        for c in 0..shape.k {
            let s = curvatures.own(i, c);
            let dense = &mut out[c * shape.n_dense..(c + 1) * shape.n_dense];
            dense.iter_mut().zip(z).for_each(|(out, z)| *out += s * f64::from(*z) * f64::from(*z));
            for (column, x) in sparse {
                out[shape.place(c, shape.n_dense + *column as usize)] += s * f64::from(*x) * f64::from(*x);
            }
            out[shape.place(c, shape.d - 1)] += s;
        }
    }
    for c in 0..shape.k {
        (0..shape.d - 1).for_each(|j| out[shape.place(c, j)] += own_penalty(penalty, j));
    }
    out
}

/// The penalty's part of the diagonal.
fn own_penalty(penalty: &crate::convex::Penalty, column: usize) -> f64 {
    let Some(sigma) = penalty.sigma.get(column) else { return penalty.alpha };
    let kappa = if penalty.indicators[column].is_some() { penalty.kappa[column] } else { 0.0 };
    penalty.alpha * (sigma * sigma + kappa * kappa)
}

/// The columns that matter most: the intercept, the dense ones, and those with the largest curvatures.
fn head(shape: Shape, diagonal: &[f64]) -> Vec<u32> {
    let most = MOST_HEAD.min((MOST_ENTRIES / shape.k).isqrt()).min(shape.d);
    let mut sparse: Vec<(f64, u32)> =
        (shape.n_dense..shape.d - 1).map(|j| ((0..shape.k).map(|c| diagonal[shape.place(c, j)]).sum::<f64>(), j as u32)).collect();
    let dense = shape.n_dense.min(most - 1);
    let rest = (most - 1 - dense).min(sparse.len());
    if rest < sparse.len() {
        sparse.select_nth_unstable_by(rest, |a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
        sparse.truncate(rest);
    }
    let last = shape.d as u32 - 1;
    (0..dense as u32).chain(sparse.into_iter().map(|(_, column)| column)).chain([last]).collect()
}

/// The factor of the Hessian of one output's head, from some of the rows.
fn factor(problem: &Problem<'_>, curvatures: &Curvatures, output: usize, head: &[u32], places: &[u32]) -> (Cholesky, Vec<f64>) {
    let h = head.len();
    let mut matrix = products(problem, curvatures, output, head, places);
    for (place, column) in head.iter().enumerate().filter(|(_, column)| (**column as usize) < problem.shape.d - 1) {
        matrix[place * h + place] += own_penalty(problem.penalty, *column as usize);
    }
    let root = |x: f64| if x > 0.0 { 1.0 / x.sqrt() } else { 0.0 };
    let scales: Vec<f64> = (0..h).map(|a| root(matrix[a * h + a])).collect();
    for (a, row) in matrix.chunks_exact_mut(h).enumerate() {
        row.iter_mut().zip(&scales).for_each(|(x, scale)| *x *= scale * scales[a]);
    }
    let factor = Cholesky::new(matrix, h, UNKNOWN, Dependent::Raise).unwrap_or_else(|_| unreachable!("a pivot that is small is raised"));
    (factor, scales)
}

/// The weighted products of the head's columns, on the diagonal and over it.
fn products(problem: &Problem<'_>, curvatures: &Curvatures, output: usize, head: &[u32], places: &[u32]) -> Vec<f64> {
    let Problem { shape, rows, packed, .. } = *problem;
    let (h, n) = (head.len(), rows.y.len());
    let dense = head.iter().take_while(|column| (**column as usize) < shape.n_dense).count();
    let blocks = n.div_ceil(BLOCK);
    let some = blocks.min((ROWS_EACH * h).div_ceil(BLOCK).max(FEWEST_BLOCKS));
    let more = blocks as f64 / some as f64;
    let mut matrix = vec![0.0; h * h];
    let (mut packs, mut z, mut x) = (Packs::new(dense), Vec::new(), Vec::new());
    for block in (0..some).map(|t| t * blocks / some) {
        let range = block * BLOCK..((block + 1) * BLOCK).min(n);
        let weights: Vec<f64> = range.clone().map(|i| more * curvatures.own(i, output)).collect();
        if dense > 0 {
            z.clear();
            range.clone().for_each(|i| z.extend_from_slice(&rows.dense(i)[..dense]));
            packs.fill(&z, &weights);
            packs.add_to(&mut matrix, h);
        }
        for (i, s) in range.zip(&weights) {
            x.clear();
            let sparse = packed.row(i).iter().map(|(column, x)| (places[shape.n_dense + *column as usize], f64::from(*x)));
            x.extend(sparse.filter(|(place, _)| *place != u32::MAX));
            x.push((h as u32 - 1, 1.0));
            for (a, z) in rows.dense(i)[..dense].iter().enumerate() {
                let (row, scaled) = (&mut matrix[a * h..(a + 1) * h], s * f64::from(*z));
                x.iter().for_each(|(place, x): &(u32, f64)| row[*place as usize] += scaled * x);
            }
            for (a, x_a) in &x {
                let row = &mut matrix[*a as usize * h..(*a as usize + 1) * h];
                x.iter().filter(|(b, _)| b >= a).for_each(|(b, x_b)| row[*b as usize] += s * x_a * x_b);
            }
        }
    }
    matrix
}
