//! What auditors ask of the engine: to retrain and compare, a model or a part of it, and to say so in the trail.

use std::ops::Range;
use std::time::Instant;

use untrain_core::{AnyLearner, AnyModel, Digest, Learner as _, Model as _};
use untrain_ledger::bisect::{Party, Trail, first_difference};
use untrain_ledger::commitment::{CommitmentSet, Salt, SetHead};
use untrain_ledger::envelope::Envelope;
use untrain_ledger::keys::{Role, Signer};
use untrain_ledger::merkle::TreeHead;
use untrain_ledger::statement::{Affected, ModelDigests, Replay, Scope, Statement};
use untrain_ledger::{Change, Event, ModelRow, NewStatement};

use super::stating::{digests, envelope, head, time};
use super::{Engine, Loaded, from_json};
use crate::checkpoints::trail;
use crate::report::{Difference, Verification};
use crate::trail::program;
use crate::{Error, Recipe, Result, commitments};

/// A training that was done again, as a whole or in part.
struct Repeated {
    verification: Verification,
    /// The checkpoints of what came out.
    trail: Option<Trail>,
    /// The spans that were done again; none if all of the training was.
    spans: Option<Range<u64>>,
}

/// The statement that says how a model came about.
struct Stated {
    statement: Digest,
    checkpoints: Option<TreeHead>,
}

impl Engine {
    /// Retrains a model from the retained records and compares the bytes; and recomputes the commitment to the records, which tells
    /// whether they are those that the trail speaks of.
    ///
    /// # Errors
    ///
    /// An unknown model; [`Error::Store`] if stored bytes are damaged.
    pub fn verify(&self, model: &str) -> Result<Verification> {
        self.verify_part(model, &Scope::Full)
    }

    /// As [`verify`](Self::verify), but retrains only a part of the model: one shard, from nothing, or spans between its checkpoints,
    /// from the stored checkpoint before them. What is compared is the model with the result in the place of that part.
    ///
    /// # Errors
    ///
    /// Those of [`verify`](Self::verify); [`Error::NoShard`]; [`Error::Core`] for spans that there are not, and for a stored state that
    /// is none of this model's recipe and records.
    pub fn verify_part(&self, model: &str, scope: &Scope) -> Result<Verification> {
        let row = self.store.model(model)?;
        Ok(self.repeat(&row, &self.read(row.dataset.as_str())?, scope)?.verification)
    }

    /// One of a model's shards, drawn at random: an auditor who draws cannot be told which one to look at.
    ///
    /// # Errors
    ///
    /// An unknown model; [`Error::NoShard`] for one without shards.
    pub fn any_shard(&self, model: &str) -> Result<Scope> {
        let row = self.store.model(model)?;
        let n_shards = from_json::<Recipe>(model, &row.recipe)?.learner()?.n_shards() as u64;
        let drawn = u64::from_be_bytes(*Salt::generate()?.as_bytes().first_chunk().unwrap_or(&[0; 8]));
        let index = drawn.checked_rem(n_shards);
        Ok(Scope::Shard { index: index.ok_or_else(|| Error::NoShard { model: model.to_owned(), index: 0, n_shards })? })
    }

    /// Does a training again, or a part of it, and compares.
    fn repeat(&self, row: &ModelRow, loaded: &Loaded, scope: &Scope) -> Result<Repeated> {
        let model = row.name.as_str();
        let recipe: Recipe = from_json(model, &row.recipe)?;
        let learner = recipe.learner()?;
        let training = loaded.data.training();
        // The blobs are read too, so that damage to them does not pass.
        let (artefact, state) = (self.store.blob(&row.artefact)?, self.store.blob(&row.state)?);
        let part = match scope {
            Scope::Full => None,
            Scope::Shard { .. } | Scope::Span { .. } => {
                let stored = learner.load(&state, &training)?;
                let spans = spans(model, &learner, scope, stored.checkpoints().len())?;
                Some((stored, spans))
            }
        };
        let timer = Instant::now();
        let again = match &part {
            None => learner.fit(&training)?,
            Some((stored, spans)) => learner.replay(stored, spans.clone(), &training)?,
        };
        let retrain_seconds = timer.elapsed().as_secs_f64();
        let forget_seconds = if *scope == Scope::Full { self.forget_seconds(row)? } else { None };
        let mut verification = Verification {
            scope: scope.clone(),
            n_shards: Some(learner.n_shards() as u64).filter(|n| *n > 0),
            forget_seconds,
            retrain_seconds,
            speedup: forget_seconds.filter(|seconds| *seconds > 0.0).map(|seconds| retrain_seconds / seconds),
            ..compared(row, loaded, &again, [&artefact, &state])?
        };
        verification.seed_follows = self.seed_follows(row, &recipe)?;
        verification.equal &= verification.seed_follows != Some(false);
        let (stored, spans) = part.map(|(stored, spans)| (stored, spans.start as u64..spans.end as u64)).unzip();
        let mut repeated = Repeated { verification, trail: trail(&again.checkpoints(), &loaded.salts), spans };
        if !repeated.verification.equal {
            match stored.map_or_else(|| learner.load(&state, &training), Ok) {
                Err(error) => repeated.verification.foreign = Some(error.to_string()),
                Ok(stored) => {
                    let trails = trail(&stored.checkpoints(), &loaded.salts).zip(repeated.trail.as_ref());
                    repeated.verification.first_difference =
                        trails.and_then(|(stored, found)| difference(&stored, found, learner.n_shards()));
                }
            }
        }
        let head = repeated.trail.as_ref().map(Trail::head);
        (repeated.verification.n_checkpoints, repeated.verification.checkpoints) = head.map(|head| (head.size, head.root)).unzip();
        Ok(repeated)
    }

