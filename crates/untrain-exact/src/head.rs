//! The last layer of a deep network, exactly: logistic regression on what a frozen network makes of images.

use std::sync::Arc;

use arrow_array::{ArrayRef, Float64Array, StringArray};
use serde::{Deserialize, Serialize};
use untrain_core::hyperparameters::{Hyperparameters, refuse};
use untrain_core::{
    Artefact, Column, Dataset, Digest, Error, Forget, Guarantee, Kind, Learner, Model, Predictions, Reader, Result, Role, Schema, Seed,
    Writer,
};
use untrain_neural::{Architecture, Encoder, FrozenFile, Layered, Network as _, TrainingParams};

use crate::encode::Preprocessing;
use crate::logistic::{Logistic, LogisticArtefact, LogisticModel, LogisticParams};

const STATE: &[u8; 8] = b"UNTRhds\x01";
pub(crate) const ARTEFACT: &[u8; 8] = b"UNTRhea\x01";

/// How many images a thread works on at once; features do not depend on it.
const CHUNK: usize = 64;

/// The hyperparameters of [`Head`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct HeadParams {
    /// What the frozen network looks like: `{"kind": "resnet", "depth": 20, "width": 16}`, or a `cnn` or an `mlp`.
    pub network: Architecture,
    /// The safetensors file of its numbers, under PyTorch's names.
    pub weights: String,
    /// The SHA-256 of that file, in hex; filled in from the file if it is not given.
    pub weights_sha256: String,
    /// What was subtracted from samples of 0 to 1 when the network was trained: one number, or one for each channel.
    pub mean: Vec<f32>,
    /// What they were divided by then.
    pub deviation: Vec<f32>,
    /// The penalty of the last layer, as of `logistic`.
    pub alpha: f64,
    /// How many binary digits after the point its weights are published with, 4 to 30.
    pub grid: u32,
}

impl Default for HeadParams {
    fn default() -> Self {
        let LogisticParams { alpha, grid, .. } = LogisticParams::default();
        Self {
            network: Architecture::Resnet { depth: 20, width: 16 },
            weights: String::new(),
            weights_sha256: String::new(),
            mean: vec![0.485, 0.456, 0.406],
            deviation: vec![0.229, 0.224, 0.225],
            alpha,
            grid,
        }
    }
}

impl Hyperparameters for HeadParams {
    fn check(&self) -> Result<()> {
        if self.weights.is_empty() {
            return Err(refuse("weights", "it names no file; it is a safetensors file of the frozen network"));
        }
        if self.mean.is_empty() || self.deviation.iter().any(|deviation| deviation.is_nan() || *deviation <= 0.0) {
            return Err(refuse("deviation", "it is one number over 0, or one for each channel"));
        }
        self.logistic().check()
    }
}

impl HeadParams {
    fn logistic(&self) -> LogisticParams {
        LogisticParams { alpha: self.alpha, grid: self.grid, preprocessing: Preprocessing::default() }
    }

    fn training(&self) -> TrainingParams {
        TrainingParams { mean: self.mean.clone(), deviation: self.deviation.clone(), ..TrainingParams::default() }
    }
}

/// The learner: a frozen network makes features of images, and a canonical logistic regression is trained on them.
///
/// # Guarantee
///
/// Exact for the last layer. The frozen network is part of the recipe, by the digest of its file: whatever *it* was trained on is not
/// forgotten. It may not have seen the records of this dataset, or the promise is void.
///
/// # Shapes
///
/// `(n, 1)`: one column of images, all of one shape.
///
/// # Complexity
///
/// A forward of the frozen network for each record at training and at loading; then as [`Logistic`], with as many columns as the network has
/// features (64 for a ResNet-20). Forgetting makes no forward.
#[derive(Debug, Clone)]
pub struct Head {
    /// The hyperparameters.
    pub params: HeadParams,
    /// The file of the frozen network.
    pub weights: FrozenFile,
    /// The key of the offsets of the last layer's grid.
    pub seed: Seed,
}

/// A model of [`Head`].
#[derive(Debug, Clone)]
pub struct HeadModel {
    header: Vec<u8>,
    frozen: Arc<Frozen>,
    last: LogisticModel,
    /// The features of the model's records.
    features: Dataset,
}

