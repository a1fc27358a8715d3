"""What the page says of learning: metrics, time to a target, quality, and who leads when."""

from __future__ import annotations

import base64
import json
import math
import random
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from itertools import pairwise
from pathlib import Path
from statistics import fmean, median
from typing import Any

import numpy as np
import pages
import pytest
import studies
from levelfield.reports import breakeven, race
from levelfield.reports.formats import NOTHING
from levelfield.reports.quality import undominated
from test_report import said, steady, trials

from levelfield.results import scaling
from levelfield.results.record import Epochs, Record

RECIPE = studies.Recipe(contenders=4, repeats=3, epochs=9, absent=0)
Change = Callable[[Record], Record]


def made(change: Change = lambda r: r, *, recipe: studies.Recipe = RECIPE) -> Any:
    """Return a changed study's trials by label, and its page."""
    rows = [change(r) if isinstance(r, Record) else r for r in studies.rows(recipe)]
    study = pages.study(Path("/nowhere"), studies.head(recipe), rows)
    (fingerprint,) = study.head.workloads
    return trials(study, fingerprint), pages.rendered(study)


def accuracy(r: Record) -> tuple[float, ...]:
    rng = random.Random(r.key)
    return tuple(0.9 - 0.5 * math.exp(-n / 3) + rng.uniform(0, 0.05) for n in range(9))


def test_metrics_have_curves_where_there_are_any() -> None:
    all_, tree = made(lambda r: replace(r, metrics={"accuracy": accuracy(r)}))
    for axis in ("epoch", "seconds", "cpu"):
        traces = pages.figure(tree, f"curves-0-{axis}")["data"]
        lines = {t["name"]: t for t in traces if t["meta"]["kind"] == "accuracy" and t.get("name")}
        assert set(lines) == set(all_)
        for name, trace in lines.items():
            columns = zip(*(r.metrics["accuracy"] for r in all_[name]), strict=True)
            assert trace["y"] == pytest.approx([fmean(column) for column in columns], rel=1e-6)
            assert trace["visible"] is False
            assert (trace["meta"]["scale"], trace["meta"]["title"]) == ("linear", "test accuracy")
    kinds = [i.attributes["value"] for i in tree.one("fieldset", class_="kinds").all("input")]
    assert kinds == ["test_loss", "loss", "accuracy"]
    assert len(made()[1].one("fieldset", class_="kinds").all("input")) == 2


def test_metrics_that_some_lack_or_have_too_few_of_leave_gaps() -> None:
    def change(r: Record) -> Record:
        if r.backend == "jax":
            return r
        return replace(r, metrics={"accuracy": accuracy(r)[: 9 if r.mode == "eager" else 2]})

    _, tree = made(change)
    lines = {
        t["name"]: t["y"]
        for t in pages.figure(tree, "curves-0-epoch")["data"]
        if t["meta"]["kind"] == "accuracy" and t.get("name")
    }
    known = {name: sum(map(math.isfinite, y)) for name, y in lines.items()}
    assert known == {"jax/scan": 0, "torch/eager": 9, "torch/compile": 2, "keras-jax/default": 2}
    assert "test accuracy" in tree.one("section", id="quality").text


def interpolated(record: Record, target: float) -> float:
    """Seconds to a loss that falls from epoch to epoch, by NumPy."""
    ends = np.cumsum(record.epochs.wall)
    losses = np.array(record.epochs.test_loss)
    if losses[-1] > target:
        return math.inf
    return float(np.interp(-target, -losses, ends))


def falling(r: Record) -> Record:
    """Losses that fall all the time, some further than others."""
    floor = {"jax/scan": 0.010, "torch/eager": 0.012}.get(f"{r.backend}/{r.mode}", 0.02)
    losses = tuple(floor * (1 + 0.01 * r.repeat) + 0.1 * math.exp(-n / 2) for n in range(9))
    return replace(r, epochs=replace(r.epochs, test_loss=losses))


def decoded(tree: pages.Node, name: str = "race-0") -> Any:
    """The race's target, and by place its trials' seconds and losses."""
    facts = json.loads(tree.one("script", data_race=name).raw)
    columns = [np.frombuffer(base64.b64decode(facts[k]), "<f4") for k in ("seconds", "losses")]
    found, start = {}, 0
    for each in facts["contenders"]:
        for count in each["epochs"]:
            trial = tuple(column[start : start + count] for column in columns)
            found.setdefault(each["place"], []).append(trial)
            start += count
    assert start == len(columns[0]) == len(columns[1])
    return facts["target"], found


