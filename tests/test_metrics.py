"""Metrics: variables and results against Keras over several updates, weights, masks, and the same when compiled."""

from __future__ import annotations

import contextlib
import importlib
import inspect
import json
import warnings

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import sequax
from sequax import layers, losses, metrics, ops
from sequax.core import masks, scope
from tests import one_program

keras = pytest.importorskip("keras", reason="Keras, the oracle, is not installed: pip install 'sequax[dev]'")
set_keras_mask = importlib.import_module("keras.src.backend").set_keras_mask

CASES = [
    ("Accuracy", {}, "classes"),
    ("BinaryAccuracy", {}, "binary"),
    ("BinaryAccuracy", {"threshold": 0.3}, "multilabel"),
    ("CategoricalAccuracy", {}, "onehot"),
    ("SparseCategoricalAccuracy", {}, "sparse"),
    ("SparseCategoricalAccuracy", {}, "sparse column"),
    ("TopKCategoricalAccuracy", {"k": 2}, "onehot"),
    ("SparseTopKCategoricalAccuracy", {"k": 2}, "sparse"),
    ("MeanSquaredError", {}, "real"),
    ("MeanAbsoluteError", {}, "real"),
    ("MeanAbsolutePercentageError", {}, "real"),
    ("MeanSquaredLogarithmicError", {}, "multilabel"),
    ("RootMeanSquaredError", {}, "real"),
    ("CosineSimilarity", {}, "real"),
    ("LogCoshError", {}, "real"),
    ("R2Score", {}, "real"),
    ("R2Score", {"class_aggregation": "variance_weighted_average"}, "real"),
    ("R2Score", {"class_aggregation": None}, "real"),
    ("PearsonCorrelation", {}, "real"),
    ("ConcordanceCorrelation", {}, "real"),
    ("BinaryCrossentropy", {"label_smoothing": 0.1}, "multilabel"),
    ("CategoricalCrossentropy", {}, "onehot"),
    ("SparseCategoricalCrossentropy", {}, "sparse"),
    ("SparseCategoricalCrossentropy", {"from_logits": True}, "sparse column"),
    ("KLDivergence", {}, "onehot"),
    ("Poisson", {}, "multilabel"),
    ("Hinge", {}, "multilabel"),
    ("SquaredHinge", {}, "multilabel"),
    ("CategoricalHinge", {}, "onehot"),
    ("TruePositives", {}, "multilabel"),
    ("TrueNegatives", {"thresholds": [0.2, 0.7]}, "multilabel"),
    ("FalsePositives", {"thresholds": [0.7, 0.2, 0.5]}, "multilabel"),
    ("FalseNegatives", {"thresholds": 0.4}, "binary"),
    ("Precision", {}, "binary"),
    ("Precision", {"thresholds": [0.0, 0.5, 1.0]}, "edges"),
    ("Precision", {"top_k": 2}, "onehot"),
    ("Precision", {"class_id": 1}, "multilabel"),
    ("Recall", {}, "multilabel"),
    ("Recall", {"top_k": 2, "class_id": 0, "thresholds": 0.3}, "onehot"),
    ("Recall", {"thresholds": list(np.linspace(0.05, 0.9, 12))}, "multilabel"),
    ("AUC", {}, "binary"),
    ("AUC", {}, "edges"),
    ("AUC", {"num_thresholds": 5}, "edges"),
    ("AUC", {"curve": "PR"}, "multilabel"),
    ("AUC", {"curve": "PR", "summation_method": "minoring", "num_thresholds": 20}, "multilabel"),
    ("AUC", {"curve": "PR", "summation_method": "majoring"}, "binary"),
    ("AUC", {"curve": "PRGAIN"}, "binary"),
    ("AUC", {"summation_method": "minoring", "num_thresholds": 10}, "binary"),
    ("AUC", {"summation_method": "majoring"}, "binary"),
    ("AUC", {"thresholds": [0.1, 0.25, 0.5, 0.6, 0.61, 0.7, 0.75, 0.8, 0.9]}, "edges"),
    ("AUC", {"thresholds": [0.3, 0.6]}, "multilabel"),
    ("AUC", {"multi_label": True}, "multilabel"),
    ("AUC", {"multi_label": True, "num_labels": 3, "label_weights": [1.0, 2, 3], "curve": "PR"}, "multilabel"),
    ("AUC", {"label_weights": [1.0, 2.0, 3.0]}, "multilabel"),
    ("AUC", {"from_logits": True}, "logits"),
    ("AUC", {}, "logits"),  # below 0 and above 1
    ("PrecisionAtRecall", {"recall": 0.6}, "binary"),
    ("RecallAtPrecision", {"precision": 0.6, "class_id": 1}, "multilabel"),
    ("SensitivityAtSpecificity", {"specificity": 0.4}, "multilabel"),
    ("SpecificityAtSensitivity", {"sensitivity": 0.4, "num_thresholds": 5}, "edges"),
    ("F1Score", {}, "onehot"),
    ("F1Score", {"threshold": 0.4, "average": "micro"}, "multilabel"),
    ("FBetaScore", {"beta": 2.0, "average": "weighted", "threshold": 0.5}, "multilabel"),
    ("FBetaScore", {"beta": 0.5, "average": "macro"}, "onehot"),
    ("IoU", {"num_classes": 3, "target_class_ids": [0, 2]}, "class pairs"),
    ("MeanIoU", {"num_classes": 3}, "class pairs"),
    ("MeanIoU", {"num_classes": 3, "ignore_class": 1, "dtype": "float32"}, "class pairs"),
    ("OneHotIoU", {"num_classes": 3, "target_class_ids": [1]}, "onehot"),
    ("OneHotMeanIoU", {"num_classes": 3}, "onehot"),
    ("BinaryIoU", {"threshold": 0.4}, "binary"),
]
IDS = [f"{i}-{name}-{kind}" for i, (name, _, kind) in enumerate(CASES)]


