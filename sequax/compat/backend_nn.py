"""The part of `keras.backend` that has to do with networks: convolutions, pooling, normalization, loops, CTC."""

from __future__ import annotations

import builtins
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from .. import ops
from ..config import image_data_format
from ..core.types import ArrayLike, PerAxis, ShapeLike, Tensor
from .utilities import conv_output_length, deconv_length


def _channels_first(data_format: str | None) -> bool:
    return (data_format or image_data_format()) == "channels_first"


# --- convolutions and pooling ---------------------------------------------------------------------------------------


def conv2d_transpose(
    x: Tensor,
    kernel: Tensor,
    output_shape: ShapeLike,
    strides: PerAxis = (1, 1),
    padding: str = "valid",
    data_format: str | None = None,
    dilation_rate: PerAxis = 1,
) -> Tensor:
    """A transposed convolution that gives this shape (batch axis included)."""
    first = _channels_first(data_format)
    rank = len(x.shape) - 2
    wanted = tuple(output_shape)[2:] if first else tuple(output_shape)[1:-1]
    sizes = x.shape[2:] if first else x.shape[1:-1]
    steps = (strides,) * rank if isinstance(strides, int) else tuple(strides)
    extra: list[int] | None = []
    for size, window, step, length in zip(sizes, kernel.shape, steps, wanted, strict=False):
        plain = deconv_length(size, step, window, padding, 0)
        if extra is None or not isinstance(length, int) or plain is None:
            extra = None  # a size that is not known: what the padding gives
        else:
            extra.append(length - plain)
    padded = None if extra is None else tuple(extra)
    return ops.conv_transpose(x, kernel, steps, padding, padded, data_format, dilation_rate)


conv3d_transpose = conv2d_transpose


def separable_conv2d(
    x: Tensor,
    depthwise_kernel: Tensor,
    pointwise_kernel: Tensor,
    strides: PerAxis = 1,
    padding: str = "valid",
    data_format: str | None = None,
    dilation_rate: PerAxis = 1,
) -> Tensor:
    return ops.separable_conv(x, depthwise_kernel, pointwise_kernel, strides, padding, data_format, dilation_rate)


separable_conv1d = separable_conv2d


def depthwise_conv2d(
    x: Tensor,
    depthwise_kernel: Tensor,
    strides: PerAxis = 1,
    padding: str = "valid",
    data_format: str | None = None,
    dilation_rate: PerAxis = 1,
) -> Tensor:
    return ops.depthwise_conv(x, depthwise_kernel, strides, padding, data_format, dilation_rate)


def local_conv(
    inputs: Tensor,
    kernel: Tensor,
    kernel_size: Sequence[int],
    strides: Sequence[int],
    output_shape: Sequence[int] | None = None,
    data_format: str | None = None,
) -> Tensor:
    """Windows with weights of their own: `kernel` has the shape `(windows, values in a window, filters)`.

    Where channels come first, so they do among the values of a window.
    """
    first = _channels_first(data_format)
    x = ops.moveaxis(inputs, 1, -1) if first else inputs
    rows = zip(x.shape[1:-1], kernel_size, strides, strict=True)
    sizes: list[Any] = [conv_output_length(size, window, "valid", stride) for size, window, stride in rows]
    corners: list[tuple[int, ...]] = [()]
    for length in kernel_size:
        corners = [(*corner, place) for corner in corners for place in range(length)]
    pictures = []  # one for each place in the window: what stands there in all windows
    for corner in corners:
        places = zip(corner, strides, sizes, strict=True)
        cut = [builtins.slice(start, start + stride * (size - 1) + 1, stride) for start, stride, size in places]
        pictures.append(x[(builtins.slice(None), *cut)])
    windows = ops.stack(pictures, axis=-1 if first else -2)
    windows = ops.reshape(windows, (-1, kernel.shape[0], kernel.shape[1]))
    outputs = ops.reshape(ops.einsum("bpk,pkf->bpf", windows, kernel), (-1, *sizes, kernel.shape[2]))
    return ops.moveaxis(outputs, -1, 1) if first else outputs


def local_conv1d(
    inputs: Tensor, kernel: Tensor, kernel_size: Sequence[int], strides: Sequence[int], data_format: str | None = None
) -> Tensor:
    return local_conv(inputs, kernel, kernel_size, strides, data_format=data_format)


local_conv2d = local_conv


