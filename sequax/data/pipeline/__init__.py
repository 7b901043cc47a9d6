"""`Dataset`: elements that are made, changed and grouped on their way to `fit`, in the manner of `tf.data`."""

from __future__ import annotations

from .dataset import Dataset

__all__ = ["Dataset"]
