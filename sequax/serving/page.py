"""The page at `/`: what a model is made of, what it takes, and a field to try a row. It loads nothing from outside."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from ..core.html import escape, table
from . import kserve
from .servable import Servable, example

_HERE = Path(__file__).parent
SCRIPT = (_HERE / "page.js").read_text(encoding="utf-8")
STYLE = (_HERE / "page.css").read_text(encoding="utf-8")
# Tables carry their style in attributes; nothing but the script of this server runs, and nobody may frame the page.
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; connect-src"
    " 'self'; img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}


def html(models: Sequence[Servable]) -> str:
    """The page, whole."""
    title = escape(", ".join(model.name for model in models))
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,'
        f' initial-scale=1"><title>{title}</title><link rel="icon" href="data:,"><link rel="stylesheet"'
        f' href="page.css"></head><body><main>{"".join(map(_section, models))}'
        '<footer><a href="v2">KServe v2</a> · <a href="metrics">metrics</a></footer></main>'
        '<script src="page.js"></script></body></html>'
    )


def _section(model: Servable) -> str:
    name = escape(model.name)
    ports = [("input", *_line(port)) for port in model.inputs] + [("output", *_line(port)) for port in model.outputs]
    return (
        f'<section data-model="{name}"><h1>{name}</h1>{model.as_html()}'
        f"<h2>Takes and gives</h2><div class=wide>{table(('', 'name', 'shape', 'datatype'), ports)}</div>"
        f"<h2>Try a row</h2><form><textarea spellcheck=false aria-label='A row, as JSON'>{escape(_row(model))}"
        f"</textarea>"
        f"<p><button type=submit disabled>Predict</button> <span class=time role=status></span></p></form>"
        f"<div class=bars></div><pre class=answer hidden></pre>"
        f'<p class=small>The same from elsewhere: <code>POST v1/models/{name}:predict</code> with <code>{{"instances":'
        f" [row, ...]}}</code>, or <code>POST v2/models/{name}/infer</code>.</p></section>"
    )


def _line(port: kserve.Port) -> tuple[str, str, str]:
    return port.name, port.sizes(), port.datatype


def _row(model: Servable) -> str:
    """A row to begin with: zeros, and a text."""
    values = [
        "some text" if port.is_text and array.ndim < 2 else kserve.as_list(array[0])
        for port, array in zip(model.inputs, example(model.inputs, 1), strict=True)
    ]
    if len(values) == 1:
        return json.dumps(values[0])
    return json.dumps({port.name: value for port, value in zip(model.inputs, values, strict=True)}, indent=1)
