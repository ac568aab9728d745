//! Signed statements: DSSE envelopes in canonical JSON. Their bytes are the entries of the log.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

use crate::keys::{Role, Signer, VerifierKey, sign};
use crate::statement::{Kind, Statement, canonical};
use crate::{Refusal, Result};

/// The type of the payload: an in-toto statement.
pub const PAYLOAD_TYPE: &str = "application/vnd.in-toto+json";

const MOST_SIGNATURES: usize = 4;
/// Room for the largest statement in base64, and for the signatures.
const LARGEST: usize = 24 * 1024;

/// A signed statement as it was read; that it is signed by somebody is for [`verify`](Self::verify) to say.
///
/// # Examples
///
/// ```
/// use untrain_ledger::envelope::Envelope;
/// use untrain_ledger::keys::{Role, SecretKey, Signer as _};
/// use untrain_ledger::statement::{Purge, Statement};
/// use untrain_core::Digest;
///
/// let key = SecretKey::generate("example.com/issuer", Role::Issuer)?;
/// let statement = Statement::Purge(Purge {
///     requests: Vec::new(),
///     destroyed: vec![Digest::of(b"an old artefact")],
///     method: "erased".to_owned(),
///     backups_until_ms: None,
///     at_ms: 1_700_000_000_000,
/// });
/// let bytes = Envelope::sign(&statement, &key)?.to_json()?;
/// let envelope = Envelope::from_json(&bytes)?;
/// envelope.verify(key.verifier())?;
/// assert_eq!(envelope.statement(), &statement);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # References
///
/// \[@dsse].
#[derive(Debug, Clone, PartialEq)]
pub struct Envelope {
    payload: Vec<u8>,
    statement: Statement,
    signatures: Vec<(String, [u8; 64])>,
}

impl Envelope {
    /// Signs a statement: a replay with an auditor's key, any other with an issuer's.
    ///
    /// # Errors
    ///
    /// [`Refusal::WrongRole`]; those of [`Statement::to_json`] and of the signer.
    pub fn sign(statement: &Statement, signer: &dyn Signer) -> Result<Self> {
        let payload = statement.to_json()?;
        let signature = sign(signer, role(statement.kind()), &pae(&payload))?;
        Ok(Self { payload, statement: statement.clone(), signatures: vec![(signer.verifier().label(), signature)] })
    }

    /// What is stated.
    pub fn statement(&self) -> &Statement {
        &self.statement
    }

    /// The names and ids of the keys that the signatures claim to be of.
    pub fn signers(&self) -> impl Iterator<Item = &str> {
        self.signatures.iter().map(|(key, _)| key.as_str())
    }

    /// Checks that the key signed the statement and may do so.
    ///
    /// # Errors
    ///
    /// [`Refusal::WrongRole`]; [`Refusal::Untrusted`] if there is no signature of the key; [`Refusal::BadSignature`].
    pub fn verify(&self, key: &VerifierKey) -> Result<(), Refusal> {
        key.require(role(self.statement.kind()))?;
        let label = key.label();
        let found = self.signatures.iter().find(|(signer, _)| *signer == label);
        let (_, signature) =
            found.ok_or_else(|| Refusal::Untrusted { what: "statement", found: self.signers().collect::<Vec<_>>().join(", ") })?;
        key.verify("statement", &pae(&self.payload), signature)
    }

    /// The bytes: `{"payload":…,"payloadType":…,"signatures":[{"keyid":…,"sig":…}]}` in canonical JSON.
    ///
    /// # Errors
    ///
    /// None that a signed envelope has; the type is that of the canonical writer.
    pub fn to_json(&self) -> Result<Vec<u8>, Refusal> {
        let signatures = self.signatures.iter();
        canonical(&Raw {
            payload: STANDARD.encode(&self.payload),
            payload_type: PAYLOAD_TYPE.to_owned(),
            signatures: signatures.map(|(keyid, sig)| RawSignature { keyid: keyid.clone(), sig: STANDARD.encode(sig) }).collect(),
        })
    }

    /// Reads the bytes of an envelope, which has to be in canonical JSON without a field that is not known.
    ///
    /// # Errors
    ///
    /// [`Refusal::TooLarge`]; [`Refusal::Malformed`].
    pub fn from_json(bytes: &[u8]) -> Result<Self, Refusal> {
        if bytes.len() > LARGEST {
            return Err(Refusal::TooLarge { what: "signed statement", bytes: bytes.len() as u64, limit: LARGEST as u64 });
        }
        let refuse = |reason: &str| Refusal::malformed("signed statement", reason);
        let raw: Raw = serde_json::from_slice(bytes).map_err(|error| refuse(&error.to_string()))?;
        if raw.payload_type != PAYLOAD_TYPE {
            return Err(refuse(&format!("its payload is not of the type {PAYLOAD_TYPE}")));
        }
        if raw.signatures.is_empty() || raw.signatures.len() > MOST_SIGNATURES {
            return Err(refuse("it has no signature, or more than four"));
        }
        let payload = STANDARD.decode(&raw.payload).map_err(|_| refuse("its payload is not base64"))?;
        let mut signatures: Vec<(String, [u8; 64])> = Vec::new();
        for RawSignature { keyid, sig } in raw.signatures {
            let signature = STANDARD.decode(&sig).ok().and_then(|bytes| bytes.try_into().ok());
            let signature = signature.ok_or_else(|| refuse("a signature is not the base64 of 64 bytes"))?;
            if signatures.iter().any(|(other, _)| *other == keyid) {
                return Err(refuse("a key signed it twice"));
            }
            signatures.push((keyid, signature));
        }
        let envelope = Self { statement: Statement::from_json(&payload)?, payload, signatures };
        if envelope.to_json()? == bytes { Ok(envelope) } else { Err(refuse("it is not in canonical JSON")) }
    }
}

/// Whose key signs a statement of a kind.
pub(crate) fn role(kind: Kind) -> Role {
    if kind == Kind::Replay { Role::Auditor } else { Role::Issuer }
}

/// What is signed: DSSE's pre-authentication encoding, which binds the type and the length of the payload.
fn pae(payload: &[u8]) -> Vec<u8> {
    let head = format!("DSSEv1 {} {PAYLOAD_TYPE} {} ", PAYLOAD_TYPE.len(), payload.len());
    [head.as_bytes(), payload].concat()
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw {
    payload: String,
    #[serde(rename = "payloadType")]
    payload_type: String,
    signatures: Vec<RawSignature>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawSignature {
    keyid: String,
    sig: String,
}
