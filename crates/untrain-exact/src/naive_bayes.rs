//! Naive Bayes: classes as products of one distribution a column, from sums that are forgotten exactly.

mod artefact;
mod counts;
mod tables;

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use untrain_core::{Dataset, Kind as ColumnKind, Reader, Result, Writer};

use crate::encode::{Design, Preprocessing, Wanted};
use crate::encoded::{Encoded, Method, encoded_learner, unfit};
pub(crate) use artefact::ARTEFACT;
pub use artefact::NaiveBayesArtefact;
use counts::{ClassCounts, Lens};
use untrain_core::hyperparameters::{Hyperparameters, refuse};

/// A naive Bayes classifier for any number of classes.
///
/// # Guarantee
///
/// Exact: all that is kept of records are whole numbers, sums over the records of a class, and they are added and taken away
/// without rounding. The artefact holds these sums; logarithms are taken when it is read. A sum over a class of one record is
/// that record's: as with any mean, whoever publishes the artefact publishes it.
///
/// # Complexity
///
/// Training O(n · row), where a row has all numbers of a record and those of its other columns that are not 0. Forgetting one
/// record is O(row) for the statistics, and copies the sums of its class. No record is kept in the artefact or the state but
/// for its id; in memory a model holds its encoded rows.
///
/// # References
///
/// Sums that forget: \[@cao2015\].
///
/// # Examples
///
/// ```
/// use std::sync::Arc;
/// use arrow_array::{ArrayRef, Float64Array, StringArray};
/// use untrain_core::{Column, Dataset, Forget as _, Kind, Learner as _, Model as _, Role, Schema};
/// use untrain_exact::{NaiveBayes, NaiveBayesParams};
///
/// let column = |name: &str, kind, role| Column { name: name.into(), kind, role, declared: true };
/// let columns = vec![column("height", Kind::Numeric, Role::Feature), column("species", Kind::Categorical, Role::Target)];
/// let heights = Arc::new(Float64Array::from(vec![20.0, 24.0, 61.0, 58.0, 25.0])) as ArrayRef;
/// let species = Arc::new(StringArray::from(vec!["cat", "cat", "dog", "dog", "dog"])) as ArrayRef;
/// let ids = StringArray::from(vec!["a", "b", "c", "d", "e"]);
/// let data = Dataset::new(Schema { id: None, columns, holdout: None }, &ids, vec![heights, species])?;
///
/// let learner = NaiveBayes::new(NaiveBayesParams::default());
/// let mut model = learner.fit(&data)?;
/// let rest = data.without(&["e".to_owned()])?;
/// learner.forget(&mut model, &["e".to_owned()], &rest)?;
/// assert_eq!(model.digest(), learner.fit(&rest)?.digest());
/// assert_eq!(model.predict(&rest)?.class(2), Some(1));
/// # Ok::<(), untrain_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct NaiveBayes {
    params: NaiveBayesParams,
}

/// A model of [`NaiveBayes`].
pub type NaiveBayesModel = Encoded<NaiveBayes>;

/// The hyperparameters of [`NaiveBayes`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct NaiveBayesParams {
    /// The distributions of the columns.
    pub kind: NaiveBayesKind,
    /// What is added to every count, 10⁻¹⁰ or more.
    pub alpha: f64,
    /// What a number must exceed to be on, for [`NaiveBayesKind::Bernoulli`].
    pub threshold: f64,
    /// The share of the largest variance of a column that is added to every variance; over 0.
    pub var_smoothing: f64,
    /// Whether classes are as likely as they are frequent, or equally likely.
    pub fit_prior: bool,
    /// How columns become numbers. Only normal distributions see numbers standardised, where it matters for `var_smoothing`.
    #[serde(flatten)]
    pub preprocessing: Preprocessing,
}

/// The distributions of the columns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NaiveBayesKind {
    /// Each by what it holds: numbers are normal, categories categorical, and the words of a text multinomial.
    Mixed,
    /// All are normal, categories as columns of zeros and ones.
    Gaussian,
    /// All are counts of one multinomial distribution; a negative number is refused.
    Multinomial,
    /// All are on or off.
    Bernoulli,
}

impl Default for NaiveBayesParams {
    fn default() -> Self {
        Self {
            kind: NaiveBayesKind::Mixed,
            alpha: 1.0,
            threshold: 0.0,
            var_smoothing: 1e-9,
            fit_prior: true,
            preprocessing: Preprocessing::default(),
        }
    }
}

impl Hyperparameters for NaiveBayesParams {
    fn check(&self) -> Result<()> {
        let Self { kind, alpha, threshold, var_smoothing, fit_prior: _, preprocessing } = self;
        if !(1e-10..=1e10).contains(alpha) {
            return Err(refuse("alpha", format!("{alpha} is out of range; it is 1e-10 to 1e10")));
        }
        if !threshold.is_finite() {
            return Err(refuse("threshold", format!("{threshold} is not a finite number")));
        }
        if !(1e-15..=1.0).contains(var_smoothing) {
            return Err(refuse("var_smoothing", format!("{var_smoothing} is out of range; it is 1e-15 to 1")));
        }
        if *kind == NaiveBayesKind::Gaussian && !preprocessing.text.is_empty() {
            return Err(refuse("kind", "the words of a text are not normal; \"mixed\", \"multinomial\" and \"bernoulli\" count them"));
        }
        preprocessing.check()
    }
}

