//! Every learner of the list goes through the engine: trained, made to forget and to learn, verified, asked and exported.
#![expect(clippy::unwrap_used, reason = "a test stops where something fails")]

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use untrain::import::{self, Roles};
use untrain::{
    Access, Engine, ForgetOptions, Holdout, ImportOptions, LEARNERS, LearnerEntry, OpenOptions, Recipe, Returning, Task, TrainOptions,
    select,
};

const HEADER: &str = "visit,person,age,city,note,member,grade,spend\n";

/// Visits of people, with missing ages, a city that one visit alone has, and notes of a few words.
fn visit(i: usize) -> String {
    let age = if i % 11 == 3 { String::new() } else { (18 + i * 31 % 60).to_string() };
    let city = if i == 5 { "Ur" } else { ["Rome", "Oslo", "Lima", "Cairo"][i * i % 4] };
    let mood = ["good food, will come again", "slow and cold", "the \"best\" soup, good bread"][(i / 3) % 3];
    let grade = ["poor", "fair", "fine"][(i / 3 + usize::from(i.is_multiple_of(7))) % 3];
    format!("v{i:04},guest-{},{age},{city},\"{}\",{},{grade},{}\n", i / 4, mood.replace('"', "\"\""), i % 5 < 2, 1 + i * 37 % 90)
}

fn write(path: &Path, visits: impl Iterator<Item = usize>) {
    let rows = visits.fold(HEADER.to_owned(), |mut text, i| {
        let _ = write!(text, "{}", visit(i));
        text
    });
    fs::write(path, rows).unwrap();
}

fn roles(target: &str) -> Roles {
    let other = if target == "grade" { "spend" } else { "grade" };
    Roles {
        id: Some("visit".to_owned()),
        subject: Some("person".to_owned()),
        target: Some(target.to_owned()),
        drop: vec![other.to_owned()],
        holdout: Some(Holdout::Fraction(0.2)),
        ..Roles::default()
    }
}

/// Learners that see nothing but images; tests/networks.rs has them.
const OF_IMAGES: [&str; 3] = ["cnn", "resnet", "head"];

/// What a learner cannot guess of this table.
fn settings(learner: &str, target: &str) -> Vec<(String, String)> {
    let settings: &[(&str, &str)] = match learner {
        "glm" if target == "grade" => &[("loss", "squared_hinge")],
        "recommend" => &[("item", "city")],
        "text" => &[("column", "note"), ("n_features", "64")],
        "kmeans" => &[("n_clusters", "3")],
        _ => &[],
    };
    settings.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

fn goes_through(entry: &LearnerEntry, target: &str) {
    let place = tempfile::tempdir().unwrap();
    let (all, joining) = (place.path().join("all.csv"), place.path().join("joining.csv"));
    write(&all, 0..120);
    write(&joining, 120..130);
    let mut engine = Engine::open(&place.path().join("store"), Access::Write, OpenOptions::default(), &mut || ()).unwrap();
    engine.import("visits", &import::dataset(&all, &roles(target)).unwrap(), &roles(target), ImportOptions::default()).unwrap();
    let recipe = Recipe::new(entry.name, &settings(entry.name, target), Some(5)).unwrap();
    let trained = engine.train("visits", "model", &recipe, TrainOptions::default()).unwrap();

    // The only visit to Ur, one person's visits, and some others.
    let data = engine.dataset("visits").unwrap();
    let mut ids = select::by_subject(&data, &["guest-7".to_owned(), "guest-20".to_owned()]).unwrap();
    ids.extend(["v0005", "v0050", "v0099"].map(str::to_owned));
    let options = ForgetOptions::default();
    for batch in [&ids[..1], &ids[1..]] {
        let request = engine.forget("visits", batch, &options).unwrap();
        // A model that had not learnt any of them stays as it is.
        assert!(request.models[0].version >= trained.version, "{}", entry.name);
    }
    assert!(engine.show_model("model").unwrap().version > trained.version, "{}", entry.name);
    assert!(engine.verify("model").unwrap().equal, "{} after forgetting", entry.name);
    let json = engine.artefact("model").unwrap().json();
    serde_json::from_str::<serde_json::Value>(&json).unwrap();
    engine.learn("visits", &joining, Returning::Accepted).unwrap();
    drop(engine);

    let mut engine = Engine::open(&place.path().join("store"), Access::Write, OpenOptions::default(), &mut || ()).unwrap();
    engine.forget("visits", &["v0125".to_owned()], &options).unwrap();
    assert!(engine.verify("model").unwrap().equal, "{} after learning, and forgetting in another process", entry.name);
    assert!(!engine.artefact("model").unwrap().facts().is_empty(), "{} has nothing to show", entry.name);
    assert!(!engine.predict("model", &all).unwrap().ids.is_empty());
    if !entry.tasks.is_empty() {
        engine.evaluate("model", None).unwrap();
    }
}

#[test]
fn every_learner_forgets_and_learns_through_the_engine() {
    for entry in LEARNERS.iter().filter(|entry| !OF_IMAGES.contains(&entry.name)) {
        for (task, target) in [(Task::Classification, "grade"), (Task::Regression, "spend")] {
            if entry.tasks.contains(&task) || (entry.tasks.is_empty() && task == Task::Regression) {
                goes_through(entry, target);
            }
        }
    }
}

#[test]
fn every_learner_names_a_misspelt_setting() {
    for entry in LEARNERS {
        let wrong = Recipe::new(entry.name, &[("no_such_setting".to_owned(), "1".to_owned())], None);
        assert!(wrong.is_err(), "{}", entry.name);
    }
}
