//! The same records are the same dataset, whichever format they come in.

use std::error::Error as StdError;
use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use arrow_array::types::Int32Type;
use arrow_array::{
    ArrayRef, BooleanArray, Date32Array, Date64Array, Decimal128Array, DictionaryArray, Float32Array, Float64Array, Int64Array,
    LargeStringArray, NullArray, RecordBatch, StringArray, StringViewArray, Time32SecondArray, TimestampMillisecondArray, UInt8Array,
};
use parquet::arrow::ArrowWriter;
use tempfile::TempDir;
use untrain::import::{self, Error, Place, Roles};
use untrain_core::{Dataset, Kind};

type Outcome = Result<(), Box<dyn StdError>>;

fn by_id() -> Roles {
    Roles { id: Some("id".to_owned()), ..Roles::default() }
}

fn batch(columns: Vec<(&str, ArrayRef)>) -> Result<RecordBatch, Box<dyn StdError>> {
    Ok(RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(name, values)| (name, values, true)))?)
}

fn write(path: &Path, columns: Vec<(&str, ArrayRef)>) -> Outcome {
    let batch = batch(columns)?;
    let mut writer = ArrowWriter::try_new(File::create(path)?, batch.schema(), None)?;
    writer.write(&batch)?;
    writer.close()?;
    Ok(())
}

fn parquet(columns: Vec<(&str, ArrayRef)>, roles: &Roles) -> Result<Result<Dataset, Error>, Box<dyn StdError>> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("f.parquet");
    write(&path, columns.clone())?;
    let read = import::dataset(&path, roles);
    // The table in memory is read as its file is.
    let table = import::dataset(&batch(columns)?, roles);
    match (&read, &table) {
        (Ok(read), Ok(table)) => assert_eq!(read, table),
        (Err(read), Err(table)) => assert_eq!(read.to_string().replace(&path.display().to_string(), "the table"), table.to_string()),
        _ => panic!("{read:?} of the file, {table:?} of the table"),
    }
    Ok(read)
}

fn text(name: &str, content: &str, roles: &Roles) -> Result<Dataset, Box<dyn StdError>> {
    let folder: TempDir = tempfile::tempdir()?;
    let path = folder.path().join(name);
    std::fs::write(&path, content)?;
    Ok(import::dataset(&path, roles)?)
}

#[test]
fn csv_json_lines_and_parquet_of_the_same_records_are_one_dataset() -> Outcome {
    let csv = "id,n,b,c,m,t,-9\n9007199254740993,1,true,a,,7,-9\n2,2.5,FALSE,,,x,1\n3,?,true,?,NA,7,2\n";
    let json = r#"{"id":2,"b":false,"n":2.50,"c":null,"t":"x","-9":1,"m":null}
{"id":"9007199254740993","t":7,"n":1.0,"b":true,"c":"a","-9":"-9"}
{"id":3,"t":"7","n":"?","b":true,"c":"?","-9":2e0}
"#;
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("m", Arc::new(BooleanArray::new_null(3))),
        ("id", Arc::new(Int64Array::from(vec![3, 9_007_199_254_740_993, 2]))),
        ("n", Arc::new(Float64Array::from(vec![f64::NAN, 1.0, 2.5]))),
        ("b", Arc::new(BooleanArray::from(vec![true, true, false]))),
        ("c", Arc::new(DictionaryArray::<Int32Type>::from_iter([Some("?"), Some("a"), None]))),
        ("t", Arc::new(StringViewArray::from(vec!["7", "7", "x"]))),
        ("-9", Arc::new(Int64Array::from(vec![2, -9, 1]))),
    ];
    for roles in [
        Roles { missing: vec!["?".into(), "-9".into()], ..by_id() },
        Roles { missing: vec!["?".into(), "-9".into()], categorical: vec!["-9".into(), "b".into()], drop: vec!["b".into()], ..by_id() },
    ] {
        let roles = Roles { categorical: roles.categorical.into_iter().filter(|name| !roles.drop.contains(name)).collect(), ..roles };
        let expected = text("f.csv", csv, &roles)?;
        assert_eq!(text("f.jsonl", json, &roles)?, expected);
        assert_eq!(parquet(columns.clone(), &roles)??, expected);
        assert!(expected.position("9007199254740993").is_some(), "no digit of an id is lost");
    }
    Ok(())
}

#[test]
fn ids_from_content_agree_where_the_texts_do() -> Outcome {
    let roles = Roles { id_from_content: true, ..Roles::default() };
    let expected = text("f.csv", "x,y,z\n1,2.5,true\n,a,false\n", &roles)?;
    assert_eq!(text("f.jsonl", "{\"z\":false,\"y\":\"a\"}\n{\"x\":1.0,\"y\":2.50,\"z\":true}", &roles)?, expected);
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("y", Arc::new(StringArray::from(vec!["a", "2.5"]))),
        ("z", Arc::new(BooleanArray::from(vec![false, true]))),
        ("x", Arc::new(Float32Array::from(vec![None, Some(1.0)]))),
    ];
    assert_eq!(parquet(columns, &roles)??, expected);
    Ok(())
}

