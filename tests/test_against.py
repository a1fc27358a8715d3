"""Comparing what was measured before: paired where it can be, refused where it would lie."""

from __future__ import annotations

import dataclasses
import json
import re

import numpy as np
import pytest
from running import Place
from studies import Recipe, write

import levelfield
from levelfield import naming
from levelfield.cli import main
from levelfield.errors import UserError
from levelfield.results import against, summary
from levelfield.results.store import Store
from levelfield.results.study import Study

HOW = {"threshold": 0.03, "confidence": 0.95}


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    folder = tmp_path_factory.mktemp("study") / "s"
    write(Recipe(repeats=5, epochs=20, noise=0.01), folder)
    return levelfield.load(folder)


def names(study: Study) -> list[str]:
    good = [r for r in study.records if r.status == "ok"]
    return sorted({naming.plain(record) for record in good})


def scaled(study: Study, factor: float) -> Study:
    """The same study with every epoch longer by a factor."""
    records = tuple(
        dataclasses.replace(
            r, epochs=dataclasses.replace(r.epochs, wall=tuple(w * factor for w in r.epochs.wall))
        )
        for r in study.records
    )
    return dataclasses.replace(study, records=records)


def test_two_contenders_of_a_study(study):
    one, other = names(study)[:2]
    there = against.contenders(study, one, other, **HOW)
    back = against.contenders(study, other, one, **HOW)
    for a, b in zip(there, back, strict=True):
        assert a.verdict.interval.estimate * b.verdict.interval.estimate == pytest.approx(1)
        blocks = {r.block for r in study.records if naming.plain(r) == one and r.status == "ok"}
        assert a.verdict.sessions == a.verdict.pairs == len(blocks)
        frame = study.epochs()
        frame = frame[(frame["workload"] == a.workload) & (frame["epoch"] > 1)]
        frame["label"] = frame["backend"] + "/" + frame["mode"]
        logs = np.log(frame["wall"]).groupby(frame["label"]).median()
        assert a.verdict.interval.estimate == pytest.approx(
            np.exp(logs[other] - logs[one]), rel=0.1
        )


def test_a_contender_is_itself(study):
    name = names(study)[0]
    (found,) = against.contenders(study, name, name, **HOW)
    assert (found.verdict.answer, found.verdict.interval.estimate) == ("no difference shown", 1.0)
    assert summary.status([found]) == 0


def test_one_trial_of_each_gives_no_verdict(study):
    """Epochs within a process agree to 1 %; how the next process fares, nobody knows."""
    one, other = names(study)[:2]
    alone = dataclasses.replace(study, records=tuple(r for r in study.records if r.block == 1))
    results = against.contenders(alone, one, other, **HOW)
    results += against.studies(alone, scaled(alone, 1.5), **HOW)
    results += against.studies(alone, scaled(study, 1.5), **HOW)  # one trial against five
    assert results
    for result in results:
        assert result.verdict.answer == "could not measure"
        assert "one trial or session does not tell how processes differ" in result.verdict.sentence
        assert result.verdict.interval.units == 1
    assert summary.status(results) == 3


def test_the_confidence_told_is_that_of_all_together(tmp_path):
    write(Recipe(workloads=3, repeats=5, epochs=20, noise=0.01), tmp_path / "s")
    study = levelfield.load(tmp_path / "s")
    results = against.contenders(study, *names(study)[:2], **HOW)
    assert len(results) == 3
    for result in results:
        assert result.verdict.confidence == pytest.approx(95)
        assert result.verdict.interval.confidence == pytest.approx(1 - 0.05 / 3)


def test_two_studies_of_which_one_is_slower(study):
    results = against.studies(study, scaled(study, 1.5), **HOW)
    assert {r.contender for r in results} == set(names(study))
    for result in results:
        assert result.verdict.interval.estimate == pytest.approx(1.5, rel=0.01)
        assert "measured at different times" in result.doubts[0]
    assert "slower" in {r.verdict.answer for r in results}
    assert summary.status(results) == 1
    back = against.studies(scaled(study, 1.5), study, **HOW)
    assert {r.verdict.answer for r in back} <= {"faster", "could not measure"}


