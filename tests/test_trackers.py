"""Trackers of experiments, offline: what is told when; and the report of a run."""

import hashlib
import json
import sys
import types
import warnings

import numpy as np
import pytest

import sequax
from sequax import layers
from sequax.callbacks import Aim, BackupAndRestore, Callback, MLflow, RunReport, WandB

X = np.random.default_rng(0).normal(size=(50, 4)).astype("float32")
Y = X[:, :1]


def fit(*callbacks, epochs=2, **arguments):
    sequax.utils.set_random_seed(7)
    model = sequax.Sequential([sequax.Input((4,)), layers.Dense(3, "relu"), layers.Dense(1)])
    model.compile(sequax.optimizers.Adam(0.01), "mse", metrics=["mae"])
    arguments = {"batch_size": 8, "validation_split": 0.2, "verbose": 0, **arguments}
    return model.fit(X, Y, epochs=epochs, callbacks=list(callbacks), **arguments)


class Stopped(Exception):
    pass


class Late(Callback):
    """Breaks a run off when two epochs are done."""

    broken = True

    def on_epoch_begin(self, epoch, logs=None):
        if epoch == 2 and self.broken:
            raise Stopped


# --- fake modules, which write down what they are told ---


class Recorded:
    def __init__(self, calls, name, **values):
        self._calls, self._name = calls, name
        vars(self).update(values)

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)

        def call(*args, **kwargs):
            self._calls.append((f"{self._name}.{name}", args, kwargs))

        return call


@pytest.fixture
def calls(monkeypatch):
    made = []
    config = Recorded(made, "config")

    def init(**options):
        made.append(("init", (), options))
        return Recorded(made, "run", id=options.get("id", "one"), config=config)

    def start_run(**options):
        made.append(("start_run", (), options))
        return types.SimpleNamespace(info=types.SimpleNamespace(run_id=options["run_id"] or "one"))

    class Run(Recorded):
        def __init__(self, **options):
            super().__init__(made, "run", hash=options["run_hash"] or "one")
            made.append(("Run", (), options))

        def __setitem__(self, name, value):
            made.append(("run.set", (name, value), {}))

    wandb = types.ModuleType("wandb")
    wandb.run, wandb.init = None, init
    wandb.Artifact = lambda name, type: Recorded(made, "artifact")
    mlflow = Recorded(made, "mlflow", active_run=lambda: None, start_run=start_run)
    aim = types.ModuleType("aim")
    aim.Run = Run
    for name, module in (("wandb", wandb), ("mlflow", mlflow), ("aim", aim)):
        monkeypatch.setitem(sys.modules, name, module)
    return made


def named(calls, name):
    return [(args, kwargs) for called, args, kwargs in calls if called == name]


def test_what_wandb_is_told(calls):
    history = fit(WandB("project", "name", {"note": 1}, update_freq=2, save_model=True, tags=["a"])).history
    assert named(calls, "init") == [((), {"project": "project", "name": "name", "tags": ["a"]})]
    [((config,), _)] = named(calls, "config.update")
    assert config["batch_size"] == 8 and config["optimizer"]["learning_rate"] == pytest.approx(0.01)
    assert config["seed"] == 7 and config["note"] == 1 and config["data"]["training"]["rows"] == 40
    logged = [args[0] for args, _ in named(calls, "run.log")]
    epochs = [values for values in logged if "epoch/loss" in values]
    assert [values["epoch/val_loss"] for values in epochs] == history["val_loss"]
    assert [values["epoch/epoch"] for values in epochs] == [0, 1]
    assert [values["batch/batch_step"] for values in logged if "batch/loss" in values] == [2, 4, 6, 8, 10]
    assert named(calls, "artifact.add_file")[0][0][0].endswith("model.keras")
    assert calls[-1] == ("run.finish", (), {"exit_code": 0})


