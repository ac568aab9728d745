//! A set of records.

use std::collections::BTreeSet;
use std::sync::Arc;

use arrow_array::cast::AsArray as _;
use arrow_array::types::Float64Type;
use arrow_array::{Array, ArrayRef, BinaryArray, BooleanArray, Float64Array, StringArray, UInt32Array};
use arrow_select::concat::concat;
use arrow_select::filter::filter;
use arrow_select::take::take;

use crate::{Column, Error, Holdout, Image, ImageShape, Kind, Result, Role, Schema};

/// A set of records keyed by id, in columns, always in the order of the ids' bytes: the order of rows cannot be expressed.
///
/// An id is text; an integer id is its decimal digits. A column is Arrow's `Float64`, `Boolean`, `Utf8` or `Binary`
/// by its [`Kind`]; a missing value is a null, never NaN. Images have the bytes of [`ImageShape::image_bytes`].
///
/// # Examples
///
/// ```
/// use std::sync::Arc;
/// use arrow_array::{ArrayRef, Float64Array, StringArray};
/// use untrain_core::{Column, Dataset, Kind, Role, Schema};
///
/// let column = Column { name: "age".into(), kind: Kind::Numeric, role: Role::Feature, declared: false };
/// let schema = Schema { id: Some("id".into()), columns: vec![column], holdout: None };
/// let ages = Arc::new(Float64Array::from(vec![Some(41.0), None])) as ArrayRef;
/// let people = Dataset::new(schema, &StringArray::from(vec!["bob", "ann"]), vec![ages])?;
/// assert_eq!(people.id(0), "ann");
/// assert_eq!(people.without(&["ann".to_owned()])?.len(), 1);
/// # Ok::<(), untrain_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Dataset {
    schema: Arc<Schema>,
    ids: StringArray,
    columns: Vec<ArrayRef>,
}

