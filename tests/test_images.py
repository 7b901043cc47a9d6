"""Image layers: what they do with given random numbers against Keras, and the statistics of what they draw."""

from __future__ import annotations

import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import sequax
from sequax import layers
from sequax.kernels import colors, images as kernels

SHAPE = (3, 6, 8, 3)
IMAGES = np.random.default_rng(0).uniform(0, 255, SHAPE).astype("float32")


def column(*values, dtype="float32"):
    return jnp.array(values, dtype).reshape(-1, 1, 1, 1)


def close(found, expected, tolerance=1e-3):
    np.testing.assert_allclose(np.asarray(found, "float32"), np.asarray(expected, "float32"), rtol=0, atol=tolerance)


# --- the same random numbers, the same images ---

YES_NO_YES = jnp.array([True, False, True])
SHIFTS = {"translations": jnp.array([[1.5, 0.5], [-2.0, 1.0], [0.3, -3.0]])}
ZOOMS = {"height_zoom": jnp.array([[0.8], [1.0], [1.3]]), "width_zoom": jnp.array([[0.7], [1.2], [1.0]])}
SHEARS = {"shear_factor": jnp.array([[0.2, 0.0], [0.0, 0.4], [-0.3, 0.1]])}
ANGLES = {
    "rotation_matrix": jnp.array(
        [
            [0.6, 0.8, -1.4, -0.8, 0.6, 4.1, 0, 0],
            [0.0, -1.0, 6.0, 1.0, 0.0, -1.0, 0, 0],
            [0.9, -0.436, 1.44, 0.436, 0.9, -1.3, 0, 0],
        ]
    )
}
CORNERS = jnp.broadcast_to(jnp.array([[0.0, 0.0], [7.0, 0.0], [0.0, 5.0], [7.0, 5.0]]), (3, 4, 2))
MOVED = CORNERS * jnp.array(np.random.default_rng(2).uniform(0.7, 1.3, (3, 4, 2)), "float32")
PERSPECTIVE = {"apply_perspective": YES_NO_YES, "start_points": CORNERS, "end_points": MOVED}
ERASING = {
    "apply_erasing": YES_NO_YES,
    "batch_masks": jnp.array(np.random.default_rng(1).random(SHAPE) < 0.5),
    "fill_value": jnp.full(SHAPE, 9.0),
}
SOLARIZED = {"additions": column(20, 0, 60), "thresholds": column(100, 80, 30)}

GIVEN = [
    ("RandomFlip", {"mode": "horizontal"}, {"flips": column(True, False, True, dtype="bool")}),
    ("RandomFlip", {"mode": "vertical"}, {"flips": column(True, False, True, dtype="bool")}),
    ("RandomFlip", {}, {"flips": column(True, False, True, dtype="bool")}),
    ("RandomRotation", {"factor": 0.1}, ANGLES),
    ("RandomRotation", {"factor": 0.1, "fill_mode": "constant", "fill_value": 7.0}, ANGLES),
    ("RandomZoom", {"height_factor": 0.1, "fill_mode": "nearest"}, ZOOMS),
    ("RandomTranslation", {"height_factor": 0.1, "width_factor": 0.2, "fill_mode": "wrap"}, SHIFTS),
    ("RandomShear", {"interpolation": "nearest"}, SHEARS),
    ("RandomShear", {}, SHEARS),
    ("RandomPerspective", {"fill_value": 3.0}, PERSPECTIVE),
    ("RandomCrop", {"height": 3, "width": 4, "seed": 1}, (jnp.int32(1), jnp.int32(2))),
    ("RandomCrop", {"height": 9, "width": 5, "seed": 1}, (jnp.int32(0), jnp.int32(2))),
    ("RandomBrightness", {"factor": 0.1}, {"rgb_delta": column(20, -10, 300)}),
    ("RandomContrast", {"factor": 0.1}, {"contrast_factor": column(0.5, 1, 1.8)}),
    ("RandomColorDegeneration", {"factor": 0.1}, {"factor": column(0.3, -0.5, 1)}),
    ("RandomGrayscale", {}, column(True, False, True, dtype="bool")),
    ("RandomSaturation", {"factor": 0.1}, {"factor": jnp.array([0.4, -0.2, 0.9])}),
    ("RandomHue", {"factor": 0.1}, {"factor": jnp.array([0.1, -0.2, 0.5])}),
    ("RandomInvert", {}, {"apply_inversion": YES_NO_YES}),
    ("RandomPosterization", {"factor": 4}, {"shift_factor": jnp.array([4, 5, 6], "uint8")}),
    ("Solarization", {}, SOLARIZED),
    ("RandomSharpness", {"factor": 0.1}, {"factor": jnp.array([0.0, 1.0, 0.3])}),
    ("RandomErasing", {}, ERASING),
    ("AutoContrast", {}, None),
    ("ContrastLimitedAdaptiveHistogramEqualization", {"tile_grid_size": (4, 3)}, None),
    ("ContrastLimitedAdaptiveHistogramEqualization", {"tile_grid_size": (2, 2), "clip_limit": 60}, None),
]
UNIT_RANGE = {"RandomPosterization", "Solarization", "AutoContrast", "RandomContrast"}


