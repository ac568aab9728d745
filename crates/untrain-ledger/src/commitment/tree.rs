//! A Merkle tree over a set of commitments that is a function of the set alone.
//!
//! The tree is a binary trie over the 256 bits of the commitments, most significant first, in which a node with one child does
//! not exist: an inner node has the number of the first bit in which its commitments differ, and those with a 0 there are on
//! its left. So the leaves stand in order, equal sets have equal trees whatever was added and removed on the way, and adding or
//! removing one of n commitments changes the hashes of about log₂ n nodes.
//!
//! ```text
//! leaf    SHA-256(0x10 ‖ commitment)
//! inner   SHA-256(0x11 ‖ number of the bit: 1 byte ‖ left ‖ right)
//! root    SHA-256(0x12 ‖ size: 8 bytes, most significant first ‖ top node); without the last part for the empty set
//! ```
//!
//! # What an excerpt proves
//!
//! An excerpt is the tree with some subtrees replaced by their hashes. Following the bits of a commitment from the root leads to
//! one leaf, and the hashes leave no choice which, since they are over the numbers of the bits too: if it is the commitment, it
//! is in the set, and if it is another one, it is not. That holds for trees that somebody built wrongly as well. What is reached
//! can be taken out or put in, so an excerpt also shows that one root follows from another by exactly these changes.

use crate::commitment::SetHead;
use crate::{Hash, Refusal};

const LEAF: u8 = 0x10;
const INNER: u8 = 0x11;
const ROOT: u8 = 0x12;

/// The tags of the byte format.
const STUB: u8 = 0;
const FOUND: u8 = 1;
const SPLIT: u8 = 2;
const NOTHING: u8 = 3;

/// A set of commitments, or an excerpt of one that shows a part of it and has the same head.
///
/// # Guarantee
///
/// The head is a function of the set: not of the order or the history of insertions and removals. On `Err` nothing changed.
///
/// # Complexity
///
/// Making the set hashes every commitment once; adding or removing k of n hashes about k · log₂ n nodes.
///
/// # Examples
///
/// ```
/// use untrain_ledger::Hash;
/// use untrain_ledger::commitment::CommitmentSet;
///
/// let hash = |n: u8| Hash::of(&[&[n]]);
/// let set = CommitmentSet::new((0..100).map(hash));
/// // What somebody who checks a deletion gets, and what they find:
/// let excerpt = CommitmentSet::from_bytes(&set.excerpt(&[hash(7)]).to_bytes())?;
/// assert_eq!(excerpt.head(), set.head());
/// assert!(excerpt.contains(&hash(7))?);
/// let mut after = excerpt.clone();
/// after.remove(&[hash(7)])?;
/// assert_eq!(after.head(), CommitmentSet::new((0..100).filter(|n| *n != 7).map(hash)).head());
/// # Ok::<(), untrain_ledger::Refusal>(())
/// ```
#[derive(Debug, Clone)]
pub struct CommitmentSet {
    size: u64,
    top: Option<Node>,
}

/// The commitments that share their first bits, in a set that is kept in buckets.
#[derive(Debug, Clone)]
pub enum Bucket<'a> {
    /// All of them, in any order: the bucket can be changed and shown.
    Loaded(&'a [Hash]),
    /// Their root alone, as [`bucket_root`] gives it.
    Known(Hash),
}

#[derive(Debug, Clone)]
enum Node {
    /// A subtree that is not here. Where it was a bucket, the first bits of its commitments are known.
    Stub {
        hash: Hash,
        key: Hash,
        bits: u16,
    },
    Leaf(Hash),
    /// The hash is absent as long as something below has changed.
    Inner {
        bit: u8,
        hash: Option<Hash>,
        left: Box<Node>,
        right: Box<Node>,
    },
}

/// Where following the bits of a commitment leads.
enum Reached {
    Member,
    /// To commitments that first differ from it in this bit.
    Other(u8),
    /// There is no other.
    Empty,
    Hidden,
}

