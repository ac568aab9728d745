//! Policies: how they are read, what a quorum is, and how keys are rotated.

use std::fmt::Write as _;

use untrain_ledger::Refusal;
use untrain_ledger::keys::{Role, SecretKey, Signer as _, VerifierKey};
use untrain_ledger::policy::Policy;

use crate::support::{NOW, World, key, purge};

#[test]
fn the_quorum_of_the_specification_needs_two_of_three_and_one_of_three() {
    let world = World::new();
    let witnesses: Vec<SecretKey> = (0..6).map(|i| key(&format!("w{i}.example"), Role::Witness, 30 + i)).collect();
    let mut text = format!("# two organisations\n\nlog {} https://example.com/log\n", world.log_key.verifier());
    for (name, witness) in ["X1", "X2", "X3", "Y1", "Y2", "Y3"].iter().zip(&witnesses) {
        writeln!(text, "\twitness  {name} {} ", witness.verifier()).unwrap();
    }
    text += "group X-witnesses 2 X1 X2 X3\ngroup Y-witnesses any Y1 Y2 Y3\ngroup X-and-Y all X-witnesses Y-witnesses\nquorum X-and-Y\n";
    let policy: Policy = text.parse().unwrap();
    for set in 0..64_u8 {
        let mut note = world.log.checkpoint().clone();
        for (i, witness) in witnesses.iter().enumerate().filter(|(i, _)| set >> i & 1 == 1) {
            let cosignature = note.cosign(witness, NOW + i as u64).unwrap();
            note.add(cosignature);
        }
        let enough = (set & 7).count_ones() >= 2 && set >> 3 > 0;
        match policy.verify_checkpoint(&note) {
            Ok(checkpoint) => assert!(enough && checkpoint.witnesses().len() == set.count_ones() as usize, "{set:06b}"),
            Err(error) => {
                assert!(!enough, "{set:06b}: {error}");
                assert!(error.to_string().contains("2 of (2 of (X1, X2, X3), 1 of (Y1, Y2, Y3))"), "{error}");
            }
        }
    }
}

#[test]
fn a_wrong_cosignature_is_refused_even_where_it_is_not_needed() {
    let world = World::new();
    let policy: Policy = world.policy_text().replace("quorum w", "quorum none").parse().unwrap();
    let mut note = world.log.checkpoint().clone();
    let mut cosignature = note.cosign(&world.witness_key, NOW).unwrap();
    cosignature.bytes[7] ^= 1;
    note.add(cosignature);
    assert!(matches!(policy.verify_checkpoint(&note), Err(Refusal::BadSignature { .. })));
}

#[test]
fn a_retired_key_vouches_for_what_it_signed_and_for_nothing_later() {
    let mut world = World::new();
    let (entry, proof) = world.evidence(1);
    let new = key("example.com/issuer", Role::Issuer, 40);
    let rotated = |size: u64| -> Policy {
        let text = format!("{}retired {} {size}\nissuer {}\n", world.policy_text(), world.issuer.verifier(), new.verifier());
        text.parse().unwrap()
    };
    rotated(2).verify(&entry, &proof).unwrap();
    let error = rotated(1).verify(&entry, &proof).unwrap_err();
    assert!(matches!(error, Refusal::Retired { until: 1, at: 1, .. }), "{error}");
    assert!(error.to_string().contains("was retired at size 1 of the log"), "{error}");
    let policy = rotated(2);
    let later = untrain_ledger::envelope::Envelope::sign(&purge(), &new).unwrap().to_json().unwrap();
    let stolen = world.signed(&purge());
    world.log.append(&[later.clone(), stolen.clone()], &world.log_key).unwrap();
    world.cosign(NOW + 1).unwrap();
    policy.verify(&later, &world.log.prove(2).unwrap()).unwrap();
    assert!(matches!(policy.verify(&stolen, &world.log.prove(3).unwrap()), Err(Refusal::Retired { at: 3, .. })));
}

