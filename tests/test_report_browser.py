"""The page in a real browser: its charts are drawn, its controls work, it fetches nothing."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pages
import pytest
import studies
from levelfield.reports import page

import levelfield
from levelfield.results.record import Record

CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), ""
)
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not CHROMIUM, reason="no chromium or google-chrome is installed"),
]
QUIET = (
    "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-sync",
    "--disable-background-networking", "--disable-component-update", "--hide-scrollbars",
    "--virtual-time-budget=10000",
)  # fmt: skip
RECIPE = studies.Recipe(workloads=2, contenders=6, repeats=2, epochs=5)


def browse(address: str, tmp_path: Path, *options: str) -> pages.Node:
    """Open a page, let its scripts run, and return the document as it then is."""
    command = [CHROMIUM, *QUIET, f"--user-data-dir={tmp_path / 'profile'}", *options]
    done = subprocess.run(
        [*command, "--dump-dom", address], capture_output=True, text=True, timeout=100, check=True
    )
    reader = pages.Reader()
    reader.feed(done.stdout)
    return reader.stack[0]


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = studies.write(RECIPE, tmp_path_factory.mktemp("study"))
    return page.write(levelfield.load(folder), folder / "report.html")


def beside(written: Path, tmp_path: Path, script: str) -> str:
    """Write a page that runs a script on the report, in a frame of 400 pixels; its address."""
    wrapper = written.with_name(f"{tmp_path.name}.html")
    wrapper.write_text(
        f"<iframe id=frame src={written.name} style='width:400px;height:900px'></iframe>"
        f"<p id=said></p><script>onload = async () => {{ const frame = document.getElementById"
        f"('frame'); const page = frame.contentDocument; const say = text => "
        f"document.getElementById('said').textContent = text; {script} }}</script>"
    )
    return wrapper.as_uri()


def ratios(tree: pages.Node) -> list[list[str]]:
    return [
        [cell.text for cell in table.all("td", class_="ratio")]
        for table in tree.all("table", class_="ranking")
    ]


def test_charts_are_drawn_without_an_error(written: Path, tmp_path: Path) -> None:
    tree = browse(written.as_uri(), tmp_path)
    root = tree.one("html")
    assert root.attributes.get("data-errors") is None
    assert root.attributes["data-state"] == "ready"
    assert root.attributes["data-charts"] == "5"
    for chart in tree.all("div", class_="chart"):
        drawn = [path for path in chart.all("path", class_="js-line") if "d" in path.attributes]
        assert len(drawn) >= (2 if chart.attributes["id"].startswith("drift") else 6)
    assert not tree.all("a", href="https://plotly.com/"), "no link leads out of the page"


def test_the_browser_writes_the_ratios_that_python_wrote(written: Path, tmp_path: Path) -> None:
    assert ratios(browse(written.as_uri(), tmp_path)) == ratios(pages.read(written.read_text()))


def test_ratios_of_every_size_are_written_alike(tmp_path: Path) -> None:
    recipe = studies.Recipe(contenders=40, repeats=1, epochs=2, absent=0)
    rows = list(studies.rows(recipe))
    trials = [row for row in rows if isinstance(row, Record)]
    for power, trial in enumerate(trials):
        wall = (1.0, 1.234567 * 10 ** (power / 2 - 9))
        epochs = replace(trial.epochs, wall=wall)
        rows[rows.index(trial)] = replace(trial, epochs=epochs)
    label = f"{trials[20].backend}/{trials[20].mode}"
    study = pages.study(tmp_path, studies.head(recipe), rows)
    target = page.write(study, tmp_path / "a.html", baseline=label)
    (seen,) = ratios(browse(target.as_uri(), tmp_path))
    assert [seen] == ratios(pages.read(target.read_text()))
    assert {"1.00", "3.16e-9", "0.316", "316", "3,162", "1,000,000,000"} <= set(seen)


def test_the_address_chooses_the_baseline(written: Path, tmp_path: Path) -> None:
    tree = browse(written.as_uri() + "#baseline=torch%2Feager", tmp_path)
    study = levelfield.load(written.parent)
    asked = pages.rendered(study, baseline="torch/eager")
    assert ratios(tree) == ratios(asked)
    assert ratios(tree) != ratios(pages.rendered(study))
    assert [row.all("th")[0].text for row in tree.all("tr", class_="base")] == ["torch/eager"] * 2


def test_choosing_a_baseline_changes_ratios_and_address(written: Path, tmp_path: Path) -> None:
    script = """
      const select = page.getElementById("baseline");
      const labels = [...select.options].map(option => option.dataset.label);
      select.selectedIndex = labels.indexOf("tensorflow/xla");
      select.dispatchEvent(new Event("change"));
      const cells = [...page.querySelectorAll(".ratio span")].map(cell => cell.textContent);
      say([frame.contentWindow.location.hash, ...cells].join(" "));"""
    options = "--allow-file-access-from-files"
    said = browse(beside(written, tmp_path, script), tmp_path, options).one("p", id="said").text
    wanted = ratios(pages.rendered(levelfield.load(written.parent), baseline="tensorflow/xla"))
    assert said.split() == [
        "#baseline=tensorflow%2Fxla",
        *(text for table in wanted for text in table),
    ]


def test_nothing_but_tables_is_wider_than_a_telephone(written: Path, tmp_path: Path) -> None:
    script = """
      const root = page.documentElement;
      say([frame.contentWindow.innerWidth, root.scrollWidth, page.body.scrollWidth].join(" "));"""
    options = "--allow-file-access-from-files"
    said = browse(beside(written, tmp_path, script), tmp_path, options).one("p", id="said").text
    assert said == "400 400 400"


def test_files_come_out_as_they_went_in(written: Path, tmp_path: Path) -> None:
    script = """
      const inside = frame.contentWindow;
      inside.HTMLAnchorElement.prototype.click = () => {};  // a download would never end here
      const saved = new Promise(done => { inside.URL.createObjectURL = done; });
      page.querySelector('[data-file="records.jsonl"]').click();
      const bytes = await (await saved).arrayBuffer();
      const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
      say([...digest].map(b => b.toString(16).padStart(2, "0")).join(""));"""
    import hashlib

    options = "--allow-file-access-from-files"
    said = browse(beside(written, tmp_path, script), tmp_path, options).one("p", id="said").text
    wanted = (written.parent / "records.jsonl").read_bytes()
    assert said == hashlib.sha256(wanted).hexdigest()


def test_legends_switch_lines(written: Path, tmp_path: Path) -> None:
    script = """
      const chart = page.getElementById("curves-0-epoch");
      const ready = () => page.documentElement.dataset.state === "ready";
      while (!ready()) await new Promise(done => setTimeout(done, 20));
      const lines = () => chart.data.filter(trace => trace.visible && trace.name);
      const seen = () => lines().map(trace => trace.name + " " + trace.meta.kind);
      const told = [seen().length];
      page.querySelector('.panel [data-group="0"]').click();
      told.push(seen().length);
      page.querySelector('.panel input[value="loss"]').click();
      told.push(seen().length, seen()[0], chart.layout.yaxis.title.text);
      page.querySelector('.panel [data-all="off"]').click();
      told.push(seen().length);
      say(told.join("; "));"""
    options = "--allow-file-access-from-files"
    said = browse(beside(written, tmp_path, script), tmp_path, options).one("p", id="said").text
    assert said == "6; 5; 5; torch/eager loss; training loss; 0"


def test_nasty_names_run_nothing_in_a_browser(tmp_path: Path) -> None:
    from test_report_hostile import NASTY, cycle, study

    target = page.write(
        study(cycle([text for text in NASTY if len(text) < 1000])), tmp_path / "a.html"
    )
    tree = browse(target.as_uri(), tmp_path)
    root = tree.one("html")
    assert root.attributes.get("data-errors") is None
    assert root.attributes["data-state"] == "ready"
    assert "broken out" not in tree.one("title").text
    assert not tree.all("img")
