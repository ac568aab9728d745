# Written by tests/reports.py from the structs of the engine; a test says when it is out of date.
"""What stores report: the command line's JSON, with attributes in place of keys."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from .results import Guarantee, Report


@dataclass(frozen=True)
class ColumnReport(Report):
    """A column of a dataset."""

    name: str
    """Its name."""
    kind: str
    """``numeric``, ``boolean``, ``categorical`` or ``image``."""
    role: str
    """What it is for."""
    declared: bool
    """Whether the kind was declared and not inferred."""
    missing: int
    """How many records lack a value."""
    distinct: int
    """How many different values there are."""
    shape: dict[str, Any] | None = None
    """The shape of its images, if it holds any."""


@dataclass(frozen=True)
class DatasetReport(Report):
    """A dataset."""

    dataset: str
    """Its name."""
    version: int
    """How often it changed, and 1."""
    records: int
    """How many records it holds."""
    held_out: int
    """How many of them models never see."""
    id: str | None
    """The name of the id column; absent if ids are made from content."""
    columns: list[ColumnReport]
    """All other columns."""
    models: list[str]
    """The models trained on it."""
    dropped: list[str]
    """Models of an earlier dataset of this name, which went with it."""
    total_seconds: float
    """Seconds that reading and storing took."""


@dataclass(frozen=True)
class ModelReport(Report):
    """A model, as ``train``, ``show`` and each entry of a request's ``models`` tell of it."""

    model: str
    """Its name."""
    dataset: str
    """The dataset it was trained on."""
    version: int
    """How often it was published."""
    digest: str
    """The digest of the artefact."""
    state_digest: str
    """The digest of the training state."""
    records: int
    """How many records it has learnt."""
    guarantee: Guarantee
    """What the last operation guarantees."""
    seconds: float
    """Seconds of the last operation on the model in memory."""
    total_seconds: float
    """Seconds of the last operation with the durable path."""
    forgets_by: str
    """How the learner forgets: by ``revision`` of the model, or by ``retraining`` it."""
    recipe: dict[str, Any]
    """The recipe."""


@dataclass(frozen=True)
class VersionReport(Report):
    """A version of a model that is or was published."""

    version: int
    """Which one."""
    event: str
    """What made it: ``train``, ``forget`` or ``learn``."""
    request: int | None
    """The request that made it."""
    digest: str
    """The digest of the artefact."""
    state_digest: str
    """The digest of the state."""
    records: int
    """How many records it had learnt."""
    created_ms: int
    """When it was published, in Unix milliseconds."""


@dataclass(frozen=True)
class RequestReport(Report):
    """A request that was carried out, or would be."""

    request: int | None
    """Its number; absent from a dry run and where there was nothing to do."""
    operation: str
    """``forget`` or ``learn``."""
    dataset: str
    """The dataset."""
    state: str
    """How far it has come: ``scoped``, ``held`` or ``closed``; empty where nothing was done."""
    already: int
    """How many of the ids and people that it names were forgotten before."""
    repeated: bool
    """Whether this is the answer that the request, or the one that forgot all that it names, was given before."""
    due_ms: int | None
    """By when it has to be answered, in Unix milliseconds."""
    forgotten: int
    """How many records were forgotten."""
    learnt: int
    """How many records were learnt."""
    unknown: list[str]
    """Ids that no record has, which the request passed over."""
    records: int
    """How many records the dataset holds now."""
    models: list[ModelReport]
    """Every model of the dataset, and what became of it."""
    guarantee: Guarantee
    """The weakest guarantee of all models."""
    dry_run: bool
    """Whether nothing was changed, since it was a dry run."""
    seconds: float
    """Seconds of the operations on the models in memory."""
    total_seconds: float
    """Seconds with the durable path."""
    unfinished: str | None = None
    """Why old bytes could not be erased yet; the next command that writes tries again."""


