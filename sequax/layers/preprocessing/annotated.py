"""`AnnotatedImages`: images, alone or in a dict with their labels, boxes and masks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Unpack

import jax
import jax.numpy as jnp
import numpy as np

from ...core import rng
from ...core.constructor import LayerOptions
from ...core.kinds import DataFormat
from ...core.layer import Layer
from ...core.types import ArrayLike, Nested, Tensor, Tensors
from ...kernels import boxes as kernels
from .image_arguments import BoxFormat

Batch = Tensor | np.ndarray | Sequence[Any] | Mapping[str, Any]  # inputs or targets
Images = Tensor | np.ndarray | Mapping[str, Any]  # alone, or in a dict with what belongs to them
PARTS = {
    "images": "image",
    "bounding_boxes": "bounding_box",
    "labels": "label",
    "segmentation_masks": "segmentation_mask",
}


class AnnotatedImages(Layer):
    """Base of layers that change images and what belongs to them.

    A call takes images, or a dict, of which it returns a new one, with all of it changed in the same way:

        {"images": (batch, rows, columns, channels),
         "labels": (batch, ...),
         "bounding_boxes": {"boxes": (batch, boxes, 4), "labels": (batch, boxes)},
         "segmentation_masks": (batch, rows, columns, channels)}

    or all of one image, without the batch axis. Other entries pass unchanged. A box that leaves the image gets the
    label -1; rows of only 0 or only -1 fill up the boxes of an image, and come out as zeros.

    A subclass whose pixels change places says `moves`, and where a point goes, by `move_points`.
    """

    moves = False
    training_only = False  # whether everything passes unchanged outside of training
    data_format: str
    bounding_box_format: str | None

    def __init__(
        self, data_format: DataFormat = None, bounding_box_format: BoxFormat = None, **options: Unpack[LayerOptions]
    ):
        options.setdefault("autocast", False)  # floats are cast at the end: boxes would be off by pixels in bfloat16
        super().__init__(**options)
        self.built = True

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        return {k: v for k, v in config.items() if k != "bounding_box_format" or v is not None}

    # --- the call ---

    def __call__(self, *args: Any, **kwargs: object) -> Any:
        if args and isinstance(args[0], Mapping):
            args = (padded(args[0]), *args[1:])
        elif args and isinstance(args[0], (list, tuple)):  # of images, as scikit-learn's samples are
            args = (jnp.asarray(args[0]), *args[1:])
        return super().__call__(*args, **kwargs)

    def call(self, data: Images, training: bool = True) -> Tensor | dict[str, Any]:
        given = data if isinstance(data, Mapping) else {"images": data}
        images = jnp.asarray(images_of(given, self._who()))
        self._check(images.shape)
        self._check_annotations(given, images.shape)
        transformation = self.get_random_transformation(data, training=training)
        outputs = dict(given)
        for part in PARTS:
            if part in given:
                outputs[part] = self._change(part, given[part], images.ndim, transformation, training)
        return outputs if isinstance(data, Mapping) else outputs["images"]

    def _change(self, part: str, values: Any, rank: int, transformation: Any, training: bool) -> Any:
        """One part of a call, beside images of a rank; masks may come without an axis of channels."""
        values = jax.tree.map(jnp.asarray, values)
        flat = part == "segmentation_masks" and values.ndim == rank - 1
        values = jnp.expand_dims(values, self.channel_axis) if flat else values
        change = getattr(self, f"transform_{part}" if rank == 4 else f"transform_single_{PARTS[part]}")
        changed = change(values, transformation=transformation, training=training)
        return jnp.squeeze(changed, self.channel_axis) if flat else changed

    def get_random_transformation(self, data: Images, training: bool = True, seed: rng.Seed = None) -> Any:
        raise NotImplementedError

    def rests(self, transformation: Any, training: bool) -> bool:
        """Whether everything passes unchanged."""
        return self.training_only and not training

    def augment_batch(self, x: Batch, y: Batch | None) -> tuple[Tensors, Tensors | None]:
        """A batch of training in which images and targets are changed in the same way: what `fit(augment=)` calls.

        Args:
            x: `(batch, rows, columns, channels)`.
            y: targets; one array of the size of the images is taken for masks, anything else for labels.
        """
        images = self.only_images(x)
        data, (part, targets) = {"images": images}, self.named_targets(images, y)
        changed = self({**data, **({} if y is None else {part: targets})}, training=True)
        return jax.tree.unflatten(jax.tree.structure(x), [changed["images"]]), changed.get(part, y)

    def only_images(self, x: Batch) -> Tensor:
        """The images of inputs that are nothing else."""
        found = jax.tree.leaves(x)
        if len(found) != 1 or found[0].ndim != 4:
            raise ValueError(
                f"fit(augment={type(self).__name__}): expected a batch of images as the one input, of rank 4. Received:"
                f" {', '.join(str(tuple(one.shape)) for one in found)}. Put the layer into the model, behind the input"
                f" that holds images."
            )
        return jnp.asarray(found[0])

    def named_targets(self, images: Tensor, y: Batch | None) -> tuple[str, Batch | None]:
        """What targets are, as an entry of a call."""
        found = jax.tree.leaves(y)
        masks = [one for one in found if self.is_mask_of(images, one)]
        if masks and len(found) > 1:
            raise ValueError(
                f"fit(augment={type(self).__name__}): of several targets, some have the size of the images. Put the"
                f" augmentation before `fit`, where a dict of 'images', 'labels' and 'segmentation_masks' says which is"
                f" what."
            )
        return ("segmentation_masks", masks[0]) if masks else ("labels", y)

    def is_mask_of(self, images: Tensor, target: Tensor | np.ndarray) -> bool:
        """Whether a target has a value for each pixel."""
        sizes = self._sizes(images.shape)[:3]
        flat = target.ndim == 3 and tuple(target.shape) == sizes
        return flat or (target.ndim == 4 and self._sizes(target.shape)[:3] == sizes)

    # --- the parts ---

    def transform_images(self, images: ArrayLike, transformation: Any = None, training: bool = True) -> Tensor:
        raise NotImplementedError

    def transform_labels(
        self, labels: Nested[ArrayLike], transformation: Any = None, training: bool = True
    ) -> Nested[ArrayLike]:
        """Labels, `(batch, ...)`; most layers leave them."""
        return labels

    def transform_segmentation_masks(
        self, segmentation_masks: ArrayLike, transformation: Any = None, training: bool = True
    ) -> Tensor:
        raise NotImplementedError

    def transform_bounding_boxes(
        self, bounding_boxes: Mapping[str, Any], transformation: Any = None, training: bool = True
    ) -> dict[str, Any]:
        """Boxes around the same things after the change.

        Args:
            bounding_boxes: dict with `"boxes"`, `(batch, boxes, 4)`, or `(boxes, 4)` for one image, in the layer's
                `bounding_box_format`, and `"labels"`, `(batch, boxes)` or one-hot.
            transformation: from `get_random_transformation`.

        Returns:
            A new dict.
        """
        found = self._read_boxes(bounding_boxes)
        if not self.moves or self.rests(transformation, training):
            return found
        layout, given = str(self.bounding_box_format).lower(), found["boxes"]
        boxes = given if given.ndim == 3 else given[None]
        size = self._input_size(transformation)
        corners = kernels.convert(boxes, layout, "xyxy", *size)
        corners = kernels.clip(self.move_boxes(corners, transformation, *size), *self._output_size(*size))
        filling = jnp.all(boxes == -1, -1) | jnp.all(boxes == 0, -1)
        corners = jnp.where(filling[..., None], 0, corners)
        boxes = kernels.convert(corners, "xyxy", layout, *self._output_size(*size))
        one = given.ndim == 2
        labels = kernels.without_outside(found["labels"], corners[0] if one else corners)
        return {**found, "boxes": boxes[0] if one else boxes, "labels": labels}

    def move_boxes(self, corners: Tensor, drawn: Any, rows: int, columns: int) -> Tensor:
        """New corners for corners `(batch, boxes, 4)` in images of `rows` and `columns`; they may lie outside."""
        return kernels.around(corners, lambda x, y: self.move_points(x, y, drawn, rows, columns))

    def move_points(self, x: Tensor, y: Tensor, drawn: Any, rows: int, columns: int) -> tuple[Tensor, Tensor]:
        """Where points lie after the change, `(batch, points)` each; x along columns, y along rows."""
        raise NotImplementedError

    def transform_single_image(self, image: ArrayLike, transformation: Any = None, training: bool = True) -> Tensor:
        return self._single("images", image, transformation, training)

    def transform_single_label(
        self, label: Nested[ArrayLike], transformation: Any = None, training: bool = True
    ) -> Tensors:
        return self._single("labels", label, transformation, training)

    def transform_single_bounding_box(
        self, bounding_box: Mapping[str, Any], transformation: Any = None, training: bool = True
    ) -> dict[str, Any]:
        """The boxes of one image, `(boxes, 4)`, with their labels."""
        return self._single("bounding_boxes", self._read_boxes(bounding_box), transformation, training)

    def transform_single_segmentation_mask(
        self, segmentation_mask: ArrayLike, transformation: Any = None, training: bool = True
    ) -> Tensor:
        return self._single("segmentation_masks", segmentation_mask, transformation, training)

    def _single(self, part: str, value: Nested[ArrayLike], transformation: Any, training: bool) -> Any:
        """What belongs to one image, changed as a batch of one."""
        values = jax.tree.map(lambda v: jnp.asarray(v)[None], value)
        changed = getattr(self, f"transform_{part}")(values, transformation=transformation, training=training)
        return jax.tree.map(lambda v: v[0], changed)

    # --- sizes and layout ---

    @property
    def height_axis(self) -> int:
        return -2 if self.data_format == "channels_first" else -3

    @property
    def width_axis(self) -> int:
        return self.height_axis + 1

    @property
    def channel_axis(self) -> int:
        return -3 if self.data_format == "channels_first" else -1

    def _sizes(self, shape: Sequence[Any]) -> tuple[Any, Any, Any, Any]:
        """Batch (1 for a single image), rows, columns and channels of a shape."""
        batch, *rest = shape if len(shape) == 4 else (1, *shape)
        return (batch, rest[1], rest[2], rest[0]) if self.data_format == "channels_first" else (batch, *rest)

    def _input_size(self, transformation: Any) -> tuple[Any, Any]:
        """Rows and columns of the images that a transformation is for."""
        if "input_shape" in transformation:
            return self._sizes(transformation["input_shape"])[1:3]
        if "image_height" in transformation and "image_width" in transformation:
            return transformation["image_height"], transformation["image_width"]
        raise ValueError(
            f"{self._who()}: the transformation does not say the size of the images, which boxes depend on. Expected an"
            f" entry 'input_shape', as `get_random_transformation` returns it. Received: {sorted(transformation)}."
        )

    def _output_size(self, rows: int, columns: int) -> tuple[Any, Any]:
        return rows, columns

    # --- checks ---

    def _check(self, shape: Sequence[Any]) -> None:
        raise NotImplementedError

    def _read_boxes(self, bounding_boxes: object) -> dict[str, Any]:
        """Boxes as float32, labels as they are, in a new dict."""
        if not isinstance(bounding_boxes, Mapping) or not {"boxes", "labels"} <= set(bounding_boxes):
            raise ValueError(
                f"{self._who()}: expected `bounding_boxes` to be a dict with the keys 'boxes' and 'labels'. Received:"
                f" {sorted(bounding_boxes) if isinstance(bounding_boxes, Mapping) else type(bounding_boxes).__name__}."
            )
        if not self.bounding_box_format:
            raise ValueError(
                f"{self._who()}: received bounding boxes, but does not know their format. Pass `bounding_box_format`,"
                f" e.g. {type(self).__name__}(..., bounding_box_format='xyxy')."
            )
        boxes, labels = jnp.asarray(bounding_boxes["boxes"], "float32"), jnp.asarray(bounding_boxes["labels"])
        if boxes.ndim not in (2, 3) or boxes.shape[-1] != 4:
            raise ValueError(
                f"{self._who()}: expected boxes of shape (batch, boxes, 4), or (boxes, 4) for one image. Received:"
                f" shape {boxes.shape}."
            )
        return {**bounding_boxes, "boxes": boxes, "labels": labels}

    def _check_annotations(self, data: Mapping[str, Any], shape: Sequence[int]) -> None:
        """Boxes and masks belong to the images, where the layer moves them."""
        if not self.moves:
            return
        batch, rows, columns, _ = self._sizes(shape)
        expected = () if len(shape) == 3 else (batch,)
        if "bounding_boxes" in data:
            boxes = self._read_boxes(data["bounding_boxes"])["boxes"]
            if boxes.shape[:-2] != expected:
                raise ValueError(
                    f"{self._who()}: expected boxes of shape {(*expected, 'boxes', 4)} beside images of shape"
                    f" {tuple(shape)}. Received: shape {boxes.shape}."
                )
        if "segmentation_masks" in data:
            received = tuple(np.shape(data["segmentation_masks"]))
            flat = len(received) == len(shape) - 1
            sizes = received[-2:] if flat else (self._sizes(received)[1:3] if len(received) == len(shape) else None)
            if sizes != (rows, columns) or received[: len(expected)] != expected:
                raise ValueError(
                    f"{self._who()}: expected masks of the same size as the images, {tuple(shape)}. Received: shape"
                    f" {received}."
                )

    def _who(self) -> str:
        return f"Layer '{self.name}' ({type(self).__name__})"


def images_of(data: Images, who: str = "get_random_transformation") -> Tensor | np.ndarray:
    """The images of a dict, or the data themselves."""
    if not isinstance(data, Mapping):
        return data
    if "images" not in data:
        raise ValueError(f"{who}: expected a dict with the key 'images'. Received: the keys {sorted(data)}.")
    return data["images"]


def padded(data: Mapping[str, Any]) -> dict[str, Any]:
    """The data with lists of boxes, one list for each image, as arrays: filled up with zeros and the label -1."""
    boxes = data.get("bounding_boxes")
    if not isinstance(boxes, Mapping) or not isinstance(boxes.get("boxes"), (list, tuple)) or "labels" not in boxes:
        return dict(data)
    given, labels = ([np.asarray(value) for value in boxes[key]] for key in ("boxes", "labels"))
    if len(given) != len(labels) or any(len(b) != len(v) for b, v in zip(given, labels, strict=True) if b.ndim == 2):
        raise ValueError(
            "bounding_boxes: expected as many labels as boxes. Received:"
            f" {[len(b) for b in given if b.ndim]} boxes and {[len(v) for v in labels if v.ndim]} labels."
        )
    if given and all(b.ndim == 1 and b.size == 4 for b in given):  # one image
        return {**data, "bounding_boxes": {**boxes, "boxes": np.stack(given), "labels": np.stack(labels)}}
    most = max((len(b) for b in given), default=0)
    arrays = {
        "boxes": np.stack([_filled(b.reshape(-1, 4).astype("float32"), most, 0) for b in given]),
        "labels": np.stack([_filled(v.astype("int32") if not v.size else v, most, -1) for v in labels]),
    }
    return {**data, "bounding_boxes": {**boxes, **arrays}}


def _filled(values: np.ndarray, length: int, value: int) -> np.ndarray:
    rest = [(0, length - len(values)), *((0, 0) for _ in values.shape[1:])]
    return np.pad(values, rest, constant_values=value)
