"""`DTypePolicyMap`: other dtype policies for other layers of one model."""

from __future__ import annotations

import re
from collections.abc import Iterator, MutableMapping
from typing import Any

from . import dtypes
from .catalogue import serialize
from .custom_objects import custom_object_scope
from .dtypes import DTypePolicy
from .types import CustomObjects, DTypeLike

# Patterns from a file are matched by a search whose time may grow with each wildcard, and a file chooses both sides.
_PATTERN_OF_FILES = re.compile(r"(?!(.*\.\*){3})([\w/ -]|\.\*)*")


@dtypes.catalogue.register()
class DTypePolicyMap(DTypePolicy, MutableMapping):
    """Dtype policies by the paths of layers, given to layers as `dtype=`.

    A layer at path `"encoder/block/dense"` gets the policy of that key; without one, that of the key which, as a
    regular expression, matches the whole path; without one, the default. So `"encoder/.*"` speaks for all layers
    inside `encoder`, and `"encoder"` for that layer alone.

    Args:
        default_policy: a policy or the name of one; default: the policy of the process, whichever that is at the time.
        policy_map: dict from paths, or regular expressions, to policies or their names.

    Raises:
        ValueError: when a path matches several patterns, and when a key is set that is there already.

    Example:

    >>> policies = DTypePolicyMap("float32", {"encoder/.*": "mixed_bfloat16"})
    >>> policies["encoder/dense"].name, policies["decoder/dense"].name
    ('mixed_bfloat16', 'float32')
    """

    def __init__(self, default_policy: DTypeLike | None = None, policy_map: dict[str, Any] | None = None):
        if isinstance(default_policy, DTypePolicyMap):
            raise ValueError("DTypePolicyMap: `default_policy` cannot be a `DTypePolicyMap`; give a single policy.")
        if policy_map is not None and not isinstance(policy_map, dict):
            raise TypeError(
                f"If specified, `policy_map` must be a dict. Received: policy_map={policy_map!r}"
                f" (of type {type(policy_map).__name__})"
            )
        self._default = None if default_policy is None else dtypes.get(default_policy)
        self._policies: dict[str, DTypePolicy] = {}
        for path, policy in (policy_map or {}).items():
            self[path] = policy

    @property
    def default_policy(self) -> DTypePolicy:
        """The policy of layers that no key matches."""
        return dtypes.dtype_policy() if self._default is None else self._default

    @property
    def name(self) -> str:
        return f"map_{self.default_policy.name}"

    @property
    def compute_dtype(self) -> str:
        return self.default_policy.compute_dtype

    @property
    def variable_dtype(self) -> str:
        return self.default_policy.variable_dtype

    @property
    def quantization_mode(self) -> str | None:
        return self.default_policy.quantization_mode

    def at(self, path: str | None) -> DTypePolicy:
        return self.default_policy if path is None else self[path]

    def __getitem__(self, path: str) -> DTypePolicy:
        if path in self._policies:
            return self._policies[path]
        matching = [pattern for pattern in self._policies if re.fullmatch(pattern, path)]
        if len(matching) > 1:
            raise ValueError(
                f"Path '{path}' matches multiple dtype policy keys of the DTypePolicyMap: {matching}. Change the"
                f" patterns so that at most one of them matches, or add the path itself as a key."
            )
        return self._policies[matching[0]] if matching else self.default_policy

    def __setitem__(self, path: str, policy: DTypeLike) -> None:
        if path in self._policies:
            raise ValueError(
                f"{path} already exist in the DTypePolicyMap, with {self._policies[path]}. `del` the key first."
            )
        try:
            re.compile(path)
            self._policies[path] = dtypes.get(policy)
        except (TypeError, ValueError, re.error) as error:
            raise ValueError(
                f"Cannot interpret the assigned value. Expected a policy or the name of one under a path or a regular"
                f" expression. Received: {policy!r} (of type {type(policy).__name__}) under {path!r}. {error}"
            ) from None

    def __delitem__(self, path: str) -> None:
        del self._policies[path]

    def __contains__(self, path: object) -> bool:
        return path in self._policies

    def pop(self, path: str, *default: object) -> Any:
        """Remove a key and return its policy; a key that only matches a pattern is none."""
        return self._policies.pop(path, *default)

    def __len__(self) -> int:
        return len(self._policies)

    def __iter__(self) -> Iterator[str]:
        return iter(self._policies)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, DTypePolicyMap) and (other._default, other._policies) == (
            self._default,
            self._policies,
        )

    def __hash__(self) -> int:
        return object.__hash__(self)

    def get_config(self) -> dict[str, Any]:
        """The arguments; a map without a default policy takes that of the process where it comes back."""
        policies = serialize(self._policies)
        if self._default is None:
            policies = {
                path: {**policies[path], "config": one.without_source()} for path, one in self._policies.items()
            }
        return {"default_policy": serialize(self._default), "policy_map": policies}

    config_names = ("keras.dtype_policies", "DTypePolicyMap", None)

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: CustomObjects | None = None) -> DTypePolicyMap:
        """A map from `get_config()`.

        Raises:
            ValueError: for patterns other than names with at most two `.*`.
        """
        for path in config.get("policy_map") or {}:
            if not _PATTERN_OF_FILES.fullmatch(path):
                raise ValueError(
                    f"DTypePolicyMap: a key of a config is a path, or one with at most two `.*`. Set other patterns in"
                    f" code. Received: {path!r:.100}"
                )
        with custom_object_scope(custom_objects):
            return cls(**config)

    def __repr__(self) -> str:
        mapping = [(path, policy.name) for path, policy in self._policies.items()]
        return f"<DTypePolicyMap default_policy={self.default_policy.name}, mapping={mapping}>"