#[test]
fn every_parquet_type_with_a_place_in_a_dataset_is_read() -> Outcome {
    let table: Vec<(ArrayRef, Kind, Option<&str>)> = vec![
        (Arc::new(UInt8Array::from(vec![200])), Kind::Numeric, Some("200")),
        (Arc::new(Float32Array::from(vec![0.5])), Kind::Numeric, Some("0.5")),
        (Arc::new(Float64Array::from(vec![f64::NAN])), Kind::Numeric, None),
        (Arc::new(Decimal128Array::from(vec![1250]).with_precision_and_scale(10, 2)?), Kind::Numeric, Some("12.5")),
        (Arc::new(Date32Array::from(vec![19_000])), Kind::Numeric, Some("19000")),
        (Arc::new(Date64Array::from(vec![86_400_000])), Kind::Numeric, Some("1")),
        (Arc::new(TimestampMillisecondArray::from(vec![1500]).with_timezone("UTC")), Kind::Numeric, Some("1.5")),
        (Arc::new(BooleanArray::from(vec![true])), Kind::Boolean, Some("true")),
        (Arc::new(LargeStringArray::from(vec!["a"])), Kind::Categorical, Some("a")),
        (Arc::new(StringArray::from(vec!["4"])), Kind::Numeric, Some("4")),
        (Arc::new(StringArray::from(vec!["TRUE"])), Kind::Boolean, Some("true")),
        (Arc::new(NullArray::new(1)), Kind::Numeric, None),
    ];
    for (values, kind, expected) in table {
        let label = values.data_type().to_string();
        let ids = Arc::new(StringArray::from(vec![" a "])) as ArrayRef;
        let data = parquet(vec![("x", values), ("id", ids)], &by_id())?.map_err(|e| format!("{label}: {e}"))?;
        let column = &data.schema().columns[0];
        assert_eq!((column.kind, column.declared, data.id(0)), (kind, false, "a"), "{label}");
        assert_eq!(data.values(0).text(0).as_deref(), expected, "{label}");
    }
    Ok(())
}

#[test]
fn parquet_faults_are_told_with_row_and_column() -> Outcome {
    let ids = |ids: Vec<Option<i64>>| Arc::new(Int64Array::from(ids)) as ArrayRef;
    let numbers = |numbers: Vec<f64>| Arc::new(Float64Array::from(numbers)) as ArrayRef;
    let times = Arc::new(Time32SecondArray::from(vec![1, 2])) as ArrayRef;
    let error =
        |columns, roles: &Roles| -> Result<Error, Box<dyn StdError>> { parquet(columns, roles)?.err().ok_or_else(|| "it is read".into()) };

    let found = error(vec![("id", ids(vec![Some(1), Some(2)])), ("x", times.clone())], &by_id())?;
    assert!(matches!(&found, Error::Type { column, found, .. } if column == "x" && found == "Time32(s)"), "{found}");
    let dropped = Roles { drop: vec!["x".into()], ..by_id() };
    assert!(parquet(vec![("id", ids(vec![Some(1), Some(2)])), ("x", times), ("y", numbers(vec![1.0, 2.0]))], &dropped)?.is_ok());

    let found = error(vec![("id", ids(vec![Some(1), None])), ("x", numbers(vec![1.0, 2.0]))], &by_id())?;
    assert!(matches!(found, Error::MissingId { place: Place::Row(2), .. }), "{found}");
    let found = error(vec![("id", ids(vec![Some(1), Some(1)])), ("x", numbers(vec![1.0, 2.0]))], &by_id())?;
    assert!(matches!(found, Error::DuplicateId { first: Place::Row(1), second: Place::Row(2), .. }), "{found}");
    let found = error(vec![("id", ids(vec![Some(1), Some(2)])), ("x", numbers(vec![1.0, f64::INFINITY]))], &by_id())?;
    assert!(found.to_string().ends_with("row 2, column \"x\": \"inf\" is not finite"), "{found}");
    let found = error(vec![("id", ids(vec![])), ("x", numbers(vec![]))], &by_id())?;
    assert!(matches!(found, Error::NoRecords { .. }), "{found}");

    let whole = numbers(vec![3.0, 4.0]);
    let data = parquet(vec![("id", whole.clone()), ("x", whole)], &Roles { categorical: vec!["x".into()], ..by_id() })??;
    assert_eq!((data.id(0), data.values(0).text(0).as_deref()), ("3", Some("3")));
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("f.parquet");
    std::fs::write(&path, "PAR1 but no more")?;
    assert!(matches!(import::dataset(&path, &by_id()), Err(Error::Parquet { .. })));
    Ok(())
}
