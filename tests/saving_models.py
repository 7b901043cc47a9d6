"""Small models over all families of layers, made by either library: what files are tried with."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import numpy as np

MODELS: dict[str, Callable] = {}


def model(function: Callable) -> Callable:
    MODELS[function.__name__] = function
    return function


def stack(k: Any, shape: Any, *layers: Any, dtype: str | None = None, name: str = "stack") -> Any:
    return k.Sequential([k.Input(shape, dtype=dtype, name="entry"), *layers], name=name)


@model
def dense(k):
    return stack(k, (4,), k.layers.Dense(3, "relu"), k.layers.Dropout(0.0), k.layers.Dense(2, use_bias=False))


@model
def without_input(k):
    found = k.Sequential([k.layers.Dense(3, activation="gelu"), k.layers.Dense(2)], name="late")
    found.build((None, 4))
    return found


@model
def frozen(k):
    found = stack(k, (4,), k.layers.Dense(3, trainable=False), k.layers.BatchNormalization(), k.layers.Dense(2))
    found.layers[1].trainable = False
    return found


@model
def settings(k):
    return stack(
        k,
        (4,),
        k.layers.Dense(
            3,
            kernel_initializer=k.initializers.Constant(0.5),
            kernel_regularizer=k.regularizers.L1L2(0.1, 0.2),
            kernel_constraint="max_norm",
            activity_regularizer="l2",
        ),
        k.layers.EinsumDense("ab,bc->ac", 5, bias_axes="c"),
    )


@model
def mixed_precision(k):
    return stack(k, (4,), k.layers.Dense(8, dtype="mixed_bfloat16"), k.layers.Dense(1, dtype="float32"))


@model
def activations(k):
    layers = k.layers
    return stack(
        k,
        (4,),
        layers.Activation("silu"),
        layers.LeakyReLU(0.2),
        layers.PReLU(alpha_initializer="ones"),
        layers.ELU(),
        layers.ReLU(6.0),
        layers.Softmax(),
    )


@model
def convolutions(k):
    layers = k.layers
    return stack(
        k,
        (8, 8, 2),
        layers.Conv2D(3, 3, padding="same", activation="relu"),
        layers.DepthwiseConv2D(3),
        layers.SeparableConv2D(4, 2, strides=2),
        layers.Conv2DTranspose(2, 2),
        layers.GlobalAveragePooling2D(),
    )


@model
def convolutions_1d(k):
    layers = k.layers
    return stack(
        k, (6, 2), layers.Conv1D(3, 2, padding="causal"), layers.MaxPooling1D(2), layers.Flatten(), layers.Dense(1)
    )


@model
def convolution_3d(k):
    return stack(k, (4, 4, 4, 1), k.layers.Conv3D(2, 2), k.layers.AveragePooling3D(2), k.layers.Flatten())


@model
def padding(k):
    layers = k.layers
    return stack(
        k, (4, 4, 1), layers.ZeroPadding2D(1), layers.Cropping2D(((1, 0), (0, 1))), layers.UpSampling2D(2),
        layers.MaxPooling2D(2, padding="same"), layers.AveragePooling2D(2), layers.GlobalMaxPooling2D(),
        layers.Dense(2),
    )  # fmt: skip


@model
def adaptive(k):
    layers = k.layers
    return stack(
        k, (6, 6, 2), layers.AdaptiveAveragePooling2D(3), layers.AdaptiveMaxPooling2D(2), layers.Flatten(),
        layers.Dense(2),
    )  # fmt: skip


@model
def normalizations(k):
    layers = k.layers
    return stack(
        k,
        (4, 4),
        layers.LayerNormalization(),
        layers.GroupNormalization(2),
        layers.RMSNormalization(),
        layers.UnitNormalization(),
        layers.BatchNormalization(momentum=0.9),
    )


@model
def spectral(k):
    return stack(k, (4,), k.layers.SpectralNormalization(k.layers.Dense(3)))


@model
def reshaping(k):
    layers = k.layers
    return stack(
        k, (6,), layers.Reshape((2, 3)), layers.Permute((2, 1)), layers.Flatten(), layers.RepeatVector(2),
        layers.Dense(2),
    )  # fmt: skip


@model
def noise(k):
    layers = k.layers
    return stack(
        k, (4, 3), layers.GaussianNoise(0.1), layers.GaussianDropout(0.1), layers.AlphaDropout(0.1),
        layers.SpatialDropout1D(0.1), layers.ActivityRegularization(0.1), layers.Dropout(0.5), layers.Dense(2),
    )  # fmt: skip


@model
def embedding(k):
    return stack(k, (5,), k.layers.Embedding(7, 3, mask_zero=True), k.layers.LSTM(2), dtype="int32")


@model
def recurrent(k):
    layers = k.layers
    return stack(
        k,
        (4, 2),
        layers.Bidirectional(layers.GRU(3, return_sequences=True)),
        layers.RNN([layers.LSTMCell(2), layers.SimpleRNNCell(3)], return_sequences=True),
        layers.TimeDistributed(layers.Dense(1)),
    )


@model
def masking(k):
    return stack(k, (4, 2), k.layers.Masking(0.5), k.layers.GRU(2, reset_after=False))


@model
def convolutional_recurrent(k):
    return stack(k, (3, 4, 4, 1), k.layers.ConvLSTM2D(2, 2), k.layers.Flatten())


@model
def preprocessing(k):
    layers = k.layers
    return stack(
        k, (6, 6, 3), layers.Rescaling(1 / 255, offset=0.5), layers.CenterCrop(4, 4), layers.Resizing(5, 5),
        layers.RandomFlip(), layers.RandomRotation(0.1, seed=3), layers.RandomContrast(0.1), layers.Flatten(),
        layers.Dense(2),
    )  # fmt: skip


@model
def normalization(k):
    adapted = k.layers.Normalization()
    adapted.adapt(np.arange(12, dtype="float32").reshape(4, 3))
    return stack(k, (3,), adapted, k.layers.Dense(2))


@model
def nested_stacks(k):
    inner = stack(k, (4,), k.layers.Dense(4, "tanh"), k.layers.Dense(3), name="inner")
    return stack(k, (4,), inner, k.layers.Dense(2), name="outer")


@model
def merging(k):
    layers = k.layers
    a, b = k.Input((4,), name="a"), k.Input((4,), name="b")
    merged = [
        layers.Add()([a, b]),
        layers.Subtract()([a, b]),
        layers.Multiply()([a, b]),
        layers.Average()([a, b]),
        layers.Maximum()([a, b]),
        layers.Minimum()([a, b]),
        layers.Concatenate()([a, b]),
        layers.Dot(1, normalize=True)([a, b]),
    ]
    return k.Model([a, b], [merged[0], layers.Dense(2)(layers.Concatenate(name="all")(merged))], name="merging")


@model
def shared(k):
    x = k.Input((4,), name="x")
    layer = k.layers.Dense(4, name="twice")
    return k.Model(x, layer(layer(x) * 2.0), name="shared")


@model
def nested_graphs(k):
    x, y = k.Input((4,), name="x"), k.Input((4,), name="y")
    inner = k.Model(x, k.layers.Dense(4, name="inside")(x), name="inner")
    return k.Model(y, k.layers.Add()([inner(inner(y)), y]), name="outer")


@model
def structures(k):
    inputs = {"left": k.Input((3,), name="left"), "right": k.Input((2,), name="right")}
    joined = k.layers.Concatenate()(list(inputs.values()))
    return k.Model(inputs, {"sum": k.layers.Dense(1)(joined), "raw": joined}, name="structures")


@model
def operations(k):
    x = k.Input((6,), name="x")
    y = k.ops.relu(x[:, 1:5] - 1) + 3.0 / (x[:, :4] * x[:, :4] + 1.0)
    y = k.ops.concatenate([y, -abs(y)], axis=-1)
    y = k.ops.where(y > 0, y, k.ops.mean(y, axis=-1, keepdims=True)) + np.arange(8, dtype="float32")
    outputs = [k.ops.reshape(y, (-1, 2, 4)), k.ops.einsum("ab,ab->a", y, y), y[..., 0], k.layers.Dense(2)(y)]
    return k.Model(x, outputs, name="operations")


@model
def attention(k):
    layers = k.layers
    x = k.Input((4, 6), name="x")
    y = layers.MultiHeadAttention(2, 3, name="heads")(x, x)
    y = layers.LayerNormalization()(x + y)
    y = layers.GroupQueryAttention(4, 2, 1)(y, y)
    ends = [layers.Attention(use_scale=True)([x, y]), layers.AdditiveAttention()([x, y])]
    return k.Model(x, ends, name="attention")


@model
def encoder_decoder(k):
    layers = k.layers
    source, target = k.Input((4, 2), name="source"), k.Input((3, 2), name="target")
    _, h, c = layers.LSTM(3, return_state=True, name="encoder")(source)
    return k.Model(
        [source, target], layers.LSTM(3, return_sequences=True, name="decoder")(target, initial_state=[h, c])
    )


@model
def dropout_in_training(k):
    x = k.Input((4,), name="x")
    return k.Model(x, k.layers.Dropout(0.0)(k.layers.Dense(2)(x), training=True), name="always")


@model
def stack_in_graph(k):
    inner = stack(k, (4,), k.layers.Dense(4), name="inner")
    x = k.Input((4,), name="x")
    return k.Model(x, inner(k.layers.Identity()(inner(x))), name="twice")


@model
def residual(k):
    x = k.Input((6, 6, 2), name="image")
    y = k.layers.Conv2D(2, 3, padding="same", use_bias=False)(x)
    y = k.layers.ReLU()(k.layers.BatchNormalization()(y))
    y = k.layers.Add()([x, y])
    return k.Model(x, k.layers.Dense(3, "softmax")(k.layers.GlobalAveragePooling2D()(y)), name="residual")


@model
def volumes(k):
    layers = k.layers
    return stack(
        k, (3, 3, 3, 1), layers.ZeroPadding3D(1), layers.Conv3D(2, 2), layers.Conv3DTranspose(1, 2),
        layers.Cropping3D(1), layers.UpSampling3D(2), layers.MaxPooling3D(2), layers.GlobalAveragePooling3D(),
        layers.Dense(2),
    )  # fmt: skip


@model
def sequences(k):
    layers = k.layers
    return stack(
        k, (6, 3), layers.ZeroPadding1D(1), layers.DepthwiseConv1D(2), layers.SeparableConv1D(2, 2),
        layers.Conv1DTranspose(3, 2), layers.Cropping1D(1), layers.UpSampling1D(2), layers.AveragePooling1D(2),
        layers.GlobalMaxPooling1D(), layers.Dense(2),
    )  # fmt: skip


@model
def recurrent_variants(k):
    layers = k.layers
    return stack(
        k,
        (4, 2),
        layers.SimpleRNN(3, return_sequences=True, go_backwards=True),
        layers.Bidirectional(layers.LSTM(2, return_sequences=True, unit_forget_bias=False), merge_mode="sum"),
        layers.RNN(layers.StackedRNNCells([layers.GRUCell(3), layers.LSTMCell(2)])),
    )


@model
def convolutional_recurrent_1d(k):
    return stack(k, (3, 5, 2), k.layers.ConvLSTM1D(2, 2), k.layers.GlobalAveragePooling1D())


@model
def tied_embedding(k):
    x = k.Input((4,), dtype="int32", name="x")
    table = k.layers.ReversibleEmbedding(7, 3, name="table")
    return k.Model(x, table(k.layers.Dense(3)(table(x)), reverse=True), name="tied")


@model
def augmentation(k):
    layers = k.layers
    return stack(
        k, (6, 6, 3), layers.RandomZoom(0.1), layers.RandomTranslation(0.1, 0.1), layers.RandomBrightness(0.1),
        layers.RandomCrop(6, 6, seed=1), layers.RandomShear((0, 0.1), (0, 0.1)), layers.RandomErasing(),
        layers.RandomGaussianBlur(),
        layers.RandomHue(0.1), layers.RandomSaturation(0.1), layers.RandomGrayscale(), layers.RandomSharpness(0.1),
        layers.RandomInvert(), layers.RandomPerspective(), layers.RandomElasticTransform(), layers.RandomColorJitter(),
        layers.RandomColorDegeneration(0.1), layers.RandomPosterization(4), layers.Pipeline([layers.RandomFlip()]),
        layers.Flatten(), layers.Dense(2),
    )  # fmt: skip


@model
def histograms(k):
    layers = k.layers
    return stack(
        k, (6, 6, 3), layers.AutoContrast(value_range=(0, 1)), layers.Solarization(value_range=(0, 1)),
        layers.Flatten(), layers.Dense(2),
    )  # fmt: skip


@model
def spectrogram(k):
    layers = k.layers
    return stack(
        k, (32, 1), layers.STFTSpectrogram(frame_length=8, frame_step=4, fft_length=8), layers.Flatten(),
        layers.Dense(2),
    )  # fmt: skip


@model
def subclassed(k):
    layers = k.layers

    class Block(layers.Layer):
        def __init__(self, units, **kwargs):
            super().__init__(**kwargs)
            self.units, self.inner, self.norm = units, layers.Dense(units), layers.BatchNormalization()

        def build(self, input_shape):
            self.inner.build(input_shape)
            self.norm.build((None, self.units))
            self.scale = self.add_weight(shape=(self.units,), initializer="ones")

        def call(self, x, training=None):
            return self.norm(self.inner(x), training=training) * self.scale

        def get_config(self):
            return {**super().get_config(), "units": self.units}

    class Own(k.Model):
        def __init__(self, units, **kwargs):
            super().__init__(**kwargs)
            self.units, self.blocks, self.head = units, [Block(units), Block(units)], layers.Dense(2)

        def call(self, x, training=None):
            for block in self.blocks:
                x = block(x, training=training)
            return self.head(x)

        def get_config(self):
            return {**super().get_config(), "units": self.units}

    found = Own(3, name="own")
    found(np.ones((1, 4), "float32"))
    return found


def custom_objects(one: Any) -> dict[str, Any]:
    """The classes that a file of this model does not have."""
    return {"Own": type(one), "Block": type(one.blocks[0])} if type(one).__name__ == "Own" else {}


# --- optimizers ---

OPTIMIZERS: dict[str, Callable] = {
    "sgd": lambda k: k.optimizers.SGD(k.optimizers.schedules.ExponentialDecay(0.02, 3, 0.5), momentum=0.9),
    "adam": lambda k: k.optimizers.Adam(0.01, amsgrad=True),
    "rmsprop": lambda k: k.optimizers.RMSprop(0.01, momentum=0.5, centered=True),
    "adamw": lambda k: k.optimizers.AdamW(0.01, weight_decay=0.1, clipnorm=1.0),
    "nadam": lambda k: k.optimizers.Nadam(0.01),
    "adagrad": lambda k: k.optimizers.Adagrad(0.05),
    "adadelta": lambda k: k.optimizers.Adadelta(0.5),
    "adamax": lambda k: k.optimizers.Adamax(0.01),
    "lion": lambda k: k.optimizers.Lion(0.001),
    "ftrl": lambda k: k.optimizers.Ftrl(0.05),
    "adafactor": lambda k: k.optimizers.Adafactor(0.01),
    "lamb": lambda k: k.optimizers.Lamb(0.01),
    "muon": lambda k: k.optimizers.Muon(0.01),
    "schedule_free": lambda k: k.optimizers.ScheduleFreeAdamW(0.01),
    "loss_scale": lambda k: k.optimizers.LossScaleOptimizer(k.optimizers.Adam(0.01)),
    "average": lambda k: k.optimizers.SGD(0.02, nesterov=True, momentum=0.5, use_ema=True, ema_momentum=0.9),
}
RANDOM = frozenset(("noise", "preprocessing", "augmentation"))  # in training, so that no two runs are equal


def optimizer_for(name: str) -> Callable:
    """One for each model, so that all are used."""
    return list(OPTIMIZERS.values())[list(MODELS).index(name) % len(OPTIMIZERS)]


def data_for(one: Any, rng: np.random.Generator, rows: int = 3) -> Any:
    """Random inputs in the structure that the model takes."""

    def draw(tensor: Any) -> np.ndarray:
        shape = (rows, *tensor.shape[1:])
        if "int" in str(tensor.dtype):
            return rng.integers(0, 7, shape).astype("int32")
        return rng.normal(size=shape).astype("float32")

    if not hasattr(one, "inputs") or one.inputs is None:
        return rng.normal(size=(rows, 4)).astype("float32")
    structure = one.inputs if one.name not in ("structures",) else one.input
    if isinstance(structure, dict):
        return {key: draw(tensor) for key, tensor in structure.items()}
    return draw(structure[0]) if len(structure) == 1 else [draw(tensor) for tensor in structure]


def targets_for(outputs: Any, rng: np.random.Generator) -> Any:
    """Random targets in the structure of a model's outputs."""
    if isinstance(outputs, dict):
        return {key: targets_for(value, rng) for key, value in outputs.items()}
    if isinstance(outputs, (list, tuple)):
        return [targets_for(value, rng) for value in outputs]
    return rng.normal(size=outputs.shape).astype("float32")


def randomize(one: Any, rng: np.random.Generator) -> None:
    """Values for all weights that no initializer would give."""
    values = [np.asarray(w) + rng.uniform(0.05, 0.2, np.shape(w)) for w in one.get_weights()]
    one.set_weights([value.astype("float32") for value in values])


# --- configs ---


def plain(config):
    """As JSON has it; numbers to six digits, since Keras rounds some to float32."""
    return json.loads(json.dumps(config), parse_float=lambda number: float(f"{float(number):.6g}"))


def comparable(config, other):
    """A config of Keras without what it notes beyond ours: shapes of layers without weights, and defaults of calls."""
    if isinstance(config, dict):
        ours = other if isinstance(other, dict) else {}
        noted = {key: value for key, value in config.items() if key in ours or key not in ("build_config", "training")}
        if set(noted) == {"input_shape"} or set(noted) == {"shapes_dict"}:
            return other
        return {
            key: comparable(value, ours.get(key)) for key, value in noted.items() if key in ours or value is not None
        }
    if isinstance(config, list) and isinstance(other, list) and len(config) == len(other):
        return [comparable(value, theirs) for value, theirs in zip(config, other, strict=True)]
    return other if (config, other) in (([-1], -1), ([1], None)) else config