def resize_volumes(
    x: Tensor, depth_factor: int, height_factor: int, width_factor: int, data_format: str | None = None
) -> Tensor:
    start = 2 if _channels_first(data_format) else 1
    for axis, factor in enumerate((depth_factor, height_factor, width_factor), start):
        x = ops.repeat(x, factor, axis=axis)
    return x


def spatial_3d_padding(x: Tensor, padding: Any = ((1, 1), (1, 1), (1, 1)), data_format: str | None = None) -> Tensor:
    ends = [(0, 0), (0, 0), *padding] if _channels_first(data_format) else [(0, 0), *padding, (0, 0)]
    return ops.pad(x, ends)


def asymmetric_temporal_padding(x: Tensor, left_pad: int = 1, right_pad: int = 1) -> Tensor:
    return ops.pad(x, [(0, 0), (left_pad, right_pad), (0, 0)])


# --- normalization and losses ---------------------------------------------------------------------------------------


def batch_normalization(
    x: Tensor,
    mean: Tensor,
    var: Tensor,
    beta: ArrayLike | None,
    gamma: ArrayLike | None,
    axis: int = -1,
    epsilon: float = 1e-3,
) -> Tensor:
    mean, var = ops.reshape(mean, (-1,)), ops.reshape(var, (-1,))
    offset, scale = (None if one is None else ops.reshape(one, (-1,)) for one in (beta, gamma))
    return ops.batch_normalization(x, mean, var, axis, offset=offset, scale=scale, epsilon=epsilon)


def normalize_batch_in_training(
    x: Tensor, gamma: ArrayLike | None, beta: ArrayLike | None, reduction_axes: Sequence[int], epsilon: float = 1e-3
) -> tuple[Tensor, Tensor, Tensor]:
    """`(normalized, mean, variance)` by the statistics of the batch itself."""
    mean, variance = ops.moments(x, axes=list(reduction_axes), keepdims=True)
    shape = mean.shape
    normalized = (x - mean) / ops.sqrt(variance + epsilon)
    normalized = normalized if gamma is None else normalized * ops.reshape(gamma, shape)
    normalized = normalized if beta is None else normalized + ops.reshape(beta, shape)
    return normalized, ops.squeeze(mean), ops.squeeze(variance)


def binary_focal_crossentropy(
    target: Tensor,
    output: Tensor,
    apply_class_balancing: bool = False,
    alpha: float = 0.25,
    gamma: float = 2.0,
    from_logits: bool = False,
) -> Tensor:
    """A loss for each value: what is right already counts less."""
    losses = ops.binary_crossentropy(target, output, from_logits)
    chance = ops.sigmoid(output) if from_logits else output
    right = target * chance + (1 - target) * (1 - chance)
    weighted = ops.power(1 - right, gamma) * losses
    balance = target * alpha + (1 - target) * (1 - alpha)
    return balance * weighted if apply_class_balancing else weighted


def categorical_focal_crossentropy(
    target: Tensor, output: Tensor, alpha: Any = 0.25, gamma: float = 2.0, from_logits: bool = False, axis: int = -1
) -> Tensor:
    """A loss for each row: what is right already counts less."""
    chance = ops.softmax(output, axis=axis) if from_logits else output / ops.sum(output, axis=axis, keepdims=True)
    chance = ops.clip(chance, 1e-7, 1 - 1e-7)
    return ops.sum(-target * ops.log(chance) * alpha * ops.power(1 - chance, gamma), axis=axis)


# --- loops ----------------------------------------------------------------------------------------------------------


def foldl(fn: Callable[..., Any], elems: Tensor, initializer: Any = None, name: str | None = None) -> Any:
    """`fn(result so far, next element)` over the first axis."""
    start, rest = (elems[0], elems[1:]) if initializer is None else (initializer, elems)
    return jax.lax.scan(lambda so_far, one: (fn(so_far, one), None), start, rest)[0]


def foldr(fn: Callable[..., Any], elems: Tensor, initializer: Any = None, name: str | None = None) -> Any:
    """`foldl` from the last element to the first."""
    return foldl(fn, ops.flip(elems, axis=0), initializer)


