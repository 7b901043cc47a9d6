"""Kernels against XLA's own operations and against Keras: values, gradients, second gradients, loops, ties."""

from __future__ import annotations

import itertools
import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax

from sequax import kernels
from sequax.kernels import convolution, dispatch, random
from sequax.kernels.windows import Windows
from sequax.training import compiled


def normal(*shape, dtype="float32", seed=0):
    return jnp.asarray(np.random.default_rng([seed, *shape]).standard_normal(shape), dtype)


def close(actual, expected, tolerance=1e-5):
    scale = max(1.0, float(np.abs(np.asarray(expected, np.float64)).max(initial=0)))
    np.testing.assert_allclose(
        np.asarray(actual, np.float64), np.asarray(expected, np.float64), rtol=0, atol=tolerance * scale
    )


def lax_conv(x, kernel, *, strides=1, padding="valid", dilation=1, groups=1):
    spatial = x.ndim - 2

    def each(value):
        return (value,) * spatial if isinstance(value, int) else value

    letters = "abcd"[:spatial]
    padding = padding.upper() if isinstance(padding, str) else padding
    return lax.conv_general_dilated(
        x,
        kernel,
        each(strides),
        padding,
        rhs_dilation=each(dilation),
        dimension_numbers=(f"N{letters}C", f"{letters}IO", f"N{letters}C"),
        feature_group_count=groups,
    )


def gradients(form, *arrays):
    """Value and all gradients under a cotangent that differs per element."""
    value, pullback = jax.vjp(form, *arrays)
    ramp = jnp.cos(jnp.arange(value.size, dtype=jnp.float32)).reshape(value.shape)
    return value, *pullback(ramp.astype(value.dtype))


def compare(own, theirs, *arrays, tolerance=1e-5):
    """Value and all gradients of two forms, compiled as one program: compiling is what takes the time here."""
    found, expected = jax.jit(lambda *given: [gradients(form, *given) for form in (own, theirs)])(*arrays)
    for actual, wanted in zip(found, expected, strict=True):
        close(actual, wanted, tolerance)
    return found


CONVOLUTIONS = [
    # x, kernel, options
    ((2, 9, 7, 3), (3, 3, 3, 5), {}),
    ((2, 9, 7, 3), (3, 2, 3, 5), {"padding": "same"}),
    ((2, 9, 8, 3), (3, 3, 3, 5), {"strides": 2, "padding": "same"}),
    ((2, 10, 7, 2), (4, 3, 2, 5), {"strides": (3, 2)}),
    ((2, 9, 8, 1), (3, 3, 1, 4), {"strides": (1, 2)}),
    ((2, 11, 9, 3), (3, 3, 3, 4), {"dilation": 2, "padding": "same"}),
    ((2, 11, 9, 3), (2, 3, 3, 4), {"dilation": (3, 2)}),
    ((2, 7, 7, 6), (3, 3, 2, 9), {"groups": 3}),
    ((2, 7, 7, 6), (3, 3, 2, 9), {"groups": 3, "strides": 2, "padding": "same"}),
    ((2, 8, 7, 4), (3, 3, 1, 4), {"groups": 4, "padding": "same"}),
    ((2, 8, 7, 4), (3, 3, 1, 8), {"groups": 4, "strides": 2}),
    ((2, 8, 7, 4), (1, 1, 4, 3), {}),
    ((2, 8, 7, 4), (1, 1, 4, 3), {"strides": 2, "padding": "same"}),
    ((2, 8, 7, 4), (1, 1, 2, 6), {"groups": 2}),
    ((1, 25, 24, 16), (3, 3, 16, 17), {"padding": "same"}),  # few channels, many pixels
    ((1, 25, 24, 16), (3, 3, 16, 16), {"padding": [(3, 0), (1, 2)]}),  # padding beyond the window: no reversal
    ((3, 11, 3), (4, 3, 5), {"padding": [(3, 0)]}),  # causal
    ((2, 5, 2, 4), (3, 1, 2, 6), {"groups": 2, "padding": "same"}),  # as many groups as columns, not as channels
    ((1, 3, 4, 3, 4, 2), (2, 3, 2, 2, 2, 3), {"padding": "same"}),  # four axes
    ((3, 11, 3), (3, 3, 5), {"padding": [(4, 0)], "dilation": 2}),
    ((3, 11, 2), (2, 2, 5), {"strides": 3}),
    ((2, 5, 6, 7, 2), (2, 3, 2, 2, 3), {"padding": "same"}),
    ((2, 5, 6, 7, 2), (2, 3, 2, 2, 3), {"strides": (2, 1, 3)}),
    ((0, 5, 5, 2), (3, 3, 2, 3), {}),
    ((3, 6, 5, 32), (3, 2, 1, 32), {"groups": 32, "padding": "same"}),  # kernel gradient sample by sample
    ((3, 7, 6, 16), (3, 3, 1, 32), {"groups": 16, "strides": 2, "padding": "same"}),
    # edges of the window that see nothing but padding
    ((3, 1, 1, 4), (3, 3, 4, 5), {"padding": "same"}),
    ((3, 2, 1, 16), (7, 5, 1, 16), {"groups": 16, "padding": "same"}),
    ((3, 2, 3, 6), (7, 3, 2, 9), {"groups": 3, "padding": "same", "strides": 2}),
    ((3, 3, 2), (9, 2, 5), {"padding": "same", "dilation": 2}),
    ((3, 2, 2), (4, 2, 5), {"padding": [(6, 5)], "dilation": 3}),
    ((3, 2, 2), (2, 2, 5), {"padding": [(7, 0)], "strides": 9}),  # nothing else at all
]


