//! Which columns a row has: a function of the retained set, kept up to date by counting.

use std::collections::BTreeSet;
use std::sync::Arc;

use untrain_core::{Dataset, Error, FixedPoint, Kind, Reader, Result, Values, Writer, exponent, nearest};

use super::BITS;
use super::params::{Preprocessing, Wanted};
use super::scale::{Scale, Sums};

/// The columns of rows: first the numbers, which are dense, then all others, which are sparse.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Layout {
    /// The features of the dataset that rows are made of, by name.
    pub(crate) inputs: Vec<Input>,
    /// How many dense columns there are.
    pub(crate) n_dense: usize,
    /// How many columns there are.
    pub(crate) n_columns: usize,
}

/// A feature of the dataset.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Input {
    pub(crate) name: String,
    pub(crate) kind: Kind,
    pub(crate) source: Source,
}

/// The columns that a feature becomes.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Source {
    /// A dense column, and a sparse one if some record lacks the number.
    Number { column: u32, indicator: Option<u32> },
    /// A sparse column for each category, sorted; `None`, the missing category, is first.
    Categories { first: u32, names: Vec<Option<String>> },
    /// A sparse column for each hash of a word.
    Words { first: u32, buckets: u32 },
}

/// What is counted of an input, so that a change of the layout is noticed.
#[derive(Debug, Clone)]
pub(super) enum Count {
    Number {
        shift: i32,
        /// How many numbers are in the upper half of the fixed point; when the last of them leaves, the point moves.
        top: u32,
        sums: Sums,
        missing: u32,
    },
    Categories(Vec<u32>),
    Words,
}

/// The targets of the retained records.
#[derive(Debug, Clone)]
pub(crate) enum Targets {
    /// The classes that some record has, sorted, with how many have each.
    Classes { names: Arc<Vec<String>>, counts: Vec<u64> },
    /// The fixed point of the numbers.
    Numbers(FixedPoint),
    /// None is wanted.
    Nothing,
}

impl Layout {
    /// The layout of the records of `data`, with its counts at zero but for fixed points.
    pub(super) fn of(how: &Preprocessing, data: &Dataset) -> Result<(Self, Vec<Count>)> {
        data.schema().refuse_images()?;
        check_names(how, data)?;
        let (mut inputs, mut counts, mut n_dense) = (Vec::new(), Vec::new(), 0);
        for (place, column) in data.schema().features() {
            let values = data.values(place);
            let (source, count) = if let Some(buckets) = how.text.get(&column.name) {
                (Source::Words { first: 0, buckets: *buckets }, Count::Words)
            } else if column.kind == Kind::Categorical {
                let names: BTreeSet<Option<&str>> = (0..data.len()).map(|i| text(&values, i)).collect();
                let names: Vec<Option<String>> = names.into_iter().map(|name| name.map(str::to_owned)).collect();
                let n = names.len();
                (Source::Categories { first: 0, names }, Count::Categories(vec![0; n]))
            } else {
                let (mut largest, mut missing) = (0.0_f64, false);
                let numbers = how.of_numbers(&column.name);
                for i in 0..data.len() {
                    match numbers.number(values.number(i)) {
                        Some(x) => largest = largest.max(x.abs()),
                        None => missing = true,
                    }
                }
                n_dense += 1;
                let shift = shift(largest);
                let count = Count::Number { shift, top: 0, sums: Sums::default(), missing: 0 };
                (Source::Number { column: n_dense - 1, indicator: missing.then_some(0) }, count)
            };
            inputs.push(Input { name: column.name.clone(), kind: column.kind, source });
            counts.push(count);
        }
        let mut layout = Self { inputs, n_dense: n_dense as usize, n_columns: 0 };
        layout.number_columns()?;
        Ok((layout, counts))
    }

