"""Random small models in Sequax and in Keras at equal weights: what they say must be the same.

    python -m tools.fuzz_keras --count 1000 --jobs 2
    python -m tools.fuzz_keras --seed 123            one model again, with what it consists of

Whatever differs and is not a row of `docs/differences.md` is a finding: it is printed with a smaller model that shows
it too, and the seed that repeats it. Models run in child processes, so that one that ends its process ends no more.
"""

from __future__ import annotations

import argparse
import json
import queue
import subprocess
import sys
import threading
import time
from collections import Counter
from functools import partial
from typing import Any

from .settings import set_environment

EVERY = 25  # models between two lines about how far it is
RENEWED = 150  # models of a process
FORGOTTEN = 10  # models whose compiled programs stay in memory, since the next may use some


def child(seeds: range, small: bool, fault: bool) -> None:
    """Check seed after seed; a line of JSON for each that is done."""
    set_environment()
    import keras

    import sequax

    from . import check, draw, shrink
    from .settings import quick_initializers

    with quick_initializers(keras, sequax):
        for seed in seeds:
            case = check.in_full(draw.case(seed)) if fault else draw.case(seed)
            if seed % FORGOTTEN == 0:
                check.forget()
            outcome = check.check(case, check.with_fault(case) if fault else None)
            told = check.unnoticed(case, outcome) if fault else [str(finding) for finding in outcome.findings]
            if told and small and not fault:
                smaller = shrink.shrink(case, partial(check.fails_alike, outcome.findings[0]))
                told.append(f"a smaller one:\n{smaller}")
            said = {"seed": seed, "rows": outcome.rows, "trains": outcome.trains, "refused": outcome.refused}
            said |= {"case": str(case), "drawn": sorted(drawn(case)), "findings": told}
            print(json.dumps(said), flush=True)


def drawn(case: Any) -> set[str]:
    """Names of all classes and arguments in a case, such as `layers.Dense` and `layers.Dense.units`."""
    from .case import New

    found: set[str] = set()
    waiting: list[Any] = [*case.layers, case.optimizer, *case.heads]
    while waiting:
        value = waiting.pop()
        if isinstance(value, New):
            found |= {value.path, *(f"{value.path}.{name}" for name in value.arguments)}
            waiting += value.arguments.values()
        elif isinstance(value, list | tuple):
            waiting += value
        elif hasattr(value, "loss"):
            waiting += [value.loss, value.metrics, value.weighted_metrics]
    return found


def work(parts: queue.Queue, said: queue.Queue, end: float, small: bool, fault: bool) -> None:
    """Have child processes check parts, until there are none or the time is over."""
    while time.monotonic() < end:
        try:
            seeds = parts.get_nowait()
        except queue.Empty:
            break
        code = f"from tools.fuzz_keras.__main__ import child; child({seeds!r}, {small}, {fault})"
        with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            last = seeds.start - 1
            for line in process.stdout:
                said.put(json.loads(line))
                last = json.loads(line)["seed"]
                if time.monotonic() > end:
                    process.kill()
                    break
            else:
                if process.wait() != 0:
                    said.put({"seed": last + 1, "died": process.returncode})
                    if last + 2 < seeds.stop:
                        parts.put(range(last + 2, seeds.stop))
    said.put(None)


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m tools.fuzz_keras", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seed", type=int, help="check this one model, and print it")
    parser.add_argument("--first", type=int, default=0, help="number of the first model")
    parser.add_argument("--count", type=int, default=1000, help="models at most")
    parser.add_argument("--seconds", type=float, default=3600.0, help="how long to go on")
    parser.add_argument("--jobs", type=int, default=1, help="processes beside one another")
    parser.add_argument("--whole", action="store_true", help="do not look for smaller models")
    parser.add_argument("--fault", action="store_true", help="learning rates of ours off by 1 %%: is it noticed?")
    options = parser.parse_args()
    first, count = (options.first, options.count) if options.seed is None else (options.seed, 1)
    parts: queue.Queue = queue.Queue()
    for start in range(first, first + count, RENEWED):
        parts.put(range(start, min(start + RENEWED, first + count)))
    said: queue.Queue = queue.Queue()
    end = time.monotonic() + options.seconds
    for _ in range(options.jobs):
        threading.Thread(target=work, args=(parts, said, end, not options.whole, options.fault), daemon=True).start()
    sys.exit(listen(said, options.jobs, count, options.seed is not None))


def listen(said: queue.Queue, jobs: int, count: int, show: bool) -> str | None:
    begun, done = time.monotonic(), 0
    tally, rows, seen, bad = Counter[str](), Counter[str](), set[str](), list[int]()
    while jobs:
        told = said.get()
        if told is None:
            jobs -= 1
            continue
        done += 1
        seen.update(told.get("drawn", ()))
        rows.update(set(told.get("rows", ())))
        tally.update(name for name in ("trains", "refused") if told.get(name))
        if show:
            print(told["case"], *told["rows"], sep="\n")
        if told.get("died") or told["findings"]:
            bad.append(told["seed"])
            print(f"\n{told.get('case', told['seed'])}", flush=True)
            print(*told.get("findings", [f"ended its process with {told.get('died')}"]), sep="\n", flush=True)
            print(f"again: python -m tools.fuzz_keras --seed {told['seed']}", flush=True)
        if done % EVERY == 0:
            print(f"{done} of {count} models, {len(bad)} findings, {time.monotonic() - begun:.0f} s", flush=True)
    print(f"{done} models: {tally['trains']} train, {tally['refused']} refused by both, {len(bad)} findings")
    for name, number in rows.most_common():
        print(f"  {number} explained by: {name}")
    if not show:
        from .coverage import never

        print(never(seen))
    return f"findings: seeds {bad}" if bad else None


if __name__ == "__main__":
    main()
