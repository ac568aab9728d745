//! The most similar items of each item, from exact products of their columns.

use std::collections::{BTreeMap, BTreeSet};

use super::interactions::{Change, Interactions, Items, Vector};
use super::params::{RecommendParams, Similarity};

/// For each item, by code, its products with others and its neighbours.
///
/// # Complexity
///
/// Forgetting a user of h items costs O(h · r) for the h rows of length r, and a merge for each list of an item that shares a
/// user with one of the h.
#[derive(Debug, Clone)]
pub(super) struct Neighbours {
    similarity: Similarity,
    /// How long a list may be.
    most: usize,
    /// Products with other items in the order of codes; no product is zero.
    rows: Vec<Vec<(u32, i64)>>,
    /// Products with itself.
    squares: Vec<i64>,
    /// The neighbours, the most similar first.
    lists: Vec<Vec<(u32, f64)>>,
}

impl Neighbours {
    pub(super) fn new(params: &RecommendParams, interactions: &Interactions) -> Self {
        let n = interactions.items.n_codes();
        let mut neighbours = Self {
            similarity: params.similarity,
            most: params.n_neighbours as usize,
            rows: vec![Vec::new(); n],
            squares: vec![0; n],
            lists: vec![Vec::new(); n],
        };
        neighbours.count(interactions);
        for code in 0..n as u32 {
            neighbours.lists[code as usize] = neighbours.list(code, &interactions.items);
        }
        neighbours
    }

    /// The neighbours of an item, the most similar first.
    pub(super) fn of(&self, code: u32) -> &[(u32, f64)] {
        &self.lists[code as usize]
    }

    /// Follows the changes of users.
    pub(super) fn revise(&mut self, changes: &[Change], items: &Items) {
        let n = items.n_codes();
        self.rows.resize(n, Vec::new());
        self.squares.resize(n, 0);
        self.lists.resize(n, Vec::new());
        let mut differences = BTreeMap::new();
        for Change { old, new } in changes {
            add_products(&mut differences, old, -1);
            add_products(&mut differences, new, 1);
        }
        for (code, row) in &mut differences {
            self.squares[*code as usize] += row.remove(code).unwrap_or_default();
            self.rows[*code as usize] = merged(&self.rows[*code as usize], row);
        }
        let touched: BTreeSet<u32> = differences.into_keys().collect();
        self.relist(&touched, items);
    }

    fn count(&mut self, interactions: &Interactions) {
        let mut having: Vec<Vec<(&Vector, i32)>> = vec![Vec::new(); self.rows.len()];
        for x in interactions.vectors() {
            x.iter().for_each(|(code, value)| having[*code as usize].push((x, *value)));
        }
        let mut products = vec![0_i64; self.rows.len()];
        for (code, having) in having.into_iter().enumerate() {
            for (x, value) in having {
                x.iter().for_each(|(other, y)| products[*other as usize] += i64::from(value) * i64::from(*y));
            }
            self.squares[code] = std::mem::take(&mut products[code]);
            let row = products.iter_mut().enumerate().filter(|(_, product)| **product != 0);
            self.rows[code] = row.map(|(other, product)| (other as u32, std::mem::take(product))).collect();
        }
    }

    /// Makes the lists of touched items anew, and puts these items where they belong in the lists of all others.
    fn relist(&mut self, touched: &BTreeSet<u32>, items: &Items) {
        let mut candidates = Vec::new();
        for code in touched {
            self.lists[*code as usize] = self.list(*code, items);
            for (other, product) in &self.rows[*code as usize] {
                if !touched.contains(other) {
                    candidates.push((*other, *code, self.similarity(*code, *other, *product)));
                }
            }
        }
        candidates.sort_by_key(|(other, ..)| *other);
        for group in candidates.chunk_by(|a, b| a.0 == b.0) {
            let other = group[0].0;
            let old = std::mem::take(&mut self.lists[other as usize]);
            let mut list: Vec<(u32, f64)> = old.iter().filter(|(code, _)| !touched.contains(code)).copied().collect();
            list.extend(group.iter().filter(|(.., similarity)| *similarity > 0.0).map(|(_, code, similarity)| (*code, *similarity)));
            best(&mut list, self.most, items);
            // Of a full list the last bounds all items that are not in it; where too few reach that bound, they are looked for.
            let bound = old.last().filter(|_| old.len() == self.most);
            let missed =
                bound.is_some_and(|bound| list.len() < self.most || list.last().is_some_and(|last| order(last, bound, items).is_gt()));
            self.lists[other as usize] = if missed { self.list(other, items) } else { list };
        }
    }

    fn list(&self, code: u32, items: &Items) -> Vec<(u32, f64)> {
        let row = self.rows[code as usize].iter().filter(|(_, product)| *product > 0);
        let mut list: Vec<(u32, f64)> = row.map(|(other, product)| (*other, self.similarity(code, *other, *product))).collect();
        best(&mut list, self.most, items);
        list
    }

    fn similarity(&self, a: u32, b: u32, product: i64) -> f64 {
        let (x, y) = (self.squares[a as usize], self.squares[b as usize]);
        match self.similarity {
            Similarity::Cosine => product as f64 / (x as f64 * y as f64).sqrt(),
            Similarity::Jaccard => product as f64 / (x + y - product) as f64,
        }
    }
}

/// More similar items come first, and equals in the order of their names.
fn order(a: &(u32, f64), b: &(u32, f64), items: &Items) -> std::cmp::Ordering {
    b.1.total_cmp(&a.1).then_with(|| items.name(a.0).cmp(&items.name(b.0)))
}

fn best(list: &mut Vec<(u32, f64)>, n: usize, items: &Items) {
    if list.len() > n {
        list.select_nth_unstable_by(n - 1, |a, b| order(a, b, items));
        list.truncate(n);
    }
    list.sort_unstable_by(|a, b| order(a, b, items));
}

fn add_products(differences: &mut BTreeMap<u32, BTreeMap<u32, i64>>, x: &Vector, sign: i64) {
    for (a, value) in x {
        let row = differences.entry(*a).or_default();
        for (b, other) in x {
            *row.entry(*b).or_default() += sign * i64::from(*value) * i64::from(*other);
        }
    }
}

/// A row with differences added; what becomes zero leaves it.
fn merged(row: &[(u32, i64)], differences: &BTreeMap<u32, i64>) -> Vec<(u32, i64)> {
    let mut out = Vec::with_capacity(row.len());
    let mut rest = differences.iter().peekable();
    let mut push = |code: u32, product: i64| {
        if product != 0 {
            out.push((code, product));
        }
    };
    for (code, product) in row {
        while let Some((other, difference)) = rest.next_if(|(other, _)| *other < code) {
            push(*other, *difference);
        }
        let difference = rest.next_if(|(other, _)| *other == code).map_or(0, |(_, difference)| *difference);
        push(*code, product + difference);
    }
    rest.for_each(|(other, difference)| push(*other, *difference));
    out
}