/// The root of the commitments of a bucket, for [`Bucket::Known`]; none if there are none.
pub fn bucket_root(commitments: &[Hash]) -> Option<Hash> {
    build(&sorted(commitments.iter().copied())).map(|node| node.hash())
}

impl CommitmentSet {
    /// The set of some commitments; a repeated one counts once.
    pub fn new(commitments: impl IntoIterator<Item = Hash>) -> Self {
        let sorted = sorted(commitments);
        Self { size: sorted.len() as u64, top: build(&sorted) }
    }

    /// The set of `size` commitments that is kept in buckets by the first `bits` bits, at most 32, of which only those that are
    /// to be changed or shown have to be loaded.
    ///
    /// # Errors
    ///
    /// [`Refusal::Malformed`] if a commitment is in the wrong bucket, a bucket comes twice or the size is too small.
    ///
    /// # Complexity
    ///
    /// Hashes the loaded commitments and one node a bucket.
    pub fn from_buckets<'a>(bits: u8, buckets: impl IntoIterator<Item = (u32, Bucket<'a>)>, size: u64) -> Result<Self, Refusal> {
        let refuse = |reason: &str| Refusal::malformed("set of commitments", reason);
        let mut nodes: Vec<(Hash, Node)> = Vec::new();
        let mut least = 0;
        for (prefix, bucket) in buckets {
            let key = key(bits, prefix).ok_or_else(|| refuse("a bucket has another number of bits"))?;
            match bucket {
                Bucket::Known(hash) => {
                    least += 1;
                    nodes.push((key, Node::Stub { hash, key, bits: u16::from(bits) }));
                }
                Bucket::Loaded(commitments) => {
                    let sorted = sorted(commitments.iter().copied());
                    if sorted.iter().any(|commitment| first_difference(commitment, &key).is_some_and(|bit| bit < bits)) {
                        return Err(refuse("a commitment is in another bucket than its own"));
                    }
                    least += sorted.len() as u64;
                    nodes.extend(build(&sorted).map(|node| (key, node)));
                }
            }
        }
        nodes.sort_by_key(|(key, _)| *key);
        if nodes.windows(2).any(|pair| pair[0].0 == pair[1].0) || size < least || (nodes.is_empty() && size > 0) {
            return Err(refuse("a bucket comes twice, or the size is not that of the buckets"));
        }
        Ok(Self { size, top: join(&mut nodes.into_iter().map(Some).collect::<Vec<_>>()) })
    }

    /// The number of commitments, those that are not shown included.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// The commitment to the set.
    pub fn head(&self) -> SetHead {
        let size = self.size.to_be_bytes();
        let root = match &self.top {
            None => Hash::of(&[&[ROOT], &size]),
            Some(top) => Hash::of(&[&[ROOT], &size, &top.hash().0]),
        };
        SetHead { root, size: self.size }
    }

    /// Whether a commitment is in the set.
    ///
    /// # Errors
    ///
    /// [`Refusal::OutOfReach`] if this is an excerpt that does not show it.
    pub fn contains(&self, commitment: &Hash) -> Result<bool, Refusal> {
        match self.reach(commitment) {
            Reached::Member => Ok(true),
            Reached::Other(_) | Reached::Empty => Ok(false),
            Reached::Hidden => Err(Refusal::OutOfReach { commitment: *commitment }),
        }
    }

    /// Adds commitments. In an excerpt, add before you remove: what is removed may be all that shows where one is to go.
    ///
    /// # Errors
    ///
    /// [`Refusal::AlreadyInSet`], also for one that comes twice; [`Refusal::OutOfReach`].
    pub fn insert(&mut self, commitments: &[Hash]) -> Result<(), Refusal> {
        for commitment in commitments {
            if self.contains(commitment)? {
                return Err(Refusal::AlreadyInSet { commitment: *commitment });
            }
        }
        if let Some(commitment) = repeated(commitments) {
            return Err(Refusal::AlreadyInSet { commitment });
        }
        // What was in reach stays so: a leaf that is put in only shows more.
        for commitment in commitments {
            let leaf = Node::Leaf(*commitment);
            self.top = match (self.reach(commitment), self.top.take()) {
                (Reached::Other(bit), Some(top)) => Some(insert(top, bit, leaf)),
                (_, None) => Some(leaf),
                (_, top) => top,
            };
        }
        self.size += commitments.len() as u64;
        self.rehash();
        Ok(())
    }

    /// Removes commitments.
    ///
    /// # Errors
    ///
    /// [`Refusal::NotInSet`], also for one that comes twice; [`Refusal::OutOfReach`]; [`Refusal::Malformed`] if the size that an
    /// excerpt claims is less than what it shows.
    pub fn remove(&mut self, commitments: &[Hash]) -> Result<(), Refusal> {
        for commitment in commitments {
            if !self.contains(commitment)? {
                return Err(Refusal::NotInSet { commitment: *commitment });
            }
        }
        if let Some(commitment) = repeated(commitments) {
            return Err(Refusal::NotInSet { commitment });
        }
        let size = self.size.checked_sub(commitments.len() as u64);
        self.size = size.ok_or_else(|| Refusal::malformed("excerpt", "it shows more commitments than its size says"))?;
        for commitment in commitments {
            self.top = self.top.take().and_then(|top| remove(top, commitment));
        }
        self.rehash();
        Ok(())
    }

    /// The part of the set that shows whether these commitments are in it, and what it is without or with them.
    #[must_use]
    pub fn excerpt(&self, commitments: &[Hash]) -> Self {
        let wanted = sorted(commitments.iter().copied());
        Self { size: self.size, top: self.top.as_ref().map(|top| cut(top, &wanted)) }
    }

    /// The bytes of the excerpt: the size in eight bytes, most significant first, then the nodes from the top, left before right.
    ///
    /// A node is a byte and what follows: 0 and the hash of a subtree that is not shown; 1 and a commitment; 2, the number of the
    /// bit in one byte, and two nodes. The empty set has the one byte 3.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = self.size.to_be_bytes().to_vec();
        match &self.top {
            None => bytes.push(NOTHING),
            Some(top) => write(top, &mut bytes),
        }
        bytes
    }

    /// Reads the bytes of an excerpt from anybody.
    ///
    /// # Errors
    ///
    /// [`Refusal::Malformed`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Refusal> {
        let refuse = || Refusal::malformed("excerpt", "its bytes are not the nodes of a tree");
        let (size, mut rest) = bytes.split_first_chunk().ok_or_else(refuse)?;
        let size = u64::from_be_bytes(*size);
        let top = if rest == [NOTHING] {
            rest = &[];
            None
        } else {
            Some(read(&mut rest, 0, &mut Vec::new()).ok_or_else(refuse)?)
        };
        if !rest.is_empty() || top.is_some() != (size > 0) {
            return Err(refuse());
        }
        Ok(Self { size, top })
    }

    /// The root of the commitments that begin with the first `bits` bits of a bucket's number, as [`bucket_root`] gives it; none if
    /// there are none, or if that cannot be told from what is shown.
    pub fn bucket_root(&self, bits: u8, prefix: u32) -> Option<Hash> {
        let (key, mut node) = (key(bits, prefix)?, self.top.as_ref()?);
        while let Node::Inner { bit, left, right, .. } = node
            && *bit < bits
        {
            node = if is_set(&key, *bit) { right } else { left };
        }
        let mut shown = node;
        while let Node::Inner { left, .. } = shown {
            shown = left;
        }
        let apart = match shown {
            Node::Leaf(commitment) => first_difference(commitment, &key),
            Node::Stub { key: there, bits: known, .. } if *known >= u16::from(bits) => first_difference(there, &key),
            Node::Stub { .. } | Node::Inner { .. } => return None,
        };
        apart.is_none_or(|bit| bit >= bits).then(|| node.hash())
    }

    fn reach(&self, commitment: &Hash) -> Reached {
        let Some(mut node) = self.top.as_ref() else { return Reached::Empty };
        loop {
            match node {
                Node::Inner { bit, left, right, .. } => node = if is_set(commitment, *bit) { right } else { left },
                Node::Leaf(found) => return first_difference(commitment, found).map_or(Reached::Member, Reached::Other),
                Node::Stub { key, bits, .. } => {
                    return first_difference(commitment, key).filter(|bit| u16::from(*bit) < *bits).map_or(Reached::Hidden, Reached::Other);
                }
            }
        }
    }

    /// Makes the hashes that changes invalidated.
    fn rehash(&mut self) {
        if let Some(top) = &mut self.top {
            rehash(top);
        }
    }
}