@pytest.mark.parametrize("x, kernel, options", CONVOLUTIONS)
def test_conv_equals_lax(x, kernel, options):
    arrays = normal(*x), normal(*kernel, seed=1)
    found = compare(lambda x, k: kernels.conv(x, k, **options), lambda x, k: lax_conv(x, k, **options), *arrays)
    if options in ({"strides": 2, "padding": "same"}, {"padding": [(3, 0)]}, {"groups": 3}):
        close(kernels.conv(*arrays, **options), found[0])  # not compiled


@pytest.mark.parametrize("x, kernel, options", [CONVOLUTIONS[at] for at in (1, 9, -2)])
def test_conv_differentiates_twice_and_maps(x, kernel, options):
    arrays = normal(*x), normal(*kernel, seed=1)

    def penalty(form):
        def loss(x, kernel):
            return jnp.sin(form(x, kernel, **options)).sum()

        def of_gradients(x, kernel):
            return sum(jnp.square(g).sum() for g in jax.grad(loss, (0, 1))(x, kernel))

        return jax.jit(jax.grad(of_gradients, (0, 1)))(*arrays)

    for actual, expected in zip(penalty(kernels.conv), penalty(lax_conv), strict=True):
        close(actual, expected, 1e-4)
    stacks = normal(2, *x), normal(2, *kernel)

    def mapped(form):
        return jax.jit(jax.vmap(jax.grad(lambda x, k: jnp.sin(form(x, k, **options)).sum(), (0, 1))))(*stacks)

    for actual, expected in zip(mapped(kernels.conv), mapped(lax_conv), strict=True):
        close(actual, expected)


@pytest.mark.parametrize("dtype, tolerance", [("bfloat16", 2e-2), ("float16", 4e-3), ("float64", 1e-12)])
@pytest.mark.parametrize("at", [1, 7])
def test_conv_dtypes(dtype, tolerance, at):
    x, kernel, options = CONVOLUTIONS[at]
    with jax.enable_x64(dtype == "float64"):
        arrays = normal(*x, dtype=dtype), normal(*kernel, dtype=dtype, seed=1)
        wide = "float64" if dtype == "float64" else "float32"

        def theirs(x, kernel):
            return lax_conv(x.astype(wide), kernel.astype(wide), **options)

        found = compare(lambda x, k: kernels.conv(x, k, **options), theirs, *arrays, tolerance=tolerance)
        assert {array.dtype.name for array in found} == {dtype}


TRIMMED = [  # spatial shape, size of the window, options, what is left of it
    ((2, 2), (7, 7), {}, (3, 3)),
    ((1, 4), (3, 3), {}, (1, 3)),
    ((4,), (7,), {}, (7,)),
    ((4,), (7,), {"strides": 2}, (6,)),
    ((3,), (9,), {"dilation": 2}, (3,)),
    ((28, 28), (5, 5), {}, (5, 5)),
]


@pytest.mark.parametrize("spatial, size, options, expected", TRIMMED)
def test_cells_that_see_padding_alone_are_left_out(spatial, size, options, expected):
    windows = Windows.over(spatial, size, options.get("strides", 1), "same", options.get("dilation", 1))
    trimmed, kept = windows.trimmed(spatial)
    assert trimmed.size == expected == tuple(len(range(*cells.indices(99))) for cells in kept)
    assert trimmed.output(spatial) == windows.output(spatial)


SAME = {"padding": "same"}


def chosen(x, kernel, options):
    options = {"strides": 1, "padding": "valid", "groups": 1, **options}
    groups = options.pop("groups")
    spec = convolution.Conv(Windows.over(x[1:-1], kernel[:-2], **options), groups)
    return spec.kernels(*(jax.ShapeDtypeStruct(s, jnp.float32) for s in (x, kernel)))["cpu"]


def function(form):
    return getattr(form, "func", form)


