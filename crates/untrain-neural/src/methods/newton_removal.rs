//! Newton removal: forgets in a network without hidden layers, with a certificate from the residual that is left.

use serde::{Deserialize, Serialize};
use untrain_core::Guarantee;
use untrain_core::hyperparameters::{Hyperparameters, within};

use super::convex::{Objective, is_linear};
use super::ranges::{between, over_zero};
use super::secret::NoiseSource;
use super::{Done, Request, Unlearn, refusal};
use crate::error::Result;
use crate::examples::Examples;
use crate::network::Network;

const PURPOSE: u64 = 0x7265_6d6f_7661_6c00; // "removal"

/// A head that can be made to forget with a certificate: the secret that its objective was perturbed by, and what is left of its
/// budget.
///
/// The head is close to the optimum of `mean CE + w ‖θ‖² / 2 + b · θ / N`, `b ~ N(0, σ² I)` a secret. To forget, Newton's steps lead
/// towards the optimum without the forgotten; the gradient that is left there, times N, is the *residual*. It is computed in double
/// precision on the retained records themselves. Residuals of all requests are added up \[@guo2020\].
///
/// # Guarantee
///
/// As long as the sum is at most the budget B, the head is (ε, δ)-close to what training with a secret like `b` makes of the retained
/// records, with `σ = B √(2 ln(1.5 / δ)) / ε`. It says nothing of heads that were released before, nor of a feature extractor that had
/// seen the forgotten.
#[derive(Debug, Clone)]
pub struct Removal {
    method: NewtonRemoval,
    perturbation: Vec<f64>,
    decay: f64,
    budget: f64,
    spent: f64,
}

impl Removal {
    /// Perturbs the objective of a network, and brings it to the optimum on all `parts` together.
    ///
    /// # Errors
    ///
    /// [`untrain_core::Error::Unfit`] for a network with hidden layers, or a training without weight decay.
    pub fn learn(network: &mut dyn Network, parts: &[&Examples], weight_decay: f32, method: &NewtonRemoval) -> Result<Self> {
        if !is_linear(network) {
            let hint = "use an mlp without hidden layers, or noisy_fine_tune, which certifies any network";
            return Err(refusal("newton_removal certifies convex losses, and this network has hidden layers", hint));
        }
        if weight_decay <= 0.0 {
            let hint = "train with a weight_decay over 0, such as 0.01";
            return Err(refusal("newton_removal needs a loss that is strongly convex, and the training has no weight decay", hint));
        }
        let n: usize = parts.iter().map(|examples| examples.len()).sum();
        let budget = method.beta * f64::from(weight_decay) * n as f64;
        let sigma = method.sigma(budget);
        let noise = method.noise.normals(network.parameters().len(), PURPOSE)?;
        let perturbation: Vec<f64> = noise.into_iter().map(|noise| sigma * noise).collect();
        let decay = f64::from(weight_decay);
        let objective = Objective::new(parts, decay, &perturbation);
        objective.descend(network, budget / f64::from(method.n_requests), method.n_steps);
        Ok(Self { method: method.clone(), perturbation, decay, budget, spent: 0.0 })
    }

    /// Makes the network forget all but what is retained.
    ///
    /// # Errors
    ///
    /// [`untrain_core::Error::Unfit`] if the budget does not reach; nothing has changed then.
    pub fn forget(&mut self, network: &mut dyn Network, retain: &Examples) -> Result<Done> {
        let before = network.parameters().to_vec();
        let objective = Objective::new(&[retain], self.decay, &self.perturbation);
        let goal = (self.budget / f64::from(self.method.n_requests)).min(self.left());
        let (residual, n_steps) = objective.descend(network, goal, self.method.n_steps);
        if residual > self.left() || !residual.is_finite() {
            network.parameters_mut().copy_from_slice(&before);
            let reason = format!("the removal leaves a residual of {residual:.3e}, and {:.3e} is left of the budget", self.left());
            return Err(refusal(reason, "retrain, which begins a new budget, or use a larger beta from the start"));
        }
        self.spent += residual;
        let NewtonRemoval { epsilon, delta, noise, .. } = self.method;
        let secret = if noise.is_secret() { "a secret perturbation" } else { "a perturbation from a known seed, which certifies nothing" };
        let stopped = format!(
            "after {n_steps} Newton steps with a residual of {residual:.3e}; spent {:.3e} of {:.3e}; {secret}",
            self.spent, self.budget
        );
        let guarantee = if noise.is_secret() { Guarantee::Certified { epsilon, delta } } else { Guarantee::Empirical };
        Ok(Done { guarantee, stopped })
    }

