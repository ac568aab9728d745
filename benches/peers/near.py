"""How fast and how good are scikit-learn's k-means and nearest neighbours on the records that `untrain bench` exports?

Reads train.csv, test.csv and layout.json from a folder and prints one JSON object. Numbers are standardised and categories
are columns of zeros and ones, made outside the timed parts.
"""

import json
import statistics
import sys

import numpy
import sklearn
from sklearn.cluster import KMeans, MiniBatchKMeans
from sklearn.neighbors import KNeighborsClassifier
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from exported import Exported, options, rows_per_second, timed, versions

N_TEST = 2000

KMEANS = [
    ("KMeans, lloyd, n_init=1", lambda seed: KMeans(8, n_init=1, random_state=seed)),
    ("KMeans, elkan, n_init=1", lambda seed: KMeans(8, n_init=1, algorithm="elkan", random_state=seed)),
    ("KMeans, lloyd, n_init=10", lambda seed: KMeans(8, n_init=10, random_state=seed)),
    ("MiniBatchKMeans", lambda seed: MiniBatchKMeans(8, n_init=1, random_state=seed)),
]
KNN = ["brute", "kd_tree", "ball_tree"]


def encoded(data):
    scaler = StandardScaler().fit(data.train[data.numeric])
    parts = [[numpy.nan_to_num(scaler.transform(table[data.numeric])) for table in (data.train, data.test)]]
    if data.categorical:
        tables = [table[data.categorical].fillna("missing") for table in (data.train, data.test)]
        encoder = OneHotEncoder(handle_unknown="ignore", sparse_output=False).fit(tables[0])
        parts.append([encoder.transform(table) for table in tables])
    return [numpy.ascontiguousarray(numpy.hstack(sides)) for sides in zip(*parts)]


def main():
    args = options(__doc__, ("learner", {"choices": ["knn", "kmeans"]}))
    data = Exported(args.folder)
    train, test = encoded(data)
    test, truth = test[:N_TEST], data.truth[:N_TEST]

    kmeans = []
    for name, make in KMEANS if args.learner == "kmeans" else []:
        print(f"  {name} …", file=sys.stderr, flush=True)
        runs = [timed(lambda: make(seed).fit(train)) for seed in range(args.seeds)]
        seconds, inertia = statistics.median(s for s, _ in runs), statistics.median(m.inertia_ for _, m in runs) / len(train)
        kmeans.append({"name": name, "train_seconds": seconds, "inertia": inertia})

    knn = []
    for algorithm in KNN if args.learner == "knn" else []:
        print(f"  {algorithm} …", file=sys.stderr, flush=True)
        model = KNeighborsClassifier(5, algorithm=algorithm, n_jobs=args.threads).fit(train, data.labels)
        rate, accuracy = rows_per_second(model.predict, test), float((model.predict(test) == truth).mean())
        knn.append({"name": f"KNeighborsClassifier, {algorithm}", "rows_per_second": rate, "accuracy": accuracy})

    json.dump({"versions": versions(("scikit-learn", sklearn)), "kmeans": kmeans, "knn": knn}, sys.stdout)


if __name__ == "__main__":
    main()