def test_a_machine_that_changed_is_no_answer(study):
    sentinels = tuple(
        dataclasses.replace(s, seconds=tuple(1.2 * t for t in s.seconds)) for s in study.sentinels
    )
    results = against.studies(
        study, dataclasses.replace(scaled(study, 1.2), sentinels=sentinels), **HOW
    )
    assert {r.verdict.answer for r in results} == {"could not measure"}
    assert "the sentinel took 1.200x as long" in results[0].verdict.reason
    assert summary.status(results) == 3


def changed(study: Study, **facts) -> Study:
    return dataclasses.replace(
        study, records=tuple(dataclasses.replace(r, **facts) for r in study.records)
    )


def workload(study: Study, **facts) -> Study:
    workloads = {k: {**w, **facts} for k, w in study.head.workloads.items()}
    return dataclasses.replace(study, head=dataclasses.replace(study.head, workloads=workloads))


def machine(study: Study, **facts) -> Study:
    head = dataclasses.replace(study.head, machine={**study.head.machine, **facts})
    return dataclasses.replace(study, head=head)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda s: machine(s, host="elsewhere"), "host .* against elsewhere"),
        (lambda s: workload(s, precision="float64"), "precision float32 against float64"),
        (lambda s: workload(s, batch=7), "batch .* against 7"),
        (lambda s: workload(s, dataset="synthetic"), "dataset .* against synthetic"),
        (lambda s: changed(s, threads=7), "threads .* against 7"),
        (lambda s: changed(s, samples=7), "samples .* against 7"),
        (lambda s: changed(s, data="0000"), "data .* against 0000"),
    ],
)
def test_what_would_lie_is_refused_by_name(study, change, said):
    with pytest.raises(UserError, match=said):
        against.studies(study, change(study), **HOW)


def test_words_on_the_command_line(study, capsys, tmp_path):
    one, other = names(study)[:2]
    target = tmp_path / "deep" / "verdict.json"
    status = main(
        ["compare", str(study.folder), "--base", one, "--head", other, "--json", str(target)]
    )
    out = capsys.readouterr().out
    assert re.search(rf"{other} on .*: (head is|no difference|could not).*\[.*\] \(95 %", out)
    facts = json.loads(target.read_text())
    assert facts["status"] == status
    assert facts["results"][0]["contender"] == other
    for words, said in (
        (["--base", one], "--head"),
        (["--base", one, "--head", "torch/eagr"], "did you mean"),
        ([], "no --base"),
    ):
        assert main(["compare", str(study.folder), *words]) == 2
        assert said in capsys.readouterr().err
    assert main(["compare", str(study.folder), str(tmp_path)]) == 2
    assert main(["compare", *[str(study.folder)] * 3]) == 2


@pytest.mark.parametrize(
    ("target", "why"),
    [("none/summary.md", "No such file or directory"), (".", "Is a directory")],
)
def test_a_step_summary_that_cannot_be_written_hides_no_verdict(
    study, target, why, capsys, tmp_path, monkeypatch
):
    base = str(study.folder)
    with Store(tmp_path / "slow") as slow:
        slow.begin(study.head)
        for row in (*scaled(study, 1.5).records, *study.sentinels):
            slow.append(row)
    path = tmp_path / "summary.md"
    path.write_text("before\n")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(path))
    assert main(["compare", base, str(slow.folder)]) == 1
    assert path.read_text().startswith("before\n### Training time, head ")
    told = capsys.readouterr().out
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path / target))
    assert main(["compare", base, str(slow.folder)]) == 1
    out, err = capsys.readouterr()
    assert out == told
    assert err == (
        f"levelfield: GITHUB_STEP_SUMMARY={tmp_path / target}: cannot be written ({why}); "
        "the verdict stands without it\n"
    )


@pytest.mark.slow
def test_a_duet_of_a_study_is_paired_by_round(tmp_path):
    place = Place(tmp_path)
    words = ["--backends", "numpy,torch", "--schedule", "duet"]
    assert place.run(*words, epochs=6, repeats=3).returncode == 0
    done = place.call("compare", str(place.study), "--base", "numpy/numpy", "--head", "torch/eager")
    assert done.returncode in {0, 1, 3}
    assert "in 3 sessions" in done.stdout
