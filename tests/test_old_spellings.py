"""Spellings of Keras 1 and 2 under the import hook, in a process of their own: this one holds the real Keras."""

from __future__ import annotations

import json

import pytest

from tests.test_compat import python

# Statements -> an expression that must be true, and pieces of the lines on stderr, in order (none: no line at all).
ACCEPTED = {
    "import keras, numpy as np; layer = keras.layers.GRU(3)": (
        "layer.get_initial_state(np.ones((2, 5, 4)))[0].shape == layer.get_initial_state(batch_size=2)[0].shape",
        [],
    ),
    # modules
    "from keras.layers.core import Dense; import keras": ("Dense is keras.layers.Dense", ["keras.layers.core"]),
    "import keras.layers.convolutional as c, keras": (
        "c.Conv2D is keras.layers.Conv2D",
        ["keras.layers.convolutional"],
    ),
    "import keras; from keras.utils import np_utils": (
        "np_utils.to_categorical is keras.utils.to_categorical",
        ["`keras.utils.np_utils` works here; today's spelling: keras.utils"],
    ),
    "import keras; c = keras.layers.core": ("c.Dense is keras.layers.Dense", ["keras.layers.core"]),
    "from keras.engine.topology import Layer, Input, InputLayer": (
        "issubclass(InputLayer, Layer)",
        ["keras.engine`", "topology`"],
    ),
    "from keras.layers.normalization.batch_normalization import BatchNormalization as B": (
        "B.__name__ == 'BatchNormalization'",
        ["keras.layers.normalization`"],
    ),
    "from keras.layers.experimental.preprocessing import Rescaling": ("Rescaling", ["experimental.preprocessing"]),
    "from tensorflow.python.keras.layers import Dense": ("Dense", ["`tensorflow.python.keras` works here"]),
    "from tensorflow.keras.optimizers.legacy import Adam; import keras": (
        "Adam is keras.optimizers.Adam",
        ["keras.optimizers.legacy"],
    ),
    "from keras.objectives import mean_squared_error": ("callable(mean_squared_error)", ["keras.losses"]),
    "from keras.preprocessing import sequence, image": ("sequence.pad_sequences and image.load_img", []),
    "from keras.layers.merge import concatenate, add": ("callable(add)", ["keras.layers.merge"]),
    # names
    "from keras.constraints import maxnorm": ("maxnorm(2).max_value == 2", ["keras.constraints.MaxNorm"]),
    "from keras.layers import CuDNNLSTM": ("CuDNNLSTM.__name__ == 'LSTM'", ["keras.layers.LSTM"]),
    "from keras.layers import AtrousConvolution2D as A": (
        "A(4, 3, 3, atrous_rate=(2, 2)).dilation_rate == (2, 2)",
        ["dilation_rate", "(filters, (3, 3))", "atrous_rate="],
    ),
    "from keras.layers import TimeDistributedDense as T": (
        "T(3, input_dim=2, input_length=5).first_input_shape == (None, 5, 2)",
        ["TimeDistributed(Dense(...))", "keras.Input((5, 2))"],
    ),
    "from keras.layers import Dense, Conv2D; import numpy as np": (
        "(Dense(5 / 2).units, Dense(units=np.float32(4)).units, Conv2D(9 / 3, 2).filters) == (2, 4, 3)",
        ["`units=2.5` works here; today's spelling: units=2", "`filters=3.0`"],
    ),
    "from keras.layers import ThresholdedReLU as T": ("T(0.5).threshold == 0.5", ["ReLU(threshold=...)"]),
    "import keras; M = type('M', (keras.Model,), {'__init__': lambda self: keras.Model.__init__(self, 'policy')})": (
        "M().name == 'policy'",
        ["super().__init__(name=name)"],
    ),
    # weights: the name came first, and the others in another order
    "from keras.layers import Layer; L = Layer(); w = L.add_variable('w', [2, 3], 'float32', 'ones', None, False)": (
        "w.name == 'w' and w.shape == (2, 3) and not w.trainable and w.numpy().all()",
        ["add_weight(shape, name=...)"],
    ),
    "from keras.layers import Layer; w = Layer().add_weight('w', shape=(2,), trainable=None, use_resource=True)": (
        "w.trainable and w.shape == (2,)",
        ["add_weight(shape, name=...)", "use_resource="],
    ),
    "from keras.metrics import Mean; w = Mean().add_weight('w', (2,), initializer='ones', aggregation=None)": (
        "w.name == 'w' and w.numpy().tolist() == [1, 1]",
        ["add_weight(shape, name=...)", "aggregation="],
    ),
    # networks
    "from keras.applications.vgg16.vgg16 import WEIGHTS_PATH_NO_TOP as w; import keras": (
        "w.endswith('_notop.h5') and 'vgg19' in keras.applications.vgg19.WEIGHTS_PATH",
        ["WEIGHTS_PATH_NO_TOP`", "WEIGHTS_PATH`"],
    ),
    "from keras.applications.resnet50 import conv_block as c, identity_block as i; import keras": (
        "i(c(keras.Input((8, 8, 4)), 3, [2, 2, 8], 2, 'a'), 3, [2, 2, 8], 2, 'b').shape == (None, 4, 4, 8)",
        ["conv_block", "identity_block"],
    ),
    "from keras.applications.imagenet_utils import _obtain_input_shape as o": (
        "o(None, 224, 48, dim_ordering='tf', include_top=False) == (None, None, 3)",
        ["_obtain_input_shape"],
    ),
    "from keras.applications.mobilenetv2 import MobileNetV2 as M; from keras.applications.mobilenet import relu6": (
        "M.__name__ == 'MobileNetV2' and float(relu6(9.0)) == 6",
        ["mobilenet_v2", "keras.activations.relu6"],
    ),
    "from keras_preprocessing.image import ImageDataGenerator as G; import keras_preprocessing.text as t, keras": (
        "G is keras.preprocessing.image.ImageDataGenerator and t is keras.preprocessing.text",
        ["ImageDataGenerator", "TextVectorization"],
    ),
    "import keras, numpy as np, tempfile; from keras.utils import image_dataset_from_directory as f\n"
    "d = tempfile.mkdtemp(); keras.utils.save_img(d + '/a.png', np.zeros((4, 9, 3)))": (
        "f(d, labels=None, image_size=(4, 4), smart_resize=True, verbose=False).element_spec.shape == (None, 4, 4, 3)",
        ["smart_resize="],
    ),
    # one number per row is a column where nothing says otherwise, as before TensorFlow 2.7
    "import keras, numpy as np; x = np.arange(4.0); m = keras.Sequential([keras.layers.Dense(1)])\n"
    "m.compile(loss='mae'); m.fit(x, x, verbose=0)": (
        "m.predict([17.0], verbose=0).shape == (1, 1) and m.weights[0].shape == (1, 1)",
        [],
    ),
    # the preview of Keras 3, whose modules stood where those of its source are now; and Keras 2 beside Keras 3
    "import keras_core, tf_keras, keras; from keras_core.layers.layer import Layer; from keras import operations": (
        "keras_core is tf_keras is keras and Layer is keras.Layer and operations is keras.ops",
        [],
    ),
    "from keras_core.ops import operation_utils; import keras; from keras_core.random.seed_generator import *": (
        "keras.ops.backend.shape is keras.ops.shape and keras.random.random.uniform is keras.random.uniform",
        [],
    ),
    "from tensorflow.keras.experimental import PeepholeLSTMCell as P; import keras, numpy as np; c, x = P(3),"
    " np.ones((2, 1, 4), 'float32')": (
        "np.allclose(keras.layers.RNN(c)(x), c(x[:, 0], [np.zeros((2, 3), 'float32')] * 2)[0])"
        " and [w.shape for w in c.weights[3:]] == [(3,)] * 3",
        ["keras.experimental`", "PeepholeLSTMCell"],
    ),
    "from keras.layers import Embedding as E; import keras.backend as K; e = E(3, 2, dropout=0.1)": (
        "K.dtype(e(K.zeros((1, 2)))) == K.dtype(0.5) == 'float32'",
        ["SpatialDropout1D", "backend.dtype", "backend.zeros"],
    ),
    # layers
    "from keras.layers import Convolution2D as C, Conv2D; c = C(8, 3, 5, border_mode='same', subsample=(2, 1))": (
        "type(c) is Conv2D and isinstance(c, C) and not isinstance(1, C)"
        " and (c.kernel_size, c.padding, c.strides) == ((3, 5), 'same', (2, 1))",
        ["Conv2D(filters, (3, 5))", "padding=", "strides="],
    ),
    "from keras.layers import Convolution2D as C, Conv2D; c = C(8, (3, 3)); d = Conv2D(8, 3, 3)": (
        "c.kernel_size == (3, 3) and c.strides == (1, 1) and d.strides == (3, 3)",
        [],
    ),
    "from keras.layers import Convolution2D as C\nclass Own(C): pass": (
        "type(Own(2, 3)) is Own and isinstance(Own(2, 3), C)",
        [],
    ),
    "from keras.layers import Convolution1D as C; c = C(nb_filter=4, filter_length=3, input_dim=2, input_length=9)": (
        "c.kernel_size == (3,) and c.first_input_shape == (None, 9, 2)",
        ["keras.Input((9, 2))", "filters=", "kernel_size="],
    ),
    "from keras.layers import Conv2D; c = Conv2D(2, 3, dim_ordering='th', init='he_normal', bias=False)": (
        "c.data_format == 'channels_first' and not c.use_bias and 'he' in str(c.kernel_initializer).lower()",
        ["data_format=", "kernel_initializer=", "use_bias=", "'channels_first'"],
    ),
    "from keras.layers import Dense; d = Dense(output_dim=4, input_dim=3, W_regularizer='l2')": (
        "d.units == 4 and d.first_input_shape == (None, 3) and d.kernel_regularizer is not None",
        ["keras.Input((3,))", "units=", "kernel_regularizer="],
    ),
    "from keras.layers import Dense; d = Dense(4, batch_input_shape=(8, 3))": (
        "d.first_input_shape == (8, 3)",
        ["keras.Input(batch_shape=(8, 3))"],
    ),
    "from keras.layers import Embedding as E; e = E(9, 4, input_length=7, init='one', W_constraint='non_neg')": (
        "e.first_input_shape == (None, 7) and e.embeddings_constraint is not None",
        ["keras.Input((7,))", "embeddings_initializer=", "embeddings_constraint="],
    ),
    "from keras.layers import LSTM; l = LSTM(output_dim=3, input_dim=2, input_length=5, inner_activation='sigmoid',"
    " forget_bias_init='one', dropout_W=0.1, dropout_U=0.2, consume_less='gpu')": (
        "l.units == 3 and l.dropout == 0.1 and l.recurrent_dropout == 0.2 and l.first_input_shape == (None, 5, 2)",
        ["keras.Input", "units=", "recurrent_activation=", "dropout=", "recurrent_dropout=", "no effect", "=True"],
    ),
    "from keras.layers import Dropout, LeakyReLU, ELU": (
        "Dropout(p=0.25).rate == 0.25 and LeakyReLU(alpha=0.1).negative_slope == 0.1 and ELU(alpha=0.5).alpha == 0.5",
        ["rate=", "negative_slope="],
    ),
    "from keras.layers import Dense as D\nclass Own(D):\n    def __init__(self, **k): super().__init__(**k)": (
        "isinstance(Own(output_dim=2), D) and Own.from_config(Own(output_dim=2).get_config()).units == 2",
        ["units="],
    ),
    "import keras; a = keras.Input((3,)); b = keras.Input((3,)); from keras.layers import merge, Dense": (
        "merge([a, b], mode='sum').shape == (None, 3) and merge([a, b], mode='concat').shape == (None, 6)"
        " and merge([a, b], mode='cos').shape == (None, 1)",
        ["keras.layers.merge", "keras.layers.add", "concatenate", "normalize=True"],
    ),
    "import keras; x = keras.Input((3,))": ("keras.Model(input=x, output=x)", ["inputs=", "outputs="]),
    "import keras\nclass M(keras.Model):\n    def __init__(self):\n        super().__init__(self)\nm = M()": (
        "m.name == 'm'",
        ["super().__init__()"],
    ),
    # optimizers
    "from keras.optimizers import SGD; s = SGD(lr=0.5, momentum=0.9, decay=0.0)": (
        "float(s.learning_rate) == 0.5 and s.momentum == 0.9",
        ["learning_rate=", "leave it out"],
    ),
    "from keras.optimizers import SGD; s = SGD(0.5, decay=1.0); s.iterations.assign(3)": (
        "float(s.learning_rate) == 0.5 and s.get_config()['learning_rate']['config']['decay_rate'] == 1",
        ["InverseTimeDecay(rate, 1, decay)"],
    ),
    "from keras.optimizers import adam; a = adam(lr=0.5, epsilon=None); a.lr = 0.25": (
        "float(a.lr) == 0.25 and a.epsilon == 1e-7",
        ["keras.optimizers.Adam", "learning_rate=", "epsilon=None", "optimizer.learning_rate"],
    ),
    # models
    "import keras, numpy as np; m = keras.Sequential([keras.layers.Dense(1)])\n"
    "m.compile('sgd', 'kullback_leibler_divergence', metrics='cosine_proximity', sample_weight_mode=None)": (
        "m.loss == 'kl_divergence'",
        ["sample_weight_mode", "metrics=['cosine_proximity']", "'kl_divergence'", "'cosine_similarity'"],
    ),
    "import keras; m = keras.Sequential([keras.layers.Dense(1, activation='sigmoid')])\n"
    "metric, crossentropy = keras.metrics.BinaryAccuracy(threshold=0.0), keras.losses.binary_crossentropy\n"
    "m.compile('sgd', 'binary_crossentropy', metrics=metric, weighted_metrics=crossentropy)\n"
    "import numpy as np; h = m.fit(np.ones((2, 2)), np.ones((2, 1)), verbose=0)": (
        "sorted(h.history) == ['binary_accuracy', 'binary_crossentropy', 'loss']",
        ["metrics=[<BinaryAccuracy", "weighted_metrics=[<function"],
    ),
    "from keras.models import Sequential, model_from_json; from keras.layers import Dense, Input\n"
    "m = Sequential([Input((2,)), Dense(1)]); m.compile('sgd', lambda a, b: (a - b) ** 2, metrics=['mae'])\n"
    "n = model_from_json(m.to_json())": ("not n.compiled and n.count_params() == 3", ["is not compiled"]),
    # TensorFlow
    "import numpy as np, tensorflow as tf; np.random.seed(5); a = np.random.rand(); np.random.seed(5)\n"
    "tf.random.set_seed(1); b = np.random.rand(); tf.random.set_seed(2)": ("a == b", ["keras.utils.set_random_seed"]),
    "import tensorflow as tf; back = tf.keras.layers.StringLookup(vocabulary=['a', 'ä'], invert=True)([2, 0])": (
        "back.numpy().tolist() == ['ä'.encode(), b'[UNK]']",
        [],
    ),
    "from tensorflow import set_random_seed; set_random_seed(1)": ("True", ["tensorflow.set_random_seed"]),
    "import tensorflow as tf; tf.compat.v1.set_random_seed(1)": ("True", ["tensorflow.compat.v1.set_random_seed"]),
    "import tensorflow as tf; gpus = tf.config.experimental.list_physical_devices('GPU')": (
        "gpus == [] and tf.config.list_physical_devices('CPU')[0].device_type == 'CPU'"
        " and not tf.test.is_gpu_available()",
        ["jax.devices()"] * 3,
    ),
    "import tensorflow as tf; tf.compat.v1.logging.set_verbosity(tf.compat.v1.logging.ERROR)": (
        "tf.get_logger().setLevel('ERROR') is None and tf.autograph.set_verbosity(0) is None",
        [],
    ),
    "import tensorflow as tf; from keras import backend as K; config = tf.ConfigProto()\n"
    "config.gpu_options.allow_growth = True; K.set_session(tf.Session(config=config))": (
        "True",
        ["XLA_PYTHON_CLIENT_PREALLOCATE", "no effect", "XLA_PYTHON_CLIENT_PREALLOCATE"],
    ),
    "import tensorflow as tf": (
        "tf.keras.activations.get(tf.nn.relu) is tf.keras.activations.relu and tf.version.VERSION == tf.__version__"
        " and tf.float32 == 'float32'"
        " and tf.keras.layers.Dense(2, activation=tf.nn.softmax).get_config()['activation'] == 'softmax'",
        [],
    ),
    "import tensorflow.compat.v1.keras as k; import keras": ("k is keras", ["tensorflow.compat.v1.keras"]),
    # the backend
    "from keras import backend as K; import numpy as np; x = np.array([[1.0, 3.0], [2.0, 0.0]])": (
        "K.mean(x) == 1.5 and K.argmax(x).tolist() == [1, 0] and K.floatx() == 'float32'",
        ["keras.ops.mean", "argmax(x, axis=-1)"],
    ),
    "from keras import backend as K; K.set_image_dim_ordering('th'); a = K.image_data_format()\n"
    "K.set_image_dim_ordering('tf')": ("a == 'channels_first'", ["keras.config.set_image_data_format"]),
    "import keras.backend.tensorflow_backend as KTF": ("callable(KTF.set_session)", ["keras.backend", "no effect"]),
    "from keras.layers import TextVectorization; t = TextVectorization(output_mode='tf-idf')": (
        "t.output_mode == 'tf_idf'",
        ["output_mode='tf_idf'"],
    ),
    "from keras.layers import Input; a, b = Input(shape=(2)), Input(3)": (
        "tuple(a.shape) == (None, 2) and tuple(b.shape) == (None, 3)",
        ["Input((number,))"],
    ),
    "import tensorflow as tf; import numpy as np; a = np.zeros(3, int); a[0] = tf.constant([7])": (
        "a.tolist() == [7, 0, 0] and float(tf.constant([[2.5]])) == 2.5",
        [],
    ),
    "import tensorflow as tf; from tensorflow.keras import layers\n"
    "@tf.function\ndef mask(x):\n"
    "    rows = tf.concat([tf.expand_dims(tf.shape(x)[0], -1), tf.constant([1], dtype=tf.int32)], 0)\n"
    "    return tf.tile(x[:1] > 0, rows)": ("mask(tf.ones((3, 2))).numpy().tolist() == 3 * [[True, True]]", []),
    "from keras import backend as K; import keras, numpy as np\n"
    "i = keras.Input((2,)); m = keras.Model([i], keras.layers.ReLU()(i)); x = np.array([[1.0, -1.0]])\n"
    "f = K.function([m.input, K.learning_phase()], [m.layers[-1].output])": (
        "f([x, 0])[0].tolist() == [[1.0, 0.0]]",
        ["keras.Model(inputs, outputs)", "training"],
    ),
    # what is today's spelling says nothing
    "import keras; from keras.layers import *; from keras import Sequential, Input, backend": (
        "Sequential([Input((3,)), Dense(2), Dropout(0.5), Conv2D and Dense(1)]).compile('adam', 'mse') is None",
        [],
    ),
}

