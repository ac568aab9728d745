//! Conditions in SQL, evaluated by SQLite on a table of its own that holds what the condition mentions.

use std::collections::{BTreeMap, BTreeSet};

use arrow_array::{Array as _, StringArray};
use rusqlite::config::DbConfig;
use rusqlite::{Connection, Statement};
use untrain_core::{Dataset, Kind, Role, Values, nearest};

use super::error::{Error, Result, quoted};
use super::watch::Watch;

/// The ids of the records for which `expression` is true, in the canonical order.
///
/// The expression is SQL's, in SQLite's dialect: `age < 18 and country = 'FR'`. A missing value is NULL, for which no comparison
/// is true; `is null` finds it. A numeric column holds floating-point numbers and a boolean one 1 and 0; the id (`id` if no
/// column holds it) and the subject compare as integers if all of them are, and as text otherwise. Names in double quotes
/// are columns, text stands in single quotes.
///
/// # Errors
///
/// [`Error::Syntax`] with the place, [`Error::UnknownColumn`] with the nearest name, [`Error::Forbidden`] for all that does not
/// concern one record alone (subqueries, other tables, parameters, random functions).
///
/// Complexity: time and memory of one scan over the columns that the expression reads.
pub fn by_expression(data: &Dataset, expression: &str) -> Result<Vec<String>> {
    if expression.trim().is_empty() {
        return Err(Error::Empty);
    }
    let query = Query::new(data, expression);
    let mut connection = open()?;
    connection.execute_batch(&query.table())?;
    let watch = Watch::default();
    watch.start(&mut connection)?;
    // Text that is an expression both within `case when … then` and within parentheses is one: what closes the parentheses
    // early is out of place in the first, what ends the `when` early is out of place in the second.
    query.prepare(&connection, &watch, "SELECT CASE WHEN ", "\nTHEN 1 END FROM records")?;
    let read = std::mem::take(&mut watch.seen().read);
    if read.iter().any(|name| !name.is_empty() && !query.columns.iter().any(|column| column.name == name)) {
        return Err(query.unknown("rowid", false));
    }
    query.prepare(&connection, &watch, "SELECT 1 FROM records WHERE (", "\n)")?;
    Watch::stop(&mut connection)?;
    query.fill(&connection, &read)?;
    watch.start(&mut connection)?;
    let key = quoted(&query.key);
    let mut statement =
        query.prepare(&connection, &watch, &format!("SELECT {key} FROM records WHERE ("), &format!("\n) ORDER BY {key}"))?;
    let ids = statement.query_map([], |row| row.get::<_, u32>(0))?.map(|place| place.map(|place| data.id(place as usize).to_owned()));
    Ok(ids.collect::<Result<_, _>>()?)
}

fn open() -> Result<Connection> {
    let connection = Connection::open_in_memory()?;
    // Without these, a misspelt column in double quotes would silently be text.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DQS_DML, false)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DQS_DDL, false)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
    Ok(connection)
}

/// An expression over a dataset.
struct Query<'a> {
    data: &'a Dataset,
    expression: &'a str,
    /// The columns that the expression may mean.
    columns: Vec<Source<'a>>,
    /// The columns whose names differ in case only, by their name in lower case: no expression can tell them apart.
    ambiguous: BTreeMap<String, Vec<String>>,
    /// The column of the record's place, under a name that does not occur in the expression.
    key: String,
}

/// A column of the table, and where its values come from.
struct Source<'a> {
    name: &'a str,
    values: Values<'a>,
    /// Whether texts compare as integers, since all of them are.
    whole: bool,
}

