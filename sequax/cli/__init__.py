"""The command line: `sequax demo`, `run`, `launch`, `inspect`, `convert`, `export`, `serve`, `doctor`.

The commands are imported when they are chosen, so that `--version` and `--help` answer at once.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from typing import Any

from .._version import __version__


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; returns the exit code."""
    parser = make_parser()
    options = parser.parse_args(arguments)
    if options.command == "run":
        from .run import run_module, run_script

        return (run_module if options.module else run_script)(options.script, options.arguments)
    if options.command == "launch":
        from .launch import launch

        return launch(options.script, options.arguments, options.processes, options.restarts)
    if options.command == "demo":
        from .demo import run_demo

        return run_demo(options.epochs, options.output, options.quiet)
    if options.command == "inspect":
        from .inspect import inspect

        return inspect(options.file, options.other, options.json)
    if options.command == "convert":
        from .convert import convert

        return convert(options.source, options.target, options.rename, options.model, options.weights, options.force)
    if options.command == "export":
        from .export import export

        return export(options)
    if options.command == "serve":
        # Before NumPy is imported, which reads it: its threads and those of the server would take turns on the cores.
        os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
        from .serve import serve

        return serve(options)
    if options.command == "doctor":
        from .doctor import doctor

        return doctor(options.json, options.issue, not options.quick)
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
    run.add_argument("-m", action="store_true", dest="module", help="the script is the name of a module, as for Python")
    run.add_argument("script", help="the script")
    run.add_argument("arguments", nargs=argparse.REMAINDER, help="arguments for the script")

    _add_launch(commands)

    demo = commands.add_parser(
        "demo",
        help="train a small network on real handwritten digits",
        description="Train a small convolutional network on 1,437 handwritten digits and test it on 360 others.",
    )
    demo.add_argument("--epochs", type=_positive, default=12, help="passes over the training data (default: 12)")
    demo.add_argument("--output", default=".", metavar="FOLDER", help="where to write the curves (default: here)")
    demo.add_argument("--quiet", action="store_true", help="print the result only")

    _add_inspect(commands)
    _add_convert(commands)
    _add_export(commands)
    _add_serve(commands)
    _add_doctor(commands)
    return parser


def _add_launch(commands: Any) -> None:
    launch = commands.add_parser(
        "launch",
        help="run a script in several processes of this machine, which train together",
        description="Run a script, as by `sequax run`, in several processes. Its `fit(..., devices='all')` then trains"
        " one model with the devices of all of them. If one fails, all end; with --restarts they start again.",
    )
    launch.add_argument("--processes", type=_positive, required=True, metavar="N", help="how many")
    launch.add_argument("--restarts", type=_not_negative, default=0, metavar="N", help="after a failure (default: 0)")
    launch.add_argument("script", help="the script")
    launch.add_argument("arguments", nargs=argparse.REMAINDER, help="arguments for the script")


def _add_inspect(commands: Any) -> None:
    inspect = commands.add_parser(
        "inspect",
        help="show what a model or weights file holds, or how two of them differ",
        description="Show what a .keras, .h5, .weights.h5 or .safetensors file holds: layers, settings, arrays. Nothing"
        " of it is built or run. With a second file: what is different there.",
    )
    inspect.add_argument("file", metavar="FILE", help="the file")
    inspect.add_argument("other", metavar="OTHER", nargs="?", help="a file to compare it with")
    inspect.add_argument("--json", action="store_true", help="print JSON")


def _add_convert(commands: Any) -> None:
    convert = commands.add_parser(
        "convert",
        help="write a model or its weights in another format, or under other names",
        description="Write a model or its weights in the format that the ending of the new file means: .keras or .h5"
        " for a whole model, .weights.h5, .safetensors or .h5 for weights.",
    )
    convert.add_argument("source", metavar="IN", help="the file to read")
    convert.add_argument("target", metavar="OUT", help="the file to write")
    convert.add_argument("--rename", action="append", type=_renaming, default=[], metavar="OLD=NEW", help=_RENAME)
    convert.add_argument(
        "--model", metavar="MODEL", help="a .keras or .h5 file with the model that the weights are for"
    )
    convert.add_argument("--weights", action="store_true", help="write weights alone to a .h5 file")
    convert.add_argument("--force", action="store_true", help="replace a file that exists")


