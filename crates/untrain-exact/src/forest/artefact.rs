//! The served artefact of a forest: what is predicted with, shown and exported. It knows no record.

use serde::Serialize;
use untrain_core::{Dataset, Kind, Predictions, Reader, Result, Task};

use super::predictor::Predictor;
use super::state::{ARTEFACT, task_byte};
use super::tree::tag;

/// A forest without its records.
///
/// # Complexity
///
/// Prediction is O(n_trees · depth) a record, without hashing or searching.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Artefact {
    /// What it predicts.
    pub task: Task,
    /// How many records it has learnt.
    pub records: u64,
    /// The features, by name.
    pub features: Vec<ArtefactFeature>,
    /// The classes, sorted; none for regression.
    pub classes: Vec<String>,
    /// The trees, each in preorder: the left child of a split is the node after it.
    pub trees: Vec<Vec<ArtefactNode>>,
}

/// A feature of an artefact.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ArtefactFeature {
    /// The name of the column.
    pub name: String,
    /// Numeric (which boolean columns are to a forest) or categorical.
    pub kind: Kind,
    /// The categories that splits name, sorted.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub categories: Vec<String>,
}

/// A node of an artefact. `right` is the place of the right child in its tree.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "node", rename_all = "snake_case")]
pub enum ArtefactNode {
    /// `x ≤ threshold` goes left (all known values if the threshold is absent), and missing values as said.
    Threshold {
        /// The place of the feature.
        feature: u32,
        /// The threshold, an `f32`; `None` is infinity.
        threshold: Option<f32>,
        /// Whether missing values go left.
        missing_left: bool,
        /// The right child.
        right: u32,
    },
    /// One category goes left; `None` is the missing value.
    Category {
        /// The place of the feature.
        feature: u32,
        /// The place of the category among those of the feature.
        category: Option<u32>,
        /// The right child.
        right: u32,
    },
    /// Counts of classes, as pairs of class and count.
    Counts {
        /// Pairs of a class's place and its count.
        counts: Vec<(u32, u32)>,
    },
    /// A mean of targets.
    Mean {
        /// How many records.
        n: u32,
        /// Their mean; `None` without records.
        mean: Option<f64>,
    },
}

/// How much a feature contributes to the splits of a forest.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Importance {
    /// The name of the feature.
    pub feature: String,
    /// Its share of the decrease in impurity, 0 to 1; all add up to 1.
    pub importance: f64,
}

impl Artefact {
    /// Reads the canonical bytes of an artefact.
    ///
    /// # Errors
    ///
    /// [`untrain_core::Error::Malformed`].
    pub fn read(bytes: &[u8]) -> Result<Self> {
        let mut input = Reader::new("forest artefact", bytes);
        if input.raw(ARTEFACT.len())? != ARTEFACT {
            return Err(input.malformed("it does not begin as one of this format's version"));
        }
        let task = match input.u8()? {
            byte if byte == task_byte(Task::Classification) => Task::Classification,
            byte if byte == task_byte(Task::Regression) => Task::Regression,
            byte => return Err(input.malformed(format!("there is no task {byte}"))),
        };
        let records = input.varint()?;
        let features = (0..input.count()?).map(|_| read_feature(&mut input)).collect::<Result<Vec<_>>>()?;
        let classes = (0..input.count()?).map(|_| input.text().map(str::to_owned)).collect::<Result<Vec<_>>>()?;
        let n_trees = input.count()?;
        let mut trees = Vec::with_capacity(n_trees);
        for _ in 0..n_trees {
            let mut nodes = Vec::new();
            read_tree(&mut input, task, &features, classes.len(), &mut nodes, 0)?;
            trees.push(nodes);
        }
        input.end()?;
        Ok(Self { task, records, features, classes, trees })
    }

    /// Predicts the records of `data`, whose columns are matched by name.
    ///
    /// # Errors
    ///
    /// [`untrain_core::Error::UnknownColumn`] if a feature is not there, [`untrain_core::Error::Schema`] if it is of another kind.
    pub fn predict(&self, data: &Dataset) -> Result<Predictions> {
        Predictor::new(self).predict(data)
    }

    /// The mean decrease in impurity by feature, largest first.
    pub fn importances(&self) -> Vec<Importance> {
        let mut gains = vec![0.0; self.features.len()];
        for nodes in &self.trees {
            let mut place = 0;
            let root = gain(nodes, &mut place, &mut |feature, decrease| gains[feature as usize] += decrease, self.classes.len());
            debug_assert!(place == nodes.len() && root.n >= 0.0);
        }
        let total: f64 = gains.iter().sum();
        let mut importances: Vec<Importance> = self
            .features
            .iter()
            .zip(gains)
            .map(|(feature, gain)| Importance { feature: feature.name.clone(), importance: if total > 0.0 { gain / total } else { 0.0 } })
            .collect();
        importances.sort_by(|a, b| b.importance.total_cmp(&a.importance).then_with(|| a.feature.cmp(&b.feature)));
        importances
    }

