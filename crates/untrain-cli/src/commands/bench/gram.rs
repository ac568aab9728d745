//! What do exact sums cost beside plain floats, and what does a deletion cost beside a retraining that is made of them?
//!
//! Both sides run the same loops over the same matrix product; the plain one multiplies the floats as they are.

use std::hint::black_box;
use std::time::Instant;

use anyhow::Result;
use ndarray::linalg::general_mat_mul;
use ndarray::{Array2, ArrayView2, Axis, Slice};
use serde::Serialize;
use untrain_core::{Gram, Role, Task, mix, unit};
use untrain_exact::{Ridge, RidgeParams};

use super::Plan;
use super::generated::{Generated, training};
use super::markdown::Table;
use super::measure::{Corrected, singles};
use crate::table::duration;

/// How often each is repeated; the fastest counts.
const REPEATS: usize = 5;
/// Rows and columns that are multiplied at a time, as in the exact code.
const CHUNK: usize = 512;
const PANEL: usize = 32;
const BITS: u32 = 20;
const DELETIONS: usize = 1000;

#[derive(Debug, Serialize)]
pub(super) struct Report {
    sums: Vec<Sums>,
    ridge: Forgotten,
}

#[derive(Debug, Serialize)]
struct Sums {
    name: &'static str,
    n: usize,
    d: usize,
    bits: u32,
    exact_seconds: f64,
    plain_seconds: f64,
    ratio: f64,
}

#[derive(Debug, Serialize)]
struct Forgotten {
    n: usize,
    d: usize,
    train_seconds: f64,
    /// The median over single records.
    forget_seconds: f64,
    ratio: f64,
    equal: bool,
}

/// Rows as integers for one side and as floats for the other.
struct Rows {
    n: usize,
    n_dense: usize,
    n_sparse: usize,
    whole: Vec<f32>,
    plain: Vec<f64>,
    /// As many entries in each row.
    sparse: Vec<(u32, f32)>,
    hot: usize,
}

pub(super) fn run(plan: &Plan<'_>) -> Result<Report> {
    let mut sums = Vec::new();
    // Adult's numbers and categories: 6 numbers and 8 one-hots, of 100 columns.
    let shapes = [
        ("numbers", 100_000, 50, 0, 0),
        ("one-hots, sparse", 30_162, 6, 94, 8),
        ("one-hots, dense", 30_162, 100, 0, 0),
        ("images", 11_982, 784, 0, 0),
    ];
    for (name, n, n_dense, n_sparse, hot) in shapes {
        plan.say(name);
        let rows = Rows::new(n, n_dense, n_sparse, hot, if name == "one-hots, dense" { 6 } else { n_dense });
        let exact_seconds = fastest(REPEATS, || rows.exact());
        let plain_seconds = fastest(REPEATS, || rows.plain());
        let ratio = exact_seconds / plain_seconds;
        sums.push(Sums { name, n, d: n_dense + n_sparse, bits: BITS, exact_seconds, plain_seconds, ratio });
    }
    plan.say("ridge");
    Ok(Report { sums, ridge: forget(REPEATS)? })
}

fn draw(row: usize, column: usize) -> f64 {
    unit(mix(mix(0x6772_616d, row as u64), column as u64))
}

impl Rows {
    /// Columns from `n_numbers` on are 0 or 1.
    fn new(n: usize, n_dense: usize, n_sparse: usize, hot: usize, n_numbers: usize) -> Self {
        let value = |row, column| {
            let x = draw(row, column);
            if column < n_numbers { 2.0 * x - 1.0 } else { f64::from(u8::from(x < 0.08)) }
        };
        let plain: Vec<f64> = (0..n * n_dense).map(|at| value(at / n_dense, at % n_dense)).collect();
        let whole = plain.iter().map(|x| (x * f64::from(1 << BITS)) as f32).collect();
        let width = n_sparse / hot.max(1);
        let place = |row, i| (i * width + (draw(row, n_dense + i) * width as f64) as usize) as u32;
        let sparse = (0..n).flat_map(|row| (0..hot).map(move |i| (place(row, i), 1.0))).collect();
        Self { n, n_dense, n_sparse, whole, plain, sparse, hot }
    }

    fn sparse(&self, row: usize) -> &[(u32, f32)] {
        &self.sparse[row * self.hot..(row + 1) * self.hot]
    }

