"""Who is the same contender, and the one label that everything knows it by."""

from __future__ import annotations

import dataclasses
import random

import pages
import pytest
import studies
from levelfield.benchmarks.asv import metrics
from levelfield.reports.view import View

from levelfield import naming
from levelfield.errors import UserError
from levelfield.naming import Identity
from levelfield.results import against, gather, reproduce, sweep
from levelfield.results.lines import plain
from levelfield.results.record import Epochs, Record
from levelfield.results.study import Study, load
from levelfield.run import doctor, lr_suite
from levelfield.spec.plan import Contender

FACTS = {"threshold": 0.03, "confidence": 0.95}
MAIN = Identity("torch", "compile", "cpu", "main")


def test_labels_name_no_more_than_they_must():
    cuda, other = MAIN._replace(device="cuda"), MAIN._replace(environment="other")
    jax = MAIN._replace(backend="jax", environment="other")
    assert naming.labels([MAIN]) == {MAIN: "torch/compile"}
    assert naming.labels([MAIN, cuda, jax]) == {
        MAIN: "torch/compile", cuda: "torch/compile@cuda", jax: "jax/compile",
    }  # fmt: skip
    assert naming.labels([MAIN, other, cuda, jax]) == {
        MAIN: "torch/compile [main]", other: "torch/compile [other]",
        cuda: "torch/compile@cuda", jax: "jax/compile",
    }  # fmt: skip


def test_groups_that_tell_nothing_apart_share_labels():
    other = MAIN._replace(environment="other")
    assert naming.labels([MAIN], [other]) == {MAIN: "torch/compile", other: "torch/compile"}
    both = {MAIN: "torch/compile [main]", other: "torch/compile [other]"}
    assert naming.labels([other], [MAIN, other]) == both


def test_names_made_to_look_alike_are_told_apart():
    odd = MAIN._replace(mode="compile [main]")
    slashed = Identity("a/b", "c", "cpu", "main"), Identity("a", "b/c", "cpu", "main")
    found = naming.labels([odd, MAIN, MAIN._replace(environment="other"), *slashed])
    assert len(set(found.values())) == 5


def test_a_plan_and_asv_know_it_by_the_same_name():
    who = Contender(backend="torch", mode="compile", device="cuda", environment="main")
    assert str(who) == naming.plain(MAIN._replace(device="cuda")) == "torch/compile@cuda"
    assert metrics.label(MAIN._asdict()) == naming.plain(MAIN)
    assert metrics.label({**MAIN._asdict(), "device": "cuda"}) == "torch/compile@cuda"


# A study that was resumed in another environment, where jax takes twice as long.


@pytest.fixture(scope="module")
def resumed(tmp_path_factory) -> Study:
    recipe = studies.Recipe(contenders=2, repeats=3, epochs=6, absent=0)
    study = load(studies.write(recipe, tmp_path_factory.mktemp("resumed")))
    again = [
        dataclasses.replace(
            r,
            key=r.key + "again",
            environment="other",
            epochs=dataclasses.replace(r.epochs, wall=tuple(2 * s for s in r.epochs.wall)),
        )
        for r in study.records
        if r.backend == "jax"
    ]
    return dataclasses.replace(study, records=(*study.records, *again))


LABELS = ["jax/scan [main]", "jax/scan [other]", "torch/eager"]


def test_the_terminal_and_the_page_keep_environments_apart(resumed):
    rows = [line for line in doctor.study_table(resumed).splitlines() if "/" in line[:12]]
    assert sorted(row.partition("  ")[0] for row in rows) == LABELS
    assert all("3/3" in row for row in rows)
    assert sorted(who.label for who in View(study=resumed).contenders) == LABELS
    text = pages.rendered(resumed).one("section", id="ranking").text
    assert all(label in text for label in LABELS)


def test_environments_of_a_study_are_compared_with_each_other(resumed):
    (found,) = against.contenders(resumed, LABELS[0], LABELS[1], **FACTS)
    assert found.verdict.interval.estimate == pytest.approx(2.0)
    assert found.verdict.pairs == 3
    with pytest.raises(UserError, match=r"'jax/scan'.*jax/scan \[main\]"):
        against.contenders(resumed, "jax/scan", "torch/eager", **FACTS)


