//! A recommender, from the import to its lists.

use std::fmt::Write as _;

use crate::place::{Place, digests};

/// 40 persons with 12 of 20 items each, of which those with numbers near the person's are liked best.
fn interactions(keep: impl Fn(u32) -> bool) -> String {
    let mut text = String::from("id,person,item,stars\n");
    for person in (0..40_u32).filter(|person| keep(*person)) {
        for step in 0..12_u32 {
            let item = (person / 2 + step * (1 + person % 3)) % 20;
            writeln!(text, "{person}-{step},p{person},item {item},{}", 5 - step / 3).unwrap();
        }
    }
    text
}

#[test]
fn a_recommender_forgets_a_person_by_name() {
    const IMPORT: &[&str] =
        &["import", "interactions.csv", "--as", "ratings", "--id", "id", "--subject", "person", "--target", "stars", "--holdout", "0.2"];
    for method in ["method=ease", "method=neighbours"] {
        let train = ["train", "ratings", "--as", "shelf", "--learner", "recommend", "--set", method, "--set", "n_top=3", "--seed", "5"];
        let place = Place::new();
        place.write("interactions.csv", &interactions(|_| true));
        place.done(IMPORT);
        place.done(&train);
        let scores = place.json(&["evaluate", "shelf"]);
        assert!(scores["recall_at_k"].as_f64().unwrap() > 0.0 && scores["ndcg_at_k"].as_f64().unwrap() > 0.0, "{scores}");
        // Two persons have no record held out.
        assert_eq!(scores["users"].as_u64().unwrap() + scores["users_passed_over"].as_u64().unwrap(), 38);
        assert!(place.done(&["evaluate", "shelf"]).contains("recall@k"));

        assert_eq!(place.json(&["forget", "ratings", "--subject", "p7"])["forgotten"], 12);
        assert_eq!(place.json(&["verify", "shelf"])["equal"], true);
        let shown = digests(&place.json(&["show", "shelf"]));
        let fresh = Place::new();
        fresh.write("interactions.csv", &interactions(|person| person != 7));
        fresh.done(IMPORT);
        assert_eq!(shown, digests(&fresh.json(&train)));

        // A table of a person's items, with and without values, and with an item that nobody has had.
        place.write("asked.csv", "person,item,stars\nnew,item 3,5\nnew,item 4,4\n\"a, b\",never seen,5\n");
        let ran = place.run(&["predict", "shelf", "asked.csv"]);
        assert!(ran.out.starts_with("user,rank,item,score\nnew,1,item "), "{}", ran.out);
        assert!(ran.out.lines().count() == 4 && !ran.out.contains("item 3,"), "{}", ran.out);
        assert_eq!(ran.err, "warning: 1 record passed over, whose item the model does not know\n");
        place.write("bare.csv", "person,item\nnew,item 3\n");
        let bare = place.json(&["predict", "shelf", "bare.csv"]);
        assert_eq!((&bare["users"], &bare["predictions"][0]["items"][0]["rank"]), (&1.into(), &1.into()));
        place.write("wrong.csv", "who,item\nnew,item 3\n");
        assert!(place.refused(2, &["predict", "shelf", "wrong.csv"]).contains("person"));
    }
    let place = Place::new();
    place.write("interactions.csv", &interactions(|_| true));
    place.done(&["import", "interactions.csv", "--as", "ratings", "--id", "id", "--target", "stars"]);
    let error = place.refused(2, &["train", "ratings", "--as", "shelf", "--learner", "recommend"]);
    assert!(error.contains("hint: import the file again with --subject COLUMN"), "{error}");
}

#[test]
fn an_alpha_with_which_nothing_is_proven_is_refused_with_a_way_out() {
    let place = Place::new();
    // Two items that the same people have: what tells them apart is lost beside the size of the values.
    let row = |i: u32| format!("{i},p{},item {},1000000\n", i / 2, i % 2);
    place.write("interactions.csv", &["id,person,item,stars\n".to_owned()].into_iter().chain((0..200).map(row)).collect::<String>());
    place.done(&["import", "interactions.csv", "--as", "ratings", "--id", "id", "--subject", "person", "--target", "stars"]);
    let train = ["train", "ratings", "--as", "shelf", "--learner", "recommend"];
    let refused = place.refused(2, &[&train[..], &["--set", "alpha=0.001"]].concat());
    assert!(refused.contains("the rounding of the weights for these interactions cannot be proven"), "{refused}");
    assert!(refused.contains("hint: take a larger alpha, or method=neighbours"), "{refused}");
    place.done(&[&train[..], &["--set", "alpha=1000"]].concat());
}
