"""The catalogue of losses: `@loss("alias")` makes a function or class public under `keras.losses`."""

from __future__ import annotations

from ..core.catalogue import Catalogue

losses: Catalogue = Catalogue("loss", "keras.losses")
loss = losses.register
