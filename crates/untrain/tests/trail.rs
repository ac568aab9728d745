//! The trail of a store: what is stated, once and without naming anybody, and what becomes of requests that take their time.
#![expect(clippy::unwrap_used, reason = "a test stops where something fails")]

mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::env;
use std::fmt::Write as _;
use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::Duration;

use support::{blobs, files};
use untrain::clock::{self, Regime};
use untrain::import::{self, Roles};
use untrain::{Access, Digest, Engine, Error, ForgetOptions, ImportOptions, OpenOptions, Recipe, Returning, TrainOptions};
use untrain_ledger::envelope::Envelope;
use untrain_ledger::keys::{Role, SecretKey, Signer, VerifierKey};
use untrain_ledger::log::Log;
use untrain_ledger::receipt::{Level, Receipt};
use untrain_ledger::statement::{SeedOrigin, Statement};

fn people(n: usize) -> String {
    let mut text = "id,person,age,city,income\n".to_owned();
    for i in 0..n {
        let income = if (i * 7919) % 100 > 40 + i % 20 { "high" } else { "low" };
        let _ = writeln!(text, "person#{i:04},family-{},{},marker-town-{i}!,{income}", i / 2, 18 + i * 31 % 60);
    }
    text
}

fn roles() -> Roles {
    Roles { id: Some("id".to_owned()), subject: Some("person".to_owned()), target: Some("income".to_owned()), ..Roles::default() }
}

fn recipe() -> Recipe {
    Recipe::new("naive_bayes", &[], Some(3)).unwrap()
}

fn open(dir: &Path) -> Engine {
    Engine::open(dir, Access::Write, OpenOptions::default(), &mut || ()).unwrap()
}

fn file(dir: &Path, n: usize) -> PathBuf {
    let path = dir.join("people.csv");
    fs::write(&path, people(n)).unwrap();
    path
}

/// An engine over `n` people and a model of them.
fn trained(place: &Path, n: usize) -> Engine {
    let mut engine = open(&place.join("store"));
    engine.import("people", &import::dataset(&file(place, n), &roles()).unwrap(), &roles(), ImportOptions::default()).unwrap();
    engine.train("people", "income", &recipe(), TrainOptions { seed_of_log: true, ..TrainOptions::default() }).unwrap();
    engine
}

fn id(i: usize) -> Vec<String> {
    vec![format!("person#{i:04}")]
}

fn forget(engine: &mut Engine, ids: &[String], options: &ForgetOptions) -> untrain::RequestReport {
    engine.forget("people", ids, options).unwrap()
}

/// The kinds of the log's statements, in order.
fn kinds(engine: &Engine) -> Vec<&'static str> {
    engine.log(0, u64::MAX).unwrap().entries.iter().map(|line| line.kind).collect()
}

/// Every statement of a store's log.
fn statements(dir: &Path) -> Vec<Statement> {
    let policy = untrain_ledger::policy::Policy::clone(
        &Engine::open(dir, Access::Read, OpenOptions::default(), &mut || ()).unwrap().policy().unwrap(),
    );
    let key = policy.keys(Role::Log).last().unwrap().clone();
    let log = Log::open(&dir.join("trail"), Access::Read, &key, Duration::ZERO).unwrap();
    let statement = |place| Envelope::from_json(&log.entry(place).unwrap()).unwrap().statement().clone();
    (0..log.head().size).map(statement).collect()
}

fn holds(bytes: &[Vec<u8>], marker: &[u8]) -> bool {
    bytes.iter().any(|bytes| bytes.windows(marker.len()).any(|window| window == marker))
}