def test_what_mlflow_is_told(calls, tmp_path):
    (tmp_path / "notes.txt").write_text("here")
    logger = MLflow("digits", "first", update_freq="batch", artifacts=[tmp_path / "notes.txt", tmp_path])
    history = fit(logger).history
    assert named(calls, "mlflow.set_experiment") == [(("digits",), {})]
    parameters = {key: value for args, _ in named(calls, "mlflow.log_params") for key, value in args[0].items()}
    assert parameters["epochs"] == "2" and len(parameters["data.training.arrays.x.sha256"]) == 64
    told = [(args[0], kwargs["step"]) for args, kwargs in named(calls, "mlflow.log_metrics")]
    assert [values["loss"] for values, _ in told if "loss" in values] == history["loss"]
    assert [step for values, step in told if "batch_loss" in values] == list(range(1, 11))
    assert named(calls, "mlflow.log_artifact")[0][0] == (str(tmp_path / "notes.txt"),)
    assert named(calls, "mlflow.log_artifacts")[0][1]["artifact_path"] == tmp_path.name
    assert calls[-1] == ("mlflow.end_run", ("FINISHED",), {})


def test_what_aim_is_told(calls, tmp_path):
    history = fit(Aim("digits", repo=tmp_path, save_model=True, artifacts_uri="file:///tmp/x")).history
    [(_, options)] = named(calls, "Run")
    assert options == {"run_hash": None, "repo": str(tmp_path), "experiment": "digits"}
    tracked = [(kwargs["name"], kwargs["context"]["subset"], args[0]) for args, kwargs in named(calls, "run.track")]
    assert [value for name, subset, value in tracked if (name, subset) == ("loss", "val")] == history["val_loss"]
    assert ("learning_rate", "train") in {entry[:2] for entry in tracked}
    assert named(calls, "run.log_artifact")[0][1] == {"name": "model.keras"}
    assert calls[-1] == ("run.close", (), {})
    with pytest.raises(ValueError, match="artifacts_uri"):
        Aim(save_model=True)


@pytest.mark.parametrize(
    ("make", "begun", "key"), [(WandB, "init", "id"), (MLflow, "start_run", "run_id"), (Aim, "Run", "run_hash")]
)
def test_a_run_that_goes_on_is_the_same_run(calls, tmp_path, make, begun, key):
    late = Late()
    with pytest.raises(Stopped):
        fit(make(), late, BackupAndRestore(tmp_path), epochs=3)
    assert calls[-1][0].rpartition(".")[2] in ("finish", "end_run", "close")
    assert calls[-1][1:] in (((), {"exit_code": 1}), (("FAILED",), {}), ((), {}))
    assert named(calls, begun)[0][1].get(key) is None
    calls.clear()
    late.broken = False
    fit(make(), late, BackupAndRestore(tmp_path), epochs=3)
    [(_, options)] = named(calls, begun)
    assert options[key] == "one"
    assert not named(calls, "mlflow.log_params")


def test_an_open_run_is_used_and_left_open(calls, monkeypatch):
    import wandb

    monkeypatch.setattr(wandb, "run", Recorded(calls, "run", id="mine", config=Recorded(calls, "config")))
    fit(WandB())
    assert not named(calls, "init") and not named(calls, "run.finish") and named(calls, "run.log")


def test_a_tracker_that_fails_ends_no_training(calls):
    class Broken(WandB):
        def tell_epoch(self, values, epoch, step):
            raise ConnectionError("no route")

    with pytest.warns(UserWarning, match="no route") as told:
        assert len(fit(Broken()).epoch) == 2
    assert len(told) == 1


def test_a_dry_run_tells_nobody(calls):
    fit(WandB(), dry_run=True)
    assert calls == []


@pytest.mark.parametrize("make", [WandB, MLflow, Aim])
def test_an_absent_tracker_is_named(monkeypatch, make):
    monkeypatch.setitem(sys.modules, make.package, None)
    with pytest.raises(ImportError, match=f"{make.__name__} needs {make.package}.*pip install"):
        make()


# --- the packages themselves, where they are installed ---


