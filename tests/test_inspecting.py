"""Where a classifier is right, sure, and wrong."""

import numpy as np
import pytest
from sklearn import metrics
from sklearn.linear_model import LogisticRegression

import sequax
from sequax import Input, Sequential, inspect_predictions, layers, losses

RNG = np.random.default_rng(0)
X = RNG.normal(size=(200, 4)).astype("float32")
LABELS = np.digitize(X[:, 0] + 0.3 * RNG.normal(size=200), [-0.5, 0.5])


def trained(units, loss, y, activation=None):
    sequax.utils.set_random_seed(0)
    model = Sequential([Input((4,)), layers.Dense(units, activation=activation)])
    model.compile(sequax.optimizers.Adam(0.05), loss)
    model.fit(X, y, epochs=10, verbose=0)
    return model


MODELS = {
    "softmax": (3, "sparse_categorical_crossentropy", LABELS, "softmax"),
    "logits": (3, losses.SparseCategoricalCrossentropy(from_logits=True), LABELS),
    "one-hot": (3, "categorical_crossentropy", np.eye(3)[LABELS], "softmax"),
    "sigmoid": (1, "binary_crossentropy", (LABELS > 1).astype(float), "sigmoid"),
    "one logit": (1, losses.BinaryCrossentropy(from_logits=True), (LABELS > 1)[:, None].astype(float)),
}


@pytest.mark.parametrize("kind", MODELS)
def test_numbers_are_those_of_scikit_learn(kind):
    y = MODELS[kind][2]
    found = inspect_predictions(trained(*MODELS[kind]), X, y)
    labels = y.argmax(axis=1) if kind == "one-hot" else y.reshape(-1).astype(int)
    classes = max(2, MODELS[kind][0])
    assert found.probabilities.shape == (200, classes) and found.classes == list(range(classes))
    assert np.array_equal(found.labels, labels)
    assert found.accuracy == pytest.approx(metrics.accuracy_score(labels, found.predicted))
    assert found.accuracy > 0.6
    assert np.array_equal(found.confusion, metrics.confusion_matrix(labels, found.predicted))
    expected = metrics.classification_report(labels, found.predicted, output_dict=True)
    for label, line in found.report().items():
        assert line["f1"] == pytest.approx(expected[str(label)]["f1-score"])
        assert line["support"] == expected[str(label)]["support"]
    pairs = found.confusions()
    assert sum(pair.rows for pair in pairs) == (found.predicted != labels).sum()
    assert [pair.rows for pair in pairs] == sorted((pair.rows for pair in pairs), reverse=True)


def test_calibration():
    sure = np.repeat([0.95, 0.65], 100)
    truth = np.concatenate([np.arange(100) >= 10, np.arange(100) >= 40]).astype(int)  # right 9 and 6 times in 10
    found = inspect_predictions(np.column_stack([1 - sure, sure]), None, truth).calibration()
    np.testing.assert_allclose(found.confidence, [0.65, 0.95])
    np.testing.assert_allclose(found.accuracy, [0.6, 0.9])
    assert found.rows.tolist() == [100, 100] and found.error == pytest.approx(0.05)
    perfect = inspect_predictions(np.eye(2)[[0, 1, 1]], None, [0, 1, 1])
    assert perfect.calibration().error == 0 and perfect.confusions() == []


def test_worst_rows_come_first():
    probabilities = np.array([[0.9, 0.1], [0.2, 0.8], [0.05, 0.95], [0.4, 0.6]])
    worst = inspect_predictions(probabilities, None, [0, 0, 0, 1], class_names=["cat", "dog"]).worst(3)
    assert [sample.row for sample in worst] == [2, 1, 3]
    assert worst[0] == (2, "cat", "dog", pytest.approx(0.05), pytest.approx(0.95))


def test_estimators_and_their_labels():
    names = np.array(["low", "mid", "top"])[LABELS]
    found = inspect_predictions(LogisticRegression().fit(X, names), X, names)
    assert found.classes == ["low", "mid", "top"]
    assert found.accuracy == LogisticRegression().fit(X, names).score(X, names)


def test_texts_and_pictures(tmp_path):
    found = inspect_predictions(trained(*MODELS["softmax"]), X, LABELS, class_names=["low", "mid", "<b>"])
    text, page = repr(found), found._repr_html_()
    assert "200 rows, 3 classes: accuracy" in text and "worst rows" in text and "taken for" in text
    assert "&lt;b&gt;" in page and "<b>" not in page
    assert len(found.plot(tmp_path / "found.png").axes) == 2
    with pytest.raises(ValueError, match="plot_worst draws images"):
        found.plot_worst()
    mixed = [sample.row for sample in found.worst(200)[::40]]  # wrong ones first, right ones last
    for shape in ((5, 2, 2), (5, 2, 2, 1)):
        pictures = inspect_predictions(found.probabilities[mixed], X[mixed].reshape(shape), LABELS[mixed])
        drawn = pictures.plot_worst(9, tmp_path / "worst.png").axes
        wrong = [sample.label != sample.predicted for sample in pictures.worst(9)]
        assert [", not " in axes.get_title() for axes in drawn] == wrong and 0 < sum(wrong) < 5
    assert (tmp_path / "found.png").stat().st_size > 5000 and (tmp_path / "worst.png").stat().st_size > 2000


REFUSED = {
    "regression": (lambda: inspect_predictions(np.eye(2), None, [0.5, 1.0]), "y has 0.5, which is no class"),
    "rows": (lambda: inspect_predictions(np.eye(2), None, [0]), "y has 1 rows, the predictions 2"),
    "names": (lambda: inspect_predictions(np.eye(2), None, [0, 1], ["a"]), "class_names has 1 names"),
    "no model": (lambda: inspect_predictions(len, None, [0, 1]), "takes a model, an estimator"),
    "steps": (
        lambda: inspect_predictions(Sequential([Input((3, 4)), layers.Dense(2)]), np.zeros((2, 3, 4)), [0, 1]),
        "outputs of shape",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refused_with_words(case):
    function, words = REFUSED[case]
    with pytest.raises(ValueError, match=words):
        function()
