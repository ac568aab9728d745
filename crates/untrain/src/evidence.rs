//! The commitments that the receipt of a request shows, as the store keeps them; they name nobody.

use untrain_core::{Reader, Writer};
use untrain_ledger::Hash;

use crate::Result;

const MAGIC: &[u8; 8] = b"UTEVID\x00\x01";

/// What was forgotten, as commitments.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Evidence {
    /// What this request asked to forget.
    pub(crate) own: Vec<Hash>,
    /// What was forgotten with it; with the first request of a batch.
    pub(crate) forgotten: Vec<Hash>,
    /// An excerpt of the dataset's commitments before, which shows those; with the first request of a batch.
    pub(crate) before: Option<Vec<u8>>,
}

impl Evidence {
    /// The magic, the two lists, each behind its length, whether there is an excerpt, its length and its bytes.
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let mut writer = Writer::new();
        writer.raw(MAGIC);
        for list in [&self.own, &self.forgotten] {
            writer.varint(list.len() as u64);
            list.iter().for_each(|commitment| writer.raw(&commitment.0));
        }
        writer.flag(self.before.is_some());
        if let Some(before) = &self.before {
            writer.varint(before.len() as u64);
            writer.raw(before);
        }
        writer.into_bytes()
    }

    pub(crate) fn from_bytes(bytes: &[u8]) -> Result<Self> {
        let mut reader = Reader::new("evidence", bytes);
        if reader.raw(MAGIC.len())? != MAGIC {
            return Err(reader.malformed("it does not start as evidence does").into());
        }
        let own = list(&mut reader)?;
        let forgotten = list(&mut reader)?;
        let before = if reader.flag()? {
            let n = reader.count()?;
            Some(reader.raw(n)?.to_vec())
        } else {
            None
        };
        reader.end()?;
        Ok(Self { own, forgotten, before })
    }
}

fn list(reader: &mut Reader<'_>) -> Result<Vec<Hash>> {
    let n = reader.count()?;
    let mut list = Vec::new();
    for _ in 0..n {
        let bytes = reader.raw(32)?;
        list.push(Hash(bytes.try_into().map_err(|_| reader.malformed("a commitment has 32 bytes"))?));
    }
    Ok(list)
}
