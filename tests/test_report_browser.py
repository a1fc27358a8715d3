"""The page in a real browser: its charts are drawn, its controls work, it fetches nothing."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

import browsing
import pages
import pandas as pd
import pytest
import studies
from levelfield.reports import page
from levelfield.reports.formats import NOTHING

import levelfield
from levelfield.results.record import Record
from levelfield.results.study import Study

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = browsing.MARKS
RECIPE = studies.Recipe(workloads=2, contenders=10, repeats=2, epochs=5)
CHARTS = 17
"""Of the page of this recipe."""
TORCH = {"torch/eager", "torch/compile"}


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Study:
    return levelfield.load(studies.write(RECIPE, tmp_path_factory.mktemp("study")))


@pytest.fixture(scope="module")
def report(study: Study) -> str:
    return page.write(study, study.folder / "report.html").as_uri()


def ratios(tree: pages.Node) -> list[list[str]]:
    return [
        [cell.text for cell in table.all("td", class_="ratio")]
        for table in tree.all("table", class_="ranking")
    ]


def shown(opened: Page) -> list[list[str]]:
    """The ratios that the browser shows."""
    script = "all => all.map(each => each.outerHTML).join('')"
    return ratios(pages.read(opened.locator("table.ranking").evaluate_all(script)))


def first_table(opened: Page, section: str, cell: str = "th .who") -> list[str]:
    """Texts of a cell of each row of a section's first table."""
    script = f"""section => [...section.querySelector("table").tBodies[0].rows]
      .filter(row => row.checkVisibility()).map(row => row.querySelector("{cell}").innerText.trim())
    """
    found: list[str] = opened.locator(f"#{section}").evaluate(script)
    return found


def traces(opened: Page, chart: str) -> set[str]:
    """Names of the lines that a chart shows."""
    script = "chart => chart.data.filter(t => t.visible === true && t.name).map(t => t.name)"
    return set(opened.locator(f"#{chart}").evaluate(script))


def hide(opened: Page, dimension: str, *values: str) -> None:
    """Take the ticks of these values away."""
    choice = opened.locator(
        ".filters details", has=opened.locator(f"summary:has-text('{dimension}')")
    )
    choice.locator("summary").click()
    for value in values:
        choice.get_by_label(value, exact=True).uncheck()
    opened.keyboard.press("Escape")


def test_charts_are_drawn_when_they_come_near(browser: Browser, report: str) -> None:
    with browsing.opened(browser, report) as opened:
        drawn = opened.locator(".chart:has(.main-svg)").count()
        assert drawn <= 1, "the first at most is near the top"
        assert browsing.charts(opened) == CHARTS
        assert opened.locator("html").get_attribute("data-charts") == str(CHARTS)
        script = """all => all.map(each => [
          each.id, each.querySelectorAll("path.js-line, path.point, path.xerror").length])"""
        shapes = dict(opened.locator(".chart").evaluate_all(script))
        assert shapes.pop("drift-0") >= 2
        assert min(shapes.values()) >= 10, shapes
        assert opened.locator("a[href^=http]").count() == 0, "no link leads out of the page"


def test_the_browser_writes_the_ratios_that_python_wrote(
    browser: Browser, study: Study, report: str
) -> None:
    asked = ratios(pages.rendered(study, baseline="torch/eager"))
    written = ratios(pages.read((study.folder / "report.html").read_text()))
    with browsing.opened(browser, report) as opened:
        assert shown(opened) == written != asked
        opened.locator("#baseline").select_option(label="torch/eager")
        assert shown(opened) == asked
        assert browsing.address(opened) == "#baseline=torch/eager"
        opened.reload()
        assert shown(opened) == asked, "the address chooses it, too"
        assert browsing.texts(opened, "tr.base th") == ["torch/eager"] * 2


def test_ratios_of_every_size_are_written_alike(browser: Browser, tmp_path: Path) -> None:
    recipe = studies.Recipe(contenders=40, repeats=1, epochs=2, absent=0)
    rows = list(studies.rows(recipe))
    trials = [row for row in rows if isinstance(row, Record)]
    for power, trial in enumerate(trials):
        wall = (1.0, 1.234567 * 10 ** (power / 2 - 9))
        epochs = replace(trial.epochs, wall=wall)
        rows[rows.index(trial)] = replace(trial, epochs=epochs)
    label = f"{trials[20].backend}/{trials[20].mode}"
    made = pages.study(tmp_path, studies.head(recipe), rows)
    target = page.write(made, tmp_path / "a.html", baseline=label)
    with browsing.opened(browser, target.as_uri()) as opened:
        (seen,) = shown(opened)
    assert [seen] == ratios(pages.read(target.read_text()))
    assert {"1.00", "3.16e-9", "0.316", "316", "3,162", "1,000,000,000"} <= set(seen)


