//! Methods that make a trained network forget examples: each moves its parameters, and says what it promises.
//!
//! A method is a struct of hyperparameters that implements [`Unlearn`], in a file of its own, and an entry of [`METHODS`].
//! It is written against [`Network`] alone. Its cost is counted outside of it, by [`Metered`].

mod fine_tune;
mod meter;

use serde::{Deserialize, Serialize};
use untrain_core::hyperparameters::{Hyperparameters, Settings, complete, read};
use untrain_core::{Error as CoreError, Guarantee, Seed, nearest};

use crate::error::Result;
use crate::examples::Examples;
use crate::network::Network;
use crate::train::Training;

pub use fine_tune::FineTune;
pub use meter::{Cost, Metered};

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

/// A method of unlearning.
///
/// # Contract
///
/// The network afterwards is a pure function of the network before, the request and the hyperparameters. On `Err` the network is of
/// no use. A network that normalises keeps what it remembers unless the method says otherwise.
pub trait Unlearn: Send + Sync {
    /// Moves the parameters of `network`.
    ///
    /// # Errors
    ///
    /// [`crate::Error::Diverged`]; [`untrain_core::Error::Unfit`] for a request that the method cannot serve.
    fn unlearn(&self, network: &mut dyn Network, request: &Request<'_>) -> Result<Done>;
}

/// A method that may be asked for by name.
#[derive(Debug)]
pub struct Method {
    /// Its name.
    pub name: &'static str,
    /// What it does, in a few words.
    pub about: &'static str,
    /// The paper, by its key in docs/references.md.
    pub paper: &'static str,
    /// What it was made for; for anything else there is a warning.
    pub goals: &'static [Goal],
    /// Values of hyperparameters that a search tries; the first of each is the default.
    pub search: &'static [(&'static str, &'static [f64])],
    complete: fn(Settings) -> untrain_core::Result<Settings>,
    make: fn(&Settings) -> untrain_core::Result<Box<dyn Unlearn>>,
}

const ANY_GOAL: &[Goal] = &[Goal::Random, Goal::Class, Goal::Concept, Goal::Poison];

/// The methods; to add one is to add an entry.
pub const METHODS: &[Method] = &[Method {
    name: "fine_tune",
    about: "goes on training on what is retained",
    paper: "golatkar2020",
    goals: ANY_GOAL,
    search: &[("learning_rate", &[0.02, 0.005, 0.1])],
    complete: complete::<FineTune>,
    make: make::<FineTune>,
}];

fn make<M: Unlearn + Hyperparameters + 'static>(settings: &Settings) -> untrain_core::Result<Box<dyn Unlearn>> {
    Ok(Box::new(read::<M>(settings)?))
}

impl Method {
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
