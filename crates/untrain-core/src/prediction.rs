//! What a model says about records.

/// Predictions for `n` records, in the order in which they were asked for.
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
    /// Clusters, numbered from 0.
    Clusters {
        /// Shape `(n,)`; `None` throughout if the model has seen no record.
        clusters: Vec<Option<u32>>,
        /// How far each record is from the centre of its cluster, squared; shape `(n,)`.
        squared_distances: Vec<f64>,
    },
}

impl Predictions {
    /// How many records were predicted.
    pub fn len(&self) -> usize {
        match self {
            Self::Classes { n, .. } => *n,
            Self::Numbers(values) => values.len(),
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
