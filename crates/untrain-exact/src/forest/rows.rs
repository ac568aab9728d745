//! The records that a forest has learnt, as it needs them: one slot a record, freed and zeroed when it is forgotten.

use hashbrown::HashTable;

/// In a list of slots, a place that no record takes.
pub(super) const HOLE: u32 = u32::MAX;

/// A number as the rows hold it: the bits of an `f32`, mapped so that they order as integers as the numbers do.
pub(super) mod number {
    /// The missing value, after all others: NaN.
    pub(in super::super) const MISSING: i32 = 0x7fc0_0000;

    /// The `f32` nearest to a number, finite, without a negative zero; NaN if the number is missing.
    pub(in super::super) fn rounded(number: Option<f64>) -> f32 {
        number.map_or(f32::from_bits(MISSING as u32), |x| (x as f32).clamp(f32::MIN, f32::MAX) + 0.0)
    }

    #[inline]
    pub(in super::super) fn encode(x: f32) -> i32 {
        flip(x.to_bits() as i32)
    }

    #[inline]
    pub(in super::super) fn decode(code: i32) -> f32 {
        f32::from_bits(flip(code) as u32)
    }

    /// Its own inverse: negative numbers are stored by falling magnitude.
    #[inline]
    fn flip(bits: i32) -> i32 {
        bits ^ ((bits >> 31) & i32::MAX)
    }
}

/// The records of one forest. Slots are private to one state in memory; bytes refer to records by their place in the
/// order of ids.
#[derive(Debug, Clone, Default)]
pub(super) struct Rows {
    n_features: usize,
    /// Features, slot after slot: a [`Number`], or the code of a category.
    x: Vec<i32>,
    /// Targets: a class code or a fixed-point number.
    y: Vec<i64>,
    /// The target as it was given; empty for classes.
    numbers: Vec<f64>,
    /// The keyed hash of the id, from which all randomness of the record comes.
    keys: Vec<u64>,
    /// Where the id stands in `text`; length 0 and start `FREE` for a free slot.
    spans: Vec<(u32, u32)>,
    text: Vec<u8>,
    dead_text: usize,
    index: HashTable<u32>,
    free: Vec<u32>,
}

const FREE: u32 = u32::MAX;

/// One record on its way in.
#[derive(Debug)]
pub(super) struct Row<'a> {
    pub(super) id: &'a str,
    pub(super) key: u64,
    pub(super) x: &'a [i32],
    pub(super) y: i64,
    pub(super) number: Option<f64>,
}

impl Rows {
    pub(super) fn new(n_features: usize) -> Self {
        Self { n_features, ..Self::default() }
    }

    /// How many records there are.
    pub(super) fn len(&self) -> usize {
        self.index.len()
    }

    #[inline]
    pub(super) fn x(&self, slot: u32, feature: u32) -> i32 {
        self.x[slot as usize * self.n_features + feature as usize]
    }

    /// The values of a feature of the records in `slots`.
    #[inline]
    pub(super) fn column(&self, slots: &[u32], feature: u32, values: &mut Vec<i32>) {
        values.clear();
        values.extend(slots.iter().map(|slot| self.x(*slot, feature)));
    }

    /// The same, where `slots` has holes.
    pub(super) fn column_with_holes(&self, slots: &[u32], feature: u32, values: &mut Vec<i32>) {
        values.clear();
        values.extend(slots.iter().filter(|slot| **slot != HOLE).map(|slot| self.x(*slot, feature)));
    }

    /// The targets of the records in `slots`.
    #[inline]
    pub(super) fn targets(&self, slots: &[u32], targets: &mut Vec<i64>) {
        targets.clear();
        targets.extend(slots.iter().map(|slot| self.y(*slot)));
    }

    /// All features of a record.
    #[inline]
    pub(super) fn row(&self, slot: u32) -> &[i32] {
        let start = slot as usize * self.n_features;
        &self.x[start..start + self.n_features]
    }

    #[inline]
    pub(super) fn y(&self, slot: u32) -> i64 {
        self.y[slot as usize]
    }

    pub(super) fn key(&self, slot: u32) -> u64 {
        self.keys[slot as usize]
    }

