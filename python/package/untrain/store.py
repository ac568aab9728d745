"""Stores: the verbs of the command line as methods."""

from __future__ import annotations

import difflib
import json
import os
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from . import _native
from .errors import BadParameter, UnknownModel
from .results import Predictions
from .tables import is_pandas, texts

if TYPE_CHECKING:
    from . import reports
    from .base import Estimator


def open(path: str | os.PathLike[str] = "untrain-store", *, wait: float = 10.0, passphrase: str | None = None) -> Store:
    """Opens the store in a directory; makes it if there is none.

    Parameters
    ----------
    path : path
        The directory.
    wait : float
        For how many seconds a verb waits while other processes use the store.
    passphrase : str, optional
        What opens the private keys of the store, and encrypts those of a new one.

    Returns
    -------
    Store

    Raises
    ------
    StoreBusy
        If another process holds it for longer.
    """
    store = Store(path, wait=wait, passphrase=passphrase)
    store._native.touch()
    return store


def check(
    receipt: bytes | str | os.PathLike[str],
    policy: str | os.PathLike[str] | None = None,
    *,
    level: Literal[1, 2, 3, 4] = 2,
    request: str | None = None,
    artefact: bytes | str | os.PathLike[str] | None = None,
) -> reports.CheckReport:
    """Checks a receipt, offline: signatures, the log, the chain of statements, and replays.

    Parameters
    ----------
    receipt : bytes or path
        The receipt.
    policy : path, optional
        The keys to trust; without it those in the receipt, which are the operator's own word.
    level : int
        What is needed: 1 or 2, signatures and the chain; 3, replays of all that changed; 4, of a part of it.
    request : str, optional
        Refuse the receipt of another request than this one, by its random name.
    artefact : bytes or path, optional
        A model that is served, to be compared with what is stated.

    Returns
    -------
    CheckReport
        True if the receipt was accepted.
    """
    from . import reports

    trusted = None if policy is None else Path(policy).read_text()
    served = None if artefact is None else _bytes(artefact)
    return reports.CheckReport._of(json.loads(_native.check(_bytes(receipt), trusted, level, request, served)))


def restore(
    source: str | os.PathLike[str],
    store: str | os.PathLike[str],
    *,
    keys: str | os.PathLike[str],
    trail: str | os.PathLike[str] | None = None,
    passphrase: str | None = None,
) -> reports.Restoration:
    """Makes a store of a backup; what the log says was forgotten since is forgotten again.

    Parameters
    ----------
    source : path
        The backup.
    store : path
        The directory of the store that is made.
    keys : path
        The directory of keys: ``keys`` of the store that was backed up, or a copy of it.
    trail : path, optional
        The log as it is now; by default ``trail`` beside the keys.
    passphrase : str, optional
        What opens the private keys.

    Returns
    -------
    Restoration
    """
    from . import reports

    log = Path(keys).parent / "trail" if trail is None else Path(trail)
    native = _native.Store(os.fspath(store), 10.0, passphrase)
    return reports.Restoration._of(json.loads(native.restore(os.fspath(source), os.fspath(keys), os.fspath(log))))


