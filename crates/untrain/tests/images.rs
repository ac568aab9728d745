//! Images of every source become the same kind of dataset, and what is wrong with a source is named.

use std::error::Error as StdError;
use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow_array::{ArrayRef, BinaryArray, Int64Array, RecordBatch, StringArray, StructArray};
use arrow_schema::{DataType, Field};
use base64::Engine as _;
use flate2::Compression;
use flate2::write::GzEncoder;
use parquet::arrow::ArrowWriter;
use png::{BitDepth, ColorType};
use tempfile::TempDir;
use untrain::import::{self, Error, ImageFault, Roles};
use untrain_core::{Dataset, Holdout, ImageShape, Kind, Role};

type Outcome<T = ()> = Result<T, Box<dyn StdError>>;

/// A PNG file of 2 rows.
fn png_file(color: ColorType, depth: BitDepth, width: u32, samples: &[u8]) -> Outcome<Vec<u8>> {
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, width, 2);
    encoder.set_color(color);
    encoder.set_depth(depth);
    encoder.write_header()?.write_image_data(samples)?;
    Ok(bytes)
}

/// A grey PNG file of `width` × 2 pixels that counts up from `first`.
fn grey(width: u32, first: u8) -> Outcome<Vec<u8>> {
    let samples: Vec<u8> = (0..width * 2).map(|i| first + i as u8).collect();
    png_file(ColorType::Grayscale, BitDepth::Eight, width, &samples)
}

/// 2 × 2 pixels of red, green and blue, which count up from 10, 20 and 30.
fn colour(alpha: Option<u8>) -> Outcome<Vec<u8>> {
    let samples: Vec<u8> = (0..4).flat_map(|i| [10 + i, 20 + i, 30 + i].into_iter().chain(alpha)).collect();
    png_file(if alpha.is_some() { ColorType::Rgba } else { ColorType::Rgb }, BitDepth::Eight, 2, &samples)
}

/// 2 × 2 pixels, all (128, 128, 128); made by Pillow 13.0.0 with `quality=50`.
const JPEG: &str = "\
    /9j/4AAQSkZJRgABAQAAAQABAAD/2wBDABALDA4MChAODQ4SERATGCgaGBYWGDEjJR0oOjM9PDkzODdASFxOQERXRTc4UG1RV19iZ2hnPk1xeXBkeFxlZ2P/\
    2wBDARESEhgVGC8aGi9jQjhCY2NjY2NjY2NjY2NjY2NjY2NjY2NjY2NjY2NjY2NjY2NjY2NjY2NjY2NjY2NjY2NjY2P/wAARCAACAAIDASIAAhEBAxEB/8QA\
    FAABAAAAAAAAAAAAAAAAAAAAAP/EABQQAQAAAAAAAAAAAAAAAAAAAAD/xAAUAQEAAAAAAAAAAAAAAAAAAAAA/8QAFBEBAAAAAAAAAAAAAAAAAAAAAP/aAAwD\
    AQACEQMRAD8AAA//2Q==";

fn jpeg() -> Outcome<Vec<u8>> {
    Ok(base64::engine::general_purpose::STANDARD.decode(JPEG)?)
}

fn folder(files: &[(&str, &[u8])]) -> Outcome<TempDir> {
    let folder = tempfile::tempdir()?;
    for (name, bytes) in files {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().ok_or("no parent")?)?;
        fs::write(path, bytes)?;
    }
    Ok(folder)
}

fn refused(path: &Path, roles: &Roles) -> Outcome<Error> {
    import::dataset(path, roles).err().ok_or_else(|| "it is read".into())
}

fn labels_of(data: &Dataset) -> Vec<(String, Option<String>)> {
    let place = data.schema().target().map_or(0, |(place, _)| place);
    (0..data.len()).map(|i| (data.id(i).to_owned(), data.values(place).text(i))).collect()
}

fn pairs(of: &[(&str, &str)]) -> Vec<(String, Option<String>)> {
    of.iter().map(|(id, label)| ((*id).to_owned(), Some((*label).to_owned()))).collect()
}

fn samples(data: &Dataset, i: usize) -> Vec<u8> {
    let place = data.schema().position("image").unwrap_or_default();
    data.values(place).image(i).map(|image| image.samples.to_vec()).unwrap_or_default()
}

fn zipped(bytes: &[u8]) -> Outcome<Vec<u8>> {
    let mut out = GzEncoder::new(Vec::new(), Compression::fast());
    out.write_all(bytes)?;
    Ok(out.finish()?)
}

