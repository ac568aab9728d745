//! Which records a request is about.

use std::error::Error as StdError;
use std::sync::Arc;

use arrow_array::{ArrayRef, BooleanArray, Float64Array, StringArray};
use untrain::select::{self, Error, by_expression, by_subject};
use untrain_core::{Column, Dataset, Kind, Role, Schema};

type Outcome = Result<(), Box<dyn StdError>>;

fn column(name: &str, kind: Kind, role: Role) -> Column {
    Column { name: name.to_owned(), kind, role, declared: true }
}

fn texts(values: &[Option<&str>]) -> ArrayRef {
    Arc::new(StringArray::from(values.to_vec()))
}

fn people() -> Result<Dataset, untrain_core::Error> {
    let columns = vec![
        column("age", Kind::Numeric, Role::Feature),
        column("hours", Kind::Numeric, Role::Feature),
        column("country", Kind::Categorical, Role::Feature),
        column("member", Kind::Boolean, Role::Feature),
        column("person", Kind::Categorical, Role::Subject),
        column("emp.var rate", Kind::Numeric, Role::Feature),
        column("a\"b`c", Kind::Numeric, Role::Feature),
        column("default", Kind::Categorical, Role::Group),
        column("Twin", Kind::Numeric, Role::Feature),
        column("twin", Kind::Numeric, Role::Feature),
    ];
    let numbers = |values: [Option<f64>; 4]| Arc::new(Float64Array::from(values.to_vec())) as ArrayRef;
    let arrays = vec![
        numbers([Some(39.0), Some(17.0), None, Some(16.5)]),
        numbers([Some(5.0), Some(3.0), Some(2.0), Some(1.0)]),
        texts(&[Some("FR"), Some("fr"), None, Some("FR")]),
        Arc::new(BooleanArray::from(vec![Some(true), Some(false), None, Some(true)])),
        texts(&[Some("7"), Some("8"), Some("7"), None]),
        numbers([Some(1.0), Some(2.0), Some(3.0), Some(4.0)]),
        numbers([Some(1.0), Some(2.0), Some(3.0), Some(4.0)]),
        texts(&[Some("it's"), Some("no"), Some("no"), Some("no")]),
        numbers([Some(1.0); 4]),
        numbers([Some(2.0); 4]),
    ];
    let schema = Schema { id: Some("key".to_owned()), columns, holdout: None };
    Dataset::new(schema, &StringArray::from(vec!["100", "9", "20", "3"]), arrays)
}

#[test]
fn expressions_pick_records_in_the_canonical_order() -> Outcome {
    let data = people()?;
    let table: &[(&str, &[&str])] = &[
        ("age < 18 and country = 'FR'", &["3"]),
        ("age = 39", &["100"]),
        ("age = 39.0", &["100"]),
        ("AGE in (17, 39)", &["100", "9"]),
        ("hours / 2 = 2.5", &["100"]),
        ("age is null", &["20"]),
        ("age <> 39", &["3", "9"]),
        ("country is null or age > 20", &["100", "20"]),
        ("not (country = 'FR')", &["9"]),
        ("lower(country) = 'fr'", &["100", "3", "9"]),
        ("country like 'f%'", &["100", "3", "9"]),
        ("member", &["100", "3"]),
        ("member = false", &["9"]),
        ("member is null", &["20"]),
        ("key < 10", &["3", "9"]),
        ("key = '100'", &["100"]),
        ("person = 7", &["100", "20"]),
        ("person = '7' and age > 1", &["100"]),
        ("\"emp.var rate\" >= 3", &["20", "3"]),
        ("[emp.var rate] = 1", &["100"]),
        ("\"a\"\"b`c\" = 2", &["9"]),
        ("`a\"b``c` = 2", &["9"]),
        ("\"default\" = 'it''s'", &["100"]),
        ("records.age = 17", &["9"]),
        ("age = 17 -- the young", &["9"]),
        ("case when age > 20 then 1 else 0 end", &["100"]),
        ("age > 1000", &[]),
        ("null", &[]),
        ("1", &["100", "20", "3", "9"]),
        ("date('now') > '2020-01-01' and country = 'fr'", &["9"]),
    ];
    for (expression, expected) in table {
        let ids = by_expression(&data, expression).map_err(|e| format!("{expression}: {e}"))?;
        assert_eq!(ids, *expected, "{expression}");
    }
    Ok(())
}

