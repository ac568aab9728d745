//! A forest of randomised trees that forgets and learns records exactly.
//!
//! Each record is in the `⌈subsample · n_trees⌉` trees whose keyed hashes with its id are smallest. A node is a pure function
//! of its records and its path ([`split`]); a tree is revised node by node where records leave or join ([`tree`]).
//!
//! References: extremely randomised trees (Geurts et al. 2006); forgetting by occurrence-limited forests (`DynFrs`, Wang et
//! al. 2025) and by cached statistics (`DaRE`, Brophy & Lowd 2021), here made byte-exact by thresholds that no record places.

mod artefact;
mod categories;
mod grid;
mod objective;
mod params;
mod predictor;
mod rows;
mod split;
mod state;
mod stats;
mod tree;

use std::ops::Range;

use rayon::prelude::*;
use untrain_core::{
    Artefact as _, Dataset, Error, FixedPoint, Forget, Guarantee, Kind, Learner, Model, Predictions, Result, Seed, Task, Values,
    check_distinct, mix,
};

pub(crate) use state::ARTEFACT;

pub use artefact::{ForestArtefact, ForestFeature, ForestNode};
pub use params::{Criterion, MaxFeatures, NamedMaxFeatures, Params};

use crate::Hyperparameters as _;
use crate::members::check_absent;
use categories::{Categories, MISSING};
use objective::{Entropy, Gini, Gini2, SquaredError};
use rows::{Row, Rows, number};
use split::{Context, Feature, Limits, Scratch};
use tree::Tree;

/// Up to so many records are predicted from the trees as they are: to make the artefact for them would take longer.
const FEW: usize = 16;

const PURPOSE_RECORD: u64 = 0x0072_6563_6f72_6400; // "record"
const PURPOSE_FEATURE: u64 = 0x0066_6561_7475_7265; // "feature"
const PURPOSE_TREE: u64 = 0x7472_6565_0000_0000; // "tree"

/// With more records a sum of squares or of targets would not be exact any more.
const MAX_RECORDS: u64 = 1 << 26;

/// Nodes with fewer records are decided from the records at each visit; bins for them would cost more memory than time.
const KEEP_FROM: u32 = if cfg!(test) { 6 } else { 64 };

/// The learner.
///
/// # Guarantee
///
/// Exact, for `forget` and `learn`, in any order and any batches.
///
/// # Shapes
///
/// `(n, d)` with numeric, boolean and categorical features, values missing or not; numbers are rounded to `f32`, as in
/// scikit-learn's trees. Classification with any number of classes, or regression.
///
/// # Complexity
///
/// With `k = subsample · n_trees` and `p = max_features`: fit is O(k · n · p · depth); forgetting a record visits k paths and
/// rebuilds about as many records as a constant a level, whatever n is. Memory a record: about 4·d + 40·k bytes.
///
/// # Examples
///
/// ```
/// use std::sync::Arc;
/// use arrow_array::{ArrayRef, Float64Array, StringArray};
/// use untrain_core::{Column, Dataset, Forget, Guarantee, Kind, Learner, Model, Role, Schema, Seed, Task};
/// use untrain_exact::{Forest, Params};
///
/// let column = |name: &str, kind, role| Column { name: name.into(), kind, role, declared: true };
/// let schema = Schema {
///     id: Some("id".into()),
///     columns: vec![column("age", Kind::Numeric, Role::Feature), column("buys", Kind::Categorical, Role::Target)],
///     holdout: None,
/// };
/// let ids: Vec<String> = (0..100).map(|i| i.to_string()).collect();
/// let ages: ArrayRef = Arc::new(Float64Array::from_iter_values((0..100).map(f64::from)));
/// let buys: ArrayRef = Arc::new(StringArray::from_iter_values((0..100).map(|i| if i < 50 { "no" } else { "yes" })));
/// let people = Dataset::new(schema, &StringArray::from_iter_values(&ids), vec![ages, buys])?;
///
/// let forest = Forest { params: Params::default(), task: Task::Classification, seed: Seed(7) };
/// let mut model = forest.fit(&people)?;
/// let rest = people.without(&["42".to_owned()])?;
/// assert_eq!(forest.forget(&mut model, &["42".to_owned()], &rest)?, Guarantee::Exact);
/// assert_eq!(model.records(), 99);
/// assert_eq!(model.digest(), forest.fit(&rest)?.digest());
/// assert_eq!(model.state_digest(), forest.fit(&rest)?.state_digest());
/// # Ok::<(), untrain_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Forest {
    /// The hyperparameters.
    pub params: Params,
    /// What is predicted.
    pub task: Task,
    /// The key of all randomness.
    pub seed: Seed,
}

