"""The card of a model, `README.md`: what it does, what goes in and out, how it was trained, how to load it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ..callbacks import run_facts
from ..callbacks.run_report import RunReport
from ..utils.summary import rows_of
from . import tasks

if TYPE_CHECKING:
    from ..model import Model

MARK = "<!-- Written by Sequax. Without this line, the next push leaves the page as it is. -->"
_MOST_LAYERS, _MOST_EPOCHS = 100, 12


def model_card(
    model: Model,
    repo_id: str | None = None,
    *,
    report: RunReport | Mapping[str, Any] | None = None,
    description: str | None = None,
    task: str | None = None,
    license: str | None = None,
    tags: Sequence[str] = (),
    datasets: Sequence[str] = (),
    language: str | Sequence[str] | None = None,
) -> str:
    """The text of `README.md` for a model: metadata for the hub's search, and a page to read.

    Args:
        model: built.
        repo_id: `"user/name"`, for the lines that load it.
        report: a `RunReport`, or its `facts`, of the run that trained the model: settings, seeds, digests of the data.
            Without one, metrics and history are those of the last `fit`.
        description: a paragraph of your own.
        task: one of the hub's, such as `"image-classification"`; default: guessed by inputs, outputs and loss, or left
            out.
        license: such as `"apache-2.0"`.
        tags: more of them.
        datasets: ids of data sets of the hub that it was trained on.
        language: codes such as `"en"`, of texts.

    >>> from sequax import Input, Sequential, layers
    >>> model = Sequential([Input((28, 28, 1)), layers.Flatten(), layers.Dense(10, activation="softmax")])
    >>> card = model_card(model, "me/digits", license="mit")
    >>> card.splitlines()[:3]
    ['---', 'library_name: keras', 'pipeline_tag: image-classification']
    """
    facts = _facts(model, report)
    task = tasks.guess(model) if task is None else task
    name = (repo_id or model.name).rpartition("/")[2]
    metadata = {
        "library_name": "keras",
        "pipeline_tag": task,
        "license": license,
        "language": language,
        "tags": list(dict.fromkeys(["keras", "sequax", *tags])),
        "datasets": list(datasets) or None,
        "model-index": _results(name, task, facts, list(datasets)),
    }
    parts = [
        f"---\n{yaml({key: value for key, value in metadata.items() if value})}---",
        MARK,
        f"# {name}",
        description or _sentence(facts, task),
        _loading(model, repo_id),
        _ends(facts),
        _layers(model),
        _training(facts),
        _table_of_results(facts),
        _history(facts),
        _machine(facts),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _facts(model: Model, report: RunReport | Mapping[str, Any] | None) -> dict[str, Any]:
    given = dict(report.facts if isinstance(report, RunReport) else report or {})
    history = model.history
    if not given and history is not None:
        logs = {name: [float(value) for value in values if not hasattr(value, "__len__")]
                for name, values in history.history.items()}  # fmt: skip
        given = {"epochs": [epoch + 1 for epoch in history.epoch], "history": logs}
    return {**run_facts.of_machine(), **given, "model": {**given.get("model", {}), **run_facts.of_model(model)}}


# --- metadata ---


def _results(name: str, task: str | None, facts: dict[str, Any], datasets: list[str]) -> list[dict[str, Any]] | None:
    metrics = _last(facts, "val_")
    if task is None or not metrics:
        return None
    data = {"name": datasets[0] if datasets else "validation data", "type": datasets[0] if datasets else "validation"}
    told = [{"type": key, "name": key, "value": value} for key, value in metrics.items()]
    return [{"name": name, "results": [{"task": {"type": task}, "dataset": data, "metrics": told}]}]


def _last(facts: dict[str, Any], prefix: str) -> dict[str, float]:
    history = facts.get("history", {})
    return {
        name.removeprefix(prefix): values[-1] for name, values in history.items() if name.startswith(prefix) and values
    }


def yaml(values: Mapping[str, Any], indent: int = 0) -> str:
    """Dicts, lists, texts and numbers as YAML, which takes texts as JSON has them."""
    lines = []
    for key, value in values.items():
        if isinstance(value, Mapping):
            lines.append(f"{key}:\n{yaml(value, indent + 2)}".rstrip("\n"))
        elif isinstance(value, (list, tuple)):
            lines.append(f"{key}:\n{_items(value, indent)}".rstrip("\n"))
        else:
            lines.append(f"{key}: {_scalar(value)}")
    pad = " " * indent
    return "".join(f"{pad}{line}\n" for line in lines)


def _items(values: Sequence[Any], indent: int) -> str:
    pad, lines = " " * indent, []
    for value in values:
        text = yaml(value, indent + 2).lstrip() if isinstance(value, Mapping) else f"{_scalar(value)}\n"
        lines.append(f"{pad}- {text}")
    return "".join(lines)


def _scalar(value: Any) -> str:
    plain = isinstance(value, str) and value.replace("-", "").replace(".", "").isalnum() and value[0].isalpha()
    words = {"true", "false", "yes", "no", "null", "on", "off", "y", "n"}
    return value if plain and value.lower() not in words else json.dumps(value)


# --- the page ---


def _sentence(facts: dict[str, Any], task: str | None) -> str:
    model = facts["model"]
    what = f" for {task.replace('-', ' ')}" if task else ""
    by = ", trained with Sequax" if facts.get("epochs") else ""
    return f"A Keras model{what} with {model['parameters']:,} parameters{by}."


def _loading(model: Model, repo_id: str | None) -> str:
    place = repo_id or "user/name"
    own = sorted({type(layer).__name__ for layer in model.flatten_layers() if not tasks.is_known(layer)})
    objects = f", custom_objects={{{', '.join(f'{one!r}: {one}' for one in own)}}}" if own else ""
    return (
        "## How to load it\n\n```python\nimport sequax\n\n"
        f"model = sequax.from_pretrained({place!r}{objects})\n```\n\n"
        f"or, in Keras, `keras.saving.load_model({'hf://' + place!r}{objects})`."
    )


def _ends(facts: dict[str, Any]) -> str:
    model = facts["model"]
    rows = [("input", text) for text in model["inputs"]] + [("output", text) for text in model["outputs"]]
    return _section("Inputs and outputs", ("", "name: dtype (shape)"), rows)


def _layers(model: Model) -> str:
    rows = [(row.name, row.kind, row.shape, row.params) for row in rows_of(model)]
    rest = [("…", f"{len(rows) - _MOST_LAYERS} more", "", "")] if len(rows) > _MOST_LAYERS else []
    return _section("Layers", ("layer", "kind", "output", "parameters"), [*rows[:_MOST_LAYERS], *rest])


def _training(facts: dict[str, Any]) -> str:
    training = {**facts.get("training", {}), "seed": facts.get("seed"), "seconds": facts.get("seconds")}
    rows = [(name, value) for name, value in run_facts.flat(training).items()]
    for part, data in facts.get("data", {}).items():
        rows += [(f"{part} data: {name}", value) for name, value in run_facts.flat(data or {}).items()]
    return _section("Training", ("setting", "value"), rows)


def _table_of_results(facts: dict[str, Any]) -> str:
    trained, validated = _last(facts, ""), _last(facts, "val_")
    names = [name for name in trained if not name.startswith("val_")]
    rows = [(name, _number(trained[name]), _number(validated.get(name))) for name in names]
    return _section("Results", ("metric", "training", "validation"), rows)


def _history(facts: dict[str, Any]) -> str:
    history, epochs = facts.get("history", {}), facts.get("epochs", [])
    whole = {name: values for name, values in history.items() if len(values) == len(epochs)}
    if len(epochs) < 2 or not whole:
        return ""
    count = len(epochs)
    chosen = sorted({round(i * (count - 1) / (min(count, _MOST_EPOCHS) - 1)) for i in range(min(count, _MOST_EPOCHS))})
    rows = [(epochs[i], *(_number(values[i]) for values in whole.values())) for i in chosen]
    return _section("History", ("epoch", *whole), rows)


def _machine(facts: dict[str, Any]) -> str:
    packages = ", ".join(f"{name} {version}" for name, version in facts["packages"].items())
    devices = ", ".join(f"{count} x {kind}" for kind, count in facts["devices"]["kinds"].items())
    rows = [("Sequax", facts["sequax"]), ("Python", facts["python"]), ("packages", packages), ("devices", devices)]
    return _section("Made with", ("what", "version"), rows)


def _section(title: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    if not rows:
        return ""
    lines = [columns, ["---"] * len(columns), *rows]
    table = "\n".join(f"| {' | '.join(_cell(value) for value in line)} |" for line in lines)
    return f"## {title}\n\n{table}"


def _cell(value: Any) -> str:
    text = _number(value) if isinstance(value, float) else str(value)
    return text.replace("|", "\\|").replace("\n", " ")


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.5g}"
