//! The served artefact of a recommender: items and how they are related. It knows no user and no record.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use untrain_core::{Artefact, Choices, Dataset, Error, Kind, Predictions, Reader, Result, Values, Writer};

use super::interactions::Reading;
use super::params::{Method, Similarity, write_optional};

pub(crate) const ARTEFACT: &[u8; 8] = b"UNTRrec\x01";

/// A recommender without its users.
///
/// # Complexity
///
/// Recommending to a user of h items costs O(h · m) for m items with EASE, and O(k · m) with k neighbours an item.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RecommendArtefact {
    /// The column that names users.
    pub user: String,
    /// The column that names items, and its kind.
    pub item: (String, Kind),
    /// The column of values, if there is one.
    pub value: Option<String>,
    /// Interactions with a smaller value do not count.
    pub min_value: Option<f64>,
    /// The binary digits after the point of values; `None` if each interaction counts as 1.
    pub value_shift: Option<i32>,
    /// How many items are recommended.
    pub n_top: u32,
    /// How many records it has learnt.
    pub records: u64,
    /// The items, sorted.
    pub items: Vec<String>,
    /// How they are related.
    pub weights: RecommendWeights,
}

/// How the items of a recommender are related.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "method", rename_all = "snake_case")]
pub enum RecommendWeights {
    /// EASE: having an item adds its weight to the score of each other item.
    Ease {
        /// The weights are multiples of `2^-grid`.
        grid: u32,
        /// For each item, what each item adds to its score, as such multiples.
        columns: Vec<Vec<i32>>,
    },
    /// Neighbours: having an item adds its similarity to the score of the items it is a neighbour of.
    Neighbours {
        /// How similarity is measured.
        similarity: Similarity,
        /// For each item its neighbours, by their places, the most similar first.
        lists: Vec<Vec<(u32, f64)>>,
    },
}

impl RecommendArtefact {
    /// Reads the canonical bytes of an artefact.
    ///
    /// # Errors
    ///
    /// [`Error::Malformed`].
    pub fn read(bytes: &[u8]) -> Result<Self> {
        let mut input = Reader::new("recommender's artefact", bytes);
        if input.raw(ARTEFACT.len())? != ARTEFACT {
            return Err(input.malformed("it does not begin as one of this format's version"));
        }
        let user = input.text()?.to_owned();
        let item = (input.text()?.to_owned(), input.kind()?);
        let value = input.flag()?.then(|| input.text().map(str::to_owned)).transpose()?;
        let min_value = input.flag()?.then(|| input.f64()).transpose()?;
        let value_shift = input.flag()?.then(|| input.at_most(128)).transpose()?.map(|shift| shift as i32 - 64);
        let n_top = input.at_most(u32::MAX as usize)? as u32;
        let records = input.varint()?;
        let items = (0..input.count()?).map(|_| input.text().map(str::to_owned)).collect::<Result<Vec<_>>>()?;
        if items.windows(2).any(|pair| pair[0] >= pair[1]) {
            return Err(input.malformed("its items are not sorted"));
        }
        let weights = read_weights(&mut input, items.len())?;
        input.end()?;
        Ok(Self { user, item, value, min_value, value_shift, n_top, records, items, weights })
    }

