"""Many images in one figure of matplotlib."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ..core.kinds import DataFormatName
from ..core.needed import needed
from ..core.types import ArrayLike, Path
from .drawing import Color, as_pictures, channels_last, draw_bounding_boxes, draw_segmentation_masks

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def plot_image_gallery(
    images: ArrayLike,
    y_true: ArrayLike | None = None,
    y_pred: ArrayLike | None = None,
    label_map: Mapping[int, str] | None = None,
    rows: int | None = None,
    cols: int | None = None,
    value_range: tuple[float, float] = (0, 255),
    scale: float = 2,
    path: Path | None = None,
    show: bool | None = None,
    transparent: bool = True,
    dpi: int = 60,
    legend_handles: Sequence[Any] | None = None,
    data_format: DataFormatName | None = None,
) -> Figure | None:
    """Show images in rows and columns, with the names of their classes.

    Args:
        images: `(batch, height, width, channels)`, or channels first.
        y_true: class of each image.
        y_pred: what a model takes for it.
        label_map: class -> name; needed with `y_true` or `y_pred`.
        rows, cols: of the gallery; default: nearly a square that holds all images.
        value_range: what is black and what is white.
        scale: width and height of an image, in inches.
        path: a file to write, in place of showing the gallery.
        show: whether to show it; default: where no file is written.
        transparent: whether the file has no background.
        dpi: pixels per inch in the file.
        legend_handles: what matplotlib's legend shows below the images.
        data_format: of `images`; default `image_data_format()`.

    Returns:
        The figure; None if it was shown.

    Raises:
        ValueError: for images that are no batch, classes without `label_map`, or `path` together with `show=True`.
        ImportError: without matplotlib.

    Example:

        plot_image_gallery(x[:16], y[:16], model.predict(x[:16]).argmax(-1), label_map=dict(enumerate(class_names)))
    """
    if path is not None and show:
        raise ValueError("plot_image_gallery: either `path` is given, or `show` is True; received both.")
    if label_map is None and not (y_true is None and y_pred is None):
        raise ValueError("plot_image_gallery: with `y_true` or `y_pred` a `label_map` is needed, class -> name.")
    pictures = as_pictures("plot_image_gallery", images, data_format, value_range)
    rows = rows or (math.ceil(len(pictures) / cols) if cols else math.ceil(math.sqrt(len(pictures))))
    cols = cols or math.ceil(len(pictures) / rows)
    plt = needed("matplotlib.pyplot", "A gallery")
    figure, axes = plt.subplots(
        rows, cols, figsize=(cols * scale, rows * scale), frameon=False, layout="tight", squeeze=False
    )
    names = {"Label": y_true, "Pred": y_pred}
    classes = {name: np.asarray(values) for name, values in names.items() if values is not None}
    for axis in axes.flat:
        axis.axis("off")
    for i, (axis, picture) in enumerate(zip(axes.flat, pictures, strict=False)):
        axis.imshow(picture if picture.shape[-1] != 1 else picture[..., 0], cmap="gray", vmin=0, vmax=255)
        of_image = {name: values[i] for name, values in classes.items() if i < len(values)}
        title = [f"{name}: {(label_map or {}).get(value, 'Unknown')}" for name, value in of_image.items()]
        axis.set_title("  ".join(title), fontsize=8)
    if legend_handles is not None:
        figure.legend(handles=list(legend_handles), loc="lower center")
    if path is not None:
        figure.savefig(path, pad_inches=0, bbox_inches="tight", transparent=transparent, dpi=dpi)
    elif show is None or show:
        plt.show()
    plt.close(figure)  # a notebook would show it once more
    return None if path is None and (show is None or show) else figure


def plot_bounding_box_gallery(
    images: ArrayLike,
    bounding_box_format: str,
    y_true: Mapping[str, ArrayLike] | None = None,
    y_pred: Mapping[str, ArrayLike] | None = None,
    value_range: tuple[float, float] = (0, 255),
    true_color: Color = (0, 188, 212),
    pred_color: Color = (255, 235, 59),
    line_thickness: int = 2,
    font_scale: float = 1.0,
    text_thickness: int | None = None,
    class_mapping: Mapping[int, str] | None = None,
    ground_truth_mapping: Mapping[int, str] | None = None,
    prediction_mapping: Mapping[int, str] | None = None,
    legend: bool = False,
    legend_handles: Sequence[Any] | None = None,
    rows: int | None = None,
    cols: int | None = None,
    data_format: DataFormatName | None = None,
    **kwargs: Any,
) -> Figure | None:
    """Show images with true and predicted boxes.

    Args:
        images: `(batch, height, width, channels)`, or channels first.
        bounding_box_format: of the boxes, see `utils.bounding_boxes`.
        y_true, y_pred: boxes and labels, as for `draw_bounding_boxes`.
        value_range: what is black and what is white.
        true_color, pred_color: of the boxes of each.
        line_thickness, font_scale, text_thickness: as for `draw_bounding_boxes`.
        class_mapping: label -> name.
        ground_truth_mapping, prediction_mapping: the same for one of both.
        legend: whether a legend says which colour is which.
        legend_handles: a legend of one's own.
        rows, cols, **kwargs: as for `plot_image_gallery`.
        data_format: of `images`; default `image_data_format()`.

    Returns:
        The figure; None if it was shown.

    Raises:
        ValueError: for images that are no batch, or `legend` together with `legend_handles`.
        ImportError: without matplotlib or Pillow.
    """
    if legend and legend_handles:
        raise ValueError("plot_bounding_box_gallery: only pass `legend` or `legend_handles`; received both.")
    pictures = as_pictures("plot_bounding_box_gallery", images, data_format, value_range)
    drawn = (
        (y_true, true_color, ground_truth_mapping or class_mapping, "Ground Truth"),
        (y_pred, pred_color, prediction_mapping or class_mapping, "Prediction"),
    )
    for boxes, color, names, _ in drawn:
        if boxes is not None:
            pictures = draw_bounding_boxes(
                pictures,
                boxes,
                bounding_box_format,
                names,
                color,
                line_thickness,
                text_thickness or line_thickness,
                font_scale,
                data_format="channels_last",
            )
    if legend:
        needed("matplotlib.pyplot", "A gallery")
        from matplotlib.patches import Patch

        legend_handles = [
            Patch(color=(color[0] / 255, color[1] / 255, color[2] / 255), label=label) for _, color, _, label in drawn
        ]
    return plot_image_gallery(
        pictures, rows=rows, cols=cols, legend_handles=legend_handles, data_format="channels_last", **kwargs
    )


def plot_segmentation_mask_gallery(
    images: ArrayLike,
    num_classes: int,
    value_range: tuple[float, float] = (0, 255),
    y_true: ArrayLike | None = None,
    y_pred: ArrayLike | None = None,
    color_mapping: Mapping[int, Color] | None = None,
    blend: bool = True,
    alpha: float = 0.8,
    ignore_index: int = -1,
    data_format: DataFormatName | None = None,
    **kwargs: Any,
) -> Figure | None:
    """Show images, and beside each of them its true and its predicted classes.

    Args:
        images: `(batch, height, width, 3)`, or channels first.
        num_classes, color_mapping, blend, alpha, ignore_index: as for `draw_segmentation_masks`.
        value_range: what is black and what is white.
        y_true, y_pred: the class of each pixel; floats are cut to whole numbers.
        data_format: of all; default `image_data_format()`.
        **kwargs: as for `plot_image_gallery`.

    Returns:
        The figure; None if it was shown.

    Raises:
        ValueError: for images that are no batch.
        ImportError: without matplotlib.
    """
    pictures = as_pictures("plot_segmentation_mask_gallery", images, data_format, value_range)
    columns = [pictures]
    for masks in (y_true, y_pred):
        if masks is not None:
            plain = channels_last(np.asarray(masks).astype("int32"), data_format)
            columns.append(
                draw_segmentation_masks(
                    pictures, plain, num_classes, color_mapping, alpha, blend, ignore_index, "channels_last"
                )
            )
    gallery = np.stack(columns, axis=1).reshape(-1, *pictures.shape[1:])
    return plot_image_gallery(gallery, rows=len(pictures), cols=len(columns), data_format="channels_last", **kwargs)
