//! The members of a receipt's file: their names, their order and their bytes.
//!
//! ```text
//! receipt.json                      {"format":"untrain-receipt","request":…,"version":1}
//! receipt.html                      the page for people, made from all the others
//! policy.txt                        the operator's policy
//! statements/<index>-<kind>.json    the entries of the log, in its order, each followed by
//! statements/<index>.tlog-proof     its proof
//! commitments/before                the excerpt
//! commitments/forgotten             32 bytes each, ascending
//! commitments/own                   the same
//! consistency/<size>                where there is more than one checkpoint: hashes of 32 bytes
//! openings.json                     where the salts were not destroyed
//! ```

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use untrain_core::Digest;

use super::zip::Member;
use super::{Entry, Held, Opened, Openings, Parts, Receipt, Step, page};
use crate::checkpoint::decimal;
use crate::commitment::{CommitmentSet, Salt};
use crate::statement::canonical;
use crate::{Hash, Name, Refusal};

pub(super) const MANIFEST: &str = "receipt.json";
pub(super) const PAGE: &str = "receipt.html";
pub(super) const POLICY: &str = "policy.txt";
const BEFORE: &str = "commitments/before";
const FORGOTTEN: &str = "commitments/forgotten";
const OWN: &str = "commitments/own";
const OPENINGS: &str = "openings.json";
const STATEMENTS: &str = "statements/";
const STEPS: &str = "consistency/";

const FORMAT: &str = "untrain-receipt";
const VERSION: u64 = 1;

/// All members in their order.
pub(super) fn all(receipt: &Receipt) -> Result<Vec<Member>, Refusal> {
    let mut data = data(receipt)?;
    let page = page::render(receipt, &data)?;
    data.insert(1, (PAGE.to_owned(), page.into_bytes()));
    Ok(data)
}

/// All members but the page.
pub(super) fn data(receipt: &Receipt) -> Result<Vec<Member>, Refusal> {
    let Receipt { request, entries, steps, before, forgotten, own, openings, policy } = receipt;
    let manifest = Manifest { format: FORMAT.to_owned(), version: VERSION, request: request.clone() };
    let mut members = vec![(MANIFEST.to_owned(), canonical(&manifest)?), (POLICY.to_owned(), policy.text().as_bytes().to_vec())];
    for held in entries {
        let Held { entry: Entry { bytes, proof }, .. } = held;
        members.push((statement_name(held), bytes.clone()));
        members.push((format!("{STATEMENTS}{}.tlog-proof", held.index()), proof.to_string().into_bytes()));
    }
    members.push((BEFORE.to_owned(), before.to_bytes()));
    members.push((FORGOTTEN.to_owned(), concatenated(forgotten)));
    members.push((OWN.to_owned(), concatenated(own)));
    members.extend(steps.iter().map(|Step { size, proof }| (format!("{STEPS}{size}"), concatenated(proof))));
    if let Some(Openings { tenant, records }) = openings {
        let records = records.iter().map(RawOpened::from).collect();
        members.push((OPENINGS.to_owned(), canonical(&RawOpenings { tenant: tenant.clone(), records })?));
    }
    Ok(members)
}

