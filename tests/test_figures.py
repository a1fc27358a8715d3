"""Figures for papers: their artists hold the records' own numbers, their files are sound."""

from __future__ import annotations

import math
import struct
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import matplotlib as mpl
import numpy as np
import pages
import pytest
import studies
from levelfield.reports import view
from levelfield.reports.paper import figures, plots
from levelfield.reports.paper.sheet import DASHES, MARKERS, WIDTHS, Sheet
from levelfield.reports.view import View
from matplotlib.text import Text
from test_report import steady
from test_report_hostile import NASTY, cycle
from test_report_hostile import study as hostile

from levelfield import cli, naming
from levelfield.errors import UserError
from levelfield.results import against
from levelfield.results.record import Epochs, Record, Sentinel
from levelfield.results.study import Study

RECIPE = studies.Recipe(contenders=4, repeats=3, epochs=6, absent=1)
NAMES = figures.names()
Change = Callable[[Record], Record]


def made(change: Change = lambda r: r, *, recipe: studies.Recipe = RECIPE, **head: Any) -> Study:
    """A study in memory whose trials were changed."""
    rows = [change(r) if isinstance(r, Record) else r for r in studies.rows(recipe)]
    return pages.study(Path("/nowhere"), studies.head(recipe, **head), rows)


def clustered(share: float = 0.2) -> Study:
    """Clusters of 1, 2 and 4 whose epochs follow Amdahl's law exactly."""
    rows: list[Record | Sentinel] = []
    for row in studies.rows(replace(RECIPE, noise=0.0)):
        rows.append(row)
        if isinstance(row, Record) and row.backend == "jax" and row.status == "ok":
            for size in (1, 2, 4):
                wall = (9.0, *[4.0 * (share + (1 - share) / size)] * 5)
                facts = {"device": f"spark:{size}x1", "settings": {"partitions": size}}
                epochs = replace(row.epochs, wall=wall)
                rows.append(replace(row, key=f"{row.key}{size}", epochs=epochs, **facts))
    return pages.study(Path("/nowhere"), studies.head(RECIPE), rows)


def both_devices() -> Study:
    """Everybody once more on a GPU, in half the time."""
    rows: list[Record | Sentinel] = []
    for row in studies.rows(RECIPE):
        rows.append(row)
        if isinstance(row, Record) and row.status == "ok":
            half = tuple(wall / 2 for wall in row.epochs.wall)
            epochs = replace(row.epochs, wall=half)
            rows.append(replace(row, key=f"{row.key}g", device="cuda", epochs=epochs))
    return pages.study(Path("/nowhere"), studies.head(RECIPE), rows)


def accurate(record: Record) -> Record:
    values = tuple(0.5 + 0.05 * n + 0.01 * record.repeat for n in range(6))
    return replace(record, metrics={"accuracy": values}) if record.status == "ok" else record


def good(study: Study, name: str) -> list[Record]:
    return [r for r in study.records if naming.plain(r) == name and r.status == "ok"]


def lines(sheet: Sheet) -> dict[str, Any]:
    """Lines with a name, by it."""
    return {str(x.get_label()): x for x in sheet.axes[0].lines if str(x.get_label())[0] != "_"}


def texts(sheet: Sheet) -> list[Text]:
    """Every text that is drawn; ticks beyond the ends of an axis are not."""
    sheet.draw_without_rendering()
    unseen: set[Text] = set()
    for axes in sheet.axes:
        for axis in (axes.xaxis, axes.yaxis):
            drawn = axis._update_ticks()
            unseen |= {t for tick in axis.get_major_ticks() if tick not in drawn
                       for t in (tick.label1, tick.label2)}  # fmt: skip
    found = [t for t in sheet.findobj(Text) if t not in unseen]
    return [t for t in found if t.get_visible() and t.get_text().strip()]


def svg(path: Path) -> ET.Element:
    return ET.fromstring(path.read_bytes())  # noqa: S314 - it is our own


def test_losses_are_the_means_of_the_records() -> None:
    study = made()
    by_epoch, by_seconds = lines(study.plot.loss_by_epoch()), lines(study.plot.loss_by_seconds())
    assert set(by_epoch) == {"jax/scan", "torch/eager", "torch/compile", "keras-jax/default"}
    for name in by_epoch:
        losses = np.array([r.epochs.test_loss for r in good(study, name)])
        seconds = np.array([np.cumsum(r.epochs.wall) for r in good(study, name)])
        assert by_epoch[name].get_xdata().tolist() == [1, 2, 3, 4, 5, 6]
        assert by_epoch[name].get_ydata() == pytest.approx(losses.mean(axis=0))
        assert by_seconds[name].get_xdata() == pytest.approx(seconds.mean(axis=0))
        assert by_seconds[name].get_ydata() == pytest.approx(losses.mean(axis=0))


