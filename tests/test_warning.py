"""Warnings point at the user's line, from whatever depth."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

import sequax
from sequax import layers

CALLS = {
    "a constructor": lambda: layers.Dense(2, input_shape=(3,)),
    "a constructor of a class of the user": lambda: type("Mine", (layers.Dense,), {})(2, input_shape=(3,)),
    "a function of a namespace": lambda: sequax.activations.sigmoid and sequax.tree.assert_same_structure(1, 2, True),
    "a layer whose mask was lost on the way": lambda: sequax.Sequential(
        [layers.Masking(), layers.UnitNormalization(), layers.Conv1D(2, 1), layers.LSTM(2)]
    ).predict(np.ones((2, 3, 2)), verbose=0),
}


@pytest.mark.parametrize("name", CALLS)
def test_a_warning_names_the_line_of_the_caller(name):
    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("always")
        CALLS[name]()
    assert found and {warning.filename for warning in found} == {__file__}