    /// How many nodes all trees have, and how deep the deepest is.
    pub fn size(&self) -> (usize, usize) {
        fn depth(nodes: &[ArtefactNode], place: usize) -> usize {
            match &nodes[place] {
                ArtefactNode::Threshold { right, .. } | ArtefactNode::Category { right, .. } => {
                    1 + depth(nodes, place + 1).max(depth(nodes, *right as usize))
                }
                ArtefactNode::Counts { .. } | ArtefactNode::Mean { .. } => 0,
            }
        }
        let nodes = self.trees.iter().map(Vec::len).sum();
        (nodes, self.trees.iter().map(|nodes| depth(nodes, 0)).max().unwrap_or_default())
    }
}

fn read_feature(input: &mut Reader<'_>) -> Result<ArtefactFeature> {
    let name = input.text()?.to_owned();
    let (kind, categories) = match input.u8()? {
        0 => (Kind::Numeric, Vec::new()),
        1 => {
            let n = input.count()?;
            (Kind::Categorical, (0..n).map(|_| input.text().map(str::to_owned)).collect::<Result<_>>()?)
        }
        byte => return Err(input.malformed(format!("there is no feature of kind {byte}"))),
    };
    Ok(ArtefactFeature { name, kind, categories })
}

fn read_tree(
    input: &mut Reader<'_>,
    task: Task,
    features: &[ArtefactFeature],
    n_classes: usize,
    nodes: &mut Vec<ArtefactNode>,
    depth: u32,
) -> Result<()> {
    if depth > 64 {
        return Err(input.malformed("a tree is deeper than 64"));
    }
    let kind = input.u8()?;
    if kind == tag::LEAF {
        nodes.push(read_leaf(input, task, n_classes)?);
        return Ok(());
    }
    let feature = input.at_most(features.len().saturating_sub(1))?;
    let place = nodes.len();
    nodes.push(match kind {
        tag::THRESHOLD | tag::THRESHOLD_MISSING_LEFT => {
            let threshold = Some(input.f32()?).filter(|threshold| threshold.is_finite());
            ArtefactNode::Threshold { feature: feature as u32, threshold, missing_left: kind == tag::THRESHOLD_MISSING_LEFT, right: 0 }
        }
        tag::CATEGORY => {
            let category = input.at_most(features[feature].categories.len())?;
            ArtefactNode::Category { feature: feature as u32, category: category.checked_sub(1).map(|c| c as u32), right: 0 }
        }
        _ => return Err(input.malformed(format!("there is no node of kind {kind}"))),
    });
    read_tree(input, task, features, n_classes, nodes, depth + 1)?;
    let middle = nodes.len() as u32;
    if let ArtefactNode::Threshold { right, .. } | ArtefactNode::Category { right, .. } = &mut nodes[place] {
        *right = middle;
    }
    read_tree(input, task, features, n_classes, nodes, depth + 1)
}

fn read_leaf(input: &mut Reader<'_>, task: Task, n_classes: usize) -> Result<ArtefactNode> {
    match task {
        Task::Classification => {
            let n = input.at_most(n_classes)?;
            let counts = (0..n)
                .map(|_| Ok((input.at_most(n_classes.saturating_sub(1))? as u32, input.at_most(u32::MAX as usize)? as u32)))
                .collect::<Result<_>>()?;
            Ok(ArtefactNode::Counts { counts })
        }
        Task::Regression => {
            let n = input.at_most(u32::MAX as usize)? as u32;
            Ok(ArtefactNode::Mean { n, mean: if n > 0 { Some(input.f64()?) } else { None } })
        }
    }
}

/// The statistics of a subtree: records, and what impurity is computed from.
struct Mass {
    n: f64,
    counts: Vec<f64>,
    sum: f64,
    /// Σ n·mean², of leaves.
    squares: f64,
}

impl Mass {
    /// Records times Gini impurity, or the squared error between leaves.
    fn impurity(&self) -> f64 {
        if self.n == 0.0 {
            0.0
        } else if self.counts.is_empty() {
            self.squares - self.sum * self.sum / self.n
        } else {
            self.n - self.counts.iter().map(|count| count * count).sum::<f64>() / self.n
        }
    }
}

fn gain(nodes: &[ArtefactNode], place: &mut usize, credit: &mut impl FnMut(u32, f64), n_classes: usize) -> Mass {
    let node = &nodes[*place];
    *place += 1;
    match node {
        ArtefactNode::Counts { counts } => {
            let mut mass = Mass { n: 0.0, counts: vec![0.0; n_classes.max(1)], sum: 0.0, squares: 0.0 };
            for (class, count) in counts {
                mass.counts[*class as usize] = f64::from(*count);
                mass.n += f64::from(*count);
            }
            mass
        }
        ArtefactNode::Mean { n, mean } => {
            let (n, mean) = (f64::from(*n), mean.unwrap_or_default());
            Mass { n, counts: Vec::new(), sum: n * mean, squares: n * mean * mean }
        }
        ArtefactNode::Threshold { feature, .. } | ArtefactNode::Category { feature, .. } => {
            let left = gain(nodes, place, credit, n_classes);
            let right = gain(nodes, place, credit, n_classes);
            let children = left.impurity() + right.impurity();
            let both = Mass {
                n: left.n + right.n,
                counts: left.counts.iter().zip(&right.counts).map(|(a, b)| a + b).collect(),
                sum: left.sum + right.sum,
                squares: left.squares + right.squares,
            };
            credit(*feature, (both.impurity() - children).max(0.0));
            both
        }
    }
}
