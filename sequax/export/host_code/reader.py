"""What stands before an exported program: texts and categories to numbers, as `host.json` says it, in NumPy alone.

    host = Host(json.load(open("host.json")))
    arrays = host(x)                            # what the program takes, one after another

`host.py` beside an artifact is this file together with the hashes that it imports.
"""

from __future__ import annotations

import string

import numpy as np

from ...layers.preprocessing.fingerprints import crossed, fingerprint64, siphash64

_DROPPED = -2  # a mask that has no index: counted nowhere
_LOWER = bytes.maketrans(string.ascii_uppercase.encode(), string.ascii_lowercase.encode())
_PUNCTUATION = string.punctuation.encode()
_STANDARDIZE = {
    "lower_and_strip_punctuation": lambda text: text.translate(_LOWER, _PUNCTUATION),
    "lower": lambda text: text.lower(),
    "strip_punctuation": lambda text: text.translate(None, _PUNCTUATION),
}
_SPLIT = {
    "whitespace": lambda text: text.split(),
    "character": lambda text: [one.encode() for one in text.decode("utf-8", "replace")],
}


class Host:
    """The steps before a program.

    Args:
        described: the content of `host.json`.
    """

    def __init__(self, described):
        self.inputs, self.nest = described["inputs"], described["arguments"]
        self.outputs = described["outputs"]
        self._steps = [(_KINDS[one["kind"]](one), one["takes"], one["gives"]) for one in described["steps"]]

    def __call__(self, *args):
        """Arrays for the program from the arguments of the whole model."""
        if len(self.nest) == 1 and len(args) > 1:
            args = (list(args),)
        values: dict[int, np.ndarray] = {}
        for nest, given in zip(self.nest, args, strict=True):
            self._read(nest, given, values)
        for step, takes, gives in self._steps:
            values[gives] = step(*(values[one] for one in takes))
        return [np.asarray(values[one["from"]], one["dtype"]) for one in self.outputs]

    def _read(self, nest, given, values):
        if isinstance(nest, dict):
            for key, part in nest.items():
                self._read(part, given[key], values)
        elif isinstance(nest, list):
            for part, one in zip(nest, given, strict=True):
                self._read(part, one, values)
        elif nest is not None:
            values[nest] = _fitted(_array(given), self.inputs[nest])


def _array(given):
    if isinstance(given, np.ndarray):
        return given
    array = np.array(given, object) if isinstance(given, (str, bytes, list, tuple)) else np.asarray(given)
    whole = array.dtype == object and array.size and all(isinstance(one, (bool, int, float)) for one in array.flat)
    return np.array(array.tolist()) if whole else array


def _fitted(array, entry):
    """An array in the rank of the input: a last axis of size 1 is added or dropped."""
    shape = tuple(entry["shape"])
    candidates = [array, array[..., None] if array.ndim else array]
    candidates += [array[..., 0]] if array.ndim > 1 and array.shape[-1] == 1 else []
    for one in candidates:
        pairs = zip(one.shape, shape, strict=False)
        if len(one.shape) == len(shape) and all(b is None or a == b for a, b in pairs):
            return one
    raise ValueError(f"input {entry['name']!r} has shape {array.shape}; expected {shape}")


def _texts(array):
    """Entries as UTF-8."""
    found = []
    for position, one in enumerate(array.ravel().tolist()):
        if not isinstance(one, (str, bytes)):
            raise ValueError(f"entry {position} is {one!r}; expected a string")
        found.append(one if isinstance(one, bytes) else one.encode())
    return found


def _whole(array):
    if array.dtype.kind in "iub":
        return array.ravel().astype(np.int64).tolist()
    found = []
    for position, one in enumerate(array.ravel().tolist()):
        number = int(one)
        if isinstance(one, float) and number != one:
            raise ValueError(f"entry {position} is {one!r}; expected a whole number")
        found.append(number)
    return found


def _is_numbers(array):
    if array.dtype.kind == "O":
        return bool(array.size) and isinstance(array.ravel()[0], (bool, int, float, np.number, np.bool_))
    return array.dtype.kind in "biuf"


def _keys(array):
    """Texts, or the digits of whole numbers, as UTF-8."""
    if array.dtype.kind == "b":
        return [b"true" if one else b"false" for one in array.ravel().tolist()]
    return [b"%d" % one for one in _whole(array)] if _is_numbers(array) else _texts(array)


# --- steps ---


