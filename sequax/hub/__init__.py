"""Models on the Hugging Face Hub: `from_pretrained`, `push_to_hub`, and the card that says what a model is.

Needs the package huggingface_hub, which is imported when one of these is called.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .._lazy import lazily

_NAMES = {"from_pretrained": ".loading", "model_card": ".card", "push_to_hub": ".pushing"}

if TYPE_CHECKING:
    from .card import model_card as model_card
    from .loading import from_pretrained as from_pretrained
    from .pushing import push_to_hub as push_to_hub
else:
    __getattr__, __dir__, __all__ = lazily(__name__, (), _NAMES)
