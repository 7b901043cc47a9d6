"""Chromium by its DevTools protocol, over a pipe: pages are opened, clicked, drawn on, and read."""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
import tempfile
import time
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


def chromium() -> str | None:
    """Where a browser is that can be driven; None if there is none."""
    return next((found for name in NAMES if (found := shutil.which(name))), None)


class Folder:
    """A folder behind HTTP."""

    def __init__(self, folder: Path):
        class Handler(SimpleHTTPRequestHandler):
            def log_message(self, *_: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=str(folder)))
        self.address = f"http://127.0.0.1:{self.server.server_address[1]}"
        self.thread = Thread(target=self.server.serve_forever, daemon=True)
        self.thread.start()

    def __enter__(self) -> Folder:
        return self

    def __exit__(self, *_: Any) -> None:
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


class Browser:
    """One page of a headless browser.

    Attributes:
        requests: addresses that the page asked for.
        complaints: what it wrote as errors, exceptions included.
    """

    def __init__(self, width: int = 1000, height: int = 800):
        self.folder = tempfile.mkdtemp()
        there_read, self.out = os.pipe()
        self.into, there_write = os.pipe()
        # The browser reads commands from descriptor 3 and writes answers to 4.
        command = [
            *(
                "bash",
                "-c",
                f'exec "$@" 3<&{there_read} 4>&{there_write}',
                "bash",
                chromium() or "chromium",
                "--headless",
            ),
            *("--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run", "--remote-debugging-pipe"),
            *(f"--user-data-dir={self.folder}", f"--window-size={width},{height}", "about:blank"),
        ]
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "stdin": subprocess.DEVNULL}
        self.child = subprocess.Popen(command, pass_fds=(there_read, there_write), **quiet)
        os.close(there_read)
        os.close(there_write)
        self.count, self.left, self.session = 0, b"", None
        self.requests: list[str] = []
        self.complaints: list[str] = []
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self.session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Network", "Log"):
            self.call(f"{domain}.enable")

    def __enter__(self) -> Browser:
        return self

    def __exit__(self, *_: Any) -> None:
        self.child.kill()
        self.child.wait()
        os.close(self.into)
        os.close(self.out)
        shutil.rmtree(self.folder, ignore_errors=True)

    def call(self, method: str, **params: Any) -> dict[str, Any]:
        """The answer to a command of the protocol."""
        self.count += 1
        message = {"id": self.count, "method": method, "params": params}
        if self.session is not None:
            message["sessionId"] = self.session
        os.write(self.out, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._read()
            if answer.get("id") == self.count:
                if "error" in answer:
                    raise RuntimeError(f"{method}: {answer['error']}")
                return answer["result"]
            self._note(answer)

    def _read(self) -> dict[str, Any]:
        while b"\0" not in self.left:
            part = os.read(self.into, 1 << 20)
            if not part:
                raise RuntimeError("The browser has gone.")
            self.left += part
        message, _, self.left = self.left.partition(b"\0")
        return json.loads(message)

    def _note(self, event: dict[str, Any]) -> None:
        method, params = event.get("method"), event.get("params", {})
        if method == "Network.requestWillBeSent":
            self.requests.append(params["request"]["url"])
        elif method == "Runtime.exceptionThrown":
            self.complaints.append(json.dumps(params["exceptionDetails"])[:500])
        elif method == "Log.entryAdded" and params["entry"]["level"] == "error":
            self.complaints.append(params["entry"]["text"])

    def run(self, code: str) -> Any:
        """The value of a JavaScript expression; of a promise, what it brings."""
        found = self.call("Runtime.evaluate", expression=code, awaitPromise=True, returnByValue=True)
        if "exceptionDetails" in found:
            raise RuntimeError(json.dumps(found["exceptionDetails"])[:800])
        return found["result"].get("value")

    def open(self, address: str, until: str, seconds: float = 60) -> None:
        """Open a page and wait until an expression is true."""
        self.call("Page.navigate", url=address)
        self.wait(until, seconds)

    def wait(self, until: str, seconds: float = 60) -> None:
        start = time.monotonic()
        condition = f"(() => {{ try {{ return Boolean({until}); }} catch {{ return false; }} }})()"  # no page yet
        while not self.run(condition):
            if time.monotonic() - start > seconds:
                raise TimeoutError(f"{until}: not within {seconds} s. {self.complaints}")
            time.sleep(0.05)

    def mouse(self, kind: str, x: float, y: float, down: bool) -> None:
        self.call(
            "Input.dispatchMouseEvent",
            **{"type": kind, "x": x, "y": y, "buttons": int(down), "clickCount": 1, "button": "left"},
        )

    def stroke(self, points: list[tuple[float, float]]) -> None:
        """Draw a line with the mouse."""
        self.mouse("mousePressed", *points[0], down=True)
        for x, y in points[1:]:
            self.mouse("mouseMoved", x, y, down=True)
        self.mouse("mouseReleased", *points[-1], down=False)

    def finger(self, points: list[tuple[float, float]]) -> None:
        """Draw a line with a finger."""
        for i, (x, y) in enumerate(points):
            kind = "touchMove" if i else "touchStart"
            self.call("Input.dispatchTouchEvent", type=kind, touchPoints=[{"x": x, "y": y}])
        self.call("Input.dispatchTouchEvent", type="touchEnd", touchPoints=[])

    def screen(self, width: int, height: int) -> None:
        """As on a phone of this size."""
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=2, mobile=True)
        self.call("Emulation.setTouchEmulationEnabled", enabled=True)

    def picture(self, path: Path) -> None:
        """Save what is shown as PNG."""
        path.write_bytes(base64.b64decode(self.call("Page.captureScreenshot", format="png")["data"]))
