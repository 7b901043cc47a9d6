"""What is to be known of a run to repeat it: versions, devices, seeds, settings, digests of the data. Plain values."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

import jax
import numpy as np

from .._version import __version__
from ..core import rng, settings
from ..core.placement import DEVICE
from ..core.tensor import leaves
from ..utils import machine

if TYPE_CHECKING:
    from ..model import Model
    from ..training.resume import ResumePoint

_PACKAGES = ("jax", "jaxlib", "numpy", "optax", "h5py")


def of_machine() -> dict[str, Any]:
    """Versions, devices, processor."""
    python = machine.python()
    return {
        "sequax": __version__,
        "python": python["version"],
        "platform": python["platform"],
        "packages": {name: version for name in _PACKAGES if (version := machine.version_of(name))},
        "devices": machine.devices(),
        "processor": machine.processor(),
    }


def of_model(model: Model) -> dict[str, Any]:
    """What a model is: its sizes, and what goes in and out."""
    sizes = {True: 0, False: 0}
    trained = {id(weight) for weight in model.trainable_weights}
    for weight in model.weights:
        sizes[id(weight) in trained] += weight.size
    return {
        "name": model.name,
        "class": type(model).__name__,
        "parameters": sum(sizes.values()),
        "trained_parameters": sizes[True],
        "dtype_policy": model.dtype_policy.name,
        "inputs": _described(model.symbolic_inputs),
        "outputs": _described(model.symbolic_outputs),
    }


def of_run(run: ResumePoint, params: dict[str, Any]) -> dict[str, Any]:
    """The settings of a call of `fit`, its data, and the model with a digest of all its layers."""
    signature = run.resume_signature()
    source = run.source
    return {
        "seed": rng.given_seed(),
        "model": {**of_model(run.model), "architecture": _digest_of_text(json.dumps(signature["model"]))},
        "training": {
            "epochs": params.get("epochs"),
            "batch_size": getattr(source, "batch_size", None),
            "steps_per_epoch": source.steps,
            "shuffle": getattr(source, "shuffle", None),
            "optimizer": signature["optimizer"],
            **{key: value for key, value in signature["loss and metrics"].items() if value is not None},
            "augmentation": signature["augmentation"],
            "callbacks": signature["callbacks"],
            "data_checks": settings.data_checks(),
        },
        "data": {
            "training": of_data(source, signature["x and y"]),
            "validation": None if run.validation is None else of_data(run.validation, signature["validation_data"]),
        },
    }


def of_data(source: Any, signature: dict[str, Any]) -> dict[str, Any]:
    """Shapes, and SHA-256 of the bytes of arrays, as the model gets them; of others, of a sample, or of none."""
    arrays: Any = getattr(source, "arrays", None)
    if not hasattr(arrays, "_fields"):
        sampled = {"sample": signature["values"]} if "values" in signature else {}
        return {"kind": "stream" if not sampled else "larger than memory", "arrays": signature["data"], **sampled}
    found = {}
    for part, values in (("x", arrays.x), ("y", arrays.y), ("sample_weight", arrays.weight)):
        for path, leaf in jax.tree_util.tree_leaves_with_path(values):
            found[f"{part}{jax.tree_util.keystr(path)}"] = _of_array(DEVICE.fetch(leaf))
    return {"kind": "arrays", "rows": source.rows, "arrays": found}


def _of_array(array: np.ndarray) -> dict[str, Any]:
    # Objects, such as texts, are pointers, which mean nothing in another process.
    bytes_of: Any = repr(array.tolist()).encode() if array.dtype.hasobject else np.ascontiguousarray(array)
    content = hashlib.sha256(bytes_of)
    return {"shape": list(array.shape), "dtype": str(array.dtype), "sha256": content.hexdigest()}


def flat(facts: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """Facts by dotted names, as trackers want them; lists as JSON, what is None left out."""
    found: dict[str, Any] = {}
    for key, value in facts.items():
        name = f"{prefix}{key}"
        if isinstance(value, dict):
            found |= flat(value, f"{name}.")
        elif isinstance(value, (list, tuple)):
            found[name] = json.dumps(value, default=str)
        elif value is not None:
            found[name] = value
    return found


def scalars(logs: dict[str, Any] | None) -> dict[str, float]:
    """The logs that are single numbers."""
    return {name: float(np.asarray(value)) for name, value in (logs or {}).items() if np.size(value) == 1}


def learning_rates(model: Model) -> dict[str, float]:
    """The learning rate; of several optimizers, one for each."""
    optimizer: Any = getattr(model, "optimizer", None)
    if hasattr(optimizer, "learning_rate"):
        return {"learning_rate": float(optimizer.learning_rate)}
    parts = getattr(optimizer, "optimizers", ())
    return {f"learning_rate/{o.name}": float(o.learning_rate) for o in parts if hasattr(o, "learning_rate")}


def _described(tensors: Any) -> list[str]:
    return [f"{t.name}: {t.dtype} {tuple(t.shape)}" for t in leaves(tensors)] if tensors is not None else []


def _digest_of_text(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
