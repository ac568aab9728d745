//! Checkpoints: what a log says its tree is, and the proof that an entry is in it.

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::keys::Signer;
use crate::merkle::{self, TreeHead};
use crate::note::Note;
use crate::{Hash, Refusal, Result};

/// The first line of a proof.
const PROOF: &str = "c2sp.org/tlog-proof@v1";
/// A path in a tree of 2^63 entries.
const LONGEST_PATH: usize = 63;

/// The text of a checkpoint: three lines, and whatever lines the log adds.
///
/// # References
///
/// \[@c2sp-tlog-checkpoint].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    /// Which log: the name of its key.
    pub origin: String,
    /// Its tree.
    pub head: TreeHead,
    /// Lines after the third, without their newlines. This program writes none.
    pub extensions: Vec<String>,
}

impl Checkpoint {
    /// The checkpoint of the log that the signer's key names, signed.
    ///
    /// # Errors
    ///
    /// [`Refusal::WrongRole`], and those of the signer.
    pub fn sign(head: TreeHead, signer: &dyn Signer) -> Result<Note> {
        let origin = signer.verifier().name().to_owned();
        Note::sign(&Self { origin, head, extensions: Vec::new() }.to_string(), signer)
    }
}

impl fmt::Display for Checkpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}\n{}\n{}\n", self.origin, self.head.size, self.head.root.to_base64())?;
        self.extensions.iter().try_for_each(|line| writeln!(f, "{line}"))
    }
}

impl FromStr for Checkpoint {
    type Err = Refusal;

    fn from_str(text: &str) -> Result<Self, Refusal> {
        let refuse = |reason: &str| Refusal::malformed("checkpoint", reason);
        let text = text.strip_suffix('\n').ok_or_else(|| refuse("it does not end in a newline"))?;
        let mut lines = text.split('\n');
        let (Some(origin), Some(size), Some(root)) = (lines.next(), lines.next(), lines.next()) else {
            return Err(refuse("it has fewer than three lines"));
        };
        let extensions: Vec<String> = lines.map(str::to_owned).collect();
        if origin.is_empty() || extensions.iter().any(String::is_empty) {
            return Err(refuse("one of its lines is empty"));
        }
        let size = decimal(size).ok_or_else(|| refuse("its second line is not a size"))?;
        let root = Hash::from_base64(root, "checkpoint")?;
        if size == 0 && root != merkle::empty_root() {
            return Err(refuse("a log without entries has another root"));
        }
        Ok(Self { origin: origin.to_owned(), head: TreeHead { size, root }, extensions })
    }
}

/// The proof that an entry is in a log, with the checkpoint that says so; `.tlog-proof` files hold it.
///
/// # References
///
/// \[@c2sp-tlog-proof].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogProof {
    /// Bytes that nothing vouches for. This program writes none.
    pub extra: Option<Vec<u8>>,
    /// The index of the entry.
    pub index: u64,
    /// The hashes from the entry's sibling upwards.
    pub path: Vec<Hash>,
    /// The signed checkpoint.
    pub checkpoint: Note,
}

impl LogProof {
    /// Checks that `entry` is where the proof says, in a tree whose head has been verified.
    ///
    /// # Errors
    ///
    /// [`Refusal::NotIncluded`].
    pub fn verify(&self, entry: &[u8], head: &TreeHead) -> Result<(), Refusal> {
        merkle::verify_inclusion(merkle::leaf_hash(entry), self.index, head, &self.path)
    }
}

impl fmt::Display for LogProof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{PROOF}")?;
        if let Some(extra) = &self.extra {
            writeln!(f, "extra {}", STANDARD.encode(extra))?;
        }
        writeln!(f, "index {}", self.index)?;
        self.path.iter().try_for_each(|hash| writeln!(f, "{}", hash.to_base64()))?;
        write!(f, "\n{}", self.checkpoint)
    }
}

impl FromStr for LogProof {
    type Err = Refusal;

    fn from_str(text: &str) -> Result<Self, Refusal> {
        let refuse = |reason: &str| Refusal::malformed("proof", reason);
        let (head, checkpoint) = text.split_once("\n\n").ok_or_else(|| refuse("there is no empty line before the checkpoint"))?;
        let mut lines = head.split('\n').peekable();
        if lines.next() != Some(PROOF) {
            return Err(refuse("its first line is not that of a proof"));
        }
        let extra = lines.next_if(|line| line.starts_with("extra ")).map(|line| &line["extra ".len()..]);
        let extra = extra.map(|text| STANDARD.decode(text)).transpose().map_err(|_| refuse("the extra data are not base64"))?;
        let index = lines.next().and_then(|line| line.strip_prefix("index ")).and_then(decimal);
        let index = index.ok_or_else(|| refuse("there is no line with the index"))?;
        let path = lines.map(|line| Hash::from_base64(line, "proof")).collect::<Result<Vec<_>, _>>()?;
        if path.len() > LONGEST_PATH {
            return Err(refuse("its path is longer than any tree is high"));
        }
        Ok(Self { extra, index, path, checkpoint: checkpoint.parse()? })
    }
}

/// A number without a sign and leading zeros.
pub(crate) fn decimal(text: &str) -> Option<u64> {
    text.parse().ok().filter(|n: &u64| n.to_string() == text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::{Role, SecretKey};
    use crate::merkle::MemoryTree;

    #[test]
    fn the_checkpoint_of_the_specification_is_read() {
        let text = "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n";
        let checkpoint: Checkpoint = text.parse().unwrap();
        assert_eq!((checkpoint.origin.as_str(), checkpoint.head.size), ("example.com/behind-the-sofa", 20_852_163));
        assert_eq!(checkpoint.to_string(), text);
        let extended = format!("{text}one more line\n");
        assert_eq!(extended.parse::<Checkpoint>().unwrap().to_string(), extended);
    }

    #[test]
    fn what_is_not_a_checkpoint_is_refused() {
        let root = "CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=";
        for bad in [
            String::new(),
            "a\n1\n".to_owned(),
            format!("\n1\n{root}\n"),
            format!("a\n01\n{root}\n"),
            format!("a\n+1\n{root}\n"),
            format!("a\n-1\n{root}\n"),
            format!("a\n18446744073709551616\n{root}\n"),
            format!("a\n1\n{}\n", &root[1..]),
            format!("a\n1\n{}A\n", &root[..43]),
            format!("a\n1\n{root}\n\n"),
            format!("a\n1\n{root}"),
            format!("a\n0\n{root}\n"),
        ] {
            assert!(bad.parse::<Checkpoint>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_proof_comes_back_from_its_text() {
        let key = SecretKey::from_seed("example.com/log", Role::Log, &[3; 32]).unwrap();
        let mut tree = MemoryTree::default();
        (0..11_u8).for_each(|i| tree.push(merkle::leaf_hash(&[i])));
        let checkpoint = Checkpoint::sign(tree.head(), &key).unwrap();
        for extra in [None, Some(Vec::new()), Some(b"opaque".to_vec())] {
            let proof = LogProof { extra, index: 4, path: tree.inclusion_proof(4), checkpoint: checkpoint.clone() };
            let read: LogProof = proof.to_string().parse().unwrap();
            assert_eq!(read, proof);
            read.verify(&[4], &tree.head()).unwrap();
            assert!(read.verify(&[5], &tree.head()).is_err());
        }
    }
}
