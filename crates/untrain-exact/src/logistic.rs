//! Logistic regression, of two classes or more, published as the canonical rounding of its optimum.

use serde::{Deserialize, Serialize};
use untrain_core::{Artefact, Dataset, Importance, Kind, Predictions, Reader, Result, Seed, Writer};

use crate::convex::{Loss, Work, exp};
use crate::encode::{Design, Preprocessing, Wanted};
use crate::encoded::{Encoded, Method, encoded_learner};
use crate::optimum::{self, Linear, Optimum, Wish};
use untrain_core::hyperparameters::Hyperparameters;

pub(crate) const ARTEFACT: &[u8; 8] = b"UNTRlog\x01";

/// The hyperparameters of [`Logistic`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct LogisticParams {
    /// The penalty: `alpha`/2 times the squared norm of the weights is added to the sum of the losses. Scikit-learn's `C` is 1/`alpha`.
    pub alpha: f64,
    /// How many binary digits after the point the weights are published with, 4 to 30.
    pub grid: u32,
    /// How columns become features.
    #[serde(flatten)]
    pub preprocessing: Preprocessing,
}

impl Default for LogisticParams {
    fn default() -> Self {
        Self { alpha: 1.0, grid: 12, preprocessing: Preprocessing::default() }
    }
}

impl Hyperparameters for LogisticParams {
    fn check(&self) -> Result<()> {
        optimum::check(self.alpha, self.grid)?;
        self.preprocessing.check()
    }
}

/// Logistic regression with an L2 penalty: one vector of weights for two classes, the full softmax for more.
///
/// The weights are the unique optimum of `Σ loss + alpha/2·‖w‖²`, intercepts unpenalised (those of softmax sum to 0), rounded to
/// `grid` binary digits. A proof that the rounding is unambiguous comes with every request, so that the bytes depend on nothing but
/// the set of records: a set whose rounding cannot be proven is refused.
///
/// # Guarantee
///
/// Exact.
///
/// # Errors
///
/// [`untrain_core::Error::Unfit`] if the optimum does not exist (`alpha` is 0 and the classes are separable or columns
/// collinear), or lies too close to a border of the grid to tell; and with `alpha` 0 of more than 8,192 weights.
///
/// # Complexity
///
/// With n records of d columns, of which s are not zero in a row, and k outputs (1 for two classes): under 1,024 weights (d + 1 times k)
/// training makes some ten passes of O(n·s·k) and a few Hessians of O(n·s²·k²) and O((d·k)³). Forgetting or learning a record is O((d·k)²) and mostly one
/// pass, or none where the optimum can be enclosed without. With more weights no Hessian is made: training and forgetting take
/// tens to hundreds of products of O(n·s·k), forgetting about half of them or more. There may be 2^24 weights. Memory a record: 4 bytes a dense column
/// beside the design's, and 24·k bytes; a weight: about 150 bytes, or under 1,024 as many as 8·d·k.
///
/// # References
///
/// The change of the curvature near a point: self-concordance of the logistic loss, \[@bach2010, proposition 1\].
///
/// # Examples
///
/// ```
/// use std::sync::Arc;
/// use arrow_array::{ArrayRef, Float64Array, StringArray};
/// use untrain_core::{Column, Dataset, Forget, Kind, Learner, Model, Role, Schema, Seed};
/// use untrain_exact::{Logistic, LogisticParams};
///
/// let column = |name: &str, kind, role| Column { name: name.into(), kind, role, declared: true };
/// let columns = vec![column("x", Kind::Numeric, Role::Feature), column("y", Kind::Categorical, Role::Target)];
/// let x = Arc::new(Float64Array::from(vec![1.0, 2.0, 3.0, 4.0])) as ArrayRef;
/// let y = Arc::new(StringArray::from(vec!["no", "yes", "no", "yes"])) as ArrayRef;
/// let data = Dataset::new(Schema { id: None, columns, holdout: None }, &StringArray::from(vec!["a", "b", "c", "d"]), vec![x, y])?;
/// let learner = Logistic { params: LogisticParams::default(), seed: Seed(0) };
/// let mut model = learner.fit(&data)?;
/// let rest = data.without(&["b".to_owned()])?;
/// learner.forget(&mut model, &["b".to_owned()], &rest)?;
/// assert_eq!(model.digest(), learner.fit(&rest)?.digest());
/// # Ok::<(), untrain_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Logistic {
    /// The hyperparameters.
    pub params: LogisticParams,
    /// The key of the offsets of the grid.
    pub seed: Seed,
}

/// A served logistic regression.
#[derive(Debug, Clone, PartialEq)]
pub struct LogisticArtefact(Linear);

impl Logistic {
    fn wish<'a>(&self, design: &'a Design) -> Option<Wish<'a>> {
        let crate::encode::Targets::Classes { names: classes, counts } = design.targets() else { return None };
        let frequency = |class: usize| libm::log(counts[class] as f64);
        let LogisticParams { alpha, grid, .. } = self.params;
        let wish = |loss, outputs, intercepts| Wish { losses: vec![loss], outputs, intercepts, alpha, grid, seed: self.seed, design };
        match classes.len() {
            0 | 1 => None,
            2 => Some(wish(Loss::Logistic, vec![String::new()], vec![frequency(1) - frequency(0)])),
            k => {
                let mean = (0..k).map(frequency).sum::<f64>() / k as f64;
                Some(wish(Loss::Softmax(k), classes.to_vec(), (0..k).map(|class| frequency(class) - mean).collect()))
            }
        }
    }
}

