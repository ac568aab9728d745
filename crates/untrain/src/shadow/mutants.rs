//! Forgetting that is deliberately wrong, which an audit has to find, and forgetting that is right, which it has to pass.

use std::collections::BTreeSet;
use std::sync::Arc;

use arrow_array::{ArrayRef, Float64Array, StringArray};
use untrain_audit::{Membership, Verdict, audit};
use untrain_core::{
    AnyLearner, AnyModel, Artefact as _, Column, Dataset, Forget, Guarantee, Kind, Learner, Model, Predictions, Result, Role as ColumnRole,
    Schema, Seed, Task,
};
use untrain_exact::{Forest, Params};
use untrain_neural::{Encoder, Layered, MlpParams, Neural, NeuralArtefact, TrainingParams};

use super::{Study, World};

/// What a mutant does wrong.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Fault {
    None,
    /// Nothing is forgotten.
    DoesNothing,
    /// One of the parts, a tree, is not revised.
    LeavesOneTree,
    /// Records of one shard are not forgotten.
    LeavesOneShard,
    /// The words of what is forgotten stay in a list, which no prediction shows.
    LeavesTheVocabulary,
}

const PARTS: usize = 4;

/// An average of small forests, of all records or of a shard each.
#[derive(Debug, Clone)]
struct Parts {
    seed: Seed,
    fault: Fault,
}

#[derive(Debug, Clone)]
struct PartsModel {
    models: Vec<AnyModel>,
    words: Vec<String>,
    records: u64,
}

impl Parts {
    fn part(&self, part: usize) -> AnyLearner {
        let params = Params { n_trees: 2, max_depth: 12, subsample: 1.0, ..Params::default() };
        AnyLearner::new(Forest { params, task: Task::Classification, seed: Seed(self.seed.0 ^ part as u64) })
    }

    fn shard_of(id: &str) -> usize {
        (Seed(5).hash(1, id.as_bytes()) % PARTS as u64) as usize
    }

    fn of_part(&self, part: usize, ids: &[String]) -> Vec<String> {
        let sharded = self.fault == Fault::LeavesOneShard;
        ids.iter().filter(|id| !sharded || Self::shard_of(id) == part).cloned().collect()
    }
}

impl Learner for Parts {
    type Model = PartsModel;

    fn fit(&self, data: &Dataset) -> Result<PartsModel> {
        let ids: Vec<String> = data.ids().iter().flatten().map(str::to_owned).collect();
        let models = (0..PARTS).map(|part| self.part(part).fit(&data.select(&self.of_part(part, &ids))?)).collect::<Result<_>>()?;
        let words = if self.fault == Fault::LeavesTheVocabulary { ids } else { Vec::new() };
        Ok(PartsModel { models, words, records: data.len() as u64 })
    }

    fn load(&self, _: &[u8], data: &Dataset) -> Result<PartsModel> {
        self.fit(data)
    }
}

impl Forget<PartsModel> for Parts {
    fn forget(&self, model: &mut PartsModel, ids: &[String], retained: &Dataset) -> Result<Guarantee> {
        let all: Vec<String> = retained.ids().iter().flatten().map(str::to_owned).collect();
        for part in 0..PARTS {
            let skipped = match self.fault {
                Fault::DoesNothing => true,
                Fault::LeavesOneTree | Fault::LeavesOneShard => part == 0,
                Fault::None | Fault::LeavesTheVocabulary => false,
            };
            let leaving = self.of_part(part, ids);
            if !skipped && !leaving.is_empty() {
                self.part(part).forget(&mut model.models[part], &leaving, &retained.select(&self.of_part(part, &all))?)?;
            }
        }
        model.records = retained.len() as u64;
        Ok(Guarantee::Exact)
    }

    fn learn(&self, model: &mut PartsModel, _: &[String], retained: &Dataset) -> Result<Guarantee> {
        *model = self.fit(retained)?;
        Ok(Guarantee::Exact)
    }
}

impl Model for PartsModel {
    fn artefact(&self) -> Vec<u8> {
        let mut bytes: Vec<u8> = self.models.iter().flat_map(Model::artefact).collect();
        self.words.iter().for_each(|word| bytes.extend(word.as_bytes()));
        bytes
    }

    fn state(&self) -> Vec<u8> {
        self.models.iter().flat_map(Model::state).collect()
    }

    fn records(&self) -> u64 {
        self.records
    }

    fn predict(&self, data: &Dataset) -> Result<Predictions> {
        let names = ["no".to_owned(), "yes".to_owned()];
        let (mut sums, mut votes) = (vec![0.0; 2 * data.len()], 0.0);
        for model in &self.models {
            let Predictions::Classes { classes, probabilities, .. } = model.predict(data)? else { continue };
            if classes.is_empty() {
                continue;
            }
            votes += 1.0;
            for (at, p) in probabilities.into_iter().enumerate() {
                let class = names.iter().position(|name| *name == classes[at % classes.len()]).unwrap_or_default();
                sums[at / classes.len() * 2 + class] += p;
            }
        }
        sums.iter_mut().for_each(|sum| *sum /= votes);
        Ok(Predictions::Classes { classes: names.to_vec(), probabilities: sums, n: data.len() })
    }
}

