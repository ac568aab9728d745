//! Which part each statement has in the story of a request.

use untrain_core::Digest;

use super::{Held, Receipt};
use crate::statement::{Affected, Erasure, Kind, Publish, Purge, Replay, Request, Statement};
use crate::{Name, Refusal};

/// The statements of a receipt by their parts. Nothing in it has been verified.
#[derive(Debug)]
pub(super) struct Story<'a> {
    pub(super) request: Told<'a, Request>,
    pub(super) erasure: Told<'a, Erasure>,
    /// The trainings and erasures that say how dataset and models stood before, in the order of the log.
    pub(super) earlier: Vec<Told<'a, Statement>>,
    pub(super) publishes: Vec<Told<'a, Publish>>,
    pub(super) purges: Vec<Told<'a, Purge>>,
    pub(super) replays: Vec<Told<'a, Replay>>,
}

/// A statement, its place in the log, and the digest by which others refer to it.
#[derive(Debug)]
pub(super) struct Told<'a, T> {
    pub(super) kind: Kind,
    pub(super) index: u64,
    pub(super) reference: Digest,
    pub(super) says: &'a T,
}

impl<'a> Story<'a> {
    pub(super) fn of(receipt: &'a Receipt) -> Result<Self, Refusal> {
        let id = &receipt.request;
        let (mut request, mut erasure) = (None, None);
        for held in &receipt.entries {
            match held.envelope.statement() {
                Statement::Request(says) if says.request != *id => return Err(foreign(id, held, format!("it is about {}", says.request))),
                Statement::Request(_) if request.is_some() => return Err(foreign(id, held, "there is another one".to_owned())),
                Statement::Request(says) => request = Some(held.told(says)),
                Statement::Erasure(says) if covers(says, id) && erasure.is_some() => {
                    return Err(foreign(id, held, "another erasure carries the request out already".to_owned()));
                }
                Statement::Erasure(says) if covers(says, id) => erasure = Some(held.told(says)),
                _ => {}
            }
        }
        let missing = |what: &str| Refusal::Missing { what: format!("the {what} statement of the request {id}") };
        let (request, erasure) = (request.ok_or_else(|| missing("request"))?, erasure.ok_or_else(|| missing("erasure"))?);
        let mut story = Self { request, erasure, earlier: Vec::new(), publishes: Vec::new(), purges: Vec::new(), replays: Vec::new() };
        receipt.entries.iter().try_for_each(|held| story.add(id, held))?;
        Ok(story)
    }

    fn add(&mut self, id: &Name, held: &'a Held) -> Result<(), Refusal> {
        let (erasure, place, reference) = (self.erasure.says, self.erasure.index, self.erasure.reference);
        let named = |model: &Name| erasure.models.iter().any(|affected| affected.model == *model);
        let statement = held.envelope.statement();
        let reason = match statement {
            Statement::Request(_) => return Ok(()),
            Statement::Erasure(_) if held.index() == place => return Ok(()),
            Statement::Erasure(says) if says.dataset == erasure.dataset => {
                self.earlier.push(held.told(statement));
                return Ok(());
            }
            Statement::Train(says) if says.dataset == erasure.dataset => {
                self.earlier.push(held.told(statement));
                return Ok(());
            }
            Statement::Publish(says) if named(&says.model) => {
                self.publishes.push(held.told(says));
                return Ok(());
            }
            Statement::Purge(says) if says.requests.iter().any(|request| request.request == *id) => {
                self.purges.push(held.told(says));
                return Ok(());
            }
            Statement::Replay(says) if says.statement == reference && named(&says.model) => {
                self.replays.push(held.told(says));
                return Ok(());
            }
            Statement::Train(_) | Statement::Erasure(_) => format!("it is not about the dataset {}", erasure.dataset),
            Statement::Publish(says) => format!("the erasure does not name the model {}", says.model),
            Statement::Purge(_) => "it does not name the request".to_owned(),
            Statement::Replay(_) => "it does not replay a model of the erasure".to_owned(),
        };
        Err(foreign(id, held, reason))
    }

    /// Whether the models as they were before are among what was destroyed, in sentences; none where nothing was.
    pub(super) fn old_models(&self) -> Vec<String> {
        let gone = |digest: &Digest| self.purges.iter().any(|told| told.says.destroyed.contains(digest));
        let changed = self.erasure.says.models.iter().filter(|affected| affected.after.as_ref() != Some(&affected.before));
        let sentence = |Affected { model, before, .. }: &Affected| {
            let is = if gone(&before.artefact) && gone(&before.state) { "is" } else { "is not" };
            format!("The model {model} as it was before {is} among what was destroyed.")
        };
        if self.purges.is_empty() { Vec::new() } else { changed.map(sentence).collect() }
    }

    /// What became of a model.
    pub(super) fn affected(&self, model: &Name) -> Option<&'a Affected> {
        self.erasure.says.models.iter().find(|affected| affected.model == *model)
    }
}

impl<T> Told<'_, T> {
    /// How messages call the statement.
    pub(super) fn label(&self) -> String {
        label(self.kind, self.index)
    }
}

impl Held {
    fn told<'a, T>(&self, says: &'a T) -> Told<'a, T> {
        Told { kind: self.kind(), index: self.index(), reference: self.reference, says }
    }
}

/// How messages call the statement at an index of the log.
pub(super) fn label(kind: Kind, index: u64) -> String {
    format!("the {} statement at index {index}", kind.name())
}

fn covers(erasure: &Erasure, id: &Name) -> bool {
    erasure.requests.iter().any(|request| request.request == *id)
}

fn foreign(id: &Name, held: &Held, reason: String) -> Refusal {
    Refusal::Foreign { request: id.to_string(), statement: label(held.kind(), held.index()), reason }
}
