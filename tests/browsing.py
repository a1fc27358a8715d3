"""Drives the Chromium of this system, cut off from the network, and lets no error pass."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), ""
)
LOCAL = ("file:", "data:", "blob:")


def missing() -> str:
    """Say what there is too little of to open a page; nothing if all is there."""
    lacks = [name for name in ("playwright", "axe_playwright_python") if not find_spec(name)]
    if not CHROMIUM:
        lacks.append("chromium or google-chrome")
    return f"not installed: {', '.join(lacks)}" if lacks else ""


MARKS = [pytest.mark.slow, pytest.mark.skipif(bool(missing()), reason=missing())]
"""Of tests that need a browser."""


@contextmanager
def browser() -> Iterator[Browser]:
    """Start a browser, for as many pages as wanted."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        made = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield made
        made.close()


@contextmanager
def opened(browser: Browser, address: str, **options: Any) -> Iterator[Page]:
    """Open a page and wait until it is ready; in the end it has had no error, and asked nobody.

    It does not glide when it scrolls, unless it is asked to.
    """
    usual = {"viewport": {"width": 1280, "height": 900}, "reduced_motion": "reduce"}
    context = browser.new_context(**{**usual, **options})
    context.set_offline(True)
    asked: list[str] = []
    said: list[str] = []
    page = context.new_page()
    context.on("request", lambda request: asked.append(request.url))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("console", lambda message: said.append(message.text))
    page.goto(address)
    if options.get("java_script_enabled", True):
        page.wait_for_selector("html[data-state=ready]", state="attached")
    yield page
    if options.get("java_script_enabled", True):
        assert page.evaluate("document.documentElement.dataset.errors ?? ''") == ""
    assert not said
    assert not [url for url in asked if not url.startswith(LOCAL)]
    context.close()


def charts(page: Page, within: str = "main") -> int:
    """Bring every chart into sight, one after the other, until it is drawn; how many there are."""
    found = page.evaluate(
        """async within => {
      const all = [...document.querySelectorAll(within)].flatMap(
        each => [...each.querySelectorAll(".chart")]);
      const seen = all.filter(each => each.checkVisibility());
      for (const chart of seen) {
        chart.scrollIntoView({ behavior: "instant" });
        while (!chart.querySelector(".main-svg")) await new Promise(requestAnimationFrame);
      }
      return seen.length;
    }""",
        within,
    )
    return int(found)


def texts(page: Page, selector: str) -> list[str]:
    """What is read in each of these elements that can be seen, in one line."""
    script = """all => all.filter(each => each.checkVisibility())
      .map(each => (each.innerText ?? each.textContent).replaceAll(/\\s+/g, " ").trim())"""
    found: list[str] = page.locator(selector).evaluate_all(script)
    return found


def until(page: Page, script: str) -> None:
    """Wait for an expression to hold; the page's policy lets nobody wait within the page."""
    end = time.monotonic() + 20
    while not page.evaluate(script):
        assert time.monotonic() < end, script
        page.wait_for_timeout(20)


def address(page: Page) -> str:
    """The fragment of the page's address, in which its state is."""
    return str(page.evaluate("decodeURIComponent(location.hash)"))
