//! What a model says about records.

/// Predictions for `n` records, in the order in which they were asked for, or for the subjects of these records.
#[derive(Debug, Clone, PartialEq)]
pub enum Predictions {
    /// Class probabilities, shape `(n, classes.len())`, row by row; no classes if the model has seen no record.
    Classes {
        /// The labels, sorted.
        classes: Vec<String>,
        /// The probabilities.
        probabilities: Vec<f64>,
        /// `n`, which the lengths do not tell when there is no class.
        n: usize,
    },
    /// Numbers, shape `(n,)`; `None` throughout if the model has seen no record.
    Numbers(Vec<Option<f64>>),
    /// Ranked items, a list for each subject whose records were asked about; a subject's list is empty if the model knows
    /// none of its items.
    Lists {
        /// The subjects, sorted.
        subjects: Vec<String>,
        /// For each subject items and their scores, the best first.
        lists: Vec<Vec<(String, f64)>>,
        /// How many records were passed over because the model does not know their item.
        unknown: u64,
    },
    /// What records are transformed into, shape `(n, names.len())`, row by row; no names if the model has seen no record.
    Vectors {
        /// The names of the components.
        names: Vec<String>,
        /// The components.
        values: Vec<f64>,
        /// `n`, which the lengths do not tell when there is no component.
        n: usize,
    },
    /// Clusters, numbered from 0.
    Clusters {
        /// Shape `(n,)`; `None` throughout if the model has seen no record.
        clusters: Vec<Option<u32>>,
        /// How far each record is from the centre of its cluster, squared; shape `(n,)`.
        squared_distances: Vec<f64>,
    },
}

impl Predictions {
    /// How many records were predicted, or how many subjects.
    pub fn len(&self) -> usize {
        match self {
            Self::Classes { n, .. } | Self::Vectors { n, .. } => *n,
            Self::Numbers(values) => values.len(),
            Self::Lists { subjects, .. } => subjects.len(),
            Self::Clusters { clusters, .. } => clusters.len(),
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The place of the most probable class of record `i`, the first of equals; `None` for anything else and without classes.
    pub fn class(&self, i: usize) -> Option<usize> {
        let Self::Classes { classes, probabilities, .. } = self else { return None };
        let row = &probabilities[i * classes.len()..(i + 1) * classes.len()];
        let mut best = None::<usize>;
        for (c, p) in row.iter().enumerate() {
            if best.is_none_or(|b| *p > row[b]) {
                best = Some(c);
            }
        }
        best
    }
}
