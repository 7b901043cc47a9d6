"""How the generator of the reference reads the package: as readers want to see it, doctests as blocks of code."""

from __future__ import annotations

from typing import Any

import griffe

from .docs_pages import with_fences


class Docstrings(griffe.Extension):
    """Changes what was read of an object to what a reader wants to see of it."""

    def on_object(self, *, obj: griffe.Object, **kwargs: Any) -> None:
        if obj.docstring is not None:
            obj.docstring.value = with_fences(obj.docstring.value)

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

    def on_class_members(self, *, node: Any, cls: griffe.Class, **kwargs: Any) -> None:
        """Without the methods of a class that gives another module as its own, which would be found in each other's
        place for ever; and without attributes that are classes, which are written out where they are at home."""
        for name, member in list(cls.members.items()):
            if member.is_alias:
                again = member.target_path.endswith(f".{cls.name}.{name}")
                if again or isinstance(getattr(node.obj, name, None), type):
                    del cls.members[name]