def batches(kind, count=3, size=6):
    """Targets, predictions and weights of samples, of several batches in one array each."""
    rng = np.random.default_rng(0)
    shape = (count, size)
    labels = rng.integers(0, 3, shape)
    logits = rng.normal(size=(*shape, 3)).astype("float32")
    probabilities = rng.uniform(size=(*shape, 3)).astype("float32")
    softmax = probabilities / probabilities.sum(-1, keepdims=True)
    multilabel = rng.integers(0, 2, (*shape, 3)).astype("float32")
    pairs = {
        "real": (rng.normal(size=(*shape, 3)).astype("float32"), logits),
        "binary": (multilabel[..., :1], probabilities[..., :1]),
        "edges": (multilabel[..., 0], rng.choice([0, 0.25, 0.5, 0.75, 1], shape).astype("float32")),
        "multilabel": (multilabel, probabilities),
        "logits": (multilabel, logits),
        "onehot": (np.eye(3, dtype="float32")[labels], softmax),
        "sparse": (labels, softmax),
        "sparse column": (labels[..., None].astype("float32"), softmax),
        "classes": (labels[..., None], rng.integers(0, 3, (*shape, 1))),
        "class pairs": (labels, rng.integers(0, 3, shape)),
    }
    return *pairs[kind], rng.integers(0, 4, shape).astype("float32")


def known_mask(module, array, mask):
    """In Keras' way and in ours: how a mask is put on a traced array."""
    return masks.attached(array, [mask]) if module is metrics else attached_as_in_keras(array, mask)


@contextlib.contextmanager
def attached_as_in_keras(array, mask):
    set_keras_mask(array, mask)
    yield
    set_keras_mask(array, None)


def has_variables(module, metric, kind):
    """Some make theirs on the first update, when they know the shapes."""
    if len(metric.variables) < 2 and not isinstance(metric, module.Sum):
        metric.update_state(*(array[0] for array in batches(kind)[:2]))
        metric.reset_state()
    return metric


