"""The process that attacks are made in: `python -m tests.attacks.child GROUP FOLDER DONE`, one line of JSON per case.

Files are made before the watch begins; each is read through every entry point that takes it. `DONE` cases are skipped:
the parent starts a new process behind a case that ended this one.
"""

from __future__ import annotations

import contextlib
import importlib
import io
import itertools
import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from . import configs, files, watch

Case = tuple[str, str, str, Callable[[], Any], list[Any]]  # case, entry point, expected outcome, call, allowed files


class Fixture:
    """Good files, and a model whose weights must stay as they are when a file is refused."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.model = files.good_model()
        self.model.optimizer.build(self.model.trainable_variables)
        self.good = {ending: files.save(self.model, folder / f"good{ending}") for ending in files.ENDINGS}
        self.members = files.members(self.good[".keras"])

    def values(self) -> list[bytes]:
        return [variable.numpy().tobytes() for variable in (*self.model.weights, *self.model.optimizer.variables)]

    def readers(self, path: Any) -> dict[str, Callable[[], Any]]:
        """Everything that takes such a file; a model that is read all the same must be the good one."""
        from sequax import models

        def model(**options: Any) -> None:
            found = models.load_model(path, **options)
            assert [one.tobytes() for one in found.get_weights()] == self.values()[: len(found.get_weights())]

        ways: dict[str, Callable[[], Any]] = {"load_weights": lambda: self.model.load_weights(path)}
        name = str(path)
        ways["sequax inspect"] = lambda: inspected(name)
        if name.endswith((".keras", ".h5")) and not name.endswith(".weights.h5"):
            ways["load_model"] = model
            ways["load_model(compile=False)"] = lambda: model(compile=False)
            ways["load_model(safe_mode=False)"] = lambda: model(safe_mode=False)
            ways["load_model(custom_objects)"] = lambda: model(custom_objects={"f": print})
        if name.endswith(".h5") and not name.endswith(".weights.h5"):
            ways["load_weights(by_name)"] = lambda: self.model.load_weights(path, by_name=True)
        return ways


def file_cases(fixture: Fixture, made: dict[str, Callable[[], bytes]], ending: str, expected: str) -> Iterator[Case]:
    path = fixture.folder / f"m{ending}"
    for name, make in made.items():
        path.write_bytes(make())
        for way, read in fixture.readers(path).items():
            # The command shows what is there, whether or not it would make a model.
            yield f"{name} {ending}", way, "either" if way.startswith("sequax") else expected, read, [path]


def inspected(path: str) -> None:
    """`sequax inspect`, as a call that raises."""
    from sequax.cli.inspect import inspect
    from sequax.saving import LoadError

    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()) as said:
        code = inspect(path)
    if code:
        raise LoadError(said.getvalue())


def archives(fixture: Fixture) -> Iterator[Case]:
    def of(table: dict[str, Callable]) -> dict[str, Callable[[], bytes]]:
        return {name: lambda make=make: make(fixture.members) for name, make in table.items()}

    yield from file_cases(fixture, of(files.LOADING), ".keras", "loaded")
    for case in file_cases(fixture, of(files.ARCHIVES), ".keras", "refused"):
        # Who reads the weights alone opens neither config nor metadata.
        yield case if case[1] != "load_weights" else (*case[:2], "either", *case[3:])


def hdf5(fixture: Fixture) -> Iterator[Case]:
    def changes(ending: str, table: dict[str, Callable]) -> dict[str, Callable[[], bytes]]:
        def made(change: Callable) -> bytes:
            if ending != ".keras":
                return files.rewritten(fixture.good[ending], change)
            inner = files.rewritten(fixture.members[files.WEIGHTS], change)
            return files.packed({**fixture.members, files.WEIGHTS: inner})

        return {name: lambda change=change: made(change) for name, change in table.items()}

    for ending in (".weights.h5", ".keras", ".h5"):
        yield from file_cases(fixture, changes(ending, files.HDF5), ending, "refused")
    for case in file_cases(fixture, changes(".h5", files.OLD_HDF5), ".h5", "refused"):
        concerns = "load_model" in case[1] or not case[0].startswith(("config", "settings", "no config"))
        concerns = concerns and not (case[0].startswith("settings") and "compile=False" in case[1])
        concerns = concerns and not case[0].startswith("names") and not case[1].startswith("sequax")
        yield case if concerns else (*case[:2], "either", *case[3:])
    whole = {
        "claims of a shape": lambda: files.claims(fixture.good[".weights.h5"]),
        "empty": lambda: b"",
        "pickle": lambda: configs.PICKLED,
        "zip": lambda: fixture.good[".keras"],
        "truncated": lambda: fixture.good[".weights.h5"][:-200],
    }
    yield from file_cases(fixture, whole, ".weights.h5", "refused")
    old = {"10**12 names": lambda: files.long_names(fixture.good[".h5"]), "pickle": lambda: configs.PICKLED}
    yield from file_cases(fixture, old, ".h5", "refused")
    tensors = {name: lambda make=make: make(fixture.good[".safetensors"]) for name, make in files.SAFETENSORS.items()}
    yield from file_cases(fixture, tensors, ".safetensors", "refused")


def places(fixture: Fixture) -> Iterator[Case]:
    """Paths that lead to no file, and files that name other files."""
    for ending in files.ENDINGS:
        for name, path in files.is_no_file(fixture.folder, ending).items():
            for way, read in fixture.readers(path).items():
                command = way.startswith("sequax")  # it passes on, as a refusal, what the system says
                said = files.NO_PATHS.get(name, "refused")
                expected = "refused" if command and said == "OSError" else said
                yield f"{name} {ending}", way, expected, read, [path]
    index = fixture.folder / "m.weights.json"
    for name in ("../good.weights.h5", "/etc/passwd", "secret.txt", "m_00000.weights.h5/../secret.txt", "pipe.h5", ""):
        index.write_text(json.dumps({"metadata": {}, "weight_map": {"/layers/a/vars": [name]}}))
        yield f"index names {name!r}", "load_weights", "refused", lambda: fixture.model.load_weights(index), [index]
    for text in ("[" * 200_000, "{}", '{"weight_map": 3}', '{"weight_map": {"a": [[["x"]]]}}', "\0"):
        index.write_text(text)
        yield f"index is {text:.20}", "load_weights", "refused", lambda: fixture.model.load_weights(index), [index]


def layer_ways(fixture: Fixture, entry: dict[str, Any]) -> dict[str, tuple[Callable[[], Any], list[Any]]]:
    """Everything that takes the config of a layer."""
    import sequax
    from sequax import layers, models, saving

    stack, text = configs.stack(entry), dumps(configs.stack(entry))
    keras, old = fixture.folder / "c.keras", fixture.folder / "c.h5"
    keras.write_bytes(files.packed({**fixture.members, files.CONFIG: text.encode()}))
    old.write_bytes(old_model(fixture, text))
    calls = {
        "layers.deserialize": lambda: layers.deserialize(entry),
        "deserialize_keras_object": lambda: saving.deserialize_keras_object(entry),
        "deserialize_keras_object(safe_mode=False)": lambda: saving.deserialize_keras_object(entry, safe_mode=False),
        "layers.get": lambda: layers.deserialize({**entry, "module": None}),
        "Sequential.from_config": lambda: sequax.Sequential.from_config(stack["config"]),
        "Model.from_config": lambda: sequax.Model.from_config(configs.graph(entry)["config"]),
        "TimeDistributed.from_config": lambda: layers.TimeDistributed.from_config({"layer": entry}),
        "model_from_json": lambda: models.model_from_json(text),
        "clone_model": lambda: models.clone_model(holder(entry)),
    }
    found: dict[str, tuple[Callable[[], Any], list[Any]]] = {name: (run, []) for name, run in calls.items()}
    found["load_model .keras"] = (lambda: models.load_model(keras), [keras])
    found["load_model .h5"] = (lambda: models.load_model(old), [old])
    return found


def dumps(value: Any) -> str:
    """JSON of any depth."""
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(10**5)
    try:
        return json.dumps(value)
    finally:
        sys.setrecursionlimit(limit)


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


def layers(fixture: Fixture) -> Iterator[Case]:
    import sequax

    @sequax.saving.register_keras_serializable("attack", "Dense")
    class Dense(sequax.layers.Dense):
        """Of the same name as a class of ours: a config that names Keras' must not make this one."""

        def __init__(self, *arguments: Any, **options: Any):
            raise AssertionError("a registered class stood in for a built-in one")

    assert type(sequax.layers.deserialize(configs.dense())) is sequax.layers.Dense is not Dense
    for name, entry in configs.LAYERS.items():
        for way, (run, allowed) in layer_ways(fixture, entry).items():
            if (name, way) != ("300 stacks", "clone_model"):  # `json` itself cannot write that object of the caller's
                yield name, way, "refused", run, allowed
    for name, entry in configs.BUSY.items():
        for way, (run, allowed) in layer_ways(fixture, entry).items():
            yield name, way, "either", run, allowed
    for name, op in configs.OPS.items():
        made = configs.graph_of(*op)
        yield name, "Model.from_config", "refused", lambda m=made: sequax.Model.from_config(m["config"]), []
        yield name, "deserialize_keras_object", "refused", lambda m=made: sequax.layers.deserialize(m), []
    for name in public_callables():
        for entry in (
            configs.entry("Lambda", function=configs.function(name)),
            configs.entry("Lambda", function=name),
            configs.function(name, "keras.utils"),
            configs.entry(name, "keras"),
        ):
            yield f"callable {name}", "deserialize", "refused", lambda e=entry: sequax.layers.deserialize(e), []


