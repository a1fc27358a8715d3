"""What backends mean by names that libraries define differently, where a workload has them."""

from __future__ import annotations

import json
from dataclasses import replace

import pages
import pytest
import specs
import studies

from levelfield.results.record import Meaning, Record
from levelfield.spec.workload import Workload
from levelfield.verify.semantics import differences, meaning, table, ways

BEFORE = {"adam.epsilon": "before correction", "sgd.rate": "each term", "max_pool.ties": "each"}


def workload(kind: str, **options: object):
    return specs.workload("optimizer", {"kind": kind, **options})


def test_only_what_bears_on_the_workload_and_differs_is_told():
    adam = {"beta1": 0.9, "beta2": 0.999, "epsilon": 1e-7}
    (found,) = differences(BEFORE, workload("adam", **adam))
    assert found.meaning == "before correction"
    assert found.formula == "w -= r sqrt(1 - b2^t) / (1 - b1^t) m / (sqrt(v) + e)"
    assert differences({"adam.epsilon": "after correction"}, workload("adam", **adam)) == ()
    assert differences(BEFORE, workload("adamax", **adam)) == ()
    assert differences(BEFORE, workload("sgd", momentum=0.0, nesterov=False)) == ()
    (moving,) = differences(BEFORE, workload("sgd", momentum=0.9, nesterov=False))
    assert (moving.name[:17], moving.meaning) == ("SGD with momentum", "each term")


@pytest.mark.parametrize(("shape", "told"), [([8, 8, 1], []), ([4, 4, 4, 1], ["each"])])
def test_what_holds_of_volumes_is_told_of_volumes_alone(shape, told):
    pool = {"kind": "max_pool", "window": [2] * (len(shape) - 1)}
    dense = {"kind": "dense", "units": 10, "activation": "softmax", "kernel": "zeros"}
    layers = [pool, {"kind": "flatten"}, {**dense, "bias": "zeros"}]
    facts = {**specs.PLAIN, "layers": layers, "loss": "categorical_crossentropy"}
    made = Workload.build({**facts, "dataset": "digits", "input_shape": shape})
    assert isinstance(made, Workload)
    found = differences({"max_pool.volumes": "each"}, made)
    assert [each.meaning for each in found] == told


def test_what_the_machine_decides_is_understood_in_every_way_where_it_bears():
    adam = {"beta1": 0.9, "beta2": 0.999, "epsilon": 1e-7}
    both = ("before correction", "after correction")
    declared = {"adam.epsilon": both, "selu.zero": ("from above", "from below")}
    found = list(ways(declared, workload("adam", **adam)))  # without a SELU
    assert found == [{"adam.epsilon": each, "selu.zero": "from above"} for each in both]
    assert list(ways({}, workload("adam", **adam))) == [{}]
    assert meaning(declared, "adam.epsilon") == both[0]
    sides = {"here": {"graph": declared, "xla": {}}, "there": {"eager": {}}}
    rows = [line for line in table(sides).splitlines() if "SELU" in line or "from above" in line]
    assert rows[0].endswith("| here, there |")
    assert rows[1].endswith("| here/graph |")


def test_a_record_keeps_them_and_the_page_shows_them_once(tmp_path):
    recipe = studies.Recipe(contenders=3, repeats=2, epochs=3, absent=1)
    said = Meaning(
        name="Adam: where <b>epsilon</b> is added", meaning="late", formula="m / (s + e)"
    )
    rows = list(studies.rows(recipe))
    for place, row in enumerate(rows):
        if isinstance(row, Record) and row.verification and row.backend == "jax":
            meant = replace(row, verification=replace(row.verification, semantics=(said,)))
            rows[place] = read = Record.parse(json.loads(meant.line()))
            assert read.verification is not None
            assert read.verification.semantics == (said,)
    study = pages.study(tmp_path, studies.head(recipe), rows)
    section = pages.rendered(study).one("section", id="verification")
    (item,) = section.one("ul", class_="meanings").all("li")
    assert "Adam: where <b>epsilon</b> is added: late" in item.text
    assert item.one("code").text == "m / (s + e)"
    assert [who.text for who in item.all("span", class_="who")] == ["jax/scan"]


@pytest.mark.parametrize("status", ["skipped", "failed"])
def test_who_was_skipped_was_not_found_unverified(status, tmp_path):
    recipe = studies.Recipe(contenders=2, repeats=1, epochs=2, absent=0)
    rows = [
        replace(row, status=status, verification=None)
        if isinstance(row, Record) and row.backend == "torch"
        else row
        for row in studies.rows(recipe)
    ]
    tree = pages.rendered(pages.study(tmp_path, studies.head(recipe), rows))
    table = tree.one("section", id="verification").all("table")[0]
    found = {r.all("th")[0].text: r.all("td")[0].text for r in table.one("tbody").all("tr")}
    assert found["torch/eager"] == ("skipped" if status == "skipped" else "unverified")