FORMS = [  # x, kernel, options; forms of training's output and of both gradients, where `gradient` is JAX' own
    ((8, 13, 13, 8), (3, 3, 8, 16), {}, "_lax_conv _input_gradient _kernel_gradient"),
    ((8, 13, 13, 8), (3, 3, 8, 16), SAME, "_lax_conv _input_gradient _kernel_gradient"),
    ((8, 13, 13, 8), (5, 5, 8, 16), {"dilation": 2}, "_lax_conv _input_gradient _kernel_gradient"),
    ((8, 13, 13, 8), (3, 3, 8, 16), {"strides": 2}, "_lax_conv gradient _kernel_gradient"),
    ((8, 4, 4, 8), (3, 3, 8, 16), SAME, "_unfolded gradient _kernel_gradient"),  # few cells
    ((8, 13, 13, 8), (1, 1, 8, 16), {"strides": 2}, "_unfolded gradient gradient"),
    ((8, 13, 13, 8), (3, 3, 4, 16), {"groups": 2}, "_by_merged_groups gradient gradient"),
    ((8, 9, 9, 96), (3, 3, 4, 48), {"groups": 24}, "_by_merged_groups gradient gradient"),  # 3 of 8 groups
    ((8, 4, 5, 36), (1, 3, 2, 36), {"groups": 18}, "_unfolded gradient gradient"),
    ((8, 13, 13, 32), (3, 3, 1, 32), {"groups": 32}, "_in_memory _depthwise_input_gradient _depthwise_kernel_gradient"),
    ((8, 60, 8), (5, 8, 16), {"padding": [(4, 0)]}, "_lax_conv _input_gradient _kernel_gradient"),
    ((8, 28, 28, 1), (3, 3, 1, 32), {}, "_in_memory _input_gradient _kernel_gradient"),  # one channel is no product
    ((8, 6, 6, 6, 8), (2, 2, 2, 8, 16), {}, "_by_planes gradient gradient"),
    ((8, 6, 6, 6, 1), (2, 2, 2, 1, 16), {}, "_each_sample gradient gradient"),
]


@pytest.mark.parametrize("x, kernel, options, expected", FORMS)
def test_how_a_convolution_is_computed(x, kernel, options, expected):
    forms = chosen(x, kernel, options)
    assert " ".join(function(form).__name__ for form in (forms.forward, *forms.backward)) == expected
    arrays = normal(2, *x[1:]), normal(*kernel)
    compare(lambda x, k: kernels.conv(x, k, **options), lambda x, k: lax_conv(x, k, **options), *arrays)


@pytest.mark.skipif(jax.__version_info__[:2] not in compiled.VERSIONS, reason="an XLA whose options are not known")
def test_programs_leave_convolutions_to_the_library_that_uses_all_threads(monkeypatch):
    def run(x, kernel, matrix):
        return kernels.conv(x, kernel) @ matrix

    with compiled.tracing() as options:
        lowered = jax.jit(run).lower(normal(2, 20, 20, 16), normal(3, 3, 16, 64), normal(64, 64))
    calls = [line for line in lowered.compile(options).as_text().splitlines() if "__ynn_fusion" in line]
    assert ["dot_general" in call for call in calls] == [True]  # of two, without the options
    monkeypatch.setenv("XLA_FLAGS", "--xla_cpu_experimental_ynn_fusion_type=")  # the user's own choice stands
    assert "xla_cpu_experimental_ynn_fusion_type" not in compiled.usual_options()


def test_what_is_compiled_at_once_is_traced_for_its_platform_alone():
    def branches():
        traced = jax.make_jaxpr(lambda x, k: kernels.conv(x, k))(normal(2, 9, 9, 2), normal(3, 3, 2, 4))
        return str(traced).count("branches")

    assert branches() > 0
    with compiled.tracing():
        assert branches() == 0
    assert branches() > 0


def train_in_loop(form, kernel, batches):
    def step(index, kernel):
        return kernel - 0.01 * jax.grad(lambda k: jnp.square(jnp.tanh(form(batches[index], k))).sum())(kernel)

    return jax.jit(lambda kernel, steps: lax.fori_loop(0, steps, step, kernel))(kernel, len(batches))


def test_conv_trains_in_a_loop():
    kernel, batches = normal(3, 3, 2, 4), normal(3, 2, 6, 6, 2)
    close(train_in_loop(kernels.conv, kernel, batches), train_in_loop(lax_conv, kernel, batches))


def test_no_pooling_of_xla_is_left_in_a_training_loop():
    def form(x, kernel):
        return kernels.avg_pool(kernels.max_pool(kernels.conv(x, kernel), 2), 2, 1, "same")

    def program(platform):
        def run(kernel, batches, steps):
            def step(index, kernel):
                return kernel - jax.grad(lambda k: jnp.square(form(batches[index], k)).sum())(kernel)

            return lax.fori_loop(0, steps, step, kernel)

        traced = jax.jit(run).trace(normal(5, 5, 2, 4), normal(3, 2, 9, 9, 2), 3)
        return traced.lower(lowering_platforms=(platform,)).as_text()

    for operation in ("stablehlo.reduce_window", "stablehlo.select_and_scatter"):
        assert operation not in program("cpu")
        assert operation in program("cuda")