/// A trained forest: its records and its trees.
#[derive(Debug, Clone)]
pub struct ForestModel {
    learner: Forest,
    features: Vec<Feature>,
    /// The classes, without any for regression.
    classes: Categories,
    /// The fixed point of regression targets.
    scale: FixedPoint,
    rows: Rows,
    trees: Vec<Tree>,
    scratch: Scratch,
}

/// What changes in one tree.
#[derive(Debug, Clone)]
struct Change {
    tree: usize,
    removed: Vec<u32>,
    added: Vec<u32>,
}

/// Bytes of memory that a model holds.
#[derive(Debug, Clone, Copy)]
pub struct Memory {
    /// The records: features, targets, ids.
    pub records: usize,
    /// The trees, with the membership of records.
    pub trees: usize,
    /// The bins kept in large nodes, which make forgetting fast and can be made anew.
    pub bins: usize,
}

/// Targets of a regression are at most 2^36 in magnitude.
const TARGET_BITS: u32 = 36;

/// Runs an expression with `$objective` bound to the objective of a model.
macro_rules! with_objective {
    ($model:expr, $objective:ident => $body:expr) => {
        match ($model.learner.task, $model.learner.params.criterion, $model.classes.len()) {
            (Task::Regression, ..) => {
                let $objective = SquaredError;
                $body
            }
            (Task::Classification, Some(Criterion::Entropy), classes) => {
                let $objective = Entropy::new(classes.max(2));
                $body
            }
            (Task::Classification, _, 0..=2) => {
                let $objective = Gini2;
                $body
            }
            (Task::Classification, _, classes) => {
                let $objective = Gini { classes };
                $body
            }
        }
    };
}

impl Learner for Forest {
    type Model = ForestModel;

    fn fit(&self, data: &Dataset) -> Result<ForestModel> {
        let mut model = ForestModel::with_records(self, data)?;
        model.build();
        Ok(model)
    }

    fn load(&self, state: &[u8], data: &Dataset) -> Result<ForestModel> {
        state::read(self, state, data)
    }

    fn n_units(&self) -> usize {
        self.params.n_trees as usize
    }

    fn fit_units(&self, units: Range<usize>, data: &Dataset) -> Result<Vec<u8>> {
        let n_trees = self.params.n_trees as usize;
        if units.is_empty() || units.end > n_trees {
            return Err(Error::NoPart { spans: units, n_checkpoints: n_trees });
        }
        let mut model = ForestModel::with_records(self, data)?;
        model.grow(units.clone());
        Ok(state::units(&model, units))
    }

    fn assemble(&self, outputs: &[Vec<u8>], data: &Dataset) -> Result<ForestModel> {
        state::assemble(self, outputs, data)
    }
}

impl Forget<ForestModel> for Forest {
    fn forget(&self, model: &mut ForestModel, ids: &[String], retained: &Dataset) -> Result<Guarantee> {
        let slots = model.find(ids)?;
        if !model.fits(retained) {
            *model = self.fit(retained)?;
            return Ok(Guarantee::Exact);
        }
        model.revise(&slots, &[]);
        let shift = model.scale.shift();
        for slot in &slots {
            model.release(*slot);
        }
        if model.scale.shift() != shift {
            model.build();
        }
        Ok(Guarantee::Exact)
    }

    fn learn(&self, model: &mut ForestModel, ids: &[String], retained: &Dataset) -> Result<Guarantee> {
        let places = retained.positions(ids)?;
        check_absent(ids, |id| model.slot(id).is_some())?;
        check_size(retained.len() as u64)?;
        if !model.fits(retained) {
            *model = self.fit(retained)?;
            return Ok(Guarantee::Exact);
        }
        let (shift, n_classes) = (model.scale.shift(), model.classes.len().max(2));
        let slots = model.ingest(retained, &places)?;
        if model.classes.len().max(2) != n_classes {
            model.trees.iter_mut().for_each(Tree::drop_stats);
        }
        if model.scale.shift() == shift {
            model.revise(&[], &slots);
        } else {
            model.build();
        }
        Ok(Guarantee::Exact)
    }
}

impl Model for ForestModel {
    fn artefact(&self) -> Vec<u8> {
        state::artefact(self)
    }

    fn state(&self) -> Vec<u8> {
        state::state(self)
    }

    fn records(&self) -> u64 {
        self.rows.len() as u64
    }