def public_callables() -> list[str]:
    """Public functions of all kinds that are no function of a layer, loss or metric."""
    import inspect

    import sequax

    known = {name for one in sequax.core.registry._catalogues.values() for name in (*one.functions, *one.classes)}
    found: set[str] = set()
    for module in ("utils", "config", "saving", "models", "datasets.mnist", "preprocessing", "callbacks", "random"):
        namespace = importlib.import_module(f"sequax.{module}")
        found.update(name for name in dir(namespace) if inspect.isroutine(getattr(namespace, name, None)))
    return sorted(name for name in found - known if not name.startswith("_"))


def values(fixture: Fixture) -> Iterator[Case]:
    """Objects that are no layers: by their own `deserialize`, in layers, and as settings of `compile`."""
    import sequax
    from sequax import models

    def compiled(**settings: Any) -> str:
        good = {"optimizer": "sgd", "loss": "mse"}
        return json.dumps({**configs.stack(configs.dense()), "compile_config": {**good, **settings}})

    families = ("activations", "initializers", "regularizers", "constraints", "losses", "metrics", "optimizers")
    for name, value in configs.VALUES.items():
        for family in families[: -1 if isinstance(value, str) else None]:  # the last one takes no names
            read = importlib.import_module(f"sequax.{family}").deserialize
            expected = "ValueError" if isinstance(value, str) else "refused"  # an unknown name is no config
            yield name, f"{family}.deserialize", expected, lambda r=read, v=value: r(v), []
        for key in ("activation", "kernel_initializer", "bias_regularizer", "kernel_constraint", "dtype"):
            entry = configs.dense(**{key: value})
            yield name, key, "refused", lambda e=entry: sequax.layers.deserialize(e), []
        for key in ("optimizer", "loss", "metrics", "loss_weights"):
            text = compiled(**{key: [value] if key == "metrics" else value})
            yield name, f"compile {key}", "refused", lambda t=text: models.model_from_json(t), []
        rate = configs.entry("SGD", "keras.optimizers", learning_rate=value)
        yield name, "learning rate", "refused", lambda r=rate: sequax.optimizers.deserialize(r), []
    for name, value in {
        "a number": 3,
        "a list": ["sgd"],
        "no class": {"config": {}},
        "a class": {"class_name": "SGD"},
    }.items():
        text = compiled(optimizer=value)
        yield f"optimizer is {name}", "compile", "refused", lambda t=text: models.model_from_json(t), []
    path = fixture.folder / "metric.keras"
    for name, metric in configs.METRICS.items():
        path.write_bytes(files.packed({**fixture.members, files.CONFIG: compiled(metrics=[metric]).encode()}))
        yield f"metric of {name}", "load_model", "refused", lambda: models.load_model(path), [path]
    for name, text in configs.TEXTS.items():
        yield f"text: {name}", "model_from_json", "refused", lambda t=text: models.model_from_json(t), []
        path.write_bytes(files.packed({**fixture.members, files.CONFIG: text.encode()}))
        yield f"text: {name}", "load_model", "refused", lambda: models.load_model(path), [path]