def test_studies_are_compared_by_environment_where_one_has_several(resumed, tmp_path):
    records = tuple(r for r in resumed.records if r.environment == "main")
    before = dataclasses.replace(resumed, folder=tmp_path, records=records)
    found = {r.contender: r for r in against.studies(before, resumed, **FACTS)}
    assert set(found) == {"jax/scan [main]", "torch/eager"}
    assert found["jax/scan [main]"].verdict.interval.estimate == pytest.approx(1.0)
    records = tuple(r for r in resumed.records if (r.backend, r.environment) == ("jax", "other"))
    moved = dataclasses.replace(resumed, folder=tmp_path, records=records)
    (one,) = against.studies(before, moved, **FACTS)
    assert one.contender == "jax/scan"
    assert one.verdict.interval.estimate == pytest.approx(2.0)
    assert set(gather.gather([before, resumed]).contenders) == set(LABELS)


# Range tests.


def swept(device: str, environment: str, peak: float) -> sweep.Sweep:
    """A training that climbs from chance to its highest accuracy half way along the sweep."""
    rng = random.Random(device + environment)
    steps = 200
    rates = tuple(10 ** (-4 + 4 * n / (steps - 1)) for n in range(steps))
    return sweep.Sweep(
        workload="w", fingerprint="f", optimizer="sgd", backend="torch", mode="eager",
        device=device, environment=environment, seed=0, status="ok", classes=10, batch=100,
        rates=rates, loss=(1.0,) * steps,
        accuracy=tuple((0.1 if n < 100 else peak) + rng.gauss(0, 0.01) for n in range(steps)),
    )  # fmt: skip


def test_bounds_are_of_one_device_in_one_environment():
    sweeps = [swept("cpu", "main", 0.4), swept("cuda", "main", 0.6), swept("cuda", "other", 0.9)]
    found = sweep.found_bounds(sweeps)
    best = {who: bounds.best for (_, who), bounds in found.items()}
    assert best == {
        "torch/eager": pytest.approx(0.4, abs=0.03),
        "torch/eager@cuda [main]": pytest.approx(0.6, abs=0.03),
        "torch/eager@cuda [other]": pytest.approx(0.9, abs=0.03),
    }
    table = lr_suite.table(sweeps, found).splitlines()
    assert [line.partition("  ")[2].strip().partition("  ")[0] for line in table[2:]] == list(best)


# The published autoencoders.


def autoencoder(backend: str, mode: str, user: float, device: str = "cpu") -> Record:
    column = (user,) * 6
    return Record(
        key=f"{backend}{mode}{device}", workload="VII-mnist", fingerprint="f", backend=backend,
        mode=mode, device=device, environment="main", repeat=1, block=1, position=0, status="ok",
        epochs=Epochs(wall=column, user=column, system=column, loss=column, test_loss=column),
    )  # fmt: skip


def test_modes_and_devices_of_a_library_have_rows_of_their_own(resumed):
    rows = [autoencoder("tensorflow", "graph", 8.0), autoencoder("tensorflow", "xla", 2.0)]
    rows += [autoencoder("tensorflow", "xla", 1.0, "cuda"), autoencoder("theano", "default", 4.0)]
    text = reproduce.describe("thesis-autoencoders", dataclasses.replace(resumed, records=rows))
    lines = [line.split() for line in text.splitlines() if line.startswith("VII-mnist ")]
    here = {line[1]: float(line[3]) for line in lines}
    assert here == {
        "tensorflow/graph": 8.0, "tensorflow/xla": 2.0, "tensorflow/xla@cuda": 1.0, "theano": 4.0,
    }  # fmt: skip


def test_the_line_of_a_record_has_what_asv_names_it_by():
    assert metrics.label(plain(autoencoder("torch", "eager", 1.0))) == "torch/eager"
