"""What a reader sets in the page, in a real browser: targets, baselines, what curves show."""

from __future__ import annotations

import json
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

import browsing
import pages
import pytest
import studies
from levelfield.reports import page, race
from test_report import said
from test_report_answers_learning import accuracy, decoded, falling, replace

from levelfield.results.record import Record

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = browsing.MARKS
RECIPE = studies.Recipe(workloads=2, contenders=4, repeats=2, epochs=9, absent=0)
TARGETS = (0.09, 0.0321, 0.0203, 0.0101, 1e-9, 3.0)

SCRIPT = """async () => {
  const rest = () => new Promise(done => setTimeout(done, 50));
  const fire = (node, kind) => node.dispatchEvent(new Event(kind, { bubbles: true }));
  const cells = table => [...table.tBodies[0].rows].map(
    row => [...row.cells].map(cell => cell.innerText.replace(/\\s+/g, " ").trim()));
  const lines = chart => chart.data.filter(t => t.visible !== false && t.name);
  const told = {};
  STEPS
  return told;
}"""


def falls(row: Any) -> Any:
    """A trial whose losses fall all the time, with an accuracy beside."""
    if not isinstance(row, Record):
        return row
    return replace(falling(row), metrics={"accuracy": accuracy(row)})


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    rows = [falls(row) for row in studies.rows(RECIPE)]
    folder = tmp_path_factory.mktemp("answers")
    return page.write(pages.study(folder, studies.head(RECIPE), rows), folder / "report.html")


def told(
    browser: Browser, written: Path, steps: str, *, state: str = "", drawn: str = "main"
) -> Any:
    """Run steps on the report, 400 pixels wide, its charts drawn; what they told."""
    size: Any = {"width": 400, "height": 900}
    with browsing.opened(browser, f"{written.as_uri()}{state}", viewport=size) as opened:
        browsing.charts(opened, drawn)
        return opened.evaluate(SCRIPT.replace("STEPS", steps))


def table(tree: pages.Node, target: float) -> dict[str, list[str]]:
    """The table of times of the first workload, as Python has it from the page's own data."""
    _, found = decoded(tree)
    labels = list(studies.head(RECIPE).contenders)
    times = {
        labels[place]: [race.seconds_to(trial, target) for trial in mine]
        for place, mine in found.items()
    }
    best = min(map(median, times.values()))

    def say(time: float) -> str:
        return "never" if time == float("inf") else said.seconds(time)

    made = {}
    for label, seconds in times.items():
        middle = median(seconds)
        reached = sum(time != float("inf") for time in seconds)
        spread = f"{say(min(seconds))} to {say(max(seconds))}" if reached else ""
        behind = middle / best if middle != float("inf") else float("nan")
        made[label] = [say(middle), spread, said.ratio(behind), f"{reached} of 2"]
    return made


def test_the_browser_finds_the_times_that_python_finds(browser: Browser, written: Path) -> None:
    steps = f"""
      const box = document.querySelector(".race");
      const field = box.querySelector("input[type=number]");
      const chart = box.querySelector("[data-figure]");
      const times = box.querySelector("table.times");
      told.start = cells(times);
      told.hidden = box.querySelector(".target").hidden;
      told.seen = [];
      for (const target of {list(TARGETS)}) {{
        field.value = String(target);
        fire(field, "change");
        await rest();
        told.seen.push([cells(times), chart.data.map(t => [t.name, t.x[0]]), location.hash]);
      }}"""
    found = told(browser, written, steps)
    tree = pages.read(written.read_text())
    assert found["hidden"] is False
    assert found["start"] == pages.rows(tree.all("table", class_="times")[0])
    for target, (rows, points, address) in zip(TARGETS, found["seen"], strict=True):
        wanted = table(tree, target)
        assert {row[0]: row[1:] for row in rows} == wanted
        order = [row[1] == "never" for row in rows]
        assert order == sorted(order), "who never gets there is last"
        assert float(address.removeprefix("#target=")) == target
        assert {name for name, x in points if x is None} == {
            name for name, row in wanted.items() if row[0] == "never"
        }


