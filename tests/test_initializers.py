"""Initializers: moments and bounds against Keras, seeds, fans, configs."""

from __future__ import annotations

import json

import numpy as np
import pytest

import sequax
from sequax import initializers
from sequax.core import rng as seeds

SHAPES = [(40, 60), (3, 3, 16, 32)]
RANDOM = [
    ("GlorotNormal", {}),
    ("GlorotUniform", {}),
    ("HeNormal", {}),
    ("HeUniform", {}),
    ("LecunNormal", {}),
    ("LecunUniform", {}),
    ("RandomNormal", {"mean": 1.0, "stddev": 0.3}),
    ("RandomUniform", {"minval": -1.0, "maxval": 3.0}),
    ("TruncatedNormal", {"mean": -1.0, "stddev": 0.2}),
    ("VarianceScaling", {"scale": 3.0, "mode": "fan_out", "distribution": "untruncated_normal"}),
    ("VarianceScaling", {"scale": 0.5, "mode": "fan_avg", "distribution": "uniform"}),
]
FIXED = [
    ("Zeros", {}),
    ("Ones", {}),
    ("Constant", {"value": 2.5}),
    ("STFT", {}),
]


@pytest.mark.parametrize(
    ("equation", "output_shape", "fan_in", "fan_out"),
    [
        ("abc,cde->abde", (None, 8, 16), 32, 128),
        ("abcd,cde->abe", (None, 24), 320, 24),
        ("...x,xy->...y", (64,), 32, 64),
    ],
)
def test_fans_of_any_equation_are_keras(keras, equation, output_shape, fan_in, fan_out):
    """As of attention: of a kernel (features, heads, size) the features alone are inputs."""
    shape = (None, 10, 32) if equation != "abcd,cde->abe" else (None, 10, 20, 16)
    for mode, count in (("fan_in", fan_in), ("fan_out", fan_out)):
        for k in (sequax, keras):
            given = k.initializers.VarianceScaling(1.0, mode, "untruncated_normal", seed=1)
            layer = k.layers.EinsumDense(equation, output_shape, kernel_initializer=given)
            layer.build(shape)
            assert np.std(np.asarray(layer.kernel)) == pytest.approx(count**-0.5, rel=0.1), (k, mode)
            assert layer.get_config()["kernel_initializer"]["config"]["input_axes"] is None
    own = sequax.initializers.VarianceScaling(input_axes=[0], output_axes=[1])
    assert own.along((1,), (0,)) is own


def test_windows_of_own_weights_are_keras(keras):
    weights = np.arange(1.0, 17.0)
    for window in (weights, weights.tolist()):
        ours, theirs = (k.initializers.STFT("imag", window, "spectrum") for k in (sequax, keras))
        np.testing.assert_allclose(ours((16, 1, 9)), np.asarray(theirs((16, 1, 9))), atol=1e-6)
        again = initializers.STFT.from_config(json.loads(json.dumps(ours.get_config())))
        np.testing.assert_array_equal(again((16, 1, 9)), ours((16, 1, 9)))
    with pytest.raises(ValueError, match=r"each of the 8 samples of a frame.*\(16,\)"):
        ours((8, 1, 9))
    with pytest.raises(ValueError, match="hanning-ish"):
        initializers.STFT("real", "hanning-ish")


def test_windows_come_back_from_json():
    """As lists, which SciPy does not take for a window with its parameters."""
    made = initializers.STFT("real", ("tukey", 0.5))
    again = initializers.STFT.from_config(json.loads(json.dumps(made.get_config())))
    np.testing.assert_array_equal(again((16, 1, 9)), made((16, 1, 9)))


def test_a_constant_of_an_array_comes_back_from_files():
    made = initializers.Constant(np.arange(3.0))
    again = initializers.deserialize(json.loads(json.dumps(initializers.serialize(made))))
    np.testing.assert_array_equal(again((2, 3)), made((2, 3)))
    assert initializers.serialize(again) == initializers.serialize(made)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(("name", "arguments"), RANDOM)
def test_moments_and_bounds_are_keras(keras, name, arguments, shape):
    ours = np.asarray(getattr(initializers, name)(**arguments, seed=1)(shape))
    theirs = np.asarray(getattr(keras.initializers, name)(**arguments, seed=1)(shape))
    assert ours.shape == theirs.shape and ours.dtype == theirs.dtype
    spread, error = theirs.std(), 5 / np.sqrt(theirs.size)
    assert abs(ours.mean() - theirs.mean()) < error * spread * 2
    assert abs(ours.std() / spread - 1) < error
    if "untruncated" not in str(arguments) and name != "RandomNormal":
        assert np.abs(ours - ours.mean()).max() < 1.1 * np.abs(theirs - theirs.mean()).max() + error * spread


@pytest.mark.parametrize(("name", "arguments"), RANDOM + FIXED[:3])
def test_configs_are_keras(keras, name, arguments):
    ours = getattr(initializers, name)(**arguments)
    theirs = getattr(keras.initializers, name)(**arguments)
    assert ours.get_config() == theirs.get_config()
    assert initializers.serialize(ours) == keras.initializers.serialize(theirs)
    again = initializers.deserialize(initializers.serialize(ours))
    assert type(again) is type(ours) and again.get_config() == ours.get_config()


