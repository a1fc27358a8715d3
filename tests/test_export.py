"""Stored studies in asv's files: as asv itself reads them, against numbers worked out otherwise."""

from __future__ import annotations

import dataclasses
import json
import math
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import studies

from levelfield.errors import UserError
from levelfield.results import export, study
from levelfield.results.store import Head
from levelfield.results.study import Study

asv_results = pytest.importorskip("asv.results", reason="asv is not installed")
DATES = (1_700_000_000, 1_700_086_400, 1_700_172_800)
RECIPE = studies.Recipe(contenders=3, repeats=3, epochs=5)


def git(folder: Path, *words: str, date: int = DATES[0]) -> str:
    who = {f"GIT_{role}_{what}": "a@b" for role in ("AUTHOR", "COMMITTER")
           for what in ("NAME", "EMAIL")}  # fmt: skip
    when = {f"GIT_{role}_DATE": f"{date} +0000" for role in ("AUTHOR", "COMMITTER")}
    none = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull}
    command = ["git", "-C", str(folder), *words]
    done = subprocess.run(
        command, env={**os.environ, **who, **when, **none}, check=True, capture_output=True
    )
    return done.stdout.decode().strip()


@pytest.fixture(scope="module")
def repository(tmp_path_factory) -> Path:
    """Three commits, a day apart."""
    folder = tmp_path_factory.mktemp("repository")
    git(folder, "init", "--quiet", "--initial-branch", "main")
    for number, date in enumerate(DATES):
        message = ["commit", "--quiet", "--allow-empty", "--message", f"number {number}"]
        git(folder, *message, date=date)
    return folder


@pytest.fixture(scope="module")
def commits(repository) -> list[str]:
    """Their names, oldest first."""
    return git(repository, "log", "--reverse", "--format=%H").split()


def made(folder: Path, *, commit: str = "", recipe: studies.Recipe = RECIPE, **head: Any) -> Study:
    """A study that was made at a commit."""
    found = study.load(studies.write(recipe, folder, **head))

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Headed(Head):
        commit: str = ""

    known = {name: value for name, value in vars(found.head).items() if name != "commit"}
    return dataclasses.replace(found, head=Headed(**known, commit=commit))


def changed(folder: Path, found: Study, **changes: Any) -> Study:
    """The same study with every record changed."""
    records = tuple(dataclasses.replace(record, **changes) for record in found.records)
    return dataclasses.replace(found, folder=folder, records=records)


def values(path: Path, metric: str) -> dict[tuple[str, str], float | None]:
    """What asv reads of a metric, by contender and workload."""
    loaded = asv_results.Results.load(str(path), machine_name=path.parent.name)
    name = f"training.track_{metric}"
    contenders, workloads = loaded.get_result_params(name)
    column = iter(loaded.get_result_value(name, [contenders, workloads]))
    return {(c[1:-1], w[1:-1]): next(column) for c in contenders for w in workloads}


def refused(action, *parts: str) -> None:
    with pytest.raises(UserError) as error:
        action()
    for part in parts:
        assert part in str(error.value)


def test_asv_reads_the_numbers_that_pandas_finds(tmp_path, repository, commits):
    found = made(tmp_path / "study", commit=commits[1])
    (written,) = export.to_asv([found], tmp_path / "asv", repository=repository)
    epochs, trials = found.epochs(), found.trials()
    trials = trials[trials["status"] == "ok"].set_index("key")
    later = epochs[epochs["epoch"] > 1].groupby("key")
    first = epochs[epochs["epoch"] == 1].set_index("key")["wall"]
    each = {
        "steady_epoch": later["wall"].median(),
        "first_epoch": first,
        "user_cpu": later["user"].mean(),
        "peak_memory": trials["peak_memory"],
        "test_loss": trials["test_loss"],
    }
    for metric, of_trials in each.items():
        seen = values(written.path, metric)
        for (backend, mode, workload), group in trials.groupby(["backend", "mode", "workload"]):
            expected = of_trials.loc[group.index].median()
            assert seen[f"{backend}/{mode}", workload] == pytest.approx(expected, rel=1e-8)
        assert len(seen) == RECIPE.contenders + len(studies.NOT_RUN)