def test_accuracy_in_percent_with_the_range_of_trials() -> None:
    sheet = made(accurate).plot.accuracy()
    for line in lines(sheet).values():
        assert line.get_ydata() == pytest.approx([52, 57, 62, 67, 72, 77])
    area = sheet.axes[0].collections[0].get_paths()[0].vertices
    assert (area[:, 1].min(), area[:, 1].max()) == (pytest.approx(51), pytest.approx(78))


@pytest.mark.parametrize("baseline", [None, "torch/eager"])
def test_ratios_are_those_of_the_verdicts(baseline: str | None) -> None:
    study = made()
    sheet = study.plot.ratios(baseline=baseline)
    axes = sheet.axes[0]
    base = baseline or next(iter(View(study=study).standings.values()))[0]
    if not isinstance(base, str):
        base = View(study=study).contenders[base.contender].label
    rows = [label.get_text() for label in axes.get_yticklabels()]
    assert base not in rows
    assert len(rows) == 3
    assert f"ratio to {base}" in axes.get_xlabel()
    found = {name: against.ratio(good(study, base), good(study, name), comparisons=3)
             for name in rows}  # fmt: skip
    assert rows == sorted(rows, key=lambda name: found[name].estimate)
    for row, (name, container) in enumerate(zip(rows, axes.containers, strict=True)):
        point, _, (bars,) = container
        assert point.get_xydata().tolist() == [[pytest.approx(found[name].estimate), row]]
        (ends,) = bars.get_segments()
        assert ends[:, 0] == pytest.approx([found[name].low, found[name].high])


def test_phases_stack_up_to_the_medians() -> None:
    study = made(recipe=replace(RECIPE, workloads=1))
    sheet = study.plot.phases()
    rows = [label.get_text() for label in sheet.axes[0].get_yticklabels()]
    _, labels = sheet.axes[0].get_legend_handles_labels()
    for container, phase in zip(sheet.axes[0].containers, labels, strict=True):
        if phase != "start and rest":
            medians = [np.median([r.phases[phase].wall for r in good(study, n)]) for n in rows]
            assert [bar.get_width() for bar in container] == pytest.approx(medians)
    ends = [bar.get_x() + bar.get_width() for bar in sheet.axes[0].containers[-1]]
    starts = np.array([[bar.get_width() for bar in c] for c in sheet.axes[0].containers])
    assert ends == pytest.approx(starts.sum(axis=0))


def test_equal_loss_by_hand() -> None:
    """Losses fall by 0.1 an epoch, one contender twice as fast: it is there half way.

    Some trials end lower than others; the target is what the highest of all ends with.
    """

    def change(r: Record) -> Record:
        steps = np.arange(1, 7) * (0.2 if r.backend == "jax" else 0.1)
        epochs = replace(r.epochs, wall=(2.0,) * 6, test_loss=tuple((2 - steps).tolist()))
        return replace(r, epochs=epochs) if r.status == "ok" else r

    study = made(change)
    sheet = study.plot.equal_loss()
    rows = [label.get_text() for label in sheet.axes[0].get_yticklabels()]
    start, training = ([bar.get_width() for bar in c] for c in sheet.axes[0].containers)
    assert dict(zip(rows, training, strict=True)) == pytest.approx(
        {"jax/scan": 6.0, "torch/eager": 12, "torch/compile": 12, "keras-jax/default": 12}
    )
    names = ("import", "build", "stage")
    for name, seconds in zip(rows, start, strict=True):
        sums = [sum(r.phases[n].wall for n in names) for r in good(study, name)]
        assert seconds == pytest.approx(np.median(sums))
    assert "1.40" in sheet.axes[0].get_xlabel()


def test_layers_are_set_beside_what_they_stand_on() -> None:
    study = made()
    axes = study.plot.overhead().axes[0]
    labels = [label.get_text() for label in axes.get_yticklabels()]
    assert labels[0] == "keras-jax/default\nover jax/scan"
    for label, container in zip(labels, axes.containers, strict=True):
        head, base = label.split("\nover ")
        ratio = against.ratio(good(study, base), good(study, head), comparisons=len(labels))
        assert container[0].get_xdata()[0] == pytest.approx(ratio.estimate)


