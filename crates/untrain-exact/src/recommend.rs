//! A recommender that forgets users and single interactions exactly.
//!
//! A record is one interaction of a user (the subject) with an item. Items are related to each other by the users they share:
//! by their nearest neighbours, or by the weights of EASE, a linear model of each item on all others in closed form. Who has
//! what is kept as sparse vectors of integers ([`interactions`]).
//!
//! References: item-based neighbours [@sarwar2001]; EASE [@steck2019]. That a user's forgetting changes few counts, and how a
//! zero count would give it away, is seen with [@schelter2020].

mod artefact;
mod ease;
mod interactions;
mod neighbours;
mod params;

use untrain_core::{Artefact as _, Dataset, Forget, Guarantee, Learner, Model, Predictions, Reader, Result, Seed, Writer};

pub(crate) use artefact::ARTEFACT;
pub use artefact::{RecommendArtefact, RecommendWeights};
pub use params::{Method, RecommendParams, Similarity};

use crate::Hyperparameters as _;
use crate::members::Members;
use ease::Ease;
use interactions::{Changes, Interactions, Joining, Layout};
use neighbours::Neighbours;

const STATE: &[u8; 8] = b"UNTRrst\x01";

/// The learner.
///
/// # Guarantee
///
/// Exact, for `forget` and `learn`, in any order and any batches.
///
/// # Shapes
///
/// A subject (the user), a feature (the item), and a numeric target if interactions have values: ratings or counts. Of several
/// interactions of a user with an item the largest value counts. Records without user or item count for nothing.
///
/// # Errors
///
/// EASE refuses more than 4,096 items, and, as [`untrain_core::Error::Unfit`], an `alpha` so small beside the interactions that the
/// rounding of a weight cannot be proven.
///
/// # Complexity
///
/// For n interactions of m items. EASE: fit and load are O(m³ + n · m), forgetting a user O(m² + n), memory 12 · m² bytes.
/// Neighbours: fit and load are O(Σ h²) over users of h items; forgetting one touches the rows of the h items, and the lists
/// of the items that share a user with them.
#[derive(Debug, Clone, PartialEq)]
pub struct Recommend {
    /// The hyperparameters.
    pub params: RecommendParams,
    /// The key of all randomness.
    pub seed: Seed,
}

/// A trained recommender.
#[derive(Debug, Clone)]
pub struct RecommendModel {
    learner: Recommend,
    interactions: Interactions,
    relation: Relation,
}

/// How items are related.
#[derive(Debug, Clone)]
enum Relation {
    Ease(Ease),
    Neighbours(Neighbours),
}

impl Learner for Recommend {
    type Model = RecommendModel;

    fn fit(&self, data: &Dataset) -> Result<RecommendModel> {
        self.params.check()?;
        let interactions = Interactions::of(&self.params, data)?;
        let relation = Relation::of(self, &interactions)?;
        Ok(RecommendModel { learner: self.clone(), interactions, relation })
    }

    /// Everything but the ids is made anew of the records.
    fn load(&self, state: &[u8], data: &Dataset) -> Result<RecommendModel> {
        let mut input = Reader::new("state of a recommender", state);
        let mut header = Writer::new();
        self.write_header(&Layout::of(data, self.params.item.as_deref())?, &mut header);
        let header = header.into_bytes();
        if input.raw(header.len())? != header {
            return Err(input.malformed("another recipe or format made it"));
        }
        Members::read(&mut input, data)?;
        input.end()?;
        self.fit(data)
    }
}

impl Forget<RecommendModel> for Recommend {
    fn forget(&self, model: &mut RecommendModel, ids: &[String], retained: &Dataset) -> Result<Guarantee> {
        model.interactions.members.find(ids)?;
        if model.fits(retained)? {
            model.change(ids, Vec::new())?;
        } else {
            *model = self.fit(retained)?;
        }
        Ok(Guarantee::Exact)
    }