#[test]
fn a_retired_log_key_may_sign_no_larger_tree_and_a_retired_witness_counts_no_longer() {
    let mut world = World::new();
    let new = key("example.com/log", Role::Log, 41);
    let policy: Policy =
        format!("{}log {}\nretired {} 2\n", world.policy_text(), new.verifier(), world.log_key.verifier()).parse().unwrap();
    policy.verify_checkpoint(world.log.checkpoint()).unwrap();
    let no_witness: Policy = format!("{}retired {} 1\n", world.policy_text(), world.witness_key.verifier()).parse().unwrap();
    assert!(matches!(no_witness.verify_checkpoint(world.log.checkpoint()), Err(Refusal::Quorum { .. })));
    world.append(&[purge()]);
    world.cosign(NOW).unwrap();
    assert!(matches!(policy.verify_checkpoint(world.log.checkpoint()), Err(Refusal::Retired { until: 2, at: 3, .. })));
}

#[test]
fn one_public_key_has_one_role_and_one_place() {
    let world = World::new();
    for (role, kind) in [(Role::Log, "log"), (Role::Witness, "witness x"), (Role::Issuer, "issuer"), (Role::Auditor, "auditor")] {
        let again = key("another.example", role, 1);
        let error = format!("{}{kind} {}\n", world.policy_text(), again.verifier()).parse::<Policy>().unwrap_err();
        assert!(matches!(error, Refusal::SharedKey { .. }) && error.to_string().contains("key of its own"), "{error}");
    }
}

#[test]
fn what_is_not_a_policy_is_refused_with_the_line() {
    let world = World::new();
    let witness = world.witness_key.verifier();
    let other: VerifierKey = key("o.example", Role::Witness, 50).verifier().clone();
    for (bad, reason) in [
        (String::new(), "no quorum"),
        ("quorum x\n".to_owned(), "line 1: the quorum has not been defined"),
        ("quorum none\nquorum none\n".to_owned(), "line 2: there is a quorum already"),
        ("quorum none now\n".to_owned(), "line 1: it is not a line of a policy"),
        ("quorum none\r\n".to_owned(), "control character"),
        ("logs\nquorum none\n".to_owned(), "line 1: it is not a line"),
        (format!("log {witness}\nquorum none\n"), "a log is needed"),
        (format!("witness none {witness}\nquorum none\n"), "the name is taken"),
        (format!("witness a {witness}\nwitness a {other}\nquorum none\n"), "line 2: the name is taken"),
        (format!("witness a {witness}\ngroup g 0 a\nquorum g\n"), "line 2: the group needs a count"),
        (format!("witness a {witness}\ngroup g 2 a\nquorum g\n"), "line 2: the group needs a count"),
        (format!("witness a {witness}\ngroup g 01 a\nquorum g\n"), "line 2: the group needs a count"),
        (format!("witness a {witness}\ngroup g any\nquorum g\n"), "line 2: the group needs a count"),
        (format!("witness a {witness}\ngroup g any b\nquorum g\n"), "line 2: a member of the group has not been defined"),
        (format!("witness a {witness}\ngroup g any none\nquorum g\n"), "line 2: a member of the group has not been defined"),
        (format!("witness a {witness}\ngroup g all a a\nquorum g\n"), "line 2: a witness or group is a member twice"),
        (format!("witness a {witness}\ngroup g any a\ngroup h any a\nquorum g\n"), "line 3: a witness or group is a member twice"),
        (format!("retired {witness} 3\nquorum none\n"), "retired before it is named"),
        (format!("witness a {witness}\nretired {witness} 3\nretired {witness} 4\nquorum none\n"), "retired twice"),
        (format!("witness a {witness}\nretired {witness} x\nquorum none\n"), "the size is not a number"),
    ] {
        let error = bad.parse::<Policy>().unwrap_err();
        assert!(error.to_string().contains(reason), "{bad}: {error}");
    }
}

#[test]
fn other_programs_get_the_policy_that_they_know() {
    let world = World::new();
    let new = key("example.com/log", Role::Log, 41);
    let text = format!("{}# the end\nlog {}\nretired {} 2\n", world.policy_text(), new.verifier(), world.log_key.verifier());
    let policy: Policy = text.parse().unwrap();
    assert_eq!(policy.text(), text);
    let expected = format!("witness w {}\nquorum w\n# the end\nlog {}\n", world.witness_key.verifier(), new.verifier());
    assert_eq!(policy.tlog_policy(), expected);
}
