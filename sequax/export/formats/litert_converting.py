"""From StableHLO to a LiteRT file. As a script, with PROGRAM MADE NAMES, it needs nothing of ours."""

from __future__ import annotations

import json
import os
import re
import sys
from pathlib import Path
from typing import Any


def converted(program: bytes, names: dict[str, Any]) -> bytes:
    """A LiteRT file.

    Args:
        program: StableHLO as `jax.export` serializes it.
        names: `signature`, and those of its `inputs` and `outputs`.

    Raises:
        NotImplementedError: with the names of operations that LiteRT has no form of.
    """
    from litert_converter import converter_api_ext as converter
    from litert_converter.mlir import ir, passmanager
    from litert_converter.mlir.dialects import stablehlo

    with ir.Context() as context:
        converter.prepare_mlir_context(context)
        stablehlo.register_dialect(context)
        module = stablehlo.deserialize_portable_artifact(context, program)
        main = next(one for one in module.body.operations if str(one.name) == '"main"')
        converter.set_signature(main.operation, names["signature"], names["inputs"], names["outputs"])
        try:
            converter.run_convert_to_tfl_passes(module, passmanager.PassManager(), converter.ConvertToTFLConfig())
            return converter.export_flatbuffer_to_bytes(module.operation)
        except Exception as error:  # what its C++ part raises has no base of its own
            left = set(re.findall(r"(?<![!#.\w])(?:stablehlo|chlo|vhlo)\.(\w+?)(?:_v\d+)?\b", str(module)))
            left |= set(re.findall(r"failed to legalize operation '(?:\w+\.)?(\w+)'", str(error)))
            left |= {one.lower() for one in re.findall(r"\btf\.(\w+)\(", str(error))}
            raise NotImplementedError(" ".join(sorted(left))) from error


def main() -> int:
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    try:
        found = converted(Path(sys.argv[1]).read_bytes(), json.loads(sys.argv[3]))
    except NotImplementedError as error:
        print(error)
        raise
    Path(sys.argv[2]).write_bytes(found)
    return 0


if __name__ == "__main__":
    sys.exit(main())
