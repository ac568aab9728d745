//! A part of a training that is done again: what it finds, what it states, and how far a receipt gets with it.
#![expect(clippy::unwrap_used, reason = "a test stops where something fails")]

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use untrain::import::{self, Roles};
use untrain::{Access, Digest, Engine, Error, ForgetOptions, ImportOptions, OpenOptions, Recipe, Returning, Scope, TrainOptions};
use untrain_ledger::envelope::Envelope;
use untrain_ledger::keys::{Role, SecretKey, Signer as _};
use untrain_ledger::log::Log;
use untrain_ledger::receipt::{Level, Receipt, page};
use untrain_ledger::statement::{Kind, ModelDigests, Statement, Train};
use untrain_ledger::{Change, Event, ModelRow, NewStatement, Store, Version};

const N: usize = 120;

/// A file of people, of whom some earn otherwise than their age and their city say.
fn people(place: &Path, n: usize, odd: impl Fn(usize) -> bool) -> PathBuf {
    let mut text = "id,age,city,income\n".to_owned();
    for i in 0..n {
        let income = if (i * 7919 % 100 > 40) == odd(i) { "low" } else { "high" };
        let _ = writeln!(text, "person#{i:04},{},{},{income}", 18 + i * 31 % 60, ["Rome", "Oslo"][i % 2]);
    }
    let path = place.join("people.csv");
    fs::write(&path, text).unwrap();
    path
}

fn roles() -> Roles {
    Roles { id: Some("id".to_owned()), target: Some("income".to_owned()), ..Roles::default() }
}

/// Four shards of three slices, each with two checkpoints: after two slices, and the model.
fn sliced() -> Recipe {
    let settings = [("base", "sgd"), ("n_shards", "4"), ("n_slices", "3"), ("max_checkpoints", "2"), ("base_params.n_buckets", "64")];
    let settings = settings.map(|(name, value)| (name.to_owned(), value.to_owned()));
    Recipe::new("sisa", &settings, Some(3)).unwrap()
}

fn open(dir: &Path) -> Engine {
    Engine::open(dir, Access::Write, OpenOptions::default(), &mut || ()).unwrap()
}

fn trained(place: &Path, recipe: &Recipe, roles: &Roles) -> Engine {
    let mut engine = open(&place.join("store"));
    let data = import::dataset(&people(place, N, |_| false), roles).unwrap();
    engine.import("people", &data, roles, ImportOptions::default()).unwrap();
    engine.train("people", "income", recipe, TrainOptions::default()).unwrap();
    engine
}

fn auditor(engine: &mut Engine) -> SecretKey {
    let auditor = SecretKey::generate("example.org/auditor", Role::Auditor).unwrap();
    engine.trust(auditor.verifier(), None).unwrap();
    auditor
}

fn forget(engine: &mut Engine, i: usize) {
    engine.forget("people", &[format!("person#{i:04}")], &ForgetOptions::default()).unwrap();
}

#[test]
fn a_shard_that_an_auditor_did_again_takes_a_receipt_to_level_4() {
    let place = tempfile::tempdir().unwrap();
    let mut engine = trained(place.path(), &sliced(), &roles());
    forget(&mut engine, 4);
    let auditor = auditor(&mut engine);
    for scope in [Scope::Shard { index: 2 }, Scope::Span { from: 1, to: 2 }, Scope::Span { from: 0, to: 8 }] {
        let found = engine.verify_part_signed("income", &scope, &auditor).unwrap();
        assert!(found.equal && found.first_difference.is_none());
        assert_eq!((found.n_shards, found.n_checkpoints, found.records), (Some(4), Some(8), N as u64 - 1));
        assert_eq!((found.committed_checkpoints, found.forget_seconds), (found.checkpoints, None));
    }
    let policy = engine.policy().unwrap();
    let [receipt] = &engine.receipts(1).unwrap()[..] else { panic!("one receipt") };
    let receipt = Receipt::from_zip(&receipt.to_zip().unwrap()).unwrap();
    let checked = receipt.check(Some(&policy)).unwrap();
    assert_eq!(checked.levels, [Level::Signatures, Level::Chain, Level::PartialReplay]);
    assert_eq!(checked.models[0].replayed[0], Scope::Shard { index: 2 });
    let text = page(&receipt).unwrap();
    for words in ["An auditor did shard 2 (of 4, counted from 0) of the model income again", "The other shards were not trained again"] {
        assert!(text.contains(words), "{words}\n{text}");
    }
    assert!(engine.verify_signed("income", &auditor).unwrap().equal);
    assert_eq!(engine.receipts(1).unwrap()[0].check(Some(&policy)).unwrap().levels, Level::ALL);
}

#[test]
fn shards_of_a_base_that_forgets_by_revision_can_be_done_again_too() {
    let place = tempfile::tempdir().unwrap();
    let settings = [("base".to_owned(), "naive_bayes".to_owned()), ("n_shards".to_owned(), "3".to_owned())];
    let mut engine = trained(place.path(), &Recipe::new("sisa", &settings, Some(3)).unwrap(), &roles());
    forget(&mut engine, 4);
    let auditor = auditor(&mut engine);
    let scope = engine.any_shard("income").unwrap();
    let found = engine.verify_part_signed("income", &scope, &auditor).unwrap();
    assert_eq!((found.equal, found.n_checkpoints), (true, Some(3)));
    engine.receipts(1).unwrap()[0].check(Some(&engine.policy().unwrap())).unwrap().require(Level::PartialReplay).unwrap();
}

