"""The catalogue of layers: `@layer("alias")` makes a class public under `keras.layers`."""

from __future__ import annotations

from ..core.catalogue import Catalogue

layers: Catalogue = Catalogue("layer", "keras.layers")
layer = layers.register
