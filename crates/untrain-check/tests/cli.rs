//! The program as people run it: what it says and how it ends.

#![expect(clippy::unwrap_used, reason = "a test may panic; the helpers outside the test functions are part of the tests")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use insta::assert_snapshot;
use tempfile::TempDir;

struct Said {
    code: i32,
    out: String,
    err: String,
}

/// A directory with the golden receipt, its policy, a model that is served, and nothing else.
fn place() -> TempDir {
    let place = tempfile::tempdir().unwrap();
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("../untrain-ledger/tests/data");
    fs::copy(data.join("receipt-v1.zip"), place.path().join("r.zip")).unwrap();
    fs::copy(data.join("receipt-v1.policy"), place.path().join("policy.txt")).unwrap();
    fs::write(place.path().join("served"), "forest 3").unwrap();
    place
}

fn check(place: &TempDir, arguments: &[&str]) -> Said {
    run(Path::new(env!("CARGO_BIN_EXE_untrain-check")), place, arguments)
}

fn run(program: &Path, place: &TempDir, arguments: &[&str]) -> Said {
    let output = Command::new(program).args(arguments).current_dir(place.path()).env_clear().output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    Said { code: output.status.code().unwrap(), out: text(output.stdout), err: text(output.stderr) }
}

#[test]
fn alone_in_an_empty_directory_it_accepts_an_honest_receipt() {
    let place = place();
    let program: PathBuf = place.path().join("untrain-check");
    fs::copy(env!("CARGO_BIN_EXE_untrain-check"), &program).unwrap();
    let said = run(&program, &place, &["r.zip", "--policy", "policy.txt", "--level", "3", "--artefact=served"]);
    assert_eq!((said.code, said.err.as_str()), (0, ""));
    assert_snapshot!(said.out, @r#"
    Receipt of the request r-1 about the dataset adults, checked with the policy given.

    Level 1, signatures and the log: reached
      - The operator signed 7 statements, with the key example.com/issuer+6388afd1.
      - An auditor signed 2 statements, with the key example.net/auditor+4c66f9c9.
      - All of them are in the log "example.com/log" of 11 entries, whose checkpoint the log signed.
      - The witness example.org/witness+56a51910 has seen the log up to this checkpoint, on 2023-11-14 22:13 UTC by its clock.

    Level 2, the chain: reached
      - The request arrived on 2023-10-23 18:40 UTC and was carried out on 2023-10-24 18:40 UTC, in time under GDPR: it was due on 2023-11-23 18:40 UTC.
      - The dataset adults had 40 records before and has 37 after. What is gone is exactly 3 records: 2 of this request and 1 of others.
      - The receipt shows for 2 of the request's 2 records which one it is.
      - Before, the dataset was as the erasure statement at index 3 left it, and so was every model as its last statement left it.
      - The model forest was revised without the records, to version 3. Exact: it is, byte for byte, the model that training without the records gives.
      - The model network had not learned the records and stays as it is.
      - Version 3 of the model forest was published on 2023-10-24 18:40 UTC, in 1 file. No older version may be served.
      - On 2023-10-25 18:40 UTC 3 files were destroyed, by this method: "erased; database compacted". Backups may hold them until 2024-01-22 18:40 UTC.
      - The model forest as it was before is among what was destroyed.

    Level 3, replay: reached
      - The auditor example.net/auditor+4c66f9c9 replayed the whole training of the model forest on 2023-10-31 18:40 UTC and got what is stated.

    Level 4, replay of a part at least: reached
      - The auditor example.net/auditor+4c66f9c9 replayed shard 3 (of 9, counted from 0) of the model forest on 2023-10-31 18:40 UTC and got what is stated. The other shards were not trained again: that they are what is stated is the operator's word.

    What this does not prove:
      - It does not prove that the training was done as stated: a replay by somebody who holds the records does.
      - It does not prove that the records were lawfully used, or that the recipe was chosen without looking at them.
      - It does not prove who made the request, or that the records found are all that the operator has of the person.
      - It does not prove that the request has been carried out: an erasure statement says that.
      - It does not prove that the stated model is the one in use: compare the digest of what is served.
      - It does not prove that copies made earlier are gone: a purge statement says so, and a statement is not a proof.
      - It does not prove that the person's data is not in the dataset under another id, or in a near copy.
      - It does not prove that the model's bytes come from the retained records before a replay has compared them.
      - It does not prove that choices made earlier, such as the recipe, were independent of the forgotten records.
      - It does not prove that every place that serves the model has taken this version up.
      - It does not prove that others who downloaded earlier versions deleted them.
      - It does not prove that the bytes are gone: it is the operator's signed word, since nobody can prove a negative.
      - It does not prove anything about copies outside the places that it names.
      - It does not prove that the records given to the auditor are all the operator has: it binds them to the commitment.
      - It does not prove more than the scope that it names: what a shard or a span leaves out may be other than stated.

    The file is the artefact of the model forest, version 3, as it is stated after the erasure.

    Accepted.
    "#);
}

#[test]
fn the_keys_of_the_receipt_itself_are_called_what_they_are() {
    let place = place();
    let said = check(&place, &["r.zip"]);
    assert_eq!(said.code, 0);
    assert!(said.out.starts_with("Receipt of the request r-1 about the dataset adults, checked with the policy in the receipt.\n"));
    assert!(said.out.contains("The keys come from the receipt itself"));
}

#[test]
fn json_is_one_object() {
    let place = place();
    let said = check(&place, &["--json", "r.zip", "--request", "r-1"]);
    assert_eq!((said.code, said.err.as_str(), said.out.lines().count()), (0, "", 1));
    let value: serde_json::Value = serde_json::from_str(&said.out).unwrap();
    assert_eq!(
        (&value["accepted"], &value["policy"], &value["levels"]),
        (&true.into(), &"receipt".into(), &serde_json::json!([1, 2, 3, 4]))
    );
    assert_eq!(value["models"][0]["guarantee"], serde_json::json!({"kind": "exact"}));
    let said = check(&place, &["--json", "r.zip", "--request", "r-2"]);
    let value: serde_json::Value = serde_json::from_str(&said.out).unwrap();
    assert_eq!((said.code, &value["accepted"], &value["refused"]), (1, &false.into(), &true.into()));
}

#[test]
fn what_is_refused_is_told_with_the_reason() {
    let place = place();
    let path = |name: &str| place.path().join(name);
    let mut bytes = fs::read(path("r.zip")).unwrap();
    bytes[5000] ^= 4;
    fs::write(path("flipped.zip"), bytes).unwrap();
    fs::write(path("swapped"), "forest 4").unwrap();
    let policy = fs::read_to_string(path("policy.txt")).unwrap();
    let others = policy.lines().filter(|line| !line.starts_with("issuer")).fold(String::new(), |text, line| text + line + "\n");
    fs::write(path("others.txt"), others).unwrap();
    let refused = |arguments: &[&str]| {
        let said = check(&place, arguments);
        assert_eq!((said.code, said.out.as_str()), (1, ""), "{}", said.err);
        said.err
    };
    assert_snapshot!(refused(&["flipped.zip"]), @r#"
    error: flipped.zip is refused: the receipt is malformed: its part "receipt.html" was changed: the checksum is another
    hint: the file may have been damaged on its way; ask for it again
    "#);
    assert_snapshot!(refused(&["policy.txt"]), @r#"
    error: policy.txt is refused: the receipt is malformed: it is not a zip file that begins with its first part
    hint: the file may have been damaged on its way; ask for it again
    "#);
    assert_snapshot!(refused(&["r.zip", "--request", "r-2"]), @r#"
    error: r.zip is refused: this is the receipt of the request r-1, not of r-2
    hint: each request has a receipt of its own, also where one erasure carried out several
    "#);
    assert_snapshot!(refused(&["r.zip", "--artefact", "swapped"]), @r#"
    error: swapped is refused: the file has the digest c43e3d33633bdb0b67ba22b898dc0610f91a9baf7581f66b458e7ea9f9c06660, and the artefact of the model forest is stated to be 44a0953744709660979a7038728413679f43666276f225bcd5c7d6042217c0b3; the artefact of the model network is stated to be c10d262207a31601c25ef6166e435d40a45bb2bc86afa2d0763c1e6c38d35121
    hint: ask which version is served; this receipt is about the one that the erasure left
    "#);
    assert_snapshot!(refused(&["r.zip", "--policy", "others.txt"]), @r#"
    error: r.zip is refused: the statement is not signed by a key that the policy trusts: example.com/issuer+6388afd1
    hint: if the operator's keys have changed, the policy needs the new ones; the old ones stay in it as retired
    "#);
}

#[test]
fn bad_usage_is_told_apart_from_a_refusal() {
    let place = place();
    let wrong = |arguments: &[&str]| {
        let said = check(&place, arguments);
        assert_eq!((said.code, said.out.as_str()), (2, ""), "{}", said.err);
        said.err
    };
    assert_snapshot!(wrong(&[]), @r#"
    error: there is no receipt to be checked
    hint: untrain-check --help lists the options
    "#);
    assert_snapshot!(wrong(&["r.zip", "--level", "5"]), @r#"
    error: cannot parse argument "5": a level is 1, 2, 3 or 4
    hint: untrain-check --help lists the options
    "#);
    assert_snapshot!(wrong(&["r.zip", "other.zip"]), @r#"
    error: RECEIPT.zip is given twice
    hint: untrain-check --help lists the options
    "#);
    assert_snapshot!(wrong(&["r.zip", "--verbose"]), @r#"
    error: invalid option '--verbose'
    hint: untrain-check --help lists the options
    "#);
    assert_snapshot!(wrong(&["absent.zip"]), @"error: cannot read absent.zip: No such file or directory (os error 2)");
    assert_snapshot!(wrong(&["r.zip", "--policy", "served"]), @"error: served: the policy is malformed: line 1: it is not a line of a policy");
    assert_eq!(check(&place, &["--help"]).code, 0);
    assert!(check(&place, &["--version"]).out.starts_with("untrain-check 0."));
}
