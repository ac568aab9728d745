//! Receipts: what an honest one says, and in which bytes.

use std::fs;
use std::path::{Path, PathBuf};

use untrain_core::Digest;
use untrain_ledger::receipt::{Checked, Level, PolicyFrom, Receipt, page, report};
use untrain_ledger::statement::{Fate, Scope};

use crate::tale::{Shape, Tale};

#[test]
fn an_honest_receipt_passes_through_its_file_to_a_verdict() {
    let tale = Tale::new();
    let bytes = tale.receipt().to_zip().unwrap();
    let receipt = Receipt::from_zip(&bytes).unwrap();
    assert_eq!(receipt.to_zip().unwrap(), bytes);
    let checked = receipt.check(Some(&tale.keys.policy())).unwrap();
    assert_eq!((checked.policy, &checked.levels[..]), (PolicyFrom::Verifier, &Level::ALL[..]));
    assert_eq!(checked.statements.iter().map(|stated| stated.index).collect::<Vec<_>>(), tale.told);
    assert_eq!(checked.models[0].replayed, [Scope::Full, Scope::Shard { index: 3 }]);
    checked.require_request("r-1").unwrap();
    let text = report(&checked);
    for sentence in [
        "What is gone is exactly 3 records: 2 of this request and 1 of others.",
        "was revised without the records, to version 3. Exact:",
        "in time under GDPR",
        "The receipt shows for 2 of the request's 2 records which one it is.",
        "On 2023-10-25 18:40 UTC 3 files were destroyed",
        "The auditor example.net/auditor+",
        "Level 3, replay: reached",
        "What this does not prove:\n  - It does not prove",
    ] {
        assert!(text.contains(sentence), "{sentence}\n{text}");
    }
}

#[test]
fn equal_receipts_have_equal_bytes_whatever_the_order_of_their_parts() {
    let tale = Tale::new();
    let mut parts = tale.parts();
    parts.entries.reverse();
    parts.forgotten.reverse();
    parts.own.reverse();
    if let Some(openings) = &mut parts.openings {
        openings.records.reverse();
    }
    assert_eq!(Receipt::new(parts).unwrap().to_zip().unwrap(), tale.receipt().to_zip().unwrap());
    // And what came out can go in again.
    assert_eq!(Receipt::new(tale.receipt().into_parts()).unwrap().to_zip().unwrap(), tale.receipt().to_zip().unwrap());
}

#[test]
fn whose_keys_are_trusted_is_said() {
    let tale = Tale::new();
    let checked = tale.receipt().check(None).unwrap();
    assert_eq!(checked.policy, PolicyFrom::Receipt);
    assert!(report(&checked).contains("The keys come from the receipt itself"), "{}", report(&checked));
    assert!(!report(&tale.receipt().check(Some(&tale.keys.policy())).unwrap()).contains("The keys come from"));
}

#[test]
fn a_level_that_is_not_reached_is_told_and_can_be_required() {
    let check = |replays: Vec<Scope>| -> Checked {
        let tale = Tale::of(&Shape { replays, ..Shape::default() }, &|_| ());
        tale.receipt().check(Some(&tale.keys.policy())).unwrap()
    };
    let none = check(Vec::new());
    assert_eq!(none.levels, [Level::Signatures, Level::Chain]);
    assert!(report(&none).contains("Level 3, replay: not reached\n  - No auditor has replayed the whole training of: forest."));
    let error = none.require(Level::Replay).unwrap_err();
    assert_eq!(error.to_string(), "no auditor whom the policy trusts has replayed the whole training of the model forest");
    none.require(Level::Chain).unwrap();
    let part = check(vec![Scope::Span { from: 10, to: 17 }]);
    assert!(part.require(Level::Replay).is_err());
    part.require(Level::PartialReplay).unwrap();
    let text = report(&part);
    assert!(text.contains("replayed spans 10 to 16 of the training (of 18, counted from 0) of the model forest"), "{text}");
    assert!(text.contains("What comes before and after was not trained again"), "{text}");
    let shard = check(vec![Scope::Shard { index: 8 }]);
    shard.require(Level::PartialReplay).unwrap();
    assert_eq!(shard.levels, [Level::Signatures, Level::Chain, Level::PartialReplay]);
    assert!(report(&shard).contains("replayed shard 8 (of 9, counted from 0) of the model forest"), "{}", report(&shard));
    assert!(report(&shard).contains("The other shards were not trained again"), "{}", report(&shard));
    check(vec![Scope::Full]).require(Level::Replay).unwrap();
}

#[test]
fn every_fate_of_a_model_is_told() {
    let waived = Fate::Waived { reason: "under <b>legal hold</b>".to_owned() };
    let fates = vec![Fate::Retrained, Fate::Dropped, waived, Fate::Unaffected];
    let tale = Tale::of(&Shape { fates, purged: false, opened: false, ..Shape::default() }, &|_| ());
    let text = report(&tale.receipt().check(Some(&tale.keys.policy())).unwrap());
    for sentence in [
        "The model forest was trained anew without the records, to version 3.",
        "The model network was dropped.",
        "The model third had learned the records and was left as it is. The reason that is stated: \"under <b>legal hold</b>\".",
        "The model fourth had not learned the records and stays as it is.",
        "No statement says that the old models and the records were destroyed.",
        "The receipt does not say which records it is about",
    ] {
        assert!(text.contains(sentence), "{sentence}\n{text}");
    }
    let page = page(&tale.receipt()).unwrap();
    assert!(page.contains("&lt;b&gt;legal hold&lt;/b&gt;") && !page.contains("<b>"), "what is stated is escaped");
    assert!(page.contains("Not every model has forgotten the records"));
}

#[test]
fn the_page_has_nothing_from_elsewhere_and_says_what_is_not_proved() {
    let tale = Tale::new();
    let page = page(&tale.receipt()).unwrap();
    for absent in ["<script", "http://", "https://", "src=", "href=", "url(", "@import"] {
        assert!(!page.contains(absent), "{absent}");
    }
    for sentence in tale.receipt().does_not_prove() {
        assert!(page.contains(&sentence.replace('\'', "&#39;")), "{sentence}");
    }
    assert!(page.contains(&tale.receipt().own()[0].to_string()));
}

/// The file of this format version that every later program has to read and write. `UNTRAIN_WRITE_GOLDEN=1` writes it.
#[test]
fn the_golden_receipt_is_read_and_written_for_ever() {
    let tale = Tale::new();
    let (zip, policy) = (golden("receipt-v1.zip"), golden("receipt-v1.policy"));
    if std::env::var_os("UNTRAIN_WRITE_GOLDEN").is_some() {
        fs::write(&zip, tale.receipt().to_zip().unwrap()).unwrap();
        fs::write(&policy, tale.keys.policy_text()).unwrap();
    }
    let bytes = fs::read(&zip).unwrap();
    let receipt = Receipt::from_zip(&bytes).unwrap();
    let checked = receipt.check(Some(&fs::read_to_string(policy).unwrap().parse().unwrap())).unwrap();
    checked.require(Level::Replay).unwrap();
    checked.artefact(&Digest::of(b"forest 3")).unwrap();
    assert!(receipt.to_zip().unwrap() == bytes && tale.receipt().to_zip().unwrap() == bytes, "the format has changed");
}

fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(name)
}
