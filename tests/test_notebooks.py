"""What a notebook shows and keeps: the display of a run, models and results as HTML, short tracebacks."""

from __future__ import annotations

import re
import time

import numpy as np
import pytest

import sequax
from sequax.core import html
from sequax.layers import LSTM, Add, Dense, Input
from sequax.utils import curves
from tests.notebooks import executed, shown, size

CELLS = {
    "fit": "model = model_of(3)\nmodel.fit(x, y, epochs=100, validation_split=0.2)",
    "short": "model.fit(x, y, verbose=0), model.evaluate(x, y, verbose=0)  # compiles\n"
    "model.fit(x, y)\nmodel.evaluate(x, y)",
    "loud": "model.fit(x, y, epochs=2, verbose=2)",
    "captured": "import contextlib, io\nwith contextlib.redirect_stdout(io.StringIO()) as kept:\n"
    "    model.fit(x, y, epochs=2)\nprint(len(kept.getvalue().splitlines()))",
    "long": "class Slow(sequax.callbacks.Callback):\n    def on_epoch_end(self, epoch, logs=None):\n"
    "        import time; time.sleep(0.8)\nmodel.fit(x, y, callbacks=[Slow()]);",
    "ended": "class Ends(sequax.callbacks.Callback):\n    def on_epoch_end(self, epoch, logs=None):\n"
    "        if epoch == 4: raise RuntimeError('enough')\nmodel.fit(x, y, epochs=9, callbacks=[Ends()])",
    "refused": "model.fit(x[:, :2], y)",
    "model": "model",
    "figure": "model.history.plot()",
}


@pytest.fixture(scope="module", params=[True, False], ids=["widgets", "plain"])
def cells(request):
    if request.param:
        pytest.importorskip("ipywidgets")
    return dict(zip(CELLS, executed(CELLS.values(), widgets=request.param), strict=True))


def test_a_run_of_a_hundred_epochs_leaves_little(cells):
    cell = cells["fit"]
    assert len(cell.outputs) <= 3 and size(cell) < 40_000
    area, result = cell.outputs
    assert area.output_type == "display_data" and "Epoch 100/100" in shown(area) and "<svg" in shown(area)
    assert "val_mae" in area.data["text/plain"]
    assert "100 epochs" in result.data["text/plain"] and "<details" in result.data["text/html"]


def test_short_runs_leave_lines_of_text(cells):
    assert [output.output_type for output in cells["short"].outputs] == ["stream", "execute_result"]
    assert len(cells["short"].outputs[0].text.splitlines()) == 2


def test_verbose_2_and_redirected_prints_are_lines(cells):
    assert len(cells["loud"].outputs[0].text.splitlines()) == 2
    assert cells["captured"].outputs[0].text == "2\n"


def test_a_long_single_epoch_is_drawn_and_stays_as_its_line(cells):
    (area,) = cells["long"].outputs
    assert area.output_type == "display_data" and "Epoch 1/1" in shown(area) and "<svg" not in shown(area)


def test_a_run_that_fails_keeps_its_curves(cells):
    area, error = cells["ended"].outputs
    assert "<svg" in shown(area) and "<progress" not in shown(area)
    assert error.evalue == "enough"


def test_a_wrong_number_of_features_is_told_in_few_lines(cells):
    (error,) = cells["refused"].outputs
    assert len("\n".join(error.traceback).splitlines()) < 20
    assert "model expects 3" in error.evalue


def test_a_model_is_a_table(cells):
    assert "dense" in shown(cells["model"].outputs[0]) and shown(cells["model"].outputs[0]).startswith("<details")


def test_a_figure_is_seen_before_pyplot_has_drawn_anything(cells):
    pytest.importorskip("matplotlib")
    (result,) = cells["figure"].outputs
    assert "image/png" in result.data


# --- without a kernel ---


def trained():
    model = sequax.Sequential([Input((3,)), Dense(4, "relu"), sequax.Sequential([Dense(2)], name="inner"), Dense(1)])
    model.compile("adam", "mse")
    x = np.ones((16, 3), "float32")
    return model, x, x[:, :1]


def test_models_show_layers_and_totals():
    model, *_ = trained()
    text = model._repr_html_()
    assert "Sequential &#x27;inner&#x27;" in text and "(None, 2)" in text and "Total params: 29" in text
    graph_input = Input((3,))
    graph = sequax.Model(graph_input, Add()([Dense(2, name="one")(graph_input), graph_input[:, :2]]))
    assert "one" in graph._repr_html_()
    assert "not built" in sequax.Sequential([Dense(3)])._repr_html_()
    many = sequax.Sequential([Input((1,)), *(Dense(1) for _ in range(40))])
    assert many._repr_html_().startswith("<details><summary>")  # folded


