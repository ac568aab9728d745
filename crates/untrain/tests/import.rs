//! What becomes of files: kinds, roles, ids, missing values, and what every fault is answered with.

use std::error::Error as StdError;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use flate2::Compression;
use flate2::write::GzEncoder;
use tempfile::TempDir;
use untrain::import::{self, Error, Place, Roles};
use untrain_core::{Column, Dataset, Holdout, Kind, Role};

type Outcome = Result<(), Box<dyn StdError>>;

/// A folder with one file, which lives as long as the folder.
fn file(name: &str, content: impl AsRef<[u8]>) -> Result<(TempDir, PathBuf), std::io::Error> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join(name);
    std::fs::write(&path, content)?;
    Ok((folder, path))
}

fn read(name: &str, content: impl AsRef<[u8]>, roles: &Roles) -> Result<Dataset, Error> {
    let (_folder, path) = file(name, content).map_err(|source| Error::Io { path: name.into(), source })?;
    import::dataset(&path, roles)
}

fn by_id() -> Roles {
    Roles { id: Some("id".to_owned()), ..Roles::default() }
}

fn by_content() -> Roles {
    Roles { id_from_content: true, ..Roles::default() }
}

fn names(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

/// The whole dataset as text: ids, then the columns with kinds and values.
fn shown(data: &Dataset) -> String {
    let mut text = data.ids().iter().flatten().collect::<Vec<_>>().join(",");
    for (place, column) in data.schema().columns.iter().enumerate() {
        let values: Vec<String> = (0..data.len()).map(|i| data.values(place).text(i).unwrap_or_else(|| "-".to_owned())).collect();
        text.extend([" | ", &column.name, " ", column.kind.name(), ": ", &values.join(",")]);
    }
    text
}

#[test]
fn files_of_text_are_understood_as_people_write_them() -> Outcome {
    let table: &[(&str, &str, &str)] = &[
        ("f.csv", "id,x\n2,b\n1,a\n", "1,2 | x categorical: a,b"),
        ("f.csv", "\u{feff}id,x\n1,a", "1 | x categorical: a"),
        ("f.csv", "id;x;y\r\n1;1,5;b\r\n", "1 | x categorical: 1,5 | y categorical: b"),
        ("f.csv", "id|x\n1|2", "1 | x numeric: 2"),
        ("f.csv", "id\tx\n1\t2", "1 | x numeric: 2"),
        ("f.tsv", "id\tx,y\n1\t\n", "1 | x,y numeric: -"),
        ("f.csv", "id,x\r1,2\r", "1 | x numeric: 2"),
        ("f.csv", "id , x \n 1 ,  a b \n", "1 | x categorical: a b"),
        ("f.csv", "id, \"x\" \n1, \" a \" \n", "1 | x categorical:  a "),
        ("f.csv", "id,x\n1,\"a\"\"b,c\nd\"\n", "1 | x categorical: a\"b,c\nd"),
        ("f.csv", "id,x\n1,5\" pipe\n", "1 | x categorical: 5\" pipe"),
        ("f.csv", "\n\nid,x\n\n1,2\n  \n3,4\n\n", "1,3 | x numeric: 2,4"),
        ("f.csv", "id,,x,\n1,2,3,4\n", "1 | column_2 numeric: 2 | column_4 numeric: 4 | x numeric: 3"),
        ("f.csv", "id,x\na,\nb,NA\nc,NaN\nd,nan\ne,null\nf,NULL\ng,\"\"\nh,-1e3\n", "a,b,c,d,e,f,g,h | x numeric: -,-,-,-,-,-,-,-1000"),
        ("f.csv", "id,x\n1,TRUE\n2,False\n3,\n", "1,2,3 | x boolean: true,false,-"),
        ("f.csv", "id,x\n1,true\n2,1\n", "1,2 | x categorical: true,1"),
        ("f.csv", "id,x\n1,1\n2,0\n", "1,2 | x numeric: 1,0"),
        ("f.csv", "id,x\n 007 ,1\n\" 8 \",2\n", "007,8 | x numeric: 1,2"),
        ("f.jsonl", "{\"id\":2,\"x\":1.50}\n\n{\"x\":3,\"id\":\"1\"}\r\n", "1,2 | x numeric: 3,1.5"),
        ("f.ndjson", "{\"id\":3.0,\"x\":null}\n{\"id\":10,\"y\":true}", "10,3 | x numeric: -,- | y boolean: true,-"),
        ("f.jsonl", "{\"id\":1,\"x\":1}\n{\"id\":2,\"x\":\"2\"}", "1,2 | x numeric: 1,2"),
        ("f.jsonl", "{\"id\":1,\"x\":1.0}\n{\"id\":2,\"x\":\"a\\\"\\n\"}\n{\"id\":3,\"x\":true}", "1,2,3 | x categorical: 1,a\"\n,true"),
        ("f.jsonl", "{\"id\":12345678901234567890,\"x\":\"NA\"}", "12345678901234567890 | x numeric: -"),
    ];
    for (name, content, expected) in table {
        let data = read(name, content, &by_id()).map_err(|e| format!("{content:?}: {e}"))?;
        assert_eq!(shown(&data), *expected, "{content:?}");
        let mut zipped = GzEncoder::new(Vec::new(), Compression::fast());
        zipped.write_all(content.as_bytes())?;
        assert_eq!(read(&format!("{name}.gz"), zipped.finish()?, &by_id())?, data, "{content:?}");
    }
    Ok(())
}

#[test]
fn faults_are_told_with_file_and_line() {
    let table: &[(&str, &[u8], &str)] = &[
        (
            "f.xlsx",
            b"",
            "f.xlsx: the format is not known; the name ends in .csv, .tsv, .jsonl or .ndjson (each also with .gz) or in .parquet; images are a folder, or a file that ends in idx3-ubyte or .bin (each also with .gz)",
        ),
        (
            "f.parquet.gz",
            b"",
            "f.parquet.gz: the format is not known; the name ends in .csv, .tsv, .jsonl or .ndjson (each also with .gz) or in .parquet; images are a folder, or a file that ends in idx3-ubyte or .bin (each also with .gz)",
        ),
        ("f.csv", b"", "f.csv: the file is empty"),
        ("f.csv", b"\xef\xbb\xbf\n \n", "f.csv: the file is empty"),
        ("f.jsonl", b"\n", "f.jsonl: the file is empty"),
        ("f.csv", b"id,x\n", "f.csv: no records"),
        ("f.csv", b"id,x\n1,2\n3,\xff\n", "f.csv, line 3: not UTF-8 text"),
        ("f.csv", b"id,x\n1,2\n3\n", "f.csv, line 3: found 1 values, expected 2 as in the header"),
        ("f.csv", b"id,x\n1,\"a\nb\n\"\n\n3,4,5\n", "f.csv, line 6: found 3 values, expected 2 as in the header"),
        ("f.csv", b"id,x\n1,2\n3,\"a\nb\n", "f.csv, line 3: a quoted value does not end"),
        ("f.csv", b"id,x\n1,\"a\"b\n", "f.csv, line 2: there is text after a quoted value"),
        ("f.csv", b"id,x,x\n1,2,3\n", "f.csv: two columns are called \"x\""),
        ("f.csv", b"id,,column_2\n1,2,3\n", "f.csv: two columns are called \"column_2\""),
        ("f.csv", b"id,x\n1,2\n,3\n", "f.csv, line 3: the id \"id\" is missing"),
        ("f.csv", b"id,x\n\"\n\",2\n", "f.csv, line 2: the id \"id\" is missing"),
        ("f.csv", b"id,x\na,\"\n\"\nb,3\na,4\n", "f.csv: the id \"a\" occurs twice, on line 2 and on line 5"),
        ("f.csv", b"id,x\n1,2\n2,inf\n", "f.csv, line 3, column \"x\": \"inf\" is not finite"),
        ("f.csv", b"id,x\n1,2\n2,-1e999\n", "f.csv, line 3, column \"x\": \"-1e999\" is not finite"),
        ("f.csv", b"ident,x\n1,2\n", "there is no column \"id\""),
        ("f.csv", b"id\n1\n", "f.csv: no column is left as a feature"),
        (
            "f.jsonl",
            b"{\"id\":1}\n{\"id\":2,\"x\":[1]}",
            "f.jsonl, line 2, key \"x\": the value is nested, and a column holds numbers, truth values or text",
        ),
        ("f.jsonl", b"{\"id\":1}\n\n{\"id\":2,\"id\":3}", "f.jsonl, line 3, key \"id\": the key occurs twice"),
        ("f.jsonl", b"{\"id\":1}\n{\"id\":}", "f.jsonl, line 2, character 7: expected value"),
        ("f.jsonl", b"[1]", "f.jsonl, line 1, character 0: invalid type: sequence, expected an object"),
        ("f.jsonl", b"{\"id\":1,\"x\":1e999}", "f.jsonl, line 1, column \"x\": \"1e999\" is not finite"),
        ("f.jsonl", b"{\"id\":1,\"x\":1}\n{\"x\":1}", "f.jsonl, line 2: the id \"id\" is missing"),
    ];
    for (name, content, expected) in table {
        let error = read(name, content, &by_id()).map(|data| shown(&data)).expect_err(&String::from_utf8_lossy(content)).to_string();
        let told = error.rsplit_once('/').filter(|_| error.starts_with('/')).map_or(error.as_str(), |(_, told)| told);
        assert_eq!(told, *expected, "{}", String::from_utf8_lossy(content));
    }
    assert!(matches!(import::dataset(Path::new("nowhere.csv"), &by_id()), Err(Error::Io { path, .. }) if path.ends_with("nowhere.csv")));
}

#[test]
fn declared_kinds_are_kept_and_values_that_do_not_fit_are_named() -> Outcome {
    let csv = "id,a,b,c\n1,1,yes,7\n2,0,,08\n";
    let roles = Roles { categorical: names(&["a", "c"]), boolean: names(&["b"]), ..by_id() };
    let data = read("f.csv", csv, &roles)?;
    assert_eq!(shown(&data), "1,2 | a categorical: 1,0 | b boolean: true,- | c categorical: 7,08");
    assert!(data.schema().columns.iter().all(|column| column.declared));

    let error = read("f.csv", csv, &Roles { numeric: names(&["b"]), ..by_id() }).map(|_| ()).unwrap_err();
    assert!(error.to_string().ends_with("f.csv, line 2, column \"b\": \"yes\" is not a number"), "{error}");
    assert!(error.hint().is_some());
    let error = read("f.csv", csv, &Roles { boolean: names(&["c"]), ..by_id() }).map(|_| ()).unwrap_err();
    assert!(error.to_string().ends_with("f.csv, line 2, column \"c\": \"7\" is not true or false"), "{error}");

    let roles = Roles { missing: names(&["?", "-9"]), ..by_id() };
    assert_eq!(shown(&read("f.csv", "id,x,y\n1,?,\"-9\"\n2,3,4\n", &roles)?), "1,2 | x numeric: -,3 | y numeric: -,4");
    let roles = Roles { delimiter: Some(' '), ..by_id() };
    assert_eq!(shown(&read("f.csv", "id x,y\n1 \"a b\"\n", &roles)?), "1 | x,y categorical: a b");
    assert!(matches!(read("f.csv", csv, &Roles { delimiter: Some('"'), ..by_id() }), Err(Error::Delimiter { .. })));
    Ok(())
}

#[test]
fn roles_are_given_once_and_to_columns_that_exist() -> Outcome {
    let csv = "id,who,y,g,when,s,x,z\n1,007,a,m,2020,test,3,\n2,7,b,f,2021,train,4,\n";
    let roles = Roles {
        subject: Some("who".into()),
        target: Some("y".into()),
        groups: names(&["g"]),
        time: Some("when".into()),
        drop: names(&["z"]),
        holdout: Some(Holdout::Value { column: "s".into(), value: "test".into() }),
        ..by_id()
    };
    let data = read("f.csv", csv, &roles)?;
    let found: Vec<(&str, Role)> = data.schema().columns.iter().map(|column| (column.name.as_str(), column.role)).collect();
    let expected =
        [("g", Role::Group), ("s", Role::Split), ("when", Role::Time), ("who", Role::Subject), ("x", Role::Feature), ("y", Role::Target)];
    assert_eq!(found, expected);
    assert_eq!((data.holdout().id(0), data.training().id(0)), ("1", "2"));
    assert_eq!(data.values(3).text(0).as_deref(), Some("007"), "two people stay two");

    let faults: &[(Roles, &str, Option<&str>)] = &[
        (Roles { target: Some("yy".into()), ..by_id() }, "there is no column \"yy\"", Some("did you mean \"y\"?")),
        (Roles { categorical: names(&["q"]), ..by_id() }, "there is no column \"q\"", Some("did you mean \"y\"?")),
        (Roles { target: Some("y".into()), groups: names(&["y"]), ..by_id() }, "column \"y\" cannot be both target and group", None),
        (Roles { drop: names(&["id"]), ..by_id() }, "column \"id\" cannot be both id and dropped", None),
        (Roles { numeric: names(&["x"]), boolean: names(&["x"]), ..by_id() }, "column \"x\" cannot be both numeric and boolean", None),
        (Roles { numeric: names(&["who"]), ..roles.clone() }, "column \"who\" cannot be both subject and numeric", None),
        (
            Roles { holdout: Some(Holdout::Fraction(1.5)), ..by_id() },
            "the holdout is 1.5 of the records, but must be more than 0 and less than 1",
            None,
        ),
        (
            Roles { holdout: Some(Holdout::Value { column: "s".into(), value: "TEST".into() }), ..by_id() },
            "no record has \"TEST\" in column \"s\"",
            Some("the column holds \"test\" and \"train\""),
        ),
        (Roles { id_from_content: true, ..by_id() }, "column \"id\" cannot be both id and part of ids made from content", None),
    ];
    for (roles, message, hint) in faults {
        let error = read("f.csv", csv, roles).map(|_| ()).unwrap_err();
        assert_eq!(error.to_string(), *message);
        if hint.is_some() {
            assert_eq!(error.hint().as_deref(), *hint);
        }
    }
    Ok(())
}

#[test]
fn a_record_without_a_usable_target_is_refused() {
    let roles = Roles { target: Some("y".into()), ..by_id() };
    let error = read("f.csv", "id,x,y\n1,\"\n\",3\n2,1,\n", &roles).map(|_| ()).unwrap_err();
    assert!(matches!(&error, Error::MissingTarget { place: Place::Line(4), .. }), "{error}");
    assert_eq!(error.hint().as_deref(), Some("drop the records without target"));
    let error = read("f.csv", "id,x,y\n1,1,3\n2,1,Infinity\n", &roles).map(|_| ()).unwrap_err();
    assert!(matches!(&error, Error::Value { place: Place::Line(3), .. }), "{error}");
}

#[test]
fn without_an_id_the_columns_that_could_be_one_are_suggested() {
    let csv = "x,code,f,person_id\n1,a,1.5,7\n1,b,2.5,8\n";
    let error = read("f.csv", csv, &Roles::default()).map(|_| ()).unwrap_err();
    assert!(matches!(&error, Error::NoId { unique, .. } if *unique == ["person_id", "code"]), "{error}");
    let hint = "name the id column (\"person_id\" or \"code\" would do), or have ids made from the records' content";
    assert_eq!(error.hint().as_deref(), Some(hint));
    let error = read("f.csv", "x\n1\n1\n", &Roles::default()).map(|_| ()).unwrap_err();
    assert!(error.hint().is_some_and(|hint| hint.contains("no column tells all records apart")));
}

#[test]
fn the_order_of_rows_and_columns_is_no_input() -> Outcome {
    let a = "id,x,y\n1,a,2\n2,b,3\n3,,4\n";
    let b = "y,id,x\n4,3,\n2,1,a\n3,2,b\n";
    assert_eq!(read("a.csv", a, &by_id())?, read("b.csv", b, &by_id())?);
    let drop = Roles { drop: names(&["id"]), ..by_content() };
    assert_eq!(read("a.csv", a, &drop)?, read("b.csv", b, &drop)?);
    Ok(())
}

#[test]
fn ids_from_content_do_not_move_when_other_records_do() -> Outcome {
    let ids = |csv: &str| -> Result<Vec<String>, Error> {
        Ok(read("f.csv", csv, &by_content())?.ids().iter().flatten().map(str::to_owned).collect())
    };
    let all = ids("x,y\n1,a\n2,b\n1,a\n1,\n")?;
    assert_eq!(all, ids("x,y\n1,\n1,a\n1,a\n2,b\n")?);
    assert!(all.iter().all(|id| id.len() == 34));
    assert_eq!(all.iter().filter(|id| id.ends_with("-0")).count(), 3);
    assert_eq!(all.iter().filter(|id| id.ends_with("-1")).count(), 1);

    let fewer = ids("x,y\n1,a\n1,\n")?;
    assert!(fewer.iter().all(|id| id.ends_with("-0") && all.contains(id)), "of two equal records the ordinal 0 is left");
    let twin = fewer.iter().find(|id| all.contains(&id.replace("-0", "-1"))).ok_or("the twin is gone")?;
    assert_eq!(ids("x,y\n1,a\n")?, std::slice::from_ref(twin));
    assert_ne!(ids("x,y\n1,\n")?, ids("x,z\n1,\n")?, "names are content");
    assert_ne!(ids("x,y\nab,c\n")?, ids("x,y\na,bc\n")?, "where a value ends is content");
    let marked = Roles { missing: names(&["?"]), ..by_content() };
    assert_eq!(ids("x,y\n1,\n")?, read("f.csv", "x,y\n1,?\n", &marked)?.ids().iter().flatten().collect::<Vec<_>>());
    assert_eq!(ids("x,y\n1,a\n")?, ["75da0bf4263dc77dc0c81c8db89be395-0"], "ids are pinned: they name people's records for ever");
    Ok(())
}

#[test]
fn more_records_have_the_columns_and_kinds_of_the_dataset() -> Outcome {
    let roles = Roles { drop: names(&["note"]), target: Some("y".into()), ..by_id() };
    let data = read("f.csv", "id,note,x,c,b,y\n1,n,1.5,7,true,a\n2,n,2,q,false,b\n", &roles)?;
    let like = |csv: &str| {
        let (_folder, path) = file("g.csv", csv).map_err(|source| Error::Io { path: "g.csv".into(), source })?;
        import::like(&path, data.schema(), &roles)
    };
    let more = like("y,b,c,x,id,note\na,TRUE,8,,3,\n")?;
    assert_eq!(shown(&more), "3 | b boolean: true | c categorical: 8 | x numeric: - | y categorical: a");
    assert_eq!(data.union(&more)?.len(), 3);
    assert_eq!(data.union(&like("id,x,c,b,y\n3,1,8,true,a\n")?)?.len(), 3, "a dropped column may be absent");

    let faults = [
        ("id,x,c,b,y\n3,1,1,true,a\n4,one,1,true,a\n", "line 3, column \"x\": \"one\" is not a number", None),
        ("id,x,c,b,y\n3,1,1,maybe,a\n", "line 2, column \"b\": \"maybe\" is not true or false", None),
        ("id,x,c,b,y\n3,1,1,true,\n", "line 2: the target \"y\" is missing", Some("drop the records without target")),
        ("id,X,b,y\n3,1,true,a\n", "no column is called \"c\" or \"x\"", None),
        ("id,x,c,b,y,cc\n3,1,1,true,a,2\n", "the dataset has no column \"cc\"", Some("did you mean \"c\"?")),
        ("id,x,c,b,y\n3,1,1,true,a\n3,1,1,true,a\n", "the id \"3\" occurs twice, on line 2 and on line 3", None),
    ];
    for (csv, message, hint) in faults {
        let error = like(csv).map(|_| ()).unwrap_err();
        assert!(error.to_string().ends_with(message), "{error}");
        if hint.is_some() {
            assert_eq!(error.hint().as_deref(), hint, "{error}");
        }
    }
    Ok(())
}

#[test]
fn rows_to_predict_keep_the_order_of_the_file() -> Outcome {
    let features = [("x".to_owned(), Kind::Numeric), ("c".to_owned(), Kind::Categorical)];
    let target = [Column { name: "y".into(), kind: Kind::Categorical, role: Role::Target, declared: false }];
    let lines: Vec<String> = (0..12).map(|i| format!("z{},{i},0{i},extra,t\n", i % 2)).collect();
    let csv = format!("id,x,c,unknown,y\n{}", lines.concat());
    let (_folder, path) = file("p.csv", csv)?;
    let table = import::for_prediction(&path, &features, &target, &by_id())?;
    assert_eq!(table.ids[..3], names(&["z0", "z1", "z0"]));
    let (x, c) = (table.data.schema().position("x")?, table.data.schema().position("c")?);
    assert!((0..12).all(|i| table.data.values(x).number(i) == Some(i as f64)));
    assert_eq!(table.data.values(c).text(7).as_deref(), Some("07"), "a category stays as it was written");
    assert_eq!(table.data.schema().target().map(|(_, column)| column.name.as_str()), Some("y"));
    assert_eq!(table.data.schema().columns.len(), 3);

    let numbered = import::for_prediction(&path, &features, &[], &Roles::default())?;
    assert_eq!(numbered.ids[11], "12");
    assert_eq!(numbered.data.schema().columns.len(), 2);

    let missing = [("xx".to_owned(), Kind::Numeric)];
    let error = import::for_prediction(&path, &missing, &[], &by_id()).map(|_| ()).unwrap_err();
    assert_eq!(error.hint().as_deref(), Some("did you mean \"x\"?"));
    Ok(())
}
