"""Downloads and archives: checked, whole or absent, and never outside of their folder."""

from __future__ import annotations

import hashlib
import io
import os
import tarfile
import threading
import zipfile
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

import sequax
from sequax.utils import archives

CONTENT = b"hello " * 1000
SHA256, MD5 = hashlib.sha256(CONTENT).hexdigest(), hashlib.md5(CONTENT).hexdigest()


@pytest.fixture
def origin(tmp_path):
    """A folder that files come from, and the cache, which is empty."""
    folder = tmp_path / "origin"
    folder.mkdir()
    (folder / "a.txt").write_bytes(CONTENT)
    return folder


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "datasets"


def names(folder):
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*"))


def make_tar(path, *members, mode="w:gz"):
    with tarfile.open(path, mode) as archive:
        for name, content, kind, target in members:
            info = tarfile.TarInfo(name)
            info.type, info.linkname, info.size = kind, target, len(content)
            archive.addfile(info, io.BytesIO(content))
    return path


def file(name, content=b"x"):
    return name, content, tarfile.REGTYPE, ""


def link(name, target, kind=tarfile.SYMTYPE):
    return name, b"", kind, target


# --- downloads ---


def test_files_are_downloaded_once(origin, cache, capsys):
    path = sequax.utils.get_file(origin=(origin / "a.txt").as_uri())
    assert path == str(cache / "a.txt")
    assert (cache / "a.txt").read_bytes() == CONTENT
    assert "Downloading data from file:" in capsys.readouterr().out
    (origin / "a.txt").unlink()
    assert sequax.utils.get_file(origin=(origin / "a.txt").as_uri()) == path
    assert capsys.readouterr().out == ""
    with pytest.raises(OSError, match="URL fetch failure"):
        sequax.utils.get_file(origin=(origin / "a.txt").as_uri(), force_download=True)
    assert (cache / "a.txt").read_bytes() == CONTENT
    assert names(cache) == ["a.txt"]


@pytest.mark.parametrize(
    "options",
    [
        {"file_hash": SHA256},
        {"file_hash": MD5.upper()},
        {"file_hash": MD5, "hash_algorithm": "md5"},
        {"file_hash": SHA256, "hash_algorithm": "sha256"},
        {"md5_hash": MD5},
    ],
)
def test_hashes_are_checked(options, origin, cache):
    uri = (origin / "a.txt").as_uri()
    sequax.utils.get_file("b.txt", uri, **options)
    (cache / "b.txt").write_bytes(b"changed since")
    sequax.utils.get_file("b.txt", uri, **options)
    assert (cache / "b.txt").read_bytes() == CONTENT
    (origin / "a.txt").write_bytes(b"other")
    with pytest.raises(ValueError, match="Incomplete or corrupted file detected"):
        sequax.utils.get_file("c.txt", uri, **options)
    assert names(cache) == ["b.txt"]


def test_places_in_the_cache(origin, cache, tmp_path):
    uri = (origin / "a.txt").as_uri()
    assert sequax.utils.get_file(origin=uri, cache_subdir="q/w") == str(cache.parent / "q" / "w" / "a.txt")
    assert sequax.utils.get_file(origin=uri, cache_dir=tmp_path / "own") == str(tmp_path / "own" / "datasets" / "a.txt")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, 'specify the "origin" argument'),
        ({"origin": "http://example.org/"}, "Can't parse the file name"),
        ({"origin": "file:///x", "fname": "../x"}, "Paths are not accepted"),
        ({"origin": "file:///x", "fname": "/etc/x"}, "Paths are not accepted"),
        ({"origin": "file:///x/..%2Fy"}, "Paths are not accepted"),
        ({"origin": "file:///x", "file_hash": "abc"}, "must be 32 hexadecimal digits"),
        ({"origin": "file:///x", "file_hash": SHA256, "hash_algorithm": "sha1"}, "'auto', 'sha256' or 'md5'"),
        ({"origin": "data:,x", "fname": "x"}, "must be an address of http"),
    ],
)
def test_downloads_refused(options, message, cache):
    with pytest.raises(ValueError, match=message):
        sequax.utils.get_file(**options)


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        if self.path != "/whole" and self.path != "/cut":
            return self.send_error(404)
        self.send_response(200)
        self.send_header("Content-Length", str(len(CONTENT)))
        self.end_headers()
        self.wfile.write(CONTENT if self.path == "/whole" else CONTENT[:100])

    def log_message(self, *args):
        pass


