//! The rows of the retained records, with what is counted over them.

use std::sync::Arc;

use untrain_core::{Dataset, FixedPoint, Result, Values};

use super::encoder::{Encoder, push_sparse};
use super::has;
use super::layout::{Count, Layout, Source, Targets, quantise, shift, text};
use super::params::{Numbers, Preprocessing, Wanted};
use super::scale::Scale;
use crate::members::Members;

/// Rows of integers, one a record, held as `f32` where they are exact. The order of rows is history; sums of integers over
/// them are not.
#[derive(Debug, Clone)]
pub(crate) struct Design {
    how: Preprocessing,
    layout: Arc<Layout>,
    counts: Vec<Count>,
    targets: Targets,
    members: Members,
    dense: Vec<f32>,
    sparse: Vec<(u32, f32)>,
    /// Where the sparse part of a row begins, and how long it is.
    spans: Vec<(usize, u32)>,
    /// How many entries of `sparse` belong to nobody any more.
    dead: usize,
    y: Vec<f64>,
}

/// One row: the record's quantised numbers, and its sparse columns that are not 0, by column.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Row<'a> {
    /// Of the columns from 0.
    pub(crate) dense: &'a [f32],
    /// Pairs of a column and its value, an integer.
    pub(crate) sparse: &'a [(u32, f32)],
    /// The place of the class, or the number as it was given; 0 without a target.
    pub(crate) y: f64,
}

/// A record that left, as it was, to be put back if the request fails.
#[derive(Debug, Clone)]
pub(crate) struct Left {
    id: String,
    dense: Vec<f32>,
    sparse: Vec<(u32, f32)>,
    y: f64,
}

/// How many rows are read from the columns at a time, so that they stay in the cache.
const CHUNK: usize = 512;

impl Design {
    /// The rows of all records of `data`.
    ///
    /// # Errors
    ///
    /// A setting names a column that is not there; the target is missing or of the wrong kind; too many columns.
    pub(crate) fn new(how: &Preprocessing, wanted: Wanted, data: &Dataset) -> Result<Self> {
        let (layout, counts) = Layout::of(how, data)?;
        let mut design = Self {
            how: how.clone(),
            targets: Targets::of(wanted, data)?,
            members: Members::of(data),
            dense: Vec::with_capacity(data.len() * layout.n_dense),
            sparse: Vec::new(),
            spans: Vec::with_capacity(data.len()),
            dead: 0,
            y: Vec::with_capacity(data.len()),
            layout: Arc::new(layout),
            counts,
        };
        let places: Vec<usize> = (0..data.len()).collect();
        for chunk in places.chunks(CHUNK) {
            design.push_rows(data, chunk);
        }
        for row in 0..design.len() {
            design.count(row);
        }
        Ok(design)
    }

    /// How many rows there are.
    pub(crate) fn len(&self) -> usize {
        self.spans.len()
    }

    pub(crate) fn layout(&self) -> &Layout {
        &self.layout
    }

    pub(crate) fn targets(&self) -> &Targets {
        &self.targets
    }

    pub(crate) fn members(&self) -> &Members {
        &self.members
    }

