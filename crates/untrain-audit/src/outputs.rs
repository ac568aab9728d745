//! What one model says of points whose labels are known.

use crate::error::{Error, Result, same};

/// The floor that the published code of LiRA adds to probabilities before it takes logarithms \[@carlini2022\].
pub const PUBLISHED_FLOOR: f64 = 1e-45;

/// What one model says of points, beside what is true of them.
#[derive(Debug, Clone, PartialEq)]
pub enum Outputs {
    /// Class probabilities.
    Classes(ClassOutputs),
    /// Numbers.
    Numbers(NumberOutputs),
}

/// Class probabilities of points, beside their labels. A label that the model does not know has probability 0.
#[derive(Debug, Clone, PartialEq)]
pub struct ClassOutputs {
    n_classes: usize,
    probabilities: Vec<f64>,
    labels: Vec<Option<usize>>,
}

/// Predicted numbers of points, beside their targets.
#[derive(Debug, Clone, PartialEq)]
pub struct NumberOutputs {
    residuals: Vec<f64>,
}

impl Outputs {
    /// Takes class probabilities, row by row, with the true class of each point; `None` for a class that the model does not know.
    ///
    /// # Shapes
    ///
    /// `probabilities: (labels.len(), n_classes)`
    ///
    /// # Errors
    ///
    /// Another shape; a label out of range; a probability that is negative or not finite; a row that does not sum to 1 within 10⁻⁶. A model of no
    /// class, which has seen no record, gives every label probability 0.
    ///
    /// # Examples
    ///
    /// ```
    /// use untrain_audit::Outputs;
    ///
    /// let outputs = Outputs::classes(2, vec![0.8, 0.2, 0.5, 0.5], vec![Some(0), None])?;
    /// assert_eq!(outputs.confidences("confidence")?, [0.8, 0.0]);
    /// # Ok::<(), untrain_audit::Error>(())
    /// ```
    pub fn classes(n_classes: usize, probabilities: Vec<f64>, labels: Vec<Option<usize>>) -> Result<Self> {
        same("class probabilities", labels.len() * n_classes, probabilities.len())?;
        for (point, label) in labels.iter().enumerate() {
            if label.is_some_and(|label| label >= n_classes) {
                return Err(Error::NotProbabilities { point, reason: "its label is not one of the classes" });
            }
            let row = &probabilities[point * n_classes..(point + 1) * n_classes];
            if row.iter().any(|p| !p.is_finite() || *p < 0.0) {
                return Err(Error::NotProbabilities { point, reason: "one is negative or not a number" });
            }
            if n_classes > 0 && (row.iter().sum::<f64>() - 1.0).abs() > 1e-6 {
                return Err(Error::NotProbabilities { point, reason: "they do not sum to 1" });
            }
        }
        Ok(Self::Classes(ClassOutputs { n_classes, probabilities, labels }))
    }

    /// Takes predicted numbers and their targets.
    ///
    /// # Errors
    ///
    /// Different lengths; a number that is not finite.
    pub fn numbers(predictions: &[f64], targets: &[f64]) -> Result<Self> {
        same("targets", predictions.len(), targets.len())?;
        let residuals: Vec<f64> = predictions.iter().zip(targets).map(|(prediction, target)| target - prediction).collect();
        match residuals.iter().position(|residual| !residual.is_finite()) {
            Some(point) => Err(Error::NotFinite { model: 0, point }),
            None => Ok(Self::Numbers(NumberOutputs { residuals })),
        }
    }

    /// How many points there are.
    pub fn n_points(&self) -> usize {
        match self {
            Self::Classes(outputs) => outputs.labels.len(),
            Self::Numbers(outputs) => outputs.residuals.len(),
        }
    }

    /// The statistic of LiRA: φ = log p_y − log Σ_{c≠y} p_c, in f64 with `floor` added to both; for numbers, the signed residual.
    ///
    /// The sum over the other classes keeps digits that 1 − p_y loses. The published floor of 10⁻⁴⁵ suits softmax outputs, which are never 0; a
    /// forest of 100 trees says 0 where it means "under 1 %", and a floor near that keeps one empty leaf from being all the variance.
    pub fn margins(&self, floor: f64) -> Vec<f64> {
        match self {
            Self::Classes(outputs) => outputs
                .rows()
                .map(|(label, row)| {
                    let right = label.map_or(0.0, |label| row[label]);
                    let others: f64 = row.iter().enumerate().filter(|(class, _)| Some(*class) != label).map(|(_, p)| p).sum();
                    libm::log(right + floor) - libm::log(others + floor)
                })
                .collect(),
            Self::Numbers(outputs) => outputs.residuals.clone(),
        }
    }

    /// The loss of each point: −log p_y with p_y at least 10⁻³⁰⁰, or the squared error.
    pub fn losses(&self) -> Vec<f64> {
        match self {
            Self::Classes(outputs) => outputs.rows().map(|(label, row)| -libm::log(right(label, row).max(1e-300))).collect(),
            Self::Numbers(outputs) => outputs.residuals.iter().map(|residual| residual * residual).collect(),
        }
    }