def test_a_filter_hides_its_contenders_everywhere(browser: Browser, report: str) -> None:
    with browsing.opened(browser, report) as opened:
        everyone = {each: first_table(opened, each) for each in ("ranking", "phases", "resources")}
        hide(opened, "backend", "torch")
        assert browsing.address(opened) == "#hide-backend=torch"
        assert browsing.texts(opened, ".filters [role=status]") == [
            "A filter is on: 2 of 14 contenders hidden."
        ]
        for section, names in everyone.items():
            assert first_table(opened, section) == [name for name in names if name not in TORCH]
        groups = browsing.texts(opened, "#versions .who")
        assert groups
        assert not TORCH & set(groups)
        assert not TORCH & set(browsing.texts(opened, "#curves .legend button"))
        browsing.charts(opened, "#curves")
        shown = traces(opened, "curves-0-epoch")
        assert shown == set(everyone["ranking"]) - TORCH
        opened.reload()
        assert set(first_table(opened, "ranking")) == shown
        opened.get_by_role("button", name="show all").first.click()
        assert first_table(opened, "ranking") == everyone["ranking"]
        assert browsing.address(opened) == ""
        assert browsing.texts(opened, ".filters [role=status]") == [""]


def test_a_workload_is_hidden_with_all_that_is_about_it(browser: Browser, report: str) -> None:
    with browsing.opened(browser, report) as opened:
        hide(opened, "workload", "digits-autoencoder")
        heads = browsing.texts(opened, "h3[data-workload]")
        assert heads
        assert all(text.startswith("thesis-autoencoder") for text in heads)
        assert opened.locator("table.ranking").nth(0).is_visible()
        assert not opened.locator("table.ranking").nth(1).is_visible()
        assert not opened.locator("#curves-1-epoch").is_visible()
        assert opened.locator("#curves > .note").is_visible(), "it is about all workloads"
        assert "1 of 2 workloads hidden" in opened.locator(".filters").inner_text()


def test_filters_stand_in_the_address(browser: Browser, report: str) -> None:
    with browsing.opened(browser, f"{report}#hide-mode=default,scan&hide-backend=numpy") as opened:
        names = set(first_table(opened, "ranking"))
        assert names == TORCH | {"tensorflow/xla", "tensorflow/graph"}
        opened.locator("nav a[href='#phases']").click()
        assert set(first_table(opened, "ranking")) == names, "a link within the page keeps them"
        assert "at=phases" in browsing.address(opened)
        opened.evaluate("location.hash = '#hide-backend=torch,tensorflow&hide-mode=%25,%E0'")
        browsing.until(opened, "document.querySelector('.filters').innerText.includes('4 of 14')")
        assert not TORCH & set(first_table(opened, "ranking"))


def test_tables_sort_by_value_and_back(browser: Browser, study: Study, report: str) -> None:
    runs = [r for r in study.records if r.status == "ok" and r.workload == "thesis-autoencoder"]
    first = {
        label: median(r.epochs.wall[0] for r in runs if f"{r.backend}/{r.mode}" == label)
        for label in RECIPE.names
    }
    with browsing.opened(browser, report) as opened:
        written = first_table(opened, "ranking")
        head = opened.locator("#ranking th", has_text="first epoch").first
        for way in ("ascending", "descending"):
            head.get_by_role("button").click()
            assert head.get_attribute("aria-sort") == way
            shown = [float(f"{first[name]:.3g}") for name in first_table(opened, "ranking")]
            assert shown == sorted(shown, reverse=way == "descending")
        head.get_by_role("button").click()
        assert head.get_attribute("aria-sort") is None
        assert first_table(opened, "ranking") == written
        opened.locator("#ranking th", has_text="contender").first.get_by_role("button").click()
        assert first_table(opened, "ranking") == sorted(written)
        levels = opened.locator("#verification th", has_text="forward").first
        levels.get_by_role("button").click()
        shares = first_table(opened, "verification", "td.number")
        known = [float(text.split()[0].split("\xa0")[0]) for text in shares[:10]]
        assert known == sorted(known)
        assert shares[10:] == [NOTHING] * 4, "what has no value comes last"


def test_tables_are_searched(browser: Browser, report: str) -> None:
    with browsing.opened(browser, report) as opened:
        names = first_table(opened, "ranking")
        box = opened.get_by_label("Search: Ranking of thesis-autoencoder")
        box.fill("TORCH passed")
        assert first_table(opened, "ranking") == [name for name in names if "torch" in name]
        assert "3 of 10 rows" in opened.locator("#ranking .search").first.inner_text()
        box.fill("")
        assert first_table(opened, "ranking") == names
        assert opened.locator("#drift input[type=search]").count() == 0, "four rows need none"