def test_layers_show_settings_and_weights():
    model, *_ = trained()
    text = model.layers[0]._repr_html_()
    assert "16 parameters" in text and "kernel" in text and "(3, 4)" in text and "relu" in text
    assert "not built" in LSTM(3)._repr_html_()


def test_a_layer_that_cannot_be_saved_is_shown_all_the_same():
    class Own(sequax.Layer):
        def __init__(self, function):
            super().__init__()
            self.function = function

        def get_config(self):
            raise NotImplementedError

    assert "Own" in Own(len)._repr_html_()


def test_results_show_themselves():
    model, x, y = trained()
    finder = sequax.callbacks.LearningRateFinder(steps=30)
    assert "not used yet" in finder._repr_html_()
    model.fit(x, y, epochs=30, batch_size=8, callbacks=[finder], verbose=0)
    assert "<svg" in finder._repr_html_() and "suggestion" in repr(finder)
    history = model.fit(x, y, epochs=3, validation_split=0.5, verbose=0)
    assert "<svg" in history._repr_html_() and "3 epochs" in history._repr_html_()
    assert "0 epochs" in sequax.callbacks.History()._repr_html_()
    ensemble = sequax.Ensemble(model, 2, seed=0)
    assert "Ensemble of 2" in ensemble._repr_html_()
    ensemble.fit(x, y, verbose=0)
    assert "member 1" in ensemble._repr_html_()


def test_names_of_the_user_are_text():
    assert html.table(("<b>",), [("a & b",)]).count("&") == 3
    assert "<script" not in html.fold("<script>", "")
    assert "<script" not in curves.charts({"<script>": [(1, 2.0), (2, 3.0)]})


@pytest.mark.parametrize("count", [1, 2, 149, 150, 151, 1000, 12_345])
def test_thinned_curves_keep_ends_and_peaks(count):
    points = [(float(i), float(i == count // 2)) for i in range(count)]
    kept = curves.thinned(points)
    assert len(kept) <= 150 and kept == sorted(kept)
    assert kept[0] == points[0] and kept[-1] == points[-1]
    assert max(y for _, y in kept) == 1.0


def test_curves_leave_out_what_is_not_finite():
    drawn = curves.charts(
        {"loss": [(1, 1.0), (2, float("nan")), (3, float("inf")), (4, 2.0)], "gone": [(1, float("nan"))]}
    )
    assert "nan" not in drawn and "inf" not in drawn and drawn.count("<svg") == 1
    assert curves.charts({}) == curves.charts({"gone": [(1, float("nan"))]}) == ""


def test_levels_are_drawn_and_labelled_once():
    text = curves.chart("loss", {"loss": [(1, 0.5), (2, 0.5)]})
    assert len(re.findall(">0.5<", text)) == 1


def test_what_is_compiled_stands_in_the_area(monkeypatch):
    from sequax.utils import notebook
    from sequax.utils.meter import Meter

    sent = []
    panel = notebook.Panel()
    monkeypatch.setattr(panel, "_send", sent.append)
    meter = Meter("Epoch 1/3", 24, epoch=1)
    panel.begin(meter)
    meter.begin("compiling…")
    panel.draw()
    assert sent == []  # short runs draw nothing
    monkeypatch.setattr(notebook, "_SHORT_SECONDS", 0.0)
    panel.draw()
    panel._area = object()
    assert "compiling…" in sent[-1]["text/html"] and "Epoch 1/3" in sent[-1]["text/html"]
    meter.end(compiled=True)
    meter.advance(12, {"loss": 0.5})
    panel.draw()
    assert "12/24" in sent[-1]["text/html"] and "loss: 0.5000" in sent[-1]["text/html"]
    panel.leave()
    assert "ended here" in sent[-1]["text/html"]


def test_an_error_while_drawing_reaches_the_run(monkeypatch):
    from sequax.utils import notebook
    from sequax.utils.meter import Meter

    def broken(self):
        raise RuntimeError("no front end")

    monkeypatch.setattr(notebook.Panel, "draw", broken)
    display = notebook.NotebookDisplay()
    display.show(Meter("Epoch 1/3", 24, epoch=1))
    deadline = time.monotonic() + 5
    while not display._panel.failures and time.monotonic() < deadline:
        time.sleep(0.02)
    with pytest.raises(RuntimeError, match="no front end"):
        display.check()
    monkeypatch.undo()
    display.close()
