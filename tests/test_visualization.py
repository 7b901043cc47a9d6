"""Boxes, masks and galleries: what is drawn, where, and what is refused."""

import numpy as np
import pytest

import sequax.visualization as v

pytest.importorskip("PIL")
plt = pytest.importorskip("matplotlib.pyplot")

IMAGES = np.full((2, 20, 30, 3), 100, "uint8")
BOXES = {"boxes": np.array([[[2, 3, 10, 12], [0, 0, 1, 1]]] * 2, "float32"), "labels": np.array([[1, -1], [0, 1]])}


@pytest.fixture
def shown(monkeypatch):
    figures = []
    monkeypatch.setattr(plt, "show", lambda: figures.append(plt.gcf()))
    yield figures
    plt.close("all")


@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
@pytest.mark.parametrize("kind", ["uint8", "float"])
def test_boxes(data_format, kind):
    images = IMAGES if kind == "uint8" else (IMAGES / 255).astype("float32")
    given = images.transpose(0, 3, 1, 2) if data_format == "channels_first" else images
    drawn = v.draw_bounding_boxes(given, BOXES, "xyxy", color=(1, 2, 3), line_thickness=1, data_format=data_format)
    assert drawn.shape == (2, 20, 30, 3) and drawn.dtype == "uint8"
    frame = np.zeros((20, 30), bool)
    frame[3:13, 2:11] = True
    frame[4:12, 3:10] = False
    assert (drawn[0][frame] == (1, 2, 3)).all() and (np.abs(drawn[0][~frame].astype(int) - 100) <= 1).all()
    assert (drawn[1, :2, :2] == (1, 2, 3)).all()  # the second box of the first image has the label of none
    assert (IMAGES == 100).all()


def test_boxes_of_other_formats_and_grey_images():
    relative = {"boxes": np.array([[[2 / 30, 3 / 20, 10 / 30, 12 / 20]]]), "labels": np.array([[0]])}
    pixels = {"boxes": np.array([[[3, 2, 12, 10]]]), "labels": np.array([[0]])}
    one = v.draw_bounding_boxes(IMAGES[:1, ..., :1], relative, "rel_xyxy", color=(9, 9, 9))
    other = v.draw_bounding_boxes(IMAGES[:1, ..., :1], pixels, "yxyx", color=(9, 9, 9))
    assert one.shape == (1, 20, 30, 1) and (one == other).all() and (one == 9).any()


def test_names_of_boxes():
    images = np.zeros((1, 80, 160, 3), "uint8")
    boxes = {"boxes": [[[10, 40, 150, 70]]], "labels": [[7]], "confidences": [[0.5]]}

    def drawn(boxes, names):
        return v.draw_bounding_boxes(images, boxes, "xyxy", names, (255, 255, 255), font_scale=0.5)[0, :38].any(-1)

    assert not drawn(boxes, {1: "cat"}).any()
    plain = drawn({"boxes": boxes["boxes"], "labels": boxes["labels"]}, {7: "cat"})
    assert plain.any() and drawn(boxes, {7: "cat"}).sum() > 1.5 * plain.sum()  # "cat | 0.50"


def test_masks():
    masks = np.zeros((2, 20, 30), "int32")
    masks[:, :, 10:20], masks[:, :, 20:] = 1, 2
    colors = {1: (200, 0, 0), 2: (0, 200, 0)}
    drawn = v.draw_segmentation_masks(IMAGES, masks, color_mapping=colors, alpha=0.5, ignore_index=2)
    assert (drawn[..., :10, :] == 100).all() and (drawn[..., 20:, :] == 100).all()
    assert (drawn[..., 10:20, :] == (150, 50, 50)).all()
    covered = v.draw_segmentation_masks(IMAGES, masks[..., None], color_mapping=colors, blend=False)
    assert (covered[..., 20:, :] == (0, 200, 0)).all()
    first = v.draw_segmentation_masks(
        IMAGES.transpose(0, 3, 1, 2), masks[:, None], color_mapping=colors, blend=False, data_format="channels_first"
    )
    assert (first == covered).all()
    by_default = v.draw_segmentation_masks(IMAGES, masks, blend=False)
    assert len({tuple(by_default[0, 0, x]) for x in (0, 10, 20)}) == 3
    assert (v.draw_segmentation_masks(IMAGES, masks, num_classes=2, blend=False)[..., 20:, :] == 100).all()


