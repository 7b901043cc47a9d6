"""`WandB`, `MLflow`, `Aim`: a run in a tracker of experiments, which is imported only when it is used.

`Tracker` says when what is told; a subclass says how. A run is begun before the first epoch, when it is known whether
an earlier run goes on, and ended whatever happens. What goes wrong at the beginning ends `fit` before anything is
trained; what goes wrong later, such as a server that does not answer, is warned of once, and training goes on.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path as FilePath
from typing import TYPE_CHECKING, Any

from ..core.needed import needed
from ..core.state_tree import nested
from ..core.types import Path
from ..core.warning import warn
from . import run_facts
from .base import Callback, Logs
from .tensorboard import UpdateFrequency

if TYPE_CHECKING:
    from ..training.resume import ResumePoint


class Tracker(Callback):
    """Base of the callbacks that tell a tracker of experiments what happens in `fit`.

    Args:
        config: settings of your own, told beside those of the run.
        update_freq: `"epoch"`; or every that many batches the means over the epoch so far, too (`"batch"`: 1).
        save_model: hand the model in as a file, `model.keras`, when training ends.
        artifacts: paths of files and folders that are handed in when training ends, such as those of `ModelCheckpoint`.
    """

    package = ""  # as it is imported
    tells_others = True  # a dry run goes without it

    update_freq: str | int
    save_model: bool

    def __init__(
        self,
        config: Mapping[str, Any] | None = None,
        update_freq: UpdateFrequency = "epoch",
        save_model: bool = False,
        artifacts: Path | Sequence[Path] = (),
    ) -> None:
        super().__init__()
        self.config: dict[str, Any] = dict(config or {})
        given = [artifacts] if isinstance(artifacts, (str, os.PathLike)) else artifacts
        self.artifacts: list[str] = [os.fspath(path) for path in given]
        self.every_steps: int | None = update_freq if isinstance(update_freq, int) else None
        self._facts: dict[str, Any] = {}
        self._id: str | None = None  # of a run that goes on
        self._open = self._failed = self._warned = False
        self._before_epoch = self._done = 0
        _ = self.module  # to say now that it is absent

    @property
    def module(self) -> Any:
        """The package, imported."""
        return needed(self.package, type(self).__name__)

    # What a subclass does

    def begin(self, settings: dict[str, Any], run_id: str | None) -> str | None:
        """Begin a run, or go on with the one of an id; returns its id."""
        raise NotImplementedError

    def tell_batch(self, values: dict[str, float], step: int) -> None:
        """Tell the means over the epoch so far, after so many batches of all epochs."""
        raise NotImplementedError

    def tell_epoch(self, values: dict[str, float], epoch: int, step: int) -> None:
        """Tell the logs of an epoch, counted from 0, and learning rates, after so many batches of all epochs."""
        raise NotImplementedError

    def hand_in(self, path: str) -> None:
        """Keep a file or folder with the run."""
        raise NotImplementedError

    def end(self, failed: bool) -> None:
        """End the run, unless it was there before."""
        raise NotImplementedError

    # When

    def on_train_begin(self, logs: Logs | None = None) -> None:
        self._before_epoch = self._done = 0
        self._id, self._failed, self._warned = None, True, False  # until training has come to its end

    def on_run_begin(self, run: ResumePoint) -> None:
        facts = {**run_facts.of_machine(), **run_facts.of_run(run, self.params)}
        self._facts = {**facts.pop("training"), **facts}

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        if not self._open:
            if self.leads:
                self._id = self.begin({**run_facts.flat(self._facts), **run_facts.flat(self.config)}, self._id)
            self._open = True

    def on_train_chunk_end(self, step: int, logs: Logs | None = None) -> None:
        self._done = step
        total = self._before_epoch + step
        if self.every_steps is not None and total % self.every_steps == 0:
            self._try(self.tell_batch, run_facts.scalars(logs), total)

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        self._before_epoch, self._done = self._before_epoch + self._done, 0
        values = {**run_facts.learning_rates(self.model), **run_facts.scalars(logs)}
        self._try(self.tell_epoch, values, epoch, self._before_epoch)

    def on_train_end(self, logs: Logs | None = None) -> None:
        if self.save_model and self._open:
            with tempfile.TemporaryDirectory() as folder:
                path = os.path.join(folder, "model.keras")
                self.model.save(path)
                self._try(self.hand_in, path)
        for path in self.artifacts if self._open else ():
            self._try(self.hand_in, path)
        self._failed = False

    def on_close(self) -> None:
        if self._open:
            self._open = False
            self._try(self.end, self._failed)

    def state_dict(self) -> dict[str, Any]:
        return {"id": self._id, "batches": self._before_epoch + self._done}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self._id, self._before_epoch, self._done = state["id"], int(state["batches"]), 0

    def _try(self, tell: Callable[..., None], *values: Any) -> None:
        if not self.leads:
            return
        try:
            tell(*values)
        except Exception as error:  # of another package, over a network: training is worth more than its curves
            if not self._warned:
                name = type(self).__name__
                warn(f"{name}: not everything could be told ({type(error).__name__}: {error}); training goes on.")
            self._warned = True


class WandB(Tracker):
    """Tells Weights & Biases what happens in `fit`.

    Names are those of W&B's own callback for Keras: `epoch/loss`, `epoch/val_loss`, `epoch/learning_rate` over
    `epoch/epoch`; `batch/loss` over `batch/batch_step`. The settings of the run are its config.

    Args:
        project: of W&B; default: as its settings say.
        name: of the run.
        config: settings of your own.
        update_freq: `"epoch"`; or every that many batches the means over the epoch so far, too (`"batch"`: 1).
        save_model: hand in the model as an artifact of the type `model` when training ends.
        artifacts: paths of files and folders to hand in then.
        **options: for `wandb.init`: `entity`, `tags`, `group`, `mode="offline"`, ...

    A run that was begun before, by `wandb.init`, is used and left open. Without a network: `WANDB_MODE=offline`.

    Raises:
        ImportError: if W&B is not installed (`pip install wandb`).

    Example:

        model.fit(x, y, callbacks=[WandB("digits", update_freq=10, artifacts="best.keras")])
    """

    project: str | None
    name: str | None
    options: dict[str, Any]
    package = "wandb"

    def __init__(
        self,
        project: str | None = None,
        name: str | None = None,
        config: Mapping[str, Any] | None = None,
        update_freq: UpdateFrequency = "epoch",
        save_model: bool = False,
        artifacts: Path | Sequence[Path] = (),
        **options: Any,
    ) -> None:
        super().__init__(config, update_freq, save_model, artifacts)
        self.project, self.name, self.options = project, name, options
        self._run: Any = None
        self._mine = False

    def begin(self, settings: dict[str, Any], run_id: str | None) -> str | None:
        self._mine = self.module.run is None
        if self._mine:
            continued = {} if run_id is None else {"id": run_id, "resume": "allow"}
            given = {"project": self.project, "name": self.name, **continued, **self.options}
            self._run = self.module.init(**{key: value for key, value in given.items() if value is not None})
        else:
            self._run = self.module.run
        self._run.config.update(nested(settings, "."), allow_val_change=True)
        for kind, axis in (("epoch", "epoch"), ("batch", "batch_step")):
            self._run.define_metric(f"{kind}/{axis}")
            self._run.define_metric(f"{kind}/*", step_metric=f"{kind}/{axis}")
        return self._run.id

    def tell_batch(self, values: dict[str, float], step: int) -> None:
        self._run.log({**{f"batch/{name}": value for name, value in values.items()}, "batch/batch_step": step})

    def tell_epoch(self, values: dict[str, float], epoch: int, step: int) -> None:
        self._run.log({**{f"epoch/{name}": value for name, value in values.items()}, "epoch/epoch": epoch})

    def hand_in(self, path: str) -> None:
        place = FilePath(path)
        kind = "model" if place.suffix in (".keras", ".h5", ".safetensors") else "file"
        artifact = self.module.Artifact(f"run_{self._run.id}_{place.stem}", type=kind)
        artifact.add_dir(path) if place.is_dir() else artifact.add_file(path)
        self._run.log_artifact(artifact)

    def end(self, failed: bool) -> None:
        run, self._run = self._run, None
        if self._mine:
            run.finish(exit_code=int(failed))


class MLflow(Tracker):
    """Tells MLflow what happens in `fit`: `loss`, `val_loss`, `learning_rate` by epoch, `batch_loss` by batch.

    Args:
        experiment: its name; default: the active one.
        run_name: of the run.
        config: settings of your own.
        update_freq: `"epoch"`; or every that many batches the means over the epoch so far, too (`"batch"`: 1).
        save_model: hand in the model as an artifact when training ends.
        artifacts: paths of files and folders to hand in then.
        tracking_uri: a server, or a place for files such as `"sqlite:///mlflow.db"`; default: as MLflow's settings say.
        tags: dict of texts.

    A run that was begun before, by `mlflow.start_run`, is used and left open. The settings of a run are its parameters.

    Raises:
        ImportError: if MLflow is not installed (`pip install mlflow`, or `mlflow-skinny`).

    Example:

        model.fit(x, y, callbacks=[MLflow("digits", save_model=True)])
    """

    experiment: str | None
    run_name: str | None
    tracking_uri: str | None
    package = "mlflow"

    def __init__(
        self,
        experiment: str | None = None,
        run_name: str | None = None,
        config: Mapping[str, Any] | None = None,
        update_freq: UpdateFrequency = "epoch",
        save_model: bool = False,
        artifacts: Path | Sequence[Path] = (),
        tracking_uri: str | None = None,
        tags: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(config, update_freq, save_model, artifacts)
        self.experiment, self.run_name, self.tracking_uri = experiment, run_name, tracking_uri
        self.tags: dict[str, str] = dict(tags or {})
        self._run_id = ""
        self._mine = False

    def begin(self, settings: dict[str, Any], run_id: str | None) -> str | None:
        active = self.module.active_run()
        self._mine = active is None
        if self._mine:
            if self.tracking_uri is not None:
                self.module.set_tracking_uri(self.tracking_uri)
            if self.experiment is not None:
                self.module.set_experiment(self.experiment)
            active = self.module.start_run(run_id=run_id, run_name=self.run_name, tags=self.tags or None)
        self._run_id = active.info.run_id
        if run_id is None:  # parameters of a run are told once
            most = 100  # in one call
            pairs = [(_key(name), str(value)[:6000]) for name, value in settings.items()]
            for begin in range(0, len(pairs), most):
                self.module.log_params(dict(pairs[begin : begin + most]))
        return self._run_id

    def tell_batch(self, values: dict[str, float], step: int) -> None:
        told = {_key(f"batch_{name}"): value for name, value in values.items()}
        self.module.log_metrics(told, step=step, run_id=self._run_id)

    def tell_epoch(self, values: dict[str, float], epoch: int, step: int) -> None:
        told = {_key(name): value for name, value in values.items()}
        self.module.log_metrics(told, step=epoch, run_id=self._run_id)

    def hand_in(self, path: str) -> None:
        if os.path.isdir(path):
            self.module.log_artifacts(path, artifact_path=FilePath(path).name, run_id=self._run_id)
        else:
            self.module.log_artifact(path, run_id=self._run_id)

    def end(self, failed: bool) -> None:
        if self._mine:
            self.module.end_run("FAILED" if failed else "FINISHED")


class Aim(Tracker):
    """Tells Aim what happens in `fit`: `loss` in the contexts `{"subset": "train"}` and `{"subset": "val"}`, as Aim's
    own callback for Keras does; batches under `batch_loss`.

    Args:
        experiment: its name.
        config: settings of your own.
        update_freq: `"epoch"`; or every that many batches the means over the epoch so far, too (`"batch"`: 1).
        artifacts: paths of files to hand in when training ends; needs `artifacts_uri`.
        save_model: hand in the model then; needs `artifacts_uri`.
        repo: folder or address of the repository; default: `.aim` here.
        artifacts_uri: where files go, such as `"file:///data/artifacts"` or `"s3://..."`.
        **options: for `aim.Run`, such as `system_tracking_interval=None`.

    Raises:
        ImportError: if Aim is not installed (`pip install aim`).
        ValueError: for files to hand in without a place for them.

    Example:

        model.fit(x, y, callbacks=[Aim("digits", config={"note": "wider"})])
    """

    experiment: str | None
    artifacts_uri: str | None
    options: dict[str, Any]
    package = "aim"

    def __init__(
        self,
        experiment: str | None = None,
        config: Mapping[str, Any] | None = None,
        update_freq: UpdateFrequency = "epoch",
        save_model: bool = False,
        artifacts: Path | Sequence[Path] = (),
        repo: Path | None = None,
        artifacts_uri: str | None = None,
        **options: Any,
    ) -> None:
        super().__init__(config, update_freq, save_model, artifacts)
        if (save_model or self.artifacts) and artifacts_uri is None:
            raise ValueError("Aim: files are handed in to a place of yours; pass `artifacts_uri='file:///...'`.")
        self.experiment, self.artifacts_uri, self.options = experiment, artifacts_uri, options
        self.repo: str | None = None if repo is None else os.fspath(repo)
        self._run: Any = None

    def begin(self, settings: dict[str, Any], run_id: str | None) -> str | None:
        self._run = self.module.Run(run_hash=run_id, repo=self.repo, experiment=self.experiment, **self.options)
        self._run["hparams"] = nested(settings, ".")
        if self.artifacts_uri is not None:
            self._run.set_artifacts_uri(self.artifacts_uri)
        return self._run.hash

    def tell_batch(self, values: dict[str, float], step: int) -> None:
        for name, value in values.items():
            self._run.track(value, name=f"batch_{name}", step=step, context={"subset": "train"})

    def tell_epoch(self, values: dict[str, float], epoch: int, step: int) -> None:
        for name, value in values.items():
            subset = "val" if name.startswith("val_") else "train"
            shown = name.removeprefix("val_")
            self._run.track(value, name=shown, step=epoch, epoch=epoch, context={"subset": subset})

    def hand_in(self, path: str) -> None:
        self._run.log_artifact(path, name=FilePath(path).name)

    def end(self, failed: bool) -> None:
        run, self._run = self._run, None
        run.close()


def _key(name: str) -> str:
    """A name of the letters that MLflow takes."""
    return "".join(c if c.isalnum() or c in "_-. /" else "_" for c in name)
