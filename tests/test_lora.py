"""Low-rank adapters: the numbers of Keras at equal weights, files both ways, whole models, files of adapters alone."""

import json

import numpy as np
import pytest

import sequax
from sequax import layers
from sequax.core.errors import LoadError
from sequax.training.fingerprint import fingerprint

keras = pytest.importorskip("keras")

RNG = np.random.default_rng(0)
Y = RNG.normal(size=(32, 1)).astype("float32")

LAYERS = {
    "dense": (lambda one: one.layers.Dense(5, kernel_regularizer="l2"), (3, 8)),
    "einsum": (lambda one: one.layers.EinsumDense("abc,cde->abde", (3, 2, 4), bias_axes="de"), (3, 8)),
    "einsum, merged": (lambda one: one.layers.EinsumDense("abc,cd->adb", (6, 3)), (3, 8)),
    "conv": (lambda one: one.layers.Conv2D(6, 3, strides=2), (7, 7, 4)),
    "conv of groups": (lambda one: one.layers.Conv1D(6, 3, groups=2, padding="causal"), (7, 4)),
    "volumes": (lambda one: one.layers.Conv3D(3, 2), (4, 4, 4, 2)),
    "embedding": (lambda one: one.layers.Embedding(20, 6), (7,)),
    "reversible": (lambda one: one.layers.ReversibleEmbedding(20, 6), (7,)),
}


def inputs(case, shape):
    whole = case in ("embedding", "reversible")
    return RNG.integers(0, 20, (32, *shape)) if whole else RNG.normal(size=(32, *shape)).astype("float32")


def model_of(library, case):
    make, shape = LAYERS[case]
    dtype = "int32" if case in ("embedding", "reversible") else "float32"
    first = make(library)
    return library.Sequential(
        [library.Input(shape, dtype=dtype), first, library.layers.Flatten(), library.layers.Dense(1)]
    )


@pytest.mark.parametrize("case", LAYERS)
def test_as_in_keras(case, tmp_path):
    x = inputs(case, LAYERS[case][1])
    pair = [model_of(library, case) for library in (sequax, keras)]
    for model in pair:
        model.layers[0].enable_lora(3, lora_alpha=5.0)
    assert [v.path.split("/")[-1] for v in pair[0].weights] == [v.path.split("/")[-1] for v in pair[1].weights]
    weights = [0.2 * RNG.normal(size=w.shape).astype("float32") for w in pair[0].get_weights()]
    losses = []
    for library, model in zip((sequax, keras), pair, strict=True):
        model.set_weights(weights)
        model.compile(library.optimizers.SGD(0.01), "mse")
        losses.append(model.evaluate(x, Y, verbose=0))
        losses += model.fit(x, Y, epochs=3, batch_size=16, shuffle=False, verbose=0).history["loss"]
    np.testing.assert_allclose(losses[:4], losses[4:], rtol=1e-5)
    for ours, theirs in zip(pair[0].get_weights(), pair[1].get_weights(), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-6)

    expected = pair[0].predict(x, verbose=0)
    for number, model in enumerate(pair):
        model.save(tmp_path / f"{number}.keras")
    for number in range(2):
        for library in (sequax, keras):
            again = library.models.load_model(tmp_path / f"{number}.keras")
            np.testing.assert_allclose(again.predict(x, verbose=0), expected, rtol=1e-4, atol=1e-5)
            assert again.layers[0].lora_enabled and again.layers[0].lora_rank == 3


def dense(**options):
    sequax.utils.set_random_seed(1)
    return sequax.Sequential(
        [sequax.Input((8,)), layers.Dense(5, name="hidden", **options), layers.Dense(1, name="head")]
    )


X = RNG.normal(size=(32, 8)).astype("float32")


def test_nothing_changes_at_first():
    model = dense()
    before = np.asarray(model(X))
    model.layers[0].enable_lora(2)
    np.testing.assert_array_equal(np.asarray(model(X)), before)