    /// How long the last change of a model took, if it was made to forget.
    fn forget_seconds(&self, row: &ModelRow) -> Result<Option<f64>> {
        let last = self.store.history(row.name.as_str())?.into_iter().max_by_key(|publication| publication.version);
        Ok(last.filter(|publication| publication.event == Event::Forget).map(|_| row.seconds))
    }

    /// As [`verify`](Self::verify), and states the outcome in the trail under the auditor's key, whatever it is.
    ///
    /// # Errors
    ///
    /// Those of [`verify`](Self::verify); [`Error::NotStated`] for a model whose training the trail does not have;
    /// [`Error::Store`] for a key that is no auditor's.
    pub fn verify_signed(&mut self, model: &str, auditor: &dyn Signer) -> Result<Verification> {
        self.verify_part_signed(model, &Scope::Full, auditor)
    }

    /// As [`verify_part`](Self::verify_part), and states the outcome in the trail under the auditor's key, whatever it is, with the
    /// checkpoints that came out and the proof that they are among the stated ones.
    ///
    /// # Errors
    ///
    /// Those of [`verify_part`](Self::verify_part) and of [`verify_signed`](Self::verify_signed); [`Error::NoCheckpoints`];
    /// [`Error::Store`] for a part with more checkpoints than a statement can hold.
    pub fn verify_part_signed(&mut self, model: &str, scope: &Scope, auditor: &dyn Signer) -> Result<Verification> {
        self.trail()?;
        if self.policy()?.keys(Role::Auditor).all(|key| key != auditor.verifier()) {
            return Err(Error::UnknownAuditor { key: auditor.verifier().to_string() });
        }
        let row = self.store.model(model)?;
        let loaded = self.read(row.dataset.as_str())?;
        let stated = self.stated(&row, &loaded)?;
        let Repeated { mut verification, trail, spans } = self.repeat(&row, &loaded, scope)?;
        // Models that were stated before there were checkpoints to state can still be replayed as a whole.
        let trail = trail.filter(|_| stated.checkpoints.is_some());
        let checkpoints = trail.as_ref().map(Trail::head);
        verification.committed_checkpoints = stated.checkpoints.map(|head| head.root);
        verification.equal &= checkpoints == stated.checkpoints;
        let part = match spans.map(|spans| trail.as_ref().map(|trail| trail.part(spans))) {
            None => None,
            Some(None) => return Err(Error::NoCheckpoints { model: model.to_owned() }),
            Some(Some(part)) => Some(part.map_err(untrain_ledger::Error::from)?),
        };
        let root = verification.commitment.ok_or_else(|| Error::NoCommitment { dataset: row.dataset.to_string() })?;
        let now = self.now();
        let replay = Replay {
            model: row.name.clone(),
            version: row.version,
            statement: stated.statement,
            records: SetHead { root, size: loaded.data.len() as u64 },
            expected: digests(&row),
            obtained: ModelDigests { artefact: verification.retrained_digest, state: verification.retrained_state_digest },
            scope: scope.clone(),
            checkpoints,
            part,
            program: program(),
            at_ms: time(now),
        };
        let statement = Statement::Replay(replay);
        let entry = Envelope::sign(&statement, auditor)?.to_json().map_err(untrain_ledger::Error::from)?;
        verification.statement = Some(Digest::of(&entry));
        let model = Some((row.name.clone(), row.version));
        let new = NewStatement { kind: statement.kind(), entry, request: None, model, after_erasing: false };
        let committed = self.commit_and_state(Change { statements: vec![new], ..Change::default() })?;
        committed.unfinished.map_or(Ok(verification), |error| Err(error.into()))
    }

