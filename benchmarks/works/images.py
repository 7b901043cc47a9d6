"""Networks over images and volumes: classifiers, segmentation, autoencoders."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from ..workload import Workload, clusters

CLASSES = 10
Builder = Callable[..., Any]  # library, and sizes -> model


def conv(layers: Any, x: Any, filters: int, window: int = 3, strides: int = 1, activation: str = "relu") -> Any:
    """Convolution, BatchNormalization, activation."""
    x = layers.Conv2D(filters, window, strides=strides, padding="same", use_bias=False)(x)
    x = layers.BatchNormalization()(x)
    return layers.Activation(activation)(x) if activation else x


def plain(layers: Any, x: Any, filters: int, window: int = 3, **more: Any) -> Any:
    return layers.Conv2D(filters, window, padding="same", activation="relu", **more)(x)


def classified(library: Any, inputs: Any, x: Any) -> Any:
    x = library.layers.GlobalAveragePooling2D()(x)
    return library.Model(inputs, library.layers.Dense(CLASSES, activation="softmax")(x))


def resnet50(library: Any, pixels: int) -> Any:
    layers = library.layers
    inputs = library.Input((pixels, pixels, 3))
    x = layers.MaxPooling2D(3, 2, padding="same")(conv(layers, inputs, 64, 7, 2))
    for stage, repeats in enumerate((3, 4, 6, 3)):
        filters = 64 * 2**stage
        for block in range(repeats):
            strides = 2 if stage and not block else 1
            shortcut = x if block else conv(layers, x, 4 * filters, 1, strides, "")
            y = conv(layers, conv(layers, x, filters, 1, strides), filters)
            x = layers.ReLU()(layers.Add()([conv(layers, y, 4 * filters, 1, 1, ""), shortcut]))
    return classified(library, inputs, x)


def vgg16(library: Any, pixels: int) -> Any:
    layers = library.layers
    inputs = x = library.Input((pixels, pixels, 3))
    for filters, repeats in ((64, 2), (128, 2), (256, 3), (512, 3), (512, 3)):
        for _ in range(repeats):
            x = plain(layers, x, filters)
        x = layers.MaxPooling2D(2)(x)
    x = layers.Dropout(0.5)(layers.Dense(512, activation="relu")(layers.Flatten()(x)))
    return library.Model(inputs, layers.Dense(CLASSES, activation="softmax")(x))


def densenet(library: Any, pixels: int, growth: int = 32) -> Any:
    layers = library.layers

    def entered(x: Any, filters: int, window: int) -> Any:
        x = layers.ReLU()(layers.BatchNormalization()(x))
        return layers.Conv2D(filters, window, padding="same", use_bias=False)(x)

    inputs = library.Input((pixels, pixels, 3))
    x = conv(layers, inputs, 2 * growth)
    for block in range(3):
        if block:
            x = layers.AveragePooling2D(2)(entered(x, x.shape[-1] // 2, 1))
        for _ in range(6):
            x = layers.Concatenate()([x, entered(entered(x, 4 * growth, 1), growth, 3)])
    return classified(library, inputs, layers.ReLU()(layers.BatchNormalization()(x)))


def inverted(
    layers: Any, x: Any, expansion: int, filters: int, strides: int, window: int, activation: str, squeeze: bool
) -> Any:
    """An inverted residual: wide inside, depthwise; with squeeze-and-excitation on request."""
    before, channels = x, x.shape[-1]
    if expansion > 1:
        x = conv(layers, x, expansion * channels, 1, 1, activation)
    x = layers.DepthwiseConv2D(window, strides=strides, padding="same", use_bias=False)(x)
    x = layers.Activation(activation)(layers.BatchNormalization()(x))
    if squeeze:
        scale = layers.GlobalAveragePooling2D(keepdims=True)(x)
        scale = layers.Conv2D(max(1, channels // 4), 1, activation=activation)(scale)
        x = layers.Multiply()([x, layers.Conv2D(x.shape[-1], 1, activation="sigmoid")(scale)])
    x = conv(layers, x, filters, 1, 1, "")
    return layers.Add()([before, x]) if strides == 1 and channels == filters else x


# Each stage: expansion, filters, blocks, strides of the first, window.
MOBILENET_V2 = (
    *((1, 16, 1, 1, 3), (6, 24, 2, 2, 3), (6, 32, 3, 2, 3), (6, 64, 4, 2, 3)),
    *((6, 96, 3, 1, 3), (6, 160, 3, 2, 3), (6, 320, 1, 1, 3)),
)
EFFICIENT = ((1, 16, 1, 1, 3), (4, 24, 2, 2, 3), (4, 40, 2, 2, 5), (4, 80, 2, 2, 3), (4, 112, 1, 1, 5))


def mobile(library: Any, pixels: int, stages: Any, last: int, activation: str, squeeze: bool) -> Any:
    layers = library.layers
    inputs = library.Input((pixels, pixels, 3))
    x = conv(layers, inputs, 32, 3, 2, activation)
    for expansion, filters, repeats, strides, window in stages:
        for block in range(repeats):
            x = inverted(layers, x, expansion, filters, 1 if block else strides, window, activation, squeeze)
    return classified(library, inputs, conv(layers, x, last, 1, 1, activation))


mobilenet_v2 = partial(mobile, stages=MOBILENET_V2, last=1280, activation="relu6", squeeze=False)
efficient = partial(mobile, stages=EFFICIENT, last=512, activation="swish", squeeze=True)


def inception(library: Any, pixels: int) -> Any:
    layers = library.layers
    inputs = library.Input((pixels, pixels, 3))
    x = layers.MaxPooling2D(3, 2, padding="same")(conv(layers, inputs, 32, 3, 2))
    for filters in (32, 64, 96):
        long = conv(layers, conv(layers, conv(layers, x, filters // 2, 1), filters, (1, 7)), filters, (7, 1))
        twice = conv(layers, conv(layers, conv(layers, x, filters // 2, 1), filters), filters)
        pooled = conv(layers, layers.AveragePooling2D(3, 1, padding="same")(x), filters, 1)
        x = layers.Concatenate()([conv(layers, x, filters, 1), long, twice, pooled])
        x = layers.Concatenate()([conv(layers, x, filters, 3, 2), layers.MaxPooling2D(3, 2, padding="same")(x)])
    return classified(library, inputs, x)


def xception(library: Any, pixels: int) -> Any:
    layers = library.layers

    def separable(x: Any, filters: int) -> Any:
        x = layers.SeparableConv2D(filters, 3, padding="same", use_bias=False)(layers.ReLU()(x))
        return layers.BatchNormalization()(x)

    inputs = library.Input((pixels, pixels, 3))
    x = conv(layers, conv(layers, inputs, 32, 3, 2), 64)
    for filters in (128, 256, 384):
        y = layers.MaxPooling2D(3, 2, padding="same")(separable(separable(x, filters), filters))
        x = layers.Add()([y, conv(layers, x, filters, 1, 2, "")])
    for _ in range(2):
        x = layers.Add()([x, separable(separable(separable(x, 384), 384), 384)])
    return classified(library, inputs, x)


def convnext(library: Any, pixels: int) -> Any:
    layers = library.layers
    inputs = library.Input((pixels, pixels, 3))
    x = layers.LayerNormalization()(layers.Conv2D(48, 4, strides=4)(inputs))
    for stage, repeats in enumerate((2, 2, 4)):
        filters = 48 * 2**stage
        if stage:
            x = layers.Conv2D(filters, 2, strides=2)(layers.LayerNormalization()(x))
        for _ in range(repeats):
            y = layers.LayerNormalization()(layers.DepthwiseConv2D(7, padding="same")(x))
            y = layers.Dense(filters)(layers.Dense(4 * filters, activation="gelu")(y))
            x = layers.Add()([x, y])
    return classified(library, inputs, x)


def vision_transformer(library: Any, pixels: int, width: int = 96) -> Any:
    layers = library.layers
    inputs = library.Input((pixels, pixels, 3))
    x = layers.Reshape((-1, width))(layers.Conv2D(width, 8, strides=8)(inputs))
    for _ in range(4):
        y = layers.LayerNormalization()(x)
        x = layers.Add()([x, layers.MultiHeadAttention(4, width // 4)(y, y)])
        y = layers.Dense(4 * width, activation="gelu")(layers.LayerNormalization()(x))
        x = layers.Add()([x, layers.Dense(width)(y)])
    x = layers.GlobalAveragePooling1D()(layers.LayerNormalization()(x))
    return library.Model(inputs, layers.Dense(CLASSES, activation="softmax")(x))


def convnet(library: Any, pixels: int, before: Callable[[Any], list[Any]] = lambda layers: [], **more: Any) -> Any:
    """Three convolutions with BatchNormalization; `before` gives layers that come first."""
    layers = library.layers
    stack = [library.Input((pixels, pixels, 3)), *before(layers)]
    for filters in (32, 64, 128):
        stack += [layers.Conv2D(filters, 3, padding="same", **more), layers.BatchNormalization(**more)]
        stack += [layers.ReLU(**more), layers.MaxPooling2D(2, **more)]
    stack += [layers.Flatten(), layers.Dropout(0.3), layers.Dense(CLASSES, activation="softmax")]
    return library.Sequential(stack)


def augmentation(layers: Any) -> list[Any]:
    moved = [layers.RandomFlip("horizontal"), layers.RandomRotation(0.1), layers.RandomZoom(0.1)]
    return [layers.Rescaling(1 / 255), *moved, layers.RandomContrast(0.2)]


def transfer(library: Any, pixels: int) -> Any:
    """A frozen MobileNetV2 under a new head."""
    layers = library.layers
    base = mobilenet_v2(library, pixels)
    base.trainable = False
    inputs = library.Input((pixels, pixels, 3))
    x = layers.Dense(64, activation="relu")(base(inputs, training=False))
    return library.Model(inputs, layers.Dense(CLASSES, activation="softmax")(layers.Dropout(0.2)(x)))


def unet(library: Any, pixels: int) -> Any:
    layers = library.layers

    def twice(x: Any, filters: int) -> Any:
        return plain(layers, plain(layers, x, filters), filters)

    inputs = x = library.Input((pixels, pixels, 3))
    levels = []
    for filters in (16, 32, 64):
        levels.append(twice(x, filters))
        x = layers.MaxPooling2D(2)(levels[-1])
    x = twice(x, 128)
    for level in reversed(levels):
        x = layers.Conv2DTranspose(level.shape[-1], 2, strides=2, padding="same")(x)
        x = twice(layers.Concatenate()([x, level]), level.shape[-1])
    return library.Model(inputs, layers.Conv2D(1, 1, activation="sigmoid")(x))


def segmentation(library: Any, pixels: int, classes: int = 5) -> Any:
    """Dilated branches over a strided stem, enlarged by interpolation."""
    layers = library.layers
    inputs = library.Input((pixels, pixels, 3))
    x = conv(layers, conv(layers, conv(layers, inputs, 32, 3, 2), 64, 3, 2), 96)
    branches = [conv(layers, x, 64, 1), *(plain(layers, x, 64, dilation_rate=rate) for rate in (2, 4, 6))]
    x = conv(layers, layers.Concatenate()(branches), 64, 1)
    x = layers.Conv2D(classes, 1)(layers.UpSampling2D(4, interpolation="bilinear")(x))
    return library.Model(inputs, layers.Softmax()(x))


def autoencoder(library: Any, pixels: int) -> Any:
    layers = library.layers
    stack = [library.Input((pixels, pixels, 3))]
    stack += [layers.Conv2D(n, 3, strides=2, padding="same", activation="relu") for n in (32, 64, 128)]
    stack += [layers.Conv2DTranspose(n, 3, strides=2, padding="same", activation="relu") for n in (64, 32, 16)]
    return library.Sequential([*stack, layers.Conv2D(3, 3, padding="same", activation="sigmoid")])


def volumes(library: Any) -> Any:
    layers = library.layers
    stack = [library.Input((16, 32, 32, 1))]
    for filters in (16, 32):
        stack += [layers.Conv3D(filters, 3, padding="same", activation="relu"), layers.MaxPooling3D(2)]
    stack += [layers.GlobalAveragePooling3D(), layers.Dense(CLASSES, activation="softmax")]
    return library.Sequential(stack)


def pictures(rows: int, pixels: int, targets: Callable[[np.ndarray], np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    x = np.random.default_rng(7).uniform(size=(rows, pixels, pixels, 3)).astype("float32")
    return x, targets(x)


def bright(x: np.ndarray) -> np.ndarray:
    return (x.mean(-1, keepdims=True) > 0.5).astype("float32")


def shades(x: np.ndarray) -> np.ndarray:
    return np.minimum(x.mean(-1) * 5, 4).astype("int32")


def classifier(name: str, title: str, build: Builder, rows: int, pixels: int, batch: int, **more: Any) -> Workload:
    data = partial(clusters, rows, (pixels, pixels, 3), CLASSES)
    title = f"{title}, {rows} of {pixels}x{pixels}, batch {batch}"
    build = partial(build, pixels=pixels, **more)
    return Workload(name, title, data, "sparse_categorical_crossentropy", batch, 1, build, rounds=2)


def mapped(
    name: str, title: str, build: Builder, rows: int, pixels: int, batch: int, targets: Any, loss: str
) -> Workload:
    title = f"{title}, {rows} of {pixels}x{pixels}, batch {batch}"
    data = partial(pictures, rows, pixels, targets)
    return Workload(name, title, data, loss, batch, 1, partial(build, pixels=pixels), rounds=2)


WORKS = (
    classifier("resnet50", "ResNet-50", resnet50, 64, 64, 16),
    classifier("resnet50_128", "ResNet-50", resnet50, 16, 128, 8),
    classifier("resnet50_224", "ResNet-50", resnet50, 8, 224, 4),
    classifier("vgg16", "VGG-16", vgg16, 64, 64, 16),
    classifier("densenet", "DenseNet, 3 blocks of 6", densenet, 128, 32, 32),
    classifier("mobilenet_v2", "MobileNetV2", mobilenet_v2, 32, 96, 16),
    classifier("mobilenet_v2_224", "MobileNetV2", mobilenet_v2, 8, 224, 4),
    classifier("efficientnet", "EfficientNet-like", efficient, 128, 64, 32),
    classifier("inception", "Inception-like", inception, 64, 96, 16),
    classifier("xception", "Xception-like", xception, 32, 96, 16),
    classifier("convnext", "ConvNeXt-like", convnext, 64, 96, 16),
    classifier("vit", "vision transformer", vision_transformer, 128, 64, 32),
    classifier("convnet_bn", "convnet with BatchNormalization", convnet, 512, 32, 64),
    classifier("augmented", "augmentation layers and a convnet", convnet, 64, 32, 16, before=augmentation),
    classifier("mixed_convnet", "convnet, mixed_bfloat16", convnet, 128, 32, 32, dtype="mixed_bfloat16"),
    classifier("transfer", "new head on a frozen MobileNetV2", transfer, 64, 96, 16),
    mapped("unet", "U-Net", unet, 64, 64, 16, bright, "binary_crossentropy"),
    mapped("segmentation", "dilated segmentation", segmentation, 32, 96, 8, shades, "sparse_categorical_crossentropy"),
    mapped("conv_autoencoder", "convolutional autoencoder", autoencoder, 128, 64, 32, np.copy, "mse"),
    Workload(
        "conv3d",
        "Conv3D, 64 of 16x32x32, batch 16",
        partial(clusters, 64, (16, 32, 32, 1), CLASSES),
        "sparse_categorical_crossentropy",
        16,
        1,
        volumes,
    ),
)
