"""What stands in front of an estimator, where it can be seen."""

from __future__ import annotations

import sys
import warnings
from typing import Any

from .errors import RemembersForgotten

_DEPTH = 12
"""How far up the calls a pipeline is looked for: between its fit and ours stand scikit-learn's own wrappers."""


def warn_of_memory(estimator: Any) -> None:
    """Warns if ``estimator`` is being fitted by a pipeline of scikit-learn's of which an earlier step learns from the records."""
    loaded = sys.modules.get("sklearn.pipeline")
    if loaded is None:
        return
    frame: Any = sys._getframe(1)
    for _ in range(_DEPTH):
        frame = frame.f_back
        if frame is None:
            return
        pipeline = frame.f_locals.get("self") if frame.f_code.co_name.startswith("fit") else None
        if isinstance(pipeline, loaded.Pipeline):
            break
    else:
        return
    steps = [step for _, step in pipeline.steps]
    if steps[-1] is not estimator:
        return
    remembering = [type(step).__name__ for step in steps[:-1] if _learns(step)]
    if remembering:
        warnings.warn(
            f"{', '.join(remembering)} in front of {type(estimator).__name__} learns from the records, and will not forget them when "
            "the estimator does. Our estimators scale numbers, fill in what is missing and encode categories themselves, and forget "
            "that too: leave the step out (standardize=, fill=, log=, clip=, text= say how), or fit the whole pipeline anew.",
            RemembersForgotten,
            stacklevel=2,
        )


def _learns(step: Any) -> bool:
    """Whether a step of a pipeline keeps something of the records that it is fitted on."""
    if step is None or step == "passthrough":
        return False
    try:
        from sklearn.utils import get_tags

        return bool(get_tags(step).requires_fit)
    except (ImportError, AttributeError, TypeError):
        return True
