//! The hyperparameters of networks as learners.

use serde::{Deserialize, Serialize};
use untrain_core::hyperparameters::{Hyperparameters, refuse, within};
use untrain_core::{Result, Seed};

use crate::architecture::Architecture;
use crate::augment::Augmentation;
use crate::optimiser::{Rule, Schedule};
use crate::train::{NormPolicy, Training};

/// More layers, or wider ones, would not fit into memory.
const MAX_LAYERS: usize = 64;
const MAX_WIDTH: u32 = 1 << 16;

/// How a network is trained, and how it sees records.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct TrainingParams {
    /// How often every record is seen, 1 to 10,000, or 0 with a network to begin with; in slices, so often after each.
    pub n_epochs: u32,
    /// How many records a step is made from, 1 to 65,536.
    pub batch_size: u32,
    /// How many of them a thread works on at once, 1 to 4096. Batch normalisation takes its statistics from them. Memory grows with it.
    pub chunk: u32,
    /// The rule of steps.
    pub optimiser: Rule,
    /// The length of a step, over 0 to 100.
    pub learning_rate: f32,
    /// How it goes on.
    pub schedule: Schedule,
    /// For `sgd`, how much of a step goes on, 0 to under 1.
    pub momentum: f32,
    /// How strongly parameters are drawn to zero, 0 to 1.
    pub weight_decay: f32,
    /// How images are changed each time that they are seen.
    pub augmentation: Augmentation,
    /// What batch normalisation does.
    pub norm: NormPolicy,
    /// For images, what is subtracted from samples of 0 to 1: one number, or one for each channel.
    pub mean: Vec<f32>,
    /// For images, what they are divided by then, over 0: one number, or one for each channel.
    pub deviation: Vec<f32>,
    /// For tables, how many inputs all categories share, placed by a hash, 1 to 65,536.
    pub n_buckets: u32,
    /// The safetensors file of a network to begin with, under PyTorch's names; none if it is empty. What that network has seen stays
    /// known.
    pub initial: String,
    /// The SHA-256 of that file, in hex; filled in from the file if it is not given.
    pub initial_sha256: String,
}

impl Default for TrainingParams {
    fn default() -> Self {
        Self {
            n_epochs: 20,
            batch_size: 128,
            chunk: 64,
            optimiser: Rule::Adam,
            learning_rate: 1e-3,
            schedule: Schedule::Constant,
            momentum: 0.9,
            weight_decay: 0.0,
            augmentation: Augmentation::None,
            norm: NormPolicy::Train,
            mean: vec![0.5],
            deviation: vec![0.25],
            n_buckets: 64,
            initial: String::new(),
            initial_sha256: String::new(),
        }
    }
}

impl TrainingParams {
    fn check(&self) -> Result<()> {
        within("n_epochs", self.n_epochs, u32::from(self.initial.is_empty()), 10_000)?;
        within("batch_size", self.batch_size, 1, 1 << 16)?;
        within("chunk", self.chunk, 1, 4096)?;
        within("n_buckets", self.n_buckets, 1, 1 << 16)?;
        let ranges = [
            ("learning_rate", self.learning_rate, self.learning_rate > 0.0 && self.learning_rate <= 100.0, "over 0 and at most 100"),
            ("momentum", self.momentum, (0.0..1.0).contains(&self.momentum), "0 to under 1"),
            ("weight_decay", self.weight_decay, (0.0..=1.0).contains(&self.weight_decay), "0 to 1"),
        ];
        if let Some((name, value, _, range)) = ranges.into_iter().find(|(_, _, fits, _)| !fits) {
            return Err(refuse(name, format!("{value} is not {range}")));
        }
        if self.mean.is_empty() || self.mean.iter().any(|mean| !mean.is_finite()) {
            return Err(refuse("mean", "it is one number, or one for each channel"));
        }
        if self.deviation.is_empty() || self.deviation.iter().any(|deviation| !deviation.is_finite() || *deviation <= 0.0) {
            return Err(refuse("deviation", "it is one number over 0, or one for each channel"));
        }
        Ok(())
    }

