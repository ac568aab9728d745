//! Regression with the losses of Poisson, gamma and Huber, and the linear support vector machine with squared hinge.

use serde::{Deserialize, Serialize};
use untrain_core::{Artefact, Dataset, Importance, Kind, Predictions, Reader, Result, Seed, Task, Writer};

use crate::convex::{Loss, Work, exp};
use crate::encode::{Design, Preprocessing, Targets, Wanted};
use crate::encoded::{Encoded, Method, encoded_learner, unfit};
use crate::optimum::{self, Linear, Optimum, Wish};
use untrain_core::hyperparameters::{Hyperparameters, refuse};

pub(crate) const ARTEFACT: &[u8; 8] = b"UNTRglm\x01";

/// The loss of a [`Glm`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GlmLoss {
    /// Counts, at least 0: e^m − y·m, half the deviance but for a constant. The prediction is e^m.
    Poisson,
    /// Numbers over 0: m + y·e^−m, half the deviance but for a constant. The prediction is e^m.
    Gamma,
    /// Any numbers: squares up to `epsilon`, linear beyond.
    Huber,
    /// Classes, one against the rest: max(0, 1 − y·m)².
    SquaredHinge,
}

/// The hyperparameters of [`Glm`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct GlmParams {
    /// The loss.
    pub loss: GlmLoss,
    /// The penalty: `alpha`/2 times the squared norm of the weights is added to the *sum* of the losses. Scikit-learn's regressors
    /// divide by the number of records n: their `alpha` is this one over n. `LinearSVC`'s `C` is 1/`alpha`.
    pub alpha: f64,
    /// For Huber, the distance in units of the target up to which the loss is half the square. It is not estimated, as
    /// scikit-learn's `HuberRegressor` does.
    pub epsilon: f64,
    /// How many binary digits after the point the weights are published with, 4 to 30.
    pub grid: u32,
    /// How columns become features.
    #[serde(flatten)]
    pub preprocessing: Preprocessing,
}

impl Default for GlmParams {
    fn default() -> Self {
        Self { loss: GlmLoss::Poisson, alpha: 1.0, epsilon: 1.35, grid: 12, preprocessing: Preprocessing::default() }
    }
}

impl GlmParams {
    /// What a model with this loss predicts.
    pub fn task(&self) -> Task {
        if self.loss == GlmLoss::SquaredHinge { Task::Classification } else { Task::Regression }
    }
}

impl Hyperparameters for GlmParams {
    fn check(&self) -> Result<()> {
        optimum::check(self.alpha, self.grid)?;
        if !(1e-9..=1e9).contains(&self.epsilon) {
            return Err(refuse("epsilon", format!("{} is out of range; it is 1e-9 to 1e9", self.epsilon)));
        }
        self.preprocessing.check()
    }
}

/// A generalised linear model with an L2 penalty: its weights are the unique optimum of `Σ loss + alpha/2·‖w‖²`, the intercept
/// unpenalised, rounded to `grid` binary digits with a proof that the rounding is unambiguous.
///
/// Poisson and gamma regression have the logarithm as link. Classes are told apart by squared hinge, for more than two each against the
/// rest; the prediction is each class's share of 1/(1 + e^−m), which ranks as the margins do and is no calibrated probability.
///
/// # Guarantee
///
/// Exact.
///
/// # Errors
///
/// [`untrain_core::Error::Unfit`] for targets that the loss does not know (Poisson: below 0; gamma: 0 or below), and where the
/// optimum does not exist, is not unique (Huber, if no record is within `epsilon`) or lies too close to a border of the grid.
///
/// # Complexity
///
/// As [`crate::Logistic`] with one output; squared hinge of k > 2 classes solves k problems.
///
/// # Examples
///
/// ```
/// use std::sync::Arc;
/// use arrow_array::{ArrayRef, Float64Array, StringArray};
/// use untrain_core::{Column, Dataset, Kind, Learner, Model, Predictions, Role, Schema, Seed};
/// use untrain_exact::{Glm, GlmParams};
///
/// let column = |name: &str, role| Column { name: name.into(), kind: Kind::Numeric, role, declared: true };
/// let columns = vec![column("x", Role::Feature), column("y", Role::Target)];
/// let numbers = |values: [f64; 4]| Arc::new(Float64Array::from(values.to_vec())) as ArrayRef;
/// let ids = StringArray::from(vec!["a", "b", "c", "d"]);
/// let schema = Schema { id: None, columns, holdout: None };
/// let data = Dataset::new(schema, &ids, vec![numbers([0.0, 1.0, 2.0, 3.0]), numbers([1.0, 2.0, 4.0, 8.0])])?;
/// let model = Glm { params: GlmParams { alpha: 1e-3, ..GlmParams::default() }, seed: Seed(0) }.fit(&data)?;
/// let Predictions::Numbers(predicted) = model.predict(&data)? else { unreachable!() };
/// assert!((predicted[3].unwrap_or_default() - 8.0).abs() < 0.1);
/// # Ok::<(), untrain_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Glm {
    /// The hyperparameters.
    pub params: GlmParams,
    /// The key of the offsets of the grid.
    pub seed: Seed,
}

