"""`tensorflow` as far as scripts need it around `tf.keras`: seeds, lists of devices, and settings to be quiet.

Each member is a function here, or None where there is nothing to do. Anything else of TensorFlow is an error that names
it, and what to use instead where that is known.
"""

from __future__ import annotations

import contextlib
import functools
import importlib
import logging
import random
from collections.abc import Callable
from types import ModuleType
from typing import Any, NamedTuple, NoReturn, TypeVar

from .notes import note

T = TypeVar("T")
TENSORFLOW_VERSION = "2.20.0+sequax"

_KERAS_INSIDE = ("keras", "python.keras", "compat.v1.keras", "compat.v2.keras", "contrib.keras", "_api.v2.v2.keras")
_INSTEAD = {
    "GradientTape": "jax.grad, over `model.stateless_call`",
    "Session": "nothing, programs are compiled and run by `fit` and `predict`",
    "config": "devices are JAX' business, see `jax.devices()`",
    "constant": "pass NumPy arrays",
    "convert_to_tensor": "pass NumPy arrays",
    "data": "pass NumPy arrays, a generator or a `keras.utils.PyDataset` to `fit`",
    "distribute": "devices are JAX' business, see `jax.devices()`",
    "function": "programs are compiled by `fit`; `jax.jit` compiles functions of your own",
    "image": "keras.ops.image",
    "math": "keras.ops",
    "nn": "keras.ops.nn",
    "random": "seeds are set by `keras.utils.set_random_seed(seed)`, numbers are drawn by `keras.random`",
    "saved_model": "`model.save(path)`",
    "train": "keras.optimizers",
    "Variable": "keras.Variable",
    **dict.fromkeys(
        ("reduce_mean", "reduce_sum", "reduce_max", "reduce_min"), "the function of keras.ops without `reduce_`"
    ),
    **{
        name: f"keras.ops.{name}"
        for name in (
            *("abs", "argmax", "cast", "concat", "equal", "exp", "expand_dims", "matmul", "maximum", "minimum", "ones"),
            *("reshape", "round", "shape", "sqrt", "square", "squeeze", "stack", "transpose", "where", "zeros", "tanh"),
        )
    },
    "concat": "keras.ops.concatenate",
}


class Device(NamedTuple):
    """A device in TensorFlow's words."""

    name: str
    device_type: str


# --- what is served -------------------------------------------------------------------------------------------------


def set_seed(seed: int) -> None:
    """Seed Sequax alone: NumPy and Python have been seeded (or used) by the script itself."""
    import numpy as np

    from ..core.rng import set_random_seed

    states = random.getstate(), np.random.get_state()
    set_random_seed(int(seed))
    random.setstate(states[0])
    np.random.set_state(states[1])


def list_devices(device_type: str | None = None) -> list[Device]:
    """The devices of JAX; the host is always among them."""
    import jax

    kinds = {"cpu": "CPU", "gpu": "GPU", "cuda": "GPU", "rocm": "GPU", "tpu": "TPU"}
    found = [kinds.get(device.platform, device.platform.upper()) for device in jax.local_devices()]
    found = found if "CPU" in found else ["CPU", *found]
    devices = [Device(f"/physical_device:{kind}:{found[:i].count(kind)}", kind) for i, kind in enumerate(found)]
    return [device for device in devices if device_type in (None, device.device_type)]


def is_gpu_available(*args: object, **kwargs: object) -> bool:
    return bool(list_devices("GPU"))


def gpu_device_name() -> str:
    return "/device:GPU:0" if is_gpu_available() else ""


def device(name: object) -> contextlib.nullcontext[None]:
    """A context without effect."""
    return contextlib.nullcontext()


def get_logger() -> logging.Logger:
    return logging.getLogger("tensorflow")


def clear_session() -> None:
    from ..utils.session import clear_session

    clear_session()


class Options:
    """`ConfigProto` and its kind: takes any setting, and no setting has an effect."""

    def __init__(self, *args: object, **kwargs: object):
        vars(self).update(kwargs)

    def __getattr__(self, name: str) -> Options:
        if name.startswith("__"):
            raise AttributeError(name)
        vars(self)[name] = Options()
        return vars(self)[name]


class Session(Options):
    """What `set_session` is given to limit the memory of a GPU; it runs nothing."""

    def run(self, *args: object, **kwargs: object) -> NoReturn:
        raise RuntimeError(not_tensorflow("Session.run"))


def nothing(*args: object, **kwargs: object) -> None:
    """A setting that has no counterpart."""


def _activation(name: str) -> Callable[..., object]:
    return getattr(importlib.import_module("sequax.activations"), name)


_SEED, _DEVICES = "keras.utils.set_random_seed(seed)", "jax.devices()"
_NO_SETTING = "leave it out, it has no effect"
_MEMORY = "the environment variable XLA_PYTHON_CLIENT_PREALLOCATE=false"
_LEVELS = {"DEBUG": 10, "INFO": 20, "WARN": 30, "WARNING": 30, "ERROR": 40, "FATAL": 50}

