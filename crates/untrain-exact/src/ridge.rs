//! Linear least squares with a penalty on the weights.
//!
//! The model is made of exact integer sums of products, so a deletion is a subtraction and a solution of one small system.

use serde::{Deserialize, Serialize};
use untrain_core::{Reader, Result, Task, Writer};

use crate::Hyperparameters;
use crate::cholesky::{COLLINEAR, Cholesky, Dependent, UNKNOWN};
use crate::encode::{Design, Preprocessing, Wanted};
use crate::encoded::{Method, encoded_learner, unfit};
use crate::linear::{LinearArtefact, Link, bounded, outputs};
use crate::moments::{Moments, Term};
use untrain_core::hyperparameters::refuse;

/// A penalty so large leaves a weight no digit.
const MOST: f64 = 1e200;

/// The learner: `min Σ(y − x·w − b)² + alpha·‖w‖²`.
///
/// Classes are predicted as scikit-learn's `RidgeClassifier` does: a target of 1 or −1 for each class (for two classes, one
/// target, 1 for the second), the class with the largest score. Probabilities are in the ratio of `score + 1`, if that is over 0.
/// They order records, and are not calibrated.
///
/// # Guarantee
///
/// Exact, for `forget` and `learn`, in any order and any batches.
///
/// # Shapes
///
/// `(n, d)` with numeric, boolean, categorical and text features, values missing or not. Numbers are taken to 20 binary digits.
///
/// # Errors
///
/// With `alpha` 0, [`untrain_core::Error::Unfit`] names a column that others (or the intercept) explain: then there is no one
/// optimum. A constant column has weight 0 beside an intercept, and is no reason to refuse. With a penalty nothing is refused.
///
/// # Complexity
///
/// With `p` columns of which a record has `s`: fit is O(n · s² + p³), and forgetting a record O(s² + p³/6), whatever `n` is.
/// Memory: 8·p² bytes, and about 4·d + 90 bytes a record for its row and id.
///
/// # References
///
/// A model of sums that a record can be taken out of, as in \[@cao2015\].
#[derive(Debug, Clone, PartialEq)]
pub struct Ridge {
    /// The hyperparameters.
    pub params: RidgeParams,
    /// Regression or classification.
    pub task: Task,
}

/// The hyperparameters of [`Ridge`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct RidgeParams {
    /// The weight of the penalty, 0 or more. It stands beside a sum over records, as in scikit-learn.
    pub alpha: f64,
    /// Whether there is an intercept. It is not penalised.
    pub fit_intercept: bool,
    /// How columns become numbers.
    #[serde(flatten)]
    pub preprocessing: Preprocessing,
}

impl Default for RidgeParams {
    fn default() -> Self {
        Self { alpha: 1.0, fit_intercept: true, preprocessing: Preprocessing::default() }
    }
}

impl Hyperparameters for RidgeParams {
    fn check(&self) -> Result<()> {
        if !(self.alpha.is_finite() && self.alpha >= 0.0) {
            return Err(refuse("alpha", format!("{} is out of range; it is a number of at least 0", self.alpha)));
        }
        self.preprocessing.check()
    }
}

impl Method for Ridge {
    const STATE: &'static [u8; 8] = b"UNTRrds\x01";
    type Summary = Moments;
    type Served = LinearArtefact;

    fn check(&self) -> Result<()> {
        self.params.check()
    }

    fn rows(&self) -> (&Preprocessing, Wanted) {
        (&self.params.preprocessing, self.task.into())
    }

    fn write_params(&self, out: &mut Writer) {
        let RidgeParams { alpha, fit_intercept, preprocessing: _ } = &self.params;
        out.f64(*alpha + 0.0);
        out.flag(*fit_intercept);
        out.flag(self.task == Task::Classification);
    }

    fn summarise(&self, design: &Design) -> Result<Moments> {
        Moments::of(design, true)
    }

    fn leave(&self, moments: &mut Moments, design: &Design, rows: &[u32]) -> Result<()> {
        moments.remove(design, rows);
        Ok(())
    }

    fn join(&self, moments: &mut Moments, design: &Design, rows: &[u32]) -> Result<()> {
        moments.add(design, rows);
        Ok(())
    }

    fn finish(&self, moments: &mut Moments, design: &Design) -> Result<LinearArtefact> {
        let link = if self.task == Task::Classification { Link::Signs } else { Link::Number };
        let p = design.layout().n_columns;
        let n_outputs = outputs(link, moments.n(), design.targets().classes().len());
        let mut artefact = LinearArtefact {
            link,
            records: moments.n(),
            encoder: design.encoder(),
            intercepts: Vec::with_capacity(n_outputs),
            weights: Vec::with_capacity(n_outputs * p),
            contributions: vec![0.0; design.layout().inputs.len()],
        };
        if n_outputs > 0 {
            let system = System::new(self, moments, design)?;
            let owners = design.layout().owners();
            // Of two classes the second has the only output.
            let first = system.terms.len() - p - n_outputs;
            for target in first..first + n_outputs {
                system.solve(p + target, &owners, &mut artefact);
            }
        }
        Ok(artefact)
    }

