"""Scripts in the manner of ten years of tutorials, run as `sequax run` runs them, to a sensible score."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.test_compat import python

ROOT = Path(__file__).resolve().parents[1]
WILD = ROOT / "tests" / "wild"

# What the last line of each script must reach, as in "score 0.97".
SCORES = {
    "Keras 1 and tf.keras": {
        "k1_airline_lstm": 0.5,
        "k1_digits_cnn": 0.8,
        "k1_generator": 0.9,
        "k1_iris": 0.88,
        "k1_two_inputs": 0.9,
        "k1_xor": 1.0,
        "tf_breast_cancer": 0.92,
        "tf_callback": 0.9,
        "tf_save_load": 0.9,
        "tf_folder": 0.9,
        "tf_text_conv": 0.9,
    },
    "Keras 2": {
        "k2_augment": 0.75,
        "k2_autoencoder": 0.7,
        "k2_crossval": 0.85,
        "k2_custom_layer": 0.9,
        "k2_diabetes": 0.2,
        "k2_digits_mlp": 0.85,
        "k2_gridsearch": 0.8,
        "k2_sentiment": 0.9,
        "k2_timeseries": 0.8,
        "k2_vae": 0.4,
    },
    "nets that learn from nets, agents, text": {
        "kind_attention": 0.9,
        "kind_chars": 0.9,
        "kind_dcgan": 0.6,
        "kind_dqn": 1.0,
        "kind_embeddings": 0.9,
        "kind_gan": 0.6,
        "kind_policy": 0.7,
        "kind_recommender": 0.9,
        "kind_seq2seq": 0.8,
        "kind_siamese": 0.8,
        "kind_stacked_lstm": 0.6,
        "kind_stateful": 0.9,
        "kind_tagger": 0.9,
        "kind_wgan": 0.7,
    },
    "pictures, tables, own parts": {
        "kind_class_weights": 0.6,
        "kind_conv_autoencoder": 0.1,
        "kind_folders": 0.9,
        "kind_gradcam": 0.7,
        "kind_history": 0.8,
        "kind_json_weights": 0.85,
        "kind_kfold": 0.8,
        "kind_metrics": 0.85,
        "kind_rbf_layer": 0.9,
        "kind_resnet": 0.8,
        "kind_sequence": 0.8,
        "kind_two_outputs": 0.65,
        "kind_unet": 0.85,
        "kind_vae_add_loss": 0.4,
        "kind_video": 0.9,
    },
    "tf.data": {
        "tfdata_folder": 0.9,
        "tfdata_generator": 0.9,
        "tfdata_loop": 0.85,
        "tfdata_series": 0.7,
        "tfdata_slices": 0.9,
        "tfdata_table": 0.95,
        "tfdata_text": 0.95,
    },
    "Tapes": {
        "tf2_actor_critic": 0.3,
        "tf2_cycle_gan": 0.8,
        "tf2_dcgan": 0.5,
        "tf2_dqn_tape": 0.8,
        "tf2_distiller": 0.8,
        "tf2_fgsm": 0.7,
        "tf2_grad_cam": 0.7,
        "tf2_linear_regression": 0.9,
        "tf2_loop_classifier": 0.8,
        "tf2_mixture_density": 0.5,
        "tf2_ppo": 2.0,
        "tf2_reinforce": 0.7,
        "tf2_style_transfer": 0.2,
        "tf2_subclass_loop": 0.8,
        "tf2_vae_train_step": 0.7,
        "tf2_wgan_gp": 0.5,
    },
}

# One process for many scripts: most of the time of a short one goes into imports.
RUN = """
import contextlib, io, json, os, sys, tempfile
from sequax import compat, config, utils
from sequax.cli.run import run_script
from sequax.compat import notes
results = {}
folder = tempfile.TemporaryDirectory()  # some write files where they run
os.chdir(folder.name)
for script in sys.argv[1:]:
    utils.clear_session()
    utils.set_random_seed(0)
    config.set_image_data_format("channels_last")
    notes.forget()
    path, arguments, output, errors = list(sys.path), list(sys.argv), io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(output), contextlib.redirect_stderr(errors):
        code = run_script(script)
    sys.path[:], sys.argv[:] = path, arguments
    results[script] = [code, output.getvalue(), errors.getvalue()]
print(json.dumps(results))
"""


def run(names):
    done = python(RUN, *(str(WILD / f"{name}.py") for name in names))
    assert done.returncode == 0, done.stderr
    return {Path(script).stem: result for script, result in json.loads(done.stdout.splitlines()[-1]).items()}


def score_of(output: str) -> float:
    word, number = output.splitlines()[-1].split()
    assert word == "score"
    return float(number)


ALL = {name: least for scores in SCORES.values() for name, least in scores.items()}


@pytest.mark.parametrize(
    "names",
    [
        pytest.param(list(ALL)[::5], id="some of all"),
        *(pytest.param(list(scores), id=style, marks=pytest.mark.long) for style, scores in SCORES.items()),
    ],
)
def test_scripts_reach_a_sensible_score(names):
    results = run(names)
    for name in names:
        code, output, errors = results[name]
        assert code == 0, f"{name}: {errors}"
        assert score_of(output) >= ALL[name], f"{name}: {output}"
        said = errors.splitlines()
        assert len(said) == len(set(said)), f"{name}: a line per spelling\n{errors}"
        assert said or name.startswith(("tfdata_", "tf2_")), name  # not all of these have an old spelling
        assert all(line.startswith("sequax: `") for line in said), f"{name}: {errors}"


def test_every_script_is_run():
    assert {path.stem for path in WILD.glob("*.py")} == {
        "k3_digits",
        *(name for names in SCORES.values() for name in names),
    }


def test_a_script_of_keras_3_gives_the_same_numbers_under_keras():
    pytest.importorskip("keras")
    environment = {**os.environ, "KERAS_BACKEND": "jax"}
    theirs = subprocess.run(
        [sys.executable, str(WILD / "k3_digits.py")], env=environment, capture_output=True, text=True, timeout=200
    )
    assert theirs.returncode == 0, theirs.stderr
    code, ours, errors = run(["k3_digits"])["k3_digits"]
    assert (code, errors) == (0, ""), "today's spellings need no lines"
    assert score_of(ours) > 0.75
    assert abs(score_of(theirs.stdout) - score_of(ours)) < 1e-6
    expected, found = (
        json.loads(next(line for line in output.splitlines() if line.startswith("losses")).removeprefix("losses"))
        for output in (theirs.stdout, ours)
    )
    assert found == pytest.approx(expected, rel=1e-4)