/// An IDX file of `n` images of 2 × 3 pixels, or of `n` labels.
fn idx(magic: u8, n: u32, content: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0, 0, 8, magic];
    bytes.extend(n.to_be_bytes());
    if magic == 3 {
        bytes.extend([0, 0, 0, 2, 0, 0, 0, 3]);
    }
    bytes.extend(content);
    bytes
}

fn cifar(labels: &[&[u8]]) -> Vec<u8> {
    labels.iter().enumerate().flat_map(|(i, label)| label.iter().copied().chain((0..3072).map(move |j| (i * 7 + j) as u8))).collect()
}

#[test]
fn folders_name_the_classes() -> Outcome {
    let (a, b) = (grey(3, 0)?, grey(3, 100)?);
    let files: &[(&str, &[u8])] = &[("7/b.png", &b), ("10/x/a.PNG", &a), ("10/notes.txt", b"-"), (".hidden/c.png", &a)];
    let folder = folder(files)?;
    let data = import::dataset(folder.path(), &Roles::default())?;
    assert_eq!(labels_of(&data), pairs(&[("10/x/a.PNG", "10"), ("7/b.png", "7")]));
    let columns: Vec<_> = data.schema().columns.iter().map(|column| (column.name.as_str(), column.kind, column.role)).collect();
    assert_eq!(columns, [("image", Kind::Image, Role::Feature), ("label", Kind::Categorical, Role::Target)]);
    assert_eq!(data.schema().id.as_deref(), Some("file"));
    assert_eq!(samples(&data, 1), [100, 101, 102, 103, 104, 105]);
    assert_eq!(data.values(0).image_shape(), Some(ImageShape { channels: 1, height: 2, width: 3 }));
    Ok(())
}

#[test]
fn folders_of_parts_give_the_holdout() -> Outcome {
    let a = grey(3, 0)?;
    let folder = folder(&[("train/cat/a.png", &a), ("test/cat/a.png", &a), ("val/dog/a.png", &a)])?;
    let data = import::dataset(folder.path(), &Roles::default())?;
    assert_eq!(labels_of(&data), pairs(&[("test/cat/a.png", "cat"), ("train/cat/a.png", "cat"), ("val/dog/a.png", "dog")]));
    assert_eq!(data.schema().holdout, Some(Holdout::Value { column: "split".into(), value: "test".into() }));
    assert_eq!((data.holdout().len(), data.training().len()), (1, 2));
    let share = import::dataset(folder.path(), &Roles { holdout: Some(Holdout::Fraction(0.5)), ..Roles::default() })?;
    assert_eq!(share.schema().columns[2].role, Role::Group);
    Ok(())
}

#[test]
fn a_list_has_labels_and_more() -> Outcome {
    let (a, b) = (grey(3, 0)?, grey(3, 100)?);
    let list = "label,file,who\n3,in/b.png,ann\n4,a.png,bob\n";
    let folder = folder(&[("a.png", &a), ("in/b.png", &b), ("labels.csv", list.as_bytes())])?;
    let data = import::dataset(folder.path(), &Roles { subject: Some("who".into()), ..Roles::default() })?;
    assert_eq!(labels_of(&data), pairs(&[("a.png", "4"), ("in/b.png", "3")]));
    assert_eq!(data.schema().subject().map(|(_, column)| column.name.as_str()), Some("who"));
    let numeric = Roles { numeric: vec!["label".into()], drop: vec!["who".into()], ..Roles::default() };
    let numbers = import::dataset(folder.path(), &numeric)?;
    assert_eq!(numbers.schema().target().map(|(_, column)| column.kind), Some(Kind::Numeric));
    let by_content = Roles { id_from_content: true, ..Roles::default() };
    let content = import::dataset(folder.path(), &by_content)?;
    assert!(content.schema().position("file").is_err());
    Ok(())
}

#[test]
fn colour_is_planar_and_formats_agree() -> Outcome {
    let (png, with_alpha, jpeg) = (colour(None)?, colour(Some(255))?, jpeg()?);
    let folder = folder(&[("c/a.png", &png), ("c/b.png", &with_alpha), ("c/c.jpg", &jpeg)])?;
    let data = import::dataset(folder.path(), &Roles::default())?;
    assert_eq!(samples(&data, 0), [10, 11, 12, 13, 20, 21, 22, 23, 30, 31, 32, 33]);
    assert_eq!(samples(&data, 0), samples(&data, 1));
    assert_eq!(samples(&data, 2), [128; 12]);
    Ok(())
}