GROUPS = {"files": (archives, hdf5, places), "configs": (layers, values)}


def warm(fixture: Fixture) -> None:
    """Import all that reading imports, so that an import that an attack causes stands out."""
    from sequax import layers, models
    from sequax.core import registry

    for family in registry._FAMILIES:
        registry.catalogue(family)
    for ending in files.ENDINGS:
        for read in fixture.readers(fixture.folder / f"good{ending}").values():
            watch.warnings.simplefilter("ignore")
            read()
    models.model_from_json(json.dumps(configs.graph(configs.dense(name="a"))))
    entries = (configs.dense(units="x"), configs.entry("Lambda", function="relu"), configs.entry("Dens"))
    for entry in (*entries, configs.constant(configs.special("__numpy__", value=[1], dtype="float32"))):
        with contextlib.suppress(ValueError):
            layers.deserialize(entry)


def caught(folder: Path) -> Iterator[Case]:
    """What no file may do, done here on purpose: the watch must see it."""
    import socket

    misdeeds: dict[str, Callable[[], Any]] = {
        "file": lambda: open("secret.txt").close(),
        "file for writing": lambda: os.close(os.open("new.txt", os.O_WRONLY | os.O_CREAT)),
        "import": lambda: importlib.import_module("evil_module"),
        "code": lambda: eval("1"),
        "command": lambda: os.system("true"),
        "network": lambda: socket.socket(),
        "memory": lambda: bytearray(100 << 20),
        "more memory": lambda: bytearray(8 << 30),
        "time": lambda: time.sleep(60),
        "crash": os.abort,
    }
    for name, run in misdeeds.items():
        yield name, "none", "loaded", run, []


def prepared(group: str, folder: Path) -> tuple[Iterator[Case], Callable[[], Any]]:
    """The cases of a group, and what tells whether a model was changed."""
    if group == "caught":
        return caught(folder), lambda: None
    fixture = Fixture(folder)
    warm(fixture)
    return itertools.chain.from_iterable(make(fixture) for make in GROUPS[group]), fixture.values


def main(group: str, folder: Path, done: int) -> None:
    os.chdir(folder)
    sys.path.append(str(folder))  # the trap lies open
    watched = watch.Watch()
    cases, values = prepared(group, folder)
    watched.cut_network()
    watch.limit_memory()
    before = values()
    for number, (case, way, expected, run, allowed) in enumerate(cases):
        if number < done:
            continue
        report({"number": number, "case": case, "way": way})
        found = watch.attempt(watched, run, allowed)
        found["marker"] = (folder / configs.MARKER).exists()
        found["changed"] = values() != before
        found["imported"] = sorted({"evil_module", "antigravity"} & set(sys.modules))
        report({"number": number, "case": case, "way": way, "expected": expected, **found})


def report(line: dict[str, Any]) -> None:
    sys.__stdout__.write(json.dumps(line) + "\n")
    sys.__stdout__.flush()


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]))