impl<'a> Query<'a> {
    fn new(data: &'a Dataset, expression: &'a str) -> Self {
        let lower = expression.to_ascii_lowercase();
        let mut all: Vec<(&str, Values<'_>, bool)> = Vec::new();
        // Nothing that an expression can say is true of an image.
        let columns = data.schema().columns.iter().enumerate().filter(|(_, column)| column.kind != Kind::Image);
        for (place, column) in columns {
            all.push((&column.name, data.values(place), column.role == Role::Subject));
        }
        let id = data.schema().id.as_deref();
        if id.is_some() || !all.iter().any(|(name, ..)| name.eq_ignore_ascii_case("id")) {
            all.push((id.unwrap_or("id"), Values::Texts(data.ids()), true));
        }
        let mut folded: BTreeMap<String, Vec<(&str, Values<'_>, bool)>> = BTreeMap::new();
        for column in all.into_iter().filter(|(name, ..)| occurs(name, &lower)) {
            folded.entry(column.0.to_ascii_lowercase()).or_default().push(column);
        }
        let (mut columns, mut ambiguous) = (Vec::new(), BTreeMap::new());
        for (name, mut group) in folded {
            match group.pop() {
                Some((name, values, person)) if group.is_empty() => {
                    let whole = person && matches!(values, Values::Texts(texts) if are_integers(texts));
                    columns.push(Source { name, values, whole });
                }
                last => {
                    ambiguous.insert(name, group.into_iter().chain(last).map(|(name, ..)| name.to_owned()).collect());
                }
            }
        }
        let mut key = "place".to_owned();
        while lower.contains(&key) || columns.iter().any(|column| column.name.eq_ignore_ascii_case(&key)) {
            key.push('_');
        }
        Self { data, expression, columns, ambiguous, key }
    }

    /// The statement that makes the table.
    fn table(&self) -> String {
        let mut columns = vec![format!("{} INTEGER PRIMARY KEY", quoted(&self.key))];
        for column in &self.columns {
            let kind = match column.values {
                Values::Numbers(_) => "REAL",
                Values::Flags(_) => "INTEGER",
                Values::Texts(_) if column.whole => "INTEGER",
                Values::Texts(_) => "TEXT",
                Values::Images(_) => "BLOB",
            };
            columns.push(format!("{} {kind}", quoted(column.name)));
        }
        format!("CREATE TABLE records ({})", columns.join(", "))
    }

    /// Fills the columns `read` of the table.
    fn fill(&self, connection: &Connection, read: &BTreeSet<String>) -> Result<()> {
        let columns: Vec<&Source<'_>> = self.columns.iter().filter(|column| read.contains(column.name)).collect();
        let names: Vec<String> = std::iter::once(self.key.as_str()).chain(columns.iter().map(|column| column.name)).map(quoted).collect();
        let marks = vec!["?"; names.len()].join(", ");
        let transaction = connection.unchecked_transaction()?;
        {
            let mut insert = transaction.prepare(&format!("INSERT INTO records ({}) VALUES ({marks})", names.join(", ")))?;
            for i in 0..self.data.len() {
                insert.raw_bind_parameter(1, i as u32)?;
                for (column, source) in columns.iter().enumerate() {
                    match source.values {
                        Values::Numbers(values) => insert.raw_bind_parameter(column + 2, values.is_valid(i).then(|| values.value(i)))?,
                        Values::Flags(values) => insert.raw_bind_parameter(column + 2, values.is_valid(i).then(|| values.value(i)))?,
                        Values::Texts(values) => insert.raw_bind_parameter(column + 2, values.is_valid(i).then(|| values.value(i)))?,
                        Values::Images(values) => insert.raw_bind_parameter(column + 2, values.is_valid(i).then(|| values.value(i)))?,
                    }
                }
                insert.raw_execute()?;
            }
        }
        Ok(transaction.commit()?)
    }

    /// Prepares the expression between `head` and `tail`; errors speak of the expression alone.
    fn prepare<'c>(&self, connection: &'c Connection, watch: &Watch, head: &str, tail: &str) -> Result<Statement<'c>> {
        watch.reset();
        let prepared = connection.prepare(&format!("{head}{}{tail}", self.expression));
        if let Some(what) = watch.seen().denied.take() {
            return Err(Error::Forbidden { what });
        }
        match prepared {
            Ok(statement) if statement.parameter_count() > 0 => Err(Error::Forbidden { what: "parameters".to_owned() }),
            Ok(statement) => Ok(statement),
            Err(rusqlite::Error::SqlInputError { msg, offset, .. }) => Err(self.explain(&msg, offset, head.len())),
            // The end of the text has no offset.
            Err(rusqlite::Error::SqliteFailure(_, Some(message))) if message == "incomplete input" => {
                Err(self.explain(&message, -1, head.len()))
            }
            Err(error) => Err(error.into()),
        }
    }

    fn explain(&self, message: &str, offset: i32, head: usize) -> Error {
        if let Some(name) = message.strip_prefix("no such column: ") {
            let name = name.split(" - should this be").next().unwrap_or(name);
            let bare = name.strip_prefix('"').and_then(|name| name.strip_suffix('"')).unwrap_or(name);
            return self.unknown(bare, self.expression.contains(&quoted(bare)));
        }
        let end = self.expression.len();
        let at = usize::try_from(offset).ok().and_then(|offset| offset.checked_sub(head)).filter(|at| *at < end);
        let Some(rest) = at.and_then(|at| self.expression.get(at..)) else {
            let reason = if message.contains("syntax error") || message == "incomplete input" { "something is missing" } else { message };
            return Error::Syntax { position: self.expression.trim_end().chars().count() + 1, reason: reason.to_owned(), column: None };
        };
        let position = self.expression[..end - rest.len()].chars().count() + 1;
        let shown: String = rest.chars().take(20).collect();
        let reason = if message.starts_with("unrecognized token") && rest.starts_with(['\'', '"', '`', '[']) {
            format!("the quote is not closed: {shown}")
        } else if message.ends_with("syntax error") || message.starts_with("unrecognized token") {
            format!("{shown} is out of place")
        } else {
            message.to_owned()
        };
        let word = rest.split(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap_or_default();
        let column = self.names().find(|name| name.eq_ignore_ascii_case(word)).map(str::to_owned);
        Error::Syntax { position, reason, column }
    }

    fn unknown(&self, name: &str, quoted: bool) -> Error {
        match self.ambiguous.get(&name.to_ascii_lowercase()) {
            Some(names) => Error::Ambiguous { name: name.to_owned(), names: names.clone() },
            None => Error::UnknownColumn { name: name.to_owned(), quoted, nearest: nearest(name, self.names()) },
        }
    }

    fn names(&self) -> impl Iterator<Item = &str> {
        let schema = self.data.schema();
        schema.columns.iter().map(|column| column.name.as_str()).chain([schema.id.as_deref().unwrap_or("id")])
    }
}

/// Whether `name` occurs in an expression that is in lower case, quoted or not.
fn occurs(name: &str, expression: &str) -> bool {
    let name = name.to_ascii_lowercase();
    let doubled = |quote: &str| name.contains(quote) && expression.contains(&name.replace(quote, &quote.repeat(2)));
    expression.contains(&name) || doubled("\"") || doubled("`")
}

fn are_integers(texts: &StringArray) -> bool {
    texts.iter().flatten().all(|text| text.parse::<i64>().is_ok_and(|number| number.to_string() == text))
}
