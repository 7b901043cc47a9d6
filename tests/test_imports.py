"""What `import sequax` brings in, and which way imports point."""

from __future__ import annotations

import ast
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
    "callbacks": {"callbacks", "utils", "core", "metrics", "saving"},
    "ops": {"ops", "core", "kernels", "activations", "losses"},
    "layers": {"layers", "core", "kernels", "activations", "initializers", "regularizers", "constraints"},
}


def test_import_is_light():
    code = "import sequax, sys; print([m for m in ('jax', 'numpy', 'h5py', 'rich', 'optax') if m in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


def imported(path):
    """Names of the first part below `sequax` that a module imports."""
    place = path.relative_to(PACKAGE.parent).with_suffix("").parts
    for node in ast.walk(ast.parse(path.read_text())):
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


def test_every_public_name_can_be_had():
    import sequax

    for name in sequax.__all__:
        assert getattr(sequax, name) is not None
    with pytest.raises(AttributeError, match="has no attribute 'nonsense'"):
        _ = sequax.nonsense


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
        ours = [pair for pair in arguments(getattr(sequax.Model, name)) if pair[0] != "resume"]  # has no twin in Keras
        assert ours == arguments(getattr(keras.Model, name)), name
    for name in ("add", "pop"):
        assert arguments(getattr(sequax.Sequential, name)) == arguments(getattr(keras.Sequential, name)), name
    for name in ("serialize_keras_object", "deserialize_keras_object", "get_registered_name", "get_registered_object"):
        assert arguments(getattr(sequax.saving, name)) == arguments(getattr(keras.saving, name)), name
    for name in sequax.layers.__all__:
        cls = getattr(sequax.layers, name)
        if inspect.isclass(cls) and hasattr(keras.layers, name) and name not in ("Layer", "InputLayer", "InputSpec"):
            ours, theirs = (arguments(c.__init__) for c in (cls, getattr(keras.layers, name)))
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