@pytest.mark.parametrize(("name", "arguments", "drawn"), GIVEN)
def test_given_the_random_numbers_images_equal_keras(keras, name, arguments, drawn):
    sizes = {"input_shape": SHAPE, "batch_size": 3, "image_height": 6, "image_width": 8}
    given = {**drawn, **sizes} if isinstance(drawn, dict) else drawn
    pairs = [(arguments, jnp.asarray(IMAGES))]
    if name in UNIT_RANGE:
        pairs.append(({**arguments, "value_range": (-1, 1)}, jnp.asarray(IMAGES) / 127.5 - 1))

    def both():
        return [
            [getattr(library, name)(**settings).transform_images(x, t, training=True) for settings, x in pairs]
            for library, t in ((layers, drawn), (keras.layers, given))
        ]

    run = both if name == "RandomCrop" else jax.jit(both)  # Keras' takes whole numbers only
    for found, expected, tolerance in zip(*run(), (1e-3, 1e-5), strict=False):
        close(found, expected, tolerance)


def test_equalization_of_an_image_alone_equals_keras(keras):
    image = jnp.asarray(IMAGES[:1, ..., :1])

    def both():
        settings = ({}, {"bins": 8, "value_range": (-255, 255)})
        return [
            [library.Equalization(**s).transform_images(image, None, training=True) for s in settings]
            for library in (layers, keras.layers)
        ]

    for found, expected in zip(*jax.jit(both)(), strict=True):
        close(found, expected)
    assert np.array_equal(layers.Equalization()(IMAGES, training=False), IMAGES)


def test_jitter_applies_its_layers_in_the_order_of_keras(keras):
    arguments = {"brightness_factor": (0.1, 0.1), "contrast_factor": (-0.3, 0.3), "saturation_factor": (0.4, 0.4)}
    own = layers.RandomColorJitter(**arguments, hue_factor=0)
    oracle = keras.layers.RandomColorJitter(**arguments, hue_factor=(0, 0))
    drawn = own.get_random_transformation(IMAGES)
    assert list(drawn) == ["random_brightness", "random_contrast", "random_saturation", "random_hue"]
    close(own.transform_images(IMAGES, drawn), oracle(IMAGES, training=True))


@pytest.mark.parametrize(("name", "factor"), [("RandAugment", 0.5), ("RandAugment", 0.05), ("AugMix", (0.1, 0.3))])
def test_policies_own_the_layers_of_keras(keras, name, factor):
    own, oracle = (
        getattr(library, name)(factor=factor, seed=1, value_range=(0, 1)) for library in (layers, keras.layers)
    )
    owned = {key for key, value in vars(oracle).items() if isinstance(value, keras.layers.Layer)}
    assert set(own.names) == owned
    for operation in own.names:
        found, expected = (plain(getattr(layer, operation).get_config()) for layer in (own, oracle))
        assert {**found, "name": ""} == {**expected, "name": ""}
    names = {*own.names} - {*layers.AugMix(all_ops=False).names}
    assert names == {"random_brightness", "random_color_degeneration", "random_contrast", "random_sharpness"}