impl Method for Logistic {
    const STATE: &'static [u8; 8] = b"UNTRlos\x01";
    type Summary = Optimum;
    type Served = LogisticArtefact;

    fn check(&self) -> Result<()> {
        self.params.check()
    }

    fn rows(&self) -> (&Preprocessing, Wanted) {
        (&self.params.preprocessing, Wanted::Classes)
    }

    fn write_params(&self, out: &mut Writer) {
        let LogisticParams { alpha, grid, preprocessing: _ } = &self.params;
        out.f64(*alpha + 0.0);
        out.u8(*grid as u8);
        out.u64(self.seed.0);
    }

    fn summarise(&self, design: &Design) -> Result<Optimum> {
        self.wish(design).map_or_else(|| Ok(Optimum::trivial()), |wish| Optimum::new(&wish, None))
    }

    fn leave(&self, summary: &mut Optimum, design: &Design, rows: &[u32]) -> Result<()> {
        summary.leave(design, rows);
        Ok(())
    }

    fn join(&self, summary: &mut Optimum, design: &Design, rows: &[u32]) -> Result<()> {
        summary.join(design, rows);
        Ok(())
    }

    fn finish(&self, summary: &mut Optimum, design: &Design) -> Result<LogisticArtefact> {
        if let Some(wish) = self.wish(design) {
            summary.straighten(&wish)?;
        }
        summary.settle(design, self.params.alpha)?;
        let linear = Linear { encoder: design.encoder(), grid: self.params.grid, weights: summary.weights().to_vec() };
        Ok(LogisticArtefact(linear))
    }

    fn write(&self, summary: &Optimum, out: &mut Writer) {
        summary.write(out);
    }

    fn read(&self, input: &mut Reader<'_>, design: &Design) -> Result<Optimum> {
        let weights = optimum::read_weights(input)?;
        self.wish(design).map_or_else(|| Ok(Optimum::trivial()), |wish| Optimum::new(&wish, Some(&weights)))
    }

    fn artefact(served: &LogisticArtefact) -> Vec<u8> {
        let mut out = Writer::new();
        out.raw(ARTEFACT);
        served.0.write(&mut out);
        out.into_bytes()
    }
}

encoded_learner!(Logistic);

/// A trained logistic regression.
pub type LogisticModel = Encoded<Logistic>;

impl LogisticModel {
    /// What the training and all requests since have taken.
    pub fn work(&self) -> Work {
        self.summary().work()
    }
}

impl LogisticArtefact {
    /// Reads what a model's artefact was written as.
    ///
    /// # Errors
    ///
    /// [`untrain_core::Error::Malformed`].
    pub fn read(bytes: &[u8]) -> Result<Self> {
        let mut input = Reader::new("artefact", bytes);
        if input.raw(ARTEFACT.len().min(bytes.len()))? != ARTEFACT {
            return Err(input.malformed("it is not a logistic regression"));
        }
        let linear = Linear::read(&mut input)?;
        let wanted = match linear.encoder.classes().len() {
            0 | 1 => 0,
            2 => 1,
            k => k,
        };
        if linear.weights.len() != wanted {
            return Err(input.malformed("it has another number of outputs than its classes need"));
        }
        input.end()?;
        Ok(Self(linear))
    }
}

impl Artefact for LogisticArtefact {
    fn inputs(&self) -> Vec<(String, Kind)> {
        self.0.encoder.inputs()
    }

    fn predict(&self, data: &Dataset) -> Result<Predictions> {
        let bound = self.0.encoder.bind(data)?;
        let classes = self.0.encoder.classes().to_vec();
        let (mut scratch, mut scores) = (Default::default(), Vec::new());
        let mut probabilities = Vec::with_capacity(classes.len() * data.len());
        for i in 0..data.len() {
            match classes.len() {
                0 => {}
                1 => probabilities.push(1.0),
                2 => {
                    self.0.scores(&bound, i, &mut scratch, &mut scores);
                    let e = exp(-scores[0].abs());
                    let (less, more) = (e / (1.0 + e), 1.0 / (1.0 + e));
                    probabilities.extend(if scores[0] > 0.0 { [less, more] } else { [more, less] });
                }
                k => {
                    self.0.scores(&bound, i, &mut scratch, &mut scores);
                    let start = probabilities.len();
                    probabilities.resize(start + k, 0.0);
                    crate::convex::softmax(&scores, &mut probabilities[start..]);
                }
            }
        }
        Ok(Predictions::Classes { classes, probabilities, n: data.len() })
    }

    fn json(&self) -> String {
        let classes = self.0.encoder.classes();
        let names = if classes.len() == 2 { &classes[1..] } else { classes };
        self.0.json("logistic regression", names)
    }

    fn facts(&self) -> Vec<(&'static str, String)> {
        let weights = self.0.weights.iter().flatten().filter(|w| **w != 0).count();
        vec![
            ("classes", self.0.encoder.classes().len().to_string()),
            ("columns", self.0.encoder.layout().n_columns.to_string()),
            ("weights that are not 0", weights.to_string()),
            ("binary digits", self.0.grid.to_string()),
        ]
    }

    fn importances(&self) -> Vec<Importance> {
        self.0.importances()
    }
}
