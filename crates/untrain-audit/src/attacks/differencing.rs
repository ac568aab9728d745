//! Differencing: somebody saw the model before and after, and asks what was removed \[@chen2021\].
//!
//! A perfect unlearner does not pass this with an AUC of ½: the model before knew the point, the one after does not, and the
//! difference shows it. That is a cost of releasing both, and retraining has it too, so the number to report is the excess over retraining.

use crate::bootstrap::Bootstrap;
use crate::error::Result;
use crate::game::Game;
use crate::scores::{Membership, Scores};
use crate::trials::Power;

/// What the pair of models tells.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Differencing {
    /// What original and candidate tell together.
    pub candidate: Power,
    /// What original and retrained model tell together: the part that no unlearning can avoid.
    pub retrained: Power,
}

impl Differencing {
    /// By how much unlearning tells more than retraining would; negative when it tells less.
    pub fn excess(&self) -> f64 {
        self.candidate.auc - self.retrained.auc
    }
}

/// The score φ_before − φ_after of each world and point: positive when confidence fell.
///
/// # Errors
///
/// Shapes that differ.
pub fn scores(before: &Scores, after: &Scores) -> Result<Scores> {
    before.minus(after)
}

/// Plays the privacy game with both models in sight, for candidate and retrained models.
///
/// # Errors
///
/// As [`Game::privacy`].
pub fn differencing(
    original: &Scores,
    candidate: &Scores,
    retrained: &Scores,
    bits: &Membership,
    bootstrap: &Bootstrap,
) -> Result<Differencing> {
    let power = |after: &Scores| Game::privacy(&scores(original, after)?, bits)?.direct()?.power(bootstrap);
    Ok(Differencing { candidate: power(candidate)?, retrained: power(retrained)? })
}

#[cfg(test)]
mod tests {
    use untrain_core::Seed;

    use super::*;
    use crate::random::{Purpose, Stream};

    #[test]
    fn retraining_is_seen_too_and_doing_nothing_is_not() {
        let ids: Vec<String> = (0..40).map(|i| i.to_string()).collect();
        let bits = Membership::draw(Seed(1), 16, &ids.iter().map(String::as_str).collect::<Vec<_>>());
        let noise =
            |place: u64| Scores::new(16, 40, (0..640).map(|i| Stream::new(Seed(2), Purpose::Canary, place).unit(i)).collect()).unwrap();
        let knows = (0..640).map(|i| noise(0).row(i / 40)[i % 40] + 2.0 * f64::from(bits.row(i / 40)[i % 40])).collect();
        let original = Scores::new(16, 40, knows).unwrap();
        let found = differencing(&original, &original, &noise(1), &bits, &Bootstrap::default()).unwrap();
        assert_eq!(found.candidate.auc, 0.5);
        assert!(found.retrained.auc > 0.95 && found.excess() < -0.4);
    }
}
