"""All networks of `keras.applications`, on images of the least size: what a first fit takes, and later ones."""

from __future__ import annotations

from functools import partial
from typing import Any

from ..workload import Workload
from .images import CLASSES, classifier

NETWORKS = (
    *("Xception", "VGG16", "VGG19", "InceptionV3", "InceptionResNetV2", "NASNetMobile", "NASNetLarge"),
    *(f"ResNet{depth}{version}" for version in ("", "V2") for depth in (50, 101, 152)),
    *("MobileNet", "MobileNetV2", "MobileNetV3Small", "MobileNetV3Large"),
    *(f"DenseNet{depth}" for depth in (121, 169, 201)),
    *(f"EfficientNetB{size}" for size in range(8)),
    *(f"EfficientNetV2{size}" for size in ("B0", "B1", "B2", "B3", "S", "M", "L")),
    *(f"ConvNeXt{size}" for size in ("Tiny", "Small", "Base", "Large", "XLarge")),
)
_PIXELS = {"Xception": 71, "InceptionV3": 75, "InceptionResNetV2": 75}  # where 32 are too few
_ROWS, _BATCH = 128, 32


def application(library: Any, pixels: int, name: str) -> Any:
    return getattr(library.applications, name)(weights=None, classes=CLASSES, input_shape=(pixels, pixels, 3))


def _row(name: str) -> Workload:
    return classifier(name, name, partial(application, name=name), _ROWS, _PIXELS.get(name, 32), _BATCH)


APPLICATIONS = {work.name: work for work in map(_row, NETWORKS)}
