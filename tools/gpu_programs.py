"""The training loop compiled for eight H100 without one: what the devices tell each other, and what each has to hold.

XLA compiles for a device that it is only told about. So this shows on any machine that a program for GPUs can be made,
which messages are in it, that it keeps off the memory of the host, and how much memory a device needs. How fast it is,
nobody knows without a GPU.

usage: python -m tools.gpu_programs    needs the wheel jax-cuda12-pjrt of JAX' version; `make gpu-programs` installs it
"""

from __future__ import annotations

import collections
import os
import re
import sys
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import numpy as np

from sequax import Input, Model, Sequential, distribution, layers
from sequax.core.placement import Spread
from sequax.data.source import Batch
from sequax.kernels import dispatch
from sequax.training import custom, plans, step

# Without a device there is nothing to try kernels on.
FLAGS = "--xla_gpu_autotune_level=0 --xla_gpu_enable_triton_gemm=false"
ROWS, BATCH_SIZE = 2048, 256
MESSAGES = re.compile(r" (all-reduce|all-gather|reduce-scatter|all-to-all|collective-permute)(-start)?\(")
# What would move data to the host in the midst of a loop.
HOST = re.compile(r"(outfeed|infeed|\bsend\(|\brecv\(|python_callback|MoveToHost|S\(5\))")
# Of NVIDIA's data sheet and its programming guide for compute capability 9.0.
H100 = """
gpu_device_info {
  threads_per_block_limit: 1024 threads_per_warp: 32 threads_per_core_limit: 2048
  shared_memory_per_block: 49152 shared_memory_per_core: 233472 shared_memory_per_block_optin: 232448
  core_count: 132 fpus_per_core: 128
  block_dim_limit_x: 2147483647 block_dim_limit_y: 65535 block_dim_limit_z: 65535
  memory_bandwidth: 3352320000000 l2_cache_size: 52428800 clock_rate_ghz: 1.98 device_memory_size: 84929347584
  registers_per_core_limit: 65536 registers_per_block_limit: 65536
  cuda_compute_capability { major: 9 }
}
platform_name: "CUDA"
dnn_version_info { major: 9 minor: 7 }
runtime_version { major: 12 minor: 8 }
device_description_str: "NVIDIA H100 80GB HBM3"
"""


class Case(NamedTuple):
    """A model, how it lies, and the messages that a step may have."""

    name: str
    model: Callable[[], Any]
    place: Callable[[Any], distribution.Distribution]
    allowed: dict[str, int]


def dense() -> Any:
    return Sequential([Input((784,)), layers.Dense(512, "relu"), layers.Dense(512, "relu"), layers.Dense(10)])


def convnet() -> Any:
    inside = [layers.Conv2D(32, 3), layers.BatchNormalization(), layers.ReLU(), layers.MaxPooling2D()]
    return Sequential([Input((28, 28, 1)), *inside, layers.Flatten(), layers.Dense(10)])


def lstm() -> Any:
    return Sequential([Input((40, 32)), layers.Masking(), layers.LSTM(64), layers.Dense(10)])


def gru() -> Any:
    return Sequential([Input((40, 32)), layers.Bidirectional(layers.GRU(64)), layers.Dense(10)])


def transformer() -> Any:
    inputs = Input((32, 64))
    inside = layers.LayerNormalization()(inputs + layers.MultiHeadAttention(8, 8)(inputs, inputs))
    wide = layers.Dense(256, "relu", name="up")(inside)
    inside = layers.LayerNormalization()(inside + layers.Dense(64, name="down")(wide))
    return Model(inputs, layers.Dense(10)(layers.GlobalAveragePooling1D()(inside)))


def augmented() -> Any:
    inside = [layers.RandomFlip(), layers.RandomRotation(0.1), layers.Conv2D(8, 3), layers.Flatten()]
    return Sequential([Input((28, 28, 3)), *inside, layers.Dropout(0.2), layers.Dense(10)])


def wide() -> Any:
    return Sequential([Input((2048,)), *(layers.Dense(2048, "relu") for _ in range(4)), layers.Dense(10)])


def data(devices: Any) -> distribution.Distribution:
    return distribution.DataParallel(devices=devices)


def fully(devices: Any) -> distribution.Distribution:
    return distribution.FullySharded(devices)


def by_heads(devices: Any) -> distribution.Distribution:
    layouts = distribution.LayoutMap(distribution.DeviceMesh((2, 4), ["batch", "model"], devices))
    layouts[".*(query|key|value)/kernel"], layouts[".*(query|key|value)/bias"] = (None, "model", None), ("model", None)
    layouts[".*attention_output/kernel"] = ("model", None, None)
    layouts[".*up/kernel"], layouts[".*up/bias"], layouts[".*down/kernel"] = (
        (None, "model"),
        ("model",),
        ("model", None),
    )
    return distribution.ModelParallel(layout_map=layouts)