    fn predict(&self, data: &Dataset) -> Result<Predictions> {
        if data.len() <= FEW
            && let Some(predictions) = self.predict_few(data)
        {
            return Ok(predictions);
        }
        ForestArtefact::read(&self.artefact())?.predict(data)
    }
}

impl ForestModel {
    /// The learner that made the model.
    pub fn learner(&self) -> &Forest {
        &self.learner
    }

    /// Bytes of memory held.
    pub fn memory(&self) -> Memory {
        let (trees, with_bins) = self.trees.iter().map(Tree::memory).fold((0, 0), |(a, b), (trees, with_bins)| (a + trees, b + with_bins));
        Memory { records: self.rows.memory(), trees, bins: with_bins - trees }
    }

    /// What the artefact says of records, without making it; none for regression and for columns that do not suit.
    fn predict_few(&self, data: &Dataset) -> Option<Predictions> {
        if self.learner.task != Task::Classification {
            return None;
        }
        let mut columns = Vec::with_capacity(self.features.len());
        for feature in &self.features {
            let place = data.schema().position(&feature.name).ok()?;
            let values = data.values(place);
            columns.push(match (&feature.categories, &values) {
                (None, Values::Texts(_)) | (_, Values::Images(_)) => return None,
                (categories, _) => (categories.as_ref(), values),
            });
        }
        let encoded = |i: usize, (categories, values): &(Option<&Categories>, Values<'_>)| match categories {
            None => number::encode(number::rounded(values.number(i))),
            Some(categories) => values.text(i).map_or(MISSING as i32, |name| categories.code(&name).map_or(-1, |code| code as i32)),
        };
        let (names, places) = self.classes.sorted();
        let (mut slots, mut counts) = (Vec::new(), vec![0_u32; names.len()]);
        let mut probabilities = Vec::with_capacity(data.len() * names.len());
        for i in 0..data.len() {
            let row: Vec<i32> = columns.iter().map(|column| encoded(i, column)).collect();
            let (mut sums, mut n_trees) = (vec![0.0; names.len()], 0.0);
            for tree in &self.trees {
                tree.reached(&row, &mut slots);
                if slots.is_empty() {
                    continue;
                }
                n_trees += 1.0;
                slots.iter().for_each(|slot| counts[places[self.rows.y(*slot) as usize] as usize] += 1);
                for (sum, count) in sums.iter_mut().zip(&mut counts) {
                    *sum += f64::from(std::mem::take(count)) / slots.len() as f64;
                }
            }
            probabilities.extend(sums.into_iter().map(|sum| sum / n_trees));
        }
        let classes = names.into_iter().map(str::to_owned).collect();
        Some(Predictions::Classes { classes, probabilities, n: data.len() })
    }

    /// A forest without trees that holds the records of `data`.
    fn with_records(learner: &Forest, data: &Dataset) -> Result<Self> {
        learner.params.check()?;
        check_size(data.len() as u64)?;
        check_task(learner, data)?;
        let features = data
            .schema()
            .features()
            .map(|(_, column)| Feature {
                name: column.name.clone(),
                hash: learner.seed.hash(PURPOSE_FEATURE, column.name.as_bytes()),
                categories: (column.kind == Kind::Categorical).then(|| Categories::new(learner.seed, true)),
            })
            .collect::<Vec<_>>();
        let mut model = Self {
            learner: learner.clone(),
            rows: Rows::new(features.len()),
            features,
            classes: Categories::new(learner.seed, false),
            scale: FixedPoint::new(TARGET_BITS),
            trees: Vec::new(),
            scratch: Scratch::default(),
        };
        let places = (0..data.len()).collect::<Vec<_>>();
        model.ingest(data, &places)?;
        Ok(model)
    }

    /// Whether features and target of `data` are of the kinds that the model holds.
    fn fits(&self, data: &Dataset) -> bool {
        let kinds = data.schema().features().map(|(_, column)| (column.name.as_str(), column.kind == Kind::Categorical));
        kinds.eq(self.features.iter().map(|feature| (feature.name.as_str(), feature.categories.is_some())))
    }