def after_updates(module, made):
    """Variables and results of metrics after each of several batches, without weights and with (and with a mask).

    One program for all of them, with a loop over the batches.
    """
    data = {kind: batches(kind) for kind in {kind for _, _, kind in CASES}}
    mask = np.arange(6) % 3 > 0

    def update(metric, state, y_true, y_pred, weight):
        """The mask stands beside the weights, where Keras' metric uses masks."""
        theirs = getattr(keras.metrics, type(metric).__name__)
        masked = weight is not None and issubclass(theirs, keras.metrics.MeanMetricWrapper)
        with known_mask(module, y_pred, mask) if masked else contextlib.nullcontext():
            return metric.stateless_update_state(state, y_true, y_pred, weight)

    def one_batch(states, batch):
        after = []
        for (_, _, kind), metric, (plain, weighted) in zip(CASES, made, states, strict=True):
            y_true, y_pred, weight = batch[kind]
            weighted = update(metric, weighted, y_true, y_pred, weight)
            after.append((update(metric, plain, y_true, y_pred, None), weighted))
        return after, after

    def program(start, data):
        states = jax.lax.scan(one_batch, start, data)[1]
        states = [jax.tree.map(lambda *ways: jnp.stack(ways), *pair) for pair in states]
        results = [jax.vmap(jax.vmap(m.stateless_result))(s) for m, s in zip(made, states, strict=True)]
        return list(zip(states, results, strict=True))

    start = [[jnp.zeros(tuple(v.shape), v.dtype) for v in metric.variables] for metric in made]
    return one_program.run(program, [(zeros, zeros) for zeros in start], data)


@pytest.fixture(scope="module")
def of_all():
    """For each case: the metric and what is seen of it, of ours and of Keras."""
    found = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # whole-number counts with fractional weights, int64
        for module, library in ((metrics, sequax), (keras.metrics, keras)):
            library.utils.clear_session(free_memory=False)  # names begin anew, whichever tests ran before
            made = [has_variables(module, getattr(module, name)(**a), kind) for name, a, kind in CASES]
            found.append(list(zip(made, after_updates(module, made), strict=True)))
    return list(zip(*found, strict=True))


