//! Networks as learners: records in, a network with its classes out.

use std::sync::Arc;

use serde::Serialize;
use untrain_core::hyperparameters::refuse;
use untrain_core::{Artefact, Dataset, Digest, Error, Kind, Learner, Model, Predictions, Reader, Result, Seed, Task, Writer, mix};

use crate::architecture::Architecture;
use crate::batch::Logits;
use crate::encode::{Encoder, classes};
use crate::examples::Examples;
use crate::frozen::FrozenFile;
use crate::keep::Keep;
use crate::loss::softmax;
use crate::methods::Request;
use crate::network::{Layered, Network as _};
use crate::params::{NetworkParams, TrainingParams};
use crate::train::{Progress, Training};

const METHOD: u64 = 0x6d65_7468_6f64_0000; // "method"
const STATE: &[u8; 8] = b"UNTRnst\x01";
/// What the artefact of a network begins with.
pub const ARTEFACT: &[u8; 8] = b"UNTRnet\x01";

/// How numbers are computed: the bytes of a network depend on it, and on no machine.
///
/// Products are chains of fused multiply-adds in the order of the inner index, other sums run in the order of records, and
/// functions are the `libm` crate's. A release that computes in another way has another name here.
pub const FLOAT_PROFILE: &str = "binary32 fma chains 1";

/// How many examples of a served network are worked on at once; its answers do not depend on it.
const SERVED_CHUNK: usize = 64;

/// The learner: a network of an architecture, trained by steps along the gradient.
///
/// It does not forget by itself: use it in a learner that retrains, and that in one that shards.
///
/// # Shapes
///
/// `(n, d)` with numeric, boolean and categorical features, values missing or not; or `(n, 1)` with images that are all of one
/// shape. The target is a class. Numbers are standardised by the mean and the deviation of the first records that the network
/// sees: of all, or, where records come in slices, of the first slice that has any.
///
/// # Complexity
///
/// `n_epochs · n` gradients. The state takes four bytes a parameter, and the ids.
#[derive(Debug, Clone)]
pub struct Neural {
    /// What the network looks like.
    pub architecture: Architecture,
    /// How it is trained.
    pub params: TrainingParams,
    /// The key of what it begins with, and of the order of records.
    pub seed: Seed,
    /// The file of the network to begin with, where the hyperparameters name one.
    pub initial: Option<FrozenFile>,
    /// Where unfinished training is kept, if anywhere.
    pub keep: Option<Arc<dyn Keep>>,
}

/// A model of [`Neural`].
#[derive(Debug, Clone)]
pub struct NeuralModel {
    learner: Neural,
    ids: Vec<String>,
    served: NeuralArtefact,
}

/// A network without its records.
#[derive(Debug, Clone)]
pub struct NeuralArtefact {
    /// How many records it has learnt.
    pub records: u64,
    /// How it sees records.
    pub encoder: Encoder,
    /// The classes, sorted.
    pub classes: Vec<String>,
    /// The network; none if there is no class.
    pub network: Option<Layered>,
}

impl Neural {
    /// The learner of hyperparameters.
    pub fn new(params: &impl NetworkParams, seed: Seed) -> Self {
        Self { architecture: params.architecture(), params: params.training().clone(), seed, initial: None, keep: None }
    }

    /// How it trains.
    pub fn training(&self) -> Training {
        self.params.training(self.seed)
    }

    /// The network before it has seen a record: random, or that of the file. If the file's has another number of classes, its last layer
    /// is left out.
    ///
    /// # Errors
    ///
    /// As [`Layered::new`]; for a file that cannot be read, or is of another network.
    pub fn fresh(&self, encoder: &Encoder, n_classes: usize) -> Result<Layered> {
        let random = self.random(encoder, n_classes)?;
        match &self.initial {
            Some(file) => random.beginning_as(&file.read()?),
            None if self.params.initial.is_empty() => Ok(random),
            None => Err(refuse("initial", "the learner was not given the file that it names")),
        }
    }