#[test]
fn every_statement_of_a_model_has_its_checkpoints_as_they_are_then() {
    let place = tempfile::tempdir().unwrap();
    let roles = Roles { holdout: Some(untrain::Holdout::Fraction(0.3)), ..roles() };
    let mut engine = trained(place.path(), &sliced(), &roles);
    let auditor = auditor(&mut engine);
    let mut heads = Vec::new();
    let mut agree = |engine: &mut Engine, version: u64| {
        let found = engine.verify_part_signed("income", &Scope::Shard { index: 1 }, &auditor).unwrap();
        assert!(found.equal && found.committed_checkpoints == found.checkpoints && found.checkpoints.is_some());
        assert_eq!(engine.show_model("income").unwrap().version, version);
        heads.push(found.checkpoints);
    };
    agree(&mut engine, 1);
    let held: Vec<String> = engine.dataset("people").unwrap().holdout().ids().iter().flatten().take(1).map(str::to_owned).collect();
    engine.forget("people", &held, &ForgetOptions::default()).unwrap();
    agree(&mut engine, 1);
    let training: Vec<String> = engine.dataset("people").unwrap().training().ids().iter().flatten().take(1).map(str::to_owned).collect();
    engine.forget("people", &training, &ForgetOptions::default()).unwrap();
    agree(&mut engine, 2);
    drop(engine);
    let mut engine = open(&place.path().join("store"));
    let joining = place.path().join("joining.csv");
    fs::write(&joining, "id,age,city,income\nnew#1,40,Oslo,high\nnew#2,20,Rome,low\nnew#3,33,Oslo,low\nnew#4,71,Rome,low\n").unwrap();
    engine.learn("people", &joining, Returning::Refused).unwrap();
    agree(&mut engine, 3);
    heads.sort_unstable();
    heads.dedup();
    assert_eq!(heads.len(), 4, "what hides the checkpoints changes with the records, also with those that are held out");
}

#[test]
fn a_part_that_there_is_not_is_refused_and_states_nothing() {
    let place = tempfile::tempdir().unwrap();
    let mut engine = trained(place.path(), &sliced(), &roles());
    engine.train("people", "whole", &Recipe::new("naive_bayes", &[], Some(3)).unwrap(), TrainOptions::default()).unwrap();
    let auditor = auditor(&mut engine);
    let before = engine.log(0, 0).unwrap().size;
    let mut refused = |model: &str, scope: Scope| engine.verify_part_signed(model, &scope, &auditor).unwrap_err();
    assert_eq!(refused("income", Scope::Shard { index: 4 }).to_string(), "the model \"income\" has the shards 0 to 3, and no shard 4");
    assert_eq!(refused("whole", Scope::Shard { index: 0 }).to_string(), "the model \"whole\" is not made of shards");
    for scope in [Scope::Span { from: 7, to: 9 }, Scope::Span { from: 3, to: 3 }] {
        assert!(matches!(refused("income", scope), Error::Core(untrain_core::Error::NoPart { n_checkpoints: 8, .. })));
    }
    assert!(matches!(refused("whole", Scope::Span { from: 0, to: 1 }), Error::Core(untrain_core::Error::NoPart { n_checkpoints: 0, .. })));
    assert!(matches!(engine.any_shard("whole"), Err(Error::NoShard { n_shards: 0, .. })));
    assert_eq!(engine.log(0, 0).unwrap().size, before);
}

/// Puts a model of other records in the place of the model `income`, as an operator could who lies; returns its row.
fn put_another(place: &Path) -> ModelRow {
    let other = tempfile::tempdir().unwrap();
    let mut engine = open(&other.path().join("store"));
    let data = import::dataset(&people(other.path(), N, |i| i == 17), &roles()).unwrap();
    engine.import("people", &data, &roles(), ImportOptions::default()).unwrap();
    engine.train("people", "income", &sliced(), TrainOptions::default()).unwrap();
    drop(engine);
    let other = Store::open(&other.path().join("store"), Access::Read, Duration::ZERO, &mut || ()).unwrap();
    let from = other.model("income").unwrap();
    let (artefact, state) = (other.blob(&from.artefact).unwrap(), other.blob(&from.state).unwrap());
    let mut store = Store::open(&place.join("store"), Access::Write, Duration::ZERO, &mut || ()).unwrap();
    let row = store.model("income").unwrap();
    let row = ModelRow { version: row.version + 1, artefact: store.put(&artefact).unwrap(), state: store.put(&state).unwrap(), ..row };
    // The statement is that of the honest model, but for the digests.
    let statements = vec![statement_with(place, &row)];
    let models = vec![Version { model: row.clone(), event: Event::Train }];
    let _committed = store.commit(&Change { replace: true, models, statements, ..Change::default() }).unwrap();
    row
}

