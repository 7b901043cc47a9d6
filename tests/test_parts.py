"""Parts of a model by the names of their layers: frozen, trained again, trained by optimizers of their own."""

import numpy as np
import pytest

import sequax
from sequax import layers, optimizers
from sequax.callbacks import GradualUnfreezing, LambdaCallback

keras = pytest.importorskip("keras")

X = np.random.default_rng(0).normal(size=(32, 6)).astype("float32")
Y = X[:, :1]


def base(graph=False):
    blocks = [layers.Dense(6, name=f"block{i}") for i in range(4)]
    if not graph:
        return sequax.Sequential([sequax.Input((6,)), *blocks], name="base")
    x = inputs = sequax.Input((6,))
    for block in blocks:
        x = block(x)
    return sequax.Model(inputs, x, name="base")


def network(graph=False):
    return sequax.Sequential([sequax.Input((6,)), base(graph), layers.Dense(1, name="head")])


def trained_layers(model):
    return list(dict.fromkeys(variable.path.split("/")[-2] for variable in model.trainable_variables))


@pytest.mark.parametrize("graph", [False, True])
def test_freezing_and_unfreezing(graph):
    model = network(graph)
    assert model.freeze("base") == ["base"] and trained_layers(model) == ["head"]
    assert model.unfreeze("block[23]") == ["block2", "block3"]
    assert trained_layers(model) == ["block2", "block3", "head"]
    assert model.freeze(up_to="base/block2")[-3:] == ["block0", "block1", "block2"]
    assert trained_layers(model) == ["block3", "head"]
    assert model.unfreeze(back_to="block1") == ["block1", "block2", "block3", "head"]
    assert trained_layers(model) == ["block1", "block2", "block3", "head"]
    assert model.freeze(up_to="base")[-4:] == ["block0", "block1", "block2", "block3"]
    model.freeze()
    assert trained_layers(model) == []
    model.unfreeze()
    assert trained_layers(model) == ["block0", "block1", "block2", "block3", "head"]


def test_names_of_layers():
    model = network()
    assert [layer.name for layer in model.layers_named("base/*", "h*d", "block0")] == [
        *(f"block{i}" for i in range(4)),
        "head",
    ]
    assert [layer.name for layer in model.layers_named("*")] == ["base", *(f"block{i}" for i in range(4)), "head"]


@pytest.mark.parametrize("call", ["freeze", "unfreeze", "layers_named"])
def test_a_name_that_no_layer_has(call):
    model = network()
    model.freeze("block0")
    before = trained_layers(model)
    with pytest.raises(ValueError, match=r"no layer is named 'blok3'.*block0.*Did you mean 'block\d'"):
        getattr(model, call)("head", "blok3")
    assert trained_layers(model) == before


def test_takes_effect_without_another_compile():
    model = network()
    model.compile("sgd", "mse")
    model.freeze("base")
    before = model.layers[0].get_weights()
    model.fit(X, Y, verbose=0)
    for old, new in zip(before, model.layers[0].get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)
    model.unfreeze("block3")
    model.fit(X, Y, verbose=0)
    changed = [not np.array_equal(a, b) for a, b in zip(before, model.layers[0].get_weights(), strict=True)]
    assert changed == [False] * 6 + [True] * 2


@pytest.mark.parametrize("graph", [False, True])
def test_rates_by_part(graph, tmp_path):
    model = network(graph)
    model.compile({"block0": "sgd", "base": 0.0, "head": optimizers.Adam(0.01)}, "mse")
    before = [layer.get_weights() for layer in model.layers_named("block*", "head")]
    model.fit(X, Y, epochs=2, verbose=0)
    after = [layer.get_weights() for layer in model.layers_named("block*", "head")]
    moved = [not np.array_equal(a[0], b[0]) for a, b in zip(before, after, strict=True)]
    assert moved == [True, False, False, False, True]
    assert [type(one).__name__ for one in model.optimizer.optimizers] == ["SGD", "Adam", "Adam", "Adam"]

    model.save(tmp_path / "model.keras")
    again = sequax.models.load_model(tmp_path / "model.keras")
    theirs = keras.models.load_model(tmp_path / "model.keras")
    histories = [one.fit(X, Y, epochs=2, shuffle=False, verbose=0).history["loss"] for one in (model, again, theirs)]
    np.testing.assert_array_equal(histories[0], histories[1])
    np.testing.assert_allclose(histories[0], histories[2], rtol=1e-5)


