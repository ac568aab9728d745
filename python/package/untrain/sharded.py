"""What the learners that train step by step, and those that are made of others, have besides."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .errors import BadParameter

if TYPE_CHECKING:
    from .base import Estimator


class Sharded:
    """What `SisaClassifier` and `SisaRegressor` have besides: the estimator of each shard, a hyperparameter as others are."""

    estimator: Estimator | None

    def _settings(self) -> list[tuple[str, str]]:
        return super()._settings() + self._base()  # type: ignore[misc, no-any-return]

    def _features(self, X: Any) -> Any:
        # Images are for who knows them.
        base: Any = self.estimator
        return base._features(X) if hasattr(base, "_features") else super()._features(X)  # type: ignore[misc]

    def _base(self) -> list[tuple[str, str]]:
        from .base import Estimator

        base, task = self.estimator, self._task  # type: ignore[attr-defined]
        if base is None:
            return []
        if not isinstance(base, Estimator):
            hint = "untrain.sisa(estimator) shards estimators of other libraries"
            raise BadParameter(f"estimator cannot be {base!r}: it is none of untrain's", hint, name="estimator")
        if base._task != task:
            raise BadParameter(f"{type(base).__name__} does not do {task}", "take one that does", name="estimator")
        if getattr(base, "random_state", None) is not None:
            hint = "set random_state here: that of the shards follows from it"
            raise BadParameter("the estimator of the shards has a random_state of its own", hint, name="estimator__random_state")
        params = [(f"base_params.{name}", value) for name, value in base._settings() if name != "task"]
        return [("base", f'"{base._learner}"'), *params]


class Stepped:
    """What estimators have that go over the records a number of times."""

    n_iter_: int
    """How often they did."""

    def _set_model(self, model: Any, arguments: Any) -> None:
        super()._set_model(model, arguments)  # type: ignore[misc]
        settings = dict(self._settings())  # type: ignore[attr-defined]
        self.n_iter_ = int(settings["n_epochs"])
