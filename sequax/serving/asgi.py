"""`application`: models behind HTTP, as an ASGI application for any server of such."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, MutableMapping
from contextlib import asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

from .._version import __version__
from . import _needed
from .limits import Limits

try:
    from starlette.applications import Starlette
    from starlette.exceptions import HTTPException
    from starlette.requests import Request
    from starlette.responses import JSONResponse, Response
    from starlette.routing import Route

    from .measures import Measures
    from .requests import Body, Memory
except ImportError as error:
    raise _needed.error(error) from None

from . import kserve, page, rows
from .batching import Batcher
from .refused import Refused, bad, too_large
from .servable import Arrays, Servable, ServedModel, checked_name

if TYPE_CHECKING:
    from ..model import Model

_JSON = ("application/json",)
_JSON_OR_BYTES = ("application/json", "application/octet-stream")
_WHERE = "Look at / for a page, /v2/models/NAME for what a model takes, docs/serving.md for the rest."


def application(
    model: Model | Servable | Mapping[str, Model | Servable],
    name: str | None = None,
    *,
    limits: Limits | None = None,
    together: bool | None = None,
    hosts: Iterable[str] | None = None,
) -> Starlette:
    """An ASGI application that answers with predictions of a model, or of several.

    KServe's protocol, version 2, stands under `/v2`, plain JSON rows under `/v1/models/NAME:predict` (and `/predict`
    where there is one model), metrics for Prometheus under `/metrics`, and a page to try a row under `/`.

    Args:
        model: a model whose inputs are known, what `export.load` gave, or several by name.
        name: of the one model in addresses; None: its own.
        limits: on what the server does at most.
        together: whether rows of several requests may be predicted as one batch; None: where the layers are known to
            leave rows alone, as those of this package do at inference. Say True for layers of your own that do.
        hosts: names by which clients may call the server, without ports; None: any.

    Returns:
        the application. It compiles what it needs when its server starts.

    Raises:
        ValueError: for a model whose inputs nobody knows, and a name that cannot stand in an address.
        ImportError: without Starlette.

    Example: `uvicorn.run(sequax.serving.application(model))`.
    """
    given = model if isinstance(model, Mapping) else {name: model}
    if name is not None and isinstance(model, Mapping):
        raise ValueError("application: several models have their names already; `name` is for one.")
    if not given:
        raise ValueError("application: there is no model.")
    served = [_servable(one, called, together) for called, one in given.items()]
    twice = {one.name for one in served if [other.name for other in served].count(one.name) > 1}
    if twice:
        raise ValueError(f"application: two models are called {sorted(twice)[0]!r}. Give them names: {{name: model}}.")
    return _Service(served, limits or Limits(), None if hosts is None else frozenset(hosts)).application()


def _servable(model: Any, name: str | None, together: bool | None) -> Servable:
    if hasattr(model, "symbolic_inputs"):
        return ServedModel(model, name, together)
    if hasattr(model, "endpoints"):
        from .artifacts import ServedArtifact

        return ServedArtifact(model, name, together)
    if not (hasattr(model, "prepared") and hasattr(model, "run")):
        raise TypeError(f"application: expected a model. Received: {model!r}.")
    if name is not None:
        model.name = checked_name(name)
    if together is not None:
        model.together = together
    return model


class _Service:
    """The endpoints.

    Args:
        models: that are served.
        limits: of the server.
        hosts: names by which it may be called; None: any.
    """

    def __init__(self, models: list[Servable], limits: Limits, hosts: frozenset[str] | None):
        self.limits, self.hosts = limits, hosts
        self.measures, self.memory = Measures(), Memory(limits)
        self.batchers = {one.name: Batcher(one, limits, self.measures) for one in models}
        for name, batcher in self.batchers.items():
            self.measures.watch(name, partial(getattr, batcher, "waiting"))
        self._warming = asyncio.Lock()

    def application(self) -> Starlette:
        read, write = ["GET"], ["POST"]
        routes = [
            *(Route(f"/v2/models/{{model}}{at}/infer", self.infer, methods=write) for at in ("", _VERSION)),
            Route("/v1/models/{model}:predict", self.predict, methods=write),
            Route("/predict", self.predict, methods=write),
            Route("/v2/health/live", self.live, methods=read),
            Route("/v2/health/ready", self.ready, methods=read),
            Route("/v2", self.server, methods=read),
            *(Route(f"/v2/models/{{model}}{at}", self.metadata, methods=read) for at in ("", _VERSION)),
            *(Route(f"/v2/models/{{model}}{at}/ready", self.model_ready, methods=read) for at in ("", _VERSION)),
            Route("/v1/models/{model}", self.status, methods=read),
            Route("/metrics", self.metrics, methods=read),
            Route("/", self.page, methods=read),
            Route("/page.js", self.script, methods=read),
            Route("/page.css", self.style, methods=read),
        ]
        handlers: dict[Any, Callable[..., Any]] = {Refused: _refused, HTTPException: _no_such, Exception: _failed}
        found = Starlette(routes=routes, exception_handlers=handlers, lifespan=self.lifespan)
        found.router.redirect_slashes = False
        found.add_middleware(_Watched, service=self)
        return found

    @asynccontextmanager
    async def lifespan(self, _: Starlette) -> AsyncIterator[None]:
        for batcher in self.batchers.values():
            batcher.closed = False
        self._warming = asyncio.Lock()  # an application may be started again, in another event loop
        await self.warm_up()
        yield
        for batcher in self.batchers.values():
            batcher.closed = True
        for batcher in self.batchers.values():
            await batcher.close()

    async def warm_up(self) -> None:
        """Compile what is not compiled yet. A server calls this before it listens; without one, the first request."""
        async with self._warming:
            for batcher in self.batchers.values():
                if not batcher.ready:
                    await asyncio.to_thread(batcher.warm_up)

    # --- predictions ---

    async def infer(self, request: Request) -> Response:
        batcher = self._batcher(request)
        served = batcher.servable
        with Body(request, self.memory, batcher.most_bytes) as body:
            whole = await body.read(_JSON_OR_BYTES)
            asked = kserve.read(whole, request.headers.get(kserve.HEADER), served.inputs, served.outputs)
            arrays = await self._outputs(batcher, asked.arrays)
        answer, length = kserve.written(asked, served.name, served.outputs, arrays)
        if length is None:
            return Response(answer, media_type="application/json")
        headers = {"Inference-Header-Content-Length": str(length)}
        return Response(answer, headers=headers, media_type="application/octet-stream")

    async def predict(self, request: Request) -> Response:
        batcher = self._batcher(request)
        served = batcher.servable
        with Body(request, self.memory, batcher.most_bytes) as body:
            given, write = rows.read(await body.read(_JSON), served.inputs)
            arrays = await self._outputs(batcher, given)
        return Response(write(served.outputs, arrays), media_type="application/json")

    async def _outputs(self, batcher: Batcher, given: Arrays) -> Arrays:
        if not batcher.ready:
            await self.warm_up()
        served = batcher.servable
        arrays = [port.fitted(array, self.limits.length) for port, array in zip(served.inputs, given, strict=True)]
        count = len(arrays[0])
        if any(len(array) != count for array in arrays):
            sizes = ", ".join(f"{port.name}: {len(array)}" for port, array in zip(served.inputs, arrays, strict=True))
            raise bad(f"All inputs must have as many rows. Received {sizes}.")
        if count > self.limits.rows:
            raise too_large(f"The request has {count} rows. At most {self.limits.rows} are taken at once.")
        fixed = served.inputs[0].shape[0]
        if fixed is not None and not served.together and count != fixed:
            raise bad(f"The model takes {fixed} rows at once, no more and no fewer. Received: {count}.")
        return await batcher.outputs(served.prepared(arrays), count)

    def _batcher(self, request: Request) -> Batcher:
        name = request.path_params.get("model")
        if name is None:
            if len(self.batchers) > 1:
                raise Refused(404, f"There are several models: ask /v1/models/NAME:predict. {self._names}", "unknown")
            return next(iter(self.batchers.values()))
        found = self.batchers.get(name)
        if found is None or request.path_params.get("version", "1") != "1":
            raise Refused(404, f"There is no such model, or not in this version. {self._names}", "unknown")
        return found

    @property
    def _names(self) -> str:
        return f"Models, all in version 1: {', '.join(self.batchers)}."

    # --- what there is ---

    async def live(self, _: Request) -> Response:
        return JSONResponse({"live": True})

    async def ready(self, _: Request) -> Response:
        return _readiness(all(batcher.ready and not batcher.closed for batcher in self.batchers.values()))

    async def model_ready(self, request: Request) -> Response:
        batcher = self._batcher(request)
        return _readiness(batcher.ready and not batcher.closed, {"name": batcher.servable.name})

    async def server(self, _: Request) -> Response:
        return JSONResponse({"name": "sequax", "version": __version__, "extensions": kserve.EXTENSIONS})

    async def metadata(self, request: Request) -> Response:
        served = self._batcher(request).servable
        found: dict[str, Any] = {"name": served.name, "versions": ["1"], "platform": served.platform}
        found["inputs"] = [port.described() for port in served.inputs]
        found["outputs"] = [port.described() for port in served.outputs]
        return JSONResponse(found)

    async def status(self, request: Request) -> Response:
        batcher = self._batcher(request)
        state: dict[str, Any] = {"version": "1", "state": "AVAILABLE" if batcher.ready else "LOADING"}
        state["status"] = {"error_code": "OK", "error_message": ""}
        found = {"name": batcher.servable.name, "ready": batcher.ready, "model_version_status": [state]}
        return JSONResponse(found)

    async def metrics(self, _: Request) -> Response:
        return Response(self.measures.text(), headers={"Content-Type": self.measures.content_type})

    async def page(self, _: Request) -> Response:
        text = page.html([batcher.servable for batcher in self.batchers.values()])
        return Response(text, headers=page.HEADERS, media_type="text/html")

    async def script(self, _: Request) -> Response:
        return Response(page.SCRIPT, headers=page.HEADERS, media_type="text/javascript")

    async def style(self, _: Request) -> Response:
        return Response(page.STYLE, headers=page.HEADERS, media_type="text/css")


_VERSION = "/versions/{version}"


def _readiness(is_ready: bool, also: Mapping[str, Any] | None = None) -> Response:
    headers = {} if is_ready else {"Retry-After": "1"}
    return JSONResponse({**(also or {}), "ready": is_ready}, 200 if is_ready else 503, headers)


# --- answers without a prediction ---


class _Watched:
    """Around all endpoints: measures, and whether the server is called by a name it goes by."""

    def __init__(self, app: Any, service: _Service):
        self.app, self.service = app, service

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        start = time.perf_counter()
        status = 500

        async def noting(message: dict[str, Any]) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        app = self.app if self._is_called_right(scope) else _MISDIRECTED
        try:
            await app(scope, receive, noting)
        finally:
            endpoint = getattr(scope.get("endpoint"), "__name__", "none")
            self.service.measures.request(endpoint, status, time.perf_counter() - start)
            if scope.get("refused"):
                self.service.measures.refused(scope["refused"])

    def _is_called_right(self, scope: dict[str, Any]) -> bool:
        hosts = self.service.hosts
        if hosts is None:
            return True
        given = next((value.decode("latin-1") for key, value in scope["headers"] if key == b"host"), None)
        if given is None:  # a probe; no browser speaks HTTP/1.0, and in 1.1 the name must be there
            return str(scope.get("http_version")) == "1.0"
        return (given if given.endswith("]") else given.rpartition(":")[0] or given).strip("[]").lower() in hosts


def _answer(
    scope: MutableMapping[str, Any], status: int, message: str, reason: str, headers: Mapping[str, str]
) -> Response:
    scope["refused"] = reason
    return JSONResponse({"error": message}, status, dict(headers))


async def _refused(request: Request, error: Refused) -> Response:
    return _answer(request.scope, error.status, error.message, error.reason, error.headers)


async def _no_such(request: Request, error: HTTPException) -> Response:
    headers = error.headers or {}
    if error.status_code == 405:
        message = f"This address takes {', '.join(sorted(headers.get('Allow', 'another method').split(', ')))}."
    else:
        message = "There is nothing at this address."
    return _answer(request.scope, error.status_code, f"{message} {_WHERE}", "unknown", headers)


async def _failed(request: Request, error: Exception) -> Response:
    """The log has the traceback: Starlette raises the error again once this has been sent."""
    return _answer(request.scope, 500, "The server failed. Its log says more.", "failed", {})


async def _misdirected(scope: dict[str, Any], receive: Any, send: Any) -> None:
    message = "This server does not go by the name in the Host header. Who runs it can add names: --allow-host."
    await _answer(scope, 421, message, "host", {})(scope, receive, send)


_MISDIRECTED = _misdirected