    fn random(&self, encoder: &Encoder, n_classes: usize) -> Result<Layered> {
        Layered::new(self.architecture.clone(), encoder.shape(), n_classes, self.params.chunk as usize, self.seed)
    }

    /// What a method needs to make what this learner trained forget records; `seed` is the key of the method's randomness.
    ///
    /// # Errors
    ///
    /// As [`NeuralArtefact::examples`] and [`Neural::fresh`].
    pub fn unlearning(&self, served: &NeuralArtefact, forget: &Dataset, retain: &Dataset, seed: Seed) -> Result<Unlearning> {
        Ok(Unlearning {
            retain: served.examples(retain, self.seed)?,
            forget: served.examples(forget, self.seed)?,
            training: self.training(),
            fresh: self.fresh(&served.encoder, served.classes.len())?,
            seed: Seed(mix(seed.0, METHOD)),
        })
    }

    fn header(&self) -> Vec<u8> {
        let mut out = Writer::new();
        out.raw(STATE);
        out.text(FLOAT_PROFILE);
        out.u64(self.seed.0);
        out.text(&serde_json::to_string(&self.architecture).unwrap_or_default());
        // Where a file lies is nobody's concern; its digest says what it is.
        let params = TrainingParams { initial: String::new(), ..self.params.clone() };
        out.text(&serde_json::to_string(&params).unwrap_or_default());
        out.into_bytes()
    }

    /// The network that training on `examples` begins with: what the checkpoint knows, and rows for new classes.
    fn beginning(&self, checkpoint: Option<&NeuralArtefact>, encoder: &Encoder, classes: &[String]) -> Result<Layered> {
        let Some((old, known)) = checkpoint.and_then(|served| Some((served.network.as_ref()?, &served.classes))) else {
            return self.fresh(encoder, classes.len());
        };
        let rows: Vec<Option<usize>> = classes.iter().map(|class| known.binary_search(class).ok()).collect();
        // Where the checkpoint knows every class, nothing is left of a file to begin with.
        let all = rows.iter().all(Option::is_some);
        let mut network = if all { self.random(encoder, classes.len())? } else { self.fresh(encoder, classes.len())? };
        network.take(old, &rows);
        Ok(network)
    }

    /// Trains, going on from what was kept of the same training, if it was cut off.
    fn train(&self, network: &mut Layered, examples: &Examples) -> Result<()> {
        let training = self.training();
        let mut progress = training.start(examples.len());
        let Some(keep) = &self.keep else {
            return Ok(training.run(network, examples, &mut progress, &mut |_, _| true)?);
        };
        let key = self.key(network, examples);
        if let Some(kept) = keep.find(&key) {
            progress = training.resume(network, &kept, progress)?;
        }
        let mut watch = |network: &dyn crate::Network, progress: &Progress| {
            if keep.wants(progress.step) {
                keep.put(&key, &progress.write(network));
            }
            true
        };
        training.run(network, examples, &mut progress, &mut watch)?;
        keep.remove(&key);
        Ok(())
    }

    /// What says that two trainings are one.
    fn key(&self, network: &Layered, examples: &Examples) -> Digest {
        let mut out = Writer::new();
        out.raw(&self.header());
        network.write_numbers(&mut out);
        examples.write(&mut out);
        Digest::of(&out.into_bytes())
    }
}

impl Learner for Neural {
    type Model = NeuralModel;

    fn fit(&self, data: &Dataset) -> Result<NeuralModel> {
        self.resume(None, data, data)
    }

    fn load(&self, state: &[u8], data: &Dataset) -> Result<NeuralModel> {
        let mut input = Reader::new("state of a network", state);
        let header = self.header();
        if input.raw(header.len().min(state.len()))? != header {
            return Err(input.malformed(other_header(state)));
        }
        let n = input.count()?;
        let mut same = n == data.len();
        for place in 0..n {
            let id = input.text()?;
            same = same && data.id(place) == id;
        }
        if !same {
            return Err(input.malformed("it is of other records"));
        }
        let n = input.count()?;
        let served = NeuralArtefact::read(input.raw(n)?)?;
        input.end()?;
        Ok(NeuralModel { learner: self.clone(), ids: ids(data), served })
    }