#[test]
fn idx_files_find_their_labels() -> Outcome {
    let images = idx(3, 2, &(0..12).collect::<Vec<u8>>());
    let labels = idx(1, 2, &[5, 0]);
    let (zipped_images, zipped_labels) = (zipped(&images)?, zipped(&labels)?);
    let files: &[(&str, &[u8])] = &[
        ("train-images-idx3-ubyte.gz", &zipped_images),
        ("train-labels-idx1-ubyte", &labels),
        ("images.idx3-ubyte", &images),
        ("other.gz", &zipped_labels),
    ];
    let folder = folder(files)?;
    let at = |name: &str| folder.path().join(name);
    let data = import::dataset(&at("train-images-idx3-ubyte.gz"), &Roles::default())?;
    assert_eq!(labels_of(&data), pairs(&[("0", "5"), ("1", "0")]));
    assert_eq!(samples(&data, 1), [6, 7, 8, 9, 10, 11]);
    let named = Roles { labels: Some(at("other.gz")), ..Roles::default() };
    assert_eq!(import::dataset(&at("images.idx3-ubyte"), &named)?, data);

    let schema = data.schema();
    assert_eq!(import::like(&at("train-images-idx3-ubyte.gz"), schema, &Roles::default())?.columns(), data.columns());
    let features = [("image".to_owned(), Kind::Image)];
    let target: Vec<_> = schema.target().map(|(_, column)| column.clone()).into_iter().collect();
    let roles = Roles { id: schema.id.clone(), ..Roles::default() };
    let table = import::for_prediction(&at("images.idx3-ubyte"), &features, &target, &roles)?;
    assert_eq!(table.ids, ["0", "1"]);
    assert_eq!(samples(&table.data, 1), samples(&data, 1));
    assert!(table.data.schema().target().is_none());
    let table = import::for_prediction(&at("train-images-idx3-ubyte.gz"), &features, &target, &roles)?;
    assert!(table.data.schema().target().is_some());
    Ok(())
}

#[test]
fn idx_faults_name_the_file() -> Outcome {
    let cases: [(&str, Vec<u8>, Vec<u8>, &str); 7] = [
        (
            "labels as images",
            idx(1, 2, &[1, 2]),
            idx(1, 2, &[1, 2]),
            "a-images-idx3-ubyte: it begins with 0x00000801 and not with 0x00000803",
        ),
        (
            "images as labels",
            idx(3, 1, &[0; 6]),
            idx(3, 1, &[0; 6]),
            "a-labels-idx1-ubyte: it begins with 0x00000803 and not with 0x00000801",
        ),
        ("cut images", idx(3, 2, &[0; 11]), idx(1, 2, &[1, 2]), "a-images-idx3-ubyte: it ends in image 1 of 2"),
        ("cut header", vec![0, 0, 8, 3, 0], idx(1, 2, &[1, 2]), "a-images-idx3-ubyte: it ends before its first image or label"),
        ("long images", idx(3, 1, &[0; 7]), idx(1, 1, &[1]), "a-images-idx3-ubyte: it does not end after 1 images"),
        ("cut labels", idx(3, 1, &[0; 6]), idx(1, 3, &[1]), "a-labels-idx1-ubyte: it ends after 1 of 3 labels"),
        ("counts", idx(3, 1, &[0; 6]), idx(1, 2, &[1, 2]), "a-images-idx3-ubyte has 1 images, and "),
    ];
    for (what, images, labels, expected) in cases {
        let folder = folder(&[("a-images-idx3-ubyte", &images), ("a-labels-idx1-ubyte", &labels)])?;
        let error = refused(&folder.path().join("a-images-idx3-ubyte"), &Roles::default())?;
        assert!(error.to_string().contains(expected), "{what}: {error}");
    }
    let images = idx(3, 1, &[0; 6]);
    let folder = folder(&[("a-images-idx3-ubyte", &images), ("x.idx", &images)])?;
    let error = refused(&folder.path().join("a-images-idx3-ubyte"), &Roles::default())?;
    assert!(error.hint().is_some_and(|hint| hint.contains("a-labels-idx1-ubyte")), "{error}");
    assert!(matches!(refused(&folder.path().join("x.idx"), &Roles::default())?, Error::NoLabels { expected: None, .. }));
    let endless = idx(3, u32::MAX, &[]);
    fs::write(folder.path().join("a-images-idx3-ubyte"), endless)?;
    let roles = Roles { labels: Some(folder.path().join("x.idx")), ..Roles::default() };
    let error = refused(&folder.path().join("a-images-idx3-ubyte"), &roles)?;
    assert!(matches!(error, Error::Core(untrain_core::Error::TooMany { .. })), "{error}");
    Ok(())
}