def test_a_loaded_adapter_trains_on_and_keeps_its_alpha(tmp_path):
    model = dense(lora_rank=2, lora_alpha=8.0)
    model.compile(sequax.optimizers.SGD(0.1), "mse")
    model.fit(X, Y, verbose=0)
    model.save(tmp_path / "model.keras")
    again = sequax.models.load_model(tmp_path / "model.keras")
    hidden = again.layers[0]
    assert hidden.lora_alpha == 8.0 and not hidden.lora_kernel_b.numpy().any() and hidden.lora_kernel_a.numpy().any()
    np.testing.assert_allclose(again.predict(X, verbose=0), model.predict(X, verbose=0), rtol=1e-5, atol=1e-6)
    before = hidden.kernel.stored_numpy()
    again.fit(X, Y, epochs=3, verbose=0)
    assert hidden.lora_kernel_b.numpy().any()
    np.testing.assert_array_equal(hidden.kernel.stored_numpy(), before)


def test_weights_go_between_models_with_and_without(tmp_path):
    adapted, plain = dense(), dense()
    adapted.layers[0].enable_lora(2, b_initializer="ones")
    adapted.save_weights(tmp_path / "a.weights.h5")
    adapted.save_weights(tmp_path / "a.safetensors")
    for name in ("a.weights.h5", "a.safetensors"):
        plain.load_weights(tmp_path / name)
        np.testing.assert_allclose(plain.predict(X, verbose=0), adapted.predict(X, verbose=0), rtol=1e-5, atol=1e-6)
    other = dense()
    other.set_weights([w + 1 for w in plain.get_weights()])
    other.save_weights(tmp_path / "b.weights.h5")
    adapted.load_weights(tmp_path / "b.weights.h5")
    np.testing.assert_allclose(adapted.predict(X, verbose=0), other.predict(X, verbose=0), rtol=1e-5, atol=1e-6)


def test_the_weight_that_is_read():
    layer = layers.Dense(3)
    layer.build((None, 4))
    layer.enable_lora(2, lora_alpha=3.0, b_initializer="ones")
    merged = layer.kernel.stored_numpy() + 1.5 * layer.lora_kernel_a.numpy() @ layer.lora_kernel_b.numpy()
    np.testing.assert_allclose(layer.kernel.numpy(), merged, rtol=1e-6)
    np.testing.assert_allclose(np.asarray(layer.kernel.value), merged, rtol=1e-6)
    np.testing.assert_allclose(layer(np.eye(4, dtype="float32")), merged, rtol=1e-5, atol=1e-6)


def test_merging():
    model = dense()
    model.compile(sequax.optimizers.SGD(0.1), "mse")
    model.enable_lora(2)
    model.fit(X, Y, epochs=2, verbose=0)
    before = model.predict(X, verbose=0)
    assert model.merge_lora() == ["hidden", "head"] and model.merge_lora() == []
    np.testing.assert_allclose(model.predict(X, verbose=0), before, rtol=1e-5, atol=1e-6)
    assert len(model.weights) == 4 and "lora_rank" not in model.layers[0].get_config()
    model.layers[0].trainable = True
    kernel = model.layers[0].kernel.numpy()
    model.fit(X, Y, verbose=0)
    assert not np.array_equal(model.layers[0].kernel.numpy(), kernel)


def test_old_files_tell_weights_and_adapters_apart(tmp_path):
    model = sequax.Sequential([sequax.Input((4,)), sequax.layers.Dense(4)])
    model.enable_lora(4)  # all of them are 4 by 4
    model.layers[0].lora_kernel_b.assign(np.eye(4))
    model.save(tmp_path / "model.h5")
    loaded = sequax.models.load_model(tmp_path / "model.h5")
    np.testing.assert_allclose(
        loaded.predict(X[:, :4], verbose=0), model.predict(X[:, :4], verbose=0), rtol=1e-5, atol=1e-6
    )


