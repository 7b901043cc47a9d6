"""Time of one training step of each kernel, against XLA's own form.

    python benchmarks/kernels.py [pattern] [--torch PYTHON]

Every number comes from a loop that XLA cannot shorten: the loop counter picks the input, the kernel is carried and
updated by its whole gradient, the input gradient flows into the next step's input, the loss is not linear. Forms take
turns and the median counts, because other load on the machine moves single numbers by 20 % and more.

Columns (milliseconds per step, forward + backward):
    ours      ``sequax.kernels`` inside a compiled loop, as ``fit`` runs it
    xla       JAX's own operation and autodiff inside the same loop
    xla step  the same, one dispatch per step, outside of any loop
    torch     PyTorch with channels last, one call per step, in a process of its own: ``--torch`` names a Python that
              can import it; without one the column stays empty
    compile   seconds that "ours" takes to compile
    MB        temporary memory of "ours"
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from sequax import kernels
from sequax.training.compiled import usual_options

ROUNDS, BATCHES, SECONDS = 5, 4, 0.4


class Case(NamedTuple):
    name: str
    x: tuple[int, ...]
    parameters: tuple[tuple[int, ...], ...]
    ours: Callable
    xla: Callable
    kind: str  # with its options, what the other process needs to know
    options: dict
    first: bool = False  # first layer: nobody reads the input gradient


def step(form, first, parameters, carried, x):
    """One update of the parameters; ``carried`` holds the last input gradient."""

    def loss(parameters, x):
        y = form(x, *parameters)
        return jnp.square(jnp.tanh(y)).sum() / y.shape[0]

    if first:
        gradients = jax.grad(loss)(parameters, x)
    else:
        gradients, carried = jax.grad(loss, argnums=(0, 1))(parameters, x + 1e-6 * carried)
    return jax.tree.map(lambda value, gradient: value - 1e-4 * gradient, parameters, gradients), carried


def in_loop(case, form):
    @jax.jit
    def run(parameters, carried, batches, steps):
        def body(index, state):
            return step(form, case.first, *state, batches[index % BATCHES])

        return lax.fori_loop(0, steps, body, (parameters, carried))

    return run


def by_step(case, form):
    compiled = jax.jit(partial(step, form, case.first))

    def run(parameters, carried, batches, steps):
        for index in range(steps):
            parameters, carried = compiled(parameters, carried, batches[index % BATCHES])
        return parameters, carried

    return run


def arrays(case):
    random = np.random.default_rng(0)
    parameters = tuple(
        jnp.asarray(random.standard_normal(shape) / np.sqrt(np.prod(shape[:-1])), jnp.float32)
        for shape in case.parameters
    )
    batches = [jnp.asarray(random.standard_normal(case.x), jnp.float32) for _ in range(BATCHES)]
    return parameters, jnp.zeros(case.x), batches


def seconds(run, parameters, carried, batches, steps):
    start = time.perf_counter()
    jax.block_until_ready(run(parameters, carried, batches, steps))
    return time.perf_counter() - start


class Torch:
    """A process of another Python that times the same case on request."""

    def __init__(self, python: str):
        script = Path(__file__).with_name("kernels_torch.py")
        self.process = subprocess.Popen([python, script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def ask(self, message) -> str:
        assert self.process.stdin and self.process.stdout
        print(json.dumps(message), file=self.process.stdin, flush=True)
        return self.process.stdout.readline()

    def prepare(self, case):
        fields = ("x", "parameters", "kind", "options", "first")
        self.ask({name: getattr(case, name) for name in fields})
        return lambda steps: float(self.ask(steps))


class Result(NamedTuple):
    milliseconds: list[float]  # per step, by column
    compiling: float
    megabytes: float


def measure(case, torch: Torch | None, rounds: int = ROUNDS) -> Result:
    """Medians of all columns, measured in turns."""
    parameters, carried, batches = arrays(case)
    stacked = jnp.stack(batches)
    start = time.perf_counter()
    ours = in_loop(case, case.ours).lower(parameters, carried, stacked, 1).compile(usual_options())
    compiling = time.perf_counter() - start

    def column(run, data):
        return lambda steps: seconds(run, parameters, carried, data, steps) / steps * 1e3

    columns = [
        column(ours, stacked),
        column(in_loop(case, case.xla), stacked),
        column(by_step(case, case.xla), batches),
    ]
    if torch:
        columns.append(torch.prepare(case))
    counts = []
    for run in columns:
        run(1)
        counts.append(max(1, min(200, int(SECONDS * 1e3 / run(1)))))
    times = [[run(count) for run, count in zip(columns, counts, strict=True)] for _ in range(rounds)]
    medians = [statistics.median(row) for row in zip(*times, strict=True)]
    return Result(medians, compiling, ours.memory_analysis().temp_size_in_bytes / 2**20)


def conv_case(name, x, kernel, *, first=False, **options):
    def xla(x, kernel):
        padding = options.get("padding", "valid").upper()
        spatial = len(x.shape) - 2
        letters = "DHW"[-spatial:]
        return lax.conv_general_dilated(
            x,
            kernel,
            (options.get("strides", 1),) * spatial,
            padding,
            rhs_dilation=(options.get("dilation", 1),) * spatial,
            dimension_numbers=(f"N{letters}C", f"{letters}IO", f"N{letters}C"),
            feature_group_count=options.get("groups", 1),
        )

    return Case(name, x, (kernel,), lambda x, kernel: kernels.conv(x, kernel, **options), xla, "conv", options, first)


def pool_case(name, x, window, strides, form):
    own = kernels.max_pool if form == "max" else kernels.avg_pool
    initial, function, scale = (-np.inf, lax.max, 1) if form == "max" else (0.0, lax.add, window**2)

    def xla(x):
        return (
            lax.reduce_window(x, initial, function, (1, window, window, 1), (1, strides, strides, 1), "VALID") / scale
        )

    options = {"window": window, "strides": strides, "form": form}
    return Case(name, x, (), lambda x: own(x, window, strides), xla, "pool", options)


def lstm_case(name, batch, time, features, units):
    def ours(x, kernel, recurrent):
        zeros = jnp.zeros((batch, units))
        return kernels.lstm(x, kernel, recurrent, jnp.zeros(4 * units), zeros, zeros)[0]

    def xla(x, kernel, recurrent):
        zeros = jnp.zeros((batch, units))
        plain = dict(activation=lambda z: jnp.tanh(z), recurrent_activation=jax.nn.sigmoid)
        return kernels.lstm(x, kernel, recurrent, jnp.zeros(4 * units), zeros, zeros, **plain)[0]

    parameters = ((features, 4 * units), (units, 4 * units))
    return Case(name, (batch, time, features), parameters, ours, xla, "lstm", {"features": features, "units": units})


def normalize(moments):
    def form(x):
        mean, variance = moments(x)
        return (x - mean) * lax.rsqrt(variance + 1e-3)

    return form


def dropout(mask):
    def form(x, weight):
        seed = lax.bitcast_convert_type(weight[:2], jnp.uint32)  # changes at each step, as a counter does
        return jnp.where(mask(seed, x.shape), x * 2, 0) * weight

    return form


CASES = [
    conv_case("conv 3x3 1->32, 28x28, batch 128 (first layer)", (128, 28, 28, 1), (3, 3, 1, 32), first=True),
    conv_case("conv 3x3 32->64, 13x13, batch 128", (128, 13, 13, 32), (3, 3, 32, 64)),
    conv_case("conv 3x3 32->32 same, 32x32, batch 64", (64, 32, 32, 32), (3, 3, 32, 32), padding="same"),
    conv_case("conv 3x3 64->64 same, 32x32, batch 32", (32, 32, 32, 64), (3, 3, 64, 64), padding="same"),
    conv_case("conv 3x3 128->128 same, 16x16, batch 32", (32, 16, 16, 128), (3, 3, 128, 128), padding="same"),
    conv_case("conv 3x3 64->128 same, 16x16, batch 64", (64, 16, 16, 64), (3, 3, 64, 128), padding="same"),
    conv_case("conv 3x3 256->256 same, 8x8, batch 32", (32, 8, 8, 256), (3, 3, 256, 256), padding="same"),
    conv_case("conv 7x7 stride 2 3->64, 64x64", (16, 64, 64, 3), (7, 7, 3, 64), padding="same", strides=2, first=True),
    conv_case("conv 1x1 64->64, 32x32, batch 32", (32, 32, 32, 64), (1, 1, 64, 64)),
    conv_case("conv 3x3 stride 2 64->128", (32, 32, 32, 64), (3, 3, 64, 128), padding="same", strides=2),
    conv_case("conv 3x3 dilation 2 64->64", (16, 32, 32, 64), (3, 3, 64, 64), padding="same", dilation=2),
    conv_case("conv 3x3 depthwise 64", (32, 32, 32, 64), (3, 3, 1, 64), padding="same", groups=64),
    conv_case("conv 3x3 depthwise 128, 16x16", (32, 16, 16, 128), (3, 3, 1, 128), padding="same", groups=128),
    conv_case(
        "conv 3x3 depthwise 128 stride 2", (32, 32, 32, 128), (3, 3, 1, 128), padding="same", strides=2, groups=128
    ),
    conv_case("conv 3x3 4 groups 64->64", (32, 16, 16, 64), (3, 3, 16, 64), padding="same", groups=4),
    conv_case("conv1d 5 64->64, length 256", (32, 256, 64), (5, 64, 64), padding="same"),
    conv_case("conv3d 3x3x3 8->16, 12x12x12", (8, 12, 12, 12, 8), (3, 3, 3, 8, 16), padding="same"),
    pool_case("max pool 2x2", (64, 32, 32, 64), 2, 2, "max"),
    pool_case("max pool 2x2, 26x26x32, batch 128", (128, 26, 26, 32), 2, 2, "max"),
    pool_case("max pool 3x3 stride 2", (64, 32, 32, 64), 3, 2, "max"),
    pool_case("avg pool 2x2", (64, 32, 32, 64), 2, 2, "avg"),
    pool_case("avg pool 3x3 stride 2", (64, 32, 32, 64), 3, 2, "avg"),
    lstm_case("lstm 32x80x128->64 (xla: autodiff)", 32, 80, 128, 64),
    lstm_case("lstm 32x80x128->256 (xla: autodiff)", 32, 80, 128, 256),
    Case(
        "batch moments 64x32x32x64 (xla: jnp.var)",
        (64, 32, 32, 64),
        (),
        normalize(lambda x: kernels.batch_moments(x, (0, 1, 2))),
        normalize(lambda x: (x.mean((0, 1, 2)), x.var((0, 1, 2)))),
        "moments",
        {},
    ),
    Case(
        "dropout 2048x512 (xla: threefry)",
        (2048, 512),
        ((512,),),
        dropout(lambda seed, shape: kernels.dropout_mask(seed, shape, 0.5)),
        dropout(lambda seed, shape: jax.random.bernoulli(jax.random.wrap_key_data(seed), 0.5, shape)),
        "dropout",
        {},
    ),
]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("pattern", nargs="?", default="")
    parser.add_argument("--torch", metavar="PYTHON", help="interpreter of an environment that has PyTorch")
    given = parser.parse_args()
    torch = Torch(given.torch) if given.torch else None
    if torch is None:
        print("torch: skipped, no --torch given")
    print(f"{'':48}{'ours':>9}{'xla':>9}{'xla step':>10}{'torch':>9}   xla/ours torch/ours   compile      MB")
    for case in CASES:
        if given.pattern in case.name:
            (ours, xla, outside, *other), compiling, megabytes = measure(case, torch)
            peer = f"{other[0]:9.2f}" if other else f"{'-':>9}"
            against = f"{other[0] / ours:10.2f}x" if other else f"{'-':>11}"
            print(
                f"{case.name:48}{ours:9.2f}{xla:9.2f}{outside:10.2f}{peer}{xla / ours:10.1f}x{against}"
                f"{compiling:9.1f}s{megabytes:8.0f}",
                flush=True,
            )


if __name__ == "__main__":
    main()