    /// Gives the sparse columns their numbers.
    fn number_columns(&mut self) -> Result<()> {
        let mut next = self.n_dense as u64;
        for input in &mut self.inputs {
            let first = next as u32;
            match &mut input.source {
                Source::Number { indicator, .. } => {
                    if let Some(indicator) = indicator {
                        *indicator = first;
                        next += 1;
                    }
                }
                Source::Categories { first: place, names } => {
                    *place = first;
                    next += names.len() as u64;
                }
                Source::Words { first: place, buckets } => {
                    *place = first;
                    next += u64::from(*buckets);
                }
            }
            if next > u64::from(u32::MAX) {
                return Err(Error::TooMany { what: "columns", found: next, limit: u64::from(u32::MAX) });
            }
        }
        self.n_columns = next as usize;
        Ok(())
    }

    /// Whether the features of `data` have the names and kinds that this was made of.
    pub(super) fn fits(&self, data: &Dataset) -> bool {
        let features = data.schema().features().map(|(_, column)| (column.name.as_str(), column.kind));
        features.eq(self.inputs.iter().map(|input| (input.name.as_str(), input.kind)))
    }

    /// What a column is called.
    pub(crate) fn column_name(&self, column: usize) -> String {
        for Input { name, source, .. } in &self.inputs {
            match source {
                Source::Number { column: place, .. } if *place as usize == column => return name.clone(),
                Source::Number { indicator: Some(place), .. } if *place as usize == column => return format!("{name} is missing"),
                Source::Number { .. } => {}
                Source::Categories { first, names } => {
                    if let Some(category) = column.checked_sub(*first as usize).and_then(|place| names.get(place)) {
                        return category.as_ref().map_or_else(|| format!("{name} is missing"), |category| format!("{name}={category}"));
                    }
                }
                Source::Words { first, buckets } => {
                    if let Some(bucket) = column.checked_sub(*first as usize).filter(|bucket| *bucket < *buckets as usize) {
                        return format!("{name}#{bucket}");
                    }
                }
            }
        }
        String::new()
    }

    /// What all columns are called.
    pub(crate) fn column_names(&self) -> Vec<String> {
        (0..self.n_columns).map(|column| self.column_name(column)).collect()
    }

    /// The place among the inputs of the feature that each column belongs to.
    pub(crate) fn owners(&self) -> Vec<u32> {
        let mut owners = vec![0; self.n_columns];
        for (i, input) in self.inputs.iter().enumerate() {
            match &input.source {
                Source::Number { column, indicator } => {
                    owners[*column as usize] = i as u32;
                    indicator.iter().for_each(|column| owners[*column as usize] = i as u32);
                }
                Source::Categories { first, names } => owners[*first as usize..*first as usize + names.len()].fill(i as u32),
                Source::Words { first, buckets } => owners[*first as usize..(*first + *buckets) as usize].fill(i as u32),
            }
        }
        owners
    }

    /// The column that tells that a number is missing, for each dense column that has one.
    pub(crate) fn indicators(&self) -> Vec<Option<u32>> {
        let of = |input: &Input| match input.source {
            Source::Number { indicator, .. } => Some(indicator),
            Source::Categories { .. } | Source::Words { .. } => None,
        };
        self.inputs.iter().filter_map(of).collect()
    }

    pub(super) fn write(&self, out: &mut Writer) {
        out.varint(self.inputs.len() as u64);
        for Input { name, kind, source } in &self.inputs {
            out.text(name);
            out.kind(*kind);
            match source {
                Source::Number { indicator, .. } => {
                    out.u8(0);
                    out.flag(indicator.is_some());
                }
                Source::Categories { names, .. } => {
                    out.u8(1);
                    let missing = names.first().is_some_and(Option::is_none);
                    out.flag(missing);
                    out.varint((names.len() - usize::from(missing)) as u64);
                    names.iter().flatten().for_each(|name| out.text(name));
                }
                Source::Words { buckets, .. } => {
                    out.u8(2);
                    out.varint(u64::from(*buckets));
                }
            }
        }
    }

