"""Every distinct convolution and pooling of real networks, against what this processor can do.

    python -m benchmarks.sweep [--networks A,B] [--pixels 96] [--batches 1,16] [--json FILE] [--before FILE]

The networks are those of `keras.applications`, and layers that they lack: one and three axes, dilated, grouped,
transposed. Each layer is timed forward and in each gradient, inside a compiled loop as `fit` runs it, and forward alone
as a single call. A share is the time that its arithmetic (at the rate of a 2048 x 2048 product) or its bytes (at the
rate of a copy) must take, whichever is longer, in the time it does take. Below a quarter there is a cliff.

`--before` names a file written by an earlier `--json`: the table shows its shares, too.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from sequax import kernels
from sequax.training.compiled import usual_options

NETWORKS = "ResNet50,VGG16,DenseNet121,MobileNetV2,MobileNetV3Small,EfficientNetB0,InceptionV3,Xception,ConvNeXtTiny"
CLIFF = 0.25
CALL = 2e-5  # seconds that nobody minds, whatever the work
SECONDS = 0.15  # of one measurement
REPEATED = 3  # of which the fastest counts: other work only ever adds


class Layer(NamedTuple):
    """A convolution or pooling and its input, without the batch."""

    kind: str  # "conv", "transposed", "max" or "average"
    spatial: tuple[int, ...]
    channels: int
    filters: int
    window: tuple[int, ...]
    strides: tuple[int, ...]
    padding: str
    dilation: tuple[int, ...]
    groups: int = 1

    def __str__(self) -> str:
        def product(sizes: tuple[int, ...]) -> str:
            return "x".join(map(str, sizes))

        parts = [self.kind, product(self.window), f"on {product(self.spatial)}", f"{self.channels} to {self.filters}"]
        parts += [f"by {product(self.strides)}"] * (max(self.strides) > 1)
        parts += [f"dilated {product(self.dilation)}"] * (max(self.dilation) > 1)
        parts += [f"{self.groups} groups"] * (self.groups > 1) + [self.padding] * (self.padding == "same")
        return ", ".join(parts)

    def function(self) -> Callable[..., jax.Array]:
        geometry = {"strides": self.strides, "padding": self.padding}
        if self.kind == "conv":
            return lambda x, kernel: kernels.conv(x, kernel, **geometry, dilation=self.dilation, groups=self.groups)
        if self.kind == "transposed":
            output = tuple(length * stride for length, stride in zip(self.spatial, self.strides, strict=True))
            return lambda x, kernel: kernels.conv_transpose(x, kernel, output=output, **geometry)
        pool = kernels.max_pool if self.kind == "max" else kernels.avg_pool
        return lambda x: pool(x, self.window, **geometry)

    def arrays(self, batch: int) -> list[jax.Array]:
        random = np.random.default_rng(0)
        shapes = [(batch, *self.spatial, self.channels)]
        if self.kind == "conv":
            shapes.append((*self.window, self.channels // self.groups, self.filters))
        elif self.kind == "transposed":
            shapes.append((*self.window, self.filters, self.channels))
        return [jnp.asarray(random.standard_normal(shape), jnp.float32) for shape in shapes]

    def multiplications(self, x: jax.Array, y: jax.Array) -> int:
        """Of one pass; poolings count their comparisons or additions."""
        cells = math.prod(self.window)
        if self.kind == "transposed":
            return int(x.size) * cells * self.filters
        return int(y.size) * cells * (self.channels // self.groups if self.kind == "conv" else 1)


def further() -> Iterator[Layer]:
    """Layers that the applications lack."""

    def layer(spatial: tuple[int, ...], channels: int, filters: int, window: int, **changes: Any) -> Layer:
        ones = (1,) * len(spatial)
        plain = Layer("conv", spatial, channels, filters, (window,) * len(spatial), ones, "same", ones)
        return plain._replace(**changes)

    for length, channels, dilation in [(256, 32, 1), (256, 32, 16), (1024, 16, 64)]:  # WaveNet and its like
        yield layer((length,), channels, channels, 2, dilation=(dilation,))
    yield layer((400,), 1, 64, 9)
    yield layer((128,), 64, 128, 3, strides=(2,))
    yield layer((16, 32, 32), 1, 16, 3)  # volumes
    yield layer((16, 16, 16), 16, 32, 3)
    yield layer((4, 4, 4), 64, 64, 3)
    for pixels in (1, 2, 3):
        for channels in (64, 512):
            yield layer((pixels, pixels), channels, channels, 3)
    yield layer((16, 16), 128, 128, 3, groups=32)
    yield layer((16, 16), 128, 128, 3, groups=4)
    yield layer((16, 16), 256, 256, 3, dilation=(6, 6))
    for pixels, channels, filters in [(8, 128, 64), (32, 32, 16)]:  # U-Net's way up
        yield layer((pixels, pixels), channels, filters, 2, kind="transposed", strides=(2, 2))
        yield layer((pixels, pixels), channels, filters, 3, kind="transposed", strides=(2, 2))


def layers_of(network: str, pixels: int) -> Iterator[Layer]:
    """Those of an application of Keras, in images of so many pixels."""
    os.environ.setdefault("KERAS_BACKEND", "jax")
    import keras

    model = getattr(keras.applications, network)(weights=None, input_shape=(pixels, pixels, 3), include_top=False)
    for one in model._flatten_layers():
        kind = type(one).__name__
        if kind not in ("Conv2D", "DepthwiseConv2D", "SeparableConv2D", "MaxPooling2D", "AveragePooling2D"):
            continue
        (_, *spatial, channels) = one.input.shape
        if kind.endswith("Pooling2D"):
            form, ones = "max" if kind.startswith("Max") else "average", (1, 1)
            yield Layer(form, (*spatial,), channels, channels, one.pool_size, one.strides, one.padding, ones)
        elif kind == "Conv2D":
            geometry = (one.kernel_size, one.strides, one.padding, one.dilation_rate, one.groups)
            yield Layer("conv", (*spatial,), channels, one.filters, *geometry)
        else:
            filters = channels * one.depth_multiplier
            geometry = (one.kernel_size, one.strides, one.padding, one.dilation_rate, channels)
            yield Layer("conv", (*spatial,), channels, filters, *map(_pair, geometry[:2]), *geometry[2:])


def _pair(value: Any) -> tuple[int, int]:
    return (value, value) if isinstance(value, int) else tuple(value)


class Machine(NamedTuple):
    """What the processor can do: multiplications, and bytes to and from memory, in a second."""

    multiplications: float
    bytes: float

    @classmethod
    def measured(cls) -> Machine:
        square = jnp.ones((2048, 2048), jnp.float32)
        large = jnp.ones((1 << 24,), jnp.float32)
        product = seconds(lambda a: a @ square, square, in_loop=True)
        copy = seconds(lambda a: a + 1, large, in_loop=True)
        return cls(2048**3 / product, 2 * large.nbytes / copy)

    def least(self, multiplications: int, arrays: list[Any]) -> float:
        """Seconds for so much arithmetic, and to read or write each array once."""
        moved = sum(a.size * a.dtype.itemsize for a in arrays)
        return max(multiplications / self.multiplications, moved / self.bytes, CALL)


def seconds(function: Callable[..., jax.Array], *arrays: jax.Array, in_loop: bool) -> float:
    """Time of one call. In a loop the counter picks one of two inputs, so that XLA cannot take the work out of it."""
    if in_loop:
        first, *others = arrays
        pair = jnp.stack([first, first + 1])
        blank = jnp.zeros_like(jax.eval_shape(function, *arrays))

        @partial(jax.jit, compiler_options=usual_options())
        def run(pair: jax.Array, others: list[jax.Array], times: int) -> jax.Array:
            def body(i: jax.Array, _: jax.Array) -> jax.Array:
                return function(lax.dynamic_index_in_dim(pair, i % 2, keepdims=False), *others)

            return lax.fori_loop(0, times, body, blank)

        def timed(times: int) -> float:
            started = time.perf_counter()
            run(pair, others, times).block_until_ready()
            return (time.perf_counter() - started) / times
    else:
        compiled = jax.jit(function, compiler_options=usual_options())

        def timed(times: int) -> float:
            started = time.perf_counter()
            for _ in range(times):
                compiled(*arrays).block_until_ready()
            return (time.perf_counter() - started) / times

    timed(1)
    times = max(1, min(200, int(SECONDS / REPEATED / max(timed(1), 1e-6))))
    return min(timed(times) for _ in range(REPEATED))


def shares(layer: Layer, batch: int, machine: Machine) -> dict[str, float]:
    """Column -> the least time over the measured one."""
    function, arrays = layer.function(), layer.arrays(batch)
    output = function(*arrays)
    work = layer.multiplications(arrays[0], output)
    least = machine.least(work, [*arrays, output])
    found = {
        "single call": least / seconds(function, *arrays, in_loop=False),
        "forward": least / seconds(_trained(function, arrays), *arrays, in_loop=True),
    }
    for position, name in enumerate(("input gradient", "kernel gradient")[: len(arrays)]):

        def gradient(cotangent: jax.Array, *arrays: jax.Array, position: int = position) -> jax.Array:
            return jax.vjp(function, *arrays)[1](cotangent)[position]

        found[name] = least / seconds(gradient, output, *arrays, in_loop=True)
    return found


def _trained(function: Callable[..., jax.Array], arrays: list[jax.Array]) -> Callable[..., jax.Array]:
    """The forward pass as it is where a gradient follows."""
    return lambda *arrays: jax.vjp(function, *arrays)[0]


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.sweep", description=__doc__)
    parser.add_argument("--networks", default=NETWORKS, metavar="A,B", help="of keras.applications")
    parser.add_argument("--pixels", type=int, default=96, help="of the networks' square images")
    parser.add_argument("--batches", default="16", metavar="A,B")
    parser.add_argument("--json", type=Path, help="write all shares to this file")
    parser.add_argument("--before", type=Path, help="such a file, to compare with")
    options = parser.parse_args()
    layers = dict.fromkeys(further())
    for network in filter(None, options.networks.split(",")):
        layers.update(dict.fromkeys(layers_of(network, options.pixels)))
    machine = Machine.measured()
    print(
        f"{len(layers)} layers; {machine.multiplications / 1e9:.0f} G multiplications/s, {machine.bytes / 1e9:.0f} GB/s"
    )
    before = json.loads(options.before.read_text()) if options.before else {}
    table: dict[str, dict[str, float]] = {}
    for batch in map(int, options.batches.split(",")):
        for layer in layers:
            name = f"{batch} of {layer}"
            table[name] = {column: round(share, 3) for column, share in shares(layer, batch, machine).items()}
            old = before.get(name, {})
            cells = (f"{column} {_arrow(old.get(column))}{share:.2f}" for column, share in table[name].items())
            print(f"{name}: {'; '.join(cells)}{'  CLIFF' if min(table[name].values()) < CLIFF else ''}", flush=True)
    if options.json:
        options.json.write_text(json.dumps(table, indent=0) + "\n")
    for title, each in (("before", before), ("now", table)):
        values = [share for row in each.values() for share in row.values()]
        if values:
            below = sum(share < CLIFF for share in values)
            rest = f"median {np.median(values):.2f}, least {min(values):.3f}"
            print(f"{title}: {below} of {len(values)} below {CLIFF}, {rest}")


def _arrow(old: float | None) -> str:
    return "" if old is None else f"{old:.2f} -> "


if __name__ == "__main__":
    main()
