"""Everything in Sequax that takes a file or a config from somewhere else."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

from . import configs, files, watch

Ways = dict[str, tuple[Callable[[], Any], list[Any]]]  # what to call by its name, and the files it may open


class Fixture:
    """Good files, and a model whose weights must stay as they are when a file is refused."""

    def __init__(self, folder: Path):
        self.folder, self.out = folder, folder / "out"
        self.out.mkdir()
        self.model = files.good_model()
        self.model.optimizer.build(self.model.trainable_variables)
        self.good = {ending: files.save(self.model, folder / f"good{ending}") for ending in files.ENDINGS}
        self.members = files.members(self.good[".keras"])

    def values(self) -> list[bytes]:
        return [variable.numpy().tobytes() for variable in (*self.model.weights, *self.model.optimizer.variables)]


def every(*calls: Callable[[], Any]) -> None:
    """Make all calls: all must be refused, or none."""
    from sequax.saving import LoadError

    refused = []
    for call in calls:
        try:
            call()
        except LoadError as error:
            refused.append(error)
    if refused and len(refused) < len(calls):
        raise AssertionError(f"{len(refused)} of {len(calls)} ways refuse it: {refused[0]}")
    if refused:
        raise max(refused, key=lambda one: len(str(one)))


def ending_of(path: Any) -> str:
    return "".join(Path(str(path)).suffixes[-2:])


def file_ways(fixture: Fixture, path: Any, brief: bool = False) -> Ways:
    """Everything that takes such a file; a model that is read all the same must be the good one.

    Args:
        brief: each way once, for files that take long to refuse.
    """
    name = str(path)
    whole = name.endswith((".keras", ".h5")) and not name.endswith(".weights.h5")
    mine, good = fixture.model, fixture.folder / f"good{ending_of(path)}"
    weights = [lambda: mine.load_weights(path), lambda: saving().load_weights(mine, path)][: 1 if brief else 2]
    ways: Ways = {"load_weights": (lambda: every(*weights), [path])}
    if whole:
        ways["load_model"] = (lambda: every(*model_ways(fixture, path)[: 1 if brief else None]), [path])
        ways["load_model(compile=False)"] = (lambda: loaded(fixture, path, compile=False), [path])
    if name.endswith(".h5"):
        ways["load_weights(skip_mismatch)"] = (lambda: mine.load_weights(path, skip_mismatch=True), [path])
    if name.endswith(".h5") and whole:
        ways["load_weights(by_name)"] = (lambda: mine.load_weights(path, by_name=True), [path])
    if ending_of(path) in (".keras", ".weights.h5"):
        ways["KerasFileEditor"] = (lambda: edited(name, fixture), [path, watch.Writable(fixture.out)])
    shown = inspections(name, str(good))
    ways["sequax inspect"] = (lambda: every(*shown[: 1 if brief else None]), [path, good])
    # In the same format it is copied, in another one a model is made.
    for ending in ending_of(path), "" if brief else ".weights.h5" if whole else ".keras":
        target, model = str(fixture.out / f"m{ending}"), None if whole else fixture.folder / "good.keras"
        options = {"model": str(model)} if model and ending == ".keras" else {}
        allowed = [path, watch.Writable(fixture.out), *([model] if options else ())]
        if ending:
            ways[f"sequax convert {ending}"] = (lambda t=target, o=options: converted(name, t, **o), allowed)  # type: ignore[misc]
    return ways


def saving() -> Any:
    from sequax import saving

    return saving


def loaded(fixture: Fixture, path: Any, **options: Any) -> None:
    from sequax import models

    found = models.load_model(path, **options)
    assert [one.tobytes() for one in found.get_weights()] == fixture.values()[: len(found.get_weights())]


def model_ways(fixture: Fixture, path: Any) -> list[Callable[[], Any]]:
    options: tuple[dict[str, Any], ...] = ({}, {"safe_mode": False}, {"custom_objects": {"f": print}})
    return [lambda chosen=chosen: loaded(fixture, path, **chosen) for chosen in options]  # type: ignore[misc]


def said(command: Callable[..., int], *arguments: Any, **options: Any) -> None:
    """A command, as a call that raises what it says."""
    from sequax.saving import LoadError

    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()) as errors:
        code = command(*arguments, **options)
    if code:
        raise LoadError(errors.getvalue())


def inspections(path: str, other: str) -> list[Callable[[], Any]]:
    from sequax.cli.inspect import inspect

    return [
        lambda: said(inspect, path),
        lambda: said(inspect, path, as_json=True),
        lambda: said(inspect, path, other),
        lambda: said(inspect, other, path, as_json=True),
    ]


def edited(path: str, fixture: Fixture) -> None:
    from sequax.saving import KerasFileEditor

    with contextlib.redirect_stdout(io.StringIO()):
        editor = KerasFileEditor(path)
        editor.summary()
        editor.compare(fixture.model)
    editor.save(fixture.out / "edited.weights.h5")


def converted(path: str, target: str, **options: Any) -> None:
    from sequax.cli.convert import convert

    said(convert, path, target, force=True, **options)


def layer_ways(fixture: Fixture, entry: dict[str, Any]) -> Ways:
    """Everything that takes the config of a layer."""
    import sequax
    from sequax import layers, models, saving, utils

    stack, text = configs.stack(entry), files.dumps(configs.stack(entry))
    keras, old = fixture.folder / "c.keras", fixture.folder / "c.h5"
    keras.write_bytes(files.packed({**fixture.members, files.CONFIG: text.encode()}))
    old.write_bytes(old_model(fixture, text))
    calls: dict[str, Callable[[], Any]] = {
        "layers.deserialize": lambda: layers.deserialize(entry),
        "deserialize_keras_object": lambda: saving.deserialize_keras_object(entry),
        "deserialize_keras_object(safe_mode=False)": lambda: utils.deserialize_keras_object(entry, safe_mode=False),
        "layers.deserialize without module": lambda: layers.deserialize(
            {key: value for key, value in entry.items() if key != "module"}
        ),
        "Sequential.from_config": lambda: sequax.Sequential.from_config(stack["config"]),
        "Model.from_config": lambda: sequax.Model.from_config(configs.graph(entry)["config"]),
        "model_from_json": lambda: models.model_from_json(text),
        "clone_model": lambda: models.clone_model(holder(entry)),
        "FeatureSpace.from_config": lambda: utils.FeatureSpace.from_config(feature(entry)),
    }
    for name, config in holders(entry).items():
        calls[f"{name}.from_config"] = lambda c=config, n=name: getattr(layers, n).from_config(c)  # type: ignore[misc]
    ways: Ways = {name: (run, []) for name, run in calls.items()}
    ways["load_model .keras"] = (lambda: models.load_model(keras), [keras])
    ways["load_model .h5"] = (lambda: models.load_model(old), [old])
    ways["sequax convert .keras"] = (
        lambda: converted(str(keras), str(fixture.out / "c.h5")),
        [keras, watch.Writable(fixture.out)],
    )
    return ways


def holders(entry: Any) -> dict[str, dict[str, Any]]:
    """Layers that hold layers, and their arguments."""
    return {
        "TimeDistributed": {"layer": entry},
        "Bidirectional": {"layer": entry},
        "RNN": {"cell": entry},
        "StackedRNNCells": {"cells": [entry]},
        "Pipeline": {"layers": [entry], "name": "p"},
        "Dense": {"units": 3, "activation": entry},
    }


def feature(entry: Any) -> dict[str, Any]:
    part = {"dtype": "float32", "preprocessor": entry, "output_mode": "float"}
    name = "keras.utils.feature_space"
    wrapped = {"module": name, "class_name": "Feature", "config": part, "registered_name": "Feature"}
    return {"features": {"a": wrapped}, "output_mode": "concat", "crosses": []}


def old_model(fixture: Fixture, text: str) -> bytes:
    """The good model in Keras 2's format, with the config of another one."""
    import h5py

    buffer = io.BytesIO(fixture.good[".h5"])
    with h5py.File(buffer, "r+") as file:
        file.attrs["model_config"] = text if "\0" not in text else text.replace("\0", "")
    return buffer.getvalue()


