//! Networks go through the engine: trained on images, made to forget exactly and by methods, compared, exported and reloaded.
#![expect(clippy::unwrap_used, reason = "a test stops where something fails")]

use std::fs;
use std::path::{Path, PathBuf};

use untrain::import::{self, Roles};
use untrain::{
    Access, AuditOptions, CompareOptions, Engine, Error, ForgetOptions, Goal, Guarantee, Holdout, ImportOptions, OpenOptions, Recipe,
    RowKind, TrainOptions,
};
use untrain_ledger::statement::Fate;

/// Images of 8 × 8 in MNIST's format, whose bright quarter says their class, and noise.
fn write(folder: &Path, n: u64) -> PathBuf {
    let hash = |i: u64, p: u64| untrain_core::mix(i, p);
    let (mut images, mut labels) = (Vec::new(), Vec::new());
    images.extend([0, 0, 8, 3]);
    labels.extend([0, 0, 8, 1]);
    [n as u32, 8, 8].iter().for_each(|size| images.extend(size.to_be_bytes()));
    labels.extend((n as u32).to_be_bytes());
    for i in 0..n {
        let class = hash(i, 1) % 4;
        labels.push(class as u8);
        images.extend((0..64).map(|p| (hash(i, p + 2) % 130) as u8 + if p / 32 * 2 + p % 8 / 4 == class { 90 } else { 0 }));
    }
    let path = folder.join("patches-images-idx3-ubyte");
    fs::write(&path, images).unwrap();
    fs::write(folder.join("patches-labels-idx1-ubyte"), labels).unwrap();
    path
}

fn engine(folder: &Path, n: u64) -> Engine {
    let roles = Roles { holdout: Some(Holdout::Fraction(0.3)), ..Roles::default() };
    let data = import::dataset(&write(folder, n), &roles).unwrap();
    let mut engine = Engine::open(&folder.join("store"), Access::Write, OpenOptions::default(), &mut || ()).unwrap();
    engine.import("patches", &data, &roles, ImportOptions::default()).unwrap();
    engine
}

fn recipe(learner: &str, settings: &[(&str, &str)]) -> Recipe {
    let settings: Vec<_> = settings.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
    Recipe::new(learner, &settings, Some(3)).unwrap()
}

const MLP: [(&str, &str); 4] = [("hidden", "[16]"), ("n_epochs", "8"), ("batch_size", "16"), ("learning_rate", "0.01")];

fn training_ids(engine: &mut Engine) -> Vec<String> {
    engine.dataset("patches").unwrap().training().ids().iter().flatten().map(str::to_owned).collect()
}

#[test]
fn images_are_forgotten_exactly_whole_and_in_shards() {
    let place = tempfile::tempdir().unwrap();
    let mut engine = engine(place.path(), 120);
    let models = [
        ("whole", recipe("cnn", &[("channels", "[4]"), ("hidden", "8"), ("n_epochs", "2")])),
        ("deep", recipe("resnet", &[("depth", "8"), ("width", "4"), ("n_epochs", "1"), ("augmentation", "crop_flip")])),
        (
            "shards",
            recipe(
                "sisa",
                &[("base", "mlp"), ("n_shards", "3"), ("n_slices", "3"), ("base_params.hidden", "[8]"), ("base_params.n_epochs", "2")],
            ),
        ),
    ];
    for (name, recipe) in &models {
        engine.train("patches", name, recipe, TrainOptions::default()).unwrap();
    }
    let ids = training_ids(&mut engine);
    engine.forget("patches", &ids[..5], &ForgetOptions::default()).unwrap();
    drop(engine);
    let mut engine = Engine::open(&place.path().join("store"), Access::Write, OpenOptions::default(), &mut || ()).unwrap();
    engine.forget("patches", &ids[5..6], &ForgetOptions::default()).unwrap();
    for (name, _) in &models {
        assert!(engine.verify(name).unwrap().equal, "{name}");
        assert!(engine.evaluate(name, None).unwrap().scores.accuracy.unwrap() >= 0.0);
    }
    assert!(!place.path().join("store/unfinished").exists(), "nothing of a training is left");
}

