//! Learners and models of any kind, for what works with all of them: the engine, sharding.

use std::any::Any;
use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use crate::{Dataset, Digest, Error, Forget, Guarantee, Learner, Model, Predictions, Result};

/// A learner of any kind.
#[derive(Clone)]
pub struct AnyLearner(Arc<dyn Erased>);

/// A model of any kind; only the learner that made it can revise it.
#[derive(Clone)]
pub struct AnyModel(Box<dyn ErasedModel>);

impl AnyLearner {
    /// Hides the kind of `learner`.
    pub fn new<L>(learner: L) -> Self
    where
        L: Learner + Forget<L::Model> + fmt::Debug + Send + Sync + 'static,
        L::Model: Clone + Send + Sync + 'static,
    {
        Self(Arc::new(learner))
    }
}

impl Learner for AnyLearner {
    type Model = AnyModel;

    fn fit(&self, data: &Dataset) -> Result<AnyModel> {
        self.0.fit(data)
    }

    fn load(&self, state: &[u8], data: &Dataset) -> Result<AnyModel> {
        self.0.load(state, data)
    }

    fn resume(&self, checkpoint: Option<&AnyModel>, slice: &Dataset, seen: &Dataset) -> Result<AnyModel> {
        self.0.resume(checkpoint, slice, seen)
    }

    fn is_incremental(&self) -> bool {
        self.0.is_incremental()
    }

    fn n_shards(&self) -> usize {
        self.0.n_shards()
    }

    fn replay(&self, model: &AnyModel, spans: Range<usize>, data: &Dataset) -> Result<AnyModel> {
        self.0.replay(model, spans, data)
    }

    fn n_units(&self) -> usize {
        self.0.n_units()
    }

    fn unit_data(&self, unit: usize, data: &Dataset) -> Result<Dataset> {
        self.0.unit_data(unit, data)
    }

    fn fit_units(&self, units: Range<usize>, data: &Dataset) -> Result<Vec<u8>> {
        self.0.fit_units(units, data)
    }

    fn assemble(&self, outputs: &[Vec<u8>], data: &Dataset) -> Result<AnyModel> {
        self.0.assemble(outputs, data)
    }
}

impl Forget<AnyModel> for AnyLearner {
    fn forget(&self, model: &mut AnyModel, ids: &[String], retained: &Dataset) -> Result<Guarantee> {
        self.0.forget(model, ids, retained)
    }

    fn learn(&self, model: &mut AnyModel, ids: &[String], retained: &Dataset) -> Result<Guarantee> {
        self.0.learn(model, ids, retained)
    }

    fn is_native(&self) -> bool {
        self.0.is_native()
    }
}

impl Model for AnyModel {
    fn artefact(&self) -> Vec<u8> {
        self.0.artefact()
    }

    fn state(&self) -> Vec<u8> {
        self.0.state()
    }

    fn records(&self) -> u64 {
        self.0.records()
    }

    fn predict(&self, data: &Dataset) -> Result<Predictions> {
        self.0.predict(data)
    }

    fn checkpoints(&self) -> Vec<Digest> {
        self.0.checkpoints()
    }
}

impl fmt::Debug for AnyLearner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for AnyModel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AnyModel").field("records", &self.records()).finish_non_exhaustive()
    }
}

trait Erased: fmt::Debug + Send + Sync {
    fn fit(&self, data: &Dataset) -> Result<AnyModel>;
    fn load(&self, state: &[u8], data: &Dataset) -> Result<AnyModel>;
    fn resume(&self, checkpoint: Option<&AnyModel>, slice: &Dataset, seen: &Dataset) -> Result<AnyModel>;
    fn is_incremental(&self) -> bool;
    fn n_shards(&self) -> usize;
    fn replay(&self, model: &AnyModel, spans: Range<usize>, data: &Dataset) -> Result<AnyModel>;
    fn n_units(&self) -> usize;
    fn unit_data(&self, unit: usize, data: &Dataset) -> Result<Dataset>;
    fn fit_units(&self, units: Range<usize>, data: &Dataset) -> Result<Vec<u8>>;
    fn assemble(&self, outputs: &[Vec<u8>], data: &Dataset) -> Result<AnyModel>;
    fn forget(&self, model: &mut AnyModel, ids: &[String], retained: &Dataset) -> Result<Guarantee>;
    fn learn(&self, model: &mut AnyModel, ids: &[String], retained: &Dataset) -> Result<Guarantee>;
    fn is_native(&self) -> bool;
}

