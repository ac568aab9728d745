//! The fault table: each row is refused, with a message that says what is wrong.

use proptest::prelude::*;
use untrain_ledger::checkpoint::{Checkpoint, LogProof};
use untrain_ledger::envelope::Envelope;
use untrain_ledger::keys::{Role, SecretKey, Signer, VerifierKey};
use untrain_ledger::note::{Note, NoteSignature};
use untrain_ledger::policy::Policy;
use untrain_ledger::statement::{Kind, Statement};
use untrain_ledger::witness::Submission;
use untrain_ledger::{Error, Hash, Refusal, Result};

use crate::support::{NOW, World, erasure, key, purge, refusal};

#[test]
fn a_statement_with_its_proof_is_accepted_offline() {
    let world = World::new();
    let (entry, proof) = world.evidence(1);
    let found = world.policy().verify(&entry, &proof).unwrap();
    assert_eq!((found.statement(), found.index()), (&erasure(), 1));
    assert_eq!(found.signer(), world.issuer.verifier());
    assert_eq!(found.checkpoint().witnesses(), [(world.witness_key.verifier().clone(), NOW)]);
    assert_eq!(found.statement().kind(), Kind::Erasure);
}

#[test]
fn a_flipped_bit_anywhere_in_a_signed_statement_is_refused() {
    let world = World::new();
    let policy = world.policy();
    let (entry, proof) = world.evidence(0);
    policy.verify(&entry, &proof).unwrap();
    let issuer = world.issuer.verifier();
    for bit in 0..entry.len() * 8 {
        let flipped = flip(&entry, bit);
        // By the log, and by the signature alone.
        assert!(policy.verify(&flipped, &proof).is_err(), "bit {bit}");
        assert!(!Envelope::from_json(&flipped).is_ok_and(|envelope| envelope.verify(issuer).is_ok()), "bit {bit}");
    }
}

#[test]
fn a_flipped_bit_anywhere_in_a_proof_is_refused() {
    let world = World::new();
    let policy = world.policy();
    let (entry, proof) = world.evidence(1);
    let text = proof.to_string();
    for bit in 0..text.len() * 8 {
        let flipped = String::from_utf8(flip(text.as_bytes(), bit)).ok().and_then(|text| text.parse::<LogProof>().ok());
        assert!(flipped.is_none_or(|proof| policy.verify(&entry, &proof).is_err()), "bit {bit}");
    }
}

#[test]
fn a_flipped_bit_anywhere_in_a_public_key_is_refused() {
    let world = World::new();
    let (entry, proof) = world.evidence(0);
    let text = world.policy_text();
    let end = text.find("auditor").unwrap();
    // A witness's name in the policy means nothing outside it.
    let word = text.find("witness w ").unwrap() + 8;
    for bit in (0..end * 8).filter(|bit| bit / 8 != word) {
        let flipped = String::from_utf8(flip(text.as_bytes(), bit)).ok().and_then(|text| text.parse::<Policy>().ok());
        assert!(flipped.is_none_or(|policy| policy.verify(&entry, &proof).is_err()), "bit {bit}");
    }
}

#[test]
fn a_statement_from_another_log_is_refused() {
    let (world, mut other) = (World::new(), World::empty("example.com/another-log", 9));
    other.append(&[purge(), erasure()]);
    other.cosign(NOW).unwrap();
    let (entry, foreign) = other.evidence(1);
    let error = world.policy().verify(&entry, &foreign).unwrap_err();
    assert!(matches!(error, Refusal::Untrusted { what: "checkpoint", .. }), "{error}");
    assert!(error.to_string().contains("example.com/another-log"), "{error}");
    // And a statement that is in no log, with the proof of one that is.
    let (_, proof) = world.evidence(1);
    let error = world.policy().verify(&other.signed(&purge()), &proof).unwrap_err();
    assert!(error.to_string().contains("not at index 1 of the log's tree of 2 entries"), "{error}");
}

#[test]
fn a_truncated_log_is_refused_by_whoever_saw_more() {
    let mut world = World::new();
    let policy = world.policy();
    let short = policy.verify_checkpoint(world.log.checkpoint()).unwrap();
    world.append(&[purge()]);
    world.cosign(NOW + 1).unwrap();
    let long = policy.verify_checkpoint(world.log.checkpoint()).unwrap();
    long.continues(&short, &world.log.consistency(2).unwrap()).unwrap();
    let error = short.continues(&long, &[]).unwrap_err();
    assert_eq!(error, Refusal::Rollback { last: 3, offered: 2 });
    assert!(error.to_string().contains("old one"), "{error}");
}