class Store:
    """Datasets, models and requests in a directory, with a signed log of all of them.

    A store is held only while a verb runs, so that command lines and other processes can use it in between. Records are given as
    the path of a file (CSV, TSV, JSON Lines, Parquet), a DataFrame of pandas or polars, a table of Arrow, or a dictionary of columns.

    Examples
    --------
    >>> import tempfile, untrain
    >>> store = untrain.open(tempfile.mkdtemp() + "/store")
    >>> people = {"id": list(range(100)), "age": [i % 60 for i in range(100)], "buys": [i % 60 > 30 for i in range(100)]}
    >>> store.import_(people, "people", id="id", target="buys").records
    100
    >>> report = store.train("people", "buyers", "forest", seed=7)
    >>> request = store.forget("people", [3, 17])
    >>> request.forgotten, request.models[0].records, bool(store.verify("buyers"))
    (2, 98, True)
    """

    def __init__(self, path: str | os.PathLike[str], *, wait: float = 10.0, passphrase: str | None = None) -> None:
        self.path = Path(path)
        self._native = _native.Store(os.fspath(path), wait, passphrase)

    def __repr__(self) -> str:
        return f"untrain.open({os.fspath(self.path)!r})"

    # Records

    def import_(
        self,
        records: Any,
        dataset: str,
        *,
        id: str | None = None,
        id_from_content: bool = False,
        subject: str | None = None,
        target: str | None = None,
        groups: Sequence[str] = (),
        time: str | None = None,
        categorical: Sequence[str] = (),
        numeric: Sequence[str] = (),
        boolean: Sequence[str] = (),
        drop: Sequence[str] = (),
        missing: Sequence[str] = (),
        holdout: float | tuple[str, str] | None = None,
        delimiter: str | None = None,
        labels: str | os.PathLike[str] | None = None,
        replace: bool = False,
        forgotten: Literal["refuse", "skip", "accept"] = "refuse",
    ) -> reports.DatasetReport:
        """Stores records as a dataset.

        Parameters
        ----------
        records : path, DataFrame, Arrow table or dict
            The records. Columns of categories are declared to be categorical.
        dataset : str
            What to call the dataset.
        id : str, optional
            The column of ids; by default the index of a pandas DataFrame that is more than row numbers.
        id_from_content : bool
            Whether to make ids from the records' content.
        subject, target, time : str, optional
            The column that names the person a record belongs to; that models predict; that tells when a record arose.
        groups : sequence of str
            Columns that audits group records by.
        categorical, numeric, boolean, drop : sequence of str
            Columns declared to hold categories, numbers or truth values, and columns to leave out.
        missing : sequence of str
            Markers of missing values besides the usual ones.
        holdout : float or (column, value), optional
            Records that models never see: a share, or those with a value in a column.
        delimiter : str, optional
            What separates the values of a CSV file.
        labels : path, optional
            The file of labels that belongs to a file of images.
        replace : bool
            Whether a dataset of the same name gives way, with its models.
        forgotten : {"refuse", "skip", "accept"}
            What becomes of records that were forgotten before.

        Returns
        -------
        DatasetReport
        """
        given, index = _given(records)
        if id is None and not id_from_content:
            id = index
        held = None if holdout is None else {"fraction": holdout} if not isinstance(holdout, tuple) else _value(*holdout)
        roles = {
            "id": id,
            "id_from_content": id_from_content,
            "subject": subject,
            "target": target,
            "groups": list(groups),
            "time": time,
            "categorical": list(categorical),
            "numeric": list(numeric),
            "boolean": list(boolean),
            "drop": list(drop),
            "missing": list(missing),
            "holdout": held,
            "delimiter": delimiter,
            "labels": None if labels is None else os.fspath(labels),
        }
        return self._report("DatasetReport", "import", given, dataset=dataset, roles=roles, replace=replace, forgotten=forgotten)

    def learn(self, dataset: str, records: Any, *, forgotten: Literal["refuse", "skip", "accept"] = "refuse") -> reports.RequestReport:
        """Adds records, in columns like those that were imported, to a dataset and to every model of it."""
        return self._report("RequestReport", "learn", _given(records)[0], dataset=dataset, forgotten=forgotten)

    def records(self, dataset: str) -> _native.Records:
        """The records of a dataset, for anything that reads Arrow: ``polars.DataFrame(store.records("people"))``."""
        return self._native.records(dataset)

    # Models

    def train(
        self,
        dataset: str,
        model: str,
        learner: str | Estimator | os.PathLike[str],
        params: Mapping[str, Any] | None = None,
        *,
        seed: int | None = None,
        replace: bool = False,
    ) -> reports.ModelReport:
        """Trains a model on the records of a dataset that are not held out.

        Parameters
        ----------
        dataset, model : str
            The dataset, and what to call the model.
        learner : str, Estimator or path
            The name of a learner, an estimator with its hyperparameters, or a recipe file.
        params : mapping, optional
            Hyperparameters, for a learner by name.
        seed : int, optional
            The key of all randomness; without it, and without a ``random_state`` or one in the recipe file, it follows from what the
            store's log is now, and is not picked by anybody.
        replace : bool
            Whether a model of the same name gives way.

        Returns
        -------
        ModelReport
        """
        recipe = _recipe(learner, params, seed)
        return self._report("ModelReport", "train", dataset=dataset, model=model, recipe=recipe, replace=replace)

    def predict(self, model: str, records: Any) -> Predictions:
        """What a model says of records."""
        return Predictions._of(*self._native.predict(model, _given(records)[0]))

    def evaluate(self, model: str, records: Any = None) -> reports.Evaluation:
        """Compares a model's predictions with the truth, on records or on those that are held out."""
        return self._report("Evaluation", "evaluate", None if records is None else _given(records)[0], model=model)

    def artefact(self, model: str) -> bytes:
        """The canonical bytes of what is served; no record and no id is in them, and their SHA-256 is the model's digest."""
        return self._native.artefact(model)

    def artefact_json(self, model: str) -> dict[str, Any]:
        """Everything that a model's artefact holds."""
        return json.loads(self._native.artefact_json(model))

    def export(
        self, model: str, out: str | os.PathLike[str], format: Literal["json", "bytes", "safetensors"] = "json"
    ) -> None:
        """Writes a model's artefact to a file; a network also as safetensors, under the names that PyTorch has."""
        formats: dict[str, Callable[[str], bytes]] = {
            "json": lambda name: self._native.artefact_json(name).encode(),
            "bytes": self._native.artefact,
            "safetensors": self._native.safetensors,
        }
        if format not in formats:
            raise BadParameter(f"format cannot be {format!r}", f"it is one of {', '.join(formats)}", name="format")
        _write(Path(out), formats[format](model))

    # Requests

    def forget(
        self,
        dataset: str,
        ids: Any = (),
        *,
        ids_file: str | os.PathLike[str] | None = None,
        subjects: Sequence[str] = (),
        where: str | None = None,
        models: Sequence[str] = (),
        ignore_unknown: bool = False,
        dry_run: bool = False,
        request: str | None = None,
        regime: Literal["none", "gdpr", "ccpa"] = "none",
        received: str | None = None,
        defer: bool = False,
        hold: str | None = None,
        verify: bool = False,
        method: str = "exact",
        params: Mapping[str, Any] | None = None,
        receipt: str | os.PathLike[str] | None = None,
    ) -> reports.RequestReport:
        """Forgets records: in the dataset and in every model that was trained on it.

        Parameters
        ----------
        dataset : str
            The dataset.
        ids : str, int, or sequence of these
            Records, by their ids.
        ids_file : path, optional
            A file of ids, one a line.
        subjects : sequence of str
            People, with all their records.
        where : str, optional
            A condition on the columns, as in ``"age < 18 and country = 'FR'"``.
        models : sequence of str
            The models that the requester knows of; naming fewer than all is refused.
        ignore_unknown : bool
            Whether to pass over ids that no record has.
        dry_run : bool
            Whether to tell what would happen, and change nothing.
        request : str, optional
            What to call the request: asked again by the same name, it is answered as it was.
        regime : {"none", "gdpr", "ccpa"}
            The law whose clocks run.
        received : str, optional
            When the request arrived, as ``2026-11-24`` or ``2026-11-24T09:30:00Z``.
        defer : bool
            Whether to register the request, and carry it out later.
        hold : str, optional
            A legal hold, and why: the models forget, and the records are kept.
        verify : bool
            Whether to retrain every model and compare before anything is published.
        method : str
            How to forget: ``"exact"``, or for networks a method of unlearning that promises less.
        params : mapping, optional
            Hyperparameters of the method.
        receipt : path, optional
            Where to write the receipt, with what shows the requester whose records it is about: later that is erased.

        Returns
        -------
        RequestReport
        """
        named = texts(ids)
        if ids_file is not None:
            lines = Path(ids_file).read_text(encoding="utf-8-sig").splitlines()
            named += [line.strip() for line in lines if line.strip()]
        options = {
            "subjects": [subjects] if isinstance(subjects, str) else list(subjects),
            "models": [models] if isinstance(models, str) else list(models),
            "ignore_unknown": ignore_unknown,
            "dry_run": dry_run,
            "request": request,
            "regime": regime,
            "received": received,
            "defer": defer,
            "hold": hold,
            "verify": verify,
            "method": None if method == "exact" else (method, dict(params or {})),
        }
        report = self._report("RequestReport", "forget", dataset=dataset, ids=named, condition=where, options=options)
        if receipt is not None and report.request is not None and not dry_run and not defer:
            self.receipt(report.request, receipt)
        return report

    def forget_deferred(self, dataset: str, *, verify: bool = False) -> reports.RequestReport:
        """Carries out what was registered with ``defer=True``, all at once."""
        return self._report("RequestReport", "forget_deferred", dataset=dataset, verify=verify)

    def receipt(self, request: int | str, out: str | os.PathLike[str] | None = None) -> Sequence[bytes]:
        """The receipts of a request, as ZIP files; written to ``out`` too, and where there are more, to others that are numbered."""
        _, receipts = self._native.receipts(str(request))
        for place, content in enumerate(receipts if out is not None else ()):
            path = Path(out)  # type: ignore[arg-type]
            _write(path if place == 0 else path.with_suffix(f".{place + 1}.zip"), content)
        return receipts

    def requests(self, *, open: bool = False, late: bool = False, held: bool = False) -> Sequence[reports.RequestLine]:
        """Requests to forget, those due first; only what is open, late, or under a legal hold, if that is asked for."""
        from . import reports

        lines = [reports.RequestLine._of(line) for line in self._ask("requests")]
        wanted = ((open, lambda line: line.open), (late, lambda line: line.late), (held, lambda line: line.hold is not None))
        return [line for line in lines if all(test(line) for asked, test in wanted if asked)]

    def confirm(self, request: int | str) -> reports.RequestLine:
        """Notes that the requester was told that the request arrived."""
        return self._report("RequestLine", "confirm", request=str(request))

    def extend(self, request: int | str, reason: str) -> reports.RequestLine:
        """Notes that the requester was told that it takes longer, and why."""
        return self._report("RequestLine", "extend", request=str(request), reason=reason)

    def cancel(self, request: int | str, reason: str = "") -> reports.RequestLine:
        """Takes a request back before it is carried out."""
        return self._report("RequestLine", "cancel", request=str(request), reason=reason)

    def refuse(self, request: int | str, reason: str) -> reports.RequestLine:
        """Refuses a request, with the reason that the requester has to be told."""
        return self._report("RequestLine", "refuse", request=str(request), reason=reason)

    def hold(self, request: int | str, reason: str) -> reports.RequestLine:
        """Puts a legal hold on a deferred request."""
        return self._report("RequestLine", "hold", request=str(request), reason=reason)

    def release(self, request: int | str) -> reports.RequestLine:
        """Lifts a legal hold: the records that it kept are erased."""
        return self._report("RequestLine", "release", request=str(request))

    def destroy_suppression_list(self) -> int:
        """Destroys the list that tells forgotten records when they come back; returns how many there were."""
        return self._ask("destroy_suppression_list")

    # Proof

    def verify(
        self,
        model: str,
        *,
        shard: int | Literal["random"] | None = None,
        span: tuple[int, int] | None = None,
        key: str | os.PathLike[str] | None = None,
    ) -> reports.ModelVerification:
        """Retrains a model from the records that are left, and compares digests.

        Parameters
        ----------
        model : str
            The model.
        shard : int or "random", optional
            Retrain one shard only.
        span : (int, int), optional
            Retrain only what leads from one checkpoint to before another.
        key : path, optional
            The file of an auditor's private key: the outcome is stated in the trail under it.

        Returns
        -------
        ModelVerification
            True if all is equal.
        """
        drawn = shard == "random"
        key = None if key is None else os.fspath(key)
        return self._report(
            "ModelVerification", "verify", model=model, shard=None if drawn else shard, any_shard=drawn, span=span, key=key
        )

    def audit(
        self,
        model: str,
        *,
        forget: Any = None,
        records: Any = None,
        attacks: Sequence[str] = (),
        budget: float = 300.0,
        worlds: int | None = None,
        points: int = 400,
        canaries: int = 40,
        level: float = 0.05,
        seed: int = 0,
        out: str | os.PathLike[str] | None = None,
    ) -> reports.AuditReport:
        """Trains the recipe in many worlds, has it forget, and attacks what comes out. Shows progress if tqdm is installed.

        Parameters
        ----------
        model : str
            The model.
        forget : sequence of ids, optional
            The records to forget; by default those of the last request, or as many others if these are erased.
        records : path, DataFrame, Arrow table or dict, optional
            Copies of the forgotten records, in place of ``forget``.
        attacks : sequence of str
            Only these attacks and metrics.
        budget : float
            About how many seconds the trainings may take.
        worlds : int, optional
            In how many worlds to train, in place of what the budget allows.
        points : int
            The most records that are asked about.
        canaries : int
            How many records besides get a wrong label.
        level : float
            The chance with which a perfect unlearner fails.
        seed : int
            The key of all that is drawn.
        out : path, optional
            Where to write the report as a page of HTML.

        Returns
        -------
        AuditReport
        """
        options = {
            "forget": None if forget is None else texts(forget),
            "attacks": list(attacks),
            "budget": budget,
            "worlds": worlds,
            "points": points,
            "canaries": canaries,
            "level": level,
            "seed": seed,
        }
        given = None if records is None else _given(records)[0]
        page = None if out is None else os.fspath(out)
        return self._report("AuditReport", "audit", given, progress=f"auditing {model}", model=model, options=options, out=page)

    def compare(
        self,
        model: str,
        methods: Sequence[str] | Mapping[str, Mapping[str, Any]] = (),
        *,
        forget: Any = None,
        goal: Literal["random", "class", "concept", "poison"] | None = None,
        search: bool = False,
        budget: float = 600.0,
        worlds: int | None = None,
        points: int = 400,
        canaries: int = 0,
        seed: int = 0,
        out: str | os.PathLike[str] | None = None,
    ) -> reports.Comparison:
        """Compares methods of unlearning on a network, beside networks trained anew. Shows progress if tqdm is installed.

        Parameters
        ----------
        model : str
            The model, a network.
        methods : sequence of str, or mapping of str to hyperparameters
            The methods, as ``["fine_tune"]`` or ``{"scrub": {"n_epochs": 5}}``; all by default.
        forget : sequence of ids, optional
            The records to forget; by default as many as ``points``, drawn.
        goal : {"random", "class", "concept", "poison"}, optional
            What they are forgotten for; found out from them by default.
        search : bool
            Whether to search hyperparameters that are not set; what that takes is part of a method's cost.
        budget : float
            About how many seconds the trainings may take.
        worlds : int, optional
            In how many worlds to train, in place of what the budget allows.
        points : int
            The most records that are forgotten.
        canaries : int
            How many records besides get a wrong label, and are to be forgotten too.
        seed : int
            The key of all that is drawn.
        out : path, optional
            Where to write the comparison as a page of HTML.

        Returns
        -------
        Comparison
        """
        named = methods if isinstance(methods, Mapping) else dict.fromkeys([methods] if isinstance(methods, str) else methods, {})
        options = {
            "forget": None if forget is None else texts(forget),
            "methods": [(name, dict(params)) for name, params in named.items()],
            "goal": goal,
            "search": search,
            "budget": budget,
            "worlds": worlds,
            "points": points,
            "canaries": canaries,
            "seed": seed,
        }
        page = None if out is None else os.fspath(out)
        return self._report("Comparison", "compare", progress=f"comparing on {model}", model=model, options=options, out=page)

    def exposures(
        self, model: str, ids: Any = None, *, points: int = 400, shadows: int = 64, seed: int = 0
    ) -> reports.ExposureReport:
        """Tells of each record how exposed it is in a model, by shadow models with it and without it (LiRA)."""
        named = None if ids is None else texts(ids)
        progress = f"asking {shadows} shadow models"
        asked = {"model": model, "ids": named, "points": points, "shadows": shadows, "seed": seed}
        return self._report("ExposureReport", "exposures", progress=progress, **asked)

    def mark(self, model: str, inputs: Any, planted: str, kept: float, *, level: float = 0.05) -> reports.MarkReport:
        """Tests whether a mark that a user planted in her own records still works (Athena).

        Parameters
        ----------
        model : str
            The model.
        inputs : path, DataFrame, Arrow table or dict
            Inputs with the mark.
        planted : str
            The answer that the mark was to bring about.
        kept : float
            How often the model gave it before the records were forgotten.
        level : float
            The chance with which a model that forgot is rejected.

        Returns
        -------
        MarkReport
        """
        return self._report("MarkReport", "mark", _given(inputs)[0], model=model, planted=planted, kept=kept, level=level)

    def log(self, first: int | None = None, limit: int = 20) -> reports.LogReport:
        """The log of all trainings and deletions, from an entry on; the last entries by default."""
        return self._report("LogReport", "log", first=first, limit=limit)

    def audit_log(self) -> reports.LogReport:
        """Checks every entry, every hash and every signature of the log."""
        return self._report("LogReport", "audit_log")

    def cosign(self, cosignatures: str) -> reports.LogReport:
        """Adds the cosignatures of witnesses, as they wrote them."""
        return self._report("LogReport", "cosign", text=cosignatures)

    def keys(self) -> reports.KeysReport:
        """The public keys and the policy of the store."""
        return self._report("KeysReport", "keys")

    def trust(self, key: str | os.PathLike[str], name: str | None = None) -> reports.KeysReport:
        """Has the policy trust a witness or an auditor, by the public key or a file that holds it."""
        return self._report("KeysReport", "trust", key=os.fspath(key), name=name)

    def require_witnesses(self, n: int) -> reports.KeysReport:
        """Has the policy ask for the cosignatures of so many of its witnesses."""
        return self._report("KeysReport", "quorum", witnesses=n)

    def rotate(self, role: Literal["log", "issuer"]) -> reports.KeysReport:
        """Replaces the key of the log or of the issuer; the old public key stays in the policy for what it signed."""
        return self._report("KeysReport", "rotate", role=role)

    # The store

    def show(self, name: int | str | None = None, kind: Literal["dataset", "model", "request"] | None = None) -> Any:
        """What there is to say of a dataset, a model, a request, or the store.

        Returns
        -------
        DatasetReport, ShownModel, dict or Listing
            A request is a dictionary: what the command line shows of it.
        """
        if name is None:
            return self.list()
        name = str(name)
        kind = self._kind(name) if kind is None else kind
        if kind == "dataset":
            return self._report("DatasetReport", "show_dataset", dataset=name)
        if kind == "model":
            return self._report("ShownModel", "show_model", model=name)
        return self._ask("show_request", request=name)

    def list(self) -> reports.Listing:
        """The datasets and their models."""
        return self._report("Listing", "list")

    def plan(
        self,
        dataset: str,
        learner: str | Estimator | os.PathLike[str],
        params: Mapping[str, Any] | None = None,
        *,
        seed: int | None = None,
        requests: int = 100,
        measure: bool = False,
    ) -> reports.Plan:
        """Tells what sharding a learner would cost and save, before training.

        Parameters
        ----------
        dataset, learner, params, seed
            As for `train`.
        requests : int
            How many requests to forget are expected.
        measure : bool
            Whether to train every entry of the table, score it on the held-out records and time it.

        Returns
        -------
        Plan
        """
        recipe = _recipe(learner, params, seed)
        return self._report("Plan", "plan", dataset=dataset, recipe=recipe, requests=requests, measure=measure)

    def backup(self, to: str | os.PathLike[str]) -> reports.BackupReport:
        """Copies the store to an absent or empty directory, encrypted under a key of the store's."""
        return self._report("BackupReport", "backup", to=os.fspath(to))

    def backups(self) -> Sequence[reports.BackupLine]:
        """The backups that were made."""
        return self._lines("backups")

    def destroy_backup(self, epoch: int) -> Sequence[reports.BackupLine]:
        """Destroys the key of the backup of this epoch: nobody can read it from then on."""
        return self._lines("destroy_backup", epoch=epoch)

    def _lines(self, verb: str, **arguments: Any) -> Sequence[reports.BackupLine]:
        from . import reports

        return [reports.BackupLine._of(line) for line in self._ask(verb, **arguments)]

    def _kind(self, name: str) -> Literal["dataset", "model", "request"]:
        listing = self.list()
        datasets = {line.dataset for line in listing.datasets}
        models = {model.model for line in listing.datasets for model in line.models}
        if name in datasets and name in models:
            raise BadParameter(f'"{name}" is a dataset and a model', 'kind="dataset" or kind="model" tells', name="kind")
        if name in datasets or name in models:
            return "dataset" if name in datasets else "model"
        if name.isdecimal():
            return "request"
        near = difflib.get_close_matches(name, sorted(datasets | models), 1)
        hint = f'did you mean "{near[0]}"?' if near else "store.list() shows what there is"
        raise UnknownModel(f'there is no dataset and no model "{name}"', hint, name=name)

    def _report(self, kind: str, verb: str, records: Any = None, progress: str | None = None, **arguments: Any) -> Any:
        from . import reports

        return getattr(reports, kind)._of(self._ask(verb, records, progress, **arguments))

    def _ask(self, verb: str, records: Any = None, progress: str | None = None, **arguments: Any) -> Any:
        asked = json.dumps({"verb": verb} | arguments, default=_plain)
        if progress is None:
            return json.loads(self._native.ask(asked, records, None))
        bar = _Bar(progress)
        try:
            return json.loads(self._native.ask(asked, records, bar.at))
        finally:
            bar.close()