    #[inline]
    pub(crate) fn row(&self, row: usize) -> Row<'_> {
        let (d, (start, len)) = (self.layout.n_dense, self.spans[row]);
        Row { dense: &self.dense[row * d..(row + 1) * d], sparse: &self.sparse[start..start + len as usize], y: self.y[row] }
    }

    pub(crate) fn rows(&self) -> impl Iterator<Item = Row<'_>> {
        (0..self.len()).map(|row| self.row(row))
    }

    /// The scales of the dense columns.
    pub(crate) fn scales(&self) -> Vec<Scale> {
        self.counts.iter().filter_map(|count| count.scale(self.how.standardize)).collect()
    }

    /// The centre and the step of every column.
    pub(crate) fn places(&self) -> Vec<(f64, f64)> {
        let mut places: Vec<(f64, f64)> = self.scales().iter().map(|scale| (scale.centre, scale.step)).collect();
        places.resize(self.layout.n_columns, (0.0, 1.0));
        places
    }

    /// The fixed point of the columns' largest number; 0 if no number differs from 0.
    pub(crate) fn shift(&self) -> i32 {
        let of = |count: &Count| match count {
            Count::Number { shift, top, .. } if *top > 0 => Some(*shift),
            Count::Number { .. } | Count::Categories(_) | Count::Words => None,
        };
        self.counts.iter().filter_map(of).min().unwrap_or(0)
    }

    /// What turns tables into rows for prediction.
    pub(crate) fn encoder(&self) -> Encoder {
        let classes = match &self.targets {
            Targets::Classes { names, .. } => Arc::clone(names),
            Targets::Numbers(_) | Targets::Nothing => Arc::default(),
        };
        Encoder::new(self.how.clone(), Arc::clone(&self.layout), self.scales(), classes)
    }

    /// Whether the features of `data` are of the kinds that the rows are made of.
    pub(crate) fn fits(&self, data: &Dataset) -> bool {
        self.layout.fits(data)
    }

    /// Whether records at `places` of `data` have columns and classes for all their values.
    pub(crate) fn admits(&self, data: &Dataset, places: &[usize]) -> bool {
        let columns = data.schema().features().map(|(place, _)| data.values(place));
        let inputs =
            self.layout.inputs.iter().zip(&self.counts).zip(columns).all(|((input, count), values)| match (&input.source, count) {
                (Source::Number { indicator, .. }, Count::Number { shift: now, .. }) => {
                    let numbers = self.how.of_numbers(&input.name);
                    places.iter().all(|place| match numbers.number(values.number(*place)) {
                        Some(x) => !is_normal(x) || (has_numbers(count) && shift(x) >= *now),
                        None => indicator.is_some(),
                    })
                }
                (Source::Categories { names, .. }, _) => {
                    places.iter().all(|place| names.binary_search_by(|name| name.as_deref().cmp(&text(&values, *place))).is_ok())
                }
                (Source::Words { .. } | Source::Number { .. }, _) => true,
            });
        let target = data.schema().target().map(|(place, _)| data.values(place));
        inputs
            && match (&self.targets, target) {
                (Targets::Nothing, _) => true,
                (_, None) => false,
                (Targets::Classes { names, .. }, Some(values)) => {
                    places.iter().all(|place| values.text(*place).is_some_and(|name| names.binary_search(&name).is_ok()))
                }
                (Targets::Numbers(fixed), Some(values)) => {
                    let mut after = fixed.clone();
                    places.iter().filter_map(|place| values.number(*place)).for_each(|y| after.take(y));
                    after.shift() == fixed.shift()
                }
            }
    }

    /// Adds the records at `places` of `data`, which the design admits, as its last rows.
    pub(crate) fn push(&mut self, data: &Dataset, places: &[usize]) {
        let first = self.len();
        places.iter().for_each(|place| self.members.push(data.id(*place)));
        self.push_rows(data, places);
        (first..self.len()).for_each(|row| self.count(row));
    }

    /// Takes rows out. The second answer tells whether the layout, a fixed point or the classes are others without them: then
    /// the design is of no use any more but to put the rows back.
    pub(crate) fn remove(&mut self, mut rows: Vec<u32>) -> (Vec<Left>, bool) {
        // From the last to the first, so that the row that takes a place is not one that is still to leave.
        rows.sort_unstable_by(|a, b| b.cmp(a));
        let mut moved = false;
        let mut left = Vec::with_capacity(rows.len());
        for row in rows {
            moved |= self.uncount(row as usize);
            left.push(self.take_row(row as usize));
        }
        if self.dead > self.sparse.len() / 2 {
            self.compact();
        }
        (left, moved)
    }

    /// Puts back rows that left.
    pub(crate) fn put_back(&mut self, left: Vec<Left>) {
        for Left { id, dense, sparse, y } in left {
            self.members.push(&id);
            self.dense.extend(dense);
            self.spans.push((self.sparse.len(), sparse.len() as u32));
            self.sparse.extend(sparse);
            self.y.push(y);
            self.count(self.len() - 1);
        }
    }

    fn take_row(&mut self, row: usize) -> Left {
        let (d, last, (start, len)) = (self.layout.n_dense, self.len() - 1, self.spans[row]);
        let id = self.members.id(row as u32).to_owned();
        let dense = self.dense[row * d..(row + 1) * d].to_vec();
        let sparse = self.sparse[start..start + len as usize].to_vec();
        self.sparse[start..start + len as usize].fill((0, 0.0));
        self.dead += len as usize;
        self.dense.copy_within(last * d.., row * d);
        self.dense.truncate(last * d);
        self.spans.swap_remove(row);
        self.members.swap_remove(row as u32);
        Left { id, dense, sparse, y: self.y.swap_remove(row) }
    }

    fn compact(&mut self) {
        let mut sparse = Vec::with_capacity(self.sparse.len() - self.dead);
        for (start, len) in &mut self.spans {
            let from = *start;
            *start = sparse.len();
            sparse.extend_from_slice(&self.sparse[from..from + *len as usize]);
        }
        self.sparse = sparse;
        self.dead = 0;
    }

    fn push_rows(&mut self, data: &Dataset, places: &[usize]) {
        let (d, first) = (self.layout.n_dense, self.len());
        self.dense.resize((first + places.len()) * d, 0.0);
        let columns: Vec<Values<'_>> = data.schema().features().map(|(place, _)| data.values(place)).collect();
        let layout = Arc::clone(&self.layout);
        let numbers: Vec<Numbers> = layout.inputs.iter().map(|input| self.how.of_numbers(&input.name)).collect();
        for (((input, values), numbers), count) in layout.inputs.iter().zip(&columns).zip(&numbers).zip(&self.counts) {
            let (Source::Number { column, .. }, Count::Number { shift, .. }) = (&input.source, count) else { continue };
            for (i, place) in places.iter().enumerate() {
                if let Some(x) = numbers.number(values.number(*place)) {
                    self.dense[(first + i) * d + *column as usize] = quantise(*shift, x) as f32;
                }
            }
        }
        let target = data.schema().target().map(|(place, _)| data.values(place));
        for place in places {
            let start = self.sparse.len();
            for ((input, values), numbers) in layout.inputs.iter().zip(&columns).zip(&numbers) {
                push_sparse(&input.source, values, numbers, *place, self.how.n_gram, &mut self.sparse);
            }
            self.spans.push((start, (self.sparse.len() - start) as u32));
            self.y.push(self.target_of(target.as_ref(), *place));
        }
    }

    fn target_of(&self, target: Option<&Values<'_>>, place: usize) -> f64 {
        match (&self.targets, target) {
            (Targets::Nothing, _) | (_, None) => 0.0,
            (Targets::Classes { names, .. }, Some(Values::Texts(texts))) => {
                names.binary_search_by(|name| name.as_str().cmp(texts.value(place))).map_or(0.0, |class| class as f64)
            }
            (Targets::Classes { names, .. }, Some(values)) => {
                values.text(place).and_then(|name| names.binary_search(&name).ok()).map_or(0.0, |class| class as f64)
            }
            (Targets::Numbers(_), Some(values)) => values.number(place).unwrap_or_default(),
        }
    }

    fn count(&mut self, row: usize) {
        let (d, (start, len)) = (self.layout.n_dense, self.spans[row]);
        for (input, count) in self.layout.inputs.iter().zip(&mut self.counts) {
            match (&input.source, count) {
                (Source::Number { column, indicator }, Count::Number { top, sums, missing, .. }) => {
                    let hot = &self.sparse[start..start + len as usize];
                    if indicator.is_some_and(|indicator| has(hot, indicator)) {
                        *missing += 1;
                    } else {
                        let q = self.dense[row * d + *column as usize];
                        *top += u32::from(is_top(q));
                        sums.add(q as i64);
                    }
                }
                (Source::Categories { first, .. }, Count::Categories(counts)) => {
                    if let Some(at) = hot_in(&self.sparse[start..start + len as usize], *first, counts.len()) {
                        counts[at] += 1;
                    }
                }
                _ => {}
            }
        }
        match &mut self.targets {
            Targets::Classes { counts, .. } => counts[self.y[row] as usize] += 1,
            Targets::Numbers(fixed) => fixed.take(self.y[row]),
            Targets::Nothing => {}
        }
    }

    /// Counts a row out; tells whether the layout, a fixed point or the classes are others without it.
    fn uncount(&mut self, row: usize) -> bool {
        let (d, (start, len), mut moved) = (self.layout.n_dense, self.spans[row], false);
        for (input, count) in self.layout.inputs.iter().zip(&mut self.counts) {
            match (&input.source, count) {
                (Source::Number { column, indicator }, Count::Number { top, sums, missing, .. }) => {
                    let hot = &self.sparse[start..start + len as usize];
                    if indicator.is_some_and(|indicator| has(hot, indicator)) {
                        *missing -= 1;
                        moved |= *missing == 0;
                    } else {
                        let q = self.dense[row * d + *column as usize];
                        *top -= u32::from(is_top(q));
                        moved |= is_top(q) && *top == 0;
                        sums.subtract(q as i64);
                    }
                }
                (Source::Categories { first, .. }, Count::Categories(counts)) => {
                    if let Some(at) = hot_in(&self.sparse[start..start + len as usize], *first, counts.len()) {
                        counts[at] -= 1;
                        moved |= counts[at] == 0;
                    }
                }
                _ => {}
            }
        }
        match &mut self.targets {
            Targets::Classes { counts, .. } => {
                let count = &mut counts[self.y[row] as usize];
                *count -= 1;
                moved || *count == 0
            }
            Targets::Numbers(fixed) => {
                let before = fixed.shift();
                fixed.release(self.y[row]);
                moved || fixed.shift() != before
            }
            Targets::Nothing => moved,
        }
    }

    /// The binary digits of the fixed point of the targets, if they are numbers.
    pub(crate) fn target_shift(&self) -> Option<i32> {
        match &self.targets {
            Targets::Numbers(fixed) => Some(fixed.shift()),
            Targets::Classes { .. } | Targets::Nothing => None,
        }
    }

    /// A target in the fixed point of all targets; the place of a class as it is.
    pub(crate) fn quantised_target(&self, y: f64) -> f64 {
        match &self.targets {
            Targets::Numbers(fixed) => FixedPoint::quantise(fixed.shift(), y),
            Targets::Classes { .. } | Targets::Nothing => y,
        }
    }
}

/// Whether a column of numbers has any that is not zero.
fn has_numbers(count: &Count) -> bool {
    matches!(count, Count::Number { top, .. } if *top > 0)
}

/// Whether a quantised number is in the upper half of the fixed point.
fn is_top(q: f32) -> bool {
    q.abs() >= (1_u32 << (super::BITS - 1)) as f32
}

fn is_normal(x: f64) -> bool {
    x.abs() >= f64::MIN_POSITIVE
}

/// The place of the sparse column among `n` from `first` that a row has.
fn hot_in(sparse: &[(u32, f32)], first: u32, n: usize) -> Option<usize> {
    let at = sparse.partition_point(|(column, _)| *column < first);
    let (column, _) = sparse.get(at)?;
    ((*column - first) < n as u32).then_some((column - first) as usize)
}
