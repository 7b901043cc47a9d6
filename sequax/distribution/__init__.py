"""Training over several devices: which there are, and how data and variables are cut over them.

The page `docs/distribution.md` says what to choose.
"""

from .mesh import (
    DeviceMesh as DeviceMesh,
    LayoutMap as LayoutMap,
    TensorLayout as TensorLayout,
    distribute_tensor as distribute_tensor,
    get_device_count as get_device_count,
    list_devices as list_devices,
)
from .processes import (
    PeerLost as PeerLost,
    initialize as initialize,
    process_count as process_count,
    process_index as process_index,
)
from .strategies import (
    DataParallel as DataParallel,
    Distribution as Distribution,
    FullySharded as FullySharded,
    ModelParallel as ModelParallel,
    distribution as distribution,
    set_distribution as set_distribution,
)

__all__ = [
    "DataParallel", "DeviceMesh", "FullySharded", "LayoutMap", "ModelParallel", "PeerLost", "TensorLayout",
    "distribute_tensor", "distribution", "get_device_count", "initialize", "list_devices", "process_count",
    "process_index", "set_distribution",
]  # fmt: skip
