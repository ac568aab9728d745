//! The sparse columns that some row has, the most frequent first: of 2^18 hashes of words most are nobody's, and those that are everybody's
//! should lie close together.

use crate::convex::published::Published;
use crate::convex::rows::{Penalty, Rows};
use crate::encode::Design;

/// The sparse parts of the rows, in columns of their own numbers.
#[derive(Debug, Clone)]
pub(super) struct Packed {
    /// The column of the design that each sparse column is.
    columns: Vec<u32>,
    entries: Vec<(u32, f32)>,
    /// Where the entries of each row begin, and where the last end.
    starts: Vec<usize>,
    /// The sum of the magnitudes of each column, dense ones and the intercept included, or more.
    pub(super) sums: Vec<f64>,
    n_dense: usize,
    /// How many columns the design has, with the intercept.
    d: usize,
}

impl Packed {
    /// Packs the rows into the given columns, if they have all that are needed, or else into columns of their own. The second answer tells
    /// whether these are new.
    pub(super) fn new(rows: &Rows, design: &Design, columns: &mut Vec<u32>) -> (Self, bool) {
        if let Some(packed) = Self::into_columns(rows, design, columns) {
            return (packed, false);
        }
        let mut counts = vec![0_u32; rows.d];
        design.rows().flat_map(|row| row.sparse).for_each(|(column, _)| counts[*column as usize] += 1);
        *columns = (0..rows.d as u32).filter(|column| counts[*column as usize] > 0).collect();
        columns.sort_unstable_by_key(|column| (std::cmp::Reverse(counts[*column as usize]), *column));
        let packed = Self::into_columns(rows, design, columns);
        (packed.unwrap_or_else(|| unreachable!("every column of a row has been counted")), true)
    }

    fn into_columns(rows: &Rows, design: &Design, columns: &[u32]) -> Option<Self> {
        let (n_dense, d) = (rows.n_dense, rows.d);
        let mut places = vec![u32::MAX; d];
        columns.iter().enumerate().for_each(|(place, column)| places[*column as usize] = place as u32);
        let mut sums = rows.sums[..n_dense].to_vec();
        sums.resize(n_dense + columns.len() + 1, 0.0);
        let (mut entries, mut starts) = (Vec::new(), Vec::with_capacity(design.len() + 1));
        for row in design.rows() {
            starts.push(entries.len());
            for (column, x) in row.sparse {
                let place = places[*column as usize];
                *sums.get_mut(n_dense + place as usize).filter(|_| place != u32::MAX)? += f64::from(x.abs());
                entries.push((place, *x));
            }
        }
        starts.push(entries.len());
        sums[n_dense + columns.len()] = design.len() as f64;
        Some(Self { columns: columns.to_vec(), entries, starts, sums, n_dense, d })
    }

    /// How many columns there are, with the intercept, which is the last.
    pub(super) fn d(&self) -> usize {
        self.n_dense + self.columns.len() + 1
    }

    /// The sparse columns of a row, counted from the first sparse one.
    pub(super) fn row(&self, row: usize) -> &[(u32, f32)] {
        &self.entries[self.starts[row]..self.starts[row + 1]]
    }

    /// The columns of the design that the packed ones are, in their order.
    fn origins(&self) -> impl Iterator<Item = usize> {
        let sparse = self.columns.iter().map(|column| *column as usize);
        (0..self.n_dense).chain(sparse).chain([self.d - 1])
    }

    /// Numbers of packed columns from those of the design's, output by output.
    pub(super) fn pack<T: Copy>(&self, all: &[T]) -> Vec<T> {
        all.chunks_exact(self.d).flat_map(|all| self.origins().map(|column| all[column])).collect()
    }

    /// Numbers of the design's columns from those of packed ones; a column that no row has is at its default.
    pub(super) fn unpack<T: Copy + Default>(&self, packed: &[T]) -> Vec<T> {
        let mut all = vec![T::default(); packed.len() / self.d() * self.d];
        for (packed, all) in packed.chunks_exact(self.d()).zip(all.chunks_exact_mut(self.d)) {
            self.origins().zip(packed).for_each(|(column, value)| all[column] = *value);
        }
        all
    }

    /// The penalty on packed columns.
    pub(super) fn penalty(&self, penalty: &Penalty) -> Penalty {
        let place = |column: u32| self.columns.iter().position(|other| *other == column).map(|place| (self.n_dense + place) as u32);
        penalty.on(self.d(), place)
    }

    /// The grid of packed columns.
    pub(super) fn grid(&self, grid: &Published) -> Published {
        Published { grid: grid.grid, offsets: self.pack(&grid.offsets) }
    }
}
