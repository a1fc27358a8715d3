"""A study and its figures show themselves in a notebook."""

from __future__ import annotations

import math
import re
import struct
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pages
import pytest
import studies
from levelfield.reports.paper import figures
from matplotlib.figure import Figure
from test_report import steady, typical
from test_report_hostile import NASTY, cycle
from test_report_hostile import study as hostile

from levelfield import naming
from levelfield.errors import UserError
from levelfield.results import against
from levelfield.results.record import Record
from levelfield.results.study import Study, load

RECIPE = studies.Recipe(contenders=4, repeats=3, epochs=6, absent=1, noise=0.02)
TAGS = {"div", "p", "b", "small", "table", "caption", "thead", "tbody", "tr", "th", "td"}


@pytest.fixture
def study(tmp_path: Path) -> Study:
    return load(studies.write(RECIPE, tmp_path))


def shown(study: Study) -> pages.Node:
    return pages.read(study._repr_html_())


def good(study: Study, name: str) -> list[Record]:
    return [r for r in study.records if naming.plain(r) == name and r.status == "ok"]


def test_the_answer_in_a_sentence_and_the_ranking(study: Study) -> None:
    tree = shown(study)
    assert "autoencoder: 15 trials; 12 ok, 3 skipped" in tree.text
    rows = pages.rows(tree)
    first, second = rows[0][0], rows[1][0]
    found = against.ratio(good(study, first), good(study, second), comparisons=3)
    said = f"thesis-autoencoder: {first} was fastest: "
    assert said in tree.text
    assert f"the next, {second}, took {found.estimate:.2f} times as long" in tree.text
    assert ("no difference shown" in tree.text) == (found.low <= 1)
    epochs = [typical(r) for r in good(study, first)]
    assert rows[0][2] == "1.00"
    wanted = [steady(good(study, first)), min(epochs), max(epochs)]
    found_here = [float(text) for text in re.findall(r"[\d.]+", rows[0][1])]
    assert found_here == pytest.approx(wanted, abs=0.005)
    assert len(rows) == 4


def test_it_needs_no_matplotlib_and_no_style_of_its_own(study: Study) -> None:
    code = (
        "import sys\n"
        "class Block:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name.partition('.')[0] in ('matplotlib', 'plotly'): raise ImportError(name)\n"
        "sys.meta_path.insert(0, Block())\n"
        "from levelfield.results.study import load\n"
        f"print(load({str(study.folder)!r})._repr_html_())"
    )
    done = subprocess.run(
        [sys.executable, "-P", "-c", code], capture_output=True, text=True, check=True,
        env={"PYTHONPATH": ":".join(sys.path)},
    )  # fmt: skip
    assert done.stdout.strip() == study._repr_html_().strip()
    assert "color" not in done.stdout, "it looks as the notebook does, by day and by night"
    assert "background" not in done.stdout


def test_nobody_verified_and_nobody_at_all() -> None:
    rows = list(studies.rows(RECIPE))

    def of(**changes: object) -> str:
        changed = [replace(r, **changes) if isinstance(r, Record) else r for r in rows]
        return shown(pages.study(Path("/nowhere"), studies.head(RECIPE), changed)).text

    assert "was fastest (not verified)" in of(verification=None)
    assert "Not verified: this may not be the same computation" in of(verification=None)
    assert "No trial ended well, so there is nothing to rank." in of(status="failed")
    empty = pages.study(Path("/nowhere"), studies.head(RECIPE, workloads={}), [])
    assert "0 trials" in shown(empty).text


@pytest.mark.parametrize("text", NASTY, ids=range(len(NASTY)))
def test_nasty_strings_are_text(text: str) -> None:
    for node in list(shown(hostile(cycle([text]))).walk())[1:]:
        assert node.tag in TAGS
        assert set(node.attributes) <= {"scope", "style"}


def test_a_study_is_one_line_elsewhere(study: Study) -> None:
    assert repr(study) == f"<study of 'autoencoder' in {study.folder}: 15 trials>"


def test_every_figure_is_an_attribute_with_help(study: Study) -> None:
    assert dir(study.plot) == figures.names()
    for name, kind in figures.found().items():
        plot = getattr(study.plot, name)
        assert (plot.__name__, plot.__doc__) == (name, kind.about)
    assert study.plot.loss.__name__ == "loss_by_epoch"
    assert "ratios" in repr(study.plot)
    with pytest.raises(AttributeError, match="no figure 'speed'; there are accuracy, "):
        _ = study.plot.speed


def test_a_figure_shows_itself_as_wide_as_it_is_on_paper(study: Study) -> None:
    figure = study.plot.ratios(width="double")
    assert isinstance(figure, Figure)
    data, size = figure._repr_png_()
    assert data.startswith(b"\x89PNG")
    assert size["width"] == round(144 * 7.16)
    width, height = struct.unpack(">II", data[16:24])
    assert math.isclose(width / height, size["width"] / size["height"], rel_tol=0.01)


def test_several_workloads_need_a_name(tmp_path: Path) -> None:
    study = load(studies.write(replace(RECIPE, workloads=2), tmp_path))
    with pytest.raises(UserError, match="loss_by_epoch: 2 workloads can be shown; expected"):
        study.plot.loss()
    assert study.plot.loss("digits-autoencoder").axes
    with pytest.raises(UserError, match="unknown workload 'mnist'"):
        study.plot.loss("mnist")
    with pytest.raises(UserError, match="unknown contender 'nobody'"):
        study.plot.ratios("digits-autoencoder", baseline="nobody")
    with pytest.raises(UserError, match="scaling: no Spark trials"):
        study.plot.scaling()


def test_ipython_asks_for_the_right_kinds(study: Study) -> None:
    formatters = pytest.importorskip("IPython.core.formatters")
    formatter = formatters.DisplayFormatter()
    data, _ = formatter.format(study)
    assert data["text/html"] == study._repr_html_()
    assert data["text/plain"] == repr(study)
    data, about = formatter.format(study.plot.ratios())
    assert data["image/png"].startswith(b"\x89PNG")
    assert about["image/png"]["width"] == 504