impl NaiveBayesKind {
    fn is_normal(self) -> bool {
        matches!(self, Self::Mixed | Self::Gaussian)
    }

    fn byte(self) -> u8 {
        match self {
            Self::Mixed => 0,
            Self::Gaussian => 1,
            Self::Multinomial => 2,
            Self::Bernoulli => 3,
        }
    }

    fn of_byte(byte: u8) -> Option<Self> {
        [Self::Mixed, Self::Gaussian, Self::Multinomial, Self::Bernoulli].into_iter().find(|kind| kind.byte() == byte)
    }
}

impl NaiveBayes {
    /// A learner with these hyperparameters.
    pub fn new(mut params: NaiveBayesParams) -> Self {
        // Counts and thresholds are about the numbers as they are.
        params.preprocessing.standardize &= params.kind.is_normal();
        Self { params }
    }

    fn lens(&self, design: &Design) -> Lens {
        Lens::new(self.params.kind, self.params.threshold, design.layout(), design.scales())
    }
}

impl Method for NaiveBayes {
    const STATE: &'static [u8; 8] = b"UNTRbas\x01";
    /// The sums of each class. A model shares them with what it serves, and copies those of a class before it changes them.
    type Summary = Vec<Arc<ClassCounts>>;
    type Served = NaiveBayesArtefact;

    fn check(&self) -> Result<()> {
        self.params.check()
    }

    fn rows(&self) -> (&Preprocessing, Wanted) {
        (&self.params.preprocessing, Wanted::Classes)
    }

    fn write_params(&self, out: &mut Writer) {
        artefact::write_params(&self.params, out);
    }

    fn admit(&self, data: &Dataset) -> Result<()> {
        if self.params.kind != NaiveBayesKind::Multinomial {
            return Ok(());
        }
        let how = &self.params.preprocessing;
        for (place, column) in data.schema().features() {
            if column.kind == ColumnKind::Categorical || how.text.contains_key(&column.name) {
                continue;
            }
            let values = data.values(place);
            let numbers = how.of_numbers(&column.name);
            let negative = |i: &usize| numbers.number(values.number(*i)).is_some_and(|x| x < 0.0);
            if let Some(i) = (0..data.len()).find(negative) {
                let number = values.number(i).map_or_else(|| "its fill value".to_owned(), |x| x.to_string());
                let reason = format!("\"{}\" holds {number}, and a count is not negative", column.name);
                return Err(unfit(reason, "clip the column, or use kind = \"mixed\", for which numbers are normal"));
            }
        }
        Ok(())
    }

    fn summarise(&self, design: &Design) -> Result<Self::Summary> {
        let lens = self.lens(design);
        let mut rows = by_class(design, 0..design.len() as u32);
        rows.resize(design.targets().classes().len(), Vec::new());
        let mut scratch = vec![0; design.layout().n_columns];
        Ok(rows.iter().map(|rows| Arc::new(lens.sum(design, rows, Some(&mut scratch)))).collect())
    }

    fn leave(&self, summary: &mut Self::Summary, design: &Design, rows: &[u32]) -> Result<()> {
        let lens = self.lens(design);
        for (class, rows) in by_class(design, rows.iter().copied()).iter().enumerate().filter(|(_, rows)| !rows.is_empty()) {
            Arc::make_mut(&mut summary[class]).subtract(&lens.sum(design, rows, None));
        }
        Ok(())
    }

    fn join(&self, summary: &mut Self::Summary, design: &Design, rows: &[u32]) -> Result<()> {
        let lens = self.lens(design);
        for (class, rows) in by_class(design, rows.iter().copied()).iter().enumerate().filter(|(_, rows)| !rows.is_empty()) {
            Arc::make_mut(&mut summary[class]).add(&lens.sum(design, rows, None));
        }
        Ok(())
    }

    fn finish(&self, summary: &mut Self::Summary, design: &Design) -> Result<NaiveBayesArtefact> {
        Ok(NaiveBayesArtefact::new(&self.params, design.encoder(), summary.clone()))
    }

    fn write(&self, _summary: &Self::Summary, _out: &mut Writer) {}

    fn read(&self, _input: &mut Reader<'_>, design: &Design) -> Result<Self::Summary> {
        self.summarise(design)
    }

    fn artefact(served: &NaiveBayesArtefact) -> Vec<u8> {
        served.to_bytes()
    }
}

encoded_learner!(NaiveBayes);

/// Rows by their classes.
fn by_class(design: &Design, rows: impl Iterator<Item = u32>) -> Vec<Vec<u32>> {
    let mut classes: Vec<Vec<u32>> = Vec::new();
    for row in rows {
        let class = design.row(row as usize).y as usize;
        if classes.len() <= class {
            classes.resize(class + 1, Vec::new());
        }
        classes[class].push(row);
    }
    classes
}
