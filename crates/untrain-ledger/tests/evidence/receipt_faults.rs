//! The fault table of receipts: each row is refused, with a message that says what is wrong.

use std::sync::LazyLock;

use untrain_core::Digest;
use untrain_ledger::bisect::Part;
use untrain_ledger::checkpoint::Checkpoint;
use untrain_ledger::commitment::{CommitmentSet, Salt};
use untrain_ledger::keys::{Role, Signer as _};
use untrain_ledger::policy::Policy;
use untrain_ledger::receipt::{Entry, Level, Parts, Receipt, Step};
use untrain_ledger::statement::{Erasure, Fate, Replay, Scope, Statement};
use untrain_ledger::{Hash, Refusal};

use crate::support::{NOW, key};
use crate::tale::{START_MS, Shape, Tale, trail, verdict};

/// The names and bytes of a file's parts.
type Members = Vec<(String, Vec<u8>)>;
/// A change to an erasure before it is signed.
type Edit = fn(&mut Erasure);

#[test]
fn a_flipped_bit_anywhere_in_the_file_is_refused() {
    let tale = Tale::of(&Shape { fates: vec![Fate::Updated], replays: Vec::new(), ..Shape::default() }, &|_| ());
    let bytes = tale.receipt().to_zip().unwrap();
    for place in 0..bytes.len() {
        let mut flipped = bytes.clone();
        flipped[place] ^= 1 << (place % 8);
        assert!(Receipt::from_zip(&flipped).is_err(), "byte {place}");
        if place % 97 == 0 {
            assert!(Receipt::from_zip(&bytes[..place]).is_err(), "the first {place} bytes");
        }
    }
    assert!(Receipt::from_zip(&[bytes.clone(), vec![0]].concat()).is_err());
    assert!(Receipt::from_zip(&[vec![0], bytes].concat()).is_err());
}

#[test]
fn a_flipped_bit_in_any_part_is_refused_by_more_than_its_checksum() {
    let tale = Tale::new();
    let bytes = tale.receipt().to_zip().unwrap();
    let policy = tale.keys.policy();
    for (name, range) in parts(&bytes) {
        // Every byte would take minutes; every part has some.
        for place in range.clone().step_by(if name == "receipt.html" { 997 } else { 61 }) {
            let mut flipped = bytes.clone();
            flipped[place] ^= 1 << (place % 8);
            mend(&mut flipped, &range);
            let error = Receipt::from_zip(&flipped).and_then(|receipt| receipt.check(Some(&policy))).unwrap_err();
            assert!(!error.to_string().contains("checksum"), "{name}, byte {}: {error}", place - range.start);
        }
    }
}

#[test]
fn a_page_that_says_something_else_is_refused() {
    let bytes = Tale::new().receipt().to_zip().unwrap();
    let (_, page) = parts(&bytes).into_iter().find(|(name, _)| name == "receipt.html").unwrap();
    let text = String::from_utf8(bytes[page.clone()].to_vec()).unwrap();
    let mut changed = bytes.clone();
    let place = page.start + text.find("3 records left the dataset").unwrap();
    changed[place] = b'4';
    mend(&mut changed, &page);
    assert_eq!(Receipt::from_zip(&changed).unwrap_err(), Refusal::OtherPage);
}

#[test]
fn parts_that_are_unknown_missing_repeated_or_elsewhere_are_refused() {
    let members = |edit: &dyn Fn(&mut Members)| {
        let bytes = Tale::new().receipt().to_zip().unwrap();
        let mut members: Vec<_> = parts(&bytes).into_iter().map(|(name, range)| (name, bytes[range].to_vec())).collect();
        edit(&mut members);
        Receipt::from_zip(&zip(&members)).map(drop)
    };
    members(&|_| ()).unwrap();
    let refused = |edit: &dyn Fn(&mut Members)| members(edit).unwrap_err().to_string();
    let extra = |name: &'static str| move |members: &mut Members| members.push((name.to_owned(), b"x".to_vec()));
    for name in ["../../etc/passwd", "/etc/passwd", "extra.txt", "statements/1-train.txt", "consistency/01", "C:\\x"] {
        assert!(refused(&extra(name)).contains("is not known here"), "{}", refused(&extra(name)));
    }
    assert!(refused(&extra("statements/007-train.json")).contains("\"statements/007.tlog-proof\" is missing"));
    assert!(refused(&extra("policy.txt")).contains("its part \"policy.txt\" comes twice"));
    assert!(refused(&|members| drop(members.remove(2))).contains("its part \"policy.txt\" is missing"));
    assert!(refused(&|members| drop(members.remove(4))).contains("\"statements/0.tlog-proof\" is missing"));
    assert!(refused(&|members| members.swap(1, 2)).contains("a part \"policy.txt\" stands where \"receipt.html\" should"));
    assert!(refused(&|members| members[0].1.push(b' ')).contains("\"receipt.json\" is not written as it should be"));
    assert!(refused(&|members| members[3].0 = "statements/0-purge.json".to_owned()).contains("stands where"));
}

