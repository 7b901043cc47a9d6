"""The digits that ship with the package are scikit-learn's copy, whole, split once and for all."""

from __future__ import annotations

import numpy as np
import pytest

from sequax.datasets import digits


@pytest.fixture
def halves():
    return digits.load_data()


def rows(images, labels):
    """Every digit as one tuple of 65 numbers, so that two collections compare as multisets."""
    return sorted(map(tuple, np.column_stack([images.reshape(len(images), -1), labels]).astype(int).tolist()))


@pytest.mark.parametrize(("half", "count"), [(0, 1437), (1, 360)])
def test_shapes_dtypes_and_ranges(halves, half, count):
    images, labels = halves[half]
    assert images.shape == (count, 8, 8)
    assert labels.shape == (count,)
    assert images.dtype == labels.dtype == np.uint8
    assert (images.min(), images.max()) == (0, 16)
    assert (labels.min(), labels.max()) == (0, 9)


def test_both_halves_together_are_the_source(halves):
    source = pytest.importorskip("sklearn.datasets").load_digits()
    images, labels = (np.concatenate(parts) for parts in zip(*halves, strict=True))
    assert rows(images, labels) == rows(source.images, source.target)


def test_the_split_keeps_each_class_at_its_share(halves):
    (_, y_train), (_, y_test) = halves
    everyone = np.bincount(np.concatenate([y_train, y_test]))
    expected = everyone * len(y_test) / everyone.sum()
    assert np.abs(np.bincount(y_test) - expected).max() <= 1


def test_the_file_is_what_the_tool_writes(halves):
    pytest.importorskip("sklearn")
    from tools.make_digits import split_digits

    made = split_digits()
    for half, arrays in zip(("train", "test"), halves, strict=True):
        for name, array in zip("xy", arrays, strict=True):
            np.testing.assert_array_equal(array, made[f"{name}_{half}"])


def test_each_call_returns_fresh_arrays(halves):
    (x_train, _), _ = halves
    x_train[:] = 0
    assert digits.load_data()[0][0].max() == 16