/// A served generalised linear model.
#[derive(Debug, Clone, PartialEq)]
pub struct GlmArtefact {
    loss: GlmLoss,
    linear: Linear,
    /// The prediction of a model without weights.
    constant: Option<f64>,
}

impl Glm {
    /// What is to be optimal; nothing for no record, one class, or counts that are all 0.
    fn wish<'a>(&self, design: &'a Design) -> Result<Option<Wish<'a>>> {
        let GlmParams { loss, alpha, epsilon, grid, .. } = self.params;
        if let Targets::Classes { names, .. } = design.targets() {
            let (losses, outputs): (Vec<Loss>, Vec<String>) = match names.len() {
                0 | 1 => return Ok(None),
                2 => (vec![Loss::SquaredHinge { class: 1.0 }], vec![String::new()]),
                k => ((0..k).map(|class| Loss::SquaredHinge { class: class as f64 }).collect(), names.to_vec()),
            };
            let intercepts = vec![0.0; outputs.len()];
            return Ok(Some(Wish { losses, outputs, intercepts, alpha, grid, seed: self.seed, design }));
        }
        let targets = || design.rows().map(|row| row.y);
        let refused = targets().find(|y| match loss {
            GlmLoss::Poisson => *y < 0.0,
            GlmLoss::Gamma => *y <= 0.0,
            GlmLoss::Huber | GlmLoss::SquaredHinge => false,
        });
        if let Some(y) = refused {
            let (name, needs) = if loss == GlmLoss::Gamma { ("gamma", "over 0") } else { ("Poisson", "at least 0") };
            return Err(unfit(
                format!("a target is {y}, and {name} regression needs numbers {needs}"),
                "choose another loss, for instance huber",
            ));
        }
        if targets().all(|y| y == 0.0) && loss != GlmLoss::Huber {
            return Ok(None);
        }
        if targets().any(|y| y != 0.0 && !(1e-60..1e60).contains(&y.abs())) {
            return Err(unfit("a target is too large or too small to work with", "change its unit"));
        }
        let n = design.len().max(1) as f64;
        let (loss, intercept) = match loss {
            GlmLoss::Poisson => (Loss::Poisson, libm::log(targets().sum::<f64>() / n)),
            GlmLoss::Gamma => (Loss::Gamma, libm::log(targets().sum::<f64>() / n)),
            GlmLoss::Huber | GlmLoss::SquaredHinge => {
                let (mut all, middle) = (targets().collect::<Vec<f64>>(), design.len() / 2);
                let median = if all.is_empty() { 0.0 } else { *all.select_nth_unstable_by(middle, f64::total_cmp).1 };
                (Loss::Huber { delta: epsilon }, median)
            }
        };
        let empty = design.len() == 0;
        let wish =
            Wish { losses: vec![loss], outputs: vec![String::new()], intercepts: vec![intercept], alpha, grid, seed: self.seed, design };
        Ok((!empty).then_some(wish))
    }
}

impl Method for Glm {
    const STATE: &'static [u8; 8] = b"UNTRgls\x01";
    type Summary = Optimum;
    type Served = GlmArtefact;

    fn check(&self) -> Result<()> {
        self.params.check()
    }

    fn rows(&self) -> (&Preprocessing, Wanted) {
        (&self.params.preprocessing, self.params.task().into())
    }

    fn write_params(&self, out: &mut Writer) {
        let GlmParams { loss, alpha, epsilon, grid, preprocessing: _ } = &self.params;
        out.u8(*loss as u8);
        out.f64(*alpha + 0.0);
        out.f64(*epsilon);
        out.u8(*grid as u8);
        out.u64(self.seed.0);
    }

    fn summarise(&self, design: &Design) -> Result<Optimum> {
        self.wish(design)?.map_or_else(|| Ok(Optimum::trivial()), |wish| Optimum::new(&wish, None))
    }

    fn leave(&self, summary: &mut Optimum, design: &Design, rows: &[u32]) -> Result<()> {
        summary.leave(design, rows);
        Ok(())
    }

    fn join(&self, summary: &mut Optimum, design: &Design, rows: &[u32]) -> Result<()> {
        // A target that the loss does not know, or the first that is not 0, is seen when the wish is made.
        let wish = self.wish(design)?;
        match (wish, summary.is_trivial()) {
            (Some(wish), true) => *summary = Optimum::new(&wish, None)?,
            _ => summary.join(design, rows),
        }
        Ok(())
    }

    fn finish(&self, summary: &mut Optimum, design: &Design) -> Result<GlmArtefact> {
        match self.wish(design)? {
            Some(wish) => summary.straighten(&wish)?,
            None => *summary = Optimum::trivial(),
        }
        summary.settle(design, self.params.alpha)?;
        let linear = Linear { encoder: design.encoder(), grid: self.params.grid, weights: summary.weights().to_vec() };
        let constant = (summary.is_trivial() && design.len() > 0).then_some(0.0);
        Ok(GlmArtefact { loss: self.params.loss, linear, constant })
    }

