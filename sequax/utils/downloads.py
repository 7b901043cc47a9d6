"""`get_file`: files from the network, checked against a hash and kept in the user's cache."""

from __future__ import annotations

import hashlib
import math
import os
import secrets
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Sequence

from .._version import __version__
from ..core.types import Path
from ..core.warning import warn
from .archives import FORMATS, detected, unpack
from .messages import announce
from .progress import Progbar

_SCHEMES = ("http", "https", "ftp", "file")
_HASHES = {"md5": 32, "sha256": 64}  # digits
_ARCHIVE_SUFFIXES = (".tar.gz", ".tar.bz2", ".tar.xz", ".tar", ".tgz", ".zip")
_PART = 2**18
_TIMEOUT = 60  # seconds without a byte


def get_file(
    fname: str | None = None,
    origin: str | None = None,
    untar: bool = False,
    md5_hash: str | None = None,
    file_hash: str | None = None,
    cache_subdir: str = "datasets",
    hash_algorithm: str = "auto",
    extract: bool = False,
    archive_format: str | Sequence[str] | None = "auto",
    cache_dir: Path | None = None,
    force_download: bool = False,
) -> str:
    """The path of a file, which is downloaded unless it is in the cache.

    Nothing that was downloaded is run. A file appears under its name when it is complete and its hash is right, so
    that a download that was cut off leaves nothing behind.

    Args:
        fname: its name in the cache; default: the last part of `origin`.
        origin: where it comes from: http, https, ftp or file.
        untar: the same as `extract`; outdated.
        md5_hash: outdated; `file_hash` with `hash_algorithm="md5"`.
        file_hash: what the file must hash to, in hexadecimal digits. Without one any content is accepted.
        cache_subdir: folder inside of the cache.
        hash_algorithm: `"sha256"`, `"md5"`, or `"auto"`: which of them `file_hash` has the length of.
        extract: unpack the file, an archive, into a folder.
        archive_format: `"tar"`, `"zip"`, a list of them, or `"auto"`: both; None: do not unpack.
        cache_dir: the cache; default: `$KERAS_HOME`, or `~/.keras`, which Keras uses as well.
        force_download: download it even though it is in the cache.

    Returns:
        The path of the file; with `extract` that of the folder, named `fname` without its suffix plus `_extracted`, or
        `fname` if that has no suffix of an archive (then the archive is beside it, `fname` plus `_archive`).

    Raises:
        ValueError: for a wrong hash, names that are paths, and archives that are damaged or not safe to unpack.
        OSError: if the download fails.
    """
    if origin is None:
        raise ValueError('Please specify the "origin" argument (URL of the file to download).')
    if md5_hash is not None and file_hash is None:
        file_hash, hash_algorithm = md5_hash, "md5"
    if untar:
        warn("`get_file(untar=True)` is outdated: write `extract=True`.", DeprecationWarning)
    unpacked = (extract or untar) and archive_format is not None
    algorithm = None if file_hash is None else _algorithm(hash_algorithm, file_hash)
    folder = os.path.join(cache_folder(cache_dir), cache_subdir)
    os.makedirs(folder, exist_ok=True)
    file, result = _places(folder, fname, origin, unpacked)
    fresh = force_download or not _is_cached(file, file_hash, algorithm)
    if fresh:
        announce(f"Downloading data from {origin}")
        _download(origin, file, file_hash, algorithm)
    if unpacked and (fresh or not os.path.exists(result)):
        formats = FORMATS if archive_format == "auto" else _listed(archive_format)
        format = detected(file, formats)
        if format is None:
            raise ValueError(f"{file} is no archive of the formats {tuple(formats)}. Leave `extract` at False for it.")
        unpack(file, result, format)
    return result


def _listed(value: str | Sequence[str] | None) -> tuple[str, ...]:
    return (value,) if isinstance(value, str) else tuple(value or ())


def cache_folder(cache_dir: Path | None = None) -> str:
    """Where `get_file` keeps files: by default where Keras does, too."""
    if cache_dir is not None:
        return os.path.expanduser(os.fspath(cache_dir))
    return os.path.expanduser(os.environ.get("KERAS_HOME") or os.path.join("~", ".keras"))


