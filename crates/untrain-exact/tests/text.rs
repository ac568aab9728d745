//! The text classifier passes the conformance suite, and reads what documents hold.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::Arc;

use arrow_array::{ArrayRef, StringArray};
use proptest::prelude::*;
use untrain_core::{
    Column, Dataset, Error, Forget as _, Kind, Learner as _, Model as _, Predictions, Role, Schema, Seed, Task, conformance,
};
use untrain_exact::{Hyperparameters as _, Text, TextClassifier, TextParams};

/// Documents of few words, with punctuation and other scripts between them; those that read as numbers become numbers.
fn document() -> impl Strategy<Value = Option<String>> {
    let word = prop_oneof![
        4 => (0..30_u32).prop_map(|i| format!("word{i}")),
        1 => Just("don't".to_owned()),
        1 => Just("\u{201c}\u{c9}cole\u{201d}".to_owned()),
        1 => Just("\u{6f22}\u{5b57}\u{3002}".to_owned()),
        1 => Just("!?,\n\"".to_owned()),
    ];
    let words = proptest::collection::vec(word, 0..8).prop_map(|words| words.join(" "));
    prop_oneof![8 => words.prop_map(Some), 2 => (0..3_u32).prop_map(|i| Some(i.to_string())), 1 => Just(None)]
}

/// Documents in `text`, which nobody declared to be one, and classes.
fn documents(texts: &[Option<String>], classes: &[String]) -> Dataset {
    let column = |name: &str, role, declared| Column { name: name.into(), kind: Kind::Categorical, role, declared };
    let columns = vec![column("text", Role::Feature, false), column("class", Role::Target, true)];
    let arrays: Vec<ArrayRef> =
        vec![Arc::new(texts.iter().map(Option::as_deref).collect::<StringArray>()), Arc::new(StringArray::from(classes.to_vec()))];
    let ids: StringArray = (0..texts.len()).map(|i| Some(format!("record#{i:05}"))).collect();
    Dataset::new(Schema { id: Some("id".into()), columns, holdout: None }, &ids, arrays).unwrap()
}

fn params() -> impl Strategy<Value = TextParams> {
    let naive = prop_oneof![1..50_u32, Just(1 << 18)].prop_map(|n_features| (TextClassifier::NaiveBayes, n_features));
    let logistic = prop_oneof![3 => 1..50_u32, 1 => Just(1 << 12)].prop_map(|n_features| (TextClassifier::Logistic, n_features));
    let classifier = prop_oneof![3 => naive, 1 => logistic];
    (classifier, 1..4_u32, 0.01..2.0_f64, any::<bool>()).prop_map(|((classifier, n_features), n_gram, alpha, named)| TextParams {
        column: named.then(|| "text".to_owned()),
        n_features: Some(n_features),
        n_gram,
        classifier,
        alpha,
    })
}

proptest! {
    #![proptest_config(ProptestConfig { max_global_rejects: 1 << 20, ..ProptestConfig::default() })]

    #[test]
    fn forgetting_documents_leaves_the_bytes_of_a_retrain(
        case in conformance::cases(60),
        texts in proptest::collection::vec((document(), 0..5_u32), 61),
        params in params(),
    ) {
        let (texts, classes): (Vec<_>, Vec<_>) = texts.into_iter().take(case.universe.len()).map(|(t, c)| (t, format!("class {c}"))).unzip();
        let case = conformance::Case { universe: documents(&texts, &classes), ..case };
        conformance::exact(&case, &text_of(params))?;
    }

    #[test]
    fn forgetting_among_other_columns_leaves_the_bytes_of_a_retrain(case in conformance::cases(100), mut params in params()) {
        params.column = Some("x0".to_owned());
        // Of numbers as classes there are as many as records, and softmax grows with their square.
        if case.task == Task::Regression {
            params.classifier = TextClassifier::NaiveBayes;
        }
        conformance::exact(&case, &text_of(params))?;
    }
}

fn text_of(params: TextParams) -> Text {
    Text { params, seed: Seed(7) }
}

fn texts(texts: &[&str]) -> Vec<Option<String>> {
    texts.iter().map(|text| Some((*text).to_owned())).collect()
}