    fn write(&self, moments: &Moments, out: &mut Writer) {
        moments.write(out);
    }

    fn read(&self, input: &mut Reader<'_>, design: &Design) -> Result<Moments> {
        Moments::read(input, design, true, 1)
    }

    fn artefact(served: &LinearArtefact) -> Vec<u8> {
        served.bytes()
    }
}

encoded_learner!(Ridge);

/// The normal equations of standardised columns, factored.
struct System {
    n: f64,
    terms: Vec<Term>,
    /// The upper triangle over features and targets: `n` times the sums of products.
    values: Vec<f64>,
    /// What a column is divided by so that its diagonal entry is 1; 0 for a column that is 0 throughout.
    roots: Vec<f64>,
    /// `n` times the mean of a column, from its centre, in units of its steps.
    offsets: Vec<f64>,
    steps: Vec<f64>,
    factor: Cholesky,
    fit_intercept: bool,
    /// The binary digits of the targets, if they are numbers.
    shift: Option<i32>,
}

impl System {
    fn new(ridge: &Ridge, moments: &Moments, design: &Design) -> Result<Self> {
        let RidgeParams { alpha, fit_intercept, preprocessing: _ } = ridge.params;
        let p = design.layout().n_columns;
        let terms = moments.terms(design);
        let n = moments.n() as f64;
        let mut values = moments.total(&terms).values;
        let shift = design.target_shift();
        let mut places = design.places();
        // A class is 1 and its absence −1; a number keeps its digits until the end.
        places.resize(terms.len(), if shift.is_some() { (0.0, 1.0) } else { (0.5, 0.5) });
        let offsets: Vec<f64> = terms.iter().zip(&places).map(|(term, (centre, _))| moments.total_of(term) - n * centre).collect();
        if !fit_intercept {
            for (i, a) in offsets.iter().enumerate() {
                let row = &mut values[i * terms.len()..(i + 1) * terms.len()];
                row[i..].iter_mut().zip(&offsets[i..]).for_each(|(value, b)| *value += a * b);
            }
        }
        let t = terms.len();
        let roots: Vec<f64> = (0..p).map(|i| values[i * t + i].max(0.0).sqrt()).collect();
        let shares: Vec<f64> = roots.iter().map(|root| if *root > 0.0 { 1.0 / root } else { 0.0 }).collect();
        let mut matrix = vec![0.0; p * p];
        for i in 0..p {
            let (row, scaled) = (&values[i * t..(i + 1) * t], &mut matrix[i * p..(i + 1) * p]);
            if roots[i] > 0.0 {
                for j in i..p {
                    scaled[j] = row[j] * shares[i] * shares[j];
                }
                let root = places[i].1 / roots[i];
                scaled[i] = 1.0 + (alpha * n * root * root).min(MOST);
            } else {
                // Any positive number: the right-hand side is 0.
                scaled[i] = 1.0;
            }
        }
        let (floor, dependent) = if alpha == 0.0 { (COLLINEAR, Dependent::Refuse) } else { (UNKNOWN, Dependent::Drop) };
        let factor = Cholesky::new(matrix, p, floor, dependent).map_err(|column| collinear(design, column))?;
        let steps = places.into_iter().map(|(_, step)| step).collect();
        Ok(Self { n, terms, values, roots, offsets, steps, factor, fit_intercept, shift })
    }

    /// Adds the output of a target to an artefact.
    fn solve(&self, target: usize, owners: &[u32], artefact: &mut LinearArtefact) {
        let (p, t) = (self.roots.len(), self.terms.len());
        let scale = 1.0 / self.steps[target];
        let digits = self.shift.unwrap_or(0);
        let number = |x: f64| bounded(libm::scalbn(x * scale, -digits));
        let mut x: Vec<f64> = (0..p).map(|i| if self.roots[i] > 0.0 { self.values[i * t + target] / self.roots[i] } else { 0.0 }).collect();
        self.factor.solve(&mut x);
        let mut intercept = self.offsets[target] / self.n;
        for i in 0..p {
            let slope = if self.roots[i] > 0.0 { x[i] / self.roots[i] } else { 0.0 };
            intercept -= slope * self.offsets[i] / self.n;
            artefact.weights.push(number(slope * self.steps[i]));
            artefact.contributions[owners[i] as usize] += bounded(number(x[i].abs() / self.n));
        }
        artefact.intercepts.push(if self.fit_intercept { number(intercept) } else { 0.0 });
    }
}

fn collinear(design: &Design, column: usize) -> untrain_core::Error {
    let name = design.layout().column_name(column);
    unfit(
        format!("the column \"{name}\" is a combination of other columns, so that there is no one optimum"),
        "set alpha to a number over 0, or leave the column out",
    )
}
