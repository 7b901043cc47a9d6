"""What type checkers, editors and tab completion see of the package."""

from __future__ import annotations

import ast
import importlib
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "sequax"
LAZY = [path for path in PACKAGE.rglob("__init__.py") if "= lazily(" in path.read_text()]
NAMESPACES = (
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
