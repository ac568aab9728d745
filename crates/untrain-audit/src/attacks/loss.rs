//! The loss attack: what was trained on has a low loss \[@yeom2018\].

use crate::error::Result;
use crate::outputs::Outputs;
use crate::scores::Scores;

/// The score −ℓ(x, y) of each model and point.
///
/// # Errors
///
/// Models with different numbers of points.
pub fn scores(models: &[Outputs]) -> Result<Scores> {
    Ok(Scores::from_rows(models.iter().map(Outputs::losses).collect())?.negated())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lower_loss_scores_higher() {
        let model = |p: f64| Outputs::classes(2, vec![p, 1.0 - p], vec![Some(0)]).unwrap();
        let scores = scores(&[model(0.9), model(0.2)]).unwrap();
        assert!(scores.row(0)[0] > scores.row(1)[0]);
        assert!((scores.row(1)[0] - libm::log(0.2)).abs() < 1e-15);
    }
}
