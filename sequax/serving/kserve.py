"""KServe's protocol for predictions, version 2, with its extension for tensors in binary form.

https://github.com/kserve/open-inference-protocol, and Triton's `binary_tensor_data`: a body that begins with JSON,
whose length the header `Inference-Header-Content-Length` says, and goes on with the bytes of tensors in the order they
are named.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from . import documents, ports
from .ports import DATATYPES, Port
from .refused import bad

HEADER = "inference-header-content-length"
EXTENSIONS = ["binary_tensor_data"]
_MOST_AXES = 32


class Wanted(NamedTuple):
    """An output that a client asks for."""

    position: int
    is_binary: bool


class Request(NamedTuple):
    """What a client asks for.

    Attributes:
        arrays: by the order of the model's inputs, as they were sent.
        wanted: outputs.
        id: of the client; comes back with the answer.
    """

    arrays: list[np.ndarray]
    wanted: list[Wanted]
    id: str | None


def read(body: bytes | bytearray, header: str | None, inputs: Sequence[Port], outputs: Sequence[Port]) -> Request:
    """What a request says.

    Raises:
        Refused: for one that does not keep to the protocol, or names what the model does not have.
    """
    length = _length(header, len(body))
    document = documents.read(memoryview(body)[:length])
    if not isinstance(document, dict):
        raise bad('The body must be an object such as {"inputs": [...]}.')
    identity = document.get("id")
    if identity is not None and not isinstance(identity, str):
        raise bad("'id' must be a string.")
    reader = _Tensors(memoryview(body)[length:])
    found = reader.all(document.get("inputs"), inputs)
    reader.finish()
    return Request(found, _wanted(document, outputs), identity)


def _length(header: str | None, most: int) -> int:
    if header is None:
        return most
    # isdecimal alone takes digits of other scripts
    if not (header.isascii() and header.isdecimal()) or len(header) > 12 or int(header) > most:
        raise bad("Inference-Header-Content-Length must be the number of bytes of JSON that the body begins with.")
    return int(header)


class _Tensors:
    """Inputs of a request.

    Args:
        rest: of the body, behind the JSON.
    """

    def __init__(self, rest: memoryview):
        self.rest = rest

    def all(self, given: Any, inputs: Sequence[Port]) -> list[np.ndarray]:
        if not isinstance(given, list) or not all(isinstance(one, dict) for one in given):
            raise bad("'inputs' must be a list of objects with name, shape, datatype and data.")
        names = [port.name for port in inputs]
        found: dict[str, np.ndarray] = {}
        for one in given:
            name = one.get("name")
            if not isinstance(name, str) or name not in names:
                raise bad(f"'inputs' names {_short(name)}; the model's inputs are {', '.join(names)}.")
            if name in found:
                raise bad(f"'inputs' names '{name}' twice.")
            found[name] = self._one(one, f"Input '{name}'", inputs[names.index(name)])
        missing = [name for name in names if name not in found]
        if missing:
            raise bad(f"'inputs' lacks {', '.join(missing)}. The model's inputs are {', '.join(names)}.")
        return [found[name] for name in names]

    def finish(self) -> None:
        if self.rest:
            raise bad(f"The body has {len(self.rest)} bytes that belong to no input.")

    def _one(self, given: Mapping[str, Any], what: str, port: Port) -> np.ndarray:
        shape, datatype = _shape(given.get("shape"), what), given.get("datatype")
        if not isinstance(datatype, str) or datatype not in DATATYPES:
            raise bad(f"{what} has datatype {_short(datatype)}. There are {', '.join(DATATYPES)}.")
        if (datatype == "BYTES") != port.is_text:
            raise bad(f"{what} has datatype {datatype}; the model takes {port.datatype}.")
        parameters = _parameters(given, what)
        if "shared_memory_region" in parameters:
            raise bad(f"{what} lies in shared memory, which this server does not read. Send its data.")
        size = parameters.get("binary_data_size")
        if size is None:
            if "data" not in given:
                raise bad(f"{what} has no data.")
            array = ports.shaped(ports.from_json(given["data"], datatype == "BYTES", what), shape, what)
            return array if datatype == "BYTES" else _in_datatype(array, datatype, what)
        if "data" in given:
            raise bad(f"{what} has both data and binary_data_size.")
        return self._binary(size, shape, datatype, what)

    def _binary(self, size: Any, shape: list[int], datatype: str, what: str) -> np.ndarray:
        if type(size) is not int or not 0 <= size <= len(self.rest):
            raise bad(f"{what} says binary_data_size {_short(size)}; {len(self.rest)} bytes are left in the body.")
        data, self.rest = self.rest[:size], self.rest[size:]
        if datatype == "BYTES":
            return _texts(data, shape, what)
        dtype = DATATYPES[datatype]
        if size != math.prod(shape) * dtype.itemsize:
            raise bad(
                f"{what} has {size} bytes; {datatype} of shape {ports.shown(shape)} has"
                f" {math.prod(shape) * dtype.itemsize}."
            )
        if datatype == "BOOL":
            return np.frombuffer(data, "u1").reshape(shape) != 0  # any other byte would be an invalid bool
        return np.frombuffer(data, dtype).reshape(shape).copy()  # aligned, whatever stands before it


def _in_datatype(array: np.ndarray, datatype: str, what: str) -> np.ndarray:
    """Numbers of JSON, if they are of the datatype that the client names."""
    kinds = {"B": "b", "I": "iu", "U": "iu", "F": "iuf"}[datatype[0] if datatype != "BF16" else "F"]
    if array.size and array.dtype.kind not in kinds:
        raise bad(f"{what} has datatype {datatype}, and data of another kind ({array.dtype}).")
    return array


def _texts(data: memoryview, shape: list[int], what: str) -> np.ndarray:
    """Texts, each behind its length in four bytes."""
    found: list[str] = []
    place = 0
    try:
        while place < len(data):
            (length,) = struct.unpack_from("<I", data, place)
            if length > len(data) - place - 4:
                raise bad(f"{what} has a text that is longer than its data.")
            found.append(bytes(data[place + 4 : place + 4 + length]).decode("utf-8"))
            place += 4 + length
    except struct.error:
        raise bad(f"{what}: each text must begin with its length in four bytes.") from None
    except UnicodeDecodeError:
        raise bad(f"{what} has a text that is not UTF-8.") from None
    if len(found) != math.prod(shape):
        raise bad(f"{what} has {len(found)} texts; shape {ports.shown(shape)} has {math.prod(shape)}.")
    return np.array(found, dtype=object).reshape(shape)


def _shape(given: Any, what: str) -> list[int]:
    fits = isinstance(given, list) and all(type(size) is int and 0 <= size < 1 << 40 for size in given)
    if not fits or len(given) > _MOST_AXES:
        raise bad(f"{what} has shape {_short(given)}; it must be a list of whole numbers.")
    return given


def _parameters(given: Mapping[str, Any], what: str) -> dict[str, Any]:
    found = given.get("parameters")
    if found is not None and not isinstance(found, dict):
        raise bad(f"{what} has parameters that are no object.")
    return found or {}


def _wanted(document: Mapping[str, Any], outputs: Sequence[Port]) -> list[Wanted]:
    usual = _flag(_parameters(document, "The request"), "binary_data_output", False)
    given = document.get("outputs")
    if not given and (given is None or isinstance(given, list)):
        return [Wanted(position, usual) for position in range(len(outputs))]
    if not isinstance(given, list) or not all(isinstance(one, dict) for one in given):
        raise bad("'outputs' must be a list of objects with name.")
    names = [port.name for port in outputs]
    found = []
    for one in given:
        name = one.get("name")
        if not isinstance(name, str) or name not in names:
            raise bad(f"'outputs' names {_short(name)}; the model's outputs are {', '.join(names)}.")
        parameters = _parameters(one, f"Output '{name}'")
        if "classification" in parameters or "shared_memory_region" in parameters:
            raise bad(f"Output '{name}': this server has no classification and no shared memory. Ask for the output.")
        found.append(Wanted(names.index(name), _flag(parameters, "binary_data", usual)))
    if len({one.position for one in found}) < len(found):
        raise bad("'outputs' names an output twice.")
    return found


def _flag(parameters: Mapping[str, Any], name: str, usual: bool) -> bool:
    value = parameters.get(name, usual)
    if not isinstance(value, bool):
        raise bad(f"{name} must be true or false.")
    return value


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


# --- answers ---


def written(
    request: Request, name: str, outputs: Sequence[Port], arrays: Sequence[np.ndarray]
) -> tuple[bytes, int | None]:
    """The body of an answer, and the length of the JSON it begins with if bytes follow.

    Raises:
        Refused: for outputs that JSON cannot carry.
    """
    described, tails = [], []
    for position, is_binary in request.wanted:
        one, tail = _output(outputs[position], arrays[position], is_binary)
        described.append(one)
        if is_binary:
            tails.append(tail)
    answer = {"model_name": name, "model_version": "1", "outputs": described}
    if request.id is not None:
        answer["id"] = request.id
    try:
        head = documents.write(answer)
    except ValueError:
        raise bad(NOT_FINITE) from None
    return b"".join([head, *tails]), len(head) if tails else None


NOT_FINITE = (
    "The outputs for these inputs have NaN or infinite numbers, which JSON does not know. Are the inputs scaled as"
    " those of the training? KServe's binary form carries such outputs."
)


def _output(port: Port, array: np.ndarray, is_binary: bool) -> tuple[dict[str, Any], bytes]:
    datatype = port.datatype
    one: dict[str, Any] = {"name": port.name, "shape": list(array.shape), "datatype": datatype}
    if not is_binary:
        return {**one, "data": as_list(array.reshape(-1))}, b""
    data = _bytes(array, datatype)
    return {**one, "parameters": {"binary_data_size": len(data)}}, data


def _bytes(array: np.ndarray, datatype: str) -> bytes:
    if datatype != "BYTES":
        return np.ascontiguousarray(array, DATATYPES[datatype]).tobytes()
    texts = [value if isinstance(value, bytes) else str(value).encode() for value in array.flat]
    return b"".join(struct.pack("<I", len(text)) + text for text in texts)


def as_list(array: np.ndarray) -> list[Any]:
    """Nested lists that JSON can carry."""
    if array.dtype.kind in "OSU":
        return np.vectorize(lambda v: v.decode() if isinstance(v, bytes) else str(v), otypes=[object])(array).tolist()
    return array.astype("f4").tolist() if array.dtype.kind == "V" else array.tolist()  # bfloat16
