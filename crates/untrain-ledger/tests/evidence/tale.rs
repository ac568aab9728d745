//! Stories of deletions without any training: digests are those of made-up bytes, and the log is a tree in memory.

use untrain_core::{Digest, Guarantee};
use untrain_ledger::bisect::{Part, Trail};
use untrain_ledger::checkpoint::{Checkpoint, LogProof};
use untrain_ledger::commitment::{CommitmentSet, Salt, SetHead};
use untrain_ledger::envelope::Envelope;
use untrain_ledger::keys::{Role, SecretKey, Signer as _};
use untrain_ledger::merkle::{self, MemoryTree};
use untrain_ledger::note::Note;
use untrain_ledger::policy::Policy;
use untrain_ledger::receipt::{Entry, Opened, Openings, Parts, Receipt};
use untrain_ledger::statement::{
    Affected, Erasure, Fate, File, ModelDigests, Publish, Purge, Replay, Request, RequestRef, Scope, SeedOrigin, Statement, Train,
    reference,
};
use untrain_ledger::{Hash, Refusal};

use crate::support::{NOW, key, program};

pub(crate) const START_MS: u64 = 1_698_000_000_000;
const DAY_MS: u64 = 24 * 60 * 60 * 1000;

/// What a story has in it.
#[expect(clippy::struct_excessive_bools, reason = "parts that a story has or lacks, each by itself")]
#[derive(Debug, Clone)]
pub(crate) struct Shape {
    pub(crate) records: usize,
    pub(crate) own: usize,
    pub(crate) others: usize,
    pub(crate) fates: Vec<Fate>,
    /// Whether another erasure came before.
    pub(crate) earlier: bool,
    pub(crate) published: bool,
    pub(crate) purged: bool,
    /// What an auditor replayed of the first model.
    pub(crate) replays: Vec<Scope>,
    pub(crate) opened: bool,
}

impl Default for Shape {
    fn default() -> Self {
        Self {
            records: 40,
            own: 2,
            others: 1,
            fates: vec![Fate::Updated, Fate::Unaffected],
            earlier: true,
            published: true,
            purged: true,
            replays: vec![Scope::Full, Scope::Shard { index: 3 }],
            opened: true,
        }
    }
}

/// A log with a story in it, and what a receipt of the request `r-1` is made of.
pub(crate) struct Tale {
    pub(crate) keys: Keys,
    /// The signed statements.
    pub(crate) entries: Vec<Vec<u8>>,
    /// The indices of those that are part of the receipt.
    pub(crate) told: Vec<u64>,
    pub(crate) before: Vec<Hash>,
    pub(crate) forgotten: Vec<Hash>,
    pub(crate) own: Vec<Hash>,
    pub(crate) openings: Option<Openings>,
}

pub(crate) struct Keys {
    pub(crate) log: SecretKey,
    pub(crate) witness: SecretKey,
    pub(crate) issuer: SecretKey,
    pub(crate) auditor: SecretKey,
}

impl Keys {
    pub(crate) fn new() -> Self {
        Self {
            log: key("example.com/log", Role::Log, 1),
            witness: key("example.org/witness", Role::Witness, 2),
            issuer: key("example.com/issuer", Role::Issuer, 3),
            auditor: key("example.net/auditor", Role::Auditor, 4),
        }
    }

    pub(crate) fn policy_text(&self) -> String {
        format!(
            "log {}\nwitness w {}\nquorum w\nissuer {}\nauditor {}\n",
            self.log.verifier(),
            self.witness.verifier(),
            self.issuer.verifier(),
            self.auditor.verifier(),
        )
    }

    pub(crate) fn policy(&self) -> Policy {
        self.policy_text().parse().unwrap()
    }

    fn sign(&self, statement: &Statement) -> Vec<u8> {
        let signer = if matches!(statement, Statement::Replay(_)) { &self.auditor } else { &self.issuer };
        Envelope::sign(statement, signer).unwrap().to_json().unwrap()
    }
}

impl Tale {
    pub(crate) fn new() -> Self {
        Self::of(&Shape::default(), &|_| ())
    }

    /// The story with statements changed before they are signed: lies that are properly signed.
    pub(crate) fn with(edit: &dyn Fn(&mut Statement)) -> Self {
        Self::of(&Shape::default(), edit)
    }