    /// Takes the records at `places` in; returns their slots.
    fn ingest(&mut self, data: &Dataset, places: &[usize]) -> Result<Vec<u32>> {
        let columns: Vec<Values<'_>> = data.schema().features().map(|(place, _)| data.values(place)).collect();
        let target = match data.schema().target() {
            Some((place, _)) => data.values(place),
            None => return Err(Error::Schema { reason: "no column is the target".to_owned() }),
        };
        let shift = self.scale.shift();
        let mut x = vec![0; columns.len()];
        let mut slots = Vec::with_capacity(places.len());
        for place in places {
            for ((x, column), feature) in x.iter_mut().zip(&columns).zip(&mut self.features) {
                *x = match &mut feature.categories {
                    None => number::encode(number::rounded(column.number(*place))),
                    Some(categories) => text_of(column, *place).map_or(MISSING, |text| categories.take(&text)) as i32,
                };
            }
            let (y, number) = match self.learner.task {
                Task::Classification => {
                    let class = text_of(&target, *place).unwrap_or_default();
                    (i64::from(self.classes.take(&class)), None)
                }
                Task::Regression => {
                    let number = target.number(*place).unwrap_or_default();
                    self.scale.take(number);
                    (FixedPoint::quantise(shift, number) as i64, Some(number))
                }
            };
            let id = data.id(*place);
            slots.push(self.rows.insert(&Row { id, key: self.key(id), x: &x, y, number }));
        }
        Ok(slots)
    }

    /// Lets a record go, which no tree holds any more.
    fn release(&mut self, slot: u32) {
        for (feature, code) in self.features.iter_mut().zip(self.rows.row(slot)) {
            if let Some(categories) = &mut feature.categories {
                categories.release(*code as u32);
            }
        }
        match self.learner.task {
            Task::Classification => self.classes.release(self.rows.y(slot) as u32),
            Task::Regression => self.scale.release(self.rows.number(slot)),
        }
        self.rows.remove(slot);
    }

    fn key(&self, id: &str) -> u64 {
        self.learner.seed.hash(PURPOSE_RECORD, id.as_bytes())
    }

    fn slot(&self, id: &str) -> Option<u32> {
        self.rows.find(id, self.key(id))
    }

    fn find(&self, ids: &[String]) -> Result<Vec<u32>> {
        let mut slots = Vec::with_capacity(ids.len());
        let mut unknown = Vec::new();
        for id in ids {
            match self.slot(id) {
                Some(slot) => slots.push(slot),
                None => unknown.push(id.clone()),
            }
        }
        if !unknown.is_empty() {
            return Err(Error::UnknownIds { ids: unknown });
        }
        check_distinct(ids)?;
        Ok(slots)
    }

    fn limits(&self, keep_from: u32) -> Limits {
        let params = &self.learner.params;
        Limits {
            max_depth: params.max_depth,
            min_samples_split: params.min_samples_split,
            min_samples_leaf: params.min_samples_leaf,
            max_features: params.features_per_node(self.features.len()),
            n_thresholds: params.n_thresholds,
            keep_from,
        }
    }

    /// For each tree, which of `slots` are in it.
    fn members(&self, slots: &[u32]) -> Vec<Vec<u32>> {
        let mut members = vec![Vec::new(); self.learner.params.n_trees as usize];
        self.draw_trees(slots, |tree, slot| members[tree as usize].push(slot));
        members
    }

    /// Tells which trees hold which of `slots`.
    fn draw_trees(&self, slots: &[u32], mut holds: impl FnMut(u32, u32)) {
        let n_trees = self.learner.params.n_trees;
        let k = self.learner.params.trees_per_record() as usize;
        let mut draws: Vec<(u64, u32)> = Vec::with_capacity(n_trees as usize);
        for slot in slots {
            let key = self.rows.key(*slot);
            draws.clear();
            draws.extend((0..n_trees).map(|t| (mix(key, u64::from(t)), t)));
            if k < draws.len() {
                draws.select_nth_unstable(k - 1);
            }
            draws[..k].iter().for_each(|(_, tree)| holds(*tree, *slot));
        }
    }

    /// Revises all trees for slots that leave and slots that join; both are in `rows`.
    fn revise(&mut self, removed: &[u32], added: &[u32]) {
        /// Below this many revisions, starting threads costs more than it saves.
        const PARALLEL_FROM: usize = 256;
        let mut changes = self.changes(removed, added);
        let parallel = changes.iter().map(|change| change.removed.len() + change.added.len()).sum::<usize>() >= PARALLEL_FROM;
        let limits = self.limits(KEEP_FROM);
        with_objective!(self, objective => {
            let ctx = Context { objective: &objective, rows: &self.rows, features: &self.features, limits };
            if parallel {
                let trees = self.trees.par_iter_mut().enumerate();
                let changed = |t: usize| changes.binary_search_by_key(&t, |change| change.tree).ok().map(|i| changes[i].clone());
                trees.filter_map(|(t, tree)| Some((tree, changed(t)?))).for_each_init(Scratch::default, |scratch, (tree, mut change)| {
                    tree.revise(&ctx, scratch, &mut change.removed, &mut change.added);
                });
            } else {
                for Change { tree, removed, added } in &mut changes {
                    self.trees[*tree].revise(&ctx, &mut self.scratch, removed, added);
                }
            }
        });
    }

