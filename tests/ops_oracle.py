"""Ops held against Keras: what the tables of `test_ops_nn.py` and `test_ops_image.py` are checked with."""

from __future__ import annotations

import inspect
import itertools
import warnings

import jax
import jax.numpy as jnp
import numpy as np

from sequax.core.tensor import KerasTensor


def case(*args, **kwargs):
    return args, kwargs


def leaves(tree):
    return jax.tree.leaves(tree, is_leaf=lambda x: hasattr(x, "shape"))


def map_arrays(function, tree):
    return jax.tree.map(lambda x: function(x) if isinstance(x, np.ndarray) else x, tree)


def assert_names_and_signatures(ours, theirs, cases):
    """The same public names, a case for each of them, and the same arguments and defaults."""
    names = {name for name in dir(theirs) if not name.startswith("_")}
    assert names == set(ours.__all__) == set(cases)
    for name in names:
        bare = [
            [(p.name, p.kind, p.default) for p in inspect.signature(getattr(module, name)).parameters.values()]
            for module in (ours, theirs)
        ]
        assert bare[0] == bare[1], name


def compiled(functions, cases):
    """For each function the results of all cases, by one program: compiling is what takes the time here."""

    def run(arrays):
        given = iter(arrays)
        filled = [map_arrays(lambda x: next(given), case) for case in cases]
        return [[function(*args, **kwargs) for args, kwargs in filled] for function in functions]

    return jax.jit(run)([x for x in jax.tree.leaves(cases) if isinstance(x, np.ndarray)])


def eager(functions, cases):
    return [[function(*args, **kwargs) for args, kwargs in cases] for function in functions]


def assert_values(ours, theirs, tolerance=1e-5):
    ours, theirs = leaves(ours), leaves(theirs)
    for a, b in zip(ours, theirs, strict=True):
        assert a.dtype == b.dtype
        assert a.shape == b.shape
        a, b = (np.asarray(x, None if np.iscomplexobj(x) else "float64") for x in (a, b))
        np.testing.assert_allclose(a, b, rtol=tolerance, atol=tolerance)


def symbolic(make, args, batched):
    """The arguments with symbolic tensors; the first size is unknown in so many of them."""
    count = itertools.count()
    return map_arrays(
        lambda x: make((None, *x.shape[1:]) if x.ndim and next(count) < batched else x.shape, x.dtype.name), args
    )


def assert_symbolic(ours, theirs, args, kwargs, result, batched=9, wrong_in_keras=False):
    """Shapes of symbolic tensors are Keras', with and without a known first size; dtypes are those of the result."""
    for unknown in (0, batched):
        found = leaves(ours(*symbolic(KerasTensor, args, unknown), **kwargs))
        if not wrong_in_keras:
            import keras

            try:
                oracle = theirs(*symbolic(keras.KerasTensor, args, unknown), **kwargs)
            except (TypeError, ValueError):  # symbolic ops refuse some arguments that Keras computes with
                oracle = result if unknown == 0 else found
            assert [x.shape for x in found] == [tuple(x.shape) for x in leaves(oracle)]
        assert [x.dtype for x in found] == [x.dtype.name for x in leaves(result)]
        for tensor, true in zip(found, leaves(result), strict=True):
            assert all(size in (None, real) for size, real in zip(tensor.shape, true.shape, strict=True))


def dtypes_in(dtype, function, args, kwargs):
    """Dtypes of the results where all floats come as `dtype`; "refused" if it does not take them."""

    def call(arrays):
        given = iter(arrays)
        return function(*map_arrays(lambda x: next(given), args), **kwargs)

    arrays = [
        jax.ShapeDtypeStruct(x.shape, jnp.dtype(dtype) if x.dtype == "float32" else x.dtype)
        for x in jax.tree.leaves(args)
        if isinstance(x, np.ndarray)
    ]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # numbers that are infinite in float16
        return attempt(call, arrays)


def attempt(call, arrays):
    try:
        return [x.dtype.name for x in jax.tree.leaves(jax.eval_shape(call, arrays))]
    except (TypeError, ValueError):
        return "refused"