#[test]
fn a_forked_log_with_two_checkpoints_of_one_size_is_refused() {
    let (mut world, mut fork) = (World::new(), World::new());
    world.append(&[purge()]);
    fork.append(&[erasure()]);
    world.cosign(NOW + 1).unwrap();
    // The witness of the first branch refuses the second.
    let submission = Submission { old: 3, proof: Vec::new(), checkpoint: fork.log.checkpoint().clone() };
    let error = refusal(world.witness.cosign(&submission, &world.witness_key, NOW + 2));
    assert!(matches!(error, Refusal::Forked { size: 3, .. }), "{error}");
    assert!(error.to_string().contains("the log is forked: it has two trees of 3 entries"), "{error}");
    // So does anybody who has seen both, if another witness was cheated.
    fork.cosign(NOW + 2).unwrap();
    let policy = world.policy();
    let one = policy.verify_checkpoint(world.log.checkpoint()).unwrap();
    let two = policy.verify_checkpoint(fork.log.checkpoint()).unwrap();
    assert!(matches!(two.continues(&one, &[]), Err(Refusal::Forked { size: 3, .. })));
    // And a fork that went on does not continue the other branch.
    fork.append(&[purge()]);
    fork.cosign(NOW + 3).unwrap();
    let later = policy.verify_checkpoint(fork.log.checkpoint()).unwrap();
    let error = later.continues(&one, &fork.log.consistency(3).unwrap()).unwrap_err();
    assert!(error.to_string().contains("the log was rewritten"), "{error}");
}

#[test]
fn a_replayed_old_checkpoint_is_refused() {
    let mut world = World::new();
    let old = world.submission().unwrap().checkpoint;
    world.append(&[purge()]);
    world.cosign(NOW + 1).unwrap();
    let submission = Submission { old: 3, proof: Vec::new(), checkpoint: old };
    let error = refusal(world.witness.cosign(&submission, &world.witness_key, NOW + 2));
    assert_eq!(error, Refusal::Rollback { last: 3, offered: 2 });
}

#[test]
fn a_wrong_key_is_refused_for_every_role() {
    let world = World::new();
    let (entry, proof) = world.evidence(0);
    let text = world.policy_text();
    let with = |key: &VerifierKey, other: &SecretKey| {
        text.replace(&key.to_string(), &other.verifier().to_string()).parse::<Policy>().unwrap().verify(&entry, &proof).unwrap_err()
    };
    // Another name, so another id: the signature is nobody's.
    let error = with(world.log_key.verifier(), &key("example.com/log", Role::Log, 20));
    assert!(matches!(error, Refusal::Untrusted { what: "checkpoint", .. }), "{error}");
    let error = with(world.witness_key.verifier(), &key("example.org/witness", Role::Witness, 20));
    assert!(matches!(&error, Refusal::Quorum { found, .. } if found.is_empty()), "{error}");
    assert!(error.to_string().contains("needs w, and the witnesses that cosigned are none"), "{error}");
    let error = with(world.issuer.verifier(), &key("example.com/issuer", Role::Issuer, 20));
    assert!(matches!(error, Refusal::Untrusted { what: "statement", .. }), "{error}");
    // The name and id of one key over the signature of another.
    let forged = Checkpoint::sign(world.log.head(), &key("example.com/log", Role::Log, 20)).unwrap();
    let line = world.log.checkpoint().signatures()[0].clone();
    let text = forged.to_string();
    let (_, signature) = text.rsplit_once(' ').unwrap();
    let bytes = NoteSignature { bytes: forged.signatures()[0].bytes.clone(), ..line }.to_string();
    let forged = text.replace(&format!("\u{2014} example.com/log {signature}"), &bytes);
    let error = world.policy().verify_checkpoint(&forged.parse().unwrap()).unwrap_err();
    assert!(matches!(error, Refusal::BadSignature { .. }) && error.to_string().contains("another key signed"), "{error}");
}

