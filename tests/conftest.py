"""Settings of the test run. They must be in place before anything imports JAX, Keras or Sequax."""

from __future__ import annotations

import gc
import importlib
import importlib.util
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

import pytest

XLA_FLAGS = (
    "--xla_force_host_platform_device_count=8",  # eight devices: distribution is tested on any machine
    # Nearly all the time of a test goes into compiling; less optimization takes more than half of it away.
    "--xla_backend_optimization_level=0",
    "--xla_llvm_disable_expensive_passes=true",
    "--xla_cpu_use_fusion_emitters=false",
    "--xla_cpu_parallel_codegen_split_count=1",
)
TESTS_BETWEEN_CLEARINGS = 400


def private_folder() -> Path | None:
    """A folder for caches that workers and runs share; None if somebody else made one of that name."""
    user = os.getuid() if hasattr(os, "getuid") else 0
    folder = Path(tempfile.gettempdir()) / f"sequax-tests-{user}"
    folder.mkdir(mode=0o700, exist_ok=True)
    return folder if folder.is_dir() and not folder.is_symlink() and folder.stat().st_uid == user else None


def set_environment() -> None:
    folder = private_folder()
    os.environ["KERAS_BACKEND"] = "jax"
    if folder is not None:
        os.environ["KERAS_HOME"] = str(folder / "keras")  # the user's keras.json could change dtypes or data formats
    # The user's own compile cache stays as it is, yet a program compiled in one test process serves the others.
    os.environ.setdefault("SEQUAX_CACHE", "off" if folder is None else str(folder / "cache"))
    if folder is not None:  # the same for the oracle and for single operations, most of whose time is compilation
        os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", str(folder / "jax"))
        os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0")
        os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES", "-1")
    os.environ.setdefault("JAX_PLATFORMS", "cpu")
    os.environ.setdefault("SEQUAX_TRACEBACKS", "whole")  # a test that fails should say where
    flags = os.environ.get("XLA_FLAGS", "")
    for flag in XLA_FLAGS:
        if flag.split("=")[0] not in flags:
            flags += f" {flag}"
    os.environ["XLA_FLAGS"] = flags.strip()


def check_types_at_run_time() -> None:
    """Hold array annotations (`Float[Array, "batch units"]`) against what is really passed; SEQUAX_TYPECHECK=0: not."""
    tools = ("jaxtyping", "beartype")
    if os.environ.get("SEQUAX_TYPECHECK") != "0" and all(map(importlib.util.find_spec, tools)):
        from jaxtyping import install_import_hook

        install_import_hook(["sequax.losses", "sequax.layers"], "beartype.beartype")


set_environment()
gc.set_threshold(100_000, 20, 50)  # tracing makes many objects that live on; JAX makes each collection costly
check_types_at_run_time()


def start_afresh(utils) -> None:
    """Same names and same random numbers, whichever tests ran before."""
    utils.clear_session(free_memory=False)  # compiled programs stay: tests with equal models share them
    utils.set_random_seed(0)


_tests_run = 0


def forget_programs() -> None:
    """Thousands of compiled programs would fill gigabytes; those still needed come from the cache on disk."""
    global _tests_run
    _tests_run += 1
    if _tests_run % TESTS_BETWEEN_CLEARINGS == 0 and "jax" in sys.modules:
        importlib.import_module("sequax.utils").clear_session()
        sys.modules["jax"].clear_caches()
        gc.collect()


@pytest.fixture(autouse=True)
def fresh_session():
    forget_programs()
    try:
        utils = importlib.import_module("sequax.utils")
    except ModuleNotFoundError as error:
        if error.name not in ("sequax", "sequax.utils"):  # a broken import inside must not pass unseen
            raise
    else:
        start_afresh(utils)


@pytest.fixture
def keras():
    """Keras 3.15.1 on JAX, the oracle."""
    library = pytest.importorskip("keras", reason="Keras, the oracle, is not installed: pip install 'sequax[dev]'")
    start_afresh(library.utils)
    return library


@pytest.fixture
def rng():
    import numpy as np

    return np.random.default_rng(0)


@pytest.fixture
def symbolic_sizes() -> Any:
    """For tests that trace with symbols for sizes, which the annotations of shapes, `tuple[int, ...]`, do not know."""
    if importlib.util.find_spec("jaxtyping") is None:
        yield
        return
    from jaxtyping import config

    before = config.jaxtyping_disable
    config.update("jaxtyping_disable", True)
    yield
    config.update("jaxtyping_disable", before)