#[test]
fn every_training_and_every_deletion_is_stated_once() {
    let place = tempfile::tempdir().unwrap();
    let mut engine = trained(place.path(), 60);
    assert_eq!(kinds(&engine), ["train", "publish"]);
    forget(&mut engine, &id(4), &ForgetOptions::default());
    assert_eq!(kinds(&engine)[2..], ["request", "erasure", "publish", "purge"]);
    let auditor = SecretKey::generate("example.org/auditor", Role::Auditor).unwrap();
    engine.trust(auditor.verifier(), None).unwrap();
    let verification = engine.verify_signed("income", &auditor).unwrap();
    assert_eq!((verification.equal, verification.seed_follows), (true, Some(true)));
    assert_eq!(kinds(&engine)[6..], ["replay"]);
    let model = engine.show_model("income").unwrap();
    drop(engine);
    let dir = place.path().join("store");
    let engine = Engine::open(&dir, Access::Read, OpenOptions::default(), &mut || ()).unwrap();
    assert!(engine.audit_log().unwrap().audited);
    assert_eq!(engine.log(0, 0).unwrap().waiting, 0);
    let [Statement::Train(train), _, Statement::Request(request), Statement::Erasure(erasure), _, _, Statement::Replay(replay)] =
        &statements(&dir)[..]
    else {
        panic!("other statements");
    };
    assert!(matches!(&train.seed, SeedOrigin::Log { size: 0, .. }));
    assert_eq!((train.records, train.records.size), (erasure.before, 60));
    assert_eq!((erasure.after.size, erasure.forgotten), (59, request.records));
    let affected = &erasure.models[0];
    assert_eq!((affected.before.clone(), affected.version), (train.digests.clone(), 2));
    assert_eq!(affected.after.as_ref().map(|after| after.artefact), Some(model.digest));
    assert_eq!((replay.records, &replay.expected, &replay.obtained), (erasure.after, affected.after.as_ref().unwrap(), &replay.expected));
}

#[test]
fn a_seed_that_does_not_follow_from_the_log_is_found() {
    let place = tempfile::tempdir().unwrap();
    drop(trained(place.path(), 30));
    let dir = place.path().join("store");
    let verify = || Engine::open(&dir, Access::Read, OpenOptions::default(), &mut || ()).unwrap().verify("income").unwrap();
    assert_eq!((verify().equal, verify().seed_follows), (true, Some(true)));
    let database = rusqlite::Connection::open(dir.join("untrain.db")).unwrap();
    let sql = "UPDATE model SET recipe = json_set(recipe, '$.seed', json_extract(recipe, '$.seed') + 1)";
    assert_eq!(database.execute(sql, []).unwrap(), 1);
    drop(database);
    // The learner makes no use of its seed, so the bytes are the same.
    let verification = verify();
    assert_eq!(verification.digest, verification.retrained_digest);
    assert_eq!((verification.equal, verification.seed_follows), (false, Some(false)));
}

#[test]
fn what_gives_way_to_something_else_is_stated_too() {
    let place = tempfile::tempdir().unwrap();
    let mut engine = trained(place.path(), 30);
    let first = engine.show_model("income").unwrap();
    let other = Recipe::new("naive_bayes", &[("var_smoothing".to_owned(), "0.1".to_owned())], Some(3)).unwrap();
    engine.train("people", "income", &other, TrainOptions { replace: true, ..TrainOptions::default() }).unwrap();
    let second = engine.show_model("income").unwrap();
    assert_eq!(kinds(&engine)[2..], ["train", "publish", "purge"]);
    let data = import::dataset(&file(place.path(), 20), &roles()).unwrap();
    engine.import("people", &data, &roles(), ImportOptions { replace: true, ..ImportOptions::default() }).unwrap();
    assert_eq!(kinds(&engine)[5..], ["purge"]);
    drop(engine);
    let stated = statements(&place.path().join("store"));
    let destroyed = |place: usize| match &stated[place] {
        Statement::Purge(purge) => {
            assert!(purge.requests.is_empty());
            purge.destroyed.clone()
        }
        _ => panic!("no purge"),
    };
    assert_eq!(BTreeSet::from_iter(destroyed(4)), BTreeSet::from([first.digest, first.state_digest]));
    let (with_parts, model) = (destroyed(5), [second.digest, second.state_digest]);
    assert!(with_parts.len() > 2 && model.iter().all(|digest| with_parts.contains(digest)));
}

