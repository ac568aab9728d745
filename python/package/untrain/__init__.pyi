# Written by tests/stubs.py; a test says when it is out of date.
from typing import Any

from .base import Classifier, Clusterer, Estimator, Regressor, Transformer
from .errors import (
    AlreadyExists,
    AlreadyPresent,
    AuditRefused,
    BadParameter,
    BadRecords,
    BadSelection,
    BadValue,
    DuplicateId,
    Malformed,
    MissingId,
    NoIds,
    NoShard,
    NoStore,
    NotDeterministic,
    NotFitted,
    NotScored,
    RemembersForgotten,
    RepeatedIds,
    RequestRefused,
    Returning,
    SchemaMismatch,
    StoreBusy,
    StoreFailed,
    TooMany,
    TrailRefused,
    Unequal,
    Unfit,
    UnknownColumn,
    UnknownDataset,
    UnknownIds,
    UnknownModel,
    UnknownRequest,
    UntrainError,
)
from .foreign import Determinism, ForeignClassifier, ForeignRegressor, sisa
from .images import ImageNetwork, Images, Network
from .records import Recommends, Texts
from .results import Guarantee, Predictions, Verification
from .sharded import Sharded, Stepped
from .store import Store, check, open, restore

__version__: str
__all__ = [
    "Classifier",
    "Clusterer",
    "Determinism",
    "Estimator",
    "ForeignClassifier",
    "ForeignRegressor",
    "Guarantee",
    "Predictions",
    "Regressor",
    "RemembersForgotten",
    "Store",
    "Transformer",
    "Verification",
    "check",
    "open",
    "restore",
    "sisa",
    "UntrainError",
    "DuplicateId",
    "MissingId",
    "NoIds",
    "UnknownIds",
    "RepeatedIds",
    "AlreadyPresent",
    "UnknownColumn",
    "BadValue",
    "SchemaMismatch",
    "BadParameter",
    "Unfit",
    "Malformed",
    "TooMany",
    "NotFitted",
    "BadRecords",
    "BadSelection",
    "UnknownDataset",
    "UnknownModel",
    "UnknownRequest",
    "AlreadyExists",
    "Returning",
    "RequestRefused",
    "AuditRefused",
    "NotScored",
    "NoShard",
    "Unequal",
    "TrailRefused",
    "NoStore",
    "StoreBusy",
    "StoreFailed",
    "NotDeterministic",
    "CNNClassifier",
    "ForestClassifier",
    "ForestRegressor",
    "GammaRegressor",
    "HeadClassifier",
    "HuberRegressor",
    "KMeans",
    "KNeighborsClassifier",
    "KNeighborsRegressor",
    "LinearDiscriminantAnalysis",
    "LinearSVC",
    "LogisticClassifier",
    "MLPClassifier",
    "NaiveBayes",
    "PCA",
    "PoissonRegressor",
    "QuadraticDiscriminantAnalysis",
    "Recommender",
    "ResNetClassifier",
    "RidgeClassifier",
    "RidgeRegressor",
    "SGDClassifier",
    "SGDRegressor",
    "SisaClassifier",
    "SisaRegressor",
    "TextClassifier",
]

class CNNClassifier(ImageNetwork, Classifier):
    augmentation: Any
    batch_size: int
    channels: Any
    chunk: int
    deviation: Any
    hidden: int
    initial: Any
    learning_rate: float
    mean: Any
    momentum: float
    n_epochs: int
    norm: Any
    optimiser: Any
    schedule: Any
    weight_decay: float
    max_iter: int | None
    random_state: int | None
    def __init__(
        self,
        *,
        augmentation: Any = 'none',
        batch_size: int = 128,
        channels: Any = (32, 64),
        chunk: int = 64,
        deviation: Any = (0.25,),
        hidden: int = 128,
        initial: Any = None,
        learning_rate: float = 0.001,
        mean: Any = (0.5,),
        momentum: float = 0.9,
        n_epochs: int = 20,
        norm: Any = 'train',
        optimiser: Any = 'adam',
        schedule: Any = 'constant',
        weight_decay: float = 0.0,
        max_iter: int | None = None,
        random_state: int | None = None,
    ) -> None: ...

class ForestClassifier(Classifier):
    criterion: Any
    max_depth: int
    max_features: Any
    min_samples_leaf: int
    min_samples_split: int
    n_thresholds: int
    n_trees: int
    subsample: float
    n_estimators: int | None
    random_state: int | None
    def __init__(
        self,
        *,
        criterion: Any = None,
        max_depth: int = 20,
        max_features: Any = 'sqrt',
        min_samples_leaf: int = 1,
        min_samples_split: int = 2,
        n_thresholds: int = 30,
        n_trees: int = 100,
        subsample: float = 0.2,
        n_estimators: int | None = None,
        random_state: int | None = None,
    ) -> None: ...

