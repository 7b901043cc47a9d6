"""Losses: values, gradients, reductions, weights and masks against Keras; shapes that must be refused."""

from __future__ import annotations

import contextlib
import importlib
import inspect
import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import sequax
from sequax import losses
from sequax.core import masks
from tests import one_program

keras = pytest.importorskip("keras", reason="Keras, the oracle, is not installed: pip install 'sequax[dev]'")
set_keras_mask = importlib.import_module("keras.src.backend").set_keras_mask

REAL = [
    "mean_squared_error",
    "mean_absolute_error",
    "mean_absolute_percentage_error",
    "mean_squared_logarithmic_error",
    "log_cosh",
    "cosine_similarity",
    "huber",
]
MARGIN = ["hinge", "squared_hinge", "categorical_hinge"]
PROBABILITY = [
    "binary_crossentropy",
    "binary_focal_crossentropy",
    "categorical_crossentropy",
    "categorical_focal_crossentropy",
    "kl_divergence",
    "poisson",
    "dice",
    "tversky",
]
CASES = [
    *((name, {}, "real") for name in REAL),
    *((name, {}, "signs") for name in MARGIN),
    *((name, {}, "onehot") for name in [*MARGIN, *PROBABILITY]),
    ("huber", {"delta": 0.3}, "real"),
    ("huber", {"delta": 2}, "real"),
    ("cosine_similarity", {"axis": 1}, "real"),
    ("binary_crossentropy", {"label_smoothing": 0.1}, "onehot"),
    ("binary_crossentropy", {"from_logits": True, "axis": 1}, "logits"),
    ("binary_focal_crossentropy", {"from_logits": True, "label_smoothing": 0.1}, "logits"),
    ("binary_focal_crossentropy", {"apply_class_balancing": True, "gamma": 3.0, "alpha": 0.4, "axis": 1}, "onehot"),
    ("categorical_crossentropy", {"label_smoothing": 0.1}, "onehot"),
    ("categorical_crossentropy", {"from_logits": True}, "logits"),
    ("categorical_crossentropy", {"from_logits": True, "label_smoothing": 0.1, "axis": 1}, "logits"),
    ("categorical_crossentropy", {"axis": 1}, "onehot"),
    ("categorical_focal_crossentropy", {"from_logits": True, "label_smoothing": 0.1}, "logits"),
    ("categorical_focal_crossentropy", {"alpha": 0.5, "gamma": 1.0, "axis": 1}, "onehot"),
    ("categorical_focal_crossentropy", {"alpha": [0.1, 0.2, 0.3, 0.4, 0.5]}, "onehot"),
    ("dice", {"axis": -1}, "onehot"),
    ("dice", {"axis": (1, 2)}, "onehot"),
    ("tversky", {"alpha": 0.3, "beta": 0.7, "axis": -1}, "onehot"),
    ("tversky", {"alpha": 0.3, "beta": 0.7}, "real"),
    ("sparse_categorical_crossentropy", {}, "sparse"),
    ("sparse_categorical_crossentropy", {"ignore_class": 2}, "sparse"),
    ("sparse_categorical_crossentropy", {"from_logits": True}, "sparse logits"),
    ("sparse_categorical_crossentropy", {"from_logits": True, "ignore_class": -1}, "sparse ignored"),
    ("categorical_generalized_cross_entropy", {"q": 0.3}, "rows"),
    ("categorical_generalized_cross_entropy", {"q": 0.8}, "rows"),
    ("circle", {}, "embeddings"),
    ("circle", {"gamma": 2.0, "margin": 0.2}, "embeddings"),
    ("circle", {"gamma": 3.0, "remove_diagonal": False}, "embeddings"),
    ("circle", {"gamma": 2.0}, "long embeddings"),
    ("circle", {"remove_diagonal": False, "ref": "embeddings"}, "queries"),
    ("ctc", {}, "ctc"),
    ("ctc", {}, "ctc long"),
]
IDS = [f"{i}-{name}-{kind}" for i, (name, _, kind) in enumerate(CASES)]


