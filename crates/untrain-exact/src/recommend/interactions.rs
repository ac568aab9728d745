//! Who chose what: the interactions of the retained records, as one sparse vector of integers a user.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use untrain_core::{Dataset, Error, FixedPoint, Kind, Result, Role, Values, Writer};

use super::params::RecommendParams;
use crate::members::Members;

/// A vector over items: pairs of an item's code and a value that is not zero, in the order of the codes.
pub(super) type Vector = Vec<(u32, i32)>;

/// Values are integers of so many binary digits.
const VALUE_BITS: u32 = 12;
/// Values are multiples of 1/1024 at finest.
const FINEST: i32 = 10;
/// The largest value, which keeps all sums exact.
const MAX_VALUE: f64 = 1_048_576.0;

/// Which columns hold what. It is a function of the recipe and of the retained records, whose kinds may be inferred.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Layout {
    pub(super) user: (String, Kind),
    pub(super) item: (String, Kind),
    pub(super) value: Option<String>,
}

/// How values are read.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Reading {
    /// Whether each interaction counts as 1.
    pub(super) binary: bool,
    /// Interactions with a smaller value do not count.
    pub(super) min_value: Option<f64>,
}

/// One interaction.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Interaction {
    user: Arc<str>,
    item: Arc<str>,
    value: f64,
}

/// A record that joins: its id, and its interaction if it counts.
pub(super) type Joining = (String, Option<Interaction>);

/// What became of one user.
#[derive(Debug, Clone)]
pub(super) struct Change {
    pub(super) old: Vector,
    pub(super) new: Vector,
}

/// What became of the interactions.
#[derive(Debug)]
pub(super) struct Changes {
    /// The users whose vectors changed.
    pub(super) users: Vec<Change>,
    /// Whether the fixed point of values changed, and all vectors with it.
    pub(super) rescaled: bool,
    /// The records that left, to undo it.
    pub(super) left: Vec<Joining>,
}

/// The interactions of the retained records.
///
/// Where a user has several interactions with one item, the largest value counts. Codes of items are history; they do not
/// reach bytes.
#[derive(Debug, Clone)]
pub(super) struct Interactions {
    pub(super) layout: Layout,
    pub(super) reading: Reading,
    pub(super) members: Members,
    pub(super) items: Items,
    /// For each row of `members`, the user, the item and the value.
    rows: Vec<Option<(Arc<str>, u32, f64)>>,
    users: BTreeMap<Arc<str>, User>,
    fixed: FixedPoint,
}

#[derive(Debug, Clone, Default)]
struct User {
    values: BTreeMap<u32, Vec<f64>>,
    x: Vector,
}

impl Layout {
    /// Finds the columns of `data`.
    pub(super) fn of(data: &Dataset, item: Option<&str>) -> Result<Self> {
        let schema = data.schema();
        schema.refuse_images()?;
        let Some((_, user)) = schema.subject() else {
            return Err(Error::Schema { reason: "no column is the subject, whose items a recommender learns".to_owned() });
        };
        let place = match item {
            Some(name) => schema.position(name)?,
            None => only_item(data)?,
        };
        let item = &schema.columns[place];
        if item.role != Role::Feature {
            return Err(untrain_core::hyperparameters::refuse("item", format!("\"{}\" is not a feature", item.name)));
        }
        let value = match schema.target() {
            Some((_, column)) if column.kind == Kind::Categorical => {
                return Err(Error::Schema { reason: format!("\"{}\" is text, and the value of an interaction is a number", column.name) });
            }
            target => target.map(|(_, column)| column.name.clone()),
        };
        Ok(Self { user: (user.name.clone(), user.kind), item: (item.name.clone(), item.kind), value })
    }

    pub(super) fn write(&self, out: &mut Writer) {
        let Self { user, item, value } = self;
        for (name, kind) in [user, item] {
            out.text(name);
            out.kind(*kind);
        }
        out.flag(value.is_some());
        if let Some(value) = value {
            out.text(value);
        }
    }
}