#[test]
fn the_trail_names_nobody() {
    let place = tempfile::tempdir().unwrap();
    let mut engine = trained(place.path(), 40);
    forget(&mut engine, &id(3), &ForgetOptions { key: Some("the request of family-1".to_owned()), ..ForgetOptions::default() });
    forget(&mut engine, &[], &ForgetOptions { subjects: vec!["family-7".to_owned()], ..ForgetOptions::default() });
    drop(engine);
    let bytes = files(&place.path().join("store/trail"));
    let texts: Vec<Vec<u8>> = statements(&place.path().join("store")).iter().map(|statement| statement.to_json().unwrap()).collect();
    let mut secrets: Vec<String> = (0..40).map(|i| format!("person#{i:04}")).collect();
    secrets.extend(["family-1".to_owned(), "family-7".to_owned(), "marker-town".to_owned(), "the request of".to_owned()]);
    for secret in secrets {
        let hash = Digest::of(secret.as_bytes()).to_string();
        for form in [secret.as_bytes().to_vec(), hash.clone().into_bytes(), hash.as_bytes()[..16].to_vec()] {
            assert!(!holds(&bytes, &form) && !holds(&texts, &form), "{secret}");
        }
    }
}

#[test]
fn a_request_that_is_made_again_is_answered_as_it_was() {
    let place = tempfile::tempdir().unwrap();
    let mut engine = trained(place.path(), 40);
    let options = ForgetOptions { key: Some("ticket-17".to_owned()), ..ForgetOptions::default() };
    let first = forget(&mut engine, &id(4), &options);
    let again = forget(&mut engine, &id(9), &options);
    assert_eq!((again.request, again.repeated, again.forgotten), (first.request, true, 1));
    let by_id = forget(&mut engine, &id(4), &ForgetOptions::default());
    assert_eq!((by_id.request, by_id.repeated), (first.request, true));

    let subject = ForgetOptions { subjects: vec!["family-7".to_owned()], ..ForgetOptions::default() };
    let second = forget(&mut engine, &[], &subject);
    assert_eq!((second.forgotten, second.request), (2, Some(2)));
    drop(engine);
    let mut engine = open(&place.path().join("store"));
    let again = forget(&mut engine, &[], &subject);
    assert_eq!((again.request, again.repeated, again.forgotten), (Some(2), true, 2));
    let mixed = forget(&mut engine, &[id(4), id(20)].concat(), &ForgetOptions::default());
    assert_eq!((mixed.request, mixed.forgotten, mixed.already), (Some(3), 1, 1));
    let stranger = ForgetOptions { subjects: vec!["family-99".to_owned()], ..ForgetOptions::default() };
    assert!(matches!(engine.forget("people", &[], &stranger), Err(Error::Select(_))));
    assert!(engine.verify("income").unwrap().equal);
}

#[test]
fn deferred_requests_are_carried_out_at_once_and_each_has_its_clock() {
    let place = tempfile::tempdir().unwrap();
    let mut engine = trained(place.path(), 60);
    let received = clock::moment("2026-11-24").unwrap();
    let later = |regime, key: &str| ForgetOptions {
        regime,
        key: Some(key.to_owned()),
        received_ms: Some(received),
        defer: true,
        ..ForgetOptions::default()
    };
    forget(&mut engine, &id(1), &later(Regime::Gdpr, "a"));
    forget(&mut engine, &id(2), &later(Regime::Ccpa, "b"));
    forget(&mut engine, &id(3), &later(Regime::None, "c"));
    assert_eq!(engine.show_model("income").unwrap().records, 60, "nothing was done yet");
    let lines = engine.requests(clock::moment("2026-12-26").unwrap()).unwrap();
    assert_eq!(lines.iter().map(|line| (line.request, line.late)).collect::<Vec<_>>(), [(1, true), (2, true), (3, false)]);
    engine.cancel(3, "a mistake").unwrap();
    engine.confirm(2).unwrap();
    assert_eq!(engine.extend(1, "many requests").unwrap().due_ms.map(clock::day), Some("2027-02-24".to_owned()));
    assert!(matches!(engine.extend(1, "more"), Err(Error::NoExtension { .. })));

    let report = engine.forget_deferred("people", true).unwrap();
    assert_eq!((report.request, report.forgotten, report.records, report.models[0].version), (Some(1), 2, 58, 2));
    assert_eq!(engine.show_request(2).unwrap()["carried_out_with"], 1);
    assert_eq!(engine.show_request(2).unwrap()["forgotten"], 1);
    assert!(matches!(engine.forget_deferred("people", false), Err(Error::NothingDeferred { .. })));
    assert!(matches!(engine.cancel(1, "too late"), Err(Error::WrongState { state: "closed", .. })));
    let expected = ["train", "publish", "request", "request", "request", "erasure", "publish", "purge"];
    assert_eq!(kinds(&engine), expected);
    assert!(engine.verify("income").unwrap().equal);
}

