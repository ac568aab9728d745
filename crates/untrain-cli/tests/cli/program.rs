//! What all verbs share: one object, errors, names, help.

use std::process::Stdio;

use crate::place::{IMPORT, Place, TRAIN, people};

#[test]
fn every_verb_prints_one_json_object() {
    let place = Place::new();
    place.write("people.csv", &people(|_| true));
    place.json(&[IMPORT, &["--holdout", "0.2"]].concat());
    place.json(TRAIN);
    let lines: [&[&str]; 12] = [
        &["show"],
        &["show", "people"],
        &["show", "income"],
        &["list"],
        &["predict", "income", "people.csv"],
        &["predict", "income", "people.csv", "--out", "p.csv"],
        &["evaluate", "income"],
        &["evaluate", "income", "people.csv"],
        &["verify", "income"],
        &["export", "income", "--format", "json", "--out", "income.json"],
        &["forget", "people", "--subject", "p9"],
        &["show", "1"],
    ];
    for line in lines {
        place.json(line);
    }
    assert!(place.json(&["evaluate", "income"])["accuracy"].is_number());
}

#[test]
fn errors_leave_standard_output_alone() {
    let place = Place::trained();
    for line in [&["--json", "show", "nothing"] as &[&str], &["--json", "forget", "people", "--id", "nobody"], &["--json", "nonsense"]] {
        let ran = place.run(line);
        assert_eq!((ran.code, ran.out.as_str()), (2, ""), "{line:?}");
        assert!(ran.err.starts_with("error: "), "{}", ran.err);
    }
}

#[test]
fn a_reader_that_leaves_early_is_no_error() {
    let place = Place::trained();
    let mut child = place.command(&["export", "income", "--format", "json", "--out", "-"]);
    let mut child = child.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
}

