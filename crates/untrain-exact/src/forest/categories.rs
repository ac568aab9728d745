//! Names of categories and classes, each with a code for as long as some record carries it.

use std::collections::HashMap;

use untrain_core::Seed;

/// The code of a missing value; never a class.
pub(super) const MISSING: u32 = 0;

const PURPOSE: u64 = 0x6361_7465_676f_7279; // "category"

/// A two-way table of names and codes. Codes are private to one state in memory: bytes hold names in sorted order.
#[derive(Debug, Clone)]
pub(super) struct Categories {
    seed: Seed,
    names: Vec<Option<Box<str>>>,
    hashes: Vec<u64>,
    uses: Vec<u32>,
    codes: HashMap<Box<str>, u32>,
    free: Vec<u32>,
}

impl Categories {
    /// An empty table. With `missing`, code 0 is taken for missing values.
    pub(super) fn new(seed: Seed, missing: bool) -> Self {
        let mut table = Self { seed, names: Vec::new(), hashes: Vec::new(), uses: Vec::new(), codes: HashMap::new(), free: Vec::new() };
        if missing {
            table.names.push(None);
            table.hashes.push(seed.hash(PURPOSE, &[0xff]));
            table.uses.push(0);
        }
        table
    }

    /// How many codes there are, free ones included.
    pub(super) fn len(&self) -> usize {
        self.names.len()
    }

    /// The code of `name`, new if need be; counts one use.
    pub(super) fn take(&mut self, name: &str) -> u32 {
        let code = if let Some(code) = self.codes.get(name) {
            *code
        } else {
            let code = self.free.pop().unwrap_or(self.names.len() as u32);
            if code as usize == self.names.len() {
                self.names.push(None);
                self.hashes.push(0);
                self.uses.push(0);
            }
            self.names[code as usize] = Some(name.into());
            self.hashes[code as usize] = self.seed.hash(PURPOSE, name.as_bytes());
            self.codes.insert(name.into(), code);
            code
        };
        self.uses[code as usize] += 1;
        code
    }

    /// The code of `name`, if some record carries it.
    pub(super) fn code(&self, name: &str) -> Option<u32> {
        self.codes.get(name).copied()
    }

    /// Counts one use less; a name without uses is gone.
    pub(super) fn release(&mut self, code: u32) {
        let i = code as usize;
        if let Some(name) = &self.names[i] {
            self.uses[i] -= 1;
            if self.uses[i] == 0 {
                self.codes.remove(name);
                self.names[i] = None;
                self.hashes[i] = 0;
                self.free.push(code);
            }
        }
    }

    /// The keyed hash of a category's name.
    #[inline]
    pub(super) fn hash(&self, code: u32) -> u64 {
        self.hashes[code as usize]
    }

    /// The name of a category; `None` for the missing value.
    pub(super) fn name(&self, code: u32) -> Option<&str> {
        self.names[code as usize].as_deref()
    }

    /// The names in use, sorted, and for each code its place among them.
    pub(super) fn sorted(&self) -> (Vec<&str>, Vec<u32>) {
        let mut order: Vec<u32> = (0..self.len() as u32).filter(|code| self.names[*code as usize].is_some()).collect();
        order.sort_unstable_by_key(|code| self.name(*code));
        let mut places = vec![u32::MAX; self.len()];
        for (place, code) in order.iter().enumerate() {
            places[*code as usize] = place as u32;
        }
        (order.iter().filter_map(|code| self.name(*code)).collect(), places)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_without_uses_leaves_no_trace() {
        let mut table = Categories::new(Seed(1), true);
        let (a, b) = (table.take("a"), table.take("b"));
        table.take("a");
        table.release(a);
        assert_eq!(table.name(a), Some("a"));
        table.release(a);
        assert_eq!(table.sorted().0, ["b"]);
        assert_eq!(table.take("c"), a);
        assert_eq!(table.sorted().1[b as usize], 0);
    }
}