#[test]
fn a_request_that_waits_goes_along_with_one_for_the_same_records() {
    let place = tempfile::tempdir().unwrap();
    let mut engine = trained(place.path(), 40);
    forget(&mut engine, &[id(1), id(2)].concat(), &ForgetOptions { defer: true, ..ForgetOptions::default() });
    let report = forget(&mut engine, &id(2), &ForgetOptions::default());
    assert_eq!((report.request, report.records), (Some(2), 38));
    let waited = engine.show_request(1).unwrap();
    assert_eq!((waited["state"].as_str(), waited["carried_out_with"].as_u64()), (Some("closed"), Some(2)));
    assert!(engine.verify("income").unwrap().equal);
}

#[test]
fn a_legal_hold_keeps_the_records_and_not_the_model() {
    let place = tempfile::tempdir().unwrap();
    let dir = place.path().join("store");
    let mut engine = trained(place.path(), 40);
    forget(&mut engine, &id(5), &ForgetOptions { defer: true, ..ForgetOptions::default() });
    engine.hold(1, "case 17").unwrap();
    let report = engine.forget_deferred("people", false).unwrap();
    assert_eq!((report.state.as_str(), report.models[0].records), ("held", 39));
    assert!(engine.verify("income").unwrap().equal);
    assert_eq!(kinds(&engine).iter().filter(|kind| **kind == "purge").count(), 1, "of the model as it was");
    drop(engine);
    assert!(holds(&blobs(&dir), b"marker-town-6!") && holds(&blobs(&dir), b"marker-town-5!"), "the records are kept");
    let mut engine = open(&dir);
    assert_eq!(engine.release(1).unwrap().state, "closed");
    assert_eq!(kinds(&engine).iter().filter(|kind| **kind == "purge").count(), 2);
    assert!(matches!(engine.release(1), Err(Error::WrongState { .. })));
    drop(engine);
    assert!(!holds(&blobs(&dir), b"marker-town-5!") && !holds(&files(&dir), b"marker-town-5!"), "and are gone");
}

#[test]
fn what_was_forgotten_does_not_come_back_unnoticed() {
    let place = tempfile::tempdir().unwrap();
    let mut engine = trained(place.path(), 20);
    forget(&mut engine, &[], &ForgetOptions { subjects: vec!["family-3".to_owned()], ..ForgetOptions::default() });
    let back = place.path().join("back.csv");
    // Another record of the same person, one that was forgotten, and one of somebody else.
    fs::write(
        &back,
        "id,person,age,city,income\nnew,family-3,30,Rome,low\nperson#0006,family-9,30,Rome,low\nother,family-99,30,Rome,low\n",
    )
    .unwrap();
    let error = engine.learn("people", &back, Returning::Refused).unwrap_err();
    assert!(matches!(&error, Error::Returning { ids, request: 1 } if ids.len() == 2), "{error}");
    let report = engine.learn("people", &back, Returning::LeftOut).unwrap();
    assert_eq!((report.learnt, report.records), (1, 19));
    engine.forget("people", &["other".to_owned()], &ForgetOptions::default()).unwrap();
    let report = engine.learn("people", &back, Returning::Accepted).unwrap();
    assert_eq!((report.learnt, report.records), (3, 21));
    engine.forget("people", &["new".to_owned()], &ForgetOptions::default()).unwrap();
    assert!(engine.destroy_suppression_list().unwrap() > 0);
    fs::write(&back, "id,person,age,city,income\nnew,family-3,30,Rome,low\n").unwrap();
    assert_eq!(engine.learn("people", &back, Returning::Refused).unwrap().learnt, 1);
    assert!(engine.verify("income").unwrap().equal);
}

