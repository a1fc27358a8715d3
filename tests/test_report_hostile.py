"""Whatever a record holds, it is text on the page: it runs, fetches and hides nothing."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pages
import pytest
import studies
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from levelfield.reports import charts, formats, page
from levelfield.reports.sections import raw

from levelfield.results.record import Figure, Record, Sentinel, Verification

NASTY = [
    "<script>alert(1)</script>",
    "</script><script>document.title = 'broken out'</script>",
    '"><img src=x onerror=alert(1)>',
    "' onmouseover='alert(1)",
    "--><!-- ]]></style></title></textarea>",
    "{{ 7 * 7 }}{% raw %}",
    "&lt;b&gt; &amp;amp; %{x} $\\alpha$",
    '<a href="http://example.com/">a</a>',
    "javascript:alert(1)",
    "\x1b[31mred\x1b[0m \x1b]0;title\x07 \x9b1m",
    "\x00\x01\x08\x7f\x85\ufffe",
    "\u202eturned\u2066 \u2028\u2029 \ud800",
    "Ünïcödé 深層学習 🙂",
    "__proto__",
    "x" * 100_000,
    "",
    " ",
    "=cmd()|'/c calc'!A0,\r\n\"quoted\"",
]

TAGS = {
    "a", "b", "body", "button", "code", "details", "div", "document", "fieldset", "footer",
    "h1", "h2", "h3", "h4", "head", "header", "html", "i", "input", "label", "legend", "li",
    "link", "main", "meta", "nav", "noscript", "option", "p", "path", "pre", "script",
    "section", "select", "small", "span", "style", "summary", "svg", "table", "tbody", "td",
    "th", "thead", "title", "tr", "ul", "wbr",
}  # fmt: skip


def assert_sound(tree: pages.Node) -> None:
    """Only our own elements, scripts and addresses; nothing in the text that cannot be seen."""
    policy = tree.one("meta", http_equiv="Content-Security-Policy").attributes["content"]
    assert "default-src 'none'" in policy
    for node in tree.walk():
        assert node.tag in TAGS
        for name, value in node.attributes.items():
            assert not name.startswith("on")
            assert name not in {"src", "srcset", "action", "formaction", "background", "poster"}
            assert name != "href" or re.fullmatch(r"#[a-z]+|data:,", value)
            assert name != "style" or re.fullmatch(r"([a-z]+:[0-9a-f#.%px]+;?)+", value)
        if node.tag == "script" and "type" not in node.attributes:
            digest = base64.b64encode(hashlib.sha256(node.raw.encode()).digest()).decode()
            assert f"'sha256-{digest}'" in policy, "a script that is not ours"
        elif node.attributes.get("type") == "application/json":
            json.loads(node.raw)
    style = tree.one("style").raw
    assert "url(" not in style
    assert "@import" not in style
    assert not re.search(
        "[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]", tree.text
    )


def study(texts: Iterator[str]) -> Any:
    """Return a study in which every string that can be anything is one of these."""
    recipe = studies.Recipe(contenders=3, repeats=2, epochs=3, absent=2)
    rows: list[Record | Sentinel] = []
    names = {name: next(texts) for name in ("backend", "mode", "device", "environment")}
    for row in studies.rows(recipe):
        if isinstance(row, Sentinel):
            rows.append(_changed(row, started=next(texts), precision=next(texts)))
            continue
        facts: dict[str, Any] = {
            **{name: getattr(row, name) + text for name, text in names.items()},
            "workload": next(texts), "reason": next(texts), "log": next(texts),
            "started": next(texts), "data": next(texts), "key": next(texts),
            "settings": {next(texts): next(texts)}, "versions": {next(texts): next(texts)},
            "verification": Verification(
                status="failed",
                figures=(Figure(level=next(texts), part=next(texts), value=2.0, limit=1.0),),
                reason=next(texts),
            ),
        }  # fmt: skip
        rows.append(_changed(row, **facts))
    anything = {next(texts): next(texts), next(texts): [next(texts)]}
    head = studies.head(
        recipe, suite=next(texts), created=next(texts), levelfield=next(texts),
        contenders=(next(texts),), options=anything,
        machine={**anything, "cpu": next(texts), "cores": next(texts), "memory": next(texts)},
        workloads={next(texts): {**anything, "name": next(texts), "layers": [anything]}},
    )  # fmt: skip
    return pages.study(Path("/nowhere"), head, rows)


def _changed(row: Any, **changes: Any) -> Any:
    import dataclasses

    return dataclasses.replace(row, **changes)


def cycle(texts: list[str], start: int = 0) -> Iterator[str]:
    """Go round the texts for ever."""
    while True:
        yield texts[start % len(texts)]
        start += 1


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave plotly's script out of every page: a small one stands for it."""
    monkeypatch.setattr(page, "LIBRARY", page.HERE / "theme.js")