def test_policies_apply_the_layers_chosen():
    """Keras' choices cannot be fed in as they are; its formula can: `m x + (1 - m) sum(w chain(x))`, in order."""
    augment = layers.RandAugment(seed=2, num_ops=3)
    mix = layers.AugMix(seed=4, num_chains=2, chain_depth=2)
    names = augment.names

    def apply(policy, index, images, drawn):
        return images if index == len(names) else getattr(policy, names[index]).transform(images, drawn[names[index]])

    def both():
        x = jnp.asarray(IMAGES)
        drawn = augment.get_random_transformation(x, seed=1) | {"layer_idxes": jnp.array([6, 0, 9])}
        expected = x
        for index in (6, 0, 9):
            expected = apply(augment, index, expected, drawn["transforms"])
        mixed = mix.get_random_transformation(x, seed=1)
        chains = ((3, 10), (11, 2))
        mixed["layer_idxes"] = jnp.array(chains)
        total = 0.0
        for chain, indices in enumerate(chains):
            chained = x
            for place, index in enumerate(indices):
                strengths = jax.tree.map(lambda v, c=chain, p=place: v[c, p], mixed["transforms"])
                chained = apply(mix, index, chained, strengths)
            total += mixed["chain_mixing_weights"][chain] * chained
        share = mixed["weight_sample"]
        return (
            (augment.transform_images(x, drawn), expected),
            (mix.transform_images(x, mixed), share * x + (1 - share) * total),
        )

    for found, expected in jax.jit(both)():
        close(found, expected, 0.01)


# --- statistics of the random numbers ---

DRAWN = [
    ("RandomFlip", {}),
    ("RandomRotation", {"factor": (0.05, 0.3)}),
    ("RandomZoom", {"height_factor": 0.2, "width_factor": (-0.3, -0.1)}),
    ("RandomTranslation", {"height_factor": 0.2, "width_factor": (-0.1, 0.3)}),
    ("RandomShear", {"x_factor": (0.1, 0.2), "y_factor": 0.3}),
    ("RandomPerspective", {"factor": 0.6, "scale": 0.5}),
    ("RandomBrightness", {"factor": (-0.1, 0.3), "value_range": (-1, 1)}),
    ("RandomContrast", {"factor": (0.1, 0.3)}),
    ("RandomContrast", {"factor": 0.3}),
    ("RandomColorDegeneration", {"factor": 0.3}),
    ("RandomSaturation", {"factor": (0.2, 0.7)}),
    ("RandomHue", {"factor": (0.1, 0.3)}),
    ("RandomGrayscale", {"factor": 0.3}),
    ("RandomInvert", {"factor": (0.2, 0.8)}),
    ("RandomPosterization", {"factor": (2, 5)}),
    ("Solarization", {"addition_factor": 0.3, "threshold_factor": 0.2}),
    ("RandomSharpness", {"factor": 0.3}),
    ("RandomErasing", {"factor": 0.3, "scale": (0.1, 0.2), "value_range": (-1, 1)}),
]


def test_random_numbers_have_the_distribution_of_keras(keras):
    batch = np.zeros((1500, 4, 6, 3), "float32")

    def draw(library):
        made = [
            getattr(library.layers if library is keras else library, name)(**arguments, seed=1)
            for name, arguments in DRAWN
        ]
        if library is keras:
            with keras.StatelessScope():
                drawn = [layer.get_random_transformation(batch, training=True) for layer in made]
        else:
            drawn = [layer.get_random_transformation(batch, seed=i) for i, layer in enumerate(made)]
        drawn = [d if isinstance(d, dict) else {"chosen": d} for d in drawn]
        return [{key: value for key, value in d.items() if hasattr(value, "shape")} for d in drawn]

    own, oracle = (jax.jit(lambda library=library: draw(library))() for library in (layers, keras))
    for (name, _), numbers, expected in zip(DRAWN, own, oracle, strict=True):
        for key in numbers.keys() - {"rotation_matrix", "batch_masks"}:  # the one follows; Keras' other is lopsided
            assert numbers[key].shape == expected[key].shape
            assert_distributed_alike(
                *(np.asarray(v[key], "float32").reshape(1500, -1) for v in (numbers, expected)), f"{name} {key}"
            )


def assert_distributed_alike(a, b, what):
    spread = max(np.ptp(b), 1e-6)
    for statistic, tolerance in ((np.mean, 0.08), (np.std, 0.05)):
        assert np.abs(statistic(a, 0) - statistic(b, 0)).max() < tolerance * spread, what
    assert np.abs(np.abs(a).mean(0) - np.abs(b).mean(0)).max() < 0.08 * spread, what
    if a.shape[1] == 2:
        assert abs(np.corrcoef(a.T)[0, 1]) < 0.12, what


def drawn_by(layer, images, keys=None):
    """What a layer draws, or some entries of it, by a program that draws nothing else."""

    def run():
        drawn = layer.get_random_transformation(images, seed=1)
        return drawn if keys is None else [drawn[key] for key in keys]

    return jax.jit(run)()