    /// The probability of the true label, p_y.
    ///
    /// # Errors
    ///
    /// The model gives numbers.
    pub fn confidences(&self, attack: &'static str) -> Result<Vec<f64>> {
        Ok(self.probabilities(attack)?.rows().map(|(label, row)| right(label, row)).collect())
    }

    /// The class probabilities, for attacks that look at all of them.
    ///
    /// # Errors
    ///
    /// The model gives numbers.
    pub fn probabilities(&self, attack: &'static str) -> Result<&ClassOutputs> {
        match self {
            Self::Classes(outputs) => Ok(outputs),
            Self::Numbers(_) => Err(Error::NoProbabilities { attack }),
        }
    }

    /// The share of points whose most probable class, the first of equals, is the true one; `None` for numbers, and for no point.
    pub fn accuracy(&self) -> Option<f64> {
        let Self::Classes(outputs) = self else { return None };
        let hits = outputs.rows().filter(|(label, row)| label.is_some() && *label == most_probable(row)).count();
        (!outputs.labels.is_empty()).then(|| hits as f64 / outputs.labels.len() as f64)
    }
}

impl ClassOutputs {
    /// How many classes the model knows.
    pub fn n_classes(&self) -> usize {
        self.n_classes
    }

    /// The label and the probabilities of each point.
    pub fn rows(&self) -> impl ExactSizeIterator<Item = (Option<usize>, &[f64])> {
        self.labels
            .iter()
            .enumerate()
            .map(|(point, label)| (*label, &self.probabilities[point * self.n_classes..(point + 1) * self.n_classes]))
    }

    /// The true class of each point, `None` where the model does not know it.
    pub fn labels(&self) -> &[Option<usize>] {
        &self.labels
    }
}

fn right(label: Option<usize>, row: &[f64]) -> f64 {
    label.map_or(0.0, |label| row[label])
}

fn most_probable(row: &[f64]) -> Option<usize> {
    (0..row.len()).reduce(|best, class| if row[class] > row[best] { class } else { best })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn margins_keep_digits_that_one_minus_p_loses() {
        let outputs = Outputs::classes(2, vec![1.0, 1e-20], vec![Some(0)]).unwrap();
        assert!((outputs.margins(PUBLISHED_FLOOR)[0] - 20.0 * std::f64::consts::LN_10).abs() < 1e-12);
    }

    #[test]
    fn unknown_labels_certain_models_and_empty_models_are_defined() {
        let outputs = Outputs::classes(2, vec![0.5, 0.5, 1.0, 0.0, 0.0, 1.0], vec![None, Some(0), Some(0)]).unwrap();
        let margins = outputs.margins(1e-6);
        assert!((margins[0] - libm::log(1e-6)).abs() < 1e-5);
        assert!(margins[1] > 13.0 && margins[2] < -13.0);
        assert_eq!(outputs.accuracy(), Some(1.0 / 3.0));
        let empty = Outputs::classes(0, vec![], vec![None]).unwrap();
        assert_eq!(empty.margins(PUBLISHED_FLOOR), [0.0]);
        assert_eq!(empty.accuracy(), Some(0.0));
        assert!(empty.losses()[0].is_finite());
    }

    #[test]
    fn what_is_no_distribution_is_refused() {
        assert!(Outputs::classes(2, vec![0.5, 0.4], vec![Some(0)]).is_err());
        assert!(Outputs::classes(2, vec![f64::NAN, 0.4], vec![Some(0)]).is_err());
        assert!(Outputs::classes(2, vec![1.5, -0.5], vec![Some(0)]).is_err());
        assert!(Outputs::classes(2, vec![0.5, 0.5], vec![Some(2)]).is_err());
        assert!(Outputs::classes(2, vec![0.5], vec![Some(0)]).is_err());
        assert!(Outputs::numbers(&[f64::NAN], &[1.0]).is_err());
    }

    /// Published losses take differences of raw logits, and divergences of raw logits, where log-probabilities are meant.
    #[test]
    fn defect_12_raw_logits_are_refused_where_probabilities_are_meant() {
        for logits in [[2.0, -1.0], [0.3, 0.4], [5.0, 5.0]] {
            assert!(Outputs::classes(2, logits.to_vec(), vec![Some(0)]).is_err(), "{logits:?}");
        }
    }

    #[test]
    fn numbers_have_residuals_and_no_probabilities() {
        let outputs = Outputs::numbers(&[1.0, 2.0], &[3.0, 1.0]).unwrap();
        assert_eq!(outputs.margins(PUBLISHED_FLOOR), [2.0, -1.0]);
        assert_eq!(outputs.losses(), [4.0, 1.0]);
        assert_eq!(outputs.confidences("RMIA"), Err(Error::NoProbabilities { attack: "RMIA" }));
    }
}
