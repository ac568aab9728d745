//! The engine over a real store: forgetting reaches the models, the records and the bytes on disk.
#![expect(clippy::unwrap_used, reason = "a test stops where something fails")]

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use untrain::import::{self, Roles};
use untrain::{Access, Engine, ForgetOptions, Guarantee, Holdout, ImportOptions, OpenOptions, Recipe, Returning, TrainOptions, select};

/// People with a marker of their own in the name of their city, and a few whose column `code` is text.
fn people(n: usize) -> String {
    let mut text = "id,person,age,city,code,income\n".to_owned();
    for i in 0..n {
        let city = if i % 9 == 4 { format!("marker-town-{i}!") } else { ["Rome", "Oslo", "Lima"][i % 3].to_owned() };
        let code = if i == 4 { "n/k".to_owned() } else { (i % 5).to_string() };
        let income = if (i * 7919) % 100 > 40 + i % 20 { "high" } else { "low" };
        let _ = writeln!(text, "person#{i:04},family-{},{},{city},{code},{income}", i / 2, 18 + i * 31 % 60);
    }
    text
}

fn write(dir: &Path, name: &str, text: &str) -> PathBuf {
    let path = dir.join(name);
    fs::write(&path, text).unwrap();
    path
}

fn roles() -> Roles {
    Roles {
        id: Some("id".to_owned()),
        subject: Some("person".to_owned()),
        target: Some("income".to_owned()),
        holdout: Some(Holdout::Fraction(0.2)),
        ..Roles::default()
    }
}

fn recipe() -> Recipe {
    Recipe::new("forest", &[("n_trees".to_owned(), "12".to_owned()), ("subsample".to_owned(), "0.5".to_owned())], Some(3)).unwrap()
}

fn engine(dir: &Path) -> Engine {
    Engine::open(dir, Access::Write, OpenOptions::default(), &mut || ()).unwrap()
}

fn trained(dir: &Path, file: &Path) -> Engine {
    let mut engine = engine(dir);
    engine.import("people", &import::dataset(file, &roles()).unwrap(), &roles(), ImportOptions::default()).unwrap();
    engine.train("people", "income", &recipe(), TrainOptions::default()).unwrap();
    engine
}

#[test]
fn forgetting_equals_training_on_the_file_without_the_rows() {
    let place = tempfile::tempdir().unwrap();
    let text = people(300);
    let mut first = trained(&place.path().join("a"), &write(place.path(), "all.csv", &text));
    let data = first.dataset("people").unwrap();
    let mut ids = vec!["person#0004".to_owned(), "person#0100".to_owned()];
    ids.extend(select::by_subject(&data, &["family-7".to_owned()]).unwrap());
    ids.extend(select::by_expression(&data, "age < 25 and city = 'Oslo'").unwrap());
    let report = first.forget("people", &ids, &ForgetOptions::default()).unwrap();
    assert_eq!(report.guarantee, Guarantee::Exact);

    let rest: String =
        text.lines().filter(|line| !ids.iter().any(|id| line.starts_with(id.as_str()))).fold(String::new(), |mut rest, line| {
            rest.push_str(line);
            rest.push('\n');
            rest
        });
    let second = trained(&place.path().join("b"), &write(place.path(), "rest.csv", &rest));
    let (forgot, retrained) = (first.show_model("income").unwrap(), second.show_model("income").unwrap());
    assert_eq!((forgot.digest, forgot.state_digest), (retrained.digest, retrained.state_digest));
    assert_eq!(forgot.records, retrained.records);
    assert!(first.verify("income").unwrap().equal);
}

#[test]
fn nothing_in_the_store_remembers_the_forgotten() {
    let place = tempfile::tempdir().unwrap();
    let store = place.path().join("store");
    drop(trained(&store, &write(place.path(), "all.csv", &people(120))));
    // Blobs are encrypted, so a search of the files alone would find nothing in them, forgotten or not.
    let present = |marker: &str| {
        let holds = |bytes: &Vec<u8>| bytes.windows(marker.len()).any(|window| window == marker.as_bytes());
        files(&store).iter().any(holds) || blobs(&store).iter().any(holds)
    };
    for i in [4, 13, 22, 31] {
        let (id, city) = (format!("person#{i:04}"), format!("marker-town-{i}!"));
        assert!(present(&id) && present(&city), "the test would not see {id}");
        engine(&store).forget("people", std::slice::from_ref(&id), &ForgetOptions::default()).unwrap();
        assert!(!present(&id) && !present(&city), "{id} is still there");
    }
    assert!(engine(&store).verify("income").unwrap().equal);
}

