//! Quadratic discriminant analysis: classes are normal, each with a covariance of its own.

mod artefact;

use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use untrain_core::{Error, Reader, Result, Writer};

use crate::Hyperparameters;
use crate::encode::{Design, Preprocessing, Targets, Wanted};
use crate::encoded::{Method, encoded_learner, unfit};
use crate::moments::{Moments, Term};
pub(crate) use artefact::MAGIC;
use artefact::Normal;
pub use artefact::QdaArtefact;
use untrain_core::hyperparameters::refuse;

/// The learner.
///
/// The covariance of a class is `(1 − reg_param)·S + reg_param·I`, where `S` is the mean of squares of what is left
/// without the class's mean: scikit-learn's `QuadraticDiscriminantAnalysis`. Priors are the classes' shares of the records.
///
/// # Guarantee
///
/// Exact, for `forget` and `learn`, in any order and any batches.
///
/// # Shapes
///
/// `(n, d)` with numeric, boolean, categorical and text features, values missing or not. Any number of classes, with as few as
/// one record each: such a class has `S = 0`.
///
/// # Errors
///
/// With `reg_param` 0, [`Error::Unfit`] names a class, and a column that does not vary in it or that others explain. With a
/// larger one nothing is refused.
///
/// # Complexity
///
/// With `p` columns, `k` classes and `s` columns that a record has: fit is O(n · s² + k·p³), and forgetting a record
/// O(s² + k·p²) and p³/6 for its class. Memory: 12·k·p² bytes, and about 4·d + 90 bytes a record for its row and id.
#[derive(Debug, Clone, PartialEq)]
pub struct Qda {
    /// The hyperparameters.
    pub params: QdaParams,
}

/// The hyperparameters of [`Qda`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct QdaParams {
    /// How far each covariance is drawn towards variances of 1, 0 to 1.
    pub reg_param: f64,
    /// How columns become numbers.
    #[serde(flatten)]
    pub preprocessing: Preprocessing,
}

impl Default for QdaParams {
    fn default() -> Self {
        Self { reg_param: 0.1, preprocessing: Preprocessing::default() }
    }
}

impl Hyperparameters for QdaParams {
    fn check(&self) -> Result<()> {
        if !(0.0..=1.0).contains(&self.reg_param) {
            return Err(refuse("reg_param", format!("{} is out of range; it is 0 to 1", self.reg_param)));
        }
        self.preprocessing.check()
    }
}

impl Method for Qda {
    const STATE: &'static [u8; 8] = b"UNTRqds\x01";
    type Summary = Vec<Moments>;
    type Served = QdaArtefact;

    fn check(&self) -> Result<()> {
        self.params.check()
    }

    fn rows(&self) -> (&Preprocessing, Wanted) {
        (&self.params.preprocessing, Wanted::Classes)
    }

    fn write_params(&self, out: &mut Writer) {
        let QdaParams { reg_param, preprocessing: _ } = &self.params;
        out.f64(*reg_param + 0.0);
    }

    fn summarise(&self, design: &Design) -> Result<Vec<Moments>> {
        let all: Vec<u32> = (0..design.len() as u32).collect();
        let classes = by_class(design, &all);
        let moments = |rows: &Vec<u32>| {
            let mut moments = Moments::empty(design, false, classes.len())?;
            moments.add(design, rows);
            Ok(moments)
        };
        classes.par_iter().map(moments).collect()
    }

    fn leave(&self, classes: &mut Vec<Moments>, design: &Design, rows: &[u32]) -> Result<()> {
        classes.iter_mut().zip(by_class(design, rows)).for_each(|(moments, rows)| moments.remove(design, &rows));
        Ok(())
    }

    fn join(&self, classes: &mut Vec<Moments>, design: &Design, rows: &[u32]) -> Result<()> {
        classes.iter_mut().zip(by_class(design, rows)).for_each(|(moments, rows)| moments.add(design, &rows));
        Ok(())
    }

    fn finish(&self, classes: &mut Vec<Moments>, design: &Design) -> Result<QdaArtefact> {
        let (places, n) = (design.places(), design.len());
        let terms = classes.first().map(|moments| moments.terms(design)).unwrap_or_default();
        let normal = |(class, moments): (usize, &Moments)| {
            normal(self.params.reg_param, moments, &terms, &places, n as f64).map_err(|column| singular(design, class, column))
        };
        let normals = classes.par_iter().enumerate().map(normal).collect::<Vec<_>>().into_iter().collect::<Result<_>>()?;
        Ok(QdaArtefact { records: n as u64, encoder: design.encoder(), normals })
    }

    fn write(&self, classes: &Vec<Moments>, out: &mut Writer) {
        classes.iter().for_each(|moments| moments.write(out));
    }

    fn read(&self, input: &mut Reader<'_>, design: &Design) -> Result<Vec<Moments>> {
        let n = design.targets().classes().len();
        (0..n).map(|_| Moments::read(input, design, false, n)).collect()
    }

    fn artefact(served: &QdaArtefact) -> Vec<u8> {
        served.bytes()
    }
}

encoded_learner!(Qda);

/// Rows by their class.
fn by_class(design: &Design, rows: &[u32]) -> Vec<Vec<u32>> {
    let n = match design.targets() {
        Targets::Classes { names, .. } => names.len(),
        Targets::Numbers(_) | Targets::Nothing => 0,
    };
    let mut classes = vec![Vec::new(); n];
    rows.iter().for_each(|row| classes[design.row(*row as usize).y as usize].push(*row));
    classes
}

/// The distribution of a class of whose records the moments are; on failure the column that is to blame.
///
/// Columns are in units of their deviation, or of 1 if that is more, so that nothing overflows.
fn normal(reg_param: f64, moments: &Moments, terms: &[Term], places: &[(f64, f64)], n_all: f64) -> Result<Normal, usize> {
    let n = moments.n() as f64;
    let total = moments.total(terms);
    let roots = total.roots();
    let deviations: Vec<f64> = roots.iter().zip(places).map(|(root, (_, step))| root / n / step).collect();
    let units: Vec<f64> = deviations.iter().map(|deviation| deviation.max(1.0)).collect();
    let shares: Vec<f64> = deviations.iter().zip(&units).map(|(deviation, unit)| deviation / unit).collect();
    let sizes: Vec<f64> =
        shares.iter().zip(&units).map(|(share, unit)| ((1.0 - reg_param) * share * share + reg_param / unit / unit).sqrt()).collect();
    let factor = total.shrunk(reg_param, &roots, &shares, &sizes)?;
    let mut log = libm::log(n / n_all);
    let spreads: Vec<f64> = units.iter().zip(&sizes).map(|(unit, size)| (unit * size).max(f64::MIN_POSITIVE)).collect();
    factor.diagonal().zip(&spreads).for_each(|(pivot, spread)| log -= libm::log(pivot) + libm::log(*spread));
    Ok(Normal { log, means: moments.means(terms, places), spreads, factor: factor.into_triangle() })
}

fn singular(design: &Design, class: usize, column: usize) -> Error {
    let (name, class) = (design.layout().column_name(column), &design.targets().classes()[class]);
    unfit(
        format!("in the class \"{class}\" the column \"{name}\" does not vary, or is a combination of other columns"),
        "set reg_param to a number over 0, or leave the column out",
    )
}
