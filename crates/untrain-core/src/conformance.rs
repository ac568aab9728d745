//! The suite that every learner claiming [`Guarantee::Exact`] must pass.
//!
//! [`cases`] draws a universe of records with a random schema (numeric, boolean, categorical, missing values, constant and
//! duplicate columns, few and many classes, regression, one record, no record) and a history of forgetting and learning;
//! [`exact`] plays the history and compares canonical bytes with a retrain after every step. Use it in a `proptest!` block,
//! so that failing seeds are kept.

use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::Arc;

use arrow_array::{ArrayRef, BooleanArray, Float64Array, StringArray};
use proptest::collection::{btree_set, vec};
use proptest::prelude::*;
use proptest::test_runner::TestCaseError;

use crate::{Column, Dataset, Error, Forget, Guarantee, Kind, Learner, Model, Result, Role, Schema, Task};

/// A universe of records and a history over it.
#[derive(Debug, Clone)]
pub struct Case {
    /// All records that the history may mention.
    pub universe: Dataset,
    /// What is to be predicted.
    pub task: Task,
    /// The places in the universe of the records to begin with.
    pub start: BTreeSet<usize>,
    /// Places to toggle, step by step: a step forgets those that are there and learns those that are not.
    pub steps: Vec<BTreeSet<usize>>,
}

/// Draws cases with up to `most` records.
pub fn cases(most: usize) -> impl Strategy<Value = Case> {
    (prop_oneof![3 => 0..24_usize, 2 => 0..most + 1], any::<bool>(), vec(column(), 1..6), 1..9_usize).prop_flat_map(
        |(n, classify, columns, n_classes)| {
            let n = n.max(1);
            let cells = columns.into_iter().map(move |column| vec(column.cell(), n).prop_map(move |cells| (column, cells)));
            let places = btree_set(0..n, 0..=n);
            let small = btree_set(0..n, 0..=n.min(3));
            (
                cells.collect::<Vec<_>>(),
                vec((0..n_classes, -50_i32..50), n),
                Just(classify),
                places.clone(),
                vec(prop_oneof![4 => small, 1 => places], 0..6),
            )
                .prop_filter_map("a universe", |(columns, targets, classify, start, steps)| {
                    let task = if classify { Task::Classification } else { Task::Regression };
                    let universe = universe(&columns, &targets, task).ok()?;
                    Some(Case { universe, task, start, steps })
                })
        },
    )
}

/// Plays a case: every step must leave the bytes of a retrain, and an error must change nothing.
///
/// # Errors
///
/// The property that failed.
pub fn exact<L>(case: &Case, learner: &L) -> std::result::Result<(), TestCaseError>
where
    L: Learner + Forget<L::Model>,
    L::Model: Clone,
{
    let mut present = case.start.clone();
    let mut data = subset(case, &present)?;
    let mut model = fit(learner, &data)?;
    errors_change_nothing(case, learner, &mut model, &present)?;
    for (i, step) in case.steps.iter().enumerate() {
        let (leave, join): (Vec<usize>, Vec<usize>) = step.iter().partition(|place| present.contains(place));
        if i % 2 == 1 {
            model = learner.load(&model.state(), &data).map_err(|error| failed(&error))?;
        }
        let one_by_one = i % 3 == 2;
        for batch in batches(&leave, one_by_one) {
            batch.iter().for_each(|place| _ = present.remove(place));
            data = subset(case, &present)?;
            let guarantee = learner.forget(&mut model, &ids(case, &batch), &data).map_err(|error| failed(&error))?;
            prop_assert_eq!(guarantee, Guarantee::Exact);
        }
        same(learner, &model, &data, "forgetting")?;
        for batch in batches(&join, one_by_one) {
            present.extend(&batch);
            data = subset(case, &present)?;
            let guarantee = learner.learn(&mut model, &ids(case, &batch), &data).map_err(|error| failed(&error))?;
            prop_assert_eq!(guarantee, Guarantee::Exact);
        }
        same(learner, &model, &data, "learning")?;
        no_residue(case, &model, &present)?;
    }
    let reloaded = learner.load(&model.state(), &data).map_err(|error| failed(&error))?;
    prop_assert_eq!(reloaded.state(), model.state(), "round trip of the state");
    prop_assert_eq!(reloaded.artefact(), model.artefact(), "round trip of the artefact");
    model.predict(&data).map_err(|error| failed(&error))?;
    units_assemble(learner, &model, &data)?;
    parts_replay(learner, &reloaded, &data)
}