    /// Makes `n_epochs` passes over `seen`, from the network of the checkpoint or from the beginning.
    fn resume(&self, checkpoint: Option<&NeuralModel>, _: &Dataset, seen: &Dataset) -> Result<NeuralModel> {
        let checkpoint = checkpoint.map(|model| &model.served).filter(|served| served.records > 0);
        let encoder = match checkpoint {
            Some(served) => served.encoder.clone(),
            None => Encoder::fit(seen, &self.params)?,
        };
        if matches!(encoder, Encoder::Table { .. }) && !matches!(self.architecture, Architecture::Mlp { .. }) {
            let reason = format!("a {} sees images, and no feature is one", self.architecture.name());
            return Err(Error::Unfit { reason, hint: "use mlp for a table".to_owned() });
        }
        let classes = classes(seen)?;
        let mut network = None;
        if !classes.is_empty() {
            let mut training = self.beginning(checkpoint, &encoder, &classes)?;
            self.train(&mut training, &encoder.examples(seen, &classes, self.seed)?)?;
            network = Some(training);
        }
        let served = NeuralArtefact { records: seen.len() as u64, encoder, classes, network };
        Ok(NeuralModel { learner: self.clone(), ids: ids(seen), served })
    }

    fn is_incremental(&self) -> bool {
        true
    }
}

fn ids(data: &Dataset) -> Vec<String> {
    data.ids().iter().flatten().map(str::to_owned).collect()
}

/// Why a state does not begin as this learner's would.
fn other_header(state: &[u8]) -> String {
    let mut input = Reader::new("state of a network", state);
    let profile = input.raw(STATE.len()).and_then(|_| input.text());
    match profile {
        Ok(profile) if profile != FLOAT_PROFILE => {
            format!("it was computed under the float profile \"{profile}\", and this program computes under \"{FLOAT_PROFILE}\"")
        }
        _ => "another recipe or format made it".to_owned(),
    }
}

impl NeuralModel {
    /// What is served.
    pub fn served(&self) -> &NeuralArtefact {
        &self.served
    }

    /// The same model with another network: what a method of unlearning has made of it, for the records of `data`.
    #[must_use]
    pub fn with_network(&self, network: Layered, data: &Dataset) -> Self {
        let served = NeuralArtefact { records: data.len() as u64, network: Some(network), ..self.served.clone() };
        Self { learner: self.learner.clone(), ids: ids(data), served }
    }
}

/// What a method of unlearning needs to make a network forget records.
#[derive(Debug, Clone)]
pub struct Unlearning {
    retain: Examples,
    forget: Examples,
    training: Training,
    /// The network as it was before it was trained.
    pub fresh: Layered,
    /// The key of all randomness.
    pub seed: Seed,
}

impl Unlearning {
    /// What a method is asked.
    pub fn request(&self) -> Request<'_> {
        Request { retain: &self.retain, forget: &self.forget, training: &self.training, fresh: &self.fresh, seed: self.seed }
    }
}

impl Model for NeuralModel {
    fn artefact(&self) -> Vec<u8> {
        self.served.write()
    }

    fn state(&self) -> Vec<u8> {
        let mut out = Writer::new();
        out.raw(&self.learner.header());
        out.varint(self.ids.len() as u64);
        self.ids.iter().for_each(|id| out.text(id));
        let served = self.served.write();
        out.varint(served.len() as u64);
        out.raw(&served);
        out.into_bytes()
    }

    fn records(&self) -> u64 {
        self.served.records
    }

    fn predict(&self, data: &Dataset) -> Result<Predictions> {
        self.served.predict(data)
    }
}

