"""Where a model is on the hub: `hf://user/name`, `hf://user/name@revision`, `hf://user/name/file.keras`."""

from __future__ import annotations

import re
from typing import Any, NamedTuple

from ..core.needed import needed

SCHEME = "hf://"
_PLACE = re.compile(r"(?P<repo>[\w.-]+(?:/[\w.-]+)?)(?:@(?P<revision>[^/]+))?(?:/(?P<file>.+))?")


class Place(NamedTuple):
    """
    Fields:
        repo: `user/name`, or a name alone: of the user who is logged in.
        revision: branch, tag or commit; None: the main branch.
        file: in the repository; None: the model that it is.
    """

    repo: str
    revision: str | None = None
    file: str | None = None

    def __str__(self) -> str:
        parts = self.repo, f"@{self.revision}" if self.revision else "", f"/{self.file}" if self.file else ""
        return SCHEME + "".join(parts)


def place_of(text: str) -> Place:
    """The place that a text means, with `hf://` or without.

    Raises:
        ValueError: for a text of another form.
    """
    found = _PLACE.fullmatch(text.removeprefix(SCHEME))
    if found is None or ".." in text:
        raise ValueError(
            f"Expected a repository of the hub, as 'user/name', 'hf://user/name', 'hf://user/name@revision' or"
            f" 'hf://user/name/file.keras'. Received: {text!r}"
        )
    revision = found["revision"]
    return Place(found["repo"], revision and revision.replace("%2F", "/"), found["file"])


def library(what: str) -> Any:
    """huggingface_hub.

    Raises:
        ImportError: if it is not installed.
    """
    for part in ("constants", "errors"):
        needed(f"huggingface_hub.{part}", what)
    return needed("huggingface_hub", what)
