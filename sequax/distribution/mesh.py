"""Devices in a grid with named axes, and layouts: which axis of an array is cut along which axis of the grid."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, MutableMapping, Sequence
from functools import cached_property
from typing import Any, TypeAlias

import jax
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec, Sharding

from ..core.tensor import KerasTensor
from ..core.types import Tensor

Device: TypeAlias = str | jax.Device
Axes = Sequence[str | None]


def list_devices(device_type: str | None = None) -> list[str]:
    """The names of all devices of a kind, such as `["cpu:0", "cpu:1"]`; of all processes of a run, if there are more.

    Args:
        device_type: `"cpu"`, `"gpu"` or `"tpu"`; None: the kind that JAX computes on.
    """
    return [name_of(device) for device in _devices(device_type)]


def get_device_count(device_type: str | None = None) -> int:
    """How many devices `list_devices` lists.

    Args:
        device_type: as there.
    """
    return len(_devices(device_type))


def name_of(device: jax.Device) -> str:
    """The name of a device, such as `"gpu:1"`."""
    return f"{device.platform}:{device.id}"


def device_of(name: Device) -> jax.Device:
    """The device of a name.

    Raises:
        ValueError: if there is none.
    """
    if isinstance(name, jax.Device):
        return name
    kind, _, number = str(name).lower().partition(":")
    number = number or "0"
    for device in _devices(kind) if number.isdigit() else ():
        if device.id == int(number):
            return device
    raise ValueError(f"Device not found: there is no device {name!r}. There are: {list_devices()}")


def _devices(kind: str | None) -> list[jax.Device]:
    try:
        return jax.devices(kind.lower() if kind else None)
    except RuntimeError:
        raise ValueError(
            f"Device not found: JAX has no devices of the kind {kind!r} here. There are: {list_devices()}"
        ) from None


class DeviceMesh:
    """Devices in a grid.

    Args:
        shape: how many there are along each axis, such as `(8,)` or `(2, 4)`.
        axis_names: of the axes, which layouts speak of.
        devices: names, or devices of JAX; None: all that `list_devices()` lists.

    Raises:
        ValueError: if shape, names and number of devices do not match.
    """

    shape: Sequence[int]
    axis_names: Sequence[str]

    def __init__(
        self, shape: Sequence[int], axis_names: Sequence[str], devices: Sequence[Device] | np.ndarray | None = None
    ):
        if not shape or not axis_names:
            raise ValueError(
                f"Shape and axis_names cannot be empty. Received: shape={shape!r}, axis_names={axis_names!r}"
            )
        if len(shape) != len(axis_names):
            raise ValueError(
                f"Shape and axis_names should have same size. Received: shape={shape!r}, axis_names={axis_names!r}"
            )
        given = np.array(list_devices() if devices is None else devices)
        if math.prod(shape) != given.size:
            raise ValueError(
                f"Shape does not match the number of devices. Received: shape={shape!r}, which takes"
                f" {math.prod(shape)}, and {given.size} devices: {given.ravel().tolist()}"
            )
        self.shape, self.axis_names = shape, axis_names
        self.devices: np.ndarray = given.reshape(tuple(shape))

    @cached_property
    def backend_mesh(self) -> Mesh:
        """The mesh of JAX.

        Raises:
            ValueError: if a device does not exist here.
        """
        found = np.empty(self.devices.size, object)
        found[:] = [device_of(name) for name in self.devices.ravel()]
        return Mesh(found.reshape(self.devices.shape), tuple(self.axis_names))

    def __repr__(self) -> str:
        return f"<{type(self).__name__} shape={self.shape}, axis_names={self.axis_names}>"


class TensorLayout:
    """How an array is cut over a mesh.

    Args:
        axes: for each axis of the array the name of an axis of the mesh, or None: it is not cut.
        device_mesh: the mesh; may be set later, once.

    Raises:
        ValueError: for a name that the mesh does not have.
    """

    def __init__(self, axes: Axes, device_mesh: DeviceMesh | None = None):
        self.axes: tuple[str | None, ...] = tuple(axes)
        self._device_mesh = device_mesh
        self._check()

    @property
    def device_mesh(self) -> DeviceMesh | None:
        """The mesh; None while it is not set."""
        return self._device_mesh

    @device_mesh.setter
    def device_mesh(self, device_mesh: DeviceMesh) -> None:
        if self._device_mesh is not None:
            raise ValueError(f"Cannot override device mesh value. Existing value is {self._device_mesh}")
        self._device_mesh = device_mesh
        self._check()

    def _check(self) -> None:
        if self._device_mesh is None:
            return
        known = list(self._device_mesh.axis_names)
        used = [axis for axis in self.axes if axis is not None]
        unknown = [axis for axis in used if axis not in known]
        if unknown:
            raise ValueError(f"Invalid axis names for Layout. Valid axis names: {known}. Received: {unknown}")
        if len(set(used)) < len(used):
            raise ValueError(f"Invalid axis names for Layout: an axis of the mesh cuts one axis. Received: {used}")

    @cached_property
    def backend_layout(self) -> NamedSharding:
        """The sharding of JAX.

        Raises:
            ValueError: while there is no mesh.
        """
        if self._device_mesh is None:
            raise ValueError("Cannot create sharding when device mesh is not set for TensorLayout.")
        return NamedSharding(self._device_mesh.backend_mesh, PartitionSpec(*self.axes))

    def __repr__(self) -> str:
        return f"<{type(self).__name__} axes={self.axes}, device_mesh={self.device_mesh}>"


class LayoutMap(MutableMapping[str, TensorLayout]):
    """Layouts by paths of variables, and of what layers return (`"dense/output"`).

    A key is a path, or a regular expression that a whole path has to match. A path that none matches has no layout:
    asking for it gives None.

    Args:
        device_mesh: of layouts that have none.

    Example:

    >>> layouts = LayoutMap(DeviceMesh((1,), ["model"], ["cpu:0"]))
    >>> layouts[".*dense.*kernel"] = (None, "model")
    >>> layouts["sequential/dense_1/kernel"].axes
    (None, 'model')
    >>> layouts["sequential/conv2d/kernel"] is None
    True
    """

    device_mesh: DeviceMesh

    def __init__(self, device_mesh: DeviceMesh):
        self.device_mesh = device_mesh
        self._layouts: dict[str, TensorLayout] = {}

    def __getitem__(self, key: str) -> Any:
        matching = self.matching(key)
        if len(matching) > 1:
            raise ValueError(
                f"Path '{key}' matches multiple layout specification keys: {matching}. Make them narrower, so that"
                f" each path matches one at most."
            )
        return self._layouts[matching[0]] if matching else None

    def matching(self, path: str) -> list[str]:
        """The keys that a path matches: one at most, if all is well.

        Args:
            path: of a variable or an output.
        """
        return [path] if path in self._layouts else [key for key in self._layouts if re.fullmatch(key, path)]

    def __setitem__(self, key: str, layout: TensorLayout | tuple[str | None, ...]) -> None:
        if key in self._layouts:
            raise ValueError(
                f"{key} already exist in the LayoutMap with value {self._layouts[key]}. Delete it first to change it."
            )
        if isinstance(layout, tuple):
            layout = TensorLayout(layout)
        if not isinstance(layout, TensorLayout):
            raise ValueError(f"{layout} should be a TensorLayout type, or a tuple of axes. Received: {type(layout)}")
        if layout.device_mesh is None:
            layout.device_mesh = self.device_mesh
        self._layouts[key] = layout

    def __delitem__(self, key: str) -> None:
        del self._layouts[key]

    def __contains__(self, key: object) -> bool:
        return key in self._layouts

    def __len__(self) -> int:
        return len(self._layouts)

    def __iter__(self) -> Iterator[str]:
        return iter(self._layouts)

    def pop(self, key: str, *default: Any) -> Any:
        """Remove a key, as it was given, and return its layout.

        Args:
            key: no regular expression is matched.
            *default: returned in place of an error if it is not there.
        """
        return self._layouts.pop(key, *default)


def distribute_tensor(tensor: Tensor | KerasTensor, layout: TensorLayout | Sharding | Any) -> Any:
    """The same values in another layout; inside of a compiled function, a demand to the compiler.

    Args:
        tensor: an array; a symbolic tensor is returned as it is.
        layout: a `TensorLayout`, or a sharding (or format) of JAX.
    """
    if isinstance(tensor, KerasTensor):
        return tensor
    wanted = layout.backend_layout if isinstance(layout, TensorLayout) else layout
    if isinstance(tensor, jax.core.Tracer):
        return jax.lax.with_sharding_constraint(tensor, getattr(wanted, "sharding", wanted))
    return jax.device_put(tensor, wanted)
