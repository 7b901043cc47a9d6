"""Small products as fused sums: the values and gradients of `x @ kernel`."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from sequax.kernels import products


@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "float16"])
@pytest.mark.parametrize(("rows", "features", "units"), [(10, 8, 12), (1, 1, 1), (32, 8, 8), (64, 8, 8), (3, 300, 2)])
def test_values_and_gradients_are_those_of_a_product(rows, features, units, dtype):
    random = np.random.default_rng(0)
    x, kernel, weight = (
        jnp.asarray(random.normal(size=shape), dtype) for shape in ((rows, features), (features, units), (rows, units))
    )

    def both(product):
        def loss(x, kernel):
            outputs = product(x, kernel)
            return jnp.sum((outputs * weight).astype("float32")), outputs

        return jax.jit(jax.value_and_grad(loss, argnums=(0, 1), has_aux=True))(x, kernel)

    tolerance = 1e-5 if dtype == "float32" else 0  # a product in 16 bits is left to XLA
    for ours, expected in zip(jax.tree.leaves(both(products.matmul)), jax.tree.leaves(both(jnp.matmul)), strict=True):
        assert ours.dtype == expected.dtype
        np.testing.assert_allclose(
            np.asarray(ours, "float64"), np.asarray(expected, "float64"), rtol=tolerance, atol=tolerance * features**0.5
        )


def test_forward_mode_works_too():
    x, kernel = jnp.ones((4, 3)), jnp.ones((3, 2))
    _, tangent = jax.jvp(lambda x: products.matmul(x, kernel), (x,), (x,))
    np.testing.assert_allclose(tangent, np.full((4, 2), 3.0))


@pytest.mark.parametrize(("rows", "is_sum"), [(10, True), (1000, False)])
def test_only_small_products_are_sums(rows, is_sum):
    program = jax.jit(products.matmul).lower(jnp.ones((rows, 8)), jnp.ones((8, 12))).compile()
    assert ("dot" not in program.as_text()) == is_sum