class _Bar:
    """Progress through tqdm, where it is installed."""

    def __init__(self, what: str) -> None:
        try:
            from tqdm.auto import tqdm
        except ImportError:
            self._bar = None
        else:
            self._bar = tqdm(desc=what, total=0, leave=False)
        self.at: Callable[[int, int], None] | None = None if self._bar is None else self._at

    def _at(self, done: int, planned: int) -> None:
        self._bar.total = planned  # type: ignore[union-attr]
        self._bar.update(done - self._bar.n)  # type: ignore[union-attr]

    def close(self) -> None:
        """Takes it away."""
        if self._bar is not None:
            self._bar.close()


def _recipe(learner: str | Estimator | os.PathLike[str], params: Mapping[str, Any] | None, seed: int | None) -> dict[str, Any]:
    from .base import Estimator

    if isinstance(learner, Estimator):
        if params is not None:
            raise BadParameter("an estimator has its hyperparameters already", "learner.set_params(…)", name="params")
        if seed is None and getattr(learner, "random_state", None) is not None:
            seed = learner._seed()
        return {"file": None, "learner": learner._learner, "settings": learner._settings(), "seed": seed}
    if isinstance(learner, os.PathLike) or learner.endswith(".toml"):
        return {"file": os.fspath(learner), "learner": "", "settings": [], "seed": seed}
    settings = [(name, json.dumps(value, default=_plain)) for name, value in (params or {}).items()]
    return {"file": None, "learner": learner, "settings": settings, "seed": seed}


