//! One shard: the base's model of its records, and the checkpoints on the way to it.

use std::collections::{BTreeMap, BTreeSet};

use untrain_core::{AnyModel, Dataset, Forget as _, Guarantee, Learner as _, Result, Task};

use super::Sisa;
use super::seats::Seated;

/// A trained shard; one without records has no model.
#[derive(Debug, Clone, Default)]
pub(super) struct Shard {
    pub(super) model: Option<AnyModel>,
    /// The models after slices but the last, by slice.
    pub(super) checkpoints: BTreeMap<u32, AnyModel>,
    /// The classes of its records, sorted; none for regression.
    pub(super) classes: Vec<String>,
}

/// The records of a shard, and of each its slice.
#[derive(Debug)]
pub(super) struct Part {
    pub(super) data: Dataset,
    pub(super) slices: Vec<u32>,
}

/// What happens to the records of a shard.
#[derive(Debug, Clone, Copy)]
pub(super) enum Change<'a> {
    Leave(&'a Seated),
    Join(&'a Seated),
}

impl Part {
    /// The records in slices up to `last`.
    pub(super) fn seen(&self, last: u32) -> Result<Dataset> {
        self.data.filter(&self.slices.iter().map(|slice| *slice <= last).collect::<Vec<_>>())
    }

    fn slice(&self, slice: u32) -> Result<Dataset> {
        self.data.filter(&self.slices.iter().map(|other| *other == slice).collect::<Vec<_>>())
    }

    /// The slices after which a checkpoint is kept beside the model: none before the first that has a record.
    pub(super) fn checkpoints(&self, learner: &Sisa) -> Vec<u32> {
        let Some(first) = self.slices.iter().min().filter(|_| learner.is_sliced()) else { return Vec::new() };
        (*first..learner.n_slices() - 1).filter(|slice| learner.params.keeps(*slice)).collect()
    }

    pub(super) fn classes(&self, task: Task) -> Vec<String> {
        let Some((place, _)) = self.data.schema().target().filter(|_| task == Task::Classification) else { return Vec::new() };
        let values = self.data.values(place);
        (0..self.data.len()).filter_map(|i| values.text(i)).collect::<BTreeSet<_>>().into_iter().collect()
    }
}

impl Shard {
    /// Trains on the records of `part`.
    pub(super) fn train(learner: &Sisa, part: &Part) -> Result<Self> {
        Self::default().replay(learner, part, 0)
    }

    /// The shard after a change, of which `part` holds the records that are left.
    pub(super) fn changed(&self, learner: &Sisa, part: &Part, change: Change<'_>) -> Result<(Self, Guarantee)> {
        let (Change::Leave(records) | Change::Join(records)) = change;
        let from = records.iter().map(|(_, seat)| seat.slice).min().unwrap_or_default();
        if learner.is_sliced() || part.data.is_empty() {
            return Ok((self.replay(learner, part, from)?, Guarantee::Exact));
        }
        let Some(mut model) = self.model.clone() else { return Ok((Self::train(learner, part)?, Guarantee::Exact)) };
        let ids: Vec<String> = records.iter().map(|(id, _)| id.to_string()).collect();
        let guarantee = match change {
            Change::Leave(_) => learner.base.forget(&mut model, &ids, &part.data)?,
            Change::Join(_) => learner.base.learn(&mut model, &ids, &part.data)?,
        };
        Ok((Self { model: Some(model), checkpoints: BTreeMap::new(), classes: part.classes(learner.task) }, guarantee))
    }

    /// Trains again from slice `from` on, starting at the last checkpoint that saw none of it. A slice without records is
    /// passed over.
    fn replay(&self, learner: &Sisa, part: &Part, from: u32) -> Result<Self> {
        if part.data.is_empty() {
            return Ok(Self::default());
        }
        let classes = part.classes(learner.task);
        if !learner.is_sliced() {
            return Ok(Self { model: Some(learner.base.fit(&part.data)?), checkpoints: BTreeMap::new(), classes });
        }
        let kept = part.checkpoints(learner);
        let mut checkpoints: BTreeMap<u32, AnyModel> =
            self.checkpoints.range(..from).map(|(slice, model)| (*slice, model.clone())).collect();
        let (start, mut model) = checkpoints.last_key_value().map_or((0, None), |(slice, model)| (slice + 1, Some(model.clone())));
        for slice in start..learner.n_slices() {
            let joining = part.slice(slice)?;
            if !joining.is_empty() {
                model = Some(learner.base.resume(model.as_ref(), &joining, &part.seen(slice)?)?);
            }
            if let Some(model) = model.as_ref().filter(|_| kept.contains(&slice)) {
                checkpoints.insert(slice, model.clone());
            }
        }
        Ok(Self { model, checkpoints, classes })
    }
}
