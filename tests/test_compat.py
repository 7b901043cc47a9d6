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
    "from keras.layers import TFSMLayer; import keras": "not isinstance(keras.layers.Dense(1), TFSMLayer)",
    "import keras.api.layers as a, keras.api._v2.keras as b, keras": "a is keras.layers and b is keras",
    "import keras.optimizer_v2.adam as a, keras": "a.Adam is keras.optimizer_v2.adam.Adam is keras.optimizers.Adam",
    "from keras.backend import tf; import tensorflow": "tf is tensorflow",
    "from keras.activations import *": "callable(relu) and 'annotations' not in globals()",
    "from tensorflow.keras.applications.resnet50 import ResNet50 as R, preprocess_input": "R.__name__ == 'ResNet50'",
    "import keras; from keras.applications import VGG16, vgg16": "vgg16.VGG16 is VGG16 is keras.applications.VGG16",
    "import inspect, keras": "inspect.getmodule(keras.Sequential).__name__.startswith('sequax')",
}

# What libraries and editors' imports take from Keras' own modules: `module: name`, or a module alone.
INTERNAL = """
keras.src: ops, Model, layers    keras.src.ops: cast, shape    keras.src.ops.numpy: add    keras.src.tree: map_structure
keras.src.layers.core.dense: Dense    keras.src.layers.layer: Layer    keras.src.layers.rnn.lstm: LSTM
keras.src.layers.pooling.global_average_pooling1d: GlobalAveragePooling1D    keras.src.models.functional: Functional
keras.src.models.sequential: Sequential    keras.src.engine.input_layer: InputLayer
keras.src.trainers.trainer: Trainer    keras.src.layers.convolutional.base_conv: BaseConv
keras.src.backend: standardize_dtype, any_symbolic_tensors, shape, KerasTensor, Variable, numpy, backend
keras.src.backend.common: KerasVariable, standardize_dtype    keras.src.backend.common.keras_tensor: KerasTensor
keras.src.optimizers.base_optimizer: BaseOptimizer    keras.src.optimizers: Adam
keras.src.optimizers.schedules.learning_rate_schedule: ExponentialDecay    keras.src.losses.loss: Loss
keras.src.metrics.metric: Metric    keras.src.callbacks.callback: Callback    keras.src.utils.progbar: Progbar
keras.src.utils.np_utils: to_categorical    keras.src.utils: io_utils, pad_sequences
keras.src.saving: load_model, serialization_lib    keras.src.saving.saving_api: load_model
keras.src.saving.saving_lib: load_model, save_model    keras.src.saving.serialization_lib: deserialize_keras_object
keras.src.saving.object_registration: register_keras_serializable    keras.src.random.seed_generator: SeedGenerator
keras.src.legacy.preprocessing.image: ImageDataGenerator    keras.src.legacy.preprocessing.text: Tokenizer
keras.src.legacy.backend: expand_dims    keras.src.preprocessing.image: load_img    keras.src.datasets: mnist
keras.src.datasets.mnist: load_data    keras.src.initializers.random_initializers: VarianceScaling
keras.src.utils.backend_utils: in_grain_data_pipeline    keras.src.losses.losses: LossFunctionWrapper
keras.src.trainers.data_adapters.data_adapter_utils: class_weight_to_sample_weights
keras.src.api_export: keras_export    keras.src.utils.tracking: no_automatic_dependency_tracking
"""
for entry in INTERNAL.replace("\n", "    ").strip().split("    "):
    of, names = entry.split(": ")
    WORKS[f"from {of} import {names}; import {of}"] = f"all(n is not None for n in ({names},))"
WORKS |= {
    "from keras.src.layers.core.dense import Dense; import keras": "Dense is keras.layers.Dense",
    "import keras as k, keras": "keras.src.utils.tracking.no_automatic_dependency_tracking(len) is len",
    "import keras, tensorflow as tf, sys": "'2.4' <= tf.__version__ > '2.9.1' and not tf.__version__ < '2.12'"
    " and keras.__version__ >= '3.2' and type(tf.__version__.split('.')[0]) is str",
    "import sys, tensorflow as tf": "[int(n) for n in tf.__version__.split('.')][0] == 2",
    "from keras.src.ops import *": "callable(matmul) and cast([1.7], 'int32')[0] == 1",
    "from keras.src.backend import any_symbolic_tensors as a; import keras": "a([keras.Input((2,))]) and not a([1])",
}