    fn learn(&self, model: &mut RecommendModel, ids: &[String], retained: &Dataset) -> Result<Guarantee> {
        let places = model.interactions.members.joining(ids, retained)?;
        if model.fits(retained)? {
            let joining = model.interactions.joining(retained, &places)?;
            model.change(&[], joining)?;
        } else {
            *model = self.fit(retained)?;
        }
        Ok(Guarantee::Exact)
    }
}

impl Model for RecommendModel {
    fn artefact(&self) -> Vec<u8> {
        self.served().to_bytes()
    }

    fn state(&self) -> Vec<u8> {
        let mut out = Writer::new();
        self.learner.write_header(&self.interactions.layout, &mut out);
        self.interactions.members.write(&mut out);
        out.into_bytes()
    }

    fn records(&self) -> u64 {
        self.interactions.members.len() as u64
    }

    fn predict(&self, data: &Dataset) -> Result<Predictions> {
        self.served().predict(data)
    }
}

impl Recommend {
    fn write_header(&self, layout: &Layout, out: &mut Writer) {
        out.raw(STATE);
        out.u64(self.seed.0);
        self.params.write(out);
        layout.write(out);
    }
}

impl RecommendModel {
    /// The artefact.
    pub fn served(&self) -> RecommendArtefact {
        let Interactions { layout, reading, members, items, .. } = &self.interactions;
        RecommendArtefact {
            user: layout.user.0.clone(),
            item: layout.item.clone(),
            value: layout.value.clone(),
            min_value: reading.min_value,
            value_shift: (!reading.binary).then(|| self.interactions.shift()),
            n_top: self.learner.params.n_top,
            records: members.len() as u64,
            items: items.sorted().map(|(name, _)| name.to_string()).collect(),
            weights: self.weights(),
        }
    }

    fn weights(&self) -> RecommendWeights {
        let items = &self.interactions.items;
        match &self.relation {
            Relation::Ease(ease) => RecommendWeights::Ease { grid: self.learner.params.grid, columns: ease.weights() },
            Relation::Neighbours(neighbours) => {
                let mut places = vec![0; items.n_codes()];
                items.sorted().enumerate().for_each(|(place, (_, code))| places[code as usize] = place as u32);
                let placed = |(code, similarity): &(u32, f64)| (places[*code as usize], *similarity);
                let lists = items.sorted().map(|(_, code)| neighbours.of(code).iter().map(placed).collect()).collect();
                RecommendWeights::Neighbours { similarity: self.learner.params.similarity, lists }
            }
        }
    }

    /// Whether the columns of `retained` are those that the model was trained on.
    fn fits(&self, retained: &Dataset) -> Result<bool> {
        Ok(Layout::of(retained, self.learner.params.item.as_deref())? == self.interactions.layout)
    }

    /// Lets records go and takes records in, or changes nothing.
    fn change(&mut self, leave: &[String], join: Vec<Joining>) -> Result<()> {
        let joined: Vec<String> = join.iter().map(|(id, _)| id.clone()).collect();
        let changes = self.interactions.apply(leave, join);
        let done = self.relation.revise(&self.learner, &self.interactions, &changes);
        if done.is_err() {
            self.interactions.apply(&joined, changes.left);
        }
        done
    }
}

impl Relation {
    fn of(learner: &Recommend, interactions: &Interactions) -> Result<Self> {
        Ok(match learner.params.method {
            Method::Ease => Self::Ease(Ease::new(&learner.params, learner.seed, interactions)?),
            Method::Neighbours => Self::Neighbours(Neighbours::new(&learner.params, interactions)),
        })
    }

    fn revise(&mut self, learner: &Recommend, interactions: &Interactions, changes: &Changes) -> Result<()> {
        match self {
            Self::Ease(ease) => ease.revise(interactions, changes)?,
            Self::Neighbours(neighbours) if changes.rescaled => *neighbours = Neighbours::new(&learner.params, interactions),
            Self::Neighbours(neighbours) => neighbours.revise(&changes.users, &interactions.items),
        }
        Ok(())
    }
}