#[test]
fn a_key_does_not_do_what_another_role_does() {
    let world = World::new();
    for (statement, wrong) in [(purge(), &world.auditor), (purge(), &world.log_key), (purge(), &world.witness_key)] {
        let error = refusal(Envelope::sign(&statement, wrong));
        assert!(matches!(error, Refusal::WrongRole { .. }) && error.to_string().contains("an issuer is needed"), "{error}");
    }
    assert!(matches!(Checkpoint::sign(world.log.head(), &world.issuer), Err(Error::Refused(Refusal::WrongRole { .. }))));
    assert!(matches!(world.log.checkpoint().cosign(&world.log_key, NOW), Err(Error::Refused(Refusal::WrongRole { .. }))));
}

#[test]
fn a_clock_that_runs_backwards_is_refused() {
    let mut world = World::new();
    world.append(&[purge()]);
    let error = refusal(world.cosign(NOW - 1));
    assert!(matches!(error, Refusal::ClockBackwards { last: NOW, .. }), "{error}");
    assert!(error.to_string().contains("the clock runs backwards: it says 1699999999"), "{error}");
    world.cosign(NOW).unwrap();
    // A witness whose state was lost may cosign with an older time; whoever has both checkpoints notices.
    let policy = world.policy();
    let first = policy.verify_checkpoint(world.log.checkpoint()).unwrap();
    world.append(&[purge()]);
    let late = world.log.checkpoint().cosign(&world.witness_key, NOW - 5).unwrap();
    world.log.add_cosignatures(&[late]).unwrap();
    let second = policy.verify_checkpoint(world.log.checkpoint()).unwrap();
    let error = second.continues(&first, &world.log.consistency(3).unwrap()).unwrap_err();
    assert!(matches!(error, Refusal::ClockBackwards { .. }), "{error}");
}

#[test]
fn a_failing_signer_is_noticed_before_anything_is_published() {
    #[derive(Debug)]
    struct Broken(SecretKey);
    impl Signer for Broken {
        fn verifier(&self) -> &VerifierKey {
            self.0.verifier()
        }
        fn sign(&self, message: &[u8]) -> Result<[u8; 64]> {
            let mut signature = self.0.sign(message)?;
            signature[3] ^= 1;
            Ok(signature)
        }
    }
    let mut world = World::new();
    let head = world.log.head();
    let broken = Broken(key("example.com/log", Role::Log, 1));
    assert!(matches!(world.log.append(&[b"entry"], &broken), Err(Error::Refused(Refusal::BadSignature { .. }))));
    assert_eq!(world.log.head(), head);
    world.append(&[purge()]);
    world.log.audit().unwrap();
}

fn flip(bytes: &[u8], bit: usize) -> Vec<u8> {
    let mut flipped = bytes.to_vec();
    flipped[bit / 8] ^= 1 << (bit % 8);
    flipped
}

proptest! {
    #[test]
    fn no_text_makes_a_reader_panic(
        text in r"(c2sp\.org/tlog-proof@v1\n|index |old |log |witness w |quorum none\n|[ -~\n—+=0-9]{0,30}|AQ==|\n\n|— a AAAAAAAA\n|\{\}){0,12}",
        bytes in prop::collection::vec(any::<u8>(), 0..200),
    ) {
        let _ = (text.parse::<Note>(), text.parse::<Checkpoint>(), text.parse::<LogProof>(), text.parse::<Policy>());
        let _ = (text.parse::<Submission>(), text.parse::<VerifierKey>(), text.parse::<Hash>());
        let _ = (Envelope::from_json(text.as_bytes()), Statement::from_json(&bytes), Envelope::from_json(&bytes));
    }

    #[test]
    fn no_changed_text_of_a_proof_makes_a_reader_panic(cut in 0_usize..600, insert in "[ -~\n—]{0,8}", skip in 0_usize..40) {
        let world = WORLD.with(|world| (world.0.clone(), world.1.clone(), world.2.clone()));
        let text: Vec<char> = world.1.chars().collect();
        let cut = cut.min(text.len());
        let changed: String = text[..cut].iter().copied().chain(insert.chars()).chain(text.iter().copied().skip(cut + skip)).collect();
        if changed != world.1 && let Ok(proof) = changed.parse::<LogProof>() {
            let policy: Policy = world.2.parse().unwrap();
            // Other bytes may say the same only where a line that nothing vouches for was put in.
            prop_assert!(policy.verify(&world.0, &proof).is_err() || proof.to_string() == changed);
        }
    }
}

thread_local! {
    /// An entry, its proof and the policy, as texts.
    static WORLD: (Vec<u8>, String, String) = {
        let world = World::new();
        let (entry, proof) = world.evidence(1);
        (entry, proof.to_string(), world.policy_text())
    };
}