def test_unread_input_gradient_is_dropped():
    x, kernel = normal(2, 9, 9, 8), normal(3, 3, 8, 16)

    def products(*argnums):
        gradient = jax.jit(jax.grad(lambda x, k: jnp.square(kernels.conv(x, k)).sum(), argnums))
        program = gradient.lower(x, kernel).compile().as_text()
        return program.count(" dot(") + program.count(" convolution(")

    assert (products(1), products(0, 1)) == (2, 3)  # forward and kernel; forward, input and kernel


@pytest.mark.parametrize(
    "call, words",
    [
        (lambda: kernels.conv(normal(2, 5, 5, 3), normal(3, 3, 2, 4)), "kernel of shape"),
        (lambda: kernels.conv(normal(2, 5, 5, 4), normal(3, 3, 2, 3), groups=2), "divisible by 2"),
        (lambda: kernels.conv(normal(2, 5, 3), normal(3, 3, 3, 4)), "same rank"),
        (lambda: kernels.conv(normal(2, 2, 5, 3), normal(3, 3, 3, 4)), "does not fit"),
        (lambda: kernels.conv(normal(2, 5, 5, 3), normal(3, 3, 3, 4), padding="full"), "'valid', 'same'"),
        (lambda: kernels.max_pool(normal(2, 5, 5, 3), (2, 2, 2)), "one per spatial axis"),
        (lambda: kernels.avg_pool(normal(2, 5, 5, 3), 2, 0), "positive"),
        (lambda: kernels.conv_transpose(normal(2, 5, 3), normal(2, 4, 3), output=(9,)), "Choose another output"),
    ],
)
def test_shapes_that_do_not_fit_are_refused(call, words):
    with pytest.raises(ValueError, match=words):
        call()


@pytest.mark.parametrize("strides, padding", [(1, "valid"), (2, "same"), (3, "valid"), ((2, 3), "same")])
def test_conv_transpose_equals_keras(keras, strides, padding):
    x, kernel = normal(2, 4, 5, 3), normal(3, 4, 5, 3, seed=1)

    def theirs(x, kernel):
        return keras.ops.conv_transpose(x, kernel, strides=strides, padding=padding)

    output = jax.eval_shape(theirs, x, kernel).shape[1:-1]

    def own(x, kernel):
        return kernels.conv_transpose(x, kernel, output=output, strides=strides, padding=padding)

    found = compare(own, theirs, x, kernel)
    if strides == 2:
        close(own(x, kernel), found[0])  # not compiled


POOLS = [
    # x, window, strides, padding
    ((2, 8, 6, 3), 2, 2, "valid"),
    ((2, 9, 7, 3), 2, 2, "valid"),
    ((2, 9, 7, 3), 2, 2, "same"),
    ((2, 9, 8, 3), 3, 2, "same"),
    ((2, 9, 8, 3), 3, 1, "valid"),
    ((2, 9, 8, 3), (3, 2), (2, 3), "same"),
    ((2, 9, 8, 3), 2, 3, "valid"),
    ((2, 11, 3), 3, None, "same"),
    ((2, 11, 3), 4, 2, "valid"),
    ((2, 5, 6, 7, 2), 2, 2, "same"),
    ((2, 5, 6, 7, 2), (2, 3, 2), (1, 2, 2), "valid"),
]


def compare_pools(own, theirs, x, window, strides, padding):
    steps = window if strides is None else strides
    compare(lambda x: own(x, window, strides, padding), lambda x: theirs(x, window, steps, padding), x, tolerance=1e-6)


@pytest.mark.parametrize("x, window, strides, padding", POOLS)
def test_avg_pool_equals_keras(keras, x, window, strides, padding):
    compare_pools(kernels.avg_pool, keras.ops.average_pool, normal(*x), window, strides, padding)


@pytest.mark.parametrize("x, window, strides, padding", POOLS)
def test_max_pool_equals_keras_with_ties(keras, x, window, strides, padding):
    compare_pools(kernels.max_pool, keras.ops.max_pool, jnp.round(normal(*x)), window, strides, padding)


@pytest.mark.parametrize("kind", ["relu", "constant"])
@pytest.mark.parametrize("at", [2, 3])
def test_first_maximum_receives_the_gradient(keras, kind, at):
    x, *options = POOLS[at]
    x = jax.nn.relu(normal(*x) - 0.7) if kind == "relu" else jnp.zeros(x)
    compare_pools(kernels.max_pool, keras.ops.max_pool, x, *options)


@pytest.mark.parametrize("name", ["max_pool", "avg_pool"])
@pytest.mark.parametrize("strides", [1, 2])
def test_pools_differentiate_twice_and_map(name, strides):
    x = normal(3, 2, 7, 6, 2)

    def own(x):
        return getattr(kernels, name)(x, 2, strides, "same")

    def xla(x):
        initial, function = (-np.inf, lax.max) if name == "max_pool" else (0.0, lax.add)

        def window(x):
            return lax.reduce_window(x, initial, function, (1, 2, 2, 1), (1, strides, strides, 1), "SAME")

        return window(x) if name == "max_pool" else window(x) / window(jnp.ones_like(x))

    def second(form):
        inner = jax.grad(lambda x: (form(x) ** 3).sum())
        return jax.jit(jax.vmap(jax.grad(lambda x: (inner(x) ** 2).sum())))(x)

    close(second(own), second(xla), 1e-4)