impl Node {
    fn hash(&self) -> Hash {
        match self {
            Self::Stub { hash, .. } | Self::Inner { hash: Some(hash), .. } => *hash,
            Self::Leaf(commitment) => Hash::of(&[&[LEAF], &commitment.0]),
            Self::Inner { bit, hash: None, left, right } => inner_hash(*bit, &left.hash(), &right.hash()),
        }
    }

    fn inner(bit: u8, left: Self, right: Self) -> Self {
        let hash = Some(inner_hash(bit, &left.hash(), &right.hash()));
        Self::Inner { bit, hash, left: Box::new(left), right: Box::new(right) }
    }
}

fn inner_hash(bit: u8, left: &Hash, right: &Hash) -> Hash {
    Hash::of(&[&[INNER, bit], &left.0, &right.0])
}

/// The tree over commitments that are sorted and distinct.
fn build(sorted: &[Hash]) -> Option<Node> {
    let (first, last) = (sorted.first()?, sorted.last()?);
    let Some(bit) = first_difference(first, last) else { return Some(Node::Leaf(*first)) };
    let (left, right) = sorted.split_at(sorted.partition_point(|commitment| !is_set(commitment, bit)));
    Some(Node::inner(bit, build(left)?, build(right)?))
}

/// The tree over subtrees whose keys are sorted and distinct.
fn join(nodes: &mut [Option<(Hash, Node)>]) -> Option<Node> {
    let key = |node: &Option<(Hash, Node)>| node.as_ref().map(|(key, _)| *key);
    let (first, last) = (key(nodes.first()?)?, key(nodes.last()?)?);
    let Some(bit) = first_difference(&first, &last) else { return nodes[0].take().map(|(_, node)| node) };
    let middle = nodes.partition_point(|node| key(node).is_some_and(|key| !is_set(&key, bit)));
    let (left, right) = nodes.split_at_mut(middle);
    Some(Node::inner(bit, join(left)?, join(right)?))
}

