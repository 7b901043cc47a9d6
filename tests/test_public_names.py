"""The script that counts how many public files find all their names, on a table of its own."""

from __future__ import annotations

from tests.test_compat import python

FILES = {
    "whole.py": "keras.layers.Dense keras.layers.core.Dropout tensorflow.random.set_seed",
    "half.py": "keras.layers.Dense keras.layers.Dens",
    "other.py": "keras.layers.Dens tensorflow.no_such_thing",
}


def count(tmp_path, *options):
    lines = ["group\trepository\tpath\tnames", *(f"users\ta/b\t{path}\t{names}" for path, names in FILES.items())]
    (tmp_path / "names.tsv").write_text("\n".join(lines) + "\n")
    code = "import sys; from tools import public_names; sys.exit(public_names.main())"
    done = python(code, str(tmp_path / "names.tsv"), *options)
    assert done.returncode == 0, done.stderr
    assert done.stderr == "", "old spellings are not commented"
    return done.stdout


def test_files_are_whole_overall_and_by_kind(tmp_path):
    output = count(tmp_path)
    assert "files whole          33.3 %  1 of 3" in output
    assert "in names of keras       33.3 %  1 of 3" in output
    assert "in names of tensorflow  66.7 %  2 of 3" in output
    assert "5 names: 2 unresolved" in output
    assert output.index("2      1  keras.layers.Dens") < output.index("1      0  tensorflow.no_such_thing")


def test_prefixes_are_granted_and_errors_told(tmp_path):
    assert "in names of keras      100.0 %" in count(tmp_path, "--grant", "keras.layers.Dens")
    output = count(tmp_path, "--errors", "--kind", "keras")
    assert "Did you mean 'Dense'" in output and "no_such_thing" not in output