    /// The training of a network.
    pub fn training(&self, seed: Seed) -> Training {
        Training {
            n_epochs: self.n_epochs as usize,
            batch_size: self.batch_size as usize,
            learning_rate: self.learning_rate,
            schedule: self.schedule,
            rule: self.optimiser,
            momentum: self.momentum,
            weight_decay: self.weight_decay,
            augmentation: self.augmentation,
            norm: self.norm,
            seed,
        }
    }
}

/// The hyperparameters of a network: what it looks like, and how it is trained.
pub trait NetworkParams: Hyperparameters {
    /// What it looks like.
    fn architecture(&self) -> Architecture;
    /// How it is trained.
    fn training(&self) -> &TrainingParams;
}

/// The hyperparameters of `mlp`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct MlpParams {
    /// The widths of the hidden layers; none for a linear model.
    pub hidden: Vec<u32>,
    /// The rest.
    #[serde(flatten)]
    pub training: TrainingParams,
}

/// The hyperparameters of `cnn`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct CnnParams {
    /// The channels of the convolutions, each followed by a pool that halves height and width.
    pub channels: Vec<u32>,
    /// The width of the hidden linear layer.
    pub hidden: u32,
    /// The rest.
    #[serde(flatten)]
    pub training: TrainingParams,
}

/// The hyperparameters of `resnet`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ResnetParams {
    /// How many layers: 18, or 20, 32, 44 and so on.
    pub depth: u32,
    /// How many channels the first stage has; 0 for as many as published: 64 with 18 layers, else 16.
    pub width: u32,
    /// The rest.
    #[serde(flatten)]
    pub training: TrainingParams,
}

impl Default for MlpParams {
    fn default() -> Self {
        Self { hidden: vec![128], training: TrainingParams::default() }
    }
}

impl Default for CnnParams {
    fn default() -> Self {
        Self { channels: vec![32, 64], hidden: 128, training: TrainingParams::default() }
    }
}

impl Default for ResnetParams {
    fn default() -> Self {
        Self { depth: 20, width: 0, training: TrainingParams::default() }
    }
}

fn widths(name: &str, widths: &[u32]) -> Result<()> {
    if widths.len() > MAX_LAYERS {
        return Err(refuse(name, format!("{} layers are too many; there may be {MAX_LAYERS}", widths.len())));
    }
    widths.iter().try_for_each(|width| within(name, *width, 1, MAX_WIDTH))
}

fn sizes(widths: &[u32]) -> Vec<usize> {
    widths.iter().map(|width| *width as usize).collect()
}

impl Hyperparameters for MlpParams {
    fn check(&self) -> Result<()> {
        widths("hidden", &self.hidden)?;
        self.training.check()
    }
}

impl NetworkParams for MlpParams {
    fn architecture(&self) -> Architecture {
        Architecture::Mlp { hidden: sizes(&self.hidden) }
    }

    fn training(&self) -> &TrainingParams {
        &self.training
    }
}

impl Hyperparameters for CnnParams {
    fn check(&self) -> Result<()> {
        widths("channels", &self.channels)?;
        within("hidden", self.hidden, 1, MAX_WIDTH)?;
        if self.channels.is_empty() || self.channels.len() > 8 {
            return Err(refuse("channels", format!("{} convolutions cannot be; there are 1 to 8", self.channels.len())));
        }
        self.training.check()
    }
}

impl NetworkParams for CnnParams {
    fn architecture(&self) -> Architecture {
        Architecture::Cnn { channels: sizes(&self.channels), hidden: self.hidden as usize }
    }

    fn training(&self) -> &TrainingParams {
        &self.training
    }
}

impl Hyperparameters for ResnetParams {
    fn check(&self) -> Result<()> {
        within("width", self.width, 0, 4096)?;
        crate::architecture::stages(self.depth as usize)?;
        self.training.check()
    }
}

impl NetworkParams for ResnetParams {
    fn architecture(&self) -> Architecture {
        let published = if self.depth == 18 { 64 } else { 16 };
        Architecture::Resnet { depth: self.depth as usize, width: if self.width == 0 { published } else { self.width as usize } }
    }

    fn training(&self) -> &TrainingParams {
        &self.training
    }
}
