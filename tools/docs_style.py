"""What the generator of the reference needs to read our docstrings: doctests as blocks of code."""

from __future__ import annotations

import re
from typing import Any

import griffe

# From a prompt up to the next empty line that no other prompt follows.
DOCTEST = re.compile(r"^( *)>>> .*(?:\n(?!\n).*|\n\n(?=\1>>> ))*", re.M)


def readable(text: str) -> str:
    """A docstring whose examples are fenced blocks; `>>>` would be a quotation in Markdown."""
    text = re.sub(r"^( *)Example:$", r"\1**Example**", text, flags=re.M)
    return DOCTEST.sub(lambda found: f"{found[1]}```pycon\n{found[0].rstrip()}\n{found[1]}```", text)


class Docstrings(griffe.Extension):
    """Changes what was read of an object to what a reader wants to see of it."""

    def on_object(self, *, obj: griffe.Object, **kwargs: Any) -> None:
        if obj.docstring is not None:
            obj.docstring.value = readable(obj.docstring.value)

    def on_attribute_instance(self, *, attr: griffe.Attribute, **kwargs: Any) -> None:
        """The docstring of a class attribute's value, such as that of `bool`, says nothing about the attribute."""
        if "property" not in attr.labels:
            attr.docstring = None

    def on_function_instance(self, *, node: Any, func: griffe.Function, **kwargs: Any) -> None:
        """Constructors of layers have signatures with evaluated types: what was written, `Size`, says more."""
        written = getattr(node.obj, "__annotations__", {})
        for parameter in func.parameters:
            if isinstance(written.get(parameter.name), str):
                parameter.annotation = written[parameter.name]

    def on_class_members(self, *, cls: griffe.Class, **kwargs: Any) -> None:
        """Methods of a class that gives another module as its own would be found in each other's place, for ever."""
        for name, member in list(cls.members.items()):
            if member.is_alias and member.target_path.endswith(f".{cls.name}.{name}"):
                del cls.members[name]
