//! Signed notes: text with signatures below it, as C2SP has them.

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::keys::{Role, Signer, VerifierKey, sign};
use crate::{Refusal, Result};

const MARK: &str = "\u{2014} ";
/// Room for the text and for some hundred signatures.
const LARGEST: usize = 64 * 1024;
const MOST_SIGNATURES: usize = 100;
/// The timestamp of a cosignature is less than 2^63.
const LATEST: u64 = u64::MAX >> 1;

/// A text and the signatures below it; that they verify is not said before somebody asked.
///
/// # Examples
///
/// ```
/// use untrain_ledger::keys::{Role, SecretKey, Signer as _};
/// use untrain_ledger::note::Note;
///
/// let key = SecretKey::generate("example.com/log", Role::Log)?;
/// let note = Note::sign("a text\n", &key)?;
/// let read: Note = note.to_string().parse()?;
/// assert!(read.verify("note", key.verifier())?);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # References
///
/// \[@c2sp-signed-note], and \[@c2sp-tlog-cosignature] for cosignatures, of which this reads and writes the Ed25519 kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    text: String,
    signatures: Vec<NoteSignature>,
}

/// One line below a note's text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoteSignature {
    /// The name of the key.
    pub name: String,
    /// The key's id.
    pub id: [u8; 4],
    /// The signature: 64 bytes of a log, or 8 of a time and 64 of a witness.
    pub bytes: Vec<u8>,
}

impl Note {
    /// Signs a text, which ends in a newline and holds no other control character, as a log does.
    ///
    /// # Errors
    ///
    /// [`Refusal::Malformed`] for another text; [`Refusal::WrongRole`]; those of the signer.
    pub fn sign(text: &str, signer: &dyn Signer) -> Result<Self> {
        check_text(text)?;
        let signature = sign(signer, Role::Log, text.as_bytes())?;
        Ok(Self { text: text.to_owned(), signatures: vec![NoteSignature::new(signer.verifier(), signature.to_vec())] })
    }

    /// The signed text, with its last newline.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The signatures, as they stand.
    pub fn signatures(&self) -> &[NoteSignature] {
        &self.signatures
    }

    /// Adds a signature line; one of the same key is replaced.
    pub fn add(&mut self, signature: NoteSignature) {
        match self.signatures.iter_mut().find(|other| other.name == signature.name && other.id == signature.id) {
            Some(other) => *other = signature,
            None => self.signatures.push(signature),
        }
    }

    /// Makes the cosignature of a witness over this note, which has to be a checkpoint, at a time in seconds since 1970.
    ///
    /// That the checkpoint continues the earlier ones is for the caller to know; see [`Witness`](crate::witness::Witness).
    ///
    /// # Errors
    ///
    /// [`Refusal::WrongRole`]; [`Refusal::Malformed`] for a time beyond 2^63; those of the signer.
    pub fn cosign(&self, signer: &dyn Signer, seconds: u64) -> Result<NoteSignature> {
        if seconds > LATEST {
            return Err(Refusal::malformed("cosignature", "its time is beyond 2^63").into());
        }
        let signature = sign(signer, Role::Witness, &self.cosigned(seconds))?;
        Ok(NoteSignature::new(signer.verifier(), [&seconds.to_be_bytes()[..], &signature].concat()))
    }

    /// Whether the key of a log signed this note.
    ///
    /// # Errors
    ///
    /// [`Refusal::BadSignature`] if there is a signature with the key's name and id that is not the key's; a second one of
    /// the same key is [`Refusal::Malformed`].
    pub fn verify(&self, what: &'static str, key: &VerifierKey) -> Result<bool, Refusal> {
        key.require(Role::Log)?;
        let Some(signature) = self.only(what, key)? else { return Ok(false) };
        let bytes = signature.bytes.as_slice().try_into().map_err(|_| bad(what, key))?;
        key.verify(what, self.text.as_bytes(), bytes)?;
        Ok(true)
    }