REFUSED = {
    "from keras.layers import Conv22D": ("ImportError", "keras.layers.Conv22D", "version of Sequax", "'Conv2D'"),
    "import keras; keras.layers.Dens": ("AttributeError", "keras.layers.Dens", "Did you mean 'Dense'"),
    "import keras; keras.Sequentail": ("AttributeError", "keras.Sequentail", "Did you mean 'Sequential'"),
    "import keras.lyers": ("ImportError", "keras.lyers", "Did you mean 'layers'"),
    "import keras.src.lyers": ("ImportError", "keras.src.lyers", "public name", "Did you mean 'layers'"),
    "from keras.src.layers import Dens": ("ImportError", "keras.src.layers.Dens", "Did you mean 'Dense'"),
    "from keras.src.layers.core import dens": ("ImportError", "keras.src.layers.core.dens", "public name"),
    "import keras.src.utils as u; u.mode_keys": ("AttributeError", "keras.src.utils.mode_keys", "public name"),
    "from keras.layers import TFSMLayer; TFSMLayer('m')": (
        "NotImplementedError",
        "keras.layers.TFSMLayer",
        "SavedModel",
    ),
    "from keras.estimator import model_to_estimator as f; f()": ("NotImplementedError", "keras.estimator", "`fit`"),
    "from keras.layers import DenseFeatures as D\nclass Own(D): pass": ("NotImplementedError", "FeatureSpace"),
    "import keras; keras.dtensor.experimental.LayoutMap()": (
        "NotImplementedError",
        "experimental.LayoutMap",
        "DTensor",
    ),
    "from keras.backend.theano_backend import _moments as f; f()": ("NotImplementedError", "Theano"),
    "import keras.export.saved": ("ImportError", "keras.export"),
    "from keras.applications import ResNet18": ("ImportError", "keras.applications.ResNet18", "Did you mean"),
    "import keras.layers.Dense": ("ImportError", "from keras.layers import Dense"),
    "from keras.activations import annotations": ("ImportError", "keras.activations.annotations"),
    "import tensorflow as tf; tf.gradients(1, 2)": ("RuntimeError", "tensorflow.gradients", "tf.GradientTape"),
    "import tensorflow as tf; tf.Session().run(1)": ("RuntimeError", "tensorflow.Session.run is out of reach"),
    "import tensorflow.compat.v1 as tf; tf.placeholder(1)": (
        "NotImplementedError",
        "tensorflow.compat.v1.placeholder",
        "sessions",
    ),
    "import keras.backend as K; K.gradients(1, 2)": ("TypeError", "symbolic tensors", "jax.grad"),
    "import keras.layers.cores": ("ImportError", "keras.layers.cores"),
    "from tensorflow.estimator import Estimator as E; E()": ("NotImplementedError", "tensorflow.estimator", "`fit`"),
    "import tensorflow.python.training as t; t.f()": ("NotImplementedError", "needs TensorFlow itself"),
    "import tensorflow.trainig": ("ImportError", "tensorflow.trainig is not served by Sequax"),
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
    assert outcomes[statements][0] == kind.replace("ImportError", "ModuleNotFoundError")  # which is an ImportError
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


CHILDREN = """
import multiprocessing, os, subprocess, sys
from sequax import compat

def name_of(module):
    return __import__(module).Sequential.__module__

if __name__ == "__main__":
    before = os.environ.get("PYTHONPATH")
    compat.install()
    code = "import keras, sitecustomize; print(keras.Sequential.__module__, sitecustomize.__file__)"
    print(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout)
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        print(pool.apply(name_of, ("keras",)))
    compat.uninstall()
    print("as before:", os.environ.get("PYTHONPATH") == before)
"""


def test_processes_that_are_started_have_the_hook_too(tmp_path):
    """Workers of joblib among them; and what the environment runs at the start of Python is run as ever."""
    (tmp_path / "sitecustomize.py").write_text("print('of the environment')\n")
    script = tmp_path / "script.py"
    script.write_text(CHILDREN)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), str(tmp_path)])}
    done = subprocess.run([sys.executable, script], env=environment, capture_output=True, text=True, timeout=400)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.split("\n")
    assert sum("of the environment" in line for line in lines) >= 3  # this process, and both children
    assert sum("sequax.sequential" in line for line in lines) == 2
    assert "as before: True" in lines


def test_served_modules_go_through_pickles():
    code = """
import pickle
from sequax import compat
compat.install()
import keras, tensorflow as tf, keras.src.layers as inner
for module in (keras, keras.layers, tf, tf.random, inner):
    assert pickle.loads(pickle.dumps(module)) is module
"""
    assert python(code).returncode == 0


OWN_ATTRIBUTES = """
from sequax import compat; compat.install()
import keras
class Own(keras.layers.Layer):
    def build(self, shape):
        self.W, self.b = self.add_weight(shape=(shape[-1], 2)), self.add_weight(shape=(2,))
        self.updates, self.output_shape = 3, (None, 2)
    def call(self, x):
        return x @ self.W + self.b
model = keras.Sequential([Own(), keras.layers.Lambda(lambda x: x * 2)])
model.build((None, 3))
assert len(model.weights) == 2 and model.layers[0].updates == 3 and model.layers[0].W.shape == (3, 2)
"""


def test_layers_of_users_may_have_attributes_of_old_names():
    done = python(OWN_ATTRIBUTES)
    assert done.returncode == 0, done.stderr
