"""How the code stands: what a file may reach into, and how large the classes are that everybody meets."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from tools.code_lines import code_lines

PACKAGE = Path(__file__).parent.parent / "sequax"

# Names with an underscore that are no secrets: of Python, and such as users of Keras know.
KNOWN = {"_replace", "_fields", "_asdict", "_keras_mask", "_keras_history", "_flatten_layers", "_exit"}
KNOWN |= {"_iterations", "_trainable_variables", "_getframe"}


def is_private(name):
    return name.startswith("_") and not name.endswith("__") and name not in KNOWN


def defined(tree):
    """Names that a file defines: functions, classes, variables, attributes of `self`, slots."""
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            yield node.name
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store) and is_self(node.value):
            yield node.attr
        elif isinstance(node, ast.Assign) and getattr(node.targets[0], "id", None) == "__slots__":
            yield from ast.literal_eval(node.value)


def is_self(node):
    if isinstance(node, ast.Call):
        node = node.func
        return isinstance(node, ast.Name) and node.id in ("super", "type")
    return isinstance(node, ast.Name) and node.id in ("self", "cls")


def reached(source):
    """Private names of other files that a file reaches: imported, or as attributes of something else than `self`."""
    tree = ast.parse(source)
    own = set(defined(tree))
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and is_private(node.attr) and not is_self(node.value):
            if node.attr not in own:
                yield f"line {node.lineno}: {ast.unparse(node)}"
        elif isinstance(node, ast.Call) and getattr(node.func, "id", None) in ("getattr", "hasattr", "setattr"):
            of, name = node.args[0], getattr(node.args[1], "value", None)
            if isinstance(name, str) and is_private(name) and not is_self(of) and name not in own:
                yield f"line {node.lineno}: {ast.unparse(node)}"
        elif isinstance(node, ast.ImportFrom) and (node.module or "").rpartition(".")[2]:
            yield from (f"line {node.lineno}: {one.name}" for one in node.names if is_private(one.name))


REACHING = ["from .pure import _applied", "def f(x):\n    return x._value", "a.b._c = 1", "getattr(a, '_b')"]


@pytest.mark.parametrize("source", REACHING)
def test_what_is_reached_is_seen(source):
    assert len(list(reached(source))) == 1


@pytest.mark.parametrize(
    "source",
    [
        "from . import _lazy",
        "class A:\n    def f(self, other):\n        self._x = other._x",
        "class A(B):\n    def f(self):\n        return self._of_b + super()._f() + self.__dict__",
        "record._replace(x=1)",
    ],
)
def test_what_is_its_own_is_left_alone(source):
    assert not list(reached(source))


def test_no_private_name_of_another_file_is_reached():
    found = {path.relative_to(PACKAGE).as_posix(): list(reached(path.read_text())) for path in PACKAGE.rglob("*.py")}
    assert {path: names for path, names in found.items() if names} == {}


def class_of(file, name):
    tree = ast.parse((PACKAGE / file).read_text())
    return next(node for node in tree.body if isinstance(node, ast.ClassDef) and node.name == name)


CLASSES = [("core/layer.py", "Layer"), ("model.py", "Model"), ("sequential.py", "Sequential")]


@pytest.mark.parametrize(("file", "name"), CLASSES)
def test_no_class_has_a_hundred_methods(file, name):
    methods = {node.name for node in class_of(file, name).body if isinstance(node, ast.FunctionDef)}
    assert len(methods) < 35, sorted(methods)


def test_sequential_fits_on_a_few_pages():
    node = class_of("sequential.py", "Sequential")
    lines = code_lines((PACKAGE / "sequential.py").read_text())
    assert len([line for line in lines if node.lineno <= line <= node.end_lineno]) < 200


def test_no_class_is_known_by_its_name():
    """What is special about a class is an attribute of it, so a subclass or a new class says so, too."""
    classes = {
        node.name
        for path in PACKAGE.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ClassDef)
    }
    classes -= {"Callback"}  # of Keras, which scripts may extend in place of ours
    for path in PACKAGE.rglob("*.py"):
        tree = ast.parse(path.read_text() if "compat" not in path.parts else "")  # which translates old names
        for node in ast.walk(tree):
            if isinstance(node, ast.Compare) and getattr(node.left, "attr", None) == "__name__":
                texts = [n.value for n in ast.walk(node.comparators[0]) if isinstance(n, ast.Constant)]
                assert not classes & set(texts), f"{path}, line {node.lineno}: {ast.unparse(node)}"