/// Kinds that were inferred do not decide, since they may change when records leave.
fn only_item(data: &Dataset) -> Result<usize> {
    let features: Vec<_> = data.schema().features().collect();
    let declared: Vec<_> = features.iter().filter(|(_, column)| column.declared && column.kind == Kind::Categorical).collect();
    match (features.as_slice(), declared.as_slice()) {
        ([(only, _)], _) | (_, [(only, _)]) => Ok(*only),
        ([], _) => Err(Error::Schema { reason: "there is no feature to hold the items".to_owned() }),
        _ => {
            let names: Vec<&str> = features.iter().map(|(_, column)| column.name.as_str()).collect();
            Err(untrain_core::hyperparameters::refuse("item", format!("it has to name the column of items: {}", names.join(", "))))
        }
    }
}

impl Reading {
    /// Whether an interaction of this value counts, and as what.
    pub(super) fn counts(self, value: f64) -> bool {
        self.min_value.is_none_or(|least| value >= least)
    }

    /// The value as an integer.
    pub(super) fn quantise(self, shift: i32, value: f64) -> i64 {
        if self.binary { 1 } else { FixedPoint::quantise(shift, value) as i64 }
    }
}

impl Interactions {
    /// The interactions of the records of `data`.
    pub(super) fn of(params: &RecommendParams, data: &Dataset) -> Result<Self> {
        let layout = Layout::of(data, params.item.as_deref())?;
        if params.min_value.is_some() && layout.value.is_none() {
            return Err(untrain_core::hyperparameters::refuse("min_value", "it needs a target, which holds the values"));
        }
        let binary = params.min_value.is_some() || layout.value.is_none() || params.is_jaccard();
        let mut interactions = Self {
            reading: Reading { binary, min_value: params.min_value },
            members: Members::default(),
            items: Items::default(),
            rows: Vec::new(),
            users: BTreeMap::new(),
            fixed: FixedPoint::new(VALUE_BITS),
            layout,
        };
        let places: Vec<usize> = (0..data.len()).collect();
        let joining = interactions.joining(data, &places)?;
        joining.into_iter().for_each(|joining| interactions.insert(joining));
        interactions.requantise();
        Ok(interactions)
    }

    /// The records of `data` at `places` as they would join.
    pub(super) fn joining(&self, data: &Dataset, places: &[usize]) -> Result<Vec<Joining>> {
        let column = |name: &str| Ok::<_, Error>(data.values(data.schema().position(name)?));
        let (users, items) = (column(&self.layout.user.0)?, column(&self.layout.item.0)?);
        let values = self.layout.value.as_deref().map(column).transpose()?;
        places
            .iter()
            .map(|place| Ok((data.id(*place).to_owned(), self.interaction(data, *place, &users, &items, values.as_ref())?)))
            .collect()
    }

    fn interaction(
        &self,
        data: &Dataset,
        place: usize,
        users: &Values<'_>,
        items: &Values<'_>,
        values: Option<&Values<'_>>,
    ) -> Result<Option<Interaction>> {
        let value = values.map_or(Some(1.0), |values| values.number(place));
        let (Some(user), Some(item), Some(value)) = (users.text(place), items.text(place), value) else { return Ok(None) };
        if value.abs() > MAX_VALUE {
            let column = self.layout.value.clone().unwrap_or_default();
            let reason = format!("{value} is too large for the value of an interaction, which is at most 1,048,576");
            return Err(Error::Value { column, id: data.id(place).to_owned(), reason });
        }
        Ok(self.reading.counts(value).then(|| Interaction { user: user.into(), item: item.into(), value }))
    }

    /// Lets the records `leave` go, which are members, and takes those of `join` in, which are not.
    pub(super) fn apply(&mut self, leave: &[String], join: Vec<Joining>) -> Changes {
        let shift = self.shift();
        let mut touched: BTreeSet<Arc<str>> = join.iter().filter_map(|(_, interaction)| Some(interaction.as_ref()?.user.clone())).collect();
        let leaving = leave.iter().filter_map(|id| self.rows[self.members.row(id)? as usize].as_ref());
        touched.extend(leaving.map(|(user, ..)| user.clone()));
        let old: Vec<Vector> = touched.iter().map(|user| self.x(user)).collect();
        let left = leave.iter().filter_map(|id| self.remove(id)).collect();
        join.into_iter().for_each(|joining| self.insert(joining));
        let rescaled = self.shift() != shift;
        if rescaled {
            self.requantise();
        } else {
            touched.iter().for_each(|user| self.requantise_user(user));
        }
        let changes = touched.iter().zip(old).map(|(user, old)| Change { old, new: self.x(user) });
        let users = changes.filter(|change| change.old != change.new).collect();
        self.users.retain(|_, user| !user.values.is_empty());
        Changes { users, rescaled, left }
    }