#[test]
fn a_statement_from_another_log_is_refused() {
    let (tale, mut other) = (Tale::new(), Tale::new());
    other.keys.log = key("example.com/another-log", Role::Log, 9);
    let mut parts = tale.parts();
    parts.entries[2] = other.entry(parts.entries[2].proof.index, other.size());
    let error = tale.refused(parts);
    assert!(matches!(error, Refusal::Untrusted { what: "checkpoint", .. }), "{error}");
    assert!(error.to_string().contains("example.com/another-log"), "{error}");
    // A policy that trusts both logs does not let one receipt be of two.
    let both: Policy = format!("log {}\n{}", other.keys.log.verifier(), tale.keys.policy_text()).parse().unwrap();
    let mut parts = tale.parts();
    parts.entries[2] = other.entry(parts.entries[2].proof.index, other.size());
    let error = verdict(parts, &both).unwrap_err();
    assert!(matches!(error, Refusal::WrongLog { .. }), "{error}");
}

#[test]
fn a_log_that_was_cut_off_is_refused() {
    // The proof of a late statement, beside a checkpoint of the log before it.
    let tale = Tale::new();
    let mut parts = tale.parts();
    let last = parts.entries.last_mut().unwrap();
    last.proof.checkpoint = tale.checkpoint(last.proof.index, NOW);
    let error = tale.refused(parts);
    assert!(matches!(error, Refusal::NotIncluded { .. }) && error.to_string().contains("the tree has not so many entries"), "{error}");
}

#[test]
fn a_forked_log_with_two_checkpoints_of_one_size_is_refused() {
    let (tale, mut fork) = (Tale::new(), Tale::new());
    // The same log up to the replays, of which the second branch has the last twice.
    let size = tale.size();
    let last = fork.entries[size as usize - 2].clone();
    fork.entries[size as usize - 1] = last;
    let mut parts = tale.parts();
    parts.entries[0] = fork.entry(0, size);
    let error = tale.refused(parts);
    assert!(matches!(error, Refusal::Forked { .. }), "{error}");
    assert!(error.to_string().contains(&format!("the log is forked: it has two trees of {size} entries")), "{error}");
}

#[test]
fn an_old_checkpoint_needs_a_proof_that_the_log_went_on_from_it() {
    let tale = Tale::new();
    let (old, size) = (tale.size() - 2, tale.size());
    let step = |size: u64, proof: Vec<Hash>| vec![Step { size, proof }];
    let with = |steps: Vec<Step>, seconds: u64| -> Parts {
        let mut parts = tale.parts();
        let Entry { proof, .. } = &mut parts.entries[0];
        (proof.path, proof.checkpoint) = (tale.tree(old).inclusion_proof(0), tale.checkpoint(old, seconds));
        Parts { steps, ..parts }
    };
    let proof = tale.tree(size).consistency_proof(old);
    verdict(with(step(old, proof.clone()), NOW), &tale.keys.policy()).unwrap();
    let error = tale.refused(with(Vec::new(), NOW));
    assert!(error.to_string().contains(&format!("the checkpoint of {size} entries continues that of {old}")), "{error}");
    let mut wrong = proof.clone();
    wrong[0].0[0] ^= 1;
    let error = tale.refused(with(step(old, wrong), NOW));
    assert!(error.to_string().contains("the log was rewritten"), "{error}");
    // A witness that cosigned the old checkpoint after the new one.
    let error = tale.refused(with(step(old, proof.clone()), NOW + 1));
    assert!(matches!(error, Refusal::ClockBackwards { .. }), "{error}");
    // A step that leads from nowhere.
    let error = tale.refused(with(vec![Step { size: 1, proof: Vec::new() }, Step { size: old, proof }], NOW));
    assert!(error.to_string().contains("no checkpoint of that size"), "{error}");
}

