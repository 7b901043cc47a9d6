"""Layers over whole batches: images mixed with one another, and as many boxes for each image."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Unpack

import jax
import jax.numpy as jnp
import numpy as np

from ...core import dtypes, rng
from ...core.kinds import DataFormat, Number, Owner, Whole
from ...core.types import ArrayLike, Nested, Tensor, Tensors
from ..catalogue import layer
from .annotated import Batch
from .image_arguments import AboveZero, BoxOptions, FiniteOf, ImageOptions, Share
from .images import Drawn, ImageLayer, RandomImageLayer, beta, covers, uniform


class Mixing(RandomImageLayer):
    """Base of layers that mix each image of a batch with another one, and their labels by the same share."""

    def transform_labels(self, labels: Nested[ArrayLike], transformation: Any = None, training: bool = True) -> Tensor:
        """`w * labels + (1 - w) * labels of the other image`, as floats.

        Args:
            labels: `(batch, classes)`, one-hot, or `(batch,)` of floats.
        """
        labels = jnp.asarray(labels)
        if self.rests(transformation, training):
            return labels
        if labels.ndim < 2 and not dtypes.is_float(labels.dtype):
            raise ValueError(
                f"{self._who()}: numbers of classes cannot be mixed. Expected one-hot labels, (batch, classes), such as"
                f" `keras.utils.to_categorical` makes, or floats. Received: shape {labels.shape}, dtype {labels.dtype}."
            )
        return self._mixed(labels, transformation)

    pastes = False  # whether targets of the size of the images are cut and pasted, not mixed

    def augment_batch(self, x: Batch, y: Batch | None) -> tuple[Tensors, Tensors | None]:
        """A batch of training in which each row is mixed with another one: what `fit(augment=)` calls.

        Args:
            x: inputs of any shapes; of `CutMix`, images.
            y: targets of any shapes.
        """
        drawn = self.draw(rng.key(self.seed_generator), self._rows_of(x))
        return self._mixed_inputs(x, drawn), self.mix_targets(x, y, drawn)

    def _rows_of(self, x: Batch) -> tuple[int, ...]:
        return (len(jax.tree.leaves(x)[0]),)

    def _mixed_inputs(self, x: Batch, drawn: Drawn) -> Tensors:
        return jax.tree.map(lambda values: self._mixed(values, drawn), x)

    def mix_targets(self, x: Batch, y: Batch | None, drawn: Drawn) -> Tensors | None:
        """Targets mixed as their rows are."""
        return jax.tree.map(lambda values: self._mixed(values, drawn), y)

    def _mixed(self, values: Tensor | np.ndarray, drawn: Drawn) -> Tensor:
        values = jnp.asarray(values, None if dtypes.is_float(values.dtype) else "float32")
        share = jnp.asarray(drawn["mix_weight"], values.dtype).reshape(-1, *(1,) * (values.ndim - 1))
        return share * values + (1 - share) * self._others(values, drawn)

    def _others(self, values: Tensor | np.ndarray, drawn: Drawn) -> Tensor:
        return jnp.take(values, jnp.asarray(drawn["permutation_order"]), axis=0)


@layer()
class MixUp(Mixing):
    """`w * x + (1 - w) * other` for the images of a batch in training, each with one of the same batch.

    Zhang et al. 2018, mixup: Beyond Empirical Risk Minimization. Call it on a dict, so that the labels (one-hot) are
    mixed by the same `w`; masks, too. Boxes of both images are kept.

    Shapes: `(batch, height, width, channels)` or one image without the batch axis; the output has the same shape.

    Args:
        alpha: `w` is drawn from a Beta distribution of (alpha, alpha); the larger, the more is mixed.
        data_format: `"channels_last"` or `"channels_first"`; None: as `config.set_image_data_format` says.
        seed: whole number; None: drawn from the process' stream.
        **options: `bounding_box_format`, such as `"xyxy"`, where boxes come with the images; name, dtype, ...: as in
            `Layer`.

    Example:

    >>> import numpy as np
    >>> batch = {"images": np.ones((4, 2, 2, 3), "float32"), "labels": np.eye(4, dtype="float32")}
    >>> mixed = MixUp(alpha=0.4, seed=1)(batch)
    >>> np.allclose(mixed["labels"].sum(1), 1)
    True
    """

    gives_batches = True
    alpha: float

    def __init__(
        self,
        alpha: AboveZero = 0.2,
        data_format: DataFormat = None,
        seed: int | None = None,
        **options: Unpack[BoxOptions],
    ):
        super().__init__(data_format=data_format, **options)

    def draw(self, key: Tensor, shape: tuple[int, ...]) -> Drawn:
        keys = jax.random.split(key)
        return {
            "mix_weight": beta(keys[0], self.alpha, shape[0]),
            "permutation_order": jax.random.permutation(keys[1], shape[0]),
        }

    def transform(self, images: Tensor, drawn: Drawn) -> Tensor:
        return self._mixed(images, drawn)

    def transform_segmentation_masks(
        self, segmentation_masks: ArrayLike, transformation: Any = None, training: bool = True
    ) -> Tensor:
        """Masks mixed as labels are: one-hot, a channel for each class, or floats."""
        masks = jnp.asarray(segmentation_masks)
        if self.rests(transformation, training):
            return masks
        if masks.shape[self.channel_axis] == 1 and not dtypes.is_float(masks.dtype):
            raise ValueError(
                f"{self._who()}: numbers of classes cannot be mixed. Expected masks with a channel for each class, or"
                f" floats. Received: shape {masks.shape}, dtype {masks.dtype}."
            )
        return self._mixed(masks, transformation)

    def transform_bounding_boxes(
        self, bounding_boxes: Mapping[str, Any], transformation: Any = None, training: bool = True
    ) -> dict[str, Any]:
        """The boxes of both images, `(batch, 2 * boxes, 4)`."""
        found = self._read_boxes(bounding_boxes)
        if self.rests(transformation, training):
            return found
        both = {
            key: jnp.concatenate([found[key], self._others(found[key], transformation)], min(1, found[key].ndim - 1))
            for key in ("boxes", "labels")
        }
        return {**found, **both}


@layer()
class CutMix(Mixing):
    """Pastes a rectangle of another image of the batch into each image in training.

    Yun et al. 2019, CutMix. Call it on a dict, so that the labels (one-hot) are mixed by the share of the area; masks
    are cut and pasted, too. What would become of boxes is not defined; they are refused.

    Shapes: `(batch, height, width, channels)` or one image without the batch axis; the output has the same shape.

    Args:
        factor: from 0 to 1: `alpha` is drawn from 0 to it, or between two numbers, and the area of each rectangle from
            a Beta distribution of (alpha, alpha).
        seed: whole number; None: drawn from the process' stream.
        data_format: `"channels_last"` or `"channels_first"`; None: as `config.set_image_data_format` says.
        **options: `bounding_box_format`, such as `"xyxy"`, where boxes come with the images; name, dtype, ...: as in
            `Layer`.

    Example:

    >>> import numpy as np
    >>> CutMix()(np.ones((2, 8, 8, 3))).shape
    (2, 8, 8, 3)
    """

    def __init__(
        self,
        factor: Share = 1.0,
        seed: int | None = None,
        data_format: DataFormat = None,
        **options: Unpack[BoxOptions],
    ):
        super().__init__(data_format=data_format, **options)

    pastes = True

    def _rows_of(self, x: Batch) -> tuple[int, ...]:
        return self._sizes(self.only_images(x).shape)

    def _mixed_inputs(self, x: Batch, drawn: Drawn) -> Tensors:
        return jax.tree.map(lambda images: self.transform_images(images, drawn), x)

    def mix_targets(self, x: Batch, y: Batch | None, drawn: Drawn) -> Tensors | None:
        images = self.only_images(x)

        def change(values: Tensor | np.ndarray) -> Tensor:
            masks = self.is_mask_of(images, values)
            return self._change("segmentation_masks", values, 4, drawn, True) if masks else self._mixed(values, drawn)

        return jax.tree.map(change, y)

    def draw(self, key: Tensor, shape: tuple[int, ...]) -> Drawn:
        chosen, size, order, *places = jax.random.split(key, 5)
        side = jnp.sqrt(1 - beta(size, uniform(chosen, 1, self.factor) + 1e-6, shape[0]))
        covered = (covers(k, side * length, length) for k, length in zip(places, shape[1:3], strict=True))
        rows, columns = covered
        masks = rows[:, :, None, None] & columns[:, None, :, None]
        return {
            "permutation_order": jax.random.permutation(order, shape[0]),
            "batch_masks": masks,
            "mix_weight": 1 - jnp.mean(masks, (1, 2, 3), keepdims=True),
        }

    def transform(self, images: Tensor, drawn: Drawn) -> Tensor:
        return jnp.where(jnp.asarray(drawn["batch_masks"])[..., :1], self._others(images, drawn), images)

    def transform_segmentation_masks(
        self, segmentation_masks: ArrayLike, transformation: Any = None, training: bool = True
    ) -> Tensor:
        masks = jnp.asarray(segmentation_masks)
        if self.rests(transformation, training):
            return masks
        outputs = self.transform(self._standardized(masks), transformation)
        return self._cast(self._restored(outputs, masks.ndim), masks.dtype.name)

    def transform_bounding_boxes(
        self, bounding_boxes: Mapping[str, Any], transformation: Any = None, training: bool = True
    ) -> dict[str, Any]:
        raise NotImplementedError(
            f"{self._who()} does not take bounding boxes: a pasted rectangle cuts through them. Leave 'bounding_boxes'"
            f" out of its input, or use `MixUp`."
        )


class WholeFillOf(FiniteOf):
    """A number, without what follows the point."""

    def resolve(self, value: object, name: str, owner: Owner) -> int:
        return int(super().resolve(value, name, owner))


WholeFill = Annotated[Number, WholeFillOf()]
BoxCount = Annotated[int, Whole(1, most=1 << 20)]


@layer()
class MaxNumBoundingBoxes(ImageLayer):
    """As many boxes for each image: the first `max_number`, or filled up. Images, labels and masks pass unchanged.

    Shapes: `(batch, height, width, channels)` or one image without the batch axis; the output has the same shape.

    Args:
        max_number: boxes of each image.
        fill_value: of the boxes and labels that are added.
        **options: `bounding_box_format`, such as `"xyxy"`, where boxes come with the images; name, dtype, ...: as in
            `Layer`.

    Example:

    >>> import numpy as np
    >>> boxes = {"boxes": np.ones((1, 2, 4)), "labels": np.array([[3, 5]])}
    >>> layer = MaxNumBoundingBoxes(3, bounding_box_format="xyxy")
    >>> layer({"images": np.ones((1, 8, 8, 3)), "bounding_boxes": boxes})["bounding_boxes"]["labels"].tolist()
    [[3, 5, -1]]
    """

    keeps_integers = True
    max_number: int
    fill_value: int

    def __init__(self, max_number: BoxCount, fill_value: WholeFill = -1, **options: Unpack[ImageOptions]):
        super().__init__(**options)

    def transform(self, images: Tensor, drawn: object) -> Tensor:
        return images

    def transform_bounding_boxes(
        self, bounding_boxes: Mapping[str, Any], transformation: Any = None, training: bool = True
    ) -> dict[str, Any]:
        found = self._read_boxes(bounding_boxes)
        axis = found["boxes"].ndim - 2
        return {**found, **{key: self._resized_to(found[key], axis) for key in ("boxes", "labels")}}

    def _resized_to(self, values: Tensor, axis: int) -> Tensor:
        kept = jax.lax.slice_in_dim(values, 0, min(self.max_number, values.shape[axis]), axis=axis)
        ends = [(0, self.max_number - kept.shape[axis] if i == axis else 0) for i in range(values.ndim)]
        return jnp.pad(kept, ends, constant_values=self.fill_value)
