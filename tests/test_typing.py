"""What type checkers, editors and tab completion see of the package."""

from __future__ import annotations

import ast
import importlib
import json
import os
import re
import shutil
import subprocess
import sys
import typing
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "sequax"
LAZY = [path for path in PACKAGE.rglob("__init__.py") if "= lazily(" in path.read_text()]
NAMESPACES = (
    *("applications", *(f"applications.{name}" for name in ("imagenet_utils", "mobilenet_v2", "resnet50", "vgg16"))),
    *("activations", "backend", "callbacks", "config", "constraints", "datasets", "datasets.mnist", "dtype_policies"),
    *("initializers", "layers", "legacy", "losses", "metrics", "mixed_precision", "models", "ops", "ops.image"),
    *("ops.linalg", "ops.nn", "ops.numpy", "optimizers", "optimizers.schedules", "preprocessing"),
    *("preprocessing.image", "preprocessing.sequence", "random", "regularizers", "saving", "tree", "utils"),
    *("utils.bounding_boxes", "utils.legacy"),
)


def stated(path):
    """What stands under `if TYPE_CHECKING` in a file: public name -> where it comes from."""
    package = ".".join(path.parent.relative_to(PACKAGE.parent).parts)
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            for statement in node.body:
                source = importlib.util.resolve_name("." * statement.level + (statement.module or ""), package)
                for alias in statement.names:
                    assert alias.asname == alias.name  # else a type checker takes it for private
                    yield alias.name, source


@pytest.mark.parametrize("path", LAZY, ids=lambda path: path.parent.name)
def test_lazy_names_are_stated_for_type_checkers(path):
    package = importlib.import_module(".".join(path.parent.relative_to(PACKAGE.parent).parts))
    names = dict(stated(path))
    assert sorted(names) == sorted(set(package.__all__) - {"__version__"})
    for name, source in names.items():
        is_module = source == package.__name__
        value = (
            importlib.import_module(f"{source}.{name}") if is_module else getattr(importlib.import_module(source), name)
        )
        assert getattr(package, name) is value, name


def test_there_are_lazy_namespaces():
    assert {path.parent.name for path in LAZY} >= {"sequax", "utils", "saving", "datasets"}


@pytest.mark.parametrize("name", NAMESPACES)
def test_completion_shows_public_names(name):
    """No helpers, no names that the module imports for itself."""
    module = importlib.import_module(f"sequax.{name}")
    shown = dir(module)
    assert shown == sorted(module.__all__) and not {n for n in shown if n.startswith("_")}
    assert not {"Any", "annotations", "TYPE_CHECKING", "jax", "jnp", "np", "catalogue", "listed"} & set(shown)
    for public in shown:
        assert getattr(module, public) is not None
    with pytest.raises(AttributeError, match="has no attribute 'nonsense'"):
        _ = module.nonsense


def test_the_package_is_typed():
    assert (PACKAGE / "py.typed").is_file()


# --- pyright on scripts of users, and its language server -----------------------------------------------------------

ROOT = PACKAGE.parent
PYRIGHT = shutil.which("pyright", path=os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]))
needs_pyright = pytest.mark.skipif(PYRIGHT is None, reason="pyright is not installed: pip install 'sequax[dev]'")
# Of libraries without types, such as scikit-learn, pyright would guess them by reading their code.
SETTINGS = {"useLibraryCodeForTypes": False, "reportMissingModuleSource": False}
OUTSIDE = {**os.environ, "PYTHONPATH": str(ROOT)}  # as an installed package, not as the project that is edited


@pytest.fixture(scope="module")
def findings(tmp_path_factory):
    """What pyright says of the scripts in `typing/` and `examples/`: name of the file -> {(line, rule)}."""
    folder = tmp_path_factory.mktemp("scripts")
    (folder / "pyrightconfig.json").write_text(json.dumps(SETTINGS))
    for script in [*(ROOT / "tests" / "typing").glob("*.py"), *(ROOT / "examples").glob("*.py")]:
        (folder / script.name).write_text(as_sequax(script.read_text()))
    command = [PYRIGHT, "--pythonpath", sys.executable, "--outputjson"]
    run = subprocess.run(command, cwd=folder, env=OUTSIDE, capture_output=True, text=True)
    report = json.loads(run.stdout)
    assert report["summary"]["filesAnalyzed"] == len(list(folder.glob("*.py")))
    found = {script.name: {} for script in folder.glob("*.py")}
    for one in report["generalDiagnostics"]:
        found[Path(one["file"]).name][one["range"]["start"]["line"] + 1, one.get("rule")] = one["message"]
    return found


def as_sequax(code):
    """The guides are scripts for Keras, which `sequax run` runs as they are."""
    code = re.sub(r"^import keras$", "import sequax as keras", code, flags=re.M)
    return re.sub(r"^(from|import) keras\b", r"\1 sequax", code, flags=re.M)


@needs_pyright
def test_pyright_finds_the_mistakes_and_no_others(findings):
    lines = (ROOT / "tests" / "typing" / "mistakes.py").read_text().splitlines()
    marks = [(number, re.search(r"  # (report\w+)$", line)) for number, line in enumerate(lines, 1)]
    wanted = {(number, mark[1]) for number, mark in marks if mark}
    assert len(wanted) > 15 and set(findings["mistakes.py"]) == wanted, findings["mistakes.py"]


