//! The recommender passes the conformance suite on interactions of users with items.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeSet;
use std::sync::Arc;

use arrow_array::{ArrayRef, Float64Array, StringArray};
use proptest::collection::{btree_set, vec};
use proptest::prelude::*;
use untrain_core::conformance::{self, Case};
use untrain_core::{Column, Dataset, Error, Forget, Guarantee, Kind, Learner, Model, Predictions, Role, Schema, Seed, Task};
use untrain_exact::{Recommend, RecommendMethod, RecommendParams, Similarity};

/// A user, an item and a value; some are missing.
type Row = (Option<String>, Option<String>, f64);

fn dataset(rows: &[Row], valued: bool, declared: bool) -> Dataset {
    let column = |name: &str, kind, role, declared| Column { name: name.into(), kind, role, declared };
    let mut columns =
        vec![column("user", Kind::Categorical, Role::Subject, true), column("item", Kind::Categorical, Role::Feature, declared)];
    let users: ArrayRef = Arc::new(rows.iter().map(|(user, ..)| user.clone()).collect::<StringArray>());
    let items: ArrayRef = Arc::new(rows.iter().map(|(_, item, _)| item.clone()).collect::<StringArray>());
    let mut arrays = vec![users, items];
    if valued {
        columns.push(column("value", Kind::Numeric, Role::Target, true));
        arrays.push(Arc::new(Float64Array::from_iter_values(rows.iter().map(|(.., value)| *value))));
    }
    let ids = StringArray::from_iter_values((0..rows.len()).map(|i| format!("record#{i:05}")));
    Dataset::new(Schema { id: Some("id".into()), columns, holdout: None }, &ids, arrays).unwrap()
}

fn rows(text: &str) -> Vec<Row> {
    let row = |line: &str| {
        let mut words = line.split(' ').map(str::to_owned);
        (words.next(), words.next(), words.next().map_or(1.0, |value| value.parse().unwrap()))
    };
    text.split(", ").map(row).collect()
}

fn row() -> impl Strategy<Value = Row> {
    // Some items read as numbers, so that the column may become numeric when the others leave.
    let item = prop_oneof![
        8 => (0..9_u32).prop_map(|i| Some(if i < 6 { format!("0{i}") } else { format!("item {i}") })),
        2 => (0..60_u32).prop_map(|i| Some(format!("rare {i}"))),
        1 => Just(None),
    ];
    let user = prop_oneof![20 => (0..12_u32).prop_map(|u| Some(format!("user {u}"))), 1 => Just(None)];
    let value = prop_oneof![
        6 => (0..11_u32).prop_map(|half| f64::from(half) / 2.0),
        1 => (-4..900_i32).prop_map(f64::from),
        1 => Just(2500.0),
        1 => 0.0..1e-3,
    ];
    (user, item, value)
}

/// Interactions with a history that forgets whole users, single interactions and many, and learns them again.
fn cases(most: usize) -> impl Strategy<Value = (Case, bool)> {
    (vec(row(), 1..most), any::<bool>(), any::<bool>()).prop_flat_map(|(rows, valued, declared)| {
        let n = rows.len();
        let universe = dataset(&rows, valued, declared);
        let of_user = move |user: u32| -> BTreeSet<usize> {
            let name = format!("user {user}");
            rows.iter().enumerate().filter(|(_, (user, ..))| user.as_ref() == Some(&name)).map(|(i, _)| i).collect()
        };
        let step = prop_oneof![
            3 => (0..12_u32).prop_map(of_user),
            3 => btree_set(0..n, 0..=n.min(3)),
            1 => btree_set(0..n, 0..=n),
        ];
        let start = prop_oneof![Just((0..n).collect::<BTreeSet<usize>>()), btree_set(0..n, 0..=n)];
        (start, vec(step, 0..7))
            .prop_map(move |(start, steps)| (Case { universe: universe.clone(), task: Task::Regression, start, steps }, valued))
    })
}

fn params() -> impl Strategy<Value = RecommendParams> {
    let similarity = prop_oneof![Just(Similarity::Cosine), Just(Similarity::Jaccard)];
    let alpha = prop_oneof![Just(150.0), Just(1.0), Just(0.01), 0.1..20.0_f64];
    (any::<bool>(), similarity, alpha, any::<bool>(), 1..5_u32, prop_oneof![Just(16_u32), 4..21_u32]).prop_map(
        |(ease, similarity, alpha, least, n_neighbours, grid)| RecommendParams {
            method: if ease { RecommendMethod::Ease } else { RecommendMethod::Neighbours },
            alpha,
            min_value: least.then_some(3.0),
            n_neighbours,
            similarity,
            grid,
            n_top: 3,
            item: None,
        },
    )
}

fn recommend(mut params: RecommendParams, valued: bool, seed: u64) -> Recommend {
    if !valued {
        params.min_value = None;
    }
    Recommend { params, seed: Seed(seed) }
}

proptest! {
    #[test]
    fn forgetting_and_learning_leave_the_bytes_of_a_retrain((case, valued) in cases(150), params in params(), seed: u64) {
        conformance::exact(&case, &recommend(params, valued, seed))?;
    }

    #[test]
    fn threads_do_not_reach_the_bytes((case, valued) in cases(150), params in params(), seed: u64) {
        let learner = recommend(params, valued, seed);
        let digest = |n| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(n).build().map_err(|e| TestCaseError::fail(e.to_string()))?;
            pool.install(|| learner.fit(&case.universe)).map(|model| model.digest()).map_err(|e| TestCaseError::fail(e.to_string()))
        };
        prop_assert_eq!(digest(1)?, digest(4)?);
    }

    #[test]
    fn no_user_is_in_the_artefact((case, valued) in cases(60), params in params()) {
        let model = recommend(params, valued, 1).fit(&case.universe).map_err(|e| TestCaseError::fail(e.to_string()))?;
        let within = |bytes: &[u8], text: &[u8]| bytes.windows(text.len()).any(|window| window == text);
        prop_assert!(!within(&model.artefact(), b"user 1"));
    }
}

