//! `show`: what a dataset is.

use crate::place::{IMPORT, Place, people};

#[test]
fn a_dataset_is_shown_with_the_kinds_and_roles_of_its_columns() {
    let place = Place::new();
    place.write("people.csv", &people(|_| true));
    insta::assert_snapshot!(place.done(&[IMPORT, &["--holdout", "0.2"]].concat()), @r#"
     column    kind          role                 missing   distinct
    ─────────────────────────────────────────────────────────────────
     id        text          id                         0        300
     age       numeric       feature   inferred        18         60
     country   categorical   feature   inferred         0          3
     income    categorical   target    inferred         0          2
     person    categorical   subject   declared         0        100
    ─────────────────────────────────────────────────────────────────
    dataset   people (version 1)
    records   300
    held out  59
    models    none yet
    "#);
    assert_eq!(
        place.done(&["show", "people"]),
        place.done(&[IMPORT, &["--holdout", "0.2", "--replace"]].concat()).replace("version 2", "version 1")
    );
    insta::assert_snapshot!(place.done(&["show"]), @r#"
    store     store
    datasets  1
    records   300
    models    0
    requests  0
    "#);
}
