//! The served artefact of naive Bayes: the sums of each class, from which predictions are made. It knows no record.

use std::sync::{Arc, OnceLock};

use serde_json::{Map, Value, json};
use untrain_core::{Artefact, Dataset, Kind, Predictions, Reader, Result, Writer};

use super::counts::ClassCounts;
use super::tables::Tables;
use super::{NaiveBayesKind, NaiveBayesParams};
use crate::encode::{Encoder, Source};

/// The first bytes of an artefact.
pub(crate) const ARTEFACT: &[u8; 8] = b"UNTRbay\x01";

/// Naive Bayes without its records.
///
/// # Complexity
///
/// Reading takes the logarithms, O(non-zero sums); prediction is O(row · classes) a record.
#[derive(Debug, Clone)]
pub struct NaiveBayesArtefact {
    /// Without the preprocessing, which the encoder has.
    params: NaiveBayesParams,
    encoder: Encoder,
    /// As many as the encoder has classes.
    classes: Vec<Arc<ClassCounts>>,
    /// Made when something is predicted for the first time.
    tables: OnceLock<Arc<Tables>>,
}

impl NaiveBayesArtefact {
    pub(super) fn new(params: &NaiveBayesParams, encoder: Encoder, classes: Vec<Arc<ClassCounts>>) -> Self {
        let NaiveBayesParams { kind, alpha, threshold, var_smoothing, fit_prior, preprocessing: _ } = *params;
        let params = NaiveBayesParams { kind, alpha, threshold, var_smoothing, fit_prior, ..NaiveBayesParams::default() };
        Self { params, encoder, classes, tables: OnceLock::new() }
    }

    /// Reads the canonical bytes of an artefact.
    ///
    /// # Errors
    ///
    /// [`untrain_core::Error::Malformed`].
    pub fn read(bytes: &[u8]) -> Result<Self> {
        let mut input = Reader::new("naive Bayes artefact", bytes);
        if input.raw(ARTEFACT.len())? != ARTEFACT {
            return Err(input.malformed("it does not begin as one of this format's version"));
        }
        let params = read_params(&mut input)?;
        let encoder = Encoder::read(&mut input)?;
        let classes = encoder.classes().iter().map(|_| Ok(Arc::new(read_class(&mut input, params.kind, &encoder)?)));
        let classes = classes.collect::<Result<_>>()?;
        input.end()?;
        Ok(Self { params, encoder, classes, tables: OnceLock::new() })
    }

    pub(super) fn to_bytes(&self) -> Vec<u8> {
        let Self { params, encoder, classes, tables: _ } = self;
        let mut out = Writer::new();
        out.raw(ARTEFACT);
        write_params(params, &mut out);
        encoder.write(&mut out);
        classes.iter().for_each(|class| write_class(class, encoder.layout().n_dense as u32, &mut out));
        out.into_bytes()
    }

    fn tables(&self) -> &Tables {
        self.tables.get_or_init(|| Arc::new(Tables::new(&self.params, &self.encoder, &self.classes)))
    }

    fn records(&self) -> u64 {
        self.classes.iter().map(|class| class.records).sum()
    }

    /// What a class has in each column, by the column's name.
    fn columns(&self, counts: &ClassCounts) -> Value {
        let layout = self.encoder.layout();
        let mut columns = Map::new();
        for (input, source) in layout.inputs.iter().map(|input| (input, &input.source)) {
            let Source::Number { column, indicator } = source else { continue };
            let n = counts.records - indicator.map_or(0, |indicator| counts.of(indicator));
            let (sum, scale) = (counts.sums[*column as usize] as f64, &self.encoder.scales()[*column as usize]);
            let number = |q: f64| libm::scalbn(q, -scale.shift);
            let value = match self.params.kind {
                NaiveBayesKind::Bernoulli => json!({ "records": n, "on": sum }),
                NaiveBayesKind::Multinomial => json!({ "records": n, "sum": number(sum) }),
                NaiveBayesKind::Mixed | NaiveBayesKind::Gaussian if n == 0 => json!({ "records": 0 }),
                NaiveBayesKind::Mixed | NaiveBayesKind::Gaussian => {
                    let (n_exact, exact) = (i128::from(n), i128::from(counts.sums[*column as usize]));
                    let spread = n_exact * counts.squares[*column as usize] - exact * exact;
                    json!({ "records": n, "mean": number(sum / n as f64), "deviation": number((spread as f64).sqrt() / n as f64) })
                }
            };
            columns.insert(input.name.clone(), value);
        }
        for (column, count) in &counts.sparse {
            columns.insert(layout.column_name(*column as usize), json!({ "count": count }));
        }
        Value::Object(columns)
    }
}

impl Artefact for NaiveBayesArtefact {
    fn inputs(&self) -> Vec<(String, Kind)> {
        self.encoder.inputs()
    }

    fn predict(&self, data: &Dataset) -> Result<Predictions> {
        let (bound, tables) = (self.encoder.bind(data)?, self.tables());
        let (mut dense, mut sparse) = (Vec::new(), Vec::new());
        let mut probabilities = Vec::with_capacity(data.len() * self.classes.len());
        for i in (0..data.len()).filter(|_| !self.classes.is_empty()) {
            bound.quantised(i, &mut dense, &mut sparse);
            tables.probabilities(&dense, &sparse, &mut probabilities);
        }
        Ok(Predictions::Classes { classes: self.encoder.classes().to_vec(), probabilities, n: data.len() })
    }

