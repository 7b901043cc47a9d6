"""What layers there are to draw from, by the shape of their input, with the arguments they are drawn with."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any, NamedTuple

from .case import New

Shape = tuple[int, ...]
Choices = dict[str, list[Any]]

ACTIVATIONS = [
    *("relu", "tanh", "sigmoid", "softmax", "gelu", "elu", "selu", "silu", "softplus", "softsign", "mish", "celu"),
    *("hard_sigmoid", "hard_silu", "hard_tanh", "leaky_relu", "log_sigmoid", "log_softmax", "relu6", "squareplus"),
    *("exponential", "soft_shrink", "hard_shrink", "sparse_plus", "sparse_sigmoid", "tanh_shrink", "linear"),
]
SMOOTH = ["tanh", "sigmoid", "softsign", "hard_sigmoid", "relu", "linear"]
REGULARIZERS = [
    *("l1", "l2", "l1_l2"),
    New("regularizers.L1", {"l1": 0.02}),
    New("regularizers.L2", {"l2": 0.03}),
    New("regularizers.L1L2", {"l1": 0.01, "l2": 0.02}),
]
CONSTRAINTS = [
    *("max_norm", "non_neg", "unit_norm", "min_max_norm"),
    New("constraints.MaxNorm", {"max_value": 0.7, "axis": 0}),
    New("constraints.MinMaxNorm", {"min_value": 0.2, "max_value": 0.6, "rate": 0.5}),
    New("constraints.UnitNorm", {"axis": 0}),
]
INITIALIZERS = [
    *("zeros", "ones", "he_normal", "glorot_normal", "lecun_uniform", "random_normal", "truncated_normal"),
    New("initializers.Constant", {"value": 0.3}),
    New("initializers.VarianceScaling", {"scale": 0.5, "mode": "fan_avg", "distribution": "uniform"}),
    New("initializers.RandomUniform", {"minval": -0.1, "maxval": 0.2}),
    New("initializers.Orthogonal", {"gain": 0.5}),
]


def about(*weights: str) -> Choices:
    """How weights of these names may begin, be held and be penalised."""
    found: Choices = {}
    for name in weights:
        found[f"{name}_initializer"] = INITIALIZERS if name != "bias" else ["zeros", "ones", INITIALIZERS[7]]
        found[f"{name}_regularizer"] = REGULARIZERS
        found[f"{name}_constraint"] = CONSTRAINTS
    return found


DENSE: Choices = {"activation": ACTIVATIONS, "use_bias": [False], "activity_regularizer": REGULARIZERS}
NORM: Choices = {"epsilon": [1e-2, 1e-4], "center": [False], "scale": [False], **about("beta", "gamma")}
RECURRENT: Choices = {
    "activation": SMOOTH,
    "use_bias": [False],
    "return_sequences": [True, True, True],
    "go_backwards": [True],
    "unroll": [True],
    "activity_regularizer": REGULARIZERS,
    **about("kernel", "recurrent", "bias"),
}
# Penalties of outputs that Keras loses (docs/differences.md): the whole training would differ.
UNPENALISED: Choices = {name: values for name, values in RECURRENT.items() if name != "activity_regularizer"}
GATED: Choices = {**RECURRENT, "recurrent_activation": SMOOTH}
CELLS: Choices = {"activation": SMOOTH, "use_bias": [False], **about("kernel", "recurrent", "bias")}


class Entry(NamedTuple):
    """A layer: its arguments as a function of the draw and the shape, and those that may be left out."""

    name: str
    needed: Callable[[random.Random, Shape], dict[str, Any]]
    more: Choices = {}  # noqa: RUF012 - never written to


def nothing(pick: random.Random, shape: Shape) -> dict[str, Any]:
    return {}


def several(pick: random.Random, choices: Choices, chance: float) -> dict[str, Any]:
    return {name: pick.choice(values) for name, values in choices.items() if pick.random() < chance}


def window(pick: random.Random, shape: Shape, at_most: int = 3) -> Any:
    """A size that fits into all but the last axis of `shape`, as one number or one for each axis."""
    sizes = [pick.randint(1, min(at_most, size)) for size in shape[:-1]]
    return min(sizes) if pick.random() < 0.5 else tuple(sizes)


def strides(pick: random.Random, dilated: bool = True) -> dict[str, Any]:
    """Either strides or dilation, as the convolutions ask for, or neither."""
    kind = pick.choice(["strides", "dilation_rate", "", ""] if dilated else ["strides", ""])
    return {kind: 2} if kind else {}


def convolution(pick: random.Random, shape: Shape) -> dict[str, Any]:
    return {
        "filters": pick.randint(1, 4),
        "kernel_size": window(pick, shape),
        **strides(pick),
        "padding": pick.choice(["valid", "same"] + ["causal"] * (len(shape) == 2)),
    }


def grouped(pick: random.Random, shape: Shape) -> dict[str, Any]:
    groups = pick.choice([size for size in (1, 1, shape[-1]) if shape[-1] % size == 0])
    return {**convolution(pick, shape), "filters": groups * pick.randint(1, 3), "groups": groups}


def transposed(pick: random.Random, shape: Shape) -> dict[str, Any]:
    made = {**convolution(pick, shape), "padding": pick.choice(["valid", "same"])}
    if made.get("strides") == 2 and pick.random() < 0.3 and window_most(made["kernel_size"]) > 1:
        made["output_padding"] = 1 if len(shape) == 2 else (1,) * (len(shape) - 1)
    return made


def window_most(size: Any) -> int:
    return size if isinstance(size, int) else max(size)


def depthwise(pick: random.Random, shape: Shape) -> dict[str, Any]:
    made = convolution(pick, shape)
    del made["filters"]
    return {**made, "depth_multiplier": pick.randint(1, 2), "padding": pick.choice(["valid", "same"])}


def separable(pick: random.Random, shape: Shape) -> dict[str, Any]:
    return {**depthwise(pick, shape), "filters": pick.randint(1, 4)}


def pooled(pick: random.Random, shape: Shape) -> dict[str, Any]:
    made: dict[str, Any] = {"pool_size": window(pick, shape), "padding": pick.choice(["valid", "same"])}
    return {**made, "strides": pick.choice([1, 2])} if pick.random() < 0.4 else made


def cropped(pick: random.Random, shape: Shape) -> dict[str, Any]:
    pairs = tuple((pick.randint(0, size > 2), pick.randint(0, size > 3)) for size in shape[:-1])
    return {"cropping": pairs[0] if len(pairs) == 1 else pairs}


def padded(pick: random.Random, shape: Shape) -> dict[str, Any]:
    pairs = tuple((pick.randint(0, 2), pick.randint(0, 1)) for _ in shape[:-1])
    return {"padding": pairs[0] if len(pairs) == 1 else pairs}


def sized(name: str, most: int) -> Callable:
    return lambda pick, shape: {name: pick.randint(1, most)}


def each_size(name: str) -> Callable:
    return lambda pick, shape: {name: tuple(pick.randint(1, size) for size in shape[:-1])}


def reshaped(pick: random.Random, shape: Shape) -> dict[str, Any]:
    total = 1
    for size in shape:
        total *= size
    divisor = pick.choice([size for size in range(1, 7) if total % size == 0])
    return {"target_shape": pick.choice([(divisor, -1), (-1, divisor), (total,), (divisor, total // divisor)])}


def permuted(pick: random.Random, shape: Shape) -> dict[str, Any]:
    return {"dims": tuple(pick.sample(range(1, len(shape) + 1), len(shape)))}


def normalized_groups(pick: random.Random, shape: Shape) -> dict[str, Any]:
    return {"groups": pick.choice([size for size in range(1, shape[-1] + 1) if shape[-1] % size == 0] + [-1])}


def axes(pick: random.Random, shape: Shape) -> dict[str, Any]:
    return {"axis": pick.choice([-1, -1, len(shape), [*range(1, len(shape) + 1)]])}


def einsum(pick: random.Random, shape: Shape) -> dict[str, Any]:
    units = pick.randint(1, 4)
    if len(shape) == 1:
        return {"equation": "ab,bc->ac", "output_shape": units, "bias_axes": pick.choice([None, "c"])}
    return {
        "equation": pick.choice(["abc,cd->abd", "...x,xy->...y"]),
        "output_shape": (None, units),
        "bias_axes": None,
    }


def discretized(pick: random.Random, shape: Shape) -> dict[str, Any]:
    return {"bin_boundaries": [-0.5, 0.1, 0.8], "output_mode": pick.choice(["one_hot", "multi_hot", "count"])}


def cell(pick: random.Random) -> New:
    name, more = pick.choice([("SimpleRNNCell", CELLS), ("GRUCell", GATED_CELL), ("LSTMCell", LSTM_CELL)])
    return New(f"layers.{name}", {"units": pick.randint(1, 3), **several(pick, more, 0.15)})


GATED_CELL: Choices = {**CELLS, "recurrent_activation": SMOOTH, "reset_after": [False]}
LSTM_CELL: Choices = {**CELLS, "recurrent_activation": SMOOTH, "unit_forget_bias": [False]}


def over_cells(pick: random.Random, shape: Shape) -> dict[str, Any]:
    cells = [cell(pick) for _ in range(pick.randint(1, 2))]
    return {"cell": pick.choice([cells[0], cells, New("layers.StackedRNNCells", {"cells": cells})])}


def both_ways(pick: random.Random, shape: Shape) -> dict[str, Any]:
    sequences = pick.choice([{}, {"return_sequences": True}])
    name, more = pick.choice([("SimpleRNN", {}), ("GRU", {"reset_after": [False]}), ("LSTM", {})])
    inner = New(f"layers.{name}", {"units": pick.randint(1, 3), **sequences, **several(pick, more, 0.3)})
    made = {"layer": inner, "merge_mode": pick.choice(["concat", "sum", "mul", "ave"])}
    if pick.random() < 0.2:
        backward = {"units": inner.arguments["units"], **sequences, "go_backwards": True}
        made["backward_layer"] = New(f"layers.{pick.choice(['GRU', 'LSTM'])}", backward)
    return made


def each_step(pick: random.Random, shape: Shape) -> dict[str, Any]:
    return {"layer": draw(pick, shape[1:], plain=True)}


def spectral(pick: random.Random, shape: Shape) -> dict[str, Any]:
    if len(shape) == 1 or pick.random() < 0.5:
        return {"layer": New("layers.Dense", {"units": pick.randint(1, 4)}), "power_iterations": pick.randint(1, 2)}
    if len(shape) > 3:
        return {"layer": New("layers.Conv3D", {"filters": 2, "kernel_size": 2, "padding": "same"})}
    return {"layer": New(f"layers.Conv{len(shape) - 1}D", {"filters": 2, "kernel_size": 2, "padding": "same"})}


def convolved_steps(pick: random.Random, shape: Shape) -> dict[str, Any]:
    return {
        "filters": pick.randint(1, 2),
        "kernel_size": window(pick, shape[1:], 2),
        "padding": pick.choice(["valid", "same"]),
    }


FIRST: Choices = {"data_format": ["channels_last", "channels_last", "channels_first"]}
CONV = {**FIRST, **DENSE, **about("kernel", "bias")}
DEPTHWISE = {**FIRST, **DENSE, **about("depthwise", "bias")}
SEPARABLE = {**FIRST, **DENSE, **about("depthwise", "pointwise", "bias")}
KEEP: Choices = {"keepdims": [True], **FIRST}

ANY = [
    Entry("Dense", sized("units", 5), {**DENSE, **about("kernel", "bias")}),
    Entry("Dense", sized("units", 5), {**DENSE, **about("kernel", "bias")}),
    Entry("Activation", lambda pick, shape: {"activation": pick.choice(ACTIVATIONS)}),
    Entry("ActivityRegularization", nothing, {"l1": [0.01], "l2": [0.02]}),
    Entry("BatchNormalization", nothing, {**NORM, "momentum": [0.5, 0.9], "renorm": [True]}),
    Entry("BatchNormalization", nothing, {"momentum": [0.5, 0.9]}),
    Entry("LayerNormalization", axes, NORM),
    Entry("RMSNormalization", lambda pick, shape: {"axis": -1}, {"epsilon": [1e-3]}),
    Entry("UnitNormalization", axes),
    Entry("GroupNormalization", normalized_groups, NORM),
    Entry("Dropout", lambda pick, shape: {"rate": 0.0}),
    Entry("GaussianDropout", lambda pick, shape: {"rate": 0.0}),
    Entry("GaussianNoise", lambda pick, shape: {"stddev": 0.0}),
    Entry("AlphaDropout", lambda pick, shape: {"rate": 0.0}),
    Entry("ELU", nothing, {"alpha": [0.5, 2.0]}),
    Entry("LeakyReLU", nothing, {"negative_slope": [0.1]}),
    Entry("PReLU", nothing, {**about("alpha"), "shared_axes": [[1]]}),
    Entry("ReLU", nothing, {"max_value": [1.0], "negative_slope": [0.1], "threshold": [0.2]}),
    Entry("Softmax", nothing, {"axis": [1]}),
    Entry("Identity", nothing),
    Entry("Flatten", nothing, {"data_format": ["channels_first"]}),
    Entry("Reshape", reshaped),
    Entry("Rescaling", lambda pick, shape: {"scale": pick.choice([0.5, 2.0])}, {"offset": [-1.0]}),
    Entry("SpectralNormalization", spectral),
    Entry("Normalization", lambda pick, shape: {"axis": None, "mean": 0.3, "variance": 1.7}, {"invert": [True]}),
    Entry("Masking", nothing, {"mask_value": [1.0]}),
]
BY_RANK = {
    1: [
        Entry("RepeatVector", sized("n", 4)),
        Entry("Discretization", discretized),
        Entry("EinsumDense", einsum, {"activation": ACTIVATIONS, **about("kernel")}),
    ],
    2: [
        Entry("EinsumDense", einsum, {"activation": ACTIVATIONS, **about("kernel")}),
        Entry("Conv1D", grouped, CONV),
        Entry("Conv1DTranspose", transposed, CONV),
        Entry("DepthwiseConv1D", depthwise, DEPTHWISE),
        Entry("SeparableConv1D", separable, SEPARABLE),
        Entry("MaxPooling1D", pooled, FIRST),
        Entry("AveragePooling1D", pooled, FIRST),
        Entry("AdaptiveAveragePooling1D", each_size("output_size"), FIRST),
        Entry("AdaptiveMaxPooling1D", each_size("output_size"), FIRST),
        Entry("GlobalAveragePooling1D", nothing, KEEP),
        Entry("GlobalMaxPooling1D", nothing, KEEP),
        Entry("Cropping1D", cropped),
        Entry("ZeroPadding1D", padded, FIRST),
        Entry("UpSampling1D", sized("size", 2)),
        Entry("SpatialDropout1D", lambda pick, shape: {"rate": 0.0}),
        Entry("Permute", permuted),
        Entry("SimpleRNN", sized("units", 3), UNPENALISED),
        Entry("GRU", sized("units", 3), {**GATED, "reset_after": [False]}),
        Entry("LSTM", sized("units", 3), {**GATED, "unit_forget_bias": [False]}),
        Entry("RNN", over_cells, {"return_sequences": [True], "go_backwards": [True], "zero_output_for_mask": [True]}),
        Entry("Bidirectional", both_ways),
        Entry("TimeDistributed", each_step),
    ],
    3: [
        Entry("Conv2D", grouped, CONV),
        Entry("Conv2DTranspose", transposed, CONV),
        Entry("DepthwiseConv2D", depthwise, DEPTHWISE),
        Entry("SeparableConv2D", separable, SEPARABLE),
        Entry("MaxPooling2D", pooled, FIRST),
        Entry("AveragePooling2D", pooled, FIRST),
        Entry("AdaptiveAveragePooling2D", each_size("output_size"), FIRST),
        Entry("AdaptiveMaxPooling2D", each_size("output_size"), FIRST),
        Entry("GlobalAveragePooling2D", nothing, KEEP),
        Entry("GlobalMaxPooling2D", nothing, KEEP),
        Entry("Cropping2D", cropped),
        Entry("ZeroPadding2D", padded, FIRST),
        Entry("UpSampling2D", sized("size", 2), {"interpolation": ["bilinear", "nearest", "bicubic"]}),
        Entry("SpatialDropout2D", lambda pick, shape: {"rate": 0.0}),
        Entry("Permute", permuted),
        Entry("TimeDistributed", each_step),
        Entry("ConvLSTM1D", convolved_steps, {"return_sequences": [True], "go_backwards": [True], "use_bias": [False]}),
        Entry(
            "CenterCrop", lambda pick, shape: {"height": pick.randint(1, shape[0]), "width": pick.randint(1, shape[1])}
        ),
        Entry("Resizing", lambda pick, shape: {"height": pick.randint(1, 5), "width": pick.randint(1, 5)}),
    ],
    4: [
        Entry("Conv3D", grouped, CONV),
        Entry("Conv3DTranspose", transposed, CONV),
        Entry("MaxPooling3D", pooled, FIRST),
        Entry("AveragePooling3D", pooled, FIRST),
        Entry("AdaptiveAveragePooling3D", each_size("output_size"), FIRST),
        Entry("AdaptiveMaxPooling3D", each_size("output_size"), FIRST),
        Entry("GlobalAveragePooling3D", nothing, KEEP),
        Entry("GlobalMaxPooling3D", nothing, KEEP),
        Entry("Cropping3D", cropped),
        Entry("ZeroPadding3D", padded, FIRST),
        Entry("UpSampling3D", sized("size", 2)),
        Entry("SpatialDropout3D", lambda pick, shape: {"rate": 0.0}),
        Entry("Permute", permuted),
        Entry("TimeDistributed", each_step),
        Entry("ConvLSTM2D", convolved_steps, {"return_sequences": [True], "go_backwards": [True], "use_bias": [False]}),
    ],
    5: [Entry("ConvLSTM3D", convolved_steps, {"return_sequences": [True]})],
}
MERGES = ["Add", "Subtract", "Multiply", "Average", "Maximum", "Minimum", "Concatenate", "Dot"]
UNUSUAL = {
    "ActivityRegularization",
    "Masking",
    "TimeDistributed",
    "SpectralNormalization",
    "Reshape",
    "Flatten",
    "Permute",
}


def draw(pick: random.Random, shape: Shape, plain: bool = False) -> New:
    """A layer for an input of `shape`; `plain` ones go into wrappers."""
    own = BY_RANK.get(len(shape), [])
    entries = own if own and pick.random() < 0.6 else ANY
    entry = pick.choice([entry for entry in entries if not plain or entry.name not in UNUSUAL])
    more = {name: values for name, values in entry.more.items() if not plain or name != "activity_regularizer"}
    return New(f"layers.{entry.name}", {**entry.needed(pick, shape), **several(pick, more, 0.2)})