fn six() -> Dataset {
    let words = ["win a prize", "prize, PRIZE! win", "win big", "meeting notes", "the meeting\nis moved", "notes of \"the\" meeting"];
    documents(&texts(&words), &["junk", "junk", "junk", "work", "work", "work"].map(str::to_owned))
}

fn probabilities(model: &impl untrain_core::Model, documents: &Dataset) -> Vec<f64> {
    let Predictions::Classes { probabilities, .. } = model.predict(documents).unwrap() else { return Vec::new() };
    probabilities
}

#[test]
fn the_text_column_may_become_numbers_and_text_again() {
    // Beside other features, a column of numbers alone is no text. The model is made anew where that changes.
    let column = |name: &str, kind, role| Column { name: name.into(), kind, role, declared: false };
    let columns = vec![
        column("age", Kind::Boolean, Role::Feature),
        column("text", Kind::Categorical, Role::Feature),
        Column { declared: true, ..column("class", Kind::Categorical, Role::Target) },
    ];
    let arrays: Vec<ArrayRef> = vec![
        Arc::new(arrow_array::BooleanArray::from(vec![true, false, true])),
        Arc::new(StringArray::from(vec!["1", "2", "two"])),
        Arc::new(StringArray::from(vec!["k", "l", "k"])),
    ];
    let ids = StringArray::from(vec!["a", "b", "c"]);
    let data = Dataset::new(Schema { id: None, columns, holdout: None }, &ids, arrays).unwrap();
    let rest = data.without(&["c".to_owned()]).unwrap();
    let learner = text_of(TextParams::default());
    let mut model = learner.fit(&data).unwrap();
    let before = (model.state(), model.artefact());
    assert!(learner.forget(&mut model, &["d".to_owned()], &rest).is_err());
    assert_eq!((model.state(), model.artefact()), before);
    learner.forget(&mut model, &["c".to_owned()], &rest).unwrap();
    assert_eq!(model.digest(), learner.fit(&rest).unwrap().digest());
    learner.learn(&mut model, &["c".to_owned()], &data).unwrap();
    assert_eq!((model.state(), model.artefact()), before);
}

#[test]
fn documents_without_a_known_word_get_the_shares_of_the_classes() {
    let model = text_of(TextParams::default()).fit(&six()).unwrap();
    let strange = documents(&[Some(String::new()), Some("?! ...".to_owned()), None], &["junk", "junk", "junk"].map(str::to_owned));
    assert!(probabilities(&model, &strange).iter().all(|p| (p - 0.5).abs() < 1e-12));
    // Words that nobody used tell only how many words the classes have in all.
    let unknown = documents(&texts(&["unheard thing"]), &["junk".to_owned()]);
    assert!(probabilities(&model, &unknown).iter().all(|p| (p - 0.5).abs() < 1e-3));
}

#[test]
fn words_decide() {
    // Worked by hand: with one word in a row, 4 buckets would collide, and 2^22 do not. "junk" has 8 words, 3 of them "win";
    // "work" has 10, none of them "win".
    let n = f64::from(1 << 22);
    let params = TextParams { n_gram: 1, n_features: Some(1 << 22), ..TextParams::default() };
    let model = text_of(params).fit(&six()).unwrap();
    let (junk, work) = (4.0 / (8.0 + n), 1.0 / (10.0 + n));
    let found = probabilities(&model, &documents(&texts(&["Win"]), &["junk".to_owned()]));
    assert!((found[0] - junk / (junk + work)).abs() < 1e-9, "{found:?}");
}

#[test]
fn bad_settings_are_refused_by_name() {
    let fine = TextParams::default();
    assert!(fine.check().is_ok());
    for (name, params) in [
        ("n_features", TextParams { n_features: Some(0), ..fine.clone() }),
        ("n_gram", TextParams { n_gram: 9, ..fine.clone() }),
        ("alpha", TextParams { alpha: 0.0, ..fine }),
    ] {
        assert!(matches!(params.check(), Err(Error::Parameter { name: found, .. }) if found == name), "{name}");
        assert!(text_of(params).fit(&six()).is_err(), "{name}");
    }
    let missing = text_of(TextParams { column: Some("texts".to_owned()), ..TextParams::default() });
    assert!(matches!(missing.fit(&six()), Err(Error::UnknownColumn { nearest: Some(name), .. }) if name == "text"));
}