def data():
    """Targets and predictions of shape (3, 4, 5), or labels of shape (3, 4); probabilities 0 and 1 among them."""
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 5, (3, 4))
    logits = rng.normal(size=(3, 4, 5)).astype("float32") * 2
    onehot = np.eye(5, dtype="float32")[labels]
    probabilities = np.exp(logits) / np.exp(logits).sum(-1, keepdims=True)
    probabilities[0, 0], probabilities[0, 1] = np.eye(5)[0], np.eye(5)[labels[0, 1]]
    directions = rng.normal(size=(6, 3)).astype("float32")
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    classes = np.array([0, 1, 0, 1, 2, 0])
    steps = rng.normal(size=(2, 6, 4)).astype("float32")
    return {
        "real": (rng.normal(size=logits.shape).astype("float32"), logits),
        "signs": (2 * onehot - 1, logits),
        "onehot": (onehot, probabilities),
        "logits": (onehot, logits),
        "sparse": (labels, probabilities),
        "sparse logits": (labels[..., None], logits),
        "sparse ignored": (np.where(labels == 1, -1, labels), logits),
        "rows": (labels[0], probabilities[0]),
        "embeddings": (classes, directions),
        "long embeddings": (classes, 2 * directions),
        "queries": (classes[:2], directions[:2]),
        "ctc": (np.array([[1, 2, 0], [2, 0, 0]]), steps),
        "ctc long": (np.array([[1, 2, 3], [2, 2, 1]]), steps),
    }


def values_and_slopes(module):
    """Of all cases, from one program."""

    def program(given):
        found = []
        for name, arguments, kind in CASES:
            y_true, y_pred = given[kind]
            if "ref" in arguments:
                labels, embeddings = given[arguments["ref"]]
                arguments = {"ref_labels": labels, "ref_embeddings": embeddings, "remove_diagonal": False}
            values, pull = jax.vjp(lambda p: getattr(module, name)(y_true, p, **arguments), y_pred)  # noqa: B023
            found.append((values, pull(jnp.ones_like(values))[0]))
        return found

    return one_program.run(program, data())


@pytest.fixture(scope="module")
def of_functions():
    return list(zip(values_and_slopes(losses), values_and_slopes(keras.losses), strict=True))