def test_the_verification_error_is_the_largest_share_of_a_tolerance(tmp_path, repository, commits):
    found = made(tmp_path / "study", commit=commits[0])
    (written,) = export.to_asv([found], tmp_path / "asv", repository=repository)
    seen = values(written.path, "verification_error")
    for record in found.records:
        if record.status == "ok":
            shares = [f.value / f.limit for f in record.verification.figures[:-1]]
            expected = pytest.approx(max(shares), rel=1e-6)
            assert seen[f"{record.backend}/{record.mode}", record.workload] == expected


def test_skipped_is_na_and_failed_is_failed_with_reasons(tmp_path, repository, commits):
    found = made(tmp_path / "study", commit=commits[0])
    (written,) = export.to_asv([found], tmp_path / "asv", repository=repository)
    for metric in ("steady_epoch", "verification_error"):
        seen = {who: value for (who, _), value in values(written.path, metric).items()}
        assert math.isnan(seen["elephas/synchronous"])
        assert math.isnan(seen["mxnet/gluon"])
        assert seen["pytensor/c"] is None
        assert seen["keras-theano/default"] is None
    on = " on thesis-autoencoder: "
    assert written.gaps == (
        f"elephas/synchronous{on}skipped: not installed: elephas, pyspark",
        f"keras-theano/default{on}timeout: no answer to train within 300 s",
        f"mxnet/gluon{on}skipped: not installed: mxnet",
        f"pytensor/c{on}failed: NotImplementedError in build: BLAS",
    )


def test_what_was_not_verified_is_not_told(tmp_path, repository, commits):
    recipe = dataclasses.replace(RECIPE, verified=False, absent=0)
    found = made(tmp_path / "study", commit=commits[0], recipe=recipe)
    (written,) = export.to_asv([found], tmp_path / "asv", repository=repository)
    assert all(math.isnan(value) for value in values(written.path, "steady_epoch").values())
    assert all(gap.endswith(": not verified") for gap in written.gaps)
    assert len(written.gaps) == RECIPE.contenders


def test_one_trial_that_ends_well_is_enough(tmp_path, repository, commits):
    found = made(tmp_path / "study", commit=commits[0])
    ok = [record for record in found.records if record.backend == "jax"]
    broken = [dataclasses.replace(record, status="failed") for record in ok[:2]]
    found = dataclasses.replace(found, records=(*broken, ok[2]))
    (written,) = export.to_asv([found], tmp_path / "asv", repository=repository)
    (value,) = values(written.path, "first_epoch").values()
    assert value == pytest.approx(ok[2].epochs.wall[0])
    assert written.gaps == ()


def test_files_come_in_the_order_of_commits_with_their_dates(tmp_path, repository, commits):
    seen = [made(tmp_path / name, commit=name) for name in (commits[2], commits[0], commits[1])]
    written = export.to_asv(seen, tmp_path / "asv", repository=repository)
    assert [one.commit for one in written] == commits
    loaded = [asv_results.Results.load(str(one.path)) for one in written]
    assert [one.commit_hash for one in loaded] == commits
    assert [one.date for one in loaded] == [1000 * date for date in DATES]
    found = list(asv_results.iter_results(str(tmp_path / "asv")))
    assert sorted(one.commit_hash for one in found) == sorted(commits)
    for one in found:
        assert one.params["machine"] == "0123abcd"
        assert one.params["num_cpu"] == "2"
        assert one.params["python"] == "3.11"


def test_a_given_commit_goes_before_the_study_s_own(tmp_path, repository, commits):
    found = made(tmp_path / "study", commit=commits[0])
    (written,) = export.to_asv([found], tmp_path / "asv", repository=repository, commit="main~1")
    assert written.commit == commits[1]


def test_trials_of_one_commit_come_together(tmp_path, repository, commits):
    one = made(tmp_path / "one", commit=commits[0])
    other = dataclasses.replace(RECIPE, seed=1)
    two = made(tmp_path / "two", commit=commits[0], recipe=other)
    two = dataclasses.replace(two, head=dataclasses.replace(two.head, workloads=one.head.workloads))
    prints = {record.fingerprint for record in one.records}
    two = changed(tmp_path, two, fingerprint=prints.pop())
    (written,) = export.to_asv([one, two], tmp_path / "asv", repository=repository)
    firsts = sorted(
        record.epochs.wall[0]
        for record in (*one.records, *two.records)
        if record.backend == "jax" and record.status == "ok"
    )
    seen = values(written.path, "first_epoch")["jax/scan", "thesis-autoencoder"]
    assert seen == pytest.approx((firsts[2] + firsts[3]) / 2)


