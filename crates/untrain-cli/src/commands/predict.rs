//! `predict`: what a model says about the records of a file.

use std::fmt::Write as _;
use std::path::PathBuf;

use serde_json::{Map, Value, json};
use untrain::PredictedTable;
use untrain_core::Predictions;

use crate::app::{App, Outcome};
use crate::output::write_file;
use crate::table::counted;

/// Predict the records of a file
///
/// Writes CSV: the id (the row's number if the file has no id column), the prediction, and one column p_<class> a class; of a
/// model that transforms, one column a component instead. A recommender takes the file for what its users have, and writes
/// the user, the rank, the item and the score.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The model
    model: String,
    /// The records, with the columns that the model was trained on
    file: PathBuf,
    /// Where to write the predictions; standard output if not given
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

pub(crate) fn run(args: &Args, app: &App) -> anyhow::Result<Outcome> {
    let engine = app.read()?;
    let table = app.words.working(&format!("predicting {}", args.file.display()), || engine.predict(&args.model, &args.file))?;
    let n = table.predictions.len() as u64;
    if let Predictions::Lists { unknown, .. } = &table.predictions
        && *unknown > 0
    {
        app.words.warn(&format!("{} passed over, whose item the model does not know", counted(*unknown, "record")));
    }
    if n > 0 && learnt_nobody(&table.predictions) {
        app.words.warn(&format!("the model \"{}\" has learnt from no record, so it predicts nothing", args.model));
    }
    let Some(out) = &args.out else {
        if app.json {
            app.result(&json!({ "model": args.model, counts(&table): n, "predictions": rows(&table) }), |_| String::new())?;
        } else {
            app.screen.write(&csv(&table))?;
        }
        return Ok(Outcome::Done);
    };
    write_file(out, csv(&table).as_bytes())?;
    let report = json!({ "model": args.model, counts(&table): n, "out": out.display().to_string() });
    app.result(&report, |_| format!("wrote {} to {}\n", counted(n, "prediction"), out.display()))?;
    Ok(Outcome::Done)
}

/// What there is one of for each prediction.
fn counts(table: &PredictedTable) -> &'static str {
    if matches!(table.predictions, Predictions::Lists { .. }) { "users" } else { "records" }
}

fn learnt_nobody(predictions: &Predictions) -> bool {
    match predictions {
        Predictions::Classes { classes, .. } => classes.is_empty(),
        Predictions::Numbers(values) => values.iter().all(Option::is_none),
        Predictions::Lists { .. } => false,
        Predictions::Vectors { names, .. } => names.is_empty(),
        Predictions::Clusters { clusters, .. } => clusters.iter().all(Option::is_none),
    }
}

/// The class, the number or the cluster predicted for row `i`; null where the prediction is a vector.
fn prediction(predictions: &Predictions, i: usize) -> Value {
    match predictions {
        Predictions::Classes { classes, .. } => predictions.class(i).map_or(Value::Null, |class| classes[class].as_str().into()),
        Predictions::Numbers(values) => values[i].into(),
        Predictions::Clusters { clusters, .. } => clusters[i].into(),
        Predictions::Lists { .. } | Predictions::Vectors { .. } => Value::Null,
    }
}

/// The columns after the prediction: the classes with their probabilities for row `i`, or the components; none for others.
fn columns(predictions: &Predictions, i: usize) -> impl Iterator<Item = f64> {
    let (d, values) = match predictions {
        Predictions::Classes { classes, probabilities, .. } => (classes.len(), probabilities.as_slice()),
        Predictions::Vectors { names, values, .. } => (names.len(), values.as_slice()),
        Predictions::Numbers(_) | Predictions::Lists { .. } | Predictions::Clusters { .. } => (0, &[] as &[f64]),
    };
    values[i * d..(i + 1) * d].iter().copied()
}

/// What the columns after the prediction are called.
fn names(predictions: &Predictions) -> Vec<String> {
    match predictions {
        Predictions::Classes { classes, .. } => classes.iter().map(|class| format!("p_{class}")).collect(),
        Predictions::Vectors { names, .. } => names.clone(),
        Predictions::Numbers(_) | Predictions::Lists { .. } | Predictions::Clusters { .. } => Vec::new(),
    }
}

/// Whether there is a column for the prediction itself.
fn has_prediction(predictions: &Predictions) -> bool {
    !matches!(predictions, Predictions::Vectors { .. })
}

/// Ranks count from 1.
fn ranked(list: &[(String, f64)]) -> impl Iterator<Item = (usize, &str, f64)> {
    list.iter().enumerate().map(|(place, (item, score))| (place + 1, item.as_str(), *score))
}

fn list_rows(subjects: &[String], lists: &[Vec<(String, f64)>]) -> Vec<Value> {
    let item = |(rank, item, score): (usize, &str, f64)| json!({ "rank": rank, "item": item, "score": score });
    let row = |(user, list): (&String, &Vec<_>)| json!({ "user": user, "items": ranked(list).map(item).collect::<Vec<_>>() });
    subjects.iter().zip(lists).map(row).collect()
}

