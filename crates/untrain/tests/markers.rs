//! What was forgotten is nowhere in the store: in no file and in no blob, plain, encoded or compressed.
#![expect(clippy::unwrap_used, reason = "a test stops where something fails")]

mod support;

use std::fmt::Write as _;
use std::fs;
use std::io::{Read as _, Write as _};
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use flate2::Compression;
use flate2::read::{DeflateDecoder, MultiGzDecoder, ZlibDecoder};
use flate2::write::GzEncoder;
use support::{blobs, files};
use untrain::import::{self, Roles};
use untrain::{Access, Engine, ForgetOptions, ImportOptions, OpenOptions, Recipe, TrainOptions};

const LEARNERS: [(&str, &[(&str, &str)]); 4] =
    [("forest", &[("n_trees", "5")]), ("naive_bayes", &[]), ("logistic", &[]), ("sisa", &[("base", "forest"), ("n_shards", "2")])];

/// The marks that record `i` leaves: its id, its person and a word of its own.
fn marks(i: usize) -> [String; 3] {
    [format!("record-of-{i:04}-exactly"), format!("family-of-{i:04}-exactly"), format!("town-of-{i:04}-exactly")]
}

fn people(n: usize) -> String {
    let mut text = "id,person,age,city,income\n".to_owned();
    for i in 0..n {
        let [id, person, city] = marks(i);
        let income = if (i * 7919) % 100 > 40 + i % 20 { "high" } else { "low" };
        let _ = writeln!(text, "{id},{person},{},{city},{income}", 18 + i * 31 % 60);
    }
    text
}

/// A text as it may stand in a file: as it is, in UTF-16, in hexadecimal, in base64 at any offset.
fn forms(text: &str) -> Vec<Vec<u8>> {
    let mut forms = vec![text.as_bytes().to_vec(), text.encode_utf16().flat_map(u16::to_le_bytes).collect()];
    forms.push(text.bytes().flat_map(|byte| format!("{byte:02x}").into_bytes()).collect());
    forms.push(text.bytes().flat_map(|byte| format!("{byte:02X}").into_bytes()).collect());
    for before in 0..3 {
        let encoded = STANDARD_NO_PAD.encode([&b"..."[..before], text.as_bytes()].concat());
        // The digits at both ends depend on what stands beside the text.
        forms.push(encoded.as_bytes()[4..encoded.len() - 4].to_vec());
    }
    forms
}

/// The bytes, and what comes out wherever a compressed stream seems to begin in them.
fn unpacked(bytes: &[u8]) -> Vec<Vec<u8>> {
    let mut found = vec![bytes.to_vec()];
    for at in 0..bytes.len() {
        let rest = &bytes[at..];
        let mut out = Vec::new();
        // What is read before an error counts.
        let _ = match rest {
            [0x1f, 0x8b, 8, ..] => MultiGzDecoder::new(rest).read_to_end(&mut out),
            [0x78, 0x01 | 0x5e | 0x9c | 0xda, ..] => ZlibDecoder::new(rest).read_to_end(&mut out),
            [0x28, 0xb5, 0x2f, 0xfd, ..] => zstd::Decoder::new(rest).and_then(|mut decoder| decoder.read_to_end(&mut out)),
            _ if at == 0 => DeflateDecoder::new(rest).read_to_end(&mut out),
            _ => continue,
        };
        found.push(out);
    }
    found
}

/// The marks among these that are in one of the texts, in any form.
fn found(texts: &[Vec<u8>], marks: &[String]) -> Vec<String> {
    let inside: Vec<Vec<u8>> = texts.iter().flat_map(|text| unpacked(text)).collect();
    let holds = |form: &Vec<u8>| inside.iter().any(|text| text.windows(form.len()).any(|window| window == form));
    marks.iter().filter(|mark| forms(mark).iter().any(holds)).cloned().collect()
}

/// Every file of a store, and every blob decrypted.
fn everything(dir: &Path) -> Vec<Vec<u8>> {
    [files(dir), blobs(dir)].concat()
}

#[test]
fn what_was_forgotten_is_in_no_file_and_in_no_blob_in_any_form() {
    let place = tempfile::tempdir().unwrap();
    let dir = place.path().join("store");
    let file = place.path().join("people.csv");
    fs::write(&file, people(60)).unwrap();
    let roles = Roles {
        id: Some("id".to_owned()),
        subject: Some("person".to_owned()),
        target: Some("income".to_owned()),
        categorical: vec!["city".to_owned()],
        ..Roles::default()
    };
    let open = || Engine::open(&dir, Access::Write, OpenOptions::default(), &mut || ()).unwrap();
    let mut engine = open();
    engine.import("people", &import::dataset(&file, &roles).unwrap(), &roles, ImportOptions::default()).unwrap();
    for (learner, settings) in LEARNERS {
        let settings: Vec<_> = settings.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        engine.train("people", learner, &Recipe::new(learner, &settings, Some(1)).unwrap(), TrainOptions::default()).unwrap();
    }
    drop(engine);
    let gone: Vec<usize> = (0..60).filter(|i| i % 7 == 3).collect();
    let all: Vec<String> = gone.iter().flat_map(|i| marks(*i)).collect();
    assert_eq!(found(&everything(&dir), &all), all, "the search finds what is there");

    let mut engine = open();
    for (turn, chunk) in gone.chunks(3).enumerate() {
        let options = if turn == 1 {
            ForgetOptions { subjects: chunk.iter().map(|i| marks(*i)[1].clone()).collect(), ..ForgetOptions::default() }
        } else {
            ForgetOptions::default()
        };
        let ids: Vec<String> = if turn == 1 { Vec::new() } else { chunk.iter().map(|i| marks(*i)[0].clone()).collect() };
        engine.forget("people", &ids, &options).unwrap();
    }
    drop(engine);
    let texts = everything(&dir);
    assert_eq!(found(&texts, &all), Vec::<String>::new());
    let stays: Vec<String> = marks(4).to_vec();
    assert_eq!(found(&texts, &stays), stays, "and the search still finds what stays");
}

#[test]
fn the_search_finds_what_is_compressed() {
    let [mark, ..] = marks(1);
    let mut gz = GzEncoder::new(Vec::new(), Compression::best());
    gz.write_all(format!("something before {mark} something after").as_bytes()).unwrap();
    let gz = gz.finish().unwrap();
    let zstd = zstd::encode_all(format!("something before {mark} something after").as_bytes(), 3).unwrap();
    for packed in [gz, zstd] {
        assert!(!packed.windows(mark.len()).any(|window| window == mark.as_bytes()) || packed.starts_with(&[0x28]));
        assert_eq!(found(&[[b"head".to_vec(), packed].concat()], std::slice::from_ref(&mark)), std::slice::from_ref(&mark));
    }
    assert!(found(&[b"nothing".to_vec()], &[mark]).is_empty());
}