    /// The binary digits after the point of values.
    pub(super) fn shift(&self) -> i32 {
        if self.reading.binary { 0 } else { self.fixed.shift().min(FINEST) }
    }

    /// The vectors of all users.
    pub(super) fn vectors(&self) -> impl Iterator<Item = &Vector> {
        self.users.values().map(|user| &user.x)
    }

    fn x(&self, user: &str) -> Vector {
        self.users.get(user).map(|user| user.x.clone()).unwrap_or_default()
    }

    fn insert(&mut self, (id, interaction): Joining) {
        self.members.push(&id);
        let row = interaction.map(|Interaction { user, item, value }| {
            let code = self.items.take(&item);
            if !self.reading.binary {
                self.fixed.take(value);
            }
            self.users.entry(user.clone()).or_default().values.entry(code).or_default().push(value);
            (user, code, value)
        });
        self.rows.push(row);
    }

    fn remove(&mut self, id: &str) -> Option<Joining> {
        let row = self.members.row(id)?;
        self.members.swap_remove(row);
        let Some((user, code, value)) = self.rows.swap_remove(row as usize) else { return Some((id.to_owned(), None)) };
        let item = self.items.name(code)?.clone();
        self.items.release(code);
        if !self.reading.binary {
            self.fixed.release(value);
        }
        if let Some(values) = self.users.get_mut(&user).map(|user| &mut user.values)
            && let Some(same) = values.get_mut(&code)
        {
            if let Some(place) = same.iter().position(|other| *other == value) {
                same.swap_remove(place);
            }
            if same.is_empty() {
                values.remove(&code);
            }
        }
        Some((id.to_owned(), Some(Interaction { user, item, value })))
    }

    fn requantise(&mut self) {
        let (reading, shift) = (self.reading, self.shift());
        self.users.values_mut().for_each(|user| user.requantise(reading, shift));
    }

    fn requantise_user(&mut self, user: &str) {
        let (reading, shift) = (self.reading, self.shift());
        if let Some(user) = self.users.get_mut(user) {
            user.requantise(reading, shift);
        }
    }
}

impl User {
    fn requantise(&mut self, reading: Reading, shift: i32) {
        let largest = |values: &Vec<f64>| values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let number = |(code, values): (&u32, &Vec<f64>)| (*code, reading.quantise(shift, largest(values)) as i32);
        self.x = self.values.iter().map(number).filter(|(_, value)| *value != 0).collect();
    }
}

/// The items by name, each with a code as long as some interaction counts it.
#[derive(Debug, Clone, Default)]
pub(super) struct Items {
    names: Vec<Option<Arc<str>>>,
    uses: Vec<u32>,
    codes: BTreeMap<Arc<str>, u32>,
    free: Vec<u32>,
}

impl Items {
    /// How many codes there are, free ones included.
    pub(super) fn n_codes(&self) -> usize {
        self.names.len()
    }

    /// How many items there are.
    pub(super) fn len(&self) -> usize {
        self.codes.len()
    }

    pub(super) fn code(&self, name: &str) -> Option<u32> {
        self.codes.get(name).copied()
    }

    pub(super) fn name(&self, code: u32) -> Option<&Arc<str>> {
        self.names[code as usize].as_ref()
    }

    /// The codes in the order of the items' names.
    pub(super) fn sorted(&self) -> impl Iterator<Item = (&Arc<str>, u32)> {
        self.codes.iter().map(|(name, code)| (name, *code))
    }

    fn take(&mut self, name: &Arc<str>) -> u32 {
        let code = self.code(name).unwrap_or_else(|| {
            let code = self.free.pop().unwrap_or_else(|| {
                self.names.push(None);
                self.uses.push(0);
                self.names.len() as u32 - 1
            });
            self.names[code as usize] = Some(Arc::clone(name));
            self.codes.insert(Arc::clone(name), code);
            code
        });
        self.uses[code as usize] += 1;
        code
    }

    fn release(&mut self, code: u32) {
        let place = code as usize;
        self.uses[place] -= 1;
        if self.uses[place] == 0
            && let Some(name) = self.names[place].take()
        {
            self.codes.remove(&name);
            self.free.push(code);
        }
    }
}

impl RecommendParams {
    fn is_jaccard(&self) -> bool {
        self.method == super::Method::Neighbours && self.similarity == super::Similarity::Jaccard
    }
}