#[test]
fn what_was_committed_and_not_logged_is_logged_by_the_next_who_writes() {
    let place = tempfile::tempdir().unwrap();
    let (dir, copy) = (place.path().join("store"), place.path().join("copy"));
    let mut engine = trained(place.path(), 40);
    drop(engine);
    copy_dir(&dir, &copy);
    engine = open(&dir);
    forget(&mut engine, &id(4), &ForgetOptions::default());
    let expected = kinds(&engine);
    drop(engine);
    // As if the process had been killed after the commit: the log is the old one.
    fs::remove_dir_all(dir.join("trail")).unwrap();
    copy_dir(&copy.join("trail"), &dir.join("trail"));
    engine = open(&dir);
    assert_eq!(kinds(&engine), expected);
    forget(&mut engine, &id(5), &ForgetOptions::default());
    drop(engine);
    // A log that was cut is not the store's, and neither is one that the store is too old for.
    let newer = place.path().join("newer");
    copy_dir(&dir.join("trail"), &newer);
    fs::remove_dir_all(dir.join("trail")).unwrap();
    copy_dir(&copy.join("trail"), &dir.join("trail"));
    let error = Engine::open(&dir, Access::Write, OpenOptions::default(), &mut || ()).unwrap_err();
    assert!(matches!(&error, Error::TrailBehind { found: 2, .. }), "{error}");
    fs::remove_dir_all(copy.join("trail")).unwrap();
    copy_dir(&newer, &copy.join("trail"));
    let error = Engine::open(&copy, Access::Write, OpenOptions::default(), &mut || ()).unwrap_err();
    assert!(matches!(&error, Error::TrailAhead { place: 2, .. }), "{error}");
}

#[test]
fn keys_can_be_replaced_and_what_the_old_ones_signed_still_counts() {
    let place = tempfile::tempdir().unwrap();
    let mut engine = trained(place.path(), 40);
    forget(&mut engine, &id(4), &ForgetOptions::default());
    for role in [Role::Issuer, Role::Log] {
        engine.rotate(role, None).unwrap();
        forget(&mut engine, &id(if role == Role::Log { 5 } else { 6 }), &ForgetOptions::default());
    }
    let keys = engine.keys().unwrap().keys;
    assert_eq!(keys.iter().filter(|line| line.retired.is_some()).count(), 2);
    drop(engine);
    let engine = open(&place.path().join("store"));
    assert!(engine.audit_log().unwrap().audited);
    let witness = SecretKey::generate("example.org/witness", Role::Witness).unwrap();
    let mut engine = engine;
    engine.trust(witness.verifier(), Some("w")).unwrap();
    assert_eq!(engine.require_witnesses(1).unwrap().quorum, "witnesses");
    assert!(engine.require_witnesses(2).is_err());
    assert!(engine.audit_log().unwrap_err().to_string().contains("cosignatures"), "no witness has seen it");
    assert_eq!(engine.require_witnesses(0).unwrap().quorum, "none");
    assert!(engine.trust(witness.verifier(), Some("again")).is_err());
}

/// A key that lives in another thread, as one in hardware or in a service would, and signs what it is sent.
#[derive(Debug)]
struct Remote {
    verifier: VerifierKey,
    device: mpsc::Sender<(Vec<u8>, mpsc::Sender<[u8; 64]>)>,
}

impl Remote {
    fn plug_in(key: SecretKey) -> Arc<dyn Signer> {
        let (device, requests) = mpsc::channel::<(Vec<u8>, mpsc::Sender<[u8; 64]>)>();
        let verifier = key.verifier().clone();
        thread::spawn(move || requests.iter().for_each(|(message, answer)| answer.send(key.sign(&message).unwrap()).unwrap()));
        Arc::new(Self { verifier, device })
    }
}

impl Signer for Remote {
    fn verifier(&self) -> &VerifierKey {
        &self.verifier
    }

    fn sign(&self, message: &[u8]) -> untrain_ledger::Result<[u8; 64]> {
        let (answer, signature) = mpsc::channel();
        self.device.send((message.to_vec(), answer)).unwrap();
        Ok(signature.recv().unwrap())
    }
}

