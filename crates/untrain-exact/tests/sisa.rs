//! Sharding passes the conformance suite over every kind of base.

use proptest::prelude::*;
use untrain_core::conformance::{self, Case};
use untrain_core::{AnyLearner, Dataset, Kind, Learner, Model, Role, Seed, Task};
use untrain_exact::{Aggregation, Forest, Params, Retrain, Sgd, SgdParams, ShardBy, Sisa, SisaParams};

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
