"""Distributions: how the rows of a batch, variables and what layers return are cut over the devices of a mesh."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import jax
import numpy as np
from jax.sharding import Sharding

from ..core import placement
from ..core.placement import DEVICE, Placement, Spread
from ..core.warning import warn
from . import processes
from .mesh import Device, DeviceMesh, LayoutMap, TensorLayout, device_of, list_devices, name_of

if TYPE_CHECKING:
    from ..core.variable import Variable

_BATCH = "batch"


class Distribution:
    """How things are cut over a mesh. A subclass answers `get_data_layout`, `get_variable_layout`, `get_tensor_layout`.

    Args:
        device_mesh: the devices.
        batch_dim_name: the axis of the mesh that batches are cut along.
        auto_shard_dataset: with several processes, whether each one is given all rows and takes its own. False: a
            data set of each process gives rows of its own.
    """

    device_mesh: DeviceMesh
    batch_dim_name: str | None
    gathers = False  # whether variables are put together at the start of a loss
    cuts_weights = True

    def __init__(self, device_mesh: DeviceMesh, batch_dim_name: str | None = None, auto_shard_dataset: bool = True):
        self.device_mesh, self.batch_dim_name = device_mesh, batch_dim_name
        self.auto_shard_dataset = auto_shard_dataset
        self._num_processes, self._process_id = jax.process_count(), jax.process_index()
        self._is_multi_process = self._num_processes > 1

    # --- to override ---

    @property
    def num_model_replicas(self) -> int:
        """How many copies of the model compute."""
        raise NotImplementedError

    def get_data_layout(self, data_shape: Sequence[int | None]) -> TensorLayout:
        """The layout of rows.

        Args:
            data_shape: their shape, rows first.
        """
        raise NotImplementedError

    def get_variable_layout(self, variable: Variable) -> TensorLayout:
        """The layout of a variable.

        Args:
            variable: what its `_layout` says goes first.
        """
        raise NotImplementedError

    def get_tensor_layout(self, path: str) -> TensorLayout | None:
        """The layout of what a layer returns; None: as it comes.

        Args:
            path: that of the layer and `/output`.
        """
        raise NotImplementedError

    # --- what all have in common ---

    @property
    def num_processes(self) -> int:
        """How many processes run together."""
        return self._num_processes

    @property
    def data_shard_id(self) -> int:
        """Which part of the rows this process has."""
        if self.num_model_replicas >= self.num_processes:
            return self._process_id
        return self._process_id // (self.num_processes // self.num_model_replicas)

    @contextmanager
    def scope(self) -> Iterator[None]:
        """Inside, this is the distribution."""
        before = distribution()
        set_distribution(self)
        try:
            yield
        finally:
            set_distribution(before)

    def distribute_dataset(self, dataset: Any) -> Any:
        """The part of a data set that this process has to read; all of it in the only process.

        Args:
            dataset: a `tf.data.Dataset` of batches, or one of the same methods.
        """
        if not self._is_multi_process or not self.auto_shard_dataset:
            return dataset
        if not all(hasattr(dataset, name) for name in ("element_spec", "rebatch", "shard", "prefetch")):
            raise ValueError(
                f"A data set of the type {type(dataset).__name__} is not supported for auto-sharding. Pass"
                f" `auto_shard_dataset=False` and let the data set of each process give its own rows."
            )
        batch_size = _batch_size(dataset)
        shards = min(self.num_processes, self.num_model_replicas)
        if shards == 1:
            return dataset.prefetch(-1)
        if batch_size % shards:
            raise ValueError(
                f"Global batch size must be divisible by the number of processes that read rows. Received:"
                f" batch_size={batch_size}, {shards} processes"
            )
        own = dataset.rebatch(batch_size // shards).shard(num_shards=shards, index=self.data_shard_id)
        return own.prefetch(-1)

    @property
    def placement(self) -> Placement:
        """What `fit` and its kin ask."""
        mesh = self.device_mesh.backend_mesh
        axis = self.batch_dim_name or mesh.axis_names[0]
        return Spread(
            mesh,
            axis,
            self._key,
            self._sharding_of_variable,
            self._sharding_of_output,
            self.gathers,
            self.cuts_weights,
            own_rows=not self.auto_shard_dataset,
            unused=lambda: self.unused_layouts,
        )

    @property
    def unused_layouts(self) -> list[str]:
        """Layouts that were given for paths that nothing has."""
        return []

    @property
    def _key(self) -> Hashable:
        """What tells two distributions over one mesh apart."""
        return self

    def _sharding_of_variable(self, variable: Variable) -> Sharding:
        layout = self.get_variable_layout(variable).backend_layout
        check_layout(variable, layout)
        return layout

    def _sharding_of_output(self, path: str) -> Sharding | None:
        layout = self.get_tensor_layout(path)
        return None if layout is None else layout.backend_layout

    def _whole(self, variable: Variable) -> TensorLayout:
        """The layout that a variable asks for; or it is whole on each device."""
        found = variable.given_layout
        return TensorLayout([None] * len(variable.shape), self.device_mesh) if found is None else found

    def _rows(self, data_shape: Sequence[int | None]) -> TensorLayout:
        return TensorLayout([self.batch_dim_name, *[None] * (len(data_shape) - 1)], self.device_mesh)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} device_mesh={self.device_mesh}>"


def check_layout(variable: Variable, layout: Sharding) -> None:
    """
    Raises:
        ValueError: for a layout that does not fit the shape of a variable, with the path to look for.
    """
    axes = getattr(layout, "spec", ())
    sizes = getattr(layout, "mesh", None)
    if len(axes) > len(variable.shape):
        raise ValueError(
            f"Variable {variable.path!r} of shape {variable.shape} has {len(variable.shape)} axes; its layout"
            f" {tuple(axes)} is for {len(axes)}."
        )
    for axis, (name, size) in enumerate(zip(axes, variable.shape, strict=False)):
        if name is not None and sizes is not None and size % sizes.shape[name]:
            raise ValueError(
                f"Variable {variable.path!r} of shape {variable.shape} cannot be cut along its axis {axis}: {size} is"
                f" not divisible by the {sizes.shape[name]} devices of the mesh axis {name!r}. Leave it whole (None)."
            )


class _Replicas(Distribution):
    """Each device computes with the whole model; what layers return lies as it comes."""

    @property
    def num_model_replicas(self) -> int:
        return int(self.device_mesh.devices.size)

    def get_data_layout(self, data_shape: Sequence[int | None]) -> TensorLayout:
        return self._rows(data_shape)

    def get_tensor_layout(self, path: str) -> TensorLayout | None:
        return None


class DataParallel(_Replicas):
    """Each device has all variables, and computes its part of the rows of each batch.

    Args:
        device_mesh: a mesh of one axis; of more, the first cuts the rows.
        devices: in its place, a list of devices; without both, all that `list_devices()` lists.
        auto_shard_dataset: see `Distribution`.
    """

    cuts_weights = False

    def __init__(
        self,
        device_mesh: DeviceMesh | None = None,
        devices: Sequence[Device] | np.ndarray | None = None,
        auto_shard_dataset: bool = True,
    ):
        mesh = _mesh(device_mesh, devices)
        super().__init__(mesh, mesh.axis_names[0], auto_shard_dataset)
        if mesh.devices.ndim != 1:
            warn(
                f"DataParallel: expected a mesh of one axis. Received one of {mesh.devices.ndim}: the first,"
                f" {mesh.axis_names[0]!r}, cuts the rows of a batch; devices along the others compute the same."
            )

    def get_variable_layout(self, variable: Variable) -> TensorLayout:
        return self._whole(variable)

    @property
    def _key(self) -> Hashable:
        return "data"


class ModelParallel(Distribution):
    """Variables are cut as a map of layouts says, rows along one axis of the mesh.

    Args:
        layout_map: layouts by paths of variables and outputs; what it does not name is whole on each device.
        batch_dim_name: the axis of the mesh that cuts rows; default: the first.
        auto_shard_dataset: see `Distribution`.
        **kwargs: `device_mesh`, which is that of the map, is accepted for old code.
    """

    def __init__(
        self,
        *,
        layout_map: LayoutMap | None = None,
        batch_dim_name: str | None = None,
        auto_shard_dataset: bool = True,
        **kwargs: object,
    ):
        kwargs.pop("device_mesh", None)
        if kwargs:
            raise TypeError(f"ModelParallel: unexpected arguments {sorted(kwargs)}.")
        if layout_map is None:
            raise ValueError("You must specify a layout_map argument.")
        if not isinstance(layout_map, LayoutMap):
            raise ValueError(f"Argument `layout_map` must be a `LayoutMap` instance. Received: {layout_map!r}")
        mesh = layout_map.device_mesh
        super().__init__(mesh, batch_dim_name or mesh.axis_names[0], auto_shard_dataset)
        self.layout_map = layout_map
        self._used: set[str] = set()  # keys that a path has matched
        processes, replicas = self.num_processes, self.num_model_replicas
        if processes > replicas and processes % replicas:
            raise ValueError(
                f"If `num_processes` is greater than `num_model_replicas`, `num_processes` must be divisible by"
                f" `num_model_replicas`. Received: num_processes={processes}, num_model_replicas={replicas}"
            )

    @property
    def num_model_replicas(self) -> int:
        names = list(self.device_mesh.axis_names)
        if self.batch_dim_name not in names:
            raise ValueError(f"ModelParallel: batch_dim_name={self.batch_dim_name!r} is no axis of the mesh: {names}")
        return int(self.device_mesh.shape[names.index(self.batch_dim_name)])

    def get_data_layout(self, data_shape: Sequence[int | None]) -> TensorLayout:
        return self._rows(data_shape)

    def get_variable_layout(self, variable: Variable) -> TensorLayout:
        found = variable.given_layout
        found = self._layout_of(variable.path) if found is None else found
        return self._whole(variable) if found is None else found

    def get_tensor_layout(self, path: str) -> TensorLayout | None:
        return self._layout_of(path)

    def _layout_of(self, path: str) -> TensorLayout | None:
        self._used.update(self.layout_map.matching(path))
        return self.layout_map[path]

    @property
    def unused_layouts(self) -> list[str]:
        return [key for key in self.layout_map if key not in self._used]

    @property
    def _key(self) -> Hashable:
        return tuple((path, layout.axes) for path, layout in self.layout_map.items())


class FullySharded(_Replicas):
    """Each device computes its part of the rows, and keeps its part of each large variable and of its optimizer state.

    The parts are put together while a loss is computed, so that layers see whole variables. State takes a share of the
    memory on each device, and a step more messages than with `DataParallel`.

    Args:
        devices: a list of devices, a number of them or a mesh of one axis; None: all.
        least: variables of fewer numbers are whole on each device.
        auto_shard_dataset: see `Distribution`.
    """

    gathers = True

    def __init__(
        self,
        devices: Sequence[Device] | DeviceMesh | int | None = None,
        least: int = 16_384,
        auto_shard_dataset: bool = True,
    ):
        if isinstance(devices, int):
            devices = first_devices(devices)
        mesh = devices if isinstance(devices, DeviceMesh) else _mesh(None, devices)
        if mesh.devices.ndim != 1:
            raise ValueError(f"FullySharded: expected a mesh of one axis. Received: {mesh}")
        super().__init__(mesh, mesh.axis_names[0], auto_shard_dataset)
        self.least = least

    def get_variable_layout(self, variable: Variable) -> TensorLayout:
        """The largest axis that all devices get equal parts of is cut."""
        count, shape = self.num_model_replicas, variable.shape
        axes = [axis for axis, size in enumerate(shape) if size % count == 0]
        if variable.given_layout is not None or not axes or variable.size < self.least:
            return self._whole(variable)
        longest = max(axes, key=lambda axis: shape[axis])
        return TensorLayout(
            [self.batch_dim_name if axis == longest else None for axis in range(len(shape))], self.device_mesh
        )

    @property
    def _key(self) -> Hashable:
        return "sharded", self.least


def _batch_size(dataset: Any) -> int:
    """The rows in a batch of a data set: as it says, else in the first."""
    shapes = [spec.shape for spec in jax.tree.leaves(dataset.element_spec)]
    stated = next((shape[0] for shape in shapes if len(shape)), None)
    first = next(iter(dataset), None) if stated is None else None
    counted = next((len(array) for array in jax.tree.leaves(first) if len(array.shape)), None)
    if stated is None and counted is None:
        raise ValueError("The batch size of the data set is unknown: it has no batches. Make them with `batch(...)`.")
    return stated or counted or 0


def _mesh(device_mesh: DeviceMesh | None, devices: Sequence[Device] | np.ndarray | None) -> DeviceMesh:
    if device_mesh is not None:
        if not isinstance(device_mesh, DeviceMesh):
            raise ValueError(
                f"Expect `mesh` to be an instance of `DeviceMesh`. Received: {device_mesh!r} (of type"
                f" {type(device_mesh).__name__})"
            )
        return device_mesh
    given = np.array(list_devices() if devices is None else devices)
    return DeviceMesh(given.shape, [_BATCH], given)


# --- which one ------------------------------------------------------------------------------------------------------

_distribution: Distribution | None = None


def distribution() -> Distribution | None:
    """The distribution that was set; None if there is none."""
    return _distribution if placement.chosen() is not None else None  # a cleared session has none


def set_distribution(value: Distribution | None) -> None:
    """Let all models lie so: those that are there, when they are next used, and those that will be made.

    Args:
        value: a distribution; None: models lie where they are.
    """
    global _distribution
    if value is not None and not isinstance(value, Distribution):
        raise ValueError(
            f"set_distribution: expected a distribution such as `DataParallel()`, or None. Received: {value!r}"
        )
    placement.choose(None if value is None else value.placement)
    _distribution = value


def first_devices(count: int) -> list[str]:
    """So many devices of this process.

    Raises:
        ValueError: if there are not so many.
    """
    known = [name_of(device) for device in jax.local_devices()]
    if isinstance(count, bool) or not 1 <= count <= len(known):
        raise ValueError(f"devices={count!r}: there {'is' if len(known) == 1 else 'are'} {len(known)}: {known}")
    return known[:count]


def placement_for(devices: Any, model: Any) -> Placement:
    """Where a public call is to run; those after it do, too, once it has begun (`placement.want`).

    Args:
        devices: a distribution, a mesh, `"all"`, a number, names of devices or of a kind of them; None: as was set by
            `set_distribution`, else where the weights of the model lie.

    Raises:
        ValueError: for devices that do not exist.
    """
    place = placement.where(model) if devices is None else _placement_of(devices)
    if place.is_spread and not getattr(jax.config, "jax_threefry_partitionable", True):
        raise ValueError(
            "Several devices draw the same random numbers as one only with `jax_threefry_partitionable`, which is"
            " switched off here: `jax.config.update('jax_threefry_partitionable', True)`."
        )
    if place.processes > 1:
        processes.end_at_once()  # the script may have called `jax.distributed.initialize` itself
    return place


def _placement_of(devices: Any) -> Placement:
    if isinstance(devices, Distribution):
        return devices.placement
    if isinstance(devices, DeviceMesh):
        return DataParallel(devices).placement
    names = _named(devices)
    if len(names) == 1 and device_of(names[0]) == jax.local_devices()[0]:
        return DEVICE
    return DataParallel(devices=names).placement


def _named(devices: Any) -> list[Any]:
    """A list of devices from the argument of `fit`."""
    if isinstance(devices, int):
        return list(first_devices(devices))
    if devices == "all":
        return list(list_devices())
    if isinstance(devices, str):
        return [devices] if ":" in devices else list(list_devices(devices))
    if isinstance(devices, jax.Device):
        return [devices]
    names = [name_of(device_of(one)) for one in devices] if isinstance(devices, (list, tuple, np.ndarray)) else []
    if not names:
        raise ValueError(
            f"devices: expected 'all', a number, a list of names such as ['gpu:0', 'gpu:1'], or a distribution such as"
            f" `keras.distribution.DataParallel()`. Received: {devices!r}"
        )
    if len(set(names)) < len(names):
        raise ValueError(f"devices: one is named twice. Received: {names}")
    return names
