//! What a served model needs to turn tables into rows.

use std::sync::Arc;

use untrain_core::{Dataset, Error, Kind, Reader, Result, Seed, Values, Writer, one_of};

use super::layout::{Input, Layout, Source, quantise, text};
use super::params::{Numbers, Preprocessing};
use super::scale::Scale;

const PURPOSE_WORD: u64 = 0x776f_7264_0000_0000; // "word"

/// Preprocessing with everything that it took from the retained set.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Encoder {
    how: Preprocessing,
    layout: Arc<Layout>,
    scales: Vec<Scale>,
    classes: Arc<Vec<String>>,
}

/// An encoder with the columns of a table.
#[derive(Debug)]
pub(crate) struct Bound<'a> {
    encoder: &'a Encoder,
    columns: Vec<(Values<'a>, Numbers)>,
}

impl Encoder {
    pub(super) fn new(how: Preprocessing, layout: Arc<Layout>, scales: Vec<Scale>, classes: Arc<Vec<String>>) -> Self {
        Self { how, layout, scales, classes }
    }

    pub(crate) fn layout(&self) -> &Layout {
        &self.layout
    }

    /// The settings that it was made with.
    pub(crate) fn preprocessing(&self) -> &Preprocessing {
        &self.how
    }

    /// The scales of the dense columns.
    pub(crate) fn scales(&self) -> &[Scale] {
        &self.scales
    }

    /// The classes, sorted; none for a learner that has no classes.
    pub(crate) fn classes(&self) -> &[String] {
        &self.classes
    }

    /// The columns that a table must have.
    pub(crate) fn inputs(&self) -> Vec<(String, Kind)> {
        self.layout.inputs.iter().map(|input| (input.name.clone(), input.kind)).collect()
    }

    /// Finds the columns of a table.
    ///
    /// # Errors
    ///
    /// [`Error::UnknownColumn`], and [`Error::Schema`] for a column of another kind.
    pub(crate) fn bind<'a>(&'a self, data: &'a Dataset) -> Result<Bound<'a>> {
        let columns =
            self.layout.inputs.iter().map(|input| Ok((bind(data, input)?, self.how.of_numbers(&input.name)))).collect::<Result<_>>()?;
        Ok(Bound { encoder: self, columns })
    }

    pub(crate) fn write(&self, out: &mut Writer) {
        let Self { how, layout, scales, classes } = self;
        how.write(out);
        layout.write(out);
        scales.iter().for_each(|scale| scale.write(out));
        out.varint(classes.len() as u64);
        classes.iter().for_each(|class| out.text(class));
    }

    pub(crate) fn read(input: &mut Reader<'_>) -> Result<Self> {
        let how = Preprocessing::read(input)?;
        let layout = Layout::read(input)?;
        let scales = (0..layout.n_dense).map(|_| Scale::read(input)).collect::<Result<_>>()?;
        let classes = (0..input.count()?).map(|_| input.text().map(str::to_owned)).collect::<Result<_>>()?;
        Ok(Self { how, layout: Arc::new(layout), scales, classes: Arc::new(classes) })
    }
}

