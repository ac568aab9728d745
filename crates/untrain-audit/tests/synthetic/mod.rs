//! Models with known truth, for tests: Gaussians that leak or do not.

use untrain_audit::{Ensemble, Membership, Outputs, Worlds};
use untrain_core::{Seed, unit};

/// A standard normal number for a seed, a kind and a place, by Box and Muller.
pub(crate) fn normal(seed: u64, kind: u64, i: usize) -> f64 {
    let hash = |part: u64| unit(Seed(seed).hash(kind, &(2 * i as u64 + part).to_le_bytes()));
    (-2.0 * (1.0 - hash(0)).ln()).sqrt() * (std::f64::consts::TAU * hash(1)).cos()
}

/// What a simulated candidate is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Kind {
    /// Distributed as a retrained model.
    Retrained,
    /// Distributed as a retrained model that was trained for less: lower margins everywhere.
    Short,
    /// The original model: higher margins on what it was trained on.
    Original,
}

/// Worlds of two-class models whose margins are Gaussian: the difficulty of the point, an effect of the model on all of its points, noise, and 1.5 for
/// what was trained on.
pub(crate) fn gaussian_worlds(seed: u64, n_worlds: usize, n_points: usize, candidate: Kind) -> Worlds {
    let ids: Vec<String> = (0..n_points).map(|i| i.to_string()).collect();
    let bits = Membership::draw(Seed(seed), n_worlds, &ids.iter().map(String::as_str).collect::<Vec<_>>());
    let ensemble = |kind: Kind, run: u64| {
        let outputs = |set: u64, world: usize| {
            let margin = |point: usize| {
                let own = normal(seed, 1000 * run + 10 * set, world * n_points + point);
                let trained_on = kind == Kind::Original && set == 0 && bits.row(world)[point];
                let short = if kind == Kind::Short { 1.0 } else { 0.0 };
                normal(seed, set, point) + 0.3 * normal(seed, 1000 * run + 5, world) + own + 1.5 * f64::from(trained_on) - short
            };
            let p = (0..n_points).map(|point| 1.0 / (1.0 + (-margin(point)).exp()));
            Outputs::classes(2, p.flat_map(|p| [p, 1.0 - p]).collect(), vec![Some(0); n_points]).unwrap()
        };
        let of_set = |set: u64| (0..n_worlds).map(|world| outputs(set, world)).collect();
        Ensemble { forget: of_set(0), holdout: of_set(1), retain: of_set(2) }
    };
    Worlds {
        candidate: ensemble(candidate, 1),
        retrained: ensemble(Kind::Retrained, 2),
        second: ensemble(Kind::Retrained, 3),
        original: ensemble(Kind::Original, 4),
        scratch: Some(ensemble(Kind::Short, 5)),
        do_nothing: None,
        canaries: vec![],
        bits,
    }
}