def test_scaling_follows_the_law_it_was_made_by() -> None:
    found = lines(clustered(0.2).plot.scaling())
    assert found["ideal"].get_xdata().tolist() == [1, 2, 4]
    speed = [1 / (0.2 + 0.8 / n) for n in (1, 2, 4)]
    assert found["jax/scan"].get_ydata() == pytest.approx(speed)
    (law,) = [line for name, line in found.items() if name.startswith("Amdahl, serial 0.20")]
    x, y = law.get_xdata(), law.get_ydata()
    assert y == pytest.approx(1 / (0.2 + 0.8 / x))
    assert any(name.startswith("Gustafson, serial 0.") for name in found)


def test_quality_and_its_front() -> None:
    losses = {"jax": 0.5, "torch": 0.3, "keras-jax": 0.4}
    seconds = {"jax/scan": 1.0, "torch/eager": 2.0, "torch/compile": 3.0, "keras-jax/default": 9.0}

    def change(r: Record) -> Record:
        if r.status != "ok" or r.total is None:
            return r
        wall = (seconds[naming.plain(r)] / 6,) * 6
        epochs = replace(r.epochs, test_loss=(losses[r.backend],) * 6, wall=wall)
        return replace(r, epochs=epochs, metrics={"accuracy": (1 - losses[r.backend],) * 6})

    axes, accuracy = made(change).plot.quality().axes
    assert accuracy.get_ylabel() == "last test accuracy"
    assert axes.get_ylabel() == "last test loss"
    for container in accuracy.containers:
        backend = container.get_label().partition("/")[0]
        assert container[0].get_ydata() == pytest.approx([1 - losses[backend]])
    points = {c.get_label(): c[0].get_xydata().ravel() for c in axes.containers}
    assert points["torch/eager"] == pytest.approx([2.0, 0.3])
    assert points["keras-jax/default"] == pytest.approx([9.0, 0.4])
    (front,) = [line for line in axes.lines if line.get_drawstyle() == "steps-post"]
    assert front.get_xydata() == pytest.approx(np.array([[1.0, 0.5], [2.0, 0.3]]))


def test_cpu_beside_gpu() -> None:
    study = both_devices()
    sheet = study.plot.devices()
    rows = [label.get_text() for label in sheet.axes[0].get_yticklabels()]
    points = [container[0].get_xdata()[0] for container in sheet.axes[0].containers]
    for name, cpu, gpu in zip(rows, points[::2], points[1::2], strict=True):
        assert cpu == pytest.approx(steady(good(study, name.removesuffix("@cuda"))))
        assert gpu == pytest.approx(cpu / 2)
    assert "2.00 [2.00, 2.00]" in [text.get_text() for text in texts(sheet)]


def test_every_figure_says_what_it_shows_and_is_tested_here() -> None:
    kinds = figures.found()
    assert sorted(kinds) == NAMES
    assert len({kind.order for kind in kinds.values()}) == len(kinds)
    assert all(kind.about.endswith(".") for kind in kinds.values())
    text = Path(__file__).read_text(encoding="utf-8")
    assert all(f".plot.{name}(" in text for name in NAMES)


def all_of(study: Study, **options: Any) -> dict[str, Sheet]:
    """Every figure that a study can show."""
    made = {}
    for name in NAMES:
        try:
            made[name] = getattr(study.plot, name)(**options)
        except UserError:
            continue
    return made


@pytest.mark.parametrize("width", ["single", pytest.param("double", marks=pytest.mark.slow)])
def test_texts_are_legible_and_on_the_sheet(width: Any) -> None:
    eight = replace(RECIPE, contenders=8)
    unverified = made(lambda r: replace(accurate(r), verification=None), recipe=eight)
    for study in (clustered(), both_devices(), unverified):
        for name, sheet in all_of(study, width=width).items():
            assert sheet.get_figwidth() == WIDTHS[width]
            box = sheet.bbox.padded(1.0)
            for text in texts(sheet):
                assert text.get_fontsize() >= 7
                extent = text.get_window_extent()
                corners = (extent.min, extent.max)
                assert all(box.contains(*corner) for corner in corners), (name, text.get_text())
            assert not [axes for axes in sheet.axes if axes.get_title()], "no titles inside"
            assert all(axes.get_xlabel() for axes in sheet.axes)


