"""How fast and how good are the usual tree ensembles on the records that `untrain bench` exports?

Reads train.csv, test.csv and layout.json from a folder, trains each peer once a seed, and prints one JSON object with
medians. All peers classify; none of them can forget, so a deletion costs them a training.
"""

import json
import statistics
import sys

import lightgbm
import numpy
import pandas
import sklearn
import xgboost
from sklearn.ensemble import ExtraTreesClassifier, RandomForestClassifier
from sklearn.metrics import accuracy_score, roc_auc_score
from sklearn.preprocessing import OrdinalEncoder

from exported import Exported, options, rows_per_second, timed, versions

# The forests under benchmark have these too.
FOREST = {"n_estimators": 100, "max_depth": 20, "min_samples_split": 10}

# Name, whether categories stay categories (else they become ordinals), and how to make the model.
PEERS = [
    ("RandomForest", False, lambda seed, n_jobs: RandomForestClassifier(**FOREST, n_jobs=n_jobs, random_state=seed)),
    ("ExtraTrees", False, lambda seed, n_jobs: ExtraTreesClassifier(**FOREST, n_jobs=n_jobs, random_state=seed)),
    (
        "LightGBM",
        True,
        lambda seed, n_jobs: lightgbm.LGBMClassifier(n_estimators=100, n_jobs=n_jobs, random_state=seed, verbose=-1),
    ),
    (
        "XGBoost",
        True,
        lambda seed, n_jobs: xgboost.XGBClassifier(
            n_estimators=100, tree_method="hist", enable_categorical=True, n_jobs=n_jobs, random_state=seed
        ),
    ),
]


def as_categories(train, test, columns):
    """Both tables with the training set's categories; a category it does not have is missing."""
    train, test = train.copy(), test.copy()
    for column in columns:
        kind = pandas.CategoricalDtype(sorted(train[column].dropna().unique()))
        known = test[column].isin(kind.categories)
        train[column], test[column] = train[column].astype(kind), test[column].where(known).astype(kind)
    return train, test


def as_ordinals(train, test, columns):
    """Both tables as arrays of numbers; missing values stay missing."""
    train, test = train.copy(), test.copy()
    if columns:
        encoder = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1)
        train[columns] = encoder.fit_transform(train[columns].astype(object).where(train[columns].notna(), numpy.nan))
        test[columns] = encoder.transform(test[columns].astype(object).where(test[columns].notna(), numpy.nan))
    return train.to_numpy(numpy.float32), test.to_numpy(numpy.float32)


def measure(make, train, test, labels, truth, seeds, n_jobs):
    runs = []
    for seed in range(seeds):
        model = make(seed, n_jobs)
        seconds, _ = timed(lambda: model.fit(train, labels))
        probabilities = model.predict_proba(test)
        accuracy = accuracy_score(truth, probabilities.argmax(axis=1))
        auc = roc_auc_score(truth, probabilities[:, 1]) if probabilities.shape[1] == 2 else None
        runs.append((seconds, accuracy, auc, rows_per_second(model.predict_proba, test)))
    seconds, accuracy, auc, rate = zip(*runs)
    return {
        "train_seconds": statistics.median(seconds),
        "accuracy": statistics.median(accuracy),
        "auc": None if None in auc else statistics.median(auc),
        "rows_per_second": statistics.median(rate),
    }


def main():
    args = options(__doc__)
    data = Exported(args.folder)
    classes = {label: place for place, label in enumerate(sorted(set(data.labels)))}
    labels, truth = (numpy.array([classes.get(label, -1) for label in texts]) for texts in (data.labels, data.truth))
    tables = {kind: make(data.train, data.test, data.categorical) for kind, make in ((True, as_categories), (False, as_ordinals))}

    models = []
    for name, categories, make in PEERS:
        print(f"  {name} …", file=sys.stderr, flush=True)
        models.append({"name": name, **measure(make, *tables[categories], labels, truth, args.seeds, args.threads)})
    found = versions(("scikit-learn", sklearn), ("LightGBM", lightgbm), ("XGBoost", xgboost))
    json.dump({"versions": found, "models": models}, sys.stdout)


if __name__ == "__main__":
    main()
