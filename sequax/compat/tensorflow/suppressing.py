"""`tf.image.non_max_suppression` and its kind: of boxes that overlap, the one with the best score, by NumPy."""

from __future__ import annotations

from typing import Any, NamedTuple, SupportsInt

import jax
import jax.numpy as jnp
import numpy as np

from ...core.types import ArrayLike
from .serving import Table

MEMBERS = Table()


def _kept(boxes: np.ndarray, scores: np.ndarray, most: int, iou: float, least: float) -> list[int]:
    low, high = np.minimum(boxes[:, :2], boxes[:, 2:]), np.maximum(boxes[:, :2], boxes[:, 2:])
    areas, kept = (high - low).prod(axis=1), list[int]()
    for one in np.argsort(-scores, kind="stable"):
        if len(kept) >= most or scores[one] <= least:
            break
        shared = np.minimum(high[one], high[kept]) - np.maximum(low[one], low[kept])
        inside = np.maximum(shared, 0).prod(axis=1)
        if not kept or np.all(inside <= iou * (areas[one] + areas[kept] - inside)):
            kept.append(int(one))
    return kept


@MEMBERS.serve("image.non_max_suppression")
def non_max_suppression(
    boxes: ArrayLike,
    scores: ArrayLike,
    max_output_size: SupportsInt,
    iou_threshold: float = 0.5,
    score_threshold: float = -np.inf,
) -> jax.Array:
    boxes, scores = np.asarray(boxes, np.float32), np.asarray(scores, np.float32)
    kept = _kept(boxes, scores, int(max_output_size), float(iou_threshold), float(score_threshold))
    return jnp.asarray(np.array(kept, np.int32))


@MEMBERS.serve("image.non_max_suppression_padded")
def non_max_suppression_padded(
    boxes: ArrayLike,
    scores: ArrayLike,
    max_output_size: SupportsInt,
    iou_threshold: float = 0.5,
    score_threshold: float = -np.inf,
    pad_to_max_output_size: bool = False,
    sorted_input: bool = False,
    canonicalized_coordinates: bool = False,
    tile_size: int = 512,
) -> tuple[jax.Array, jax.Array]:
    kept = np.asarray(non_max_suppression(boxes, scores, max_output_size, iou_threshold, score_threshold))
    missing = int(max_output_size) - len(kept) if pad_to_max_output_size else 0
    return jnp.asarray(np.pad(kept, (0, missing))), jnp.asarray(len(kept), jnp.int32)


class Detections(NamedTuple):
    """What is left of the boxes of a batch of images, best scores first, filled up with zeros."""

    nmsed_boxes: Any
    nmsed_scores: Any
    nmsed_classes: Any
    valid_detections: Any


@MEMBERS.serve("image.combined_non_max_suppression")
def combined_non_max_suppression(
    boxes: ArrayLike,
    scores: ArrayLike,
    max_output_size_per_class: SupportsInt,
    max_total_size: SupportsInt,
    iou_threshold: float = 0.5,
    score_threshold: float = -np.inf,
    pad_per_class: bool = False,
    clip_boxes: bool = True,
) -> Detections:
    boxes, scores = np.asarray(boxes, np.float32), np.asarray(scores, np.float32)
    size, most = int(max_total_size), int(max_output_size_per_class)
    if pad_per_class:
        size = min(size, most * scores.shape[2])
    count = len(boxes)
    found = Detections(
        np.zeros((count, size, 4), np.float32),
        np.zeros((count, size), np.float32),
        np.zeros((count, size), np.float32),
        np.zeros(count, np.int32),
    )
    for image, (own, points) in enumerate(zip(boxes, scores, strict=True)):
        places = [
            (-points[box, label], label, box)
            for label in range(points.shape[1])
            for box in _kept(
                own[:, min(label, own.shape[1] - 1)],
                points[:, label],
                most,
                float(iou_threshold),
                float(score_threshold),
            )
        ]
        best = sorted(places)[:size]
        for row, (score, label, box) in enumerate(best):
            found.nmsed_boxes[image, row] = own[box, min(label, own.shape[1] - 1)]
            found.nmsed_scores[image, row], found.nmsed_classes[image, row] = -score, label
        found.valid_detections[image] = len(best)
    clipped = np.clip(found.nmsed_boxes, 0, 1) if clip_boxes else found.nmsed_boxes
    return Detections(jnp.asarray(clipped), *(jnp.asarray(one) for one in found[1:]))
