"""What the displays print: into files, and on a pseudo-terminal."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time

import pytest

from sequax.utils import meter, progress
from sequax.utils.progress import BarDisplay, LineDisplay, Meter, Progbar

keras = pytest.importorskip("keras")

CLEAR_LINE, HIDE_CURSOR, SHOW_CURSOR = b"\x1b[2K", b"\x1b[?25l", b"\x1b[?25h"


TIMES = r"[\d.]+s - [\d.]+(us|ms|s)/step"


class Clock:
    """Stands in for `time.perf_counter`."""

    now = 100.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(meter.time, "perf_counter", clock)
    return clock


@pytest.mark.parametrize(
    "value", [0.0, 1e-3, 0.00099, -1e-3, -0.0005, 1.2345e-05, 12.3456789, 1e10, 3, float("nan"), float("inf")]
)
def test_numbers_are_written_as_keras_writes_them(value, capsys):
    keras.utils.Progbar(1, verbose=2, stateful_metrics=["x"]).update(1, [("x", value)])
    theirs = capsys.readouterr().out.split("x: ")[1].strip()
    assert progress.format_value(value) == theirs


@pytest.mark.parametrize(
    "updates",
    [
        [(10, 1.0), (30, 4.0)],
        [(1, 1.0), (2, 3.0), (5, 9.0)],
        [(1, 1.0), (1, 3.0), (30, 2.0)],
    ],
)
@pytest.mark.parametrize("kinds", [{}, {"stateful_metrics": ["a"]}, {"stateless_metrics": ["a"]}])
def test_progbar_averages_as_keras_does(updates, kinds, capsys):
    lines = []
    for make in (keras.utils.Progbar, Progbar):
        bar = make(99, verbose=2, **kinds)
        for current, value in updates:
            bar.update(current, [("a", value), ("b", value * 2)])
        bar.update(99)  # without values: the averages so far are shown
        lines.append(capsys.readouterr().out.split("/step - ")[1])
    assert lines[0] == lines[1]


def test_progbar_shows_the_last_values_as_they_are(capsys):
    bar = Progbar(2, verbose=2)
    bar.add(1, [("loss", 4.0)])
    assert capsys.readouterr().out == ""
    bar.add(1, [("loss", 1.0), ("note", "fine")])
    assert re.fullmatch(rf"2/2 - {TIMES} - loss: 1\.0000 - note: fine\n", capsys.readouterr().out)


def test_progbar_refuses_both_kinds_at_once():
    with pytest.raises(ValueError, match="received both"):
        Progbar(3, stateful_metrics=["a"], stateless_metrics=["b"])


def test_silent_progbar_prints_nothing(capsys):
    Progbar(1, verbose=0).update(1, [("a", 1.0)])
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    ("verbose", "terminal", "kind"),
    [
        (0, True, type(None)),
        (1, True, BarDisplay),
        ("auto", True, BarDisplay),
        (True, True, BarDisplay),
        (2, True, LineDisplay),
        (1, False, LineDisplay),
        ("auto", False, LineDisplay),
    ],
)
def test_display_for_verbose(verbose, terminal, kind, monkeypatch):
    monkeypatch.setattr(progress, "can_draw_bar", lambda: terminal)
    assert type(progress.open_display(verbose)) is kind


def test_line_of_a_meter(clock):
    meter = Meter("Epoch 3/10", 24)
    clock.now += 0.408
    meter.advance(24, {"loss": 0.4312, "val_loss": 1.5e-5})
    assert meter.line() == "Epoch 3/10 - 24/24 - 0.4s - 17ms/step - loss: 0.4312 - val_loss: 1.5000e-05"


def test_compilation_and_validation_are_elapsed_time_but_not_pace(clock):
    meter = Meter("Epoch 1/1", 10)
    meter.begin("compiling…")
    clock.now += 3
    assert meter.running_text() == "3.0s - compiling… 3.0s"
    meter.end(compiled=True)
    clock.now += 0.5
    meter.advance(5)
    assert meter.running_text() == "3.5s<0.5s - 100ms/step"
    clock.now += 0.5
    meter.advance(10)
    meter.begin("validating…")
    meter.begin("compiling…")
    clock.now += 2
    meter.end(compiled=True)
    clock.now += 1
    assert meter.running_text() == "7.0s - 100ms/step - validating… 3.0s"
    meter.end()
    assert meter.line() == "Epoch 1/1 - 10/10 - 7.0s - 100ms/step"


def test_meter_without_a_target_counts(clock):
    meter = Meter("Epoch 1/1")
    meter.advance(7)
    assert meter.counts() == "7"
    assert "<" not in meter.running_text()


FIT = """
import sys, time
from sequax.callbacks import CallbackList
callbacks = CallbackList(add_progbar=True, verbose={verbose}, epochs=2, steps=3)
try:
    callbacks.on_train_begin()
    for epoch in range(2):
        callbacks.on_epoch_begin(epoch)
        if epoch == 0:
            with callbacks.compiling("training step"):
                time.sleep(0.25)
        for step in range(1, 4):
            time.sleep({pause})
            callbacks.on_train_chunk_end(step, {{"loss": 1 / step}})
            {mishap}
        callbacks.on_test_begin()
        callbacks.on_test_chunk_end(1, {{"loss": 9.0}})
        callbacks.on_test_end({{"loss": 9.0}})
        print("said by a callback")
        callbacks.on_epoch_end(epoch, {{"loss": 0.25, "val_loss": 0.5}})
    callbacks.on_train_end()
finally:
    callbacks.close()
