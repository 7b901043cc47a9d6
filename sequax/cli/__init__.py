"""The command line: `sequax demo`, `sequax run SCRIPT`, `sequax --version`.

The commands are imported when they are chosen, so that `--version` and `--help` answer at once.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from .._version import __version__


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; returns the exit code."""
    parser = make_parser()
    options = parser.parse_args(arguments)
    if options.command == "run":
        from .run import run_script

        return run_script(options.script, options.arguments)
    if options.command == "demo":
        from .demo import run_demo

        return run_demo(options.epochs, options.output, options.quiet)
    parser.print_help()
    return 0


def make_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="sequax", description="Keras' Sequential, compiled whole: the same code and the same answers, on JAX."
    )
    parser.add_argument("--version", action="version", version=f"sequax {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")

    run = commands.add_parser(
        "run",
        help="run a Python script, unchanged, with `import keras` served by Sequax",
        description="Run a Python script with `keras` and `tensorflow.keras` served by Sequax.",
    )
    run.add_argument("script", help="the script")
    run.add_argument("arguments", nargs=argparse.REMAINDER, help="arguments for the script")

    demo = commands.add_parser(
        "demo",
        help="train a small network on real handwritten digits",
        description="Train a small convolutional network on 1,437 handwritten digits and test it on 360 others.",
    )
    demo.add_argument("--epochs", type=_positive, default=12, help="passes over the training data (default: 12)")
    demo.add_argument("--output", default=".", metavar="FOLDER", help="where to write the curves (default: here)")
    demo.add_argument("--quiet", action="store_true", help="print the result only")
    return parser


def _positive(text: str) -> int:
    try:
        number = int(text)
    except ValueError:
        number = 0
    if number < 1:
        raise argparse.ArgumentTypeError(f"expected a whole number of at least 1, received {text!r}")
    return number