TRY_ALL = """
import contextlib, io, json, sys
from sequax import compat
from sequax.compat import notes
compat.install()
outcomes = {}
for statements, check in json.load(sys.stdin).items():
    names, lines = {}, io.StringIO()
    compat.uninstall()  # modules that were imported before say nothing again
    compat.install()
    notes.forget()
    with contextlib.redirect_stderr(lines):
        try:
            exec(statements, names)
            result = bool(eval(check, names))
            exec(statements, names)  # once more: no further line
        except Exception as error:
            result = repr(error)
    outcomes[statements] = [result, lines.getvalue()]
print(json.dumps(outcomes))
"""


@pytest.fixture(scope="module")
def outcomes():
    done = python(TRY_ALL, stdin=json.dumps({statements: check for statements, (check, _) in ACCEPTED.items()}))
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize("statements", ACCEPTED)
def test_old_spelling_works_with_a_line_each(outcomes, statements):
    result, said = outcomes[statements]
    assert result is True
    lines, pieces = said.splitlines(), ACCEPTED[statements][1]
    assert len(lines) == len(set(lines)) == len(pieces), said
    for line, piece in zip(lines, pieces, strict=True):
        assert piece in line
        assert line.startswith("sequax: `") and "works here; today's spelling: " in line


def test_sequax_itself_knows_none_of_them():
    """Neither before the hook is installed nor after it has been taken away."""
    code = """
import os, sequax, sys
from sequax import layers, optimizers
def knows():
    found = []
    for attempt in (lambda: layers.Dense(output_dim=3), lambda: optimizers.SGD(lr=0.1),
                    lambda: sequax.Model.fit_generator,
                    lambda: {"compat": 1}[layers.Dense.__init__.__code__.co_filename.split(os.sep)[-2]],
                    lambda: layers.Conv2D.__dict__["__init__"].__wrapped__):
        try:
            attempt()
            found.append(True)
        except (ValueError, TypeError, AttributeError, KeyError):
            found.append(False)
    return found
print(knows(), [name for name in sys.modules if name.startswith("sequax.compat")])
from sequax import compat
compat.install()
import keras
print(knows(), file=sys.stdout)
compat.uninstall()
print(knows(), type(sequax.callbacks.History().history).__name__)
"""
    done = python(code)
    assert done.returncode == 0, done.stderr
    none = str([False] * 5)
    assert done.stdout.splitlines() == [f"{none} []", str([True] * 5), f"{none} dict"]


