"""`tf.distribute` on one process: strategies whose scopes have no effect, and what is asked of them."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, NoReturn

from ... import ops
from ...core.types import ArrayLike, Axis, T
from ..notes import say
from .member import Member
from .settings import Options
from .values import tensor


class ReduceOp:
    SUM, MEAN = "SUM", "MEAN"


class InputContext:
    """Which part of the data a process reads: all of it."""

    num_input_pipelines, input_pipeline_id, num_replicas_in_sync = 1, 0, 1

    def __init__(self, *args: object, **kwargs: object): ...

    def get_per_replica_batch_size(self, global_batch_size: int) -> int:
        return global_batch_size


class ReplicaContext:
    """The one replica there is."""

    replica_id_in_sync_group, num_replicas_in_sync = 0, 1

    def all_reduce(self, reduce_op: object, value: T, options: object = None) -> T:
        return value

    def merge_call(
        self, merge_fn: Callable[..., Any], args: Iterable[Any] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        return merge_fn(get_strategy(), *args, **(kwargs or {}))

    @property
    def strategy(self) -> Strategy:
        return get_strategy()


class Strategy:
    """Runs everything in this process, on the device that JAX has."""

    num_replicas_in_sync = 1
    cluster_resolver = None

    def __init__(self, *args: object, **kwargs: object):
        if type(self) is not Strategy:
            say(
                "tf.distribute",
                f"`tf.distribute.{type(self).__name__}` works here on one device, and its `scope()` has no effect;"
                f" `keras.distribution.set_distribution(...)` uses several",
            )
        self.extended = Options()

    @contextlib.contextmanager
    def scope(self) -> Iterator[Strategy]:
        _inside.append(self)
        try:
            yield self
        finally:
            _inside.pop()

    def run(
        self,
        fn: Callable[..., Any],
        args: Iterable[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
        options: object = None,
    ) -> Any:
        return fn(*args, **(kwargs or {}))

    experimental_run_v2 = run

    def reduce(self, reduce_op: object, value: ArrayLike, axis: Axis = None) -> Any:
        if axis is None:
            return value
        return (ops.sum if str(reduce_op).upper() == "SUM" else ops.mean)(tensor(value), axis=axis)

    def gather(self, value: T, axis: int) -> T:
        return value

    def experimental_distribute_dataset(self, dataset: T, options: object = None) -> T:
        return dataset

    def distribute_datasets_from_function(self, dataset_fn: Callable[..., Any], options: object = None) -> Any:
        return dataset_fn(InputContext())

    experimental_distribute_datasets_from_function = distribute_datasets_from_function

    def experimental_local_results(self, value: object) -> tuple[Any, ...]:
        return value if isinstance(value, tuple) else (value,)

    def experimental_distribute_values_from_function(self, value_fn: Callable[..., Any]) -> Any:
        return value_fn(ReplicaContext())


_default = Strategy()
_inside: list[Strategy] = []


def get_strategy() -> Strategy:
    return _inside[-1] if _inside else _default


class MirroredStrategy(Strategy): ...


class MultiWorkerMirroredStrategy(Strategy): ...


class CentralStorageStrategy(Strategy): ...


class OneDeviceStrategy(Strategy): ...


class TPUStrategy(Strategy): ...


class TPUClusterResolver:
    """A script that finds no TPU this way goes on without one."""

    def __init__(self, *args: object, **kwargs: object):
        self.connect()

    @classmethod
    def connect(cls, *args: object, **kwargs: object) -> NoReturn:
        raise ValueError(
            "tensorflow.distribute.cluster_resolver.TPUClusterResolver: Sequax uses the devices that JAX sees (see"
            " `jax.devices()`), a TPU among them, and resolves no cluster."
        )


_STRATEGIES = (MirroredStrategy, MultiWorkerMirroredStrategy, CentralStorageStrategy, OneDeviceStrategy, TPUStrategy)
_OPTIONS = ("RunOptions", "InputOptions", "HierarchicalCopyAllReduce", "NcclAllReduce", "ReductionToOneDevice")
_EXPERIMENTAL = ("CommunicationOptions", "CollectiveHints", "ValueContext")


class Communication:
    """Ways to send gradients around, of which none is needed."""

    AUTO, RING, NCCL = "AUTO", "RING", "NCCL"


MEMBERS: dict[str, Member] = {
    **{f"distribute.{cls.__name__}": Member(cls) for cls in (Strategy, *_STRATEGIES, ReduceOp, InputContext)},
    **{f"distribute.experimental.{cls.__name__}": Member(cls) for cls in _STRATEGIES},
    **{f"contrib.distribute.{cls.__name__}": Member(cls) for cls in _STRATEGIES},
    **{f"distribute.{name}": Member(Options) for name in _OPTIONS},
    **{f"distribute.experimental.{name}": Member(Options) for name in _EXPERIMENTAL},
    "distribute.experimental.CommunicationImplementation": Member(Communication),
    "distribute.experimental.CollectiveCommunication": Member(Communication),
    "distribute.CrossDeviceOps": Member(Options),
    "distribute.ReplicaContext": Member(ReplicaContext),
    "distribute.get_strategy": Member(get_strategy),
    "distribute.has_strategy": Member(lambda: bool(_inside)),
    "distribute.in_cross_replica_context": Member(lambda: True),
    "distribute.get_replica_context": Member(ReplicaContext),
    "distribute.cluster_resolver.TPUClusterResolver": Member(TPUClusterResolver),
    "contrib.cluster_resolver.TPUClusterResolver": Member(TPUClusterResolver),
    "tpu.experimental.initialize_tpu_system": Member(lambda *args, **kwargs: None),
    "tpu.experimental.shutdown_tpu_system": Member(lambda *args, **kwargs: None),
}