    fn json(&self) -> String {
        let NaiveBayesParams { kind, alpha, threshold, var_smoothing, fit_prior, preprocessing: _ } = &self.params;
        let names = self.encoder.classes().iter().zip(&self.classes);
        let class = |(name, counts): (&String, &Arc<ClassCounts>)| json!({ "class": name, "records": counts.records, "columns": self.columns(counts) });
        json!({
            "kind": kind,
            "alpha": alpha,
            "threshold": threshold,
            "var_smoothing": var_smoothing,
            "fit_prior": fit_prior,
            "records": self.records(),
            "classes": names.map(class).collect::<Vec<_>>(),
        })
        .to_string()
    }

    fn facts(&self) -> Vec<(&'static str, String)> {
        let kind = match self.params.kind {
            NaiveBayesKind::Mixed => "mixed",
            NaiveBayesKind::Gaussian => "gaussian",
            NaiveBayesKind::Multinomial => "multinomial",
            NaiveBayesKind::Bernoulli => "bernoulli",
        };
        let sums: usize = self.classes.iter().map(|class| class.sums.len() + class.sparse.len()).sum();
        vec![
            ("kind", kind.to_owned()),
            ("classes", self.classes.len().to_string()),
            ("columns", self.encoder.layout().n_columns.to_string()),
            ("sums", sums.to_string()),
        ]
    }
}

/// Writes the hyperparameters but for the preprocessing.
pub(super) fn write_params(params: &NaiveBayesParams, out: &mut Writer) {
    let NaiveBayesParams { kind, alpha, threshold, var_smoothing, fit_prior, preprocessing: _ } = params;
    out.u8(kind.byte());
    out.f64(*alpha);
    out.f64(*threshold);
    out.f64(*var_smoothing);
    out.flag(*fit_prior);
}

fn read_params(input: &mut Reader<'_>) -> Result<NaiveBayesParams> {
    use untrain_core::hyperparameters::Hyperparameters as _;
    let byte = input.u8()?;
    let kind = NaiveBayesKind::of_byte(byte).ok_or_else(|| input.malformed(format!("there is no kind {byte}")))?;
    let (alpha, threshold, var_smoothing) = (input.f64()?, input.f64()?, input.f64()?);
    let fit_prior = input.flag()?;
    let params = NaiveBayesParams { kind, alpha, threshold, var_smoothing, fit_prior, ..NaiveBayesParams::default() };
    params.check().map_err(|error| input.malformed(error.to_string()))?;
    Ok(params)
}

fn write_class(class: &ClassCounts, first: u32, out: &mut Writer) {
    let ClassCounts { records, sums, squares, sparse } = class;
    out.varint(*records);
    sums.iter().for_each(|sum| out.signed(*sum));
    for square in squares {
        out.varint(*square as u64);
        out.varint((square >> 64) as u64);
    }
    out.varint(sparse.len() as u64);
    let mut next = first;
    for (column, count) in sparse {
        out.varint(u64::from(column - next));
        out.varint(count - 1);
        next = column + 1;
    }
}

fn read_class(input: &mut Reader<'_>, kind: NaiveBayesKind, encoder: &Encoder) -> Result<ClassCounts> {
    /// More than any model has, and little enough for exact arithmetic.
    const MOST_RECORDS: usize = 1 << 36;
    const LARGEST: i128 = 1 << 20;
    let layout = encoder.layout();
    let records = input.at_most(MOST_RECORDS)? as u64;
    let most = i128::from(records) * LARGEST;
    let sums = (0..layout.n_dense).map(|_| input.signed()).collect::<Result<Vec<_>>>()?;
    let n_squares = if kind.is_normal() { layout.n_dense } else { 0 };
    let mut squares = Vec::with_capacity(n_squares);
    for _ in 0..n_squares {
        let low = input.varint()?;
        squares.push((i128::from(input.at_most(1 << 32)? as u64) << 64) | i128::from(low));
    }
    let fits = |sum: &i64| i128::from(*sum).abs() <= most && (kind.is_normal() || *sum >= 0);
    let on = |sum: &i64| kind != NaiveBayesKind::Bernoulli || *sum as u64 <= records;
    let spread =
        |(sum, square): (&i64, &i128)| *square <= most * LARGEST && i128::from(*sum) * i128::from(*sum) <= i128::from(records) * square;
    if records == 0 || !sums.iter().all(|sum| fits(sum) && on(sum)) || !sums.iter().zip(&squares).all(spread) {
        return Err(input.malformed("sums of a class are none of its records"));
    }
    let (mut next, mut sparse) = (layout.n_dense as u64, Vec::new());
    for _ in 0..input.count()? {
        let column = next.saturating_add(input.varint()?);
        if column >= layout.n_columns as u64 {
            return Err(input.malformed("a column is beyond the last"));
        }
        // A word is counted as often as it stands in a record; all else once a record.
        let limit = if kind != NaiveBayesKind::Bernoulli && is_word(encoder, column as u32) { 1 << 52 } else { records - 1 };
        sparse.push((column as u32, input.at_most(limit as usize)? as u64 + 1));
        next = column + 1;
    }
    Ok(ClassCounts { records, sums, squares, sparse })
}

fn is_word(encoder: &Encoder, column: u32) -> bool {
    let words = |source: &Source| matches!(source, Source::Words { first, buckets } if (*first..*first + *buckets).contains(&column));
    encoder.layout().inputs.iter().any(|input| words(&input.source))
}