@pytest.mark.parametrize("dtype", ["bfloat16", "float16", "int32"])
def test_pools_keep_the_dtype(dtype):
    x = (normal(2, 5, 5, 2) * 10).astype(dtype)
    value = kernels.max_pool(x, 3, 2, "same")
    assert value.dtype == dtype
    close(value, kernels.max_pool(x.astype("float32"), 3, 2, "same"), 0)
    if dtype != "int32":
        assert kernels.avg_pool(x, 3, 2, "same").dtype == dtype
        close(kernels.avg_pool(x, 3, 2, "same"), kernels.avg_pool(x.astype("float32"), 3, 2, "same"), 1e-2)


@pytest.mark.parametrize(
    "size, strides, dilation, pads", [(3, 2, 1, (1, 2)), (2, 3, 1, (0, 0)), (3, 1, 2, (2, 2)), (2, 2, 3, (0, 4))]
)
def test_spread_transposes_slices(size, strides, dilation, pads):
    windows = Windows.over((9, 8), size, strides, [pads, pads], dilation)
    x = normal(2, 9, 8, 3)
    parts = windows.slices(x)
    others = [normal(*part.shape, seed=at) for at, part in enumerate(parts)]
    close(jnp.vdot(x, windows.spread(others, (9, 8))), sum(map(jnp.vdot, parts, others)))


def lstm_arrays(batch=3, time=6, features=4, units=5):
    shapes = (batch, time, features), (features, 4 * units), (units, 4 * units), (4 * units,), (batch, units)
    return [normal(*shape, seed=at) for at, shape in enumerate([*shapes, shapes[-1]])]


MASKS = {
    "none": None,
    "mixed": np.array([[0, 0, 1, 1, 0, 1], [1, 1, 0, 0, 1, 0], [0, 0, 0, 0, 0, 0]], bool),
}


@pytest.mark.parametrize(
    "mask, go_backwards, state",
    [("none", False, "given"), ("mixed", False, "given"), ("mixed", True, "given"), ("mixed", False, "zero")],
)
def test_lstm_equals_keras(keras, mask, go_backwards, state):
    x, kernel, recurrent, bias, h0, c0 = lstm_arrays()
    h0, c0 = (h0, c0) if state == "given" else (h0 * 0, c0 * 0)
    layer = keras.layers.LSTM(5, return_sequences=True, return_state=True, go_backwards=go_backwards)
    layer.build(x.shape)
    layer.set_weights([kernel, recurrent, bias])
    expected = layer(x, initial_state=[h0, c0], mask=MASKS[mask])
    actual = kernels.lstm(x, kernel, recurrent, bias, h0, c0, MASKS[mask], go_backwards=go_backwards)
    for own, wanted in zip(actual, expected, strict=True):
        close(own, wanted)


def lstm_loss(mask, go_backwards=False, **activations):
    def loss(x, kernel, recurrent, bias, h0, c0):
        y, h, c = kernels.lstm(x, kernel, recurrent, bias, h0, c0, mask, go_backwards=go_backwards, **activations)
        return jnp.sin(3 * y).sum() + jnp.sin(2 * h).sum() + jnp.square(c).sum()

    return loss


PLAIN = {"activation": jnp.tanh, "recurrent_activation": jax.nn.sigmoid}  # the same LSTM, differentiated by JAX


@pytest.mark.parametrize("mask", MASKS)
@pytest.mark.parametrize("go_backwards", [False, True])
def test_lstm_gradients(mask, go_backwards):
    arrays, every = lstm_arrays(), tuple(range(6))
    own = jax.jit(jax.grad(lstm_loss(MASKS[mask], go_backwards), every))(*arrays)
    expected = jax.jit(jax.grad(lstm_loss(MASKS[mask], go_backwards, **PLAIN), every))(*arrays)
    for actual, wanted in zip(own, expected, strict=True):
        close(actual, wanted)


def test_lstm_differentiates_twice_and_maps():
    arrays = lstm_arrays(2, 3, 2, 2)

    def second(**activations):
        first = jax.grad(lstm_loss(None, **activations), (0, 1, 2))
        return jax.jit(jax.grad(lambda *a: sum(jnp.square(g).sum() for g in first(*a)), (0, 2)))(*arrays)

    for actual, wanted in zip(second(), second(**PLAIN), strict=True):
        close(actual, wanted, 1e-4)
    x = normal(4, 2, 3, 2)
    mapped = jax.jit(jax.vmap(jax.grad(lstm_loss(None)), (0, *[None] * 5)))(x, *arrays[1:])
    close(mapped[2], jax.jit(jax.grad(lstm_loss(None)))(x[2], *arrays[1:]))