class ForestRegressor(Regressor):
    criterion: Any
    max_depth: int
    max_features: Any
    min_samples_leaf: int
    min_samples_split: int
    n_thresholds: int
    n_trees: int
    subsample: float
    n_estimators: int | None
    random_state: int | None
    def __init__(
        self,
        *,
        criterion: Any = None,
        max_depth: int = 20,
        max_features: Any = 'sqrt',
        min_samples_leaf: int = 1,
        min_samples_split: int = 2,
        n_thresholds: int = 30,
        n_trees: int = 100,
        subsample: float = 0.2,
        n_estimators: int | None = None,
        random_state: int | None = None,
    ) -> None: ...

class GammaRegressor(Regressor):
    alpha: float
    clip: Any
    fill: Any
    grid: int
    log: Any
    n_gram: int
    standardize: bool
    text: Any
    random_state: int | None
    def __init__(
        self,
        *,
        alpha: float = 1.0,
        clip: Any = None,
        fill: Any = None,
        grid: int = 12,
        log: Any = None,
        n_gram: int = 1,
        standardize: bool = True,
        text: Any = None,
        random_state: int | None = None,
    ) -> None: ...

class HeadClassifier(Images, Classifier):
    network: Any
    weights: Any
    mean: Any
    deviation: Any
    alpha: float
    grid: int
    C: float | None
    random_state: int | None
    def __init__(
        self,
        *,
        network: Any = None,
        weights: Any = None,
        mean: Any = (0.485, 0.456, 0.406),
        deviation: Any = (0.229, 0.224, 0.225),
        alpha: float = 1.0,
        grid: int = 12,
        C: float | None = None,
        random_state: int | None = None,
    ) -> None: ...

class HuberRegressor(Regressor):
    alpha: float
    clip: Any
    epsilon: float
    fill: Any
    grid: int
    log: Any
    n_gram: int
    standardize: bool
    text: Any
    random_state: int | None
    def __init__(
        self,
        *,
        alpha: float = 1.0,
        clip: Any = None,
        epsilon: float = 1.35,
        fill: Any = None,
        grid: int = 12,
        log: Any = None,
        n_gram: int = 1,
        standardize: bool = True,
        text: Any = None,
        random_state: int | None = None,
    ) -> None: ...

class KMeans(Clusterer):
    clip: Any
    fill: Any
    log: Any
    max_iter: int
    n_clusters: int
    n_gram: int
    n_init: int
    n_leaves: int
    standardize: bool
    text: Any
    tol: float
    random_state: int | None
    def __init__(
        self,
        *,
        clip: Any = None,
        fill: Any = None,
        log: Any = None,
        max_iter: int = 100,
        n_clusters: int = 8,
        n_gram: int = 1,
        n_init: int = 1,
        n_leaves: int = 16,
        standardize: bool = True,
        text: Any = None,
        tol: float = 0.0001,
        random_state: int | None = None,
    ) -> None: ...

class KNeighborsClassifier(Classifier):
    clip: Any
    fill: Any
    index: Any
    log: Any
    metric: Any
    n_gram: int
    n_neighbors: int
    standardize: bool
    text: Any
    weights: Any
    random_state: int | None
    def __init__(
        self,
        *,
        clip: Any = None,
        fill: Any = None,
        index: Any = 'auto',
        log: Any = None,
        metric: Any = 'euclidean',
        n_gram: int = 1,
        n_neighbors: int = 5,
        standardize: bool = True,
        text: Any = None,
        weights: Any = 'uniform',
        random_state: int | None = None,
    ) -> None: ...

class KNeighborsRegressor(Regressor):
    clip: Any
    fill: Any
    index: Any
    log: Any
    metric: Any
    n_gram: int
    n_neighbors: int
    standardize: bool
    text: Any
    weights: Any
    random_state: int | None
    def __init__(
        self,
        *,
        clip: Any = None,
        fill: Any = None,
        index: Any = 'auto',
        log: Any = None,
        metric: Any = 'euclidean',
        n_gram: int = 1,
        n_neighbors: int = 5,
        standardize: bool = True,
        text: Any = None,
        weights: Any = 'uniform',
        random_state: int | None = None,
    ) -> None: ...

class LinearDiscriminantAnalysis(Classifier):
    clip: Any
    fill: Any
    log: Any
    n_gram: int
    shrinkage: float
    standardize: bool
    text: Any
    def __init__(
        self,
        *,
        clip: Any = None,
        fill: Any = None,
        log: Any = None,
        n_gram: int = 1,
        shrinkage: float = 0.001,
        standardize: bool = True,
        text: Any = None,
    ) -> None: ...