def test_time_to_a_target() -> None:
    all_, tree = made(falling)
    worst = max(r.epochs.test_loss[-1] for records in all_.values() for r in records)
    target, _ = decoded(tree)
    assert worst <= target < 1.01 * worst
    rows = {row[0]: row for row in pages.rows(tree.one("table", class_="times"))}
    times = {name: [interpolated(r, target) for r in records] for name, records in all_.items()}
    assert list(rows) == sorted(all_, key=lambda name: median(times[name]))
    best = min(map(median, times.values()))
    for name, seconds in times.items():
        assert rows[name][1:] == [
            said.seconds(median(seconds)),
            f"{said.seconds(min(seconds))} to {said.seconds(max(seconds))}",
            said.ratio(median(seconds) / best),
            "3 of 3",
        ]
    points = {t["name"]: t["x"] for t in pages.figure(tree, "race-0-chart")["data"]}
    assert points == {
        name: pytest.approx([median(seconds)], rel=1e-5) for name, seconds in times.items()
    }


@pytest.mark.parametrize("share", [0.01, 0.2, 0.5, 0.9, 1.5])
def test_any_target_by_the_rule_of_the_engine(share: float) -> None:
    all_, tree = made(falling)
    _, found = decoded(tree)
    target = 0.01 + 0.1 * share * share
    labels = [label for label in studies.head(RECIPE).contenders if label in all_]
    for place, label in enumerate(labels):
        mine = [race.seconds_to(trial, target) for trial in found[place]]
        first = all_[label][0].epochs
        if target >= first.test_loss[0]:
            wanted = [r.epochs.wall[0] for r in all_[label]]
        else:
            wanted = [interpolated(r, target) for r in all_[label]]
        assert mine == pytest.approx(wanted, rel=1e-5)


def test_who_never_gets_there_is_said_to_never_get_there() -> None:
    nan = math.nan

    def change(r: Record) -> Record:
        if r.backend != "jax":
            return r
        losses = (0.5,) * 8 + (nan if r.repeat < 3 else 0.01,)
        return replace(r, epochs=replace(r.epochs, test_loss=losses))

    _, tree = made(change)
    rows = pages.rows(tree.one("table", class_="times"))
    assert rows[-1][0] == "jax/scan"
    assert rows[-1][1] == "never"
    assert rows[-1][2].endswith(" to never")
    assert rows[-1][3:] == [NOTHING, "1 of 3"]
    trace = next(t for t in pages.figure(tree, "race-0-chart")["data"] if t["name"] == "jax/scan")
    assert trace["x"] == [None]


def test_without_a_loss_there_is_no_race() -> None:
    def change(r: Record) -> Record:
        return replace(r, epochs=replace(r.epochs, test_loss=(math.nan,) * 9))

    assert not made(change)[1].all("table", class_="times")


def test_long_trials_are_thinned_and_the_page_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(race, "POINTS", 120)
    all_, tree = made(falling)
    _, found = decoded(tree)
    assert {len(trial[0]) for trials_ in found.values() for trial in trials_} == {9}
    recipe = replace(RECIPE, epochs=100)
    all_, tree = made(recipe=recipe)
    _, found = decoded(tree)
    assert {len(trial[0]) for trials_ in found.values() for trial in trials_} == {10}
    records = all_["jax/scan"]
    for (spent, losses), record in zip(found[0], records, strict=True):
        assert spent[[0, -1]] == pytest.approx(
            [record.epochs.wall[0], math.fsum(record.epochs.wall)], rel=1e-6
        )
        assert losses[-1] == pytest.approx(record.epochs.test_loss[-1], rel=1e-6)
    assert "of each, 10 epochs, evenly" in tree.one("section", id="curves").text


@pytest.mark.parametrize("value", [0.03, 0.030001, 0.999999, 1e-9, 123456.0, 9.995, 5.0, -0.2, 0.0])
def test_a_target_has_three_digits_and_is_not_below(value: float) -> None:
    above = scaling.common([value, value - 1, math.nan, math.inf])
    assert above >= value
    assert above - value <= 0.0101 * abs(value)
    assert float(f"{above:.2e}") == above


