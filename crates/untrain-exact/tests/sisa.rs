//! Sharding passes the conformance suite over every kind of base.

use std::sync::Arc;

use arrow_array::{ArrayRef, Float64Array, StringArray};
use proptest::prelude::*;
use untrain_core::conformance::{self, Case};
use untrain_core::{AnyLearner, Dataset, Error, Forget as _, Kind, Learner, Model, Role, Seed, Task};
use untrain_exact::{Aggregation, Forest, Params, Retrain, Seat, Sgd, SgdParams, ShardBy, Sisa, SisaParams};

fn forest(task: Task, seed: u64) -> Forest {
    Forest { params: Params { n_trees: 2, max_depth: 4, subsample: 0.6, ..Params::default() }, task, seed: Seed(seed) }
}

/// A learner whose model depends on the order of slices.
fn sgd(task: Task, seed: u64) -> Retrain<Sgd> {
    Retrain(Sgd { params: SgdParams { n_epochs: 2, n_buckets: 16, ..SgdParams::default() }, task, seed: Seed(seed) })
}

fn aggregation() -> impl Strategy<Value = Aggregation> {
    prop_oneof![Just(Aggregation::Mean), Just(Aggregation::Vote), Just(Aggregation::Stacked)]
}

fn params() -> impl Strategy<Value = SisaParams> {
    let max_checkpoints = prop_oneof![Just(None), (1..5_u32).prop_map(Some)];
    (prop_oneof![1..4_u32, 1..40_u32], 1..6_u32, aggregation(), max_checkpoints).prop_map(
        |(n_shards, n_slices, aggregation, max_checkpoints)| SisaParams {
            n_shards,
            n_slices,
            aggregation,
            max_checkpoints,
            ..SisaParams::default()
        },
    )
}

/// The learner, voting only where it can.
fn sisa(base: AnyLearner, mut params: SisaParams, task: Task, seed: u64) -> Sisa {
    if task == Task::Regression && params.aggregation == Aggregation::Vote {
        params.aggregation = Aggregation::Mean;
    }
    Sisa { base, params, task, seed: Seed(seed) }
}

/// The same case, with another role for one feature that satisfies `suits`, if there is one.
fn recast(case: &Case, role: Role, suits: impl Fn(Kind, bool) -> bool) -> Option<(Case, String)> {
    let mut schema = case.universe.schema().clone();
    let column = schema.columns.iter_mut().find(|column| column.role == Role::Feature && suits(column.kind, column.declared))?;
    column.role = role;
    let name = column.name.clone();
    let universe = Dataset::new(schema, case.universe.ids(), case.universe.columns().to_vec()).ok()?;
    Some((Case { universe, ..case.clone() }, name))
}

/// The records of a case, one of them with another target that others have.
fn with_another_target(case: &Case, place: usize) -> Dataset {
    let universe = &case.universe;
    let Some((target, _)) = universe.schema().target() else { return universe.clone() };
    let taken = (0..universe.len()).map(|i| if i == place { universe.len() - 1 - place } else { i });
    let values = universe.values(target);
    let changed: ArrayRef = match case.task {
        Task::Classification => Arc::new(taken.map(|i| values.text(i)).collect::<StringArray>()),
        Task::Regression => Arc::new(taken.map(|i| values.number(i)).collect::<Float64Array>()),
    };
    let mut columns = universe.columns().to_vec();
    columns[target] = changed;
    Dataset::new(universe.schema().clone(), universe.ids(), columns).unwrap_or_else(|_| universe.clone())
}

