"""Colors of images as pure functions over arrays whose last axis is the channel."""

from __future__ import annotations

import jax
import jax.numpy as jnp

# ITU-R BT.601, rounded as in MATLAB and TensorFlow.
LUMA = (0.2989, 0.5870, 0.1140)


def rgb_to_grayscale(images: jax.Array) -> jax.Array:
    """Brightness, with one channel; the input has three channels in floating point."""
    red, green, blue = jnp.split(images, 3, -1)
    return LUMA[0] * red + LUMA[1] * green + LUMA[2] * blue


def rgb_to_hsv(images: jax.Array) -> jax.Array:
    """Hue, saturation and value, each from 0 to 1, of red, green and blue from 0 to 1. Smith 1978."""
    red, green, blue = jnp.moveaxis(images, -1, 0)
    value = jnp.max(images, -1)
    spread = value - jnp.min(images, -1)
    safe = jnp.where(spread == 0, 1, spread)
    sector = jnp.where(
        value == red,
        jnp.mod((green - blue) / safe, 6),
        jnp.where(value == green, (blue - red) / safe + 2, (red - green) / safe + 4),
    )
    hue = jnp.where(spread == 0, 0, sector / 6)
    saturation = jnp.where(value == 0, 0, spread / jnp.where(value == 0, 1, value))
    return jnp.stack([hue, saturation, value], -1)


def hsv_to_rgb(images: jax.Array) -> jax.Array:
    """Red, green and blue, each from 0 to 1, of hue, saturation and value from 0 to 1. Smith 1978.

    Each channel is the value, less `saturation * value` times a trapezoid of the hue.
    """
    hue, saturation, value = images[..., :1], images[..., 1:2], images[..., 2:]
    distance = jnp.mod(jnp.array([5.0, 3.0, 1.0], images.dtype) + hue * 6, 6)
    return value - value * saturation * jnp.clip(jnp.minimum(distance, 4 - distance), 0, 1)
