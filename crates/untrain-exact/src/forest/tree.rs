//! One tree: built from its records, revised when some leave or join, byte for byte as if built from what is left.
//!
//! A node is a pure function of its records and its path, not of its parent's split. So a revision walks down with the
//! records that changed; where the split of a node stands, only the changed records go on to its children; where it does
//! not, the subtree is built anew.

use untrain_core::{Reader, Result, Writer, mix};

use super::objective::Objective;
use super::rows::{HOLE, Rows, number};
use super::split::{Context, Decision, Scratch, Split, Test, decide};
use super::stats::{Stats, Verdict};

/// A tree over slots of [`Rows`].
#[derive(Debug, Clone)]
pub(super) struct Tree {
    /// The hash that stands for the root's path.
    path: u64,
    nodes: Vec<Node>,
    /// The slots of the records, each node's in one region; holes where records left.
    slots: Vec<u32>,
    /// Left places of free pairs of nodes.
    free: Vec<u32>,
    stats: Vec<Option<Box<Stats>>>,
    free_stats: Vec<u32>,
}

#[derive(Debug, Clone, Copy)]
struct Node {
    /// The node's region of `slots`, and how many records are in it.
    start: u32,
    end: u32,
    n: u32,
    /// The left child; the right one is next to it. 0 in a leaf.
    left: u32,
    feature: u32,
    bits: u32,
    flags: u16,
    has_stats: bool,
    stats: u32,
}

const CATEGORY: u16 = 1;
const MISSING_LEFT: u16 = 2;
const HAS_MISSING: u16 = 4;

impl Node {
    fn leaf(start: u32, end: u32, n: u32) -> Self {
        Self { start, end, n, left: 0, feature: 0, bits: 0, flags: 0, has_stats: false, stats: 0 }
    }

    #[inline]
    fn split(&self) -> Option<Split> {
        if self.left == 0 {
            return None;
        }
        let test = if self.flags & CATEGORY != 0 {
            Test::Category(self.bits)
        } else {
            Test::Threshold { threshold: f32::from_bits(self.bits), missing_left: self.flags & MISSING_LEFT != 0 }
        };
        Some(Split { feature: self.feature, test, has_missing: self.flags & HAS_MISSING != 0 })
    }

    fn set_split(&mut self, split: &Split) {
        self.feature = split.feature;
        (self.bits, self.flags) = match split.test {
            Test::Category(code) => (code, CATEGORY),
            Test::Threshold { threshold, missing_left } => (threshold.to_bits(), if missing_left { MISSING_LEFT } else { 0 }),
        };
        self.flags |= if split.has_missing { HAS_MISSING } else { 0 };
    }

    fn region(&self) -> std::ops::Range<usize> {
        self.start as usize..self.end as usize
    }
}

/// A node on the way down.
#[derive(Debug, Clone, Copy)]
struct At {
    node: u32,
    path: u64,
    depth: u32,
}

impl At {
    fn children(self, left: u32) -> (Self, Self) {
        let child = |side: u32| Self { node: left + side, path: mix(self.path, u64::from(side) + 1), depth: self.depth + 1 };
        (child(0), child(1))
    }
}

const ROOT: u32 = 0;

impl Tree {
    /// Builds the tree of the records in `slots`.
    pub(super) fn build<O: Objective>(ctx: &Context<'_, O>, scratch: &mut Scratch, path: u64, slots: Vec<u32>) -> Self {
        let n = slots.len() as u32;
        let mut tree = Self { path, nodes: vec![Node::leaf(0, n, n)], slots, free: Vec::new(), stats: Vec::new(), free_stats: Vec::new() };
        tree.grow(ctx, scratch, tree.root());
        tree.nodes.shrink_to_fit();
        tree
    }

    /// Revises the tree for records that leave and records that join.
    pub(super) fn revise<O: Objective>(&mut self, ctx: &Context<'_, O>, scratch: &mut Scratch, removed: &mut [u32], added: &mut [u32]) {
        for slot in removed.iter() {
            let leaf = self.leaf_of(ctx.rows, *slot);
            let region = self.nodes[leaf as usize].region();
            if let Some(place) = self.slots[region].iter_mut().find(|place| **place == *slot) {
                *place = HOLE;
            }
        }
        if !added.is_empty() {
            self.make_room(ctx.rows, added);
        }
        self.revise_node(ctx, scratch, self.root(), removed, added);
        if self.slots.len() > 64 + 2 * self.nodes[ROOT as usize].n as usize {
            self.lay_out(&[]);
        }
    }

