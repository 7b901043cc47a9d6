"""The parts of a `FeatureSpace`: one feature with its preprocessing, and crosses of several."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from ..core import names
from ..core.catalogue import Catalogue, serialize
from ..core.config import deserialize
from ..core.custom_objects import register_keras_serializable
from ..core.layer import Layer
from ..core.types import ArrayLike, Config, Number, Shape, Tensor
from ..layers import Discretization, Hashing, Identity, IntegerLookup, Normalization, Rescaling, StringLookup
from ..layers.preprocessing.host import HostLayer
from ..layers.preprocessing.learned import VocabularyLayer

# Where Keras' configs say these classes are.
MODULE = "keras.src.layers.preprocessing.feature_space"


catalogue: Catalogue = Catalogue("feature space", "keras.utils")


@catalogue.register()
class Feature:
    """One column of data: how it is preprocessed, and how it enters the result.

    Args:
        dtype: of the data: "float32", "int32", "string", ...
        preprocessor: a layer for the column, `(batch, 1)`, or its config.
        output_mode: "float": as the preprocessor returns it; "int": the same, for whole numbers; "one_hot": vectors.
    """

    dtype: str
    preprocessor: Callable[..., Tensor]

    def __init__(self, dtype: str, preprocessor: Callable[..., Tensor] | Config, output_mode: str):
        if output_mode not in ("int", "one_hot", "float"):
            raise ValueError(
                f"Invalid value for argument `output_mode`. Expected one of ('int', 'one_hot', 'float'). Received:"
                f" output_mode={output_mode!r}"
            )
        self.dtype, self.output_mode = dtype, output_mode
        self.preprocessor = deserialize(preprocessor) if isinstance(preprocessor, Mapping) else preprocessor
        if not callable(self.preprocessor):
            raise ValueError(f"A feature needs a layer as `preprocessor`. Received: {preprocessor!r:.60}")

    def get_config(self) -> dict[str, Any]:
        return {
            "dtype": self.dtype,
            "preprocessor": serialize(self.preprocessor),
            "output_mode": self.output_mode,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Feature:
        return cls(**config)


@catalogue.register()
class Cross:
    """A hash of several features together.

    Args:
        feature_names: names of the features, two at least.
        crossing_dim: number of bins of the hash.
        output_mode: "one_hot" or "int".
    """

    feature_names: tuple[str, ...]
    crossing_dim: int

    def __init__(self, feature_names: Sequence[str], crossing_dim: int, output_mode: str = "one_hot"):
        if output_mode not in ("int", "one_hot"):
            raise ValueError(
                f"Invalid value for argument `output_mode`. Expected one of ('int', 'one_hot'). Received:"
                f" output_mode={output_mode!r}"
            )
        if isinstance(feature_names, str) or len(feature_names) < 2:
            raise ValueError(f"A cross needs the names of two or more features. Received: {feature_names!r}")
        self.feature_names, self.crossing_dim, self.output_mode = tuple(feature_names), crossing_dim, output_mode

    @property
    def name(self) -> str:
        return "_X_".join(self.feature_names)

    def get_config(self) -> dict[str, Any]:
        return {
            "feature_names": self.feature_names,
            "crossing_dim": self.crossing_dim,
            "output_mode": self.output_mode,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Cross:
        return cls(**config)


@catalogue.register()
class TFDIdentity(Identity):
    """What stands for `Identity` in Keras' files of feature spaces."""


def wrapped(part: Feature | Cross) -> dict[str, Any]:
    """The config of a feature or cross with its class, as Keras writes it."""
    kind = type(part).__name__
    return {"module": MODULE, "class_name": kind, "config": part.get_config(), "registered_name": kind}


def unwrapped(config: object, kind: type) -> Any:
    """A feature or cross from its config; anything else as it is."""
    if not isinstance(config, Mapping) or config.get("class_name") != kind.__name__:
        return config
    return kind.from_config(dict(config["config"]))  # type: ignore[attr-defined]


# --- the kinds of features, as static methods of `FeatureSpace` ---


