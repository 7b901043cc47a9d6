"""The process that attacks are made in: `python -m tests.attacks.child GROUP FOLDER DONE`, one line of JSON per case.

Files are made before the watch begins; each is read through every entry point that takes it. `DONE` cases are skipped:
the parent starts a new process behind a case that ended this one.
"""

from __future__ import annotations

import contextlib
import importlib
import itertools
import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from . import configs, files, mutated, runs, small, watch
from .entries import Fixture, file_ways, inspections, layer_ways

Case = tuple[str, str, str, Callable[[], Any], list[Any]]  # case, entry point, expected outcome, call, allowed files


def file_cases(
    fixture: Fixture, made: dict[str, Callable[[], bytes]], ending: str, expected: str, brief: bool = False
) -> Iterator[Case]:
    path = fixture.folder / f"m{ending}"
    for name, make in made.items():
        path.write_bytes(make())
        for way, (read, allowed) in file_ways(fixture, path, brief).items():
            # The commands show and copy what is there, whether or not it would make a model.
            shows = way.startswith(("sequax", "KerasFileEditor")) or "skip_mismatch" in way
            yield f"{name} {ending}", way, "either" if shows else expected, read, allowed


def archives(fixture: Fixture) -> Iterator[Case]:
    def of(table: dict[str, Callable]) -> dict[str, Callable[[], bytes]]:
        return {name: lambda make=make: make(fixture.members) for name, make in table.items()}

    yield from file_cases(fixture, of(files.LOADING), ".keras", "loaded")
    yield from words(fixture)
    made = file_cases(fixture, of(files.ARCHIVES), ".keras", "refused")
    for case in itertools.chain(made, file_cases(fixture, of(small.ARCHIVES), ".keras", "refused", brief=True)):
        # Who reads the weights alone opens neither config nor metadata.
        yield case if case[1] != "load_weights" else (*case[:2], "either", *case[3:])


def words(fixture: Fixture) -> Iterator[Case]:
    """A vocabulary that is as it should be: the others are refused for what is in them."""
    from sequax import models

    path = fixture.folder / "words.keras"
    path.write_bytes(small.vocabulary(b"1\n2")(fixture.members))

    def read() -> None:
        assert models.load_model(path).layers[0].get_vocabulary() == [-1, 1, 2]

    yield "words", "load_model", "loaded", read, [path]


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
    yield from file_cases(fixture, small.HDF5, ".weights.h5", "refused", brief=True)
    old = {"10**12 names": lambda: files.long_names(fixture.good[".h5"]), "pickle": lambda: configs.PICKLED}
    yield from file_cases(fixture, old, ".h5", "refused")
    yield from file_cases(fixture, small.OLD_HDF5, ".h5", "refused", brief=True)
    tensors = {name: lambda make=make: make(fixture.good[".safetensors"]) for name, make in files.SAFETENSORS.items()}
    yield from file_cases(fixture, tensors, ".safetensors", "refused")


def places(fixture: Fixture) -> Iterator[Case]:
    """Paths that lead to no file, and files that name other files."""
    for ending in files.ENDINGS:
        for name, path in files.is_no_file(fixture.folder, ending).items():
            said = files.NO_PATHS.get(name, "refused")
            for way, (read, allowed) in file_ways(fixture, path).items():
                # A command passes on, as a refusal, what the system says.
                yield f"{name} {ending}", way, "refused" if way.startswith("sequax") else said, read, allowed
    index, mine = fixture.folder / "m.weights.json", fixture.model
    texts = {f"names {name!r}": lambda n=name: index_of(n) for name in files.NOT_BESIDE}
    texts |= {f"is {text!r:.20}": lambda t=text: t for text in files.NO_INDICES}
    shard = fixture.folder / "m_00000.weights.h5"
    for name, text in {**texts, **small.INDICES}.items():
        index.write_text(text())
        yield f"index {name}", "load_weights", "refused", lambda: mine.load_weights(index), [index, shard]
        yield f"index {name}", "sequax inspect", "refused", lambda: said_of(index), [index]
    index.write_text(index_of(shard.name))
    for name, change in files.HDF5.items():
        shard.write_bytes(files.rewritten(fixture.good[".weights.h5"], change))
        yield f"{name} in a part", "load_weights", "refused", lambda: mine.load_weights(index), [index, shard]
    shard.unlink()
    shard.symlink_to("/dev/zero")
    yield "part is a device", "load_weights", "refused", lambda: mine.load_weights(index), [index, shard]


def index_of(name: str) -> str:
    return json.dumps({"metadata": {}, "weight_map": {"/layers/a/vars": [name]}})


def said_of(path: Path) -> None:
    inspections(str(path), str(path))[0]()


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
                yield name, way, "ValueError" if way in NO_LAYERS else "refused", run, allowed
    for name, entry in configs.BUSY.items():
        for way, (run, allowed) in layer_ways(fixture, entry).items():
            yield name, way, "any" if way.endswith(".from_config") else "either", run, allowed
    yield from classes()
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


def classes() -> Iterator[Case]:
    """`from_config` of every public class, with arguments that no config of it has."""
    import sequax

    for family in ("layers", *FAMILIES, "optimizers.schedules", "dtype_policies", "utils"):
        namespace = importlib.import_module(f"sequax.{family}") if family != "optimizers.schedules" else None
        namespace = namespace or sequax.optimizers.schedules
        for name in dir(namespace):
            cls = getattr(namespace, name)
            if isinstance(cls, type) and hasattr(cls, "from_config"):
                yield f"{family}.{name}", "from_config", "ValueError", lambda c=cls: each_refused(c), []