def test_a_file_that_is_there_is_added_to(tmp_path, repository, commits):
    target = tmp_path / "asv"
    both = made(tmp_path / "s", commit=commits[0], recipe=dataclasses.replace(RECIPE, workloads=2))
    names = [workload["name"] for workload in both.head.workloads.values()]
    parts = []
    for name in names:
        records = tuple(record for record in both.records if record.workload == name)
        parts.append(dataclasses.replace(both, records=records))
    (whole,) = export.to_asv([both], tmp_path / "whole", repository=repository)
    for part in (parts[0], parts[1], parts[0]):
        (written,) = export.to_asv([part], target, repository=repository)
    for metric in ("steady_epoch", "test_loss"):
        expected, seen = values(whole.path, metric), values(written.path, metric)
        assert {w for _, w in seen} == set(names)
        assert seen == pytest.approx(expected, nan_ok=True)
    listed = json.loads((target / "benchmarks.json").read_text())
    assert listed["training.track_steady_epoch"]["params"][1] == [repr(name) for name in names]


def test_what_asv_knew_of_stays(tmp_path, repository, commits):
    target = tmp_path / "asv"
    target.mkdir()
    known = {
        "training.track_first_epoch": {"code": "c", "params": [["'mine/fast'"], ["'toy'"]]},
        "other.time_it": {"name": "other.time_it", "params": []},
        "version": 2,
    }
    (target / "benchmarks.json").write_text(json.dumps(known))
    found = made(tmp_path / "study", commit=commits[0])
    export.to_asv([found], target, repository=repository)
    listed = json.loads((target / "benchmarks.json").read_text())
    assert listed["other.time_it"] == known["other.time_it"]
    first = listed["training.track_first_epoch"]
    assert first["code"] == "c"
    assert first["unit"] == "seconds"
    who = [*list(studies.KNOWN)[: RECIPE.contenders], *studies.NOT_RUN]
    assert first["params"][0][0] == "'mine/fast'"
    assert set(first["params"][0][1:]) == {repr(name) for name in who}
    assert first["params"][1] == ["'toy'", "'thesis-autoencoder'"]


def test_fewer_threads_are_a_line_of_their_own(tmp_path, repository, commits):
    some = made(tmp_path / "some", commit=commits[0], options={"threads": 1})
    every = made(tmp_path / "every", commit=commits[0])
    written = export.to_asv([some, every], tmp_path / "asv", repository=repository)
    params = [asv_results.Results.load(str(one.path)).params for one in written]
    assert sorted(one.get("threads", "") for one in params) == ["", "1"]


def test_another_device_or_environment_is_another_contender(tmp_path, repository, commits):
    found = made(tmp_path / "study", commit=commits[0])
    found = changed(tmp_path, found, device="cuda", environment="next")
    (written,) = export.to_asv([found], tmp_path / "asv", repository=repository)
    assert ("jax/scan@cuda [next]", "thesis-autoencoder") in values(written.path, "test_loss")


@pytest.mark.parametrize(
    ("commit", "given", "parts"),
    [
        ("", "", ["made at no known commit", "--commit"]),
        ("0" * 40 + "+", "", ["measured on changes to commit 000", "--commit"]),
        ("0" * 40, "", ["commit 000", "not in the repository", "asv.conf.json"]),
        ("", "nowhere", ["--commit: commit nowhere is not in the repository"]),
        ("", "--output=stolen", ["--commit: commit --output=stolen is not in the repository"]),
    ],
)
def test_a_study_of_no_commit_is_refused(tmp_path, repository, commit, given, parts):
    found = made(tmp_path / "study", commit=commit)
    target = tmp_path / "asv"
    refused(lambda: export.to_asv([found], target, repository=repository, commit=given), *parts)
    assert not target.exists()
    assert not list(repository.glob("stolen*"))


def test_a_duet_is_refused(tmp_path, repository, commits):
    found = made(tmp_path / "s", commit=commits[0], options={"threads": 2, "schedule": "duet"})
    refused(lambda: export.to_asv([found], tmp_path / "a", repository=repository), "duet", "blocks")