/// Reads the members; whether they are in the one form that they have is for [`compare`] to say.
pub(super) fn read(members: &[Member]) -> Result<Parts, Refusal> {
    let mut by_name = BTreeMap::new();
    for (name, bytes) in members {
        if by_name.insert(name.as_str(), bytes.as_slice()).is_some() {
            return Err(refuse(format!("its part \"{}\" comes twice", name.escape_debug())));
        }
    }
    let mut take = |name: &str| by_name.remove(name).ok_or_else(|| refuse(format!("its part \"{name}\" is missing")));
    let Manifest { format, version, request } = json(take(MANIFEST)?, MANIFEST)?;
    if format != FORMAT || version != VERSION {
        return Err(refuse(format!("version {version} of \"{}\" is not known here", format.escape_debug())));
    }
    take(PAGE)?;
    let policy = text(take(POLICY)?, POLICY)?;
    let before = CommitmentSet::from_bytes(take(BEFORE)?)?;
    let (forgotten, own) = (hashes(take(FORGOTTEN)?, FORGOTTEN)?, hashes(take(OWN)?, OWN)?);
    let openings = by_name.remove(OPENINGS).map(|bytes| json::<RawOpenings>(bytes, OPENINGS)).transpose()?;
    let (mut entries, mut steps) = (Vec::new(), Vec::new());
    for (name, bytes) in by_name.clone() {
        if let Some(index) = name.strip_prefix(STATEMENTS).and_then(|rest| rest.strip_suffix(".json")?.split_once('-')) {
            let proof = format!("{STATEMENTS}{}.tlog-proof", index.0);
            let proof =
                by_name.remove(proof.as_str()).ok_or_else(|| refuse(format!("its part \"{}\" is missing", proof.escape_debug())))?;
            by_name.remove(name);
            entries.push(Entry { bytes: bytes.to_vec(), proof: text(proof, name)?.parse()? });
        } else if let Some(size) = name.strip_prefix(STEPS).and_then(decimal) {
            by_name.remove(name);
            steps.push(Step { size, proof: hashes(bytes, STEPS)? });
        }
    }
    if let Some(name) = by_name.keys().next() {
        return Err(refuse(format!("a part \"{}\" is not known here", name.escape_debug())));
    }
    let openings = openings.map(Openings::from);
    Ok(Parts { request, entries, steps, before, forgotten, own, openings, policy })
}

/// Says in which member the found ones are not those that they should be.
pub(super) fn compare(found: &[Member], expected: &[Member]) -> Result<(), Refusal> {
    if found == expected {
        return Ok(());
    }
    for ((name, bytes), (expected_name, expected_bytes)) in found.iter().zip(expected) {
        if name != expected_name {
            let (name, expected) = (name.escape_debug(), expected_name);
            return Err(refuse(format!("a part \"{name}\" stands where \"{expected}\" should")));
        }
        if bytes != expected_bytes && name != PAGE {
            return Err(refuse(format!("its part \"{name}\" is not written as it should be")));
        }
    }
    if found.len() != expected.len() {
        return Err(refuse("it has another number of parts than it should have".to_owned()));
    }
    Err(Refusal::OtherPage)
}

fn statement_name(held: &Held) -> String {
    format!("{STATEMENTS}{}-{}.json", held.index(), held.kind().name())
}

fn concatenated(hashes: &[Hash]) -> Vec<u8> {
    hashes.iter().flat_map(|hash| hash.0).collect()
}

fn hashes(bytes: &[u8], name: &str) -> Result<Vec<Hash>, Refusal> {
    match bytes.as_chunks::<32>() {
        (hashes, []) => Ok(hashes.iter().map(|hash| Hash(*hash)).collect()),
        _ => Err(refuse(format!("its part \"{name}\" does not consist of 32 bytes each"))),
    }
}

fn text(bytes: &[u8], name: &str) -> Result<String, Refusal> {
    String::from_utf8(bytes.to_vec()).map_err(|_| refuse(format!("its part \"{}\" is not text", name.escape_debug())))
}

fn json<'a, T: Deserialize<'a>>(bytes: &'a [u8], name: &str) -> Result<T, Refusal> {
    serde_json::from_slice(bytes).map_err(|error| refuse(format!("its part \"{name}\" cannot be read: {error}")))
}

fn refuse(reason: String) -> Refusal {
    Refusal::malformed("receipt", reason)
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Manifest {
    format: String,
    version: u64,
    request: Name,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawOpenings {
    tenant: String,
    records: Vec<RawOpened>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawOpened {
    record: String,
    row: Digest,
    salt: Hash,
}

impl From<&Opened> for RawOpened {
    fn from(Opened { record, row, salt }: &Opened) -> Self {
        Self { record: record.clone(), row: *row, salt: Hash(*salt.as_bytes()) }
    }
}

impl From<RawOpenings> for Openings {
    fn from(RawOpenings { tenant, records }: RawOpenings) -> Self {
        let open = |RawOpened { record, row, salt }| Opened { record, row, salt: Salt::from_bytes(salt.0) };
        Self { tenant, records: records.into_iter().map(open).collect() }
    }
}
