use std::collections::BTreeMap;
use std::sync::Mutex;

use arrow_array::{ArrayRef, BinaryArray, StringArray};
use untrain_core::{Column, ImageShape, Role, Schema, mix};

use super::*;
use crate::params::{CnnParams, MlpParams};

/// Images of 8 × 8 whose bright half says their class, and noise.
fn images(n: u64) -> Dataset {
    let shape = ImageShape { channels: 1, height: 8, width: 8 };
    let class = |i: u64| (mix(i, 1) % 2) as usize;
    let bytes = (0..n).map(|i| {
        let samples: Vec<u8> = (0..64).map(|p| (mix(i, p + 2) % 100) as u8 + if (p / 32) as usize == class(i) { 100 } else { 0 }).collect();
        shape.image_bytes(&samples).expect("64 samples")
    });
    let images: ArrayRef = Arc::new(BinaryArray::from_iter_values(bytes));
    let labels: ArrayRef = Arc::new(StringArray::from_iter_values((0..n).map(|i| ["top", "bottom"][class(i)])));
    let column = |name: &str, kind, role| Column { name: name.to_owned(), kind, role, declared: true };
    let columns = vec![column("image", Kind::Image, Role::Feature), column("label", Kind::Categorical, Role::Target)];
    let ids = StringArray::from_iter_values((0..n).map(|i| format!("record#{i:04}")));
    Dataset::new(Schema { id: Some("id".to_owned()), columns, holdout: None }, &ids, vec![images, labels]).expect("a dataset")
}

fn learner() -> Neural {
    let mut params = CnnParams { channels: vec![4], hidden: 8, ..CnnParams::default() };
    params.training = TrainingParams { n_epochs: 8, batch_size: 16, chunk: 8, learning_rate: 0.01, ..params.training };
    Neural::new(&params, Seed(3))
}

#[test]
fn images_are_learnt_to_the_same_bytes_on_any_number_of_threads() -> Result<()> {
    let (data, learner) = (images(60), learner());
    let fit = |n| rayon::ThreadPoolBuilder::new().num_threads(n).build().expect("threads").install(|| learner.fit(&data));
    let (one, three) = (fit(1)?, fit(3)?);
    assert_eq!(one.state_digest(), three.state_digest());
    let predictions = one.predict(&data)?;
    let Predictions::Classes { classes, .. } = &predictions else { panic!("{predictions:?}") };
    let right = (0..60).filter(|i| predictions.class(*i).map(|c| classes[c].clone()) == data.values(1).text(*i)).count();
    assert!(right >= 55, "{right} of 60");
    let read = NeuralArtefact::read(&one.artefact())?;
    assert_eq!(read.predict(&data)?, predictions);
    assert_eq!(learner.load(&one.state(), &data)?.state(), one.state());
    Ok(())
}

#[test]
fn the_bits_of_a_small_network_are_pinned() -> Result<()> {
    // A change here changes every network ever trained: the float profile needs another name then.
    let digest = learner().fit(&images(20))?.digest().to_string();
    assert_eq!(digest, "0c00dcba23a3fb8612ace61b983de484ba4151b1a080c4c0fbe63357e0e0ecd1");
    Ok(())
}

#[derive(Debug, Default)]
struct Memory {
    kept: Mutex<BTreeMap<Digest, Vec<u8>>>,
    /// The step after which the process is killed.
    killed_at: Option<usize>,
}

impl Keep for Memory {
    fn wants(&self, step: usize) -> bool {
        step.is_multiple_of(3) && self.killed_at.is_none_or(|last| step <= last)
    }

    fn find(&self, training: &Digest) -> Option<Vec<u8>> {
        self.kept.lock().expect("no panic").get(training).cloned()
    }

    fn put(&self, training: &Digest, bytes: &[u8]) {
        self.kept.lock().expect("no panic").insert(*training, bytes.to_vec());
    }

    fn remove(&self, training: &Digest) {
        if self.killed_at.is_none() {
            self.kept.lock().expect("no panic").remove(training);
        }
    }
}

#[test]
fn training_that_was_cut_off_goes_on_to_the_same_bytes() -> Result<()> {
    let data = images(40);
    for rule in [crate::Rule::Sgd, crate::Rule::AdamW] {
        let mut learner = learner();
        learner.params.optimiser = rule;
        let whole = learner.fit(&data)?;
        let killed = Arc::new(Memory { killed_at: Some(7), ..Memory::default() });
        learner.keep = Some(killed.clone());
        learner.fit(&data)?;
        let kept = killed.kept.lock().expect("no panic").clone();
        assert_eq!(kept.len(), 1);
        let again = Arc::new(Memory { kept: Mutex::new(kept), killed_at: None });
        learner.keep = Some(again.clone());
        assert_eq!(learner.fit(&data)?.state_digest(), whole.state_digest());
        assert!(again.kept.lock().expect("no panic").is_empty(), "what is done is not kept");
    }
    Ok(())
}