impl Bound<'_> {
    /// The features of record `i`: `dense` becomes the scaled numbers, `sparse` the columns that are not 0, by column.
    ///
    /// A category that no retained record has is no column, and a number that is missing is the mean.
    pub(crate) fn row(&self, i: usize, dense: &mut Vec<f64>, sparse: &mut Vec<(u32, f32)>) {
        dense.clear();
        self.walk(i, sparse, |number, scale| {
            dense.push(number.map_or_else(|| scale.feature(scale.mean), |x| scale.feature(quantise(scale.shift, x))));
        });
    }

    /// The numbers of record `i` in fixed point, not scaled, `None` where one is missing; the rest as [`Bound::row`] has it.
    pub(crate) fn quantised(&self, i: usize, dense: &mut Vec<Option<f64>>, sparse: &mut Vec<(u32, f32)>) {
        dense.clear();
        self.walk(i, sparse, |number, scale| dense.push(number.map(|x| quantise(scale.shift, x))));
    }

    /// Shows each number of record `i` with its scale, in the order of the columns, and collects what is sparse.
    #[inline]
    fn walk(&self, i: usize, sparse: &mut Vec<(u32, f32)>, mut number_of: impl FnMut(Option<f64>, &Scale)) {
        sparse.clear();
        let Encoder { how, layout, scales, .. } = self.encoder;
        for (input, (values, numbers)) in layout.inputs.iter().zip(&self.columns) {
            if let Source::Number { column, .. } = &input.source {
                number_of(numbers.number(values.number(i)), &scales[*column as usize]);
            }
            push_sparse(&input.source, values, numbers, i, how.n_gram, sparse);
        }
    }
}

/// Appends the sparse columns of an input that are not 0 in record `i`, by column: the same in training and in serving.
pub(super) fn push_sparse(source: &Source, values: &Values<'_>, numbers: &Numbers, i: usize, n_gram: u32, sparse: &mut Vec<(u32, f32)>) {
    match source {
        Source::Number { indicator: Some(column), .. } => {
            if numbers.is_missing(values.number(i)) {
                sparse.push((*column, 1.0));
            }
        }
        Source::Number { indicator: None, .. } => {}
        Source::Categories { first, names } => {
            if let Ok(at) = names.binary_search_by(|name| name.as_deref().cmp(&text(values, i))) {
                sparse.push((first + at as u32, 1.0));
            }
        }
        Source::Words { first, buckets } => {
            if let Some(text) = values.text(i) {
                words(&text, n_gram, *first, *buckets, sparse);
            }
        }
    }
}

/// Counts the words of a text, and rows of up to `n_gram` words, hashed into `buckets` columns from `first`.
///
/// Words are made of letters and digits of ASCII, in lower case, of apostrophes between them, and of characters beyond ASCII
/// but for the punctuation of [`is_punctuation`], as they are. What Unicode calls a letter, and which is its lower case, changes
/// from version to version; a table of it would be an input of the model.
fn words(text: &str, n_gram: u32, first: u32, buckets: u32, sparse: &mut Vec<(u32, f32)>) {
    // All words with a space between them, so that a row of words is a part of it.
    let (mut line, mut spans) = (String::with_capacity(text.len()), Vec::<(usize, usize)>::new());
    let mut start = None;
    let mut apostrophe = false;
    for c in text.chars() {
        if is_part_of_word(c) {
            let from = *start.get_or_insert_with(|| {
                if !line.is_empty() {
                    line.push(' ');
                }
                line.len()
            });
            if apostrophe && line.len() > from {
                line.push('\'');
            }
            line.extend(c.to_lowercase());
            apostrophe = false;
        } else if matches!(c, '\'' | '\u{2019}') && !apostrophe {
            apostrophe = true;
        } else {
            spans.extend(start.take().map(|from| (from, line.len())));
            apostrophe = false;
        }
    }
    spans.extend(start.map(|from| (from, line.len())));
    let mut columns: Vec<u32> = Vec::with_capacity(spans.len() * n_gram as usize);
    for n in 1..=n_gram as usize {
        for row in spans.windows(n) {
            let hash = Seed(0).hash(PURPOSE_WORD, &line.as_bytes()[row[0].0..row[n - 1].1]);
            columns.push(first + one_of(buckets, hash));
        }
    }
    columns.sort_unstable();
    sparse.extend(columns.chunk_by(|a, b| a == b).map(|equals| (equals[0], equals.len() as f32)));
}

fn is_part_of_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || (!c.is_ascii() && !is_punctuation(c))
}