def test_lstm_without_bias_and_with_other_activations(keras):
    x, kernel, recurrent, _, h0, c0 = lstm_arrays()
    layer = keras.layers.LSTM(5, activation="relu", recurrent_activation="hard_sigmoid", use_bias=False)
    layer.build(x.shape)
    layer.set_weights([kernel, recurrent])
    own = kernels.lstm(
        x, kernel, recurrent, None, h0, c0, activation=jax.nn.relu, recurrent_activation=keras.ops.hard_sigmoid
    )
    close(own[1], layer(x, initial_state=[h0, c0]))
    zero = jnp.zeros(20)
    for actual, wanted in zip(
        kernels.lstm(x, kernel, recurrent, None, h0, c0), kernels.lstm(x, kernel, recurrent, zero, h0, c0), strict=True
    ):
        close(actual, wanted)


def test_masked_steps_may_hold_nan():
    x, *rest = lstm_arrays()
    mask = MASKS["mixed"]
    every = tuple(range(1, 6))
    clean = jax.jit(jax.grad(lstm_loss(mask), every))(jnp.where(mask[..., None], x, 0), *rest)
    broken = jnp.where(mask[..., None], x, jnp.nan)
    outputs = kernels.lstm(broken, *rest, mask)
    assert all(bool(jnp.isfinite(output).all()) for output in outputs)
    # The kernel's own gradient multiplies the NaN by zero; every other one stays clean.
    for actual, wanted in zip(jax.jit(jax.grad(lstm_loss(mask), every))(broken, *rest)[1:], clean[1:], strict=True):
        close(actual, wanted)


def test_embedding_takes_rows():
    table, indices = normal(7, 3), jnp.array([[1, 1], [6, 0]])
    close(kernels.embedding(table, indices), np.asarray(table)[np.asarray(indices)], 0)
    gradient = jax.grad(lambda table: kernels.embedding(table, indices).sum())(table)
    close(gradient[:, 0], [1, 2, 0, 0, 0, 0, 1])
    assert bool(jnp.isnan(kernels.embedding(table, jnp.array([7]))).all())


def seed_of(*words):
    return jnp.array(words, "uint32")


def chi_square(counts):
    """Deviations from a uniform distribution, in standard deviations of the statistic."""
    expected = counts.sum() / counts.size
    return (np.square(counts - expected).sum() / expected - (counts.size - 1)) / math.sqrt(2 * (counts.size - 1))


@pytest.mark.parametrize("seed", [(0, 0), (0, 1), (1, 0), (1337, 12), (2**32 - 1, 2**32 - 1)])
def test_bits_are_uniform(seed):
    bits = np.asarray(kernels.random_bits(seed_of(*seed), (1 << 18,)))
    assert bits.dtype == np.uint32
    for shift in (0, 8, 16, 24):
        assert abs(chi_square(np.bincount((bits >> shift) & 255, minlength=256))) < 5
    assert abs(chi_square(np.bincount((bits[::2] >> 28) * 16 + (bits[1::2] >> 28), minlength=256))) < 5  # neighbours
    ones = np.unpackbits(bits.view(np.uint8)).reshape(-1, 32).mean(0)
    assert np.abs(ones - 0.5).max() < 5 * 0.5 / math.sqrt(bits.size)


def test_draws_are_independent():
    """Draws of nearby seeds and counters, at equal and at shifted positions: every pair of bits, and agreeing words."""
    seeds = [(0, 0), (0, 1), (0, 2), (1, 0), (0, 2**31), (5, 7), (7, 5)]
    draws = [np.asarray(kernels.random_bits(seed_of(*seed), (1 << 14,))) for seed in seeds]
    bits = [2.0 * np.unpackbits(draw.view(np.uint8)).reshape(-1, 32) - 1 for draw in draws]
    bound = 6 / math.sqrt(1 << 14)
    for at, first in enumerate(bits):
        for other in range(at + 1, len(bits)):
            for shift in (0, 1):
                assert np.abs(first.T @ np.roll(bits[other], shift, 0)).max() / len(first) < bound
            assert np.intersect1d(draws[at], draws[other]).size < 8  # 0.06 expected of unrelated draws


def test_a_flipped_input_bit_flips_half_of_the_output():
    position = jnp.arange(1 << 12, dtype=jnp.uint32) * np.uint32(2654435761)
    for bit in range(32):
        change = np.asarray(random._mix(position) ^ random._mix(position ^ np.uint32(1 << bit)))
        assert abs(np.unpackbits(change.view(np.uint8)).mean() - 0.5) < 0.02


def test_bits_are_the_same_eager_compiled_and_in_a_loop():
    seed, shape = seed_of(3, 4), (3, 5, 7)
    eager = kernels.random_bits(seed, shape)
    assert (jax.jit(lambda seed: kernels.random_bits(seed, shape))(seed) == eager).all()
    with jax.disable_jit():
        assert (kernels.random_bits(seed, shape) == eager).all()
    looped = lax.fori_loop(0, 5, lambda at, _: kernels.random_bits(seed.at[1].set(at), shape), eager)
    assert (looped == eager).all()
    assert (kernels.random_bits(seed, (105,)) == eager.reshape(-1)).all()
    assert kernels.random_bits(seed, ()).shape == () and kernels.random_bits(seed, (0, 3)).shape == (0, 3)