class LinearSVC(Classifier):
    alpha: float
    clip: Any
    fill: Any
    grid: int
    log: Any
    n_gram: int
    standardize: bool
    text: Any
    C: float | None
    random_state: int | None
    def __init__(
        self,
        *,
        alpha: float = 1.0,
        clip: Any = None,
        fill: Any = None,
        grid: int = 12,
        log: Any = None,
        n_gram: int = 1,
        standardize: bool = True,
        text: Any = None,
        C: float | None = None,
        random_state: int | None = None,
    ) -> None: ...

class LogisticClassifier(Classifier):
    alpha: float
    clip: Any
    fill: Any
    grid: int
    log: Any
    n_gram: int
    standardize: bool
    text: Any
    C: float | None
    random_state: int | None
    def __init__(
        self,
        *,
        alpha: float = 1.0,
        clip: Any = None,
        fill: Any = None,
        grid: int = 12,
        log: Any = None,
        n_gram: int = 1,
        standardize: bool = True,
        text: Any = None,
        C: float | None = None,
        random_state: int | None = None,
    ) -> None: ...

class MLPClassifier(Network, Classifier):
    augmentation: Any
    batch_size: int
    chunk: int
    deviation: Any
    hidden: Any
    initial: Any
    learning_rate: float
    mean: Any
    momentum: float
    n_buckets: int
    n_epochs: int
    norm: Any
    optimiser: Any
    schedule: Any
    weight_decay: float
    max_iter: int | None
    hidden_layer_sizes: Any
    learning_rate_init: Any
    random_state: int | None
    def __init__(
        self,
        *,
        augmentation: Any = 'none',
        batch_size: int = 128,
        chunk: int = 64,
        deviation: Any = (0.25,),
        hidden: Any = (128,),
        initial: Any = None,
        learning_rate: float = 0.001,
        mean: Any = (0.5,),
        momentum: float = 0.9,
        n_buckets: int = 64,
        n_epochs: int = 20,
        norm: Any = 'train',
        optimiser: Any = 'adam',
        schedule: Any = 'constant',
        weight_decay: float = 0.0,
        max_iter: int | None = None,
        hidden_layer_sizes: Any = None,
        learning_rate_init: Any = None,
        random_state: int | None = None,
    ) -> None: ...

class NaiveBayes(Classifier):
    alpha: float
    clip: Any
    fill: Any
    fit_prior: bool
    kind: Any
    log: Any
    n_gram: int
    standardize: bool
    text: Any
    threshold: float
    var_smoothing: float
    def __init__(
        self,
        *,
        alpha: float = 1.0,
        clip: Any = None,
        fill: Any = None,
        fit_prior: bool = True,
        kind: Any = 'mixed',
        log: Any = None,
        n_gram: int = 1,
        standardize: bool = True,
        text: Any = None,
        threshold: float = 0.0,
        var_smoothing: float = 1e-09,
    ) -> None: ...

class PCA(Transformer):
    clip: Any
    fill: Any
    log: Any
    n_components: Any
    n_gram: int
    standardize: bool
    text: Any
    whiten: bool
    def __init__(
        self,
        *,
        clip: Any = None,
        fill: Any = None,
        log: Any = None,
        n_components: Any = None,
        n_gram: int = 1,
        standardize: bool = True,
        text: Any = None,
        whiten: bool = False,
    ) -> None: ...

class PoissonRegressor(Regressor):
    alpha: float
    clip: Any
    fill: Any
    grid: int
    log: Any
    n_gram: int
    standardize: bool
    text: Any
    random_state: int | None
    def __init__(
        self,
        *,
        alpha: float = 1.0,
        clip: Any = None,
        fill: Any = None,
        grid: int = 12,
        log: Any = None,
        n_gram: int = 1,
        standardize: bool = True,
        text: Any = None,
        random_state: int | None = None,
    ) -> None: ...

class QuadraticDiscriminantAnalysis(Classifier):
    clip: Any
    fill: Any
    log: Any
    n_gram: int
    reg_param: float
    standardize: bool
    text: Any
    def __init__(
        self,
        *,
        clip: Any = None,
        fill: Any = None,
        log: Any = None,
        n_gram: int = 1,
        reg_param: float = 0.1,
        standardize: bool = True,
        text: Any = None,
    ) -> None: ...

class Recommender(Recommends, Estimator):
    alpha: float
    grid: int
    method: Any
    min_value: Any
    n_top: int
    similarity: Any
    n_neighbors: int | None
    random_state: int | None
    def __init__(
        self,
        *,
        alpha: float = 150.0,
        grid: int = 16,
        method: Any = 'ease',
        min_value: Any = None,
        n_top: int = 10,
        similarity: Any = 'cosine',
        n_neighbors: int | None = None,
        random_state: int | None = None,
    ) -> None: ...

