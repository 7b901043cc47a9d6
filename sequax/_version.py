__version__ = "0.1.0"


def version() -> str:
    """The version of Sequax; under `sequax run`, `keras.version()` is that of Keras."""
    return __version__
