"""`sequax.config`, `sequax.backend` and the older namespaces."""

from __future__ import annotations

import logging
import os
import subprocess
import sys

import numpy as np
import pytest

import sequax
from sequax import Input, Sequential, config, layers

ROWS, TARGETS = np.ones((40, 3), "float32"), np.ones((40, 1), "float32")


@pytest.fixture
def limits():
    yield
    config.set_max_epochs(None)
    config.set_max_steps_per_epoch(None)


def compiled(**arguments):
    model = Sequential([Input((3,)), layers.Dense(1)])
    model.compile("sgd", "mse", **arguments)
    return model


class Batches(sequax.utils.PyDataset):
    def __len__(self):
        return 10

    def __getitem__(self, index):
        return ROWS[:4], TARGETS[:4]


def generated():
    while True:
        yield ROWS[:4], TARGETS[:4]


@pytest.mark.parametrize(
    "data", [(ROWS, TARGETS), (Batches(),), (generated(),)], ids=["arrays", "dataset", "generator"]
)
def test_limits_of_trial_runs(limits, data):
    config.set_max_epochs(2)
    config.set_max_steps_per_epoch(3)
    assert (config.max_epochs(), config.max_steps_per_epoch()) == (2, 3)
    model = compiled()
    size = {"batch_size": 4} if len(data) > 1 else {}
    with pytest.warns(UserWarning, match="Limiting"):
        history = model.fit(*data, epochs=5, verbose=0, **size)
    assert history.epoch == [0, 1] and int(model.optimizer.iterations.value) == 6
    with pytest.warns(UserWarning, match="Limiting"):
        assert len(model.predict(data[0], verbose=0, **size)) == 12
    with pytest.warns(UserWarning, match="Limiting"):
        model.evaluate(*data, verbose=0, **size)


def test_limits_above_what_is_asked_change_nothing(limits):
    config.set_max_epochs(9)
    config.set_max_steps_per_epoch(100)
    model = compiled()
    history = model.fit(ROWS, TARGETS, epochs=2, batch_size=4, verbose=0)
    assert history.epoch == [0, 1] and int(model.optimizer.iterations.value) == 20
    model.fit(Batches(), epochs=1, verbose=0)
    assert int(model.optimizer.iterations.value) == 30
    assert len(model.predict(ROWS, batch_size=4, verbose=0)) == 40
    for wrong in (0, -1, 2.5, "3", True):
        with pytest.raises(ValueError, match="whole number above 0"):
            config.set_max_epochs(wrong)


def test_limits_come_from_the_environment():
    code = "from sequax import config; print(config.max_epochs(), config.max_steps_per_epoch())"
    environment = {**os.environ, "KERAS_MAX_EPOCHS": "2", "KERAS_MAX_STEPS_PER_EPOCH": "7"}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["2", "7"]


def test_interactive_logging_decides_what_is_printed(capsys, caplog):
    model = compiled()
    assert config.is_interactive_logging_enabled()
    model.fit(ROWS, TARGETS, epochs=1, verbose=2)
    assert "loss" in capsys.readouterr().out
    config.disable_interactive_logging()
    try:
        with caplog.at_level(logging.INFO, "sequax"):
            model.fit(ROWS, TARGETS, epochs=1, verbose=2)
        assert not config.is_interactive_logging_enabled()
    finally:
        config.enable_interactive_logging()
    assert capsys.readouterr().out == "" and "loss" in caplog.text


def test_traceback_filtering_sets_that_of_jax_too():
    import jax

    from sequax.core import tracebacks

    before, ours = jax.config.jax_traceback_filtering, tracebacks.filtering()
    try:
        config.disable_traceback_filtering()
        assert not config.is_traceback_filtering_enabled() and jax.config.jax_traceback_filtering == "off"
        config.enable_traceback_filtering()
        assert config.is_traceback_filtering_enabled()
    finally:
        jax.config.update("jax_traceback_filtering", before)
        tracebacks.set_filtering(ours)


def test_settings_that_have_no_choice():
    assert config.is_nnx_enabled() is False
    with pytest.warns(UserWarning, match="never run"):
        config.enable_unsafe_deserialization()
    assert sequax.version() == sequax.__version__


def test_backend_tells_tensors():
    from jax.experimental import sparse

    assert sequax.backend.is_keras_tensor(x=Input((3,))) and not sequax.backend.is_keras_tensor(ROWS)
    assert sequax.backend.is_sparse(sparse.BCOO.fromdense(np.eye(2)))
    assert not sequax.backend.is_sparse(ROWS) and not sequax.backend.is_sparse(Input((3,)))


def test_mixed_precision_has_the_older_names():
    before = config.dtype_policy()
    try:
        sequax.mixed_precision.set_global_policy("mixed_bfloat16")
        assert sequax.mixed_precision.global_policy().compute_dtype == "bfloat16"
    finally:
        config.set_dtype_policy(before)
    assert sequax.mixed_precision.Policy is sequax.DTypePolicy
    assert sequax.mixed_precision.LossScaleOptimizer is sequax.optimizers.LossScaleOptimizer
