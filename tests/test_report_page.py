"""The page for everyone: by keyboard, in the dark, by a screen reader, small, large, on paper."""

from __future__ import annotations

import re
from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import browsing
import everything
import pytest
import studies
from levelfield.reports import many, page, sections

import levelfield

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = browsing.MARKS
RECIPE = studies.Recipe(contenders=9, repeats=2, epochs=5)
WITHOUT_DRAWINGS: Any = {"exclude": [[".chart"]]}
"""A chart is one picture with a label to whoever does not see it."""
CHARTS = 9
"""Of the page of this recipe."""


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = studies.write(RECIPE, tmp_path_factory.mktemp("study"))
    return page.write(levelfield.load(folder), folder / "report.html").as_uri()


def focused(opened: Page) -> str:
    """Tag and text of what has the focus."""
    script = "`${document.activeElement.tagName} ${document.activeElement.innerText ?? ''}`"
    return " ".join(str(opened.evaluate(script)).split())


def colour(opened: Page, name: str = "backgroundColor") -> int:
    """How light the page's body is, 0 to 255."""
    text = opened.evaluate(f"getComputedStyle(document.body).{name}")
    return sum(int(part) for part in re.findall(r"\d+", text)[:3]) // 3


@pytest.fixture(scope="module")
def rich(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A page with every section."""
    made = everything.write(tmp_path_factory.mktemp("rich"))
    target = page.write(made, made.folder / "report.html")
    text = target.read_text(encoding="utf-8")
    assert {name for name in sections.found() if f'<section id="{name}">' not in text} == set()
    return target.as_uri()


@pytest.fixture(scope="module")
def several(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A page of two studies."""
    folder = tmp_path_factory.mktemp("several")
    two = [studies.write(replace(RECIPE, seed=seed), folder / str(seed)) for seed in (1, 2)]
    return many.write([levelfield.load(each) for each in two], folder / "a.html").as_uri()


@pytest.mark.parametrize("which", ["rich", "several"])
def test_no_serious_barrier_in_light_and_dark(
    browser: Browser, which: str, request: pytest.FixtureRequest
) -> None:
    from axe_playwright_python.sync_playwright import Axe

    address = request.getfixturevalue(which)
    with browsing.opened(browser, address, color_scheme="light") as opened:
        browsing.charts(opened, "#drift, #history")
        opened.evaluate("""() => {
          for (const each of document.querySelectorAll("section")) {
            const folded = each.querySelector("details");
            if (folded) folded.open = true;
          }
          document.querySelector(".filters summary").click();
          document.querySelector(".panel [data-group]").click();
        }""")
        for scheme, options in (("light", {}), ("dark", {"runOnly": ["color-contrast"]})):
            opened.emulate_media(color_scheme=scheme)
            found = Axe().run(opened, WITHOUT_DRAWINGS, options).response["violations"]
            assert [(each["id"], each["nodes"][0]["html"][:200]) for each in found] == []


def test_headings_and_landmarks_are_in_order(browser: Browser, report: str) -> None:
    with browsing.opened(browser, report) as opened:
        script = "all => all.map(each => Number(each.tagName[1]))"
        ranks = opened.locator("h1, h2, h3, h4, h5, h6").evaluate_all(script)
        assert ranks[0] == 1
        assert ranks.count(1) == 1
        assert all(after - before <= 1 for before, after in pairwise(ranks))
        for landmark in ("banner", "navigation", "main", "contentinfo"):
            assert opened.get_by_role(landmark).count() == 1
        labels = opened.locator(".chart").evaluate_all("all => all.map(e => e.ariaLabel)")
        assert len(labels) == CHARTS
        assert all(len(label) > 20 for label in labels)


def test_everything_works_by_keyboard(browser: Browser, report: str) -> None:
    with browsing.opened(browser, report) as opened:
        keys = opened.keyboard
        keys.press("Tab")
        assert focused(opened) == "A Skip to the results"
        keys.press("Enter")
        assert focused(opened).startswith("MAIN")
        opened.locator(".filters summary", has_text="backend").focus()
        keys.press("Enter")
        keys.press("Tab")
        assert focused(opened) == "INPUT"
        keys.press("Space")
        assert "hide-backend=jax" in browsing.address(opened)
        keys.press("Escape")
        assert focused(opened) == "SUMMARY backend 10 of 11"
        opened.get_by_role("button", name="show all").first.focus()
        keys.press("Enter")
        assert "hide-backend" not in browsing.address(opened)

        browsing.charts(opened, "#curves")
        opened.locator("#curves input[type=radio]").first.focus()
        keys.press("ArrowRight")
        chart = opened.locator("#curves-0-epoch")
        assert chart.evaluate("chart => chart.layout.yaxis.title.text") == "training loss"
        tools = opened.locator(".drawing", has=chart).locator(".tools")
        tools.get_by_label("Logarithmic y axis").focus()
        keys.press("Enter")
        assert chart.evaluate("chart => chart.layout.yaxis.type") == "linear"
        low, high = chart.evaluate("chart => chart.layout.xaxis.range")
        keys.press("ArrowRight")
        moved = chart.evaluate("chart => chart.layout.xaxis.range")
        assert moved == pytest.approx([low + 0.2 * (high - low), high + 0.2 * (high - low)])

        sort = opened.locator("#ranking th", has_text="contender").first.get_by_role("button")
        sort.focus()
        keys.press("Space")
        head = opened.locator("#ranking th", has_text="contender").first
        assert head.get_attribute("aria-sort") == "ascending"
        opened.locator("#baseline").focus()
        keys.press("ArrowDown")
        keys.press("Enter")
        assert "baseline=jax/scan" in browsing.address(opened)


def test_the_reader_chooses_light_or_dark(browser: Browser, report: str) -> None:
    with browsing.opened(browser, report, color_scheme="dark") as opened:
        assert colour(opened) < colour(opened, "color") - 150
        browsing.charts(opened, "#curves")
        chart = opened.locator("#curves-0-epoch")
        dark = chart.evaluate("chart => chart.layout.font.color")
        opened.get_by_role("button", name="Light colours").click()
        assert colour(opened) > colour(opened, "color") + 150
        chart.scroll_into_view_if_needed()
        ink = "document.getElementById('curves-0-epoch').layout.font.color"
        browsing.until(opened, f"{ink} !== '{dark}'")
        assert browsing.address(opened) == "#theme=light"
        opened.emulate_media(color_scheme="light")
        opened.get_by_role("button", name="Dark colours").click()
        opened.reload()
        assert colour(opened) < 60, "the address keeps it"


def test_a_line_is_told_by_more_than_its_colour(browser: Browser, report: str) -> None:
    with browsing.opened(browser, report) as opened:
        browsing.charts(opened, "#curves")
        script = """chart => chart.data.filter(each => each.name && each.visible)
          .map(each => `${each.line.dash} ${each.marker.symbol} ${each.mode}`)"""
        looks = opened.locator("#curves-0-epoch").evaluate(script)
        assert len(set(looks)) == 9
        assert all(look.endswith("lines+markers") for look in looks)


@pytest.mark.parametrize("width", [400, 800, 1280, 3840])
def test_no_width_makes_the_page_scroll_sideways(browser: Browser, report: str, width: int) -> None:
    size: Any = {"width": width, "height": 900}
    with browsing.opened(browser, report, viewport=size) as opened:
        browsing.charts(opened)
        assert opened.evaluate("document.documentElement.scrollWidth") == width
        used = opened.locator("main").evaluate("main => main.clientWidth / innerWidth")
        assert used > 0.7
        wide = opened.locator(".chart").evaluate_all("all => all.map(each => each.clientWidth)")
        drawn = opened.locator(".chart").evaluate_all(
            "all => all.map(each => each.querySelector('svg').clientWidth)"
        )
        assert drawn == wide
        smaller: Any = {"width": max(width // 2, 400), "height": 900}
        opened.set_viewport_size(smaller)
        fits = "each => each.querySelector('svg').clientWidth === each.clientWidth"
        browsing.until(opened, f"[...document.querySelectorAll('.chart')].every({fits})")


def test_paper_is_light_whole_and_without_controls(browser: Browser, report: str) -> None:
    address = f"{report}#theme=dark&hide-backend=numpy"
    with browsing.opened(browser, address, color_scheme="dark") as opened:
        browsing.until(opened, "!!window.Plotly")
        opened.evaluate("""addEventListener("beforeprint", () => {
          const charts = [...document.querySelectorAll(".chart")];
          window.printed = charts.map(each => [each.layout?.width, each.layout?.font.color]);
        })""")
        paper = opened.pdf(format="A4", print_background=True)
        printed = opened.evaluate("window.printed")
        assert len(printed) == CHARTS, "also those that were never in sight"
        assert all(width <= 700 and ink == "rgb(29, 36, 48)" for width, ink in printed)
        assert 2 <= len(re.findall(rb"/Type\s*/Page\b", paper)) <= 10
        assert colour(opened) < 60, "the screen is as it was"
        browsing.charts(opened)
        script = "all => all.map(each => each.querySelector('svg').clientWidth - each.clientWidth)"
        opened.wait_for_timeout(100)
        assert opened.locator(".chart").evaluate_all(script) == [0] * CHARTS
        opened.emulate_media(media="print")
        assert browsing.texts(opened, "nav, select, .tools, .theme, .files, .filters details") == []
        assert "A filter is on: 1 of 13 contenders hidden." in opened.locator("body").inner_text()
        assert "numpy/numpy" not in browsing.texts(opened, "tbody th .who")


def test_motion_is_reduced_where_the_reader_wants_it(browser: Browser, report: str) -> None:
    for wish, behaviour in (("reduce", "auto"), ("no-preference", "smooth")):
        with browsing.opened(browser, report, reduced_motion=wish) as opened:
            script = "getComputedStyle(document.documentElement).scrollBehavior"
            assert opened.evaluate(script) == behaviour


def test_without_scripts_the_tables_are_there(browser: Browser, report: str) -> None:
    with browsing.opened(browser, report, java_script_enabled=False) as opened:
        assert opened.locator("table.ranking tbody tr").count() == 9
        assert "need JavaScript" in opened.content()
        assert opened.locator(".filters, .sort, .tools").count() == 0