class FeatureKinds:
    """Features of the usual kinds. `name` is the prefix of the name of the preprocessing layer."""

    @staticmethod
    def cross(feature_names: Sequence[str], crossing_dim: int, output_mode: str = "one_hot") -> Cross:
        """A hash of several features, into `crossing_dim` bins."""
        return Cross(feature_names, crossing_dim, output_mode)

    @staticmethod
    def feature(dtype: str, preprocessor: Callable[..., Tensor] | Config, output_mode: str) -> Feature:
        """A feature with a layer of one's own."""
        return Feature(dtype, preprocessor, output_mode)

    @staticmethod
    def float(name: str | None = None) -> Feature:
        """A number as it is."""
        return Feature("float32", Identity(name=_name(name, "float")), "float")

    @staticmethod
    def float_rescaled(scale: Number = 1.0, offset: Number = 0.0, name: str | None = None) -> Feature:
        """`number * scale + offset`."""
        return Feature("float32", Rescaling(scale, offset, name=_name(name, "float_rescaled")), "float")

    @staticmethod
    def float_normalized(name: str | None = None) -> Feature:
        """A number scaled to zero mean and unit variance, by `adapt`."""
        return Feature("float32", Normalization(axis=-1, name=_name(name, "float_normalized")), "float")

    @staticmethod
    def float_discretized(
        num_bins: int | None, bin_boundaries: Any = None, output_mode: str = "one_hot", name: str | None = None
    ) -> Feature:
        """The bin of a number; `num_bins` bins hold equal shares of the data of `adapt`."""
        layer = Discretization(num_bins=num_bins, bin_boundaries=bin_boundaries, name=_name(name, "float_discretized"))
        return Feature("float32", layer, output_mode)

    @staticmethod
    def integer_categorical(
        max_tokens: int | None = None, num_oov_indices: int = 1, output_mode: str = "one_hot", name: str | None = None
    ) -> Feature:
        """The index of a whole number among those that `adapt` found."""
        layer = IntegerLookup(
            max_tokens=max_tokens, num_oov_indices=num_oov_indices, name=_name(name, "integer_categorical")
        )
        return Feature("int32", layer, output_mode)

    @staticmethod
    def string_categorical(
        max_tokens: int | None = None, num_oov_indices: int = 1, output_mode: str = "one_hot", name: str | None = None
    ) -> Feature:
        """The index of a string among those that `adapt` found."""
        layer = StringLookup(
            max_tokens=max_tokens, num_oov_indices=num_oov_indices, name=_name(name, "string_categorical")
        )
        return Feature("string", layer, output_mode)

    @staticmethod
    def string_hashed(num_bins: int, output_mode: str = "one_hot", name: str | None = None) -> Feature:
        """A hash of a string."""
        return Feature("string", Hashing(num_bins=num_bins, name=_name(name, "string_hashed")), output_mode)

    @staticmethod
    def integer_hashed(num_bins: int, output_mode: str = "one_hot", name: str | None = None) -> Feature:
        """A hash of a whole number."""
        return Feature("int32", Hashing(num_bins=num_bins, name=_name(name, "integer_hashed")), output_mode)


def _name(name: str | None, kind: str) -> str:
    return f"{name or names.auto_name(kind)}_preprocessor"


# --- what a preprocessor is ---


def needs_adapt(preprocessor: object) -> bool:
    """Whether a layer has to see data before it can be used."""
    if isinstance(preprocessor, Normalization):
        return preprocessor.input_mean is None
    if isinstance(preprocessor, Discretization):
        return preprocessor.bin_boundaries is None or preprocessor.num_bins is not None
    if isinstance(preprocessor, VocabularyLayer):
        return not preprocessor.has_given_vocabulary
    return hasattr(preprocessor, "adapt")


def has_learned(preprocessor: object) -> bool:
    """Whether a layer of ours that learns from data has done so."""
    if isinstance(preprocessor, Normalization):
        if not preprocessor.built:
            return False
        fresh = zip(preprocessor.weights, (0, 1, 0), strict=True)  # Keras' files do not count
        return any((np.asarray(weight.value) != value).any() for weight, value in fresh)
    if isinstance(preprocessor, Discretization):
        return preprocessor.bin_boundaries is not None
    return isinstance(preprocessor, VocabularyLayer) and preprocessor.has_vocabulary


def categories(preprocessor: object) -> int | None:
    """How many whole numbers a layer may return; None where that is not known."""
    if isinstance(preprocessor, Discretization):
        boundaries = preprocessor.bin_boundaries
        return preprocessor.num_bins if boundaries is None else len(boundaries) + 1
    if hasattr(preprocessor, "vocabulary_size"):
        return preprocessor.vocabulary_size()
    return getattr(preprocessor, "num_bins", None)


@register_keras_serializable("sequax")
class HostDiscretization(HostLayer):
    """`Discretization` on the host, where crosses are hashed.

    Args:
        bin_boundaries: increasing numbers.
    """

    input_dtype = "float32"

    def __init__(self, bin_boundaries: Iterable[float], **kwargs: Any):
        super().__init__(**kwargs)
        self.bin_boundaries: list[float] = list(bin_boundaries)

    def read(self, value: object, what: str) -> np.ndarray:
        return np.asarray(value, "float32")

    def call(self, inputs: ArrayLike) -> np.ndarray:
        return np.searchsorted(np.asarray(self.bin_boundaries, "float32"), inputs, side="right").astype(np.int32)

    def described(self) -> dict[str, Any]:
        return {"kind": "bins", "boundaries": np.asarray(self.bin_boundaries, "float32").tolist()}

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return tuple(input_shape)


def for_crossing(layer: Layer) -> Layer:
    """A preprocessor as crosses need it, on the host."""
    return HostDiscretization(layer.bin_boundaries or ()) if isinstance(layer, Discretization) else layer