/// What is in the blobs of a store, decrypted.
fn blobs(dir: &Path) -> Vec<Vec<u8>> {
    let store = untrain_ledger::Store::open(dir, Access::Read, Duration::ZERO, &mut || ()).unwrap();
    let parts = store.datasets().unwrap().into_iter().flat_map(|row| row.parts).map(|part| part.digest);
    let digests: Vec<_> = parts.chain(store.models().unwrap().into_iter().flat_map(|row| [row.artefact, row.state])).collect();
    digests.iter().map(|digest| store.blob(digest).unwrap()).collect()
}

#[test]
fn requests_outlive_the_process_that_made_them() {
    let place = tempfile::tempdir().unwrap();
    let store = place.path().join("store");
    let file = write(place.path(), "all.csv", &people(90));
    drop(trained(&store, &file));
    for i in [10, 11, 40] {
        engine(&store).forget("people", &[format!("person#{i:04}")], &ForgetOptions::default()).unwrap();
    }
    let back: String =
        people(90).lines().filter(|line| line.starts_with("id,") || line.starts_with("person#0011")).collect::<Vec<_>>().join("\n");
    let back = write(place.path(), "back.csv", &back);
    let report = engine(&store).learn("people", &back, Returning::Accepted).unwrap();
    assert_eq!((report.learnt, report.records), (1, 88));
    let engine = engine(&store);
    assert!(engine.verify("income").unwrap().equal);
    assert_eq!(engine.list().unwrap().requests, 4);
    assert_eq!(engine.history("income").unwrap().len(), 5);
    assert_eq!(engine.show_request(2).unwrap()["forgotten"], 1);
}

#[test]
fn what_cannot_be_done_changes_nothing() {
    let place = tempfile::tempdir().unwrap();
    let mut engine = trained(&place.path().join("store"), &write(place.path(), "all.csv", &people(60)));
    engine.train("people", "other", &recipe(), TrainOptions::default()).unwrap();
    let before = (engine.show_model("income").unwrap(), engine.list().unwrap());
    let ids = |id: &str| vec![id.to_owned()];
    let options = ForgetOptions { models: vec!["income".to_owned()], ..ForgetOptions::default() };
    assert!(engine.forget("people", &ids("nobody"), &ForgetOptions::default()).is_err());
    assert!(engine.forget("peopel", &ids("person#0001"), &ForgetOptions::default()).unwrap_err().hint().is_some());
    assert!(engine.forget("people", &ids("person#0001"), &options).is_err());
    assert!(engine.train("people", "income", &recipe(), TrainOptions::default()).is_err());
    let dry = ForgetOptions { dry_run: true, ..ForgetOptions::default() };
    assert_eq!(engine.forget("people", &ids("person#0001"), &dry).unwrap().forgotten, 1);
    assert_eq!((engine.show_model("income").unwrap(), engine.list().unwrap()), before);
}

#[test]
fn nobody_left_is_a_model_that_predicts_nothing() {
    let place = tempfile::tempdir().unwrap();
    let file = write(place.path(), "all.csv", &people(30));
    let mut engine = trained(&place.path().join("store"), &file);
    let ids: Vec<String> = engine.dataset("people").unwrap().ids().iter().flatten().map(str::to_owned).collect();
    let report = engine.forget("people", &ids, &ForgetOptions::default()).unwrap();
    assert_eq!((report.records, report.models[0].records), (0, 0));
    assert!(engine.verify("income").unwrap().equal);
    let table = engine.predict("income", &file).unwrap();
    assert_eq!(table.predictions.class(0), None);
    engine.learn("people", &file, Returning::Accepted).unwrap();
    assert!(engine.verify("income").unwrap().equal);
}

fn files(dir: &Path) -> Vec<Vec<u8>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.push(fs::read(&path).unwrap());
        }
    }
    found
}
