//! Raw text from outside: documents are imported, learnt, forgotten and predicted.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

/// Runs what has to end with `code`; returns what it printed.
fn run(folder: &Path, code: i32, line: &[&str]) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_untrain"));
    let output = command.current_dir(folder).env_remove("UNTRAIN_STORE").args(["--store", "store"]).args(line).output().unwrap();
    let (out, err) = (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
    assert_eq!(output.status.code(), Some(code), "{line:?}: {out}{err}");
    if code == 0 { out } else { err }
}

fn json(folder: &Path, line: &[&str]) -> Value {
    serde_json::from_str(&run(folder, 0, &[&["--json"], line].concat())).unwrap()
}

/// Letters of 10 persons, two folders; each is long and has commas, quotes, line ends and other scripts.
fn letters(keep: impl Fn(usize) -> bool) -> String {
    let letter = |i: usize| {
        let about = if i.is_multiple_of(2) { "invoice, \"payment\"\nand reminder" } else { "holiday; beach\r\nand na\u{ef}ve \u{6d77}" };
        let text = format!("{about} number {i}, don\u{2019}t reply. {}", "As agreed, \"thanks\",\n ".repeat(40));
        json!({ "id": format!("letter {i}"), "person": format!("p{}", i % 10), "text": text, "folder": (["work", "home"][i % 2]) })
    };
    (0..60).filter(|i| keep(*i)).fold(String::new(), |lines, i| lines + &letter(i).to_string() + "\n")
}

#[test]
fn documents_are_learnt_forgotten_verified_and_predicted() {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path();
    let import = |file: &str, name: &str| {
        run(place, 0, &["import", file, "--as", name, "--id", "id", "--subject", "person", "--target", "folder"]);
    };
    fs::write(place.join("letters.jsonl"), letters(|_| true)).unwrap();
    fs::write(place.join("rest.jsonl"), letters(|i| i % 10 != 3 && i != 8)).unwrap();
    import("letters.jsonl", "letters");
    import("rest.jsonl", "rest");
    let trained = json(place, &["train", "letters", "--as", "folders", "--learner", "text", "--set", "n_features=4096"]);
    assert_eq!(trained["guarantee"]["kind"], "exact");
    let without = json(place, &["train", "rest", "--as", "others", "--learner", "text", "--set", "n_features=4096"]);
    assert_ne!(trained["digest"], without["digest"]);

    let one = json(place, &["forget", "letters", "--id", "letter 8"]);
    assert_eq!(one["forgotten"], json!(1));
    let person = json(place, &["forget", "letters", "--subject", "p3"]);
    assert_eq!(person["forgotten"], json!(6));
    assert_eq!(person["models"][0]["digest"], without["digest"]);
    assert_eq!(json(place, &["verify", "folders"])["equal"], json!(true));

    let strange = "id,text\n1,\"INVOICE, \"\"payment\"\"\nnow\"\n2,the na\u{ef}ve beach\n3,\n4,?!\n5,zyxwv\n";
    fs::write(place.join("new.csv"), strange).unwrap();
    run(place, 0, &["predict", "folders", "new.csv", "--out", "out.csv"]);
    let out = fs::read_to_string(place.join("out.csv")).unwrap();
    let rows: Vec<&str> = out.lines().collect();
    assert_eq!(rows.len(), 6, "{out}");
    assert!(rows[1].contains("work") && rows[2].contains("home"), "{out}");
    assert!(run(place, 0, &["show", "folders"]).contains("mixed"));
}

#[test]
fn what_cannot_be_trained_is_refused_with_the_reason() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("letters.jsonl"), letters(|_| true)).unwrap();
    run(folder.path(), 0, &["import", "letters.jsonl", "--as", "letters", "--id", "id", "--target", "folder"]);
    let train = |setting: &str| run(folder.path(), 2, &["train", "letters", "--as", "m", "--learner", "text", "--set", setting]);
    assert!(train("classifier=trees").contains("classifier"));
    assert!(train("column=texts").contains("\"text\""));
    // Two columns could be the text.
    assert!(train("n_gram=1").contains("person, text could each be the text"));
    run(folder.path(), 0, &["train", "letters", "--as", "m", "--learner", "text", "--set", "column=text"]);
}
