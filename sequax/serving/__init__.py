"""`sequax.serving`: models behind HTTP, by KServe's protocol (v2) or plain JSON rows; see docs/serving.md.

Needs `pip install 'sequax[serve]'`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .._lazy import lazily

_NAMES = {"Limits": ".limits", "application": ".asgi", "serve": ".server"}

if TYPE_CHECKING:  # the same for type checkers and editors
    from .asgi import application as application
    from .limits import Limits as Limits
    from .server import serve as serve
else:
    __getattr__, __dir__, __all__ = lazily(__name__, (), _NAMES)