    /// The time, in seconds since 1970, at which a witness cosigned this note, if it did.
    ///
    /// # Errors
    ///
    /// As [`verify`](Self::verify).
    pub fn cosigned_at(&self, what: &'static str, key: &VerifierKey) -> Result<Option<u64>, Refusal> {
        key.require(Role::Witness)?;
        let Some(signature) = self.only(what, key)? else { return Ok(None) };
        let Some((time, bytes)) = signature.bytes.split_first_chunk() else { return Err(bad(what, key)) };
        let seconds = u64::from_be_bytes(*time);
        let bytes = bytes.try_into().map_err(|_| bad(what, key))?;
        if seconds > LATEST {
            return Err(bad(what, key));
        }
        key.verify(what, &self.cosigned(seconds), bytes)?;
        Ok(Some(seconds))
    }

    /// What a witness signs.
    fn cosigned(&self, seconds: u64) -> Vec<u8> {
        format!("cosignature/v1\ntime {seconds}\n{}", self.text).into_bytes()
    }

    fn only(&self, what: &'static str, key: &VerifierKey) -> Result<Option<&NoteSignature>, Refusal> {
        let id = key.id();
        let mut found = self.signatures.iter().filter(|signature| signature.name == key.name() && signature.id == id);
        match (found.next(), found.next()) {
            (first, None) => Ok(first),
            _ => Err(Refusal::malformed(what, format!("{} signed it twice", key.label()))),
        }
    }

    /// The names and ids of the signatures, for messages.
    pub(crate) fn signers(&self) -> String {
        self.signatures.iter().map(NoteSignature::label).collect::<Vec<_>>().join(", ")
    }
}

impl NoteSignature {
    fn new(key: &VerifierKey, bytes: Vec<u8>) -> Self {
        Self { name: key.name().to_owned(), id: key.id(), bytes }
    }

    fn label(&self) -> String {
        format!("{}+{:08x}", self.name, u32::from_be_bytes(self.id))
    }
}

impl fmt::Display for NoteSignature {
    /// The line, with its newline.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{MARK}{} {}", self.name, STANDARD.encode([&self.id[..], &self.bytes].concat()))
    }
}

impl FromStr for NoteSignature {
    type Err = Refusal;

    fn from_str(line: &str) -> Result<Self, Refusal> {
        let refuse = || Refusal::malformed("note", format!("\"{}\" is not a signature", line.escape_debug()));
        let fields = line.strip_suffix('\n').unwrap_or(line).strip_prefix(MARK).and_then(|rest| rest.split_once(' '));
        let (name, signature) = fields.ok_or_else(refuse)?;
        if name.is_empty() || name.chars().any(|c| c.is_whitespace() || c.is_control() || c == '+') {
            return Err(refuse());
        }
        let bytes = STANDARD.decode(signature).map_err(|_| refuse())?;
        let (id, bytes) = bytes.split_first_chunk().filter(|(_, bytes)| !bytes.is_empty()).ok_or_else(refuse)?;
        Ok(Self { name: name.to_owned(), id: *id, bytes: bytes.to_vec() })
    }
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.text)?;
        self.signatures.iter().try_for_each(|signature| write!(f, "{signature}"))
    }
}

impl FromStr for Note {
    type Err = Refusal;

    fn from_str(note: &str) -> Result<Self, Refusal> {
        if note.len() > LARGEST {
            return Err(Refusal::TooLarge { what: "note", bytes: note.len() as u64, limit: LARGEST as u64 });
        }
        let refuse = |reason: &str| Refusal::malformed("note", reason);
        // The signatures come after the last empty line.
        let split = note.rfind("\n\n").ok_or_else(|| refuse("there is no empty line before signatures"))?;
        let (text, lines) = (&note[..=split], &note[split + 2..]);
        check_text(text)?;
        let lines = lines.strip_suffix('\n').ok_or_else(|| refuse("it does not end in a newline"))?;
        let signatures = lines.split('\n').map(str::parse).collect::<Result<Vec<_>, _>>()?;
        if signatures.len() > MOST_SIGNATURES {
            return Err(refuse("it has too many signatures"));
        }
        Ok(Self { text: text.to_owned(), signatures })
    }
}