@pytest.fixture
def server():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_downloads_over_http(server, cache, capsys):
    path = sequax.utils.get_file(origin=f"{server}/whole", file_hash=SHA256)
    assert Path(path).read_bytes() == CONTENT
    assert "6/6" in capsys.readouterr().out  # kilobytes
    with pytest.raises(OSError, match="404"):
        sequax.utils.get_file(origin=f"{server}/missing")
    with pytest.raises(OSError, match="ended after 100 of 6000 bytes"):
        sequax.utils.get_file(origin=f"{server}/cut")
    assert names(cache) == ["whole"]


# --- archives ---


@pytest.mark.parametrize("name", ["arc.tar.gz", "arc.tar.bz2", "arc.tar", "arc.zip", None, "plain"])
def test_archives_are_unpacked_where_keras_does(name, origin, cache, keras, monkeypatch, tmp_path):
    packed = origin / ("arc.zip" if name in ("arc.zip", None, "plain") else name)
    if packed.suffix == ".zip":
        with zipfile.ZipFile(packed, "w") as archive:
            archive.writestr("d/x.txt", "x")
            archive.writestr("d/sub/y.txt", "y")
    else:
        mode = {"arc.tar.gz": "w:gz", "arc.tar.bz2": "w:bz2", "arc.tar": "w"}[packed.name]
        make_tar(packed, file("d/x.txt"), file("d/sub/y.txt", b"y"), mode=mode)
    (tmp_path / "keras").mkdir()
    expected = keras.utils.get_file(name, packed.as_uri(), extract=True, cache_dir=str(tmp_path / "keras"))
    found = sequax.utils.get_file(name, packed.as_uri(), extract=True)
    assert os.path.relpath(found, cache) == os.path.relpath(expected, tmp_path / "keras" / "datasets")
    assert names(cache) == names(tmp_path / "keras" / "datasets")
    assert (Path(found) / "d" / "sub" / "y.txt").read_text() == "y"


def test_unpacked_folders_stay(origin, cache):
    packed = make_tar(origin / "arc.tar.gz", file("x.txt"))
    folder = sequax.utils.get_file("arc.tar.gz", packed.as_uri(), extract=True)
    mark = cache / "arc_extracted" / "mark"
    mark.touch()
    sequax.utils.get_file("arc.tar.gz", packed.as_uri(), extract=True)
    assert mark.exists()
    sequax.utils.get_file("arc.tar.gz", packed.as_uri(), extract=True, force_download=True)
    assert os.listdir(folder) == ["x.txt"]
    with pytest.warns(DeprecationWarning, match="extract=True"):
        assert sequax.utils.get_file("arc.tar.gz", packed.as_uri(), untar=True) == folder


def test_what_is_no_archive_is_refused(origin, cache):
    with pytest.raises(ValueError, match="is no archive of the formats"):
        sequax.utils.get_file("a", (origin / "a.txt").as_uri(), extract=True)
    packed = make_tar(origin / "arc.tar.gz", file("x.txt"))
    with pytest.raises(ValueError, match="is no archive of the formats"):
        sequax.utils.get_file("b", packed.as_uri(), extract=True, archive_format="zip")
    with pytest.raises(NotImplementedError, match="rar"):
        sequax.utils.get_file("c", packed.as_uri(), extract=True, archive_format="rar")
    assert sequax.utils.get_file("d", packed.as_uri(), extract=True, archive_format=None) == str(cache / "d")


