"""Images turned, moved and recoloured one by one, by NumPy and SciPy, as `ImageDataGenerator` did it.

`tx` moves along rows and `ty` along columns; angles are in degrees. The functions take one image of rank 3.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import ndimage

from ..utils.images import array_to_img, img_to_array


def apply_affine_transform(
    x: np.ndarray,
    theta: float = 0,
    tx: float = 0,
    ty: float = 0,
    shear: float = 0,
    zx: float = 1,
    zy: float = 1,
    row_axis: int = 1,
    col_axis: int = 2,
    channel_axis: int = 0,
    fill_mode: str = "nearest",
    cval: float = 0.0,
    order: int = 1,
) -> np.ndarray:
    """An image turned by `theta`, moved by `tx, ty`, sheared and zoomed, about its centre.

    Args:
        fill_mode, cval: what lies outside, as in `scipy.ndimage`.
        order: of the interpolation.
    """
    matrix = affine_matrix(theta, tx, ty, shear, zx, zy)
    if np.array_equal(matrix, np.eye(3)):
        return x
    channels = np.moveaxis(x, (channel_axis, row_axis, col_axis), (0, 1, 2))
    centre = (np.array(channels.shape[1:]) - 1) / 2
    # About the centre: p -> A (p - c) + t + c.
    linear, offset = matrix[:2, :2], matrix[:2, 2]
    offset = offset + centre - linear @ centre
    moved = [
        ndimage.affine_transform(channel, linear, offset, order=order, mode=fill_mode, cval=cval)
        for channel in channels
    ]
    return np.moveaxis(np.stack(moved), (0, 1, 2), (channel_axis, row_axis, col_axis))


def affine_matrix(
    theta: float = 0, tx: float = 0, ty: float = 0, shear: float = 0, zx: float = 1, zy: float = 1
) -> np.ndarray:
    """Rotation, shift, shear and zoom, one after the other, from places in the output to places in the input."""
    turn, lean = np.deg2rad(theta), np.deg2rad(shear)
    rotation = np.array([[np.cos(turn), -np.sin(turn), 0], [np.sin(turn), np.cos(turn), 0], [0, 0, 1]])
    shift = np.array([[1, 0, tx], [0, 1, ty], [0, 0, 1]])
    shearing = np.array([[1, -np.sin(lean), 0], [0, np.cos(lean), 0], [0, 0, 1]])
    return rotation @ shift @ shearing @ np.diag([zx, zy, 1])


def apply_channel_shift(x: np.ndarray, intensity: float, channel_axis: int = 0) -> np.ndarray:
    """All values moved by `intensity`, within the range that the image has."""
    return np.clip(x + intensity, x.min(), x.max())


def apply_brightness_shift(x: np.ndarray, brightness: float, scale: bool = True) -> np.ndarray:
    """All values times `brightness`, as whole numbers from 0 to 255.

    Args:
        scale: stretch the values to that range first; otherwise only an image beyond it is, and back again.
    """
    from PIL import ImageEnhance

    low, high = float(x.min()), float(x.max())
    beyond = low < 0 or high > 255
    image = array_to_img(x, scale=scale or beyond)
    bright = img_to_array(ImageEnhance.Brightness(image).enhance(brightness))
    return bright / 255 * (high - low) + low if beyond and not scale else bright


def flip_axis(x: np.ndarray, axis: int) -> np.ndarray:
    return np.flip(x, axis)


# --- drawn at random ------------------------------------------------------------------------------------------------


def random_rotation(
    x: np.ndarray,
    rg: float,
    row_axis: int = 1,
    col_axis: int = 2,
    channel_axis: int = 0,
    fill_mode: str = "nearest",
    cval: float = 0.0,
    interpolation_order: int = 1,
) -> np.ndarray:
    """Turned by up to `rg` degrees."""
    options = placing(row_axis, col_axis, channel_axis, fill_mode, cval, interpolation_order)
    return apply_affine_transform(x, theta=np.random.uniform(-rg, rg), **options)


def random_shift(
    x: np.ndarray,
    wrg: float,
    hrg: float,
    row_axis: int = 1,
    col_axis: int = 2,
    channel_axis: int = 0,
    fill_mode: str = "nearest",
    cval: float = 0.0,
    interpolation_order: int = 1,
) -> np.ndarray:
    """Moved by up to the fractions `wrg` of the width and `hrg` of the height."""
    options = placing(row_axis, col_axis, channel_axis, fill_mode, cval, interpolation_order)
    tx = np.random.uniform(-hrg, hrg) * x.shape[row_axis]
    ty = np.random.uniform(-wrg, wrg) * x.shape[col_axis]
    return apply_affine_transform(x, tx=tx, ty=ty, **options)


def random_shear(
    x: np.ndarray,
    intensity: float,
    row_axis: int = 1,
    col_axis: int = 2,
    channel_axis: int = 0,
    fill_mode: str = "nearest",
    cval: float = 0.0,
    interpolation_order: int = 1,
) -> np.ndarray:
    """Sheared by up to `intensity` degrees."""
    options = placing(row_axis, col_axis, channel_axis, fill_mode, cval, interpolation_order)
    return apply_affine_transform(x, shear=np.random.uniform(-intensity, intensity), **options)


def random_zoom(
    x: np.ndarray,
    zoom_range: tuple[float, float],
    row_axis: int = 1,
    col_axis: int = 2,
    channel_axis: int = 0,
    fill_mode: str = "nearest",
    cval: float = 0.0,
    interpolation_order: int = 1,
) -> np.ndarray:
    """Zoomed by two factors from a range."""
    options = placing(row_axis, col_axis, channel_axis, fill_mode, cval, interpolation_order)
    zx, zy = np.random.uniform(*zoom_range, 2)
    return apply_affine_transform(x, zx=zx, zy=zy, **options)


def random_channel_shift(x: np.ndarray, intensity_range: float, channel_axis: int = 0) -> np.ndarray:
    return apply_channel_shift(x, np.random.uniform(-intensity_range, intensity_range), channel_axis)


def random_brightness(x: np.ndarray, brightness_range: tuple[float, float], scale: bool = True) -> np.ndarray:
    return apply_brightness_shift(x, np.random.uniform(*brightness_range), scale)


def placing(row: int, column: int, channel: int, fill_mode: str, cval: float, order: int) -> dict[str, Any]:
    return {
        "row_axis": row,
        "col_axis": column,
        "channel_axis": channel,
        "fill_mode": fill_mode,
        "cval": cval,
        "order": order,
    }
