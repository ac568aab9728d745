//! `plan`: costs before anything is trained.

use crate::place::{IMPORT, Place, people};

#[test]
fn a_plan_tells_what_shards_and_slices_cost_before_anything_is_trained() {
    let place = Place::new();
    place.write("people.csv", &people(|_| true));
    place.done(&[IMPORT, &["--holdout", "0.2"]].concat());
    let sharded = ["plan", "people", "--learner", "sisa", "--set", "base=sgd", "--set", "n_shards=6", "--set", "n_slices=3"];
    let line = [&sharded[..], &["--set", "shard_by=subject", "--requests", "10"]].concat();
    insta::assert_snapshot!(place.done(&line), @r"
    dataset  people, 241 records to train on
    learner  sgd
     shards   slices   a shard   training   one request     share     paper   10 one by one   10 in a batch   models     bytes   score   loss
    ───────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────
          4        1     49–69        241            60   25.01 %   25.00 %         24.54 %         90.41 %        4     3,396   —       —
          4        4     49–69        612           115   18.75 %   18.75 %         18.40 %         80.20 %       16    13,584   —       —
          4       16     49–69      2,088           358   17.16 %   17.19 %         16.83 %         77.44 %       64    54,336   —       —
          6        3     26–53        483            64   13.30 %   12.96 %         13.05 %         69.67 %       18    11,358   —       —      the recipe
          8        1     19–38        241            31   12.76 %   12.50 %         12.52 %         71.07 %        8     4,824   —       —
          8        4     19–38        612            59    9.56 %    9.38 %          9.38 %         58.53 %       32    19,296   —       —
          8       16     19–38      1,834           163    8.90 %    8.59 %          8.74 %         55.94 %      128    77,184   —       —
         16        1      6–27        241            16    6.82 %    6.25 %          6.69 %         47.75 %       16     7,792   —       —
         16        4      6–27        609            32    5.23 %    4.69 %          5.13 %         38.46 %       64    31,168   —       —
         16       16      6–27      1,396            69    4.98 %    4.30 %          4.88 %         37.02 %      256   124,672   —       —
         32        1      0–20        241             9    3.71 %    3.12 %          3.64 %         29.56 %       32     8,928   —       —
         32        4      0–20        567            17    2.92 %    2.34 %          2.87 %         23.88 %      128    35,712   —       —
         32       16      0–20      1,021            30    2.90 %    2.15 %          2.84 %         23.73 %      512   142,848   —       —
    ───────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────
    training, one request: how many records they go over; with slices, every step goes over all slices so far
    shares are of that entry's training; `paper` is the share of one request with equal shards and slices
    scores: --measure trains every entry
    ");
    let plan = place.json(&[&sharded[..], &["--measure"]].concat());
    assert_eq!(plan["scored_on"], "the holdout");
    assert!(plan["entries"].as_array().unwrap().iter().all(|entry| entry["scores"]["accuracy"].is_number()), "{plan}");
    // A learner that trains anew has no use for slices, one that revises its model none for shards.
    let native = place.json(&["plan", "people", "--learner", "forest"]);
    assert_eq!((&native["is_native"], native["entries"].as_array().unwrap().len()), (&true.into(), 0));
    assert_eq!(native["revision"]["records"], 241);
    assert_eq!(place.json(&["list"])["datasets"][0]["models"].as_array().unwrap().len(), 0);
    insta::assert_snapshot!(place.refused(2, &["plan", "people", "--learner", "sisa", "--set", "base=sgdd"]), @r#"
    error: hyperparameter "base": there is no learner "sgdd"; there is forest, cnn, glm, head, kmeans, knn, lda, logistic, mlp, naive_bayes, pca, qda, recommend, resnet, ridge, sgd, sisa, text
    hint: did you mean "sgd"?
    "#);
}
