"""`sequax doctor`: what an installation is made of, what is absent, whether it trains, and a text for an issue."""

from __future__ import annotations

import importlib.metadata
import json
import os
import platform
import re
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from .._version import __version__
from ..utils import machine
from ..utils.terminal import printable

_NEEDED = ("jax", "jaxlib", "numpy", "h5py", "optax", "rich", "platformdirs")
_ENVIRONMENT = re.compile(r"^(SEQUAX|JAX|XLA|KERAS|CUDA|ROCM|HIP|TF_CPP|OMP|OPENBLAS|MKL)_")
# Values of these may be secrets, or say more of somebody's machine than an issue needs.
_SECRET = re.compile(r"KEY|TOKEN|SECRET|PASSWORD|CREDENTIAL|AUTH")


def doctor(as_json: bool = False, for_issue: bool = False, train: bool = True) -> int:
    """Print what was found; returns the exit code: 1 if no model can be trained.

    Args:
        as_json: print JSON.
        for_issue: print it as a block to paste.
        train: also train a small model.
    """
    found = examine(train)
    if as_json:
        print(json.dumps(found, indent=2))
    else:
        text = printable(report(found))
        print(f"```text\n{text}\n```" if for_issue else text)
    return 0 if found["trains"].get("works", True) else 1


def examine(train: bool = True) -> dict[str, Any]:
    """All that is printed, as plain values."""
    found: dict[str, Any] = {
        "sequax": __version__,
        "python": machine.python(),
        "packages": {name: machine.version_of(name) for name in _NEEDED},
        "optional": optional_packages(),
        "devices": _asked(machine.devices),
        "processor": machine.processor(),
        "cache": _asked(_cache),
        "settings": _asked(_settings),
        "environment": _environment(),
    }
    found["trains"] = _trained() if train else {}
    found["hints"] = list(hints(found))
    return found


# --- what there is ---


def optional_packages() -> dict[str, dict[str, str | None]]:
    """By extra of this package: the packages that it installs, and which version of each is there."""
    try:
        required = importlib.metadata.requires("sequax") or []
    except importlib.metadata.PackageNotFoundError:  # a folder on the path, not installed
        return {}
    found: dict[str, dict[str, str | None]] = {}
    for line in required:
        # One that asks for an extra of another package, `jax[cuda13]`, does not say what that brings.
        match = re.match(r"^([A-Za-z0-9_.-]+)(?!\[)[^;\[]*;.*extra\s*==\s*['\"]([\w-]+)['\"]", line)
        if match and match[2] not in ("dev", "docs", "mutants"):
            found.setdefault(match[2], {})[match[1]] = machine.version_of(match[1])
    return found


def _cache() -> dict[str, Any]:
    import jax

    from ..core import disk_cache

    disk_cache.enable()
    folder = jax.config.jax_compilation_cache_dir  # type: ignore[attr-defined]
    if not folder:
        return {"folder": None}
    files = [path for path in Path(folder).rglob("*") if path.is_file()]
    size = sum(path.stat().st_size for path in files)
    return {"folder": machine.without_home(folder), "files": len(files), "mb": round(size / 2**20, 1)}


def _settings() -> dict[str, Any]:
    from .. import config

    return {
        "floatx": config.floatx(),
        "dtype_policy": config.dtype_policy().name,
        "image_data_format": config.image_data_format(),
        "data_checks": config.data_checks(),
        "short_tracebacks": config.is_traceback_filtering_enabled(),
    }


def _environment() -> dict[str, str]:
    return {
        name: "(set)" if _SECRET.search(name) else machine.without_home(value)
        for name, value in sorted(os.environ.items())
        if _ENVIRONMENT.match(name)
    }


def _trained() -> dict[str, Any]:
    """Whether a small model trains, and how long its first and its second `fit` take."""
    try:
        import numpy as np

        from ..layers import Dense, Input
        from ..sequential import Sequential

        x = np.linspace(-1, 1, 256, dtype="float32").reshape(64, 4)
        model = Sequential([Input((4,)), Dense(8, "relu"), Dense(1)])
        model.compile("adam", "mse")
        seconds = []
        for _ in range(2):
            began = time.perf_counter()
            history = model.fit(x, x.sum(1), epochs=3, verbose=0)
            seconds.append(round(time.perf_counter() - began, 3))
        works = bool(np.isfinite(history.history["loss"]).all())
        return {"works": works, "first_seconds": seconds[0], "then_seconds": seconds[1]}
    except Exception as error:
        return {"works": False, "error": f"{type(error).__name__}: {error}"}


