"""What is not served of TensorFlow: the sentence that says so, and what to use instead where that is known."""

from __future__ import annotations

_INSTEAD = {
    "Session": "nothing, programs are compiled and run by `fit` and `predict`",
    "config": "devices are JAX' business, see `jax.devices()`",
    "constant": "pass NumPy arrays",
    "convert_to_tensor": "pass NumPy arrays",
    "distribute": "devices are JAX' business, see `jax.devices()`",
    "image": "keras.ops.image",
    "math": "keras.ops",
    "nn": "keras.ops.nn",
    "random": "seeds are set by `keras.utils.set_random_seed(seed)`, numbers are drawn by `keras.random`",
    "saved_model": "`model.save(path)`",
    "train": "keras.optimizers",
    **dict.fromkeys(
        ("reduce_mean", "reduce_sum", "reduce_max", "reduce_min"), "the function of keras.ops without `reduce_`"
    ),
    **{
        name: f"keras.ops.{name}"
        for name in (
            *("abs", "argmax", "cast", "concat", "equal", "exp", "expand_dims", "matmul", "maximum", "minimum", "ones"),
            *("reshape", "round", "shape", "sqrt", "square", "squeeze", "stack", "transpose", "where", "zeros", "tanh"),
        )
    },
    "concat": "keras.ops.concatenate",
}


def plain(inside: str) -> str:
    """The name inside `tensorflow`, without `compat.v1.`, which repeats everything."""
    for prefix in ("compat.v1.", "compat.v2."):
        inside = inside.removeprefix(prefix)
    return inside


def not_tensorflow(name: str) -> str:
    """The message for what is not served."""
    inside = plain(name)
    instead = _INSTEAD.get(inside) or _INSTEAD.get(inside.partition(".")[0])
    return (
        f"tensorflow.{name} is not served by Sequax, which has no TensorFlow in it: `sequax run` serves"
        f" tensorflow.keras, seeds and settings, and nothing else of it.{f' Instead: {instead}.' if instead else ''}"
    )
