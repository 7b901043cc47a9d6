"""`FeatureSpace`: the columns of a table as one vector per row, or as a dict of encoded columns."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from ..core.custom_objects import custom_object_scope
from ..core.layer import Layer
from ..core.tensor import KerasTensor, is_tensor
from ..core.types import CustomObjects, Data, Path, Tensor
from ..layers import CategoryEncoding, Concatenate, HashedCrossing, Input
from ..saving.models import save_model
from .features import (
    Cross,
    Feature,
    FeatureKinds,
    catalogue,
    categories,
    for_crossing,
    has_learned,
    needs_adapt,
    unwrapped,
    wrapped,
)

if TYPE_CHECKING:
    import pandas as pd

    Columns: TypeAlias = Mapping[str, Any] | pd.DataFrame


@catalogue.register()
class FeatureSpace(FeatureKinds, Layer):
    """Preprocessing of structured data, column by column.

    Args:
        features: name of a column -> a `Feature` (`FeatureSpace.float_normalized()`, ...), or the name of a kind:
            "float", "float_rescaled", "float_normalized", "float_discretized", "integer_categorical",
            "string_categorical", "integer_hashed" or "string_hashed".
        output_mode: "concat": one vector per row; "dict": a dict of encoded columns.
        crosses: features to hash together: `FeatureSpace.cross(...)`, or tuples of names.
        crossing_dim: bins of the crosses given by names.
        hashing_dim: bins of the features given as "string_hashed" and "integer_hashed".
        num_discretization_bins: bins of those given as "float_discretized".

    Called on a dict of columns (arrays of shape `(n,)` or `(n, 1)`, a data frame, or one value each), it returns
    `(n, size)`; for one value each, `(size,)`. Features stand in the order of their names, then crosses in the order of
    theirs, as in Keras. `get_inputs` and `get_encoded_features` are the same as symbolic tensors, to build a model on.

    >>> space = FeatureSpace({"size": FeatureSpace.float_rescaled(0.5), "kind": "string_categorical"})
    >>> rows = {"size": [2.0, 4.0], "kind": ["a", "b"]}
    >>> space.adapt(rows)
    >>> space(rows).tolist()
    [[0.0, 0.0, 1.0, 1.0], [0.0, 1.0, 0.0, 2.0]]
    """

    crossing_dim: int
    built: bool

    def __init__(
        self,
        features: Mapping[str, Any],
        output_mode: str = "concat",
        crosses: Iterable[Any] | None = None,
        crossing_dim: int = 32,
        hashing_dim: int = 32,
        num_discretization_bins: int = 32,
        name: str | None = None,
    ):
        if not features:
            raise ValueError("The `features` argument cannot be None or empty.")
        if output_mode not in ("dict", "concat"):
            raise ValueError(
                f"Invalid value for argument `output_mode`. Expected one of ('dict', 'concat'). Received:"
                f" output_mode={output_mode!r}"
            )
        super().__init__(name=name)
        self.output_mode, self.crossing_dim = output_mode, crossing_dim
        self.hashing_dim = hashing_dim
        self.num_discretization_bins = num_discretization_bins
        self.features: dict[str, Feature] = {key: self._feature(key, value) for key, value in features.items()}
        self.crosses: list[Cross] = [self._cross(cross) for cross in crosses or ()]
        self.preprocessors: dict[str, Any] = {key: feature.preprocessor for key, feature in self.features.items()}
        self.crossers: dict[str, HashedCrossing] = {
            cross.name: HashedCrossing(cross.crossing_dim, name=cross.name) for cross in self.crosses
        }
        self.one_hot_encoders: dict[str, CategoryEncoding] = {}
        self._adapted, self.built = False, True
        self._tensors: dict[str, Any] = {}

    def _feature(self, key: str, value: object) -> Feature:
        value = unwrapped(value, Feature)
        if isinstance(value, Feature):
            return value
        options: dict[str, dict[str, Any]] = {
            "float": {},
            "float_rescaled": {},
            "float_normalized": {},
            "float_discretized": {"num_bins": self.num_discretization_bins},
            "integer_categorical": {},
            "string_categorical": {},
            "integer_hashed": {"num_bins": self.hashing_dim},
            "string_hashed": {"num_bins": self.hashing_dim},
        }
        if not isinstance(value, str) or value not in options:
            raise ValueError(
                f"Invalid feature type: {value!r} for feature {key!r}. Expected a `Feature`, such as"
                f" `FeatureSpace.float_normalized()`, or one of {tuple(options)}."
            )
        return getattr(self, value)(name=key, **options[value])

    def _cross(self, value: Cross | Sequence[str]) -> Cross:
        value = unwrapped(value, Cross)
        cross = value if isinstance(value, Cross) else Cross(value, self.crossing_dim)
        unknown = [key for key in cross.feature_names if key not in self.features]
        if unknown:
            raise ValueError(
                f"All features referenced in the `crosses` argument should be present in the `features` dict. Received"
                f" unknown features: {unknown}. There are {list(self.features)}."
            )
        return cross

    # --- learning from data ---

    def _to_adapt(self) -> dict[str, Any]:
        return {key: layer for key, layer in self.preprocessors.items() if needs_adapt(layer)}

    def adapt(self, dataset: Data) -> None:
        """Learn means, bins and vocabularies from data.

        Args:
            dataset: a dict of columns, a data frame, or an iterable of batches of them (of pairs `(x, y)` the first
                part).

        Raises:
            ValueError: if a column is missing.
        """
        layers = self._to_adapt()
        if not (isinstance(dataset, Mapping) or hasattr(dataset, "columns")):
            dataset = _collected(dataset, list(layers))
        for key, layer in layers.items():
            layer.adapt(_column(dataset, key))
        self._adapted = True
        self.one_hot_encoders.clear()
        self._tensors.clear()

    def _check_adapted(self) -> None:
        if self._adapted:
            return
        unknown = sorted(key for key, layer in self._to_adapt().items() if not has_learned(layer))
        if unknown:
            raise ValueError(
                f"You need to call `.adapt(dataset)` on the FeatureSpace before you can start using it:"
                f" {unknown} learn from data."
            )
        self._adapted = True

    # --- symbolic tensors ---

    def get_inputs(self) -> dict[str, KerasTensor]:
        """A symbolic input per feature, `(None, 1)`."""
        self._check_adapted()
        if "inputs" not in self._tensors:
            self._tensors["inputs"] = {
                key: Input((1,), dtype=feature.dtype, name=key) for key, feature in self.features.items()
            }
        return self._tensors["inputs"]

    def get_preprocessed_features(self) -> dict[str, Tensor]:
        """The symbolic inputs after their preprocessors, not encoded yet."""
        inputs = self.get_inputs()
        if "preprocessed" not in self._tensors:
            self._tensors["preprocessed"] = self._preprocessed(inputs)
        return self._tensors["preprocessed"]

    def get_encoded_features(self) -> Tensor | Any:
        """What the feature space makes of the symbolic inputs: a tensor, or a dict of tensors."""
        preprocessed = self.get_preprocessed_features()
        if "encoded" not in self._tensors:
            self._tensors["encoded"] = self._encoded(self.get_inputs(), preprocessed)
        return self._tensors["encoded"]

    # --- the call ---

    def __call__(self, data: Columns) -> Tensor | Any:
        """Encode rows.

        Args:
            data: a dict of columns, a data frame, or a dict of symbolic tensors.

        Raises:
            ValueError: before `adapt`, and if a column is missing.
        """
        self._check_adapted()
        if not (isinstance(data, Mapping) or hasattr(data, "columns")):
            raise ValueError(f"A FeatureSpace can only be called with a dict. Received: {type(data).__name__}")
        if any(is_tensor(data[key]) for key in self.features if key in data):
            tensors = {key: data[key] for key in self.features}
            return self._encoded(tensors, self._preprocessed(tensors))
        columns = {key: _column(data, key) for key in self.features}
        alone = all(np.ndim(data[key]) == 0 for key in self.features)
        encoded = self._encoded(columns, self._preprocessed(columns))
        if not alone:
            return encoded
        return {key: value[0] for key, value in encoded.items()} if isinstance(encoded, dict) else encoded[0]

    def _preprocessed(self, columns: Mapping[str, Any]) -> dict[str, Tensor]:
        return {key: layer(columns[key]) for key, layer in self.preprocessors.items()}

    def _encoded(self, columns: Mapping[str, Any], preprocessed: Mapping[str, Any]) -> Tensor | dict[str, Tensor]:
        outputs = {
            key: self._vectors(key, preprocessed[key], feature.output_mode, categories(feature.preprocessor))
            for key, feature in sorted(self.features.items())
        }
        for cross in sorted(self.crosses, key=lambda cross: cross.name):
            hashed = self.crossers[cross.name](
                [self._to_cross(key, columns, preprocessed) for key in cross.feature_names]
            )
            outputs[cross.name] = self._vectors(cross.name, hashed, cross.output_mode, cross.crossing_dim)
        if self.output_mode == "dict":
            return outputs
        whole = [key for key, value in outputs.items() if "int" in str(value.dtype)]
        if whole:
            raise ValueError(
                f"Cannot concatenate features because feature '{whole[0]}' has not been encoded (it has dtype"
                f" {outputs[whole[0]].dtype}). Consider using `output_mode='one_hot'` for it, or `output_mode='dict'`"
                f" for the FeatureSpace."
            )
        values = list(outputs.values())
        return Concatenate(axis=-1)(values) if len(values) > 1 else values[0]

    def _to_cross(self, key: str, columns: Mapping[str, Any], preprocessed: Mapping[str, Any]) -> Tensor:
        layer = self.preprocessors[key]
        host = for_crossing(layer)
        return preprocessed[key] if host is layer else host(columns[key])

    def _vectors(self, key: str, value: Tensor, output_mode: str, count: int | None) -> Tensor:
        if output_mode != "one_hot":
            return value
        if count is None:
            raise ValueError(
                f"Feature '{key}' has `output_mode='one_hot'`, but how many values its preprocessor returns is not"
                f" known. Use `output_mode='int'`, or a layer with `num_bins` or `vocabulary_size()`."
            )
        if key not in self.one_hot_encoders:
            self.one_hot_encoders[key] = CategoryEncoding(count, output_mode="multi_hot")
        return self.one_hot_encoders[key](value)

    # --- config and files ---

    def save(self, filepath: Path) -> None:
        """Save it with all it learned to a `.keras` file, which `keras.saving.load_model` reads."""
        save_model(self, filepath)

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments. What was learned by `adapt` is not part of it; `save` and `pickle` keep that."""
        return {
            "features": {key: wrapped(feature) for key, feature in self.features.items()},
            "output_mode": self.output_mode,
            "crosses": [wrapped(cross) for cross in self.crosses],
            "crossing_dim": self.crossing_dim,
            "hashing_dim": self.hashing_dim,
            "num_discretization_bins": self.num_discretization_bins,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: CustomObjects | None = None) -> FeatureSpace:
        with custom_object_scope(custom_objects):
            return cls(**config)

    def __repr__(self) -> str:
        return f"<FeatureSpace name={self.name}, features={list(self.features)}, to_adapt={sorted(self._to_adapt())}>"


