//! One shard: the base's model of its records, and the checkpoints on the way to it.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::OnceLock;

use untrain_core::{AnyModel, Dataset, Digest, Forget as _, Guarantee, Learner as _, Model as _, Result, Task};

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
    /// What [`Shard::digests`] gives, once somebody has asked: a shard that changes is another one.
    pub(super) digests: OnceLock<Vec<Digest>>,
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
        Self::default().replay(learner, part, 0..learner.ends().len())
    }

    /// The digests of its checkpoints, and of its model. Where it has no record yet, that of nothing.
    pub(super) fn digests(&self, learner: &Sisa) -> Vec<Digest> {
        let of = |model: Option<&AnyModel>| Digest::of(&model.map(AnyModel::state).unwrap_or_default());
        let all = || {
            let last = learner.n_slices() - 1;
            let model = |slice| if slice == last { self.model.as_ref() } else { self.checkpoints.get(&slice) };
            learner.ends().into_iter().map(|slice| of(model(slice))).collect()
        };
        self.digests.get_or_init(all).clone()
    }

    /// The shard after a change, of which `part` holds the records that are left.
    pub(super) fn changed(&self, learner: &Sisa, part: &Part, change: Change<'_>) -> Result<(Self, Guarantee)> {
        let (Change::Leave(records) | Change::Join(records)) = change;
        let from = records.iter().map(|(_, seat)| seat.slice).min().unwrap_or_default();
        if learner.is_sliced() || part.data.is_empty() {
            let ends = learner.ends();
            let spans = ends.partition_point(|end| *end < from)..ends.len();
            return Ok((self.replay(learner, part, spans)?, Guarantee::Exact));
        }
        let Some(mut model) = self.model.clone() else { return Ok((Self::train(learner, part)?, Guarantee::Exact)) };
        let ids: Vec<String> = records.iter().map(|(id, _)| id.to_string()).collect();
        let guarantee = match change {
            Change::Leave(_) => learner.base.forget(&mut model, &ids, &part.data)?,
            Change::Join(_) => learner.base.learn(&mut model, &ids, &part.data)?,
        };
        Ok((Self { model: Some(model), classes: part.classes(learner.task), ..Self::default() }, guarantee))
    }

    /// Trains the spans `spans` again, starting at the checkpoint before the first; what comes after the last stays. A slice without
    /// records is passed over.
    pub(super) fn replay(&self, learner: &Sisa, part: &Part, spans: Range<usize>) -> Result<Self> {
        if part.data.is_empty() {
            return Ok(Self::default());
        }
        let classes = part.classes(learner.task);
        if !learner.is_sliced() {
            return Ok(Self { model: Some(learner.base.fit(&part.data)?), classes, ..Self::default() });
        }
        let (ends, kept) = (learner.ends(), part.checkpoints(learner));
        let first = spans.start.checked_sub(1).map_or(0, |before| ends[before] + 1);
        let last = ends[spans.end - 1];
        let stays = |slice: &u32| *slice < first || *slice > last;
        let mut checkpoints = self.checkpoints.clone();
        checkpoints.retain(|slice, _| stays(slice));
        let mut model = checkpoints.range(..first).next_back().map(|(_, model)| model.clone());
        for slice in first..=last {
            let joining = part.slice(slice)?;
            if !joining.is_empty() {
                model = Some(learner.base.resume(model.as_ref(), &joining, &part.seen(slice)?)?);
            }
            if let Some(model) = model.as_ref().filter(|_| kept.contains(&slice)) {
                checkpoints.insert(slice, model.clone());
            }
        }
        let model = if spans.end == ends.len() { model } else { self.model.clone() };
        Ok(Self { model, checkpoints, classes, digests: OnceLock::new() })
    }
}