def test_the_address_and_the_slider_set_a_target(browser: Browser, written: Path) -> None:
    steps = """
      const boxes = [...document.querySelectorAll(".race")];
      const fields = () => boxes.map(box => box.querySelector("input[type=number]").value);
      told.line = document.getElementById("curves-0-epoch").layout.shapes.map(each => each.y0);
      told.begun = [fields(), cells(boxes[0].querySelector("table"))];
      const slider = boxes[1].querySelector("input[type=range]");
      slider.value = "600";
      fire(slider, "input");
      told.moved = [fields(), location.hash];
      fire(slider, "change");
      told.left = location.hash;"""
    found = told(browser, written, steps, state="#target=0.0321")
    tree = pages.read(written.read_text())
    assert found["line"] == [0.0321], "a line across the curves"
    fields, rows = found["begun"]
    assert fields[0] == "0.0321"
    assert {row[0]: row[1:] for row in rows} == table(tree, 0.0321)
    facts = json.loads(tree.one("script", data_race="race-1").raw)
    low, high = facts["low"], facts["high"]
    assert float(fields[1]) == facts["target"]
    (_, moved), address = found["moved"]
    assert float(moved) == pytest.approx(low * (high / low) ** 0.6, rel=0.01)
    assert address == "#target=0.0321", "the address follows when the slider is let go"
    assert found["left"] == f"#target=0.0321&target-2={moved}"


def test_a_baseline_moves_the_forest_and_the_table(browser: Browser, written: Path) -> None:
    steps = """
      const select = document.getElementById("baseline");
      const labels = [...select.options].map(option => option.dataset.label);
      select.selectedIndex = labels.indexOf("torch/compile");
      fire(select, "change");
      await rest();
      const forest = document.getElementById("forest-0");
      told.rows = cells(document.querySelector("table.ranking"));
      const ends = error => [error.arrayminus[0], error.array[0]];
      told.points = forest.data.map(t => [t.name, t.x[0], ...ends(t.error_x)]);
      told.title = forest.layout.xaxis.title.text;"""
    found = told(browser, written, steps)
    rows = [falls(row) for row in studies.rows(RECIPE)]
    study = pages.study(written.parent, studies.head(RECIPE), rows)
    tree = pages.rendered(study, baseline="torch/compile")
    wanted = pages.rows(tree.all("table", class_="ranking")[0])
    assert [row[:3] for row in found["rows"]] == [row[:3] for row in wanted]
    figure = pages.figure(tree, "forest-0")
    assert found["title"] == figure["layout"]["xaxis"]["title"]["text"]
    for (name, *values), trace in zip(found["points"], figure["data"], strict=True):
        error = trace["error_x"]
        ends = [trace["x"][0], error["arrayminus"][0], error["array"][0]]
        assert name == trace["name"]
        assert values == pytest.approx(ends, rel=1e-5, abs=1e-12)


def test_curves_of_a_metric_have_a_linear_axis(browser: Browser, written: Path) -> None:
    steps = """
      const panel = document.querySelector("#curves .panel");
      const chart = document.getElementById("curves-0-cpu");
      chart.scrollIntoView();
      await rest();
      told.seen = [];
      for (const kind of ["accuracy", "loss", "test_loss"]) {
        const radio = panel.querySelector(`input[value=${kind}]`);
        radio.checked = true;
        radio.dispatchEvent(new Event("change", { bubbles: true }));
        await rest();
        const shown = lines(chart).map(t => t.meta.kind);
        const level = chart.layout.shapes.length;
        told.seen.push([chart.layout.yaxis.type, new Set(shown).size, shown[0], level]);
      }
      told.width = [document.documentElement.scrollWidth, document.body.scrollWidth];"""
    found = told(browser, written, steps)
    assert found["seen"] == [
        ["linear", 1, "accuracy", 0],
        ["log", 1, "loss", 0],
        ["log", 1, "test_loss", 1],
    ]
    assert found["width"] == [400, 400], "nothing but tables is wider than a telephone"
