//! What auditors ask of the engine: to retrain and compare, and to say so in the trail.

use std::time::Instant;

use untrain_core::{Digest, Learner as _, Model as _};
use untrain_ledger::commitment::{CommitmentSet, SetHead};
use untrain_ledger::envelope::Envelope;
use untrain_ledger::keys::{Role, Signer};
use untrain_ledger::statement::{ModelDigests, Replay, Scope, Statement};
use untrain_ledger::{Change, Event, ModelRow, NewStatement};

use super::stating::{digests, envelope, time};
use super::{Engine, Loaded, from_json};
use crate::report::Verification;
use crate::trail::program;
use crate::{Error, Recipe, Result, commitments};

impl Engine {
    /// Retrains a model from the retained records and compares the bytes; and recomputes the commitment to the records, which tells
    /// whether they are those that the trail speaks of.
    ///
    /// # Errors
    ///
    /// An unknown model; [`Error::Store`] if stored bytes are damaged.
    pub fn verify(&self, model: &str) -> Result<Verification> {
        let row = self.store.model(model)?;
        self.compare_with_retrain(&row, &self.read(row.dataset.as_str())?)
    }

    fn compare_with_retrain(&self, row: &ModelRow, loaded: &Loaded) -> Result<Verification> {
        let model = row.name.as_str();
        let recipe: Recipe = from_json(model, &row.recipe)?;
        let training = loaded.data.training();
        let timer = Instant::now();
        let retrained = recipe.learner()?.fit(&training)?;
        let retrain_seconds = timer.elapsed().as_secs_f64();
        // The blobs are read too, so that damage to them does not pass.
        let digest = Digest::of(&self.store.blob(&row.artefact)?);
        let state_digest = Digest::of(&self.store.blob(&row.state)?);
        let (retrained_digest, retrained_state_digest) = (retrained.digest(), retrained.state_digest());
        let committed = loaded.row.commitment.as_ref().map(|committing| committing.root);
        let commitment = committed.map(|_| recomputed(loaded));
        let seed_follows = self.seed_follows(row, &recipe)?;
        let last = self.store.history(model)?.into_iter().max_by_key(|publication| publication.version);
        let forget_seconds = last.filter(|publication| publication.event == Event::Forget).map(|_| row.seconds);
        Ok(Verification {
            model: model.to_owned(),
            equal: digest == retrained_digest
                && state_digest == retrained_state_digest
                && commitment == committed
                && seed_follows != Some(false),
            records: retrained.records(),
            digest,
            retrained_digest,
            state_digest,
            retrained_state_digest,
            committed,
            commitment,
            seed_follows,
            statement: None,
            forget_seconds,
            retrain_seconds,
            speedup: forget_seconds.filter(|seconds| *seconds > 0.0).map(|seconds| retrain_seconds / seconds),
        })
    }

    /// As [`verify`](Self::verify), and states the outcome in the trail under the auditor's key, whatever it is.
    ///
    /// # Errors
    ///
    /// Those of [`verify`](Self::verify); [`Error::NotStated`] for a model whose training the trail does not have;
    /// [`Error::Store`] for a key that is no auditor's.
    pub fn verify_signed(&mut self, model: &str, auditor: &dyn Signer) -> Result<Verification> {
        self.trail()?;
        if self.policy()?.keys(Role::Auditor).all(|key| key != auditor.verifier()) {
            return Err(Error::UnknownAuditor { key: auditor.verifier().to_string() });
        }
        let row = self.store.model(model)?;
        let loaded = self.read(row.dataset.as_str())?;
        let mut verification = self.compare_with_retrain(&row, &loaded)?;
        let root = verification.commitment.ok_or_else(|| Error::NoCommitment { dataset: row.dataset.to_string() })?;
        let now = self.now();
        let replay = Replay {
            model: row.name.clone(),
            version: row.version,
            statement: self.stated(&row)?,
            records: SetHead { root, size: loaded.data.len() as u64 },
            expected: digests(&row),
            obtained: ModelDigests { artefact: verification.retrained_digest, state: verification.retrained_state_digest },
            scope: Scope::Full,
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

    /// The digest of the signed statement that says how the current version of a model came about.
    fn stated(&self, row: &ModelRow) -> Result<Digest> {
        let not_stated = || Error::NotStated { model: row.name.to_string() };
        let publication = self.store.history(row.name.as_str())?.into_iter().max_by_key(|publication| publication.version);
        let mut rows = self.store.statements_of_model(row.name.as_str(), row.version)?;
        if let Some(request) = publication.and_then(|publication| publication.request) {
            rows.extend(self.store.statements_of_request(request)?);
        }
        for (statement, entry) in self.entries_of(&rows)? {
            let says = match envelope(&entry)?.statement() {
                Statement::Train(train) => train.model == row.name && train.digests == digests(row),
                Statement::Erasure(erasure) => {
                    erasure.models.iter().any(|model| model.model == row.name && model.after.as_ref() == Some(&digests(row)))
                }
                _ => false,
            };
            if says {
                return Ok(statement.digest);
            }
        }
        Err(not_stated())
    }
}

/// The root of the commitments to the records as they are.
fn recomputed(loaded: &Loaded) -> untrain_ledger::Hash {
    let salts = &loaded.salts;
    if salts.len() != loaded.data.len() {
        return CommitmentSet::new([]).head().root;
    }
    CommitmentSet::new(commitments::all(loaded.row.name.as_str(), &loaded.data, salts)).head().root
}