def test_files_hold_the_state_of_what_the_model_trains(tmp_path):
    model = dense()
    model.compile("adam", "mse")
    model.fit(X, Y, verbose=0)
    momentum = model.optimizer.variables[2].numpy()
    model.enable_lora(2)
    model.fit(X, Y, verbose=0)
    adapted = model.optimizer.variables
    head = model.layers[-1]
    for change in model.merge_lora, lambda: setattr(head, "trainable", False), lambda: setattr(head, "trainable", True):
        change()
        for name in "model.keras", "model.h5":
            model.save(tmp_path / name)
            loaded = sequax.models.load_model(tmp_path / name)  # else a warning, which is an error
            assert len(loaded.optimizer.variables) == 2 + 2 * len(model.trainable_variables)
            np.testing.assert_array_equal(loaded.optimizer.variables[2], momentum)
            assert all(one is two for one, two in zip(model.optimizer.variables, adapted, strict=True))


def test_models_that_differ_in_it_share_no_program():
    model = dense()
    keys = [fingerprint(model).key]
    for alpha in (2.0, 4.0):
        model.layers[0].enable_lora(2, lora_alpha=alpha)
        keys.append(fingerprint(model).key)
        model.layers[0].merge_lora()
    keys.append(fingerprint(model).key)
    assert len(set(keys)) == 3 and keys[0] == keys[-1]


def test_predictions_follow_each_change():
    model = dense()
    first = model.predict(X, verbose=0)
    model.layers[0].enable_lora(2, lora_alpha=2.0, b_initializer="ones")
    second = model.predict(X, verbose=0)
    hidden = model.layers[0]
    hidden.adapt_with(hidden.lora_kernel_a.numpy(), hidden.lora_kernel_b.numpy(), 4.0)
    third = model.predict(X, verbose=0)
    np.testing.assert_allclose(third - second, second - first, rtol=1e-4, atol=1e-5)
    assert not np.allclose(first, second)


def test_mixed_precision():
    model = dense(dtype="mixed_bfloat16")
    model.layers[0].enable_lora(2)
    assert model.layers[0].lora_kernel_a.dtype == "float32"
    model.compile("sgd", "mse")
    model.fit(X, Y, verbose=0)
    assert model.layers[0].lora_kernel_b.numpy().any()


def test_freezing_leaves_the_weight_frozen():
    model = dense()
    model.layers[0].enable_lora(2)
    model.trainable = False
    model.trainable = True
    assert not model.layers[0].kernel.trainable and model.layers[0].lora_kernel_a.trainable


def test_a_whole_model():
    block = layers.Residual([layers.MultiHeadAttention(2, 4, name="attention")], name="block")
    model = sequax.Sequential(
        [sequax.Input((6, 8)), block, layers.Conv1D(4, 3), layers.BatchNormalization(), layers.Dense(2, name="head")]
    )
    names = model.enable_lora(2)
    assert names == ["query", "key", "value", "attention_output", "conv1d", "head"]
    assert all("lora" in v.name for v in model.trainable_variables) and len(model.trainable_variables) == 12
    model.merge_lora()
    assert model.enable_lora(2, ["block", "h*"], freeze=False)[-1] == "head"
    assert any(v.name == "gamma" for v in model.trainable_variables)
    model.merge_lora()
    assert model.enable_lora(2, lambda layer: isinstance(layer, layers.Conv1D)) == ["conv1d"]


def test_what_is_frozen_alone_is_so_in_files(tmp_path):
    model = dense()
    model.enable_lora(2, "hidden")
    model.layers[1].bias.trainable = True
    model.save(tmp_path / "model.keras")
    loaded = sequax.models.load_model(tmp_path / "model.keras")
    assert [v.path for v in loaded.trainable_variables] == [v.path for v in model.trainable_variables]
    assert len(loaded.trainable_variables) == 3
    theirs = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_allclose(theirs.predict(X, verbose=0), model.predict(X, verbose=0), rtol=1e-5, atol=1e-6)
    given = '"frozen": [[0, "bias"]]'
    assert given in model.to_json()
    for other in ("[-1]", '[[-1, "bias"]]', '[[0, ""]]', "3"):
        with pytest.raises(LoadError, match="places and names"):
            sequax.models.model_from_json(model.to_json().replace(given, f'"frozen": {other}'))


@sequax.saving.register_keras_serializable("lora")
class OwnCell(layers.Layer):
    """A cell with a layer inside, of which its config says nothing."""

    state_size = 3

    def __init__(self, **options):
        super().__init__(**options)
        self.inner = layers.Dense(3, "tanh", name="inner")

    def build(self, shape):
        self.inner.build((shape[0], shape[-1] + 3))

    def call(self, x, states):
        after = self.inner(sequax.ops.concatenate([x, states[0]], -1))
        return after, [after]


