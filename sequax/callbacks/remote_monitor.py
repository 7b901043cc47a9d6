"""`RemoteMonitor`: sends the results of each epoch to a server."""

from __future__ import annotations

import json
import urllib.error
import urllib.parse
import urllib.request
import warnings
from typing import Any

import numpy as np

from sequax.callbacks.base import Callback, Logs

# A server that hangs must not hold up training.
_TIMEOUT_SECONDS = 10


class RemoteMonitor(Callback):
    """Sends `{"epoch": ..., "loss": ..., ...}` by HTTP POST after each epoch. A server that fails gives a warning.

    Args:
        root: address of the server, `http://` or `https://`.
        path: appended to `root`.
        field: name of the form field that holds the JSON text.
        headers: dict of HTTP headers to send along.
        send_as_json: the JSON text is the body itself, not a field of a form.

    Raises:
        ValueError: for an address that is not of the web.
    """

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
        text = json.dumps({"epoch": epoch, **{name: _plain(value) for name, value in (logs or {}).items()}})
        body = text if self.send_as_json else urllib.parse.urlencode({self.field: text})
        kind = "application/json" if self.send_as_json else "application/x-www-form-urlencoded"
        request = urllib.request.Request(
            self.root + self.path, body.encode(), {"Content-Type": kind, **(self.headers or {})}, method="POST"
        )
        try:
            urllib.request.urlopen(request, timeout=_TIMEOUT_SECONDS).close()
        except OSError as error:  # among them all of urllib's
            warnings.warn(f"RemoteMonitor: could not send epoch {epoch} to {self.root}: {error}.", stacklevel=2)


def _plain(value: Any) -> Any:
    return value.tolist() if isinstance(value, (np.ndarray, np.generic)) else value