#[test]
fn a_wrong_key_is_refused_for_every_role() {
    let tale = Tale::new();
    let text = tale.keys.policy_text();
    for (known, role, what) in [
        (tale.keys.log.verifier(), Role::Log, "the checkpoint is not signed by a key that the policy trusts"),
        (tale.keys.witness.verifier(), Role::Witness, "lacks cosignatures"),
        (tale.keys.issuer.verifier(), Role::Issuer, "the statement is not signed by a key that the policy trusts"),
    ] {
        let other = key(known.name(), role, 50).verifier().to_string();
        let policy: Policy = text.replace(&known.to_string(), &other).parse().unwrap();
        let error = verdict(tale.parts(), &policy).unwrap_err();
        assert!(error.to_string().contains(what), "{error}");
    }
}

#[test]
fn a_replay_by_an_auditor_whom_the_policy_does_not_trust_does_not_count() {
    let tale = Tale::new();
    let text = tale.keys.policy_text();
    let stranger = key("example.net/auditor", Role::Auditor, 50).verifier().to_string();
    let policy: Policy = text.replace(&tale.keys.auditor.verifier().to_string(), &stranger).parse().unwrap();
    let checked = tale.receipt().check(Some(&policy)).unwrap();
    assert!(checked.require(Level::Replay).is_err() && checked.models[0].replayed.is_empty());
    let told = "The replay statement at index 9 does not count: the policy does not trust the auditor who signed it.";
    assert!(checked.findings.iter().any(|finding| finding.text == told), "{:?}", checked.findings);
    // In the name of a trusted one it is refused.
    let mut forged = Tale::new();
    let own = String::from_utf8(tale.entries[9].clone()).unwrap();
    let (head, signature) = own.split_once("\"sig\":\"").unwrap();
    forged.entries[9] = format!("{head}\"sig\":\"AAAA{}", &signature[4..]).into_bytes();
    let error = verdict(forged.parts(), &tale.keys.policy()).unwrap_err();
    assert!(matches!(error, Refusal::BadSignature { .. }), "{error}");
}

#[test]
fn a_clock_that_runs_backwards_is_refused() {
    let tale = Tale::with(&|statement| {
        if let Statement::Erasure(erasure) = statement {
            erasure.at_ms = START_MS + 1;
        }
    });
    let error = tale.refusal();
    assert!(matches!(error, Refusal::OutOfOrder { .. }), "{error}");
    let expected = "the clock runs backwards: the erasure statement at index 6 comes before the request statement at index 4, \
                    by the stated times: 2023-10-22 18:40 UTC and 2023-10-23 18:40 UTC";
    assert_eq!(error.to_string(), expected);
    let early = Tale::with(&|statement| {
        if let Statement::Purge(purge) = statement {
            purge.at_ms = START_MS;
        }
    });
    assert!(early.refusal().to_string().contains("the purge statement at index 8 comes before the erasure statement at index 6"));
}

#[test]
fn a_dataset_with_one_record_more_than_committed_is_refused() {
    let tale = Tale::new();
    let mut parts = tale.parts();
    parts.before = CommitmentSet::new(tale.before.iter().copied().chain([Hash::of(&[b"one more"])]));
    let error = tale.refused(parts);
    assert!(error.to_string().starts_with("the dataset before has the commitment "), "{error}");
    // One that was to be forgotten and is still there.
    let kept = Tale::with(&|statement| {
        if let Statement::Erasure(erasure) = statement
            && erasure.forgotten.size == 3
        {
            erasure.after.size += 1;
        }
    });
    assert!(kept.refusal().to_string().starts_with("the dataset without the forgotten records has the commitment "));
}

