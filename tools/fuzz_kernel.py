"""Train random tiny models, whose loops are one kernel, and compare them with the same operation by operation.

    python -m tools.fuzz_kernel --seconds 300
    python -m tools.fuzz_kernel --first 1234 --count 1     one model again

A mistake in how XLA is asked for such a kernel ends the process (docs/design/0005), so models are trained in a child
process: where it dies, or losses differ, the number of the model is told, and another process goes on behind it.
"""

from __future__ import annotations

import argparse
import random
import subprocess
import sys
import time
import warnings
from typing import Any

import numpy as np

import sequax
from sequax import layers
from sequax.training import compiled, single_kernel

CLASSES = 3
# Loss, activation of the last layer, and its targets for so many rows.
HEADS = (
    ("mean_squared_error", None, lambda draw, rows: draw.normal(size=(rows, 1))),
    ("huber", "tanh", lambda draw, rows: draw.normal(size=(rows, 1))),
    ("log_cosh", "gelu", lambda draw, rows: draw.normal(size=(rows, 1))),
    ("poisson", "softplus", lambda draw, rows: draw.integers(0, 5, (rows, 1))),
    ("hinge", None, lambda draw, rows: draw.integers(0, 2, (rows, 1))),
    ("binary_crossentropy", "sigmoid", lambda draw, rows: draw.integers(0, 2, (rows, 1))),
    ("sparse_categorical_crossentropy", "softmax", lambda draw, rows: draw.integers(0, CLASSES, rows)),
    ("categorical_crossentropy", "softmax", lambda draw, rows: np.eye(CLASSES)[draw.integers(0, CLASSES, rows)]),
)
ACTIVATIONS = (None, "relu", "gelu", "tanh", "softmax", "selu", "silu", "elu", "softplus", "mish", "log_softmax")
OPTIMIZERS = ("SGD", "Adam", "RMSprop", "Adagrad", "Adadelta", "Adamax", "Nadam", "AdamW", "Lamb", "Adafactor", "Ftrl")
SETTINGS: tuple[dict[str, Any], ...] = (
    {},
    {"clipnorm": 1.0},
    {"global_clipnorm": 1.0},
    {"use_ema": True},
    {"gradient_accumulation_steps": 2},
)


def layer(pick: random.Random) -> Any:
    """A layer for inputs of any shape."""
    return pick.choice(
        [
            lambda: layers.Dense(pick.randint(1, 16), pick.choice(ACTIVATIONS)),
            lambda: layers.Dense(4, use_bias=False, kernel_regularizer="l2", kernel_constraint="max_norm"),
            lambda: layers.Dropout(0.3),
            lambda: layers.BatchNormalization(),
            lambda: layers.LayerNormalization(),
            lambda: layers.UnitNormalization(),
            lambda: layers.PReLU(),
            lambda: layers.ActivityRegularization(l2=0.1),
            lambda: layers.Rescaling(2.0, offset=-1.0),
            lambda: layers.Masking(),
            lambda: layers.Flatten(),
            lambda: layers.Residual([layers.Activation("tanh")]),
        ]
    )()


def losses(number: int) -> list[float]:
    """What two epochs of the model of that number give, with validation where it has some; NaN if they end early."""
    pick, draw = random.Random(number), np.random.default_rng(number)
    sequax.utils.set_random_seed(number)
    shape = tuple(pick.randint(1, 6) for _ in range(pick.choice([1, 1, 1, 2, 3])))
    loss, activation, targets = pick.choice(HEADS)
    last = layers.Dense(CLASSES if "categorical" in loss else 1, activation)
    stack = [layer(pick) for _ in range(pick.randint(0, 5))]
    model = sequax.Sequential([sequax.Input(shape), *stack, layers.Flatten(), last])
    if stack and pick.random() < 0.2:
        stack[0].trainable = False
    schedule = sequax.optimizers.schedules.CosineDecay(0.01, 20)
    optimizer = getattr(sequax.optimizers, pick.choice(OPTIMIZERS))
    model.compile(optimizer(pick.choice([0.01, schedule]), **pick.choice(SETTINGS)), loss, metrics=["accuracy"])
    rows, batch_size = pick.randint(1, 60), pick.randint(1, 40)
    x, y = draw.normal(size=(rows, *shape)).astype("float32"), targets(draw, rows).astype("float32")
    weights = draw.random(rows) if pick.random() < 0.3 else None
    if pick.random() < 0.2:
        return [model.train_on_batch(x, y, weights), model.test_on_batch(x, y)]
    validation = (x, y) if pick.random() < 0.3 else None
    try:
        run = model.fit(x, y, batch_size, 2, 0, sample_weight=weights, validation_data=validation)
    except FloatingPointError:
        return [float("nan")]
    return [number for values in run.history.values() for number in values]


def compare(number: int) -> bool:
    """Whether a kernel was used; raises where it makes a difference."""
    compiled.clear()
    together = losses(number)
    used = any("inlineable" in program.as_text() for program in compiled._programs.values())
    if used:
        most, single_kernel.MOST_NUMBERS = single_kernel.MOST_NUMBERS, 0
        try:
            compiled.clear()
            np.testing.assert_allclose(together, losses(number), rtol=2e-3, atol=1e-4, err_msg=f"model {number}")
        finally:
            single_kernel.MOST_NUMBERS = most
    return used


def child(first: int, count: int) -> None:
    """Compare model after model; a line for each that is done."""
    warnings.simplefilter("ignore")  # such as that accuracy of a regression stays near 0
    for number in range(first, first + count):
        try:
            print(number, "kernel" if compare(number) else "plain", flush=True)
        except AssertionError as error:
            print(number, "differs:", " ".join(str(error).split())[:300], flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tools.fuzz_kernel", description=__doc__)
    parser.add_argument("--seconds", type=float, default=300.0, help="how long to go on")
    parser.add_argument("--first", type=int, default=0, help="number of the first model")
    parser.add_argument("--count", type=int, default=10**6, help="models at most")
    options = parser.parse_args()
    begun, number, end = time.monotonic(), options.first, options.first + options.count
    kernels, findings = 0, []
    while number < end and time.monotonic() - begun < options.seconds:
        code = f"from tools.fuzz_kernel import child; child({number}, {end - number})"
        with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            for line in process.stdout:
                number = int(line.split()[0]) + 1
                kernels += line.endswith("kernel\n")
                if "differs" in line:
                    findings.append(line.strip())
                if time.monotonic() - begun > options.seconds:
                    process.kill()
                    break
            else:
                if process.wait() != 0:
                    findings.append(f"{number} ended its process")
                    number += 1
    print(f"{number - options.first} models, {kernels} with a kernel, {len(findings)} findings")
    sys.exit("\n".join(findings))


if __name__ == "__main__":
    main()
