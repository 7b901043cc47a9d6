"""`from_pretrained`: a model from the Hugging Face Hub, or from a folder of such."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from ..core.tracebacks import public
from ..saving import archive, models
from .fetching import fetched, in_folder
from .places import place_of

if TYPE_CHECKING:
    from ..core.types import CustomObjects, Path
    from ..model import Model


@public
def from_pretrained(
    name: Path,
    filename: str | None = None,
    *,
    revision: str | None = None,
    custom_objects: CustomObjects | None = None,
    compile: bool = True,
    token: str | bool | None = None,
    cache_dir: Path | None = None,
    local_files_only: bool = False,
    force_download: bool = False,
    endpoint: str | None = None,
) -> Model:
    """A model that Sequax or Keras has put on the Hugging Face Hub, or one in a folder of such files.

    What is fetched stays in the cache of huggingface_hub. Reading runs no code, as everywhere: see `load_model`.

    Args:
        name: `"user/name"`, or the path of a folder or file.
        filename: a `.keras` or `.h5` file in the repository; default: the model that it is.
        revision: branch, tag or commit; a commit gives the same model at any time.
        custom_objects: own classes and functions by name.
        compile: whether to compile the model as it was.
        token: of a private repository; default: that of `hf auth login` or `HF_TOKEN`.
        cache_dir: default: that of huggingface_hub.
        local_files_only: ask no server; what is in the cache has to do.
        force_download: fetch again what is there.
        endpoint: address of another hub; default: `HF_ENDPOINT`, or https://huggingface.co.

    Raises:
        ImportError: without huggingface_hub.
        MissingFileError: (a FileNotFoundError) if there is no such repository, revision or file.
        LoadError: (a ValueError) if there is no model, or it is refused.
    """
    path = os.fspath(name)
    if os.path.isdir(path) and filename is None:
        found = in_folder(path)
    elif os.path.exists(path):
        found = os.path.join(path, filename) if filename else path
    else:
        place = place_of(path)
        place = place._replace(revision=revision or place.revision, file=filename or place.file)
        options: dict[str, Any] = {
            "token": token,
            "cache_dir": cache_dir,
            "local_files_only": local_files_only,
            "force_download": force_download,
            "endpoint": endpoint,
        }
        found = fetched(place, **options)
    if isinstance(found, str):
        return models.load_model(found, custom_objects, compile)
    return archive.load_from(found, custom_objects, compile)
