"""Images in dicts with labels, boxes and masks: what moves with the pixels; and `utils.bounding_boxes`."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import sequax
from sequax import layers
from sequax.utils import bounding_boxes

ROWS, COLUMNS = 30, 40
SHAPE = (2, ROWS, COLUMNS, 3)
BOXES = np.array([[[6, 8, 20, 18], [10, 2, 36, 9]], [[3, 12, 15, 28], [22, 5, 38, 25]]], "float32")
LABELS = np.array([[1, 2], [3, 4]])
BOTH = jnp.array([True, False])
FORMATS = ("yxyx", "xywh", "center_xywh", "center_yxhw", "rel_xyxy", "rel_yxyx", "rel_xywh", "rel_center_xywh")


def close(found, expected, tolerance=1e-3):
    np.testing.assert_allclose(np.asarray(found, "float32"), np.asarray(expected, "float32"), rtol=0, atol=tolerance)


def with_boxes(name, library=layers, layout="xyxy", **arguments):
    return getattr(library, name)(**arguments, bounding_box_format=layout)


# --- the same random numbers, the same boxes ---

TURNS = layers.RandomRotation(0.2).get_random_transformation(np.zeros(SHAPE, "float32"), seed=1)
CORNERS = np.array([[0, 0], [COLUMNS - 1, 0], [0, ROWS - 1], [COLUMNS - 1, ROWS - 1]], "float32")
ENDS = np.stack([CORNERS, CORNERS]) * np.random.default_rng(0).uniform(0.8, 1.1, (2, 4, 2)).astype("float32")
GIVEN = [
    ("RandomFlip", {"mode": "horizontal"}, {"flips": BOTH[:, None, None, None]}),
    ("RandomFlip", {"mode": "vertical"}, {"flips": BOTH[:, None, None, None]}),
    ("RandomFlip", {}, {"flips": BOTH[:, None, None, None]}),
    ("RandomTranslation", {"height_factor": 0, "width_factor": 0}, {"translations": jnp.array([[5.5, -9], [30, 2]])}),
    (
        "RandomZoom",
        {"height_factor": 0.1},
        {"height_zoom": jnp.array([[0.8], [1.3]]), "width_zoom": jnp.array([[1.2], [0.7]])},
    ),
    ("RandomRotation", {"factor": 0.2}, TURNS),
    (
        "RandomPerspective",
        {},
        {"apply_perspective": BOTH, "start_points": jnp.array([CORNERS, CORNERS]), "end_points": jnp.array(ENDS)},
    ),
    ("CenterCrop", {"height": 20, "width": 24}, {}),
    ("CenterCrop", {"height": 40, "width": 20}, {}),
    ("Resizing", {"height": 15, "width": 60}, (ROWS, COLUMNS)),
    ("Resizing", {"height": 40, "width": 40, "pad_to_aspect_ratio": True}, (ROWS, COLUMNS)),
]


@pytest.mark.parametrize(("name", "arguments", "drawn"), GIVEN)
def test_given_the_random_numbers_boxes_equal_keras(keras, name, arguments, drawn):
    own, oracle = (with_boxes(name, library, **arguments) for library in (layers, keras.layers))
    sizes = {"input_shape": SHAPE, "image_height": ROWS, "image_width": COLUMNS, "batch_size": 2}
    given = {**drawn, **sizes} if isinstance(drawn, dict) else drawn
    found, expected = (
        layer.transform_bounding_boxes({"boxes": jnp.asarray(BOXES), "labels": jnp.asarray(LABELS)}, given)
        for layer in (own, oracle)
    )
    close(found["boxes"], expected["boxes"])
    if name != "RandomPerspective":  # Keras keeps the labels of boxes that are gone in some layers, not in others
        assert np.array_equal(found["labels"], expected["labels"])


MOVES = [
    ("RandomFlip", {}),
    ("RandomRotation", {"factor": 0.2, "fill_mode": "constant"}),
    ("RandomZoom", {"height_factor": 0.3, "width_factor": 0.3, "fill_mode": "constant"}),
    ("RandomTranslation", {"height_factor": 0.2, "width_factor": 0.2, "fill_mode": "constant"}),
    ("RandomShear", {"x_factor": (0.2, 0.4), "y_factor": (0.0, 0.2), "fill_mode": "constant"}),
    ("RandomPerspective", {"scale": 0.3}),
    ("RandomCrop", {"height": 24, "width": 30}),
    ("RandomCrop", {"height": 24, "width": 50}),
    ("CenterCrop", {"height": 26, "width": 30}),
    ("CenterCrop", {"height": 50, "width": 40}),
    ("Resizing", {"height": 45, "width": 40}),
    ("Resizing", {"height": 40, "width": 40, "crop_to_aspect_ratio": True}),
    ("Resizing", {"height": 40, "width": 40, "pad_to_aspect_ratio": True}),
]
PLACES = np.array([[[8.0, 6.0, 22.0, 18.0]]] * 6, "float32")
MASKS = np.zeros((6, ROWS, COLUMNS, 1), "uint8")
MASKS[:, 6:18, 8:22] = 7
PICTURES = MASKS.astype("float32") * np.array([10.0, 20.0, 30.0], "float32")


@pytest.mark.parametrize(("name", "arguments"), MOVES)
def test_boxes_and_masks_go_where_the_pixels_go(name, arguments):
    layer = with_boxes(name, **arguments, **({"seed": 5} if "Random" in name else {}))
    data = {
        "images": PICTURES,
        "segmentation_masks": MASKS,
        "bounding_boxes": {"boxes": PLACES, "labels": np.full((6, 1), 3)},
    }
    outputs = layer(data, training=True)
    assert outputs["segmentation_masks"].dtype == "uint8"
    assert set(np.unique(outputs["segmentation_masks"])) <= {0, 7}
    bright = np.asarray(outputs["images"])[..., 0] > 35
    assert (bright == (np.asarray(outputs["segmentation_masks"])[..., 0] == 7)).mean() > 0.98
    assert np.asarray(outputs["bounding_boxes"]["labels"]).ravel().tolist() == [3] * 6
    for image, (left, top, right, bottom) in zip(
        bright, np.asarray(outputs["bounding_boxes"]["boxes"])[:, 0], strict=True
    ):
        y, x = np.nonzero(image)
        found = np.array([x.min(), y.min(), x.max() + 1, y.max() + 1])
        assert abs(found - [left, top, right, bottom]).max() < 2.1, (found, left, top, right, bottom)


def test_every_format_gives_the_same_boxes():
    for name, arguments in (MOVES[3], MOVES[10]):
        data = {"images": PICTURES, "bounding_boxes": {"boxes": PLACES, "labels": np.ones((6, 1), "int32")}}
        seed = {"seed": 2} if "Rand" in name else {}
        outputs = with_boxes(name, **arguments, **seed)(data)
        size = outputs["images"].shape[1:3]
        for layout in FORMATS:
            given = bounding_boxes.convert_format(PLACES, "xyxy", layout, ROWS, COLUMNS)
            data["bounding_boxes"]["boxes"] = given
            found = with_boxes(name, layout=layout.upper(), **arguments, **seed)(data)["bounding_boxes"]
            expected = bounding_boxes.convert_format(outputs["bounding_boxes"]["boxes"], "xyxy", layout, *size)
            close(found["boxes"], expected)


def test_random_augment_moves_boxes_and_masks_with_the_layers_chosen():
    layer = with_boxes("RandAugment", factor=0.4, num_ops=3, seed=1)
    drawn = layer.get_random_transformation(PICTURES) | {"layer_idxes": jnp.array([1, 3, 2])}  # translation, rotation
    boxes, masks, inner = {"boxes": PLACES, "labels": np.ones((6, 1))}, MASKS, drawn["transforms"]
    expected = boxes
    for name in ("random_translation", "random_rotation"):
        step = getattr(layer, name)
        step.bounding_box_format = "xyxy"
        given = inner[name] | {"input_shape": PICTURES.shape}
        expected = step.transform_bounding_boxes(expected, given)
        masks = step.transform_segmentation_masks(masks, given)
    close(layer.transform_bounding_boxes(boxes, drawn)["boxes"], expected["boxes"])
    assert np.array_equal(layer.transform_segmentation_masks(MASKS, drawn), masks)
    outputs = layers.RandAugment(num_ops=0)(PICTURES)
    assert np.array_equal(outputs, PICTURES)


# --- batches mixed ---

ORDER = jnp.array([2, 0, 1, 3])
SHARES = jnp.array([0.25, 1.0, 0.6, 0.1])
BATCH = np.random.default_rng(3).uniform(0, 255, (4, 5, 6, 3)).astype("float32")
CLASSES = np.eye(4, dtype="float32")
CUT = jnp.array(np.random.default_rng(4).random((4, 5, 6, 1)) < 0.4)


@pytest.mark.parametrize("name", ["MixUp", "CutMix"])
def test_mixed_images_and_labels_equal_keras(keras, name):
    drawn = {"permutation_order": ORDER, "mix_weight": SHARES, "batch_masks": CUT}
    own, oracle = (getattr(library, name)() for library in (layers, keras.layers))
    for part, values in (("images", BATCH), ("labels", CLASSES)):
        found, expected = (getattr(one, f"transform_{part}")(jnp.asarray(values), drawn) for one in (own, oracle))
        close(found, expected)


@pytest.mark.parametrize(("name", "arguments"), [("MixUp", {"alpha": 0.4}), ("CutMix", {}), ("CutMix", {"factor": 0})])
def test_labels_are_mixed_by_the_share_of_the_images(name, arguments):
    """Each image is one color, so that its mean says its share."""
    colors = np.arange(16, dtype="float32") ** 2
    images = np.broadcast_to(colors[:, None, None, None], (16, 20, 30, 3))
    layer = getattr(layers, name)(**arguments, seed=3)
    masks = np.broadcast_to(np.eye(16, dtype="float32")[:, None, None], (16, 20, 30, 16))
    outputs = layer({"images": images, "labels": np.eye(16, dtype="int32"), "segmentation_masks": masks})
    close(outputs["labels"].sum(1), np.ones(16), 1e-5)
    close(np.asarray(outputs["labels"]) @ colors, np.asarray(outputs["images"]).mean((1, 2, 3)), 0.01)
    close(outputs["segmentation_masks"].mean((1, 2)), outputs["labels"], 1e-4)
    assert np.array_equal(layer(images, training=False), images)
    assert np.array_equal(layer(images[0], training=True), images[0])


@pytest.mark.filterwarnings("ignore:Explicitly requested dtype int64:UserWarning")  # Keras' own
def test_shares_have_the_distribution_of_keras(keras):
    images = np.zeros((3000, 6, 8, 1), "float32")
    for name, arguments in (("MixUp", {"alpha": 0.3}), ("CutMix", {"factor": (0.7, 0.7)})):
        own, oracle = (getattr(library, name)(**arguments, seed=1) for library in (layers, keras.layers))
        found, expected = (
            np.ravel(one.get_random_transformation(images, training=True)["mix_weight"]) for one in (own, oracle)
        )
        for statistic in (np.mean, np.std):
            assert abs(statistic(found) - statistic(expected)) < 0.03, name
        order = own.get_random_transformation(images)["permutation_order"]
        assert np.array_equal(np.sort(order), np.arange(3000))


def test_mix_up_keeps_the_boxes_of_both_images():
    drawn = {"permutation_order": [1, 0], "mix_weight": [0.5, 0.5]}
    found = with_boxes("MixUp").transform_bounding_boxes({"boxes": BOXES, "labels": LABELS}, drawn)
    assert np.array_equal(found["boxes"], np.concatenate([BOXES, BOXES[::-1]], 1))
    assert np.array_equal(found["labels"], [[1, 2, 3, 4], [3, 4, 1, 2]])


def test_numbers_of_classes_are_not_mixed():
    for name in ("MixUp", "CutMix"):
        with pytest.raises(ValueError, match=rf"{name}.*one-hot.*shape \(4,\), dtype int32"):
            getattr(layers, name)()({"images": BATCH, "labels": np.arange(4)})
    with pytest.raises(ValueError, match=r"MixUp.*channel for each class.*uint8"):
        layers.MixUp()({"images": BATCH, "segmentation_masks": BATCH[..., :1].astype("uint8")})
    found = layers.MixUp()({"images": BATCH, "labels": np.arange(4.0)})["labels"]
    assert found.shape == (4,)


def test_max_num_bounding_boxes_equals_keras(keras):
    for most in (1, 2, 5):
        made = [with_boxes("MaxNumBoundingBoxes", library, max_number=most) for library in (layers, keras.layers)]
        data = [{"images": BATCH[:2], "bounding_boxes": {"boxes": BOXES, "labels": LABELS}} for _ in made]
        found, expected = (one(given) for one, given in zip(made, data, strict=True))
        for key in ("boxes", "labels"):
            assert np.array_equal(found["bounding_boxes"][key], expected["bounding_boxes"][key])
    shapes = {"images": (2, 8, 8, 3), "bounding_boxes": {"boxes": (2, 7, 4), "labels": (2, 7)}}
    assert made[0].compute_output_shape(shapes)["bounding_boxes"] == {"boxes": (2, 5, 4), "labels": (2, 5)}
    twin = layers.MaxNumBoundingBoxes.from_config(layers.MaxNumBoundingBoxes(3, fill_value=0).get_config())
    assert (twin.max_number, twin.fill_value) == (3, 0)


# --- dicts ---


def test_a_dict_comes_back_new_and_whole():
    data = {
        "images": np.zeros(SHAPE, "uint8"),
        "labels": np.array([4, 5]),
        "bounding_boxes": {"boxes": BOXES, "labels": LABELS, "confidence": np.ones((2, 2))},
        "segmentation_masks": np.zeros(SHAPE[:3], "int32"),
        "name": np.array([1, 2]),
    }
    kept = {**data, "bounding_boxes": dict(data["bounding_boxes"])}
    for name, arguments in (
        ("RandomFlip", {}),
        ("RandomBrightness", {"factor": 0.1}),
        ("RandomCrop", {"height": 9, "width": 12}),
    ):
        outputs = with_boxes(name, **arguments)(data)
        assert list(outputs) == list(data) and outputs["images"].dtype == ("uint8" if "Bright" in name else "float32")
        assert outputs["segmentation_masks"].shape == outputs["images"].shape[:3]
        assert outputs["segmentation_masks"].dtype == "int32"
        assert set(outputs["bounding_boxes"]) == {"boxes", "labels", "confidence"}
        assert all(data[key] is kept[key] for key in data if key != "bounding_boxes")
        assert all(data["bounding_boxes"][key] is kept["bounding_boxes"][key] for key in kept["bounding_boxes"])
    outputs = with_boxes("RandomFlip")(data, training=False)
    close(outputs["bounding_boxes"]["boxes"], BOXES)


def test_one_image_is_a_batch_of_one():
    for name, arguments in (MOVES[0], MOVES[5], MOVES[7], MOVES[12]):
        seed = {"seed": 3} if "Random" in name else {}
        batch = {
            "images": PICTURES[:1],
            "segmentation_masks": MASKS[:1],
            "bounding_boxes": {"boxes": PLACES[:1], "labels": np.ones((1, 1), "int32")},
        }
        single = jax.tree.map(lambda v: v[0], batch)
        expected, found = (with_boxes(name, **arguments, **seed)(data) for data in (batch, single))
        assert jax.tree.all(jax.tree.map(lambda a, b: np.allclose(a[0], b), expected, found)), name


def test_channels_first_moves_the_same_boxes():
    for name, arguments in MOVES[:7]:
        found = []
        for layout, axis in (("channels_last", -1), ("channels_first", 1)):
            layer = with_boxes(name, **arguments, seed=2, data_format=layout)
            data = {"images": np.moveaxis(PICTURES, -1, axis), "segmentation_masks": np.moveaxis(MASKS, -1, axis)}
            outputs = layer({**data, "bounding_boxes": {"boxes": PLACES, "labels": np.ones((6, 1), "int32")}})
            masks = np.moveaxis(outputs["segmentation_masks"], axis, -1)
            found.append((outputs["bounding_boxes"]["boxes"], masks))
        close(found[0][0], found[1][0])
        assert np.array_equal(found[0][1], found[1][1])


def test_boxes_that_leave_and_boxes_that_fill_up_get_the_label_minus_one():
    layer = with_boxes("RandomTranslation", height_factor=0, width_factor=(0.5, 0.5))
    boxes = np.array([[[30, 5, 39, 9], [5, 5, 9, 9], [0, 0, 0, 0], [-1, -1, -1, -1]]], "float32")
    data = {
        "images": np.zeros((1, *SHAPE[1:])),
        "bounding_boxes": {"boxes": boxes, "labels": np.array([[1, 2, -1, -1]])},
    }
    found = layer(data)["bounding_boxes"]
    assert np.asarray(found["labels"]).tolist() == [[-1, 2, -1, -1]]
    assert np.asarray(found["boxes"]).tolist()[0][1:] == [[25, 5, 29, 9], [0] * 4, [0] * 4]
    one_hot = layer({**data, "bounding_boxes": {"boxes": boxes[:, :2], "labels": np.eye(2)[None]}})["bounding_boxes"]
    assert np.asarray(one_hot["labels"]).tolist() == [[[-1, -1], [0, 1]]]
    none = {"boxes": np.zeros((1, 0, 4)), "labels": np.zeros((1, 0), "int32")}
    for name, arguments in (MOVES[0], MOVES[3], MOVES[10]):
        outputs = with_boxes(name, **arguments)({**data, "bounding_boxes": none})
        assert outputs["bounding_boxes"]["boxes"].shape == (1, 0, 4)


def test_crops_outside_of_training_show_the_middle_boxes_included():
    data = {"images": PICTURES, "bounding_boxes": {"boxes": PLACES, "labels": np.ones((6, 1), "int32")}}
    found = with_boxes("RandomCrop", height=20, width=24)(data, training=False)
    expected = with_boxes("CenterCrop", height=20, width=24)(data)
    assert jax.tree.all(jax.tree.map(np.array_equal, found, expected))


def test_lists_of_boxes_are_filled_up():
    boxes = {"boxes": [BOXES[0].tolist(), BOXES[1, :1].tolist(), []], "labels": [[1, 2], [3], []]}
    data = {"images": np.zeros((3, *SHAPE[1:])), "bounding_boxes": boxes}
    found = with_boxes("RandomFlip", mode="horizontal", seed=1)(data, training=False)["bounding_boxes"]
    assert np.asarray(found["labels"]).tolist() == [[1, 2], [3, -1], [-1, -1]]
    close(found["boxes"], [BOXES[0], [BOXES[1, 0], np.zeros(4)], np.zeros((2, 4))])
    with pytest.raises(ValueError, match="as many labels as boxes"):
        with_boxes("RandomFlip")({**data, "bounding_boxes": {**boxes, "labels": [[1], [3], []]}})


def test_boxes_keep_their_precision_in_mixed_precision():
    boxes = {"boxes": np.array([[[257.0, 259.0, 1001.0, 1003.0]]]), "labels": np.array([[1]])}
    data = {"images": np.zeros((1, 1024, 1024, 1), "float32"), "bounding_boxes": boxes}
    outputs = with_boxes("RandomTranslation", height_factor=0, width_factor=0, dtype="mixed_bfloat16")(data)
    assert outputs["images"].dtype == "bfloat16"
    assert np.array_equal(outputs["bounding_boxes"]["boxes"], boxes["boxes"])


def test_dicts_are_traced_and_go_through_symbolic_calls_and_pipelines():
    layer = layers.Pipeline(
        [
            with_boxes("RandomFlip", seed=1),
            with_boxes("RandomRotation", factor=0.1, seed=1),
            with_boxes("Resizing", height=9, width=12),
        ]
    )
    data = {"images": PICTURES, "bounding_boxes": {"boxes": PLACES, "labels": np.ones((6, 1), "int32")}}
    layer(PICTURES)
    states = [v.value for v in layer.non_trainable_variables]
    traced, _ = jax.jit(lambda states, data: layer.stateless_call([], states, data))(states, data)
    assert jax.tree.all(jax.tree.map(lambda a, b: np.allclose(a, b, atol=1e-2), traced, layer(data)))
    boxes = {"boxes": sequax.Input((5, 4)), "labels": sequax.Input((5,), dtype="int32")}
    outputs = layer({"images": sequax.Input((8, 9, 3)), "bounding_boxes": boxes})
    assert outputs["images"].shape == (None, 9, 12, 3)
    assert outputs["bounding_boxes"]["boxes"].shape == (None, 5, 4)


def test_a_generator_may_mix_batches_for_fit():
    mix = layers.Pipeline([layers.RandomFlip(seed=1), layers.MixUp(seed=1)])

    def batches():
        while True:
            mixed = mix({"images": BATCH / 255, "labels": CLASSES})
            yield mixed["images"], mixed["labels"]

    model = sequax.Sequential([layers.Flatten(), layers.Dense(4, activation="softmax")])
    model.compile("sgd", "categorical_crossentropy")
    history = model.fit(batches(), steps_per_epoch=3, epochs=2, verbose=0)
    assert np.isfinite(history.history["loss"]).all()


# --- helpers and refusals ---


def test_helpers_of_the_moving_layers_equal_keras(keras):
    matrix = jnp.array([[0.9, 0.1, 2.0, -0.1, 1.1, 3.0, 0.001, 0.002]] * 2)
    one = {"boxes": jnp.asarray(BOXES), "labels": jnp.asarray(LABELS)}
    shift, ends = jnp.array([[2.0], [3.0]]), [jnp.array([[v], [v + 1.0]]) for v in (25.0, 4.0, 30.0, 5.0)]
    arguments = {"RandomZoom": {"height_factor": 0.1}, "RandomShear": {}}
    arguments["RandomTranslation"] = {"height_factor": 0.1, "width_factor": 0.1}
    for name in arguments:
        own, oracle = (getattr(library, name)(**arguments[name]) for library in (layers, keras.layers))
        close(own.get_transformed_x_y(3, 4, matrix), oracle.get_transformed_x_y(3, 4, matrix))
        if name == "RandomZoom":
            found, expected = (one_.get_clipped_bbox(dict(one), *ends) for one_ in (own, oracle))
        else:
            found, expected = (one_.get_shifted_bbox(dict(one), shift, shift + 1) for one_ in (own, oracle))
        close(found["boxes"], expected["boxes"])
    own, oracle = (library.RandomElasticTransform() for library in (layers, keras.layers))
    assert own.get_elastic_transform_params(30, 40, 0.5) == oracle.get_elastic_transform_params(30, 40, 0.5)


def test_elastic_distortion_draws_from_a_seed_that_is_given():
    given = {"apply_transform": np.array([True]), "distortion_factor": np.float32(0.9), "seed": 42}
    layer = layers.RandomElasticTransform()
    first, second = (layer.transform_images(PICTURES[0], given) for _ in range(2))
    assert first.shape == PICTURES[0].shape and not np.allclose(first, PICTURES[0])
    assert np.array_equal(first, second)


REFUSED = [
    ("RandomFlip", {}, {"bounding_boxes": {"boxes": BOXES}}, r"RandomFlip.*'boxes' and 'labels'.*\['boxes'\]"),
    ("RandomFlip", {}, {"bounding_boxes": {"boxes": BOXES[0], "labels": LABELS[0]}}, r"\(2, 'boxes', 4\).*\(2, 4\)"),
    ("RandomFlip", {}, {"bounding_boxes": {"boxes": BOXES[..., :3], "labels": LABELS}}, r"\(2, 2, 3\)"),
    ("RandomFlip", {}, {"segmentation_masks": np.zeros((2, 5, 5, 1))}, r"masks of the same size.*\(2, 5, 5, 1\)"),
    ("RandomFlip", {}, {"images": None}, r"RandomFlip.*'images'.*\['pictures'\]"),
    ("RandomElasticTransform", {}, {"bounding_boxes": {"boxes": BOXES, "labels": LABELS}}, "does not move bounding"),
    ("CutMix", {}, {"bounding_boxes": {"boxes": BOXES, "labels": LABELS}}, "does not take bounding boxes"),
]


@pytest.mark.parametrize(("name", "arguments", "data", "message"), REFUSED)
def test_annotations_that_do_not_fit_are_refused(name, arguments, data, message):
    data = {"pictures": BATCH} if "images" in data else {"images": np.zeros(SHAPE, "float32"), **data}
    with pytest.raises((ValueError, NotImplementedError), match=message):
        with_boxes(name, **arguments)(data)


def test_boxes_need_a_format_and_a_size():
    data = {"images": np.zeros(SHAPE, "float32"), "bounding_boxes": {"boxes": BOXES, "labels": LABELS}}
    for name in ("RandomFlip", "RandomInvert"):
        with pytest.raises(ValueError, match=rf"{name}.*bounding_box_format='xyxy'"):
            getattr(layers, name)()(data)
    with pytest.raises(ValueError, match=r"bounding_box_format.*rel_xyxy.*'corners'"):
        layers.RandomFlip(bounding_box_format="corners")
    with pytest.raises(ValueError, match=r"RandomTranslation.*'input_shape'.*\['translations'\]"):
        with_boxes("RandomTranslation", height_factor=0, width_factor=0).transform_bounding_boxes(
            data["bounding_boxes"], {"translations": jnp.zeros((2, 2))}
        )
    assert "bounding_box_format" not in layers.RandomFlip().get_config()
    twin = layers.RandomFlip.from_config(with_boxes("RandomFlip", layout="rel_xywh").get_config())
    assert twin.bounding_box_format == "rel_xywh"


# --- functions ---


def test_functions_over_boxes_equal_keras(keras):
    oracle = keras.utils.bounding_boxes
    rng = np.random.default_rng(5)
    corners = np.sort(rng.uniform(0, 40, (2, 3, 2, 2)), 2).reshape(2, 3, 4).astype("float32")
    anchors = corners[0] + np.float32(1.5)
    size = {"height": 30, "width": 40}
    for source in ("xyxy", *FORMATS):
        for target in ("xyxy", *FORMATS):
            calls = [library.convert_format(corners, source, target, **size) for library in (bounding_boxes, oracle)]
            close(*calls, 1e-3)
    boxes = {"boxes": corners * 1.5 - 10, "labels": np.ones((2, 3))}
    calls = {
        "clip_to_image_size": [(boxes, 30, 40), (boxes, None, None, "rel_xyxy")],
        "affine_transform": [(corners, *np.float32([[20, 30], [0.1, 0], [0, 0.2], [1, 1.5], [5, 9], [7, 0]]), 30, 40)],
        "crop": [(corners, 3, 5, 20, 22)],
        "pad": [(corners, 3, 5)],
        "encode_box_to_deltas": [
            (anchors, corners, "xyxy", "xyxy"),
            (anchors, corners, "xywh", "yxyx", "center_xywh", [1, 2, 3, 4]),
        ],
        "decode_deltas_to_boxes": [(anchors, corners / 40, "xyxy", "xywh", "center_yxhw", [0.1, 0.1, 0.2, 0.2])],
        "compute_iou": [
            (corners, anchors, "xyxy"),
            (corners, corners[:, :2] - 20, "yxyx", True),
            (anchors / 40, corners / 40, "rel_xyxy", False, -1, (30, 40, 3)),
        ],
        "compute_ciou": [(corners, corners[::-1], "xyxy"), (corners, corners + 3, "center_xywh")],
    }
    for name, given in calls.items():
        for arguments in given:
            found, expected = (getattr(library, name)(*arguments) for library in (bounding_boxes, oracle))
            assert jax.tree.structure(found) == jax.tree.structure(expected), name
            jax.tree.map(lambda a, b: close(a, b, 2e-4), found, expected)


def test_functions_over_boxes_take_symbolic_tensors_and_refuse_what_makes_no_sense():
    boxes = sequax.Input((5, 4))
    assert bounding_boxes.compute_iou(boxes, boxes, "xywh").shape == (None, 5, 5)
    assert bounding_boxes.convert_format(boxes, "xywh", "rel_yxyx", 10, 20).shape == (None, 5, 4)
    refused = [
        (lambda: bounding_boxes.convert_format(BOXES, "corners", "xyxy"), "Supported formats.*'corners'"),
        (lambda: bounding_boxes.convert_format(BOXES, "xyxy", "rel_xyxy"), "must receive `height` and `width`"),
        (lambda: bounding_boxes.convert_format(BOXES[..., :3], "xyxy", "xywh"), r"last dimension of 4.*\(2, 2, 3\)"),
        (lambda: bounding_boxes.clip_to_image_size({"boxes": BOXES}), "`height` and `width` must be set"),
        (lambda: bounding_boxes.crop(BOXES, 0, 0, 1, 1, "xywh"), "convert_format"),
        (lambda: bounding_boxes.compute_iou(BOXES, BOXES, "rel_xyxy"), "`image_shape`"),
        (lambda: bounding_boxes.compute_iou(BOXES[0, 0], BOXES, "xyxy"), r"boxes1.*\(4,\)"),
        (lambda: bounding_boxes.encode_box_to_deltas(BOXES, BOXES, "xyxy", "xyxy", "xyxy"), "center_yxhw.*'xyxy'"),
        (lambda: bounding_boxes.decode_deltas_to_boxes(BOXES, BOXES, "xyxy", "xyxy", variance=[1]), "length 4"),
    ]
    for call, message in refused:
        with pytest.raises((ValueError, NotImplementedError), match=message):
            call()


def test_complete_overlap_takes_relative_boxes():
    found = bounding_boxes.compute_ciou(BOXES / 40, BOXES[::-1] / 40, "rel_xyxy", image_shape=(40, 40, 3))
    close(found, bounding_boxes.compute_ciou(BOXES, BOXES[::-1], "xyxy"))