def test_gallery_is_shown_or_returned_or_written(tmp_path, shown):
    assert v.plot_image_gallery(IMAGES) is None and len(shown) == 1
    figure = v.plot_image_gallery(np.zeros((5, 8, 8, 1)), np.arange(5), label_map={0: "zero", 3: "three"}, show=False)
    titles = [axis.get_title() for axis in figure.axes]
    assert titles == ["Label: zero", *["Label: Unknown"] * 2, "Label: three", "Label: Unknown", ""]
    assert [len(axis.images) for axis in figure.axes] == [1] * 5 + [0]
    v.plot_image_gallery(IMAGES, rows=1, path=tmp_path / "gallery.png")
    assert plt.imread(tmp_path / "gallery.png").shape[0] < plt.imread(tmp_path / "gallery.png").shape[1]
    assert len(shown) == 1 and not plt.get_fignums()


def test_gallery_of_other_ranges():
    figure = v.plot_image_gallery(np.array([-1.0, 1.0]).reshape(2, 1, 1, 1), value_range=(-1, 1), show=False)
    assert [int(axis.images[0].get_array()[0, 0]) for axis in figure.axes] == [0, 255]


def test_gallery_of_boxes():
    figure = v.plot_bounding_box_gallery(IMAGES, "xyxy", BOXES, BOXES, legend=True, pred_color=(9, 9, 9), show=False)
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["Ground Truth", "Prediction"]
    assert (figure.axes[0].images[0].get_array()[3, 4] == (9, 9, 9)).all()


def test_gallery_of_masks():
    masks = np.ones((2, 20, 30, 1))
    figure = v.plot_segmentation_mask_gallery(IMAGES, 2, y_true=masks, y_pred=0 * masks, blend=False, show=False)
    pictures = [axis.images[0].get_array() for axis in figure.axes]
    assert len(pictures) == 6 and (pictures[0] == 100).all()
    assert len(np.unique(pictures[1].reshape(-1, 3), axis=0)) == 1 and not (pictures[1] == 100).all()
    assert (pictures[2] == 0).all()


REFUSED = {
    r"must be a batch.*\(20, 30, 3\)": (ValueError, lambda: v.draw_bounding_boxes(IMAGES[0], BOXES, "xyxy")),
    "should be a dict": (TypeError, lambda: v.draw_bounding_boxes(IMAGES, [1], "xyxy")),
    "keys 'boxes' and 'labels'": (ValueError, lambda: v.draw_bounding_boxes(IMAGES, {"boxes": []}, "xyxy")),
    "Invalid source or target format": (ValueError, lambda: v.draw_bounding_boxes(IMAGES, BOXES, "abcd")),
    "integer dtype": (TypeError, lambda: v.draw_segmentation_masks(IMAGES, np.ones((2, 20, 30)))),
    "label_map": (ValueError, lambda: v.plot_image_gallery(IMAGES, y_true=[0, 1])),
    "either `path`": (ValueError, lambda: v.plot_image_gallery(IMAGES, path="x.png", show=True)),
    "only pass `legend`": (
        ValueError,
        lambda: v.plot_bounding_box_gallery(IMAGES, "xyxy", BOXES, legend=True, legend_handles=[1]),
    ),
}


@pytest.mark.parametrize("words", REFUSED)
def test_what_is_refused(words):
    error, call = REFUSED[words]
    with pytest.raises(error, match=words):
        call()
