"""Labels that a loss or a metric would take for something else are refused; those that do not count may be anything."""

from __future__ import annotations

import numpy as np
import pytest

import sequax
from sequax import Input, Sequential
from sequax.layers import Dense, Embedding

ROWS = 8
X = np.random.default_rng(0).normal(size=(ROWS, 3)).astype("float32")
ZERO_ONE = (np.arange(ROWS) % 2).astype("float32")[:, None]
SIGNS = 2 * ZERO_ONE - 1
THREE = (np.arange(ROWS) % 3).astype("float32")[:, None]


def model(loss, metrics=None, activation="sigmoid", units=1):
    made = Sequential([Input((3,)), Dense(units, activation)])
    made.compile("sgd", loss, metrics=metrics)
    return made


METRICS = {
    "Precision": lambda m: m.Precision(),
    "Recall": lambda m: m.Recall(),
    "AUC": lambda m: m.AUC(),
    "TruePositives": lambda m: m.TruePositives(),
    "SensitivityAtSpecificity": lambda m: m.SensitivityAtSpecificity(0.5),
    "BinaryIoU": lambda m: m.BinaryIoU(),
    "F1Score": lambda m: m.F1Score(threshold=0.5),
}

REFUSED = {
    **{f"-1/+1 in {name}": ("mse", [make], SIGNS, r"-1 .*counts every label but 0 as positive; for -1/\+1 pass")
       for name, make in METRICS.items()},
    "0..2 in Recall": ("mse", [METRICS["Recall"]], THREE, "label 2 at row 2"),
    "0..2 in hinge": ("hinge", [], THREE, r"2 at row 2, .*hinge must be in \[-1, 1\]: labels are -1 and 1, or 0 and 1"),
    "0..2 in squared hinge": ("squared_hinge", [], THREE, "labels are -1 and 1, or 0 and 1"),
    "-1, 0 and 1 in hinge": ("hinge", [], SIGNS * (THREE != 0), "it has both -1 and 0, which mean the same"),
    "0..2 in Dice": ("dice", [], THREE, r"dice must be in \[0, 1\]: make them one column of 0 and 1 for each class"),
    "-1/+1 in Tversky": ("tversky", [], SIGNS, r"tversky must be in \[0, 1\]"),
    "negative counts": ("poisson", [], SIGNS, "poisson must be 0 or more: counts and rates must not be negative"),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_refused(case):
    loss, metrics, y, words = REFUSED[case]
    made = model(loss, [make(sequax.metrics) for make in metrics])
    before = made.get_weights()
    for call in (
        lambda: made.fit(X, y, verbose=0),
        lambda: made.evaluate(X, y, verbose=0),
        lambda: made.train_on_batch(X, y),
        lambda: made.fit(((X, y) for _ in range(2)), steps_per_epoch=2, verbose=0),
    ):
        with pytest.raises(ValueError, match=words):
            call()
    assert all(np.array_equal(a, b) for a, b in zip(before, made.get_weights(), strict=True))


class Third(sequax.metrics.Precision):
    """Its labels are numbers of classes."""

    def update_state(self, y_true, y_pred, sample_weight=None):
        return super().update_state(y_true == 2, y_pred, sample_weight)


GOOD = {
    "hinge of 0/1": ("hinge", [], ZERO_ONE),
    "hinge of -1/+1": ("hinge", [], SIGNS),
    "hinge between": ("squared_hinge", [], 0.3 * SIGNS),
    "soft labels": ("dice", [], 0.8 * ZERO_ONE),
    "soft labels of metrics": ("mse", [METRICS["AUC"], METRICS["Precision"]], 0.5 * ZERO_ONE),
    "bool": ("tversky", [METRICS["Recall"]], ZERO_ONE.astype(bool)),
    "counts": ("poisson", [], THREE),
    "own metric": ("mse", [lambda m: Third() if m is sequax.metrics else m.MeanSquaredError(name="third")], THREE),
}


@pytest.mark.parametrize("case", GOOD)
def test_good_labels_train_as_in_keras(case, keras):
    loss, metrics, y = GOOD[case]
    ours = model(loss, [make(sequax.metrics) for make in metrics])
    theirs = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1, "sigmoid")])
    theirs.compile("sgd", loss, metrics=[make(keras.metrics) for make in metrics])
    theirs.set_weights(ours.get_weights())
    histories = [one.fit(X, y, batch_size=4, shuffle=False, verbose=0).history for one in (ours, theirs)]
    for name in set(histories[0]) - {"third"}:
        other = next(key for key in histories[1] if key.split("_")[0] == name.split("_")[0])
        assert np.allclose(histories[0][name], histories[1][other], rtol=1e-4), name
    for a, b in zip(ours.get_weights(), theirs.get_weights(), strict=True):
        assert np.allclose(a, b, rtol=1e-4, atol=1e-6)


