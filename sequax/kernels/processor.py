"""What the processor can do: rules that were measured on one kind of machine hold on such machines only."""

from __future__ import annotations

import functools
from pathlib import Path


@functools.cache
def features() -> frozenset[str]:
    """Instruction sets by the names that Linux gives them, such as "avx2" and "avx512f"; elsewhere none are known."""
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text(errors="replace").splitlines() if cpuinfo.exists() else []
    return frozenset(word for line in lines if line.startswith(("flags", "Features")) for word in line.split()[2:])
