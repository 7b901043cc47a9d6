"""Draw what `sequax demo` prints as the picture at the head of the README.

    python -m tools.demo_picture

Runs the demo in a folder of its own and writes `docs/demo.svg`.
"""

from __future__ import annotations

import io
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from rich.console import Console
from rich.text import Text

PICTURE = Path(__file__).parent.parent / "docs" / "demo.svg"
WIDTH = 116


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "sequax", "demo"]
        printed = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True).stdout.splitlines()
    begin = next(number for number, line in enumerate(printed) if line.startswith("Epoch 1/"))
    console = Console(record=True, width=WIDTH, file=io.StringIO())
    for line in ["$ sequax demo", *(line for line in printed[begin:] if "sequax-demo.png" not in line)]:
        console.print(Text(line.rstrip()))
    picture = console.export_svg(title="sequax demo")
    # Fonts would be loaded from the net; the letters of the machine have the same width.
    picture = re.sub(r"\s*@font-face \{.*?\}", "", picture, flags=re.DOTALL)
    picture = re.sub(r"<!--.*?-->\s*", "", picture, flags=re.DOTALL).replace("Fira Code", "ui-monospace")
    PICTURE.write_text(picture, encoding="utf-8")
    print(f"{PICTURE.name}: {len(picture):,} characters")


if __name__ == "__main__":
    main()
