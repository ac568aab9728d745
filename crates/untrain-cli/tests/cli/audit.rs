//! `audit`: what it prints, the page that it writes, and what it refuses.

use std::fs;

use serde_json::json;

use crate::place::Place;

const QUICK: &[&str] = &["audit", "income", "--worlds", "10", "--points", "30", "--canaries", "20"];

#[test]
fn an_audit_prints_the_verdict_first_and_writes_a_page() {
    let place = Place::trained();
    let said = place.done(&[QUICK, &["--out", "report.html"]].concat());
    let first = said.lines().next().unwrap_or_default();
    assert!(first.starts_with("passes: ") || first.starts_with("no verdict: "), "{first}");
    for part in ["bytes of a retrain", "in 2 of 2 worlds that were compared", "ulira-privacy", "canaries", "null", "original"] {
        assert!(said.contains(part), "{part}: {said}");
    }
    let page = fs::read_to_string(place.path("report.html")).unwrap();
    assert!(
        page.starts_with("<!DOCTYPE html>") && page.contains("<svg") && !page.contains("http://") && !page.contains("https://"),
        "{}",
        &page[..200]
    );
}

#[test]
fn the_json_of_an_audit_has_the_verdict_the_evidence_and_the_controls() {
    let place = Place::trained();
    let report = place.json(QUICK);
    assert_eq!((&report["model"], &report["worlds"], &report["replayed"]), (&json!("income"), &json!(10), &json!(2)));
    assert_eq!((&report["source"], &report["canaries"]), (&json!({"kind": "drawn"}), &json!(20)));
    let evidence = report["audit"]["evidence"].as_array().unwrap();
    let found = evidence.iter().find(|evidence| evidence["metric"] == "ulira-privacy").unwrap();
    for of in ["candidate", "null", "positive_control", "scratch", "do_nothing"] {
        assert!(found[of]["value"].is_f64(), "{of}: {found}");
    }
    assert!(found["candidate"]["interval"]["low"].is_f64() && found["candidate"]["p_value"].is_f64());
}

#[test]
fn each_record_is_told_how_exposed_it_is() {
    let place = Place::trained();
    let report = place.json(&["audit", "income", "--each", "--shadows", "4", "--points", "5"]);
    assert_eq!((&report["shadows"], report["records"].as_array().map(Vec::len)), (&json!(4), Some(5)));
    let said = place.done(&["audit", "income", "--each", "--shadows", "4", "--points", "5"]);
    assert!(said.contains("AUC of LiRA") && said.contains("influence"), "{said}");
}

#[test]
fn what_an_audit_cannot_do_is_refused_with_a_hint() {
    let place = Place::trained();
    let few = place.refused(2, &["audit", "income", "--worlds", "4"]);
    assert!(few.contains("needs 10 models, has 4") && few.contains("hint: ") && few.contains("--each"), "{few}");
    assert!(!place.path("store/audits").exists(), "nothing was trained");
    let wrong = place.refused(2, &["audit", "income", "--attack", "zrf"]);
    assert!(wrong.contains("there is no such attack or metric; there are ulira-efficacy"), "{wrong}");
    place.write("ids.txt", "nobody\n");
    let unknown = place.refused(2, &["audit", "income", "--forget", "ids.txt"]);
    assert!(unknown.contains("nobody"), "{unknown}");
    let nowhere = place.refused(2, &["audit", "income", "--out", "nowhere/report.html"]);
    assert!(nowhere.contains("nowhere"), "{nowhere}");
    let budget = place.refused(2, &["audit", "income", "--budget", "soon"]);
    assert!(budget.contains("--budget"), "{budget}");
}
