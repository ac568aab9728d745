"""What the hyperparameters mean, and the docstrings of the estimators."""

from __future__ import annotations

import inspect

_COLUMNS = {
    "standardize": "Whether numbers are brought to mean 0 and standard deviation 1.",
    "fill": "``{column: number}``: what stands for a missing number, in place of the mean.",
    "clip": "``{column: (low, high)}``: the range that the numbers of a column are clipped to.",
    "log": "The columns of which sign(x) * log(1 + abs(x)) is taken, after clipping.",
    "text": "``{column: n}``: columns of text whose words are counted, hashed into n columns.",
    "n_gram": "How many words in a row count as one besides single words, at most.",
}
_ANY = _COLUMNS | {
    "alpha": "The weight of the penalty, which stands beside a sum over the records.",
    "C": "Scikit-learn's name for 1/alpha.",
    "grid": "How many binary digits after the point weights are published with.",
    "random_state": "The key of all randomness, an integer; None is 0.",
    "n_neighbors": "How many neighbours count; all records if there are fewer.",
    "n_estimators": "Scikit-learn's name for n_trees.",
    "max_iter": "Scikit-learn's name for n_epochs.",
    "eta0": "Scikit-learn's name for learning_rate.",
}
_TRAINING = {
    "n_epochs": "How often every record is seen.",
    "batch_size": "How many records a step is made from.",
    "chunk": "How many of them a thread works on at once; batch normalisation takes its statistics from them.",
    "optimiser": '"adam", "adam_w" or "sgd".',
    "learning_rate": "The length of a step.",
    "schedule": '"constant", "cosine" or "steps": how it goes on.',
    "momentum": "For sgd, how much of a step goes on.",
    "weight_decay": "How strongly parameters are drawn to zero.",
    "augmentation": '"none", "crop" or "crop_flip": how images are changed each time that they are seen.',
    "norm": '"train", "frozen" or "recompute": what batch normalisation does.',
    "mean": "For images, what is subtracted from samples of 0 to 1: one number, or one for each channel.",
    "deviation": "For images, what they are divided by then.",
    "initial": "The path of the safetensors file of a network to begin with, under PyTorch's names. What it has seen stays known.",
    "n_buckets": "For tables, how many inputs all categories share.",
    "hidden_layer_sizes": "Scikit-learn's name for hidden.",
    "learning_rate_init": "Scikit-learn's name for learning_rate.",
}
_OF = {
    "cnn": _TRAINING | {
        "channels": "The channels of the convolutions, each followed by a pool that halves height and width.",
        "hidden": "The width of the hidden linear layer.",
    },
    "head": {
        "network": """What the frozen network looks like: ``{"kind": "resnet", "depth": 20, "width": 16}``, or a cnn or an mlp.""",
        "weights": "The path of the safetensors file of its numbers, under PyTorch's names. It may not have seen these records.",
        "mean": "What was subtracted from samples of 0 to 1 when it was trained: one number, or one for each channel.",
        "deviation": "What they were divided by then.",
    },
    "mlp": _TRAINING | {"hidden": "The widths of the hidden layers; none for a linear model."},
    "resnet": _TRAINING | {
        "depth": "How many layers: 18, or 20, 32, 44 and so on.",
        "width": "How many channels the first stage has; 0 for as many as published.",
    },
    "forest": {
        "n_trees": "How many trees, 1 to 10,000.",
        "max_depth": "How deep a tree may be, 1 to 64.",
        "max_features": '"sqrt", "log2", "all", a share or a number: how many features a node considers.',
        "min_samples_split": "A node with fewer records is a leaf.",
        "min_samples_leaf": "A split leaves at least so many records on each side.",
        "n_thresholds": "How many thresholds, or categories, of a feature a node considers at most.",
        "subsample": "The share of trees that hold a record: forgetting visits no others.",
        "criterion": 'What a split is judged by: "gini" or "entropy", "squared_error"; None is what suits.',
    },
    "glm": {"epsilon": "The error up to which the loss is a square, in units of the target; beyond, it is linear."},
    "kmeans": {
        "n_clusters": "How many clusters; there are fewer if the records differ less.",
        "n_leaves": "Among how many leaves records are divided: more make a deletion cheaper.",
        "max_iter": "How many of Lloyd's steps are taken at most.",
        "n_init": "From how many choices of first centres to start.",
        "tol": "The steps end when centres move by less than this share of the variance.",
    },
    "knn": {
        "weights": '"uniform", or "distance": what a neighbour counts.',
        "metric": '"euclidean", "manhattan" or "cosine": how far two records are apart.',
        "index": '"auto", "exact" and so on: how neighbours are found.',
    },
    "lda": {"shrinkage": "How far the covariance is drawn towards equal variances, 0 to 1."},
    "qda": {"reg_param": "How far each covariance is drawn towards variances of 1, 0 to 1."},
    "naive_bayes": {
        "kind": '"mixed", "gaussian", "multinomial" or "bernoulli": the distributions of the columns.',
        "alpha": "What is added to every count.",
        "threshold": "What a number must exceed to be on, for Bernoulli's distribution.",
        "var_smoothing": "The share of the largest variance that is added to every variance.",
        "fit_prior": "Whether labels are as likely as they are frequent, or equally likely.",
    },
    "pca": {
        "n_components": "How many components there are at most; as many as the records have if None.",
        "whiten": "Whether components are divided by their deviation.",
    },
    "recommend": {
        "method": '"ease", or "neighbours".',
        "alpha": "The penalty of EASE.",
        "min_value": "Interactions of a smaller value do not count, and all others count as 1.",
        "n_neighbors": "How many neighbours an item has at most.",
        "similarity": '"cosine" or "jaccard": how alike two items are to neighbours.',
        "n_top": "How many items are recommended.",
    },
    "ridge": {"fit_intercept": "Whether there is an intercept, which is not penalised."},
    "sgd": {
        "n_epochs": "How many passes over the records.",
        "learning_rate": "The length of a step.",
        "n_buckets": "How many weights the features share.",
        "target_scale": "About as large as targets vary; it is declared, and not fitted.",
    },
    "sisa": {
        "estimator": "The estimator of each shard, one of untrain's; None is a forest.",
        "n_shards": "How many shards.",
        "n_slices": "How many slices a shard is trained in, where its estimator trains incrementally.",
        "shard_by": '"record": an id decides the shard.',
        "aggregation": '"mean", "vote" or "stacked": how what shards say becomes one.',
        "deletion_probability": "A column of numbers: how likely it is that a record will have to be forgotten.",
        "deletion_thresholds": "Where the bins of that probability end.",
        "shards_per_bin": "How many shards each bin has to itself.",
        "max_checkpoints": "How many checkpoints a shard keeps at most; all if None.",
    },
    "text": {
        "n_features": "How many columns words are hashed into; 2**18 if None.",
        "classifier": '"naive_bayes" or "logistic": what learns from the counts.',
        "alpha": "What naive Bayes adds to every count, or the penalty of logistic regression.",
    },
}