def mixed(word):
    """The published mixer in Python's integers."""
    word = (word ^ word >> 16) * 0x21F0AAAD % 2**32
    word = (word ^ word >> 15) * 0xD35A2D97 % 2**32
    return word ^ word >> 15


@pytest.mark.parametrize("seed, counter", [(0, 0), (1, 2), (2**32 - 1, 7)])
def test_bits_do_not_change_between_versions(seed, counter):
    """A resumed run draws the dropout that the first run would have drawn."""
    first = mixed(seed ^ mixed((counter + 0x9E3779B9) % 2**32))
    second = mixed(counter ^ mixed((seed + 0x85EBCA6B) % 2**32))
    expected = [mixed((mixed(position ^ first) + second) % 2**32) for position in range(6)]
    assert np.asarray(kernels.random_bits(seed_of(seed, counter), (2, 3))).ravel().tolist() == expected


def test_shapes_beyond_one_word():
    assert jax.eval_shape(lambda: kernels.random_bits(seed_of(0, 0), (2**20, 2**16))).shape == (2**20, 2**16)
    assert (random._split((2**16, 2**16)), random._split((2**17, 2**16)), random._split((3, 2**32))) == (0, 1, 1)
    with pytest.raises(ValueError, match="received shape"):
        random._split((2**33,))
    with pytest.raises(ValueError, match="received shape"):
        random._split((2**33, 2**32))


@pytest.mark.parametrize("rate", [0, 0.1, 0.5, 0.9, 1, 1 - 2**-40])
def test_dropout_mask_keeps_the_right_share(rate):
    mask = np.asarray(kernels.dropout_mask(seed_of(0, 3), (400, 500), rate))
    assert mask.dtype == bool and mask.shape == (400, 500)
    assert abs(mask.mean() - (1 - rate)) <= 5 * math.sqrt(rate * (1 - rate) / mask.size) + 1e-9


@pytest.mark.parametrize("rate", [-0.1, 1.5, math.nan])
def test_dropout_rates_out_of_range_are_refused(rate):
    with pytest.raises(ValueError, match="between 0 and 1"):
        kernels.dropout_mask(seed_of(0, 0), (2,), rate)


@pytest.mark.parametrize("seed", [jnp.array([1, 2], "int32"), jnp.array([1], "uint32"), jnp.uint32(3)])
def test_seeds_of_another_form_are_refused(seed):
    with pytest.raises(ValueError, match="uint32 seed of shape"):
        kernels.random_bits(seed, (2,))