def test_contenders_differ_in_marker_or_dash_for_those_who_print_in_grey() -> None:
    recipe = studies.Recipe(contenders=40, repeats=1, epochs=3, absent=0)
    sheet = made(recipe=recipe).plot.loss()
    looks = {(line.get_marker(), str(line._unscaled_dash_pattern)) for line in sheet.axes[0].lines}
    assert len(looks) == 40
    assert math.gcd(len(MARKERS), len(DASHES)) == 1
    assert set(MARKERS) == set(view.MARKERS), "each has the page's own"


def test_phases_differ_in_their_hatches() -> None:
    containers = made().plot.phases().axes[0].containers
    assert len({bars[0].get_hatch() for bars in containers}) == len(containers)


def test_who_is_not_verified_is_marked() -> None:
    def change(r: Record) -> Record:
        return replace(r, verification=None) if r.backend == "torch" else r

    for name, sheet in all_of(made(accurate)).items():
        assert not [t for t in texts(sheet) if "*" in t.get_text()], name
    marked = all_of(made(lambda r: accurate(change(r))))
    for name, sheet in marked.items():
        shown = "\n".join(text.get_text() for text in texts(sheet))
        if name != "overhead":
            assert "torch/eager*" in shown, name
            assert "* not verified" in shown, name
        assert "jax/scan*" not in shown


def test_who_has_no_number_is_named() -> None:
    def change(r: Record) -> Record:
        broken = (math.nan,) * len(r.epochs.wall)
        return replace(r, epochs=replace(r.epochs, test_loss=broken)) if r.backend == "jax" else r

    study = made(change)
    for name in ("quality", "equal_loss"):
        assert "no number: jax/scan" in getattr(study.plot, name)().axes[0].get_xlabel()


def test_files_are_what_their_endings_say(tmp_path: Path) -> None:
    before = dict(mpl.rcParams)
    written = plots.write(made(), tmp_path, formats=["svg", "pdf", "png"], only=["ratios", "loss"])
    assert dict(mpl.rcParams) == before
    assert {path.name for path in written.paths} == {
        f"{name}-thesis-autoencoder.{kind}"
        for name in ("ratios", "loss-by-epoch", "loss-by-seconds")
        for kind in ("svg", "pdf", "png")
    }
    for path in tmp_path.glob("*.svg"):
        root = svg(path)
        assert root.tag.endswith("svg")
        assert root.attrib["width"] == f"{72 * WIDTHS['single']:g}pt"
        assert not [e for e in root.iter() if e.tag.endswith(("script", "}text", "image"))]
    for path in tmp_path.glob("*.pdf"):
        data = path.read_bytes()
        assert data.startswith(b"%PDF-")
        assert b"/FontFile2" in data, "TrueType fonts are embedded whole (type 42)"
        assert b"/Type3" not in data
        assert b"/CreationDate" not in data
    for path in tmp_path.glob("*.png"):
        data = path.read_bytes()
        assert data.startswith(b"\x89PNG")
        assert struct.unpack(">I", data[16:20])[0] == 300 * WIDTHS["single"]


@pytest.mark.slow
def test_the_same_study_gives_the_same_bytes_and_pyplot_is_left_alone(tmp_path: Path) -> None:
    folder = studies.write(RECIPE, tmp_path / "study")
    code = (
        "import hashlib, sys\nfrom levelfield.results.study import load\n"
        f"sheet = load({str(folder)!r}).plot\n"
        "for kind in ('svg', 'pdf', 'png'):\n"
        "    for sheet_ in (sheet.loss(), sheet.phases()):\n"
        "        print(hashlib.sha256(sheet_.written(kind)).hexdigest())\n"
        "print('matplotlib.pyplot' in sys.modules)"
    )
    seen = {
        subprocess.run(
            [sys.executable, "-P", "-c", code], capture_output=True, text=True, check=True,
            env={"PYTHONHASHSEED": seed, "PYTHONPATH": ":".join(sys.path), "HOME": str(tmp_path)},
        ).stdout
        for seed in ("1", "2")
    }  # fmt: skip
    assert len(seen) == 1
    assert next(iter(seen)).split()[-1] == "False"


@pytest.mark.parametrize("text", NASTY, ids=range(len(NASTY)))
def test_nasty_names_are_drawn_as_text(text: str, tmp_path: Path) -> None:
    written = plots.write(hostile(cycle([text])), tmp_path, only=["ratios"])
    for path in written.paths:
        assert path.parent == tmp_path
        assert path.name.replace("-", "").replace(".", "").isalnum()
        if path.suffix == ".svg":
            root = svg(path)
            assert not [e for e in root.iter() if e.tag.endswith(("script", "}a", "image"))]