def each_refused(cls: Any) -> None:
    """No argument may be called, imported, opened or believed; all must be refused by one error or another."""
    from sequax.core import constructor

    for key in (*constructor.parameters(cls)[0], "frobnicate"):
        for value in (
            configs.CODE,
            configs.VALUES["system"],
            configs.VALUES["module with a trap"],
            "secret.txt",
            10**12,
        ):
            with contextlib.suppress(ValueError, TypeError, LookupError, NotImplementedError, AttributeError):
                cls.from_config({key: value})
                assert key != "frobnicate" or cls.__name__ in ANY_KEY, f"{cls.__name__} takes anything"
    raise ValueError("nothing happened")


def shapes(fixture: Fixture) -> Iterator[Case]:
    """Configs with one part changed: refused, or the config of another model."""
    from sequax import models
    from sequax.saving import LoadError, config

    def attempt(changes: Any, make: Callable[[Any], Any]) -> None:
        for what, changed in changes:
            try:
                make(changed)
            except LoadError as error:
                assert len(str(error)) < 4000, what
            except Exception as error:
                raise AssertionError(f"{what}: {type(error).__name__}: {error}") from error

    def one(text: str) -> None:
        models.model_from_json(text)

    for name, good in mutated.configs().items():
        for part in range(SHARES):
            changes = itertools.islice(mutated.mutations(good, 40), part, None, SHARES)
            yield (
                f"{name} changed, {part}",
                "model_from_json",
                "loaded",
                lambda c=changes: attempt(c, lambda changed: one(json.dumps(changed))),
                [watch.SOURCES],
            )

    def compiled(settings: Any) -> None:
        model = files.good_model()
        if isinstance(settings, dict):
            config.compile_as(model, config.compile_arguments(settings, False, "settings"), "settings")

    changes = mutated.mutations(mutated.COMPILED_BY_KERAS_2, 10)
    yield "settings changed", "compile", "loaded", lambda: attempt(changes, compiled), [watch.SOURCES]


SHARES = 8  # a case may take five seconds
NO_LAYERS = ("Pipeline.from_config", "FeatureSpace.from_config")  # they take steps that are no layers of a model, too
ANY_KEY = ("LossFunctionWrapper", "MeanMetricWrapper")
FAMILIES = ("activations", "initializers", "regularizers", "constraints", "losses", "metrics", "optimizers")


def public_callables() -> list[str]:
    """Public functions of all kinds that are no function of a layer, loss or metric."""
    import inspect

    import sequax

    known = {name for one in sequax.core.catalogue.loaded() for name in (*one.functions, *one.classes)}
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

    for name, value in configs.VALUES.items():
        for family in FAMILIES:
            module = importlib.import_module(f"sequax.{family}")
            expected = "ValueError" if isinstance(value, str) else "refused"  # an unknown name is no config
            readers = (
                [module.get] if family == "optimizers" and isinstance(value, str) else [module.get, module.deserialize]
            )
            for read in readers:
                yield name, f"{family}.{read.__name__}", expected, lambda r=read, v=value: r(v), []
        if not isinstance(value, str):
            read = sequax.optimizers.schedules.deserialize
            yield name, "schedules.deserialize", "refused", lambda r=read, v=value: r(v), []
        for read in (sequax.dtype_policies.get, sequax.dtype_policies.deserialize):
            yield name, f"dtype_policies.{read.__name__}", "ValueError", lambda r=read, v=value: r(v), []
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
    for name, make in {**{name: lambda t=text: t for name, text in configs.TEXTS.items()}, **small.TEXTS}.items():
        text = make()
        yield f"text: {name}", "model_from_json", "refused", lambda t=text: models.model_from_json(t), []
        path.write_bytes(small.packed_each({**fixture.members, files.CONFIG: text.encode()}))
        yield f"text: {name}", "load_model", "refused", lambda: models.load_model(path), [path]
        yield f"text: {name}", "sequax inspect", "either", inspections(str(path), str(path))[1], [path]


GROUPS: dict[str, tuple[Callable[[Fixture], Iterator[Any]], ...]] = {
    "files": (archives, hdf5, places),
    "configs": (layers, values, shapes, runs.cases),
}


def warm(fixture: Fixture) -> None:
    """Import all that reading imports, so that an import that an attack causes stands out."""
    from sequax import layers, models, utils
    from sequax.core import above, catalogue

    for family in above.families:
        catalogue.family(family)
    for ending in files.ENDINGS:
        for read, _ in file_ways(fixture, fixture.folder / f"good{ending}").values():
            watch.warnings.simplefilter("ignore")
            with contextlib.suppress(ValueError):  # what is not possible, such as a model from weights alone
                read()
    for good in (configs.graph(configs.dense(name="a")), *mutated.configs().values()):
        models.model_from_json(json.dumps(good))
    layers.MelSpectrogram()  # brings in SciPy
    importlib.import_module(utils.FeatureSpace.__module__)
    for part in ("fetching", "loading"):  # `hf://` addresses
        importlib.import_module(f"sequax.hub.{part}")
    entries = (configs.dense(units="x"), configs.entry("Lambda", function="relu"), configs.entry("Dens"))
    for entry in (*entries, configs.constant(configs.special("__numpy__", value=[1], dtype="float32"))):
        with contextlib.suppress(ValueError):
            layers.deserialize(entry)


def busy() -> None:
    while True:
        pass


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
        "time": busy,
        "waiting": lambda: time.sleep(60),
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