def rnn(
    step_function: Callable[..., Any],
    inputs: Tensor,
    initial_states: Sequence[Tensor],
    go_backwards: bool = False,
    mask: Tensor | None = None,
    constants: Sequence[Any] | None = None,
    unroll: bool = False,
    input_length: int | None = None,
    time_major: bool = False,
    zero_output_for_mask: bool = False,
    return_all_outputs: bool = True,
) -> tuple[Tensor, Tensor, list[Tensor]]:
    """Steps over time: `step_function(input, states + constants) -> (output, new states)`.

    Args:
        inputs: `(batch, steps, ...)`.
        mask: `(batch, steps)`; where it is False the states stay, and the output is that of the step before.

    Returns:
        `(last output, all outputs, last states)`.
    """
    steps = inputs if time_major else ops.moveaxis(inputs, 0, 1)
    kept = None if mask is None else ops.moveaxis(ops.cast(mask, "bool"), 0, 1)
    if kept is not None and len(kept.shape) == 3:
        kept = kept[..., 0]
    if go_backwards:
        steps, kept = ops.flip(steps, axis=0), None if kept is None else ops.flip(kept, axis=0)
    fixed = list(constants or [])
    states = tuple(jnp.asarray(state) for state in initial_states)
    first = jax.eval_shape(lambda: step_function(steps[0], [*states, *fixed])[0])

    def step(carried: Any, given: Any) -> Any:
        before, last = carried
        one, counts = given
        output, after = step_function(one, [*before, *fixed])
        after = tuple(after)
        shown = output
        if counts is not None:
            shown = _where(counts, output, jnp.zeros_like(last) if zero_output_for_mask else last)
            output = _where(counts, output, last)
            after = tuple(_where(counts, new, old) for new, old in zip(after, before, strict=True))
        after = tuple(new.astype(old.dtype) for new, old in zip(after, before, strict=True))
        return (after, output), shown

    carried = states, jnp.zeros(first.shape, first.dtype)
    (last_states, last), outputs = jax.lax.scan(step, carried, (steps, kept))
    return last, outputs if time_major else ops.moveaxis(outputs, 0, 1), list(last_states)


def _where(counts: Tensor, new: Tensor, old: Tensor) -> Tensor:
    return jnp.where(counts.reshape(counts.shape + (1,) * (new.ndim - 1)), new, old)


# --- CTC ------------------------------------------------------------------------------------------------------------


def ctc_batch_cost(y_true: Tensor, y_pred: Tensor, input_length: Tensor, label_length: Tensor) -> Tensor:
    """The loss of each sequence, shape `(batch, 1)`; the last class of `y_pred` is the blank.

    Args:
        y_true: `(batch, longest label)`, numbers of classes.
        y_pred: `(batch, steps, classes)`, after a softmax.
        input_length, label_length: `(batch, 1)`.
    """
    labels, steps = (ops.reshape(ops.cast(length, "int32"), (-1,)) for length in (label_length, input_length))
    blank = y_pred.shape[-1] - 1
    losses = ops.ctc_loss(ops.cast(y_true, "int32"), ops.log(y_pred + 1e-7), labels, steps, mask_index=blank)
    return ops.expand_dims(losses, 1)


def ctc_decode(
    y_pred: ArrayLike, input_length: ArrayLike, greedy: bool = True, beam_width: int = 100, top_paths: int = 1
) -> tuple[list[np.ndarray], np.ndarray]:
    """The most likely labels: a list of arrays `(batch, steps)`, filled up with -1, and their scores."""
    scores = np.log(np.asarray(y_pred) + 1e-7)
    decoded, found = ops.ctc_decode(
        scores,
        np.asarray(input_length).reshape(-1),
        strategy="greedy" if greedy else "beam_search",
        beam_width=beam_width,
        top_paths=1 if greedy else top_paths,
        mask_index=scores.shape[-1] - 1,
    )
    return [np.asarray(path) for path in decoded], np.asarray(found)


# --- small ones -----------------------------------------------------------------------------------------------------


def slice(x: Tensor, start: Sequence[int], size: Sequence[int]) -> Tensor:
    """`size[i]` entries from `start[i]` on, along each axis; -1: all that follow."""
    cut = []
    for first, length in zip(start, size, strict=True):
        cut.append(builtins.slice(first, None if length == -1 else first + length))
    return x[tuple(cut)]


def size(x: Tensor, name: str | None = None) -> int:
    return int(np.prod(x.shape))


def to_dense(tensor: Tensor) -> Tensor:
    """The tensor itself: there are no sparse ones."""
    return tensor


def pattern_broadcast(x: Tensor, broadcastable: object) -> Tensor:
    """The tensor itself: which axes are broadcast follows from the shape."""
    return x