@pytest.mark.parametrize("side", ["real", "imag"])
@pytest.mark.parametrize("window", ["hann", "hamming", None])
@pytest.mark.parametrize("scaling", ["density", "spectrum", None])
@pytest.mark.parametrize("periodic", [False, True])
def test_stft_is_keras(keras, side, window, scaling, periodic):
    ours = initializers.STFT(side, window, scaling, periodic)((16, 1, 9))
    theirs = keras.initializers.STFT(side, window, scaling, periodic)((16, 1, 9))
    np.testing.assert_allclose(ours, np.asarray(theirs), atol=2e-5)


@pytest.mark.parametrize("shape", [(), (5,), (3, 4), (3, 3, 2, 4), (2, 3, 3, 2, 4)])
def test_fans_count_the_window(shape):
    expected = {(): (1, 1), (5,): (5, 5), (3, 4): (3, 4), (3, 3, 2, 4): (18, 36), (2, 3, 3, 2, 4): (36, 72)}
    assert initializers.fans(shape) == expected[shape]


def test_fans_of_named_axes():
    assert initializers.fans((3, 4, 5), [0], [2]) == (3, 5)
    assert initializers.fans((3, 4, 5), 0, [1, 2]) == (3, 20)
    assert initializers.fans((3, 4, 5), None, [1]) == (12, 15)
    limit = np.abs(initializers.VarianceScaling(1.0, "fan_in", "uniform", 0, [0], [1, 2])((3, 40, 50))).max()
    assert abs(limit - 1) < 1e-2


def test_a_seed_repeats_itself_and_an_open_one_too():
    for initializer in (initializers.GlorotUniform(seed=3), initializers.GlorotUniform()):
        np.testing.assert_array_equal(initializer((3, 4)), initializer((3, 4)))
    np.testing.assert_array_equal(initializers.HeNormal(seed=3)((3, 4)), initializers.HeNormal(seed=3)((3, 4)))
    assert not np.array_equal(initializers.HeNormal()((3, 4)), initializers.HeNormal()((3, 4)))


def test_a_seed_generator_moves_on():
    first, second = seeds.SeedGenerator(5), seeds.SeedGenerator(5)
    initializer, twin = initializers.RandomNormal(seed=first), initializers.RandomNormal(seed=second)
    draws = [initializer((4,)) for _ in range(2)]
    assert not np.array_equal(*draws)
    np.testing.assert_array_equal(draws[0], twin((4,)))
    again = initializers.deserialize(initializers.serialize(initializers.RandomNormal(seed=seeds.SeedGenerator(5))))
    np.testing.assert_array_equal(again((4,)), draws[0])


def test_set_random_seed_gives_the_same_values():
    seeds.set_random_seed(7)
    first = initializers.GlorotUniform()((3, 3))
    seeds.set_random_seed(7)
    np.testing.assert_array_equal(initializers.GlorotUniform()((3, 3)), first)


@pytest.mark.parametrize("shape", [(5, 3), (3, 5), (2, 3, 4), (2, 9)])
def test_orthogonal_rows_or_columns(shape):
    matrix = np.asarray(initializers.Orthogonal(gain=2.0, seed=1)(shape)).reshape(-1, shape[-1])
    smaller = matrix.T @ matrix if matrix.shape[0] >= matrix.shape[1] else matrix @ matrix.T
    np.testing.assert_allclose(smaller, 4 * np.eye(len(smaller)), atol=1e-5)


def test_identity_keeps_its_gain():
    initializer = initializers.deserialize(initializers.serialize(initializers.Identity(2.0)))
    np.testing.assert_array_equal(initializer((3, 4)), 2 * np.eye(3, 4))


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32"])
def test_dtypes(dtype):
    for name in ("GlorotUniform", "HeNormal", "Orthogonal", "Zeros", "Constant", "Identity"):
        assert getattr(initializers, name)()((4, 4), dtype).dtype.name == dtype


@pytest.mark.parametrize(
    ("identifier", "cls"),
    [
        ("zeros", "Zeros"),
        ("zero", "Zeros"),
        ("one", "Ones"),
        ("glorot_uniform", "GlorotUniform"),
        ("HeNormal", "HeNormal"),
        ("uniform", "RandomUniform"),
        ("normal", "RandomNormal"),
        ("IdentityInitializer", "Identity"),
        ("orthogonal", "Orthogonal"),
        ("stft", "STFT"),
    ],
)
def test_names(identifier, cls):
    assert type(initializers.get(identifier)) is getattr(initializers, cls)


def test_get_of_other_things():
    assert initializers.get(None) is None
    assert type(initializers.get(initializers.Ones)) is initializers.Ones
    np.testing.assert_array_equal(initializers.get(np.arange(3.0))((3,)), [0, 1, 2])
    function = lambda shape, dtype=None: np.full(shape, 7, dtype)  # noqa: E731
    assert initializers.get(function) is function


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: initializers.get("glorot_unifrom"), "glorot_uniform"),
        (lambda: initializers.RandomNormal(seed=1.5), "seed"),
        (lambda: initializers.VarianceScaling(scale=-1), "positive"),
        (lambda: initializers.VarianceScaling(mode="x"), "fan_in"),
        (lambda: initializers.VarianceScaling(distribution="x"), "uniform"),
        (lambda: initializers.RandomUniform()((3,), "int32"), "float dtype"),
        (lambda: initializers.Identity()((3,)), "2D"),
        (lambda: initializers.Orthogonal()((3,)), "two axes"),
        (lambda: initializers.Constant([1, 2, 3])((2,)), "does not fit"),
    ],
)
def test_refusals(call, message):
    with pytest.raises(ValueError, match=message):
        call()
