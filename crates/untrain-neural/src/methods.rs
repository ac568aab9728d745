//! Methods that make a trained network forget examples: each moves its parameters, and says what it promises.
//!
//! A method is a struct of hyperparameters that implements [`Unlearn`], in a file of its own, and an entry of [`METHODS`].
//! It is written against [`Network`] alone. Its cost is counted outside of it, by [`Metered`].

pub mod accountant;
mod assd;
mod attribution;
mod bad_teacher;
mod boundary_expand;
mod boundary_shrink;
mod cf_k;
mod convex;
mod ct;
mod curvature;
mod delete;
mod eigenbasis;
mod ek_fac;
mod eu_k;
mod feed;
mod fine_tune;
mod fisher;
mod gradient_ascent;
mod jit;
mod l1_sparse;
mod langevin;
mod lfssd;
mod list;
mod meter;
mod msg;
mod neggrad_plus;
mod newton;
mod newton_removal;
mod noise;
mod noisy_fine_tune;
mod noisy_steps;
mod perturb;
mod prune_reinit;
mod random_labels;
mod ranges;
mod reset_layers;
mod salun;
mod scrub;
mod search;
mod secret;
mod shrink_perturb;
mod ssd;
mod trust_region;
mod undo;
mod unsir;
mod vectors;
mod walk;
mod wood_fisher;

use serde::{Deserialize, Serialize};
use untrain_core::hyperparameters::{Hyperparameters, Settings, complete, read};
use untrain_core::{Error as CoreError, Guarantee, Seed, counted, nearest};

use crate::error::{Error, Result};
use crate::examples::Examples;
use crate::network::Network;
use crate::train::{NormPolicy, Training, recompute, refuse_infinite};

pub use accountant::Accountant;
pub use assd::Assd;
pub use attribution::{lds, spearman, tracin_scores};
pub use bad_teacher::BadTeacher;
pub use boundary_expand::BoundaryExpand;
pub use boundary_shrink::BoundaryShrink;
pub use cf_k::CfK;
pub use ct::Ct;
pub use delete::Delete;
pub use ek_fac::{EkFac, EkFacStep};
pub use eu_k::EuK;
pub use fine_tune::FineTune;
pub use fisher::Fisher;
pub use gradient_ascent::GradientAscent;
pub use jit::Jit;
pub use l1_sparse::L1Sparse;
pub use langevin::Langevin;
pub use lfssd::Lfssd;
pub use list::METHODS;
pub use meter::{Cost, Metered};
pub use msg::Msg;
pub use neggrad_plus::NegGradPlus;
pub use newton::Newton;
pub use newton_removal::{NewtonRemoval, Removal};
pub use noise::Noise;
pub use noisy_fine_tune::NoisyFineTune;
pub use noisy_steps::NoisySteps;
pub use perturb::{Course, PerturbAndRepair, Perturbation, Teaching};
pub use prune_reinit::PruneReinit;
pub use random_labels::RandomLabels;
pub use reset_layers::ResetLayers;
pub use salun::SalUn;
pub use scrub::Scrub;
pub use search::{Criterion, Found, Tried, search};
pub use secret::NoiseSource;
pub use shrink_perturb::ShrinkPerturb;
pub use ssd::Ssd;
pub use undo::Undo;
pub use unsir::Unsir;
pub use wood_fisher::WoodFisher;

/// What is to be forgotten, and why.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Goal {
    /// Some records among others like them: a person asks.
    Random,
    /// All records of a class.
    Class,
    /// All records of a part of a class, or of a pattern across classes.
    Concept,
    /// Records with wrong labels or a planted pattern, whose effect is to go.
    Poison,
}

impl Goal {
    /// The goal in words.
    pub fn name(self) -> &'static str {
        match self {
            Self::Random => "a random subset",
            Self::Class => "a class",
            Self::Concept => "a concept",
            Self::Poison => "poisoned records",
        }
    }
}

/// What a method is asked to do.
#[derive(Clone, Copy)]
pub struct Request<'a> {
    /// The examples that the network may know.
    pub retain: &'a Examples,
    /// Those that it shall not know.
    pub forget: &'a Examples,
    /// How the network was trained.
    pub training: &'a Training,
    /// The network as it was before it was trained: it knows no example.
    pub fresh: &'a dyn Network,
    /// The key of all randomness.
    pub seed: Seed,
}

/// What a method says when it is done.
#[derive(Debug, Clone, PartialEq)]
pub struct Done {
    /// What holds of the network now.
    pub guarantee: Guarantee,
    /// Why the method stopped where it did.
    pub stopped: String,
}

impl Request<'_> {
    /// The network before training, as a copy that counts with `network` what is asked of it.
    pub(crate) fn beginner(&self, network: &dyn Network) -> Box<dyn Network> {
        let mut copy = network.boxed();
        copy.parameters_mut().copy_from_slice(self.fresh.parameters());
        copy.buffers_mut().copy_from_slice(self.fresh.buffers());
        copy
    }
}

impl Done {
    pub(crate) fn empirical(stopped: String) -> Self {
        Self { guarantee: Guarantee::Empirical, stopped }
    }