def test_crops_reach_every_place_and_erased_rectangles_cover_their_share():
    places = drawn_by(layers.RandomCrop(4, 3), np.zeros((500, 6, 6, 1)))[:2]
    assert {(int(y), int(x)) for y, x in zip(*places, strict=True)} == {(y, x) for y in range(3) for x in range(4)}
    masks = drawn_by(layers.RandomErasing(scale=(0.25, 0.25)), np.zeros((500, 20, 20, 1)), ["batch_masks"])[0]
    assert abs(float(masks.mean()) - 0.25) < 0.01


def test_policies_choose_every_layer_equally_often_and_mix_with_the_parameters_asked_for():
    (chosen,) = drawn_by(layers.RandAugment(num_ops=2000), IMAGES, ["layer_idxes"])
    counts = np.bincount(chosen, minlength=11)
    assert len(counts) == 11 and abs(counts - 2000 / 11).max() < 60
    policy = layers.AugMix(num_chains=400, chain_depth=1, alpha=2.0, all_ops=False)
    chosen, weights = drawn_by(policy, IMAGES[:1], ["layer_idxes", "chain_mixing_weights"])
    counts = np.bincount(chosen[:, 0], minlength=8)  # seven layers, or none
    assert len(counts) == 8 and abs(counts - 50).max() < 25
    close(weights.sum(), 1, 1e-5)
    assert 0.5 < 400 * float(weights.std()) * 2**0.5 < 1.5  # the deviation of a Dirichlet of 2


# --- the contract of a random layer ---

RANDOM = [
    ("RandomFlip", {}),
    ("RandomRotation", {"factor": 0.2}),
    ("RandomZoom", {"height_factor": 0.3}),
    ("RandomTranslation", {"height_factor": 0.2, "width_factor": 0.2}),
    ("RandomCrop", {"height": 4, "width": 4}),
    ("RandomContrast", {"factor": 0.5}),
    ("RandomBrightness", {"factor": 0.5}),
    ("RandomColorDegeneration", {"factor": 0.5}),
    ("RandomColorJitter", {"brightness_factor": 0.2, "hue_factor": 0.5}),
    ("RandomElasticTransform", {}),
    ("RandomErasing", {}),
    ("RandomGaussianBlur", {"kernel_size": (3, 11)}),
    ("RandomGrayscale", {}),
    ("RandomHue", {"factor": 0.5}),
    ("RandomInvert", {}),
    ("RandomPerspective", {}),
    ("RandomPosterization", {"factor": (1, 8)}),
    ("RandomSaturation", {"factor": (0.1, 0.9)}),
    ("RandomSharpness", {"factor": 1.0}),
    ("RandomShear", {"x_factor": (0.1, 0.5), "y_factor": (0.1, 0.3)}),
    ("Solarization", {"addition_factor": 0.3, "threshold_factor": 0.5}),
    ("RandAugment", {}),
    ("AugMix", {"num_chains": 2, "chain_depth": 2}),
]
POLICIES = ("RandAugment", "AugMix")


@pytest.mark.parametrize(("name", "arguments"), RANDOM)
def test_contract_of_random_layers(name, arguments):
    x = jnp.broadcast_to(IMAGES[0], (8, *IMAGES[0].shape))
    layer, twin = (getattr(layers, name)(**arguments, seed=3) for _ in range(2))

    @jax.jit
    def run(states, x):
        return layer.stateless_call([], states, x)  # training is the default of a call

    states, twins = ([v.value for v in one.non_trainable_variables] for one in (layer, twin))
    assert jax.tree.all(jax.tree.map(np.array_equal, states, twins))
    outputs, states = run(states, x)
    later, _ = run(states, x)
    assert outputs.shape == layer.compute_output_shape(x.shape) and outputs.dtype == "float32"
    assert np.isfinite(outputs).all()
    assert not np.array_equal(later, outputs)  # the next call draws anew
    if name not in POLICIES:  # each image of the batch on its own
        assert len({np.asarray(image).tobytes() for image in outputs}) > 1
    if name != "RandomCrop":
        assert np.array_equal(layer(x, training=False), x)
    single = jax.eval_shape(lambda x: layer.stateless_call([], states, x)[0], x[0])
    assert single.shape == layer.compute_output_shape(x.shape[1:])