#[test]
fn a_method_promises_less_and_an_exact_request_makes_the_model_exact_again() {
    let place = tempfile::tempdir().unwrap();
    let mut engine = engine(place.path(), 120);
    engine.train("patches", "network", &recipe("mlp", &MLP), TrainOptions::default()).unwrap();

    let ids = training_ids(&mut engine);
    let by = |method: &str| ForgetOptions { method: Some((method.to_owned(), serde_json::Map::new())), ..ForgetOptions::default() };
    let request = engine.forget("patches", &ids[..4], &by("neggrad_plus")).unwrap();
    assert_eq!((request.models[0].guarantee, request.models[0].records), (Guarantee::Empirical, ids.len() as u64 - 4));
    assert!(!engine.verify("network").unwrap().equal);
    let stated =
        |engine: &Engine, number: Option<u64>| engine.receipts(number.unwrap()).unwrap()[0].check(None).unwrap().models[0].fate.clone();
    assert_eq!(stated(&engine, request.request), Fate::Updated, "nobody trained it anew");
    assert!(engine.evaluate("network", None).unwrap().scores.accuracy.unwrap() > 0.5);
    drop(engine);
    let mut engine = Engine::open(&place.path().join("store"), Access::Write, OpenOptions::default(), &mut || ()).unwrap();
    let again = engine.forget("patches", &ids[4..6], &by("fine_tune")).unwrap();
    assert_eq!(again.models[0].guarantee, Guarantee::Empirical);
    assert!(matches!(engine.forget("patches", &ids[6..7], &by("scrubb")), Err(Error::Core(error)) if error.nearest() == Some("scrub")));
    let exact = engine.forget("patches", &ids[6..7], &ForgetOptions::default()).unwrap();
    assert_eq!(exact.models[0].guarantee, Guarantee::Exact);
    assert_eq!(stated(&engine, exact.request), Fate::Retrained);
    assert!(engine.verify("network").unwrap().equal);
    let rest: Vec<String> = training_ids(&mut engine);
    assert!(matches!(engine.forget("patches", &rest, &by("fine_tune")), Err(Error::NothingRetained)));
    assert_eq!(training_ids(&mut engine), rest, "an error changes nothing");
}

#[test]
fn what_certified_requests_spend_adds_up_to_a_limit() {
    let place = tempfile::tempdir().unwrap();
    let mut engine = engine(place.path(), 120);
    let linear = [("hidden", "[]"), ("n_epochs", "5"), ("weight_decay", "0.1"), ("mean", "[0.5]"), ("deviation", "[0.25]")];
    engine.train("patches", "linear", &recipe("mlp", &linear), TrainOptions::default()).unwrap();
    let ids = training_ids(&mut engine);
    let settings = serde_json::json!({ "epsilon": 1.0, "total_epsilon": 2.5 });
    let certified =
        ForgetOptions { method: Some(("newton_removal".to_owned(), settings.as_object().unwrap().clone())), ..ForgetOptions::default() };
    for (i, total) in [1.0, 2.0].into_iter().enumerate() {
        let request = engine.forget("patches", &ids[i..=i], &certified).unwrap();
        assert!(matches!(request.models[0].guarantee, Guarantee::Certified { epsilon, .. } if epsilon == total), "{request:?}");
    }
    let before = engine.show_model("linear").unwrap().digest;
    let error = engine.forget("patches", &ids[2..3], &certified).unwrap_err();
    assert!(matches!(error, Error::EpsilonSpent { spent: 2.0, asked: 1.0, limit: 2.5, .. }), "{error}");
    assert!(training_ids(&mut engine).contains(&ids[2]), "an error changes nothing");
    assert_eq!(engine.show_model("linear").unwrap().digest, before);
    engine.forget("patches", &ids[2..3], &ForgetOptions::default()).unwrap();
    assert!(engine.verify("linear").unwrap().equal, "an exact request ends the account");
    engine.forget("patches", &ids[3..4], &certified).unwrap();
}

