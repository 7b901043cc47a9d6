"""`RemoteMonitor`: sends the results of each epoch to a server."""

from __future__ import annotations

import json
import sys
import threading
import urllib.parse
import urllib.request
from importlib.util import find_spec
from typing import Any

import numpy as np

from ..core.warning import warn
from .base import Callback, Logs

# A server that hangs must not hold up training.
_TIMEOUT_SECONDS = 10


class RemoteMonitor(Callback):
    """Sends `{"epoch": ..., "loss": ..., ...}` by HTTP POST after each epoch. A server that fails gives a warning.

    It is sent by `requests`, whose settings (proxies, certificates, `.netrc`) then count, or by the standard library
    where that is not installed. Training waits for ten seconds at most.

    Args:
        root: address of the server, `http://` or `https://`.
        path: appended to `root`.
        field: name of the form field that holds the JSON text.
        headers: dict of HTTP headers to send along.
        send_as_json: the JSON text is the body itself, not a field of a form.

    Raises:
        ValueError: for an address that is not of the web.

    Example:

        model.fit(x, y, callbacks=[RemoteMonitor("http://localhost:9000", send_as_json=True)])
    """

    root: str
    path: str
    field: str
    headers: dict[str, str] | None
    send_as_json: bool

    def __init__(
        self,
        root: str = "http://localhost:9000",
        path: str = "/publish/epoch/end/",
        field: str = "data",
        headers: dict[str, str] | None = None,
        send_as_json: bool = False,
    ) -> None:
        super().__init__()
        if urllib.parse.urlsplit(root).scheme not in ("http", "https"):
            raise ValueError(f"RemoteMonitor: `root` must begin with http:// or https://. Received: root={root!r}")
        self.root, self.path, self.field = root, path, field
        self.headers, self.send_as_json = headers, send_as_json

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        if not self.leads:
            return
        results = {"epoch": epoch, **{name: _plain(value) for name, value in (logs or {}).items()}}
        failure: list[Any] = [f"no answer within {_TIMEOUT_SECONDS} seconds"]

        def send() -> None:
            try:
                (_by_requests if _has_requests() else _by_urllib)(self, results)
                failure.clear()
            except OSError as error:  # among them all of urllib's and of requests'
                failure[:] = [str(error)]
                getattr(error, "close", lambda: None)()  # urllib's hold their connection

        thread = threading.Thread(target=send, daemon=True)
        thread.start()
        thread.join(_TIMEOUT_SECONDS)
        if failure:
            warn(f"RemoteMonitor: could not send epoch {epoch} to {self.root}: {failure[0]}.")


def _has_requests() -> bool:
    return "requests" in sys.modules or find_spec("requests") is not None


def _by_requests(monitor: RemoteMonitor, results: dict[str, Any]) -> None:
    import requests

    if monitor.send_as_json:
        answer = requests.post(monitor.root + monitor.path, json=results, headers=monitor.headers)
    else:
        form = {monitor.field: json.dumps(results)}
        answer = requests.post(monitor.root + monitor.path, form, headers=monitor.headers)
    answer.raise_for_status()


def _by_urllib(monitor: RemoteMonitor, results: dict[str, Any]) -> None:
    text = json.dumps(results)
    body = text if monitor.send_as_json else urllib.parse.urlencode({monitor.field: text})
    kind = "application/json" if monitor.send_as_json else "application/x-www-form-urlencoded"
    headers = {"Content-Type": kind, **(monitor.headers or {})}
    request = urllib.request.Request(monitor.root + monitor.path, body.encode(), headers, method="POST")
    urllib.request.urlopen(request, timeout=_TIMEOUT_SECONDS).close()


def _plain(value: object) -> object:
    if isinstance(value, (np.ndarray, np.generic)):
        return value.item() if value.size == 1 else value.tolist()
    return value