#[test]
fn keys_can_be_where_the_store_does_not_have_them() {
    let place = tempfile::tempdir().unwrap();
    let dir = place.path().join("store");
    let remote = |name: &str, role| Remote::plug_in(SecretKey::generate(name, role).unwrap());
    let signers = [remote("example.org/log", Role::Log), remote("example.org/issuer", Role::Issuer)];
    let with =
        |signers: &[Arc<dyn Signer>]| Engine::open(&dir, Access::Write, OpenOptions { signers, ..OpenOptions::default() }, &mut || ());
    let mut engine = with(&signers).unwrap();
    engine.import("people", &import::dataset(&file(place.path(), 40), &roles()).unwrap(), &roles(), ImportOptions::default()).unwrap();
    engine.train("people", "income", &recipe(), TrainOptions::default()).unwrap();
    forget(&mut engine, &id(4), &ForgetOptions::default());
    let policy = engine.policy().unwrap();
    engine.receipts(1).unwrap()[0].check(Some(&policy)).unwrap();
    drop(engine);
    assert!(!dir.join("keys/log.key").exists() && !dir.join("keys/issuer.key").exists());
    // Neither without them, nor with others.
    assert!(with(&[]).unwrap_err().to_string().contains("log.key"));
    let others = [Arc::clone(&signers[0]), remote("example.org/issuer", Role::Issuer)];
    assert!(matches!(with(&others), Err(Error::OtherSigner { role: "issuer", .. })));
    // Out of the device into a file, and from the file into another device.
    let mut engine = with(&signers).unwrap();
    engine.rotate(Role::Issuer, None).unwrap();
    forget(&mut engine, &id(5), &ForgetOptions::default());
    drop(engine);
    let mut engine = with(&signers[..1]).unwrap();
    assert!(matches!(engine.rotate_to(remote("example.org/other", Role::Issuer)), Err(Error::OtherSigner { .. })));
    let issuer = remote("example.org/issuer", Role::Issuer);
    engine.rotate_to(Arc::clone(&issuer)).unwrap();
    assert!(!dir.join("keys/issuer.key").exists());
    forget(&mut engine, &id(6), &ForgetOptions::default());
    drop(engine);
    let engine = with(&[Arc::clone(&signers[0]), issuer]).unwrap();
    assert!(engine.audit_log().unwrap().audited);
}

#[test]
fn a_receipt_is_accepted_elsewhere_and_shows_the_requester_only_while_the_salts_are_there() {
    let place = tempfile::tempdir().unwrap();
    let mut engine = trained(place.path(), 60);
    engine.train("people", "other", &recipe(), TrainOptions::default()).unwrap();
    forget(&mut engine, &id(3), &ForgetOptions { defer: true, ..ForgetOptions::default() });
    forget(&mut engine, &id(4), &ForgetOptions { defer: true, regime: Regime::Gdpr, ..ForgetOptions::default() });
    assert!(matches!(engine.receipts(1), Err(Error::WrongState { .. })));
    engine.forget_deferred("people", false).unwrap();
    forget(&mut engine, &id(9), &ForgetOptions::default());
    let policy = engine.policy().unwrap();
    for number in [1, 2, 3] {
        let [receipt] = &engine.receipts(number).unwrap()[..] else { panic!("one receipt") };
        let checked = Receipt::from_zip(&receipt.to_zip().unwrap()).unwrap().check(Some(&policy)).unwrap();
        assert_eq!((checked.models.len(), receipt.own().len()), (2, 1));
        assert!(receipt.openings().is_some_and(|openings| openings.records.len() == 1));
        assert!(checked.require(Level::Replay).is_err(), "no auditor has replayed it");
    }
    let auditor = SecretKey::generate("example.org/auditor", Role::Auditor).unwrap();
    engine.trust(auditor.verifier(), None).unwrap();
    for model in ["income", "other"] {
        assert!(engine.verify_signed(model, &auditor).unwrap().equal);
    }
    drop(engine);
    let engine = Engine::open(&place.path().join("store"), Access::Read, OpenOptions::default(), &mut || ()).unwrap();
    let [receipt] = &engine.receipts(3).unwrap()[..] else { panic!("one receipt") };
    assert!(receipt.openings().is_none(), "the salts are gone");
    receipt.check(Some(&engine.policy().unwrap())).unwrap().require(Level::Replay).unwrap();
    let artefact = Digest::of(&engine.artefact_bytes("income").unwrap());
    receipt.check(None).unwrap().artefact(&artefact).unwrap();
    assert!(receipt.check(None).unwrap().artefact(&Digest::of(b"another file")).is_err());
}