def test_legends_switch_lines(browser: Browser, report: str) -> None:
    with browsing.opened(browser, report) as opened:
        browsing.charts(opened, "#curves")
        assert traces(opened, "curves-0-epoch") == set(RECIPE.names)
        opened.locator("#curves .panel").first.locator("[data-group='0']").click()
        assert traces(opened, "curves-0-epoch") == set(RECIPE.names[1:])
        assert traces(opened, "curves-1-epoch") == set(RECIPE.names), "another panel"
        opened.locator("#curves .panel").first.get_by_label("training loss").check()
        title = opened.locator("#curves-0-epoch").evaluate("chart => chart.layout.yaxis.title.text")
        assert title == "training loss"
        opened.locator("#curves .panel").first.get_by_text("hide all").click()
        assert traces(opened, "curves-0-seconds") == set()


def test_a_chart_s_points_can_be_read(browser: Browser, study: Study, report: str) -> None:
    runs = [r for r in study.records if r.status == "ok" and r.workload == "thesis-autoencoder"]
    wanted = [
        [label, str(n + 1), f"{sum(losses) / len(losses):.4g}"]
        for label in RECIPE.names
        for n in range(RECIPE.epochs)
        for losses in [[r.epochs.test_loss[n] for r in runs if f"{r.backend}/{r.mode}" == label]]
    ]
    with browsing.opened(browser, report) as opened:
        browsing.charts(opened, "#curves")
        place = opened.locator("#curves details").first
        place.locator("summary").click()
        script = "all => all.map(row => [...row.cells].map(cell => cell.textContent))"
        rows = place.locator("tbody tr").evaluate_all(script)
        assert [[*row[:2], f"{float(row[2]):.4g}"] for row in rows] == wanted
        hide(opened, "backend", "torch")
        browsing.until(opened, "document.querySelectorAll('#curves details tbody tr').length < 50")
        assert place.locator("tbody tr").count() == 40


def test_axes_and_zoom(browser: Browser, report: str) -> None:
    state = "({ layout: { xaxis, yaxis } }) => [xaxis.type, yaxis.type, ...xaxis.range]"
    with browsing.opened(browser, report) as opened:
        browsing.charts(opened, "#curves")
        chart = opened.locator("#curves-0-seconds")
        tools = opened.locator(".drawing", has=chart).locator(".tools")
        x, y, low, high = chart.evaluate(state)
        assert (x, y) == ("linear", "log")
        tools.get_by_label("Zoom in").click()
        inner = chart.evaluate(state)[2:]
        assert inner[1] - inner[0] == pytest.approx(0.7 * (high - low))
        tools.get_by_label("Show all again").click()
        assert chart.evaluate(state)[2:] == [low, high]
        for axis in "xy":
            tools.get_by_label(f"Logarithmic {axis} axis").click()
        assert chart.evaluate(state)[:2] == ["log", "linear"]
        pressed = tools.get_by_label("Logarithmic x axis").get_attribute("aria-pressed")
        assert pressed == "true"
        epochs = opened.locator(".drawing", has=opened.locator("#curves-0-epoch"))
        assert epochs.get_by_label("Logarithmic x axis").count() == 0, "epochs are counted"


def test_files_come_out_as_they_went_in(browser: Browser, study: Study, report: str) -> None:
    got = {}
    with browsing.opened(browser, report) as opened:
        for button in opened.locator("[data-file]").all():
            with opened.expect_download() as download:
                button.click()
            got[download.value.suggested_filename] = Path(download.value.path()).read_bytes()
    for name in ("study.json", "records.jsonl"):
        assert got.pop(name) == (study.folder / name).read_bytes()
    assert set(got) == {
        f"{name}.{kind}" for name in ("trials", "epochs") for kind in ("csv", "parquet")
    }
    for name, frame in (("trials", study.trials()), ("epochs", study.epochs())):
        for read, kind in ((pd.read_csv, "csv"), (pd.read_parquet, "parquet")):
            seen = read(io.BytesIO(got[f"{name}.{kind}"]))
            assert list(seen) == list(frame)
            for column in ("key", "backend", "loss", "wall"):
                assert seen[column].tolist() == pytest.approx(frame[column].tolist(), nan_ok=True)


def test_nasty_names_run_nothing_in_a_browser(browser: Browser, tmp_path: Path) -> None:
    from test_report_hostile import NASTY, cycle, study

    made = study(cycle([text for text in NASTY if len(text) < 1000]))
    target = page.write(made, tmp_path / "a.html")
    with browsing.opened(browser, target.as_uri()) as opened:
        browsing.charts(opened)
        assert "broken out" not in opened.title()
        assert opened.locator("img").count() == 0
        opened.locator(".filters summary").first.click()
        opened.locator(".filters details[open] input").first.uncheck()
        assert "A filter is on" in opened.locator(".filters").inner_text()
        opened.reload()
        assert "A filter is on" in opened.locator(".filters").inner_text()