    /// Forgets all kept bins, so that the next revision makes them anew.
    pub(super) fn drop_stats(&mut self) {
        self.stats.clear();
        self.free_stats.clear();
        self.nodes.iter_mut().for_each(|node| node.has_stats = false);
    }

    /// Bytes of memory held, without and with the kept bins.
    pub(super) fn memory(&self) -> (usize, usize) {
        let structure = self.nodes.capacity() * size_of::<Node>() + 4 * (self.slots.capacity() + self.free.capacity());
        let stats: usize = self.stats.iter().flatten().map(|stats| stats.memory()).sum();
        (structure, structure + stats + 8 * self.stats.capacity() + 4 * self.free_stats.capacity())
    }

    fn root(&self) -> At {
        At { node: ROOT, path: self.path, depth: 0 }
    }

    fn leaf_of(&self, rows: &Rows, slot: u32) -> u32 {
        let row = rows.row(slot);
        let mut node = ROOT;
        while let Some(split) = self.nodes[node as usize].split() {
            let left = self.nodes[node as usize].left;
            node = if split.goes_left(row[split.feature as usize]) { left } else { left + 1 };
        }
        node
    }

    /// Builds the subtree of a node whose region has its records in front.
    fn grow<O: Objective>(&mut self, ctx: &Context<'_, O>, scratch: &mut Scratch, at: At) {
        let Node { start, n, .. } = self.nodes[at.node as usize];
        let slots = &self.slots[start as usize..(start + n) as usize];
        let decision = decide(ctx, scratch, slots, at.path, at.depth);
        self.divide(ctx, scratch, at, decision);
    }

    /// Gives a node, which is a leaf with its records in front, the split decided on, and builds what is below.
    fn divide<O: Objective>(&mut self, ctx: &Context<'_, O>, scratch: &mut Scratch, at: At, decision: Decision) {
        let Some(split) = decision.split else { return };
        let Node { start, end, n, .. } = self.nodes[at.node as usize];
        let slots = &mut self.slots[start as usize..(start + n) as usize];
        let n_left = partition(slots, |slot| split.goes_left(ctx.rows.x(slot, split.feature))) as u32;
        let left = self.pair();
        let middle = start + n_left;
        self.nodes[left as usize] = Node::leaf(start, middle, n_left);
        self.nodes[left as usize + 1] = Node::leaf(middle, end, n - n_left);
        let node = &mut self.nodes[at.node as usize];
        node.left = left;
        node.set_split(&split);
        self.keep(at.node, decision.stats);
        let (l, r) = at.children(left);
        self.grow(ctx, scratch, l);
        self.grow(ctx, scratch, r);
    }

    /// Revises a node whose region already holds its records as they shall be.
    fn revise_node<O: Objective>(&mut self, ctx: &Context<'_, O>, scratch: &mut Scratch, at: At, removed: &mut [u32], added: &mut [u32]) {
        let changed = removed.len() + added.len();
        if changed == 0 {
            return;
        }
        let node = &mut self.nodes[at.node as usize];
        node.n = node.n + added.len() as u32 - removed.len() as u32;
        let (n, region, old) = (node.n, node.region(), node.split());
        let Some(old) = old else {
            if !added.is_empty() || !self.stays_leaf(ctx, at, n) {
                self.regrow(ctx, scratch, at);
            }
            return;
        };
        // From here on a revision looks at more than a new build does.
        if changed > n as usize / 2 || n < ctx.limits.min_samples_split {
            self.regrow(ctx, scratch, at);
            return;
        }
        let new = match self.consult_stats(ctx, scratch, at.node, &old, (removed, added)) {
            Consulted::Stands => Some(old),
            Consulted::Split(split) => split,
            Consulted::Nothing => {
                let decision = decide(ctx, scratch, &self.slots[region.clone()], at.path, at.depth);
                let split = decision.split;
                self.keep(at.node, decision.stats);
                split
            }
        };
        let stands = new.is_some_and(|new| {
            new.equals(&old) || self.slots[region].iter().all(|slot| *slot == HOLE || same_side(ctx.rows, *slot, &old, &new))
        });
        match new {
            Some(new) if stands => {
                self.nodes[at.node as usize].set_split(&new);
                let (l, r) = at.children(self.nodes[at.node as usize].left);
                // The records that left went where the old split sent them, wherever the new one would.
                let side = |slot: u32| old.goes_left(ctx.rows.x(slot, old.feature));
                let (removed_left, added_left) = (partition(removed, side), partition(added, side));
                let (removed_left, removed_right) = removed.split_at_mut(removed_left);
                let (added_left, added_right) = added.split_at_mut(added_left);
                self.revise_node(ctx, scratch, l, removed_left, added_left);
                self.revise_node(ctx, scratch, r, removed_right, added_right);
            }
            split => {
                let stats = self.release_stats(at.node);
                self.clear(at.node);
                self.divide(ctx, scratch, at, Decision { split, stats });
            }
        }
    }