assert sys.stdout is sys.__stdout__
print("after", "rich" in sys.modules)
"""


def script(verbose=1, mishap="", pause=0.1):
    return [sys.executable, "-c", FIT.format(verbose=verbose, mishap=mishap, pause=pause)]


@pytest.mark.parametrize("verbose", [1, 2])
def test_into_a_file_go_plain_lines(verbose):
    output = subprocess.run(script(verbose, pause=0), capture_output=True, check=True).stdout.decode()
    epochs = [rf"said by a callback\nEpoch {n}/2 - 3/3 - {TIMES} - loss: 0\.2500 - val_loss: 0\.5000\n" for n in (1, 2)]
    assert re.fullmatch("".join(epochs) + "after False\n", output)


def test_verbose_0_prints_nothing_and_needs_no_rich():
    output = subprocess.run(script(0, pause=0), capture_output=True, check=True).stdout
    assert output == b"said by a callback\n" * 2 + b"after False\n"


class Terminal:
    """A pseudo-terminal of 100 columns with a program in it."""

    def __init__(self, command):
        import fcntl
        import pty
        import struct
        import termios

        self._ours, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 100, 0, 0))
        noise = ("COLUMNS", "LINES", "NO_COLOR", "FORCE_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE")
        environment = {name: value for name, value in os.environ.items() if name not in noise}
        environment |= {"TERM": "xterm", "PYTHONIOENCODING": "utf-8"}
        self.program = subprocess.Popen(
            command, stdin=theirs, stdout=theirs, stderr=theirs, env=environment, start_new_session=True
        )
        os.close(theirs)
        self.output = b""

    def read_until(self, text=None, seconds=15):
        """Reads until `text` came, or to the end."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline and (text is None or text not in self.output):
            try:
                piece = os.read(self._ours, 65536)
            except OSError:  # Linux says so when the other end is closed
                piece = b""
            if not piece:
                break
            self.output += piece
        return self.output

    def close(self):
        if self.program.poll() is None:
            self.program.kill()
        self.program.wait()
        os.close(self._ours)


@pytest.fixture
def terminal():
    pytest.importorskip("pty", reason="no pseudo-terminals on this system")
    opened = []

    def start(command):
        opened.append(Terminal(command))
        return opened[-1]

    yield start
    for one in opened:
        one.close()


def screen(output):
    """The lines a terminal shows in the end: carriage returns, "up" and "clear line" are obeyed, colours dropped."""
    lines, row, column = [""], 0, 0
    for part in re.findall(rb"\x1b\[[\d;?]*[A-Za-z]|\r|\n|[^\x1b\r\n]+", output):
        if part == b"\r":
            column = 0
        elif part == b"\n":
            row += 1
            lines += [""] * (row + 1 - len(lines))
        elif part == CLEAR_LINE:
            lines[row] = ""
        elif part.startswith(b"\x1b"):
            row -= int(part[2:-1] or 1) if part.endswith(b"A") else 0
        else:
            text = part.decode()
            lines[row] = lines[row][:column].ljust(column) + text + lines[row][column + len(text) :]
            column += len(text)
    return [line.rstrip() for line in lines if line.strip()]


def assert_sane(output):
    assert output.count(HIDE_CURSOR) == output.count(SHOW_CURSOR) > 0
    assert output.rindex(SHOW_CURSOR) > output.rindex(HIDE_CURSOR)


def test_on_a_terminal_a_bar_is_drawn_and_leaves_only_the_lines(terminal):
    program = terminal(script())
    output = program.read_until()
    assert program.program.wait() == 0
    drawn = output.decode()
    assert "compiling…" in drawn
    assert "━" in drawn
    assert re.search(r"2/3.{0,40}ms/step", drawn)
    assert_sane(output)
    line = r"Epoch {}/2 - 3/3 - " + TIMES + r" - loss: 0\.2500 - val_loss: 0\.5000"
    shown = screen(output)
    assert [bool(re.fullmatch(line.format(n), shown[n * 2 - 1])) for n in (1, 2)] == [True, True], shown
    assert [shown[0], shown[2], shown[4:]] == ["said by a callback", "said by a callback", ["after True"]]


def test_an_error_gives_the_terminal_back(terminal):
    output = terminal(script(mishap="raise RuntimeError('boom')")).read_until()
    assert_sane(output)
    shown = screen(output)
    assert shown[0].startswith("Traceback") and shown[-1] == "RuntimeError: boom"


def test_ctrl_c_gives_the_terminal_back(terminal):
    program = terminal(script(mishap="print('sleeping'); time.sleep(20)"))
    assert b"sleeping" in program.read_until(b"sleeping")
    program.program.send_signal(signal.SIGINT)
    output = program.read_until()
    assert_sane(output)
    assert screen(output)[-1] == "KeyboardInterrupt"


def test_a_progbar_left_alone_gives_the_cursor_back_at_exit(terminal):
    code = "bar = Progbar(9); bar.update(1, [('a', 2.0)]); import time; time.sleep(0.3)"
    output = terminal([sys.executable, "-c", f"from sequax.utils.progress import Progbar; {code}"]).read_until()
    assert "1/9" in output.decode()
    assert_sane(output)


def test_a_dumb_terminal_gets_plain_lines(terminal):
    code = "import os; os.environ['TERM'] = 'dumb'; from sequax.utils.progress import Progbar; Progbar(1).update(1)"
    output = terminal([sys.executable, "-c", code]).read_until()
    assert b"\x1b" not in output and b"1/1 - " in output


def test_several_values_are_shown_as_their_mean(capsys):
    bar = Progbar(2, verbose=2)
    bar.update(1, [("values", [0.0, 1.0, 2.0])])
    bar.update(2, [("values", [0.0, 1.0, 5.0])], finalize=True)
    assert "values: 2.0000" in capsys.readouterr().out