trait ErasedModel: Model + Send + Sync {
    fn boxed(&self) -> Box<dyn ErasedModel>;
    fn as_any(&self) -> &dyn Any;
    fn as_any_mut(&mut self) -> &mut dyn Any;
}

impl Clone for Box<dyn ErasedModel> {
    fn clone(&self) -> Self {
        self.as_ref().boxed()
    }
}

impl<M: Model + Clone + Send + Sync + 'static> ErasedModel for M {
    fn boxed(&self) -> Box<dyn ErasedModel> {
        Box::new(self.clone())
    }

    fn as_any(&self) -> &dyn Any {
        self
    }

    fn as_any_mut(&mut self) -> &mut dyn Any {
        self
    }
}

impl<L> Erased for L
where
    L: Learner + Forget<L::Model> + fmt::Debug + Send + Sync,
    L::Model: Clone + Send + Sync + 'static,
{
    fn fit(&self, data: &Dataset) -> Result<AnyModel> {
        Ok(AnyModel(Box::new(Learner::fit(self, data)?)))
    }

    fn load(&self, state: &[u8], data: &Dataset) -> Result<AnyModel> {
        Ok(AnyModel(Box::new(Learner::load(self, state, data)?)))
    }

    fn resume(&self, checkpoint: Option<&AnyModel>, slice: &Dataset, seen: &Dataset) -> Result<AnyModel> {
        let checkpoint = checkpoint.map(|model| model.0.as_any().downcast_ref().ok_or_else(other)).transpose()?;
        Ok(AnyModel(Box::new(Learner::resume(self, checkpoint, slice, seen)?)))
    }

    fn is_incremental(&self) -> bool {
        Learner::is_incremental(self)
    }

    fn n_shards(&self) -> usize {
        Learner::n_shards(self)
    }

    fn replay(&self, model: &AnyModel, spans: Range<usize>, data: &Dataset) -> Result<AnyModel> {
        let model = model.0.as_any().downcast_ref().ok_or_else(other)?;
        Ok(AnyModel(Box::new(Learner::replay(self, model, spans, data)?)))
    }

    fn n_units(&self) -> usize {
        Learner::n_units(self)
    }

    fn unit_data(&self, unit: usize, data: &Dataset) -> Result<Dataset> {
        Learner::unit_data(self, unit, data)
    }

    fn fit_units(&self, units: Range<usize>, data: &Dataset) -> Result<Vec<u8>> {
        Learner::fit_units(self, units, data)
    }

    fn assemble(&self, outputs: &[Vec<u8>], data: &Dataset) -> Result<AnyModel> {
        Ok(AnyModel(Box::new(Learner::assemble(self, outputs, data)?)))
    }

    fn forget(&self, model: &mut AnyModel, ids: &[String], retained: &Dataset) -> Result<Guarantee> {
        Forget::forget(self, known(model)?, ids, retained)
    }

    fn learn(&self, model: &mut AnyModel, ids: &[String], retained: &Dataset) -> Result<Guarantee> {
        Forget::learn(self, known(model)?, ids, retained)
    }

    fn is_native(&self) -> bool {
        Forget::is_native(self)
    }
}

fn known<M: 'static>(model: &mut AnyModel) -> Result<&mut M> {
    model.0.as_any_mut().downcast_mut().ok_or_else(other)
}

fn other() -> Error {
    Error::Malformed { what: "model", reason: "another learner made it".to_owned() }
}