/// A frozen network, and how it sees images.
#[derive(Debug, Clone)]
struct Frozen {
    encoder: Encoder,
    /// None before there was an image that told the shape.
    network: Option<Layered>,
}

impl Frozen {
    /// The features of records, with their target beside them.
    fn features(&self, data: &Dataset) -> Result<Dataset> {
        let examples = self.encoder.examples(data, &[], Seed(0))?;
        let mut columns: Vec<Vec<f64>> = Vec::new();
        if let Some(network) = &self.network {
            for (_, batch) in examples.pieces() {
                let found = network.features(&batch);
                columns.resize(found.n_classes(), Vec::new());
                for (place, column) in columns.iter_mut().enumerate() {
                    column.extend((0..found.len()).map(|i| f64::from(found.row(i)[place])));
                }
            }
        }
        let named = |(place, values): (usize, Vec<f64>)| {
            let column = Column { name: format!("feature {place:05}"), kind: Kind::Numeric, role: Role::Feature, declared: true };
            (column, Arc::new(Float64Array::from(values)) as ArrayRef)
        };
        let target =
            data.schema().target().map(|(place, column)| (Column { declared: true, ..column.clone() }, data.columns()[place].clone()));
        let (described, arrays): (Vec<Column>, Vec<ArrayRef>) = columns.into_iter().enumerate().map(named).chain(target).unzip();
        let ids: StringArray = data.ids().clone();
        Dataset::new(Schema { id: data.schema().id.clone(), columns: described, holdout: None }, &ids, arrays)
    }

    fn write(&self, out: &mut Writer) {
        self.encoder.write(out);
        out.flag(self.network.is_some());
        if let Some(network) = &self.network {
            network.architecture().write(out);
            out.varint(network.n_classes() as u64);
            network.write_numbers(out);
        }
    }

    fn read(input: &mut Reader<'_>) -> Result<Self> {
        let encoder = Encoder::read(input)?;
        let mut network = None;
        if input.flag()? {
            let architecture = Architecture::read(input)?;
            let n_classes = input.at_most(1 << 20)?;
            network = Some(Layered::read_numbers(input, architecture, encoder.shape(), n_classes, CHUNK)?);
        }
        Ok(Self { encoder, network })
    }
}

impl Head {
    fn last(&self) -> Logistic {
        Logistic { params: self.params.logistic(), seed: self.seed }
    }

    fn frozen(&self, data: &Dataset, weights: &[u8]) -> Result<Frozen> {
        let encoder = Encoder::fit(data, &self.params.training())?;
        if !matches!(encoder, Encoder::Image { .. }) {
            let hint = "the frozen network sees images; for tables use logistic".to_owned();
            return Err(Error::Unfit { reason: "no feature is an image".to_owned(), hint });
        }
        let network =
            if data.is_empty() { None } else { Some(Layered::from_safetensors(&self.params.network, encoder.shape(), CHUNK, weights)?) };
        Ok(Frozen { encoder, network })
    }

    fn header(&self, weights: &[u8]) -> Vec<u8> {
        let HeadParams { network, weights: _, weights_sha256: _, mean, deviation, alpha: _, grid: _ } = &self.params;
        let mut out = Writer::new();
        out.raw(STATE);
        out.text(untrain_neural::FLOAT_PROFILE);
        out.text(&serde_json::to_string(&(network, mean, deviation)).unwrap_or_default());
        out.raw(Digest::of(weights).as_bytes());
        out.into_bytes()
    }
}

impl Learner for Head {
    type Model = HeadModel;

    fn fit(&self, data: &Dataset) -> Result<HeadModel> {
        let weights = self.weights.read()?;
        let frozen = Arc::new(self.frozen(data, &weights)?);
        let features = frozen.features(data)?;
        Ok(HeadModel { header: self.header(&weights), frozen, last: self.last().fit(&features)?, features })
    }

    fn load(&self, state: &[u8], data: &Dataset) -> Result<HeadModel> {
        let weights = self.weights.read()?;
        let header = self.header(&weights);
        let Some(rest) = state.strip_prefix(&header[..]) else {
            return Err(Error::Malformed { what: "state of a head", reason: "another recipe, network or format made it".to_owned() });
        };
        let frozen = Arc::new(self.frozen(data, &weights)?);
        let features = frozen.features(data)?;
        Ok(HeadModel { header, frozen, last: self.last().load(rest, &features)?, features })
    }
}