#[test]
fn methods_stand_beside_what_has_to_be_there() {
    let place = tempfile::tempdir().unwrap();
    let mut engine = engine(place.path(), 160);
    engine.train("patches", "network", &recipe("mlp", &MLP), TrainOptions::default()).unwrap();
    let methods = ["fine_tune", "gradient_ascent", "ssd"].map(|name| (name.to_owned(), serde_json::Map::new()));
    let audit = AuditOptions { n_worlds: Some(10), n_points: 20, n_canaries: 10, ..AuditOptions::default() };
    let options = CompareOptions { audit, methods: methods.to_vec(), goal: None, search: false };
    let report = engine.compare("network", &options, &|_| ()).unwrap();
    assert_eq!((report.goal, report.failed.len(), report.points, report.canaries), (Goal::Random, 0, 18, 9));
    let kinds: Vec<RowKind> = report.rows.iter().map(|row| row.kind).collect();
    let mut expected = vec![RowKind::Original, RowKind::Retrained, RowKind::Second];
    expected.extend([RowKind::Scratch; 6]);
    expected.extend([RowKind::Method; 3]);
    assert_eq!(kinds, expected);
    let of = |place: usize| report.rows[place].efficacy.as_ref().unwrap().value;
    // What a control is for: the original is told from retrained models, and a second retrain is not.
    assert!(of(0) > 0.6 && (of(2) - 0.5).abs() < 0.15, "{} {}", of(0), of(2));
    assert!(report.rows[0].accuracy_forget > report.rows[1].accuracy_forget);
    let (scratch, fine_tuned) = (&report.rows[3], &report.rows[9]);
    assert!(scratch.steps >= 1.0 && scratch.share < 0.05);
    assert!(fine_tuned.steps > 0.0 && fine_tuned.over_scratch.is_some() && fine_tuned.suits);
    assert!(!report.rows[11].suits, "ssd is for classes");
    let page = report.page();
    assert!(page.contains("fine_tune") && page.contains("second retrain") && page.ends_with("</html>\n"));
    assert_eq!(page.matches("<svg").count(), 3);
    let again = engine.compare("network", &options, &|_| ()).unwrap();
    let told = |report: &untrain::Comparison| report.rows.iter().map(|row| (row.efficacy, row.privacy)).collect::<Vec<_>>();
    assert_eq!(told(&again), told(&report));

    let searching = CompareOptions { methods: methods[..1].to_vec(), search: true, ..options };
    let searched = engine.compare("network", &searching, &|_| ()).unwrap();
    let row = &searched.rows[9];
    assert!(row.search_steps > 2.0 * fine_tuned.steps && row.steps > row.search_steps && searched.search.is_some(), "{row:?}");

    let few = CompareOptions {
        audit: AuditOptions { n_worlds: Some(4), ..AuditOptions::default() },
        methods: Vec::new(),
        goal: None,
        search: false,
    };
    assert!(matches!(engine.compare("network", &few, &|_| ()), Err(Error::Audit(_))));
}

#[test]
fn a_head_on_a_frozen_network_forgets_exactly_without_its_file_being_another() {
    let place = tempfile::tempdir().unwrap();
    let mut engine = engine(place.path(), 120);
    engine.train("patches", "network", &recipe("mlp", &MLP), TrainOptions::default()).unwrap();
    let weights = place.path().join("frozen.safetensors");
    fs::write(&weights, engine.safetensors("network").unwrap()).unwrap();
    let network = r#"{"kind": "mlp", "hidden": [16]}"#;
    let settings =
        [("network", network), ("weights", weights.to_str().unwrap()), ("mean", "[0.5]"), ("deviation", "[0.25]"), ("alpha", "1.0")];
    engine.train("patches", "head", &recipe("head", &settings), TrainOptions::default()).unwrap();
    let ids = training_ids(&mut engine);
    engine.forget("patches", &ids[..3], &ForgetOptions::default()).unwrap();
    engine.forget("patches", &ids[3..4], &ForgetOptions::default()).unwrap();
    assert!(engine.verify("head").unwrap().equal);
    assert!(engine.evaluate("head", None).unwrap().scores.accuracy.unwrap() > 0.5);
    assert!(engine.safetensors("head").is_err());
    drop(engine);
    fs::rename(&weights, place.path().join("moved")).unwrap();
    let engine = Engine::open(&place.path().join("store"), Access::Read, OpenOptions::default(), &mut || ()).unwrap();
    assert_eq!(engine.show_model("head").unwrap().forgets_by, "revision", "what needs no file is told without it");
    drop(engine);
    fs::write(&weights, b"another").unwrap();
    let mut engine = Engine::open(&place.path().join("store"), Access::Write, OpenOptions::default(), &mut || ()).unwrap();
    let error = engine.forget("patches", &ids[4..5], &ForgetOptions::default()).unwrap_err();
    assert!(error.to_string().contains("SHA-256"), "{error}");
    let missing = Recipe::new("head", &[("weights".to_owned(), "nowhere".to_owned())], None).unwrap_err();
    assert!(missing.to_string().contains("nowhere"));
}

