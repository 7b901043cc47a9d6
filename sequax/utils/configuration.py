"""`Config`: a bag of settings that can be frozen."""

from __future__ import annotations

import json
from collections.abc import ItemsView, Iterator, KeysView, Mapping, ValuesView
from typing import Any


class Config:
    """Named values, read and written as attributes or by key.

    Args:
        kwargs: the values.

    >>> config = Config(units=8)
    >>> config.rate = 0.5
    >>> config["units"], config.as_dict()
    (8, {'units': 8, 'rate': 0.5})
    >>> config.freeze()
    >>> config.units = 9
    Traceback (most recent call last):
    ValueError: Cannot mutate attribute(s) because the config is frozen. Received: 'units'. Call `unfreeze()` first.
    """

    def __init__(self, **kwargs: object):
        object.__setattr__(self, "_values", dict(kwargs))
        object.__setattr__(self, "_frozen", False)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") or "_values" not in self.__dict__:  # copies and pickles ask before there are values
            raise AttributeError(name)
        if name not in self._values:
            raise AttributeError(f"Unknown attribute: {name!r}. The config has {list(self._values)}.")
        return self._values[name]

    def __setattr__(self, name: str, value: object) -> None:
        self[name] = value

    def __delattr__(self, name: str) -> None:
        if name not in self._values:
            raise AttributeError(f"Unknown attribute: {name!r}. The config has {list(self._values)}.")
        del self[name]

    def __getitem__(self, name: str) -> Any:
        return self._values[name]

    def __setitem__(self, name: str, value: object) -> None:
        self._refuse_if_frozen(name)
        self._values[name] = value

    def __delitem__(self, name: str) -> None:
        self._refuse_if_frozen(name)
        del self._values[name]

    def __getstate__(self) -> dict[str, Any]:
        return dict(self.__dict__)

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __contains__(self, name: object) -> bool:
        return name in self._values

    def __repr__(self) -> str:
        return f"<Config {self._values}>"

    def keys(self) -> KeysView[str]:
        return self._values.keys()

    def values(self) -> ValuesView[Any]:
        return self._values.values()

    def items(self) -> ItemsView[str, Any]:
        return self._values.items()

    def get(self, keyname: str, value: object | None = None) -> Any:
        """The value of a name, or `value` if there is none."""
        return self._values.get(keyname, value)

    def pop(self, keyname: str, *value: object) -> Any:
        """Remove a name and return its value; a second argument is returned if there is none."""
        self._refuse_if_frozen(keyname)
        return self._values.pop(keyname, *value)

    def update(self, *args: Mapping[str, object], **kwargs: object) -> None:
        """Take over values from a dict, or from keyword arguments."""
        new = dict(*args, **kwargs)
        self._refuse_if_frozen(next(iter(new), None))
        self._values.update(new)

    def as_dict(self) -> dict[str, Any]:
        """The values as a dict of its own."""
        return dict(self._values)

    def to_json(self) -> str:
        return json.dumps(self._values)

    @property
    def frozen(self) -> bool:
        """Whether values can no longer be changed."""
        return self._frozen

    def freeze(self) -> None:
        """Refuse changes from here on."""
        object.__setattr__(self, "_frozen", True)

    def unfreeze(self) -> None:
        """Allow changes again."""
        object.__setattr__(self, "_frozen", False)

    def _refuse_if_frozen(self, name: object) -> None:
        if self._frozen:
            raise ValueError(
                f"Cannot mutate attribute(s) because the config is frozen. Received: {name!r}. Call `unfreeze()` first."
            )