def test_another_workload_of_the_same_name_is_refused(tmp_path, repository, commits):
    target = tmp_path / "asv"
    one = made(tmp_path / "one", commit=commits[0])
    longer = dataclasses.replace(RECIPE, epochs=9)
    two = made(tmp_path / "two", commit=commits[1], recipe=longer)
    said = ["thesis-autoencoder is not the one of that name before: epochs differ", "another name"]
    refused(lambda: export.to_asv([one, two], target, repository=repository), *said)
    assert not target.exists()
    export.to_asv([one], target, repository=repository)
    before = sorted(path.name for path in target.rglob("*"))
    refused(lambda: export.to_asv([two], target, repository=repository), *said)
    assert sorted(path.name for path in target.rglob("*")) == before


def test_two_versions_at_one_commit_are_refused(tmp_path, repository, commits):
    one = made(tmp_path / "one", commit=commits[0])
    two = changed(tmp_path, one, versions={"jax": "9.9"})
    said = ["main/jax 9.9, and 2.13.0 in another trial at the same commit"]
    refused(lambda: export.to_asv([one, two], tmp_path / "a", repository=repository), *said)
    export.to_asv([one], tmp_path / "a", repository=repository)
    refused(lambda: export.to_asv([two], tmp_path / "a", repository=repository), *said)


@pytest.mark.parametrize("name", ["../../out", "/tmp/out", "..", "a/b\0c"])
def test_names_from_a_study_stay_within_the_folder(tmp_path, repository, commits, name):
    machine = {"host": name, "python": f"3.11{name}", "cores": 2}
    found = made(tmp_path / "study", commit=commits[0], machine=machine)
    target = tmp_path / "deep" / "er" / "asv"
    (written,) = export.to_asv([found], target, repository=repository)
    assert target.resolve() in written.path.resolve().parents
    assert {path.name for path in (tmp_path / "deep").rglob("*") if path.is_file()} == {
        "machine.json", "benchmarks.json", written.path.name,
    }  # fmt: skip


@pytest.mark.parametrize("text", ["", "[]", "{", '{"training.track_test_loss": {"params": 3}}'])
def test_files_of_another_kind_are_refused(tmp_path, repository, commits, text):
    target = tmp_path / "asv"
    target.mkdir()
    (target / "benchmarks.json").write_text(text)
    found = made(tmp_path / "study", commit=commits[0])
    refused(lambda: export.to_asv([found], target, repository=repository), "benchmarks.json")
    assert (target / "benchmarks.json").read_text() == text
    assert [path.name for path in target.rglob("*")] == ["benchmarks.json"]


@pytest.mark.parametrize("text", ["", "7", "{}", '{"results": {"a": 1}}', '{"results": []}'])
def test_results_of_another_kind_are_refused(tmp_path, repository, commits, text):
    found = made(tmp_path / "study", commit=commits[0])
    (written,) = export.to_asv([found], tmp_path / "asv", repository=repository)
    written.path.write_text(text)
    again = [found]
    refused(lambda: export.to_asv(again, tmp_path / "asv", repository=repository), "not a file of")
    assert written.path.read_text() == text


def test_a_folder_that_cannot_be_written_is_told(tmp_path, repository, commits):
    found = made(tmp_path / "study", commit=commits[0])
    (tmp_path / "file").touch()
    where = tmp_path / "file" / "asv"
    refused(lambda: export.to_asv([found], where, repository=repository), "cannot be written")


def test_asv_publishes_a_line_for_every_backend(tmp_path, repository, commits):
    seen = [
        made(tmp_path / name, commit=name, recipe=dataclasses.replace(RECIPE, absent=1))
        for name in commits
    ]
    export.to_asv(seen, tmp_path / "results", repository=repository)
    conf = {
        "version": 1, "project": "levelfield", "repo": str(repository), "branches": ["main"],
        "environment_type": "virtualenv", "results_dir": str(tmp_path / "results"),
        "html_dir": str(tmp_path / "html"), "benchmark_dir": str(tmp_path),
    }  # fmt: skip
    (tmp_path / "asv.conf.json").write_text(json.dumps(conf))
    command = [sys.executable, "-m", "asv", "publish", "--no-pull"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    graphs = [
        path
        for path in (tmp_path / "html" / "graphs").rglob("training.track_steady_epoch.json")
        if "summary" not in path.parts
    ]
    lines = [json.loads(path.read_text()) for path in graphs]
    (points,) = lines
    assert [point[0] for point in points] == [0, 1, 2]
    who = [*list(studies.KNOWN)[: RECIPE.contenders], "elephas/synchronous"]
    for _, row in points:
        assert len(row) == len(who)
        assert sum(value is not None and value > 0 for value in row) == RECIPE.contenders
