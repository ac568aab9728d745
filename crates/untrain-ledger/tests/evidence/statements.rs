//! Statements: their bytes, and what does not become one.

use base64::Engine as _;
use untrain_core::Digest;
use untrain_ledger::bisect::Part;
use untrain_ledger::checkpoint::Checkpoint;
use untrain_ledger::envelope::Envelope;
use untrain_ledger::keys::Signer as _;
use untrain_ledger::merkle::TreeHead;
use untrain_ledger::statement::{
    File, Kind, LARGEST, ModelDigests, Publish, Replay, Request, Scope, SeedOrigin, Statement, Train, reference,
};
use untrain_ledger::{Hash, Refusal};

use crate::support::{World, erasure, head, program, purge};

#[test]
fn every_kind_comes_back_from_its_bytes_and_says_what_it_does_not_prove() {
    let statements = all();
    assert_eq!(statements.iter().map(Statement::kind).collect::<Vec<_>>(), Kind::ALL);
    for statement in statements {
        let bytes = statement.to_json().unwrap();
        assert_eq!(Statement::from_json(&bytes).unwrap(), statement);
        let kind = statement.kind();
        let text = String::from_utf8(bytes).unwrap();
        assert!(text.contains(&format!("\"predicateType\":\"urn:untrain:statement:{}:v1\"", kind.name())), "{text}");
        assert!(!kind.does_not_prove().is_empty());
        assert!(kind.does_not_prove().iter().all(|sentence| sentence.starts_with("It does not prove") && sentence.ends_with('.')));
    }
}