@pytest.mark.parametrize(
    ("names", "shown"),
    [(("ROC AUC", "accuracy"), "accuracy"), (("ROC AUC", "top-5 accuracy"), "ROC AUC")],
)
def test_quality_is_accuracy_wherever_there_is_one(names: tuple[str, ...], shown: str) -> None:
    _, tree = made(lambda r: replace(falling(r), metrics=dict.fromkeys(names, accuracy(r))))
    titles = [
        pages.figure(tree, f"quality-0-{number}")["layout"]["yaxis"]["title"]["text"]
        for number in range(2)
    ]
    assert titles == ["test loss", f"test {shown}"]
    assert len(tree.one("section", id="quality").all("table")) == 2


def test_quality_beside_speed_and_its_front() -> None:
    all_, tree = made(lambda r: replace(falling(r), metrics={"accuracy": accuracy(r)}))
    section = tree.one("section", id="quality")
    measures = [
        (lambda r: r.epochs.test_loss[-1], 1), (lambda r: r.metrics["accuracy"][-1], -1),
    ]  # fmt: skip
    assert len(section.all("table")) == 2
    for number, (quality, sign) in enumerate(measures):
        at = {
            name: (
                median(math.fsum(r.epochs.wall) for r in records),
                sign * median(map(quality, records)),
            )
            for name, records in all_.items()
        }
        front = {
            name
            for name, (x, y) in at.items()
            if not any(u <= x and v <= y and (u, v) != (x, y) for u, v in at.values())
        }
        rows = {row[0]: row for row in pages.rows(section, number)}
        assert {name for name, row in rows.items() if row[5] == "yes"} == front
        for name, (x, y) in at.items():
            assert rows[name][1] == said.seconds(x)
            assert rows[name][3] == said.significant(sign * y)
        figure = pages.figure(tree, f"quality-0-{number}")
        points = {t["name"]: t for t in figure["data"] if t["meta"]["group"] >= 0}
        for name, (x, y) in at.items():
            assert (*points[name]["x"], *points[name]["y"]) == pytest.approx((x, sign * y))
            marker = points[name]["marker"]
            assert (marker["size"] == 12) == (name in front)
            assert "open" not in marker["symbol"]
        assert len({trace["marker"]["symbol"] for trace in points.values()}) == len(points)


def test_nobody_unverified_is_on_the_front() -> None:
    _, tree = made(lambda r: replace(r, verification=None) if r.backend == "torch" else r)
    rows = {row[0]: row[5] for row in pages.rows(tree.one("section", id="quality"))}
    assert {rows[name] for name in rows if name.startswith("torch")} == {"not verified"}
    _, tree = made(lambda r: replace(r, verification=None))
    assert "Nobody here is verified, so there is no front" in tree.text


def test_undominated_is_by_the_book() -> None:
    rng = random.Random(1)
    for _ in range(50):
        points = [(rng.randint(0, 4), rng.randint(0, 4)) for _ in range(6)]
        for point in points:
            better = [o for o in points if o[0] <= point[0] and o[1] <= point[1] and o != point]
            assert undominated(point, points) == (not better)


def course(place: int, start: float, first: float, steady: float) -> breakeven.Course:
    from levelfield.reports.view import Contender

    who = Contender(place=place, label=str(place), colour="#000000", dash="solid")
    return breakeven.Course(who=who, standing=None, start=start, first=first, steady=steady)


def test_break_even_by_counting_epochs() -> None:
    rng = random.Random(2)
    for _ in range(300):
        values = (
            [rng.randint(0, 8) / 4 for _ in range(3)],
            [rng.randint(0, 8) / 4 for _ in range(3)],
        )
        late, early = course(0, *values[0]), course(1, *values[1])
        ahead = [late.after(n) < early.after(n) for n in range(1, 60)]
        found = breakeven.overtakes(late, early)
        if found is None:
            assert not ahead[-1]
        else:
            assert all(ahead[found - 1 :])
            assert found == 1 or not ahead[found - 2]


def test_who_leads_by_counting_epochs() -> None:
    rng = random.Random(3)
    for _ in range(200):
        courses = [course(n, *(rng.uniform(0, 9) for _ in range(3))) for n in range(5)]
        stretches = list(breakeven.leaders(courses))
        assert stretches[0].since == 1
        assert stretches[-1].until is None
        for one, other in pairwise(stretches):
            assert one.until == other.since - 1
        for n in [*range(1, 80), 10**6]:
            (lead,) = [s for s in stretches if s.since <= n and (s.until is None or n <= s.until)]
            best = min(each.after(n) for each in courses)
            assert courses[lead.who.place].after(n) == pytest.approx(best)