    pub(super) fn id(&self, slot: u32) -> &str {
        let (start, len) = self.spans[slot as usize];
        std::str::from_utf8(&self.text[start as usize..(start + len) as usize]).unwrap_or_default()
    }

    /// The slot of the record `id`, whose key is `key`.
    pub(super) fn find(&self, id: &str, key: u64) -> Option<u32> {
        self.index.find(key, |slot| self.id(*slot) == id).copied()
    }

    /// Adds a record, which must be new, and returns its slot.
    pub(super) fn insert(&mut self, row: &Row<'_>) -> u32 {
        let slot = self.free.pop().unwrap_or(self.keys.len() as u32);
        let i = slot as usize;
        if i == self.keys.len() {
            self.x.resize((i + 1) * self.n_features, 0);
            self.y.push(0);
            self.keys.push(0);
            self.spans.push((FREE, 0));
            if row.number.is_some() {
                self.numbers.push(0.0);
            }
        }
        self.x[i * self.n_features..(i + 1) * self.n_features].copy_from_slice(row.x);
        self.y[i] = row.y;
        self.keys[i] = row.key;
        self.spans[i] = (self.text.len() as u32, row.id.len() as u32);
        self.text.extend_from_slice(row.id.as_bytes());
        if let Some(number) = row.number {
            self.numbers[i] = number;
        }
        let keys = &self.keys;
        self.index.insert_unique(row.key, slot, |slot| keys[*slot as usize]);
        slot
    }

    /// Takes a record out and zeroes what it held.
    pub(super) fn remove(&mut self, slot: u32) {
        let i = slot as usize;
        if let Ok(entry) = self.index.find_entry(self.keys[i], |other| *other == slot) {
            entry.remove();
        }
        let (start, len) = self.spans[i];
        self.text[start as usize..(start + len) as usize].fill(0);
        self.dead_text += len as usize;
        self.x[i * self.n_features..(i + 1) * self.n_features].fill(0);
        self.y[i] = 0;
        self.keys[i] = 0;
        self.spans[i] = (FREE, 0);
        if let Some(number) = self.numbers.get_mut(i) {
            *number = 0.0;
        }
        self.free.push(slot);
        if self.dead_text > 4096 && self.dead_text * 2 > self.text.len() {
            self.compact_text();
        }
    }

    /// The slots in use, in the order of slots.
    pub(super) fn slots(&self) -> impl Iterator<Item = u32> + '_ {
        (0..self.spans.len() as u32).filter(|slot| self.spans[*slot as usize].0 != FREE)
    }

    /// The slots in use, in the order of ids, and for each slot its place in that order.
    pub(super) fn sorted(&self) -> (Vec<u32>, Vec<u32>) {
        let mut order: Vec<u32> = self.slots().collect();
        if !order.is_sorted_by_key(|slot| self.id(*slot)) {
            order.sort_unstable_by_key(|slot| self.id(*slot));
        }
        let mut places = vec![u32::MAX; self.spans.len()];
        for (place, slot) in order.iter().enumerate() {
            places[*slot as usize] = place as u32;
        }
        (order, places)
    }

    /// Computes every fixed-point target anew from the number it was given as.
    pub(super) fn requantise(&mut self, quantise: impl Fn(f64) -> i64) {
        for (y, number) in self.y.iter_mut().zip(&self.numbers) {
            *y = quantise(*number);
        }
    }

    /// The number that a target was given as; 0 for classes.
    pub(super) fn number(&self, slot: u32) -> f64 {
        self.numbers.get(slot as usize).copied().unwrap_or(0.0)
    }

    /// Bytes of memory held.
    pub(super) fn memory(&self) -> usize {
        4 * self.x.capacity()
            + 8 * (self.y.capacity() + self.numbers.capacity() + self.keys.capacity() + self.spans.capacity())
            + self.text.capacity()
            + 5 * self.index.capacity()
            + 4 * self.free.capacity()
    }

    fn compact_text(&mut self) {
        let mut text = Vec::with_capacity(self.text.len() - self.dead_text);
        for (start, len) in self.spans.iter_mut().filter(|(start, _)| *start != FREE) {
            let moved = text.len() as u32;
            text.extend_from_slice(&self.text[*start as usize..(*start + *len) as usize]);
            *start = moved;
        }
        self.text.fill(0);
        self.text = text;
        self.dead_text = 0;
    }
}