/// Units that were trained apart, each on its own records, make the model, however they are grouped.
fn units_assemble<L: Learner>(learner: &L, model: &L::Model, data: &Dataset) -> std::result::Result<(), TestCaseError> {
    let n = learner.n_units();
    prop_assert!(learner.fit_units(n..n + 1, data).is_err(), "a unit that there is not");
    let apart = |unit: usize| learner.fit_units(unit..unit + 1, &learner.unit_data(unit, data)?);
    let groupings: [Result<Vec<Vec<u8>>>; 2] = match n {
        0 => return Ok(()),
        _ => [(0..n).map(apart).collect(), (0..n).step_by(3).map(|unit| learner.fit_units(unit..n.min(unit + 3), data)).collect()],
    };
    for outputs in groupings {
        let outputs = outputs.map_err(|error| failed(&error))?;
        let assembled = learner.assemble(&outputs, data).map_err(|error| failed(&error))?;
        prop_assert_eq!(
            (assembled.state_digest(), assembled.digest()),
            (model.state_digest(), model.digest()),
            "units that were assembled"
        );
        prop_assert!(learner.assemble(&outputs[1..], data).is_err(), "units without the first");
    }
    Ok(())
}

/// Every shard, and spans that begin and end within shards, are done again to the bytes that are there.
fn parts_replay<L: Learner>(learner: &L, model: &L::Model, data: &Dataset) -> std::result::Result<(), TestCaseError> {
    let (n_shards, n) = (learner.n_shards(), model.checkpoints().len());
    let refused = |spans: Range<usize>| learner.replay(model, spans.clone(), data).err() == Some(Error::NoPart { spans, n_checkpoints: n });
    prop_assert!(refused(0..0) && refused(n..n + 1), "a part that there is not");
    prop_assert_eq!(n == 0, n_shards == 0);
    if n == 0 {
        return Ok(());
    }
    prop_assert_eq!(n % n_shards, 0, "shards with more checkpoints than others");
    let each = n / n_shards;
    let shards = (0..n_shards.min(3)).map(|shard| shard * each..(shard + 1) * each);
    for spans in shards.chain([0..n, n / 3..n / 3 + 1, n / 2..n, n - 1..n]) {
        let replayed = learner.replay(model, spans, data).map_err(|error| failed(&error))?;
        prop_assert_eq!(replayed.checkpoints(), model.checkpoints(), "checkpoints of a part done again");
        prop_assert_eq!((replayed.state_digest(), replayed.digest()), (model.state_digest(), model.digest()), "a part done again");
    }
    Ok(())
}

fn same<L: Learner>(learner: &L, model: &L::Model, data: &Dataset, after: &str) -> std::result::Result<(), TestCaseError> {
    let retrained = fit(learner, data)?;
    prop_assert_eq!(model.records(), data.len() as u64, "records after {}", after);
    prop_assert_eq!(model.state_digest(), retrained.state_digest(), "state after {}", after);
    prop_assert_eq!(model.digest(), retrained.digest(), "artefact after {}", after);
    prop_assert_eq!(model.checkpoints(), retrained.checkpoints(), "checkpoints after {}", after);
    Ok(())
}

fn errors_change_nothing<L>(
    case: &Case,
    learner: &L,
    model: &mut L::Model,
    present: &BTreeSet<usize>,
) -> std::result::Result<(), TestCaseError>
where
    L: Learner + Forget<L::Model>,
{
    let before = (model.state(), model.artefact());
    let data = subset(case, present)?;
    let unknown = vec!["nobody".to_owned()];
    prop_assert_eq!(learner.forget(model, &unknown, &data), Err(Error::UnknownIds { ids: unknown.clone() }));
    if let Some(place) = present.first() {
        let id = case.universe.id(*place).to_owned();
        let twice = vec![id.clone(), id.clone()];
        prop_assert_eq!(learner.forget(model, &twice, &data), Err(Error::RepeatedIds { ids: vec![id.clone()] }));
        let known = vec![id];
        prop_assert_eq!(learner.learn(model, &known, &data), Err(Error::AlreadyPresent { ids: known.clone() }));
    }
    prop_assert_eq!(learner.forget(model, &[], &data), Ok(Guarantee::Exact));
    prop_assert_eq!(learner.learn(model, &[], &data), Ok(Guarantee::Exact));
    prop_assert_eq!((model.state(), model.artefact()), before, "an error or an empty request changed the model");
    Ok(())
}

/// No id is in the artefact, and no id that left is in the state.
fn no_residue<M: Model>(case: &Case, model: &M, present: &BTreeSet<usize>) -> std::result::Result<(), TestCaseError> {
    let (state, artefact) = (model.state(), model.artefact());
    for place in 0..case.universe.len() {
        let id = case.universe.id(place).as_bytes();
        let within = |bytes: &[u8]| bytes.windows(id.len()).any(|window| window == id);
        prop_assert!(!within(&artefact), "the artefact holds an id");
        prop_assert_eq!(within(&state), present.contains(&place), "ids in the state");
    }
    Ok(())
}

fn fit<L: Learner>(learner: &L, data: &Dataset) -> std::result::Result<L::Model, TestCaseError> {
    learner.fit(data).map_err(|error| failed(&error))
}

fn subset(case: &Case, present: &BTreeSet<usize>) -> std::result::Result<Dataset, TestCaseError> {
    let places: Vec<usize> = present.iter().copied().collect();
    case.universe.select(&ids(case, &places)).map_err(|error| failed(&error))
}