    /// What the kept bins of a node say after a change; nothing if there are none, or none that hold.
    fn consult_stats<O: Objective>(
        &mut self,
        ctx: &Context<'_, O>,
        scratch: &mut Scratch,
        node: u32,
        old: &Split,
        change: (&[u32], &[u32]),
    ) -> Consulted {
        let Node { n, has_stats, stats, .. } = self.nodes[node as usize];
        if !has_stats || n < ctx.limits.keep_from {
            return Consulted::Nothing;
        }
        let slots = &self.slots[self.nodes[node as usize].region()];
        let Some(stats) = &mut self.stats[stats as usize] else { return Consulted::Nothing };
        let verdict = stats.update(ctx, scratch, slots, Some(old), change);
        let is_pure = ctx.objective.is_pure(stats.total()).unwrap_or_else(|| targets_are_equal(ctx.rows, slots));
        match verdict {
            _ if is_pure => Consulted::Split(None),
            Verdict::Stale => Consulted::Nothing,
            Verdict::Stands => Consulted::Stands,
            Verdict::Decided(split) => Consulted::Split(split),
        }
    }

    /// Whether a leaf that lost records is a leaf whatever they were.
    fn stays_leaf<O: Objective>(&self, ctx: &Context<'_, O>, at: At, n: u32) -> bool {
        n < ctx.limits.min_samples_split
            || at.depth >= ctx.limits.max_depth
            || targets_are_equal(ctx.rows, &self.slots[self.nodes[at.node as usize].region()])
    }

    /// Builds the subtree of a node anew.
    fn regrow<O: Objective>(&mut self, ctx: &Context<'_, O>, scratch: &mut Scratch, at: At) {
        self.clear(at.node);
        self.grow(ctx, scratch, at);
    }

    /// Makes a node a leaf with its records in front of its region.
    fn clear(&mut self, node: u32) {
        self.clear_below(node);
        let Node { start, end, n, .. } = self.nodes[node as usize];
        let region = &mut self.slots[start as usize..end as usize];
        let mut front = 0;
        for i in 0..region.len() {
            if region[i] != HOLE {
                region.swap(front, i);
                front += 1;
            }
        }
        self.nodes[node as usize] = Node::leaf(start, end, n);
    }

    /// Frees the bins of a node and all that is below it.
    fn clear_below(&mut self, node: u32) {
        self.release_stats(node);
        let left = self.nodes[node as usize].left;
        if left != 0 {
            self.clear_below(left);
            self.clear_below(left + 1);
            self.free.push(left);
        }
    }

    fn pair(&mut self) -> u32 {
        self.free.pop().unwrap_or_else(|| {
            let left = self.nodes.len() as u32;
            self.nodes.extend([Node::leaf(0, 0, 0); 2]);
            left
        })
    }

    fn keep(&mut self, node: u32, stats: Option<Box<Stats>>) {
        self.release_stats(node);
        let Some(stats) = stats else { return };
        let place = self.free_stats.pop().unwrap_or_else(|| {
            self.stats.push(None);
            self.stats.len() as u32 - 1
        });
        self.stats[place as usize] = Some(stats);
        let node = &mut self.nodes[node as usize];
        (node.has_stats, node.stats) = (true, place);
    }

    fn release_stats(&mut self, node: u32) -> Option<Box<Stats>> {
        let node = &mut self.nodes[node as usize];
        if !std::mem::take(&mut node.has_stats) {
            return None;
        }
        self.free_stats.push(node.stats);
        self.stats[node.stats as usize].take()
    }

    /// Puts new records into the regions of the leaves that they reach, so that each node's region holds its own.
    fn make_room(&mut self, rows: &Rows, added: &[u32]) {
        let mut joining: Vec<(u32, u32)> = added.iter().map(|slot| (self.leaf_of(rows, *slot), *slot)).collect();
        joining.sort_unstable();
        self.lay_out(&joining);
    }

