"""`fit(augment=...)`: batches are mixed inside the compiled step, targets with them, in training alone."""

import numpy as np
import pytest

import sequax
from sequax import layers, losses

RNG = np.random.default_rng(0)
X = RNG.random((26, 8, 8, 1)).astype("float32")  # three batches of 8, and a short one
CLASSES = np.arange(26) % 3
Y = np.eye(3, dtype="float32")[CLASSES]
WEIGHTS = RNG.random(26).astype("float32")


def model(*inner, loss=None, shape=(8, 8, 1), units=3, activation="softmax"):
    sequax.utils.set_random_seed(1)
    made = sequax.Sequential(
        [sequax.Input(shape), *inner, layers.Flatten(), layers.Dense(8, "relu"), layers.Dense(units, activation)]
    )
    made.compile(sequax.optimizers.SGD(0.1), loss or losses.CategoricalCrossentropy(label_smoothing=0.1))
    return made


def trained(augment, x=X, y=Y, made=None, **arguments):
    made = made or model()
    options = {"batch_size": 8, "epochs": 2, "shuffle": False, "verbose": 0, **arguments}
    history = made.fit(x, y, augment=augment, **options).history
    return made.get_weights(), history


def by_hand(augment, x=X, y=Y, weights=None, epochs=2):
    """The same batches, changed one by one before `train_on_batch`."""
    made = model()
    for _ in range(epochs):
        for i in range(0, len(x), 8):
            rows = slice(i, i + 8)
            mixed = augment.augment_batch(x[rows], y[rows])
            made.train_on_batch(*map(np.asarray, mixed), sample_weight=None if weights is None else weights[rows])
    return made.get_weights()


def same(ours, theirs, **tolerance):
    for a, b in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(a, b, **(tolerance or {"rtol": 1e-4, "atol": 1e-6}))


AUGMENTATIONS = {
    "mixup": lambda: layers.MixUp(0.4, seed=3),
    "cutmix": lambda: layers.CutMix(seed=3),
    "flips": lambda: layers.RandomFlip(seed=3),
    "pipeline": lambda: layers.Pipeline([layers.RandomFlip(seed=3), layers.MixUp(seed=4)]),
}


@pytest.mark.parametrize("name", AUGMENTATIONS)
@pytest.mark.parametrize(
    "weights", [pytest.param(None, id="", marks=pytest.mark.long), pytest.param(WEIGHTS, id="weighted")]
)
def test_as_mixed_by_hand(name, weights):
    make = AUGMENTATIONS[name]
    ours, _ = trained(make(), sample_weight=weights)
    same(ours, by_hand(make(), weights=weights))
    plain, _ = trained(None, sample_weight=weights)
    assert any(not np.allclose(a, b) for a, b in zip(ours, plain, strict=True))


def test_targets_are_mixed_by_the_share_of_their_rows():
    x = np.arange(8.0, dtype="float32")[:, None]
    y = np.eye(8, dtype="float32")
    mixed, targets = map(np.asarray, layers.MixUp(1.0, seed=1).augment_batch(x, y))
    np.testing.assert_allclose(targets.sum(1), 1, rtol=1e-6)
    np.testing.assert_allclose(mixed[:, 0], targets @ x[:, 0], rtol=1e-5)

    images = np.broadcast_to(np.arange(8.0, dtype="float32")[:, None, None, None], (8, 16, 16, 1))
    cut, targets = map(np.asarray, layers.CutMix(seed=1).augment_batch(images, y))
    np.testing.assert_allclose(cut.mean((1, 2, 3)), targets @ x[:, 0], rtol=1e-5, atol=1e-5)


def test_a_seed_gives_the_same_bits_and_validation_is_left_alone():
    (first, logs), (second, again) = (
        trained(layers.MixUp(0.4, seed=3), validation_data=(X, Y), shuffle=True) for _ in range(2)
    )
    same(first, second, rtol=0)
    assert logs == again
    made = model()
    made.set_weights(first)
    assert made.evaluate(X, Y, batch_size=8, verbose=0) == pytest.approx(logs["val_loss"][-1], rel=1e-6)
    other, _ = trained(layers.MixUp(0.4, seed=4), shuffle=True)
    assert any(not np.array_equal(a, b) for a, b in zip(first, other, strict=True))


def test_the_next_fit_draws_on_and_without_it_is_without():
    augment, made = layers.MixUp(0.4, seed=3), model()
    trained(augment, made=made, epochs=1)
    twice, _ = trained(augment, made=made, epochs=1)
    same(twice, trained(layers.MixUp(0.4, seed=3), epochs=2)[0], rtol=0)
    plain, before = model(), model()
    before.set_weights(twice), plain.set_weights(twice)
    same(trained(None, made=made)[0], trained(None, made=plain)[0], rtol=0)


def test_cutting_of_a_batch_does_not_matter():
    from sequax.callbacks import LambdaCallback

    whole, _ = trained(layers.CutMix(seed=3))
    watched, _ = trained(layers.CutMix(seed=3), callbacks=[LambdaCallback(on_train_batch_end=lambda batch, logs: None)])
    same(whole, watched, rtol=0)