def _given(records: Any) -> tuple[Any, str | None]:
    """Records as the native module takes them, and the name of the ids that a DataFrame's index holds."""
    if isinstance(records, (str, os.PathLike)):
        return os.fspath(records), None
    if is_pandas(records, "DataFrame"):
        return _frame(records)
    if hasattr(records, "__arrow_c_stream__"):
        return records, None
    if isinstance(records, Mapping):
        return {str(name): _column(values) for name, values in records.items()}, None
    raise BadParameter(f"records cannot be {type(records).__name__}", "give a path, a DataFrame, an Arrow table or a dict", name="records")


def _frame(records: Any) -> tuple[Any, str | None]:
    index, name = records.index, None
    plain = type(index).__name__ == "RangeIndex" and index.name is None
    if not plain:
        name = str(index.name or "id")
        if name in records.columns:
            name = None
        else:
            records = records.rename_axis(index=name).reset_index()
    try:
        import pyarrow
    except ImportError:
        return {str(column): _column(records[column].to_numpy()) for column in records.columns}, name
    try:
        return pyarrow.Table.from_pandas(records, preserve_index=False), name
    except (pyarrow.ArrowInvalid, pyarrow.ArrowTypeError, pyarrow.ArrowNotImplementedError) as error:
        from .errors import BadRecords

        raise BadRecords(f"a column holds values of several types: {error}", "convert it to one, as by X[column].astype(str)") from error