@pytest.mark.parametrize("case", range(len(CASES)), ids=IDS)
def test_functions_and_gradients_are_keras(of_functions, case):
    (values, slopes), (expected, expected_slopes) = of_functions[case]
    assert values.dtype == expected.dtype
    np.testing.assert_allclose(values, expected, rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(slopes, expected_slopes, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("name", "value"),
    [("binary_crossentropy", [0.0, 1.0]), ("categorical_crossentropy", [0.0, 1.0]), ("kl_divergence", [0.0, 1.0])],
)
def test_certain_and_wrong_predictions_stay_finite(name, value):
    y_true = np.array([[0.0, 1.0], [1.0, 0.0]], "float32")
    y_pred = np.array([value, value], "float32")
    ours = getattr(losses, name)(y_true, y_pred)
    np.testing.assert_allclose(ours, np.asarray(getattr(keras.losses, name)(y_true, y_pred)), rtol=1e-6)
    assert np.isfinite(ours).all()


CLASSES = [
    ("MeanSquaredError", {}, "real"),
    ("MeanAbsoluteError", {}, "real"),
    ("MeanAbsolutePercentageError", {}, "real"),
    ("MeanSquaredLogarithmicError", {}, "real"),
    ("LogCosh", {}, "real"),
    ("CosineSimilarity", {"axis": -1}, "real"),
    ("Huber", {"delta": 0.4}, "real"),
    ("Hinge", {}, "signs"),
    ("SquaredHinge", {}, "signs"),
    ("CategoricalHinge", {}, "onehot"),
    ("Poisson", {}, "onehot"),
    ("KLDivergence", {}, "onehot"),
    ("Dice", {}, "onehot"),
    ("Tversky", {"alpha": 0.3, "beta": 0.6}, "onehot"),
    ("BinaryCrossentropy", {"label_smoothing": 0.1}, "onehot"),
    ("BinaryFocalCrossentropy", {"gamma": 1.5}, "onehot"),
    ("CategoricalCrossentropy", {"from_logits": True}, "logits"),
    ("CategoricalFocalCrossentropy", {"alpha": 0.3}, "onehot"),
    ("SparseCategoricalCrossentropy", {"ignore_class": 2}, "sparse"),
    ("SparseCategoricalCrossentropy", {"from_logits": True}, "sparse logits"),
    ("CTC", {}, "ctc"),
    ("Circle", {}, "embeddings"),
    ("Circle", {"remove_diagonal": False, "gamma": 4.0}, "embeddings"),
    ("CategoricalGeneralizedCrossEntropy", {"q": 0.3}, "rows"),
]
KEPT_BY_US = {"delta", "axis"}  # settings that Keras drops from some configs


@pytest.mark.parametrize(("name", "arguments", "kind"), CLASSES)
def test_settings_are_attributes(name, arguments, kind):
    """Those of Keras' objects, with their values; and what is set has an effect."""
    ours, theirs = getattr(losses, name)(**arguments), getattr(keras.losses, name)(**arguments)
    for setting, value in vars(theirs).items():
        if not setting.startswith("_") and setting != "fn":
            assert getattr(ours, setting) == value, setting
    y_true, y_pred = np.array([[1.0, 0.0]]), np.array([[0.3, 0.7]])
    if "from_logits" in vars(ours) and kind == "onehot":
        before = float(ours(y_true, y_pred))
        ours.from_logits = True
        assert float(ours(y_true, y_pred)) != before and ours.get_config()["from_logits"] is True


def test_ignored_classes_are_left_out_of_any_mean():
    """The function marks them in its result, so that own losses made of it leave them out as well."""
    y_true, y_pred, weight = np.array([-1, 1, 0, -1]), np.eye(3)[[0, 1, 1, 2]] * 0.7 + 0.1, np.array([1.0, 2, 3, 4])
    found = []
    for module in (losses, keras.losses):

        class Own(module.Loss):
            inner = staticmethod(module.sparse_categorical_crossentropy)

            def call(self, y_true, y_pred):
                return self.inner(y_true, y_pred, ignore_class=-1)

        for loss in (Own(), module.SparseCategoricalCrossentropy(ignore_class=-1)):
            found.append([loss(y_true, y_pred), loss(y_true, y_pred, weight), jax.jit(loss)(y_true, y_pred, weight)])
    for other in found[1:]:
        np.testing.assert_allclose(np.array(found[0]), np.array(other), rtol=1e-6)


@pytest.mark.parametrize(("name", "arguments", "kind"), CLASSES)
def test_configs_are_keras(name, arguments, kind):
    ours, theirs = getattr(losses, name)(**arguments), getattr(keras.losses, name)(**arguments)
    config, expected = ours.get_config(), theirs.get_config()
    assert {k: v for k, v in config.items() if k in expected or k not in KEPT_BY_US} == expected
    json.dumps(losses.serialize(ours))
    again = losses.deserialize(losses.serialize(ours))
    assert type(again) is type(ours) and again.get_config() == config
    if name != "CategoricalGeneralizedCrossEntropy":  # which Keras cannot revive
        assert keras.losses.deserialize(losses.serialize(ours)).name == theirs.name


REDUCTIONS = ["sum_over_batch_size", "sum", "mean", "mean_with_sample_weight", "none", None]
# How the losses of a batch become one number: reduction, whether there are weights (of samples, of values), and masks.
WAYS = [
    ("sum_over_batch_size", None, False),
    ("sum_over_batch_size", "values", True),
    ("sum", "samples", False),
    ("mean_with_sample_weight", "values", False),
    ("none", "samples", True),
]
ALL_WAYS = [
    (r, w, m) for r in REDUCTIONS for w in (None, "number", "samples", "values", "column") for m in (False, True)
]


def weights_and_mask(shape):
    values = np.arange(1.0, 1 + np.prod(shape), dtype="float32").reshape(shape)
    samples = values[:, :1] if len(shape) > 1 else values
    mask = np.arange(np.prod(shape)).reshape(shape) % 3 > 0
    return {"number": np.float32(2.0), "samples": samples, "values": values, "column": values[..., None], "mask": mask}


def rows_of_classes():
    for name, arguments, kind in CLASSES:
        ways = ALL_WAYS if name in ("MeanSquaredError", "Dice") else WAYS
        yield from ((name, arguments, kind, way) for way in ways)


def reduced(module, attach):
    """The reduced losses of all classes, in all ways, from one program; `attach(array, mask)` makes a mask known."""
    given = data()
    sizes = {
        kind: y_pred.shape[:1] if y_true.ndim == 1 or "ctc" in kind else (3, 4)
        for kind, (y_true, y_pred) in given.items()
    }
    weights = {shape: weights_and_mask(shape) for shape in set(sizes.values())}

    def program(given, weights):
        found = []
        for name, arguments, kind, (reduction, weight, masked) in rows_of_classes():
            (y_true, y_pred), known = given[kind], weights[sizes[kind]]
            loss = getattr(module, name)(**arguments, reduction=reduction)
            with attach(y_pred, known["mask"] if masked else None):
                found.append(loss(y_true, y_pred, None if weight is None else known[weight]))
        return found

    return one_program.run(program, given, weights)


@contextlib.contextmanager
def attach_as_keras(array, mask):
    set_keras_mask(array, mask)
    yield
    set_keras_mask(array, None)


@pytest.fixture(scope="module")
def of_classes():
    ours = reduced(losses, lambda array, mask: masks.attached(array, [mask]))
    rows = [(name, kind) for name, _, kind, _ in rows_of_classes()]
    return list(
        zip(rows, [way for *_, way in rows_of_classes()], ours, reduced(keras.losses, attach_as_keras), strict=True)
    )


@pytest.mark.parametrize(("name", "arguments", "kind"), CLASSES)
def test_reductions_weights_and_masks_are_keras(of_classes, name, arguments, kind):
    found = [row[1:] for row in of_classes if row[0] == (name, kind)]
    assert len(found) >= 1
    for way, ours, theirs in found:
        np.testing.assert_allclose(ours.squeeze(), theirs.squeeze(), rtol=1e-6, atol=1e-6, err_msg=str(way))


def test_masked_steps_may_hold_anything(rng):
    y_true, y_pred = np.zeros((2, 2, 1)), jnp.array([[[1.0], [jnp.nan]], [[2.0], [3.0]]])
    y_pred._keras_mask = jnp.array([[True, False], [True, True]])
    np.testing.assert_allclose(losses.MeanSquaredError()(y_true, y_pred), 14 / 3, rtol=1e-6)
    y_pred._keras_mask = jnp.zeros((2, 2), bool)
    assert float(losses.MeanSquaredError()(y_true, y_pred)) == 0.0


def test_weights_of_samples_are_aligned_with_the_batch():
    """Keras aligns them with the last axis: wrong numbers if the sizes happen to agree, an error otherwise."""
    y_true, y_pred = np.zeros((3, 3, 1)), np.ones((3, 3, 1)) * np.array([1, 2, 3]).reshape(3, 1, 1)
    loss = losses.MeanSquaredError(reduction="none")
    np.testing.assert_allclose(loss(y_true, y_pred, [1.0, 0.0, 2.0]), [[1, 1, 1], [0, 0, 0], [18, 18, 18]])
    with pytest.raises(ValueError, match=r"sample_weight .* \(4,\)"):
        loss(y_true, y_pred, np.ones(4))


@pytest.mark.parametrize("name", ["MeanSquaredError", "BinaryCrossentropy", "Hinge", "Poisson", "Huber"])
def test_one_number_per_sample(name):
    y_true, y_pred = np.array([1.0, 0.0, 1.0]), np.array([0.9, 0.2, 0.4])
    loss, weight = getattr(losses, name)(), np.array([1.0, 2.0, 3.0])
    expected = loss(y_true[:, None], y_pred[:, None], weight)
    for true, pred in ((y_true, y_pred), (y_true[:, None], y_pred), (y_true, y_pred[:, None])):
        np.testing.assert_allclose(loss(true, pred, weight), expected, rtol=1e-6)


COLUMNS = [(name, shape) for name in ("MeanSquaredError", "KLDivergence") for shape in ((3, 1), (3, 2), (3, 2, 4))]


@pytest.mark.parametrize(("name", "shape"), [*COLUMNS, ("KLDivergence", (3,))])
def test_values_have_the_shapes_of_keras(name, shape):
    y_true, y_pred = np.full(shape, 0.5, "float32"), np.full(shape, 0.25, "float32")
    ours, theirs = (getattr(module, name)(reduction=None)(y_true, y_pred) for module in (losses, keras.losses))
    assert ours.shape == theirs.shape
    np.testing.assert_allclose(ours, np.asarray(theirs), rtol=1e-6)


def test_class_numbers_may_stand_in_a_column():
    labels, rows = np.array([2, 0]), np.array([[0.1, 0.2, 0.7], [0.5, 0.25, 0.25]], "float32")
    for numbers in (labels, labels[:, None]):
        found = losses.sparse_categorical_crossentropy(numbers, rows)
        np.testing.assert_allclose(found, -np.log([0.7, 0.5]), rtol=1e-6)


def test_shapes_that_would_broadcast_are_refused():
    message = (
        r"mean_squared_error: y_true has shape \(8, 2\), y_pred \(8, 3\): shapes must be equal"
        r" \(\(n,\) against \(n, 1\) is allowed\)"
    )
    with pytest.raises(ValueError, match=message):
        losses.mean_squared_error(np.ones((8, 2)), np.ones((8, 3)))
    for name in [*REAL, *MARGIN, *PROBABILITY]:
        for shape in ((8, 1), (1, 3), (3,)):
            with pytest.raises(ValueError, match=name):
                getattr(losses, name)(np.ones(shape), np.ones((8, 3)))
    with pytest.raises(ValueError, match="sparse"):
        losses.categorical_crossentropy(np.ones((8, 1)), np.ones((8, 3)))
    with pytest.raises(ValueError, match="one-hot"):
        losses.sparse_categorical_crossentropy(np.ones((8, 3)), np.ones((8, 3)))
    for y_true, y_pred in (((2, 3), (2, 4)), ((2, 3, 1), (2, 6, 4)), ((3, 3), (2, 6, 4))):
        with pytest.raises(ValueError, match="ctc: expected labels of shape"):
            losses.ctc(np.ones(y_true), np.ones(y_pred))
    with pytest.raises(ValueError, match="shapes must be equal"):
        jax.eval_shape(losses.MeanSquaredError(), jnp.ones((8, 2)), jnp.ones((8, 3)))


def test_own_losses():
    class Ours(losses.Loss):
        def call(self, y_true, y_pred):
            return (y_true - y_pred) ** 2

    class Theirs(keras.losses.Loss):
        call = Ours.call

    y_true, y_pred = np.arange(6).reshape(3, 2), np.ones((3, 2), "float32")
    for reduction in REDUCTIONS:
        for weight in (None, 2.0, np.array([[1.0], [2], [3]]), np.arange(6.0).reshape(3, 2)):
            ours, theirs = (cls(reduction=reduction)(y_true, y_pred, weight) for cls in (Ours, Theirs))
            np.testing.assert_allclose(ours, np.asarray(theirs), rtol=1e-6)
    assert Ours().name.startswith("ours")
    with pytest.raises(NotImplementedError):
        losses.Loss()(y_true, y_pred)


def test_functions_see_equal_ranks():
    seen = []

    def absolute(y_true, y_pred, factor=1.0):
        seen.append((y_true.shape, y_pred.shape))
        return factor * jnp.mean(jnp.abs(y_true - y_pred), axis=-1)

    loss = losses.LossFunctionWrapper(absolute, name="absolute", factor=2.0)
    assert float(loss(np.zeros(3), np.ones((3, 1)))) == 2.0
    loss(np.zeros((3, 4, 1)), np.ones((3, 4)))
    assert seen == [((3, 1), (3, 1)), ((3, 4), (3, 4))]
    again = losses.deserialize(losses.serialize(loss), custom_objects={"absolute": absolute})
    assert float(again(np.zeros(3), np.ones((3, 1)))) == 2.0


@pytest.mark.parametrize(
    ("identifier", "function"),
    [
        ("mse", "mean_squared_error"),
        ("MAE", "mean_absolute_error"),
        ("mape", "mean_absolute_percentage_error"),
        ("msle", "mean_squared_logarithmic_error"),
        ("bce", "binary_crossentropy"),
        ("KLD", "kl_divergence"),
        *((name, name) for name in [*REAL, *MARGIN, *PROBABILITY, "sparse_categorical_crossentropy", "ctc", "circle"]),
    ],
)
def test_names_give_functions(identifier, function):
    assert losses.get(identifier) is getattr(losses, function)
    assert keras.losses.get(identifier).__name__ == function
    assert losses.deserialize(losses.serialize(losses.get(identifier))) is getattr(losses, function)


def test_get_of_other_things():
    assert losses.get(None) is None
    assert type(losses.get("MeanSquaredError")) is losses.MeanSquaredError
    assert losses.get(losses.serialize(losses.Huber(delta=2.0))).get_config()["delta"] == 2.0
    with pytest.raises(ValueError, match="mse"):
        losses.get("msee")
    with pytest.raises(ValueError, match="reduction"):
        losses.MeanSquaredError(reduction="average")


def test_dtypes():
    y_true, y_pred = np.ones((2, 3)), jnp.zeros((2, 3), "bfloat16")
    assert losses.mean_squared_error(y_true, y_pred).dtype == "bfloat16"
    assert losses.MeanSquaredError()(y_true, y_pred).dtype == "float32"
    assert losses.MeanSquaredError(dtype="mixed_bfloat16")(y_true, y_pred).dtype == "bfloat16"
    assert losses.MeanSquaredError()(np.ones((2, 3), int), np.zeros((2, 3), int)).dtype == "float32"
    large = np.array([4097])  # float16 would round it to 4096
    row = jnp.zeros((1, 5000)).at[0, 4097].set(30.0)
    for loss in (
        losses.SparseCategoricalCrossentropy(from_logits=True, dtype="float16"),
        losses.LossFunctionWrapper(losses.sparse_categorical_crossentropy, dtype="float16", from_logits=True),
    ):
        assert float(loss(large, row)) < 1


def test_circle_does_not_hide_a_nan():
    """Among the rows that have no partner, which do not count."""
    labels, rows = np.array([0, 1, 0]), np.eye(3, dtype="float32")
    rows[1] = np.nan
    for module in (losses, keras.losses):
        assert np.isnan(module.Circle()(labels, rows))


def test_gradients_at_the_bounds_of_probabilities_are_keras():
    """Outside of them 0, and on a bound itself a half, which their normal form has to keep."""
    low, high = np.float32(1e-7), np.float32(1 - 1e-7)
    p = np.array([[0.0], [low], [1e-6], [0.5], [high], [np.nextafter(high, np.float32(2))], [1.0]], "float32")
    for y in (0.0, 1.0):
        y = np.full_like(p, y)
        ours, theirs = (
            jax.grad(lambda p, y=y, module=module: jnp.sum(module.binary_crossentropy(y, p)))(jnp.asarray(p))
            for module in (losses, keras.losses)
        )
        np.testing.assert_allclose(ours, theirs, rtol=1e-6)


def test_gradients_of_class_numbers_are_those_of_a_gather():
    p = jnp.asarray(np.random.default_rng(0).random((3, 2, 4)).astype("float32"))
    labels = np.array([[0, 3], [-1, 2], [4, 1]])  # two of them name no class
    index = np.clip(labels, 0, 3)[..., None]

    def gathered(p):
        chosen = jnp.take_along_axis(p / p.sum(-1, keepdims=True), index, -1)[..., 0]
        return jnp.sum(jnp.where((labels >= 0) & (labels < 4), -jnp.log(chosen), 0))

    def ours(p):
        return jnp.sum(losses.sparse_categorical_crossentropy(labels, p))

    for derivative in (jax.grad, jax.hessian):
        np.testing.assert_allclose(derivative(ours)(p), derivative(gathered)(p), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("kind", ["binary", "categorical", "sparse_categorical"])
def test_names_without_a_form_take_it_from_the_shapes(kind):
    """In any case of letters; `Accuracy`, too, is then not the class of that name, which compares numbers."""
    rng = np.random.default_rng(0)
    x, labels = rng.normal(size=(8, 3)).astype("float32"), rng.integers(0, 2, 8)
    units, activation = (1, "sigmoid") if kind == "binary" else (2, "softmax")
    y = {"binary": labels[:, None], "categorical": np.eye(2)[labels], "sparse_categorical": labels}[kind]
    found = []
    for loss, metric in (("crossentropy", "Accuracy"), ("CE", "acc"), (f"{kind}_crossentropy", f"{kind}_accuracy")):
        model = sequax.Sequential(
            [sequax.Input((3,)), sequax.layers.Dense(units, activation, kernel_initializer="ones")]
        )
        model.compile("sgd", loss, metrics=[metric])
        found.append(model.evaluate(x, y, verbose=0))
    assert found[0] == found[1] == pytest.approx(found[2])


def test_signatures_are_keras():
    for name in (name for name in dir(keras.losses) if not name.startswith("_")):
        found, expected = (
            [(key, p.kind, p.default) for key, p in inspect.signature(getattr(kind, name)).parameters.items()]
            for kind in (losses, keras.losses)
        )
        assert found == expected, name