/// The statement of the first training, of another version with other digests.
fn statement_with(place: &Path, row: &ModelRow) -> NewStatement {
    let issuer = SecretKey::load(&place.join("store/keys/issuer.key"), None).unwrap();
    let Some(Statement::Train(train)) = statements(&place.join("store")).into_iter().next() else { panic!("no training") };
    let digests = ModelDigests { artefact: row.artefact, state: row.state };
    let statement = Statement::Train(Train { version: row.version, digests, ..train });
    let entry = Envelope::sign(&statement, &issuer).unwrap().to_json().unwrap();
    NewStatement { kind: Kind::Train, entry, request: None, model: Some((row.name.clone(), row.version)), after_erasing: false }
}

/// Every statement of a store's log.
fn statements(store: &Path) -> Vec<Statement> {
    let key = SecretKey::load(&store.join("keys/log.key"), None).unwrap();
    let log = Log::open(&store.join("trail"), Access::Read, key.verifier(), Duration::ZERO).unwrap();
    (0..log.head().size).map(|place| Envelope::from_json(&log.entry(place).unwrap()).unwrap().statement().clone()).collect()
}

#[test]
fn a_shard_that_is_not_what_retraining_gives_is_found_with_its_first_checkpoint_that_differs() {
    let place = tempfile::tempdir().unwrap();
    drop(trained(place.path(), &sliced(), &roles()));
    let row = put_another(place.path());
    let mut engine = open(&place.path().join("store"));
    let whole = engine.verify("income").unwrap();
    let parting = whole.first_difference.clone().unwrap();
    assert!(!whole.equal && parting.digest != parting.retrained_digest);
    for index in 0..4 {
        let found = engine.verify_part("income", &Scope::Shard { index }).unwrap();
        assert_eq!(found.equal, index != parting.shard, "one record is in one shard");
        assert_eq!((found.digest, found.first_difference), (row.artefact, (index == parting.shard).then(|| parting.clone())));
    }
    // One span settles it: the one that leads to that checkpoint. The one before leads to what is stored.
    let span = |at: u64| Scope::Span { from: at, to: at + 1 };
    assert_eq!(engine.verify_part("income", &span(parting.checkpoint)).unwrap().first_difference, Some(parting.clone()));
    if parting.checkpoint % 2 == 1 {
        assert!(engine.verify_part("income", &span(parting.checkpoint - 1)).unwrap().equal);
    }
    // An auditor who draws another shard finds the model as stored, and that the checkpoints are not the stated ones.
    let auditor = auditor(&mut engine);
    let other = Scope::Shard { index: (parting.shard + 1) % 4 };
    let found = engine.verify_part_signed("income", &other, &auditor).unwrap();
    assert_eq!((found.equal, found.digest), (false, found.retrained_digest));
    assert!(found.committed_checkpoints.is_some() && found.committed_checkpoints != found.checkpoints);
}

#[test]
fn the_trail_does_not_tell_which_slices_and_shards_have_no_records() {
    let place = tempfile::tempdir().unwrap();
    let settings = [("base", "sgd"), ("n_shards", "256"), ("n_slices", "2")].map(|(name, value)| (name.to_owned(), value.to_owned()));
    let mut engine = trained(place.path(), &Recipe::new("sisa", &settings, Some(3)).unwrap(), &roles());
    let auditor = auditor(&mut engine);
    engine.verify_part_signed("income", &Scope::Span { from: 0, to: 100 }, &auditor).unwrap();
    drop(engine);
    let statements = statements(&place.path().join("store"));
    let Some(Statement::Replay(replay)) = statements.last() else { panic!("no replay") };
    let mut digests = replay.part.clone().unwrap().digests;
    assert!(!digests.contains(&Digest::of(b"")), "what is public would be the digest of nothing");
    digests.sort_unstable();
    digests.dedup();
    assert_eq!(digests.len(), 100, "and be the same everywhere");
}

#[test]
fn a_statement_about_ten_models_with_checkpoints_is_not_too_large() {
    let place = tempfile::tempdir().unwrap();
    let mut engine = open(&place.path().join("store"));
    let data = import::dataset(&people(place.path(), N, |_| false), &roles()).unwrap();
    engine.import(&"d".repeat(64), &data, &roles(), ImportOptions::default()).unwrap();
    for i in 0..10 {
        engine.train(&"d".repeat(64), &format!("{i}{}", "m".repeat(63)), &sliced(), TrainOptions::default()).unwrap();
    }
    for i in 0..24 {
        let options = ForgetOptions { defer: true, ..ForgetOptions::default() };
        engine.forget(&"d".repeat(64), &[format!("person#{i:04}")], &options).unwrap();
    }
    engine.forget_deferred(&"d".repeat(64), false).unwrap();
    drop(engine);
    let statements = statements(&place.path().join("store"));
    let erasures = statements.iter().filter_map(|statement| if let Statement::Erasure(erasure) = statement { Some(erasure) } else { None });
    let held: Vec<_> = erasures.map(|erasure| (erasure.requests.len(), erasure.models.len())).collect();
    assert_eq!(held, [(24, 10)]);
}
