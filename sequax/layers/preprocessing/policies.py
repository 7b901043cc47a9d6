"""Layers that apply randomly chosen image layers: RandAugment and AugMix."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Annotated, Any, Unpack

import jax
import jax.numpy as jnp

from ...core.kinds import DataFormat, Number, Whole
from ...core.types import Tensor
from ...kernels.boxes import clip
from ..catalogue import layer
from .histograms import AutoContrast, Equalization
from .image_arguments import AboveZero, BoxOptions, Interpolation, Share, Steps, ValueRange
from .images import Drawn
from .random_color import (
    RandomBrightness,
    RandomColor,
    RandomColorDegeneration,
    RandomContrast,
    RandomPosterization,
    Solarization,
)
from .random_filters import RandomSharpness
from .random_geometry import RandomRotation, RandomShear, RandomTranslation

# Those of the second row leave the colors to other augmentations and to the corruptions that AugMix is tested on.
OPERATIONS = (
    *("random_shear", "random_translation", "random_rotation"),
    *("random_brightness", "random_color_degeneration", "random_contrast", "random_sharpness"),
    *("random_posterization", "solarization", "auto_contrast", "equalization"),
)
OpCount = Annotated[int, Whole(0, most=1 << 10)]
COLOR_OPERATIONS = frozenset(OPERATIONS[3:7])


class Policy(RandomColor):
    """Base of layers that own other image layers and choose among them at random.

    The choice holds for the whole batch, so that only the chosen layer is computed; its strength is drawn for each
    image.
    """

    fill_value: Number | Sequence[Number] | None

    names: tuple[str, ...]
    channels: tuple[int, int] = (1, 3)

    def _set_operations(self, names: tuple[str, ...]) -> None:
        self.fill_value, self.names = 0.0, names
        seed, values = self.seed, {"value_range": self.value_range}
        shape = {"interpolation": self.interpolation, "seed": seed}
        made = {
            "random_shear": (RandomShear, {"x_factor": self.factor, "y_factor": self.factor, **shape}),
            "random_translation": (
                RandomTranslation,
                {"height_factor": self.factor, "width_factor": self.factor, **shape},
            ),
            "random_rotation": (RandomRotation, {"factor": self.factor, **shape}),
            "random_brightness": (RandomBrightness, {"factor": self.factor, "seed": seed, **values}),
            "random_color_degeneration": (RandomColorDegeneration, {"factor": self.factor, "seed": seed, **values}),
            "random_contrast": (RandomContrast, {"factor": self.factor, "seed": seed, **values}),
            "random_sharpness": (RandomSharpness, {"factor": self.factor, "seed": seed, **values}),
            "random_posterization": (
                RandomPosterization,
                {"factor": (1, max(1, int(8 * self.factor[1]))), "seed": seed, **values},
            ),
            "solarization": (
                Solarization,
                {"addition_factor": self.factor, "threshold_factor": self.factor, "seed": seed, **values},
            ),
            "auto_contrast": (AutoContrast, values),
            "equalization": (Equalization, values),
        }
        for name in names:
            cls, arguments = made[name]
            setattr(self, name, cls(**arguments, name=name))

    def _draw_operations(self, key: Tensor, shape: tuple[int, ...]) -> Drawn:
        """What each layer draws; None of those that draw nothing."""
        keys = dict(zip(self.names, jax.random.split(key, len(self.names)), strict=True))
        layers = {name: getattr(self, name) for name in self.names}
        return {n: layer.draw(keys[n], shape) if hasattr(layer, "draw") else None for n, layer in layers.items()}

    def _apply(self, index: Tensor, images: Tensor, transforms: Drawn) -> Tensor:
        """The images through the layer of that index; unchanged for the index after the last."""
        branches = [partial(getattr(self, name).transform, drawn=transforms.get(name)) for name in self.names]
        return jax.lax.switch(index, [*branches, lambda images: images], images)

    def _follow(self, index: Tensor, values: Tensor, transforms: Drawn, method: str, **options: int) -> Tensor:
        """Boxes or masks through a method of the layer of that index, where it moves pixels."""
        layers = [(getattr(self, name), transforms.get(name)) for name in self.names]
        branches = [
            partial(getattr(layer, method), drawn=drawn, **options) if layer.moves else lambda values: values
            for layer, drawn in layers
        ]
        return jax.lax.switch(index, branches, values)


@layer()
class RandAugment(Policy):
    """Applies `num_ops` randomly chosen image layers, one after the other, in training.

    Cubuk et al. 2019, RandAugment: shear, translation, rotation, brightness, gray, contrast, sharpness, posterization,
    solarization, stretched contrast and equalized histogram. As in Keras, all images of a batch go through the same
    layers, with strengths of their own.

    Shapes: `(batch, height, width, channels)` or one image without the batch axis; the output has the same shape.

    Args:
        value_range: least and greatest value of a pixel.
        num_ops: number of layers applied; 0: none.
        factor: strength of all of them, from 0 to 1: drawn from 0 to it, or between two numbers.
        interpolation: of shear, translation and rotation: `"bilinear"` or `"nearest"`.
        seed: whole number; None: drawn from the process' stream.
        data_format: `"channels_last"` or `"channels_first"`; None: as `config.set_image_data_format` says.
        **options: `bounding_box_format`, such as `"xyxy"`, where boxes come with the images; name, dtype, ...: as in
            `Layer`.

    Example:

    >>> import numpy as np
    >>> RandAugment(num_ops=1)(np.ones((2, 8, 8, 3))).shape
    (2, 8, 8, 3)
    """

    moves = True
    num_ops: int

    def __init__(
        self,
        value_range: ValueRange = (0, 255),
        num_ops: OpCount = 2,
        factor: Share = 0.5,
        interpolation: Interpolation = "bilinear",
        seed: int | None = None,
        data_format: DataFormat = None,
        **options: Unpack[BoxOptions],
    ):
        super().__init__(data_format=data_format, **options)
        self._set_operations(OPERATIONS)

    def draw(self, key: Tensor, shape: tuple[int, ...]) -> Drawn:
        keys = jax.random.split(key)
        indices = jax.random.randint(keys[0], (self.num_ops,), 0, len(self.names))
        return {"transforms": self._draw_operations(keys[1], shape), "layer_idxes": indices}

    def transform(self, images: Tensor, drawn: Drawn) -> Tensor:
        def step(images: Tensor, index: Tensor) -> tuple[Tensor, None]:
            return self._apply(index, images, drawn["transforms"]), None

        return jax.lax.scan(step, images, jnp.asarray(drawn["layer_idxes"]))[0]

    def transform_masks(self, masks: Tensor, drawn: Drawn) -> Tensor:
        def step(masks: Tensor, index: Tensor) -> tuple[Tensor, None]:
            return self._follow(index, masks, drawn["transforms"], "transform_masks"), None

        return jax.lax.scan(step, masks, jnp.asarray(drawn["layer_idxes"]))[0]

    def move_boxes(self, corners: Tensor, drawn: Drawn, rows: int, columns: int) -> Tensor:
        def step(corners: Tensor, index: Tensor) -> tuple[Tensor, None]:
            options = {"rows": rows, "columns": columns}
            moved = self._follow(index, corners, drawn["transforms"], "move_boxes", **options)
            return clip(moved, rows, columns), None  # what left the image does not come back

        return jax.lax.scan(step, corners, jnp.asarray(drawn["layer_idxes"]))[0]


@layer()
class AugMix(Policy):
    """Mixes images with the outputs of several chains of randomly chosen image layers, in training.

    Hendrycks et al. 2019, AugMix: `m * x + (1 - m) * sum(w_i * chain_i(x))`, with weights from a Dirichlet and `m` from
    a Beta distribution. As in Keras, all images of a batch share the chains, weights and `m`; the strengths of the
    layers are each image's own. A place in a chain stays empty as often as it gets any one layer. Boxes and masks stay:
    the image itself keeps its share.

    Shapes: `(batch, height, width, channels)` or one image without the batch axis; the output has the same shape.

    Args:
        value_range: least and greatest value of a pixel.
        num_chains: number of chains.
        chain_depth: number of layers in a chain, at most.
        factor: strength of all layers, from 0 to 1: drawn from 0 to it, or between two numbers.
        alpha: parameter of both distributions; small values make one chain, or the image itself, dominate.
        all_ops: whether layers that change colors (brightness, gray, contrast, sharpness) take part.
        interpolation: of shear, translation and rotation: `"bilinear"` or `"nearest"`.
        seed: whole number; None: drawn from the process' stream.
        data_format: `"channels_last"` or `"channels_first"`; None: as `config.set_image_data_format` says.
        **options: `bounding_box_format`, such as `"xyxy"`, where boxes come with the images; name, dtype, ...: as in
            `Layer`.

    Example:

    >>> import numpy as np
    >>> AugMix(chain_depth=1)(np.ones((2, 8, 8, 3))).shape
    (2, 8, 8, 3)
    """

    num_chains: int
    chain_depth: int
    alpha: float

    def __init__(
        self,
        value_range: ValueRange = (0, 255),
        num_chains: Steps = 3,
        chain_depth: Steps = 3,
        factor: Share = 0.3,
        alpha: AboveZero = 1.0,
        all_ops: bool = True,
        interpolation: Interpolation = "bilinear",
        seed: int | None = None,
        data_format: DataFormat = None,
        **options: Unpack[BoxOptions],
    ):
        super().__init__(data_format=data_format, **options)
        kept = OPERATIONS if all_ops else tuple(name for name in OPERATIONS if name not in COLOR_OPERATIONS)
        self._set_operations(kept)

    def draw(self, key: Tensor, shape: tuple[int, ...]) -> Drawn:
        chosen, mixing, strengths = jax.random.split(key, 3)
        grid = (self.num_chains, self.chain_depth)
        # Gamma variates, normalized, are Dirichlet distributed; logarithms keep small ones apart from zero.
        shares = jax.random.loggamma(mixing, self.alpha, (self.num_chains + 2,))
        return {
            "chain_mixing_weights": jax.nn.softmax(shares[:-2]),
            "weight_sample": jax.nn.softmax(shares[-2:])[0],
            "layer_idxes": jax.random.randint(chosen, grid, 0, len(self.names) + 1),
            "transforms": jax.vmap(jax.vmap(lambda k: self._draw_operations(k, shape)))(
                jax.random.split(strengths, grid)
            ),
        }

    def transform(self, images: Tensor, drawn: Drawn) -> Tensor:
        def step(chained: Tensor, place: Sequence[Any]) -> tuple[Tensor, None]:
            return self._apply(place[0], chained, place[1]), None

        def chain(mixed: Tensor, part: Sequence[Any]) -> tuple[Tensor, None]:
            weight, *places = part
            return mixed + weight * jax.lax.scan(step, images, places)[0], None

        weights = jnp.asarray(drawn["chain_mixing_weights"], images.dtype)
        parts = (weights, jnp.asarray(drawn["layer_idxes"]), drawn["transforms"])
        mixed = jax.lax.scan(chain, jnp.zeros_like(images), parts)[0]
        share = jnp.asarray(drawn["weight_sample"], images.dtype)
        return share * images + (1 - share) * mixed
