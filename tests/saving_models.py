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
    return stack(k, (4,), k.layers.Dense(3, "relu"), k.layers.Dropout(0.5), k.layers.Dense(2, use_bias=False))


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
        layers.MaxPooling2D(2, padding="same"), layers.GlobalMaxPooling2D(),
    )  # fmt: skip


@model
def adaptive(k):
    return stack(k, (6, 6, 2), k.layers.AdaptiveAveragePooling2D(2), k.layers.Flatten())


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
    return stack(k, (6,), layers.Reshape((2, 3)), layers.Permute((2, 1)), layers.Flatten(), layers.RepeatVector(2))


@model
def noise(k):
    layers = k.layers
    return stack(
        k, (4, 3), layers.GaussianNoise(0.1), layers.GaussianDropout(0.1), layers.AlphaDropout(0.1),
        layers.SpatialDropout1D(0.1), layers.ActivityRegularization(0.1),
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
    return k.Model([a, b], [merged[0], layers.Concatenate(name="all")(merged)], name="merging")


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
    return k.Model(x, [k.ops.reshape(y, (-1, 2, 4)), k.ops.einsum("ab,cb->ac", y, y), y[..., 0]], name="operations")


@model
def attention(k):
    layers = k.layers
    x = k.Input((4, 6), name="x")
    y = layers.MultiHeadAttention(2, 3, name="heads")(x, x)
    y = layers.LayerNormalization()(x + y)
    y = layers.GroupedQueryAttention(2, 4, 2)(y, y) if hasattr(layers, "GroupedQueryAttention") else y
    return k.Model(x, [layers.Attention()([x, y]), layers.AdditiveAttention()([x, y])], name="attention")


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


def data_for(one: Any, rng: np.random.Generator, rows: int = 3) -> Any:
    """Random inputs in the structure that the model takes."""

    def draw(tensor: Any) -> np.ndarray:
        shape = (rows, *tensor.shape[1:])
        if "int" in str(tensor.dtype):
            return rng.integers(0, 7, shape).astype("int32")
        return rng.normal(size=shape).astype("float32")

    structure = one.inputs if one.name not in ("structures",) else one.input
    if isinstance(structure, dict):
        return {key: draw(tensor) for key, tensor in structure.items()}
    return draw(structure[0]) if len(structure) == 1 else [draw(tensor) for tensor in structure]


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