#[test]
fn a_statement_is_the_canonical_json_that_another_program_writes() {
    // python: json.dumps(json.loads(text), sort_keys=True, separators=(",", ":"), ensure_ascii=False), whose floats differ from
    // RFC 8785 in 1e-7, which is "1e-7" there and "1e-07" in Python.
    let text = String::from_utf8(erasure().to_json().unwrap()).unwrap();
    let digest = |text: &str| Digest::of(text.as_bytes());
    let models = format!(
        r#"[{{"after":{{"artefact":"{}","state":"{}"}},"before":{{"artefact":"{}","state":"{}"}},"checkpoints":null,"fate":{{"kind":"updated"}},"guarantee":{{"kind":"exact"}},"model":"forest","recipe":"{}","version":2}},"#,
        digest("after"),
        digest("fter"),
        digest("before"),
        digest("efore"),
        digest("recipe"),
    );
    assert!(text.starts_with(r#"{"_type":"https://in-toto.io/Statement/v1","predicate":{"after":{"root":""#), "{text}");
    assert!(text.contains(&models), "{text}");
    assert!(text.contains(r#""guarantee":{"delta":1e-7,"epsilon":0.25,"kind":"certified"}"#), "{text}");
    assert!(text.contains("{\"kind\":\"waived\",\"reason\":\"a trial, \u{20ac} 0\"}"), "{text}");
    let subject = format!(r#","subject":[{{"digest":{{"sha256":"{}"}},"name":"dataset/adults"}},"#, head(0..8).root);
    assert!(text.contains(&subject), "{text}");
}

#[test]
fn other_spellings_of_the_same_json_are_refused() {
    let text = String::from_utf8(erasure().to_json().unwrap()).unwrap();
    for (what, bad) in [
        ("a space", text.replacen(':', ": ", 1)),
        ("another spelling of a number", text.replace("1e-7", "0.0000001")),
        ("another spelling of an integer", text.replace("\"version\":2", "\"version\":2.0")),
        ("an unknown field", text.replacen("\"after\":", "\"aaa\":1,\"after\":", 1)),
        ("a repeated field", text.replacen("\"dataset\":\"adults\"", "\"dataset\":\"adults\",\"dataset\":\"adults\"", 1)),
        ("an escape that need not be", text.replace('\u{20ac}', "\\u20ac")),
        ("an upper-case digest", text.replacen(&Digest::of(b"recipe").to_string(), &Digest::of(b"recipe").to_string().to_uppercase(), 1)),
        ("a subject that does not follow", text.replace("dataset/adults", "dataset/others")),
        ("another type", text.replace("Statement/v1", "Statement/v2")),
        ("another predicate", text.replace("erasure:v1", "erasure:v2")),
        ("another kind's predicate", text.replace("erasure:v1", "purge:v1")),
        ("a missing field", text.replace(",\"version\":2}", "}")),
        ("bytes at the end", format!("{text}\n")),
    ] {
        assert_ne!(bad, text, "{what}");
        let error = Statement::from_json(bad.as_bytes()).unwrap_err();
        assert!(matches!(error, Refusal::Malformed { what: "statement", .. }), "{what}: {error}");
    }
}

#[test]
fn statements_that_are_too_large_or_about_nothing_are_refused() {
    let Statement::Purge(purge) = purge() else { unreachable!() };
    let mut large = purge.clone();
    large.destroyed = (0..200_u8).map(|n| Digest::of(&[n])).collect();
    let error = Statement::Purge(large).to_json().unwrap_err();
    assert!(matches!(error, Refusal::TooLarge { limit: 16_384, .. }), "{error}");
    assert!(Statement::from_json(&vec![b' '; LARGEST + 1]).is_err());
    let mut empty = purge.clone();
    empty.destroyed.clear();
    assert!(Statement::Purge(empty).to_json().unwrap_err().to_string().contains("about nothing"));
    let mut late = purge;
    late.at_ms = 1 << 53;
    assert!(Statement::Purge(late).to_json().unwrap_err().to_string().contains("2^53"));
}

#[test]
fn an_envelope_is_signed_over_the_encoding_of_the_specification() {
    // PAE of DSSE: "DSSEv1 28 application/vnd.in-toto+json <length> <payload>".
    let world = World::new();
    let bytes = world.signed(&purge());
    let text = String::from_utf8(bytes.clone()).unwrap();
    assert!(
        text.starts_with(r#"{"payload":""#)
            && text.contains(r#","payloadType":"application/vnd.in-toto+json","signatures":[{"keyid":"example.com/issuer+"#)
    );
    let payload = purge().to_json().unwrap();
    let message = [format!("DSSEv1 28 application/vnd.in-toto+json {} ", payload.len()).as_bytes(), &payload].concat();
    let signature = base64::engine::general_purpose::STANDARD.encode(world.issuer.sign(&message).unwrap());
    assert!(text.contains(&format!("\"sig\":\"{signature}\"")), "{text}");
    assert_eq!(reference(&bytes), Digest::of(&bytes));
    for other in
        [text.replacen(':', ": ", 1), text.replace("+json", "\\u002bjson"), format!("{text} "), text.replacen('{', "{\"extra\":1,", 1)]
    {
        assert!(matches!(Envelope::from_json(other.as_bytes()), Err(Refusal::Malformed { .. })), "{other}");
    }
    let twice = text.replace("\"signatures\":[", &text[text.find("\"signatures\":[").unwrap()..].replace("]}", ","));
    assert!(Envelope::from_json(twice.as_bytes()).unwrap_err().to_string().contains("twice"));
}

#[test]
fn the_seed_of_a_model_follows_from_the_checkpoint_alone() {
    // hashlib.sha256(b"untrain-seed-v1\nexample.com/log\n0\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n").digest()[:8], most significant first, >> 11
    let world = World::empty("example.com/log", 1);
    let checkpoint: Checkpoint = world.log.checkpoint().text().parse().unwrap();
    let (seed, origin) = SeedOrigin::of(&checkpoint);
    assert_eq!(seed.0, 0x9984_63a0_1201_2309 >> 11);
    assert_eq!(origin, SeedOrigin::Log { origin: "example.com/log".to_owned(), size: 0, root: Hash::of(&[]) });
    assert_eq!(origin.seed(), Some(seed));
    assert_eq!(SeedOrigin::Chosen.seed(), None);
}

fn all() -> [Statement; 6] {
    let digests = ModelDigests { artefact: Digest::of(b"a"), state: Digest::of(b"s") };
    [
        Statement::Train(Train {
            model: "forest".parse().unwrap(),
            version: 1,
            dataset: "adults".parse().unwrap(),
            records: head(0..10),
            recipe: Digest::of(b"recipe"),
            digests: digests.clone(),
            checkpoints: Some(TreeHead { size: 3, root: Hash::of(&[b"checkpoints"]) }),
            seed: SeedOrigin::Log { origin: "example.com/log".to_owned(), size: 3, root: Hash::of(&[]) },
            program: program(),
            at_ms: 1_700_000_000_000,
        }),
        Statement::Request(Request {
            request: "0198c0de-0000-7000-8000-000000000000".parse().unwrap(),
            dataset: "adults".parse().unwrap(),
            regime: "GDPR".to_owned(),
            records: head(8..10),
            received_ms: 1_700_000_000_000,
            confirm_due_ms: None,
            due_ms: Some(1_702_592_000_000),
        }),
        erasure(),
        Statement::Publish(Publish {
            model: "forest".parse().unwrap(),
            version: 2,
            artefact: digests.artefact,
            files: vec![File { name: "forest.onnx".to_owned(), digest: Digest::of(b"onnx") }],
            floor: 2,
            at_ms: 1_700_000_000_000,
        }),
        purge(),
        Statement::Replay(Replay {
            model: "forest".parse().unwrap(),
            version: 2,
            statement: Digest::of(b"envelope"),
            records: head(0..8),
            expected: digests.clone(),
            obtained: digests,
            scope: Scope::Span { from: 10, to: 12 },
            checkpoints: Some(TreeHead { size: 40, root: Hash::of(&[b"checkpoints"]) }),
            part: Some(Part { first: 10, digests: vec![Digest::of(b"10"), Digest::of(b"11")], proof: vec![Hash::of(&[b"proof"])] }),
            program: program(),
            at_ms: 1_700_000_000_000,
        }),
    ]
}
