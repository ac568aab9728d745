//! Principal components: the directions in which records vary most.

mod artefact;

use serde::{Deserialize, Serialize};
use untrain_core::{Reader, Result, Writer, eigen};

use crate::Hyperparameters;
use crate::encode::{Design, Preprocessing, Wanted};
use crate::encoded::{Method, encoded_learner};
use crate::moments::Moments;
use artefact::Component;
pub(crate) use artefact::MAGIC;
pub use artefact::PcaArtefact;
use untrain_core::hyperparameters::within;

/// A direction with less than this share of the variance of the first is rounding, and no component.
const NOTHING: f64 = 1.0 / (1_u64 << 40) as f64;

/// The learner. It needs no target; what it predicts are the components of records.
///
/// Columns are centred, and standardised as the preprocessing says. The covariance divides by the records but one, and of each
/// component the loading of largest magnitude, the first of equals, is positive.
///
/// # Guarantee
///
/// Exact, for `forget` and `learn`, in any order and any batches.
///
/// # Shapes
///
/// `(n, d)` with numeric, boolean, categorical and text features, values missing or not, to `(n, n_components)`; to fewer if
/// records do not vary in so many directions.
///
/// # Complexity
///
/// With `p` columns of which a record has `s`: fit is O(n · s² + p³), and forgetting a record O(s² + p³), whatever `n` is.
/// Memory: 8·p² bytes, and about 4·d + 90 bytes a record for its row and id.
#[derive(Debug, Clone, PartialEq)]
pub struct Pca {
    /// The hyperparameters.
    pub params: PcaParams,
}

/// The hyperparameters of [`Pca`].
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct PcaParams {
    /// How many components there are at most; as many as the records have if not given.
    pub n_components: Option<u32>,
    /// Whether components are divided by their deviation.
    pub whiten: bool,
    /// How columns become numbers.
    #[serde(flatten)]
    pub preprocessing: Preprocessing,
}

impl Hyperparameters for PcaParams {
    fn check(&self) -> Result<()> {
        if let Some(n) = self.n_components {
            within("n_components", n, 1, u32::MAX)?;
        }
        self.preprocessing.check()
    }
}

impl Method for Pca {
    const STATE: &'static [u8; 8] = b"UNTRpcs\x01";
    type Summary = Moments;
    type Served = PcaArtefact;

    fn check(&self) -> Result<()> {
        self.params.check()
    }

    fn rows(&self) -> (&Preprocessing, Wanted) {
        (&self.params.preprocessing, Wanted::Nothing)
    }

    fn write_params(&self, out: &mut Writer) {
        let PcaParams { n_components, whiten, preprocessing: _ } = &self.params;
        out.varint(u64::from(n_components.unwrap_or(0)));
        out.flag(*whiten);
    }

    fn summarise(&self, design: &Design) -> Result<Moments> {
        Moments::of(design, false)
    }

    fn leave(&self, moments: &mut Moments, design: &Design, rows: &[u32]) -> Result<()> {
        moments.remove(design, rows);
        Ok(())
    }

    fn join(&self, moments: &mut Moments, design: &Design, rows: &[u32]) -> Result<()> {
        moments.add(design, rows);
        Ok(())
    }

    fn finish(&self, moments: &mut Moments, design: &Design) -> Result<PcaArtefact> {
        let limit = self.params.n_components.map_or(usize::MAX, |n| n as usize);
        let (means, components) = components(moments, design, limit);
        Ok(PcaArtefact { records: moments.n(), encoder: design.encoder(), whiten: self.params.whiten, means, components })
    }

    fn write(&self, moments: &Moments, out: &mut Writer) {
        moments.write(out);
    }

    fn read(&self, input: &mut Reader<'_>, design: &Design) -> Result<Moments> {
        Moments::read(input, design, false, 1)
    }

    fn artefact(served: &PcaArtefact) -> Vec<u8> {
        served.bytes()
    }
}

encoded_learner!(Pca);

/// The means of the columns, and the components from the largest. The matrix is in units of the largest deviation, so that
/// nothing overflows.
fn components(moments: &Moments, design: &Design, limit: usize) -> (Vec<f64>, Vec<Component>) {
    let (p, n) = (design.layout().n_columns, moments.n() as f64);
    if n == 0.0 {
        return (vec![0.0; p], Vec::new());
    }
    let (terms, places) = (moments.terms(design), design.places());
    let total = moments.total(&terms);
    let roots = total.roots();
    let freedom = (n * (n - 1.0).max(1.0)).sqrt();
    let deviations: Vec<f64> = roots.iter().zip(&places).map(|(root, (_, step))| root / freedom / step).collect();
    let unit = deviations.iter().fold(0.0_f64, |most, deviation| most.max(*deviation));
    let means = moments.means(&terms, &places);
    if unit == 0.0 {
        return (means, Vec::new());
    }
    let shares: Vec<f64> = deviations.iter().map(|deviation| deviation / unit).collect();
    let mut matrix = vec![0.0; p * p];
    for i in (0..p).filter(|i| roots[*i] > 0.0) {
        matrix[i * p + i] = shares[i] * shares[i];
        for j in (i + 1..p).filter(|j| roots[*j] > 0.0) {
            let covariance = total.at(i, j) / roots[i] / roots[j] * (shares[i] * shares[j]);
            (matrix[i * p + j], matrix[j * p + i]) = (covariance, covariance);
        }
    }
    let all: f64 = shares.iter().map(|share| share * share).sum();
    let (values, vectors) = eigen::symmetric(matrix, p);
    let floor = values[0] * NOTHING;
    let component = |(value, loadings): (&f64, &[f64])| Component {
        deviation: unit * value.sqrt(),
        explained_variance_ratio: value / all,
        loadings: loadings.to_vec(),
    };
    let components = values.iter().zip(vectors.chunks_exact(p)).take_while(|(value, _)| **value > floor).take(limit).map(component);
    (means, components.collect())
}