def test_channels_first_gives_the_same_images():
    def both():
        results = []
        for name in ("RandomRotation", "RandomCrop", "RandomErasing", "RandomHue"):
            for layout, x in (("channels_last", IMAGES), ("channels_first", np.moveaxis(IMAGES, -1, 1))):
                layer = getattr(layers, name)(**dict(RANDOM)[name], data_format=layout)
                y = layer.transform_images(x, layer.get_random_transformation(x, seed=1))
                results.append(y if layout == "channels_last" else jnp.moveaxis(y, 1, -1))
        return results

    results = jax.jit(both)()
    for last, first in zip(results[::2], results[1::2], strict=True):
        close(first, last)


NEUTRAL = [
    ("RandomRotation", {"factor": 0}),
    ("RandomZoom", {"height_factor": 0}),
    ("RandomTranslation", {"height_factor": 0, "width_factor": 0}),
    ("RandomShear", {}),
    ("RandomBrightness", {"factor": 0}),
    ("RandomContrast", {"factor": 0}),
    ("RandomColorDegeneration", {"factor": 0}),
    ("RandomHue", {"factor": 0}),
    ("RandomSaturation", {"factor": (0.5, 0.5)}),
    ("RandomSharpness", {"factor": (0.5, 0.5)}),
    ("RandomInvert", {"factor": 0}),
    ("RandomErasing", {"factor": 0}),
    ("RandomErasing", {"scale": 0}),
    ("RandomPerspective", {"factor": 0}),
    ("RandomPerspective", {"scale": 0}),
    ("RandomElasticTransform", {"scale": 0}),
    ("RandomGaussianBlur", {"sigma": 0}),
    ("RandomGrayscale", {"factor": 0}),
    ("RandomPosterization", {"factor": (8, 8)}),
    ("RandomColorJitter", {}),
    ("Resizing", {"height": 6, "width": 8}),
    ("CenterCrop", {"height": 6, "width": 8}),
]


def test_neutral_arguments_leave_images_unchanged():
    images = np.floor(IMAGES)

    def run():
        made = [getattr(layers, name)(**arguments) for name, arguments in NEUTRAL]
        return [layer.transform_images(images, layer.get_random_transformation(images, seed=1)) for layer in made]

    for case, outputs in zip(NEUTRAL, jax.jit(run)(), strict=True):
        np.testing.assert_allclose(outputs, images, atol=0.01, err_msg=str(case))


# --- where Keras is not followed ---


def test_random_crop_keeps_its_shape_outside_of_training():
    layer = layers.RandomCrop(4, 4)
    expected = layers.CenterCrop(4, 4)(IMAGES)
    assert np.array_equal(layers.CenterCrop(4, 4)(list(IMAGES)), expected)
    assert np.array_equal(layer(IMAGES, training=False), expected)
    assert expected.shape == layer.compute_output_shape(SHAPE)


def test_blur_goes_both_ways_and_keeps_brightness():
    point = np.zeros((1, 31, 31, 1), "float32")
    point[0, 15, 15] = 1
    for size in (5, 15):  # written out, and as a matrix
        blurred = jax.jit(kernels.gaussian_blur, static_argnums=1)(point, (size, size), np.float32([0.6, 1.1]))
        rows, columns = (np.exp(-0.5 * ((np.arange(31) - 15) / s) ** 2) for s in (0.6, 1.1))
        window = abs(np.arange(31) - 15) <= size // 2
        rows, columns = (w * window / (w * window).sum() for w in (rows, columns))
        close(blurred[0, ..., 0], np.outer(rows, columns), 1e-6)


def test_saturation_ends_at_one_so_that_values_stay_in_range():
    found = layers.RandomSaturation(0.5).transform_images(IMAGES, {"factor": jnp.full(3, 3.0)})
    assert found.min() >= 0 and found.max() <= 255.001


def test_inversion_stays_in_the_range_of_values():
    given = {"apply_inversion": jnp.array([True])}
    found = layers.RandomInvert(value_range=(-1, 1)).transform_images(np.array([[[[-1.0], [0.5]]]]), given)
    assert np.ravel(found).tolist() == [1.0, -0.5]


def test_equalization_of_an_image_does_not_depend_on_its_neighbours():
    layer = layers.Equalization()
    together, alone = jax.jit(lambda x: (layer(x, training=True), layer(x[:1], training=True)))(IMAGES)
    close(together[:1], alone, 0)


