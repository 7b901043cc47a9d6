"""The torch column of ``benchmarks/kernels.py``, run by the Python of an environment that has PyTorch and no JAX.

Reads one case per line as JSON, answers "ready", then answers each further line, a number of steps, with the
milliseconds per step. Arrays lie in memory as in JAX, channels last, which is also PyTorch's faster layout.
"""

from __future__ import annotations

import json
import sys
import time

import torch
import torch.nn.functional as F

BATCHES = 4
CONVOLUTIONS = {1: F.conv1d, 2: F.conv2d, 3: F.conv3d}
LAST = {4: torch.channels_last, 5: torch.channels_last_3d}


def channels_first(array):
    """The same array with channels second in its shape and, where PyTorch has such a format, last in memory."""
    array = array.movedim(-1, 1).contiguous()
    return array.contiguous(memory_format=LAST[array.ndim]) if array.ndim in LAST else array


def same_pads(spatial, size, stride, dilation):
    pads = []
    for length, extent in zip(reversed(spatial), reversed(size), strict=True):
        total = max((-(-length // stride) - 1) * stride + (extent - 1) * dilation + 1 - length, 0)
        pads += [total // 2, total - total // 2]
    return pads


def convolution(x, parameters, strides=1, padding="valid", dilation=1, groups=1):
    pads = same_pads(x[1:-1], parameters[0][:-2], strides, dilation) if padding == "same" else [0] * 2 * (len(x) - 2)
    even = pads[::2] == pads[1::2]
    inside = pads[::2][::-1] if even else 0
    form = CONVOLUTIONS[len(x) - 2]

    def forward(x, kernel):
        return form(x if even else F.pad(x, pads), kernel, None, strides, inside, dilation, groups)

    return forward


def pooling(x, parameters, window, strides, form):
    function = F.max_pool2d if form == "max" else F.avg_pool2d
    return lambda x: function(x, window, strides)


def lstm(x, parameters, features, units):
    layer = torch.nn.LSTM(features, units, batch_first=True)
    return lambda x, *_: layer(x)[0], list(layer.parameters())


def normalization(x, parameters):
    return lambda x, *scale: F.batch_norm(x, None, None, *scale, training=True, eps=1e-3)


def dropout(x, parameters):
    return lambda x, weight: F.dropout(x, 0.5) * weight


FORMS = {"conv": convolution, "pool": pooling, "lstm": lstm, "moments": normalization, "dropout": dropout}


def prepare(case):
    """Form, parameters and inputs of a case."""
    x = case["x"]
    made = FORMS[case["kind"]](x, case["parameters"], **case["options"])
    parameters = [torch.randn(shape) / torch.Size(shape[:-1]).numel() ** 0.5 for shape in case["parameters"]]
    form, parameters = made if isinstance(made, tuple) else (made, parameters)
    batches = [torch.randn(x) for _ in range(BATCHES)]
    if case["kind"] == "conv":
        parameters = [channels_first(kernel.movedim(-1, 0)) for kernel in parameters]
    if case["kind"] in ("conv", "pool", "moments"):
        batches = [channels_first(batch) for batch in batches]
    return form, [parameter.detach().requires_grad_() for parameter in parameters], batches


def step(form, first, parameters, carried, x):
    """As ``step`` in ``benchmarks/kernels.py``."""
    x = x if first else (x + 1e-6 * carried).requires_grad_()
    y = form(x, *parameters)
    loss = torch.tanh(y).square().sum() / y.shape[0]
    wanted = parameters if first else [x, *parameters]
    gradients = torch.autograd.grad(loss, wanted)
    if not first:
        carried, *gradients = gradients
    with torch.no_grad():
        for value, gradient in zip(parameters, gradients, strict=True):
            value -= 1e-4 * gradient
    return carried


def milliseconds(case, form, parameters, batches, steps):
    carried = torch.zeros_like(batches[0])
    start = time.perf_counter()
    for index in range(steps):
        carried = step(form, case["first"], parameters, carried, batches[index % BATCHES])
    return (time.perf_counter() - start) / steps * 1e3


def main() -> None:
    case: dict = {}
    prepared: tuple = ()
    for line in sys.stdin:
        message = json.loads(line)
        if isinstance(message, dict):
            case, prepared = message, prepare(message)
            print("ready", flush=True)
        else:
            print(milliseconds(case, *prepared, message), flush=True)


if __name__ == "__main__":
    main()