def _add_serve(commands: Any) -> None:
    serve = commands.add_parser(
        "serve",
        help="answer with predictions of a model over HTTP",
        description="Answer with predictions of models over HTTP: KServe's protocol (version 2), plain JSON rows,"
        " metrics for Prometheus, and a page to try a row. Listens to this machine alone unless --host says otherwise."
        " Ends on Ctrl+C or SIGTERM, once what was asked is answered. Needs: pip install 'sequax[serve]'.",
    )
    serve.add_argument(
        "files",
        nargs="+",
        metavar="FILE",
        help="a .keras, .h5, .stablehlo or .onnx file; NAME=FILE gives it another name",
    )
    serve.add_argument("--host", default="127.0.0.1", help="the address to listen at (default: 127.0.0.1)")
    serve.add_argument("--port", type=_port, default=8000, help="the port; 0 takes a free one (default: 8000)")
    serve.add_argument(
        "--allow-host",
        action="append",
        default=[],
        metavar="NAME",
        help="a name clients call the server by; repeatable",
    )
    serve.add_argument("--batch", type=_positive, metavar="ROWS", help="predicted together at most (default: 64)")
    serve.add_argument(
        "--wait", type=float, metavar="MS", help="how long a request waits for others, in milliseconds (default: 0)"
    )
    serve.add_argument("--queue", type=_positive, metavar="ROWS", help="that wait at most (default: 4096)")
    serve.add_argument("--timeout", type=float, metavar="S", help="for a request, in seconds (default: 30)")
    serve.add_argument("--body", type=_positive, metavar="MB", help="of a request at most, in MiB (default: 16)")
    serve.add_argument("--length", type=_positive, help="of axes that the model leaves open, at most (default: 4096)")
    serve.add_argument(
        "--together",
        action="store_true",
        help="predict requests together though layers are not known to leave rows alone",
    )


def _add_doctor(commands: Any) -> None:
    doctor = commands.add_parser(
        "doctor",
        help="say what is installed, on which devices, what is absent, and whether a model trains",
        description="Versions, devices, cache, threads, settings, optional packages that are absent, and a small model"
        " that is trained to see whether all works. Exit code 1 if it does not.",
    )
    doctor.add_argument("--json", action="store_true", help="print JSON")
    doctor.add_argument("--issue", action="store_true", help="print a block to paste into an issue")
    doctor.add_argument("--quick", action="store_true", help="train nothing")


def _add_export(commands: Any) -> None:
    export = commands.add_parser(
        "export",
        help="write a model as a program for other places: StableHLO, ONNX, LiteRT, OpenVINO, NumPy",
        description="Write a model for inference where neither Sequax nor its code is, in the format that the ending of"
        " OUT means: .stablehlo, .onnx, .tflite, .xml (OpenVINO); or in that of --format. What was written is run and"
        " compared with the model before it is kept.",
    )
    export.add_argument("source", metavar="FILE", help="the model: a .keras or .h5 file")
    export.add_argument("target", metavar="OUT", help="the file or folder to write")
    export.add_argument("--format", metavar="FORMAT", help="stablehlo, onnx, litert, openvino, numpy, tf_saved_model")
    export.add_argument(
        "--batch-size", type=_count, metavar="N", help="rows that the program takes; 0: any (default: by the format)"
    )
    export.add_argument("--no-weights", action="store_true", help="leave the weights out (StableHLO)")
    export.add_argument("--force", action="store_true", help="replace what exists")


_RENAME = "another name for a layer; in files of weights also for a group, such as layers/dense; may be repeated"


def _renaming(text: str) -> tuple[str, str]:
    old, equals, new = text.partition("=")
    if not (old and equals and new):
        raise argparse.ArgumentTypeError(f"expected OLD=NEW, received {text!r}")
    return old, new


def _port(text: str) -> int:
    if not (text.isascii() and text.isdecimal()) or int(text) > 65535:
        raise argparse.ArgumentTypeError(f"expected a number from 0 to 65535, received {text!r}")
    return int(text)


def _count(text: str) -> int:
    return 0 if text == "0" else _positive(text)


def _positive(text: str) -> int:
    return _at_least(1, text)


def _not_negative(text: str) -> int:
    return _at_least(0, text)


def _at_least(least: int, text: str) -> int:
    try:
        number = int(text)
    except ValueError:
        number = least - 1
    if number < least:
        raise argparse.ArgumentTypeError(f"expected a whole number of at least {least}, received {text!r}")
    return number
