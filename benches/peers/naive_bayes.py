"""How fast and how good is scikit-learn's naive Bayes on the records that `untrain bench` exports?

Reads train.csv, test.csv and layout.json from a folder. Numbers are standardised and normal (GaussianNB), categories are
categorical (CategoricalNB with alpha 1); a missing category is a category, a missing number is the mean, and a column of its
own tells so. Training is timed from the columns in memory: codes of categories, scales, fits. Prints one JSON object.
"""

import json
import sys

import numpy
import sklearn
from sklearn.metrics import accuracy_score, log_loss
from sklearn.naive_bayes import CategoricalNB, GaussianNB
from sklearn.preprocessing import OrdinalEncoder, StandardScaler

from exported import Exported, median_seconds, options, rows_per_second, versions


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
        return self

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


def main():
    args = options(__doc__)
    data = Exported(args.folder)
    seconds, model = median_seconds(lambda: Mixed(data.categorical, data.numeric).fit(data.train, data.labels), args.seeds)
    probabilities, classes = model.predict_proba(data.test), numpy.unique(data.labels)
    peer = {
        "name": "GaussianNB × CategoricalNB",
        "train_seconds": seconds,
        "accuracy": accuracy_score(data.truth, classes[probabilities.argmax(axis=1)]),
        "auc": None,
        "log_loss": log_loss(data.truth, probabilities, labels=classes),
        "rows_per_second": rows_per_second(model.predict_proba, data.test),
    }
    json.dump({"versions": versions(("scikit-learn", sklearn)), "models": [peer]}, sys.stdout)


if __name__ == "__main__":
    main()