    /// What says how the current version of a model came about, and how it stands to the records as they are now.
    fn stated(&self, row: &ModelRow, loaded: &Loaded) -> Result<Stated> {
        let records = head(loaded)?;
        let publication = self.store.history(row.name.as_str())?.into_iter().max_by_key(|publication| publication.version);
        let mut rows = self.store.statements_of_model(row.name.as_str(), row.version)?;
        if let Some(request) = publication.and_then(|publication| publication.request) {
            rows.extend(self.store.statements_of_request(request)?);
        }
        for (statement, entry) in self.entries_of(&rows)? {
            if let Some(checkpoints) = says(&entry, row, records)? {
                return Ok(Stated { statement: statement.digest, checkpoints });
            }
        }
        // A later erasure may have left the model as it is: of records that it had not learnt.
        let mut upto = i64::MAX as u64;
        while let Some(statement) = self.store.statement_before(upto)? {
            upto = statement.number;
            for (statement, entry) in self.entries_of(&[statement])? {
                if let Some(checkpoints) = says(&entry, row, records)? {
                    return Ok(Stated { statement: statement.digest, checkpoints });
                }
            }
        }
        Err(Error::NotStated { model: row.name.to_string() })
    }
}

/// What a statement says of the checkpoints of a model, if it says how the model and the dataset are.
#[expect(clippy::option_option, reason = "a statement may say that a model has no checkpoints")]
fn says(entry: &[u8], row: &ModelRow, records: SetHead) -> Result<Option<Option<TreeHead>>> {
    Ok(match envelope(entry)?.statement() {
        Statement::Train(train) => {
            let same = train.model == row.name && train.digests == digests(row) && train.records == records;
            same.then_some(train.checkpoints)
        }
        Statement::Erasure(erasure) if erasure.after == records => {
            let same = |model: &&Affected| model.model == row.name && model.after.as_ref() == Some(&digests(row));
            erasure.models.iter().find(same).map(|model| model.checkpoints)
        }
        _ => None,
    })
}

/// The spans that a part of a model's training consists of.
fn spans(model: &str, learner: &AnyLearner, scope: &Scope, n_checkpoints: usize) -> Result<Range<usize>> {
    let n_shards = learner.n_shards();
    let place = |at: u64| usize::try_from(at).unwrap_or(usize::MAX);
    match *scope {
        Scope::Full => Ok(0..n_checkpoints),
        Scope::Shard { index } if place(index) < n_shards => {
            let each = n_checkpoints / n_shards;
            Ok(place(index) * each..(place(index) + 1) * each)
        }
        Scope::Shard { index } => Err(Error::NoShard { model: model.to_owned(), index, n_shards: n_shards as u64 }),
        Scope::Span { from, to } => Ok(place(from)..place(to)),
    }
}

/// Compares what training again gave with the stored bytes, artefact and state, and the records with what was committed to.
fn compared(row: &ModelRow, loaded: &Loaded, again: &AnyModel, stored: [&[u8]; 2]) -> Result<Verification> {
    let [digest, state_digest] = stored.map(Digest::of);
    let (retrained_digest, retrained_state_digest) = (again.digest(), again.state_digest());
    let committed = loaded.row.commitment.as_ref().map(|committing| committing.root);
    let commitment = committed.map(|_| recomputed(loaded));
    Ok(Verification {
        model: row.name.to_string(),
        scope: Scope::Full,
        equal: digest == retrained_digest && state_digest == retrained_state_digest && commitment == committed,
        guarantee: from_json(row.name.as_str(), &row.guarantee)?,
        foreign: None,
        records: again.records(),
        digest,
        retrained_digest,
        state_digest,
        retrained_state_digest,
        committed,
        commitment,
        n_shards: None,
        n_checkpoints: None,
        committed_checkpoints: None,
        checkpoints: None,
        first_difference: None,
        seed_follows: None,
        statement: None,
        forget_seconds: None,
        retrain_seconds: 0.0,
        speedup: None,
    })
}

/// The first checkpoint in which a stored model and its repetition differ.
fn difference(stored: &Trail, found: &Trail, n_shards: usize) -> Option<Difference> {
    let each = stored.head().size.checked_div(n_shards as u64)?;
    let (mut show_stored, mut show_found) = (|i| stored.show(i), |i| found.show(i));
    let stored = Party { head: stored.head(), show: &mut show_stored };
    let found = Party { head: found.head(), show: &mut show_found };
    // It errs for trails of other lengths, and these have one learner.
    let parting = first_difference(stored, found).ok()??;
    let [digest, retrained_digest] = parting.parted.map(|shown| shown.digest);
    let shard = parting.index.checked_div(each)?;
    Some(Difference { checkpoint: parting.index, shard, digest, retrained_digest })
}

/// The root of the commitments to the records as they are.
fn recomputed(loaded: &Loaded) -> untrain_ledger::Hash {
    let salts = &loaded.salts;
    if salts.len() != loaded.data.len() {
        return CommitmentSet::new([]).head().root;
    }
    CommitmentSet::new(commitments::all(loaded.row.name.as_str(), &loaded.data, salts)).head().root
}