#[test]
fn slices_go_on_from_checkpoints_and_new_classes_get_rows() -> Result<()> {
    let (data, learner) = (images(60), learner());
    let ids = |range: std::ops::Range<usize>| range.map(|i| data.id(i).to_owned()).collect::<Vec<_>>();
    let first = data.select(&ids(0..30))?;
    let checkpoint = learner.fit(&first)?;
    let read = learner.load(&checkpoint.state(), &first)?;
    let [a, b] = [&checkpoint, &read].map(|checkpoint| learner.resume(Some(checkpoint), &data, &data));
    assert_eq!(a?.state_digest(), b?.state_digest());
    let tops: Vec<String> = (0..60).filter(|i| data.values(1).text(*i).as_deref() == Some("top")).map(|i| data.id(i).to_owned()).collect();
    let one_class = learner.fit(&data.select(&tops)?)?;
    let both = learner.resume(Some(&one_class), &data, &data)?;
    assert_eq!(both.served().classes, ["bottom", "top"]);
    assert!(learner.fit(&data.select(&[])?)?.predict(&data).is_ok());
    Ok(())
}

#[test]
fn images_of_another_shape_and_other_kinds_are_named() -> Result<()> {
    let (data, learner) = (images(20), learner());
    let model = learner.fit(&data)?;
    let shape = ImageShape { channels: 1, height: 4, width: 16 };
    let mut schema = data.schema().clone();
    let wide: ArrayRef = Arc::new(BinaryArray::from_iter_values([shape.image_bytes(&[0; 64])?]));
    let label: ArrayRef = Arc::new(StringArray::from(vec!["top"]));
    let other = Dataset::new(schema.clone(), &StringArray::from(vec!["x"]), vec![wide, label.clone()])?;
    assert!(matches!(model.predict(&other), Err(untrain_core::Error::Value { id, .. }) if id == "x"));
    schema.columns[0].kind = Kind::Categorical;
    let text = Dataset::new(schema, &StringArray::from(vec!["x"]), vec![label.clone(), label])?;
    assert!(matches!(model.predict(&text), Err(untrain_core::Error::Schema { .. })));
    let mlp = Neural::new(&MlpParams::default(), Seed(0));
    assert!(mlp.fit(&text)?.predict(&text).is_ok());
    Ok(())
}

#[test]
fn training_begins_with_a_network_of_a_file() -> Result<()> {
    let data = images(40);
    let before = learner().fit(&data)?;
    let file = before.served().network.as_ref().expect("a network").to_safetensors()?;
    let from = |n_epochs, file: Vec<u8>| {
        let mut next = learner();
        next.params = TrainingParams { n_epochs, initial: "before.safetensors".to_owned(), ..next.params };
        next.initial = Some(FrozenFile::new(move || Ok(file.clone())));
        next
    };
    let untouched = from(0, file.clone()).fit(&data)?;
    assert_eq!(untouched.predict(&data)?, before.predict(&data)?);
    let further = from(2, file.clone()).fit(&data)?;
    assert_ne!(further.digest(), before.digest());
    assert_eq!(from(2, file.clone()).load(&further.state(), &data)?.state(), further.state());
    // Where the file's network tells another number of classes apart, its last layer is left out.
    let one: Vec<String> = (0..40).filter(|i| data.values(1).text(*i).as_deref() == Some("top")).map(|i| data.id(i).to_owned()).collect();
    let alone = from(0, file.clone()).fit(&data.select(&one)?)?;
    let (alone, before) = (alone.served().network.clone().expect("a network"), before.served().network.clone().expect("a network"));
    assert_eq!(alone.n_classes(), 1);
    assert_eq!(alone.parameters()[..100], before.parameters()[..100]);
    // A file of another network is named, and so is one that was not given.
    let error = from(1, file[..file.len() - 8].to_vec()).fit(&data).unwrap_err();
    assert!(matches!(error, Error::Malformed { .. }), "{error:?}");
    let error = Neural { initial: None, ..from(1, file) }.fit(&data).unwrap_err();
    assert!(matches!(&error, Error::Parameter { name, .. } if name == "initial"), "{error:?}");
    Ok(())
}
