"""Which Keras a script was written for, as far as its spellings tell, and the defaults that optimizers had there.

Four optimizers had other learning rates in Keras 1 and 2, and most another `epsilon` in Keras 1. A script that leaves
them out and speaks one of these dialects gets what it got then. Words that only those versions had tell: arguments such
as `nb_epoch`, modules such as `keras.layers.core`, and what scripts for Python 2 begin with. `sequax run` looks for
them in the script before it runs; in a notebook, and in modules that a script imports, they count from the moment they
are met. From Keras 2.4 on, and in `tensorflow.keras`, the defaults were today's: a script that imports that, or uses
names that came then, speaks it.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from typing import Any

from . import spellings

# Arguments, modules and names that only Keras 1 had.
_KERAS_1 = (
    {name for name in spellings.ARGUMENTS if name not in ("alpha", "stride", "length")}
    | {name for several in spellings.JOINED for name in several}
    | {"nb_epoch", "samples_per_epoch", "nb_val_samples", "val_samples", "nb_worker", "max_q_size", "pickle_safe"}
    | {"class_mode", "show_accuracy", "forget_bias_init", "consume_less", "nb_words", "samplewise_std"}
    | {"image_dim_ordering", "set_image_dim_ordering", "TimeDistributedDense", "MaxoutDense", "Highway", "l1l2"}
    | {"keras.objectives", "keras.initializations", "keras.utils.visualize_util"}
)
# And those of Keras up to 2.3.
_KERAS_2 = (
    {f"keras.layers.{name}" for name in ("core", "recurrent", "convolutional", "embeddings", "advanced_activations")}
    | {f"keras.layers.{name}" for name in ("pooling", "noise", "local", "wrappers", "merge", "cudnn_recurrent")}
    | {f"keras.{name}" for name in ("engine.topology", "engine.training", "legacy", "backend.tensorflow_backend")}
    | {f"keras.utils.{name}" for name in ("np_utils", "vis_utils", "generic_utils", "training_utils")}
    | {"predict_classes", "predict_proba", "fit_generator", "lr", "CuDNNLSTM", "CuDNNGRU", "multi_gpu_model"}
    | {"Python 2"}
)
# What a script for Python 2 as well begins with; Keras 2.3 was the last that ran there.
_PYTHON_2 = {f"__future__.{name}" for name in ("print_function", "division", "absolute_import", "unicode_literals")}
_LATER = (
    {f"keras.optimizers.{name}" for name in ("legacy", "experimental", "adam_v2", "gradient_descent_v2")}
    | {f"keras.{name}" for name in ("optimizer_v2", "optimizers.optimizer_v2", "api", "mixed_precision", "ops")}
    | {"keras.layers.experimental", "tensorflow.keras", "tensorflow.python.keras", "tf_keras", "keras_core"}
)
_RATES: dict[str, dict[str, float]] = {
    "Adadelta": {"learning_rate": 1.0},
    "Adagrad": {"learning_rate": 0.01, "initial_accumulator_value": 0.0},
    "Adamax": {"learning_rate": 0.002},
    "Nadam": {"learning_rate": 0.002},
}
_WITH_EPSILON = ("Adadelta", "Adagrad", "Adam", "Adamax", "Nadam", "RMSprop")
# Those that nothing else in a script is called.
_UNMISTAKABLE = (
    {"nb_epoch", "samples_per_epoch", "nb_val_samples", "nb_filter", "nb_row", "nb_col", "nb_worker", "max_q_size"}
    | {"border_mode", "dim_ordering", "W_regularizer", "U_regularizer", "b_regularizer", "W_constraint", "inner_init"}
    | {"inner_activation", "dropout_W", "dropout_U", "image_dim_ordering", "set_image_dim_ordering", "fit_generator"}
    | {"predict_classes"}
)
_ACCURACIES = re.compile(r"\bval_acc(?:uracy)?\b")  # in names of files, too: "{epoch}-{val_acc:.2f}.h5"
_RATES_IN_LOGS = {"['lr']", "['learning_rate']"}
_heard: set[str] = set()


def hear(old: str) -> None:
    """Take note of a spelling, as the line about it has it: `nb_epoch=`, `model.fit_generator(...)`, `keras.engine`."""
    word = old.partition("(")[0].rstrip("=").removeprefix("model.")
    _heard.update((word, word.rpartition(".")[2]))


def forget() -> None:
    """Know of no spelling."""
    _heard.clear()


def read(source: str | bytes) -> None:
    """Take note of the spellings in a script.

    A script that does not parse says so when it is run.
    """
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError):
        return
    words = {word for node in ast.walk(tree) for word in _words(node)}
    if not words.isdisjoint(_PYTHON_2) and any(word.partition(".")[0] == "keras" for word in words):
        words.add("Python 2")
    _heard.update(words)


def _words(node: ast.AST) -> Iterator[str]:
    """Modules that are imported and names from them; other words only where they can mean nothing else."""
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom) and node.module is not None and not node.level:
        yield node.module
        for alias in node.names:
            yield f"{node.module}.{alias.name}"
            if node.module.startswith("keras"):
                yield alias.name
    elif isinstance(node, ast.Attribute):
        if isinstance(node.value, ast.Name) and (node.value.id, node.attr) == ("tf", "keras"):
            yield "tensorflow.keras"
        yield from {node.attr} & _UNMISTAKABLE
    elif isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Constant):
        yield from {f"[{node.slice.value!r}]"} & _RATES_IN_LOGS
    elif isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield from _ACCURACIES.findall(node.value)
    elif isinstance(node, ast.keyword) and node.arg is not None:
        yield from {node.arg} & _UNMISTAKABLE


def spoken() -> int | None:
    """1 or 2 for a script of Keras 1, or of Keras 2 before 2.4; None for today's Keras, or where nothing tells."""
    if _any(_LATER):
        return None
    return 1 if _any(_KERAS_1) else 2 if _any(_KERAS_2) else None


def says_acc() -> bool:
    """Whether a script calls `acc` in its logs what `metrics=["accuracy"]` gives, as Keras did before 2.3."""
    return "val_acc" in _heard and "val_accuracy" not in _heard


def says_lr() -> bool:
    """Whether a script reads `lr` where the logs have the learning rate, as before Keras 3."""
    return "['lr']" in _heard and "['learning_rate']" not in _heard


def _any(words: set[str]) -> bool:
    return not words.isdisjoint(_heard) or any(
        heard.startswith(f"{word}.") for heard in _heard if "." in heard for word in words if "." in word
    )


def defaults(optimizer: str, given: set[str]) -> dict[str, Any]:
    """What an optimizer of this name had in place of arguments that are not given."""
    version = spoken()
    if version is None:
        return {}
    old: dict[str, float] = dict(_RATES.get(optimizer, {}))
    if version == 1 and optimizer in _WITH_EPSILON:
        old["epsilon"] = 1e-8
    return {name: value for name, value in old.items() if name not in given}
