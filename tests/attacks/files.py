"""Files that must be refused, or read right: each is made from a good one, by one change."""

from __future__ import annotations

import io
import json
import os
import struct
import sys
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from .configs import CODE, MARKER, PAYLOAD, PICKLED, dense, entry, stack

CONFIG, METADATA, WEIGHTS = "config.json", "metadata.json", "model.weights.h5"
ENDINGS = (".keras", ".weights.h5", ".h5", ".safetensors")
BAITS = {"secret.txt": "s" * 100, "evil_module.py": f"{PAYLOAD}\nclass Evil: pass\ndef evil(*a): {PAYLOAD}\n"}

Members = dict[str, bytes]


def good_model() -> Any:
    import sequax

    layers = [sequax.Input((4,), name="in"), sequax.layers.Dense(3, name="a"), sequax.layers.Dense(2, name="b")]
    model = sequax.Sequential(layers, name="m")
    model.compile("adam", "mse")
    return model


def save(model: Any, path: Path) -> bytes:
    if path.name.endswith((".weights.h5", ".safetensors")):
        model.save_weights(path)
    else:
        model.save(path)
    return path.read_bytes()


def members(keras_file: bytes) -> Members:
    """What is in a `.keras` file, but for the checksums: Keras writes none."""
    with zipfile.ZipFile(io.BytesIO(keras_file)) as archive:
        return {name: archive.read(name) for name in archive.namelist() if name != "sequax.json"}


def dumps(value: Any) -> str:
    """JSON of any depth."""
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(10**5)
    try:
        return json.dumps(value)
    finally:
        sys.setrecursionlimit(limit)


# --- archives ---


