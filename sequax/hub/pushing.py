"""`push_to_hub`: a model, its card and the report of its run as a repository of the Hugging Face Hub."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path as FilePath
from typing import TYPE_CHECKING, Any

from .._version import __version__
from ..callbacks.run_report import RunReport
from ..core.tracebacks import public
from ..saving import archive, together
from ..utils.messages import announce
from .card import MARK, model_card
from .places import library, place_of

if TYPE_CHECKING:
    from ..model import Model

README, REPORT = "README.md", "run.json"


@public
def push_to_hub(
    model: Model,
    repo_id: str,
    *,
    commit_message: str | None = None,
    private: bool | None = None,
    token: str | bool | None = None,
    revision: str | None = None,
    create_pr: bool = False,
    include_optimizer: bool = True,
    report: RunReport | Mapping[str, Any] | None = None,
    card: str | bool = True,
    endpoint: str | None = None,
    **about: Any,
) -> str:
    """Put a model on the Hugging Face Hub: `config.json`, `model.weights.h5` and a card, which Keras reads, too.

    The repository is made if there is none. All files come in one commit; what an earlier push put there and this one
    has not, such as vocabularies, is removed, and other files stay.

    Args:
        model: built.
        repo_id: `"user/name"`, or `"name"` of the user who is logged in.
        commit_message: default: one that says the versions.
        private: whether a repository that is made now is; default: as the account says.
        token: default: that of `hf auth login`, or `HF_TOKEN`.
        revision: branch to push to; one that is not there is made.
        create_pr: as a pull request.
        include_optimizer: False leaves out the state of the optimizer, which is most of a file.
        report: of the run that trained it, a `RunReport` or its `facts`; goes into the card, and whole into `run.json`.
        card: True writes one, if there is none, or one that an earlier push wrote; a text is put there as it is; False
            leaves the page alone.
        endpoint: address of another hub; default: `HF_ENDPOINT`, or https://huggingface.co.
        **about: for the card: `description`, `task`, `license`, `tags`, `datasets`, `language`, see `model_card`.

    Returns:
        The address of the commit, or of the pull request; of several processes that hold a model together, the first
        pushes, and the others get an empty text.

    Raises:
        ImportError: without huggingface_hub.
        ValueError: for a model that is not built, or a `repo_id` of another form.
    """
    hub = library("push_to_hub")
    place = place_of(repo_id)
    if place.file is not None:
        raise ValueError(f"push_to_hub: expected a repository, 'user/name'. Received: {repo_id!r}")
    if not model.built:
        raise ValueError(f"push_to_hub: model '{model.name}' is not built, so it has no weights to put there.")
    revision = revision or place.revision
    api = hub.HfApi(endpoint, token, "sequax", __version__)
    with together.by_one(model, repo_id) as writes, tempfile.TemporaryDirectory() as folder:
        if not writes:
            return ""
        path = os.path.join(folder, "model")
        archive.save(model, path, include_optimizer, zipped=False)
        if report is not None:
            facts = report.facts if isinstance(report, RunReport) else report
            (FilePath(path) / REPORT).write_text(json.dumps(facts, indent=2, default=str), encoding="utf-8")
        text = card if isinstance(card, str) else model_card(model, place.repo, report=report, **about)
        repo = api.create_repo(place.repo, private=private, exist_ok=True).repo_id
        if revision is not None and not create_pr:
            api.create_branch(repo, branch=revision, exist_ok=True)
        if isinstance(card, str) or (card and _may_write(api, repo, revision)):
            (FilePath(path) / README).write_text(text, encoding="utf-8")
        message = f"Model by Sequax {__version__}, in the format of Keras {archive.KERAS_VERSION}"
        done = api.create_commit(
            repo,
            _operations(hub, path, api.list_repo_files(repo, revision=revision)),
            commit_message=commit_message or message,
            revision=revision,
            create_pr=create_pr,
        )
    address = done.pr_url or done.commit_url
    announce(f"Model '{model.name}' is at {address}. To load it: sequax.from_pretrained({repo!r})")
    return str(address)


def _operations(hub: Any, folder: str, there: list[str]) -> list[Any]:
    """What to add, and what to remove of an earlier model: one commit, so that nobody reads half of each."""
    files = {path.relative_to(folder).as_posix(): path for path in FilePath(folder).rglob("*") if path.is_file()}
    old = [name for name in there if name.startswith("assets/") or name == archive.CHECKSUMS]
    return [
        *(hub.CommitOperationAdd(name, str(path)) for name, path in sorted(files.items())),
        *(hub.CommitOperationDelete(name) for name in old if name not in files),
    ]


def _may_write(api: Any, repo: str, revision: str | None) -> bool:
    """Whether there is no card yet, or one that nobody has made their own."""
    if not api.file_exists(repo, README, revision=revision):
        return True
    path = api.hf_hub_download(repo, README, revision=revision)
    return MARK in FilePath(path).read_text(encoding="utf-8")