#[test]
fn what_is_not_one_expression_is_refused_with_the_place() -> Outcome {
    let data = people()?;
    let table: &[(&str, &str, Option<&str>)] = &[
        (" ", "the expression is empty", Some("write a condition such as age < 18 and country = 'FR'")),
        ("age <", "at character 6 of the expression: something is missing", None),
        ("(age < 18", "at character 10 of the expression: something is missing", None),
        ("age < 18)", "at character 9 of the expression: ) is out of place", None),
        ("age = 'x", "at character 7 of the expression: the quote is not closed: 'x", None),
        ("age < 18) or (1", "at character 9 of the expression: ) or (1 is out of place", None),
        ("1 then 1 when 0", "at character 3 of the expression: then 1 when 0 is out of place", None),
        ("1) union select 1 --", "at character 2 of the expression: ) union select 1 -- is out of place", None),
        ("age < 18; drop table records", "at character 9 of the expression: ; drop table records is out of place", None),
        ("1 then 1 end; drop table records --", "an expression may not use anything but columns and values", None),
        ("age < 18 /*", "at character 12 of the expression: something is missing", None),
        ("default = 'no'", "at character 1 of the expression: default = 'no' is out of place", Some("write the column as \"default\"")),
        ("ä = 1 + + * 2", "at character 11 of the expression: * 2 is out of place", None),
        ("aeg < 18", "there is no column \"aeg\"", Some("did you mean \"age\"?")),
        ("records.aeg < 18", "there is no column \"records.aeg\"", None),
        ("emp.var rate > 1", "at character 9 of the expression: rate > 1 is out of place", None),
        ("country = \"FRANCE\"", "there is no column \"FRANCE\"", Some("text stands in single quotes: 'FRANCE'")),
        ("place = 1", "there is no column \"place\"", None),
        ("rowid = 1", "there is no column \"rowid\"", None),
        ("twin = 1", "\"twin\" could be any of the columns Twin, twin", None),
        ("age = ?", "an expression may not use parameters", None),
        ("age < (select age from records)", "an expression may not use another query", None),
        ("exists (select 1)", "an expression may not use another query", None),
        ("age in (select 1 union all select 2)", "an expression may not use another query", None),
        ("load_extension('x')", "an expression may not use the function load_extension", None),
        ("random() > 0", "an expression may not use the function random", None),
        ("count(*) > 1", "an expression may not use the function count", None),
        ("max(age) > 1", "at character 1 of the expression: misuse of aggregate function max()", None),
        ("frobnicate(age)", "at character 1 of the expression: no such function: frobnicate", None),
    ];
    for (expression, message, hint) in table {
        let error = by_expression(&data, expression).map(|ids| ids.join(",")).expect_err(expression);
        assert_eq!(error.to_string(), *message, "{expression}");
        if hint.is_some() {
            assert_eq!(error.hint().as_deref(), *hint, "{expression}");
        }
    }
    for attack in
        ["age in sqlite_master", "1 in pragma_table_info('records')", "1 in json_each('[1]')", "attach 'x' as y", "pragma user_version"]
    {
        assert!(by_expression(&data, attack).is_err(), "{attack}");
    }
    Ok(())
}

#[test]
fn a_dataset_whose_ids_come_from_content_calls_them_id() -> Outcome {
    let schema = Schema { id: None, columns: vec![column("x", Kind::Numeric, Role::Feature)], holdout: None };
    let values = || Arc::new(Float64Array::from(vec![1.0, 2.0])) as ArrayRef;
    let data = Dataset::new(schema, &StringArray::from(vec!["ab-0", "cd-0"]), vec![values()])?;
    assert_eq!(by_expression(&data, "id like 'ab%'")?, ["ab-0"]);
    let schema = Schema { id: None, columns: vec![column("ID", Kind::Numeric, Role::Feature)], holdout: None };
    let data = Dataset::new(schema, &StringArray::from(vec!["ab-0", "cd-0"]), vec![values()])?;
    assert_eq!(by_expression(&data, "id = 2")?, ["cd-0"], "a column of that name is meant first");
    Ok(())
}

#[test]
fn all_records_of_a_subject_are_found_and_unknown_subjects_are_named() -> Outcome {
    let data = people()?;
    let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
    assert_eq!(by_subject(&data, &names(&["7"]))?, ["100", "20"]);
    assert_eq!(by_subject(&data, &names(&["8", " 7", "7"]))?, ["100", "20", "9"]);
    assert_eq!(by_subject(&data, &[])?, Vec::<String>::new());
    let error = by_subject(&data, &names(&["7", "z", "y"])).unwrap_err();
    assert_eq!(error.to_string(), "no record belongs to \"y\", \"z\"");
    let schema = Schema { id: None, columns: Vec::new(), holdout: None };
    let nobody = Dataset::new(schema, &StringArray::from(vec!["a"]), Vec::new())?;
    let error = by_subject(&nobody, &names(&["7"])).unwrap_err();
    assert!(matches!(error, Error::NoSubject) && error.hint().is_some());
    Ok(())
}

#[test]
fn a_file_of_ids_holds_one_a_line() -> Outcome {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("ids.txt");
    std::fs::write(&path, "\u{feff}a\r\n\r\n  b c \n\n7")?;
    assert_eq!(select::ids_file(&path)?, ["a", "b c", "7"]);
    std::fs::write(&path, b"a\n\xff\n")?;
    assert!(matches!(select::ids_file(&path), Err(Error::Encoding { line: 2, .. })));
    assert!(matches!(select::ids_file("nowhere.txt".as_ref()), Err(Error::Io { .. })));
    Ok(())
}