/// Records with some features, and a label that two of them half explain.
fn data(n: usize, n_features: u64) -> Dataset {
    let column = |name: String, role, kind| Column { name, kind, role, declared: true };
    let mut columns: Vec<Column> = (1..=n_features).map(|i| column(format!("x{i}"), ColumnRole::Feature, Kind::Numeric)).collect();
    columns.push(column("y".into(), ColumnRole::Target, Kind::Categorical));
    let unit = |i: usize, purpose| untrain_core::unit(Seed(3).hash(purpose, &i.to_le_bytes()));
    let numbers = |purpose| Arc::new(Float64Array::from_iter_values((0..n).map(|i| unit(i, purpose)))) as ArrayRef;
    let label = |i: usize| if (unit(i, 1) + unit(i, 2) > 1.0) == (unit(i, 0) < 0.7) { "yes" } else { "no" };
    let mut values: Vec<ArrayRef> = (1..=n_features).map(numbers).collect();
    values.push(Arc::new(StringArray::from_iter_values((0..n).map(label))));
    let ids = StringArray::from_iter_values((0..n).map(|i| format!("r{i:04}")));
    let schema = Schema { id: Some("id".into()), columns, holdout: None };
    Dataset::new(schema, &ids, values).unwrap()
}

/// The verdict on a fault, and in how many of two worlds the bytes are those of a retrain.
fn audited(fault: Fault, seed: u64) -> (Verdict, usize) {
    judged(&|seed| Ok(AnyLearner::new(Parts { seed, fault })), &data(460, 2), seed)
}

fn judged(learner: &(dyn Fn(Seed) -> crate::Result<AnyLearner> + Sync), all: &Dataset, seed: u64) -> (Verdict, usize) {
    const WORLDS: usize = 16;
    let ids = |from: usize, to: usize| (from..to).map(|i| format!("r{i:04}")).collect::<Vec<_>>();
    let training = all.without(&ids(300, all.len())).unwrap();
    let points = training.select(&ids(0, 60)).unwrap();
    let names: Vec<&str> = points.ids().iter().flatten().collect();
    let study = Study {
        learner,
        bits: Membership::draw(Seed(seed), WORLDS, &names),
        holdout: all.select(&ids(300, all.len())).unwrap(),
        retain: training.select(&ids(100, 200)).unwrap(),
        points: points.clone(),
        data: training,
        seed: Seed(seed),
    };
    let worlds: Vec<World> = (0..WORLDS).map(|world| study.world(world).unwrap()).collect();
    let options = untrain_audit::Options { seed: Seed(seed), n_exchanges: 199, ..untrain_audit::Options::default() };
    let found = audit(&study.worlds(&worlds, Vec::new()).unwrap(), &options).unwrap();
    (found.judgement.overall, worlds.iter().filter(|world| world.replayed == Some(true)).count())
}

#[test]
fn forgetting_that_is_right_passes() {
    let (verdict, equal) = audited(Fault::None, 1);
    assert_eq!((verdict, equal), (Verdict::Passes, 2));
}

/// A leaderboard's entry trains the teacher in place of the student, and so returns the model unchanged.
#[test]
fn defect_1_forgetting_nothing_fails() {
    let (verdict, equal) = audited(Fault::DoesNothing, 1);
    assert_eq!((verdict, equal), (Verdict::Fails, 0));
}

/// Published code averages over tokens that are padding, whose label stands for none.
#[test]
fn defect_4_records_without_a_target_are_not_asked_about() {
    let all = data(40, 2);
    let (place, _) = all.schema().target().unwrap();
    let labels: StringArray = (0..40).map(|i| (i % 4 != 0).then_some(if i % 3 == 0 { "yes" } else { "no" })).collect();
    let mut columns = all.columns().to_vec();
    columns[place] = Arc::new(labels);
    // No dataset has such records, so no model is asked about one.
    assert!(Dataset::new(all.schema().clone(), all.ids(), columns).is_err());
    assert_eq!(super::sample(&all, 40, Seed(1), 1, &BTreeSet::new()).unwrap().len(), 40);
}

/// A published method takes the gradient of the retain set from the forget set, and a fixed number for its size.
#[test]
fn defect_16_no_record_is_on_two_sides() {
    let all = data(100, 2);
    let forget: BTreeSet<String> = (0..30).map(|i| format!("r{i:04}")).collect();
    let retain = super::sample(&all, 1000, Seed(1), 1, &forget).unwrap();
    assert_eq!(retain.len(), 70);
    assert!(retain.ids().iter().flatten().all(|id| !forget.contains(id)));
    let learner = |seed: Seed| Ok(AnyLearner::new(Parts { seed, fault: Fault::None }));
    let points = all.select(&forget.into_iter().collect::<Vec<_>>()).unwrap();
    let names: Vec<&str> = points.ids().iter().flatten().collect();
    let bits = Membership::draw(Seed(1), 10, &names);
    let study = Study {
        learner: &learner,
        data: all.clone(),
        points: points.clone(),
        holdout: all.select(&[]).unwrap(),
        retain,
        bits,
        seed: Seed(1),
    };
    for world in 0..10 {
        let (ins, outs) = study.sides(world);
        assert_eq!(ins.len() + outs.len(), 30);
        assert!(ins.iter().all(|id| !outs.contains(id)));
    }
}