UNSAFE = {
    "absolute": [file("/tmp/x")],
    "above": [file("a/../../x")],
    "windows drive": [file("C:/x")],
    "windows above": [file("..\\x")],
    "link outside": [link("a", "../../x")],
    "absolute link": [link("a", "/etc")],
    "through a link": [link("a", "/etc"), file("a/x")],
    "hard link outside": [link("a", "../x", tarfile.LNKTYPE)],
    "hard link to nothing": [link("a", "b", tarfile.LNKTYPE)],
    "links that join to lead outside": [file("b/x"), link("a", "c/b/../.."), link("c", ".")],
    "device": [link("a", "", tarfile.CHRTYPE)],
    "fifo": [link("a", "", tarfile.FIFOTYPE)],
}


@pytest.mark.parametrize("case", UNSAFE)
def test_unsafe_archives_leave_nothing(case, tmp_path):
    packed = make_tar(tmp_path / "arc.tar.gz", file("fine.txt"), *UNSAFE[case])
    with pytest.raises(archives.UnsafeArchiveError):
        archives.unpack(str(packed), str(tmp_path / "out"), "tar")
    assert names(tmp_path) == ["arc.tar.gz"]
    assert not (tmp_path.parent / "x").exists()


def test_links_inside_are_made(tmp_path):
    members = [link("d/up", "../x.txt"), file("x.txt", b"text"), link("same", "x.txt", tarfile.LNKTYPE)]
    packed = make_tar(tmp_path / "arc.tar.gz", *members)
    archives.unpack(str(packed), str(tmp_path / "out"), "tar")
    assert (tmp_path / "out" / "d" / "up").read_bytes() == b"text"
    assert (tmp_path / "out" / "same").read_bytes() == b"text"
    assert not (tmp_path / "out" / "same").is_symlink()


def test_zips_are_checked_as_well(tmp_path):
    for name, mode in (("../x", 0), ("/x", 0), ("fifo", 0o010644)):
        with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
            info = zipfile.ZipInfo(name)
            info.external_attr = mode << 16
            archive.writestr(info, "x")
        with pytest.raises(archives.UnsafeArchiveError):
            archives.unpack(str(tmp_path / "a.zip"), str(tmp_path / "out"), "zip")
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        info = zipfile.ZipInfo("link")
        info.external_attr = 0o120777 << 16
        archive.writestr(info, "../../etc")
    with pytest.raises(archives.UnsafeArchiveError, match="links"):
        archives.unpack(str(tmp_path / "a.zip"), str(tmp_path / "out"), "zip")
    assert names(tmp_path) == ["a.zip"]


def test_archives_that_unpack_to_too_much_are_refused(tmp_path):
    packed = make_tar(tmp_path / "arc.tar.gz", file("zeros", bytes(100_000)))
    with pytest.raises(archives.UnsafeArchiveError, match="more than 50,000 bytes"):
        archives.unpack(str(packed), str(tmp_path / "out"), "tar", limit=50_000)
    many = make_tar(tmp_path / "many.tar.gz", *(file(f"{i}", b"") for i in range(100)))
    with pytest.raises(archives.UnsafeArchiveError, match="more than 50,000 bytes"):
        archives.unpack(str(many), str(tmp_path / "out"), "tar", limit=50_000)
    assert names(tmp_path) == ["arc.tar.gz", "many.tar.gz"]


def test_damaged_archives_are_refused(tmp_path):
    packed = make_tar(tmp_path / "arc.tar.gz", file("x", os.urandom(5000)))
    packed.write_bytes(packed.read_bytes()[:3000])
    with pytest.raises(ValueError, match="cannot be unpacked"):
        archives.unpack(str(packed), str(tmp_path / "out"), "tar")
    conflict = make_tar(tmp_path / "conflict.tar.gz", file("x"), file("x/y"))
    with pytest.raises(ValueError, match="cannot be unpacked"):
        archives.unpack(str(conflict), str(tmp_path / "out"), "tar")
    assert not (tmp_path / "out").exists()
