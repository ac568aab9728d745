"""How fast and how good is scikit-learn's naive Bayes on the records that `untrain bench` exports?

Reads train.csv, test.csv and layout.json from a folder. Numbers are standardised and normal (GaussianNB), categories are
categorical (CategoricalNB with alpha 1); a missing category is a category, a missing number is the mean, and a column of its
own tells so. Training is timed from the columns in memory: codes of categories, scales, fits. Prints one JSON object.
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
from sklearn.metrics import accuracy_score, log_loss
from sklearn.naive_bayes import CategoricalNB, GaussianNB
from sklearn.preprocessing import OrdinalEncoder, StandardScaler

PREDICT_AT_LEAST_SECONDS = 0.5


class Mixed:
    """The product of both, with the prior once."""

    def __init__(self, categorical, numeric):
        self.categorical, self.numeric = categorical, numeric

    def fit(self, table, labels):
        self.gaps = [name for name in self.numeric if table[name].isna().any()]
        self.names = [*self.categorical, *self.gaps]
        if self.numeric:
            values = table[self.numeric].to_numpy(float)
            self.means = numpy.nanmean(values, axis=0)
            self.scaler = StandardScaler()
            self.normal = GaussianNB().fit(self.scaler.fit_transform(self.filled(values)), labels)
        if self.names:
            self.encoder = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1)
            self.category = CategoricalNB().fit(self.encoder.fit_transform(self.codes(table)), labels)

    def filled(self, values):
        return numpy.where(numpy.isnan(values), self.means, values) if numpy.isnan(values).any() else values

    def codes(self, table):
        gaps = [table[name].isna().to_numpy() for name in self.gaps]
        return numpy.column_stack([*(table[name].fillna("").to_numpy(object) for name in self.categorical), *gaps])

    def predict_proba(self, table):
        joint = 0
        if self.numeric:
            values = self.scaler.transform(self.filled(table[self.numeric].to_numpy(float)))
            joint = joint + self.normal.predict_joint_log_proba(values)
        if self.names:
            codes = self.encoder.transform(self.codes(table)).astype(int)
            for column in range(codes.shape[1]):
                known = codes[:, column] >= 0
                weights = self.category.feature_log_prob_[column][:, codes[:, column]].T
                joint = joint + numpy.where(known[:, None], weights, 0)
            if not self.numeric:
                joint = joint + self.category.class_log_prior_
        joint = joint - joint.max(axis=1, keepdims=True)
        probabilities = numpy.exp(joint)
        return probabilities / probabilities.sum(axis=1, keepdims=True)


def rows_per_second(model, x):
    start, rows = time.perf_counter(), 0
    while True:
        model.predict_proba(x)
        rows += len(x)
        seconds = time.perf_counter() - start
        if seconds >= PREDICT_AT_LEAST_SECONDS:
            return rows / seconds


def main():
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("folder", type=Path)
    arguments.add_argument("--threads", type=int, default=1)
    arguments.add_argument("--seeds", type=int, default=3)
    options = arguments.parse_args()

    layout = json.loads((options.folder / "layout.json").read_text())
    target, categorical = layout["target"], layout["categorical"]
    texts = {name: str for name in [*categorical, target]}
    read = lambda name: pandas.read_csv(options.folder / name, dtype=texts, keep_default_na=False, na_values=[""])
    train, test = read("train.csv"), read("test.csv")
    labels, truth = train.pop(target).to_numpy(str), test.pop(target).to_numpy(str)
    numeric = [name for name in train.columns if name not in categorical]

    seconds = []
    for _ in range(max(options.seeds, 3)):
        model = Mixed(categorical, numeric)
        start = time.perf_counter()
        model.fit(train, labels)
        seconds.append(time.perf_counter() - start)
    probabilities, classes = model.predict_proba(test), numpy.unique(labels)
    peer = {
        "name": "GaussianNB × CategoricalNB",
        "train_seconds": statistics.median(seconds),
        "accuracy": accuracy_score(truth, classes[probabilities.argmax(axis=1)]),
        "auc": None,
        "log_loss": log_loss(truth, probabilities, labels=classes),
        "rows_per_second": rows_per_second(model, test),
    }
    versions = {
        "Python": platform.python_version(),
        "scikit-learn": sklearn.__version__,
        "pandas": pandas.__version__,
        "NumPy": numpy.__version__,
    }
    json.dump({"versions": versions, "models": [peer]}, sys.stdout)


if __name__ == "__main__":
    main()
