"""Seeds, lists of devices, and settings to be quiet: what scripts call of TensorFlow around `tf.keras`."""

from __future__ import annotations

import contextlib
import logging
import random
from typing import Any, NamedTuple, NoReturn

from .absent import not_tensorflow
from .member import TENSORFLOW_VERSION, Member


class Device(NamedTuple):
    """A device in TensorFlow's words."""

    name: str
    device_type: str


def set_seed(seed: int | dict[str, Any]) -> None:
    """Seed Sequax alone: NumPy and Python have been seeded (or used) by the script itself.

    Args:
        seed: a whole number, or what the inner `global_seed` returned, to go on as before.
    """
    import numpy as np

    from ...core.rng import restore, set_random_seed
    from .randoms import forget

    forget()
    if isinstance(seed, dict):
        restore(seed)
        return
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


def list_local_devices(session_config: object = None) -> list[Device]:
    return [Device(one.name.replace("physical_device", "device"), one.device_type) for one in list_devices()]


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
    from ...utils.session import clear_session

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


_SEED, _DEVICES = "keras.utils.set_random_seed(seed)", "jax.devices()"
_NO_SETTING = "leave it out, it has no effect"
_MEMORY = "the environment variable XLA_PYTHON_CLIENT_PREALLOCATE=false"
_LEVELS = {"DEBUG": 10, "INFO": 20, "WARN": 30, "WARNING": 30, "ERROR": 40, "FATAL": 50}

MEMBERS: dict[str, Member] = {
    **dict.fromkeys(("random.set_seed", "set_random_seed", "random.set_random_seed"), Member(set_seed, _SEED)),
    **{
        f"config.{place}{kind}": Member(list_devices, _DEVICES)
        for place in ("", "experimental.")
        for kind in ("list_physical_devices", "list_logical_devices", "get_visible_devices")
    },
    **{
        f"config.{name}": Member(nothing, _NO_SETTING)
        for name in (
            *("set_visible_devices", "experimental.set_visible_devices", "set_soft_device_placement"),
            *("threading.set_inter_op_parallelism_threads", "threading.set_intra_op_parallelism_threads"),
            *("optimizer.set_jit", "experimental.enable_op_determinism", "set_logical_device_configuration"),
            *("experimental.set_virtual_device_configuration", "experimental.enable_tensor_float_32_execution"),
        )
    },
    "python.client.device_lib.list_local_devices": Member(list_local_devices, _DEVICES),
    "config.experimental.set_memory_growth": Member(nothing, _MEMORY),
    "config.LogicalDeviceConfiguration": Member(Options, _MEMORY),
    "config.experimental.VirtualDeviceConfiguration": Member(Options, _MEMORY),
    "test.is_gpu_available": Member(is_gpu_available, _DEVICES),
    "test.is_built_with_cuda": Member(is_gpu_available, _DEVICES),
    "test.gpu_device_name": Member(gpu_device_name, _DEVICES),
    "device": Member(device, "jax.default_device(device)"),
    "get_logger": Member(get_logger),
    "logging.set_verbosity": Member(nothing),
    **{f"logging.{name}": Member(level) for name, level in _LEVELS.items()},
    "autograph.set_verbosity": Member(nothing),
    "executing_eagerly": Member(lambda: True),
    **dict.fromkeys(
        ("enable_eager_execution", "disable_eager_execution", "disable_v2_behavior", "enable_v2_behavior"),
        Member(nothing, _NO_SETTING),
    ),
    "reset_default_graph": Member(clear_session, "keras.utils.clear_session()"),
    **dict.fromkeys(("ConfigProto", "GPUOptions"), Member(Options, _MEMORY)),
    **dict.fromkeys(("Session", "InteractiveSession"), Member(Session, _MEMORY)),
    "version.VERSION": Member(TENSORFLOW_VERSION),
}
