//! The confidence attack: what was trained on has a high probability of its label \[@song2021\].

use crate::error::Result;
use crate::outputs::Outputs;
use crate::scores::Scores;

/// The score p_y of each model and point.
///
/// # Errors
///
/// A model without probabilities; models with different numbers of points.
pub fn scores(models: &[Outputs]) -> Result<Scores> {
    Scores::from_rows(models.iter().map(|model| model.confidences("the confidence attack")).collect::<Result<_>>()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_score_is_the_probability_of_the_label() {
        let model = Outputs::classes(2, vec![0.9, 0.1, 0.3, 0.7], vec![Some(1), None]).unwrap();
        assert_eq!(scores(&[model]).unwrap().row(0), [0.1, 0.0]);
        assert!(scores(&[Outputs::numbers(&[1.0], &[1.0]).unwrap()]).is_err());
    }
}