@sequax.saving.register_keras_serializable("lora")
class OwnBlock(layers.Layer):
    """Layers that build themselves when called, of which the config says nothing."""

    def __init__(self, **options):
        super().__init__(**options)
        self.hidden, self.out = layers.Dense(8, "relu", name="hidden"), layers.EinsumDense("ab,bc->ac", 8, name="out")

    def call(self, x):
        return x + self.out(self.hidden(x))


@sequax.saving.register_keras_serializable("lora")
class OwnModel(sequax.Model):
    def __init__(self, **options):
        super().__init__(**options)
        self.blocks, self.head = [OwnBlock(name="a"), OwnBlock(name="b")], layers.Dense(2, name="head")

    def call(self, x):
        for block in self.blocks:
            x = block(x)
        return self.head(x)


@pytest.mark.parametrize("bits", [None, "int8"])
@pytest.mark.parametrize("make", [OwnModel, lambda: sequax.Sequential([sequax.Input((8,)), OwnBlock(), OwnBlock()])])
def test_what_trains_in_layers_of_ones_own_trains_after_loading(make, bits, tmp_path):
    model = make()
    model(X)
    if bits:
        model.quantize(bits)
    model.enable_lora(2)
    model.compile("adam", "mse")
    model.save(tmp_path / "model.keras")
    loaded = sequax.models.load_model(tmp_path / "model.keras")
    trained = [[v.name for v in one.trainable_variables] for one in (model, loaded)]
    assert trained[0] == trained[1] and all("lora" in name for name in trained[1])


def sequences():
    sequax.utils.set_random_seed(1)
    attention = layers.MultiHeadAttention(2, 4, name="attention")
    x = sequax.Input((4, 2))
    model = sequax.Model(x, layers.Dense(1, name="head")(layers.RNN(OwnCell(name="cell"))(attention(x, x))))
    model.enable_lora(2, ["attention", "cell"], lora_alpha=3.0)
    return model


def test_adapters_inside_other_layers_come_back(tmp_path):
    model, x = sequences(), X.reshape(32, 4, 2)
    model.compile(sequax.optimizers.SGD(0.1), "mse")
    frozen = [v.stored_numpy() for v in model.non_trainable_variables]
    model.fit(x, Y, verbose=0)
    expected = model.predict(x, verbose=0)
    for value, variable in zip(frozen, model.non_trainable_variables, strict=True):
        np.testing.assert_array_equal(variable.stored_numpy(), value, err_msg=variable.path)
    model.save(tmp_path / "model.keras")
    again = sequax.models.load_model(tmp_path / "model.keras")
    np.testing.assert_allclose(again.predict(x, verbose=0), expected, rtol=1e-5, atol=1e-6)
    assert [v.name for v in again.trainable_variables] == [v.name for v in model.trainable_variables]
    assert len(again.trainable_variables) == 10 and again.layers[2].cell.inner.lora_alpha == 3.0
    again.fit(x, Y, verbose=0)
    clone = sequax.models.clone_model(model)
    assert [v.name for v in clone.trainable_variables] == [v.name for v in model.trainable_variables]
    for wrong in ([[0, 0, 1.0]], [[0, 2]], [[-1, 2, 1.0]], [[0, 2, "a"]], 3):
        config = json.loads(model.to_json())
        config["config"]["layers"][1]["build_config"]["adapted"] = wrong
        with pytest.raises(LoadError, match="places, ranks and alphas"):
            sequax.models.model_from_json(json.dumps(config))


def test_a_new_head_trains_beside_the_adapters():
    base = sequax.Sequential([sequax.Input((8,)), layers.Dense(6, name="a"), layers.Dense(6, name="b")], name="base")
    base.enable_lora(2)
    model = sequax.Sequential([base, layers.Dense(1, name="head")])
    model.build((None, 8))
    assert {v.name for v in model.trainable_variables} == {"lora_kernel_a", "lora_kernel_b", "kernel", "bias"}
    assert len(model.trainable_variables) == 6


