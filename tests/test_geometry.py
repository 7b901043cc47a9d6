"""Convolutions, poolings, paddings and upsamplings: what they refuse, output sizes, and where the channels stand."""

from __future__ import annotations

import inspect

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from sequax import config, layers
from sequax.layers import Input, Layer

RANKS = {"1D": 1, "2D": 2, "3D": 3}


def ranked(*names):
    """The classes of these families that exist, as parameters `(class, rank)`."""
    found = [(f"{name}{rank}", RANKS[rank]) for name in names for rank in RANKS]
    found += [(f"{name}{rank}Transpose", RANKS[rank]) for name in names for rank in RANKS]
    return [pytest.param(getattr(layers, n), rank, id=n) for n, rank in found if hasattr(layers, n)]


CONVOLUTIONS = ranked("Conv", "DepthwiseConv", "SeparableConv")
POOLINGS = ranked("MaxPooling", "AveragePooling")
ADAPTIVE = ranked("AdaptiveMaxPooling", "AdaptiveAveragePooling")
EDGES = ranked("ZeroPadding", "Cropping")


def make(cls, **arguments):
    """A layer with 2 or (2, 2, ...) for what has no default."""
    needed = [
        name
        for name, parameter in inspect.signature(cls.__init__).parameters.items()
        if parameter.default is parameter.empty and parameter.kind is parameter.POSITIONAL_OR_KEYWORD
    ]
    return cls(**{**dict.fromkeys(needed[1:], 2), "name": "mine", **arguments})


def shape_of(rank, size=5, channels=4):
    return (None, *(size,) * rank, channels)


def ones(rank, size=5, channels=4):
    return np.ones((2, *(size,) * rank, channels), "float32")


@pytest.mark.parametrize(("cls", "rank"), CONVOLUTIONS + POOLINGS + ADAPTIVE + EDGES + ranked("UpSampling"))
def test_another_rank_is_refused(cls, rank):
    for wrong in (rank - 1, rank + 1):
        layer = make(cls)
        with pytest.raises(ValueError, match=rf"(?s)'?mine'?.*{rank + 2}.*{wrong + 2}"):
            layer(ones(wrong))
        with pytest.raises(ValueError, match=rf"'mine' .{cls.__name__}. expects an input of {rank + 2} dimensions"):
            layer.compute_output_shape(shape_of(wrong))


@pytest.mark.parametrize(("cls", "rank"), CONVOLUTIONS)
def test_convolutions_refuse_what_does_not_fit(cls, rank):
    who = rf"'mine' \({cls.__name__}\)"
    arguments = inspect.signature(cls.__init__).parameters
    for name in ("kernel_size", "strides", "dilation_rate"):
        for wrong in (0, -1, (1,) * (rank + 1), 1.5, "a", None, True, b"\x01" * rank):
            with pytest.raises(ValueError, match=rf"{who}.*`{name}` argument must be a positive.*tuple of {rank}"):
                make(cls, **{name: wrong})
    for name in {"filters", "groups", "depth_multiplier"} & set(arguments):
        for wrong in (0, -2):
            with pytest.raises(ValueError, match=rf"{who}.*`{name}` must be a positive integer.*{name}={wrong}"):
                make(cls, **{name: wrong})
    for wrong in ("full", ""):
        with pytest.raises(ValueError, match=rf"{who}.*`padding` argument must be one of.*'valid'.*Received"):
            make(cls, padding=wrong)
    with pytest.raises(ValueError, match=r"`data_format` argument must be one of.*'x'"):
        make(cls, data_format="x")
    with pytest.raises(ValueError, match=rf"{who}.*channel axis.*must be known"):
        make(cls)(Input((5,) * rank + (None,)))
    layer = make(cls)
    layer(ones(rank))
    with pytest.raises(ValueError, match=r"(?s)mine.*axis -1 to have size 4, found 5"):
        layer(ones(rank, channels=5))


@pytest.mark.parametrize(("cls", "rank"), [p for p in CONVOLUTIONS if p.id.startswith(("Conv", "conv"))])
def test_strides_together_with_dilation_are_refused(cls, rank):
    with pytest.raises(ValueError, match=r"'mine'.*`strides > 1`.*`dilation_rate > 1`"):
        make(cls, strides=2, dilation_rate=2)


