"""The cache of compiled programs on disk: those of `fit` and its kin, and of the operations of direct calls."""

from __future__ import annotations

import hashlib
import os
import platform
from pathlib import Path

import jax

_ready = False


def enable() -> None:
    """Keep compiled programs in the user's cache folder, once per process, unless told otherwise.

    The folder is for this user only (mode 0700), since programs in it are run, and for this type of machine only, since
    they may use instructions that another one lacks. `SEQUAX_CACHE=off` turns it off, `SEQUAX_CACHE=FOLDER` moves it.
    """
    global _ready
    if _ready:
        return
    _ready = True
    wish = os.environ.get("SEQUAX_CACHE", "")
    if wish.lower() == "off" or jax.config.jax_compilation_cache_dir:  # type: ignore[attr-defined]
        return
    if wish:
        root = Path(wish)
    else:
        import platformdirs

        root = Path(platformdirs.user_cache_dir("sequax"))
    folder = root / "programs" / _machine()
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        folder.chmod(0o700)
        if hasattr(os, "getuid") and folder.stat().st_uid != os.getuid():
            return
    except OSError:
        return  # an unwritable cache folder costs time, not results
    jax.config.update("jax_compilation_cache_dir", str(folder))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
    jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)


def _machine() -> str:
    """A short name for this type of machine: processor features and versions that programs depend on."""
    features = platform.processor()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        lines = cpuinfo.read_text(errors="replace").splitlines()
        features += "".join(sorted({line for line in lines if line.startswith(("flags", "Features", "model name"))}))
    text = "|".join((platform.system(), platform.machine(), features, jax.__version__))
    return f"{platform.machine()}-{hashlib.sha256(text.encode()).hexdigest()[:12]}"