/// Puts a leaf where it first differs, in `split`, from the commitments that following its bits leads to.
fn insert(node: Node, split: u8, leaf: Node) -> Node {
    let Node::Leaf(commitment) = &leaf else { return node };
    let goes_right = |bit| is_set(commitment, bit);
    match node {
        Node::Inner { bit, left, right, .. } if bit < split => {
            if goes_right(bit) {
                Node::Inner { bit, hash: None, left, right: Box::new(insert(*right, split, leaf)) }
            } else {
                Node::Inner { bit, hash: None, left: Box::new(insert(*left, split, leaf)), right }
            }
        }
        node if goes_right(split) => Node::Inner { bit: split, hash: None, left: Box::new(node), right: Box::new(leaf) },
        node => Node::Inner { bit: split, hash: None, left: Box::new(leaf), right: Box::new(node) },
    }
}

/// Takes the leaf out to which the commitment's bits lead; its sibling takes their parent's place.
fn remove(node: Node, commitment: &Hash) -> Option<Node> {
    let Node::Inner { bit, left, right, .. } = node else { return None };
    Some(if is_set(commitment, bit) {
        match remove(*right, commitment) {
            None => *left,
            Some(right) => Node::Inner { bit, hash: None, left, right: Box::new(right) },
        }
    } else {
        match remove(*left, commitment) {
            None => *right,
            Some(left) => Node::Inner { bit, hash: None, left: Box::new(left), right },
        }
    })
}