impl NeuralArtefact {
    /// The canonical bytes.
    pub fn write(&self) -> Vec<u8> {
        let mut out = Writer::new();
        out.raw(ARTEFACT);
        out.varint(self.records);
        self.encoder.write(&mut out);
        out.varint(self.classes.len() as u64);
        self.classes.iter().for_each(|class| out.text(class));
        if let Some(network) = &self.network {
            network.architecture().write(&mut out);
            network.write_numbers(&mut out);
        }
        out.into_bytes()
    }

    /// Reads the canonical bytes.
    ///
    /// # Errors
    ///
    /// [`untrain_core::Error::Malformed`].
    pub fn read(bytes: &[u8]) -> Result<Self> {
        let mut input = Reader::new("artefact of a network", bytes);
        if input.raw(ARTEFACT.len())? != ARTEFACT {
            return Err(input.malformed("it does not begin as one of this format's version"));
        }
        let records = input.varint()?;
        let encoder = Encoder::read(&mut input)?;
        let classes = (0..input.count()?).map(|_| Ok(input.text()?.to_owned())).collect::<Result<Vec<_>>>()?;
        let mut network = None;
        if !classes.is_empty() {
            let architecture = Architecture::read(&mut input)?;
            network = Some(Layered::read_numbers(&mut input, architecture, encoder.shape(), classes.len(), SERVED_CHUNK)?);
        }
        input.end()?;
        Ok(Self { records, encoder, classes, network })
    }

    /// The examples of `data`, as the network sees them.
    ///
    /// # Errors
    ///
    /// As [`Encoder::examples`].
    pub fn examples(&self, data: &Dataset, seed: Seed) -> Result<Examples> {
        self.encoder.examples(data, &self.classes, seed)
    }
}

/// The probabilities that logits stand for, row after row.
pub fn probabilities(logits: &Logits) -> Vec<f64> {
    (0..logits.len()).flat_map(|i| softmax(logits.row(i), 1.0)).collect()
}

impl Artefact for NeuralArtefact {
    fn inputs(&self) -> Vec<(String, Kind)> {
        self.encoder.inputs()
    }

    fn predict(&self, data: &Dataset) -> Result<Predictions> {
        self.encoder.check(data)?;
        let mut found = Vec::with_capacity(data.len() * self.classes.len());
        // Without a class there are no images either, so that any shape suits.
        if let Some(network) = &self.network {
            self.examples(data, Seed(0))?.pieces().for_each(|(_, batch)| found.extend(probabilities(&network.logits(&batch))));
        }
        Ok(Predictions::Classes { classes: self.classes.clone(), probabilities: found, n: data.len() })
    }

    fn json(&self) -> String {
        #[derive(Serialize)]
        struct Json<'a> {
            task: Task,
            records: u64,
            float_profile: &'a str,
            encoder: &'a Encoder,
            classes: &'a [String],
            architecture: Option<&'a Architecture>,
            parameters: Vec<Entry<'a>>,
        }
        #[derive(Serialize)]
        struct Entry<'a> {
            name: &'a str,
            shape: &'a [usize],
            values: &'a [f32],
        }
        let json = Json {
            task: Task::Classification,
            records: self.records,
            float_profile: FLOAT_PROFILE,
            encoder: &self.encoder,
            classes: &self.classes,
            architecture: self.network.as_ref().map(Layered::architecture),
            parameters: self
                .network
                .iter()
                .flat_map(Layered::entries)
                .map(|(entry, values)| Entry { name: &entry.name, shape: &entry.shape, values })
                .collect(),
        };
        serde_json::to_string(&json).unwrap_or_default()
    }

    fn facts(&self) -> Vec<(&'static str, String)> {
        let parameters = self.network.as_ref().map_or(0, |network| network.parameters().len());
        vec![("parameters", untrain_core::count(parameters as u64)), ("float profile", FLOAT_PROFILE.to_owned())]
    }
}

#[cfg(test)]
mod tests;