@pytest.fixture
def quiet(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name, value in (("WANDB_MODE", "offline"), ("WANDB_SILENT", "true"), ("MLFLOW_ALLOW_FILE_STORE", "true")):
        monkeypatch.setenv(name, value)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # theirs, of other packages
        yield tmp_path


def test_wandb_itself(quiet):
    wandb = pytest.importorskip("wandb", reason="W&B is not installed")
    run = wandb.init(project="p")
    history = fit(WandB(update_freq=2)).history
    assert run.summary["epoch/val_loss"] == pytest.approx(history["val_loss"][-1])
    assert run.summary["batch/batch_step"] == 10 and run.config["optimizer"]["class"] == "Adam"
    run.finish()
    fit(WandB("p", save_model=True))
    assert wandb.run is None and len(list(quiet.glob("wandb/offline-run-*/*.wandb"))) == 2


def test_mlflow_itself(quiet):
    mlflow = pytest.importorskip("mlflow", reason="MLflow is not installed")
    logger = MLflow("e", "first", update_freq=2, save_model=True, tracking_uri=(quiet / "runs").as_uri())
    history = fit(logger).history
    client = mlflow.MlflowClient()
    run = client.search_runs([client.get_experiment_by_name("e").experiment_id])[0]
    assert run.info.status == "FINISHED" and run.data.params["optimizer.class"] == "Adam"
    losses = [entry.value for entry in client.get_metric_history(run.info.run_id, "val_loss")]
    assert losses == pytest.approx(history["val_loss"])
    assert [file.path for file in client.list_artifacts(run.info.run_id)] == ["model.keras"]


def test_aim_itself(quiet):
    aim = pytest.importorskip("aim", reason="Aim is not installed")
    options = {"system_tracking_interval": None, "log_system_params": False, "capture_terminal_logs": False}
    fit(Aim("e", repo=quiet, save_model=True, artifacts_uri=(quiet / "files").as_uri(), **options))
    [run] = aim.Repo(str(quiet)).list_all_runs()
    assert (quiet / "files" / run / "model.keras").exists()


# --- the report of a run ---


def test_the_report_of_a_run(tmp_path):
    report = RunReport(tmp_path / "run.json")
    history = fit(report).history
    facts = json.loads((tmp_path / "run.json").read_text())
    assert facts == json.loads(json.dumps(report.facts))
    assert facts["seed"] == 7 and facts["ended"] == "by itself" and facts["epochs"] == [1, 2]
    assert facts["history"] == {name: pytest.approx(values) for name, values in history.items()}
    assert facts["training"]["batch_size"] == 8 and facts["training"]["optimizer"]["class"] == "Adam"
    x = facts["data"]["training"]["arrays"]["x"]
    assert x == {"shape": [40, 4], "dtype": "float32", "sha256": hashlib.sha256(X[:40].tobytes()).hexdigest()}
    assert facts["data"]["validation"]["rows"] == 10 and facts["model"]["parameters"] == 19
    text = str(report)
    assert "## Training" in text and "learning_rate 0.01" in text
    report.save(tmp_path / "run.md")
    assert (tmp_path / "run.md").read_text().startswith("# Report of a run")
    with pytest.raises(ValueError, match="must end with"):
        RunReport("run.txt")


def test_equal_runs_give_equal_facts():
    def facts(**arguments):
        report = RunReport()
        fit(report, **arguments)
        kept = {key: value for key, value in report.facts.items() if key not in ("started", "seconds")}
        kept["model"] = {key: value for key, value in kept["model"].items() if key not in ("name", "inputs", "outputs")}
        return kept

    assert facts() == facts() != facts(batch_size=10)
    stream = facts(validation_split=0.0, validation_data=iter([(X, Y)]), validation_steps=1, epochs=1)
    assert stream["data"]["validation"]["kind"] == "stream"


def test_a_report_of_a_run_that_was_broken_off_and_goes_on(tmp_path):
    late = Late()
    report = RunReport(tmp_path / "run.json")
    with pytest.raises(Stopped):
        fit(report, late, BackupAndRestore(tmp_path / "run"), epochs=4)
    assert json.loads((tmp_path / "run.json").read_text())["ended"] == "was broken off"
    late.broken = False
    again = RunReport()
    history = fit(again, late, BackupAndRestore(tmp_path / "run"), epochs=4).history
    assert again.facts["resumed"] and again.facts["epochs"] == [1, 2, 3, 4]
    assert again.facts["history"]["loss"] == pytest.approx(history["loss"])