    /// The canonical bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        let Self { user, item, value, min_value, value_shift, n_top, records, items, weights } = self;
        let mut out = Writer::new();
        out.raw(ARTEFACT);
        out.text(user);
        out.text(&item.0);
        out.kind(item.1);
        out.flag(value.is_some());
        if let Some(value) = value {
            out.text(value);
        }
        write_optional(*min_value, &mut out);
        out.flag(value_shift.is_some());
        if let Some(shift) = value_shift {
            out.varint((shift + 64) as u64);
        }
        out.varint(u64::from(*n_top));
        out.varint(*records);
        out.varint(items.len() as u64);
        items.iter().for_each(|item| out.text(item));
        match weights {
            RecommendWeights::Ease { grid, columns } => {
                out.u8(Method::Ease as u8);
                out.varint(u64::from(*grid));
                columns.iter().flatten().for_each(|weight| out.signed(i64::from(*weight)));
            }
            RecommendWeights::Neighbours { similarity, lists } => {
                out.u8(Method::Neighbours as u8);
                out.u8(*similarity as u8);
                for list in lists {
                    out.varint(list.len() as u64);
                    for (place, similarity) in list {
                        out.varint(u64::from(*place));
                        out.f64(*similarity);
                    }
                }
            }
        }
        out.into_bytes()
    }

    /// What each user of `data` has: the places of items and values, in the order of items; and how many records were passed
    /// over because their item is unknown.
    fn histories(&self, data: &Dataset) -> Result<(Histories, u64)> {
        let reading = Reading { binary: self.value_shift.is_none(), min_value: self.min_value };
        let mut unknown = 0;
        let mut histories: BTreeMap<String, BTreeMap<u32, f64>> = BTreeMap::new();
        self.visit(data, |user, item, value| {
            let history = histories.entry(user).or_default();
            let Ok(place) = self.items.binary_search(&item) else {
                unknown += 1;
                return;
            };
            if reading.counts(value) {
                history.entry(place as u32).and_modify(|old| *old = old.max(value)).or_insert(value);
            } else {
                // It does not count, but the user has had it: it need not be recommended.
                history.entry(place as u32).or_insert(f64::NEG_INFINITY);
            }
        })?;
        let shift = self.value_shift.unwrap_or_default();
        let quantised = |value: f64| if reading.counts(value) && value.is_finite() { reading.quantise(shift, value) } else { 0 };
        let history = |values: BTreeMap<u32, f64>| values.into_iter().map(|(place, value)| (place, quantised(value))).collect();
        Ok((histories.into_iter().map(|(user, values)| (user, history(values))).collect(), unknown))
    }

    /// Visits the user, the item and the value of each record that has them; a missing value is 1, or enough to count.
    fn visit(&self, data: &Dataset, mut visit: impl FnMut(String, String, f64)) -> Result<()> {
        let users = column(data, &self.user)?;
        let items = column(data, &self.item.0)?;
        let values = self.value.as_deref().and_then(|name| column(data, name).ok());
        if matches!(values, Some(Values::Texts(_) | Values::Images(_))) {
            return Err(Error::Schema { reason: "the value of an interaction is a number, and the table has something else".to_owned() });
        }
        let default = self.min_value.unwrap_or(1.0);
        for i in 0..data.len() {
            if let (Some(user), Some(item)) = (users.text(i), items.text(i)) {
                visit(user, item, values.and_then(|values| values.number(i)).unwrap_or(default));
            }
        }
        Ok(())
    }

    /// The score of every item for a user of this history.
    fn scores(&self, history: &[(u32, i64)]) -> Vec<f64> {
        let shift = self.value_shift.unwrap_or_default();
        match &self.weights {
            RecommendWeights::Ease { grid, columns } => {
                let score = |column: &Vec<i32>| {
                    let sum: i128 = history.iter().map(|(place, value)| i128::from(*value) * i128::from(column[*place as usize])).sum();
                    libm::scalbn(sum as f64, -(*grid as i32) - shift)
                };
                columns.iter().map(score).collect()
            }
            RecommendWeights::Neighbours { lists, .. } => {
                let mut values = vec![0.0; self.items.len()];
                history.iter().for_each(|(place, value)| values[*place as usize] = libm::scalbn(*value as f64, -shift));
                lists.iter().map(|list| list.iter().map(|(place, similarity)| similarity * values[*place as usize]).sum()).collect()
            }
        }
    }

    /// The best items that the user does not have; equals in the order of their names.
    fn top(&self, history: &[(u32, i64)]) -> Vec<(String, f64)> {
        if history.iter().all(|(_, value)| *value == 0) {
            return Vec::new();
        }
        let scores = self.scores(history);
        let has = |place: u32| history.binary_search_by_key(&place, |(place, _)| *place).is_ok();
        let mut places: Vec<u32> = (0..scores.len() as u32).filter(|place| !has(*place)).collect();
        if matches!(self.weights, RecommendWeights::Neighbours { .. }) {
            // No neighbour of these is in the history: nothing is known of them.
            places.retain(|place| scores[*place as usize] != 0.0);
        }
        let order = |a: &u32, b: &u32| scores[*b as usize].total_cmp(&scores[*a as usize]).then(a.cmp(b));
        let n = self.n_top as usize;
        if places.len() > n {
            places.select_nth_unstable_by(n - 1, order);
            places.truncate(n);
        }
        places.sort_unstable_by(order);
        places.into_iter().map(|place| (self.items[place as usize].clone(), scores[place as usize])).collect()
    }
}