    fn write(&self, summary: &Optimum, out: &mut Writer) {
        summary.write(out);
    }

    fn read(&self, input: &mut Reader<'_>, design: &Design) -> Result<Optimum> {
        let weights = optimum::read_weights(input)?;
        self.wish(design)?.map_or_else(|| Ok(Optimum::trivial()), |wish| Optimum::new(&wish, Some(&weights)))
    }

    fn artefact(served: &GlmArtefact) -> Vec<u8> {
        let GlmArtefact { loss, linear, constant } = served;
        let mut out = Writer::new();
        out.raw(ARTEFACT);
        out.u8(*loss as u8);
        out.flag(constant.is_some());
        linear.write(&mut out);
        out.into_bytes()
    }
}

encoded_learner!(Glm);

/// A trained generalised linear model.
pub type GlmModel = Encoded<Glm>;

impl GlmModel {
    /// What the training and all requests since have taken.
    pub fn work(&self) -> Work {
        self.summary().work()
    }
}

const LOSSES: [GlmLoss; 4] = [GlmLoss::Poisson, GlmLoss::Gamma, GlmLoss::Huber, GlmLoss::SquaredHinge];

impl GlmArtefact {
    /// Reads what a model's artefact was written as.
    ///
    /// # Errors
    ///
    /// [`untrain_core::Error::Malformed`].
    pub fn read(bytes: &[u8]) -> Result<Self> {
        let mut input = Reader::new("artefact", bytes);
        if input.raw(ARTEFACT.len().min(bytes.len()))? != ARTEFACT {
            return Err(input.malformed("it is not a generalised linear model"));
        }
        let byte = input.u8()?;
        let loss = *LOSSES.get(byte as usize).ok_or_else(|| input.malformed(format!("there is no loss {byte}")))?;
        let constant = input.flag()?.then_some(0.0);
        let linear = Linear::read(&mut input)?;
        let n_outputs = match (loss, linear.encoder.classes().len()) {
            (GlmLoss::SquaredHinge, k @ 3..) => k,
            (GlmLoss::SquaredHinge, 0 | 1) => 0,
            _ => 1,
        };
        let is_trivial = linear.weights.is_empty() && (n_outputs == 0 || loss != GlmLoss::SquaredHinge);
        if !is_trivial && linear.weights.len() != n_outputs || !linear.weights.is_empty() && constant.is_some() {
            return Err(input.malformed("it has another number of outputs than its classes need"));
        }
        input.end()?;
        Ok(Self { loss, linear, constant })
    }

    fn classes(&self, scores: &[f64], out: &mut Vec<f64>) {
        let rank = |m: f64| 1.0 / (1.0 + exp(-m));
        match *scores {
            [] => out.extend(self.linear.encoder.classes().iter().map(|_| 1.0)),
            [m] => out.extend([1.0 - rank(m), rank(m)]),
            _ => {
                let sum: f64 = scores.iter().map(|m| rank(*m)).sum();
                out.extend(scores.iter().map(|m| rank(*m) / sum));
            }
        }
    }
}

impl Artefact for GlmArtefact {
    fn inputs(&self) -> Vec<(String, Kind)> {
        self.linear.encoder.inputs()
    }

    fn predict(&self, data: &Dataset) -> Result<Predictions> {
        let bound = self.linear.encoder.bind(data)?;
        let (mut scratch, mut scores) = (Default::default(), Vec::new());
        if self.loss == GlmLoss::SquaredHinge {
            let mut probabilities = Vec::new();
            for i in 0..data.len() {
                self.linear.scores(&bound, i, &mut scratch, &mut scores);
                self.classes(&scores, &mut probabilities);
            }
            return Ok(Predictions::Classes { classes: self.linear.encoder.classes().to_vec(), probabilities, n: data.len() });
        }
        let one = |i| {
            self.linear.scores(&bound, i, &mut scratch, &mut scores);
            let m = scores.first()?;
            Some(if self.loss == GlmLoss::Huber { *m } else { exp(*m) })
        };
        Ok(Predictions::Numbers((0..data.len()).map(one).map(|y| y.or(self.constant)).collect()))
    }

    fn json(&self) -> String {
        let classes = self.linear.encoder.classes();
        let names = if classes.len() == 2 { &classes[1..] } else { classes };
        let kind = match self.loss {
            GlmLoss::Poisson => "Poisson regression",
            GlmLoss::Gamma => "gamma regression",
            GlmLoss::Huber => "Huber regression",
            GlmLoss::SquaredHinge => "support vector machine",
        };
        self.linear.json(kind, names)
    }

    fn facts(&self) -> Vec<(&'static str, String)> {
        let weights = self.linear.weights.iter().flatten().filter(|w| **w != 0).count();
        vec![
            ("outputs", self.linear.weights.len().to_string()),
            ("columns", self.linear.encoder.layout().n_columns.to_string()),
            ("weights that are not 0", weights.to_string()),
            ("binary digits", self.linear.grid.to_string()),
        ]
    }

    fn importances(&self) -> Vec<Importance> {
        self.linear.importances()
    }
}
