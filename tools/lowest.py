"""Print the lowest version of every runtime dependency that `pyproject.toml` allows, as pip constraints.

`make test-oldest` installs them, so a lower bound that the code has outgrown fails there and not at a user's desk.
"""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

PYPROJECT = Path(__file__).resolve().parents[1] / "pyproject.toml"
REQUIREMENT = re.compile(r"(?P<name>[A-Za-z0-9._-]+)\s*>=\s*(?P<version>[0-9][0-9A-Za-z.]*)\s*(,.*)?")


def lowest(requirement: str) -> str:
    """The constraint for one requirement.

    >>> lowest("jax>=0.7.0")
    'jax==0.7.0'
    >>> lowest("numpy")
    Traceback (most recent call last):
    ValueError: dependency 'numpy' in pyproject.toml has no lower bound; write it as 'numpy>=VERSION'.
    """
    match = REQUIREMENT.fullmatch(requirement.strip())
    if match is None:
        raise ValueError(
            f"dependency {requirement!r} in pyproject.toml has no lower bound; write it as '{requirement}>=VERSION'."
        )
    return f"{match['name']}=={match['version']}"


if __name__ == "__main__":
    project = tomllib.loads(PYPROJECT.read_text(encoding="utf-8"))["project"]
    print("\n".join(lowest(requirement) for requirement in project["dependencies"]))
