"""Variables found again by their paths, where the paths hold names that were given automatically.

`dense_3/kernel` in one process is `dense/kernel` in another, and weights of a `Sequential` are at `net/dense/kernel` or
`dense/kernel`, depending on when it was built. So a path counts without counters and without the model's name; those
that are alike then are paired in the order of their counters, which is that of their making.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping

_COUNTER = re.compile(r"_(\d+)(?=[_/]|$)")


def paired(own: Iterable[str], found: Iterable[str], model: str) -> dict[str, str]:
    """For each own path the one that means the same among those found; paths without such are left out.

    Args:
        own: paths of a model.
        found: paths in a file.
        model: the name of the model.

    >>> paired(["net/dense_3/bias", "net/dense_4/bias"], ["dense/bias", "dense_1/bias"], "net")
    {'net/dense_3/bias': 'dense/bias', 'net/dense_4/bias': 'dense_1/bias'}
    """
    theirs = _alike(found, model)
    pairs: dict[str, str] = {}
    for key, mine in _alike(own, model).items():
        other = theirs.get(key, [])
        if set(mine) & set(other) == set(mine):
            pairs |= {path: path for path in mine}
        elif len(mine) == len(other):
            pairs |= dict(zip(mine, other, strict=True))
    return pairs


def _alike(paths: Iterable[str], model: str) -> Mapping[str, list[str]]:
    groups: dict[str, list[str]] = defaultdict(list)
    for path in sorted(paths, key=_counters):
        groups[_plain(path, model)].append(path)
    return groups


def _counters(path: str) -> list[list[int]]:
    return [[int(number) for number in _COUNTER.findall(part)] for part in path.split("/")]


def _plain(path: str, model: str) -> str:
    prefix = re.escape(_COUNTER.sub("", model))
    plain = _COUNTER.sub("", path)
    # Slots of optimizers are at `adam/net_first_kernel_momentum`.
    return re.sub(rf"^{prefix}/|(?<=/){prefix}_", "", plain, count=1)