#[test]
fn names_that_do_not_exist_come_with_the_nearest() {
    let place = Place::trained();
    insta::assert_snapshot!(place.refused(2, &["train", "poeple", "--as", "m", "--learner", "forest"]), @r#"
    error: there is no dataset "poeple"
    hint: did you mean "people"?
    "#);
    insta::assert_snapshot!(place.refused(2, &["predict", "incom", "people.csv"]), @r#"
    error: there is no model "incom"
    hint: did you mean "income"?
    "#);
    insta::assert_snapshot!(place.refused(2, &["verify", "zebra"]), @r#"
    error: there is no model "zebra"
    hint: `untrain list` shows what there is
    "#);
    insta::assert_snapshot!(place.refused(2, &["show", "7"]), @r#"
    error: there is no request 7
    hint: `untrain list` shows what there is
    "#);
    insta::assert_snapshot!(place.refused(2, &["train", "people", "--as", "m", "--learner", "forest", "--set", "n_tree=5"]), @r#"
    error: hyperparameter "n_tree": there is no such key
    hint: did you mean "n_trees"?
    "#);
    insta::assert_snapshot!(place.refused(2, &["train", "people", "--as", "m", "--learner", "forrest"]), @r#"
    error: hyperparameter "learner": there is no learner "forrest"; there is forest, cnn, glm, head, kmeans, knn, lda, logistic, mlp, naive_bayes, pca, qda, recommend, resnet, ridge, sgd, sisa, text
    hint: did you mean "forest"?
    "#);
    insta::assert_snapshot!(place.refused(2, &["forget", "people", "--where", "aeg < 18"]), @r#"
    error: there is no column "aeg"
    hint: did you mean "age"?
    "#);
    insta::assert_snapshot!(place.refused(2, &["forget", "people", "--subject", "q1"]), @r#"
    error: no record belongs to "q1"
    hint: did you mean "p1"?
    "#);
    insta::assert_snapshot!(place.refused(2, &["forget", "people", "--id", "r7", "--method", "gradient"]), @r#"
    error: hyperparameter "method": there is no method "gradient"; there is fine_tune, gradient_ascent, neggrad_plus, random_labels, bad_teacher, scrub, l1_sparse, cf_k, eu_k, salun, unsir, boundary_shrink, boundary_expand, delete, jit, shrink_perturb, msg, ct, reset_layers, noise, prune_reinit, undo, newton, wood_fisher, ek_fac, fisher, ssd, lfssd, assd, newton_removal, noisy_fine_tune, langevin
    "#);
}

#[test]
fn help_says_what_there_is() {
    let place = Place::new();
    insta::assert_snapshot!(place.done(&["--help"]), @r#"
    Forget records from trained models, and prove it

    Usage: untrain [OPTIONS] <COMMAND>

    Commands:
      demo         Import a real dataset, train, forget 100 people, and prove it
      import       Import a file of records: csv, tsv, jsonl (each also with .gz) or parquet; or images
      plan         Tell what sharding a learner would cost and save, before training
      train        Train a model on a dataset
      predict      Predict the records of a file
      evaluate     Compare a model's predictions with the truth, on the held-out records or on a file
      forget       Forget records: in the dataset and in every model trained on it
      receipt      Write the receipt of a request, which anybody can check offline
      check        Check a receipt, offline: signatures, the log, the chain of statements, and replays
      requests     List requests to forget, those due first; or note what happened to one
      hold         Put a legal hold on a deferred request: the models will forget, and the records will
                   be kept
      release      Lift the legal hold on a request: the records that it kept are erased
      log          Show the trail: the log of all trainings and deletions; or check it, or add
                   cosignatures
      keys         Show the public keys and the policy of the store; or make, trust or replace keys
      witness      Be a witness of logs: cosign their checkpoints as long as each continues the last one
      backup       Copy the store, encrypted, to a directory; or list the copies, or make one unreadable
                   for ever
      restore      Make a store of a backup: what the log says was forgotten since is forgotten again
                   before anything can be read
      learn        Add the records of a file to a dataset and to every model trained on it
      verify       Retrain a model from the records that are left, and compare digests
      audit        Train the recipe in many worlds, have it forget, and attack what comes out
      compare      Compare methods of unlearning on a network: what they cost, what they leave behind,
                   and what training anew would have given
      show         Show a dataset, a model, a request, or the store
      list         List the datasets and their models
      export       Write a model's artefact, which holds no record and no id, to a file
      bench        Measure forgetting beside retraining, and beside other libraries
      completions  Print a shell's completion script
      help         Print this message or the help of the given subcommand(s)

    Options:
      -h, --help     Print help
      -V, --version  Print version

    Options of every verb:
          --store <DIR>             The directory of datasets, models and requests [env: UNTRAIN_STORE]
                                    [default: untrain-store]
          --json                    Print one JSON object on standard output and nothing else there
      -q, --quiet                   Say nothing on standard error but errors
          --threads <N>             How many threads to work with; all cores if not given. The bytes of
                                    models do not depend on it
          --device <DEVICE>         Where to compute networks: `auto` takes a GPU for batches that are
                                    worth it, if this program was built for GPUs and finds one. The
                                    bytes of models do not depend on it [env: UNTRAIN_DEVICE] [default:
                                    auto] [possible values: auto, cpu, cuda]
          --wait <SECONDS>          How long to wait for others who use the store [default: 10]
          --passphrase-file <FILE>  A file whose first line opens the private keys of the store, and
                                    encrypts those of a new one [env: UNTRAIN_PASSPHRASE_FILE]
    "#);
}

#[test]
fn help_of_a_verb_says_what_it_takes() {
    let place = Place::new();
    insta::assert_snapshot!(place.done(&["forget", "--help"]), @r#"
    Forget records: in the dataset and in every model trained on it

    Usage: untrain forget [OPTIONS] <--deferred|--id <ID>|--ids <FILE>|--subject <S>|--where <EXPR>> <DATASET>

    Arguments:
      <DATASET>
              The dataset

    Options:
          --deferred
              Carry out what was registered with --defer, all at once

          --id <ID>
              The id of a record; may be given many times

          --ids <FILE>
              A file of ids, one a line; - is standard input

          --subject <S>
              A person, with all records; may be given many times

          --where <EXPR>
              A condition on the columns, as in "age < 18 and country = 'FR'"

          --model <MODEL>
              A model that has to forget; all of the dataset's models have to, so naming fewer is
              refused

          --method <NAME>
              How to forget: exact, or for networks a method of unlearning that promises less (see
              `untrain compare`)
              
              [default: exact]

          --set <KEY=VALUE>
              A hyperparameter of the method; may be given many times

          --dry-run
              Tell what would be forgotten, and change nothing

          --ignore-unknown
              Pass over ids that the dataset does not have

          --request <NAME>
              What to call the request: asked again by the same name, it is answered as it was

          --regime <LAW>
              The law whose clocks run

              Possible values:
              - none: No clock runs
              - gdpr: GDPR: one month to answer, two more with notice
              - ccpa: CCPA: ten business days to confirm, 45 days to answer, 45 more with notice
              
              [default: none]

          --received <WHEN>
              When the request arrived, as a day or a moment: 2026-11-24, 2026-11-24T09:30:00Z; now if
              not given

          --defer
              Register the request, and carry it out later with --deferred

          --hold <REASON>
              A legal hold: the models forget, and the records are kept until `untrain release`

          --receipt <FILE.zip>
              Write the receipt, with what shows the requester whose records it is about: later that is
              erased

          --verify
              Retrain every model and compare before anything is published

      -h, --help
              Print help (see a summary with '-h')

    Options of every verb:
          --store <DIR>
              The directory of datasets, models and requests
              
              [env: UNTRAIN_STORE]
              [default: untrain-store]

          --json
              Print one JSON object on standard output and nothing else there

      -q, --quiet
              Say nothing on standard error but errors

          --threads <N>
              How many threads to work with; all cores if not given. The bytes of models do not depend
              on it

          --device <DEVICE>
              Where to compute networks: `auto` takes a GPU for batches that are worth it, if this
              program was built for GPUs and finds one. The bytes of models do not depend on it
              
              [env: UNTRAIN_DEVICE]
              [default: auto]
              [possible values: auto, cpu, cuda]

          --wait <SECONDS>
              How long to wait for others who use the store
              
              [default: 10]

          --passphrase-file <FILE>
              A file whose first line opens the private keys of the store, and encrypts those of a new
              one
              
              [env: UNTRAIN_PASSPHRASE_FILE]
    "#);
}

#[test]
fn shells_can_complete() {
    let place = Place::new();
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        assert!(place.done(&["completions", shell]).contains("ignore-unknown"), "{shell}");
    }
}