def test_accuracy_of_signs_warns():
    with pytest.warns(UserWarning, match=r"labels -1, and 'accuracy' compares labels with 0 and 1.*\(y \+ 1\) / 2"):
        model("hinge", ["accuracy"]).fit(X, SIGNS, verbose=0)


STEPS = np.array([[1, 2, 0], [3, 0, 0], [4, 5, 6], [7, 8, 0]])

UNCOUNTED = {
    "classes": ("sparse_categorical_crossentropy", 3, "softmax", STEPS % 3),
    "yes or no": ("binary_crossentropy", 1, "sigmoid", STEPS[..., None] % 2),
    "counts": ("poisson", 1, "softplus", STEPS[..., None] % 4),
}


@pytest.mark.parametrize(("by", "bad"), [("mask", -1), ("weight", -7)])
@pytest.mark.parametrize("case", UNCOUNTED)
def test_labels_that_do_not_count_may_be_anything(case, by, bad, keras):
    loss, units, activation, labels = UNCOUNTED[case]
    padded = STEPS == 0
    y = np.where(padded.reshape(labels.shape) if labels.ndim == 2 else padded[..., None], bad, labels)
    weights = {"sample_weight": 1.0 - padded} if by == "weight" else {}
    trained = []
    for library in (keras, sequax):
        one = library.Sequential(
            [
                library.Input((3,)),
                library.layers.Embedding(9, 4, mask_zero=by == "mask"),
                library.layers.Dense(units, activation),
            ]
        )
        one.compile(library.optimizers.SGD(0.1), loss)
        random = np.random.default_rng(1)
        one.set_weights([random.normal(size=w.shape) for w in one.get_weights()])
        history = one.fit(STEPS, y, batch_size=2, epochs=2, shuffle=False, verbose=0, **weights).history
        trained.append([history["loss"], one.evaluate(STEPS, y, verbose=0, **weights), *one.get_weights()])
    for theirs, ours in zip(*trained, strict=True):
        assert np.allclose(theirs, ours, rtol=1e-4, atol=1e-6)
    y[0, 0] = -1
    with pytest.raises(ValueError, match=r"-1 at row 0, (column|position)"):
        one.fit(STEPS, y, verbose=0, **weights)


def test_samples_of_weight_0_may_have_any_label():
    made = model("sparse_categorical_crossentropy", activation="softmax", units=3)
    labels, weights = THREE[:, 0].copy(), np.ones(ROWS)
    labels[4], weights[4] = 99, 0
    made.fit(X, labels, sample_weight=weights, verbose=0)
    assert all(np.isfinite(w).all() for w in made.get_weights())
    weights[4] = 0.1
    with pytest.raises(ValueError, match="label 99 at row 4"):
        made.fit(X, labels, sample_weight=weights, verbose=0)


def test_a_model_without_a_mask_says_the_same_as_before():
    made = Sequential([Input((3,)), Embedding(9, 2), Dense(3, "softmax")])
    made.compile("sgd", "sparse_categorical_crossentropy")
    with pytest.raises(ValueError, match="labels must not be negative"):
        made.fit(STEPS, STEPS % 3 - 1, verbose=0)
