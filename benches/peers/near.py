"""How fast and how good are scikit-learn's k-means and nearest neighbours on the records that `untrain bench` exports?

Reads train.csv, test.csv and layout.json from a folder and prints one JSON object. Numbers are standardised and categories
are columns of zeros and ones, made outside the timed parts.
"""

import argparse
import json
import platform
import statistics
import sys
import time
from pathlib import Path

import numpy
import pandas
import sklearn
from sklearn.cluster import KMeans, MiniBatchKMeans
from sklearn.neighbors import KNeighborsClassifier
from sklearn.preprocessing import OneHotEncoder, StandardScaler

PREDICT_AT_LEAST_SECONDS = 0.5
N_TEST = 2000

KMEANS = [
    ("KMeans, lloyd, n_init=1", lambda seed: KMeans(8, n_init=1, random_state=seed)),
    ("KMeans, elkan, n_init=1", lambda seed: KMeans(8, n_init=1, algorithm="elkan", random_state=seed)),
    ("KMeans, lloyd, n_init=10", lambda seed: KMeans(8, n_init=10, random_state=seed)),
    ("MiniBatchKMeans", lambda seed: MiniBatchKMeans(8, n_init=1, random_state=seed)),
]
KNN = ["brute", "kd_tree", "ball_tree"]


def read(path, layout):
    """The features and the labels of a file; only an empty cell is missing."""
    texts = {name: str for name in [*layout["categorical"], layout["target"]]}
    table = pandas.read_csv(path, dtype=texts, keep_default_na=False, na_values=[""])
    return table.drop(columns=layout["target"]), table[layout["target"]].to_numpy(str)


def encoded(train, test, categorical):
    numeric = [name for name in train.columns if name not in categorical]
    scaler = StandardScaler().fit(train[numeric])
    parts = [[numpy.nan_to_num(scaler.transform(table[numeric])) for table in (train, test)]]
    if categorical:
        encoder = OneHotEncoder(handle_unknown="ignore", sparse_output=False).fit(train[categorical].fillna("missing"))
        parts.append([encoder.transform(table[categorical].fillna("missing")) for table in (train, test)])
    return [numpy.ascontiguousarray(numpy.hstack(sides)) for sides in zip(*parts)]


def main():
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("folder", type=Path)
    arguments.add_argument("learner", choices=["knn", "kmeans"])
    arguments.add_argument("--threads", type=int, default=1)
    arguments.add_argument("--seeds", type=int, default=3)
    options = arguments.parse_args()

    layout = json.loads((options.folder / "layout.json").read_text())
    train, labels = read(options.folder / "train.csv", layout)
    test, truth = read(options.folder / "test.csv", layout)
    train, test = encoded(train, test, layout["categorical"])
    test, truth = test[:N_TEST], truth[:N_TEST]

    kmeans = []
    for name, make in KMEANS if options.learner == "kmeans" else []:
        print(f"  {name} …", file=sys.stderr, flush=True)
        runs = []
        for seed in range(options.seeds):
            start = time.perf_counter()
            model = make(seed).fit(train)
            runs.append((time.perf_counter() - start, model.inertia_ / len(train)))
        seconds, inertia = zip(*runs)
        kmeans.append({"name": name, "train_seconds": statistics.median(seconds), "inertia": statistics.median(inertia)})

    knn = []
    for algorithm in KNN if options.learner == "knn" else []:
        print(f"  {algorithm} …", file=sys.stderr, flush=True)
        model = KNeighborsClassifier(5, algorithm=algorithm, n_jobs=options.threads).fit(train, labels)
        start, rows = time.perf_counter(), 0
        while True:
            predicted = model.predict(test)
            rows += len(test)
            seconds = time.perf_counter() - start
            if seconds >= PREDICT_AT_LEAST_SECONDS:
                break
        accuracy = float((predicted == truth).mean())
        knn.append({"name": f"KNeighborsClassifier, {algorithm}", "rows_per_second": rows / seconds, "accuracy": accuracy})

    versions = {"Python": platform.python_version(), "scikit-learn": sklearn.__version__, "NumPy": numpy.__version__}
    json.dump({"versions": versions, "kmeans": kmeans, "knn": knn}, sys.stdout)


if __name__ == "__main__":
    main()