def _asked(question: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """An answer, or the error in its place: a broken part must not hide the others."""
    try:
        return question()
    except Exception as error:
        return {"error": f"{type(error).__name__}: {error}"}


# --- what to do about it ---


def hints(found: dict[str, Any]) -> list[str]:
    """What to do, one sentence per finding."""
    told = []
    missing = [name for name, version in found["packages"].items() if version is None]
    if missing:
        told.append(f"Not installed: {', '.join(missing)}. Run: pip install --upgrade sequax")
    if found["devices"].get("backend") == "cpu" and has_nvidia():
        told.append(
            "There is an NVIDIA GPU, and JAX computes on the processor. On Linux run: pip install 'sequax[cuda]' (with"
            " a driver older than version 580: pip install 'jax[cuda12]'). Windows needs WSL 2 for that."
        )
    if sys.platform == "darwin" and platform.machine() == "x86_64":
        told.append(
            "JAX has no packages for Macs with Intel processors after 0.4.38, and Sequax needs 0.9: use a container."
        )
    if "error" in found["cache"] or (found["cache"].get("folder") is None and "error" not in found["cache"]):
        told.append("Compiled programs are not kept on disk (SEQUAX_CACHE), so each process compiles them again.")
    if os.environ.get("JAX_ENABLE_X64", "").lower() in ("1", "true"):
        told.append("JAX_ENABLE_X64 is set: arrays of your own code may be 64 bits wide, which is slow on GPUs.")
    threads = [name for name in machine.OF_THREADS[:3] if os.environ.get(name) == "1"]
    if threads:
        told.append(f"{threads[0]}=1 holds other libraries, such as NumPy, to one thread.")
    if found["trains"].get("works") is False:
        told.append("A small model does not train: the error above belongs into an issue, with all of this.")
    return told


def has_nvidia() -> bool:
    """Whether the machine has a GPU of NVIDIA, as its driver says."""
    return Path("/proc/driver/nvidia/version").exists() or Path("/dev/nvidia0").exists() or Path("/dev/dxg").exists()


# --- how it looks ---


def report(found: dict[str, Any]) -> str:
    """The text that is printed."""
    python, processor, devices, trains = (found[key] for key in ("python", "processor", "devices", "trains"))
    lines = [
        ("sequax", found["sequax"]),
        ("python", f"{python['version']} ({python['implementation']}) at {python['executable']}"),
        ("platform", python["platform"]),
        ("packages", ", ".join(f"{name} {version or 'ABSENT'}" for name, version in found["packages"].items())),
        ("devices", _error_or(devices, lambda: _devices_line(devices))),
        ("processor", _processor_line(processor)),
        ("threads", _pairs(processor["threads"])),
        ("cache", _error_or(found["cache"], lambda: _cache_line(found["cache"]))),
        ("settings", _error_or(found["settings"], lambda: _pairs(found["settings"]))),
        ("environment", _pairs(found["environment"]) or "nothing that matters here is set"),
        *_optional_lines(found["optional"]),
    ]
    if trains:
        told = f"a small model trains: {trains.get('first_seconds')} s at first, then {trains.get('then_seconds')} s"
        lines.append(("check", told if trains["works"] else f"FAILED: {trains.get('error', 'the loss is not finite')}"))
    lines += [("hint", hint) for hint in found["hints"]]
    width = max(len(name) for name, _ in lines)
    return "\n".join(f"{name:<{width}}  {text}" for name, text in lines)


def _error_or(part: dict[str, Any], text: Callable[[], str]) -> str:
    return f"ERROR {part['error']}" if "error" in part else text()


def _devices_line(devices: dict[str, Any]) -> str:
    kinds = ", ".join(f"{count} x {kind}" for kind, count in devices["kinds"].items())
    return f"{devices['backend']}: {kinds}" + (
        f", in {devices['processes']} processes" if devices["processes"] > 1 else ""
    )


def _processor_line(processor: dict[str, Any]) -> str:
    memory = f", {processor['memory_gb']} GB of memory" if "memory_gb" in processor else ""
    return f"{processor['machine']}, {processor['available']} of {processor['cores']} cores{memory}"


def _cache_line(cache: dict[str, Any]) -> str:
    return "off" if cache["folder"] is None else f"{cache['folder']}: {cache['files']} files, {cache['mb']} MB"


def _optional_lines(optional: dict[str, dict[str, str | None]]) -> list[tuple[str, str]]:
    lines = []
    for extra, packages in optional.items():
        absent = [name for name, version in packages.items() if version is None]
        there = ", ".join(f"{name} {version}" for name, version in packages.items() if version is not None)
        told = f"absent: {', '.join(absent)}; pip install 'sequax[{extra}]'" if absent else ""
        lines.append((f"[{extra}]", ", ".join(part for part in (there, told) if part)))
    return lines


def _pairs(values: dict[str, Any] | str) -> str:
    return values if isinstance(values, str) else ", ".join(f"{name}={value}" for name, value in values.items())