@pytest.mark.parametrize("shape, axes", [((64, 8), 0), ((16, 5, 6, 3), (0, 1, 2)), ((16, 3, 5), (0, 2)), ((4, 33), -1)])
@pytest.mark.parametrize("mean", [0.0, 1e3])
def test_batch_moments(shape, axes, mean):
    x = normal(*shape) + mean
    wide = np.asarray(x, np.float64)
    axis = axes if isinstance(axes, int) else tuple(axes)
    own_mean, own_variance = jax.jit(lambda x: kernels.batch_moments(x, axes))(x)
    np.testing.assert_allclose(own_mean, wide.mean(axis), rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(own_variance, wide.var(axis), rtol=1e-4)


def test_batch_moments_with_an_outlier_as_first_entry():
    x = (normal(256, 4, 4, 2) + 1e3).at[0].set(-1e3)
    _, variance = kernels.batch_moments(x, (0, 1, 2))
    np.testing.assert_allclose(variance, np.asarray(x, np.float64).var((0, 1, 2)), rtol=1e-3)


def test_batch_moments_differentiate_and_keep():
    x = normal(6, 4, 3) + 5

    def loss(mean, variance):
        return (jnp.sin(mean) * variance).sum()

    own = jax.jit(jax.grad(lambda x: loss(*kernels.batch_moments(x, (0, 1)))))(x)
    close(own, jax.grad(lambda x: loss(x.mean((0, 1)), x.var((0, 1))))(x))
    mean, variance = kernels.batch_moments(x.astype("float16"), (0, 1), keepdims=True)
    assert mean.shape == variance.shape == (1, 1, 3) and mean.dtype == variance.dtype == "float32"
    constant = jnp.full((5, 2), 3.3)
    assert (kernels.batch_moments(constant, 0)[1] == 0).all()
    gradient = jax.grad(lambda x: kernels.batch_moments(x, 0)[1].sum())(constant)
    assert (gradient == 0).all()


def test_other_platforms_get_their_own_kernel():
    x, kernel = normal(1, 4, 4, 2), normal(2, 2, 2, 3)
    spec = convolution.Conv(Windows.over((4, 4), (2, 2), 1, "valid"), 1)
    assert isinstance(spec.kernels(x, kernel)["default"], dispatch.Kernel)
    assert set(spec.kernels(x, kernel)) == {"cpu", "default"}


def _normalized(x, gamma, beta):
    """As `kernels.batch_normalized`, with JAX' own gradient."""
    mean, variance = kernels.batch_moments(x, (0, 1, 2), keepdims=True)
    x = (x - mean) / jnp.sqrt(variance + 0.01)
    x = x if gamma is None else x * gamma
    return x if beta is None else x + beta


@pytest.mark.parametrize("scale, center", list(itertools.product([True, False], repeat=2)))
def test_batch_normalized_has_the_gradients_of_autodiff(scale, center):
    with jax.enable_x64(True):
        shapes = ((4, 5, 6, 3), (1, 1, 1, 3), (1, 1, 1, 3))
        x, gamma, beta = (normal(*shape, dtype="float64", seed=i) for i, shape in enumerate(shapes))
        arguments = (3 * x + 2, gamma if scale else None, beta.reshape(gamma.shape) if center else None)

        def own(*arguments):
            return kernels.batch_normalized(*arguments, (0, 1, 2), 0.01)[0]

        def gradient(form):
            return jax.grad(lambda *a: (jnp.sin(form(*a)) * x).sum(), (0, 1, 2))

        def second(form):
            return jax.grad(lambda *a: sum(jnp.square(g).sum() for g in jax.tree.leaves(gradient(form)(*a))), (0, 1, 2))

        close(own(*arguments), _normalized(*arguments), 1e-12)
        for derivative in (gradient, second):
            found, expected = (jax.tree.leaves(derivative(form)(*arguments)) for form in (own, _normalized))
            assert len(found) == len(expected) == 1 + scale + center
            for actual, wanted in zip(found, expected, strict=True):
                close(actual, wanted, 1e-10)


@pytest.mark.parametrize("form", ["fused", "moments"])
def test_moments_of_rows_that_count_are_those_of_fewer_rows(form):
    x, gamma, beta = normal(5, 4, 6, 3), normal(1, 1, 1, 3, seed=1), normal(1, 1, 1, 3, seed=2)
    weight, few = normal(5, 4, 6, 3, seed=3), 3
    rows = jnp.arange(5).reshape(-1, 1, 1, 1) < few
    kept = kernels.Kept(rows, jnp.float32(1 / (few * 24)))

    def both(x, gamma, beta, weight, kept):
        if form == "fused":
            y, *moments = kernels.batch_normalized(x, gamma, beta, (0, 1, 2), 0.01, kept)
        else:
            moments = kernels.batch_moments(x, (0, 1, 2), keepdims=True, kept=kept)
            y = (x - moments[0]) * jax.lax.rsqrt(moments[1] + 0.01) * gamma + beta
        y = y if kept is None else jnp.where(kept.rows, y, 0)
        return (y * weight).sum(), moments

    step = jax.value_and_grad(both, argnums=(0, 1, 2), has_aux=True)
    found, (by_x, *by_rest) = jax.jit(step)(x, gamma, beta, weight, kept)
    expected, (by_few, *by_rest_of_few) = jax.jit(step)(x[:few], gamma, beta, weight[:few], None)
    jax.tree.map(close, (found, by_x[:few], by_rest), (expected, by_few, by_rest_of_few))
    assert not by_x[few:].any()


def test_batch_normalized_sums_twice_in_its_gradient():
    def loss(x, gamma, beta):
        return jnp.square(kernels.batch_normalized(x, gamma, beta, (0, 1, 2), 0.01)[0]).sum()

    ones = jnp.ones((1, 1, 1, 3))
    backward = jax.make_jaxpr(lambda *a: jax.vjp(loss, *a)[1](1.0))(normal(4, 5, 6, 3), ones, ones)
    assert str(backward).count("reduce_sum") == 2 + 1 + 2  # moments, loss, gradient


def test_moments_of_batch_normalized_are_exact_for_large_means():
    x = normal(8, 9, 9, 2) + 10_000
    _, mean, variance = kernels.batch_normalized(x, None, None, (0, 1, 2), 0.01)
    close(mean.ravel(), np.asarray(x, "float64").mean((0, 1, 2)), 1e-6)
    close(variance.ravel(), np.asarray(x, "float64").var((0, 1, 2)), 1e-4)


@pytest.mark.parametrize("name, gates", [("lstm", 4), ("gru", 3)])
def test_sequences_without_a_step_have_no_outputs(name, gates):
    states = [jnp.ones((2, 5))] * (2 if name == "lstm" else 1)
    hidden, *last = getattr(kernels, name)(
        jnp.zeros((2, 0, 3)), normal(3, gates * 5), normal(5, gates * 5), None, *states
    )
    assert hidden.shape == (2, 0, 5)
    for state, expected in zip(last, states, strict=True):
        close(state, expected)
