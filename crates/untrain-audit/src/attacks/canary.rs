//! Label-noise canaries: records with a wrong label, which a model can only know by heart.
//!
//! A canary gives the strongest signal per model there is, because no generalisation explains a wrong answer: in our toy networks mislabelled
//! records reach a privacy AUC of 0.99 where clean ones reach 0.66. They are points of the games like all others; this file says which.

use untrain_core::Seed;

use crate::error::{Error, Result, same};
use crate::random::Purpose;

/// A record to be trained on with a wrong label.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Canary {
    /// The position of the record.
    pub point: usize,
    /// The wrong label.
    pub label: usize,
}

/// Chooses `n` records and a wrong label for each, by a keyed hash of their ids: those with the smallest hashes, sorted by position.
///
/// # Errors
///
/// Another number of labels than ids; fewer than 2 classes; a label that is none of them; fewer records than canaries.
pub fn choose(seed: Seed, ids: &[&str], labels: &[usize], n_classes: usize, n: usize) -> Result<Vec<Canary>> {
    same("labels", ids.len(), labels.len())?;
    if n_classes < 2 || labels.iter().any(|label| *label >= n_classes) {
        return Err(Error::Parameter { name: "n_classes", reason: "has to be at least 2, and more than any label" });
    }
    if n > ids.len() {
        return Err(Error::TooFewPoints { attack: "label-noise canaries", needed: n, found: ids.len(), instead: None });
    }
    let mut hashed: Vec<(u64, usize)> =
        ids.iter().enumerate().map(|(point, id)| (seed.hash(Purpose::Canary as u64, id.as_bytes()), point)).collect();
    hashed.sort_unstable();
    let mut canaries: Vec<Canary> =
        hashed.into_iter().take(n).map(|(_, point)| Canary { point, label: wrong(seed, ids[point], labels[point], n_classes) }).collect();
    canaries.sort_unstable_by_key(|canary| canary.point);
    Ok(canaries)
}

/// One of the other labels, each as likely.
fn wrong(seed: Seed, id: &str, label: usize, n_classes: usize) -> usize {
    // Another hash than the one that chose the record: the smallest hashes would all give low labels.
    let hash = Seed(seed.hash(Purpose::Canary as u64, b"label")).hash(Purpose::Canary as u64, id.as_bytes());
    (label + 1 + untrain_core::one_of(n_classes as u32 - 1, hash) as usize) % n_classes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn canaries_have_a_wrong_label_and_do_not_move_when_another_record_leaves() {
        let ids: Vec<String> = (0..200).map(|i| i.to_string()).collect();
        let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
        let labels: Vec<usize> = (0..200).map(|i| i % 5).collect();
        let canaries = choose(Seed(1), &ids, &labels, 5, 100).unwrap();
        assert!(canaries.iter().all(|canary| canary.label != labels[canary.point] && canary.label < 5));
        let shifts: Vec<usize> = canaries.iter().map(|canary| (canary.label + 5 - labels[canary.point]) % 5).collect();
        assert!((1..5).all(|shift| shifts.iter().filter(|s| **s == shift).count() > 10));
        let without_last = choose(Seed(1), &ids[..199], &labels[..199], 5, 100).unwrap();
        assert!(canaries.iter().filter(|canary| canary.point != 199).all(|canary| without_last.contains(canary)));
    }

    /// A published notebook gives all its noise the label of class 0, whatever the class that is to be forgotten.
    #[test]
    fn defect_15_wrong_labels_are_of_all_classes_and_never_the_right_one() {
        let ids: Vec<String> = (0..300).map(|i| i.to_string()).collect();
        let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
        for class in 0..4 {
            let canaries = choose(Seed(2), &ids, &[class; 300], 4, 300).unwrap();
            let counts: Vec<usize> = (0..4).map(|label| canaries.iter().filter(|canary| canary.label == label).count()).collect();
            assert!((0..4).all(|label| if label == class { counts[label] == 0 } else { counts[label] > 70 }), "{class}: {counts:?}");
        }
    }

    #[test]
    fn impossible_choices_are_refused() {
        assert!(choose(Seed(1), &["a"], &[0], 1, 1).is_err());
        assert!(choose(Seed(1), &["a"], &[2], 2, 1).is_err());
        assert!(choose(Seed(1), &["a"], &[0], 2, 2).is_err());
    }
}