CASES = [
    Case("dense", dense, data, {"all-reduce": 1}),
    Case("convnet", convnet, data, {"all-reduce": 4}),
    Case("LSTM", lstm, data, {"all-reduce": 1}),
    Case("GRU", gru, data, {"all-reduce": 1}),
    Case("transformer", transformer, data, {"all-reduce": 1}),
    Case("augmentation", augmented, data, {"all-reduce": 1}),
    Case("4 x Dense(2048), whole", wide, data, {"all-reduce": 4}),
    Case("4 x Dense(2048), cut", wide, fully, {"all-gather": 8, "reduce-scatter": 4, "all-reduce": 2}),
    Case("transformer by heads", transformer, by_heads, {"all-reduce": 6}),
]


class Program(NamedTuple):
    """What was compiled.

    Fields:
        waits: messages that nothing is computed beside.
        state: bytes of the arguments on a device, the rows apart.
        scratch: bytes that it needs besides.
    """

    messages: dict[str, int]
    waits: int
    host: list[str]
    state: int
    scratch: int
    seconds: float


def compiled(case: Case, devices: list[Any]) -> Program:
    """The program of `fit` for a case, on devices that are not there."""
    model = case.model()
    model.compile("adam", "mse")
    y = np.zeros((4, *model.output_shape[1:]), "float32")
    model.resolve(y)
    plan = plans.of(model, training=True)
    place = case.place(devices).placement
    assert isinstance(place, Spread)
    state = jax.tree.map(
        lambda v: jax.ShapeDtypeStruct(v.shape, v.stored.dtype, sharding=place.sharding_of(v)), plan.variables
    )
    shapes = (ROWS, *model.input_shape[1:]), (ROWS, *model.output_shape[1:])
    inputs, targets = (jax.ShapeDtypeStruct(shape, np.float32) for shape in shapes)
    rows: Any = Batch(inputs, targets)  # type: ignore[arg-type]
    order, number = jax.ShapeDtypeStruct((ROWS,), np.int32), jax.ShapeDtypeStruct((), np.int32)
    given = type(plan.variables.read())(*state), rows, order, number, number, jax.ShapeDtypeStruct((), np.bool_)
    made = step.program(custom.step_of(model, plan.variables, training=True), BATCH_SIZE, guard=True)
    begin = time.perf_counter()
    with dispatch.for_platform("cuda"):
        jitted = place.jitted(dispatch.with_rows_apart(made), given, (0,), (given[0], None, None))
        program = jitted.lower(*given).compile()
    text, memory = program.as_text() or "", program.memory_analysis()
    assert memory is not None
    found = MESSAGES.findall(text)
    in_rows = sum(int(np.prod(shape)) * 4 for shape in shapes)
    return Program(
        dict(collections.Counter(kind for kind, _ in found)),
        sum(not start for _, start in found),
        sorted(set(HOST.findall(text))) + (["temporary memory"] if memory.host_temp_size_in_bytes else []),
        memory.argument_size_in_bytes - in_rows,
        memory.temp_size_in_bytes,
        time.perf_counter() - begin,
    )


def faults(case: Case, program: Program) -> list[str]:
    """What should not be in a program."""
    found = [f"{kind}: {n}" for kind, n in program.messages.items() if n > case.allowed.get(kind, 0)]
    return found + [f"host: {what}" for what in program.host]


def main() -> None:
    from jax.experimental import topologies

    jax.config.update("jax_platforms", "cpu")  # what is computed is; XLA reads its flags when it is first used
    os.environ["XLA_FLAGS"] = f"{os.environ.get('XLA_FLAGS', '')} {FLAGS}".strip()
    try:
        devices = topologies.get_topology_desc(platform="cuda", topology="1x1x8", target_config=H100).devices
    except Exception as error:
        sys.exit(f"XLA for CUDA is not there ({error}): pip install jax-cuda12-pjrt=={jax.__version__}")
    failed = False
    print("| model on 8 H100 | messages in a step | state on each | scratch | compiled in |")
    print("|---|---|---|---|---|")
    for case in CASES:
        program = compiled(case, list(devices))
        told = ", ".join(f"{n} {kind}" for kind, n in program.messages.items())
        wrong = faults(case, program)
        failed = failed or bool(wrong)
        note = f" **{', '.join(wrong)}**" if wrong else ""
        amounts = f"{program.state / 1e6:.1f} MB | {program.scratch / 1e6:.1f} MB | {program.seconds:.1f} s"
        print(f"| {case.name} | {told}{note} | {amounts} |", flush=True)
    sys.exit(failed)


if __name__ == "__main__":
    main()
