//! Honest receipts pass, whatever happened; a receipt in which one field of one statement was changed does not.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use proptest::prelude::*;
use serde_json::{Value, json};
use untrain_ledger::receipt::{Parts, Receipt};
use untrain_ledger::statement::{Fate, Scope};

use crate::tale::{Shape, Tale, verdict};

fn fates() -> impl Strategy<Value = Vec<Fate>> {
    let fate = prop_oneof![
        Just(Fate::Updated),
        Just(Fate::Retrained),
        Just(Fate::Dropped),
        Just(Fate::Unaffected),
        "[ -~\u{e9}\u{202e}]{0,12}".prop_map(|reason| Fate::Waived { reason }),
    ];
    prop::collection::vec(fate, 0..4)
}

fn scopes() -> impl Strategy<Value = Vec<Scope>> {
    let scope = prop_oneof![
        Just(Scope::Full),
        (0_u64..9).prop_map(|index| Scope::Shard { index }),
        (0_u64..9, 1_u64..9).prop_map(|(from, steps)| Scope::Span { from, to: from + steps }),
    ];
    prop::collection::vec(scope, 0..3)
}

fn shapes() -> impl Strategy<Value = Shape> {
    (1_usize..60, 0_usize..8, 0_usize..8, fates(), any::<[bool; 4]>(), scopes()).prop_map(
        |(kept, own, others, fates, [earlier, published, purged, opened], replays)| {
            let records = kept + own + others;
            Shape { records, own, others, fates, earlier, published, purged, replays, opened }
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn every_honest_receipt_passes(shape in shapes()) {
        let tale = Tale::of(&shape, &|_| ());
        let bytes = tale.receipt().to_zip().unwrap();
        let receipt = Receipt::from_zip(&bytes).unwrap();
        let checked = receipt.check(Some(&tale.keys.policy())).unwrap();
        prop_assert_eq!(receipt.to_zip().unwrap(), bytes);
        prop_assert_eq!(checked.models.len(), shape.fates.len());
    }

    #[test]
    fn a_receipt_of_a_subset_of_its_statements_passes_or_is_refused_with_a_reason(shape in shapes(), kept in any::<u16>()) {
        let tale = Tale::of(&shape, &|_| ());
        let mut parts = tale.parts();
        let mut n = 0;
        parts.entries.retain(|_| { n += 1; kept >> n & 1 == 1 });
        if let Err(refusal) = verdict(parts, &tale.keys.policy()) {
            prop_assert!(!refusal.to_string().is_empty());
        }
    }

    #[test]
    fn no_bytes_make_the_reader_panic(bytes in prop::collection::vec(any::<u8>(), 0..200), cut in 0_usize..40_000, skip in 1_usize..50) {
        let whole = ZIP.with(Clone::clone);
        let cut = cut.min(whole.len());
        let changed = [&whole[..cut], &bytes, &whole[(cut + skip).min(whole.len())..]].concat();
        prop_assert!(Receipt::from_zip(&bytes).is_err());
        prop_assert!(Receipt::from_zip(&changed).is_err() || changed == whole);
    }
}

thread_local! {
    static ZIP: Vec<u8> = Tale::new().receipt().to_zip().unwrap();
}

/// Every field of every statement, one at a time, once as if the log were honest and once as if it had the changed statement.
#[test]
fn a_statement_with_a_changed_field_under_its_old_signature_is_refused() {
    let honest = Tale::new();
    let policy = honest.keys.policy();
    let check = |parts: Parts| Receipt::new(parts).and_then(|receipt| receipt.check(Some(&policy)));
    let mut changed = 0;
    for (place, index) in honest.told.iter().enumerate() {
        let envelope: Value = serde_json::from_slice(&honest.entries[*index as usize]).unwrap();
        let payload: Value = serde_json::from_slice(&STANDARD.decode(envelope["payload"].as_str().unwrap()).unwrap()).unwrap();
        let mut n = 0;
        while let Some(lie) = nth_change(&payload, n) {
            n += 1;
            let mut signed = envelope.clone();
            signed["payload"] = json!(STANDARD.encode(serde_json_canonicalizer::to_vec(&lie).unwrap()));
            let bytes = serde_json_canonicalizer::to_vec(&signed).unwrap();
            let mut parts = honest.parts();
            parts.entries[place].bytes = bytes.clone();
            assert!(check(parts).is_err(), "{lie}");
            // The log's operator plays along: only the issuer's signature is in the way, or the statement itself.
            let mut log = Tale::new();
            log.entries[*index as usize] = bytes;
            let refusal = check(log.parts()).unwrap_err();
            assert!(!refusal.to_string().contains("is not at index"), "{refusal}");
            changed += 1;
        }
    }
    assert!(changed > 150, "{changed} changes");
}

/// The value with its n-th field changed.
fn nth_change(value: &Value, n: usize) -> Option<Value> {
    let mut changed = value.clone();
    let mut left = n;
    change(&mut changed, &mut left).then_some(changed)
}

fn change(value: &mut Value, left: &mut usize) -> bool {
    match value {
        Value::Array(values) => values.iter_mut().any(|value| change(value, left)),
        Value::Object(fields) => fields.values_mut().any(|value| change(value, left)),
        _ if *left > 0 => {
            *left -= 1;
            false
        }
        Value::Null => {
            *value = json!(1);
            true
        }
        Value::Bool(flag) => {
            *flag = !*flag;
            true
        }
        Value::Number(number) => {
            *value = number.as_u64().map_or_else(|| json!(number.as_f64().unwrap() + 1.0), |n| json!(n + 1));
            true
        }
        Value::String(text) => {
            // The last digit of a digest, or a letter more.
            let last = if text.len() == 64 { text.pop() } else { None };
            text.push(if last == Some('0') { '1' } else { '0' });
            true
        }
    }
}