/// Punctuation and spaces beyond ASCII: of Latin-1, and the blocks of general and of East Asian punctuation. The list is ours,
/// and stays as it is.
fn is_punctuation(c: char) -> bool {
    matches!(
        c,
        '\u{80}'..='\u{a9}' | '\u{ab}'..='\u{b4}' | '\u{b6}'..='\u{b9}' | '\u{bb}'..='\u{bf}' | '\u{d7}' | '\u{f7}'
            | '\u{2000}'..='\u{206f}'
            | '\u{3000}'..='\u{3004}' | '\u{3008}'..='\u{3020}' | '\u{feff}'
            | '\u{ff01}'..='\u{ff0f}' | '\u{ff1a}'..='\u{ff20}' | '\u{ff3b}'..='\u{ff40}' | '\u{ff5b}'..='\u{ff65}'
    )
}

fn bind<'a>(data: &'a Dataset, input: &Input) -> Result<Values<'a>> {
    let place = data.schema().position(&input.name)?;
    let values = data.values(place);
    let fits = match &input.source {
        Source::Number { .. } => matches!(values, Values::Numbers(_) | Values::Flags(_)),
        Source::Categories { .. } => matches!(values, Values::Texts(_)),
        Source::Words { .. } => !matches!(values, Values::Images(_)),
    };
    if fits {
        return Ok(values);
    }
    let found = data.schema().columns[place].kind.name();
    let reason = format!("\"{}\" is {found}, and the model has learnt it as {}", input.name, input.kind.name());
    Err(Error::Schema { reason })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The columns of a text, each with how often it was counted.
    fn counted(text: &str, n_gram: u32) -> Vec<(u32, f32)> {
        let mut sparse = Vec::new();
        words(text, n_gram, 5, 1 << 20, &mut sparse);
        sparse
    }

    #[test]
    fn words_are_separated_by_what_is_neither_letter_nor_digit() {
        assert_eq!(counted("One, TWO;three", 1), counted("three one two", 1));
        assert_eq!(counted("one\u{a0}\u{201c}two\u{201d}\u{2014}three", 1), counted("one two three", 1));
        assert_eq!(counted("a a a", 1).iter().map(|(_, n)| *n).collect::<Vec<_>>(), [3.0]);
        assert!(["", " ", "?!", "''", "' '", "\u{2019}"].iter().all(|text| counted(text, 3).is_empty()));
    }

    #[test]
    fn an_apostrophe_is_part_of_a_word_between_letters_only() {
        assert_eq!(counted("Don\u{2019}t", 1), counted("don't", 1));
        assert_eq!(counted("don't", 1).len(), 1);
        assert_eq!(counted("'quoted' authors' work", 1), counted("quoted authors work", 1));
        assert_eq!(counted("it''s", 1), counted("it s", 1));
        assert_ne!(counted("don't", 1), counted("dont", 1));
    }

    #[test]
    fn letters_of_all_scripts_are_taken_in_lower_case() {
        assert_eq!(counted("na\u{ef}ve", 1).len(), 1);
        assert_eq!(counted("\u{c9}COLE", 1), counted("\u{e9}cole", 1));
        assert_ne!(counted("\u{e9}cole", 1), counted("ecole", 1));
        // Cyrillic and Greek; a capital that becomes two characters; a script without case.
        assert_eq!(counted("\u{41c}\u{418}\u{420}", 1), counted("\u{43c}\u{438}\u{440}", 1));
        assert_eq!(counted("\u{39b}\u{38c}\u{393}", 1), counted("\u{3bb}\u{3cc}\u{3b3}", 1));
        assert_eq!(counted("\u{130}x", 1), counted("i\u{307}x", 1));
        assert_eq!(counted("\u{6d77} \u{6d77}", 1).len(), 1);
    }

    #[test]
    fn rows_of_words_count_too() {
        assert_eq!(counted("the cat sat", 3).len(), 6);
        assert_eq!(counted("the cat", 3).len(), 3);
        assert_ne!(counted("the cat", 2), counted("cat the", 2));
    }
}