def _column(values: Any) -> Any:
    """A column of a dictionary: an array of one kind, or a list of texts."""
    import numpy as np

    values = values.tolist() if hasattr(values, "tolist") else list(values)
    kinds = {type(value) for value in values if value is not None}
    missing = any(value is None for value in values)
    if kinds <= {bool} and kinds and not missing:
        return np.array(values, dtype=bool)
    if kinds == {int} and not missing:
        return np.array(values, dtype=np.int64)
    if kinds and kinds <= {int, float}:
        return np.array([np.nan if value is None else value for value in values], dtype=np.float64)
    if kinds <= {str}:
        return values
    if kinds == {bool}:
        return [None if value is None else str(value).lower() for value in values]
    from .errors import BadRecords

    raise BadRecords(f"a column holds values of several types: {', '.join(sorted(kind.__name__ for kind in kinds))}", "convert it to one")


def _value(column: str, value: str) -> dict[str, Any]:
    return {"value": {"column": column, "value": value}}


def _bytes(content: bytes | str | os.PathLike[str]) -> bytes:
    return content if isinstance(content, bytes) else Path(content).read_bytes()


def _write(path: Path, content: bytes) -> None:
    """Writes a file: all of it or, if that fails, nothing of it."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        os.replace(name, path)
    except BaseException:
        os.unlink(name)
        raise


def _plain(value: Any) -> Any:
    """Numbers of NumPy as Python's."""
    return value.item()
