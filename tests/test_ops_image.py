"""The ops of `ops.image` against Keras: signatures, values, dtypes, and shapes of symbolic tensors."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from sequax.core.rng import SeedGenerator
from sequax.core.tensor import KerasTensor
from sequax.core.variable import Variable
from sequax.ops import image
from tests import ops_oracle
from tests.ops_oracle import case


def f(*shape, seed=0):
    return np.random.default_rng((seed, *shape)).random(size=shape).astype("float32")


X = f(2, 5, 6, 3)
U = (X * 255).astype("uint8")
FIRST, LAST = {"data_format": "channels_first"}, {"data_format": "channels_last"}
AFFINE = np.array([[1, 0.1, 0.5, 0.05, 0.9, -0.5, 0, 0], [0.8, 0, -1, 0.2, 1.1, 0.3, 0, 0]], "float32")
CORNERS = np.array([[[0, 0], [5, 0], [0, 4], [5, 4]]] * 2, "float32")
MOVED = CORNERS + f(2, 4, 2) - 0.5
PLACES = np.array([[-1.4, 0.25, 1.5, 3.7, 5.2], [0.5, -0.3, 2.5, 3.1, 6.6]], "float32")
FILLS = ("constant", "nearest", "wrap", "mirror", "reflect")
A, B = f(2, 14, 12, 2), f(2, 14, 12, 2, seed=1)

CASES = {
    "affine_transform": [
        *(case(X, AFFINE, fill_mode=mode, fill_value=0.5) for mode in FILLS[::4]),
        case(X[0], AFFINE[0], "nearest"),
        case(U, AFFINE),
        case(X, AFFINE, **FIRST),
    ],
    "crop_images": [
        case(X, 1, 2, 1, 0),
        case(U[0], 1, 2, target_height=2, target_width=2),
        case(X, bottom_cropping=1, right_cropping=1, target_height=2, target_width=2, **FIRST),
    ],
    "elastic_transform": [case(X, alpha=0, sigma=1.0, seed=1), case(X[0], 0.0, 1.0, "nearest", seed=1, **FIRST)],
    "extract_patches": [
        case(X, 2),
        case(U, (2, 3), (1, 2), padding="same"),
        case(X[0], 2, 1, 2),
        case(X, 2, **FIRST),
        case(f(1, 4, 3, 4, 2), (2, 2, 2)),
    ],
    "extract_patches_3d": [
        case(f(1, 4, 3, 4, 2), 2),
        case(f(2, 4, 3, 4), (2, 1, 2), (1, 2, 2), 1, "same", "channels_first"),
    ],
    "gaussian_blur": [
        case(X, **LAST),
        case(X[0], (5, 3), (2.0, 0.5), **LAST),
        case(X, (3, 1), **FIRST),
    ],
    "hsv_to_rgb": [case(X), case(f(3, 4, 2), **FIRST)],
    "map_coordinates": [
        *(case(f(4, 6), PLACES, 1, mode, 0.5) for mode in FILLS),
        *(case(f(4, 6), PLACES, 0, mode) for mode in FILLS[::3]),
        case(f(4), PLACES[:1], 1),
        case(np.arange(24, dtype="int32").reshape(4, 6) * 7, PLACES, 0),
    ],
    "pad_images": [
        case(X, 1, 2, 1, 0),
        case(U[0], 1, 2, target_height=7, target_width=9),
        case(X, bottom_padding=1, right_padding=1, target_height=8, target_width=5, **FIRST),
    ],
    "perspective_transform": [
        case(X, CORNERS, MOVED),
        case(X[0], CORNERS[0], MOVED[0], "nearest", 0.5),
        case(U, MOVED, CORNERS),
        case(X, CORNERS, MOVED, **FIRST),
    ],
    "resize": [
        *(case(X, (3, 8), name) for name in image.RESIZING),
        case(X, (3, 4), antialias=True),
        case(U, (3, 8), "bicubic"),
        case(X[0], [4, 3], crop_to_aspect_ratio=True),
        case(X, (3, 7), pad_to_aspect_ratio=True, fill_value=0.5),
        case(X, (7, 3), pad_to_aspect_ratio=True, **FIRST),
        case(f(1, 9, 7, 1), (5, 2), crop_to_aspect_ratio=True),
    ],
    "rgb_to_grayscale": [case(X), case(U), case(f(3, 4, 2), **FIRST), case(X[..., :1])],
    "rgb_to_hsv": [
        case(X),
        case(f(3, 4, 2), **FIRST),
        case(np.array([[[0, 0, 0], [1, 1, 1], [0, 0.5, 0.5]]], "float32")),
    ],
    "scale_and_translate": [
        case(X, (2, 7, 4, 3), np.array([1.5, 0.7], "float32"), np.array([0.5, -1], "float32"), (1, 2), "linear"),
        case(U, (2, 7, 4, 3), [1.5, 0.7], [0.5, -1.0], (-3, -2), "lanczos3", False),
    ],
    "sobel_edges": [case(X), case(X, **FIRST), case(U.astype("int32"))],
    "ssim": [
        case(A, B),
        case(A[0] * 9, B[0] * 9, 2.0, 5, 1.0, 0.02, 0.05),
        case(f(2, 3, 12, 11), f(2, 3, 12, 11, seed=1), filter_size=4, **FIRST),
    ],
}


def test_names_and_signatures(keras):
    ops_oracle.assert_names_and_signatures(image, keras.ops.image, CASES)


EAGER = {"affine_transform", "elastic_transform"}  # the nearest pixel of two at equal distance; draws of Keras


@pytest.mark.parametrize("name", sorted(CASES))
def test_values_and_shapes(keras, name):
    ours, theirs = getattr(image, name), getattr(keras.ops.image, name)
    compute = ops_oracle.eager if name in EAGER else ops_oracle.compiled
    results, expected = compute((ours, theirs), CASES[name])
    for (args, kwargs), result, oracle in zip(CASES[name], results, expected, strict=True):
        ops_oracle.assert_values(result, oracle, 1e-4 if name == "perspective_transform" else 1e-5)
        batched = 0 if name in ("map_coordinates", "scale_and_translate") or np.ndim(args[0]) == 3 else 9
        ops_oracle.assert_symbolic(ours, theirs, args, kwargs, result, batched)
    args, kwargs = CASES[name][0]
    ops_oracle.assert_values(ours(*ops_oracle.map_arrays(Variable, args), **kwargs), results[0])


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_dtypes(keras, dtype):
    for name, cases in CASES.items():
        args, kwargs = cases[0]
        ours, theirs = (ops_oracle.dtypes_in(dtype, getattr(n, name), args, kwargs) for n in (image, keras.ops.image))
        assert ours == theirs or theirs == "refused", name


def test_unknown_sizes():
    x = KerasTensor((None, None, None, 3), "uint8")
    assert image.resize(x, (3, 8), crop_to_aspect_ratio=True).shape == (None, 3, 8, 3)
    assert image.affine_transform(x, AFFINE[:1]).shape == image.gaussian_blur(x).shape == (None, None, None, 3)
    assert image.crop_images(x, 1, 1, target_height=2, target_width=2).shape == (None, 2, 2, 3)
    assert image.pad_images(x, 1, 1, 1, 1).shape == image.elastic_transform(x).shape == (None, None, None, 3)
    assert image.extract_patches(x, 2).shape == (None, None, None, 12)
    assert image.sobel_edges(x).shape == (None, None, None, 3, 2)
    assert image.map_coordinates(KerasTensor((4, 5)), KerasTensor((2, None)), 1).shape == (None,)
    moved = image.scale_and_translate(x, (None, 7, 4, 3), [1.0, 1.0], [0.0, 0.0], (1, 2), "linear")
    assert (moved.shape, moved.dtype) == ((None, 7, 4, 3), "float32")


def test_channels_are_last_by_default():
    """Keras blurs across the channels if it is not told where they are."""
    np.testing.assert_array_equal(image.gaussian_blur(X), image.gaussian_blur(X, **LAST))


def test_whole_numbers_are_rounded():
    """Keras refuses them in blurs and elastic warps, and has no Sobel slopes of uint8."""
    np.testing.assert_array_equal(image.gaussian_blur(U), np.round(image.gaussian_blur(U.astype("float32"))))
    assert image.elastic_transform(U, seed=1).dtype == "uint8"
    np.testing.assert_array_equal(image.sobel_edges(U), image.sobel_edges(U.astype("int32")))
    np.testing.assert_allclose(image.ssim(U, 255 - U, 255, 3), image.ssim(U / 255.0, 1 - U / 255.0, 1.0, 3), rtol=1e-3)


def test_interpolated_whole_numbers():
    """Where Keras computes with weights that are whole numbers too."""
    numbers = np.arange(24, dtype="int32").reshape(4, 6) * 7
    found = image.map_coordinates(numbers, PLACES, 1)
    expected = np.asarray(image.map_coordinates(numbers.astype("float32"), PLACES, 1))
    np.testing.assert_array_equal(found, np.sign(expected) * np.floor(np.abs(expected) + 0.5))


def displacements(**options):
    """By which each pixel was moved: an image whose values are its places is read elsewhere."""
    places = np.stack(np.meshgrid(np.arange(90.0), np.arange(80.0), indexing="ij"), -1)[None].astype("float32")
    moved = image.elastic_transform(places, alpha=2.0, sigma=2.0, fill_mode="nearest", **options) - places
    return np.asarray(moved[0, 15:-15, 15:-15])


def test_elastic_displacements():
    down, right = np.moveaxis(displacements(seed=3), -1, 0)
    for part in (down, right):
        assert 0.4 < part.std() < 0.75  # 2 / sqrt(4 pi) = 0.56 whatever sigma
        assert 0.85 < np.corrcoef(part[1:].ravel(), part[:-1].ravel())[0, 1] < 0.98  # exp(-1 / 16) = 0.94
    assert abs(np.corrcoef(down.ravel(), right.ravel())[0, 1]) < 0.3


def test_elastic_seeds():
    np.testing.assert_array_equal(image.elastic_transform(X, seed=5), image.elastic_transform(X, seed=5))
    generator = SeedGenerator(5)
    first, second = (image.elastic_transform(X, seed=generator) for _ in range(2))
    assert np.abs(first - second).max() > 0.01


def test_one_transform_for_all_images():
    np.testing.assert_allclose(image.affine_transform(X, AFFINE[0])[1], image.affine_transform(X[1], AFFINE[0]))
    moved = image.perspective_transform(X, CORNERS[0], MOVED[0])
    np.testing.assert_allclose(moved[1], image.perspective_transform(X[1], CORNERS[0], MOVED[0]), rtol=1e-5)


def test_equal_images_are_similar():
    assert image.ssim(A, A).tolist() == [1, 1]
    assert np.isfinite(jax.jit(jax.grad(lambda x: image.ssim(x, B).sum()))(jnp.asarray(A))).all()


REFUSED = {
    "rank": (lambda: image.resize(X[0, 0], (2, 2)), ValueError, r"images.shape=\(6, 3\)"),
    "size": (lambda: image.resize(X, (1, 2, 3)), ValueError, r"size=\(1, 2, 3\)"),
    "no size": (lambda: image.resize(X, (0, 8)), ValueError, "positive height and width"),
    "interpolation": (lambda: image.resize(X, (2, 2), "area"), ValueError, "interpolation='area'"),
    "fill": (lambda: image.resize(X, (2, 2), fill_mode="nearest"), ValueError, "fill_mode='nearest'"),
    "both": (
        lambda: image.resize(X, (2, 2), crop_to_aspect_ratio=True, pad_to_aspect_ratio=True),
        ValueError,
        "only one of",
    ),
    "data_format": (lambda: image.resize(X, (2, 2), data_format="x"), ValueError, "data_format='x'"),
    "affine": (lambda: image.affine_transform(X, AFFINE[:, :7]), ValueError, r"transform.shape=\(2, 7\)"),
    "affine cubic": (lambda: image.affine_transform(X, AFFINE, "bicubic"), ValueError, "interpolation='bicubic'"),
    "affine fill": (lambda: image.affine_transform(X, AFFINE, fill_mode="edge"), ValueError, "fill_mode='edge'"),
    "points": (lambda: image.perspective_transform(X, CORNERS[:, :3], MOVED[:, :3]), ValueError, r"\(2, 3, 2\)"),
    "unequal points": (lambda: image.perspective_transform(X, CORNERS, MOVED[:1]), ValueError, r"\(1, 4, 2\)"),
    "crop": (lambda: image.crop_images(X, 1), ValueError, "Exactly two of top_cropping"),
    "crop three": (lambda: image.crop_images(X, 1, 1, 1, 1, 3, 3), ValueError, "target_height=3"),
    "crop negative": (lambda: image.crop_images(X, -1, 0, 0, 0), ValueError, "top_cropping=-1"),
    "crop much": (lambda: image.crop_images(X, 3, 0, 3, 0), ValueError, "come to 3, 3 and -1"),
    "crop large": (lambda: image.crop_images(X, 1, 1, target_height=9, target_width=2), ValueError, "target_height=9"),
    "pad": (lambda: image.pad_images(X, target_height=9, target_width=9), ValueError, "Exactly two of top_padding"),
    "pad small": (lambda: image.pad_images(X, 1, 1, target_height=2, target_width=9), ValueError, "height of 5"),
    "patches": (lambda: image.extract_patches(X, 9), ValueError, "does not fit"),
    "patches padding": (lambda: image.extract_patches(X, 2, padding="x"), ValueError, "padding"),
    "patches rank": (lambda: image.extract_patches(X[0, 0], 2), ValueError, r"\(6, 3\)"),
    "volumes": (lambda: image.extract_patches_3d(f(1, 4, 4, 4, 1), (2, 2)), TypeError, r"size=\(2, 2\)"),
    "gray": (lambda: image.rgb_to_grayscale(X[..., :2]), ValueError, "received 2"),
    "hsv": (lambda: image.rgb_to_hsv(X[..., :2]), ValueError, "received 2"),
    "hsv dtype": (lambda: image.rgb_to_hsv(U), ValueError, "images.dtype=uint8"),
    "hsv symbolic": (lambda: image.hsv_to_rgb(KerasTensor((None, 5, 6, 4))), ValueError, "received 4"),
    "order": (lambda: image.map_coordinates(f(4, 6), PLACES, 2), ValueError, "order=2"),
    "places": (lambda: image.map_coordinates(f(4, 6), PLACES[:1], 1), ValueError, r"coordinates.shape=\(1, 5\)"),
    "one place": (lambda: image.map_coordinates(f(4, 6), PLACES[:, 0], 1), ValueError, "at least 2 dimensions"),
    "method": (
        lambda: image.scale_and_translate(X, X.shape, [1.0], [1.0], [1], "nearest"),
        ValueError,
        "method='nearest'",
    ),
    "scale": (
        lambda: image.scale_and_translate(X, X.shape, [1.0], [1.0, 2.0], (1, 2), "linear"),
        ValueError,
        r"scale.shape=\(1,\)",
    ),
    "sobel": (lambda: image.sobel_edges(X[0]), ValueError, r"images.shape=\(5, 6, 3\)"),
    "ssim": (lambda: image.ssim(X, X[:, :4]), ValueError, r"image2.shape=\(2, 4, 6, 3\)"),
    "ssim small": (lambda: image.ssim(X, X), ValueError, "does not fit"),
    "blur": (lambda: image.gaussian_blur(X, 3), ValueError, "kernel_size=3"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_refused(what):
    call, error, message = REFUSED[what]
    with pytest.raises(error, match=message):
        call()


@pytest.mark.parametrize("shape", [(None, None, 3), (None, None, None, 3)])
def test_frames_of_images_of_unknown_size(shape):
    images = KerasTensor(shape)
    batch = shape[:-3]
    assert image.crop_images(images, 2, 3, target_height=10, target_width=20).shape == (*batch, 10, 20, 3)
    assert image.pad_images(images, 2, 3, target_height=20, target_width=30).shape == (*batch, 20, 30, 3)
    assert image.pad_images(images, 2, 3, 2, 3).shape == (*batch, None, None, 3)
    assert image.crop_images(images, 2, 3, 2, 3).shape == (*batch, None, None, 3)


def test_size_of_patches_is_a_number():
    with pytest.raises(TypeError, match="Expected an int or a tuple"):
        image.extract_patches(X, "5")


@pytest.mark.parametrize("size", [np.array([5, 3]), jnp.array([5, 3]), [5, 3]])
def test_window_of_a_blur_may_be_an_array(size):
    found, expected = (image.gaussian_blur(X, kernel_size=s, **LAST) for s in (size, (5, 3)))
    np.testing.assert_array_equal(found, expected)
