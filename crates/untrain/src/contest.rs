//! Methods of unlearning side by side: in many worlds a network is trained, every method has it forget, and networks are trained
//! anew beside it, whole and for as many steps as methods take.

use std::time::Instant;

use rayon::prelude::*;
use untrain_audit::distances::quantise::Grid;
use untrain_core::hyperparameters::Settings;
use untrain_core::{Dataset, Guarantee, Learner as _, Seed, mix};
use untrain_neural::methods::{Criterion, Metered, Method, Request, Unlearn, search};
use untrain_neural::{Examples, Layered, Network, Neural, NeuralArtefact, Training, Unlearning};

use crate::shadow::{Role, Said, Study};
use crate::{Error, Result};

const RELEARN: u64 = 0x7265_6c65_6172_6e00; // "relearn"

/// After which shares of a training's steps the network that is trained from scratch is looked at.
pub(crate) const SHARES: [f64; 6] = [0.01, 0.02, 0.05, 0.1, 0.25, 0.5];

/// In how many worlds copies of networks learn the points again, and in how many steps.
const RELEARNT: usize = 4;
const STEPS: usize = 10;

/// What is to be compared.
pub(crate) struct Contest<'a> {
    pub(crate) study: Study<'a>,
    /// The network's learner, of any seed.
    pub(crate) neural: Neural,
    pub(crate) methods: Vec<Box<dyn Unlearn>>,
}

/// What one network of a world is and says.
#[derive(Debug, Clone)]
pub(crate) struct Row {
    /// What it says of the points, the holdout and the retained records.
    pub(crate) said: [Said; 3],
    /// What it cost, in steps of training.
    pub(crate) steps: f64,
    pub(crate) seconds: f64,
    pub(crate) guarantee: Guarantee,
    /// Why it stopped.
    pub(crate) stopped: String,
    /// How sure it is of the points that were in, before it learns them again and after each step of that.
    pub(crate) relearnt: Option<Vec<f64>>,
    /// The share of the points that were in that it has right before its weights are rounded, and after.
    pub(crate) rounded: Option<[f64; 2]>,
}

/// The rows of a world: those that are always there, and then one for each method, or why there is none.
pub(crate) struct Round {
    pub(crate) original: Row,
    pub(crate) retrained: Row,
    pub(crate) second: Row,
    /// In the order of [`SHARES`].
    pub(crate) scratch: Vec<Row>,
    pub(crate) methods: Vec<Result<Row, String>>,
}

/// A network as it takes part: how it sees records is that of the model it came from.
struct Player {
    served: NeuralArtefact,
    steps: f64,
    seconds: f64,
    guarantee: Guarantee,
    stopped: String,
}

impl Contest<'_> {
    /// How many steps a training from the beginning takes.
    pub(crate) fn n_steps(&self) -> usize {
        let training = self.neural.training();
        training.start(self.study.data.len()).n_steps
    }

    /// All rows of a world.
    ///
    /// # Errors
    ///
    /// Those of training; what goes wrong in a method is its row.
    pub(crate) fn round(&self, world: usize) -> Result<Round> {
        let (ins, outs) = self.study.sides(world);
        let (with, without) = self.study.sets(&outs)?;
        let original = self.trained(world, Role::Original, &with)?;
        let forget = self.study.points.select(&ins)?;
        let told = |player: &Player| self.told(world, player, &forget);
        let asked = self.unlearning(world, &original, &forget, &without)?;
        let row = |method: &dyn Unlearn| told(&unlearned(method, &original, &asked)?);
        let methods = self.methods.iter().map(|method| row(method.as_ref()).map_err(|error| error.to_string())).collect();
        let scratch = self.scratch(world, &without)?.iter().map(told).collect::<Result<_>>()?;
        let [retrained, second] = [Role::Retrained, Role::Second].map(|role| self.trained(world, role, &without));
        Ok(Round { original: told(&original)?, retrained: told(&retrained?)?, second: told(&second?)?, scratch, methods })
    }

    /// Hyperparameters of each method as a search on the first world finds them, with its criterion, and the steps that it took; what
    /// is set already is not searched. A method that cannot be searched keeps what is set.
    ///
    /// # Errors
    ///
    /// Those of training.
    pub(crate) fn searched(&self, methods: &[(&Method, Settings)], criterion: Criterion) -> Result<Vec<(Settings, f64)>> {
        let (ins, outs) = self.study.sides(0);
        let (with, without) = self.study.sets(&outs)?;
        let original = self.trained(0, Role::Original, &with)?;
        let asked = self.unlearning(0, &original, &self.study.points.select(&ins)?, &without)?;
        let network = original.network()?;
        let found = methods.par_iter().map(|(method, settings)| {
            let metered = Metered::new(network);
            let request = Request { fresh: &metered.beside(&asked.fresh), ..asked.request() };
            match search(method, settings, &metered, &request, criterion) {
                Ok(found) => (found.settings, metered.cost().steps(request.training.batch_size)),
                Err(_) => (settings.clone(), 0.0),
            }
        });
        Ok(found.collect())
    }

    fn learner(&self, world: usize, role: Role) -> Neural {
        Neural { seed: self.study.seed_of(world, role), ..self.neural.clone() }
    }

    fn trained(&self, world: usize, role: Role, data: &Dataset) -> Result<Player> {
        let learner = self.learner(world, role);
        let timer = Instant::now();
        let served = learner.fit(data)?.served().clone();
        let steps = learner.training().start(data.len()).n_steps as f64;
        let stopped = "at the end of training".to_owned();
        Ok(Player { served, steps, seconds: timer.elapsed().as_secs_f64(), guarantee: Guarantee::Exact, stopped })
    }

    fn unlearning(&self, world: usize, original: &Player, forget: &Dataset, retain: &Dataset) -> Result<Unlearning> {
        let seed = self.study.seed_of(world, Role::Candidate);
        Ok(self.learner(world, Role::Original).unlearning(&original.served, forget, retain, seed)?)
    }

    /// A network that is trained without the points, as it is after each of [`SHARES`].
    fn scratch(&self, world: usize, data: &Dataset) -> Result<Vec<Player>> {
        let learner = self.learner(world, Role::Scratch);
        let timer = Instant::now();
        let encoder = untrain_neural::Encoder::fit(data, &learner.params)?;
        let classes = untrain_neural::classes(data)?;
        let examples = encoder.examples(data, &classes, learner.seed)?;
        let mut network = learner.fresh(&encoder, classes.len())?;
        let training = learner.training();
        let mut progress = training.start(examples.len());
        let marks = SHARES.map(|share| ((share * progress.n_steps as f64).ceil() as usize).max(1));
        let mut players = Vec::with_capacity(SHARES.len());
        let before = NeuralArtefact { records: data.len() as u64, encoder, classes, network: Some(network.clone()) };
        let mut watch = |network: &dyn Network, progress: &untrain_neural::Progress| {
            for mark in &marks {
                if *mark == progress.step {
                    players.push(Player {
                        served: moved(&before, network),
                        steps: progress.step as f64,
                        seconds: timer.elapsed().as_secs_f64(),
                        guarantee: Guarantee::Exact,
                        stopped: format!("after {} of {} steps", progress.step, progress.n_steps),
                    });
                }
            }
            progress.step < marks[SHARES.len() - 1]
        };
        training.run(&mut network, &examples, &mut progress, &mut watch).map_err(untrain_core::Error::from)?;
        Ok(players)
    }

    fn told(&self, world: usize, player: &Player, forget: &Dataset) -> Result<Row> {
        let served = &player.served;
        let said = |data: &Dataset| Said::from_predictions(untrain_core::Artefact::predict(served, data)?, data);
        let (mut relearnt, mut rounded) = (None, None);
        if let Some(network) = served.network.as_ref().filter(|_| world < RELEARNT) {
            let learner = self.learner(world, Role::Original);
            let examples = served.examples(forget, learner.seed)?;
            relearnt = Some(relearning(network, &examples, &learner.training(), self.study.seed_of(world, Role::Scratch)));
            rounded = Some(rounding(network, &examples)?);
        }
        Ok(Row {
            said: [said(&self.study.points)?, said(&self.study.holdout)?, said(&self.study.retain)?],
            steps: player.steps,
            seconds: player.seconds,
            guarantee: player.guarantee,
            stopped: player.stopped.clone(),
            relearnt,
            rounded,
        })
    }
}