    /// Lays the regions out anew without holes, with `joining` pairs of leaf and slot, sorted, put in.
    fn lay_out(&mut self, joining: &[(u32, u32)]) {
        let mut slots = Vec::with_capacity(self.nodes[ROOT as usize].n as usize + joining.len());
        self.lay_out_node(ROOT, joining, &mut slots);
        self.slots = slots;
    }

    fn lay_out_node(&mut self, node: u32, joining: &[(u32, u32)], slots: &mut Vec<u32>) {
        let start = slots.len() as u32;
        let left = self.nodes[node as usize].left;
        if left == 0 {
            slots.extend(self.slots[self.nodes[node as usize].region()].iter().filter(|slot| **slot != HOLE));
            let from = joining.partition_point(|(leaf, _)| *leaf < node);
            slots.extend(joining[from..].iter().take_while(|(leaf, _)| *leaf == node).map(|(_, slot)| slot));
        } else {
            self.lay_out_node(left, joining, slots);
            self.lay_out_node(left + 1, joining, slots);
        }
        let node = &mut self.nodes[node as usize];
        (node.start, node.end) = (start, slots.len() as u32);
    }
}

#[derive(Debug)]
enum Consulted {
    Stands,
    Split(Option<Split>),
    Nothing,
}

fn targets_are_equal(rows: &Rows, slots: &[u32]) -> bool {
    let mut targets = slots.iter().filter(|slot| **slot != HOLE).map(|slot| rows.y(*slot));
    let first = targets.next();
    targets.all(|y| Some(y) == first)
}

fn same_side(rows: &Rows, slot: u32, a: &Split, b: &Split) -> bool {
    a.goes_left(rows.x(slot, a.feature)) == b.goes_left(rows.x(slot, b.feature))
}

/// Moves the slots that go left to the front; returns how many there are.
fn partition(slots: &mut [u32], goes_left: impl Fn(u32) -> bool) -> usize {
    let mut front = 0;
    for i in 0..slots.len() {
        if goes_left(slots[i]) {
            slots.swap(front, i);
            front += 1;
        }
    }
    front
}

/// What a leaf and the codes of categories look like in canonical bytes.
pub(super) trait Shown {
    /// Writes a leaf that holds `slots`.
    fn leaf(&mut self, out: &mut Writer, slots: &[u32]);

    /// The place of a category among the names written; 0 for the missing value.
    fn category(&self, feature: u32, code: u32) -> u64;
}

/// How a node begins in canonical bytes.
pub(super) mod tag {
    pub(in super::super) const LEAF: u8 = 0;
    pub(in super::super) const THRESHOLD: u8 = 1;
    pub(in super::super) const THRESHOLD_MISSING_LEFT: u8 = 2;
    pub(in super::super) const CATEGORY: u8 = 3;
}

impl Tree {
    /// Writes the nodes in preorder.
    pub(super) fn write(&self, out: &mut Writer, shown: &mut impl Shown) {
        self.write_node(ROOT, out, shown, &mut Vec::new());
    }

    fn write_node(&self, node: u32, out: &mut Writer, shown: &mut impl Shown, slots: &mut Vec<u32>) {
        let node = &self.nodes[node as usize];
        let Some(split) = node.split() else {
            out.u8(tag::LEAF);
            slots.clear();
            slots.extend(self.slots[node.region()].iter().filter(|slot| **slot != HOLE));
            shown.leaf(out, slots);
            return;
        };
        match split.test {
            Test::Threshold { threshold, missing_left } => {
                // Without missing values among the records, new ones go with the majority.
                let majority_left = self.nodes[node.left as usize].n >= self.nodes[node.left as usize + 1].n;
                let left = if split.has_missing { missing_left } else { majority_left };
                out.u8(if left { tag::THRESHOLD_MISSING_LEFT } else { tag::THRESHOLD });
                out.varint(u64::from(split.feature));
                out.f32(threshold);
            }
            Test::Category(code) => {
                out.u8(tag::CATEGORY);
                out.varint(u64::from(split.feature));
                out.varint(shown.category(split.feature, code));
            }
        }
        self.write_node(node.left, out, shown, slots);
        self.write_node(node.left + 1, out, shown, slots);
    }