_ROWS = """\
    >>> import numpy as np, untrain
    >>> X = np.arange(80.0).reshape(40, 2) % 23
"""
_FORGETS = """\
    >>> print(model.forget([3, 17]))
    exact: the bytes are those of a model trained without the records
    >>> len(model.records), bool(model.verify())
    (38, True)
"""
_TARGETS = {"Classifier": "X[:, 0] > 11", "Regressor": "1.0 + X[:, 0]"}
_FEW = {"forest": "n_trees=10", "sisa": "n_shards=4", "kmeans": "n_clusters=3", "pca": "n_components=2"}
_IMAGES = """\
    >>> import numpy as np, untrain
    >>> X = np.random.default_rng(0).integers(0, 256, (40, 8, 8), dtype=np.uint8)
    >>> y = X[:, 0, 0] > 127
"""
_OWN = {
    "CNNClassifier": _IMAGES + """\
    >>> model = untrain.CNNClassifier(channels=(4,), hidden=8, n_epochs=2).fit(X, y, ids=range(40))
""",
    "HeadClassifier": _IMAGES + """\
    >>> import pathlib, tempfile
    >>> path = pathlib.Path(tempfile.mkdtemp(), "frozen.safetensors")
    >>> frozen = untrain.CNNClassifier(channels=(4,), hidden=8, n_epochs=2).fit(X[::-1], y)  # of other images, really
    >>> _ = path.write_bytes(frozen.safetensors())
    >>> looks = {"kind": "cnn", "channels": [4], "hidden": 8}
    >>> model = untrain.HeadClassifier(network=looks, weights=path, mean=(0.5,), deviation=(0.25,)).fit(X, y, ids=range(40))
""",
    "ResNetClassifier": _IMAGES + """\
    >>> model = untrain.ResNetClassifier(depth=20, width=4, n_epochs=1).fit(X, y, ids=range(40))
""",
    "TextClassifier": """\
    >>> import untrain
    >>> texts = ["a good film", "a bad film", "good, very good", "bad, very bad"] * 10
    >>> labels = ["up", "down", "up", "down"] * 10
    >>> model = untrain.TextClassifier().fit(texts, labels, ids=range(40))
    >>> model.predict(["good"]).tolist()
    ['up']
""",
    "Recommender": """\
    >>> import untrain
    >>> had = [(f"user{i}", item) for i in range(20) for item in ("tea", "milk")]
    >>> model = untrain.Recommender(n_top=1).fit(had, ids=range(40))
    >>> model.recommend([("somebody", "tea")])["somebody"][0][0]
    'milk'
""",
}


def docstring(name: str, learner: str, about: str, signature: inspect.Signature) -> str:
    """The docstring of an estimator, in numpydoc's form."""
    listed = "".join(_parameter(learner, parameter) for parameter in signature.parameters.values())
    return f"{about}\n\n    Parameters\n    ----------\n{listed}\n    Examples\n    --------\n{_example(name, learner)}    "


def _parameter(learner: str, parameter: inspect.Parameter) -> str:
    about = _OF.get(learner, {}).get(parameter.name) or _ANY[parameter.name]
    return f"    {parameter.name} : default {parameter.default!r}\n        {about}\n"


def _example(name: str, learner: str) -> str:
    if name in _OWN:
        return _OWN[name] + _FORGETS
    target = next((f", {values}" for kind, values in _TARGETS.items() if name.endswith(kind)), "")
    if not target and learner not in ("kmeans", "pca"):
        target = ", X[:, 0] > 11"
    return f"{_ROWS}    >>> model = untrain.{name}({_FEW.get(learner, '')}).fit(X{target}, ids=range(40))\n{_FORGETS}"