#[test]
fn a_record_left_in_one_tree_fails() {
    let (verdict, equal) = audited(Fault::LeavesOneTree, 1);
    assert_eq!((verdict, equal), (Verdict::Fails, 0));
}

#[test]
fn a_record_left_in_one_shard_fails() {
    let (verdict, equal) = audited(Fault::LeavesOneShard, 1);
    assert_eq!((verdict, equal), (Verdict::Fails, 0));
}

#[test]
fn a_word_left_in_the_vocabulary_is_seen_by_no_attack_and_fails_by_its_bytes() {
    let (verdict, equal) = audited(Fault::LeavesTheVocabulary, 1);
    assert_eq!((verdict, equal), (Verdict::Passes, 0));
}

/// What a network's forgetting does wrong.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Residue {
    None,
    /// It goes on from the network that knew the records.
    Weights,
    /// It is trained anew, on features that are scaled by means and deviations of all records.
    Scales,
}

/// A network that learns by heart.
#[derive(Debug, Clone)]
struct Forgetful {
    neural: Neural,
    residue: Residue,
}

#[derive(Debug, Clone)]
struct ForgetfulModel(NeuralArtefact);

impl Forgetful {
    fn new(seed: Seed, residue: Residue) -> Self {
        let training = TrainingParams { n_epochs: 12, batch_size: 32, chunk: 32, learning_rate: 0.02, ..MlpParams::default().training };
        Self { neural: Neural::new(&MlpParams { hidden: vec![48], training }, seed), residue }
    }

    /// Trains a network that sees records in a given way, beginning with another if there is one.
    fn trained(&self, encoder: Encoder, begin: Option<Layered>, data: &Dataset) -> Result<ForgetfulModel> {
        let classes = untrain_neural::classes(data)?;
        let mut network = match begin {
            Some(network) => network,
            None => self.neural.fresh(&encoder, classes.len())?,
        };
        let training = self.neural.training();
        let examples = encoder.examples(data, &classes, self.neural.seed)?;
        training.run(&mut network, &examples, &mut training.start(data.len()), &mut |_, _| true)?;
        Ok(ForgetfulModel(NeuralArtefact { records: data.len() as u64, encoder, classes, network: Some(network) }))
    }
}

impl Learner for Forgetful {
    type Model = ForgetfulModel;

    fn fit(&self, data: &Dataset) -> Result<ForgetfulModel> {
        self.trained(Encoder::fit(data, &self.neural.params)?, None, data)
    }

    fn load(&self, _: &[u8], data: &Dataset) -> Result<ForgetfulModel> {
        self.fit(data)
    }
}

impl Forget<ForgetfulModel> for Forgetful {
    fn forget(&self, model: &mut ForgetfulModel, _: &[String], retained: &Dataset) -> Result<Guarantee> {
        *model = match self.residue {
            Residue::None => self.fit(retained)?,
            Residue::Weights => self.trained(Encoder::fit(retained, &self.neural.params)?, model.0.network.take(), retained)?,
            Residue::Scales => self.trained(model.0.encoder.clone(), None, retained)?,
        };
        Ok(Guarantee::Exact)
    }

    fn learn(&self, model: &mut ForgetfulModel, _: &[String], retained: &Dataset) -> Result<Guarantee> {
        *model = self.fit(retained)?;
        Ok(Guarantee::Exact)
    }
}

impl Model for ForgetfulModel {
    fn artefact(&self) -> Vec<u8> {
        self.0.write()
    }

    fn state(&self) -> Vec<u8> {
        self.0.write()
    }

    fn records(&self) -> u64 {
        self.0.records
    }

    fn predict(&self, data: &Dataset) -> Result<Predictions> {
        self.0.predict(data)
    }
}

fn network(residue: Residue) -> (Verdict, usize) {
    judged(&|seed| Ok(AnyLearner::new(Forgetful::new(seed, residue))), &data(400, 16), 1)
}

#[test]
fn a_network_that_is_trained_anew_passes() {
    assert_eq!(network(Residue::None), (Verdict::Passes, 2));
}

#[test]
fn a_network_that_goes_on_from_one_that_knew_fails() {
    assert_eq!(network(Residue::Weights), (Verdict::Fails, 0));
}

#[test]
fn scales_of_a_network_that_remember_are_seen_by_no_attack_and_fail_by_their_bytes() {
    assert_eq!(network(Residue::Scales), (Verdict::Passes, 0));
}