    /// Puts the slots of the leaf that a row of encoded values reaches into `slots`. A category that no record has is coded as −1.
    pub(super) fn reached(&self, row: &[i32], slots: &mut Vec<u32>) {
        let mut node = &self.nodes[ROOT as usize];
        while let Some(split) = node.split() {
            let x = row[split.feature as usize];
            let children = [&self.nodes[node.left as usize], &self.nodes[node.left as usize + 1]];
            let left = match split.test {
                // As the artefact has it: without missing values among the records, new ones go with the majority.
                Test::Threshold { .. } if x == number::MISSING && !split.has_missing => children[0].n >= children[1].n,
                Test::Threshold { threshold, missing_left } => x <= number::encode(threshold) || (missing_left && x == number::MISSING),
                Test::Category(code) => x == code as i32,
            };
            node = children[usize::from(!left)];
        }
        slots.clear();
        slots.extend(self.slots[node.region()].iter().filter(|slot| **slot != HOLE));
    }

    /// The codes of categories that splits name.
    pub(super) fn categories(&self) -> impl Iterator<Item = (u32, u32)> + '_ {
        let mut stack = vec![ROOT];
        std::iter::from_fn(move || {
            loop {
                let node = &self.nodes[stack.pop()? as usize];
                let Some(split) = node.split() else { continue };
                stack.extend([node.left, node.left + 1]);
                if let Test::Category(code) = split.test {
                    return Some((split.feature, code));
                }
            }
        })
    }

    /// Reads what [`Tree::write`] wrote with leaves of slots. `missing` tells whether a record in a slot lacks a feature.
    pub(super) fn read(path: u64, input: &mut Reader<'_>, source: &TreeSource<'_>) -> Result<Self> {
        let mut tree =
            Self { path, nodes: vec![Node::leaf(0, 0, 0)], slots: Vec::new(), free: Vec::new(), stats: Vec::new(), free_stats: Vec::new() };
        tree.read_node(ROOT, 0, input, source)?;
        tree.slots.shrink_to_fit();
        tree.nodes.shrink_to_fit();
        Ok(tree)
    }

    fn read_node(&mut self, node: u32, depth: u32, input: &mut Reader<'_>, source: &TreeSource<'_>) -> Result<()> {
        let start = self.slots.len() as u32;
        let kind = input.u8()?;
        if kind == tag::LEAF {
            let n = input.count()?;
            let mut place = 0;
            for i in 0..n {
                place += input.at_most(source.order.len())? + usize::from(i > 0);
                let slot = *source.order.get(place).ok_or_else(|| input.malformed("a leaf names a record that is not there"))?;
                self.slots.push(slot);
            }
            self.nodes[node as usize] = Node::leaf(start, start + n as u32, n as u32);
            return Ok(());
        }
        if depth >= source.max_depth {
            return Err(input.malformed("a tree is deeper than its recipe allows"));
        }
        let feature = input.varint()?;
        let names = source.names.get(feature as usize).ok_or_else(|| input.malformed(format!("there is no feature {feature}")))?;
        let test = match kind {
            tag::THRESHOLD | tag::THRESHOLD_MISSING_LEFT => {
                Test::Threshold { threshold: input.f32()?, missing_left: kind == tag::THRESHOLD_MISSING_LEFT }
            }
            tag::CATEGORY => {
                let place = input.varint()?;
                Test::Category(*names.get(place as usize).ok_or_else(|| input.malformed(format!("there is no category {place}")))?)
            }
            _ => return Err(input.malformed(format!("there is no node of kind {kind}"))),
        };
        let left = self.pair();
        self.read_node(left, depth + 1, input, source)?;
        self.read_node(left + 1, depth + 1, input, source)?;
        let end = self.slots.len() as u32;
        let feature = feature as u32;
        let has_missing = matches!(test, Test::Threshold { .. })
            && self.slots[start as usize..end as usize].iter().any(|slot| source.rows.x(*slot, feature) == number::MISSING);
        let mut parent = Node::leaf(start, end, end - start);
        parent.left = left;
        parent.set_split(&Split { feature, test, has_missing });
        self.nodes[node as usize] = parent;
        Ok(())
    }
}

/// What the reading of a tree refers to.
#[derive(Debug)]
pub(super) struct TreeSource<'a> {
    pub(super) rows: &'a Rows,
    /// The slots in the order of ids.
    pub(super) order: &'a [u32],
    /// The codes of the categories of each feature, in the order in which they were written, the missing value first.
    pub(super) names: &'a [Vec<u32>],
    pub(super) max_depth: u32,
}