#[test]
fn cifar_folders_know_their_parts() -> Outcome {
    let (first, test) = (cifar(&[&[3], &[9]]), zipped(&cifar(&[&[0]]))?);
    let folder10 = folder(&[("data_batch_1.bin", &first), ("test_batch.bin.gz", &test), ("batches.meta.txt", b"airplane\n")])?;
    let data = import::dataset(folder10.path(), &Roles::default())?;
    assert_eq!(labels_of(&data), pairs(&[("data_batch_1/0", "3"), ("data_batch_1/1", "9"), ("test_batch/0", "0")]));
    assert_eq!(data.holdout().ids().iter().flatten().collect::<Vec<_>>(), ["test_batch/0"]);
    assert_eq!(samples(&data, 1)[..3], [7, 8, 9]);
    let one = import::dataset(&folder10.path().join("data_batch_1.bin"), &Roles::default())?;
    assert_eq!((one.len(), one.schema().holdout.as_ref()), (2, None));

    let folder100 = folder(&[("train.bin", &cifar(&[&[19, 99], &[0, 1]]))])?;
    let data = import::dataset(folder100.path(), &Roles::default())?;
    assert_eq!(labels_of(&data), pairs(&[("train/0", "99"), ("train/1", "1")]));
    let coarse = data.schema().position("coarse_label")?;
    assert_eq!(data.schema().columns[coarse].role, Role::Group);
    assert_eq!(data.values(coarse).text(0).as_deref(), Some("19"));
    assert!(data.schema().features().map(|(_, column)| column.name.as_str()).eq(["image"]));
    Ok(())
}

#[test]
fn cifar_faults_name_the_file() -> Outcome {
    let good = cifar(&[&[1]]);
    let cut = folder(&[("a.bin", &good), ("b.bin", &good[..3000])])?;
    let error = refused(cut.path(), &Roles::default())?;
    assert!(error.to_string().ends_with("b.bin: 3000 bytes are no whole number of records of 3073 (CIFAR-10)"), "{error}");
    let error = refused(&cut.path().join("b.bin"), &Roles::default())?;
    assert!(error.to_string().ends_with("of records of 3073 (CIFAR-10) or 3074 (CIFAR-100)"), "{error}");
    let label = folder(&[("a.bin", &cifar(&[&[1], &[10]]))])?;
    let error = refused(label.path(), &Roles::default())?;
    assert!(error.to_string().ends_with("a.bin: record 1 has the label 10, which CIFAR-10 does not have"), "{error}");
    let error = refused(&label.path().join("a.bin"), &Roles { labels: Some(PathBuf::from("l")), ..Roles::default() })?;
    assert!(matches!(error, Error::Labels { .. }), "{error}");
    Ok(())
}

#[test]
fn images_that_cannot_be_used_are_named() -> Outcome {
    let good = grey(3, 0)?;
    let wide = grey(4, 0)?;
    let (rgb, clear, jpeg) = (colour(None)?, colour(Some(254))?, jpeg()?);
    let grey2 = grey(2, 0)?;
    let deep = png_file(ColorType::Grayscale, BitDepth::Sixteen, 3, &[0; 12])?;
    let table: [(&str, &[u8], &[u8], &str); 8] = [
        ("c/b.png", &good, b"no image", "b.png: the image does not decode: it is neither PNG nor JPEG"),
        ("c/b.png", &good, &good[..good.len() / 2], "b.png: the image does not decode: "),
        ("c/b.jpg", &good, &jpeg[..jpeg.len() - 2], "b.jpg: the image does not decode: it ends too early"),
        ("c/b.png", &good, &wide, "b.png: the image is 1 × 2 × 4 (channels × height × width), and "),
        ("c/b.png", &grey2, &rgb, "b.png: the image is 3 × 2 × 2 (channels × height × width), and "),
        ("c/b.png", &good, &deep, "b.png: the image has more than 8 bits a sample"),
        ("c/b.png", &grey2, &clear, "b.png: the image has transparent pixels"),
        ("c/b.gif", &good, &good, "b.gif: the image does not decode"),
    ];
    for (name, first, second, expected) in table {
        let folder = folder(&[("c/a.png", first), (name, second)])?;
        let error = refused(folder.path(), &Roles::default())?;
        assert!(error.to_string().contains(expected), "{error}");
        assert!(error.hint().is_some(), "{error}");
    }
    Ok(())
}

