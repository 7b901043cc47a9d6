"""Writes HDF5 files as Keras does, with a checksum per dataset that Keras passes over.

The checksum stands in the attribute `sha256` of a dataset. It covers the path, type and shape as well as the elements,
so that a damaged address, which would lead to another dataset of the same shape, is noticed, too.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import h5py

CHECKSUM = "sha256"
_MOST_IN_A_HEADER = 64_000  # bytes: an attribute may take 64 KiB; a text of variable length takes 16 in it


def to_bytes(datasets: Mapping[str, Any], groups: Mapping[str, Mapping[str, Any]]) -> memoryview:
    """The contents of an HDF5 file.

    Args:
        datasets: arrays by path; `/` separates groups.
        groups: attributes of groups by path; groups without datasets are made, too. A list of texts is split over the
            attributes `name0`, `name1`, ... where it would be too long for one.
    """
    import h5py

    buffer = io.BytesIO()
    with h5py.File(buffer, "w", libver=("earliest", "latest")) as file:
        for path, attributes in groups.items():
            group = file.require_group(path) if path else file
            for name, value in attributes.items():
                _set_attribute(group, name, value)
        for path, value in datasets.items():
            array = _storable(np.asarray(value), path)
            made = file.create_dataset(path, data=array, track_times=False)
            if np.asarray(value).dtype.name == "bfloat16":
                made.attrs["dtype"] = "bfloat16"
            made.attrs[CHECKSUM] = np.bytes_(checksum(path, array))
    return buffer.getbuffer()


def checksum(path: str, array: np.ndarray) -> str:
    """Of a dataset as it stands in the file, in little-endian order."""
    if array.dtype.kind != "V" and array.dtype.byteorder == ">":
        array = array.astype(array.dtype.newbyteorder("<"))
    head = f"{path}\n{kind(array.dtype)}\n{array.shape}\n".encode()
    found = hashlib.sha256(head)
    flat = np.ascontiguousarray(array).reshape(-1)
    found.update(flat.view(np.uint8).data if flat.size else b"")
    return found.hexdigest()


def kind(dtype: np.dtype) -> str:
    """A type as the checksum names it: its kind and its size, whatever the order of the bytes."""
    return f"{dtype.kind}{dtype.itemsize}"


def _storable(array: np.ndarray, path: str) -> np.ndarray:
    if array.dtype.name == "bfloat16":
        return array.view("V2") if array.ndim else array.reshape(1).view("V2").reshape(())
    if array.dtype.kind not in "fiub":
        raise TypeError(
            f"{path}: arrays of dtype {array.dtype} cannot be stored in HDF5. Cast the variable to float32."
        )
    return array


def _set_attribute(group: h5py.Group, name: str, value: object) -> None:
    if isinstance(value, list) and 16 * len(value) > _MOST_IN_A_HEADER:
        length = _MOST_IN_A_HEADER // 16
        for number, start in enumerate(range(0, len(value), length)):
            group.attrs[f"{name}{number}"] = value[start : start + length]
    else:
        group.attrs[name] = value