def test_from_a_cold_start() -> None:
    all_, tree = made()
    section = tree.one("section", id="phases")
    rows = {row[0]: row for row in pages.rows(section.one("table", class_="cold"))}

    def parts(name: str) -> tuple[float, float, float]:
        records = all_[name]
        start = median(sum(r.phases[p].wall for p in ("import", "build", "stage")) for r in records)
        first = median(r.epochs.wall[0] for r in records)
        return start, first, steady(records)

    quickest = min(all_, key=lambda name: sum(parts(name)[:2]))
    for name, row in rows.items():
        start, first, later = parts(name)
        assert row[1:6] == [
            said.seconds(v)
            for v in (start, first, later, start + first, start + first + 99 * later)
        ]
        if name == quickest:
            assert row[6] == "the quickest starter"
            continue
        s, f, e = parts(quickest)
        since = next(
            (n for n in range(1, 100_000)
             if start + first + (n - 1) * later < s + f + (n - 1) * e), None
        )  # fmt: skip
        assert row[6] == (f"from epoch {since:,} on" if since else "never")
    lines = pages.figure(tree, "cold-0")
    assert lines["layout"]["xaxis"]["type"] == lines["layout"]["yaxis"]["type"] == "log"
    for trace in lines["data"]:
        start, first, later = parts(trace["name"])
        wanted = [start + first + (n - 1) * later for n in trace["x"]]
        assert trace["y"] == pytest.approx(wanted, rel=1e-5)


def test_the_result_says_who_is_ahead_from_a_cold_start() -> None:
    """By counting epochs: those trained, 40, of 0.1 s; another starts sooner and takes 0.12 s."""

    def change(r: Record, late: float = 2.0) -> Record:
        first, later = (late, 0.1) if r.mode == "compile" else (0.5, 0.12)
        if r.backend != "torch":
            first, later = 9.0, 1.0
        wall = (first, *(later * (1 + 0.001 * (n % 3)) for n in range(39)))
        return replace(r, epochs=replace(r.epochs, wall=wall), phases={})

    def said(change: Change, **how: Any) -> str:
        _, tree = made(change, recipe=replace(RECIPE, epochs=40, **how))
        found = " ".join(tree.one("section", id="summary").text.split())
        return found.partition("From a cold start, compilation included, ")[2].partition(":")[0]

    late, early = 1.0 + 0.1 * 39, 0.5 + 0.12 * 39
    assert late < early
    assert said(partial(change, late=1.0)) == "PyTorch (eager) takes the least time up to epoch 25"
    told = "PyTorch (eager) takes the least time over all 40 epochs that were trained"
    assert said(partial(change, late=2.0)) == told  # 2 + 0.1 n < 0.5 + 0.12 n from n = 75 on
    assert said(partial(change, late=0.4)) == ""
    assert said(partial(change, late=1.0), verified=False) == ""
    # Of one trial nobody is told apart from the next.
    assert (
        said(partial(change, late=1.0), repeats=1)
        == "PyTorch (eager) takes the least time at first"
    )


def test_starters_are_beaten_on_their_own_kind_of_device() -> None:
    """On the GPU the first epoch of one takes long, and all others a tenth of the other's."""

    def change(r: Record) -> Record:
        if r.backend != "torch":
            return r
        first, steady = (30.0, 0.1) if r.mode == "compile" else (1.0, 1.0)
        epochs = replace(r.epochs, wall=(first,) + (steady,) * 8)
        return replace(r, device="cuda", epochs=epochs, phases={})

    _, tree = made(change)
    rows = {row[0]: row[6] for row in pages.rows(tree.one("table", class_="cold"))}
    starters = [name for name, cell in rows.items() if cell == "the quickest starter"]
    assert [name.endswith("@cuda") for name in starters] == [True, False]
    assert rows["torch/compile@cuda"] == "from epoch 34 on"  # 30 + 33 x 0.1 < 1 + 33 x 1
    text = tree.one("section", id="phases").text
    lead = (
        "on the GPU is taken by torch/eager@cuda up to epoch 33; torch/compile@cuda from epoch 34"
    )
    assert lead in " ".join(text.split())
    assert "on the CPU is taken by" in text


def test_one_epoch_tells_nothing_of_a_steady_one() -> None:
    _, tree = made(recipe=replace(RECIPE, epochs=1))
    assert not tree.all("table", class_="cold")

    def short(r: Record) -> Record:
        columns = {name: getattr(r.epochs, name)[:1] for name in Epochs.__dataclass_fields__}
        return replace(r, epochs=Epochs(**columns)) if r.backend == "jax" else r

    _, tree = made(short)
    assert "a steady one is not known: jax/scan" in tree.one("section", id="phases").text
