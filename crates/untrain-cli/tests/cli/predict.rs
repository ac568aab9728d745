//! `predict`: rows in, rows out.

use std::fs;

use crate::place::Place;

#[test]
fn predictions_are_csv_with_a_column_a_class() {
    let place = Place::trained();
    let out = place.done(&["predict", "income", "people.csv"]);
    let mut lines = out.lines();
    assert_eq!(lines.next(), Some("id,prediction,p_high,p_low"));
    assert_eq!(lines.clone().count(), 300);
    let first: Vec<&str> = lines.next().unwrap().split(',').collect();
    assert_eq!(first[0], "r0");
    let sum = first[2].parse::<f64>().unwrap() + first[3].parse::<f64>().unwrap();
    assert!((sum - 1.0).abs() < 1e-12);
    let said = place.done(&["predict", "income", "people.csv", "--out", "p.csv"]);
    assert_eq!(said, "wrote 300 predictions to p.csv\n");
    assert_eq!(fs::read_to_string(place.path("p.csv")).unwrap(), out);
}
