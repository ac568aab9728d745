//! The container of a receipt: a zip file of stored members that can be written in one way only.
//!
//! Nothing is compressed, no member has a time, an attribute, a comment or an extra field, and the directory repeats what stands
//! before the members. So the names and the bytes of the members determine every byte of the file, and a reader that writes
//! what it read anew and compares finds whatever is not theirs. Any program opens the file.

use crate::Refusal;

/// A name and the bytes.
pub(super) type Member = (String, Vec<u8>);

/// Larger than any receipt: an erasure of 100,000 records has about 10 MB.
pub(super) const LARGEST: usize = 64 * 1024 * 1024;

const LOCAL: &[u8; 4] = b"PK\x03\x04";
const CENTRAL: &[u8; 4] = b"PK\x01\x02";
const END: &[u8; 4] = b"PK\x05\x06";
/// 1.0, the version of the format that has stored members.
const VERSION: [u8; 2] = [10, 0];
/// No flags, no compression, midnight, the first of January 1980: the first day that a zip file can name.
const SETTINGS: [u8; 8] = [0, 0, 0, 0, 0, 0, 0x21, 0];
/// The fixed part of a local header.
const HEADER: usize = 30;

/// Writes the members in their order.
pub(super) fn write(members: &[Member]) -> Result<Vec<u8>, Refusal> {
    let (mut file, mut directory) = (Vec::new(), Vec::new());
    for (name, bytes) in members {
        let offset = (file.len() as u32).to_le_bytes();
        let described = describe(name, bytes);
        file.extend([&LOCAL[..], &described, name.as_bytes(), bytes].concat());
        // Made by 1.0 on MS-DOS, which has no permissions; no comment, first disk, no attributes.
        directory.extend([&CENTRAL[..], &VERSION, &described, &[0; 10], &offset, name.as_bytes()].concat());
        too_large(file.len())?;
    }
    let (start, length) = ((file.len() as u32).to_le_bytes(), (directory.len() as u32).to_le_bytes());
    let count = (members.len() as u16).to_le_bytes();
    file.extend(directory);
    file.extend([&END[..], &[0; 4], &count, &count, &length, &start, &[0; 2]].concat());
    too_large(file.len())?;
    Ok(file)
}

/// Reads the members; refuses bytes that are not those that [`write`] makes of them.
pub(super) fn read(file: &[u8]) -> Result<Vec<Member>, Refusal> {
    too_large(file.len())?;
    let refuse = |reason: &str| Refusal::malformed("receipt", reason);
    let mut members = Vec::new();
    let mut rest = file;
    while rest.starts_with(LOCAL) {
        let (header, after) = rest.split_at_checked(HEADER).ok_or_else(|| refuse("it ends in the middle"))?;
        let length = u32::from_le_bytes([header[18], header[19], header[20], header[21]]) as usize;
        let named = usize::from(u16::from_le_bytes([header[26], header[27]]));
        let parts = after.split_at_checked(named).and_then(|(name, after)| Some((name, after.split_at_checked(length)?)));
        let (name, (bytes, after)) = parts.ok_or_else(|| refuse("it ends in the middle"))?;
        let name = String::from_utf8(name.to_vec()).map_err(|_| refuse("a name in it is not text"))?;
        if header[4..] != describe(&name, bytes) {
            return Err(refuse(&format!("its part \"{}\" was changed: the checksum is another", name.escape_debug())));
        }
        members.push((name, bytes.to_vec()));
        rest = after;
    }
    if members.is_empty() {
        return Err(refuse("it is not a zip file that begins with its first part"));
    }
    if write(&members)? != file {
        return Err(refuse("what comes after its parts is not their directory"));
    }
    Ok(members)
}

/// What stands before a member and in the directory: settings, checksum, lengths.
fn describe(name: &str, bytes: &[u8]) -> Vec<u8> {
    let length = (bytes.len() as u32).to_le_bytes();
    [&VERSION[..], &SETTINGS, &crc32fast::hash(bytes).to_le_bytes(), &length, &length, &(name.len() as u16).to_le_bytes(), &[0; 2]].concat()
}

fn too_large(bytes: usize) -> Result<(), Refusal> {
    if bytes <= LARGEST { Ok(()) } else { Err(Refusal::TooLarge { what: "receipt", bytes: bytes as u64, limit: LARGEST as u64 }) }
}
