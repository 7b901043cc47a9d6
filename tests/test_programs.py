"""Programs serve any number of rows: other data of the same kind compile nothing."""

import jax
import numpy as np
import pytest

import sequax
from sequax.data import resident

_lowered = []
jax.monitoring.register_event_duration_secs_listener(
    lambda event, seconds, **how: _lowered.append(event) if event.endswith("jaxpr_to_mlir_module_duration") else None
)


def programs(function):
    """How many programs JAX was asked for meanwhile, those of single operations included."""
    before = len(_lowered)
    function()
    return len(_lowered) - before


def dense():
    model = sequax.Sequential(
        [sequax.Input((6,)), sequax.layers.Dense(5, activation="tanh"), sequax.layers.Dense(3, activation="softmax")]
    )
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def data(rows, rng):
    return rng.normal(size=(rows, 6)).astype("float32"), rng.integers(0, 3, size=rows)


@pytest.mark.parametrize("least", [2**20, 2**13], ids=["copied", "in place"])
def test_other_numbers_of_whole_batches_compile_nothing(least, monkeypatch, rng):
    monkeypatch.setattr(resident, "_LEAST_BYTES", least)
    model = dense()

    def work(rows):
        x, y = data(rows, rng)
        model.fit(x, y, epochs=2, validation_split=0.25, batch_size=16, verbose=0)
        model.evaluate(x, y, batch_size=16, verbose=0)

    assert programs(lambda: work(704)) > 0
    for rows in (960, 832, 704):
        assert programs(lambda rows=rows: work(rows)) == 0, rows


def test_rooms_are_few_and_large_enough():
    rows = np.arange(1, 70_000, 37)
    for bytes_per_row in (1, 400):
        rooms = [resident.room(int(n), bytes_per_row) for n in rows]
        assert all(room >= n for room, n in zip(rooms, rows, strict=True))
        assert len(set(rooms)) <= (6 if bytes_per_row == 1 else 48)
    assert [resident.rounded(n, 4) for n in (1, 3, 9, 17, 100)] == [1, 3, 10, 20, 112]