@needs_pyright
@pytest.mark.parametrize("script", ["fine.py", *sorted(path.name for path in (ROOT / "examples").glob("*.py"))])
def test_pyright_finds_nothing_in_good_scripts(findings, script):
    assert findings[script] == {}


class Server:
    """Pyright as editors start it; requests and answers are JSON with a header."""

    def __init__(self, folder):
        program = Path(PYRIGHT).with_name("pyright-langserver" + Path(PYRIGHT).suffix)
        self.process = subprocess.Popen(
            [program, "--stdio"], cwd=folder, env=OUTSIDE, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        self.folder, self.count = folder, 0
        root = {"uri": folder.as_uri(), "name": "scripts"}
        self.ask("initialize", processId=os.getpid(), rootUri=root["uri"], workspaceFolders=[root], capabilities={})
        self.tell("initialized")

    def send(self, **message):
        body = json.dumps({"jsonrpc": "2.0", **message}).encode()
        self.process.stdin.write(b"Content-Length: %d\r\n\r\n%s" % (len(body), body))
        self.process.stdin.flush()

    def tell(self, method, **params):
        self.send(method=method, params=params)

    def ask(self, method, **params):
        self.count += 1
        self.send(id=self.count, method=method, params=params)
        while True:
            message = self.receive()
            if "method" not in message and message.get("id") == self.count:
                return message["result"]
            if "id" in message and "method" in message:  # it asks back, for settings and the like
                wanted = message["params"].get("items", []) if message.get("params") else []
                self.send(id=message["id"], result=[{"pythonPath": sys.executable} for _ in wanted])

    def receive(self):
        length = 0
        while line := self.process.stdout.readline().strip():
            name, _, value = line.partition(b":")
            length = int(value) if name.lower() == b"content-length" else length
        assert length, "the language server has ended"
        return json.loads(self.process.stdout.read(length))

    def offers(self, code):
        """What is offered where `code` has a `|`."""
        self.count += 1
        uri = (self.folder / f"script_{self.count}.py").as_uri()
        before, after = code.split("|")
        document = {"uri": uri, "languageId": "python", "version": 1, "text": before + after}
        self.tell("textDocument/didOpen", textDocument=document)
        position = {"line": before.count("\n"), "character": len(before.rpartition("\n")[2])}
        answer = self.ask("textDocument/completion", textDocument={"uri": uri}, position=position)
        items = answer if isinstance(answer, list) else answer["items"]
        return {item["label"].strip("\"'") for item in items}

    def close(self):
        self.process.kill()
        self.process.communicate()


@pytest.fixture(scope="module")
def editor(tmp_path_factory):
    server = Server(tmp_path_factory.mktemp("editor"))
    yield server
    server.close()


START = "import sequax as keras\nfrom sequax import layers\nmodel = keras.Sequential()\n"


@needs_pyright
@pytest.mark.parametrize(
    ("code", "wanted", "unwanted"),
    [
        ("keras.|", {"Sequential", "layers", "optimizers", "utils"}, {"lazily", "annotations", "TYPE_CHECKING"}),
        ("layers.|", {"Dense", "Conv2D", "AvgPool1D", "LSTM"}, {"Any", "listed", "annotations"}),
        ("keras.ops.|", {"mean", "concatenate", "relu", "nn"}, {"jnp", "Any"}),
        ("model.|", {"fit", "predict", "add", "summary", "layers"}, set()),
        ("model.fit([], []).|", {"history", "epoch"}, set()),
        ("layers.Dense(3, activation='|')", {"relu", "gelu", "softmax", "tanh"}, set()),
        ("layers.Dense(3, kernel_initializer='|')", {"glorot_uniform", "he_normal", "zeros"}, set()),
        ("layers.Conv2D(3, 3, padding='|')", {"same", "valid"}, set()),
        ("model.compile('|')", {"adam", "sgd", "rmsprop", "adamw"}, set()),
        ("model.compile(loss='|')", {"mse", "binary_crossentropy", "huber"}, set()),
        ("model.compile(metrics=['|'])", {"accuracy", "auc", "mae"}, set()),
    ],
)
def test_editors_offer(editor, code, wanted, unwanted):
    offered = editor.offers(START + code)
    assert wanted <= offered and not unwanted & offered, offered


# --- names that editors offer are those that exist ------------------------------------------------------------------


def offered(alias):
    return set(typing.get_args(alias))


def test_offered_names_are_those_of_the_catalogues():
    from sequax import initializers, losses, metrics, optimizers
    from sequax.core import catalogue, kinds
    from sequax.training import types

    assert offered(kinds.ActivationName) == set(catalogue.family("keras.activations").aliases)
    for name in offered(kinds.InitializerName):
        assert callable(initializers.get(name))
    bases = {"Optimizer", "LossScaleOptimizer", "MultiOptimizer", "OptimizerMap"}
    classes = set(catalogue.family("keras.optimizers").classes) - bases
    assert offered(types.OptimizerName) == {name.lower() for name in classes}
    assert {type(optimizers.get(name)).__name__ for name in offered(types.OptimizerName)} == classes
    functions = set(catalogue.family("keras.losses").functions)
    assert offered(types.LossName) == functions | {"mae", "mape", "mse", "msle"}
    assert all(callable(losses.get(name)) for name in offered(types.LossName))
    by_shape = {"acc", "accuracy", "ce", "crossentropy"}
    assert all(callable(metrics.get(name)) for name in offered(types.MetricName) - by_shape)
    assert set(catalogue.family("keras.metrics").functions) <= offered(types.MetricName)