    pub(crate) fn of(shape: &Shape, edit: &dyn Fn(&mut Statement)) -> Self {
        let all: Vec<(Opened, Hash)> = (0..shape.records).map(|i| opened(&i.to_string())).collect();
        let commitments = |range: std::ops::Range<usize>| -> Vec<Hash> { all[range].iter().map(|(_, commitment)| *commitment).collect() };
        let (own, forgotten) = (commitments(0..shape.own), commitments(0..shape.own + shape.others));
        let before = commitments(0..shape.records);
        let gone = opened("gone").1;
        let openings = shape.opened.then(|| Openings {
            tenant: String::new(),
            records: all[..shape.own].iter().rev().map(|(opened, _)| opened.clone()).collect(),
        });
        let mut tale = Self { keys: Keys::new(), entries: Vec::new(), told: Vec::new(), before, forgotten, own, openings };
        let mut first = tale.before.clone();
        first.extend(shape.earlier.then_some(gone));
        for (i, _) in shape.fates.iter().enumerate() {
            tale.say(edit, train(i, head(&first)));
        }
        if shape.earlier {
            let request = tale.whisper(edit, request("r-0", &[gone]));
            let models = shape.fates.iter().enumerate().map(|(i, _)| affected(i, 1, &Fate::Retrained)).collect();
            tale.say(edit, erasure(vec![request], &first, &tale.before, &[gone], models));
        }
        let version = 1 + u64::from(shape.earlier);
        let mut requests = vec![tale.say(edit, request("r-1", &tale.own))];
        if shape.others > 0 {
            requests.push(tale.whisper(edit, request("r-2", &tale.forgotten[shape.own..])));
        }
        let own = requests[0].clone();
        let after: Vec<Hash> = tale.before.iter().copied().filter(|commitment| !tale.forgotten.contains(commitment)).collect();
        let models: Vec<Affected> = shape.fates.iter().enumerate().map(|(i, fate)| affected(i, version, fate)).collect();
        let done = tale.say(edit, erasure(requests, &tale.before, &after, &tale.forgotten, models.clone()));
        tale.aftermath(shape, edit, &own, &done, &models, head(&after));
        tale
    }

    fn aftermath(
        &mut self,
        shape: &Shape,
        edit: &dyn Fn(&mut Statement),
        own: &RequestRef,
        done: &RequestRef,
        models: &[Affected],
        after: SetHead,
    ) {
        let changed = models.first().filter(|model| matches!(model.fate, Fate::Updated | Fate::Retrained));
        let Some((model, digests)) = changed.and_then(|model| Some((model, model.after.clone()?))) else { return };
        if shape.published {
            self.say(edit, publish(model, &digests));
        }
        if shape.purged {
            self.say(edit, purge(own, &model.before));
        }
        for scope in &shape.replays {
            self.say(edit, replay(model, &digests, done, after, scope));
        }
    }

    /// Appends a statement that is part of the receipt.
    fn say(&mut self, edit: &dyn Fn(&mut Statement), statement: Statement) -> RequestRef {
        self.told.push(self.entries.len() as u64);
        self.whisper(edit, statement)
    }

    /// Appends a statement that is not.
    fn whisper(&mut self, edit: &dyn Fn(&mut Statement), mut statement: Statement) -> RequestRef {
        edit(&mut statement);
        let bytes = self.keys.sign(&statement);
        let request = if let Statement::Request(request) = &statement { request.request.clone() } else { "none".parse().unwrap() };
        let reference = RequestRef { request, statement: reference(&bytes) };
        self.entries.push(bytes);
        reference
    }

    pub(crate) fn tree(&self, size: u64) -> MemoryTree {
        let mut tree = MemoryTree::default();
        self.entries[..size as usize].iter().for_each(|entry| tree.push(merkle::leaf_hash(entry)));
        tree
    }

    /// The checkpoint of a size, cosigned.
    pub(crate) fn checkpoint(&self, size: u64, seconds: u64) -> Note {
        let mut note = Checkpoint::sign(self.tree(size).head(), &self.keys.log).unwrap();
        let cosignature = note.cosign(&self.keys.witness, seconds).unwrap();
        note.add(cosignature);
        note
    }

    pub(crate) fn size(&self) -> u64 {
        self.entries.len() as u64
    }

    pub(crate) fn entry(&self, index: u64, size: u64) -> Entry {
        let (path, checkpoint) = (self.tree(size).inclusion_proof(index), self.checkpoint(size, NOW));
        Entry { bytes: self.entries[index as usize].clone(), proof: LogProof { extra: None, index, path, checkpoint } }
    }

    pub(crate) fn parts(&self) -> Parts {
        Parts {
            request: "r-1".parse().unwrap(),
            entries: self.told.iter().map(|index| self.entry(*index, self.size())).collect(),
            steps: Vec::new(),
            before: CommitmentSet::new(self.before.iter().copied()),
            forgotten: self.forgotten.clone(),
            own: self.own.clone(),
            openings: self.openings.clone(),
            policy: self.keys.policy_text(),
        }
    }

    pub(crate) fn receipt(&self) -> Receipt {
        Receipt::new(self.parts()).unwrap()
    }

    /// What the whole way from parts to a verdict ends with.
    pub(crate) fn refused(&self, parts: Parts) -> Refusal {
        verdict(parts, &self.keys.policy()).unwrap_err()
    }

    /// As [`refused`](Self::refused), for the story as it is.
    pub(crate) fn refusal(&self) -> Refusal {
        self.refused(self.parts())
    }
}

/// Makes a receipt, writes it, reads it and checks it.
pub(crate) fn verdict(parts: Parts, policy: &Policy) -> Result<(), Refusal> {
    let bytes = Receipt::new(parts)?.to_zip()?;
    Receipt::from_zip(&bytes)?.check(Some(policy)).map(drop)
}