def test_elastic_distortion_is_smooth_and_of_the_size_it_promises():
    ramp = np.stack(np.meshgrid(np.arange(64.0), np.arange(48.0)), -1)[None].astype("float32")
    noise = np.random.default_rng(0).normal(size=(1, 48, 64, 2)).astype("float32")
    strengths = np.float32([6.0]), np.float32([2.0])
    warp = jax.jit(lambda *given: kernels.elastic_transform(*given, 13, fill_mode="nearest"))
    moved = warp(jnp.asarray(ramp), jnp.asarray(noise), *strengths)
    shift = np.asarray(moved - ramp)[0, 8:-8, 8:-8]
    # Noise of deviation sigma after a blur of deviation sigma: 1 / (2 sqrt(pi)) on both axes, alpha times.
    assert abs(shift.std() / (6 / (2 * np.pi**0.5)) - 1) < 0.1
    assert abs(np.corrcoef(shift[..., 0].ravel(), shift[..., 1].ravel())[0, 1]) < 0.2
    neighbours = np.corrcoef(shift[:, 1:, 0].ravel(), shift[:, :-1, 0].ravel())[0, 1]
    assert abs(neighbours - np.exp(-1 / 16)) < 0.05


# --- dtypes, configs, kernels ---


def test_whole_numbers_stay_whole_where_keras_keeps_them_and_become_floats_elsewhere(keras):
    images = IMAGES.astype("uint8")
    kept = [
        ("Resizing", {"height": 4, "width": 5}),
        ("RandomGrayscale", {"factor": 1.0}),
        ("ContrastLimitedAdaptiveHistogramEqualization", {"tile_grid_size": (2, 2)}),
    ]
    for name, arguments in kept:
        made = [getattr(library, name)(**arguments) for library in (layers, keras.layers)]

        def both(x, made=made):
            return [layer(x, training=True) for layer in made]

        found, expected = both(images) if "Random" in name else jax.jit(both)(images)
        assert found.dtype == expected.dtype == "uint8"
        assert np.array_equal(found, expected), name
    layer = layers.RandomBrightness((0.1, 0.1))
    assert np.array_equal(layer(images, training=True), np.minimum(images.astype(int) + 25, 255))
    assert layer(sequax.Input((4, 4, 3), dtype="uint8")).dtype == "uint8"
    for name in ("RandomRotation", "AutoContrast"):
        layer = getattr(layers, name)(**dict(RANDOM).get(name, {}))
        states = [v.value for v in layer.non_trainable_variables]
        assert jax.eval_shape(layer.stateless_call, [], states, images)[0].dtype == "float32"
    assert layers.RandomFlip(dtype="uint8")(images).dtype == "uint8"
    assert layers.RandomFlip(dtype="mixed_bfloat16")(IMAGES).dtype == "bfloat16"


CONFIGS = [
    *((name, {**arguments, "seed": 7}) for name, arguments in RANDOM),
    ("RandomZoom", {"height_factor": (0.1, 0.2), "width_factor": 0.3, "fill_mode": "constant", "seed": None}),
    ("RandomBrightness", {"factor": (0.1, 0.2), "value_range": [0, 1], "data_format": "channels_first"}),
    ("RandomErasing", {"factor": (0.2, 0.4), "fill_value": 3.0}),
    ("Solarization", {}),
    ("Resizing", {"height": 3, "width": 4, "interpolation": "nearest", "fill_value": 1.0}),
    ("CenterCrop", {"height": 3, "width": 4}),
    ("AutoContrast", {"value_range": (0, 1)}),
    ("Equalization", {"bins": 16}),
    ("ContrastLimitedAdaptiveHistogramEqualization", {"clip_limit": 2.0}),
]


def plain(config):
    return json.loads(json.dumps(config))


@pytest.mark.parametrize(("name", "arguments"), CONFIGS)
def test_configs_go_both_ways(keras, name, arguments):
    own, oracle = (getattr(library, name)(**arguments, name="layer") for library in (layers, keras.layers))
    config, expected = (plain(layer.get_config()) for layer in (own, oracle))
    assert config == expected
    assert plain(type(own).from_config(expected).get_config()) == config
    assert plain(type(oracle).from_config(config).get_config()) == expected