class _Words:
    """Tokens and their indices."""

    def __init__(self, described):
        self.whole = described.get("whole", False)
        read = int if self.whole else str.encode
        self.slots, self.first = described["unknown_slots"], int(described["mask_slot"])
        start = self.first + self.slots
        self.table = {read(token): start + i for i, token in enumerate(described["tokens"])}
        if described["mask"] is not None:
            self.table[read(described["mask"])] = 0 if self.first else _DROPPED
        self.salt = described.get("salt")
        self.by_remainder = described.get("by_remainder", False)

    def index(self, keys):
        found = [self.table.get(key) for key in keys]
        unknown = [key for key, one in zip(keys, found, strict=True) if one is None]
        if unknown and not self.slots:
            raise ValueError(f"{unknown[:5]} are not in the vocabulary, which has no index for unknown tokens")
        places = iter(self._buckets(unknown))
        return np.array([self.first + next(places) if one is None else one for one in found], np.int64)

    def _buckets(self, keys):
        if self.slots < 2 or not keys:
            return [0] * len(keys)
        if self.by_remainder:
            return [key % self.slots for key in keys]
        texts = [str(key).encode() for key in keys] if self.whole else keys
        return (_hashes(texts, self.salt) % np.uint64(self.slots)).tolist()


def _hashes(texts, salt):
    return fingerprint64(texts) if salt is None else siphash64(texts, [int(part) for part in salt])


def _encoded(indices, rows, count, described):
    """A row of ones, counts or weighted counts for each sample."""
    vectors = np.zeros((count, described["depth"]), np.float32)
    known = indices >= 0
    np.add.at(vectors, (rows[known], indices[known]), 1)
    if described["mode"] == "multi_hot":
        return np.minimum(vectors, 1)
    return vectors * np.asarray(described["weights"], np.float32) if described["mode"] == "tf_idf" else vectors


def _by_mode(indices, shape, described):
    """Indices in a shape as the mode of a layer has them."""
    if described["mode"] == "int":
        return indices.reshape(shape).astype(np.int32)
    if described["mode"] == "one_hot":
        vectors = np.zeros((indices.size, described["depth"]), np.float32)
        known = np.flatnonzero(indices >= 0)
        vectors[known, indices[known]] = 1
        return vectors.reshape(*(shape[:-1] if len(shape) > 1 and shape[-1] == 1 else shape), described["depth"])
    kept, width = shape[:-1], shape[-1] if shape else 1
    count = int(np.prod(kept))
    return _encoded(indices, np.repeat(np.arange(count), width), count, described).reshape(*kept, described["depth"])


def _lookup(described):
    words = _Words(described)

    def step(array):
        keys = _whole(array) if words.whole else _texts(array)
        return _by_mode(words.index(keys), array.shape, described)

    return step


def _text(described):
    words = _Words(described)
    standardize = _STANDARDIZE.get(described["standardize"], lambda text: text)
    split = _SPLIT.get(described["split"])

    def tokens_of(texts, width):
        standard = [standardize(text) for text in texts]
        if split is None:
            lists = [standard[i : i + width] for i in range(0, len(standard), width)]
        else:
            lists = [split(text) for text in standard]
        return lists if described["ngrams"] is None else [_ngrams(one, described["ngrams"]) for one in lists]

    def step(array):
        shape = array.shape if array.ndim or split is not None else (1,)
        kept = shape if split is not None and (len(shape) < 2 or shape[-1] != 1) else shape[:-1]
        lists = [one[: described["length"]] for one in tokens_of(_texts(array), shape[-1] if shape else 1)]
        lengths = [len(one) for one in lists]
        flat, rows = words.index([t for one in lists for t in one]), np.repeat(np.arange(len(lists)), lengths)
        if described["mode"] != "int":
            return _encoded(flat, rows, len(lists), described).reshape(*kept, described["depth"])
        width = described["length"] or max(lengths, default=0)
        padded = np.zeros((len(lists), width), np.int32)
        padded[rows, [i for length in lengths for i in range(length)]] = flat
        return padded.reshape(*kept, width)

    return step


def _ngrams(tokens, sizes):
    return [b" ".join(tokens[i : i + size]) for size in sizes for i in range(len(tokens) - size + 1)]


def _hash(described):
    bins, mask = described["bins"], described["mask"]
    described = {**described, "depth": bins}

    def step(array):
        keys = _keys(array)
        hashes = _hashes(keys, described["salt"])
        if mask is None:
            found = hashes % np.uint64(bins)
        else:
            found = hashes % np.uint64(max(bins - 1, 1)) + np.uint64(bins > 1)
            found = np.where([key == mask.encode() for key in keys], np.uint64(0), found)
        return _by_mode(found.astype(np.int64), array.shape, described)

    return step


def _cross(described):
    described = {**described, "depth": described["bins"]}

    def step(*arrays):
        parts = []
        for array in arrays:
            whole = _is_numbers(array)
            parts.append(np.array(_whole(array), np.int64).astype(np.uint64) if whole else fingerprint64(_texts(array)))
        return _by_mode((crossed(parts) % np.uint64(described["bins"])).astype(np.int64), arrays[0].shape, described)

    return step


def _bins(described):
    boundaries = np.asarray(described["boundaries"], np.float32)
    return lambda array: np.searchsorted(boundaries, np.asarray(array, np.float32), side="right").astype(np.int32)


_KINDS = {"lookup": _lookup, "text": _text, "hash": _hash, "cross": _cross, "bins": _bins}