#[test]
fn a_deletion_that_no_model_has_to_know_of_has_a_receipt_too() {
    let place = tempfile::tempdir().unwrap();
    let mut engine = open(&place.path().join("store"));
    let roles = Roles { holdout: Some(untrain::Holdout::Fraction(0.5)), ..roles() };
    let data = import::dataset(&file(place.path(), 60), &roles).unwrap();
    engine.import("people", &data, &roles, ImportOptions::default()).unwrap();
    forget(&mut engine, &id(1), &ForgetOptions::default());
    engine.train("people", "income", &recipe(), TrainOptions::default()).unwrap();
    let held: Vec<String> = engine.dataset("people").unwrap().holdout().ids().iter().flatten().take(2).map(str::to_owned).collect();
    for (number, ids) in [(2, &held[..1]), (3, &held[1..])] {
        let report = forget(&mut engine, ids, &ForgetOptions::default());
        assert_eq!(report.models[0].version, 1, "the model never knew it");
        let receipts = engine.receipts(number).unwrap();
        receipts[0].check(Some(&engine.policy().unwrap())).unwrap();
    }
    engine.receipts(1).unwrap()[0].check(Some(&engine.policy().unwrap())).unwrap();
    assert!(engine.verify("income").unwrap().equal);
}

#[test]
fn many_models_take_more_than_one_receipt() {
    let place = tempfile::tempdir().unwrap();
    let mut engine = trained(place.path(), 30);
    for i in 0..12 {
        let name = format!("{i:-<64}").replace("--", "-x");
        engine.train("people", &name[..64], &recipe(), TrainOptions::default()).unwrap();
    }
    forget(&mut engine, &id(3), &ForgetOptions::default());
    let receipts = engine.receipts(1).unwrap();
    let policy = engine.policy().unwrap();
    let models: usize = receipts.iter().map(|receipt| receipt.check(Some(&policy)).unwrap().models.len()).sum();
    assert_eq!((receipts.len(), models), (2, 13));
}

#[test]
fn a_restored_store_has_forgotten_what_was_forgotten_after_the_backup() {
    let place = tempfile::tempdir().unwrap();
    let (dir, backup, restored) = (place.path().join("store"), place.path().join("backup"), place.path().join("restored"));
    let mut engine = trained(place.path(), 60);
    forget(&mut engine, &id(3), &ForgetOptions::default());
    forget(&mut engine, &id(4), &ForgetOptions { defer: true, ..ForgetOptions::default() });
    let made = engine.backup(&backup).unwrap();
    assert_eq!((made.backup.records, made.backup.requests), (59, 2));
    forget(&mut engine, &[], &ForgetOptions { subjects: vec!["family-7".to_owned()], ..ForgetOptions::default() });
    engine.forget_deferred("people", false).unwrap();
    let live = engine.show_model("income").unwrap();
    forget(&mut engine, &id(30), &ForgetOptions { defer: true, ..ForgetOptions::default() });
    drop(engine);

    let restore = |log: &Path, to: &Path| Engine::restore(&backup, &dir.join("keys"), log, to, OpenOptions::default());
    // With the log of the time of the backup, what was forgotten since would come back.
    let error = restore(&backup.join("trail"), &place.path().join("old")).unwrap_err();
    assert!(matches!(error, Error::OldLog { .. }), "{error}");
    let restoration = restore(&dir.join("trail"), &restored).unwrap();
    assert_eq!((restoration.forgotten, restoration.agreed, restoration.lost.len()), (3, 2, 1));
    assert!(restoration.lost[0].contains("has to be made again"), "{}", restoration.lost[0]);
    let mut engine = open(&restored);
    let model = engine.show_model("income").unwrap();
    assert_eq!((model.digest, model.state_digest, model.version), (live.digest, live.state_digest, live.version));
    assert!(engine.verify("income").unwrap().equal);
    let again = forget(&mut engine, &[], &ForgetOptions { subjects: vec!["family-7".to_owned()], ..ForgetOptions::default() });
    assert_eq!((again.repeated, again.request, again.forgotten, again.records), (true, Some(3), 2, 57), "it is known to be forgotten");
    let states: Vec<_> = engine.requests(0).unwrap().iter().map(|line| (line.request, line.state)).collect();
    assert_eq!(states, [(1, "closed"), (2, "closed"), (3, "closed"), (4, "cancelled")], "and nothing says so of what is not done");
    forget(&mut engine, &id(20), &ForgetOptions::default());
    assert!(engine.audit_log().unwrap().audited);
    drop(engine);
    assert!(!holds(&blobs(&restored), b"marker-town-14!") && !holds(&blobs(&restored), b"marker-town-4!"));

    let other = {
        fs::create_dir(place.path().join("other")).unwrap();
        trained(&place.path().join("other"), 60)
    };
    drop(other);
    let foreign = place.path().join("other/store/trail");
    assert!(restore(&foreign, &place.path().join("x")).is_err(), "the log of another store");
    let mut engine = open(&dir);
    assert!(engine.destroy_backup(made.backup.epoch).unwrap()[0].destroyed);
    drop(engine);
    assert!(restore(&dir.join("trail"), &place.path().join("y")).is_err(), "the key is gone");
}