def _places(folder: str, fname: str | None, origin: str, unpacked: bool) -> tuple[str, str]:
    """Where the file goes, and what `get_file` returns."""
    name = os.fspath(fname) if fname else urllib.parse.unquote(os.path.basename(urllib.parse.urlsplit(origin).path))
    if not name:
        raise ValueError(
            f"Can't parse the file name from the origin provided: {origin!r}. Please specify the `fname` argument."
        )
    if name in (".", "..") or any(separator in name for separator in "/\\\0") or os.path.isabs(name):
        raise ValueError(
            f"Paths are not accepted as the `fname` argument. To specify the file's parent directory, use the"
            f" `cache_dir` and `cache_subdir` arguments. Received: fname={name!r}"
        )
    place = os.path.join(folder, name)
    if not unpacked:
        return place, place
    stem = next((name.removesuffix(suffix) for suffix in _ARCHIVE_SUFFIXES if name.endswith(suffix)), None)
    if fname and stem:
        return place, os.path.join(folder, f"{stem}_extracted")
    return f"{place}_archive", place


def _algorithm(algorithm: str, file_hash: str) -> str:
    if algorithm == "auto":
        algorithm = "sha256" if len(file_hash) == _HASHES["sha256"] else "md5"
    if algorithm not in _HASHES:
        raise ValueError(f"`hash_algorithm` must be 'auto', 'sha256' or 'md5'. Received: {algorithm!r}")
    digits = file_hash.lower()
    if len(digits) != _HASHES[algorithm] or set(digits) - set("0123456789abcdef"):
        raise ValueError(
            f"`file_hash` must be {_HASHES[algorithm]} hexadecimal digits for {algorithm}. Received: {file_hash!r:.80}"
        )
    return algorithm


def _is_cached(file: str, file_hash: str | None, algorithm: str | None) -> bool:
    if not os.path.isfile(file):
        return False
    if file_hash is None or algorithm is None:
        return True
    with open(file, "rb") as content:
        if hashlib.file_digest(content, algorithm).hexdigest() == file_hash.lower():
            return True
    announce(
        f"A local file was found, but it seems to be incomplete or outdated because its {algorithm} hash is not"
        f" {file_hash}, so it is downloaded again: {file}"
    )
    return False


def _download(origin: str, file: str, file_hash: str | None, algorithm: str | None) -> None:
    scheme = urllib.parse.urlsplit(origin).scheme
    if scheme not in _SCHEMES:
        raise ValueError(f"`origin` must be an address of {', '.join(_SCHEMES)}. Received: origin={origin!r}")
    part = os.path.join(os.path.dirname(file), f".{os.path.basename(file)}.{secrets.token_hex(8)}.part")
    try:
        found = _fetch(origin, part, algorithm)
        if file_hash is not None and found != file_hash.lower():
            raise ValueError(
                f"Incomplete or corrupted file detected: what {origin} returned has the {algorithm} hash {found}, which"
                f" does not match the provided value of {file_hash}. It was not kept."
            )
        os.replace(part, file)
    finally:
        if os.path.exists(part):
            os.remove(part)


def _fetch(origin: str, part: str, algorithm: str | None) -> str:
    """Write what `origin` returns, and return its hash."""
    request = urllib.request.Request(origin, headers={"User-Agent": f"Sequax/{__version__}"})
    digest = hashlib.new(algorithm or "sha256")
    try:
        with urllib.request.urlopen(request, timeout=_TIMEOUT) as response, open(part, "xb") as target:
            length = response.headers.get("Content-Length")
            expected = int(length) if length and length.isdigit() else None
            received, bar = 0, Progbar(None if expected is None else math.ceil(expected / 1000), unit_name="kB")
            while content := response.read(_PART):
                target.write(content)
                digest.update(content)
                received += len(content)
                bar.update(received // 1000, finalize=False)
            bar.update(math.ceil(received / 1000), finalize=True)
    except urllib.error.HTTPError as error:
        raise OSError(f"URL fetch failure on {origin}: {error.code} -- {error.reason}") from None
    except (urllib.error.URLError, TimeoutError, ConnectionError) as error:
        raise OSError(f"URL fetch failure on {origin}: {getattr(error, 'reason', error)}") from None
    if expected is not None and received != expected:
        raise OSError(
            f"URL fetch failure on {origin}: the connection ended after {received} of {expected} bytes. Try again."
        )
    return digest.hexdigest()