@dataclass(frozen=True)
class KeyLine(Report):
    """A public key of a policy."""

    role: str
    """``log``, ``issuer``, ``witness`` or ``auditor``."""
    key: str
    """The key."""
    retired: int | None
    """From which size of the log on it signs nothing."""


@dataclass(frozen=True)
class KeysReport(Report):
    """The keys of a store."""

    keys: list[KeyLine]
    """Every public key that its policy names."""
    quorum: str
    """How many witnesses a checkpoint needs: ``none``, or the name of a group."""
    policy: str
    """Where the policy is."""
    log: str
    """Where the log is."""


@dataclass(frozen=True)
class LogLine(Report):
    """An entry of a log."""

    place: int
    """Its index."""
    kind: str
    """The kind of its statement."""
    about: str
    """What it is about."""
    at_ms: int
    """When, in Unix milliseconds."""
    signer: str
    """The key that signed it."""
    digest: str
    """The digest of the signed statement."""


@dataclass(frozen=True)
class LogReport(Report):
    """What a log says."""

    origin: str
    """The log's name."""
    size: int
    """How many entries it has."""
    root: str
    """The root of its tree."""
    waiting: int
    """How many statements wait to be sent to it."""
    entries: list[LogLine]
    """Some of its entries."""
    audited: bool
    """Whether every entry, every tile and every signature was checked."""


@dataclass(frozen=True)
class BackupLine(Report):
    """A backup of a store."""

    epoch: int
    """The epoch whose key opens it."""
    made_ms: int
    """When it was made, in Unix milliseconds."""
    records: int
    """How many records it has."""
    requests: int
    """The number of the last request that it knows."""
    entries: int | None
    """How many entries its log has."""
    destroyed: bool
    """Whether its key is destroyed, so that nobody can read it."""


@dataclass(frozen=True)
class BackupReport(Report):
    """A backup that was made."""

    to: str
    """Where it is."""
    files: int
    """How many files it has."""
    bytes: int
    """How many bytes they have together."""
    epoch: int
    """The epoch whose key opens it."""
    made_ms: int
    """When it was made, in Unix milliseconds."""
    records: int
    """How many records it has."""
    requests: int
    """The number of the last request that it knows."""
    entries: int | None
    """How many entries its log has."""
    destroyed: bool
    """Whether its key is destroyed, so that nobody can read it."""
    unfinished: str | None = None
    """Why old bytes could not be erased yet."""


@dataclass(frozen=True)
class Restoration(Report):
    """A store that was made of a backup."""

    from_: str
    """The backup."""
    forgotten: int
    """How many records were forgotten again."""
    agreed: int
    """How many erasures gave the dataset and the models that the log states."""
    exact_instead: list[str]
    """Models that a method of unlearning had moved since: in their place are exact ones, whose bytes the log does not state."""
    lost: list[str]
    """What came after the backup and is lost."""
    seconds: float
    """Seconds that it took."""


@dataclass(frozen=True)
class RequestLine(Report):
    """A line of ``requests``: a request to forget and its clocks."""

    request: int
    """Its number."""
    id: str
    """Its random id, as it stands in the trail."""
    key: str | None
    """What the requester calls it."""
    dataset: str
    """The dataset."""
    state: str
    """How far it has come."""
    open: bool
    """Whether it is still to be carried out."""
    late: bool
    """Whether it should have been answered or confirmed by now."""
    records: int
    """How many records it is about."""
    regime: str
    """The law whose clocks run."""
    received_ms: int
    """When it arrived."""
    confirm_due_ms: int | None
    """By when it has to be confirmed."""
    confirmed_ms: int | None
    """When it was confirmed."""
    due_ms: int | None
    """By when it has to be answered."""
    extended_ms: int | None
    """When the requester was told that it takes longer."""
    hold: str | None
    """Why a legal hold keeps its records."""
    reason: str | None
    """Why it was refused, cancelled or extended."""