def test_files_of_adapters_alone(tmp_path):
    model = dense()
    model.enable_lora(2, lora_alpha=6.0)
    model.compile(sequax.optimizers.SGD(0.1), "mse")
    model.fit(X, Y, epochs=2, verbose=0)
    model.save_lora(tmp_path / "adapters.safetensors")
    assert (tmp_path / "adapters.safetensors").stat().st_size < 2_000
    fresh = dense()  # the same weights by the same seed
    assert fresh.load_lora(tmp_path / "adapters.safetensors") == ["hidden", "head"]
    np.testing.assert_allclose(fresh.predict(X, verbose=0), model.predict(X, verbose=0), rtol=1e-5, atol=1e-6)
    assert len(fresh.trainable_variables) == 4 and fresh.layers[0].lora_alpha == 6.0
    fresh.load_lora(tmp_path / "adapters.safetensors")  # once more, into what is there

    safetensors = pytest.importorskip("safetensors.numpy", reason="the package safetensors reads the file, too")
    assert "hidden/lora_kernel_a" in safetensors.load_file(tmp_path / "adapters.safetensors")


def test_files_that_do_not_fit(tmp_path):
    path = tmp_path / "adapters.safetensors"
    model = dense()
    model.enable_lora(2)
    model.save_lora(path)
    other = sequax.Sequential([sequax.Input((8,)), layers.Dense(4, name="hidden"), layers.Dense(1, name="head")])
    renamed = sequax.Sequential([sequax.Input((8,)), layers.Dense(5, name="first"), layers.Dense(1, name="head")])
    ranked = dense()
    ranked.enable_lora(3)
    partly = dense()
    partly.enable_lora(2)
    small = dense()
    small.enable_lora(2, "hidden")
    small.save_lora(tmp_path / "small.safetensors")
    model.save_weights(tmp_path / "weights.safetensors")
    for taker, file, words in (
        (other, path, "has a weight of shape"),
        (renamed, path, "no built layer 'hidden'"),
        (ranked, path, "of rank 3"),
        (partly, tmp_path / "small.safetensors", r"nothing for \['head'\]"),
        (dense(), tmp_path / "weights.safetensors", "holds no adapters"),
    ):
        before = [w.copy() for w in taker.get_weights()]
        with pytest.raises(LoadError, match=words):
            taker.load_lora(file)
        for old, new in zip(before, taker.get_weights(), strict=True):
            np.testing.assert_array_equal(old, new)
    raw = bytearray(path.read_bytes())
    raw[-3] ^= 1
    path.write_bytes(raw)
    with pytest.raises(LoadError, match="checksum"):
        dense().load_lora(path)


REFUSED = {
    "incompatible with kernel constraints": lambda: layers.Dense(2, kernel_constraint="max_norm").enable_lora(2),
    "isn't yet built": lambda: layers.Dense(2).enable_lora(2),
    "lora is already enabled": lambda: twice(),
    "rank` must be": lambda: dense().layers[0].enable_lora(0),
    "lora_alpha` must be": lambda: dense().layers[0].enable_lora(2, lora_alpha=-1.0),
    "model is not built": lambda: sequax.Sequential([layers.Dense(2)]).enable_lora(2),
    "no layer that is meant": lambda: dense().enable_lora(2, lambda layer: False),
    "no layer is named 'hiden'": lambda: dense().enable_lora(2, "hiden"),
    "no layer has an adapter": lambda: dense().save_lora("x.safetensors"),
    "must end in `.safetensors`": lambda: dense().load_lora("x.h5"),
}


def twice():
    model = dense()
    model.layers[0].enable_lora(2)
    model.layers[0].enable_lora(2)


@pytest.mark.parametrize("words", REFUSED)
def test_what_is_refused(words):
    with pytest.raises(ValueError, match=words):
        REFUSED[words]()


def test_layers_without_a_weight_for_it():
    layer = layers.LSTM(3)
    assert not hasattr(layer, "enable_lora")  # scripts ask each layer of a model
    with pytest.raises(AttributeError, match="no weight that LoRA could adapt"):
        layer.enable_lora(2)