#[test]
fn images_without_labels_and_labels_without_images_are_named() -> Outcome {
    let a = grey(3, 0)?;
    let empty = folder(&[("readme.txt", b"-")])?;
    assert!(matches!(refused(empty.path(), &Roles::default())?, Error::NoImages { .. }));
    let stray = folder(&[("c/a.png", &a), ("b.png", &a)])?;
    assert!(matches!(refused(stray.path(), &Roles::default())?, Error::NoClass { path } if path.ends_with("b.png")));
    let features = [("image".to_owned(), Kind::Image)];
    let roles = Roles { id: Some("file".into()), ..Roles::default() };
    assert_eq!(import::for_prediction(stray.path(), &features, &[], &roles)?.ids, ["b.png", "c/a.png"]);

    for (list, expected) in [
        ("file,label\na.png,1\n", "b.png: the image has no label in "),
        ("file,label\na.png,1\nb.png,2\nc.png,3\n", "labels.csv, line 4: there is no image \"c.png\""),
        ("file,label\na.png,1\nb.png,\n", "labels.csv, line 3: the target \"label\" is missing"),
        ("file,label\na.png,1\nb.png,2\na.png,2\n", "labels.csv: the id \"a.png\" occurs twice, on line 2 and on line 4"),
        ("name,label\na.png,1\n", "labels.csv: no column is called \"file\""),
    ] {
        let folder = folder(&[("a.png", &a), ("b.png", &a), ("labels.csv", list.as_bytes())])?;
        let error = refused(folder.path(), &Roles::default())?;
        assert!(error.to_string().contains(expected), "{error}");
    }
    Ok(())
}

#[test]
fn parquet_holds_images_as_bytes() -> Outcome {
    let files = [grey(3, 0)?, grey(3, 50)?];
    let bytes = Arc::new(BinaryArray::from(vec![files[0].as_slice(), &files[1]])) as ArrayRef;
    let paths = Arc::new(StringArray::from(vec![Some("a.png"), None])) as ArrayRef;
    let nested = Arc::new(StructArray::from(vec![
        (Arc::new(Field::new("bytes", DataType::Binary, true)), Arc::clone(&bytes)),
        (Arc::new(Field::new("path", DataType::Utf8, true)), paths),
    ])) as ArrayRef;
    let write = |image: ArrayRef| -> Outcome<TempDir> {
        let folder = tempfile::tempdir()?;
        let labels = Arc::new(Int64Array::from(vec![7, 10])) as ArrayRef;
        let names = Arc::new(StringArray::from(vec!["x", "y"])) as ArrayRef;
        let columns = vec![("image", image, true), ("label", labels, true), ("name", names, true)];
        let batch = RecordBatch::try_from_iter_with_nullable(columns)?;
        let mut writer = ArrowWriter::try_new(File::create(folder.path().join("f.parquet"))?, batch.schema(), None)?;
        writer.write(&batch)?;
        writer.close()?;
        Ok(folder)
    };
    let roles = Roles { id: Some("name".into()), ..Roles::default() };
    let folder = write(Arc::clone(&bytes))?;
    let data = import::dataset(&folder.path().join("f.parquet"), &roles)?;
    assert_eq!(labels_of(&data), pairs(&[("x", "7"), ("y", "10")]));
    assert_eq!(samples(&data, 1), [50, 51, 52, 53, 54, 55]);
    assert_eq!(import::dataset(&write(nested)?.path().join("f.parquet"), &roles)?, data);
    assert_eq!(import::like(&folder.path().join("f.parquet"), data.schema(), &roles)?.columns(), data.columns());
    let by_content = Roles { id_from_content: true, ..Roles::default() };
    assert!(import::dataset(&folder.path().join("f.parquet"), &by_content)?.id(0).ends_with("-0"));

    let bad = |second: Option<&[u8]>| -> Outcome<Error> {
        refused(&write(Arc::new(BinaryArray::from(vec![Some(files[0].as_slice()), second])))?.path().join("f.parquet"), &roles)
    };
    assert!(matches!(bad(None)?, Error::Image { row: Some(2), fault: ImageFault::Missing, .. }));
    assert!(matches!(bad(Some(b"x"))?, Error::Image { row: Some(2), fault: ImageFault::Undecoded { .. }, .. }));
    let text = Roles { categorical: vec!["image".into()], ..roles.clone() };
    assert!(matches!(refused(&folder.path().join("f.parquet"), &text)?, Error::NotText { .. }));
    Ok(())
}