proptest! {
    #![proptest_config(ProptestConfig { max_global_rejects: 1 << 20, ..ProptestConfig::default() })]

    #[test]
    fn shards_of_a_native_base_are_revised_to_the_bytes_of_a_retrain(case in conformance::cases(120), params in params(), seed: u64) {
        let base = AnyLearner::new(forest(case.task, !seed));
        conformance::exact(&case, &sisa(base, params, case.task, seed))?;
    }

    #[test]
    fn shards_of_a_base_that_retrains_have_the_bytes_of_a_retrain(case in conformance::cases(120), params in params(), seed: u64) {
        let base = AnyLearner::new(Retrain(forest(case.task, !seed)));
        conformance::exact(&case, &sisa(base, params, case.task, seed))?;
    }

    #[test]
    fn slices_replay_from_a_checkpoint_to_the_bytes_of_a_retrain(case in conformance::cases(120), params in params(), seed: u64) {
        conformance::exact(&case, &sisa(AnyLearner::new(sgd(case.task, !seed)), params, case.task, seed))?;
    }

    /// A published mask leaks through momentum and weight decay into what it should keep, and another program's shards return the model
    /// unchanged.
    #[test]
    fn defects_13_and_18_forgetting_changes_one_shard_and_no_other(
        case in conformance::cases(120), params in params(), seed: u64, which: prop::sample::Index,
    ) {
        let sisa = sisa(AnyLearner::new(sgd(case.task, !seed)), params, case.task, seed);
        let failed = |error: Error| TestCaseError::fail(error.to_string());
        let id = case.universe.id(which.index(case.universe.len())).to_owned();
        let before = sisa.fit(&case.universe).map_err(failed)?;
        let mut after = before.clone();
        let ids = [id];
        let retained = case.universe.without(&ids).map_err(failed)?;
        sisa.forget(&mut after, &ids, &retained).map_err(failed)?;
        prop_assert_ne!(after.state_digest(), before.state_digest());
        let each = before.checkpoints().len() / sisa.n_shards();
        let (was, is) = (before.checkpoints(), after.checkpoints());
        let changed = (0..sisa.n_shards()).filter(|shard| was[shard * each..][..each] != is[shard * each..][..each]).count();
        // A change of the columns' kinds trains all shards anew.
        if retained.schema() == case.universe.schema() {
            prop_assert_eq!(changed, 1);
        }
    }

    #[test]
    fn a_shard_that_is_done_again_is_put_right_and_no_other_is_touched(
        case in conformance::cases(120), params in params(), sliced: bool, seed: u64, which: prop::sample::Index,
    ) {
        let base = if sliced { AnyLearner::new(sgd(case.task, !seed)) } else { AnyLearner::new(forest(case.task, !seed)) };
        let sisa = sisa(base, params, case.task, seed);
        let failed = |error: Error| TestCaseError::fail(error.to_string());
        let honest = sisa.fit(&case.universe).map_err(failed)?;
        let wrong = sisa.fit(&with_another_target(&case, which.index(case.universe.len()))).map_err(failed)?;
        let differ: Vec<usize> =
            honest.checkpoints().iter().zip(wrong.checkpoints()).enumerate().filter(|(_, (a, b))| *a != b).map(|(i, _)| i).collect();
        let each = honest.checkpoints().len() / sisa.n_shards();
        let Some(first) = differ.first() else { return Ok(()) };
        let shard = first / each;
        prop_assert!(differ.iter().all(|i| i / each == shard), "one record is in one shard");
        for other in (0..sisa.n_shards()).filter(|other| *other != shard).take(3) {
            let replayed = sisa.replay(&wrong, other * each..(other + 1) * each, &case.universe).map_err(failed)?;
            prop_assert_eq!(replayed.checkpoints(), wrong.checkpoints());
        }
        // The span that leads to the first checkpoint that differs starts from one that does not, and settles it.
        let replayed = sisa.replay(&wrong, *first..first + 1, &case.universe).map_err(failed)?;
        prop_assert_eq!(replayed.checkpoints()[*first], honest.checkpoints()[*first]);
        prop_assert_eq!(&replayed.checkpoints()[first + 1..], &wrong.checkpoints()[first + 1..]);
        let right = sisa.replay(&wrong, shard * each..(shard + 1) * each, &case.universe).map_err(failed)?;
        prop_assert_eq!(right.checkpoints(), honest.checkpoints());
        prop_assert_eq!((right.state_digest(), right.digest()), (honest.state_digest(), honest.digest()));
    }

    #[test]
    fn threads_do_not_reach_the_bytes(case in conformance::cases(120), params in params(), seed: u64) {
        let sisa = sisa(AnyLearner::new(sgd(case.task, !seed)), params, case.task, seed);
        let digest = |n| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(n).build().map_err(|e| TestCaseError::fail(e.to_string()))?;
            pool.install(|| sisa.fit(&case.universe)).map(|model| model.state_digest()).map_err(|e| TestCaseError::fail(e.to_string()))
        };
        prop_assert_eq!(digest(1)?, digest(4)?);
    }

    #[test]
    fn shards_of_shards_are_exact(case in conformance::cases(120), outer in params(), inner in params(), seed: u64) {
        let base = AnyLearner::new(sisa(AnyLearner::new(forest(case.task, 1)), inner, case.task, !seed));
        conformance::exact(&case, &sisa(base, outer, case.task, seed))?;
    }

    #[test]
    fn shards_by_subject_are_exact(case in conformance::cases(120), mut params in params(), seed: u64) {
        // A column whose kind may change: everybody then moves.
        if let Some((case, _)) = recast(&case, Role::Subject, |_, _| true) {
            params.shard_by = ShardBy::Subject;
            conformance::exact(&case, &sisa(AnyLearner::new(forest(case.task, 1)), params, case.task, seed))?;
        }
    }

    #[test]
    fn shards_by_probability_of_deletion_are_exact(case in conformance::cases(120), mut params in params(), seed: u64) {
        if let Some((case, name)) = recast(&case, Role::Group, |kind, declared| kind != Kind::Categorical && declared) {
            params.n_shards += 2;
            params.deletion_thresholds = vec![-0.3, 0.5];
            params.deletion_probability = Some(name);
            conformance::exact(&case, &sisa(AnyLearner::new(Retrain(forest(case.task, 1))), params, case.task, seed))?;
        }
    }
}

#[test]
fn a_seat_is_told_by_the_id_alone() -> Result<(), Error> {
    let ids: Vec<String> = (0..300).map(|i| format!("r{i}")).collect();
    let column = |name: &str, role| untrain_core::Column { name: name.into(), kind: Kind::Numeric, role, declared: true };
    let schema = untrain_core::Schema { id: None, columns: vec![column("x", Role::Feature), column("y", Role::Target)], holdout: None };
    let numbers = || Arc::new(Float64Array::from_iter_values((0..300).map(f64::from))) as ArrayRef;
    let data = Dataset::new(schema, &StringArray::from_iter_values(&ids), vec![numbers(), numbers()])?;
    let params = SisaParams { n_shards: 7, n_slices: 3, ..SisaParams::default() };
    let learner = sisa(AnyLearner::new(sgd(Task::Regression, 1)), params, Task::Regression, 5);
    for shard in 0..7 {
        let members = learner.shard(&data, shard)?;
        assert!(ids.iter().all(|id| members.position(id).is_some() == (Seat::of(learner.seed, id, 7, 3).shard == shard)));
    }
    Ok(())
}