    /// With other limits for the next request.
    #[cfg(test)]
    pub(super) fn with(&mut self, method: NewtonRemoval) -> &mut Self {
        self.method = method;
        self
    }

    /// What is left of the budget.
    pub fn left(&self) -> f64 {
        self.budget - self.spent
    }
}

/// Perturbs the objective by a secret, leads the network to its optimum on everything, and from there by Newton's steps to that on what
/// is retained; see [`Removal`] \[@guo2020\], which serves many requests with one secret.
///
/// # Guarantee
///
/// (ε, δ), as [`Removal`] has it, compared to training with such a perturbation. The bytes cannot be replayed.
///
/// # Errors
///
/// [`untrain_core::Error::Unfit`] for a network with hidden layers, a training without weight decay, and a residual beyond the budget.
///
/// # Complexity
///
/// For each of up to `2 n_steps` Newton steps up to 500 tangents and gradients of each example. It stops when the residual is small
/// enough, at the latest after `n_steps`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct NewtonRemoval {
    /// The certified epsilon, over 0 to 1000.
    pub epsilon: f64,
    /// The certified delta, 1e-15 to 0.1.
    pub delta: f64,
    /// The most that the epsilons of a network's requests may add up to before it has to be trained anew, `epsilon` to 1e6.
    pub total_epsilon: f64,
    /// The budget for residuals, for each record that was learned from and in parts of the weight decay, over 0 to 1e6. The
    /// perturbation is in proportion to it: it moves what the records leave undecided by about `5 beta / epsilon`.
    pub beta: f64,
    /// How many requests are to share the budget, 1 to 1000000.
    pub n_requests: u32,
    /// The most Newton steps for a request, 1 to 1000.
    pub n_steps: u32,
    /// Where the perturbation comes from.
    #[serde(skip)]
    pub noise: NoiseSource,
}

impl Default for NewtonRemoval {
    fn default() -> Self {
        Self { epsilon: 1.0, delta: 1e-5, total_epsilon: 10.0, beta: 0.02, n_requests: 10, n_steps: 20, noise: NoiseSource::Secret }
    }
}

impl Hyperparameters for NewtonRemoval {
    fn check(&self) -> untrain_core::Result<()> {
        over_zero("epsilon", self.epsilon, 1000.0)?;
        between("delta", self.delta, 1e-15, 0.1)?;
        between("total_epsilon", self.total_epsilon, self.epsilon, 1e6)?;
        over_zero("beta", self.beta, 1e6)?;
        within("n_requests", self.n_requests, 1, 1_000_000)?;
        within("n_steps", self.n_steps, 1, 1000)
    }
}

impl Unlearn for NewtonRemoval {
    fn apply(&self, network: &mut dyn Network, request: &Request<'_>) -> Result<Done> {
        let mut removal = Removal::learn(network, &[request.retain, request.forget], request.training.weight_decay, self)?;
        removal.forget(network, request.retain)
    }

    fn epsilons(&self) -> Option<(f64, f64)> {
        Some((self.epsilon, self.total_epsilon))
    }
}

impl NewtonRemoval {
    /// The deviation of the perturbation for a budget.
    pub fn sigma(&self, budget: f64) -> f64 {
        budget * libm::sqrt(2.0 * libm::log(1.5 / self.delta)) / self.epsilon
    }
}