#[test]
fn a_network_of_a_file_is_trained_on_and_forgets_back_to_it() {
    let place = tempfile::tempdir().unwrap();
    let mut engine = engine(place.path(), 120);
    engine.train("patches", "first", &recipe("mlp", &MLP), TrainOptions::default()).unwrap();
    let file = place.path().join("first.safetensors");
    fs::write(&file, engine.safetensors("first").unwrap()).unwrap();
    let path = file.to_str().unwrap();
    assert!(matches!(Recipe::new("mlp", &[("n_epochs".to_owned(), "0".to_owned())], None), Err(untrain_core::Error::Parameter { .. })));
    let as_it_is = recipe("mlp", &[("hidden", "[16]"), ("n_epochs", "0"), ("initial", path)]);
    engine.train("patches", "same", &as_it_is, TrainOptions::default()).unwrap();
    assert_eq!(engine.safetensors("same").unwrap(), engine.safetensors("first").unwrap());
    let tuned = recipe("mlp", &[("hidden", "[16]"), ("n_epochs", "1"), ("initial", path)]);
    engine.train("patches", "tuned", &tuned, TrainOptions::default()).unwrap();
    let ids = training_ids(&mut engine);
    engine.forget("patches", &ids[..3], &ForgetOptions::default()).unwrap();
    assert!(engine.verify("tuned").unwrap().equal);
    // The recipe means this file, wherever it lies, and no other.
    let mut bytes = fs::read(&file).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    fs::write(&file, bytes).unwrap();
    let error = engine.verify("tuned").unwrap_err().to_string();
    assert!(error.contains("initial") && error.contains("SHA-256"), "{error}");
}

#[test]
fn what_a_method_moved_is_exact_in_a_restored_store() {
    let place = tempfile::tempdir().unwrap();
    let mut engine = engine(place.path(), 80);
    engine.train("patches", "net", &recipe("mlp", &MLP), TrainOptions::default()).unwrap();
    let (dir, backup, restored) = (place.path().join("store"), place.path().join("backup"), place.path().join("restored"));
    engine.backup(&backup).unwrap();
    let ids = training_ids(&mut engine);
    let method = Some(("fine_tune".to_owned(), serde_json::Map::new()));
    engine.forget("patches", &ids[..2], &ForgetOptions { method, ..ForgetOptions::default() }).unwrap();
    let moved = engine.show_model("net").unwrap();
    drop(engine);
    let restoration = Engine::restore(&backup, &dir.join("keys"), &dir.join("trail"), &restored, OpenOptions::default()).unwrap();
    assert_eq!((restoration.forgotten, &restoration.exact_instead[..]), (2, &["net".to_owned()][..]));
    let mut engine = Engine::open(&restored, Access::Write, OpenOptions::default(), &mut || ()).unwrap();
    let net = engine.show_model("net").unwrap();
    assert!(net.digest != moved.digest && net.guarantee == Guarantee::Exact && engine.verify("net").unwrap().equal);
    engine.forget("patches", &ids[2..3], &ForgetOptions::default()).unwrap();
    assert!(engine.verify("net").unwrap().equal);
}
