//! Newton: takes back, by the curvature of the loss, what the forgotten examples had pulled.

use serde::{Deserialize, Serialize};
use untrain_core::hyperparameters::{Hyperparameters, within};

use super::curvature::{gauss_newton, mean_gradient, pieces, solve};
use super::feed::sampled;
use super::ranges::{between, over_zero};
use super::trust_region::trust_region;
use super::vectors::{add, wide};
use super::{Done, Request, Unlearn};
use crate::batch::Batch;
use crate::error::Result;
use crate::network::Network;

/// `θ ← θ + (G + (w + λ) I)⁻¹ Σ_forget (∇CE(x) + w θ) / N_retain`, with `G` the Gauss–Newton matrix of what is retained and `w` the
/// training's weight decay \[@koh2017\] \[@guo2020\].
///
/// The system is solved by conjugate gradients. A trust region holds the step: a step that raises the loss of what is retained is
/// refused, and the next is half as long. The plain Hessian has negative curvature in deep networks and destroys them; Gauss–Newton
/// has none. Normalisation uses what it remembers.
///
/// # Guarantee
///
/// None beyond what an audit measures. For a convex loss at its optimum the step leads to the optimum without the forgotten examples,
/// up to the third derivative; `newton_removal` certifies that.
///
/// # Complexity
///
/// A pass over what is forgotten; for each step of conjugate gradients a tangent and a gradient of each of `n_curvature` examples; two
/// to `n_tries + 1` forwards of what is retained. It stops at the first step that is not refused, or does nothing after `n_tries`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Newton {
    /// What is added to the diagonal, 1e-12 to 1e6.
    pub damping: f64,
    /// The longest step, over 0 to 1e9.
    pub radius: f64,
    /// How often the radius is halved, 1 to 100.
    pub n_tries: u32,
    /// The most steps of conjugate gradients, 1 to 10000.
    pub n_steps: u32,
    /// The residual at which they stop, in parts of the right side, 0 to 1.
    pub tolerance: f64,
    /// From how many retained examples the curvature is taken, by a hash of the key, 1 to 100000000.
    pub n_curvature: u32,
}

impl Default for Newton {
    fn default() -> Self {
        Self { damping: 1e-3, radius: 1.0, n_tries: 10, n_steps: 50, tolerance: 1e-6, n_curvature: 2000 }
    }
}

impl Hyperparameters for Newton {
    fn check(&self) -> untrain_core::Result<()> {
        between("damping", self.damping, 1e-12, 1e6)?;
        over_zero("radius", self.radius, 1e9)?;
        within("n_tries", self.n_tries, 1, 100)?;
        within("n_steps", self.n_steps, 1, 10_000)?;
        between("tolerance", self.tolerance, 0.0, 1.0)?;
        within("n_curvature", self.n_curvature, 1, 100_000_000)
    }
}

impl Unlearn for Newton {
    fn apply(&self, network: &mut dyn Network, request: &Request<'_>) -> Result<Done> {
        let (direction, n_steps) = self.direction(network, request);
        let held = trust_region(network, request, &direction, self.radius, self.n_tries);
        Ok(Done::empirical(format!("after {n_steps} steps of conjugate gradients, {held}")))
    }
}

impl Newton {
    /// The step, before its length is held, and how many steps of conjugate gradients it took.
    pub(super) fn direction(&self, network: &dyn Network, request: &Request<'_>) -> (Vec<f64>, u32) {
        let decay = f64::from(request.training.weight_decay);
        let mut pull = mean_gradient(network, request.forget).1;
        add(&mut pull, decay, &wide(network.parameters()));
        let share = request.forget.len() as f64 / request.retain.len() as f64;
        pull.iter_mut().for_each(|slope| *slope *= share);
        let some = sampled(request.retain, self.n_curvature as usize, request.seed);
        let batches: Vec<Batch> = pieces(&some).map(|(_, batch)| batch).collect();
        let product = |vector: &[f64]| {
            let mut product = gauss_newton(network, &batches, vector);
            add(&mut product, self.damping + decay, vector);
            product
        };
        solve(product, &pull, self.n_steps, self.tolerance)
    }
}