def packed(parts: Any, method: int = zipfile.ZIP_STORED, **attributes: Any) -> bytes:
    """A zip file of names and contents; attributes are those of the named member's header."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        for name, data in parts.items() if isinstance(parts, dict) else parts:
            info = zipfile.ZipInfo(name)
            info.compress_type = method
            for key, value in attributes.get(name, {}).items():
                setattr(info, key, value)
            archive.writestr(info, data, compresslevel=1)
    return buffer.getvalue()


def plus(good: Members, name: str, data: bytes = b"x", **attributes: Any) -> bytes:
    return packed({**good, name: data}, **{name: attributes})


def minus(good: Members, name: str) -> bytes:
    return packed({key: data for key, data in good.items() if key != name})


def bomb(good: Members, name: str, size: int, fill: bytes = b" ") -> bytes:
    """A member that is mostly filling, and packs to a thousandth."""
    return packed({**good, name: good.get(name, b"") + fill * size}, zipfile.ZIP_DEFLATED)


def twice(good: Members) -> bytes:
    return packed([*good.items(), ("config.jsoM", good[CONFIG])]).replace(b"config.jsoM", b"config.json")


def patched(data: bytes, mark: bytes, at: int, value: bytes, all_of_them: bool = False) -> bytes:
    """Bytes behind a mark replaced."""
    place = data.find(mark)
    while place >= 0:
        data = data[: place + at] + value + data[place + at + len(value) :]
        place = data.find(mark, place + 1) if all_of_them else -1
    return data


def renamed_in_front(good: Members) -> bytes:
    data = packed(good)
    at = data.index(b"config.json")
    return data[:at] + b"konfig.json" + data[at + 11 :]


def overlapping(good: Members) -> bytes:
    """The second entry of the list points to the member of the first."""
    data = packed(good)
    second = data.index(b"PK\1\2", data.index(b"PK\1\2") + 1)
    return data[: second + 42] + struct.pack("<L", 0) + data[second + 46 :]


def lying(good: Members) -> bytes:
    """Unpacks to more than its headers say."""
    data = bomb(good, CONFIG, 8 << 20)
    return data.replace(struct.pack("<L", len(good[CONFIG]) + (8 << 20)), struct.pack("<L", 1000))


def large_lie(good: Members) -> bytes:
    """Sizes of 64 bits that are not there."""
    return patched(packed(good), b"PK\1\2", 20, b"\xff" * 8)


ARCHIVES: dict[str, Callable[[Members], bytes]] = {
    "config of 100 MB spaces": lambda g: bomb(g, CONFIG, 100 << 20),
    "config of 15 MB spaces and nothing": lambda g: packed({**g, CONFIG: b" " * (15 << 20)}, zipfile.ZIP_DEFLATED),
    "config of 15 MB objects": lambda g: packed(
        {**g, CONFIG: b"[" + b'{"a":1},' * 990_000 + b"0]"}, zipfile.ZIP_DEFLATED
    ),
    "metadata of 2 MB": lambda g: bomb(g, METADATA, 2 << 20),
    "weights of 100 MB zeros": lambda g: bomb(g, WEIGHTS, 100 << 20, b"\0"),
    "bomb that lies": lying,
    "sizes of 64 bits that lie": large_lie,
    **{
        f"member {name!r}": lambda g, name=name: plus(g, name)
        for name in ("assets/../../../evil.txt", "/abs.txt", "C:\\x", "assets/./x", "assets//x", "assets/a\nb", "..")
    },
    "unknown member": lambda g: plus(g, "evil_module.py", PAYLOAD.encode()),
    "pickled weights": lambda g: plus(g, "model.weights.npz", PICKLED),
    "link": lambda g: plus(g, "assets/link", b"/etc/passwd", external_attr=0xA1FF0000),
    "device": lambda g: plus(g, "assets/device", b"", external_attr=0o020666 << 16),
    "two configs": twice,
    "other name in front": renamed_in_front,
    "overlapping members": overlapping,
    "encrypted": lambda g: patched(patched(packed(g), b"PK\3\4", 6, b"\1", True), b"PK\1\2", 8, b"\1", True),
    "other packing": lambda g: patched(patched(packed(g), b"PK\3\4", 8, b"\x0e", True), b"PK\1\2", 10, b"\x0e", True),
    "bytes in front": lambda g: b"#!/bin/sh\n" + packed(g),
    "bytes behind": lambda g: packed(g) + b"x",
    "comment": lambda g: packed(g)[:-2] + b"\1\0x",
    "20,000 members": lambda g: packed({**g, **{f"assets/{number}": b"" for number in range(20_000)}}),
    "no config": lambda g: minus(g, CONFIG),
    "no weights": lambda g: minus(g, WEIGHTS),
    "no metadata": lambda g: minus(g, METADATA),
    "config is a list": lambda g: packed({**g, CONFIG: b"[]"}),
    "config is no UTF-8": lambda g: packed({**g, CONFIG: b"\xff\xfe{}"}),
    "metadata is a list": lambda g: packed({**g, METADATA: b"[]"}),
    "checksums are a list": lambda g: plus(g, "sequax.json", b"[]"),
    "checksums of others": lambda g: plus(g, "sequax.json", b'{"sha256": {"../x": "0"}}'),
    "words of another layer as code": lambda g: packed(
        {**g, CONFIG: json.dumps(stack(entry("Lambda", function=CODE, name="l"))).encode(), "assets/l/code": PICKLED}
    ),
    "other sizes": lambda g: packed({**g, CONFIG: g[CONFIG].replace(b'"units": 3', b'"units": 5')}),
    "weights of 20 GB": lambda g: packed({**g, CONFIG: json.dumps(stack(dense(units=10**9))).encode()}),
    "slots for layers that are not there": lambda g: packed({**g, CONFIG: json.dumps(stack()).encode()}),
    "one bit flipped": lambda g: packed(g).replace(b'"units": 3', b'"units": 2'),
    "empty": lambda g: b"",
    "truncated": lambda g: packed(g)[:-100],
    "pickle": lambda g: PICKLED,
    "weights alone": lambda g: g[WEIGHTS],
}
LOADING = {
    "as Keras writes it": packed,
    "packed": lambda g: packed(g, zipfile.ZIP_DEFLATED),
    "other assets": lambda g: packed({**g, "assets/": b"", "assets/other.bin": b"x"}),
    "100 MB of assets": lambda g: bomb(g, "assets/x.bin", 100 << 20, b"\0"),
}


# --- HDF5 ---


def without(file: h5py.File, kernel: str) -> h5py.Group:
    parent = file[kernel].parent
    del file[kernel]
    return parent


def replaced(**arguments: Any) -> Callable[[h5py.File, str], None]:
    def change(file: h5py.File, kernel: str) -> None:
        without(file, kernel)
        file.create_dataset(kernel, **arguments)

    return change


def linked(link: Any) -> Callable[[h5py.File, str], None]:
    def change(file: h5py.File, kernel: str) -> None:
        without(file, kernel)[kernel.rpartition("/")[2]] = link

    return change


def group_linked(file: h5py.File, kernel: str) -> None:
    group = file[kernel].parent.name
    file.move(group, "/elsewhere")
    file[group] = h5py.SoftLink("/elsewhere")


def virtual(file: h5py.File, kernel: str) -> None:
    layout = h5py.VirtualLayout((4, 3), "float32")
    layout[:] = h5py.VirtualSource("other.h5", "w", (4, 3))
    without(file, kernel)
    file.create_virtual_dataset(kernel, layout)


def cycle(file: h5py.File, kernel: str) -> None:
    file[kernel].parent["again"] = file["/"]


def raw(plan: Callable[[Any], None], shape: tuple[int, ...] = (4, 3)) -> Callable[[h5py.File, str], None]:
    """A dataset with properties that h5py's own interface does not offer."""

    def change(file: h5py.File, kernel: str) -> None:
        group, properties = without(file, kernel), h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        plan(properties)
        space = h5py.h5s.create_simple(shape)
        name = kernel.rpartition("/")[2].encode()
        h5py.h5d.create(group.id, name, h5py.h5t.IEEE_F32LE, space, properties)

    return change


