//! `import`: files that are refused.

use crate::place::Place;

#[test]
fn files_that_hold_no_dataset_are_refused_with_the_place() {
    let place = Place::new();
    let import = |name: &str, text: &str, more: &[&str]| {
        place.write(name, text);
        place.refused(2, &[&["import", name, "--as", "d"], more].concat())
    };
    let id = ["--id", "id"];
    insta::assert_snapshot!(place.refused(2, &["import", "missing.csv", "--as", "d", "--id", "id"]), @"error: missing.csv: No such file or directory (os error 2)");
    insta::assert_snapshot!(import("empty.csv", "", &id), @"error: empty.csv: the file is empty");
    insta::assert_snapshot!(import("header.csv", "id,a\n", &id), @"error: header.csv: no records");
    insta::assert_snapshot!(import("ragged.csv", "id,a\n1,2\n3,4,5\n", &id), @r#"
    error: ragged.csv, line 3: found 3 values, expected 2 as in the header
    hint: a value that holds the delimiter stands in double quotes; --delimiter tells what the delimiter is
    "#);
    insta::assert_snapshot!(import("twice.csv", "id,a\n1,2\n1,4\n", &id), @r#"error: twice.csv: the id "1" occurs twice, on line 2 and on line 3"#);
    insta::assert_snapshot!(import("column.csv", "id,age\n1,2\n", &["--id", "id", "--target", "agee"]), @r#"
    error: there is no column "agee"
    hint: did you mean "age"?
    "#);
    insta::assert_snapshot!(import("number.csv", "id,age\n1,2\n2,?\n", &["--id", "id", "--numeric", "age"]), @r#"
    error: number.csv, line 3, column "age": "?" is not a number
    hint: --missing '?' if it stands for a missing value, or --categorical age
    "#);
    insta::assert_snapshot!(import("noid.csv", "key,a\n1,2\n2,2\n", &[]), @r#"
    error: noid.csv: no column is named as the id
    hint: --id key names it, or --id-from-content makes ids from the records' content
    "#);
    insta::assert_snapshot!(import("file.xls", "key,a\n1,2\n2,2\n", &id), @"error: file.xls: the format is not known; the name ends in .csv, .tsv, .jsonl or .ndjson (each also with .gz) or in .parquet; images are a folder, or a file that ends in idx3-ubyte or .bin (each also with .gz)");
    assert!(!place.path("store").exists(), "nothing was made");
}