def test_the_star_is_for_all_others():
    model = network()
    model.compile({"head": 0.0, "*": optimizers.SGD(0.1)}, "mse")
    assert type(model.optimizer.optimizer_map(model.layers_named("block2")[0].kernel)).__name__ == "SGD"
    assert float(model.optimizer.optimizer_map(model.layers_named("head")[0].kernel).learning_rate) == 0.0


def test_a_schedule_for_a_part():
    model = network()
    model.compile({"head": optimizers.schedules.CosineDecay(0.1, 10)}, "mse")
    model.fit(X, Y, verbose=0)


def test_a_layer_in_the_place_of_another_one():
    model = network()
    model.compile({"head": 0.0, "*": 0.1}, "mse")
    model[-1] = layers.Dense(1, name="head")
    before = model[-1].get_weights()
    model.fit(X, Y, verbose=0)
    np.testing.assert_array_equal(before[0], model[-1].get_weights()[0])


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"heat": 0.1}, "no layer is named 'heat'.*Did you mean 'head'"),
        ({"head": None}, "learning rates"),
        ({"head": True}, "learning rates"),
    ],
)
def test_what_is_no_optimizer_of_a_part(given, words):
    with pytest.raises(ValueError, match=words):
        network().compile(given, "mse")


def test_gradual_unfreezing(capsys):
    model = network()
    model.freeze("base")
    model.compile("sgd", "mse")
    seen = []
    watch = LambdaCallback(on_epoch_end=lambda epoch, logs: seen.append(len(trained_layers(model))))
    unfreezing = GradualUnfreezing(["block3", ["block1", "block2"]], start=1, every=2, verbose=1)
    before = model.layers_named("block2")[0].get_weights()[0]
    model.fit(X, Y, epochs=5, verbose=0, callbacks=[unfreezing, watch])
    assert seen == [1, 2, 2, 4, 4]
    assert "block3 from epoch 2 on" in capsys.readouterr().out
    assert not np.array_equal(before, model.layers_named("block2")[0].get_weights()[0])
    model.freeze("base")
    model.fit(X, Y, epochs=5, initial_epoch=4, verbose=0, callbacks=[unfreezing])
    assert trained_layers(model) == ["block1", "block2", "block3", "head"]


def test_gradual_unfreezing_refuses_names_before_training():
    model = network()
    model.compile("sgd", "mse")
    before = model.get_weights()
    with pytest.raises(ValueError, match="no layer is named 'blok1'"):
        model.fit(X, Y, verbose=0, callbacks=[GradualUnfreezing(["blok1"])])
    np.testing.assert_array_equal(before[0], model.get_weights()[0])
    for arguments in ({"parts": "block1"}, {"parts": []}, {"parts": ["a"], "every": 0}, {"parts": ["a"], "start": -1}):
        with pytest.raises(ValueError, match="GradualUnfreezing"):
            GradualUnfreezing(**arguments)


@pytest.mark.parametrize("graph", [False, True])
def test_paths_of_variables_are_those_before_saving(graph, tmp_path):
    model = network(graph)
    model.save(tmp_path / "model.keras")
    paths = [variable.path for variable in model.variables]
    assert [v.path for v in sequax.models.load_model(tmp_path / "model.keras").variables] == paths
    assert paths[0] == ("block0/kernel" if graph else "base/block0/kernel") and paths[-1].endswith("/head/bias")