#[test]
fn records_that_were_not_forgotten_or_not_asked_for_are_noticed() {
    let tale = Tale::new();
    let mut parts = tale.parts();
    parts.forgotten.pop();
    assert!(tale.refused(parts).to_string().starts_with("the list of forgotten records has the commitment "));
    let mut parts = tale.parts();
    parts.own.pop();
    assert!(tale.refused(parts).to_string().starts_with("the list of this request's records has the commitment "));
    let mut parts = tale.parts();
    parts.before = CommitmentSet::new(tale.before.iter().copied().skip(1));
    assert!(tale.refused(parts).to_string().starts_with("the dataset before has the commitment "));
    // An erasure that took others than those of the request.
    let shape = Shape { own: 2, others: 2, ..Shape::default() };
    let honest = Tale::of(&shape, &|_| ());
    let wrong = honest.before[30];
    let lying = Tale::of(&shape, &|statement| {
        if let Statement::Request(request) = statement
            && &*request.request == "r-1"
        {
            request.records = CommitmentSet::new([honest.before[0], wrong]).head();
        }
    });
    let error = lying.refused(Parts { own: vec![honest.before[0], wrong], openings: None, ..lying.parts() });
    assert_eq!(error, Refusal::NotInSet { commitment: wrong });
}

#[test]
fn an_opening_of_something_else_is_refused() {
    let tale = Tale::new();
    for change in 0..4 {
        let mut parts = tale.parts();
        let openings = parts.openings.as_mut().unwrap();
        match change {
            0 => openings.records[0].record = "another".to_owned(),
            1 => openings.records[0].row = Digest::of(b"another row"),
            2 => openings.records[0].salt = Salt::from_bytes([7; 32]),
            _ => openings.tenant = "another".to_owned(),
        }
        let error = tale.refused(parts);
        assert!(error.to_string().contains("the record that the receipt opens has the commitment"), "{error}");
    }
    let mut parts = tale.parts();
    let openings = parts.openings.as_mut().unwrap();
    openings.records[1] = openings.records[0].clone();
    assert!(tale.refused(parts).to_string().contains("opens a commitment twice"));
}

#[test]
fn a_model_file_that_was_swapped_after_publishing_is_noticed() {
    let tale = Tale::new();
    let checked = tale.receipt().check(None).unwrap();
    assert!(checked.artefact(&Digest::of(b"forest 3")).unwrap().contains("the artefact of the model forest, version 3"));
    assert!(checked.artefact(&Digest::of(b"forest.json 3")).unwrap().starts_with("The file is \"forest.json\" of the model forest"));
    let error = checked.artefact(&Digest::of(b"swapped")).unwrap_err();
    let expected = format!("the artefact of the model forest is stated to be {}", Digest::of(b"forest 3"));
    assert!(error.to_string().contains(&expected), "{error}");
    // The very model that should be gone.
    let error = checked.artefact(&Digest::of(b"forest 2")).unwrap_err();
    assert!(error.to_string().contains("it is the model forest as it was before the erasure"), "{error}");
}

#[test]
fn the_receipt_of_one_request_is_not_that_of_another() {
    let tale = Tale::new();
    let error = tale.receipt().check(None).unwrap().require_request("r-2").unwrap_err();
    assert_eq!(error.to_string(), "this is the receipt of the request r-1, not of r-2");
    // A receipt that is called one thing and holds another.
    let error = tale.refused(Parts { request: "r-2".parse().unwrap(), ..tale.parts() });
    assert!(error.to_string().contains("does not belong in the receipt of the request r-2: it is about r-1"), "{error}");
    // The erasure of another request.
    let mut parts = tale.parts();
    parts.entries.retain(|entry| entry.proof.index != 6);
    let error = tale.refused(parts);
    assert_eq!(error.to_string(), "the receipt lacks the erasure statement of the request r-1");
}

#[test]
fn a_chain_with_a_missing_or_a_wrong_link_is_refused() {
    let tale = Tale::new();
    let without = |indices: &[u64]| {
        let mut parts = tale.parts();
        parts.entries.retain(|entry| !indices.contains(&entry.proof.index));
        tale.refused(parts).to_string()
    };
    // The erasure in between is what links the trainings to the last one.
    assert!(without(&[3]).starts_with("the chain is broken: the erasure statement at index 6 says that the dataset adults was "));
    assert!(without(&[0, 1, 3]).contains("the receipt lacks an earlier statement about the dataset adults"));
    let edits: [(Edit, &str); 9] = [
        (|erasure| erasure.models[0].before.artefact = Digest::of(b"x"), "says that the model forest was "),
        (|erasure| erasure.models[0].recipe = Digest::of(b"x"), "says that the recipe of the model forest was "),
        (|erasure| erasure.models[0].model = "third".parse().unwrap(), "the receipt lacks an earlier statement about the model third"),
        (|erasure| erasure.models[0].version = 9, "its version is 9, and it should be 3"),
        (|erasure| erasure.models[0].after = None, "it was changed, and not what it is now"),
        (|erasure| erasure.models[0].guarantee = None, "it was changed, and not what it is now"),
        (|erasure| erasure.models[1].after = None, "it was left as it is, and that it is another now"),
        (|erasure| erasure.models[1].fate = Fate::Dropped, "it was dropped, and that it is there"),
        (|erasure| erasure.models[1] = erasure.models[0].clone(), "two things became of it"),
    ];
    let shape = Shape { published: false, purged: false, replays: Vec::new(), ..Shape::default() };
    for (edit, message) in edits {
        let tale = Tale::of(&shape, &|statement| {
            if let Statement::Erasure(erasure) = statement
                && erasure.forgotten.size == 3
            {
                edit(erasure);
            }
        });
        let error = tale.refusal();
        assert!(error.to_string().contains(message), "{error}");
    }
}

