"""Models as SVG, without Graphviz; curves and data frames of a History."""

from __future__ import annotations

import re
import sys
import xml.etree.ElementTree as ET

import numpy as np
import pytest

import sequax
from sequax.layers import Add, Concatenate, Dense, Dropout, Flatten, Input, Residual

NAMESPACE = "{http://www.w3.org/2000/svg}"


def stack():
    return sequax.Sequential([Input((4, 4)), Flatten(name="flat"), Dense(3, name="last")], name="stack")


def graph():
    first, second = Input((8,), name="one"), Input((3,), name="two")
    x = Add(name="sum")([Dense(8, name="first")(first), first])
    y = sequax.Sequential([Dense(4, name="a"), Dense(3, name="b")], name="inner")(Concatenate()([x, second]))
    return sequax.Model([first, second], [Dense(1, name="left")(y), Dense(2, name="right")(x)])


def texts(picture):
    return [node.text for node in ET.fromstring(picture.svg).iter(f"{NAMESPACE}text")]


def boxes(picture):
    """Corners of the boxes that are no part of other ones."""
    found = []
    for group in ET.fromstring(picture.svg).findall(f"{NAMESPACE}g"):
        x, y = map(float, re.search(r"translate\(([\d.]+) ([\d.]+)\)", group.get("transform")).groups())
        frame = group.find(f"{NAMESPACE}rect")
        found.append((x, y, x + float(frame.get("width")), y + float(frame.get("height"))))
    return found


@pytest.mark.parametrize("model", [stack(), graph()], ids=["stack", "graph"])
@pytest.mark.parametrize("expand", [False, True])
def test_boxes_do_not_overlap_and_stay_inside(model, expand):
    picture = model.plot(expand_nested=expand)
    found = boxes(picture)
    for i, (left, top, right, bottom) in enumerate(found):
        assert left >= 0 and top >= 0 and right <= picture.width and bottom <= picture.height
        for other in found[i + 1 :]:
            assert right <= other[0] or other[2] <= left or bottom <= other[1] or other[3] <= top


def test_boxes_say_names_shapes_and_parameters():
    said = texts(stack().plot())
    assert said == ["flat (Flatten)", "(None, 16)", "last (Dense)", "(None, 3)", "51 parameters"]
    assert "(None, 16)" not in texts(stack().plot(shapes=False))


def test_each_tensor_is_a_line():
    assert stack().plot().svg.count("marker-end") == 1
    assert graph().plot().svg.count("marker-end") == 8


def test_models_inside_are_drawn_on_request():
    assert "a (Dense)" not in texts(graph().plot()) and "a (Dense)" in texts(graph().plot(expand_nested=True))


def test_containers_and_names_of_users_are_drawn():
    model = sequax.Sequential([Input((3,)), Residual([Dense(3)]), Dropout(0.1, name="a<b>&c")])
    assert "a<b>&c (Dropout)" in texts(model.plot())


def test_it_needs_no_program_and_no_package(monkeypatch, tmp_path):
    for package in ("pydot", "matplotlib", "IPython"):
        monkeypatch.setitem(sys.modules, package, None)
    monkeypatch.setenv("PATH", "")
    path = tmp_path / "model.svg"
    picture = stack().plot(path)
    assert path.read_text(encoding="utf-8") == picture.svg and "<svg" in picture._repr_html_()


def test_plot_model_writes_svg_without_graphviz(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", "")
    path = tmp_path / "model.svg"
    sequax.utils.plot_model(stack(), to_file=path, show_shapes=True)
    assert path.read_text(encoding="utf-8") == stack().plot().svg
    with pytest.raises(ImportError, match=r"model\.plot\(\)"):
        sequax.utils.plot_model(stack(), to_file=tmp_path / "model.png")


def test_what_cannot_be_drawn_says_so(tmp_path):
    with pytest.raises(ValueError, match="not known yet"):
        sequax.Sequential([Dense(3)]).plot()
    with pytest.raises(ValueError, match=r"ends with \.svg"):
        stack().plot(tmp_path / "model.png")


# --- History ---


def history(**options):
    model = sequax.Sequential([Input((3,)), Dense(1)])
    model.compile("sgd", "mse", metrics=["mae"])
    x = np.ones((8, 3), "float32")
    return model.fit(x, x[:, :1], verbose=0, **options)


def test_marks_on_the_axis_are_whole_epochs():
    figure = history(epochs=3).plot()
    for axes in figure.axes:
        low, high = axes.get_xlim()
        marks = [mark for mark in axes.get_xticks() if low <= mark <= high]
        assert marks and all(mark == int(mark) for mark in marks)


def test_a_data_frame_of_the_epochs():
    frame = history(epochs=4, validation_split=0.5, validation_freq=2).to_frame()
    assert list(frame.index) == [1, 2, 3, 4] and frame.index.name == "epoch"
    assert {"loss", "mae", "val_loss"} <= set(frame.columns)
    assert frame["val_loss"].notna().tolist() == [False, True, False, True]


def test_values_stand_at_the_epochs_that_they_are_of():
    frame = history(epochs=5, initial_epoch=1, validation_split=0.5, validation_freq=[2, 5]).to_frame()
    assert list(frame.index) == [2, 3, 4, 5]
    assert frame["val_loss"].notna().tolist() == [True, False, False, True]
    twice = sequax.callbacks.History()
    for epochs in (3, 2):
        history(epochs=epochs, validation_split=0.5, validation_freq=2, callbacks=[twice])
    again = sequax.callbacks.History()
    again.load_state_dict(twice.state_dict())
    for found in (twice, again):
        assert found.to_frame()["val_loss"].notna().tolist() == [False, True, False, False, True]
    with pytest.raises(TypeError, match="it shows all metrics"):
        again.plot(["loss"])


def test_a_data_frame_of_nothing_is_empty():
    assert sequax.callbacks.History().to_frame().empty


def test_without_pandas_it_says_what_to_install(monkeypatch):
    found = history(epochs=1)
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(ImportError, match="pip install pandas"):
        found.to_frame()
