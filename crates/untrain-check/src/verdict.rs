//! From files to a verdict.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;

use serde_json::{Value, json};
use untrain_core::Digest;
use untrain_ledger::Refusal;
use untrain_ledger::policy::Policy;
use untrain_ledger::receipt::{Checked, LARGEST, Receipt, report};

use crate::options::Options;

/// A receipt that was accepted.
#[derive(Debug)]
pub(crate) struct Verdict {
    checked: Checked,
    /// What the file of a model is, in a sentence.
    artefact: Option<String>,
}

/// A receipt that was not, or something that went wrong before.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) code: u8,
    pub(crate) message: String,
    pub(crate) hint: Option<String>,
}

/// Checks what the options ask for.
pub(crate) fn of(options: &Options) -> Result<Verdict, Failure> {
    let policy = options.policy.as_deref().map(read_policy).transpose()?;
    let refused = |refusal| Failure::refused(&options.receipt, &refusal, policy.is_some());
    // One byte more than a receipt may have is enough to see that it is too large.
    let bytes = read(&options.receipt, LARGEST as u64 + 1)?;
    let receipt = Receipt::from_zip(&bytes).map_err(refused)?;
    let checked = receipt.check(policy.as_ref()).map_err(refused)?;
    if let Some(request) = &options.request {
        checked.require_request(request).map_err(refused)?;
    }
    checked.require(options.level).map_err(refused)?;
    let artefact = options.artefact.as_deref().map(|path| compare(&checked, path, policy.is_some())).transpose()?;
    Ok(Verdict { checked, artefact })
}

fn compare(checked: &Checked, path: &Path, has_policy: bool) -> Result<String, Failure> {
    let digest = Digest::of(&read(path, u64::MAX)?);
    checked.artefact(&digest).map_err(|refusal| Failure::refused(path, &refusal, has_policy))
}

fn read_policy(path: &Path) -> Result<Policy, Failure> {
    let unreadable = |reason: String| Failure { code: 2, message: format!("{}: {reason}", path.display()), hint: None };
    let text = String::from_utf8(read(path, LARGEST as u64)?).map_err(|_| unreadable("the policy is not text".to_owned()))?;
    text.parse().map_err(|refusal: Refusal| unreadable(refusal.to_string()))
}

fn read(path: &Path, most: u64) -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::new();
    match File::open(path).and_then(|file| file.take(most).read_to_end(&mut bytes)) {
        Ok(_) => Ok(bytes),
        Err(error) => {
            let is_ours = !matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::PermissionDenied | io::ErrorKind::IsADirectory);
            let message = format!("cannot read {}: {error}", path.display());
            Err(Failure { code: if is_ours { 3 } else { 2 }, message, hint: None })
        }
    }
}

impl Verdict {
    /// For people.
    pub(crate) fn to_text(&self) -> String {
        let artefact = self.artefact.as_ref().map(|sentence| format!("\n{sentence}\n")).unwrap_or_default();
        format!("{}{artefact}\nAccepted.\n", report(&self.checked))
    }

    /// One JSON object in a line.
    pub(crate) fn to_json(&self) -> String {
        let mut value = serde_json::to_value(&self.checked).unwrap_or_default();
        if let Value::Object(fields) = &mut value {
            fields.insert("accepted".to_owned(), json!(true));
            fields.insert("artefact".to_owned(), json!(self.artefact));
        }
        format!("{value}\n")
    }
}

impl Failure {
    fn refused(path: &Path, refusal: &Refusal, has_policy: bool) -> Self {
        let hint = hint(refusal, has_policy).map(str::to_owned);
        Self { code: 1, message: format!("{} is refused: {refusal}", path.display()), hint }
    }

    /// One JSON object in a line.
    pub(crate) fn to_json(&self) -> String {
        let Self { code, message, hint } = self;
        format!("{}\n", json!({"accepted": false, "refused": *code == 1, "error": message, "hint": hint}))
    }
}

fn hint(refusal: &Refusal, has_policy: bool) -> Option<&'static str> {
    Some(match refusal {
        Refusal::Untrusted { .. } | Refusal::Quorum { .. } if has_policy => {
            "if the operator's keys have changed, the policy needs the new ones; the old ones stay in it as retired"
        }
        Refusal::Malformed { what: "receipt", .. } => "the file may have been damaged on its way; ask for it again",
        Refusal::OtherPage => "the statements may still be good; do not rely on the page",
        Refusal::NotReplayed { .. } => {
            "ask an auditor to replay the training, or leave out --level to check signatures and the chain alone"
        }
        Refusal::WrongArtefact { .. } => "ask which version is served; this receipt is about the one that the erasure left",
        Refusal::WrongRequest { .. } => "each request has a receipt of its own, also where one erasure carried out several",
        _ => return None,
    })
}