@pytest.mark.parametrize(("cls", "rank"), ranked("Conv")[:3])
def test_groups_have_to_divide_filters_and_channels(cls, rank):
    with pytest.raises(ValueError, match=r"'mine'.*filters.*divisible.*groups=3, filters=4"):
        make(cls, filters=4, groups=3)
    with pytest.raises(ValueError, match=r"'mine'.*input channels.*divisible.*groups=3.*4 channels"):
        make(cls, filters=6, groups=3)(ones(rank))


@pytest.mark.parametrize(("cls", "rank"), ranked("Conv")[3:])
def test_output_padding_is_smaller_than_the_strides(cls, rank):
    for wrong in (-1, "a", (1,) * (rank + 1)):
        with pytest.raises(ValueError, match=r"'mine'.*`output_padding` argument must be an integer >= 0"):
            make(cls, strides=2, output_padding=wrong)
    with pytest.raises(ValueError, match=r"'mine'.*`output_padding` must be strictly less than `strides`"):
        make(cls, strides=2, output_padding=2)
    with pytest.raises(ValueError, match=r"'mine'.*output size.*zero or negative"):
        make(cls, kernel_size=2, padding="same", output_padding=0)(ones(rank, size=1))


@pytest.mark.parametrize(("cls", "rank"), POOLINGS + [p for p in CONVOLUTIONS if "Transpose" not in p.id])
def test_windows_larger_than_the_input_are_refused(cls, rank):
    name = "pool_size" if "pool_size" in inspect.signature(cls.__init__).parameters else "kernel_size"
    layer = make(cls, **{name: 6})
    with pytest.raises(ValueError, match=r"'mine'.*zero or negative.*window of .6.*spatial size .5"):
        layer(ones(rank))
    assert layer.weights == []


@pytest.mark.parametrize(("cls", "rank"), POOLINGS)
def test_poolings_refuse_what_does_not_fit(cls, rank):
    for name in ("pool_size", "strides"):
        for wrong in (0, -1, (1,) * (rank + 1), 1.5):
            with pytest.raises(ValueError, match=rf"'mine'.*`{name}` argument must be a positive.*tuple of {rank}"):
                make(cls, **{name: wrong})
    for wrong in ("causal", ""):
        with pytest.raises(ValueError, match=r"'mine'.*`padding` argument must be one of.*'valid'.*Received"):
            make(cls, padding=wrong)


@pytest.mark.parametrize(("cls", "rank"), ADAPTIVE)
def test_adaptive_poolings_refuse_what_is_no_size(cls, rank):
    for wrong in (None, "a", 2.0, (2,) * (rank + 1), (None,) * rank):
        with pytest.raises(TypeError, match=rf"'mine'.*`output_size` argument must be a positive.*tuple of {rank}"):
            make(cls, output_size=wrong)
    for wrong in (0, (2,) * (rank - 1) + (-1,)):
        with pytest.raises(ValueError, match=r"'mine'.*`output_size` argument must be a positive integer"):
            make(cls, output_size=wrong)


@pytest.mark.parametrize(("cls", "rank"), EDGES)
def test_paddings_and_croppings_refuse_what_is_no_number_of_cells(cls, rank):
    name = "padding" if "ZeroPadding" in cls.__name__ else "cropping"
    for wrong in (-1, None, "ab", 1.5, True, (1, 2, 3, 4), (1, -1), ((1, 2), (3, 4), (5, 6), (7, 8))):
        with pytest.raises(ValueError, match=rf"'mine'.*`{name}` argument must be an integer.*before, after"):
            make(cls, **{name: wrong})


@pytest.mark.parametrize(("cls", "rank"), ranked("Cropping"))
def test_a_cropping_leaves_at_least_one_cell(cls, rank):
    layer = make(cls, cropping=3)
    assert layer(ones(rank, size=7)).shape == (2, *(1,) * rank, 4)
    for use in (lambda: layer(ones(rank, size=6)), lambda: layer(Input((*(6,) * rank, 4)))):
        with pytest.raises(ValueError, match=r"'mine'.*`cropping` must be smaller than the input.*6"):
            use()


