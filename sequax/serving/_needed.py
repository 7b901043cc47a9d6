"""What serving needs besides."""

from __future__ import annotations


def error(cause: ImportError) -> ImportError:
    """What to install."""
    return ImportError(
        f"sequax.serving needs Starlette, uvicorn and prometheus-client (there is no {cause.name}). Run: pip install"
        f" 'sequax[serve]'."
    )
