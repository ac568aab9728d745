//! The modified entropy attack: entropy that knows which label is right \[@song2021, equation 6\].

use crate::error::Result;
use crate::outputs::Outputs;
use crate::scores::Scores;

/// The least value that a logarithm is taken of.
const FLOOR: f64 = 1e-30;

/// The score −Mentr of each model and point, with Mentr = −(1 − p_y) log p_y − Σ_{c≠y} p_c log(1 − p_c).
///
/// # Errors
///
/// A model without probabilities; models with different numbers of points.
pub fn scores(models: &[Outputs]) -> Result<Scores> {
    let row = |model: &Outputs| -> Result<Vec<f64>> {
        let outputs = model.probabilities("the modified entropy attack")?;
        Ok(outputs.rows().map(|(label, row)| -modified_entropy(label, row)).collect())
    };
    Scores::from_rows(models.iter().map(row).collect::<Result<_>>()?)
}

/// Modified entropy, in nats; a label that the model does not know has probability 0.
pub fn modified_entropy(label: Option<usize>, row: &[f64]) -> f64 {
    let right = label.and_then(|label| row.get(label)).copied().unwrap_or(0.0);
    let others = row.iter().enumerate().filter(|(class, _)| Some(*class) != label);
    -(1.0 - right) * libm::log(right.max(FLOOR)) - others.map(|(_, p)| p * libm::log((1.0 - p).max(FLOOR))).sum::<f64>()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sure_and_right_model_has_none_and_a_sure_and_wrong_one_much() {
        assert_eq!(modified_entropy(Some(0), &[1.0, 0.0]), 0.0);
        assert!(modified_entropy(Some(1), &[1.0, 0.0]) > 100.0);
        assert!(modified_entropy(None, &[0.5, 0.5]) > 60.0);
    }

    /// The SalUn family takes the logarithm of one minus p of the wrong entries, and of whole columns.
    #[test]
    fn defect_2_modified_entropy_takes_the_logarithm_of_the_right_entries() {
        // By hand for p = (.5, .3, .2), y = 0: .5 ln 2 + .3 ln(1/.7) + .2 ln(1/.8) = .346574 + .107002 + .044629.
        let found = modified_entropy(Some(0), &[0.5, 0.3, 0.2]);
        assert!((found - 0.498_205_4).abs() < 1e-6, "{found}");
        // For p = (.1, .6, .3), y = 2: .7 ln(1/.3) + .1 ln(1/.9) + .6 ln(1/.4).
        let found = modified_entropy(Some(2), &[0.1, 0.6, 0.3]);
        assert!((found - (0.842_780_96 + 0.010_536_05 + 0.549_774_44)).abs() < 1e-6, "{found}");
    }
}