    pub(crate) fn after_epochs(n_epochs: u32) -> Self {
        Self::empirical(format!("after {}", counted(u64::from(n_epochs), "epoch")))
    }
}

/// The error of a request that a method cannot serve.
pub(crate) fn refusal(reason: impl Into<String>, hint: impl Into<String>) -> Error {
    Error::Core(CoreError::Unfit { reason: reason.into(), hint: hint.into() })
}

/// A method of unlearning.
///
/// # Contract
///
/// The network afterwards is a pure function of the network before, the request and the hyperparameters. On `Err` the network is of
/// no use. A network that normalises keeps what it remembers unless the method says otherwise.
pub trait Unlearn: Send + Sync {
    /// Moves the parameters of `network`, for a request that [`Unlearn::unlearn`] has looked at.
    ///
    /// # Errors
    ///
    /// As [`Unlearn::unlearn`].
    fn apply(&self, network: &mut dyn Network, request: &Request<'_>) -> Result<Done>;

    /// The epsilon that a request spends, of a method that certifies, and the most that those of one network's requests may add up to:
    /// whoever keeps account refuses a request that would go beyond, before it costs anything.
    fn epsilons(&self) -> Option<(f64, f64)> {
        None
    }

    /// Makes `network` forget.
    ///
    /// # Errors
    ///
    /// [`Error::Diverged`], also if a parameter is no number afterwards; [`untrain_core::Error::Unfit`] for a request that the method
    /// cannot serve, as none can where nothing is to be forgotten, or everything.
    fn unlearn(&self, network: &mut dyn Network, request: &Request<'_>) -> Result<Done> {
        if request.forget.is_empty() {
            return Err(refusal("there is nothing to forget", "name at least one record to forget"));
        }
        if request.retain.is_empty() {
            return Err(refusal("nothing would be retained", "to forget everything, delete the model"));
        }
        let done = self.apply(network, request)?;
        if request.training.norm == NormPolicy::Recompute {
            recompute(network, request.retain);
        }
        refuse_infinite(network, 0, 0)?;
        Ok(done)
    }
}

/// A method that may be asked for by name.
#[derive(Debug)]
pub struct Method {
    /// Its name.
    pub name: &'static str,
    /// What it does, in a few words.
    pub about: &'static str,
    /// The paper, by its key in docs/references.bib.
    pub paper: &'static str,
    /// What it was made for; for anything else there is a warning.
    pub goals: &'static [Goal],
    /// Values of hyperparameters that a search tries; the first of each is the default.
    pub search: &'static [(&'static str, &'static [f64])],
    /// Whether the same request gives the same bytes again. Noise from a secret generator does not.
    pub replays: bool,
    complete: fn(Settings) -> untrain_core::Result<Settings>,
    make: fn(&Settings) -> untrain_core::Result<Box<dyn Unlearn>>,
}

fn make<M: Unlearn + Hyperparameters + 'static>(settings: &Settings) -> untrain_core::Result<Box<dyn Unlearn>> {
    Ok(Box::new(read::<M>(settings)?))
}

impl Method {
    const fn new<M: Unlearn + Hyperparameters + 'static>(
        name: &'static str,
        about: &'static str,
        paper: &'static str,
        goals: &'static [Goal],
        search: &'static [(&'static str, &'static [f64])],
    ) -> Self {
        Self { name, about, paper, goals, search, replays: true, complete: complete::<M>, make: make::<M> }
    }

    /// One whose noise nobody can draw again.
    const fn secret(self) -> Self {
        Self { replays: false, ..self }
    }

    /// The method of a name.
    ///
    /// # Errors
    ///
    /// [`CoreError::Parameter`] with the nearest name.
    pub fn named(name: &str) -> untrain_core::Result<&'static Self> {
        METHODS.iter().find(|method| method.name == name).ok_or_else(|| {
            let names: Vec<&str> = METHODS.iter().map(|method| method.name).collect();
            let reason = format!("there is no method \"{name}\"; there is {}", names.join(", "));
            CoreError::Parameter { name: "method".to_owned(), reason, nearest: nearest(name, names) }
        })
    }

    /// What to tell whoever uses the method for a goal that it was not made for.
    pub fn warning(&self, goal: Goal) -> Option<String> {
        if self.goals.contains(&goal) {
            return None;
        }
        let goals: Vec<&str> = self.goals.iter().map(|goal| goal.name()).collect();
        Some(format!("{} was not made for {}, but for {}", self.name, goal.name(), goals.join(" or ")))
    }

    /// All hyperparameters, the defaults for those that `settings` leaves out.
    ///
    /// # Errors
    ///
    /// [`CoreError::Parameter`].
    pub fn complete(&self, settings: Settings) -> untrain_core::Result<Settings> {
        (self.complete)(settings)
    }

    /// The method with hyperparameters, completed.
    ///
    /// # Errors
    ///
    /// [`CoreError::Parameter`].
    pub fn with(&self, settings: Settings) -> untrain_core::Result<Box<dyn Unlearn>> {
        (self.make)(&self.complete(settings)?)
    }
}

#[cfg(test)]
mod tests;
