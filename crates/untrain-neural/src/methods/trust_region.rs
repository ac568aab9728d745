//! A step that is taken only if what is retained does not suffer.

use super::Request;
use super::curvature::mean_loss;
use super::vectors::{norm, shift};
use crate::network::Network;

/// Takes a step of at most `radius`, half as long as long as it raises the loss of what is retained, and none after `n_tries`. Says
/// what came of it.
pub(super) fn trust_region(network: &mut dyn Network, request: &Request<'_>, step: &[f64], mut radius: f64, n_tries: u32) -> String {
    let before = network.parameters().to_vec();
    let loss = mean_loss(network, request.retain);
    let length = norm(step);
    radius = radius.min(length);
    for _ in 0..n_tries {
        network.parameters_mut().copy_from_slice(&before);
        shift(network.parameters_mut(), radius / length.max(f64::MIN_POSITIVE), step);
        if mean_loss(network, request.retain) <= loss {
            return if radius == length { "with the whole step".to_owned() } else { format!("with {:.3} of the step", radius / length) };
        }
        radius /= 2.0;
    }
    network.parameters_mut().copy_from_slice(&before);
    format!("with no step: all {n_tries} would have raised the loss of what is retained")
}
