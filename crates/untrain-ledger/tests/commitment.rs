//! Sets of commitments against a plain ordered set, in any history; what excerpts prove, and what they do not let anybody prove.

#![expect(clippy::unwrap_used, reason = "a test may panic; the helpers outside the test functions are part of the tests")]

use std::collections::BTreeSet;

use proptest::prelude::*;
use untrain_ledger::commitment::{Bucket, CommitmentSet, SetHead, bucket_root};
use untrain_ledger::{Hash, Refusal};

#[test]
fn the_heads_of_small_sets_are_those_computed_by_hand() {
    // from hashlib import sha256; h = lambda *p: sha256(b"".join(p)).digest()
    // root = lambda n, *top: h(b"\x12", n.to_bytes(8, "big"), *top).hex()
    // leaf = lambda c: h(b"\x10", c)
    // a, b, c = bytes([0x00] * 32), bytes([0x40] + [0] * 31), bytes([0xc0] * 32)
    // print(root(0), root(1, leaf(a)), root(3, h(b"\x11\x00", h(b"\x11\x01", leaf(a), leaf(b)), leaf(c))))
    let (a, mut b, c) = (Hash([0; 32]), Hash([0; 32]), Hash([0xc0; 32]));
    b.0[0] = 0x40;
    assert_eq!(set(&[]).head().root.to_string(), "746edde89ac44122cf4482fdc77fca2f06e07d76d8ccf5a702592de51cbced1d");
    assert_eq!(set(&[a]).head().root.to_string(), "5cca84effb080202289d63864eeb8f3f9c3204ab9ad966e0dd1e233af0fc09df");
    assert_eq!(
        set(&[c, a, b]).head(),
        SetHead { root: "064798e4204b13312b75de02a39c50a123744c17e53e62f2251156beaa3dd70d".parse().unwrap(), size: 3 }
    );
}

#[test]
fn an_excerpt_shows_who_is_in_the_set_and_who_is_not() {
    let members: Vec<Hash> = (0..200).map(number).collect();
    let whole = set(&members);
    for i in 0..220 {
        let excerpt = through_bytes(&whole.excerpt(&[number(i)]));
        assert_eq!(excerpt.head(), whole.head());
        assert_eq!(excerpt.contains(&number(i)).unwrap(), i < 200, "{i}");
        assert!(excerpt.to_bytes().len() < 1024);
    }
    let excerpt = whole.excerpt(&[number(3)]);
    let error = (0..200).find_map(|i| excerpt.contains(&number(i)).err()).unwrap();
    assert!(matches!(error, Refusal::OutOfReach { .. }) && error.to_string().contains("does not reach"));
}

#[test]
fn an_excerpt_shows_that_one_head_follows_from_another_by_exactly_these_changes() {
    let members: Vec<Hash> = (0..300).map(number).collect();
    let whole = set(&members);
    let (gone, new): (Vec<Hash>, Vec<Hash>) = ((20..45).map(number).collect(), (300..310).map(number).collect());
    let mut excerpt = through_bytes(&whole.excerpt(&[&gone[..], &new[..]].concat()));
    excerpt.insert(&new).unwrap();
    excerpt.remove(&gone).unwrap();
    let after: Vec<Hash> = (0..20).chain(45..310).map(number).collect();
    assert_eq!(excerpt.head(), set(&after).head());
}

#[test]
fn every_bit_of_an_excerpt_counts() {
    let whole = set(&(0..12).map(number).collect::<Vec<_>>());
    for target in [number(5), number(100)] {
        let bytes = whole.excerpt(&[target]).to_bytes();
        for bit in 0..bytes.len() * 8 {
            let mut flipped = bytes.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            let accepted = CommitmentSet::from_bytes(&flipped).is_ok_and(|excerpt| excerpt.head() == whole.head());
            assert!(!accepted, "bit {bit}");
        }
        assert!(CommitmentSet::from_bytes(&bytes[..bytes.len() - 1]).is_err());
        assert!(CommitmentSet::from_bytes(&[&bytes[..], &[0]].concat()).is_err());
    }
}

#[test]
fn a_set_with_one_record_more_has_another_head() {
    let members: Vec<Hash> = (0..50).map(number).collect();
    let heads: BTreeSet<Hash> = (0..=50).map(|n| set(&members[..n]).head().root).collect();
    assert_eq!(heads.len(), 51);
}

