"""Members of an ensemble over several devices: each device trains its share of them, and tells the others nothing."""

from __future__ import annotations

from typing import Any

import jax
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from ..core.placement import DEVICE, Placement, Spread


class Members(Spread):
    """Devices of which each has equally many members, and all rows.

    Args:
        devices: as many as divide the number of members.
    """

    cuts_rows = False

    def __init__(self, devices: list[Any]):
        mesh = Mesh(np.array(devices), ("members",))
        super().__init__(mesh, "members", "members")
        self._members = NamedSharding(mesh, PartitionSpec("members"))

    def put_members(self, state: Any) -> Any:
        """Arrays with a leading axis of members, each device its own."""
        return jax.tree.map(lambda array: jax.device_put(array, self._members), state)

    def columns(self, batch_size: int) -> np.ndarray | None:
        return None

    def put_columns(self, array: np.ndarray, batch_size: int) -> jax.Array:
        return self.put(array)

    def batch(self, rows: Any) -> Any:
        return rows


def over(place: Placement, members: int) -> Placement:
    """The devices of a placement for so many members: the most that get equally many."""
    if not isinstance(place, Spread):
        return DEVICE
    devices = list(place.mesh.devices.flat)
    count = next(count for count in range(min(len(devices), members), 0, -1) if members % count == 0)
    return Members(devices[:count]) if count > 1 else DEVICE


def put_members(place: Placement, state: Any) -> Any:
    """Arrays with a leading axis of members, where these are."""
    return place.put_members(state) if isinstance(place, Members) else place.put(state)
