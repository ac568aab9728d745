//! Forgetting by retraining, for a learner that knows no faster way.

use untrain_core::{Dataset, Forget, Guarantee, Learner, Model, Predictions, Result};

use crate::members::Members;

/// A learner whose models forget by being retrained.
///
/// # Guarantee
///
/// Exact, by definition.
///
/// # Complexity
///
/// That of `fit`, for any request.
#[derive(Debug, Clone, PartialEq)]
pub struct Retrain<L>(pub L);

/// A model of [`Retrain`].
#[derive(Debug, Clone)]
pub struct Retrained<M> {
    model: M,
    members: Members,
}

impl<L: Learner> Learner for Retrain<L> {
    type Model = Retrained<L::Model>;

    fn fit(&self, data: &Dataset) -> Result<Self::Model> {
        Ok(Retrained { model: self.0.fit(data)?, members: Members::of(data) })
    }

    fn load(&self, state: &[u8], data: &Dataset) -> Result<Self::Model> {
        Ok(Retrained { model: self.0.load(state, data)?, members: Members::of(data) })
    }

    fn resume(&self, checkpoint: Option<&Self::Model>, slice: &Dataset, seen: &Dataset) -> Result<Self::Model> {
        let model = self.0.resume(checkpoint.map(|checkpoint| &checkpoint.model), slice, seen)?;
        Ok(Retrained { model, members: Members::of(seen) })
    }

    fn is_incremental(&self) -> bool {
        self.0.is_incremental()
    }
}

impl<L: Learner> Forget<Retrained<L::Model>> for Retrain<L> {
    fn forget(&self, model: &mut Retrained<L::Model>, ids: &[String], retained: &Dataset) -> Result<Guarantee> {
        if !model.members.find(ids)?.is_empty() {
            *model = self.fit(retained)?;
        }
        Ok(Guarantee::Exact)
    }

    fn learn(&self, model: &mut Retrained<L::Model>, ids: &[String], retained: &Dataset) -> Result<Guarantee> {
        if !model.members.joining(ids, retained)?.is_empty() {
            *model = self.fit(retained)?;
        }
        Ok(Guarantee::Exact)
    }

    fn is_native(&self) -> bool {
        false
    }
}

impl<M: Model> Model for Retrained<M> {
    fn artefact(&self) -> Vec<u8> {
        self.model.artefact()
    }

    fn state(&self) -> Vec<u8> {
        self.model.state()
    }

    fn records(&self) -> u64 {
        self.model.records()
    }

    fn predict(&self, data: &Dataset) -> Result<Predictions> {
        self.model.predict(data)
    }
}
