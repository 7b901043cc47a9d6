"""Layers that spread the values of images over the whole range: stretched contrast and equalized histograms."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Annotated, Any, Unpack

import jax.numpy as jnp

from ...core.kinds import DataFormat, Kind, Owner, Whole
from ...core.types import Tensor
from ..catalogue import layer
from .image_arguments import BoxOptions, Finite, ImageOptions, Range, ValueRange, is_pair
from .images import ImageLayer, from_bytes, to_bytes

LEVELS = 256


class HistogramLayer(ImageLayer):
    """Base of layers that know the range of pixel values and draw nothing."""

    value_range: Range


class GridOf(Kind):
    """Rows and columns of tiles."""

    expected = "a tuple of two positive integers, rows and columns"
    each: Whole = Whole(1, most=1 << 10)

    def resolve(self, value: object, name: str, owner: Owner) -> tuple[int, ...]:
        if not is_pair(value) or len(value) != 2:
            self.refuse(value, name, owner)
        return tuple(self.each.resolve(size, name, owner) for size in value)

    def fits(self, value: object, cls: type) -> bool:
        return isinstance(value, (list, tuple)) and len(value) == 2 and all(self.each.fits(size, cls) for size in value)


Grid = Annotated[Sequence[int], GridOf()]
Bins = Annotated[int, Whole(1, most=1 << 16)]


@layer()
class AutoContrast(HistogramLayer):
    """Stretches each channel of each image to the whole range of values, in training and outside of it.

    A channel of one value stays as it is.

    Shapes: `(batch, height, width, channels)` or one image without the batch axis; the output has the same shape.

    Args:
        value_range: least and greatest value of a pixel.
        **options: `bounding_box_format`, such as `"xyxy"`, where boxes come with the images; name, dtype, ...: as in
            `Layer`.

    Example:

    >>> import numpy as np
    >>> AutoContrast()(np.array([10.0, 20.0, 30.0]).reshape(1, 3, 1)).ravel().tolist()
    [0.0, 127.5, 255.0]
    """

    def __init__(self, value_range: ValueRange = (0, 255), **options: Unpack[ImageOptions]):
        super().__init__(**options)

    def transform(self, images: Tensor, drawn: object) -> Tensor:
        lowest, highest = (f(images, (1, 2), keepdims=True) for f in (jnp.min, jnp.max))
        low, high = self.value_range
        spread = highest - lowest
        share = (images - lowest) / jnp.where(spread == 0, 1, spread)
        return jnp.where(spread == 0, images, jnp.clip(share * (high - low) + low, low, high))


@layer()
class Equalization(HistogramLayer):
    """Makes the values of each channel of each image equally frequent, in training.

    Values come out as whole levels from 0 to 255, brought to the range of values. A channel of one value stays. Keras
    counts the values of a whole batch together, so that an image depends on its neighbours; here each stands alone.

    Shapes: `(batch, height, width, channels)` or one image without the batch axis; the output has the same shape.

    Args:
        value_range: least and greatest value of a pixel.
        bins: number of classes that values are counted in.
        data_format: `"channels_last"` or `"channels_first"`; None: as `config.set_image_data_format` says.
        **options: `bounding_box_format`, such as `"xyxy"`, where boxes come with the images; name, dtype, ...: as in
            `Layer`.

    Example:

    >>> import numpy as np
    >>> Equalization()(np.ones((2, 8, 8, 3))).shape
    (2, 8, 8, 3)
    """

    training_only = True
    bins: int

    def __init__(
        self,
        value_range: ValueRange = (0, 255),
        bins: Bins = 256,
        data_format: DataFormat = None,
        **options: Unpack[BoxOptions],
    ):
        super().__init__(data_format=data_format, **options)

    def transform(self, images: Tensor, drawn: object) -> Tensor:
        batch, rows, columns, channels = images.shape
        values = jnp.moveaxis(to_bytes(images, self.value_range), -1, 1).reshape(batch * channels, rows * columns)
        bins = jnp.clip(values * ((self.bins - 1) / (LEVELS - 1)), 0, self.bins - 1).astype("int32")
        summed = jnp.cumsum(histogram(bins, self.bins), -1)
        first = jnp.min(jnp.where(summed > 0, summed, jnp.inf), -1, keepdims=True)
        rest = rows * columns - first
        levels = jnp.round((summed - first) * (LEVELS - 1) / jnp.where(rest == 0, 1, rest))
        outputs = jnp.where(rest == 0, values, jnp.take_along_axis(jnp.clip(levels, 0, LEVELS - 1), bins, -1))
        outputs = jnp.moveaxis(outputs.reshape(batch, channels, rows, columns), 1, -1)
        return from_bytes(outputs.astype(images.dtype), self.value_range)


@layer()
class ContrastLimitedAdaptiveHistogramEqualization(HistogramLayer):
    """Equalizes tiles of each image apart, with limited contrast, in training and outside of it.

    Zuiderveld 1994, Contrast Limited Adaptive Histogram Equalization. The image is cut into a grid of tiles (the last
    ones are filled up with mirrored pixels). Counts of a tile above the limit are spread over all levels; each pixel is
    a mean of what the four nearest tiles make of its value.

    Shapes: `(batch, height, width, channels)` or one image without the batch axis; the output has the same shape.
    Whole numbers stay whole numbers.

    Args:
        value_range: least and greatest value of a pixel.
        clip_limit: greatest count of a level, as a multiple of the mean count; 0 or less: no limit.
        tile_grid_size: rows and columns of tiles.
        data_format: `"channels_last"` or `"channels_first"`; None: as `config.set_image_data_format` says.
        **options: `bounding_box_format`, such as `"xyxy"`, where boxes come with the images; name, dtype, ...: as in
            `Layer`.

    Example:

    >>> import numpy as np
    >>> ContrastLimitedAdaptiveHistogramEqualization(tile_grid_size=(2, 2))(np.ones((2, 8, 8, 3))).shape
    (2, 8, 8, 3)
    """

    keeps_integers = True
    to_integers: Callable[..., Any] = staticmethod(jnp.trunc)
    clip_limit: float
    tile_grid_size: tuple[int, ...]

    def __init__(
        self,
        value_range: ValueRange = (0, 255),
        clip_limit: Finite = 4.0,
        tile_grid_size: Grid = (8, 8),
        data_format: DataFormat = None,
        **options: Unpack[BoxOptions],
    ):
        super().__init__(data_format=data_format, **options)

    def transform(self, images: Tensor, drawn: object) -> Tensor:
        batch, rows, columns, channels = images.shape
        down, across = self.tile_grid_size
        levels = jnp.clip(to_bytes(images, self.value_range), 0, LEVELS - 1).astype("int32")
        height, width = -(-rows // down), -(-columns // across)
        ends = ((0, 0), (0, down * height - rows), (0, across * width - columns), (0, 0))
        tiles = jnp.pad(levels, ends, "symmetric").reshape(batch, down, height, across, width, channels)
        tiles = jnp.transpose(tiles, (0, 1, 3, 5, 2, 4)).reshape(batch * down * across * channels, height * width)
        table = self._levels(tiles).reshape(-1)

        def look_up(row: Tensor, column: Tensor) -> Tensor:
            row, column = jnp.clip(row, 0, down - 1), jnp.clip(column, 0, across - 1)
            image = jnp.arange(batch)[:, None, None, None]
            tile = (image * down + row[:, None, None]) * across + column[:, None]
            return table[(tile * channels + jnp.arange(channels)) * LEVELS + levels]

        y, x = jnp.arange(rows) / height - 0.5, jnp.arange(columns) / width - 0.5
        top, left = jnp.floor(y).astype("int32"), jnp.floor(x).astype("int32")
        lower, right = (y - top)[:, None, None], (x - left)[:, None]
        above = look_up(top, left) * (1 - right) + look_up(top, left + 1) * right
        below = look_up(top + 1, left) * (1 - right) + look_up(top + 1, left + 1) * right
        return from_bytes(above * (1 - lower) + below * lower, self.value_range)

    def _levels(self, tiles: Tensor) -> Tensor:
        """For each tile the new level of each level, `(tiles, 256)`."""
        counts, size = histogram(tiles, LEVELS), tiles.shape[-1]
        if self.clip_limit > 0:
            limit = self.clip_limit * size / LEVELS
            clipped = jnp.minimum(counts, limit)
            counts = clipped + jnp.sum(counts - clipped, -1, keepdims=True) / LEVELS
        summed = jnp.cumsum(counts, -1)
        rest = size - summed[:, :1]
        return jnp.clip((summed - summed[:, :1]) * ((LEVELS - 1) / jnp.where(rest <= 0, 1, rest)), 0, LEVELS - 1)


def histogram(values: Tensor, bins: int) -> Tensor:
    """How often each of the numbers from 0 to `bins - 1` stands in each row, `(rows, bins)`."""
    rows = values.shape[0]
    places = values + bins * jnp.arange(rows, dtype=values.dtype)[:, None]
    counts = jnp.zeros(rows * bins).at[places.reshape(-1)].add(1, mode="promise_in_bounds")
    return counts.reshape(rows, bins)