LOGS = """
import numpy as np
from sequax import compat
compat.install()
import keras
from keras.layers import Dense
x, y = np.random.RandomState(0).rand(40, 3).astype("float32"), np.arange(40) % 2
m = keras.Sequential([keras.Input((3,)), Dense(1, activation="sigmoid")])
m.compile("adam", "binary_crossentropy", metrics=["accuracy", "mae"])
seen, sizes = [], []
class Own(keras.callbacks.Callback):
    def on_batch_end(self, batch, logs={}):
        sizes.append((batch == logs["batch"], logs.get("size"), "acc" in logs, "size" in list(logs)))
    def on_epoch_end(self, epoch, logs=None):
        seen.append((logs.get("acc"), logs["val_acc"], logs.get("nothing"), "val_loss" in logs, "lr" in logs))
stop = keras.callbacks.EarlyStopping(monitor="val_acc", patience=1, mode="max")
h = m.fit(x, y, 15, nb_epoch=9, verbose=0, validation_split=0.5, callbacks=[Own(), stop], max_q_size=3)
assert h.history["acc"] is h.history["accuracy"] and h.history["mean_absolute_error"] is h.history["mae"]
assert sorted(h.history) == ["accuracy", "loss", "mae", "val_accuracy", "val_loss", "val_mae"], sorted(h.history)
assert seen[0][0] == h.history["accuracy"][0] and seen[0][2:] == (None, True, False), seen
assert len(h.history["loss"]) < 9
assert sizes[:2] == [(True, 15, True, False), (True, 5, True, False)], sizes
m.compile("adam", "binary_crossentropy", metrics=["acc"])
assert "acc" in m.fit(x, y, verbose=0).history and m.metrics_names == ["loss", "acc"]
try:
    h.history["f1"]
except KeyError:
    pass
p = m.predict(x, verbose=0)
assert (m.predict_classes(x) == (p > 0.5)).all() and (m.predict_proba(x) == p).all()
m2 = keras.Sequential([keras.Input((3,)), Dense(4, activation="softmax")])
assert (m2.predict_classes(x) == m2.predict(x, verbose=0).argmax(-1)).all()
import pickle
from sklearn.base import clone, is_classifier
from keras.wrappers.scikit_learn import KerasClassifier, KerasRegressor
def build(units=2): return m
k = KerasClassifier(build, units=3, epochs=2)
assert is_classifier(k) and not is_classifier(KerasRegressor(build))
assert clone(k).get_params() == {"units": 3, "epochs": 2, "build_fn": build}
assert k.set_params(units=5).filter_sk_params(build) == {"units": 5}
try:
    KerasClassifier(build, unitz=3)
except ValueError as error:
    assert "unitz is not a legal parameter" in str(error)
print("fine")
"""


def test_logs_methods_and_estimators():
    done = python(LOGS)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["fine"]
