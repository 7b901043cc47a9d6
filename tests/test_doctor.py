"""`sequax doctor` tells what there is, hides what is nobody's business, and goes on where a part is broken."""

from __future__ import annotations

import json

import pytest

from sequax.cli import doctor, main


def test_the_report_names_versions_devices_cache_and_trains(capsys):
    assert main(["doctor"]) == 0
    text = capsys.readouterr().out
    for word in ("sequax", "jax ", "devices", "cpu", "cache", "threads", "settings", "a small model trains", "[plot]"):
        assert word in text
    assert not any(f"[{extra}]" in text for extra in ("dev", "docs", "mutants"))  # of use to developers of this package


def test_json_is_json(capsys):
    assert main(["doctor", "--json", "--quick"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["devices"]["backend"] == "cpu" and found["packages"]["jax"] and found["trains"] == {}


def test_a_block_for_an_issue(capsys):
    assert main(["doctor", "--issue", "--quick"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "```text" and lines[-1] == "```"


def test_secrets_and_the_home_folder_are_left_out(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("SEQUAX_API_TOKEN", "very secret")
    monkeypatch.setenv("JAX_THING", f"{tmp_path}/folder")
    monkeypatch.setenv("SOMETHING_ELSE", "private")
    environment = doctor.examine(train=False)["environment"]
    assert environment["SEQUAX_API_TOKEN"] == "(set)" and environment["JAX_THING"] == "~/folder"
    assert "SOMETHING_ELSE" not in environment


def test_a_broken_part_does_not_hide_the_others(monkeypatch, capsys):
    import jax

    def broken():
        raise RuntimeError("no such device")

    monkeypatch.setattr(jax, "devices", broken)
    doctor.doctor(train=False)
    text = capsys.readouterr().out
    assert "ERROR RuntimeError: no such device" in text and "settings" in text


def test_a_model_that_does_not_train_is_the_exit_code(monkeypatch, capsys):
    from sequax.model import Model

    def broken(*args, **kwargs):
        raise RuntimeError("does not compile")

    monkeypatch.setattr(Model, "fit", broken)
    assert main(["doctor"]) == 1
    text = capsys.readouterr().out
    assert "FAILED: RuntimeError: does not compile" in text and "belongs into an issue" in text


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"packages": {"jax": "1", "optax": None}}, "Not installed: optax"),
        ({"cache": {"folder": None}}, "not kept on disk"),
        ({"trains": {"works": False}}, "does not train"),
    ],
)
def test_hints(change, words):
    found = {"packages": {}, "devices": {"backend": "cpu"}, "cache": {"folder": "~/x"}, "trains": {"works": True}}
    assert any(words in hint for hint in doctor.hints({**found, **change}))


def test_a_gpu_that_jax_does_not_use_is_told(monkeypatch):
    monkeypatch.setattr(doctor, "has_nvidia", lambda: True)
    found = {"packages": {}, "devices": {"backend": "cpu"}, "cache": {"folder": "~/x"}, "trains": {}}
    assert any("NVIDIA" in hint for hint in doctor.hints(found))
    assert not any("NVIDIA" in hint for hint in doctor.hints({**found, "devices": {"backend": "gpu"}}))