@pytest.mark.slow
@pytest.mark.parametrize("start", range(0, len(NASTY), 6))
def test_figures_of_nasty_strings_are_sound(start: int, tmp_path: Path) -> None:
    written = plots.write(hostile(cycle(NASTY, start)), tmp_path, formats=["svg", "pdf"])
    assert len(written.paths) >= 8
    for path in tmp_path.glob("*.svg"):
        svg(path)


def odd() -> dict[str, Study]:
    """Studies with little in them, or odd things."""
    zero = Epochs(wall=(0.0,) * 6, user=(0.0,) * 6, system=(0.0,) * 6, loss=(0.0,) * 6,
                  test_loss=(-1.0,) * 6)  # fmt: skip
    nans = (math.nan,) * 6
    broken = Epochs(wall=(1.0,) * 6, user=nans, system=nans, loss=nans, test_loss=nans)

    def epochs(value: Epochs) -> Change:
        return lambda r: replace(r, epochs=value, total=None) if r.status == "ok" else r

    return {
        "zero": made(epochs(zero)),
        "no number": made(epochs(broken)),
        "one epoch": made(recipe=replace(RECIPE, epochs=1)),
        "one trial": made(recipe=studies.Recipe(contenders=1, repeats=1, epochs=3, absent=0)),
        "unverified": made(lambda r: replace(r, verification=None)),
        "no phases": made(lambda r: replace(r, phases={})),
        "two of one name": made(lambda r: replace(r, workload="same"),
                                recipe=replace(RECIPE, workloads=2)),
        "environments": made(lambda r: replace(r, environment=f"e{r.repeat}")),
        "no epochs": made(lambda r: replace(r, epochs=Epochs())),
    }  # fmt: skip


@pytest.mark.parametrize("name", odd())
def test_odd_studies_are_drawn_or_told_of(name: str, tmp_path: Path) -> None:
    study = odd()[name]
    if name == "no epochs":
        with pytest.raises(UserError, match="no trial ended well"):
            plots.write(study, tmp_path)
        return
    written = plots.write(study, tmp_path, formats=["svg"])
    shown = {path.name.split("-")[0] for path in written.paths}
    assert len(written.paths) == len(set(written.paths))
    left = {line.split(" ")[0].split(":")[0] for line in written.left_out}
    assert {n.split("_")[0] for n in NAMES} == shown | {n.split("-")[0] for n in left}
    for path in written.paths:
        svg(path)


def test_nothing_to_draw() -> None:
    for study in (
        made(lambda r: replace(r, status="failed")),
        pages.study(Path("/nowhere"), studies.head(RECIPE), []),
        pages.study(Path("/nowhere"), studies.head(RECIPE, workloads={}), []),
    ):
        with pytest.raises(UserError, match="nothing in this study can be drawn"):
            plots.write(study, Path("/nowhere"))


def test_the_verb(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = studies.write(RECIPE, tmp_path / "study")
    words = ["figures", str(folder), "--only", "phases,scaling", "--format", "svg,png"]
    assert cli.main([*words, "--width", "double"]) == 0
    said = capsys.readouterr()
    stem = folder / "figures" / "phases-thesis-autoencoder"
    assert said.out.splitlines() == [f"{stem}.svg", f"{stem}.png"]
    assert said.err == "left out: scaling: no Spark trials\n"
    root = svg(Path(f"{stem}.svg"))
    assert float(root.attrib["width"].removesuffix("pt")) == pytest.approx(72 * 7.16)
    for wrong, message in (
        (["--only", "rations"], "--only: unknown figure 'rations'"),
        (["--format", "gif"], "--format: unknown format 'gif'"),
        (["--baseline", "numpy"], "baseline: unknown contender 'numpy'"),
        (["--only", "scaling"], "nothing in this study can be drawn: scaling: no Spark trials"),
        (["--out", "/proc/none"], "cannot be written"),
    ):
        assert cli.main(["figures", str(folder), *wrong]) == 2
        assert message in capsys.readouterr().err


def test_without_matplotlib_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    study = made()
    monkeypatch.setattr(figures.util, "find_spec", lambda _: None)
    assert dir(study.plot) == NAMES
    with pytest.raises(UserError, match=r"levelfield\[figures\]"):
        study.plot.ratios()
    assert "jax/scan" in study._repr_html_()
