//! `verify`: a shard or a span of a model, and what it says where something differs.

use std::time::Duration;

use serde_json::json;
use untrain_ledger::{Access, Change, Event, ModelRow, Store, Version};

use crate::place::{IMPORT, Place, people, text};

const SHARDS: &[&str] = &[
    "train",
    "people",
    "--as",
    "shards",
    "--learner",
    "sisa",
    "--set",
    "base=sgd",
    "--set",
    "n_shards=4",
    "--set",
    "n_slices=2",
    "--set",
    "base_params.n_buckets=64",
    "--seed",
    "3",
];

fn sharded(people: &str) -> Place {
    let place = Place::new();
    place.write("people.csv", people);
    place.done(IMPORT);
    place.done(SHARDS);
    place
}

#[test]
fn one_shard_is_verified_alone() {
    let place = sharded(&people(|_| true));
    place.done(&["forget", "people", "--id", "r7"]);
    let found = place.json(&["verify", "shards", "--shard", "2"]);
    assert_eq!((&found["scope"], &found["equal"]), (&json!({"kind": "shard", "index": 2}), &json!(true)));
    assert_eq!((&found["n_shards"], &found["n_checkpoints"], &found["records"]), (&json!(4), &json!(8), &json!(299)));
    assert_eq!(found["digest"], found["retrained_digest"]);
    let whole = place.json(&["verify", "shards"]);
    assert_eq!((&whole["scope"], &whole["checkpoints"]), (&json!({"kind": "full"}), &found["checkpoints"]));
    let random = place.json(&["verify", "shards", "--shard", "random"]);
    assert!(random["scope"]["index"].as_u64().is_some_and(|index| index < 4), "{random}");
    let said = place.done(&["verify", "shards", "--span", "3..5"]);
    let line = "equal: yes. What the spans 3..5 (of 8, counted from 0) add to the model \"shards\" is byte for byte what training on the";
    assert!(said.starts_with(line) && said.contains("The rest of it was not retrained.\n"), "{said}");
}

#[test]
fn an_auditor_states_what_a_shard_gave() {
    let place = sharded(&people(|_| true));
    place.done(&["forget", "people", "--id", "r7"]);
    let key = place.json(&["keys", "new", "--role", "auditor", "--name", "example.org/auditor", "--out", "auditor.key"]);
    place.done(&["keys", "trust", text(&key, "key")]);
    let found = place.json(&["verify", "shards", "--signed", "--key", "auditor.key", "--shard", "1"]);
    assert_eq!((&found["equal"], &found["checkpoints"]), (&json!(true), &found["committed_checkpoints"]));
    assert!(place.done(&["log"]).contains("shards (version 2), shard 1: equal"));
    place.done(&["receipt", "1", "--out", "receipt.zip"]);
    let checked = place.done(&["check", "receipt.zip", "--level", "4"]);
    assert!(checked.contains("replayed shard 1 (of 4, counted from 0) of the model shards"), "{checked}");
}

#[test]
fn a_part_that_there_is_not_is_bad_usage() {
    let place = sharded(&people(|_| true));
    insta::assert_snapshot!(place.refused(2, &["verify", "shards", "--shard", "4"]), @r#"error: the model "shards" has the shards 0 to 3, and no shard 4"#);
    insta::assert_snapshot!(place.refused(2, &["verify", "shards", "--span", "7..9"]), @"error: the training has the spans 0 to 7, and 7..9 is no part of them");
    insta::assert_snapshot!(place.refused(2, &["verify", "shards", "--span", "9..7"]), @r"
    error: invalid value '9..7' for '--span <FROM..TO>': spans are two numbers such as 4..8, the second greater than the first

    For more information, try '--help'.
    ");
    place.done(&["train", "people", "--as", "whole", "--learner", "naive_bayes"]);
    insta::assert_snapshot!(place.refused(2, &["verify", "whole", "--shard", "0"]), @r#"
    error: the model "whole" is not made of shards
    hint: leave --shard out: only models of the learner "sisa" have shards
    "#);
}

#[test]
fn a_shard_that_differs_is_told_with_its_first_checkpoint() {
    let place = sharded(&people(|_| true));
    // The same people, but for what one of them earns: a model of them in the place of the honest one.
    let other = sharded(&people(|_| true).replace("r40,p40,58,DE,low", "r40,p40,58,DE,high"));
    let open = |place: &Place| Store::open(&place.path("store"), Access::Write, Duration::ZERO, &mut || ()).unwrap();
    let (mut store, other) = (open(&place), open(&other));
    let (row, lie) = (store.model("shards").unwrap(), other.model("shards").unwrap());
    let [artefact, state] = [lie.artefact, lie.state].map(|digest| store.put(&other.blob(&digest).unwrap()).unwrap());
    assert_ne!(state, row.state);
    let model = ModelRow { version: row.version + 1, artefact, state, ..row };
    let _committed =
        store.commit(&Change { replace: true, models: vec![Version { model, event: Event::Train }], ..Change::default() }).unwrap();
    drop(store);
    let whole = place.run(&["--json", "verify", "shards"]);
    let found: serde_json::Value = serde_json::from_str(&whole.out).unwrap();
    let parting = &found["first_difference"];
    assert_eq!((whole.code, &found["equal"]), (1, &json!(false)));
    for shard in 0..4 {
        let ran = place.run(&["verify", "shards", "--shard", &shard.to_string()]);
        let wrong = parting["shard"] == shard;
        assert_eq!(ran.code, i32::from(wrong), "{}", ran.out);
        let told = format!("The first checkpoint that differs is checkpoint {}, of shard {shard}", parting["checkpoint"]);
        assert_eq!(ran.out.contains(&told), wrong, "{}", ran.out);
    }
}