@dataclass(frozen=True)
class Difference(Report):
    """Where the training of a model and its repetition part."""

    checkpoint: int
    """The checkpoint, counted from 0, which is also the span that leads to it."""
    shard: int
    """The shard that it is of."""
    digest: str
    """The digest of the stored model's checkpoint, as it stands in the trail."""
    retrained_digest: str
    """The digest of what retraining gave."""


@dataclass(frozen=True)
class ModelVerification(Report):
    """The outcome of retraining a model from the retained records."""

    model: str
    """The model."""
    scope: dict[str, Any]
    """How much of the training was done again."""
    equal: bool
    """Whether both digests equal those of the retrained model, the records are those that were committed to, the checkpoints those that were stated, and the seed is not another than the trail says."""
    guarantee: Guarantee
    """What the model's version claims: if it is not exact, other digests than a retrained model's break no promise."""
    records: int
    """How many records the model knows."""
    digest: str
    """The digest of the published artefact."""
    retrained_digest: str
    """The digest of the retrained artefact: where a part was retrained, of the model with the result in the place of that part."""
    state_digest: str
    """The digest of the stored state."""
    retrained_state_digest: str
    """The digest of the retrained state."""
    committed: str | None
    """The root of the commitments to the dataset's records, as the trail has it."""
    commitment: str | None
    """The same, computed from the records that are there."""
    seed_follows: bool | None
    """Whether the seed is the one that follows from the log at the registration, where the trail says that it does."""
    n_shards: int | None
    """Of how many shards the model is made, if it is."""
    n_checkpoints: int | None
    """How many checkpoints the training has, if it has some."""
    checkpoints: str | None
    """The same, of the retrained model."""
    forget_seconds: float | None
    """Seconds that the last forgetting took on the model in memory."""
    retrain_seconds: float
    """Seconds that the retraining took."""
    speedup: float | None
    """How many times faster forgetting was."""
    foreign: str | None = None
    """Why the stored state is none that this program makes of the recipe and the records: another float profile, another format."""
    committed_checkpoints: str | None = None
    """The root of the tree over the checkpoints, as the trail has it, if the outcome was stated."""
    first_difference: Difference | None = None
    """The first checkpoint that differs, if one does."""
    statement: str | None = None
    """The digest of the signed statement, if the outcome was stated."""

    def __bool__(self) -> bool:
        return self.equal


@dataclass(frozen=True)
class OneRunReport(Report):
    """Lower bounds on ε from one model of each kind."""

    epsilon: float
    """Of the candidate."""
    null: float
    """Of a retrained model."""
    positive_control: float
    """Of the original."""
    guesses: int
    """How many points were guessed to be in or out."""
    points: int
    """How many points there were."""


@dataclass(frozen=True)
class RelearnReport(Report):
    """How fast copies of models come back to what they forgot: steps until they are as sure of it as 95 % of the original, as a ratio to a retrained model's (AIN). 1 is ideal, and much less shows knowledge that is left."""

    ain: float | None
    """Of the candidate, the mean over worlds."""
    null: float | None
    """Of another retrained model."""
    positive_control: float | None
    """Of the original, which need not learn anything."""
    worlds: int
    """In how many worlds it was looked at."""
    steps: int
    """In how many steps the records are learnt."""


