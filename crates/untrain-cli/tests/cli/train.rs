//! `train`: what a recipe says, and what it may not say.

use crate::place::{IMPORT, Place, TRAIN, digests, people, retrained};

#[test]
fn threads_do_not_change_the_bytes() {
    let digest = retrained(|_| true);
    let place = Place::new();
    place.write("people.csv", &people(|_| true));
    place.done(IMPORT);
    assert_eq!(digests(&place.json(&[&["--threads", "1"], TRAIN].concat())), digest);
}

#[test]
fn a_recipe_file_is_the_flags_in_writing() {
    let place = Place::trained();
    place.write("forest.toml", "learner = \"forest\"\nseed = 3\n[params]\nn_trees = 10\nsubsample = 0.3\n");
    let report = place.json(&["train", "people", "--as", "again", "--recipe", "forest.toml"]);
    assert_eq!(digests(&report), digests(&place.json(&["show", "income"])));
}

#[test]
fn values_out_of_their_range_are_refused() {
    let place = Place::trained();
    insta::assert_snapshot!(place.refused(2, &["train", "people", "--as", "m", "--learner", "forest", "--set", "subsample=1.5"]), @r#"error: hyperparameter "subsample": 1.5 is not over 0 and at most 1"#);
    insta::assert_snapshot!(place.refused(2, &["train", "people", "--as", "m", "--learner", "forest", "--set", "n_trees=many"]), @r#"error: hyperparameter "n_trees": it cannot be "many""#);
    insta::assert_snapshot!(place.refused(2, &["train", "people", "--as", "m", "--learner", "forest", "--set", "n_trees"]), @r#"
    error: invalid value 'n_trees' for '--set <KEY=VALUE>': a setting is KEY=VALUE, as in n_trees=50

    For more information, try '--help'.
    "#);
    insta::assert_snapshot!(place.refused(2, &["--threads", "0", "list"]), @r#"
    error: invalid value '0' for '--threads <N>': 0 is not in 1..=1024

    For more information, try '--help'.
    "#);
    insta::assert_snapshot!(place.refused(2, &["train", "people", "--as", ".m", "--learner", "forest"]), @r#"error: ".m" cannot be a name: a name has 1 to 64 characters out of a-z, A-Z, 0-9, '.', '_' and '-', and starts with neither '.' nor '-'"#);
    insta::assert_snapshot!(place.refused(2, TRAIN), @r#"
    error: there is a model "income" already
    hint: --replace takes its place
    "#);
}

#[test]
fn shards_by_subject_forget_a_person_as_if_they_had_never_been_there() {
    let place = Place::new();
    place.write("people.csv", &people(|_| true));
    place.done(IMPORT);
    let settings = ["--set", "base=sgd", "--set", "n_shards=3", "--set", "shard_by=subject", "--set", "aggregation=stacked"];
    place.done(&[&["train", "people", "--as", "income", "--learner", "sisa"], &settings[..]].concat());
    place.done(&["forget", "people", "--subject", "p5"]);
    assert_eq!(place.json(&["verify", "income"])["equal"], true);
    place.done(&["predict", "income", "people.csv"]);
    place.done(&["export", "income", "--format", "json", "--out", "income.json"]);
    let other = Place::new();
    other.write("people.csv", &people(|_| true));
    other.done(&["import", "people.csv", "--as", "people", "--id", "id", "--target", "income"]);
    let refused = other.refused(2, &[&["train", "people", "--as", "income", "--learner", "sisa"], &settings[..]].concat());
    assert!(refused.contains("no column is the subject"), "{refused}");
}

#[test]
fn a_learner_of_text_wants_a_text() {
    let place = Place::new();
    place.write("numbers.csv", "id,a,b,y\n1,1,2,up\n2,3,4,down\n3,5,6,up\n");
    place.done(&["import", "numbers.csv", "--as", "numbers", "--id", "id", "--target", "y"]);
    let refused = place.refused(2, &["train", "numbers", "--as", "words", "--learner", "text"]);
    assert!(refused.contains("no feature is text"), "{refused}");
    assert!(refused.contains("hint: name the text by --set column=NAME"), "{refused}");
    place.done(&["train", "numbers", "--as", "words", "--learner", "text", "--set", "column=a"]);
}