def test_affine_transforms_equal_keras(keras):
    matrix = (
        ANGLES["rotation_matrix"].at[0, 2].add(-30.013).at[1, 5].add(17.317).at[:, 5].add(0.0131).at[1:, 2].add(0.0131)
    )  # no halves
    modes = [(i, m) for i in kernels.INTERPOLATIONS for m in ("constant", "nearest", "reflect", "wrap")]

    def both():
        return [
            [transform(IMAGES, matrix, interpolation=i, fill_mode=m, fill_value=3.0) for i, m in modes]
            for transform in (kernels.affine_transform, keras.ops.image.affine_transform)
        ]

    for found, expected in zip(*jax.jit(both)(), strict=True):
        close(found, expected)


def test_colors_equal_keras(keras):
    x = IMAGES / 255
    x[0, 0, :4] = [[0, 0, 0], [1, 1, 1], [1, 0, 1], [0, 0.5, 0.5]]
    close(colors.rgb_to_hsv(x), keras.ops.image.rgb_to_hsv(x), 1e-5)
    close(colors.hsv_to_rgb(x), keras.ops.image.hsv_to_rgb(x), 1e-5)
    close(colors.hsv_to_rgb(colors.rgb_to_hsv(x)), x, 1e-5)
    close(colors.rgb_to_grayscale(x), keras.ops.image.rgb_to_grayscale(x), 1e-5)


def test_gray_has_no_hue_nor_a_slope_of_it(keras):
    x = np.array([[[0, 0, 0], [0.5, 0.5, 0.5], [1, 1, 1], [0.2, 0.7, 0.4]]], "float32")
    ours, theirs = (
        jax.grad(lambda x, module=module: module.rgb_to_hsv(x)[..., 0].sum())(x) for module in (colors, keras.ops.image)
    )
    close(ours, theirs, 1e-5)
    assert not np.any(ours[0, :3]) and np.all(np.isfinite(ours))


# --- in a model ---


def test_layers_augment_in_fit_and_rest_in_predict():
    model = sequax.Sequential(
        [
            sequax.Input((8, 8, 3)),
            layers.Resizing(6, 6),
            layers.RandomFlip("horizontal"),
            layers.RandomTranslation(0.1, 0.2),
            layers.RandomBrightness(0.2, value_range=(0, 1)),
            layers.RandomErasing(value_range=(0, 1)),
            layers.Conv2D(2, 3),
            layers.Flatten(),
            layers.Dense(1),
        ]
    )
    x = np.random.default_rng(0).random((8, 8, 8, 3)).astype("float32")
    model.compile("sgd", "mse")
    seeds = [layer.seed_generator.state.numpy() for layer in model.layers[1:5]]
    history = model.fit(x, x.mean((1, 2, 3)), batch_size=4, epochs=2, verbose=0)
    assert np.isfinite(history.history["loss"]).all()
    moved = [layer.seed_generator.state.numpy() - seed for layer, seed in zip(model.layers[1:5], seeds, strict=True)]
    assert np.array_equal(moved, [[0, 4]] * 4)  # one draw per batch
    expected = layers.Resizing(6, 6)(x)
    for layer in model.layers[5:]:
        expected = layer(expected)
    close(model.predict(x, verbose=0), expected, 1e-5)


@pytest.mark.parametrize("name", ["Resizing", "CenterCrop", "RandomCrop"])
def test_a_model_that_begins_with_a_size_takes_images_of_any_size(name, tmp_path):
    model = sequax.Sequential([getattr(layers, name)(10, 12), layers.GlobalAveragePooling2D(), layers.Dense(1)])
    images = [np.random.default_rng(0).random((2, *size, 3)).astype("float32") for size in ((25, 30), (6, 7), (10, 40))]
    found = model.predict(iter([(batch,) for batch in images]), verbose=0)
    close(found, np.concatenate([model.predict(batch, verbose=0) for batch in images]), 1e-6)
    model.save(tmp_path / "model.keras")
    close(sequax.saving.load_model(tmp_path / "model.keras").predict(images[1], verbose=0), found[2:4], 1e-6)
    model.compile("sgd", "mse")
    model.fit(((batch, np.ones(2)) for batch in images), epochs=1, steps_per_epoch=3, verbose=0)
    with pytest.raises(ValueError, match=r"expects \(n, n, n, 3\)"):
        model.predict(images[0][..., :2], verbose=0)


# --- refusals ---