class ResNetClassifier(ImageNetwork, Classifier):
    augmentation: Any
    batch_size: int
    chunk: int
    depth: int
    deviation: Any
    initial: Any
    learning_rate: float
    mean: Any
    momentum: float
    n_epochs: int
    norm: Any
    optimiser: Any
    schedule: Any
    weight_decay: float
    width: int
    max_iter: int | None
    random_state: int | None
    def __init__(
        self,
        *,
        augmentation: Any = 'none',
        batch_size: int = 128,
        chunk: int = 64,
        depth: int = 20,
        deviation: Any = (0.25,),
        initial: Any = None,
        learning_rate: float = 0.001,
        mean: Any = (0.5,),
        momentum: float = 0.9,
        n_epochs: int = 20,
        norm: Any = 'train',
        optimiser: Any = 'adam',
        schedule: Any = 'constant',
        weight_decay: float = 0.0,
        width: int = 0,
        max_iter: int | None = None,
        random_state: int | None = None,
    ) -> None: ...

class RidgeClassifier(Classifier):
    alpha: float
    clip: Any
    fill: Any
    fit_intercept: bool
    log: Any
    n_gram: int
    standardize: bool
    text: Any
    def __init__(
        self,
        *,
        alpha: float = 1.0,
        clip: Any = None,
        fill: Any = None,
        fit_intercept: bool = True,
        log: Any = None,
        n_gram: int = 1,
        standardize: bool = True,
        text: Any = None,
    ) -> None: ...

class RidgeRegressor(Regressor):
    alpha: float
    clip: Any
    fill: Any
    fit_intercept: bool
    log: Any
    n_gram: int
    standardize: bool
    text: Any
    def __init__(
        self,
        *,
        alpha: float = 1.0,
        clip: Any = None,
        fill: Any = None,
        fit_intercept: bool = True,
        log: Any = None,
        n_gram: int = 1,
        standardize: bool = True,
        text: Any = None,
    ) -> None: ...

class SGDClassifier(Stepped, Classifier):
    learning_rate: float
    n_buckets: int
    n_epochs: int
    max_iter: int | None
    eta0: float | None
    random_state: int | None
    def __init__(
        self,
        *,
        learning_rate: float = 0.1,
        n_buckets: int = 4096,
        n_epochs: int = 3,
        max_iter: int | None = None,
        eta0: float | None = None,
        random_state: int | None = None,
    ) -> None: ...

class SGDRegressor(Stepped, Regressor):
    learning_rate: float
    n_buckets: int
    n_epochs: int
    target_scale: float
    max_iter: int | None
    eta0: float | None
    random_state: int | None
    def __init__(
        self,
        *,
        learning_rate: float = 0.1,
        n_buckets: int = 4096,
        n_epochs: int = 3,
        target_scale: float = 1.0,
        max_iter: int | None = None,
        eta0: float | None = None,
        random_state: int | None = None,
    ) -> None: ...

class SisaClassifier(Sharded, Classifier):
    aggregation: Any
    deletion_probability: Any
    deletion_thresholds: Any
    max_checkpoints: Any
    n_shards: int
    n_slices: int
    shard_by: Any
    shards_per_bin: Any
    random_state: int | None
    def __init__(
        self,
        *,
        estimator: Estimator | None = None,
        aggregation: Any = 'mean',
        deletion_probability: Any = None,
        deletion_thresholds: Any = (0.01, 0.1),
        max_checkpoints: Any = None,
        n_shards: int = 8,
        n_slices: int = 4,
        shard_by: Any = 'record',
        shards_per_bin: Any = None,
        random_state: int | None = None,
    ) -> None: ...

class SisaRegressor(Sharded, Regressor):
    aggregation: Any
    deletion_probability: Any
    deletion_thresholds: Any
    max_checkpoints: Any
    n_shards: int
    n_slices: int
    shard_by: Any
    shards_per_bin: Any
    random_state: int | None
    def __init__(
        self,
        *,
        estimator: Estimator | None = None,
        aggregation: Any = 'mean',
        deletion_probability: Any = None,
        deletion_thresholds: Any = (0.01, 0.1),
        max_checkpoints: Any = None,
        n_shards: int = 8,
        n_slices: int = 4,
        shard_by: Any = 'record',
        shards_per_bin: Any = None,
        random_state: int | None = None,
    ) -> None: ...

class TextClassifier(Texts, Classifier):
    alpha: float
    classifier: Any
    n_features: Any
    n_gram: int
    random_state: int | None
    def __init__(
        self,
        *,
        alpha: float = 1.0,
        classifier: Any = 'naive_bayes',
        n_features: Any = None,
        n_gram: int = 2,
        random_state: int | None = None,
    ) -> None: ...