fn copy_dir(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.path().is_dir() { copy_dir(&entry.path(), &target) } else { _ = fs::copy(entry.path(), &target).unwrap() }
    }
}

const CHILD: &str = "UNTRAIN_TRAIL_KILL_TEST_STORE";
const KILLS: u64 = 10;

#[test]
fn a_request_killed_at_any_moment_is_finished_or_never_was() {
    if let Some(dir) = env::var_os(CHILD) {
        forget_for_ever(Path::new(&dir));
    }
    let place = tempfile::tempdir().unwrap();
    drop(trained(place.path(), 400));
    let dir = place.path().join("store");
    let mut done = 0;
    for kill in 0..KILLS {
        let acknowledged = run_and_kill(&dir, Duration::from_micros((kill * 48_611) % 170_000));
        let found = check(&dir);
        assert!(found >= done + acknowledged && found <= done + acknowledged + 1, "{found} after {done} and {acknowledged}");
        done = found;
    }
    assert!(done > 0, "the requests got nowhere");
}

/// The child: forgets one person after the other, and says so after each.
fn forget_for_ever(dir: &Path) -> ! {
    let mut output = std::io::stdout();
    let mut engine = open(dir);
    loop {
        let first = engine.dataset("people").unwrap().id(0).to_owned();
        engine.forget("people", &[first], &ForgetOptions::default()).unwrap();
        writeln!(output, "\nacknowledged").unwrap();
        output.flush().unwrap();
    }
}

/// Kills a child some time after its first answer, and counts its answers.
fn run_and_kill(dir: &Path, delay: Duration) -> u64 {
    let mut child = Command::new(env::current_exe().unwrap())
        .args(["--exact", "a_request_killed_at_any_moment_is_finished_or_never_was", "--nocapture"])
        .env(CHILD, dir)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok).filter(|line| line == "acknowledged");
    let first = u64::from(lines.next().is_some());
    thread::sleep(delay);
    child.kill().unwrap();
    child.wait().unwrap();
    first + lines.count() as u64
}

/// Finishes what the child left, and checks that every request has each of its statements once; gives how many requests there are.
fn check(dir: &Path) -> u64 {
    let engine = open(dir);
    assert!(engine.verify("income").unwrap().equal);
    let version = engine.show_model("income").unwrap().version;
    let requests = engine.requests(0).unwrap();
    assert!(requests.iter().all(|line| line.state == "closed"));
    assert_eq!(requests.len() as u64, version - 1);
    drop(engine);
    let mut counts: BTreeMap<String, [u64; 3]> = BTreeMap::new();
    for statement in statements(dir) {
        let (names, kind) = match statement {
            Statement::Request(request) => (vec![request.request], 0),
            Statement::Erasure(erasure) => (erasure.requests.into_iter().map(|request| request.request).collect(), 1),
            Statement::Purge(purge) => (purge.requests.into_iter().map(|request| request.request).collect(), 2),
            _ => continue,
        };
        names.into_iter().for_each(|name| counts.entry(name.to_string()).or_default()[kind] += 1);
    }
    assert_eq!(counts.len(), requests.len());
    assert!(counts.values().all(|count| *count == [1, 1, 1]), "{counts:?}");
    requests.len() as u64
}