def test_streams_and_structures():
    batches = [(X[i : i + 8], Y[i : i + 8]) for i in range(0, 26, 8)]
    made = model()
    made.fit(batches and iter(batches), epochs=1, verbose=0, augment=layers.MixUp(0.4, seed=3), steps_per_epoch=4)
    same(made.get_weights(), trained(layers.MixUp(0.4, seed=3), epochs=1)[0])

    one, two = sequax.Input((4,), name="one"), sequax.Input((2,), name="two")
    both = layers.Concatenate()([one, two])
    outputs = {"a": layers.Dense(3, "softmax", name="a")(both), "b": layers.Dense(1, name="b")(both)}
    several = sequax.Model({"one": one, "two": two}, outputs)
    several.compile("sgd", {"a": "categorical_crossentropy", "b": "mse"})
    x = {"one": X.reshape(26, -1)[:, :4], "two": X.reshape(26, -1)[:, :2]}
    history = several.fit(x, {"a": Y, "b": WEIGHTS}, verbose=0, augment=layers.MixUp(0.4, seed=3)).history
    assert set(history) == {"loss", "a_loss", "b_loss"}


def test_masks_are_pasted_and_flipped_with_their_images():
    truth = np.asarray(X > 0.5).astype("int32")
    for augment in (layers.CutMix(seed=1), layers.RandomFlip(seed=1)):
        images, masks = map(np.asarray, augment.augment_batch(X, truth))
        np.testing.assert_array_equal(masks, images > 0.5)
        assert not np.array_equal(masks, truth) and masks.dtype == np.int32
    made = sequax.Sequential([sequax.Input((8, 8, 1)), layers.Conv2D(2, 3, padding="same", activation="softmax")])
    made.compile("sgd", "sparse_categorical_crossentropy")
    made.fit(X, truth, verbose=0, augment=layers.CutMix(seed=1))


def test_steps_of_ones_own_get_mixed_batches():
    class Own(sequax.Model):
        def __init__(self):
            super().__init__()
            self.seen = sequax.metrics.Mean(name="seen")
            self.dense = layers.Dense(1)

        def call(self, x):
            return self.dense(x)

        def train_step(self, state, data):
            _, y, _ = sequax.utils.unpack_x_y_sample_weight(data)
            trainable, other, optimizer, metrics = state
            largest = sequax.ops.max(y * (y < 1))  # 0 of targets that nobody has mixed
            return {"mixed": largest}, (trainable, other, optimizer, metrics)

    made = Own()
    made.compile("sgd")
    x = X.reshape(26, -1)
    assert made.fit(x, Y, verbose=0).history["mixed"] == [0.0]
    assert made.fit(x, Y, verbose=0, augment=layers.MixUp(1.0, seed=1)).history["mixed"][0] > 0


def test_a_dry_run_draws_nothing():
    augment = layers.MixUp(0.4, seed=3)
    made = model()
    made.fit(X, Y, batch_size=8, verbose=0, augment=augment, dry_run=True)
    same(trained(augment, made=made)[0], trained(layers.MixUp(0.4, seed=3))[0], rtol=0)


def test_layers_without_targets_and_mixed_precision():
    trained(layers.GaussianNoise(0.1, seed=1), y=CLASSES, made=model(loss="sparse_categorical_crossentropy"))
    trained(layers.MixUp(seed=1), x=(X * 255).astype("uint8"), y=(Y > 0))
    trained(
        layers.MixUp(seed=1), x=X, y=CLASSES > 1, made=model(loss="binary_crossentropy", units=1, activation="sigmoid")
    )


def test_a_compile_in_between_keeps_it():
    class Again(sequax.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            if epoch:
                self.model.compile(self.model.optimizer, losses.CategoricalCrossentropy(label_smoothing=0.1))

    ours, _ = trained(layers.MixUp(0.4, seed=3), callbacks=[Again()])
    same(ours, trained(layers.MixUp(0.4, seed=3))[0])


REFUSED = {
    "class numbers": (lambda: model(loss="sparse_categorical_crossentropy"), CLASSES, layers.MixUp, "to_categorical"),
    "to a loss of one's own": (lambda: model(loss=lambda y, p: p[:, 0]), CLASSES, layers.CutMix, "numbers of classes"),
    "in a pipeline": (
        lambda: model(loss="sparse_categorical_crossentropy"),
        CLASSES,
        lambda: layers.Pipeline([layers.MixUp()]),
        "to_categorical",
    ),
    "no layer": (model, Y, lambda: "mixup", "must be a preprocessing layer"),
    "a model": (model, Y, lambda: sequax.Sequential([layers.MixUp()]), "must be a preprocessing layer"),
    "hidden": (model, Y, lambda: layers.TimeDistributed(layers.MixUp()), "would not be mixed"),
    "no images": (lambda: model(shape=(8, 8)), Y, layers.CutMix, "batch of images as the one input"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused_before_anything_is_trained(name):
    make, y, augment, words = REFUSED[name]
    made = make()
    x = X[..., 0] if name == "no images" else X
    before = made.get_weights()
    with pytest.raises((ValueError, TypeError), match=words):
        made.fit(x, y, verbose=0, augment=augment())
    same(made.get_weights(), before, rtol=0)
    assert made.compilation.augment == []


def test_words_are_not_mixed():
    made = sequax.Sequential(
        [sequax.Input((4,), dtype="int32"), layers.Embedding(5, 3), layers.Flatten(), layers.Dense(3)]
    )
    made.compile("sgd", "mse")
    with pytest.raises(ValueError, match="looked up in a table"):
        made.fit(np.ones((8, 4), "int32"), Y[:8], verbose=0, augment=layers.MixUp())
