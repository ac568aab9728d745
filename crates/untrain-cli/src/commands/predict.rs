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
/// Writes CSV: the id (the row's number if the file has no id column), the prediction, and one column p_<class> a class.
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
    let n = table.ids.len() as u64;
    if n > 0 && learnt_nobody(&table.predictions) {
        app.words.warn(&format!("the model \"{}\" has learnt from no record, so it predicts nothing", args.model));
    }
    let Some(out) = &args.out else {
        if app.json {
            app.result(&json!({ "model": args.model, "records": n, "predictions": rows(&table) }), |_| String::new())?;
        } else {
            app.screen.write(&csv(&table))?;
        }
        return Ok(Outcome::Done);
    };
    write_file(out, csv(&table).as_bytes())?;
    let report = json!({ "model": args.model, "records": n, "out": out.display().to_string() });
    app.result(&report, |_| format!("wrote {} to {}\n", counted(n, "prediction"), out.display()))?;
    Ok(Outcome::Done)
}

fn learnt_nobody(predictions: &Predictions) -> bool {
    match predictions {
        Predictions::Classes { classes, .. } => classes.is_empty(),
        Predictions::Numbers(values) => values.iter().all(Option::is_none),
        Predictions::Clusters { clusters, .. } => clusters.iter().all(Option::is_none),
    }
}

/// The class, the number or the cluster predicted for row `i`.
fn prediction(predictions: &Predictions, i: usize) -> Value {
    match predictions {
        Predictions::Classes { classes, .. } => predictions.class(i).map_or(Value::Null, |class| classes[class].as_str().into()),
        Predictions::Numbers(values) => values[i].into(),
        Predictions::Clusters { clusters, .. } => clusters[i].into(),
    }
}

/// The classes with their probabilities for row `i`; none for numbers and clusters.
fn probabilities(predictions: &Predictions, i: usize) -> impl Iterator<Item = (&str, f64)> {
    let (classes, probabilities) = match predictions {
        Predictions::Classes { classes, probabilities, .. } => (classes.as_slice(), probabilities.as_slice()),
        Predictions::Numbers(_) | Predictions::Clusters { .. } => (&[] as &[String], &[] as &[f64]),
    };
    classes.iter().enumerate().map(move |(c, class)| (class.as_str(), probabilities[i * classes.len() + c]))
}

fn rows(table: &PredictedTable) -> Vec<Value> {
    let row = |(i, id): (usize, &String)| {
        let mut row = Map::new();
        row.insert("id".to_owned(), id.as_str().into());
        row.insert("prediction".to_owned(), prediction(&table.predictions, i));
        row.extend(probabilities(&table.predictions, i).map(|(class, p)| (format!("p_{class}"), p.into())));
        Value::Object(row)
    };
    table.ids.iter().enumerate().map(row).collect()
}

fn csv(table: &PredictedTable) -> String {
    let mut text = String::from("id,prediction");
    if let Predictions::Classes { classes, .. } = &table.predictions {
        for class in classes {
            text.push(',');
            text += &field(&format!("p_{class}"));
        }
    }
    text.push('\n');
    for (i, id) in table.ids.iter().enumerate() {
        text += &field(id);
        text.push(',');
        match prediction(&table.predictions, i) {
            Value::String(class) => text += &field(&class),
            Value::Null => {}
            number => text += &number.to_string(),
        }
        for (_, p) in probabilities(&table.predictions, i) {
            let _ = write!(text, ",{p}");
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
