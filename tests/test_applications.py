"""The networks of `applications`: Keras' layers, weights and answers, and what users do with them.

`tools/applications.py` wrote down what Keras says; `make applications` holds all of it against Keras itself.
"""

from __future__ import annotations

import inspect
import json
import pickle

import numpy as np
import pytest

import sequax
from sequax import applications, layers
from sequax.applications import common, imagenet_utils
from tools import applications as tool

RECORD = json.loads(tool.RECORD.read_text())
CONSTRUCTORS = [name for name in applications.__all__ if name[0].isupper()]
TINY = {"weights": None, "input_shape": (32, 32, 3), "classes": 4}
QUICK = ("MobileNetV2", "VGG16")  # of Keras itself, which takes long to make them


@pytest.fixture(autouse=True)
def fresh_names():
    sequax.utils.clear_session()


def mobile(**options):
    return applications.MobileNetV2(**{"weights": None, "include_top": False, "alpha": 0.35, **options})


# --- as Keras has them ----------------------------------------------------------------------------------------------


def test_all_are_in_the_record():
    assert sorted(RECORD) == sorted(CONSTRUCTORS) and len(CONSTRUCTORS) == 40


@pytest.mark.parametrize("name", CONSTRUCTORS)
def test_layers_and_numbers_of_weights_are_those_of_keras(name):
    model = getattr(applications, name)(weights=None)
    assert tool.facts(model) == {key: value for key, value in RECORD[name].items() if key != "logits"}


@pytest.mark.parametrize("name", tool.SMALLEST)
def test_outputs_are_those_of_keras(name):
    model = tool.small(getattr(applications, name), name)
    tool.set_known_weights(model)
    assert tool.difference(tool.outputs(model), np.array(RECORD[name]["logits"])) < 1e-5


@pytest.mark.parametrize("name", QUICK)
def test_files_of_keras_are_read(name, keras, tmp_path):
    assert tool.compare(name, keras, sequax, tmp_path) == []


@pytest.mark.parametrize("name", CONSTRUCTORS)
def test_arguments_are_those_of_keras(name, keras):
    ours, theirs = (inspect.signature(getattr(library.applications, name)) for library in (sequax, keras))
    common = {key: p.default for key, p in ours.parameters.items() if p.kind is not p.KEYWORD_ONLY}
    assert list(common.items()) == [(key, p.default) for key, p in theirs.parameters.items()]


def test_modules_have_the_names_of_keras(keras):
    for module in applications.__all__:
        if module[0].islower():
            theirs, ours = (getattr(library.applications, module) for library in (keras, sequax))
            assert {n for n in dir(theirs) if not n.startswith("_")} <= {*vars(ours)}, module
    assert applications.resnet50.ResNet50 is applications.resnet.ResNet50 is applications.ResNet50
    assert pickle.loads(pickle.dumps(applications.ResNet50)) is applications.ResNet50
    assert "input_shape" in applications.EfficientNetV2S.__doc__


VARIANTS = {
    "alpha": ("MobileNet", {"alpha": 0.5, "depth_multiplier": 2, "dropout": 0.1}),
    "wide": ("MobileNetV2", {"alpha": 1.4}),
    "minimalistic": ("MobileNetV3Large", {"minimalistic": True, "alpha": 0.75}),
    "bare": ("MobileNetV3Small", {"include_preprocessing": False, "dropout_rate": 0, "alpha": 1.25}),
}


@pytest.mark.parametrize("variant", VARIANTS)
def test_variants_are_those_of_keras(variant, keras):
    name, options = VARIANTS[variant]
    keras.utils.clear_session()
    theirs, ours = (getattr(library.applications, name)(**TINY, **options) for library in (keras, sequax))
    assert tool.layers_of(ours) == tool.layers_of(theirs) and ours.name == theirs.name
    assert [v.shape for v in ours.weights] == [tuple(v.shape) for v in theirs.weights]