/// The values of a column, by its kind.
#[derive(Debug, Clone, Copy)]
pub enum Values<'a> {
    /// Of a numeric column.
    Numbers(&'a Float64Array),
    /// Of a boolean column.
    Flags(&'a BooleanArray),
    /// Of a categorical column.
    Texts(&'a StringArray),
    /// Of a column of images.
    Images(&'a BinaryArray),
}

impl<'a> Values<'a> {
    /// The value at `i` as text, or `None` if it is missing or an image. Numbers are written in their shortest form.
    pub fn text(&self, i: usize) -> Option<String> {
        match self {
            Self::Numbers(values) => values.is_valid(i).then(|| values.value(i).to_string()),
            Self::Flags(values) => values.is_valid(i).then(|| values.value(i).to_string()),
            Self::Texts(values) => values.is_valid(i).then(|| values.value(i).to_owned()),
            Self::Images(_) => None,
        }
    }

    /// The value at `i` as a number, or `None` if it is missing, text or an image.
    #[inline]
    pub fn number(&self, i: usize) -> Option<f64> {
        match self {
            Self::Numbers(values) => values.is_valid(i).then(|| values.value(i)),
            Self::Flags(values) => values.is_valid(i).then(|| f64::from(u8::from(values.value(i)))),
            Self::Texts(_) | Self::Images(_) => None,
        }
    }

    /// The value at `i` as an image, or `None` if it is none.
    #[inline]
    pub fn image(&self, i: usize) -> Option<Image<'a>> {
        match self {
            Self::Images(values) => values.is_valid(i).then(|| Image::read(values.value(i)).ok()).flatten(),
            Self::Numbers(_) | Self::Flags(_) | Self::Texts(_) => None,
        }
    }

    /// The shape of the images, which is that of all of them; `None` without any.
    pub fn image_shape(&self) -> Option<ImageShape> {
        match self {
            Self::Images(values) if !values.is_empty() => self.image(0).map(|image| image.shape()),
            _ => None,
        }
    }
}

impl Dataset {
    /// Makes a dataset; `columns` stand in the order of `schema.columns`, which this sorts by name.
    ///
    /// # Errors
    ///
    /// [`Error::DuplicateId`]; [`Error::Value`] for a number that is not finite, for a missing target and
    /// for an image that is missing, malformed or of another shape than the first;
    /// [`Error::Schema`] if columns and schema do not fit together.
    pub fn new(mut schema: Schema, ids: &StringArray, columns: Vec<ArrayRef>) -> Result<Self> {
        if schema.columns.len() != columns.len() || columns.iter().any(|column| column.len() != ids.len()) {
            return Err(Error::Schema { reason: "the columns differ in number or length".to_owned() });
        }
        let mut pairs: Vec<(Column, ArrayRef)> = std::mem::take(&mut schema.columns).into_iter().zip(columns).collect();
        pairs.sort_by(|(a, _), (b, _)| a.name.cmp(&b.name));
        if let Some(pair) = pairs.windows(2).find(|pair| pair[0].0.name == pair[1].0.name) {
            return Err(Error::Schema { reason: format!("two columns are called \"{}\"", pair[0].0.name) });
        }
        let mut order: Vec<u32> = (0..ids.len() as u32).collect();
        order.sort_unstable_by_key(|i| ids.value(*i as usize));
        if let Some(pair) = order.windows(2).find(|pair| ids.value(pair[0] as usize) == ids.value(pair[1] as usize)) {
            return Err(Error::DuplicateId { id: ids.value(pair[0] as usize).to_owned() });
        }
        let order = UInt32Array::from(order);
        let ids = take(ids, &order, None).map_err(|e| arrow(&e))?.as_string::<i32>().clone();
        let mut sorted = Vec::with_capacity(pairs.len());
        for (column, values) in pairs {
            let values = take(&values, &order, None).map_err(|e| arrow(&e))?;
            check(&column, &values, &ids)?;
            schema.columns.push(column);
            sorted.push(values);
        }
        Ok(Self { schema: Arc::new(schema), ids, columns: sorted }.settled())
    }

    /// The columns' names, kinds and roles.
    pub fn schema(&self) -> &Schema {
        &self.schema
    }

    /// How many records there are.
    pub fn len(&self) -> usize {
        self.ids.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The ids, sorted.
    pub fn ids(&self) -> &StringArray {
        &self.ids
    }

    /// The id of record `i`.
    pub fn id(&self, i: usize) -> &str {
        self.ids.value(i)
    }

    /// The columns as Arrow arrays, in the order of the schema.
    pub fn columns(&self) -> &[ArrayRef] {
        &self.columns
    }

    /// The values of column `place`.
    pub fn values(&self, place: usize) -> Values<'_> {
        let column = &self.columns[place];
        match self.schema.columns[place].kind {
            Kind::Numeric => Values::Numbers(column.as_primitive::<Float64Type>()),
            Kind::Boolean => Values::Flags(column.as_boolean()),
            Kind::Categorical => Values::Texts(column.as_string::<i32>()),
            Kind::Image => Values::Images(column.as_binary::<i32>()),
        }
    }

    /// Where the record `id` stands. Complexity: O(log n).
    pub fn position(&self, id: &str) -> Option<usize> {
        let (mut low, mut high) = (0, self.len());
        while low < high {
            let middle = usize::midpoint(low, high);
            match self.id(middle).cmp(id) {
                std::cmp::Ordering::Less => low = middle + 1,
                std::cmp::Ordering::Equal => return Some(middle),
                std::cmp::Ordering::Greater => high = middle,
            }
        }
        None
    }

    /// Where the records `ids` stand, in the order of `ids`.
    ///
    /// # Errors
    ///
    /// [`Error::UnknownIds`] and [`Error::RepeatedIds`], each naming all of them.
    pub fn positions(&self, ids: &[String]) -> Result<Vec<usize>> {
        check_distinct(ids)?;
        let unknown: Vec<String> = ids.iter().filter(|id| self.position(id).is_none()).cloned().collect();
        if unknown.is_empty() {
            Ok(ids.iter().filter_map(|id| self.position(id)).collect())
        } else {
            Err(Error::UnknownIds { ids: unknown })
        }
    }

    /// The records `ids`.
    ///
    /// # Errors
    ///
    /// As [`Dataset::positions`].
    pub fn select(&self, ids: &[String]) -> Result<Self> {
        let mut mask = vec![false; self.len()];
        self.positions(ids)?.into_iter().for_each(|i| mask[i] = true);
        self.filter(&mask)
    }

    /// All records but `ids`.
    ///
    /// # Errors
    ///
    /// As [`Dataset::positions`].
    pub fn without(&self, ids: &[String]) -> Result<Self> {
        let mut mask = vec![true; self.len()];
        self.positions(ids)?.into_iter().for_each(|i| mask[i] = false);
        self.filter(&mask)
    }

    /// The records whose place in `mask` is true. Kinds that were inferred are inferred again from what is left.
    ///
    /// # Errors
    ///
    /// [`Error::Schema`] if `mask` is not as long as the dataset.
    pub fn filter(&self, mask: &[bool]) -> Result<Self> {
        let mask = BooleanArray::from(mask.to_vec());
        let ids = filter(&self.ids, &mask).map_err(|e| arrow(&e))?.as_string::<i32>().clone();
        let columns = self.columns.iter().map(|column| filter(column, &mask)).collect::<Result<_, _>>().map_err(|e| arrow(&e))?;
        Ok(Self { schema: Arc::clone(&self.schema), ids, columns }.settled())
    }

    /// These records and those of `other`, which has the same columns.
    ///
    /// # Errors
    ///
    /// [`Error::AlreadyPresent`] naming the ids that both have; [`Error::Schema`] if the columns differ.
    pub fn union(&self, other: &Self) -> Result<Self> {
        let shared: Vec<String> = other.ids.iter().flatten().filter(|id| self.position(id).is_some()).map(str::to_owned).collect();
        if !shared.is_empty() {
            return Err(Error::AlreadyPresent { ids: shared });
        }
        let both = |a: &dyn Array, b: &dyn Array| concat(&[a, b]).map_err(|e| arrow(&e));
        for (a, b) in self.schema.columns.iter().zip(&other.schema.columns) {
            if (&a.name, a.kind) != (&b.name, b.kind) {
                let reason = format!("\"{}\" is {}, and \"{}\" is {}", a.name, a.kind.name(), b.name, b.kind.name());
                return Err(Error::Schema { reason });
            }
        }
        let ids = both(&self.ids, &other.ids)?;
        let columns = self.columns.iter().zip(&other.columns).map(|(a, b)| both(a, b)).collect::<Result<_>>()?;
        Self::new(Schema::clone(&self.schema), ids.as_string::<i32>(), columns)
    }

    /// The same records, every kind declared as it is: the kinds of a part are then those of the whole.
    #[must_use]
    pub fn with_kinds_declared(&self) -> Self {
        let mut schema = Schema::clone(&self.schema);
        schema.columns.iter_mut().for_each(|column| column.declared = true);
        Self { schema: Arc::new(schema), ids: self.ids.clone(), columns: self.columns.clone() }
    }

    /// The records that models learn from: those not held out.
    #[must_use]
    pub fn training(&self) -> Self {
        self.side(false)
    }

    /// The records that models never see.
    #[must_use]
    pub fn holdout(&self) -> Self {
        self.side(true)
    }

    /// Whether record `i` is held out.
    pub fn is_held_out(&self, i: usize) -> bool {
        match &self.schema.holdout {
            None => false,
            Some(Holdout::Fraction(fraction)) => Holdout::holds(*fraction, self.id(i)),
            Some(Holdout::Value { column, value }) => {
                self.schema.position(column).is_ok_and(|place| self.values(place).text(i).as_ref() == Some(value))
            }
        }
    }

    fn side(&self, held_out: bool) -> Self {
        if self.schema.holdout.is_none() && !held_out {
            return self.clone();
        }
        let mask: Vec<bool> = (0..self.len()).map(|i| self.is_held_out(i) == held_out).collect();
        let mut side = self.clone();
        if let Ok(filtered) = self.filter(&mask) {
            side = filtered;
        }
        side
    }

    /// Infers again the kinds that nobody declared: the only value that made a column categorical may have left. Without any
    /// record there is nothing to infer from, and the kinds stay, so that records can be learnt again.
    fn settled(mut self) -> Self {
        if self.is_empty() {
            return self;
        }
        for place in 0..self.columns.len() {
            let column = &self.schema.columns[place];
            if column.declared || column.kind != Kind::Categorical {
                continue;
            }
            let texts = self.columns[place].as_string::<i32>();
            let kind = Kind::infer(texts.iter());
            if texts.iter().flatten().any(|text| Kind::number(text).is_some_and(f64::is_infinite)) {
                // Text that reads as infinity was text beside other text; as a number it would be refused.
                continue;
            }
            let settled: ArrayRef = match kind {
                Kind::Categorical | Kind::Image => continue,
                Kind::Boolean => Arc::new(texts.iter().map(|text| text.and_then(Kind::boolean)).collect::<BooleanArray>()),
                Kind::Numeric => Arc::new(texts.iter().map(|text| text.and_then(Kind::number)).collect::<Float64Array>()),
            };
            self.columns[place] = settled;
            Arc::make_mut(&mut self.schema).columns[place].kind = kind;
        }
        self
    }
}

/// Refuses a request that names ids more than once.
///
/// # Errors
///
/// [`Error::RepeatedIds`] naming each once.
pub fn check_distinct(ids: &[String]) -> Result<()> {
    let mut seen = BTreeSet::new();
    let repeated: BTreeSet<&String> = ids.iter().filter(|id| !seen.insert(id.as_str())).collect();
    if repeated.is_empty() { Ok(()) } else { Err(Error::RepeatedIds { ids: repeated.into_iter().cloned().collect() }) }
}

fn check(column: &Column, values: &ArrayRef, ids: &StringArray) -> Result<()> {
    let refuse =
        |i: usize, reason: &str| Err(Error::Value { column: column.name.clone(), id: ids.value(i).to_owned(), reason: reason.to_owned() });
    let fits = match column.kind {
        Kind::Numeric => values.as_primitive_opt::<Float64Type>().is_some(),
        Kind::Boolean => values.as_boolean_opt().is_some(),
        Kind::Categorical => values.as_string_opt::<i32>().is_some(),
        Kind::Image => values.as_binary_opt::<i32>().is_some(),
    };
    if !fits {
        return Err(Error::Schema { reason: format!("\"{}\" is not {} but {}", column.name, column.kind.name(), values.data_type()) });
    }
    if let Some(numbers) = values.as_primitive_opt::<Float64Type>()
        && let Some(i) = (0..numbers.len()).find(|i| numbers.is_valid(*i) && !numbers.value(*i).is_finite())
    {
        return refuse(i, "the number is not finite");
    }
    if let Some(images) = values.as_binary_opt::<i32>() {
        if column.role != Role::Feature {
            return Err(Error::Schema { reason: format!("\"{}\" holds images, which can only be a feature", column.name) });
        }
        let mut first = None;
        for i in 0..images.len() {
            if images.is_null(i) {
                return refuse(i, "the image is missing");
            }
            let shape = match Image::read(images.value(i)) {
                Ok(image) => image.shape(),
                Err(error) => return refuse(i, &error.to_string()),
            };
            let first = *first.get_or_insert(shape);
            if shape != first {
                return refuse(i, &format!("the image is {shape}, and others are {first}"));
            }
        }
    }
    if column.role == Role::Target
        && let Some(i) = (0..values.len()).find(|i| values.is_null(*i))
    {
        return refuse(i, "the target is missing");
    }
    Ok(())
}

fn arrow(error: &arrow_schema::ArrowError) -> Error {
    Error::Schema { reason: error.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dataset(ids: &[&str], texts: &[Option<&str>]) -> Result<Dataset> {
        let column = Column { name: "c".into(), kind: Kind::Categorical, role: Role::Feature, declared: false };
        let schema = Schema { id: Some("id".into()), columns: vec![column], holdout: Some(Holdout::Fraction(0.5)) };
        Dataset::new(schema, &StringArray::from(ids.to_vec()), vec![Arc::new(StringArray::from(texts.to_vec()))])
    }

    #[test]
    fn row_order_cannot_be_expressed() -> Result<()> {
        let a = dataset(&["b", "a"], &[Some("x"), None])?;
        assert_eq!(a, dataset(&["a", "b"], &[None, Some("x")])?);
        assert_eq!(a.position("b"), Some(1));
        assert_eq!(a.position("c"), None);
        Ok(())
    }

    #[test]
    fn duplicate_unknown_and_repeated_ids_are_named() -> Result<()> {
        assert_eq!(dataset(&["a", "a"], &[None, None]), Err(Error::DuplicateId { id: "a".into() }));
        let a = dataset(&["a", "b"], &[None, None])?;
        assert_eq!(a.without(&["z".into()]), Err(Error::UnknownIds { ids: vec!["z".into()] }));
        assert_eq!(a.without(&["a".into(), "a".into()]), Err(Error::RepeatedIds { ids: vec!["a".into()] }));
        assert!(matches!(a.union(&a), Err(Error::AlreadyPresent { ids }) if ids.len() == 2));
        Ok(())
    }

    #[test]
    fn a_kind_is_inferred_again_when_the_record_that_made_it_leaves() -> Result<()> {
        let all = dataset(&["a", "b", "c"], &[Some("1"), Some("?"), Some("2.5")])?;
        assert_eq!(all.schema().columns[0].kind, Kind::Categorical);
        let rest = all.without(&["b".into()])?;
        assert_eq!(rest, dataset(&["a", "c"], &[Some("1"), Some("2.5")])?);
        assert_eq!(rest.schema().columns[0].kind, Kind::Numeric);
        let part = all.with_kinds_declared().without(&["b".into()])?;
        assert_eq!(part.schema().columns[0].kind, Kind::Categorical);
        assert_eq!(rest.values(0).number(1), Some(2.5));
        Ok(())
    }

    fn images(bytes: &[Option<&[u8]>], role: Role) -> Result<Dataset> {
        let column = Column { name: "i".into(), kind: Kind::Image, role, declared: true };
        let schema = Schema { id: Some("id".into()), columns: vec![column], holdout: None };
        let ids: StringArray = (0..bytes.len()).map(|i| Some(i.to_string())).collect();
        Dataset::new(schema, &ids, vec![Arc::new(BinaryArray::from(bytes.to_vec()))])
    }

    #[test]
    fn images_of_a_column_have_one_shape() -> Result<()> {
        let (a, b, wide): (&[u8], &[u8], &[u8]) = (&[1, 1, 0, 1, 0, 7], &[1, 1, 0, 1, 0, 8], &[1, 1, 0, 2, 0, 7, 7]);
        let two = images(&[Some(a), Some(b)], Role::Feature)?;
        assert_eq!(two.values(0).image(1).map(|image| image.samples), Some(&[8][..]));
        assert_eq!(two.values(0).image_shape(), Some(ImageShape { channels: 1, height: 1, width: 1 }));
        assert_eq!((two.values(0).text(0), two.values(0).number(0)), (None, None));
        let none = two.without(&["0".into(), "1".into()])?;
        assert_eq!(none.values(0).image_shape(), None);
        assert_eq!(none.union(&two)?, two);
        for bad in [[Some(a), Some(wide)], [Some(a), None], [Some(a), Some(&wide[..6])]] {
            assert!(matches!(images(&bad, Role::Feature), Err(Error::Value { id, .. }) if id == "1"));
        }
        assert!(matches!(images(&[Some(a)], Role::Group), Err(Error::Schema { .. })));
        assert!(matches!(two.schema().refuse_images(), Err(Error::Unfit { reason, .. }) if reason.starts_with("\"i\" holds images")));
        Ok(())
    }

    #[test]
    fn the_holdout_does_not_move_when_records_leave() -> Result<()> {
        let names: Vec<String> = (0..100).map(|i| i.to_string()).collect();
        let ids: Vec<&str> = names.iter().map(String::as_str).collect();
        let all = dataset(&ids, &vec![Some("x"); 100])?;
        let held: Vec<String> = all.holdout().ids().iter().flatten().map(str::to_owned).collect();
        assert!((30..70).contains(&held.len()));
        assert_eq!(all.training().len() + held.len(), 100);
        let rest = all.without(&held[..5])?;
        assert_eq!(rest.holdout().ids().iter().flatten().collect::<Vec<_>>(), held[5..].iter().map(String::as_str).collect::<Vec<_>>());
        Ok(())
    }
}
