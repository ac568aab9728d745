//! SalUn: random labels, in the parameters alone that matter for what is to be forgotten.

use serde::{Deserialize, Serialize};
use untrain_core::hyperparameters::{Hyperparameters, within};

use super::curvature::mean_gradient;
use super::random_labels::RandomLabels;
use super::ranges::{over_zero, rate};
use super::{Done, Request, Unlearn};
use crate::error::Result;
use crate::network::Network;

/// Random labels \[@golatkar2020\], moving only the share of all parameters with the largest `|∇CE(forget)|` at the start \[@fan2024\].
///
/// What the mask leaves out keeps its bytes, whatever momentum and decay would do; published code let it drift.
///
/// # Guarantee
///
/// None beyond what an audit measures. It leaves the mark of random labels.
///
/// # Complexity
///
/// A pass over what is forgotten, and `n_epochs` over everything. It stops after them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct SalUn {
    /// The share of parameters that may move, over 0 to 1.
    pub share: f64,
    /// How many passes, 1 to 1000.
    pub n_epochs: u32,
    /// The length of steps, over 0 to 100.
    pub learning_rate: f32,
}

impl Default for SalUn {
    fn default() -> Self {
        Self { share: 0.5, n_epochs: 10, learning_rate: 0.013 }
    }
}

impl Hyperparameters for SalUn {
    fn check(&self) -> untrain_core::Result<()> {
        over_zero("share", self.share, 1.0)?;
        within("n_epochs", self.n_epochs, 1, 1000)?;
        rate("learning_rate", self.learning_rate)
    }
}

impl Unlearn for SalUn {
    fn apply(&self, network: &mut dyn Network, request: &Request<'_>) -> Result<Done> {
        let mask = self.mask(network, request);
        let labels = RandomLabels { n_epochs: self.n_epochs, learning_rate: self.learning_rate };
        labels.masked(network, request, Some(mask))
    }
}

impl SalUn {
    /// What may move; of equals the first.
    pub(super) fn mask(&self, network: &dyn Network, request: &Request<'_>) -> Vec<bool> {
        let gradient = mean_gradient(network, request.forget).1;
        let mut order: Vec<usize> = (0..gradient.len()).collect();
        order.sort_by(|a, b| gradient[*b].abs().total_cmp(&gradient[*a].abs()));
        let mut mask = vec![false; gradient.len()];
        let n = (self.share * gradient.len() as f64).ceil() as usize;
        order[..n.min(gradient.len())].iter().for_each(|place| mask[*place] = true);
        mask
    }
}
