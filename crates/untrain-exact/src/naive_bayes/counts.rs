//! Sums over the records of a class: whole numbers, so that what was added can be taken away.

use std::ops::Range;

use crate::encode::{Design, Layout, Row, Scale, Source, has};

use super::NaiveBayesKind;

/// The sums over the records of one class.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct ClassCounts {
    /// How many records the class has.
    pub(super) records: u64,
    /// For each column of numbers their sum, or how many are on.
    pub(super) sums: Vec<i64>,
    /// For each column of numbers the sum of squares; none where no distribution is normal.
    pub(super) squares: Vec<i128>,
    /// The other columns that some record has, in order, each with its sum.
    pub(super) sparse: Vec<(u32, u64)>,
}

/// What a kind of naive Bayes sees of a row.
#[derive(Debug)]
pub(super) struct Lens {
    kind: NaiveBayesKind,
    threshold: f64,
    scales: Vec<Scale>,
    /// For each column of numbers the column that tells where one is missing.
    indicators: Vec<Option<u32>>,
    words: Vec<Range<u32>>,
}

impl Lens {
    pub(super) fn new(kind: NaiveBayesKind, threshold: f64, layout: &Layout, scales: Vec<Scale>) -> Self {
        let words = |source: &Source| match source {
            Source::Words { first, buckets } => Some(*first..*first + *buckets),
            Source::Number { .. } | Source::Categories { .. } => None,
        };
        let words = layout.inputs.iter().filter_map(|input| words(&input.source)).collect();
        Self { kind, threshold, scales, indicators: layout.indicators(), words }
    }

    pub(super) fn scales(&self) -> &[Scale] {
        &self.scales
    }

    /// How many records of a class have a number in a column.
    pub(super) fn present(&self, class: &ClassCounts, column: usize) -> u64 {
        class.records - self.indicators[column].map_or(0, |indicator| class.of(indicator))
    }

    /// Whether a number that is not missing is on.
    pub(super) fn is_on(&self, column: usize, q: f64) -> bool {
        self.scales[column].feature(q) > self.threshold
    }

    /// What an entry of the sparse part counts.
    pub(super) fn counted(&self, column: u32, value: f32) -> u64 {
        if self.kind == NaiveBayesKind::Bernoulli {
            let is_words = self.words.iter().any(|words| words.contains(&column));
            u64::from(!is_words || f64::from(value) > self.threshold.max(0.0))
        } else {
            value as u64
        }
    }

    /// The sums over rows of one class. `scratch` has a zero for each column, and again when it comes back; it pays for many rows.
    pub(super) fn sum(&self, design: &Design, rows: &[u32], scratch: Option<&mut Vec<u64>>) -> ClassCounts {
        let (sums, squares) = self.sum_numbers(design, rows);
        let entries = rows.iter().flat_map(|row| design.row(*row as usize).sparse);
        let entries = entries.map(|(column, value)| (*column, self.counted(*column, *value))).filter(|(_, count)| *count > 0);
        let sparse = match scratch {
            Some(scratch) => sum_in(scratch, entries),
            None => sum_sorted(entries.collect()),
        };
        ClassCounts { records: rows.len() as u64, sums, squares, sparse }
    }

    fn sum_numbers(&self, design: &Design, rows: &[u32]) -> (Vec<i64>, Vec<i128>) {
        /// The squares of so many numbers of 2^20 add up to less than 2^53, exactly.
        const BLOCK: usize = 1 << 12;
        let d = self.scales.len();
        let normal = self.kind.is_normal();
        let (mut sums, mut squares) = (vec![0; d], vec![0; if normal { d } else { 0 }]);
        let (mut block_sums, mut block_squares) = (vec![0.0_f64; d], vec![0.0_f64; d]);
        let mut on = vec![0.0; d];
        for rows in rows.chunks(BLOCK) {
            for row in rows {
                let row = design.row(*row as usize);
                let dense = if self.kind == NaiveBayesKind::Bernoulli { self.switched(&row, &mut on) } else { row.dense };
                if normal {
                    for ((sum, square), q) in block_sums.iter_mut().zip(&mut block_squares).zip(dense) {
                        let q = f64::from(*q);
                        *sum += q;
                        *square += q * q;
                    }
                } else {
                    block_sums.iter_mut().zip(dense).for_each(|(sum, q)| *sum += f64::from(*q));
                }
            }
            sums.iter_mut().zip(&mut block_sums).for_each(|(sum, block)| *sum += std::mem::take(block) as i64);
            squares.iter_mut().zip(&mut block_squares).for_each(|(sum, block)| *sum += i128::from(std::mem::take(block) as i64));
        }
        (sums, squares)
    }