def unknown_filter(properties: Any) -> None:
    properties.set_chunk((2, 3))
    properties.set_filter(32001, h5py.h5z.FLAG_OPTIONAL, (1,))


def late(properties: Any) -> None:
    properties.set_alloc_time(h5py.h5d.ALLOC_TIME_LATE)


def gzip_bomb(file: h5py.File, kernel: str) -> None:
    """100 MB where 48 bytes should be."""
    replaced(data=np.zeros((4, 3), "f4"), compression="gzip", chunks=(4, 3))(file, kernel)
    file[kernel].id.write_direct_chunk((0, 0), zlib.compress(bytes(100 << 20), 1))


def many_groups(file: h5py.File, kernel: str) -> None:
    group = file["/"]
    for _ in range(1100):
        group = group.create_group("g")


def attribute(name: str, value: Any) -> Callable[[h5py.File, str], None]:
    return lambda file, kernel: file[kernel].parent.attrs.__setitem__(name, value)


HDF5: dict[str, Callable[[h5py.File, str], Any]] = {
    "external storage": replaced(shape=(4, 3), dtype="f4", external=[("secret.txt", 0, 48)]),
    "external link": linked(h5py.ExternalLink("other.h5", "/w")),
    "soft link": linked(h5py.SoftLink("/elsewhere")),
    "soft link on a group": group_linked,
    "virtual dataset": virtual,
    "group in itself": cycle,
    "1,100 groups in each other": many_groups,
    "2e12 elements": replaced(shape=(2 * 10**6, 10**6), dtype="f4", chunks=(1000, 1000), compression="gzip"),
    "150 million elements": replaced(shape=(150_000_000,), dtype="f4", compression="gzip"),
    "no storage": raw(late),
    "no chunks": replaced(shape=(4, 3), dtype="f4", chunks=(4, 3)),
    "filter of a plugin": raw(unknown_filter),
    "lzf": replaced(data=np.zeros((4, 3), "f4"), compression="lzf"),
    "gzip bomb": gzip_bomb,
    "text": replaced(shape=(4, 3), dtype=h5py.string_dtype()),
    "complex": replaced(data=np.zeros((4, 3), "c8")),
    "integers": replaced(data=np.zeros((4, 3), "i8")),
    "booleans": replaced(data=np.zeros((4, 3), bool)),
    "references": replaced(shape=(4, 3), dtype=h5py.ref_dtype),
    "compound": replaced(data=np.zeros((4, 3), [("a", "f4"), ("b", "f4")])),
    "opaque": replaced(data=np.frombuffer(PICKLED[:48].ljust(48, b"\0"), "V4").reshape(4, 3)),
    "other shape": replaced(data=np.zeros((3, 4), "f4")),
    "missing": without,
    "changed, with its checksum": lambda file, kernel: file[kernel].write_direct(np.ones((4, 3), "f4")),
}
OLD_HDF5: dict[str, Callable[[h5py.File, str], Any]] = {
    "names that lead out": attribute("weight_names", ["../../x"]),
    "names that are numbers": attribute("weight_names", [1, 2]),
    "layers that are not there": lambda f, k: f["model_weights"].attrs.__setitem__("layer_names", ["in", "a", "z"]),
    "layer twice": lambda f, k: f["model_weights"].attrs.__setitem__("layer_names", ["in", "a", "a"]),
    "no config": lambda f, k: f.attrs.__delitem__("model_config"),
    "config is a number": lambda f, k: f.attrs.__setitem__("model_config", 3),
    "config of 50,000 levels": lambda f, k: f.attrs.__setitem__("model_config", '{"a":' * 50_000),
    "settings of 50,000 levels": lambda f, k: f.attrs.__setitem__("training_config", "[" * 50_000),
    "settings with code": lambda f, k: f.attrs.__setitem__("training_config", json.dumps({"loss": CODE})),
    "settings with a path": lambda f, k: f.attrs.__setitem__("training_config", json.dumps({"loss": "os.system"})),
}