def tuned(rank=2):
    """A base with adapters, whose moving statistics move, and a new head."""
    sequax.utils.set_random_seed(1)
    inside = [layers.Dense(6, name="a"), layers.BatchNormalization(name="moving"), layers.Dense(6, name="b")]
    base = sequax.Sequential([sequax.Input((8,)), *inside], name="base")
    if rank:
        base.enable_lora(rank)
    model = sequax.Sequential([base, layers.Dense(1, name="head")])
    model.build((None, 8))
    model.compile(sequax.optimizers.SGD(0.1), "mse")
    return model


def test_files_of_all_that_is_trained(tmp_path):
    model, path = tuned(), tmp_path / "trained.safetensors"
    model.fit(X, Y, epochs=2, verbose=0)
    model.save_lora(path, trained=True)
    model.save_lora(tmp_path / "alone.safetensors")
    for fresh in (tuned(), tuned(rank=0)):
        fresh.load_lora(path)
        np.testing.assert_allclose(fresh.predict(X, verbose=0), model.predict(X, verbose=0), rtol=1e-5, atol=1e-6)
        names = [{v.path.split("/", v.path.count("/") - 1)[-1] for v in m.trainable_variables} for m in (fresh, model)]
        assert names[0] == names[1] and len(names[0]) > 2
        fresh.load_lora(tmp_path / "alone.safetensors")
    plain = tuned(rank=0)
    plain.layers[-1].name = "other"
    before = plain.get_weights()
    with pytest.raises(LoadError, match="no weight 'head/kernel'"):
        plain.load_lora(path)
    for old, new in zip(before, plain.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


def test_checkpoints_of_adapters(tmp_path):
    from sequax.callbacks import ModelCheckpoint

    model = tuned()
    each = ModelCheckpoint(tmp_path / "{epoch}.safetensors", adapters_only=True)
    best = ModelCheckpoint(tmp_path / "best.safetensors", "loss", save_best_only=True, mode="max", adapters_only=True)
    losses = model.fit(X, Y, epochs=3, verbose=0, callbacks=[each, best], shuffle=False).history["loss"]
    assert losses == sorted(losses, reverse=True)
    names = sorted(file.name for file in tmp_path.iterdir())
    assert names == ["1.safetensors", "2.safetensors", "3.safetensors", "best.safetensors"]
    assert (tmp_path / "best.safetensors").read_bytes() == (tmp_path / "1.safetensors").read_bytes()

    later = tuned()
    later.load_lora(tmp_path / "2.safetensors")
    assert later.fit(X, Y, epochs=1, verbose=0, shuffle=False).history["loss"] == pytest.approx(losses[2:], rel=1e-6)
    with pytest.raises(ValueError, match="no layer of model 'sequential"):
        tuned(rank=0).fit(X, Y, verbose=0, callbacks=[each])
    with pytest.raises(ValueError, match=r"must end with \.safetensors"):
        ModelCheckpoint("a.keras", adapters_only=True)
    with pytest.raises(ValueError, match="exclude each other"):
        ModelCheckpoint("a.safetensors", save_weights_only=True, adapters_only=True)


def test_adapters_of_a_frozen_base_train():
    model = tuned(rank=0)
    base = model.layers[0]
    base.freeze()
    averages = base.layers[1].moving_mean.numpy()
    base.enable_lora(2, "b")
    assert [layer.trainable for layer in base.layers] == [False, False, True] and base.trainable
    assert [v.name for v in model.trainable_variables] == ["lora_kernel_a", "lora_kernel_b", "kernel", "bias"]
    before = base.get_weights()
    model.fit(X, Y, epochs=2, verbose=0)
    np.testing.assert_array_equal(base.layers[1].moving_mean.numpy(), averages)
    changed = [not np.array_equal(a, b) for a, b in zip(before, base.get_weights(), strict=True)]
    names = [v.path.split("/")[-2:] for v in base.weights]
    assert [name for name, moved in zip(names, changed, strict=True) if moved] == [
        ["b", "lora_kernel_a"],
        ["b", "lora_kernel_b"],
    ]