@pytest.mark.parametrize("case", range(len(CASES)), ids=IDS)
def test_updates_are_keras(of_all, case):
    (ours, seen), (theirs, expected) = of_all[case]
    assert ours.name == theirs.name
    names = [[(v.name, v.path, tuple(v.shape), v.dtype) for v in metric.variables] for metric in (ours, theirs)]
    assert names[0] == names[1]
    for one, other in zip(jax.tree.leaves(seen), jax.tree.leaves(expected), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("weight", [None, [1.0, 2.0, 3.0, 4.0]])
@pytest.mark.parametrize("wrapped", [False, True])
def test_ignored_labels_are_keras(weight, masked, wrapped):
    """Left out where there are weights or a mask; zeros otherwise."""
    labels, found = np.array([-1, 1, 0, -1]), []
    for module, functions in ((metrics, losses), (keras.metrics, keras.losses)):
        rows = jnp.array([[0.1, 0.9], [0.3, 0.7], [0.6, 0.4], [0.5, 0.5]])
        if masked:
            rows._keras_mask = jnp.array([True, False, True, True])
        metric = module.SparseCategoricalCrossentropy(ignore_class=-1)
        if wrapped:
            metric = module.MeanMetricWrapper(functions.sparse_categorical_crossentropy, ignore_class=-1)
        found.append(float(metric(labels, rows, None if weight is None else np.array(weight))))
        compiled = jax.jit(metric.stateless_update_state)([jnp.zeros(()), jnp.zeros(())], labels, rows, weight)
        if not masked:  # arrays lose their attributes on the way into `jit`
            np.testing.assert_allclose(metric.stateless_result(compiled), found[-1], rtol=1e-6)
    np.testing.assert_allclose(*found, rtol=1e-6)


def test_whole_counts_warn_of_fractional_weights():
    with pytest.warns(UserWarning, match=r"weights of a float type.*int32: the casting.*float32"):
        metrics.MeanIoU(2).update_state([0, 1], [0, 1], [0.5, 0.5])


@pytest.mark.parametrize("name", ["Precision", "Recall"])
def test_class_id_needs_classes(name):
    with pytest.raises(ValueError, match=r"`class_id` chooses a column.*y_pred.shape=\(3,\)"):
        getattr(metrics, name)(class_id=2)(np.array([0, 1, 1]), np.array([0.2, 0.9, 0.4]))


@pytest.mark.parametrize("per_class", [True, False])
def test_class_id_takes_the_weights_of_its_class(per_class):
    """Here with fewer samples than classes."""
    y_true, y_pred, weights = np.array([[1, 0, 0], [0, 1, 0]]), np.full((2, 3), 0.9), np.array([[1, 2, 3], [4, 5, 6]])
    weights = weights if per_class else weights[:, :1]
    found, expected = metrics.Precision(class_id=2), metrics.Precision()
    found.update_state(y_true, y_pred, weights)
    expected.update_state(y_true[:, 2], y_pred[:, 2], weights[:, -1])
    for counted in ("true_positives", "false_positives"):
        np.testing.assert_array_equal(getattr(found, counted).numpy(), getattr(expected, counted).numpy())


def test_f_scores_refuse_more_axes():
    metric = metrics.FBetaScore(average="micro")
    metric.update_state(np.eye(3), np.eye(3))
    for shape in ((2, 3, 3), (3,)):
        with pytest.raises(ValueError, match="expects 2D inputs"):
            metric.update_state(np.ones(shape), np.ones(shape))


def test_counts_of_large_images_stay_whole():
    """Beyond 2**24 a float32 counts no further by ones."""
    metric, rng = metrics.MeanIoU(3), np.random.default_rng(0)
    start = np.full((3, 3), 18_729_665, "int32")
    metric.total_cm.assign(start)
    labels, guesses = rng.integers(0, 3, (2, 2, 53, 53))
    metric.update_state(labels, guesses)
    counted = np.bincount((labels * 3 + guesses).ravel(), minlength=9).reshape(3, 3)
    np.testing.assert_array_equal(metric.total_cm.numpy(), start + counted)


@pytest.mark.parametrize("name", ["Precision", "AUC", "R2Score", "F1Score", "Mean", "TruePositives"])
def test_dtypes_of_variables_are_keras(name):
    """Counts stay in float32: in float16 they would stop at 2048."""
    y_true, y_pred = np.ones((3000, 1), "float32"), np.full((3000, 1), 0.9, "float32")
    found = []
    for module in (metrics, keras.metrics):
        metric = getattr(module, name)(dtype="float16")
        metric.update_state(*((y_pred[:2],) if name == "Mean" else (y_true, y_pred)))
        found.append([(v.name, v.dtype) for v in metric.variables])
        if name == "TruePositives":
            assert float(metric.result()) == 3000
    assert found[0] == found[1]


def test_settings_are_attributes(of_all):
    """Those of Keras' objects, with their values."""
    plain = (bool, int, float, str, list, type(None))
    differences = [
        (type(theirs).__name__, name)
        for (ours, _), (theirs, _) in of_all
        for name, value in vars(theirs).items()
        if not name.startswith("_")
        and name != "thresholds"
        and isinstance(value, plain)
        and getattr(ours, name, "missing") != value
    ]
    assert differences == []


def test_area_under_precision_over_recall_of_any_curve():
    y_true, y_pred = (array[0] for array in batches("multilabel")[:2])
    found = []
    for module in (metrics, keras.metrics):
        metric = module.AUC(curve="ROC", num_thresholds=20)
        metric.update_state(y_true, y_pred)
        found.append(float(metric.interpolate_pr_auc()))
    np.testing.assert_allclose(*found, rtol=1e-6)


KEPT_BY_US = {"axis", "from_sorted_ids"}  # settings that Keras drops from some configs


@pytest.mark.parametrize("case", range(len(CASES)), ids=IDS)
def test_configs_are_keras(of_all, case):
    arguments, ((ours, _), (theirs, _)) = CASES[case][1], of_all[case]
    config, expected = ours.get_config(), theirs.get_config()
    plain = {k: v for k, v in config.items() if k in expected or k not in KEPT_BY_US}
    if arguments.get("label_weights"):
        expected = {**expected, "label_weights": np.asarray(expected["label_weights"]).tolist()}
    for key in ("thresholds", "label_weights"):
        assert plain.pop(key, None) == pytest.approx(expected.pop(key, None))
    assert plain == expected
    again = metrics.deserialize(json.loads(json.dumps(metrics.serialize(ours))))
    assert type(again) is type(ours) and again.get_config() == config


@pytest.mark.parametrize(
    "name", ["TopKCategoricalAccuracy", "R2Score", "PearsonCorrelation", "F1Score", "AUC", "MeanIoU"]
)
def test_eager_is_compiled(of_all, name):
    case = [name for name, *_ in CASES].index(name)
    (_, arguments, kind), ((_, (_, results)), _) = CASES[case], of_all[case]
    metric = getattr(metrics, name)(**arguments)
    y_true, y_pred, _ = (array[0] for array in batches(kind))
    np.testing.assert_allclose(metric(y_true, y_pred), np.asarray(results)[0, 0], rtol=1e-5, atol=1e-6)
    metric.reset_state()
    assert not any(np.any(v.numpy()) for v in metric.variables)


def assert_equal(ours, theirs):
    for one, other in zip(ours.variables, theirs.variables, strict=True):
        assert (one.name, one.path, one.shape) == (other.name, other.path, tuple(other.shape))
        np.testing.assert_allclose(np.asarray(one.value), np.asarray(other.value), rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(np.asarray(ours.result()), np.asarray(theirs.result()), rtol=1e-6, atol=1e-6)


@pytest.mark.filterwarnings("ignore:(More independent|Division by zero)")
@pytest.mark.parametrize("regressors", [1, 4, 17, 18])
def test_adjusted_r2_is_keras(regressors):
    """Eager, since Keras decides in Python whether there are samples enough: of 18 values for 16 regressors."""
    ours, theirs = (module.R2Score(num_regressors=regressors) for module in (metrics, keras.metrics))
    y_true, y_pred, weight = (array[0] for array in batches("real"))
    for metric in (ours, theirs):
        metric.update_state(y_true, y_pred, weight)
    assert_equal(ours, theirs)


VALUES = np.arange(6.0).reshape(2, 3)


@pytest.mark.parametrize("name", ["Mean", "Sum"])
@pytest.mark.parametrize(
    "weight", [None, 2.0, [1.0, 2.0], [[1.0], [2.0]], np.arange(6.0).reshape(2, 3), np.zeros(2)], ids=str
)
def test_mean_and_sum_are_keras(name, weight):
    ours, theirs = getattr(metrics, name)(), getattr(keras.metrics, name)()
    assert float(ours.result()) == 0.0
    for values in (VALUES, VALUES + 1):
        ours.update_state(values, weight)
        theirs.update_state(values, weight)
        assert_equal(ours, theirs)


@pytest.mark.parametrize("values", [3.0, [1, 2], [True, False], np.arange(12.0).reshape(2, 3, 2)], ids=str)
def test_mean_of_other_values_is_keras(values):
    ours, theirs = metrics.Mean(), keras.metrics.Mean()
    ours.update_state(values)
    theirs.update_state(np.asarray(values))
    assert_equal(ours, theirs)


def test_masks_are_keras(rng):
    y_true, y_pred = np.zeros((2, 3, 1)), rng.normal(size=(2, 3, 1)).astype("float32")
    mask = jnp.array([[True, True, False], [True, False, False]])
    for weight in (None, np.array([[1.0], [2.0]]), np.arange(6.0).reshape(2, 3)):
        ours, theirs = metrics.MeanSquaredError(), keras.metrics.MeanSquaredError()
        for module in (ours, theirs):
            array = jnp.array(y_pred)
            array._keras_mask = mask
            module.update_state(y_true, array, sample_weight=weight)
        assert_equal(ours, theirs)


def test_weights_of_samples_are_aligned_with_the_batch():
    """Where Keras raises, or weighs steps instead of samples."""
    y_true, y_pred = np.zeros((3, 3, 1)), np.ones((3, 3, 1)) * np.array([1, 2, 3]).reshape(3, 1, 1)
    metric = metrics.MeanSquaredError()
    assert float(metric(y_true, y_pred, [1.0, 0.0, 2.0])) == pytest.approx(19 / 3)
    with pytest.raises(ValueError, match=r"\(4,\)"):
        metric.update_state(y_true, y_pred, np.ones(4))


ONE_NUMBER = ["MeanSquaredError", "MeanAbsoluteError", "MeanAbsolutePercentageError", "MeanSquaredLogarithmicError"]
ONE_NUMBER += ["LogCoshError", "Hinge", "SquaredHinge", "Poisson", "BinaryCrossentropy", "RootMeanSquaredError"]


@pytest.mark.parametrize("name", [*ONE_NUMBER, "BinaryAccuracy", "AUC", "Precision"])
def test_one_number_per_sample(name):
    y_true, y_pred, weight = np.array([1.0, 0.0, 1.0]), np.array([0.9, 0.6, 0.4]), np.array([1.0, 2.0, 3.0])
    expected = getattr(metrics, name)()(y_true[:, None], y_pred[:, None], weight)
    for true, pred in ((y_true, y_pred), (y_true[:, None], y_pred), (y_true, y_pred[:, None])):
        np.testing.assert_allclose(getattr(metrics, name)()(true, pred, weight), expected, rtol=1e-6)


@pytest.mark.parametrize(
    "name",
    ["MeanSquaredError", "CategoricalAccuracy", "BinaryAccuracy", "AUC", "Precision", "F1Score", "R2Score", "Accuracy"],
)
def test_shapes_that_would_broadcast_are_refused(name):
    with pytest.raises(ValueError, match=r"\(8, 1\).*\(8, 3\)"):
        getattr(metrics, name)().update_state(np.ones((8, 1)), np.ones((8, 3)))


def test_own_metrics_own_others():
    class Mine(metrics.Metric):
        def __init__(self, name="mine", dtype=None):
            super().__init__(name=name, dtype=dtype)
            self.seen = self.add_variable((), "zeros", name="seen")
            self.other = self.add_weight((2,), initializer="ones")
            self.inner = [metrics.Mean(name="inner")]

        def update_state(self, y_true, y_pred, sample_weight=None):
            self.seen.assign_add(1)
            self.inner[0].update_state(y_pred, sample_weight)

        def result(self):
            return {"seen": self.seen.value, "mean": self.inner[0].result()}

    metric = Mine()
    assert metric.variables[0].path == "mine/seen" and len(metric.variables) == 4
    assert not any(v.trainable for v in metric.variables)
    assert {k: float(v) for k, v in metric(None, np.array([1.0, 3.0])).items()} == {"seen": 1.0, "mean": 2.0}
    after = jax.jit(metric.stateless_update_state)([v.value for v in metric.variables], None, jnp.ones(2))
    assert float(after[0]) == 2.0 and float(metric.seen.value) == 1.0
    assert float(metric.stateless_result(after)["mean"]) == 1.5
    assert [np.asarray(v).tolist() for v in metric.stateless_reset_state()] == [0.0, [0.0, 0.0], 0.0, 0.0]
    metric.reset_state()
    assert float(metric.result()["mean"]) == 0.0
    with pytest.raises(ValueError, match="4 variables"):
        metric.stateless_result([jnp.ones(())])
    with pytest.raises(NotImplementedError):
        metrics.Metric().result()


def test_functions_as_metrics():
    def distance(y_true, y_pred, factor=1.0):
        return factor * jnp.abs(y_true - y_pred)

    metric = metrics.MeanMetricWrapper(distance, name="distance", factor=2.0)
    assert float(metric(np.zeros(3), np.ones((3, 1)))) == 2.0
    again = metrics.deserialize(metrics.serialize(metric), custom_objects={"distance": distance})
    assert float(again(np.zeros(3), np.ones(3))) == 2.0
    for function in (losses.mean_squared_error, metrics.binary_accuracy):
        wrapper = metrics.MeanMetricWrapper(function, name="q")
        assert metrics.deserialize(metrics.serialize(wrapper)).fn is function
    assert metrics.get(distance) is distance


@pytest.mark.parametrize(
    ("identifier", "cls"),
    [
        ("accuracy", "Accuracy"),
        ("mse", "MeanSquaredError"),
        ("MAE", "MeanAbsoluteError"),
        ("mape", "MeanAbsolutePercentageError"),
        ("msle", "MeanSquaredLogarithmicError"),
        ("bce", "BinaryCrossentropy"),
        ("auc", "AUC"),
        ("f1_score", "F1Score"),
        ("f_beta_score", "FBetaScore"),
        ("binary_accuracy", "BinaryAccuracy"),
        ("sparse_top_k_categorical_accuracy", "SparseTopKCategoricalAccuracy"),
        ("r2_score", "R2Score"),
        ("log_cosh_error", "LogCoshError"),
        ("Precision", "Precision"),
    ],
)
def test_names(identifier, cls):
    assert type(metrics.get(identifier)) is getattr(metrics, cls)
    assert type(keras.metrics.get(identifier)).__name__ == cls


def test_public_names_are_keras():
    public = {name for name in dir(keras.metrics) if not name.startswith("_")}
    assert public <= set(dir(metrics))
    assert {name for name in dir(keras.losses) if not name.startswith("_")} <= set(dir(losses))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: metrics.get("acuracy"), "accuracy"),
        (lambda: metrics.AUC(num_thresholds=1), "> 1"),
        (lambda: metrics.AUC(curve="x"), "ROC"),
        (lambda: metrics.AUC(summation_method="x"), "minoring"),
        (lambda: metrics.AUC(thresholds=[-0.1, 0.5]), r"\[0, 1\]"),
        (lambda: metrics.Precision(thresholds=[-0.1]), r"\[0, 1\]"),
        (lambda: metrics.BinaryAccuracy(threshold=1.5), r"BinaryAccuracy: `threshold`.*\[0, 1\]"),
        (lambda: metrics.F1Score(average="x"), "micro"),
        (lambda: metrics.F1Score(threshold=2), "threshold"),
        (lambda: metrics.FBetaScore(beta=-1.0), "beta"),
        (lambda: metrics.F1Score()(np.ones(3), np.ones(3)), "2D"),
        (lambda: metrics.R2Score(class_aggregation="x"), "uniform_average"),
        (lambda: metrics.PrecisionAtRecall(2.0), "recall"),
        (lambda: metrics.AUC(multi_label=True, num_labels=3, label_weights=[1.0, 2.0]), "each of 3 labels"),
        (lambda: metrics.R2Score(num_regressors=-1), "num_regressors"),
        (lambda: metrics.R2Score()(np.ones((2, 3, 1)), np.ones((2, 3, 1))), "expects 2D"),
        (lambda: metrics.PrecisionAtRecall(0.5, num_thresholds=0), "> 0"),
        (lambda: metrics.MeanIoU(2)(np.ones((1, 3)), np.ones((2, 3))), r"MeanIoU: y_true has shape \(1, 3\)"),
        (lambda: metrics.IoU(2, [3]), "out of range"),
        (lambda: metrics.Precision(top_k=4)(np.ones((2, 3)), np.ones((2, 3))), "top_k"),
    ],
)
def test_refusals(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_signatures_are_keras():
    for name in (name for name in dir(keras.metrics) if not name.startswith("_")):
        found, expected = (
            [(key, p.kind, p.default) for key, p in inspect.signature(getattr(kind, name)).parameters.items()]
            for kind in (metrics, keras.metrics)
        )
        assert found == expected, name


@pytest.mark.parametrize("name", ["AUC", "Precision", "F1Score", "R2Score", "MeanIoU", "PrecisionAtRecall"])
def test_results_before_any_update_are_zero(name):
    arguments = {"MeanIoU": {"num_classes": 3}, "PrecisionAtRecall": {"recall": 0.5}}.get(name, {})
    assert float(getattr(metrics, name)(**arguments).result()) == 0.0


def test_ties_and_unknown_classes_of_top_k():
    rows = np.array([[0.25, 0.25, 0.25, 0.25], [1, 2, np.nan, 0], [3, 1, 2, 0], [3, 1, 2, 0]])
    found = metrics.sparse_top_k_categorical_accuracy(np.array([3, 2, 9, -1]), rows, k=2)
    assert found.tolist() == [1, 0, 0, 0]


def test_top_k_of_steps_and_of_fewer_rows_than_classes():
    labels, steps = np.array([[3, 0]]), np.array([[[0, 1, 2, 3], [3, 2, 1, 0]]])
    assert metrics.sparse_top_k_categorical_accuracy(labels, steps, k=1).tolist() == [[1, 1]]
    assert float(metrics.Precision(top_k=2)([[0, 1, 1]], [[0.1, 0.9, 0.8]])) == 1


def test_classes_that_never_occurred_are_left_out_of_a_mean():
    assert float(metrics.MeanIoU(3)([0, 1], [0, 1])) == pytest.approx(1)


@pytest.mark.parametrize("name", ["F1Score", "R2Score"])
def test_variables_made_while_tracing_are_real(name):
    """A trainer that traces an update to learn the shapes finds zeros afterwards."""
    metric = getattr(metrics, name)()
    with scope.framed(scope.Frame([], [], strict=False)):
        jax.eval_shape(metric.update_state, jnp.ones((4, 3)), jnp.ones((4, 3)))
    assert len(metric.variables) > 1 and all(not np.any(v.numpy()) for v in metric.variables)


def test_configs_name_the_dtype_computed_in():
    configs = [module.Mean(dtype="mixed_bfloat16").get_config() for module in (metrics, keras.metrics)]
    assert configs[0] == configs[1]


def test_stateless_calls_take_variables():
    """`metric.variables` themselves, as the first of many states."""
    metric = metrics.Mean()
    metric.update_state([1.0, 3.0])
    state = metric.stateless_update_state(metric.variables, jnp.array([8.0]))
    assert float(metric.stateless_result(state)) == 4.0 and float(metric.stateless_result(metric.variables)) == 2.0


@pytest.mark.parametrize("axes", [None, -1])
def test_a_function_that_brings_masked_steps_together(axes):
    x = np.array([[1, 2, 0], [3, 0, 0]])

    def share(y_true, y_pred):
        return ops.mean(ops.cast(y_pred[..., 0] < 100, "float32"), axis=axes)

    model = sequax.Sequential([layers.Embedding(4, 2, mask_zero=True)])
    model.compile("sgd", lambda y_true, y_pred: ops.mean(ops.square(y_pred)), metrics=[share])
    assert model.fit(x, x, verbose=0).history["share"] == [1.0]


def test_metrics_that_draw_go_on_drawing_inside_of_programs():
    class Drawn(metrics.Metric):
        def __init__(self):
            super().__init__(name="drawn")
            self.seeds = {"one": sequax.random.SeedGenerator(3)}
            self.total = self.add_weight(name="total")

        def update_state(self, y_true, y_pred, sample_weight=None):
            self.total.assign_add(sequax.random.uniform((), seed=self.seeds["one"]))

        def result(self):
            return self.total.value

    class Around(Drawn):
        def __init__(self):
            super().__init__()
            self.inner = Drawn()

        def update_state(self, y_true, y_pred, sample_weight=None):
            self.inner.update_state(y_true, y_pred)

        def result(self):
            return self.inner.result()

    apart, wanted = Drawn(), []
    for _ in range(3):
        apart.reset_state()
        for _ in range(2):
            apart.update_state(None, None)
        wanted.append(float(apart.result()))
    for metric in (Drawn(), Around()):
        model = sequax.Sequential([sequax.Input((1,)), layers.Dense(1)])
        model.compile("sgd", "mse", metrics=[metric])
        x = np.zeros((4, 1))
        seen = [model.evaluate(x, x, batch_size=2, verbose=0)[1]]
        seen += model.fit(x, x, batch_size=2, epochs=2, verbose=0).history["drawn"]
        np.testing.assert_allclose(seen, wanted, rtol=1e-6)
        assert [v.name for v in metric.variables].count("seed_generator_state") == 0