/// Makes the absent hashes.
fn rehash(node: &mut Node) {
    if let Node::Inner { bit, hash: hash @ None, left, right } = node {
        rehash(left);
        rehash(right);
        *hash = Some(inner_hash(*bit, &left.hash(), &right.hash()));
    }
}

/// The tree with the paths to these commitments and nothing else.
fn cut(node: &Node, wanted: &[Hash]) -> Node {
    match node {
        node if wanted.is_empty() => Node::Stub { hash: node.hash(), key: Hash([0; 32]), bits: 0 },
        Node::Inner { bit, hash, left, right } => {
            let (ones, zeros): (Vec<_>, Vec<_>) = wanted.iter().copied().partition(|commitment| is_set(commitment, *bit));
            Node::Inner { bit: *bit, hash: *hash, left: Box::new(cut(left, &zeros)), right: Box::new(cut(right, &ones)) }
        }
        node => node.clone(),
    }
}

fn write(node: &Node, bytes: &mut Vec<u8>) {
    match node {
        Node::Stub { hash, .. } => {
            bytes.push(STUB);
            bytes.extend(hash.0);
        }
        Node::Leaf(commitment) => {
            bytes.push(FOUND);
            bytes.extend(commitment.0);
        }
        Node::Inner { bit, left, right, .. } => {
            bytes.extend([SPLIT, *bit]);
            write(left, bytes);
            write(right, bytes);
        }
    }
}

/// Reads a node whose bits are `least` or later; `path` has the bits above it and the sides taken, which the leaves have to fit.
fn read(rest: &mut &[u8], least: u16, path: &mut Vec<(u8, bool)>) -> Option<Node> {
    let (tag, after) = rest.split_first()?;
    *rest = after;
    if *tag == SPLIT {
        let (bit, after) = rest.split_first()?;
        *rest = after;
        if u16::from(*bit) < least {
            return None;
        }
        let mut sides = Vec::with_capacity(2);
        for side in [false, true] {
            path.push((*bit, side));
            sides.push(read(rest, u16::from(*bit) + 1, path)?);
            path.pop();
        }
        let (right, left) = (sides.pop()?, sides.pop()?);
        return Some(Node::inner(*bit, left, right));
    }
    let (hash, after) = rest.split_first_chunk()?;
    *rest = after;
    let hash = Hash(*hash);
    match *tag {
        STUB => Some(Node::Stub { hash, key: Hash([0; 32]), bits: 0 }),
        FOUND if path.iter().all(|(bit, side)| is_set(&hash, *bit) == *side) => Some(Node::Leaf(hash)),
        _ => None,
    }
}

fn sorted(commitments: impl IntoIterator<Item = Hash>) -> Vec<Hash> {
    let mut sorted: Vec<Hash> = commitments.into_iter().collect();
    sorted.sort_unstable();
    sorted.dedup();
    sorted
}

/// One that comes twice.
fn repeated(commitments: &[Hash]) -> Option<Hash> {
    let mut sorted = commitments.to_vec();
    sorted.sort_unstable();
    sorted.windows(2).find(|pair| pair[0] == pair[1]).map(|pair| pair[0])
}

/// The commitment-like value whose first bits are a bucket's number.
fn key(bits: u8, prefix: u32) -> Option<Hash> {
    if bits > 32 || u64::from(prefix) >> bits > 0 {
        return None;
    }
    let mut key = Hash([0; 32]);
    let aligned = (u64::from(prefix) << (32 - u32::from(bits))) as u32;
    key.0[..4].copy_from_slice(&aligned.to_be_bytes());
    Some(key)
}

fn is_set(commitment: &Hash, bit: u8) -> bool {
    commitment.0[usize::from(bit / 8)] >> (7 - bit % 8) & 1 == 1
}

fn first_difference(a: &Hash, b: &Hash) -> Option<u8> {
    let byte = (0..32).find(|i| a.0[*i] != b.0[*i])?;
    Some((byte * 8) as u8 + (a.0[byte] ^ b.0[byte]).leading_zeros() as u8)
}
