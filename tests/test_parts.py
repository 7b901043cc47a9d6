"""Parts of a model by the names of their layers: frozen, trained again, trained by optimizers of their own."""

import numpy as np
import pytest

import sequax
from sequax import layers, optimizers
from sequax.callbacks import GradualUnfreezing, LambdaCallback
from sequax.saving import LoadError

keras = pytest.importorskip("keras")

X = np.random.default_rng(0).normal(size=(32, 6)).astype("float32")
Y = X[:, :1]


def base(graph=False, library=sequax):
    blocks = [library.layers.Dense(6, name=f"block{i}") for i in range(4)]
    if not graph:
        return library.Sequential([library.Input((6,)), *blocks], name="base")
    x = inputs = library.Input((6,))
    for block in blocks:
        x = block(x)
    return library.Model(inputs, x, name="base")


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


def thaw_last(base, library):
    base.trainable = False
    base.layers[-1].trainable = True


def thaw_first(base, library):
    base.layers[-1].trainable = True
    base.trainable = False


def thaw_twice(base, library):
    thaw_last(base, library)
    base.trainable = False
    base.layers[-2].trainable = True


def thaw_all_but_one(base, library):
    base.trainable = False
    base.trainable = True
    base.layers[-1].trainable = False


def thaw_and_freeze_around(base, library):
    thaw_last(base, library)
    library.Sequential([base], name="around").trainable = False


def thaw_each(base, library):
    base.trainable = False
    for layer in base.layers:
        layer.trainable = True


def thaw_inside_of_two(base, library):
    thaw_and_freeze_around(base, library)
    base.layers[-2].trainable = True


def add_one(base, library):
    base.trainable = False
    if isinstance(base, library.Sequential):
        base.add(library.layers.Dense(6, name="late"))


FREEZING = [
    thaw_last,
    thaw_first,
    thaw_twice,
    thaw_all_but_one,
    thaw_and_freeze_around,
    thaw_each,
    thaw_inside_of_two,
    add_one,
]


@pytest.mark.parametrize("graph", [False, True])
@pytest.mark.parametrize("freeze", FREEZING, ids=lambda freeze: freeze.__name__)
def test_the_last_word_counts_inside_of_what_is_frozen(freeze, graph, tmp_path):
    found = []
    for library in (keras, sequax):
        inner = base(graph, library)
        freeze(inner, library)
        model = library.Sequential([library.Input((6,)), inner, library.layers.Dense(1, name="head")])
        model.save(tmp_path / f"{library.__name__}.keras")
        found.append([inner.trainable_variables == [], trained_layers(model)])
    assert found[0] == found[1]
    assert trained_layers(sequax.models.clone_model(model)) == found[0][1]
    for library in (keras, sequax):
        loaded = sequax.models.load_model(tmp_path / f"{library.__name__}.keras")
        assert trained_layers(loaded) == found[0][1]
    assert trained_layers(keras.models.load_model(tmp_path / "sequax.keras")) == found[0][1]


@sequax.saving.register_keras_serializable("parts")
class Block(layers.Layer):
    """Layers inside, of which its config says nothing."""

    def __init__(self, **options):
        super().__init__(**options)
        self.first, self.second = layers.Dense(6, name="first"), layers.Dense(6, name="second")

    def call(self, x):
        return self.second(self.first(x))


def test_layers_that_a_frozen_one_makes_are_frozen_and_what_was_thawed_in_it_stays_so(tmp_path):
    block = Block(trainable=False)
    model = sequax.Sequential([sequax.Input((6,)), block, layers.Dense(1, name="head")])
    frozen = sequax.Sequential([layers.Dense(2)], trainable=False)
    assert not frozen.layers[0].trainable
    for thawed in ([], ["second"]):
        for name in thawed:
            model.layers_named(name)[0].trainable = True
        assert trained_layers(model) == [*thawed, "head"]
        model.save(tmp_path / "model.keras")
        loaded = sequax.models.load_model(tmp_path / "model.keras")
        for one in (loaded, sequax.models.clone_model(model), sequax.models.clone_model(loaded)):
            assert trained_layers(one) == [*thawed, "head"]
    both = layers.Bidirectional(layers.LSTM(2), trainable=False)
    text_of = sequax.Sequential([sequax.Input((3, 6)), both]).to_json
    assert "thawed" not in text_of()
    both.backward_layer.trainable = True
    text = text_of()
    assert len(sequax.models.model_from_json(text).trainable_variables) == 3
    for other in ("[-1]", '["a"]', "3"):
        with pytest.raises(LoadError, match="expected places"):
            sequax.models.model_from_json(text.replace('"thawed": [3]', f'"thawed": {other}'))


def test_a_layer_thawed_in_a_frozen_base_is_trained():
    model = network()
    thaw_last(model.layers[0], sequax)
    model.compile("sgd", "mse")
    before = model.layers[0].get_weights()
    model.fit(X, Y, verbose=0)
    changed = [not np.array_equal(a, b) for a, b in zip(before, model.layers[0].get_weights(), strict=True)]
    assert changed == [False] * 6 + [True] * 2


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