def _column(data: Columns, key: str) -> np.ndarray:
    """One column as `(n, 1)`; strings stay what they are."""
    if key not in data:
        raise ValueError(f"There is no column {key!r} in the data, which have {list(data)[:20]}.")
    column = data[key]
    column = column.to_numpy() if hasattr(column, "to_numpy") else column
    array = np.asarray(column, object if _holds_text(column) else None)
    return array.reshape(-1, 1) if array.ndim < 2 else array


def _holds_text(column: object) -> bool:
    """Whether a list begins with a string: as an array of objects, one long text does not widen the others."""
    first = column[0] if isinstance(column, (list, tuple)) and len(column) else column
    return isinstance(first, (str, bytes))


def _collected(dataset: Any, keys: list[str]) -> dict[str, np.ndarray]:
    """The wanted columns of all batches."""
    found: dict[str, list[np.ndarray]] = {key: [] for key in keys}
    for batch in dataset:
        rows = batch[0] if isinstance(batch, (tuple, list)) else batch
        if not isinstance(rows, Mapping):
            raise ValueError(f"FeatureSpace.adapt expects batches that are dicts. Received: {type(rows).__name__}")
        for key in keys:
            found[key].append(_column(rows, key))
    if keys and not found[keys[0]]:
        raise ValueError(f"FeatureSpace.adapt: there are no data; the {type(dataset).__name__} gave no batches.")
    return {key: np.concatenate(parts) for key, parts in found.items()}
