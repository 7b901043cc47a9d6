"""`distillation`: the losses of Keras at equal weights, files both ways, and what is refused."""

import re

import numpy as np
import pytest

import sequax
from sequax import layers, losses
from sequax.distillation import DistillationLoss, Distiller, FeatureDistillation, LogitsDistillation

keras = pytest.importorskip("keras")

RNG = np.random.default_rng(0)
X = RNG.normal(size=(48, 5)).astype("float32")
Y = (X[:, 0] > 0).astype("int32") + (X[:, 1] > 0)


def stack(library, *units):
    dense = [library.layers.Dense(n, "tanh", name=f"hidden_{i}") for i, n in enumerate(units)]
    return library.Sequential([library.Input((5,)), *dense, library.layers.Dense(3, name="logits")])


def pair(library, distillation_losses, **options):
    teacher, student = stack(library, 8, 6), stack(library, 6)
    for model, seed in ((teacher, 1), (student, 2)):
        rng = np.random.default_rng(seed)
        model.set_weights([rng.normal(size=w.shape).astype("float32") for w in model.get_weights()])
    distiller = library.distillation.Distiller(teacher, student, distillation_losses(library), **options)
    loss = library.losses.SparseCategoricalCrossentropy(from_logits=True)
    distiller.compile(library.optimizers.Adam(0.01), loss, metrics=["accuracy"])
    return distiller


def logits(library):
    return library.distillation.LogitsDistillation(2.0, library.losses.KLDivergence())


def features(library):
    return library.distillation.FeatureDistillation("mse", "hidden_1", "hidden_0")


PAIRS = {
    "logits": (logits, {}),
    "features": (features, {"student_loss_weight": 0.2}),
    "both, weighted": (lambda one: [logits(one), features(one)], {"distillation_loss_weights": [0.7, 2.0]}),
    "the teacher alone": (
        lambda one: one.distillation.LogitsDistillation(3.0, "mse"),
        {"student_loss_weight": 0.0},
    ),
    "the labels alone": (logits, {"student_loss_weight": 1.0}),
    "outputs as features": (lambda one: one.distillation.FeatureDistillation("cosine_similarity"), {}),
}


