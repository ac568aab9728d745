//! The entropy attack: on what was trained on, a model is sure, whatever of \[@song2021\].

use crate::error::Result;
use crate::outputs::Outputs;
use crate::scores::Scores;

/// The score Σ p log p, the negative entropy in nats, of each model and point. The label takes no part.
///
/// # Errors
///
/// A model without probabilities; models with different numbers of points.
pub fn scores(models: &[Outputs]) -> Result<Scores> {
    let row = |model: &Outputs| -> Result<Vec<f64>> {
        Ok(model.probabilities("the entropy attack")?.rows().map(|(_, row)| negative_entropy(row)).collect())
    };
    Scores::from_rows(models.iter().map(row).collect::<Result<_>>()?)
}

fn negative_entropy(row: &[f64]) -> f64 {
    row.iter().filter(|p| **p > 0.0).map(|p| p * libm::log(*p)).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_coin_has_one_bit_and_a_sure_model_none() {
        let model = Outputs::classes(2, vec![0.5, 0.5, 1.0, 0.0], vec![Some(0), Some(1)]).unwrap();
        let scores = scores(&[model]).unwrap();
        assert!((scores.row(0)[0] + std::f64::consts::LN_2).abs() < 1e-15);
        assert_eq!(scores.row(0)[1], 0.0);
    }
}
