# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Forgetting people, in ten minutes
#
# A hospital trained models on patients' records, and some patients ask to be forgotten. We train, forget by name, prove it, and look at
# what goes wrong on the way. The data is scikit-learn's own.

# %%
import tempfile
import time

import numpy as np
from sklearn.datasets import load_breast_cancer
from sklearn.model_selection import GridSearchCV, train_test_split

import untrain

patients = load_breast_cancer(as_frame=True)
X = patients.data.set_axis([f"patient-{i}" for i in range(len(patients.data))])
y = patients.target.map({0: "malignant", 1: "benign"}).set_axis(X.index)
X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.25, random_state=0)
X_train.iloc[:3, :4]

# %% [markdown]
# ## An estimator like any other
#
# The index of a DataFrame names the records. Arrays take `ids=…`.

# %%
search = GridSearchCV(untrain.ForestClassifier(random_state=7), {"n_trees": [20, 60], "max_depth": [4, 12]}, cv=3)
model = search.fit(X_train, y_train).best_estimator_
print(search.best_params_, f"accuracy {model.score(X_test, y_test):.3f}")

# %% [markdown]
# ## Forget two patients

# %%
before = model.digest
guarantee = model.forget(list(X_train.index[:2]))
print(guarantee)
print(before[:16], "→", model.digest[:16], "with", len(model.records), "records")

# %% [markdown]
# The promise can be checked by whoever holds the records that are left: train without the two, and compare one hash.

# %%
without = untrain.ForestClassifier(**model.get_params()).fit(X_train.iloc[2:], y_train.iloc[2:])
assert without.digest == model.digest
print("verified:", bool(model.verify()))

# %% [markdown]
# Forgetting is faster than training, and learning the records again gives the first model, bit by bit.

# %%
began = time.perf_counter()
model.learn(X_train.iloc[:2], y_train.iloc[:2])
print(f"learnt again in {1000 * (time.perf_counter() - began):.1f} ms; the first model: {model.digest == before}")

# %% [markdown]
# ## What remembers
#
# A scaler in front of a model keeps the mean of everybody that it has seen. The pipeline warns, and the remedy is to leave the scaler
# out: our estimators scale inside, and forget that too.

# %%
import warnings

from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    make_pipeline(StandardScaler(), untrain.LogisticClassifier()).fit(X_train, y_train)
print(caught[-1].category.__name__, "-", str(caught[-1].message)[:90], "…")
print("inside:", round(untrain.LogisticClassifier().fit(X_train, y_train).score(X_test, y_test), 3))

# %% [markdown]
# ## Requests that leave a trace
#
# A store keeps datasets, models and requests, and signs a statement of each training and each deletion. A request reaches every model of
# the dataset.

# %%
store = untrain.open(tempfile.mkdtemp() + "/hospital")
store.import_(X.assign(finding=y), "patients", target="finding", holdout=0.2)
store.train("patients", "trees", untrain.ForestClassifier(n_trees=30, random_state=7))
store.train("patients", "line", untrain.LogisticClassifier(random_state=7))
request = store.forget("patients", ["patient-3", "patient-17"], regime="gdpr", request="letter of 12 May")
for line in request.models:
    print(line.model, line.records, line.digest[:16], line.guarantee)

# %%
receipt, *_ = store.receipt(request.request)
checked = untrain.check(receipt)
print("the receipt is accepted:", bool(checked))
print("\n".join(checked.report.splitlines()[:6]))

# %% [markdown]
# ## Models that are not ours
#
# Any estimator with `fit` and `predict` can be sharded. Whoever is forgotten was in one shard, and only that one trains again. How far
# the promise goes depends on the estimator's own determinism, which is tried once.

# %%
from sklearn.ensemble import HistGradientBoostingClassifier

boosted = untrain.sisa(HistGradientBoostingClassifier(max_iter=20), n_shards=4, random_state=1).fit(X_train, y_train)
print(boosted.determinism_)
print(boosted.forget(X_train.index[5]))
print(f"accuracy {boosted.score(X_test, y_test):.3f}")

# %% [markdown]
# ## Asking for what is not there
#
# An exception means that nothing changed, and it says what would help.

# %%
try:
    model.forget(["patient-3", "nobody"])
except untrain.UnknownIds as error:
    print(error)
    assert error.ids == ["nobody"] or "nobody" in error.ids
assert len(model.records) == len(X_train) and np.all(model.classes_ == ["benign", "malignant"])