    /// The numbers of a row as 1 where they are on.
    fn switched<'a>(&self, row: &Row<'_>, on: &'a mut [f32]) -> &'a [f32] {
        for (column, (on, q)) in on.iter_mut().zip(row.dense).enumerate() {
            let missing = self.indicators[column].is_some_and(|indicator| has(row.sparse, indicator));
            *on = f32::from(u8::from(!missing && self.is_on(column, f64::from(*q))));
        }
        on
    }
}

impl ClassCounts {
    /// The sum of a sparse column.
    pub(super) fn of(&self, column: u32) -> u64 {
        self.sparse.binary_search_by_key(&column, |(column, _)| *column).map_or(0, |at| self.sparse[at].1)
    }

    /// The sparse columns of a range.
    pub(super) fn within(&self, columns: &Range<u32>) -> &[(u32, u64)] {
        let at = |bound: u32| self.sparse.partition_point(|(column, _)| *column < bound);
        &self.sparse[at(columns.start)..at(columns.end)]
    }

    pub(super) fn add(&mut self, other: &Self) {
        let Self { records, sums, squares, sparse } = other;
        self.records += records;
        self.sums.iter_mut().zip(sums).for_each(|(sum, other)| *sum += other);
        self.squares.iter_mut().zip(squares).for_each(|(sum, other)| *sum += other);
        self.sparse = merged(&self.sparse, sparse, |a, b| a + b);
    }

    /// Takes sums away that are among these; a column that nobody has any more leaves.
    pub(super) fn subtract(&mut self, other: &Self) {
        let Self { records, sums, squares, sparse } = other;
        self.records -= records;
        self.sums.iter_mut().zip(sums).for_each(|(sum, other)| *sum -= other);
        self.squares.iter_mut().zip(squares).for_each(|(sum, other)| *sum -= other);
        self.sparse = merged(&self.sparse, sparse, |a, b| a - b);
    }
}

/// Sums entries by column, in a table of all columns.
fn sum_in(scratch: &mut [u64], entries: impl Iterator<Item = (u32, u64)>) -> Vec<(u32, u64)> {
    let mut touched = Vec::new();
    for (column, count) in entries {
        let sum = &mut scratch[column as usize];
        if *sum == 0 {
            touched.push(column);
        }
        *sum += count;
    }
    touched.sort_unstable();
    touched.into_iter().map(|column| (column, std::mem::take(&mut scratch[column as usize]))).collect()
}

/// Sums entries by column, after sorting them.
fn sum_sorted(mut entries: Vec<(u32, u64)>) -> Vec<(u32, u64)> {
    entries.sort_unstable();
    let equals = entries.chunk_by(|a, b| a.0 == b.0);
    equals.map(|equals| (equals[0].0, equals.iter().map(|(_, count)| count).sum())).collect()
}

/// Both lists in one, with `join` for columns that both have, and without those of which nothing is left.
fn merged(ours: &[(u32, u64)], theirs: &[(u32, u64)], join: impl Fn(u64, u64) -> u64) -> Vec<(u32, u64)> {
    let mut all = Vec::with_capacity(ours.len() + theirs.len());
    let mut ours_left = ours;
    for (column, count) in theirs {
        let at = ours_left.partition_point(|(ours, _)| ours < column);
        all.extend_from_slice(&ours_left[..at]);
        ours_left = &ours_left[at..];
        let before = match ours_left.first() {
            Some((ours, before)) if ours == column => {
                ours_left = &ours_left[1..];
                *before
            }
            _ => 0,
        };
        let after = join(before, *count);
        if after > 0 {
            all.push((*column, after));
        }
    }
    all.extend_from_slice(ours_left);
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_added_is_taken_away_without_a_trace() {
        let class = |sparse: &[(u32, u64)]| ClassCounts { records: 3, sums: vec![5], squares: vec![9], sparse: sparse.to_vec() };
        let (before, other) = (class(&[(2, 1), (5, 4), (9, 1)]), class(&[(1, 1), (5, 2), (12, 3)]));
        let mut sums = before.clone();
        sums.add(&other);
        assert_eq!(sums.sparse, [(1, 1), (2, 1), (5, 6), (9, 1), (12, 3)]);
        sums.subtract(&other);
        assert_eq!(sums, before);
    }

    #[test]
    fn both_ways_to_sum_agree() {
        let entries = vec![(7, 2), (3, 1), (7, 1), (0, 5)];
        let mut scratch = vec![0; 8];
        assert_eq!(sum_in(&mut scratch, entries.iter().copied()), sum_sorted(entries));
        assert_eq!(scratch, [0; 8]);
    }
}
