//! Accuracy gaps to retraining on forget set, retain set and holdout, with what is derived from them.

use serde::{Deserialize, Serialize};

use crate::error::{Result, within_unit};

/// Accuracies on the three sets, from 0 to 1.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Accuracies {
    /// On the forget set.
    pub forget: f64,
    /// On the retain set.
    pub retain: f64,
    /// On the holdout.
    pub holdout: f64,
}

impl Accuracies {
    /// The absolute differences to a retrained model.
    #[must_use]
    pub fn gaps(&self, retrained: &Self) -> Self {
        Self {
            forget: (self.forget - retrained.forget).abs(),
            retain: (self.retain - retrained.retain).abs(),
            holdout: (self.holdout - retrained.holdout).abs(),
        }
    }

    /// The mean of the three gaps.
    pub fn average_gap(&self, retrained: &Self) -> f64 {
        let Self { forget, retain, holdout } = self.gaps(retrained);
        (forget + retain + holdout) / 3.0
    }

    /// RetDev = Σ |own / retrained − 1| over the three sets \[@cadet2024, section 4\]; `None` where a retrained accuracy is 0.
    pub fn retrain_deviation(&self, retrained: &Self) -> Option<f64> {
        let pairs = [(self.forget, retrained.forget), (self.retain, retrained.retain), (self.holdout, retrained.holdout)];
        let sum: f64 = pairs.iter().map(|(own, other)| (own / other - 1.0).abs()).sum();
        sum.is_finite().then_some(sum)
    }

    /// Refuses values that are no accuracies.
    ///
    /// # Errors
    ///
    /// An accuracy outside [0, 1], or NaN.
    pub fn check(&self) -> Result<()> {
        let Self { forget, retain, holdout } = *self;
        [forget, retain, holdout]
            .iter()
            .try_for_each(|accuracy| if [0.0, 1.0].contains(accuracy) { Ok(()) } else { within_unit("accuracy", *accuracy) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gaps_are_absolute_and_a_retrained_model_has_none() {
        let own = Accuracies { forget: 0.9, retain: 1.0, holdout: 0.8 };
        let retrained = Accuracies { forget: 0.8, retain: 1.0, holdout: 0.9 };
        assert!((own.average_gap(&retrained) - 0.2 / 3.0).abs() < 1e-15);
        assert_eq!(own.average_gap(&own), 0.0);
        assert!((own.retrain_deviation(&retrained).unwrap() - (0.125 + 1.0 / 9.0)).abs() < 1e-12);
        assert_eq!(own.retrain_deviation(&Accuracies { forget: 0.0, ..retrained }), None);
        assert!(Accuracies { forget: f64::NAN, ..own }.check().is_err());
        assert!(Accuracies { forget: 0.0, ..own }.check().is_ok());
    }
}