impl Forget<HeadModel> for Head {
    fn forget(&self, model: &mut HeadModel, ids: &[String], retained: &Dataset) -> Result<Guarantee> {
        // Ids that are unknown or repeated are for the last layer to tell: it knows the same records.
        let mut last = model.last.clone();
        let Ok(features) = model.features.without(ids) else { return self.last().forget(&mut last, ids, &model.features) };
        if retained.is_empty() {
            *model = self.fit(retained)?;
            return Ok(Guarantee::Exact);
        }
        let guarantee = self.last().forget(&mut last, ids, &features)?;
        (model.last, model.features) = (last, features);
        Ok(guarantee)
    }

    fn learn(&self, model: &mut HeadModel, ids: &[String], retained: &Dataset) -> Result<Guarantee> {
        let joining = retained.select(ids)?;
        let known: Vec<String> = ids.iter().filter(|id| model.features.position(id).is_some()).cloned().collect();
        if !known.is_empty() {
            return Err(Error::AlreadyPresent { ids: known });
        }
        if joining.is_empty() {
            return Ok(Guarantee::Exact);
        }
        if model.features.is_empty() {
            *model = self.fit(retained)?;
            return Ok(Guarantee::Exact);
        }
        let features = model.features.union(&model.frozen.features(&joining)?)?;
        let mut last = model.last.clone();
        let guarantee = self.last().learn(&mut last, ids, &features)?;
        (model.last, model.features) = (last, features);
        Ok(guarantee)
    }
}

impl Model for HeadModel {
    fn artefact(&self) -> Vec<u8> {
        let mut out = Writer::new();
        out.raw(ARTEFACT);
        self.frozen.write(&mut out);
        out.raw(&self.last.artefact());
        out.into_bytes()
    }

    fn state(&self) -> Vec<u8> {
        let mut state = self.header.clone();
        state.extend(self.last.state());
        state
    }

    fn records(&self) -> u64 {
        self.last.records()
    }

    fn predict(&self, data: &Dataset) -> Result<Predictions> {
        HeadArtefact::read(&self.artefact())?.predict(data)
    }
}

/// A served head: the frozen network and the last layer.
#[derive(Debug, Clone)]
pub struct HeadArtefact {
    frozen: Frozen,
    last: LogisticArtefact,
}

impl HeadArtefact {
    /// Reads what a model's artefact was written as.
    ///
    /// # Errors
    ///
    /// [`Error::Malformed`].
    pub fn read(bytes: &[u8]) -> Result<Self> {
        let mut input = Reader::new("artefact of a head", bytes);
        if input.raw(ARTEFACT.len())? != ARTEFACT {
            return Err(input.malformed("it does not begin as one of this format's version"));
        }
        let frozen = Frozen::read(&mut input)?;
        let last = LogisticArtefact::read(input.raw(input.left())?)?;
        Ok(Self { frozen, last })
    }
}

impl Artefact for HeadArtefact {
    fn inputs(&self) -> Vec<(String, Kind)> {
        self.frozen.encoder.inputs()
    }

    fn predict(&self, data: &Dataset) -> Result<Predictions> {
        if self.frozen.network.is_none() {
            return Ok(Predictions::Classes { classes: Vec::new(), probabilities: Vec::new(), n: data.len() });
        }
        self.last.predict(&self.frozen.features(data)?)
    }

    fn json(&self) -> String {
        let network = self.frozen.network.as_ref().map(Layered::architecture);
        let last = serde_json::from_str::<serde_json::Value>(&self.last.json()).unwrap_or_default();
        serde_json::json!({ "frozen": { "architecture": network, "encoder": self.frozen.encoder }, "last_layer": last }).to_string()
    }

    fn facts(&self) -> Vec<(&'static str, String)> {
        let frozen = self.frozen.network.as_ref().map_or(0, |network| network.parameters().len());
        let mut facts = vec![("frozen parameters", untrain_core::count(frozen as u64))];
        facts.extend(self.last.facts());
        facts
    }
}