@dataclass(frozen=True)
class AuditReport(Report):
    """What an audit found, and what was done for it."""

    model: str
    """The model."""
    version: int
    """Its version."""
    digest: str
    """The digest of its artefact."""
    dataset: str
    """The dataset."""
    learner: str
    """The learner."""
    params: dict[str, Any]
    """Its hyperparameters, all of them."""
    forgets_by: str
    """``revision``, or ``retraining``."""
    guarantee: Guarantee
    """What forgetting claims."""
    source: dict[str, Any]
    """Which records were asked about."""
    records: int
    """How many records the worlds have for training."""
    asked: int
    """How many records were asked about, without the canaries."""
    canaries: int
    """How many records got a wrong label."""
    holdout: int
    """How many records that no model was trained on were asked about."""
    worlds: int
    """How many worlds there were."""
    replayed: int
    """In how many worlds the candidate had the bytes of a retrain of its own seed, state and artefact."""
    replays: int
    """In how many worlds that was looked at."""
    train_seconds: float
    """Seconds that a training took, the median."""
    forget_seconds: float
    """Seconds that forgetting took, the median."""
    scratch_records: int
    """How many records the retrain of equal cost was trained on, the median."""
    one_run: OneRunReport | None
    """The lower bound on ε from one world; none with fewer than 40 points."""
    relearning: RelearnReport | None
    """How fast models learn again what they forgot; none for learners that retrain, and for numbers."""
    seed: int
    """The key of all that was drawn."""
    verdict: str
    """What follows from all of it."""
    replaced_an_audit: bool
    """Whether what an earlier audit of the model kept was of something else and was given up."""
    audit: dict[str, Any]
    """The verdicts and the evidence."""
    settings: dict[str, Any]
    """How the evidence was had."""
    program: str
    """The version of the program."""
    at_ms: int
    """When it was finished, in Unix milliseconds."""
    total_seconds: float
    """Seconds that all took; less where worlds were kept from an audit that was stopped."""


@dataclass(frozen=True)
class MarkReport(Report):
    """Whether a mark that a user planted in her own records still works."""

    queries: int
    """How many inputs with the mark were asked about."""
    hits: int
    """For how many the model gives the planted answer."""
    threshold: int
    """How many are too many, if the records were forgotten."""
    rejected: bool
    """Whether there were too many: that the records were forgotten is rejected."""
    deleted_rate: float
    """How often a model gives the planted answer that never saw the mark: measured on the holdout."""
    kept_rate: float
    """How often one gives it that learnt the mark."""
    type_one: float
    """The chance that a model that forgot is rejected."""
    type_two: float
    """The chance that a model that did not forget is believed."""


@dataclass(frozen=True)
class Exposure(Report):
    """How exposed a record is."""

    id: str
    """The record."""
    lira: float
    """LiRA's score: the logarithm of how much likelier the model's answer is if it learnt the record than if it did not."""
    influence: float
    """By how much learning the record raises the margin of its own answer, the mean over the shadow models."""


@dataclass(frozen=True)
class ExposureReport(Report):
    """How exposed records of a model's training are."""

    model: str
    """The model."""
    version: int
    """Its version."""
    shadows: int
    """How many shadow models there were."""
    asked: int
    """How many records were asked about."""
    auc: float
    """How well LiRA tells the model from what it is without a record: the area under the curve, over the records; 0.5 if not at all."""
    records: list[Exposure]
    """The records, the most exposed first."""
    train_seconds: float
    """Seconds that a training took."""
    forget_seconds: float
    """Seconds that it took to have a model forget a record, and learn it again."""
    saving: float
    """How many times less that is than a training."""
    total_seconds: float
    """Seconds that all took."""


@dataclass(frozen=True)
class Scores(Report):
    """Measures of predictions against targets; those that do not apply are absent."""

    accuracy: float | None = None
    """The share of records whose most probable class is the true one."""
    auc: float | None = None
    """With two classes, the area under the ROC curve of the second; ties count half."""
    log_loss: float | None = None
    """The mean of −ln p(true class), with p at least 1e-15."""
    rmse: float | None = None
    """The root of the mean squared error."""
    r2: float | None = None
    """The share of the variance explained; absent if the targets do not vary."""
    recall_at_k: float | None = None
    """Of recommendations, with k the length of lists: the mean over users of hits / min(k, held-out items)."""
    ndcg_at_k: float | None = None
    """Of recommendations: the mean over users of Σ 1 / log2(rank + 1) over the hits, divided by what it would be if the first min(k, held-out items) ranks were hits."""
    inertia: float | None = None
    """The mean squared distance of a record from the centre of its cluster, in units of features."""