def rewritten(data: bytes, change: Callable[[h5py.File, str], Any]) -> bytes:
    """A HDF5 file after a change, which gets the file and the path of the first kernel."""
    buffer = io.BytesIO(data)
    with h5py.File(buffer, "r+") as file:
        change(file, kernel_of(file))
    return buffer.getvalue()


def kernel_of(file: h5py.File) -> str:
    found: list[str] = []
    file.visititems(lambda name, one: found.append(name) if getattr(one, "shape", None) == (4, 3) else None)
    return next(name for name in found if "optimizer" not in name)


def claims(data: bytes) -> bytes:
    """Two million million elements where the kernel has 12."""
    return data.replace(struct.pack("<2Q", 4, 3), struct.pack("<2Q", 2 * 10**6, 10**6))


def long_names(data: bytes) -> bytes:
    """A list of names that says it has 10**12 of them."""

    def change(file: h5py.File, kernel: str) -> None:
        file["model_weights/a"].attrs["weight_names"] = np.full(4099, b"x", "S1")

    return rewritten(data, change).replace(struct.pack("<Q", 4099), struct.pack("<Q", 10**12))


# --- safetensors ---


def header(data: bytes) -> tuple[dict[str, Any], bytes]:
    length = struct.unpack("<Q", data[:8])[0]
    return json.loads(data[8 : 8 + length]), data[8 + length :]


def joined(head: Any, body: bytes) -> bytes:
    text = head if isinstance(head, bytes) else json.dumps(head).encode()
    return struct.pack("<Q", len(text)) + text + body


def tensor_with(**fields: Any) -> Callable[[bytes], bytes]:
    def change(data: bytes) -> bytes:
        head, body = header(data)
        head[
            "layers.a.kernel" if "layers.a.kernel" in head else next(name for name in head if "kernel" in name)
        ].update(fields)
        return joined(head, body)

    return change


SAFETENSORS: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda data: b"",
    "header of 2**60 bytes": lambda data: struct.pack("<Q", 2**60) + data[8:],
    "header of 90 MB spaces": lambda data: struct.pack("<Q", 90 << 20) + data[8:],
    "header of a million levels": lambda data: joined(b"[" * 10**6, b""),
    "key twice": lambda data: joined(b'{"a": 1, "a": 2}', b""),
    "header is a list": lambda data: joined([], b""),
    "pickle": lambda data: PICKLED,
    "unknown dtype": tensor_with(dtype="O"),
    "2**80 elements": tensor_with(shape=[2**40, 2**40]),
    "negative shape": tensor_with(shape=[-4, -3]),
    "hole": tensor_with(data_offsets=[4, 52]),
    "outside": tensor_with(data_offsets=[2**40, 2**40 + 48]),
    "more keys": tensor_with(path="/etc/passwd"),
    "bytes behind": lambda data: data + b"\0",
    "truncated": lambda data: data[:-1],
}


# --- places that are no files ---

# Names of files in an index that do not stand beside it, and texts that are no index.
NOT_BESIDE = ("../good.weights.h5", "/etc/passwd", "secret.txt", "m_00000.weights.h5/../secret.txt", "pipe.h5", "")
NO_INDICES = ("{}", '{"weight_map": 3}', '{"weight_map": {"a": [[["x"]]]}}', "\0")

# What the system does not take for a path at all. What it says is passed on.
NO_PATHS = {"loop": "OSError", "x" * 20: "OSError", "a\0b": "ValueError"}


def is_no_file(folder: Path, ending: str) -> dict[str, Any]:
    """Paths by what is wrong with them."""
    os.mkfifo(folder / f"pipe{ending}")
    (folder / f"folder{ending}").mkdir()
    targets = {"zero": "/dev/zero", "random": "/dev/urandom", "broken": "nowhere", "loop": f"loop{ending}"}
    for name, target in {**targets, "pipe_link": f"pipe{ending}"}.items():
        (folder / f"{name}{ending}").symlink_to(target)
    names = ["pipe", "folder", "zero", "random", "broken", "loop", "pipe_link", "absent", "a\0b", "x" * 20]
    urls = [f"{scheme}://127.0.0.1:9/m{ending}" for scheme in ("http", "https", "hf", "gs", "s3", "file", "ftp")]
    paths = {name: folder / f"{name}{ending}" for name in names}
    paths["x" * 20] = folder / f"{'x' * 1000}{ending}"
    return {**paths, **{url: url for url in urls}}


__all__ = ["ARCHIVES", "BAITS", "ENDINGS", "HDF5", "LOADING", "MARKER", "OLD_HDF5", "SAFETENSORS"]
