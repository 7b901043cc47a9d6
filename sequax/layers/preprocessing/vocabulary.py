"""`Vocabulary`: tokens and their indices, given or learned by counting."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Sequence
from itertools import repeat
from pathlib import Path
from typing import Any

import numpy as np

DROPPED = -2  # index of a mask token where masks have no index of their own: counted nowhere
_UNKNOWN = -1


class Vocabulary:
    """Tokens by index: the mask token, the slots for unknown tokens, then the tokens themselves.

    Tokens are `bytes` (UTF-8) or whole numbers. Learned tokens are ordered by how often they occur, the most frequent
    first, and among equally frequent ones from the largest to the smallest, as TensorFlow orders them.

    Args:
        owner: name for messages.
        mask: the token that stands for "nothing here", or None.
        unknown: what stands for unknown tokens in a list of all tokens.
        unknown_slots: number of indices for unknown tokens; several share them by `bucket`.
        mask_slot: whether the mask has index 0; otherwise it is dropped.
        limit: of the number of all indices, or None.
        bucket: unknown tokens to numbers below `unknown_slots`.
    """

    owner: str
    mask: Hashable
    unknown: Hashable
    unknown_slots: int
    mask_slot: bool
    limit: int | None
    bucket: Callable[[Sequence[Any]], np.ndarray] | None

    def __init__(
        self,
        owner: str,
        mask: Hashable,
        unknown: Hashable,
        unknown_slots: int,
        mask_slot: bool,
        limit: int | None,
        bucket: Callable[[Sequence[Any]], np.ndarray] | None = None,
    ):
        self.owner, self.mask, self.unknown, self.unknown_slots = owner, mask, unknown, unknown_slots
        self.mask_slot, self.limit, self.bucket = mask_slot and mask is not None, limit, bucket
        self.tokens: list[Any] | None = None
        self.weights: np.ndarray | None = None  # inverse document frequencies by index
        self._table: dict[Any, int] = {}
        self.forget_counts()

    @property
    def specials(self) -> list[Any]:
        return [self.mask] * self.mask_slot + [self.unknown] * self.unknown_slots

    def __len__(self) -> int:
        return len(self.specials) + len(self.tokens or ())

    # --- given tokens ---

    def set(self, given: Sequence[Any], weights: Sequence[float] | np.ndarray | None = None) -> None:
        """Take tokens, with or without the special ones in front, and their weights.

        Raises:
            ValueError: for no tokens, repeated ones, the mask among them, too many, or another number of weights.
        """
        specials, tokens = self.specials, list(given)
        if not tokens:
            raise ValueError(f"{self.owner}: cannot set an empty vocabulary. Received: vocabulary=[]")
        if weights is not None and len(weights) != len(tokens):
            raise ValueError(
                f"{self.owner}: `idf_weights` must be the same length as vocabulary. len(idf_weights) is"
                f" {len(weights)}; len(vocabulary) is {len(tokens)}"
            )
        leading = len(specials) if specials and tokens[: len(specials)] == specials else 0
        tokens = tokens[leading:]
        repeated = [token for token, number in Counter(tokens).items() if number > 1]
        if repeated:
            raise ValueError(
                f"{self.owner}: the passed vocabulary has at least one repeated term. The repeated terms are:"
                f" {[_shown(t) for t in repeated[:10]]}. Keep one of each, e.g. with list(dict.fromkeys(vocabulary))."
            )
        if self.mask is not None and self.mask in tokens:
            raise ValueError(
                f"{self.owner}: found the mask token {_shown(self.mask)!r} at index {leading + tokens.index(self.mask)}"
                f" of `vocabulary`. Leave the mask and unknown tokens out, or begin with exactly"
                f" {[_shown(t) for t in specials]}."
            )
        if self.limit is not None and len(specials) + len(tokens) > self.limit:
            raise ValueError(
                f"{self.owner}: attempted to set a vocabulary larger than the maximum vocab size. Received vocabulary"
                f" size is {len(specials) + len(tokens)} (with {len(specials)} special tokens); `max_tokens` is"
                f" {self.limit}."
            )
        self._take(tokens, None if weights is None else np.asarray(weights, np.float32), leading)

    def _take(self, tokens: list[Any], weights: np.ndarray | None, leading: int = 0) -> None:
        """Tokens without the special ones; `weights` begin with `leading` weights of special ones."""
        self.tokens = tokens
        first = len(self.specials)
        self._table = {token: first + i for i, token in enumerate(tokens)}
        if self.mask is not None:
            self._table[self.mask] = 0 if self.mask_slot else DROPPED
        if weights is not None:
            own = weights[leading:]
            front = weights[:leading] if leading else np.full(first, own.mean() if own.size else 0, np.float32)
            weights = np.concatenate([front, own]).astype(np.float32)
        self.weights = weights

    # --- learned tokens ---

    def forget_counts(self) -> None:
        self._counts: Counter[Any] = Counter()
        self._documents: Counter[Any] = Counter()
        self._rows = 0

    def count(self, tokens: Iterable[Any]) -> None:
        self._counts.update(tokens)

    def count_documents(self, documents: Iterable[Iterable[Any]]) -> None:
        """Count in how many documents each token occurs."""
        for document in documents:
            self._documents.update(set(document))
            self._rows += 1

    def learn(self, weigh: bool) -> None:
        """Take the most frequent tokens that were counted; with `weigh`, `ln(1 + documents / (1 + documents with it))`
        as their weights."""
        if not self._counts:
            return
        counted = [item for item in self._counts.items() if item[0] not in (self.mask, self.unknown)]
        counted.sort(key=lambda item: (item[1], item[0]), reverse=True)
        room = None if self.limit is None else max(0, self.limit - len(self.specials))
        tokens = [token for token, _ in counted[:room]]
        weights = None
        if weigh:
            found = np.array([self._documents[token] for token in tokens], np.float64)
            weights = np.log(1 + self._rows / (1 + found)).astype(np.float32)
        self._take(tokens, weights)

    # --- indices ---

    def index(self, tokens: Sequence[Any]) -> np.ndarray:
        """The index of each token, int64; `DROPPED` for a mask without a slot.

        Raises:
            RuntimeError: if there are no tokens yet.
            ValueError: for unknown tokens without a slot for them.
        """
        if self.tokens is None:
            raise RuntimeError(
                f"{self.owner} has no vocabulary yet. Call `adapt(data)`, `set_vocabulary(tokens)`, or pass"
                f" `vocabulary=` to the layer."
            )
        found = np.fromiter(map(self._table.get, tokens, repeat(_UNKNOWN)), np.int64, len(tokens))
        if self.unknown_slots == 1:
            found[found == _UNKNOWN] = int(self.mask_slot)
            return found
        unknown = np.flatnonzero(found == _UNKNOWN).tolist()
        if unknown:
            found[unknown] = int(self.mask_slot) + self._buckets([tokens[i] for i in unknown])
        return found

    def _buckets(self, tokens: list[Any]) -> np.ndarray:
        distinct = list(dict.fromkeys(tokens))
        if not self.unknown_slots or self.bucket is None:
            raise ValueError(
                f"{self.owner}: when `num_oov_indices=0` all inputs should be in the vocabulary. Found"
                f" {[_shown(t) for t in distinct[:5]]}. Consider `num_oov_indices=1`."
            )
        places = dict(zip(distinct, np.asarray(self.bucket(distinct)).tolist(), strict=True))
        return np.array([places[token] for token in tokens], np.int64)

    def lookup(self, indices: np.ndarray) -> list[Any]:
        """The token of each index; indices outside give the unknown token."""
        if self.tokens is None:
            self.index([])
        tokens = [*self.specials, *(self.tokens or ())]
        size = len(tokens)
        return [tokens[i] if 0 <= i < size else self.unknown for i in indices.ravel().tolist()]


def read_file(path: str, owner: str) -> list[str]:
    """The lines of a local text file, one token each.

    Raises:
        ValueError: if there is no such file, or a line is empty.
    """
    if not Path(path).is_file():
        raise ValueError(f"{owner}: the vocabulary file {path!r} does not exist (local files only).")
    lines = Path(path).read_text("utf-8").split("\n")
    if lines and not lines[-1]:
        lines.pop()
    if "" in lines:
        raise ValueError(f"{owner}: line {lines.index('') + 1} of the vocabulary file {path!r} is empty.")
    return [line.removesuffix("\r") for line in lines]


def _shown(token: object) -> object:
    return token.decode("utf-8", "replace") if isinstance(token, bytes) else token