@dataclass(frozen=True)
class Evaluation(Report):
    """How good a model's predictions are."""

    model: str
    """The model."""
    on: str
    """What it was evaluated on: ``holdout`` or the path of a file."""
    records: int
    """How many records that was."""
    users: int | None = None
    """Of recommendations: the users that were scored."""
    users_passed_over: int | None = None
    """Of recommendations: the users of these records without an item left to find, or without a known item to start from."""
    accuracy: float | None = None
    """The share of records whose most probable class is the true one."""
    auc: float | None = None
    """With two classes, the area under the ROC curve of the second; ties count half."""
    log_loss: float | None = None
    """The mean of −ln p(true class), with p at least 1e-15."""
    rmse: float | None = None
    """The root of the mean squared error."""
    r2: float | None = None
    """The share of the variance explained; absent if the targets do not vary."""
    recall_at_k: float | None = None
    """Of recommendations, with k the length of lists: the mean over users of hits / min(k, held-out items)."""
    ndcg_at_k: float | None = None
    """Of recommendations: the mean over users of Σ 1 / log2(rank + 1) over the hits, divided by what it would be if the first min(k, held-out items) ranks were hits."""
    inertia: float | None = None
    """The mean squared distance of a record from the centre of its cluster, in units of features."""


@dataclass(frozen=True)
class DatasetLine(Report):
    """A line of ``list``: a dataset and its models."""

    dataset: str
    """The dataset."""
    version: int
    """Its version."""
    records: int
    """How many records it holds."""
    models: list[ModelReport]
    """Its models."""


@dataclass(frozen=True)
class Listing(Report):
    """What a store holds."""

    store: str
    """The store's directory."""
    datasets: list[DatasetLine]
    """Its datasets."""
    requests: int
    """How many requests it has carried out."""


@dataclass(frozen=True)
class Revision(Report):
    """What forgetting by revision takes, measured on a sample."""

    records: int
    """How many records the sample has."""
    retrain_seconds: float
    """Seconds that training on it takes."""
    forget_seconds: float
    """Seconds that forgetting one record takes, the mean of a few."""


@dataclass(frozen=True)
class PlanEntry(Report):
    """A number of shards and slices, and what they cost."""

    n_shards: int
    """How many shards."""
    n_slices: int
    """How many slices each."""
    given: bool
    """Whether the recipe says so."""
    smallest: int
    """How many records the smallest shard holds."""
    largest: int
    """How many records the largest shard holds."""
    training: float
    """How many records training goes over: more than there are where a shard is trained in slices, each step on all so far."""
    retrained: float
    """How many records one request is expected to go over, for the shards of these records."""
    one_request: float
    """That, as a share of training."""
    paper: float
    """The same by the paper's formula, for equal shards and slices."""
    one_by_one: float
    """The expected cost of all requests, one after another, as a share of training as often."""
    batch: float
    """The expected cost of all requests in one batch, as a share of training once."""
    models: int
    """How many models are kept: the shards' and their checkpoints."""
    state_bytes: int
    """About how many bytes they take: so many states as that of a shard."""
    scores: Scores | None
    """How good the predictions are, if that was measured."""
    train_seconds: float | None
    """Seconds that training took, if that was measured."""
    forget_seconds: float | None
    """Seconds that forgetting one record took, the mean of a few, if that was measured."""


@dataclass(frozen=True)
class Plan(Report):
    """What sharding would cost and save."""

    dataset: str
    """The dataset."""
    records: int
    """How many records models would learn."""
    learner: str
    """The learner of each shard, or alone."""
    is_native: bool
    """Whether it forgets by revision, so that it needs no shards."""
    is_sliced: bool
    """Whether slices have an effect, since it goes on from checkpoints."""
    requests: int
    """How many requests are expected."""
    revision: Revision | None
    """For a learner that forgets by revision, what that takes."""
    entries: list[PlanEntry]
    """Shards and slices to choose from; none where no shards are needed."""
    scored_on: str | None
    """What the scores were measured on, if they were."""
    single: Scores | None
    """How good one model of all records is."""