fn list_csv(subjects: &[String], lists: &[Vec<(String, f64)>]) -> String {
    let mut text = String::from("user,rank,item,score\n");
    for (user, list) in subjects.iter().zip(lists) {
        for (rank, item, score) in ranked(list) {
            let _ = writeln!(text, "{},{rank},{},{score}", field(user), field(item));
        }
    }
    text
}

fn rows(table: &PredictedTable) -> Vec<Value> {
    if let Predictions::Lists { subjects, lists, .. } = &table.predictions {
        return list_rows(subjects, lists);
    }
    let names = names(&table.predictions);
    let row = |(i, id): (usize, &String)| {
        let mut row = Map::new();
        row.insert("id".to_owned(), id.as_str().into());
        if has_prediction(&table.predictions) {
            row.insert("prediction".to_owned(), prediction(&table.predictions, i));
        }
        row.extend(names.iter().cloned().zip(columns(&table.predictions, i).map(Value::from)));
        Value::Object(row)
    };
    table.ids.iter().enumerate().map(row).collect()
}

fn csv(table: &PredictedTable) -> String {
    if let Predictions::Lists { subjects, lists, .. } = &table.predictions {
        return list_csv(subjects, lists);
    }
    let mut text = String::from("id");
    if has_prediction(&table.predictions) {
        text += ",prediction";
    }
    for name in names(&table.predictions) {
        text.push(',');
        text += &field(&name);
    }
    text.push('\n');
    for (i, id) in table.ids.iter().enumerate() {
        text += &field(id);
        if has_prediction(&table.predictions) {
            text.push(',');
            match prediction(&table.predictions, i) {
                Value::String(class) => text += &field(&class),
                Value::Null => {}
                number => text += &number.to_string(),
            }
        }
        for value in columns(&table.predictions, i) {
            let _ = write!(text, ",{value}");
        }
        text.push('\n');
    }
    text
}

/// A field as RFC 4180 has it; quoted too where a reader could trim it.
fn field(text: &str) -> String {
    let special = text.contains([',', '"', '\n', '\r']) || text.trim() != text;
    if special { format!("\"{}\"", text.replace('"', "\"\"")) } else { text.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_quoted_where_they_have_to_be() {
        assert_eq!(
            ["a b", "a,b", "say \"hi\"", " a", "two\nlines"].map(field),
            ["a b", "\"a,b\"", "\"say \"\"hi\"\"\"", "\" a\"", "\"two\nlines\""]
        );
    }

    #[test]
    fn a_model_that_learnt_nobody_predicts_nothing() {
        let predictions = Predictions::Classes { classes: Vec::new(), probabilities: Vec::new(), n: 1 };
        assert!(learnt_nobody(&predictions));
        assert_eq!(csv(&PredictedTable { ids: vec!["a".to_owned()], predictions }), "id,prediction\na,\n");
    }

    #[test]
    fn a_list_has_a_line_for_each_rank() {
        let lists = vec![vec![("x,y".to_owned(), 0.5), ("z".to_owned(), -1.0)], Vec::new()];
        let predictions = Predictions::Lists { subjects: vec!["ann".to_owned(), "bob".to_owned()], lists, unknown: 0 };
        let table = PredictedTable { ids: Vec::new(), predictions };
        assert_eq!(csv(&table), "user,rank,item,score\nann,1,\"x,y\",0.5\nann,2,z,-1\n");
        assert_eq!(rows(&table)[1], json!({ "user": "bob", "items": [] }));
    }

    #[test]
    fn components_have_a_column_each_and_no_other() {
        let names = vec!["component_1".to_owned(), "component_2".to_owned()];
        let predictions = Predictions::Vectors { names, values: vec![0.5, -2.0], n: 1 };
        assert_eq!(csv(&PredictedTable { ids: vec!["7".to_owned()], predictions }), "id,component_1,component_2\n7,0.5,-2\n");
    }

    #[test]
    fn clusters_are_numbers_and_nothing_more() {
        let predictions = Predictions::Clusters { clusters: vec![Some(3)], squared_distances: vec![0.5] };
        assert_eq!(csv(&PredictedTable { ids: vec!["a".to_owned()], predictions }), "id,prediction\na,3\n");
    }

    #[test]
    fn classes_have_a_column_each() {
        let predictions = Predictions::Classes { classes: vec!["no".to_owned(), "a,b".to_owned()], probabilities: vec![0.25, 0.75], n: 1 };
        assert_eq!(csv(&PredictedTable { ids: vec!["7".to_owned()], predictions }), "id,prediction,p_no,\"p_a,b\"\n7,\"a,b\",0.25,0.75\n");
    }
}