    /// The trees that hold any of the slots, in order, each with its own.
    fn changes(&self, removed: &[u32], added: &[u32]) -> Vec<Change> {
        let mut places: Vec<(u32, bool, u32)> = Vec::new();
        self.draw_trees(removed, |tree, slot| places.push((tree, false, slot)));
        self.draw_trees(added, |tree, slot| places.push((tree, true, slot)));
        places.sort_unstable();
        let change = |places: &[(u32, bool, u32)]| {
            let (joining, leaving): (Vec<_>, Vec<_>) = places.iter().partition(|(_, joins, _)| *joins);
            let slots = |places: Vec<(u32, bool, u32)>| places.into_iter().map(|(.., slot)| slot).collect();
            Change { tree: places[0].0 as usize, removed: slots(leaving), added: slots(joining) }
        };
        places.chunk_by(|a, b| a.0 == b.0).map(change).collect()
    }

    /// Puts regression targets on the fixed point that the records call for.
    fn requantise(&mut self) {
        if self.learner.task == Task::Regression {
            let shift = self.scale.shift();
            self.rows.requantise(|number| FixedPoint::quantise(shift, number) as i64);
        }
    }

    /// Builds all trees from the records.
    fn build(&mut self) {
        self.grow(0..self.learner.params.n_trees as usize);
    }

    /// Builds some trees from the records; there are no others then.
    fn grow(&mut self, trees: Range<usize>) {
        self.requantise();
        let slots = self.rows.slots().collect::<Vec<_>>();
        let members = self.members(&slots).drain(trees.clone()).collect::<Vec<_>>();
        let (limits, seed) = (self.limits(KEEP_FROM), self.learner.seed);
        self.trees = with_objective!(self, objective => {
            let ctx = Context { objective: &objective, rows: &self.rows, features: &self.features, limits };
            members
                .into_par_iter()
                .enumerate()
                .map_init(Scratch::default, |scratch, (t, slots)| Tree::build(&ctx, scratch, tree_path(seed, trees.start + t), slots))
                .collect()
        });
    }
}

fn tree_path(seed: Seed, tree: usize) -> u64 {
    seed.hash(PURPOSE_TREE, &(tree as u64).to_le_bytes())
}

fn check_size(n: u64) -> Result<()> {
    if n > MAX_RECORDS { Err(Error::TooMany { what: "records", found: n, limit: MAX_RECORDS }) } else { Ok(()) }
}

fn check_task(learner: &Forest, data: &Dataset) -> Result<()> {
    data.schema().refuse_images()?;
    let refuse = |name: &str, reason: &str| Err(Error::Parameter { name: name.to_owned(), reason: reason.to_owned(), nearest: None });
    let Some((_, target)) = data.schema().target() else {
        return Err(Error::Schema { reason: "no column is the target".to_owned() });
    };
    match (learner.task, target.kind, learner.params.criterion) {
        (Task::Regression, Kind::Categorical, _) => refuse("task", &format!("\"{}\" is text, which cannot be regressed on", target.name)),
        (Task::Regression, _, Some(Criterion::Gini | Criterion::Entropy)) => {
            refuse("criterion", "it is for classification; regression has \"squared_error\"")
        }
        (Task::Classification, _, Some(Criterion::SquaredError)) => {
            refuse("criterion", "it is for regression; classification has \"gini\" and \"entropy\"")
        }
        _ => Ok(()),
    }
}

fn text_of<'a>(values: &Values<'a>, i: usize) -> Option<std::borrow::Cow<'a, str>> {
    match values {
        Values::Texts(texts) => arrow_array::Array::is_valid(*texts, i).then(|| texts.value(i).into()),
        other => other.text(i).map(Into::into),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use untrain_core::conformance;

    proptest! {
        #![proptest_config(ProptestConfig { max_global_rejects: 1 << 20, ..ProptestConfig::default() })]

        /// The suite once more, with bins kept in small nodes too ([`KEEP_FROM`]), where they change most.
        #[test]
        fn kept_bins_agree_with_the_records(case in conformance::cases(120), seed: u64, leaf in 1_u32..3, thresholds in 1_u32..40) {
            let params = Params { n_trees: 3, subsample: 0.8, min_samples_leaf: leaf, n_thresholds: thresholds, ..Params::default() };
            let forest = Forest { params, task: case.task, seed: Seed(seed) };
            conformance::exact(&case, &forest)?;
        }
    }
}
