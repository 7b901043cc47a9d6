"""`sequax launch`: what is printed, who is named, the exit codes, restarts; and what `initialize` takes."""

from __future__ import annotations

import os
import re
import signal
import sys
import threading
import time

import pytest

from sequax.cli import launch as launching, main
from sequax.core import peers
from sequax.distribution import processes

END_SECONDS = 2  # from the moment that one has ended to the end of all


@pytest.fixture
def run(tmp_path, monkeypatch, capfd):
    """Runs a script in processes; returns exit code, lines on stdout and on stderr."""
    monkeypatch.setattr(launching, "command_for", lambda script, given: [sys.executable, "-S", script, *given])
    monkeypatch.setenv("JAX_PLATFORMS", "cpu")
    script = tmp_path / "script.py"

    def run(body, *arguments, count=2, restarts=0):
        head = "import os, signal, sys, time\nme = int(os.environ['KERAS_DISTRIBUTION_PROCESS_ID'])\n"
        script.write_text(head + body)
        code = launching.launch(str(script), arguments, count, restarts)
        out, err = capfd.readouterr()
        return code, sorted(out.splitlines()), err.splitlines()

    return run


class Waited:
    """A clock of the seconds that `launch` waits: on a machine that does other things, too, all else takes longer."""

    def __init__(self):
        self.seconds = 0.0

    def sleep(self, seconds):
        self.seconds += seconds
        time.sleep(seconds)

    def monotonic(self):
        return self.seconds


def test_lines_carry_the_number_of_their_process(run):
    code, out, err = run("print('hello', *sys.argv[1:]); print('oh', file=sys.stderr)", "a", "-b", count=3)
    assert (code, out, sorted(err)) == (0, [f"[{n}] hello a -b" for n in range(3)], [f"[{n}] oh" for n in range(3)])


def test_a_bar_that_is_drawn_anew_leaves_its_last_state(run):
    assert run("sys.stdout.write('1/3\\r2/3\\r3/3\\nlast')", count=1)[1] == ["[0] 3/3", "[0] last"]


def test_each_knows_who_it_is(run):
    _, out, _ = run("print(*(os.environ[f'KERAS_DISTRIBUTION_{n}'] for n in ('NUM_PROCESSES', 'JOB_ADDRESSES')))")
    (first, second) = (line.split(" ") for line in out)
    assert first[:2] == ["[0]", "2"] and second[:2] == ["[1]", "2"]
    assert first[2] == second[2] and first[2].startswith("127.0.0.1:")


@pytest.mark.parametrize(
    ("body", "code", "line"),
    [
        ("sys.exit(3 * me)", 3, "process 1 ended first, with exit code 3; the other ended within "),
        ("time.sleep(0.3 * me); sys.exit(75 if me == 0 else 3)", 3, "process 1 ended first, with exit code 3"),
        ("time.sleep(0.3 * me); os.kill(os.getpid(), 6 if me == 0 else 9)", 137, "process 1 ended first, by SIGKILL"),
        ("me and sys.exit(3); time.sleep(60)", 3, "process 1 ended first, with exit code 3"),
        (
            "me and sys.exit(3); signal.signal(15, signal.SIG_IGN); time.sleep(60)",
            3,
            "process 1 ended first, with exit code 3",
        ),
        ("sys.exit(75)", 75, "ended first, with exit code 75"),
        (
            "os.kill(os.getpid(), signal.SIGSTOP if me else signal.SIGABRT)",
            75,
            "process 1 did not answer any more and was ended after 1.",
        ),
        # A child that lives on, with the pipe of what its parent prints, is none of those that have to end.
        (
            "import subprocess; subprocess.Popen(['sleep', '3']); sys.exit(3)",
            3,
            "with exit code 3; the other ended within 0",
        ),
    ],
)
def test_names_who_ended_first(run, monkeypatch, body, code, line):
    clock, begun = Waited(), time.monotonic()
    monkeypatch.setattr(launching, "time", clock)
    found, _, err = run(body)
    assert found == code and line in err[-1]
    assert float(re.search(r"(\d+\.\d) s\b", err[-1])[1]) < END_SECONDS
    assert time.monotonic() - begun < 10


def test_who_is_left_is_asked_to_end_first(run):
    listens = "signal.signal(15, lambda *_: (print('told'), sys.exit(75))); time.sleep(60)"
    assert run(f"me and (time.sleep(1), sys.exit(3)); {listens}")[:2] == (3, ["[0] told"])


