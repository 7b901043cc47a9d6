"""Where the code can be changed, and how: places of the syntax tree and the operators of cosmic-ray that fit them."""

from __future__ import annotations

import ast
import random
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

Position = tuple[int, int]


class Mutant(NamedTuple):
    """One change: the operator applied to its `occurrence`-th place in a file."""

    path: str
    start: Position
    end: Position
    operator: str
    occurrence: int

    @property
    def name(self) -> str:
        return f"{self.path}:{self.start[0]}:{self.start[1]} {self.operator.removeprefix('core/')}"

    def applied(self, source: str) -> str:
        """The source with this change."""
        from cosmic_ray import plugins  # installed by `make mutants` alone, while the doctest below always runs
        from cosmic_ray.mutating import mutate_code

        changed = mutate_code(source, plugins.get_operator(self.operator)(), self.occurrence)
        if changed is None:
            raise ValueError(f"{self.name}: the file is another one than the mutant was made from.")
        return changed


def sample(root: Path, packages: list[str], count: int, seed: int) -> list[Mutant]:
    """`count` mutants, each at another place, drawn from the files of some packages of `sequax`."""
    pick = random.Random(seed)
    found: dict[tuple[str, Position, Position], list[Mutant]] = {}
    for package in packages:
        for path in sorted((root / "sequax" / package).rglob("*.py")):
            for mutant in mutants_of(path.relative_to(root).as_posix(), path.read_text(encoding="utf-8")):
                found.setdefault((mutant.path, mutant.start, mutant.end), []).append(mutant)
    places = pick.sample(sorted(found), min(count, len(found)))
    return [pick.choice(found[place]) for place in places]


def mutants_of(path: str, source: str) -> Iterator[Mutant]:
    """All mutants of a file, but for those that cannot change what it does."""
    from cosmic_ray import plugins
    from cosmic_ray.ast import ast_nodes, get_ast

    silent = list(silent_ranges(ast.parse(source)))
    nodes = list(ast_nodes(get_ast(source)))
    for operator in plugins.operator_names():
        kind = plugins.get_operator(operator)
        if kind.arguments():
            continue
        positions = (span for node in nodes for span in kind().mutation_positions(node))
        for occurrence, (start, end) in enumerate(positions):
            if not any(first <= start and end <= last for first, last in silent):
                yield Mutant(path, start, end, operator, occurrence)


def silent_ranges(tree: ast.Module) -> Iterator[tuple[Position, Position]]:
    """What never runs, or only words a message: annotations, what stands under TYPE_CHECKING, texts of errors.

    >>> list(silent_ranges(ast.parse("x: int | None = 3")))
    [((1, 3), (1, 13))]
    """
    for node in ast.walk(tree):
        parts: list[ast.AST | None] = []
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            parts = [node.returns]
        elif isinstance(node, (ast.arg, ast.AnnAssign)):
            parts = [node.annotation]
        elif isinstance(node, ast.Raise) or _is_warning(node) or _is_for_type_checkers(node):
            parts = [node]
        for part in parts:
            if part is not None:
                yield _span(part)


def _is_warning(node: ast.AST) -> bool:
    return isinstance(node, ast.Call) and ast.unparse(node.func) == "warnings.warn"


def _is_for_type_checkers(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING")


def _span(node: ast.AST) -> tuple[Position, Position]:
    return (node.lineno, node.col_offset), (node.end_lineno, node.end_col_offset)  # type: ignore[attr-defined]
