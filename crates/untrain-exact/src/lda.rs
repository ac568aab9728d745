//! Linear discriminant analysis: classes are normal with one covariance.

use serde::{Deserialize, Serialize};
use untrain_core::{Error, Reader, Result, Writer};

use crate::Hyperparameters;
use crate::encode::{Design, Preprocessing, Wanted};
use crate::encoded::{Method, encoded_learner, unfit};
use crate::linear::{LinearArtefact, Link, bounded};
use crate::moments::Moments;
use untrain_core::hyperparameters::refuse;

/// The learner.
///
/// The covariance within classes is `(1 − shrinkage)·S + shrinkage·tr(S)/p·I`, where `S` is the mean of squares of what is
/// left without the class's mean: scikit-learn's `LinearDiscriminantAnalysis` with `solver="lsqr"`. Priors are the classes'
/// shares of the records.
///
/// # Guarantee
///
/// Exact, for `forget` and `learn`, in any order and any batches.
///
/// # Shapes
///
/// `(n, d)` with numeric, boolean, categorical and text features, values missing or not. Any number of classes, with as few as
/// one record each.
///
/// # Errors
///
/// With `shrinkage` 0, [`Error::Unfit`] names a column that does not vary within classes, or that others explain. With
/// shrinkage nothing is refused: where no class varies at all, the covariance is that of all records, and of equal axes.
///
/// # Complexity
///
/// With `p` columns, `k` classes and `s` columns that a record has: fit is O(n · s² + k·p² + p³), and forgetting a record
/// O(s² + k·p² + p³/6), whatever `n` is. Memory: 8·(p + k)² bytes, and about 4·d + 90 bytes a record for its row and id.
#[derive(Debug, Clone, PartialEq)]
pub struct Lda {
    /// The hyperparameters.
    pub params: LdaParams,
}

/// The hyperparameters of [`Lda`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct LdaParams {
    /// How far the covariance is drawn towards equal variances, 0 to 1.
    pub shrinkage: f64,
    /// How columns become numbers.
    #[serde(flatten)]
    pub preprocessing: Preprocessing,
}

impl Default for LdaParams {
    fn default() -> Self {
        Self { shrinkage: 0.001, preprocessing: Preprocessing::default() }
    }
}

impl Hyperparameters for LdaParams {
    fn check(&self) -> Result<()> {
        if !(0.0..=1.0).contains(&self.shrinkage) {
            return Err(refuse("shrinkage", format!("{} is out of range; it is 0 to 1", self.shrinkage)));
        }
        self.preprocessing.check()
    }
}

impl Method for Lda {
    const STATE: &'static [u8; 8] = b"UNTRlds\x01";
    type Summary = Moments;
    type Served = LinearArtefact;

    fn check(&self) -> Result<()> {
        self.params.check()
    }

    fn rows(&self) -> (&Preprocessing, Wanted) {
        (&self.params.preprocessing, Wanted::Classes)
    }

    fn write_params(&self, out: &mut Writer) {
        let LdaParams { shrinkage, preprocessing: _ } = &self.params;
        out.f64(*shrinkage + 0.0);
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
        let mut artefact = LinearArtefact {
            link: Link::Logs,
            records: moments.n(),
            encoder: design.encoder(),
            intercepts: Vec::new(),
            weights: Vec::new(),
            contributions: vec![0.0; design.layout().inputs.len()],
        };
        if moments.n() > 0 {
            discriminate(self.params.shrinkage, moments, design, &mut artefact)?;
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

encoded_learner!(Lda);

/// Finds the weights of each class. All is done in units of the largest deviation, so that nothing overflows.
fn discriminate(shrinkage: f64, moments: &Moments, design: &Design, artefact: &mut LinearArtefact) -> Result<()> {
    let p = design.layout().n_columns;
    let (terms, n) = (moments.terms(design), moments.n() as f64);
    let places = design.places();
    let within = moments.within(&terms[..p]);
    let overall: Vec<f64> = (0..p).map(|i| moments.total_at(&terms[i], &terms[i]).max(0.0).sqrt() / n / places[i].1).collect();
    let roots = within.roots();
    let mut spreads: Vec<f64> = roots.iter().zip(&places).map(|(root, (_, step))| root / n.sqrt() / step).collect();
    let largest = |spreads: &[f64]| spreads.iter().fold(0.0_f64, |most, x| most.max(*x));
    let (mut unit, mut level) = (largest(&spreads), 0.0);
    if unit == 0.0 {
        // No class varies: then the axes are equal, in units of how all records vary.
        (unit, level) = (largest(&overall), shrinkage);
        unit = if unit == 0.0 { 1.0 } else { unit };
    }
    spreads.iter_mut().for_each(|spread| *spread /= unit);
    level += shrinkage * spreads.iter().map(|spread| spread * spread).sum::<f64>() / p.max(1) as f64;
    let sizes: Vec<f64> = spreads.iter().map(|spread| ((1.0 - shrinkage) * spread * spread + level).sqrt()).collect();
    let factor = within.shrunk(shrinkage, &roots, &spreads, &sizes).map_err(|column| singular(design, column))?;
    let (owners, means) = (design.layout().owners(), moments.means(&terms[..p], &places));
    for class in 0..terms.len() - p {
        let n_class = moments.of_class(class) as f64;
        let mean: Vec<f64> = (0..p).map(|i| moments.total_at(&terms[i], &terms[p + class]) / (n * n_class) / places[i].1 / unit).collect();
        let mut x: Vec<f64> = mean.iter().zip(&sizes).map(|(mean, size)| if *size > 0.0 { mean / size } else { 0.0 }).collect();
        factor.solve(&mut x);
        let mut intercept = libm::log(n_class / n);
        for i in 0..p {
            let slope = if sizes[i] > 0.0 { x[i] / sizes[i] } else { 0.0 };
            intercept -= slope * (mean[i] / 2.0 + means[i] / unit);
            artefact.weights.push(bounded(slope / unit));
            artefact.contributions[owners[i] as usize] += bounded(slope.abs() * (overall[i] / unit));
        }
        artefact.intercepts.push(bounded(intercept));
    }
    artefact.contributions.iter_mut().for_each(|contribution| *contribution = bounded(*contribution));
    Ok(())
}

fn singular(design: &Design, column: usize) -> Error {
    let name = design.layout().column_name(column);
    unfit(
        format!("the column \"{name}\" does not vary within classes, or is a combination of other columns"),
        "set shrinkage to a number over 0, or leave the column out",
    )
}
