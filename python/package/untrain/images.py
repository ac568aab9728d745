"""Estimators whose records are images, and networks, whose records are images or rows of a table."""

from __future__ import annotations

from typing import Any

from .errors import BadValue, SchemaMismatch
from .sharded import Stepped
from .tables import Features, check_shape, features

IMAGE = "image"
_MOST_CHANNELS = 4


class Network(Stepped):
    """A network whose records are images, or rows of a table.

    Images are bytes of shape (n, height, width), or (n, height, width, channels).
    """

    def _features(self, X: Any) -> Features:
        return _images(X) if getattr(X, "ndim", 2) in (3, 4) else features(X)

    def safetensors(self) -> bytes:
        """The parameters as a safetensors file, under the names that PyTorch's usual code has."""
        found: bytes | None = self._fitted().safetensors()  # type: ignore[attr-defined]
        if found is None:
            raise SchemaMismatch("the model knows no record, and so has no network", "learn some, or fit it again")
        return found


class Images:
    """Records that are images: bytes of shape (n, height, width), or (n, height, width, channels)."""

    def _features(self, X: Any) -> Features:
        return _images(X)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()  # type: ignore[misc]
        tags.input_tags.two_d_array, tags.input_tags.three_d_array, tags.input_tags.allow_nan = False, True, False
        return tags


class ImageNetwork(Images, Network):
    """A network whose records are images."""


def _images(X: Any) -> Features:
    import numpy as np

    try:
        array = np.asarray(X)
    except ValueError as error:
        raise SchemaMismatch(f"the images are not of one shape: {error}", "bring them to one") from error
    if array.ndim == 3:
        array = array[..., np.newaxis]
    if array.ndim != 4:
        hint = "images have the shape (n, height, width), or (n, height, width, channels)"
        raise SchemaMismatch(f"Expected images, got {array.ndim}D array instead", hint)
    check_shape((array.shape[0], array[:1].size))
    if array.shape[3] > _MOST_CHANNELS >= array.shape[1]:
        raise SchemaMismatch(f"images of shape {array.shape[1:]} have their channels first", "X.transpose(0, 2, 3, 1)")
    if array.dtype != np.uint8:
        if array.dtype.kind not in "biu" or array.min() < 0 or array.max() > 255:
            hint = "X.astype('uint8') if they are whole numbers of 0 to 255; (255 * X).round().astype('uint8') if they are of 0 to 1"
            raise BadValue(f"images are bytes, and these are {array.dtype}", hint)
        array = array.astype(np.uint8)
    return Features(array, [IMAGE], True, False, None, array.shape[0])