    pub(super) fn read(input: &mut Reader<'_>) -> Result<Self> {
        let (mut inputs, mut n_dense) = (Vec::new(), 0);
        for _ in 0..input.count()? {
            let name = input.text()?.to_owned();
            let kind = input.kind()?;
            if kind == Kind::Image {
                return Err(input.malformed("it has learnt from images"));
            }
            let source = match input.u8()? {
                0 => {
                    n_dense += 1;
                    Source::Number { column: n_dense - 1, indicator: input.flag()?.then_some(0) }
                }
                1 => {
                    let mut names = if input.flag()? { vec![None] } else { Vec::new() };
                    for _ in 0..input.count()? {
                        names.push(Some(input.text()?.to_owned()));
                    }
                    if !names.is_sorted_by(|a, b| a < b) {
                        return Err(input.malformed("categories are not sorted"));
                    }
                    Source::Categories { first: 0, names }
                }
                2 => Source::Words { first: 0, buckets: input.at_most(u32::MAX as usize)? as u32 },
                byte => return Err(input.malformed(format!("there is no source {byte}"))),
            };
            inputs.push(Input { name, kind, source });
        }
        let mut layout = Self { inputs, n_dense: n_dense as usize, n_columns: 0 };
        layout.number_columns()?;
        Ok(layout)
    }
}

impl Count {
    /// The scale of a column of numbers.
    pub(super) fn scale(&self, standardize: bool) -> Option<Scale> {
        match self {
            Self::Number { shift, sums, .. } => Some(sums.scale(*shift, standardize)),
            Self::Categories(_) | Self::Words => None,
        }
    }
}

impl Targets {
    pub(super) fn of(wanted: Wanted, data: &Dataset) -> Result<Self> {
        if wanted == Wanted::Nothing {
            return Ok(Self::Nothing);
        }
        let Some((place, column)) = data.schema().target() else {
            return Err(Error::Schema { reason: "no column is the target".to_owned() });
        };
        let values = data.values(place);
        if wanted == Wanted::Numbers {
            if column.kind == Kind::Categorical {
                let reason = format!("\"{}\" is the target of a regression and holds text", column.name);
                return Err(Error::Schema { reason });
            }
            // Each row counts its own in, as it counts it out.
            return Ok(Self::Numbers(FixedPoint::new(BITS)));
        }
        let mut names: Vec<String> = (0..data.len()).filter_map(|i| values.text(i)).collect();
        names.sort_unstable();
        names.dedup();
        let counts = vec![0; names.len()];
        Ok(Self::Classes { names: Arc::new(names), counts })
    }

    /// The classes, none for numbers.
    pub(crate) fn classes(&self) -> &[String] {
        match self {
            Self::Classes { names, .. } => names,
            Self::Numbers(_) | Self::Nothing => &[],
        }
    }
}

/// The fixed point of numbers of which `largest` has the largest magnitude; 0 if all are zero.
pub(super) fn shift(largest: f64) -> i32 {
    let exponent = exponent(largest);
    if exponent == -1023 { 0 } else { BITS as i32 - 1 - exponent }
}

/// A number in fixed point: rounded towards zero, so that the upper half of the fixed point is one binary exponent.
pub(super) fn quantise(shift: i32, x: f64) -> f64 {
    FixedPoint::truncate(shift, x)
}

/// The category of a record, as the import gave it.
pub(super) fn text<'a>(values: &Values<'a>, i: usize) -> Option<&'a str> {
    use arrow_array::Array as _;
    match values {
        Values::Texts(texts) => texts.is_valid(i).then(|| texts.value(i)),
        Values::Numbers(_) | Values::Flags(_) | Values::Images(_) => None,
    }
}

fn check_names(how: &Preprocessing, data: &Dataset) -> Result<()> {
    let Preprocessing { standardize: _, fill, log, clip, text, n_gram: _ } = how;
    let names: Vec<&str> = data.schema().features().map(|(_, column)| column.name.as_str()).collect();
    match fill.keys().chain(log).chain(clip.keys()).chain(text.keys()).find(|name| !names.contains(&name.as_str())) {
        Some(name) => Err(Error::UnknownColumn { name: name.clone(), nearest: nearest(name, names) }),
        None => Ok(()),
    }
}
