"""JSON in and out."""

from __future__ import annotations

import json
from typing import Any, NoReturn

from .refused import bad


def read(body: bytes | bytearray | memoryview) -> Any:
    """What a JSON text says.

    Raises:
        Refused: for anything that is no JSON. NaN and infinite numbers are none.
    """
    try:
        return json.loads(bytes(body).decode("utf-8"), parse_constant=_no_number)
    except RecursionError:
        raise bad("The body is JSON nested too deeply.") from None
    except UnicodeDecodeError:
        raise bad("The body is not JSON: it is not UTF-8.") from None
    except json.JSONDecodeError as error:
        raise bad(f"The body is not JSON: {error.msg} at character {error.pos}.") from None
    except ValueError:
        raise bad("The body is not JSON: it has a number of too many digits, or one that is NaN or infinite.") from None


def _no_number(text: str) -> NoReturn:
    raise ValueError(text)


def write(value: Any) -> bytes:
    """JSON of a value.

    Raises:
        ValueError: for NaN and infinite numbers, which JSON does not have.
    """
    return json.dumps(value, separators=(",", ":"), allow_nan=False).encode()
