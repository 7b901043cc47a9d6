"""Checks of data and arguments before training: what would become NaN, or a silently wrong answer, is refused.

Every function is called once per `fit`, `evaluate` or `predict` with whole arrays, and for streams once per batch.
All look at host arrays in NumPy, before any cast to 32 bits. Valid data costs one or two passes (a sum, or a minimum
and a maximum); only when such a pass fails is the offending entry searched for, in chunks that bound memory.

Checks of values (finiteness, label and index ranges, weights) obey one switch, `set_enabled`, or the environment
variable SEQUAX_CHECKS=off. Checks of shapes, row counts and arguments are always on: without them nothing works.
"""

from .arguments import check_arguments, check_validation_freq
from .configuration import check_configuration
from .inputs import check_inputs, check_key_order
from .magnitude import has_large, warn_of_magnitude
from .reporting import SWITCH, Found, enabled, find, has_finite_sum, numbered_rows, place, plural, refuse, set_enabled
from .rows import check_index_order, check_rows, check_split
from .schema import SPARSE, IndexedPart, InputSchema, OutputSchema
from .targets import check_targets
from .weights import check_weights

__all__ = [
    "SPARSE", "SWITCH", "Found", "IndexedPart", "InputSchema", "OutputSchema", "check_arguments", "check_configuration",
    "check_index_order", "check_inputs", "check_key_order", "check_rows", "check_split", "check_targets",
    "check_validation_freq", "check_weights", "enabled", "find", "has_finite_sum", "has_large", "numbered_rows",
    "place", "plural", "refuse", "set_enabled", "warn_of_magnitude",
]  # fmt: skip