fn neighbours(similarity: Similarity) -> Recommend {
    Recommend { params: RecommendParams { method: RecommendMethod::Neighbours, similarity, ..RecommendParams::default() }, seed: Seed(0) }
}

fn lists(learner: &Recommend, data: &Dataset, asked: &Dataset) -> Vec<(String, Vec<(String, f64)>)> {
    match learner.fit(data).unwrap().predict(asked).unwrap() {
        Predictions::Lists { subjects, lists, .. } => subjects.into_iter().zip(lists).collect(),
        other => panic!("{other:?}"),
    }
}

/// By hand: a and b share ann and bob, b and c share bob; a has 2 users, b 3, c 1.
#[test]
fn similarities_are_those_worked_by_hand() {
    let data = dataset(&rows("ann a, ann b, bob a, bob b, bob c, cat b"), false, true);
    let asked = dataset(&rows("new b"), false, true);
    let expected = |a: f64, c: f64| vec![("new".to_owned(), vec![("a".to_owned(), a), ("c".to_owned(), c)])];
    assert_eq!(lists(&neighbours(Similarity::Cosine), &data, &asked), expected(2.0 / 6_f64.sqrt(), 1.0 / 3_f64.sqrt()));
    assert_eq!(lists(&neighbours(Similarity::Jaccard), &data, &asked), expected(2.0 / 3.0, 1.0 / 3.0));
}

#[test]
fn what_a_user_has_is_not_recommended_and_unknown_items_are_counted() {
    let data = dataset(&rows("ann a, ann b, bob a, bob b, bob c, cat b"), false, true);
    let asked = dataset(&rows("new a, new b, new zzz, odd zzz"), false, true);
    let model = neighbours(Similarity::Cosine).fit(&data).unwrap();
    let Predictions::Lists { subjects, lists, unknown } = model.predict(&asked).unwrap() else { panic!("no lists") };
    assert_eq!((subjects, unknown), (vec!["new".to_owned(), "odd".to_owned()], 2));
    assert_eq!(lists[0].iter().map(|(item, _)| item.as_str()).collect::<Vec<_>>(), ["c"]);
    assert!(lists[1].is_empty());
}

#[test]
fn the_largest_of_several_values_counts() {
    let few = dataset(&rows("ann a 2, ann b 3, bob a 1, bob c 5"), true, true);
    let many = dataset(&rows("ann a 2, ann b 3, bob a 1, bob c 5, ann b 1, ann a 2"), true, true);
    for learner in [neighbours(Similarity::Cosine), Recommend { params: RecommendParams::default(), seed: Seed(3) }] {
        let asked = dataset(&rows("new a 4"), true, true);
        assert_eq!(lists(&learner, &few, &asked), lists(&learner, &many, &asked));
    }
}

#[test]
fn data_that_is_not_of_interactions_is_refused() {
    let ok = dataset(&rows("ann a 2, bob b 1"), true, true);
    let fit = |data: &Dataset, params| Recommend { params, seed: Seed(0) }.fit(data);
    let item = |name: &str| RecommendParams { item: Some(name.to_owned()), ..RecommendParams::default() };
    assert!(fit(&ok, RecommendParams::default()).is_ok());
    assert!(matches!(fit(&ok, item("itm")), Err(Error::UnknownColumn { nearest: Some(name), .. }) if name == "item"));
    assert!(matches!(fit(&ok, item("user")), Err(Error::Parameter { name, .. }) if name == "item"));
    assert!(
        matches!(fit(&dataset(&rows("ann a 2000000"), true, true), item("item")), Err(Error::Value { column, .. }) if column == "value")
    );
    for alpha in [0.0, -1.0, f64::NAN, f64::INFINITY, 1e-9] {
        assert!(matches!(fit(&ok, RecommendParams { alpha, ..item("item") }), Err(Error::Parameter { name, .. }) if name == "alpha"));
    }
    let least = RecommendParams { min_value: Some(1.0), ..RecommendParams::default() };
    assert!(matches!(fit(&dataset(&rows("ann a"), false, true), least), Err(Error::Parameter { name, .. }) if name == "min_value"));
    let mut schema = ok.schema().clone();
    schema.columns.iter_mut().for_each(|column| column.role = Role::Feature);
    let no_subject = Dataset::new(schema, ok.ids(), ok.columns().to_vec()).unwrap();
    assert!(matches!(fit(&no_subject, RecommendParams::default()), Err(Error::Schema { .. })));
}

#[test]
fn an_item_that_only_a_forgotten_user_had_is_gone() {
    let data = dataset(&rows("ann a, ann b, bob a, bob b, eve a, eve secret"), false, true);
    for method in [RecommendMethod::Ease, RecommendMethod::Neighbours] {
        let learner = Recommend { params: RecommendParams { method, ..RecommendParams::default() }, seed: Seed(0) };
        let mut model = learner.fit(&data).unwrap();
        let eve = ["record#00004", "record#00005"].map(str::to_owned);
        let within = |bytes: &[u8]| bytes.windows(6).any(|window| window == b"secret");
        assert!(within(&model.artefact()));
        let retained = data.without(&eve).unwrap();
        assert_eq!(learner.forget(&mut model, &eve, &retained), Ok(Guarantee::Exact));
        assert!(!within(&model.artefact()) && !within(&model.state()));
        assert_eq!(model.digest(), learner.fit(&retained).unwrap().digest());
    }
}