fn check_text(text: &str) -> Result<(), Refusal> {
    if !text.ends_with('\n') || text.chars().any(|c| c < ' ' && c != '\n') {
        return Err(Refusal::malformed("note", "its text does not end in a newline, or has another control character"));
    }
    Ok(())
}

fn bad(what: &'static str, key: &VerifierKey) -> Refusal {
    Refusal::BadSignature { what, key: key.label() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::SecretKey;

    /// From golang.org/x/mod/sumdb/note, where the format comes from.
    const NOTE: &str = "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n\n\
        — PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n";
    const KEY: &str = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";

    #[test]
    fn the_published_note_verifies() {
        let note: Note = NOTE.parse().unwrap();
        assert!(note.verify("note", &KEY.parse().unwrap()).unwrap());
        assert_eq!(note.to_string(), NOTE);
    }

    #[test]
    fn the_published_cosignature_has_its_time() {
        // The example of the C2SP specification of cosignatures.
        let line = "\u{2014} witness.example.com/w1 jWbPPwAAAABkGFDLEZMHwSRaJNiIDoe9DYn/zXcrtPHeolMI5OWXEhZCB9dlrDJsX3b2oyin1nPZqhf5nNo0xUe+mbIUBkBIfZ+qnA==\n";
        let signature: NoteSignature = line.parse().unwrap();
        assert_eq!(signature.bytes.len(), 72);
        assert_eq!(u64::from_be_bytes(signature.bytes[..8].try_into().unwrap()), 1_679_315_147);
        assert_eq!(signature.to_string(), line);
    }

    #[test]
    fn any_flipped_bit_of_a_note_is_noticed() {
        let key: VerifierKey = KEY.parse().unwrap();
        for bit in 0..NOTE.len() * 8 {
            let mut bytes = NOTE.as_bytes().to_vec();
            bytes[bit / 8] ^= 1 << (bit % 8);
            let read = String::from_utf8(bytes).ok().and_then(|text| text.parse::<Note>().ok());
            assert!(!read.is_some_and(|note| note.verify("note", &key).unwrap_or(false)), "bit {bit}");
        }
    }

    #[test]
    fn a_text_may_have_empty_lines() {
        let key = SecretKey::from_seed("k", Role::Log, &[1; 32]).unwrap();
        let note = Note::sign("one\n\n\ntwo\n", &key).unwrap();
        assert_eq!(note.to_string().parse::<Note>().unwrap(), note);
    }

    #[test]
    fn what_is_not_a_note_is_refused() {
        let line = &NOTE[NOTE.find('\u{2014}').unwrap()..];
        for bad in [
            String::new(),
            "text\n".to_owned(),
            "text\n\n".to_owned(),
            format!("text\n\n{}", line.trim_end()),
            format!("text\n\n{line}\r\n"),
            format!("te\txt\n\n{line}"),
            format!("\n{line}"),
            format!("text\n\n{}", line.replace('=', "")),
            format!("text\n\n{}", line.replace("PeterNeumann", "Peter+Neumann")),
            format!("text\n\n{line}{}", "x".repeat(LARGEST)),
            format!("text\n\n{}", line.repeat(MOST_SIGNATURES + 1)),
        ] {
            assert!(bad.parse::<Note>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_key_of_another_role_neither_signs_nor_verifies() {
        let witness = SecretKey::from_seed("w", Role::Witness, &[1; 32]).unwrap();
        let log = SecretKey::from_seed("l", Role::Log, &[2; 32]).unwrap();
        assert!(Note::sign("a\n", &witness).is_err());
        let note = Note::sign("a\n", &log).unwrap();
        assert!(note.cosign(&log, 1).is_err());
        assert!(matches!(note.verify("note", witness.verifier()), Err(Refusal::WrongRole { .. })));
    }

    #[test]
    fn a_key_that_signed_twice_is_refused() {
        let twice = format!("{NOTE}{}", &NOTE[NOTE.find('\u{2014}').unwrap()..]);
        let error = twice.parse::<Note>().unwrap().verify("note", &KEY.parse().unwrap()).unwrap_err();
        assert!(error.to_string().contains("twice"), "{error}");
    }
}