def holder(entry: Any) -> Any:
    """A model with a layer that hands out this config as one of its arguments."""
    import sequax

    model = sequax.Sequential([sequax.layers.Dense(2)])
    model.layers[0].activation = entry
    return model


# The public functions that take a config or a file, and where they are attacked. A new one has to be put in here.
PUBLIC = {
    "cloning.clone_model": "layer_ways",
    "saving.models.load_model": "file_ways",
    "saving.models.load_weights": "file_ways",
    "saving.config.model_from_json": "layer_ways",
    "core.config.deserialize": "layer_ways",
    "core.catalogue.Catalogue.deserialize": "child.values",
    "core.catalogue.Catalogue.get": "child.values",
    "losses.deserialize": "child.values",
    "dtype_policies.deserialize": "child.values",
    "optimizers.deserialize": "child.values",
    "optimizers.get": "child.values",
    "optimizers.schedules.deserialize": "child.values",
    "initializers.get": "child.values",
    "activations.deserialize": "child.values",
    "activations.get": "child.values",
    "core.dtypes.get": "child.values",
    "datasets": "tests/test_datasets.py",
    "utils.downloads": "tests/test_get_file.py",
    # Media and arrays of the user's own, read by other libraries: out of scope, see docs/security.md.
    "utils.audio_dataset.audio_dataset_from_directory": "none",
    "utils.image_dataset.image_dataset_from_directory": "none",
    "utils.images.load_img": "none",
    "utils.text_dataset.text_dataset_from_directory": "none",
    "utils.timeseries.timeseries_dataset_from_array": "none",
}
