//! Images: what is said of them, and what refuses them.

use crate::place::Place;

/// A CIFAR-10 file with a record for each label.
fn cifar(labels: &[u8]) -> Vec<u8> {
    labels.iter().flat_map(|label| std::iter::once(*label).chain((0..3072).map(move |j| label.wrapping_add(j as u8)))).collect()
}

/// An IDX file of images of 1 × 2 pixels.
fn images(n: u8) -> Vec<u8> {
    [&[0, 0, 8, 3, 0, 0, 0, n, 0, 0, 0, 1, 0, 0, 0, 2][..], &(0..2 * n).collect::<Vec<u8>>()].concat()
}

fn labels(labels: &[u8]) -> Vec<u8> {
    [&[0, 0, 8, 1, 0, 0, 0, labels.len() as u8][..], labels].concat()
}

fn timeless(text: &str) -> String {
    text.lines().filter(|line| !line.contains("seconds")).map(|line| line.trim_end().to_owned() + "\n").collect()
}

#[test]
fn images_are_imported_learnt_and_forgotten() {
    let place = Place::new();
    place.write_bytes("data_batch_1.bin", &cifar(&[3, 9, 3]));
    place.write_bytes("data_batch_2.bin", &cifar(&[7]));
    let said = timeless(&place.done(&["import", "data_batch_1.bin", "--as", "pictures"]));
    insta::assert_snapshot!(said, @"
     column   kind                role                 missing   distinct
    ──────────────────────────────────────────────────────────────────────
     id       text                id                         0          3
     image    image 3 × 32 × 32   feature   declared         0          2
     label    categorical         target    declared         0          2
     split    categorical         group     declared         0          1
    ──────────────────────────────────────────────────────────────────────
    dataset   pictures (version 1)
    records   3
    held out  0
    models    none yet
    ");
    let report = place.json(&["show", "pictures"]);
    assert_eq!(report["columns"][0]["shape"], serde_json::json!({ "channels": 3, "height": 32, "width": 32 }));
    assert_eq!(report["columns"][1]["role"], "target");
    place.done(&["learn", "pictures", "data_batch_2.bin"]);
    place.done(&["forget", "pictures", "--id", "data_batch_1/1"]);
    let report = place.json(&["show", "pictures"]);
    assert_eq!((&report["records"], &report["columns"][0]["distinct"]), (&3.into(), &2.into()));
    place.done(&["forget", "pictures", "--where", "label = '7'"]);
    assert_eq!(place.json(&["show", "pictures"])["records"], 2);
}

#[test]
fn learners_of_tables_refuse_images() {
    let place = Place::new();
    place.write_bytes("a-images-idx3-ubyte", &images(3));
    place.write_bytes("a-labels-idx1-ubyte", &labels(&[1, 0, 1]));
    place.done(&["import", "a-images-idx3-ubyte", "--as", "digits"]);
    for learner in ["forest", "logistic", "knn", "kmeans", "naive_bayes", "sgd", "pca", "lda"] {
        let error = place.refused(2, &["train", "digits", "--as", "m", "--learner", learner]);
        assert!(
            error.starts_with("error: \"image\" holds images, which this learner cannot learn from\nhint: the learner cnn"),
            "{learner}: {error}"
        );
    }
}

#[test]
fn sources_of_images_that_are_refused_are_named() {
    let place = Place::new();
    place.write_bytes("a-images-idx3-ubyte", &images(3));
    let import = |more: &[&str]| place.refused(2, &[&["import", "a-images-idx3-ubyte", "--as", "d"], more].concat());
    insta::assert_snapshot!(import(&[]), @"
    error: a-images-idx3-ubyte: no file of labels
    hint: put the labels into a-labels-idx1-ubyte, or name their file by --labels FILE at the import
    ");
    place.write_bytes("few", &labels(&[1, 0]));
    insta::assert_snapshot!(import(&["--labels", "few"]), @"error: a-images-idx3-ubyte has 3 images, and few has 2 labels");
    place.write_bytes("a-labels-idx1-ubyte", &images(3));
    insta::assert_snapshot!(import(&[]), @"error: a-labels-idx1-ubyte: it begins with 0x00000803 and not with 0x00000801: it holds images and no labels");
    place.write_bytes("cut.bin", &cifar(&[1])[1..]);
    insta::assert_snapshot!(place.refused(2, &["import", "cut.bin", "--as", "d"]), @"error: cut.bin: 3072 bytes are no whole number of records of 3073 (CIFAR-10) or 3074 (CIFAR-100)");
    std::fs::create_dir_all(place.path("pictures/cat")).unwrap();
    insta::assert_snapshot!(place.refused(2, &["import", "pictures", "--as", "d"]), @"error: pictures: no images: neither PNG nor JPEG files nor CIFAR's .bin files");
    place.write("pictures/cat/a.png", "-");
    insta::assert_snapshot!(place.refused(2, &["import", "pictures", "--as", "d"]), @"
    error: pictures/cat/a.png: the image does not decode: it is neither PNG nor JPEG
    hint: write the image anew as PNG or JPEG, or take it out
    ");
    place.write("pictures/b.png", "-");
    insta::assert_snapshot!(place.refused(2, &["import", "pictures", "--as", "d"]), @"
    error: pictures/b.png: the image has no label
    hint: put each image into a folder with the name of its class, or list all in labels.csv with the columns file and label
    ");
    place.write("pictures/labels.csv", "file,label\ncat/a.png,1\n");
    insta::assert_snapshot!(place.refused(2, &["import", "pictures", "--as", "d"]), @"
    error: pictures/b.png: the image has no label in pictures/labels.csv
    hint: the column file holds the path of each image in the folder, with / between its parts
    ");
    assert!(!place.path("store").exists(), "nothing was made");
}
