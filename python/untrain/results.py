"""What estimators answer."""

from __future__ import annotations

import json
from dataclasses import dataclass

_WORDS = {
    "exact": "exact: the bytes are those of a model trained without the records",
    "empirical": "empirical: no promise beyond what an audit measures",
}


@dataclass(frozen=True)
class Guarantee:
    """What a request promises about the model that it leaves.

    Attributes
    ----------
    kind : {"exact", "certified", "empirical"}
        How strong the promise is.
    epsilon, delta : float or None
        The budget of a certified one.
    """

    kind: str
    epsilon: float | None = None
    delta: float | None = None

    @classmethod
    def _of(cls, text: str) -> Guarantee:
        return cls(**json.loads(text))

    def __str__(self) -> str:
        if self.kind == "certified":
            return f"certified: ({self.epsilon}, {self.delta})-indistinguishable from a model trained without the records"
        return _WORDS[self.kind]


@dataclass(frozen=True)
class Verification:
    """Whether a model is what training anew on its records gives. It is true if it is.

    Attributes
    ----------
    equal : bool
        Whether both digests agree.
    records : int
        How many records were trained on.
    digest, state_digest : str
        Of the model.
    retrained_digest, retrained_state_digest : str
        Of the model that was trained anew.
    """

    equal: bool
    records: int
    digest: str
    state_digest: str
    retrained_digest: str
    retrained_state_digest: str

    def __bool__(self) -> bool:
        return self.equal