@dataclass(frozen=True)
class FailedMethod(Report):
    """A method that could not be compared."""

    name: str
    """Its name."""
    reason: str
    """Why."""


@dataclass(frozen=True)
class ComparisonRow(Report):
    """A row of a comparison; numbers are means over worlds, and medians for seconds."""

    name: str
    """What it is called."""
    kind: str
    """What it is."""
    about: str | None
    """For a method, what it does."""
    paper: str | None
    """For a method, the paper."""
    suits: bool
    """Whether it was made for the goal."""
    settings: dict[str, Any] | None
    """For a method, its hyperparameters."""
    guarantee: Guarantee
    """What it promises."""
    steps: float
    """Steps, of the size of those of training."""
    share: float
    """The same as a share of a training."""
    search_steps: float
    """Of the steps, those that the search of hyperparameters took."""
    seconds: float
    """Seconds, on one thread."""
    stopped: str
    """Why it stopped, in the first world."""
    accuracy_forget: float | None
    """The share of the points that were in the training, and were to be forgotten, that it has right."""
    accuracy_retain: float | None
    """Of those that are retained."""
    accuracy_holdout: float | None
    """Of those that no network was trained on."""
    efficacy: dict[str, Any] | None
    """How well networks of this row are told from retrained ones: the area under the curve of the game. 0.5 is not at all."""
    privacy: dict[str, Any] | None
    """How well points that it forgot are told from points that it never saw."""
    relearning: float | None
    """How fast it learns the points again: steps in the ratio to a retrained network's. 1 is ideal, less is knowledge that is left."""
    rounding: float | None
    """The accuracy on the points with weights of four bits less that with whole weights: over 0, rounding brings them back."""
    over_scratch: dict[str, Any] | None
    """For a method, what it has more than a network from scratch at the same cost."""


@dataclass(frozen=True)
class Comparison(Report):
    """Methods of unlearning side by side, on one model's recipe and records."""

    model: str
    """The model."""
    version: int
    """Its version."""
    digest: str
    """The digest of its artefact."""
    dataset: str
    """The dataset."""
    learner: str
    """The learner."""
    params: dict[str, Any]
    """Its hyperparameters, all of them."""
    source: dict[str, Any]
    """Which records are forgotten."""
    goal: str
    """What for."""
    points: int
    """How many records can be forgotten; in each world about half of them are."""
    canaries: int
    """How many of them have a wrong label."""
    asked: list[int]
    """How many records of the holdout, and of those that are retained, networks are asked about."""
    worlds: int
    """How many worlds there were."""
    train_steps: int
    """How many steps a training takes."""
    rows: list[ComparisonRow]
    """The rows: what is always there, and then the methods."""
    failed: list[FailedMethod]
    """Methods that could not be compared, and why."""
    search: str | None
    """How hyperparameters were found: by a search with this criterion, or as they stand."""
    float_profile: str
    """The float profile of the networks."""
    seed: int
    """The key of all that was drawn."""
    program: str
    """The version of the program."""
    at_ms: int
    """When it was finished, in Unix milliseconds."""
    total_seconds: float
    """Seconds that all took."""


@dataclass(frozen=True)
class ShownModel(ModelReport):
    """A model with what its artefact and its past tell."""

    artefact: dict[str, str]
    """Facts about the artefact."""
    importances: list[dict[str, Any]]
    """How much features matter, the most important first."""
    history: list[VersionReport]
    """The versions, oldest first."""


@dataclass(frozen=True)
class CheckReport(Report):
    """Whether a receipt was accepted. It is true if it was."""

    accepted: bool
    """Whether it was."""
    error: str | None
    """Why not."""
    artefact: str | None
    """What there is to say of the artefact that was given."""
    checked: dict[str, Any] | None
    """What was found."""
    report: str | None
    """The same in sentences."""

    def __bool__(self) -> bool:
        return self.accepted