/// For each user pairs of an item's place and a value, in the order of places.
type Histories = BTreeMap<String, Vec<(u32, i64)>>;

impl Artefact for RecommendArtefact {
    fn inputs(&self) -> Vec<(String, Kind)> {
        vec![(self.user.clone(), Kind::Categorical), self.item.clone()]
    }

    fn optional_inputs(&self) -> Vec<(String, Kind)> {
        self.value.iter().map(|name| (name.clone(), Kind::Numeric)).collect()
    }

    fn predict(&self, data: &Dataset) -> Result<Predictions> {
        let (histories, unknown) = self.histories(data)?;
        let (subjects, lists) = histories.into_iter().map(|(user, history)| (user, self.top(&history))).unzip();
        Ok(Predictions::Lists { subjects, lists, unknown })
    }

    fn choices(&self, data: &Dataset) -> Result<Option<Choices>> {
        let reading = Reading { binary: true, min_value: self.min_value };
        let mut choices: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        self.visit(data, |user, item, value| {
            if reading.counts(value) {
                choices.entry(user).or_default().insert(item);
            }
        })?;
        Ok(Some(choices))
    }

    fn list_length(&self) -> Option<usize> {
        Some(self.n_top as usize)
    }

    fn json(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }

    fn facts(&self) -> Vec<(&'static str, String)> {
        let (what, n) = match &self.weights {
            RecommendWeights::Ease { columns, .. } => ("weights", columns.iter().flatten().filter(|weight| **weight != 0).count()),
            RecommendWeights::Neighbours { lists, .. } => ("neighbours", lists.iter().map(Vec::len).sum()),
        };
        vec![("items", self.items.len().to_string()), (what, n.to_string())]
    }
}

fn column<'a>(data: &'a Dataset, name: &str) -> Result<Values<'a>> {
    Ok(data.values(data.schema().position(name)?))
}

fn read_weights(input: &mut Reader<'_>, n: usize) -> Result<RecommendWeights> {
    match input.u8()? {
        byte if byte == Method::Ease as u8 => {
            let grid = input.at_most(63)? as u32;
            let mut columns = Vec::new();
            for _ in 0..n {
                columns.push((0..n).map(|_| weight(input)).collect::<Result<Vec<_>>>()?);
            }
            Ok(RecommendWeights::Ease { grid, columns })
        }
        byte if byte == Method::Neighbours as u8 => {
            let similarity = match input.u8()? {
                byte if byte == Similarity::Cosine as u8 => Similarity::Cosine,
                byte if byte == Similarity::Jaccard as u8 => Similarity::Jaccard,
                byte => return Err(input.malformed(format!("there is no similarity {byte}"))),
            };
            let mut lists = Vec::new();
            for _ in 0..n {
                let list = 0..input.at_most(n)?;
                lists.push(list.map(|_| Ok((input.at_most(n - 1)? as u32, input.f64()?))).collect::<Result<Vec<_>>>()?);
            }
            Ok(RecommendWeights::Neighbours { similarity, lists })
        }
        byte => Err(input.malformed(format!("there is no method {byte}"))),
    }
}

fn weight(input: &mut Reader<'_>) -> Result<i32> {
    let weight = input.signed()?;
    i32::try_from(weight).map_err(|_| input.malformed(format!("{weight} is beyond any weight")))
}