def test_starts_all_again(run, tmp_path):
    body = f"path = {str(tmp_path)!r} + f'/{{me}}'; open(path, 'a').write('x'); sys.exit(len(open(path).read()) < 3)"
    code, _, err = run(body, restarts=3)
    assert code == 0
    assert [line for line in err if "again" in line] == [
        f"sequax launch: starts all 2 processes again ({n} of 3)" for n in (1, 2)
    ]
    assert run("sys.exit(4)", restarts=1)[0] == 4


@pytest.mark.parametrize("listens", [True, False])
def test_a_signal_reaches_all(run, tmp_path, monkeypatch, listens):
    """To those that do not listen a second one has to be sent, else they are ended after a while."""
    head = "" if listens else "signal.signal(15, signal.SIG_IGN); "
    body = f"{head}open({str(tmp_path)!r} + f'/pid{{me}}', 'w').write(str(os.getpid())); time.sleep(60)"
    monkeypatch.setattr(launching, "_INTERRUPTED_SECONDS", 50)

    def end():
        while not all((tmp_path / f"pid{n}").exists() and (tmp_path / f"pid{n}").read_text() for n in range(2)):
            time.sleep(0.02)
        os.kill(os.getpid(), signal.SIGTERM)
        if not listens:
            time.sleep(0.5)
            os.kill(os.getpid(), signal.SIGTERM)

    before, begun = signal.getsignal(signal.SIGTERM), time.monotonic()
    thread = threading.Thread(target=end)
    thread.start()
    code, _, _ = run(body, restarts=2)
    thread.join()
    assert time.monotonic() - begun < 40
    assert code == 128 + signal.SIGTERM and signal.getsignal(signal.SIGTERM) is before
    for number in range(2):
        with pytest.raises(ProcessLookupError):
            os.kill(int((tmp_path / f"pid{number}").read_text()), 0)


def test_a_script_that_is_not_there(run, capfd):
    assert launching.launch("nowhere.py") == 2
    assert "there is no script 'nowhere.py'" in capfd.readouterr().err


@pytest.mark.parametrize("text", ["0", "-1", "many"])
def test_numbers_on_the_command_line(text, capsys):
    with pytest.raises(SystemExit):
        main(["launch", "--processes", text, "train.py"])
    assert "expected a whole number of at least 1" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("visible", "platforms", "count", "shares"),
    [
        ("0,1,2,3", "", 2, ["0,1", "2,3"]),
        ("4,5,6", "cuda,cpu", 2, ["0", "1,2"]),
        ("0,1", "cpu", 2, [None, None]),
        ("", "", 3, [None] * 3),
        ("0,1", "", 3, None),
    ],
)
def test_shares_gpus(monkeypatch, visible, platforms, count, shares):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    monkeypatch.setenv("JAX_PLATFORMS", platforms)
    if shares is None:
        with pytest.raises(ValueError, match="there are 2 GPUs for 3 processes"):
            launching.gpus_for(count)
    else:
        assert launching.gpus_for(count) == shares


# --- initialize ---

KERAS = ("KERAS_DISTRIBUTION_JOB_ADDRESSES", "KERAS_DISTRIBUTION_NUM_PROCESSES", "KERAS_DISTRIBUTION_PROCESS_ID")
JAX = ("JAX_COORDINATOR_ADDRESS", "JAX_NUM_PROCESSES", "JAX_PROCESS_ID")
JOB = ("COORDINATOR_ADDRESS", "NUM_PROCESSES", "PROCESS_ID")


@pytest.fixture
def environment(monkeypatch):
    for name in (*KERAS, *JAX, *JOB, "COORDINATOR_PORT"):
        monkeypatch.delenv(name, raising=False)

    def set_to(**values):
        for name, value in values.items():
            monkeypatch.setenv(name, value)

    return set_to


