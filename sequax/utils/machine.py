"""What a program runs on: versions of packages, Python, devices, the processor. Plain values."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import sys
from pathlib import Path
from typing import Any

OF_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "XLA_FLAGS", "PJRT_NPROC")


def python() -> dict[str, str]:
    return {
        "version": platform.python_version(),
        "implementation": platform.python_implementation(),
        "executable": without_home(sys.executable),
        "platform": platform.platform(),
    }


def version_of(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def devices() -> dict[str, Any]:
    import jax

    listed = jax.devices()
    kinds: dict[str, int] = {}
    for device in listed:
        kinds[device.device_kind] = kinds.get(device.device_kind, 0) + 1
    return {"backend": jax.default_backend(), "kinds": kinds, "processes": jax.process_count()}


def processor() -> dict[str, Any]:
    available = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    found: dict[str, Any] = {"machine": platform.machine(), "cores": os.cpu_count(), "available": available}
    if hasattr(os, "sysconf") and "SC_PHYS_PAGES" in getattr(os, "sysconf_names", {}):
        found["memory_gb"] = round(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30, 1)
    found["threads"] = {name: os.environ[name] for name in OF_THREADS if name in os.environ} or "chosen by JAX"
    return found


def without_home(text: str) -> str:
    home = str(Path.home())
    return text.replace(home, "~") if len(home) > 1 else text