@pytest.mark.parametrize(
    ("cls", "arguments", "error", "words"),
    [
        ("UpSampling1D", {"size": 0}, ValueError, "'mine'.*`size`.*positive"),
        ("UpSampling1D", {"size": (2,)}, TypeError, "UpSampling1D.*integer.*`size`"),
        ("UpSampling2D", {"size": (1, 2, 3)}, ValueError, "'mine'.*`size`.*tuple of 2"),
        ("UpSampling2D", {"interpolation": "area"}, ValueError, "'mine'.*`interpolation`.*'bicubic'.*'area'"),
        ("UpSampling3D", {"size": -1}, ValueError, "'mine'.*`size`.*positive"),
    ],
)
def test_upsamplings_refuse_what_does_not_fit(cls, arguments, error, words):
    with pytest.raises(error, match=words):
        make(getattr(layers, cls), **arguments)


@given(
    length=st.integers(1, 6),
    kernel_size=st.integers(1, 6),
    strides=st.integers(1, 4),
    dilation=st.integers(1, 3),
    padding=st.sampled_from(["valid", "same"]),
    share=st.none() | st.floats(0, 0.99),
)
@settings(max_examples=60, deadline=None)
def test_sizes_of_transposed_convolutions_equal_keras(length, kernel_size, strides, dilation, padding, share):
    keras = pytest.importorskip("keras")
    arguments = {
        "kernel_size": kernel_size,
        "strides": strides,
        "padding": padding,
        "dilation_rate": 1 if strides > 1 else dilation,
        "output_padding": None if share is None else int(share * strides),
    }
    expected = tuple(keras.layers.Conv1DTranspose(3, **arguments).compute_output_shape((None, length, 2)))
    layer = layers.Conv1DTranspose(3, **arguments)
    if expected[1] < 1:
        with pytest.raises(ValueError, match=r"zero or negative"):
            layer.compute_output_shape((None, length, 2))
    else:
        assert layer.compute_output_shape((None, length, 2)) == expected


def test_the_first_of_equal_maxima_gets_the_gradient_in_adaptive_pooling(keras):
    import jax

    x = np.random.default_rng(0).integers(0, 2, (2, 5, 7, 3)).astype("float32")
    weights = np.arange(6, dtype="float32").reshape(1, 2, 3, 1) + 1

    pools = [library.AdaptiveMaxPooling2D((2, 3)) for library in (layers, keras.layers)]
    own, expected = jax.jit(jax.grad(lambda xs: sum((p(x) * weights).sum() for p, x in zip(pools, xs, strict=True))))(
        [x, x]
    )
    np.testing.assert_array_equal(own, expected)


def test_adaptive_windows_see_nothing_outside_of_them():
    x = np.array([1, np.nan, 1, 1, 1, np.inf, 1], "float32").reshape(1, 7, 1)
    np.testing.assert_array_equal(layers.AdaptiveAveragePooling1D(3)(x).ravel(), [np.nan, 1, np.inf])


def test_layers_without_a_data_format_follow_the_setting():
    classes = {name: cls for name, cls in vars(layers).items() if inspect.isclass(cls) and issubclass(cls, Layer)}
    names = [
        name
        for name, cls in classes.items()
        if "data_format" in inspect.signature(cls.__init__).parameters and "preprocessing" not in cls.__module__
    ]
    assert {"Conv2D", "MaxPooling1D", "Flatten", "UpSampling3D", "ZeroPadding1D", "SpatialDropout2D"} <= set(names)
    before = config.image_data_format()
    config.set_image_data_format("channels_first")
    try:
        made = {name: make(classes[name], **({"rate": 0.5} if "Dropout" in name else {})) for name in names}
        assert {name: layer.data_format for name, layer in made.items()} == dict.fromkeys(names, "channels_first")
        assert layers.Conv2D(3, 2)(np.ones((1, 2, 5, 6), "float32")).shape == (1, 3, 4, 5)
        assert layers.Conv2D(3, 2, data_format="channels_last").data_format == "channels_last"
    finally:
        config.set_image_data_format(before)
    assert layers.Conv2D(3, 2).data_format == "channels_last"