    fn exact(&self) -> Gram {
        let mut gram = Gram::new(self.n_dense, self.n_sparse);
        gram.extend(self.n, |row, dense, sparse| {
            dense.iter_mut().zip(&self.whole[row * self.n_dense..]).for_each(|(to, q)| *to = f64::from(*q));
            sparse.extend_from_slice(self.sparse(row));
        });
        gram
    }

    fn plain(&self) -> (Array2<f64>, Vec<f64>, Vec<f64>) {
        let (d, s) = (self.n_dense, self.n_sparse);
        let (mut products, mut cross, mut sparse) = (Array2::zeros((d, d)), vec![0.0; d * s], vec![0.0; s * s]);
        for (i, chunk) in self.plain.chunks(CHUNK * d).enumerate() {
            for (row, values) in chunk.chunks_exact(d).enumerate() {
                let hot = self.sparse(i * CHUNK + row);
                for (at, (column, value)) in hot.iter().enumerate() {
                    let sums: &mut [f64] = &mut cross[*column as usize * d..][..d];
                    sums.iter_mut().zip(values).for_each(|(sum, x)| *sum += f64::from(*value) * x);
                    hot[at..].iter().for_each(|(other, x)| sparse[*column as usize * s + *other as usize] += f64::from(value * x));
                }
            }
            let Ok(values) = ArrayView2::from_shape((chunk.len() / d, d), chunk) else { continue };
            for first in (0..d).step_by(PANEL) {
                let last = d.min(first + PANEL);
                let panel = values.slice_axis(Axis(1), Slice::from(first..last));
                let right = values.slice_axis(Axis(1), Slice::from(first..));
                let mut sums = products.slice_axis_mut(Axis(0), Slice::from(first..last));
                general_mat_mul(1.0, &panel.t(), &right, 1.0, &mut sums.slice_axis_mut(Axis(1), Slice::from(first..)));
            }
        }
        (products, cross, sparse)
    }
}

fn fastest<T>(repeats: usize, mut act: impl FnMut() -> T) -> f64 {
    let time = |()| {
        let start = Instant::now();
        black_box(act());
        start.elapsed().as_secs_f64()
    };
    std::iter::repeat_n((), repeats).map(time).fold(f64::INFINITY, f64::min)
}

/// Ridge regression on 100,000 records of 50 numbers.
fn forget(repeats: usize) -> Result<Forgotten> {
    let (n, d) = (100_000, 50);
    let x = |row, i| draw(row, i) + draw(row, i + d) - 1.0;
    let mut table = Generated::new(training(n));
    (0..d).for_each(|i| table.numbers(format!("x{i:02}"), Role::Feature, |row| x(row as usize, i)));
    let y = |row| (0..d).map(|i| x(row, i) * (i % 7) as f64).sum::<f64>() + draw(row, 2 * d);
    table.numbers("y".to_owned(), Role::Target, |row| y(row as usize));
    let data = table.dataset(None)?;
    let ridge = Ridge { params: RidgeParams::default(), task: Task::Regression };
    let Corrected { train, forget, equal, .. } = Corrected::of(&ridge, &data, repeats.min(3), &singles(&data, 0, DELETIONS), |_| Ok(()))?;
    let (train_seconds, forget_seconds) = (train, forget.median);
    Ok(Forgotten { n: n as usize, d, train_seconds, forget_seconds, ratio: train_seconds / forget_seconds, equal })
}

impl Report {
    pub(super) fn is_exact(&self) -> bool {
        self.ridge.equal
    }

    pub(super) fn markdown(&self) -> String {
        let mut table = Table::new(["columns", "n", "d", "bits", "exact", "plain f64", "ratio"].map(str::to_owned));
        for Sums { name, n, d, bits, exact_seconds, plain_seconds, ratio } in &self.sums {
            let times = [duration(*exact_seconds), duration(*plain_seconds), format!("{ratio:.2}")];
            table.row([(*name).to_owned(), n.to_string(), d.to_string(), bits.to_string()].into_iter().chain(times));
        }
        let Forgotten { n, d, train_seconds, forget_seconds, ratio, equal } = &self.ridge;
        let mut ridge = Table::new(["ridge", "n", "d", "train", "forget one", "ratio", "bytes equal"].map(str::to_owned));
        let times = [duration(*train_seconds), duration(*forget_seconds), format!("{ratio:.0}"), equal.to_string()];
        ridge.row(["regression".to_owned(), n.to_string(), d.to_string()].into_iter().chain(times));
        format!("{}\n{}", table.text(), ridge.text())
    }
}