REFUSED = [
    ("RandomRotation", {"factor": 1.5}, ValueError, r"RandomRotation.*`factor`.*\[-1, 1\].*1.5"),
    ("RandomRotation", {"factor": (1, 2, 3)}, ValueError, r"`factor`.*\(1, 2, 3\)"),
    ("RandomRotation", {"factor": float("nan")}, ValueError, r"`factor`.*nan"),
    ("RandomRotation", {"factor": 0.1, "fill_mode": "x"}, NotImplementedError, r"`fill_mode`.*reflect.*'x'"),
    ("RandomRotation", {"factor": 0.1, "interpolation": "bicubic"}, NotImplementedError, r"`interpolation`.*'bicubic'"),
    ("RandomContrast", {"factor": -0.1}, ValueError, r"`factor`.*\[0, 1\].*-0.1"),
    ("RandomZoom", {"height_factor": (0, 2)}, ValueError, r"`height_factor`.*\(0, 2\)"),
    ("RandomTranslation", {"height_factor": 0.1, "width_factor": "a"}, ValueError, r"`width_factor`.*'a'"),
    ("RandomShear", {"y_factor": -0.1}, ValueError, r"`y_factor`.*-0.1"),
    ("RandomPerspective", {"scale": 2}, ValueError, r"`scale`.*between 0 and 1.*2"),
    ("RandomErasing", {"factor": (0.5, 1.5)}, ValueError, r"`factor`.*1.5"),
    ("RandomErasing", {"fill_value": "red"}, ValueError, r"`fill_value`.*'red'"),
    ("RandomGaussianBlur", {"kernel_size": 4}, ValueError, r"`kernel_size`.*odd.*4"),
    ("RandomGaussianBlur", {"sigma": (-1, 1)}, ValueError, r"`sigma`.*\(-1, 1\)"),
    ("RandomPosterization", {"factor": 9}, ValueError, r"`factor`.*\[1, 8\].*9"),
    ("RandomPosterization", {"factor": 2.5}, ValueError, r"whole number.*2.5"),
    ("RandomGrayscale", {"factor": 1.5}, ValueError, r"`factor`.*between 0 and 1.*1.5"),
    ("RandomFlip", {"mode": "x"}, ValueError, r"`mode`.*horizontal.*'x'"),
    ("RandomBrightness", {"factor": 0.1, "value_range": (1,)}, ValueError, r"`value_range`.*two.*\(1,\)"),
    ("AutoContrast", {"value_range": (1, 1)}, ValueError, r"`value_range`.*\(1, 1\)"),
    ("Equalization", {"bins": 0}, ValueError, r"`bins`.*0"),
    ("ContrastLimitedAdaptiveHistogramEqualization", {"tile_grid_size": 3}, ValueError, r"`tile_grid_size`.*3"),
    ("Resizing", {"height": 0, "width": 3}, ValueError, r"`height`.*0"),
    ("Resizing", {"height": 2, "width": 3, "interpolation": "x"}, ValueError, r"`interpolation`.*'x'"),
    ("Resizing", {"height": 2, "width": 3, "fill_mode": "x"}, ValueError, r"`fill_mode`.*constant.*'x'"),
    (
        "Resizing",
        {"height": 2, "width": 3, "crop_to_aspect_ratio": True, "pad_to_aspect_ratio": True},
        ValueError,
        "only one",
    ),
    ("CenterCrop", {"height": 2, "width": 2.5}, ValueError, r"`width`.*2.5"),
    ("RandAugment", {"num_ops": -1}, ValueError, r"`num_ops`.*-1"),
    ("RandAugment", {"interpolation": "x"}, NotImplementedError, r"`interpolation`.*'x'"),
    ("AugMix", {"alpha": 0}, ValueError, r"`alpha`.*0"),
    ("AugMix", {"factor": 2}, ValueError, r"`factor`.*2"),
]


@pytest.mark.parametrize(("name", "arguments", "error", "message"), REFUSED)
def test_arguments_that_make_no_sense_are_refused(name, arguments, error, message):
    with pytest.raises(error, match=message):
        getattr(layers, name)(**arguments)


def test_inputs_of_another_rank_or_number_of_channels_are_refused():
    for name in ("RandomFlip", "Resizing", "AutoContrast"):
        layer = getattr(layers, name)(**({"height": 2, "width": 2} if name == "Resizing" else {}))
        for shape in ((3, 4), (1, 2, 3, 4, 5)):
            with pytest.raises(ValueError, match=rf"{name}.*rank 3.*rank 4.*Received"):
                layer(np.zeros(shape, "float32"))
    with pytest.raises(ValueError, match=r"RandomHue.*3 channels.*\(2, 4, 4, 1\)"):
        layers.RandomHue(0.1)(np.zeros((2, 4, 4, 1), "float32"))