# By the part of the name behind `tensorflow.`: what is found there, and what to write today (None: no line about it).
_MEMBERS: dict[str, tuple[Any, str | None]] = {
    **dict.fromkeys(("random.set_seed", "set_random_seed", "random.set_random_seed"), (set_seed, _SEED)),
    **{
        f"config.{place}{kind}": (list_devices, _DEVICES)
        for place in ("", "experimental.")
        for kind in ("list_physical_devices", "list_logical_devices", "get_visible_devices")
    },
    **{
        f"config.{name}": (nothing, _NO_SETTING)
        for name in (
            *("set_visible_devices", "experimental.set_visible_devices", "set_soft_device_placement"),
            *("threading.set_inter_op_parallelism_threads", "threading.set_intra_op_parallelism_threads"),
            *("optimizer.set_jit", "experimental.enable_op_determinism", "set_logical_device_configuration"),
            *("experimental.set_virtual_device_configuration", "experimental.enable_tensor_float_32_execution"),
        )
    },
    "config.experimental.set_memory_growth": (nothing, _MEMORY),
    "config.LogicalDeviceConfiguration": (Options, _MEMORY),
    "config.experimental.VirtualDeviceConfiguration": (Options, _MEMORY),
    "test.is_gpu_available": (is_gpu_available, _DEVICES),
    "test.is_built_with_cuda": (is_gpu_available, _DEVICES),
    "test.gpu_device_name": (gpu_device_name, _DEVICES),
    "device": (device, "jax.default_device(device)"),
    "get_logger": (get_logger, None),
    "logging.set_verbosity": (nothing, None),
    **{f"logging.{name}": (level, None) for name, level in _LEVELS.items()},
    "autograph.set_verbosity": (nothing, None),
    "executing_eagerly": (lambda: True, None),
    **dict.fromkeys(
        ("enable_eager_execution", "disable_eager_execution", "disable_v2_behavior", "enable_v2_behavior"),
        (nothing, _NO_SETTING),
    ),
    "reset_default_graph": (clear_session, "keras.utils.clear_session()"),
    **dict.fromkeys(("ConfigProto", "GPUOptions"), (Options, _MEMORY)),
    **dict.fromkeys(("Session", "InteractiveSession"), (Session, _MEMORY)),
    "version.VERSION": (TENSORFLOW_VERSION, None),
    **{name: (name, None) for name in ("float16", "float32", "float64", "int32", "int64", "uint8", "bool")},
}
# Functions that scripts pass as `activation=`.
_ACTIVATIONS = (
    *("relu", "relu6", "elu", "selu", "leaky_relu", "gelu", "silu", "swish", "softmax", "log_softmax"),
    *("sigmoid", "tanh", "softplus", "softsign"),
)
_PLACES = {name[:end] for name in _MEMBERS for end, letter in enumerate(name) if letter == "."}
_PLACES |= {"nn", "compat", "compat.v1", "compat.v2", "python"}


class Stub(ModuleType):
    """`tensorflow`, or a module in it."""

    def __init__(self, name: str = "tensorflow"):
        inside = _plain(name.partition(".")[2])
        if inside and inside not in _PLACES:
            raise ImportError(not_tensorflow(name.partition(".")[2]), name=name)
        super().__init__(name, __doc__)
        self.__path__: list[str] = []
        self.__all__ = ["keras"] if not inside else []
        if not inside or inside == "compat":
            self.__version__ = TENSORFLOW_VERSION
        self._inside = inside

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        full = f"{self.__name__}.{name}"
        if keras_inside(full) is not None:
            return importlib.import_module(full)
        inside = _plain(full.partition(".")[2])
        if inside in _MEMBERS:
            value, today = _MEMBERS[inside]
            return value if today is None else _noted(full, value, today)
        if self._inside == "nn" and name in _ACTIVATIONS:
            return _activation(name)
        if inside in _PLACES:
            return importlib.import_module(full)
        raise AttributeError(not_tensorflow(full.partition(".")[2]))


def _noted(name: str, value: Callable[..., T], today: str) -> Callable[..., T]:
    if isinstance(value, type):
        note(name, today)
        return value

    @functools.wraps(value)
    def call(*args: object, **kwargs: object) -> T:
        note(name, today)
        return value(*args, **kwargs)

    return call


def _plain(inside: str) -> str:
    """Without `compat.v1.`, which repeats everything."""
    for prefix in ("compat.v1.", "compat.v2."):
        inside = inside.removeprefix(prefix)
    return inside


def keras_inside(name: str) -> str | None:
    """`keras...` for `tensorflow.keras...` and the other places where it has been; None for anything else."""
    inside = name.removeprefix("tensorflow.")
    for place in _KERAS_INSIDE:
        if inside == place or inside.startswith(f"{place}."):
            if place != "keras":
                note(f"tensorflow.{place}", "tensorflow.keras, or keras")
            return "keras" + inside[len(place) :]
    return None


def not_tensorflow(name: str) -> str:
    """The message for what is not served."""
    plain = _plain(name)
    instead = _INSTEAD.get(plain) or _INSTEAD.get(plain.partition(".")[0])
    return (
        f"tensorflow.{name} is not served by Sequax, which has no TensorFlow in it: `sequax run` serves"
        f" tensorflow.keras, seeds and settings, and nothing else of it.{f' Instead: {instead}.' if instead else ''}"
    )
