//! The served artefact of a forest: what is predicted with, shown and exported. It knows no record.

use serde::Serialize;
use untrain_core::{Artefact, Dataset, Importance, Kind, Predictions, Reader, Result, Task};

use super::predictor::Predictor;
use super::state::ARTEFACT;
use super::tree::tag;

/// A forest without its records.
///
/// # Complexity
///
/// Prediction is O(n_trees · depth) a record, without hashing or searching.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ForestArtefact {
    /// What it predicts.
    pub task: Task,
    /// How many records it has learnt.
    pub records: u64,
    /// The features, by name.
    pub features: Vec<ForestFeature>,
    /// The classes, sorted; none for regression.
    pub classes: Vec<String>,
    /// The trees, each in preorder: the left child of a split is the node after it.
    pub trees: Vec<Vec<ForestNode>>,
}

/// A feature of an artefact.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ForestFeature {
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
pub enum ForestNode {
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

impl ForestArtefact {
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
        let task = input.task()?;
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

    /// How many nodes all trees have, and how deep the deepest is.
    pub fn size(&self) -> (usize, usize) {
        fn depth(nodes: &[ForestNode], place: usize) -> usize {
            match &nodes[place] {
                ForestNode::Threshold { right, .. } | ForestNode::Category { right, .. } => {
                    1 + depth(nodes, place + 1).max(depth(nodes, *right as usize))
                }
                ForestNode::Counts { .. } | ForestNode::Mean { .. } => 0,
            }
        }
        let nodes = self.trees.iter().map(Vec::len).sum();
        (nodes, self.trees.iter().map(|nodes| depth(nodes, 0)).max().unwrap_or_default())
    }
}

impl Artefact for ForestArtefact {
    fn inputs(&self) -> Vec<(String, Kind)> {
        self.features.iter().map(|feature| (feature.name.clone(), feature.kind)).collect()
    }

    fn predict(&self, data: &Dataset) -> Result<Predictions> {
        Predictor::new(self).predict(data)
    }

    fn json(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }

    fn facts(&self) -> Vec<(&'static str, String)> {
        let (nodes, depth) = self.size();
        vec![("trees", self.trees.len().to_string()), ("nodes", nodes.to_string()), ("depth", depth.to_string())]
    }

    /// The mean decrease in impurity.
    fn importances(&self) -> Vec<Importance> {
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
}

fn read_feature(input: &mut Reader<'_>) -> Result<ForestFeature> {
    let name = input.text()?.to_owned();
    let (kind, categories) = match input.u8()? {
        0 => (Kind::Numeric, Vec::new()),
        1 => {
            let n = input.count()?;
            (Kind::Categorical, (0..n).map(|_| input.text().map(str::to_owned)).collect::<Result<_>>()?)
        }
        byte => return Err(input.malformed(format!("there is no feature of kind {byte}"))),
    };
    Ok(ForestFeature { name, kind, categories })
}

fn read_tree(
    input: &mut Reader<'_>,
    task: Task,
    features: &[ForestFeature],
    n_classes: usize,
    nodes: &mut Vec<ForestNode>,
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
            ForestNode::Threshold { feature: feature as u32, threshold, missing_left: kind == tag::THRESHOLD_MISSING_LEFT, right: 0 }
        }
        tag::CATEGORY => {
            let category = input.at_most(features[feature].categories.len())?;
            ForestNode::Category { feature: feature as u32, category: category.checked_sub(1).map(|c| c as u32), right: 0 }
        }
        _ => return Err(input.malformed(format!("there is no node of kind {kind}"))),
    });
    read_tree(input, task, features, n_classes, nodes, depth + 1)?;
    let middle = nodes.len() as u32;
    if let ForestNode::Threshold { right, .. } | ForestNode::Category { right, .. } = &mut nodes[place] {
        *right = middle;
    }
    read_tree(input, task, features, n_classes, nodes, depth + 1)
}

fn read_leaf(input: &mut Reader<'_>, task: Task, n_classes: usize) -> Result<ForestNode> {
    match task {
        Task::Classification => {
            let n = input.at_most(n_classes)?;
            let counts = (0..n)
                .map(|_| Ok((input.at_most(n_classes.saturating_sub(1))? as u32, input.at_most(u32::MAX as usize)? as u32)))
                .collect::<Result<_>>()?;
            Ok(ForestNode::Counts { counts })
        }
        Task::Regression => {
            let n = input.at_most(u32::MAX as usize)? as u32;
            Ok(ForestNode::Mean { n, mean: if n > 0 { Some(input.f64()?) } else { None } })
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

fn gain(nodes: &[ForestNode], place: &mut usize, credit: &mut impl FnMut(u32, f64), n_classes: usize) -> Mass {
    let node = &nodes[*place];
    *place += 1;
    match node {
        ForestNode::Counts { counts } => {
            let mut mass = Mass { n: 0.0, counts: vec![0.0; n_classes.max(1)], sum: 0.0, squares: 0.0 };
            for (class, count) in counts {
                mass.counts[*class as usize] = f64::from(*count);
                mass.n += f64::from(*count);
            }
            mass
        }
        ForestNode::Mean { n, mean } => {
            let (n, mean) = (f64::from(*n), mean.unwrap_or_default());
            Mass { n, counts: Vec::new(), sum: n * mean, squares: n * mean * mean }
        }
        ForestNode::Threshold { feature, .. } | ForestNode::Category { feature, .. } => {
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
