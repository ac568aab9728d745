//! ToW, the tug of war: Π (1 − |accuracy − retrained accuracy|) over forget set, retain set and holdout \[@zhao2024\].

use crate::distances::gaps::Accuracies;

/// ToW, 1 for a model with the accuracies of a retrained one. A smoke test: near 1 for nearly everything, models that forgot nothing included.
///
/// # Examples
///
/// ```
/// use untrain_audit::distances::{gaps::Accuracies, tow::tow};
///
/// let retrained = Accuracies { forget: 0.8, retain: 1.0, holdout: 0.8 };
/// let original = Accuracies { forget: 1.0, ..retrained };
/// assert!((tow(&original, &retrained) - 0.8).abs() < 1e-12);
/// ```
pub fn tow(own: &Accuracies, retrained: &Accuracies) -> f64 {
    let Accuracies { forget, retain, holdout } = own.gaps(retrained);
    (1.0 - forget) * (1.0 - retain) * (1.0 - holdout)
}

/// ToW-MIA: the gap of the accuracy on the forget set is replaced by that of a membership attack's score.
pub fn tow_mia(own: &Accuracies, retrained: &Accuracies, own_attack: f64, retrained_attack: f64) -> f64 {
    let Accuracies { retain, holdout, .. } = own.gaps(retrained);
    (1.0 - (own_attack - retrained_attack).abs()) * (1.0 - retain) * (1.0 - holdout)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_forget_gap_is_replaced_by_the_gap_of_the_attack() {
        let retrained = Accuracies { forget: 0.5, retain: 1.0, holdout: 0.9 };
        let own = Accuracies { forget: 1.0, retain: 0.9, holdout: 0.9 };
        assert!((tow(&own, &retrained) - 0.45).abs() < 1e-12);
        assert!((tow_mia(&own, &retrained, 0.7, 0.6) - 0.81).abs() < 1e-12);
        assert_eq!(tow(&retrained, &retrained), 1.0);
    }
}
