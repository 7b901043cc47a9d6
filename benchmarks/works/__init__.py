"""What people do: real networks and the habits around them, in Sequax and in Keras on each backend.

A network is a function that builds it with the library it is given, one line of a table; a habit is a function that
gives what one turn of a loop does. Both are measured in the same way, see `jobs.work`.
"""

from __future__ import annotations

from ..workload import Habit, Workload
from . import habits, images, sequences, tables
from .applications import APPLICATIONS

PREFIX = "work:"
WORKS = {work.name: work for work in (*images.WORKS, *sequences.WORKS, *tables.WORKS, *habits.WORKS)}


def work(name: str) -> Workload | Habit:
    return {**WORKS, **APPLICATIONS}[name.removeprefix(PREFIX)]