#[test]
fn what_cannot_be_changed_is_refused_and_changes_nothing() {
    let mut it = set(&(0..10).map(number).collect::<Vec<_>>());
    let head = it.head();
    assert_eq!(it.insert(&[number(20), number(3)]), Err(Refusal::AlreadyInSet { commitment: number(3) }));
    assert_eq!(it.insert(&[number(20), number(20)]), Err(Refusal::AlreadyInSet { commitment: number(20) }));
    assert_eq!(it.remove(&[number(3), number(20)]), Err(Refusal::NotInSet { commitment: number(20) }));
    assert_eq!(it.remove(&[number(3), number(3)]), Err(Refusal::NotInSet { commitment: number(3) }));
    assert_eq!((it.head(), it.size()), (head, 10));
    let mut lying = set(&[number(1)]).to_bytes();
    lying[7] = 0;
    assert!(CommitmentSet::from_bytes(&lying).is_err());
}

#[test]
fn a_misplaced_leaf_is_refused() {
    // Whoever builds the tree could put a commitment where its bits do not lead, and show it there.
    let (low, high) = (Hash([0x11; 32]), Hash([0xee; 32]));
    let good = set(&[low, high]).to_bytes();
    let mut swapped = good.clone();
    swapped[10..43].copy_from_slice(&good[43..76]);
    swapped[43..76].copy_from_slice(&good[10..43]);
    assert!(CommitmentSet::from_bytes(&swapped).is_err());
}

proptest! {
    #[test]
    fn the_head_is_a_function_of_the_set_whatever_happened_to_it(
        start in prop::collection::btree_set(0_u16..400, 0..80),
        changes in prop::collection::vec((any::<bool>(), prop::collection::vec(0_u16..400, 0..12)), 0..12),
    ) {
        let mut model: BTreeSet<u16> = start.clone();
        let mut it = set(&numbers(&start));
        for (adds, ids) in changes {
            let ids: BTreeSet<u16> = ids.into_iter().filter(|id| model.contains(id) != adds).collect();
            if adds {
                it.insert(&numbers(&ids)).unwrap();
                model.extend(ids);
            } else {
                it.remove(&numbers(&ids)).unwrap();
                model.retain(|id| !ids.contains(id));
            }
            prop_assert_eq!(it.head(), set(&numbers(&model)).head());
            prop_assert_eq!(it.to_bytes(), set(&numbers(&model)).to_bytes());
        }
        for id in 0..400 {
            prop_assert_eq!(it.contains(&number(id)).unwrap(), model.contains(&id));
        }
    }

    #[test]
    fn a_set_in_buckets_is_the_same_set(
        members in prop::collection::btree_set(0_u16..600, 0..120), bits in 0_u8..7, gone in 0_u16..600, new in 600_u16..1200,
    ) {
        let whole = set(&numbers(&members));
        let bucket = |c: &Hash| if bits == 0 { 0 } else { u32::from(c.0[0] >> (8 - bits)) };
        let mut buckets = vec![Vec::new(); 1 << bits];
        numbers(&members).iter().for_each(|c| buckets[bucket(c) as usize].push(*c));
        let touched = [bucket(&number(gone)), bucket(&number(new))];
        let parts = buckets.iter().enumerate().filter_map(|(i, content)| {
            let loaded = touched.contains(&(i as u32)) || content.is_empty();
            Some((i as u32, if loaded { Bucket::Loaded(content) } else { Bucket::Known(bucket_root(content)?) }))
        });
        let mut partly = CommitmentSet::from_buckets(bits, parts, members.len() as u64).unwrap();
        prop_assert_eq!(partly.head(), whole.head());
        let mut after = members.clone();
        partly.insert(&[number(new)]).unwrap();
        after.insert(new);
        prop_assert_eq!(partly.remove(&[number(gone)]).is_ok(), after.remove(&gone));
        prop_assert_eq!(partly.head(), set(&numbers(&after)).head());
        for prefix in 0..1_u32 << bits {
            let content: Vec<Hash> = numbers(&after).into_iter().filter(|c| bucket(c) == prefix).collect();
            prop_assert_eq!(partly.bucket_root(bits, prefix), bucket_root(&content));
        }
        let excerpt = partly.excerpt(&[number(new)]);
        let (of_new, known) = (bucket(&number(new)), excerpt.bucket_root(bits, bucket(&number(new))));
        prop_assert!(known.is_none() || known == partly.bucket_root(bits, of_new));
    }

    #[test]
    fn no_bytes_make_the_reader_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let _ = CommitmentSet::from_bytes(&bytes);
    }
}

fn number(n: u16) -> Hash {
    Hash::of(&[&n.to_be_bytes()])
}

fn numbers(ns: &BTreeSet<u16>) -> Vec<Hash> {
    ns.iter().map(|n| number(*n)).collect()
}

fn set(commitments: &[Hash]) -> CommitmentSet {
    CommitmentSet::new(commitments.iter().copied())
}

fn through_bytes(excerpt: &CommitmentSet) -> CommitmentSet {
    CommitmentSet::from_bytes(&excerpt.to_bytes()).unwrap()
}