@pytest.mark.parametrize(
    ("given", "variables", "expected"),
    [
        ((), {}, (None, None, None)),
        (("a:1", 2, 1), {}, ("a:1", 2, 1)),
        (("a:1, b:2", None, 1), {}, ("a:1", 2, 1)),
        ((), dict(zip(KERAS, ("a:1,b:2", "2", "0"), strict=True)), ("a:1", 2, 0)),
        ((None, None, 1), dict(zip(KERAS, ("a:1", "2", "0"), strict=True)), ("a:1", 2, 1)),
        ((), dict(zip(JAX, ("a:1", "4", "3"), strict=True)), ("a:1", 4, 3)),
        ((), {**dict(zip(JOB, ("a", "4", "3"), strict=True)), "COORDINATOR_PORT": "99"}, ("a:99", 4, 3)),
        (("[::1]:5", 2, 0), {}, ("[::1]:5", 2, 0)),
    ],
)
def test_where_the_three_numbers_come_from(environment, given, variables, expected):
    environment(**variables)
    assert processes._given(*(*given, None, None, None)[:3]) == expected


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (("a:1,b:2", 3, 0), "has 2 addresses, and `num_processes` is 3"),
        (("a:1", 2, 2), "`process_id` from 0 to 1"),
        (("a:1", 2, -1), "`process_id` from 0 to 1"),
        (("a:1", 0, 0), "of at least 1"),
        (("a:1", 2, None), "nothing says which one this is"),
        (("a", 2, 0), "an address with a port"),
        (("a:1", "two", 0), "a whole number as `num_processes`"),
        (("a:1", 2.5, 0), "a whole number as `num_processes`"),
    ],
)
def test_what_does_not_fit_together(environment, given, message):
    with pytest.raises(ValueError, match=message):
        processes.initialize(*given)


def test_a_wrong_number_in_the_environment_is_named(environment):
    environment(JAX_NUM_PROCESSES="x")
    with pytest.raises(ValueError, match="as JAX_NUM_PROCESSES"):
        processes.initialize()


def test_after_something_was_computed_it_is_too_late(environment):
    import jax

    jax.devices()
    with pytest.raises(RuntimeError, match="JAX has computed already"):
        processes.initialize("127.0.0.1:1", 2, 0)


def test_one_process_is_alone(environment, monkeypatch):
    monkeypatch.setattr(processes, "_joined", None)
    processes.initialize("127.0.0.1:1", 1, 0)
    assert (processes.process_index(), processes.process_count()) == (0, 1)
    processes.initialize()
    with pytest.raises(RuntimeError, match="was told"):
        processes.initialize("127.0.0.1:1", 2, 0)


# --- errors that mean the end of another process ---

LOST = [
    "UNKNOWN: Gloo all-reduce failed: [external/gloo/gloo/transport/tcp/pair.cc:538] Connection reset by peer",
    "UNKNOWN: Gloo AllGather failed: [external/gloo/gloo/transport/tcp/pair.cc:547] Connection closed by peer",
    "UNAVAILABLE: failed to connect to all addresses; last error: UNKNOWN: ipv4:127.0.0.1:4711",
    "INTERNAL: NCCL operation ncclAllReduce failed: remote process exited or there was a network error",
    "ABORTED: The following tasks are unhealthy (stopped sending heartbeats)",
]


def raised_by(code, kind, message):
    """The error as code of a file raises it."""
    try:
        exec(compile("raise kind(message)", code, "exec"), {"kind": kind, "message": message})
    except Exception as error:
        return error


@pytest.fixture
def of_two(monkeypatch):
    monkeypatch.setattr(peers, "count", lambda: 2)


@pytest.mark.parametrize("kind", [ValueError, RuntimeError])
@pytest.mark.parametrize("message", LOST)
def test_errors_that_mean_the_end_of_another(of_two, kind, message):
    lost = peers.loss(raised_by("/site-packages/jax/_src/api.py", kind, message))
    assert isinstance(lost, processes.PeerLost) and "process 0 of 2 cannot go on" in str(lost)
    assert processes.code_of(lost) == 75


@pytest.mark.parametrize(
    ("code", "kind", "message"),
    [
        ("/home/me/train.py", RuntimeError, "503 Service Unavailable: connection closed by peer"),
        ("/site-packages/jax/_src/api.py", ValueError, "Incompatible shapes for dot: got (2, 3) and (4,)"),
        ("/site-packages/jax/_src/api.py", KeyError, "gloo"),
    ],
)
def test_other_errors_stay_as_they_are(of_two, code, kind, message):
    assert peers.loss(raised_by(code, kind, message)) is None


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (KeyError("x"), 1),
        (KeyboardInterrupt(), 130),
        (SystemExit(), 0),
        (SystemExit(3), 3),
        (SystemExit("no"), 1),
        (processes.PeerLost(), 75),
    ],
)
def test_exit_codes(error, code):
    assert processes.code_of(error) == code