fn ids(case: &Case, places: &[usize]) -> Vec<String> {
    places.iter().map(|place| case.universe.id(*place).to_owned()).collect()
}

fn batches(places: &[usize], one_by_one: bool) -> Vec<Vec<usize>> {
    if one_by_one { places.iter().rev().map(|place| vec![*place]).collect() } else { vec![places.to_vec()] }
}

fn failed(error: &Error) -> TestCaseError {
    TestCaseError::fail(error.to_string())
}

/// How the cells of a column are drawn.
#[derive(Debug, Clone, Copy)]
enum Cells {
    Smooth { missing: bool },
    Whole { missing: bool },
    Extreme,
    Flag { missing: bool },
    Text { many: bool, missing: bool, declared: bool },
    Constant,
}

fn column() -> impl Strategy<Value = Cells> {
    prop_oneof![
        any::<bool>().prop_map(|missing| Cells::Smooth { missing }),
        any::<bool>().prop_map(|missing| Cells::Whole { missing }),
        Just(Cells::Extreme),
        any::<bool>().prop_map(|missing| Cells::Flag { missing }),
        any::<(bool, bool, bool)>().prop_map(|(many, missing, declared)| Cells::Text { many, missing, declared }),
        Just(Cells::Constant),
    ]
}

/// A cell before it has a kind: a number to make the value of, and whether the value is missing.
type Cell = (f64, bool);

impl Cells {
    fn cell(self) -> BoxedStrategy<Cell> {
        let missing = |may: bool| if may { prop_oneof![3 => Just(false), 1 => Just(true)].boxed() } else { Just(false).boxed() };
        match self {
            Self::Smooth { missing: may } => (-1.0..1.0_f64, missing(may)).boxed(),
            Self::Whole { missing: may } => ((-6..6_i32).prop_map(f64::from), missing(may)).boxed(),
            Self::Extreme => (
                prop_oneof![
                    Just(0.0),
                    Just(-0.0),
                    Just(1e300),
                    Just(-1e300),
                    Just(1e-310),
                    Just(1e-45),
                    (0..4_i32).prop_map(|i| 1.0 + f64::from(i) * f64::from(f32::EPSILON)),
                    (0..4_i32).prop_map(|i| 1.7e9 + f64::from(i)),
                ],
                Just(false),
            )
                .boxed(),
            Self::Flag { missing: may } => ((0..2_i32).prop_map(f64::from), missing(may)).boxed(),
            Self::Text { many, missing: may, .. } => ((0..if many { 60 } else { 4 }).prop_map(f64::from), missing(may)).boxed(),
            Self::Constant => (Just(3.0), Just(false)).boxed(),
        }
    }

    fn array(self, cells: &[Cell]) -> (Kind, bool, ArrayRef) {
        let known = cells.iter().map(|(value, missing)| (!missing).then_some(*value));
        match self {
            Self::Flag { .. } => (Kind::Boolean, true, Arc::new(known.map(|x| x.map(|x| x > 0.5)).collect::<BooleanArray>())),
            Self::Text { declared, .. } => {
                // Some of the names read as numbers, so that an undeclared column may become numeric.
                let name = |x: f64| if x < 3.0 { format!("{x}") } else { format!("category {x}") };
                (Kind::Categorical, declared, Arc::new(known.map(|x| x.map(name)).collect::<StringArray>()))
            }
            _ => (Kind::Numeric, true, Arc::new(known.collect::<Float64Array>())),
        }
    }
}

fn universe(columns: &[(Cells, Vec<Cell>)], targets: &[(usize, i32)], task: Task) -> Result<Dataset> {
    let mut described = Vec::new();
    let mut arrays = Vec::new();
    for (i, (cells, values)) in columns.iter().enumerate() {
        let (kind, declared, array) = cells.array(values);
        described.push(Column { name: format!("x{i}"), kind, role: Role::Feature, declared });
        arrays.push(array);
    }
    let (kind, target): (Kind, ArrayRef) = match task {
        Task::Classification => {
            (Kind::Categorical, Arc::new(StringArray::from_iter_values(targets.iter().map(|(class, _)| format!("class {class}")))))
        }
        Task::Regression => {
            // A few targets are far larger than the rest, so that the fixed point moves when they leave.
            let number = |(class, y): &(usize, i32)| f64::from(*y) * if *class == 7 { 1e6 } else { 0.1 };
            (Kind::Numeric, Arc::new(Float64Array::from_iter_values(targets.iter().map(number))))
        }
    };
    described.push(Column { name: "y".to_owned(), kind, role: Role::Target, declared: true });
    arrays.push(target);
    let ids = StringArray::from_iter_values((0..targets.len()).map(|i| format!("record#{i:05}")));
    Dataset::new(Schema { id: Some("id".to_owned()), columns: described, holdout: None }, &ids, arrays)
}
