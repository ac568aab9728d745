//! Trees and their proofs against the vectors of Certificate Transparency, an independent crate, and bad proofs.

#![expect(clippy::unwrap_used, reason = "a test may panic; the helpers outside the test functions are part of the tests")]

use ct_merkle::mem_backed_tree::MemoryBackedTree;
use proptest::prelude::*;
use sha2::Sha256;
use untrain_ledger::merkle::{MemoryTree, TreeHead, empty_root, leaf_hash, verify_consistency, verify_inclusion, verify_range};
use untrain_ledger::{Hash, Refusal};

/// The leaves, roots and proofs of github.com/transparency-dev/merkle, testonly/reference_test.go, which come from the
/// implementation of RFC 6962's authors.
const LEAVES: [&str; 8] = ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"];

const ROOTS: [&str; 9] = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
];

const INCLUSION: [(u64, u64, &[&str]); 6] = [
    (1, 0, &[]),
    (2, 0, &["96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7"]),
    (3, 2, &["fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"]),
    (
        5,
        1,
        &[
            "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
            "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
            "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
        ],
    ),
    (
        8,
        0,
        &[
            "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
            "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
            "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
        ],
    ),
    (
        8,
        5,
        &[
            "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
            "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
            "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        ],
    ),
];

const CONSISTENCY: [(u64, u64, &[&str]); 4] = [
    (1, 1, &[]),
    (
        1,
        8,
        &[
            "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
            "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
            "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
        ],
    ),
    (
        2,
        5,
        &[
            "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
            "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
        ],
    ),
    (
        6,
        8,
        &[
            "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
            "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
            "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        ],
    ),
];

#[test]
fn the_trees_of_certificate_transparency_have_their_published_roots_and_proofs() {
    assert_eq!(empty_root(), hash(ROOTS[0]));
    for (n, root) in ROOTS.iter().enumerate() {
        assert_eq!(published(n).head(), TreeHead { size: n as u64, root: hash(root) });
    }
    for (size, index, proof) in INCLUSION {
        assert_eq!(published(size as usize).inclusion_proof(index), hashes(proof), "{index} in {size}");
    }
    for (old, new, proof) in CONSISTENCY {
        assert_eq!(published(new as usize).consistency_proof(old), hashes(proof), "{old} to {new}");
    }
}

#[test]
fn trees_and_proofs_are_those_of_an_independent_crate_up_to_seventy_entries() {
    for size in 1..=70_u64 {
        let (mut ours, mut theirs) = (MemoryTree::default(), MemoryBackedTree::<Sha256, Vec<u8>>::new());
        for i in 0..size {
            ours.push(leaf_hash(&i.to_be_bytes()));
            theirs.push(i.to_be_bytes().to_vec());
        }
        let head = ours.head();
        assert_eq!(head.root.0[..], theirs.root().as_bytes()[..]);
        for i in 0..size {
            let proof = ours.inclusion_proof(i);
            assert_eq!(concatenated(&proof), theirs.prove_inclusion(i as usize).as_bytes(), "{i} in {size}");
            verify_inclusion(leaf_hash(&i.to_be_bytes()), i, &head, &proof).unwrap();
            let old = i + 1;
            let proof = ours.consistency_proof(old);
            assert_eq!(concatenated(&proof), theirs.prove_consistency((size - old) as usize).as_bytes(), "{old} to {size}");
        }
    }
}

#[test]
fn every_bit_of_a_proof_counts() {
    for size in [1, 2, 3, 6, 7, 8, 13] {
        let tree = numbers(size);
        let head = tree.head();
        for index in 0..size {
            let proof = tree.inclusion_proof(index);
            let leaf = leaf_hash(&index.to_be_bytes());
            for (flipped, bit) in flips(&proof) {
                assert!(verify_inclusion(leaf, index, &head, &flipped).is_err(), "bit {bit} of {index} in {size}");
            }
            for other in (0..2 * size).filter(|other| *other != index) {
                assert!(verify_inclusion(leaf, other, &head, &proof).is_err(), "{index} as {other} in {size}");
            }
            let mut longer = proof.clone();
            longer.push(head.root);
            assert!(verify_inclusion(leaf, index, &head, &longer).is_err());
            assert!(proof.is_empty() || verify_inclusion(leaf, index, &head, &proof[1..]).is_err());
        }
        for old in 1..size {
            let before = numbers(old).head();
            let proof = tree.consistency_proof(old);
            verify_consistency(&before, &head, &proof).unwrap();
            for (flipped, bit) in flips(&proof) {
                assert!(verify_consistency(&before, &head, &flipped).is_err(), "bit {bit} of {old} to {size}");
            }
            assert!(verify_consistency(&before, &head, &proof[1..]).is_err());
            assert!(verify_consistency(&before, &head, &[&proof[..], &[head.root]].concat()).is_err());
        }
    }
}

#[test]
fn a_fork_a_rollback_and_a_rewritten_log_are_told_apart() {
    let tree = numbers(9);
    let mut other = numbers(6);
    (0..3).for_each(|i| other.push(leaf_hash(&[i])));
    let fork = verify_consistency(&tree.head(), &other.head(), &[]).unwrap_err();
    assert!(matches!(fork, Refusal::Forked { size: 9, .. }) && fork.to_string().contains("forked"), "{fork}");
    let rollback = verify_consistency(&tree.head(), &numbers(4).head(), &[]).unwrap_err();
    assert_eq!(rollback, Refusal::Rollback { last: 9, offered: 4 });
    let rewritten = verify_consistency(&numbers(7).head(), &other.head(), &other.consistency_proof(7)).unwrap_err();
    assert!(rewritten.to_string().contains("rewritten"), "{rewritten}");
    let nothing = TreeHead { size: 0, root: hash(ROOTS[1]) };
    assert!(verify_consistency(&nothing, &tree.head(), &[]).is_err());
    verify_consistency(&numbers(0).head(), &tree.head(), &[]).unwrap();
    assert!(verify_consistency(&numbers(0).head(), &tree.head(), &[hash(ROOTS[1])]).is_err());
}

proptest! {
    #[test]
    fn no_made_up_proof_of_the_largest_trees_makes_the_verifier_panic(
        index: u64, size: u64, old: u64, path in prop::collection::vec(prop::array::uniform32(any::<u8>()), 0..70),
    ) {
        let path: Vec<Hash> = path.into_iter().map(Hash).collect();
        let head = TreeHead { size, root: empty_root() };
        prop_assert!(verify_inclusion(empty_root(), index, &head, &path).is_err());
        let before = TreeHead { size: old, root: leaf_hash(b"old") };
        prop_assert!(verify_consistency(&before, &head, &path).is_err());
        prop_assert!(verify_range(&[empty_root(), leaf_hash(b"new")], index, &head, &path).is_err());
    }
}

#[test]
fn every_range_of_every_small_tree_is_proved_and_no_other() {
    let leaves: Vec<Hash> = (0..20_u64).map(|i| leaf_hash(&i.to_be_bytes())).collect();
    for size in 0..=17_u64 {
        let (tree, head) = (numbers(size), numbers(size).head());
        for (first, end) in (0..=size + 1).flat_map(|first| (first..=size + 1).map(move |end| (first, end))) {
            let proof = tree.range_proof(&(first..end));
            let range = &leaves[first as usize..end as usize];
            let there = first < end && end <= size;
            assert_eq!(verify_range(range, first, &head, &proof).is_ok(), there, "{first}..{end} of {size}");
            if !there {
                continue;
            }
            if end - first == 1 {
                let (mut one, mut other) = (proof.clone(), tree.inclusion_proof(first));
                one.sort_unstable();
                other.sort_unstable();
                assert_eq!(one, other, "a range of one is an inclusion in another order");
            }
            assert!(proof.len() <= 2 * 5, "{} hashes", proof.len());
            for (index, shown) in [(first + 1, range), (first, &range[1..]), (first, &leaves[first as usize + 1..=end as usize])] {
                assert!(verify_range(shown, index, &head, &proof).is_err(), "{first}..{end} of {size}");
            }
            let (short, long) = (&proof[..proof.len().saturating_sub(1)], [&proof[..], &[empty_root()]].concat());
            assert!(proof.is_empty() || verify_range(range, first, &head, short).is_err());
            assert!(verify_range(range, first, &head, &long).is_err());
        }
    }
}

fn published(n: usize) -> MemoryTree {
    let mut tree = MemoryTree::default();
    for leaf in &LEAVES[..n] {
        let bytes: Vec<u8> = (0..leaf.len() / 2).map(|i| u8::from_str_radix(&leaf[2 * i..2 * i + 2], 16).unwrap()).collect();
        tree.push(leaf_hash(&bytes));
    }
    tree
}

fn numbers(n: u64) -> MemoryTree {
    let mut tree = MemoryTree::default();
    (0..n).for_each(|i| tree.push(leaf_hash(&i.to_be_bytes())));
    tree
}

fn flips(proof: &[Hash]) -> impl Iterator<Item = (Vec<Hash>, usize)> + '_ {
    (0..proof.len() * 256).map(|bit| {
        let mut flipped = proof.to_vec();
        flipped[bit / 256].0[bit % 256 / 8] ^= 1 << (bit % 8);
        (flipped, bit)
    })
}

fn hash(hex: &str) -> Hash {
    hex.parse().unwrap()
}

fn hashes(hex: &[&str]) -> Vec<Hash> {
    hex.iter().map(|hex| hash(hex)).collect()
}

fn concatenated(proof: &[Hash]) -> Vec<u8> {
    proof.iter().flat_map(|hash| hash.0).collect()
}