pub(crate) fn head(commitments: &[Hash]) -> SetHead {
    CommitmentSet::new(commitments.iter().copied()).head()
}

fn opened(record: &str) -> (Opened, Hash) {
    let salt = Salt::from_bytes(Hash::of(&[b"salt", record.as_bytes()]).0);
    let opened = Opened { record: record.to_owned(), row: Digest::of(record.as_bytes()), salt };
    let commitment = opened.commitment("", "adults");
    (opened, commitment)
}

fn name(i: usize) -> untrain_ledger::Name {
    ["forest", "network", "third", "fourth"][i].parse().unwrap()
}

/// The digests of a version of a model; the artefact of version 3 of the forest are the bytes "forest 3".
fn digests(i: usize, version: u64) -> ModelDigests {
    let text = |what: &str| Digest::of(format!("{}{what} {version}", name(i)).as_bytes());
    ModelDigests { artefact: text(""), state: text(" state") }
}

fn train(i: usize, records: SetHead) -> Statement {
    Statement::Train(Train {
        model: name(i),
        version: 1,
        dataset: "adults".parse().unwrap(),
        records,
        recipe: Digest::of(name(i).as_bytes()),
        digests: digests(i, 1),
        checkpoints: None,
        seed: SeedOrigin::Chosen,
        program: program(),
        at_ms: START_MS,
    })
}

fn request(id: &str, commitments: &[Hash]) -> Statement {
    Statement::Request(Request {
        request: id.parse().unwrap(),
        dataset: "adults".parse().unwrap(),
        regime: "GDPR".to_owned(),
        records: head(commitments),
        received_ms: START_MS + DAY_MS,
        confirm_due_ms: None,
        due_ms: Some(START_MS + 32 * DAY_MS),
    })
}

fn affected(i: usize, version: u64, fate: &Fate) -> Affected {
    let changed = matches!(fate, Fate::Updated | Fate::Retrained);
    let after = version + u64::from(changed);
    Affected {
        model: name(i),
        recipe: Digest::of(name(i).as_bytes()),
        version: after,
        before: digests(i, version),
        after: (*fate != Fate::Dropped).then(|| digests(i, after)),
        checkpoints: (*fate != Fate::Dropped && i == 0).then(|| trail(after).head()),
        guarantee: changed.then_some(if i.is_multiple_of(2) {
            Guarantee::Exact
        } else {
            Guarantee::Certified { epsilon: 0.5, delta: 1e-6 }
        }),
        fate: fate.clone(),
    }
}

fn erasure(requests: Vec<RequestRef>, before: &[Hash], after: &[Hash], forgotten: &[Hash], models: Vec<Affected>) -> Statement {
    Statement::Erasure(Erasure {
        requests,
        dataset: "adults".parse().unwrap(),
        before: head(before),
        after: head(after),
        forgotten: head(forgotten),
        models,
        program: program(),
        at_ms: START_MS + 2 * DAY_MS,
    })
}

fn publish(model: &Affected, digests: &ModelDigests) -> Statement {
    Statement::Publish(Publish {
        model: model.model.clone(),
        version: model.version,
        artefact: digests.artefact,
        files: vec![File { name: "forest.json".to_owned(), digest: Digest::of(b"forest.json 3") }],
        floor: model.version,
        at_ms: START_MS + 2 * DAY_MS,
    })
}

fn purge(own: &RequestRef, before: &ModelDigests) -> Statement {
    Statement::Purge(Purge {
        requests: vec![own.clone()],
        destroyed: vec![before.artefact, before.state, Digest::of(b"a part of the dataset")],
        method: "erased; database compacted".to_owned(),
        backups_until_ms: Some(START_MS + 92 * DAY_MS),
        at_ms: START_MS + 3 * DAY_MS,
    })
}

/// The checkpoints of a version of the forest, which is made of nine shards of two each.
pub(crate) fn trail(version: u64) -> Trail {
    Trail::new((0..18).map(|i| Digest::of(format!("forest checkpoint {i} {version}").as_bytes())).collect())
}

fn part(version: u64, scope: &Scope) -> Option<Part> {
    let spans = match scope {
        Scope::Full => return None,
        Scope::Shard { index } => 2 * index..2 * index + 2,
        Scope::Span { from, to } => *from..*to,
    };
    Some(trail(version).part(spans).unwrap())
}

fn replay(model: &Affected, digests: &ModelDigests, done: &RequestRef, after: SetHead, scope: &Scope) -> Statement {
    Statement::Replay(Replay {
        model: model.model.clone(),
        version: model.version,
        statement: done.statement,
        records: after,
        expected: digests.clone(),
        obtained: digests.clone(),
        scope: scope.clone(),
        checkpoints: model.checkpoints,
        part: part(model.version, scope),
        program: program(),
        at_ms: START_MS + 9 * DAY_MS,
    })
}
