"""What `import sequax` brings in, and which way imports point."""

from __future__ import annotations

import ast
import functools
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "sequax"

# A folder or module of the package -> what it may import from the rest of it.
ALLOWED = {
    "core": {"core"},
    "kernels": {"kernels"},
    "data": {"data", "core"},
    "losses": {"losses", "core", "activations", "initializers"},
    "metrics": {"metrics", "losses", "core", "activations", "initializers"},
    "optimizers": {"optimizers", "core", "initializers"},
    "callbacks": {"callbacks", "utils", "core", "metrics", "saving", "ops"},
    "ops": {"ops", "core", "kernels", "activations", "losses"},
    "quantizers": {"quantizers", "core", "ops", "utils"},
    "adapters": {"adapters", "core", "quantizers"},
    "layers": {"layers", "adapters", "core", "kernels", "quantizers", "activations", "initializers", "regularizers"}
    | {"constraints"},
}


def test_import_is_light():
    code = "import sequax, sys; print([m for m in ('jax', 'numpy', 'h5py', 'rich', 'optax') if m in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


def imported(path):
    """Names of the first part below `sequax` that a module imports."""
    place = path.relative_to(PACKAGE.parent).with_suffix("").parts
    for node in run_nodes(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.level:
            parts = (*place[: -node.level], *(node.module or "").split("."))
            yield from (p for p in [parts[1] if len(parts) > 1 and parts[1] else None] if p)
            if len(parts) <= 1 or not parts[1]:
                yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("sequax."):
            yield node.module.split(".")[1]


@pytest.mark.parametrize("part", ALLOWED)
def test_imports_point_one_way(part):
    for path in (PACKAGE / part).rglob("*.py"):
        strangers = {name for name in imported(path) if name not in ALLOWED[part] and not name.startswith("_")}
        assert not strangers, f"{path.name} imports {strangers}"


# --- no circle, wherever an import stands ---

# The top of the order. Their names are looked up when somebody asks for them, in any module below; none below asks them
# for a name. `_families` writes down which modules the core may load by name.
TOP = {"sequax", "sequax._families"}
# Load what others name: the top, scripts that import `keras` (`compat`), packages of others, and pickles (`portable`).
LOAD_BY_NAME = {"sequax._lazy", "sequax.compat", "sequax.compat.internals", "sequax.compat.tensorflow"}
LOAD_BY_NAME |= {"sequax.compat.out_of_reach"}
LOAD_BY_NAME |= {"sequax.core.above", "sequax.core.catalogue", "sequax.core.needed", "sequax.core.portable"}
LOADERS = {"import_module", "__import__"}


def module_of(path):
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {module_of(path): path for path in PACKAGE.rglob("*.py")}


def run_nodes(tree):
    """All nodes but those below `if TYPE_CHECKING:`, which only type checkers read."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and getattr(node.test, "id", None) == "TYPE_CHECKING":
            node = ast.Module(node.orelse, [])
        yield node
        yield from run_nodes(node)


def absolute(module, node):
    """The module after `from`."""
    if not node.level:
        return node.module
    package = module.split(".") if MODULES[module].name == "__init__.py" else module.split(".")[:-1]
    return ".".join([*package[: len(package) - node.level + 1], *([node.module] if node.module else [])])


def in_text(text, module):
    """The modules that a text names: `sequax.ops`, or all that an f-string beginning with `sequax.saving.` may name."""
    start = text.values[0] if isinstance(text, ast.JoinedStr) and text.values else text
    name = start.value if isinstance(start, ast.Constant) and isinstance(start.value, str) else ""
    if name.startswith("."):
        name = f"{module if MODULES[module].name == '__init__.py' else module.rpartition('.')[0]}{name}"
    return {
        one for one in MODULES if one == name or (isinstance(text, ast.JoinedStr) and name and one.startswith(name))
    }


@functools.cache
def needs(module):
    """The modules of the package that a module imports: at its top, in functions, and by text."""
    found = set()
    for node in run_nodes(ast.parse(MODULES[module].read_text())):
        if isinstance(node, ast.ImportFrom):
            source = absolute(module, node)
            found |= {
                f"{source}.{alias.name}" if f"{source}.{alias.name}" in MODULES else source for alias in node.names
            }
        elif isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.Call) and getattr(node.func, "attr", getattr(node.func, "id", "")) in LOADERS:
            named = [in_text(one, module) for one in node.args]
            assert any(named) or module in LOAD_BY_NAME, f"{module} imports what no test can read: {ast.unparse(node)}"
            found.update(*(named if module not in LOAD_BY_NAME else ()))
    # To import a module, Python runs the packages around it.
    around = {".".join(one.split(".")[:i]) for one in found for i in range(2, one.count(".") + 1)}
    found |= {one for one in around if one != module and not module.startswith(f"{one}.")}
    return found & set(MODULES) - {module}


def circle(graph):
    """Modules that need each other in a ring, or None."""
    done, way = set(), []

    def visit(module):
        if module in way:
            return [*way[way.index(module) :], module]
        if module in done:
            return None
        way.append(module)
        found = next((ring for ring in map(visit, sorted(graph[module])) if ring), None)
        way.pop()
        done.add(module)
        return found

    return next((ring for ring in map(visit, sorted(graph)) if ring), None)


def test_no_circle_of_imports():
    graph = {module: needs(module) - TOP for module in MODULES if module not in TOP}
    ring = circle(graph)
    assert ring is None, " -> ".join(ring)


def test_circles_are_seen():
    assert circle({"a": {"b"}, "b": {"c"}, "c": {"b"}}) == ["b", "c", "b"]
    assert circle({"a": {"b", "c"}, "b": {"c"}, "c": set()}) is None
    text = "import importlib\ndef f(x):\n    importlib.import_module(f'sequax.saving.{x}')\n"
    call = next(node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Call))
    assert {"sequax.saving.models", "sequax.saving.weights"} <= in_text(call.args[0], "sequax.model")


def test_nothing_below_asks_the_top():
    for module in set(MODULES) - TOP:
        assert not (needs(module) & (TOP - {"sequax"})), module


def test_every_public_name_can_be_had():
    import sequax

    for name in sequax.__all__:
        assert getattr(sequax, name) is not None
    with pytest.raises(AttributeError, match="has no attribute 'nonsense'"):
        _ = sequax.nonsense


AMONG_THEIR_KEYWORDS = {"lora_rank", "lora_alpha", "vocabulary_size", "oov_method"}


def test_public_signatures_are_keras(keras):
    """Arguments and defaults of layers and of the models' methods, in Keras' order."""
    import inspect

    import sequax

    def arguments(function):
        return [
            (p.name, p.default)
            for p in inspect.signature(function).parameters.values()
            if p.kind is not p.VAR_KEYWORD and p.name != "self"
        ]

    for name in ("compile", "fit", "evaluate", "predict", "train_on_batch", "test_on_batch", "predict_on_batch"):
        ours = [
            pair
            for pair in arguments(getattr(sequax.Model, name))
            if pair[0] not in ("resume", "dry_run", "augment", "devices")
        ]
        assert ours == arguments(getattr(keras.Model, name)), name
    for name in ("add", "pop"):
        assert arguments(getattr(sequax.Sequential, name)) == arguments(getattr(keras.Sequential, name)), name
    for name in ("serialize_keras_object", "deserialize_keras_object", "get_registered_name", "get_registered_object"):
        assert arguments(getattr(sequax.saving, name)) == arguments(getattr(keras.saving, name)), name
    for name in sequax.layers.__all__:
        cls = getattr(sequax.layers, name)
        if inspect.isclass(cls) and hasattr(keras.layers, name) and name not in ("Layer", "InputLayer", "InputSpec"):
            ours, theirs = (arguments(c.__init__) for c in (cls, getattr(keras.layers, name)))
            ours = [pair for pair in ours if pair in theirs or pair[0] not in AMONG_THEIR_KEYWORDS]
            assert [a for a, _ in ours] == [a for a, _ in theirs], name
            assert all(same_default(a, b) for (_, a), (_, b) in zip(ours, theirs, strict=True)), (name, ours, theirs)


def same_default(own, keras):
    """Equal, or one number where Keras repeats it per axis."""
    return own == keras or (isinstance(keras, tuple) and keras == (own,) * len(keras))


def test_every_layer_of_keras_is_there(keras):
    """All but those that hold another framework's module."""
    import sequax

    left_out = {"TFSMLayer", "TorchModuleWrapper"}
    names = {name for name in dir(keras.layers) if not name.startswith("_")}
    assert names - set(sequax.layers.__all__) == left_out