#[test]
fn a_replay_that_gave_something_else_is_refused() {
    let lie = |edit: fn(&mut Replay)| {
        let tale = Tale::with(&|statement| {
            if let Statement::Replay(replay) = statement {
                edit(replay);
            }
        });
        tale.refusal().to_string()
    };
    assert!(lie(|replay| replay.obtained.artefact = Digest::of(b"x")).contains("replayed the model forest and got "));
    assert!(lie(|replay| replay.expected.state = Digest::of(b"x")).contains("what it expects is not what the erasure says"));
    assert!(lie(|replay| replay.version = 7).contains("what it expects is not what the erasure says"));
    assert!(lie(|replay| replay.records.size += 1).contains("the records that the auditor was given are not the dataset after"));
    assert!(lie(|replay| replay.statement = Digest::of(b"x")).contains("it does not replay a model of the erasure"));
    assert!(lie(|replay| replay.scope = Scope::Span { from: 3, to: 3 }).contains("no steps"));
    assert!(lie(|replay| replay.checkpoints = Some(trail(2).head())).contains("and got 18 checkpoints with the root "));
    assert!(lie(|replay| replay.checkpoints = None).contains("and got no checkpoints, and 18 checkpoints"));
}

#[test]
fn a_replay_of_a_part_has_to_show_that_part_of_the_stated_training() {
    let lie = |scope: Scope, edit: &dyn Fn(&mut Replay)| {
        let shape = Shape { replays: vec![scope], ..Shape::default() };
        let tale = Tale::of(&shape, &|statement| {
            if let Statement::Replay(replay) = statement {
                edit(replay);
            }
        });
        tale.refusal().to_string()
    };
    let shard = || Scope::Shard { index: 3 };
    let lies: [fn(&mut Part); 6] = [
        |part| part.proof[0] = Hash::of(&[b"x"]),
        |part| part.proof.truncate(1),
        |part| part.proof.push(Hash::of(&[b"x"])),
        |part| part.digests[1] = Digest::of(b"x"),
        |part| part.digests.swap(0, 1),
        |part| *part = trail(2).part(6..8).unwrap(),
    ];
    for (nth, edit) in lies.into_iter().enumerate() {
        let error = lie(shard(), &|replay| replay.part.iter_mut().for_each(edit));
        assert!(error.contains("the checkpoints that it shows are not in the stated tree"), "{nth}: {error}");
    }
    // Another shard, too little of one, and nothing.
    let cases: [(Scope, Lie, &str); 6] = [
        (shard(), |replay| replay.part = Some(trail(3).part(8..10).unwrap()), "not those of the part"),
        (shard(), |replay| replay.part = Some(trail(3).part(6..7).unwrap()), "not those of the part"),
        (shard(), |replay| replay.part.iter_mut().for_each(|part| part.digests.clear()), "not those of the part"),
        (shard(), |replay| replay.part = None, "does not show the checkpoints of the part"),
        (Scope::Span { from: 4, to: 7 }, |replay| replay.scope = Scope::Span { from: 4, to: 8 }, "not those of the part"),
        (Scope::Full, |replay| replay.part = Some(trail(3).part(0..18).unwrap()), "and shows a part"),
    ];
    for (scope, edit, message) in cases {
        let error = lie(scope.clone(), &edit);
        assert!(error.contains(message), "{scope:?}: {error}");
    }
}