@pytest.mark.parametrize("start", range(len(NASTY)))
def test_a_page_of_nasty_strings_is_sound(start: int) -> None:
    assert_sound(pages.rendered(study(cycle(NASTY, start))))


@pytest.mark.parametrize("text", NASTY)
def test_one_nasty_string_everywhere_is_sound(text: str) -> None:
    tree = pages.rendered(study(cycle([text])))
    assert_sound(tree)
    shown = " ".join(formats.cut(formats.clean(text), 1000).split())
    assert shown in tree.one("section", id="absent").text


@pytest.mark.slow
@settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    st.lists(st.text(st.characters(exclude_categories=()), max_size=30), min_size=1, max_size=40)
)
def test_a_page_of_any_strings_is_sound(texts: list[str]) -> None:
    assert_sound(pages.rendered(study(cycle(texts))))


@pytest.mark.parametrize("text", NASTY)
def test_raw_data_are_not_cleaned(text: str) -> None:
    line = raw.records(study(cycle([text]))).partition(b"\n")[0]
    assert json.loads(line)["started"] == text


@given(st.text(st.characters(exclude_categories=())))
def test_clean_text_can_be_written_and_is_clean_for_good(text: str) -> None:
    cleaned = formats.clean(text)
    cleaned.encode()
    assert formats.clean(cleaned) == cleaned
    assert all(c in "\n\t" or ord(c) >= 32 for c in cleaned)


def test_clean_text_keeps_what_can_be_read() -> None:
    assert formats.clean("\x1b[1;31mred\x1b[0m\r\n10 %\r20 %\tÜ 深") == "red\n10 %\n20 %\tÜ 深"
    assert formats.clean("a\x1b]0;title\x07b\x1b]8;;http://x\x1b\\c") == "abc"
    assert formats.clean("a\u202eb\x00") == "a\ufffdb\ufffd"


def test_cleaning_takes_no_longer_than_the_text() -> None:
    import time

    for text in (
        "\x1b[" * 50_000,
        "\x1b]" * 50_000,
        "\x1b[0" * 33_000,
        "\x1b]a" * 33_000,
        "\x9b" * 100_000,
    ):
        begun = time.perf_counter()
        formats.clean(text)
        assert time.perf_counter() - begun < 1


@given(st.recursive(st.none() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
                    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)))  # fmt: skip
def test_embedded_json_says_the_same_and_cannot_break_out(value: Any) -> None:
    text = charts.embed(json.dumps(value, ensure_ascii=False))
    assert json.loads(text) == value
    assert not set(text) & set("<>&\u2028\u2029")


@given(st.floats())
def test_every_number_can_be_written(value: float) -> None:
    for name in ("count", "memory", "percent", "rate", "ratio", "seconds", "significant"):
        text = formats.FILTERS[name](value)
        assert 0 < len(text) < 40
        assert "nan" not in text
        assert "inf" not in text


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        ("seconds", 1.085, "1.08 s"), ("seconds", 0.0217, "21.7 ms"), ("seconds", 3e-6, "3.00 µs"),
        ("seconds", 0.99951, "1.00 s"), ("seconds", 999.4, "999 s"), ("seconds", 1234, "20.6 min"),
        ("seconds", 36000.0, "10.0 h"), ("seconds", 0.0, "0 µs"),
        ("memory", 0.0, "0 B"), ("memory", 1023.0, "1,023 B"), ("memory", 1024.0, "1.00 KiB"),
        ("memory", 448 * 2**20, "448 MiB"), ("memory", 25_276_514_304, "23.5 GiB"),
        ("significant", 0.00012345, "1.23e-4"), ("significant", 999.6, "1,000"),
        ("significant", 123.4, "123"), ("significant", 1234567.0, "1,234,567"),
        ("significant", float("nan"), formats.NOTHING), ("significant", float("inf"), "∞"),
        ("percent", 0.6634, "66.3 %"), ("rate", 240e9, "240 GFLOP/s"), ("count", 9180.6, "9,181"),
        ("rate", 67.2e12, "67.2 TFLOP/s"),
        ("moment", "2026-11-21T04:39:00+01:00", "2026-11-21 03:39 UTC"), ("moment", "soon", "soon"),
    ],
)  # fmt: skip
def test_formats(name: str, value: Any, text: str) -> None:
    assert formats.FILTERS[name](value) == text.replace(" ", "\xa0" if name != "moment" else " ")