@pytest.mark.parametrize("case", PAIRS)
def test_trains_as_keras_does(case):
    distillation_losses, options = PAIRS[case]
    ours, theirs = pair(sequax, distillation_losses, **options), pair(keras, distillation_losses, **options)
    fitted = [one.fit(X, Y, epochs=3, batch_size=16, shuffle=False, verbose=0).history for one in (ours, theirs)]
    assert fitted[0].keys() == fitted[1].keys()
    for key, values in fitted[1].items():
        np.testing.assert_allclose(fitted[0][key], values, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(ours.predict(X, verbose=0), theirs.predict(X, verbose=0), rtol=1e-3, atol=1e-5)
    np.testing.assert_allclose(ours.student.predict(X, verbose=0), ours.predict(X, verbose=0), rtol=1e-4, atol=1e-5)


def test_the_teacher_stays_as_it_is():
    distiller = pair(sequax, logits)
    before = distiller.teacher.get_weights()
    distiller.fit(X, Y, verbose=0)
    for old, new in zip(before, distiller.teacher.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)
    assert not distiller.teacher.trainable and distiller.student.trainable


def test_the_divergence_by_name_is_that_of_the_class():
    teacher, student = RNG.normal(size=(2, 4, 3)).astype("float32")
    by_name, by_class = LogitsDistillation(2.0), LogitsDistillation(2.0, losses.KLDivergence())
    assert float(by_name.compute_loss(teacher, student)) == pytest.approx(
        float(by_class.compute_loss(teacher, student)), rel=1e-6
    )
    assert float(by_name.compute_loss(teacher, teacher)) == pytest.approx(0.0, abs=1e-6)


def test_weights_of_rows_count():
    distiller = pair(sequax, logits, student_loss_weight=1.0)
    weight = np.zeros(len(X), "float32")
    weight[:8] = 1.0
    given = distiller.evaluate(X, Y, sample_weight=weight, batch_size=48, verbose=0, return_dict=True)
    alone = distiller.evaluate(X[:8], Y[:8], verbose=0, return_dict=True)
    assert given["student_loss"] * 48 == pytest.approx(alone["student_loss"] * 8, rel=1e-5)


def test_penalties_of_the_student_count():
    teacher = stack(sequax, 4)
    student = sequax.Sequential([sequax.Input((5,)), layers.Dense(3, kernel_regularizer="l2")])
    distiller = Distiller(teacher, student, LogitsDistillation(), student_loss_weight=1.0)
    distiller.compile("sgd", losses.SparseCategoricalCrossentropy(from_logits=True))
    penalty = 0.01 * float(np.sum(np.square(student.get_weights()[0])))
    found = distiller.evaluate(X, Y, batch_size=48, verbose=0, return_dict=True)["student_loss"]
    plain = float(losses.SparseCategoricalCrossentropy(from_logits=True)(Y, student.predict(X, verbose=0)))
    assert found == pytest.approx(plain + penalty, rel=1e-4)


def test_file_goes_both_ways(tmp_path):
    ours = pair(sequax, lambda one: [logits(one), features(one)], student_loss_weight=0.3)
    ours.fit(X, Y, verbose=0)
    ours.save(tmp_path / "ours.keras")
    again = sequax.models.load_model(tmp_path / "ours.keras")
    theirs = keras.models.load_model(tmp_path / "ours.keras", compile=False)
    for one in (again, theirs):
        np.testing.assert_allclose(one.predict(X, verbose=0), ours.predict(X, verbose=0), rtol=1e-5, atol=1e-6)
        assert one.student_loss_weight == 0.3 and len(one.distillation_losses) == 2
    again.fit(X, Y, verbose=0)  # compiled as it was
    theirs.save(tmp_path / "theirs.keras")
    back = sequax.models.load_model(tmp_path / "theirs.keras")
    np.testing.assert_allclose(back.predict(X, verbose=0), ours.predict(X, verbose=0), rtol=1e-5, atol=1e-6)
    assert isinstance(back.distillation_losses[1], FeatureDistillation)


def test_several_outputs():
    def model(units):
        inputs = sequax.Input((5,))
        hidden = layers.Dense(units)(inputs)
        return sequax.Model(inputs, [layers.Dense(3)(hidden), layers.Dense(1)(hidden)])

    distiller = Distiller(model(8), model(2), LogitsDistillation(loss=["kl_divergence", None]))
    distiller.compile("sgd", [losses.SparseCategoricalCrossentropy(from_logits=True), "mse"])
    history = distiller.fit(X, [Y, X[:, :1]], verbose=0).history
    assert history["distillation_loss"][0] > 0 and history["student_loss"][0] > 0


class Vector(DistillationLoss):
    def compute_loss(self, teacher_outputs, student_outputs):
        return teacher_outputs[:, 0] - student_outputs[:, 0]


def test_a_loss_that_is_no_scalar_is_refused():
    distiller = Distiller(stack(sequax, 4), stack(sequax, 4), Vector())
    distiller.compile("sgd", "mse")
    with pytest.raises(ValueError, match=r"Vector.compute_loss must return a scalar.*non-scalar"):
        distiller.fit(X, np.zeros((48, 3)), verbose=0)


REFUSED = {
    "teacher` must be a model": lambda: Distiller("teacher", stack(sequax), LogitsDistillation()),
    "student` must be a model": lambda: Distiller(stack(sequax), None, LogitsDistillation()),
    "must be a distillation loss": lambda: Distiller(stack(sequax), stack(sequax), None),
    "there are 1 distillation losses, and 2": lambda: Distiller(
        stack(sequax), stack(sequax), [LogitsDistillation()], [1.0, 2.0]
    ),
    "student_loss_weight` must be": lambda: Distiller(
        stack(sequax), stack(sequax), LogitsDistillation(), student_loss_weight=1.5
    ),
    "must have equal shapes": lambda: Distiller(
        stack(sequax), sequax.Sequential([sequax.Input((5,)), layers.Dense(4)]), LogitsDistillation()
    ),
    "No such layer: hiden_0": lambda: Distiller(
        stack(sequax, 4), stack(sequax, 4), FeatureDistillation("mse", "hiden_0", "hidden_0")
    ),
    "has no symbolic inputs": lambda: Distiller(
        sequax.Sequential([layers.Dense(3, name="a")]), stack(sequax), FeatureDistillation("mse", "a", "logits")
    ),
    "temperature` must be": lambda: LogitsDistillation(temperature=0.0),
    "not all of them None": lambda: FeatureDistillation([None, None]),
    "Could not interpret loss": lambda: LogitsDistillation(loss="unknown"),
    "`loss` cannot be None": lambda: pair(sequax, logits).compile("adam"),
    "metrics must be a list": lambda: pair(sequax, logits).compile("adam", "mse", metrics="accuracy"),
    "Loss structure mismatch": lambda: FeatureDistillation(["mse", "mse"]).validate_outputs(X, X),
}


@pytest.mark.parametrize("words", REFUSED)
def test_what_does_not_fit_is_refused(words):
    with pytest.raises(ValueError, match=re.escape(words)):
        REFUSED[words]()
