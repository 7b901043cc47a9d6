"""The import hook. Most of it runs in a process of its own: this one holds the real Keras, the oracle."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

from sequax import compat

ROOT = Path(__file__).resolve().parents[1]

WORKS = {
    "import keras, tensorflow.keras": "keras is tensorflow.keras",
    "import keras; import tensorflow as tf": "tf.keras.layers.Dense is keras.layers.Dense",
    "from tensorflow import keras": "keras.Sequential.__name__ == 'Sequential'",
    "from keras.layers import Dense; import sequax": "Dense is sequax.layers.Dense",
    "from tensorflow.keras.models import Sequential; import sequax": "Sequential is sequax.Sequential",
    "from keras import layers; import tensorflow.keras.layers as other": "layers is other",
    "import keras.utils as u": "callable(u.set_random_seed)",
    "import keras.optimizers.schedules as s": "s.ExponentialDecay.__name__ == 'ExponentialDecay'",
    "from tensorflow.keras.optimizers import schedules, Adam": "schedules.ExponentialDecay and Adam",
    "import keras": "keras.__version__ == keras.version() == '3.15.1' and keras.config.backend() == 'jax'",
    "import tensorflow as tf": "int(tf.__version__.split('.')[0]) == 2",
    "import keras as k1; import importlib; importlib.reload": "importlib.import_module('keras') is k1",
    "from keras.activations import *": "callable(relu) and 'annotations' not in globals()",
    "import inspect, keras": "inspect.getmodule(keras.Sequential).__name__.startswith('sequax')",
}

REFUSED = {
    "from keras.layers import Conv22D": ("ImportError", "keras.layers.Conv22D", "version of Sequax", "'Conv2D'"),
    "import keras; keras.layers.Dens": ("AttributeError", "keras.layers.Dens", "Did you mean 'Dense'"),
    "import keras; keras.Sequentail": ("AttributeError", "keras.Sequentail", "Did you mean 'Sequential'"),
    "import keras.lyers": ("ImportError", "keras.lyers", "Did you mean 'layers'"),
    "import keras.src": ("ImportError", "keras.src", "does not have it"),
    "from keras.applications import ResNet50": ("ImportError", "keras.applications", "Save the network with Keras"),
    "import keras.applications.resnet50": ("ImportError", "keras.applications", "Save the network with Keras"),
    "import keras; keras.applications": ("AttributeError", "keras.applications", "Save the network with Keras"),
    "from keras.layers import TFSMLayer": ("ImportError", "keras.layers.TFSMLayer", "SavedModel"),
    "import keras.layers.Dense": ("ImportError", "from keras.layers import Dense"),
    "from keras.activations import annotations": ("ImportError", "keras.activations.annotations"),
    "import tensorflow as tf; tf.data": ("AttributeError", "tensorflow.data is not served by Sequax", "NumPy"),
    "import tensorflow as tf; tf.random.normal((2,))": ("AttributeError", "tensorflow.random.normal", "keras.random"),
    "import tensorflow as tf; tf.GradientTape()": ("AttributeError", "tensorflow.GradientTape", "jax.grad"),
    "import tensorflow as tf; tf.Session().run(1)": ("RuntimeError", "tensorflow.Session.run is not served"),
    "import tensorflow.compat.v1 as tf; tf.placeholder": ("AttributeError", "tensorflow.compat.v1.placeholder"),
    "import keras.backend as K; K.gradients(1, 2)": ("NotImplementedError", "TensorFlow", "jax.grad"),
    "import keras.layers.cores": ("ImportError", "keras.layers.cores"),
    "from tensorflow.data import Dataset": ("ImportError", "tensorflow.data is not served by Sequax"),
    "import tensorflow.python.framework": ("ImportError", "tensorflow.python.framework is not served by Sequax"),
    "from tensorflow.keras.layers import Dens": ("ImportError", "keras.layers.Dens", "Did you mean 'Dense'"),
}

TRY_ALL = """
import json, sys
from sequax import compat
compat.install()
outcomes = {}
for statements, check in json.load(sys.stdin).items():
    names = {}
    try:
        exec(statements, names)
        outcomes[statements] = ["", str(bool(eval(check, names)))] if check else ["", "no error"]
    except Exception as error:
        outcomes[statements] = [type(error).__name__, str(error)]
print(json.dumps(outcomes))
"""


def python(code: str, *arguments: str, stdin: str = "") -> subprocess.CompletedProcess:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "error"}
    return subprocess.run(
        [sys.executable, "-c", code, *arguments],
        input=stdin,
        env=environment,
        capture_output=True,
        text=True,
        timeout=400,  # seconds of a busy machine
    )


@pytest.fixture(scope="module")
def outcomes():
    done = python(TRY_ALL, stdin=json.dumps({**WORKS, **dict.fromkeys(REFUSED, "")}))
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize("statements", WORKS)
def test_served(outcomes, statements):
    assert outcomes[statements] == ["", "True"]


@pytest.mark.parametrize("statements", REFUSED)
def test_refused_with_words(outcomes, statements):
    kind, *pieces = REFUSED[statements]
    assert outcomes[statements][0] == kind
    for piece in pieces:
        assert piece in outcomes[statements][1]


WALK = """
import sys
from types import ModuleType
from sequax import compat
compat.install()
import keras
def walk(module):
    for name in module.__all__:
        value = getattr(module, name)
        if isinstance(value, ModuleType):
            walk(value)
        else:
            print(f"{module.__name__}.{name}")
walk(keras)
"""


def test_every_served_name_is_there():
    done = python(WALK)
    assert done.returncode == 0, done.stderr
    names = set(done.stdout.split())
    assert {"keras.Sequential", "keras.layers.Conv2D", "keras.callbacks.EarlyStopping"} <= names
    assert not [name for name in names if name.rpartition(".")[2].startswith("_")]


def test_importing_sequax_installs_nothing():
    code = "import sys, sequax; before = len(sys.meta_path); import sequax.compat; print(len(sys.meta_path) - before)"
    done = python(code + "; print(any('compat' in str(type(f)) for f in sys.meta_path))")
    assert done.stdout.split() == ["0", "False"]


def test_uninstall_brings_back_what_is_installed():
    code = (
        "import sys; from sequax import compat; compat.install(); compat.install(); import keras.layers, tensorflow;"
        " compat.uninstall(); compat.uninstall();"
        " print([m for m in sys.modules if m.split('.')[0] in ('keras', 'tensorflow')]);"
        " import importlib.util; spec = importlib.util.find_spec('keras');"
        " print(spec is None or 'site-packages' in spec.origin); keras.layers.Dense"
    )
    done = python(code)
    assert done.stdout.split() == ["[]", "True"], done.stderr
    assert done.returncode == 0, done.stderr


def test_install_refuses_to_mix_with_a_loaded_keras(monkeypatch):
    monkeypatch.setitem(sys.modules, "keras", ModuleType("keras"))
    finders = list(sys.meta_path)
    with pytest.raises(ImportError, match=r"must come before the first `import keras`"):
        compat.install()
    assert sys.meta_path == finders