#[test]
fn a_replay_of_a_part_of_a_model_without_checkpoints_is_refused() {
    let shape = Shape { replays: vec![Scope::Shard { index: 3 }], ..Shape::default() };
    let tale = Tale::of(&shape, &|statement| match statement {
        Statement::Erasure(erasure) => erasure.models.iter_mut().for_each(|model| model.checkpoints = None),
        Statement::Replay(replay) => replay.checkpoints = None,
        _ => {}
    });
    let error = tale.refusal().to_string();
    assert!(error.contains("it names a part of a training of which no checkpoints are stated"), "{error}");
}

#[test]
fn proofs_with_data_that_nothing_vouches_for_are_refused() {
    let tale = Tale::new();
    let mut parts = tale.parts();
    parts.entries[0].proof.extra = Some(b"opaque".to_vec());
    assert!(tale.refused(parts).to_string().contains("nothing vouches for"));
    let mut parts = tale.parts();
    let note = Checkpoint::sign(tale.tree(tale.size()).head(), &tale.keys.log).unwrap();
    parts.entries.iter_mut().for_each(|entry| entry.proof.checkpoint = note.clone());
    assert!(matches!(tale.refused(parts), Refusal::Quorum { .. }));
}

/// What makes a replay say something else.
type Lie = fn(&mut Replay);

/// The names of the parts and where their bytes are.
fn parts(zip: &[u8]) -> Vec<(String, std::ops::Range<usize>)> {
    let mut parts = Vec::new();
    let mut at = 0;
    while zip[at..].starts_with(b"PK\x03\x04") {
        let length = u32::from_le_bytes(zip[at + 18..at + 22].try_into().unwrap()) as usize;
        let named = usize::from(u16::from_le_bytes(zip[at + 26..at + 28].try_into().unwrap()));
        let start = at + 30 + named;
        parts.push((String::from_utf8(zip[at + 30..start].to_vec()).unwrap(), start..start + length));
        at = start + length;
    }
    parts
}

/// Sets the checksum of the part in a range, before it and in the directory.
fn mend(zip: &mut [u8], part: &std::ops::Range<usize>) {
    let checksum = crc32(&zip[part.clone()]);
    let (nth, _) = parts(zip).iter().enumerate().find(|(_, (_, range))| range == part).map(|(i, (name, _))| (i, name.clone())).unwrap();
    let named = parts(zip)[nth].0.len();
    zip[part.start - named - 16..part.start - named - 12].copy_from_slice(&checksum);
    let mut at = parts(zip).last().unwrap().1.end;
    for _ in 0..nth {
        at += 46 + usize::from(u16::from_le_bytes(zip[at + 28..at + 30].try_into().unwrap()));
    }
    zip[at + 16..at + 20].copy_from_slice(&checksum);
}

/// Another writer of zip files with stored members, for names and orders that ours does not write.
fn zip(members: &[(String, Vec<u8>)]) -> Vec<u8> {
    let (mut file, mut directory) = (Vec::new(), Vec::new());
    for (name, bytes) in members {
        let (length, offset) = ((bytes.len() as u32).to_le_bytes(), (file.len() as u32).to_le_bytes());
        let named = (name.len() as u16).to_le_bytes();
        let fields = [&[10, 0, 0, 0, 0, 0, 0, 0, 0x21, 0][..], &crc32(bytes), &length, &length, &named, &[0, 0]].concat();
        file.extend([b"PK\x03\x04", &fields[..], name.as_bytes(), bytes].concat());
        directory.extend([b"PK\x01\x02\x0a\x00", &fields[..], &[0; 10], &offset, name.as_bytes()].concat());
    }
    let (start, count) = ((file.len() as u32).to_le_bytes(), (members.len() as u16).to_le_bytes());
    let length = (directory.len() as u32).to_le_bytes();
    [file, directory, [b"PK\x05\x06\0\0\0\0", &count[..], &count, &length, &start, &[0, 0]].concat()].concat()
}

fn crc32(bytes: &[u8]) -> [u8; 4] {
    static TABLE: LazyLock<[u32; 256]> = LazyLock::new(|| {
        std::array::from_fn(|byte| (0..8).fold(byte as u32, |crc, _| if crc & 1 == 1 { (crc >> 1) ^ 0xedb8_8320 } else { crc >> 1 }))
    });
    (!bytes.iter().fold(!0_u32, |crc, byte| (crc >> 8) ^ TABLE[((crc ^ u32::from(*byte)) & 0xff) as usize])).to_le_bytes()
}