impl Player {
    fn network(&self) -> Result<&Layered> {
        self.served.network.as_ref().ok_or(Error::NotAudited)
    }
}

/// The original after a method had it forget.
fn unlearned(method: &dyn Unlearn, original: &Player, asked: &Unlearning) -> Result<Player> {
    let mut metered = Metered::new(original.network()?);
    let timer = Instant::now();
    let request = Request { fresh: &metered.beside(&asked.fresh), ..asked.request() };
    let done = method.unlearn(&mut metered, &request).map_err(untrain_core::Error::from)?;
    let seconds = timer.elapsed().as_secs_f64();
    let steps = metered.cost().steps(request.training.batch_size);
    let served = NeuralArtefact { records: request.retain.len() as u64, ..moved(&original.served, &metered) };
    Ok(Player { served, steps, seconds, guarantee: done.guarantee, stopped: done.stopped })
}

/// What is served, with the numbers of a network of the same shape.
fn moved(served: &NeuralArtefact, network: &dyn Network) -> NeuralArtefact {
    let mut served = served.clone();
    if let Some(copy) = &mut served.network {
        copy.parameters_mut().copy_from_slice(network.parameters());
        copy.buffers_mut().copy_from_slice(network.buffers());
    }
    served
}

/// How sure a copy is of the points, before it learns them again and after each step of that: one batch of all of them a step.
fn relearning(network: &Layered, examples: &Examples, training: &Training, seed: Seed) -> Vec<f64> {
    let sure = |network: &dyn Network| {
        let mut total = 0.0;
        for (_, batch) in examples.pieces() {
            let probabilities = untrain_neural::probabilities(&network.logits(&batch));
            total += probabilities.chunks(network.n_classes()).zip(&batch.labels).map(|(row, label)| row[*label as usize]).sum::<f64>();
        }
        total / examples.len().max(1) as f64
    };
    let mut curve = vec![sure(network)];
    let mut copy = network.clone();
    let again = Training {
        n_epochs: STEPS,
        batch_size: examples.len().max(1),
        schedule: untrain_neural::Schedule::Constant,
        norm: untrain_neural::NormPolicy::Frozen,
        seed: Seed(mix(seed.0, RELEARN)),
        ..training.clone()
    };
    let mut watch = |network: &dyn Network, _: &untrain_neural::Progress| {
        curve.push(sure(network));
        true
    };
    // One that diverges has not relearnt.
    let _ = again.run(&mut copy, examples, &mut again.start(examples.len()), &mut watch);
    let last = curve[curve.len() - 1];
    curve.resize(STEPS + 1, last);
    curve
}

/// The accuracy on the points before weights are rounded, and after; each tensor by itself.
fn rounding(network: &Layered, examples: &Examples) -> Result<[f64; 2]> {
    let mut copy = network.clone();
    for entry in network.layout().entries() {
        let rounded = Grid::INT4.round(&network.parameters()[entry.range.clone()])?;
        copy.parameters_mut()[entry.range.clone()].copy_from_slice(&rounded);
    }
    Ok([network, &copy].map(|network| untrain_neural::accuracy(network, examples)))
}
