"""The command line: what it runs, what it leaves, and how it says no."""

from __future__ import annotations

import json
import math
import os
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pages
import pytest
import studies
from running import Place

from levelfield import __version__, cli, registry
from levelfield.results import against, study
from levelfield.results.record import PHASES, Record
from levelfield.results.store import HEAD, RECORDS
from levelfield.run import doctor, machine
from levelfield.spec import suite

SINGLE = [phase for phase in PHASES if phase != "cluster"]

QUICK = ("quick", "--backends", "numpy", "--set", "epochs=2", "--repeats", "1", "--quiet")
RECIPE = studies.Recipe(contenders=1, repeats=1, epochs=2, absent=0)
STUDIES = ("study", "other", "damaged")
COMMAND = Path(sys.executable).parent / "levelfield"

ADAPTERS = {
    "broken.py": "def (",
    "raises.py": "raise RuntimeError('not today')",
    "exits.py": "import sys; sys.exit(0)",
    "empty.py": "",
    "partial.py": "from levelfield.backend import Backend\nclass A(Backend):\n  name = 'a'\n",
    "bare.py": "from levelfield import registry\n"
    "class A(registry.adapter('numpy')):\n    name, modes = 'a', ()\n",
    "notes.txt": "no Python",
    "folder.py/inner": "",
}

# Words after `levelfield`, and the beginning of what is said after "levelfield: ".
REFUSED = [
    ("run quik", "unknown suite 'quik'; expected one of autoencoder, "),
    ("run ./none.yaml", "none.yaml: cannot be read (No such file or directory)"),
    ("run ./folder.py", "folder.py: cannot be read (Is a directory)"),
    ("run ./notes.txt", "notes.txt:1: not a suite (got 'no Python')"),
    ("run ./wrong.yaml", "wrong.yaml:12 (workloads[0].batch): got 0; expected a whole number of"),
    ("run " + "a" * 300, "unknown suite 'aaa"),
    ("run ./" + "a" * 300, "aaaa"),
    ("run quick --backends nmpy", "--backends: unknown backend 'nmpy'; expected one of "),
    ("run quick --backends numpy,jx", "--backends: unknown backend 'jx'; expected one of "),
    ("run quick --modes eagr", "--modes: unknown mode 'eagr'; expected one of all, "),
    ("run quick --device gpu", "--device: unknown device 'gpu'; expected cpu, cuda, cuda:INDEX"),
    ("run quick --threads 99999", "--threads: got 99999; expected 1 to "),
    ("run quick --set epochs", "--set: got 'epochs'; expected key=value"),
    ("run quick --set epoch=1", "--set epoch: unknown key 'epoch'; expected one of batch, "),
    ("run quick --set epochs=0", "--set epochs: got 0; expected a whole number of at least 1"),
    ("run quick --set schedule.rate=1e-3", "--set schedule.rate: got '1e-3'; expected a number"),
    ("run quick --set optimizer.kind=adan", "--set optimizer.kind: unknown optimizer 'adan'; exp"),
    ("run quick --set layers=[{kind:conv}]", "--set layers[0]: got {'kind:conv': None}; expecte"),
    ("run quick --set layers=[{kind: conv}]", "--set layers[0].kind: unknown layer 'conv'; expec"),
    ("run quick --set dataset=digit", "workload digits-autoencoder: unknown data set 'digit'; ex"),
    ("run quick --set dataset=synthetic", "workload digits-autoencoder, layers[3]: the last lay"),
    ("run quick --set dataset=synthetic:feature=64", "workload digits-autoencoder, data set 'sy"),
    ("run quick --set dataset=synthetic:features=64,train=0", "workload digits-autoencoder, data"),
    ("run quick --set samples=99999", "data set digits: 99999 samples asked for; expected at mos"),
    ("run quick --data none", "--data=none: no such folder"),
    ("run quick --out study/records.jsonl", "study/records.jsonl: cannot be written (Not a di"),
    ("run quick --out /proc/none", "/proc/none: cannot be written ("),
    ("run quick --resume --out fresh", "fresh: no study to resume here\n  try: run without --res"),
    ("run quick --out study", "study: there is a study of suite quick here already\n  try: go on"),
    ("run quick --out study --resume", "study: the study here has other workloads; expected the s"),
    ("run quick --backend none.py", "none.py: not a Python file; expected a file like ./mine.py"),
    ("run quick --backend folder.py", "folder.py: not a Python file"),
    ("run quick --backend notes.txt", "notes.txt: not a Python file"),
    ("run quick --backend " + "a" * 300 + ".py", "aaaa"),
    ("run quick --backend broken.py", "broken.py: failed to load: SyntaxError: invalid syntax"),
    ("run quick --backend raises.py", "raises.py: failed to load: RuntimeError: not today"),
    ("run quick --backend exits.py", "exits.py: failed to load: SystemExit: 0"),
    ("run quick --backend empty.py", "empty.py: no adapter in this file; expected a subclass of "),
    ("run quick --backend partial.py", "partial.py: no adapter in this file; expected a subclass"),
    ("run quick --backend bare.py", "bare.py: no adapter in this file; expected a subclass of "),
    ("verify quick --backends nmpy", "--backends: unknown backend 'nmpy'; expected one of "),
    ("verify quik", "unknown suite 'quik'; expected one of autoencoder, "),
    ("report none", "none: no study here; expected a folder with study.json and records.jsonl"),
    ("report fresh", "fresh: no study here"),
    ("report notes.txt", "notes.txt/study.json: cannot be read (Not a directory)"),
    ("report other", "other/study.json: written with schema 2; expected schema 1, which this ver"),
    ("report damaged", "damaged/records.jsonl:2: not a record ("),
    ("run quick --set epochs=2 --out damaged --resume", "damaged/records.jsonl:2: not a record ("),
    ("run quick --set epochs=2 --out other --resume", "other/study.json: written with schema 2"),
    ("list datasets --data none", "--data=none: no such folder"),
    ("doctor --data none", "--data=none: no such folder"),
]  # fmt: skip

# Words that argparse itself refuses, and what its message says.
USAGE = [
    ("", "the following arguments are required: VERB"),
    ("rum quick", "invalid choice: 'rum'"),
    ("run", "the following arguments are required: suite"),
    ("run quick --bakends numpy", "unrecognized arguments: --bakends numpy"),
    ("run quick --threads 0", "argument --threads: invalid number above zero value: '0'"),
    ("run quick --threads two", "argument --threads: invalid number above zero value: 'two'"),
    ("run quick --threads 1.5", "argument --threads: invalid number above zero value: '1.5'"),
    ("run quick --timeout -1", "argument --timeout: invalid number above zero value: '-1'"),
    ("run quick --timeout nan", "argument --timeout: invalid number above zero value: 'nan'"),
    ("run quick --timeout 1e999", "argument --timeout: invalid number above zero value: '1e999'"),
    ("run quick --repeats 0", "argument --repeats: invalid number above zero value: '0'"),
    ("run quick --seed abc", "argument --seed: invalid number of at least zero value: 'abc'"),
    ("run quick --seed -1", "argument --seed: invalid number of at least zero value: '-1'"),
    ("run quick --seed 1.5", "argument --seed: invalid number of at least zero value: '1.5'"),
    ("list", "the following arguments are required: what"),
    ("list backend", "invalid choice: 'backend' (choose from 'backends', 'datasets', 'suites', "),
    ("report", "the following arguments are required: STUDY"),
    ("compare study --confidence 150", "invalid percentage above 50 and below 100 value: '150'"),
    ("compare study --confidence 100", "invalid percentage above 50 and below 100 value: '100'"),
    ("compare study --confidence 0.95", "invalid percentage above 50 and below 100 value: '0.95'"),
    ("compare study --confidence nan", "invalid percentage above 50 and below 100 value: 'nan'"),
    ("compare study --threshold 0.03", "invalid percentage above 0.1 and below 1000 value: '0.03'"),
    ("compare study --threshold inf", "invalid percentage above 0.1 and below 1000 value: 'inf'"),
    ("compare study --threshold -3", "invalid percentage above 0.1 and below 1000 value: '-3'"),
]


@pytest.fixture(scope="module")
def place(tmp_path_factory) -> Place:
    return Place(tmp_path_factory.mktemp("cli"))


@pytest.fixture(scope="module")
def made(place) -> subprocess.CompletedProcess[str]:
    """A study that was really run."""
    return place.call("run", *QUICK, "--out", str(place.study))


@pytest.fixture
def here(tmp_path, tmp_path_factory, monkeypatch) -> Path:
    """A folder with studies, whole and damaged, and with files that are wrong."""
    quick = suite.find("quick", registry.suites())
    (workload,) = suite.load(quick, changes=["epochs=2"]).workloads
    head = {"suite": "quick", "workloads": {workload.fingerprint: workload.plain()}}
    for name in STUDIES:
        studies.write(RECIPE, tmp_path / name, **head, machine=machine.describe())
    facts = json.loads((tmp_path / "other" / HEAD).read_text())
    (tmp_path / "other" / HEAD).write_text(json.dumps({**facts, "schema": 2}))
    damaged = (tmp_path / "damaged" / RECORDS).read_bytes()
    (tmp_path / "damaged" / RECORDS).write_bytes(damaged.replace(b'"ok"', b"ok", 1))
    for name, text in ADAPTERS.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    wrong = quick.read_text().replace("batch: 64", "batch: 0")
    (tmp_path / "wrong.yaml").write_text(wrong[wrong.index("workloads:") :] + "suite: wrong\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LEVELFIELD_CACHE", str(tmp_path_factory.getbasetemp() / "cache"))
    return tmp_path


def words(text: str) -> list[str]:
    """Split at spaces, but not behind ``{kind:``."""
    return text.replace("kind: ", "kind:\0").split(" ") if text else []


def state(folder: Path) -> dict[str, bytes]:
    """Every file of the studies in a folder."""
    paths = [path for name in STUDIES for path in sorted((folder / name).rglob("*"))]
    return {str(path): path.read_bytes() for path in paths}


@pytest.mark.parametrize(("text", "message"), REFUSED)
def test_bad_input_gives_one_message_and_changes_nothing(text, message, here, capsys):
    before = state(here)
    arguments = [word.replace("\0", " ") for word in words(text)]
    assert cli.main(arguments) == 2
    out, err = capsys.readouterr()
    assert out == ""
    said = err.replace(f"{here}/", "").removeprefix("preparing digits in float32\n")
    assert said.startswith(f"levelfield: {message}")
    assert said.count("levelfield: ") == 1
    assert len(said.rstrip("\n").split("\n")) <= 2 + said.count("(broken.py")
    assert state(here) == before
    assert not list(here.glob("results/*"))
    assert not (here / "fresh" / RECORDS).exists()


@pytest.mark.parametrize(("text", "message"), USAGE)
def test_wrong_usage_is_explained(text, message, capsys):
    with pytest.raises(SystemExit) as end:
        cli.main(words(text))
    assert end.value.code == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("usage: levelfield")
    assert message in err.splitlines()[-1]


@pytest.mark.parametrize(
    "text",
    [
        "run quick --backends nmpy", "run quick --set optimizer.kind=adan", "report damaged",
        "run quick --out study", "run quick --backend broken.py", "run ./wrong.yaml",
    ],
)  # fmt: skip
def test_a_real_command_ends_with_status_2_and_no_traceback(text, here):
    before = state(here)
    command = [COMMAND, *words(text)]
    done = subprocess.run(command, cwd=here, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert "levelfield: " in done.stderr
    assert "Traceback" not in done.stderr
    assert state(here) == before


def test_a_batch_beyond_all_samples_is_one_step_an_epoch(here):
    assert cli.main(["run", *QUICK, "--set", "batch=1000000000000", "--out", "fresh"]) == 0


@pytest.mark.parametrize("verb", ["", "doctor", "list", "verify", "run", "report"])
def test_help_comes_at_once(verb):
    code = (
        "import sys\nfrom levelfield import cli\n"
        "try: cli.main(sys.argv[1:])\nexcept SystemExit as end: assert end.code == 0\n"
        "print(*sorted({name.partition('.')[0] for name in sys.modules}), sep=',')"
    )
    command = [sys.executable, "-P", "-c", code, *filter(None, [verb]), "--help"]
    out = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    *text, loaded = out.splitlines()
    assert text[0].startswith(f"usage: levelfield {verb}".rstrip())
    third = set(loaded.split(",")) - sys.stdlib_module_names
    assert {name for name in third if not name.startswith("_")} == {"levelfield"}


def test_the_version_is_told(capsys):
    with pytest.raises(SystemExit):
        cli.main(["--version"])
    assert capsys.readouterr().out == f"levelfield {__version__}\n"


@pytest.mark.slow
def test_a_run_leaves_a_study_that_agrees_with_itself(made, place):
    assert made.returncode == 0, made.stderr
    assert made.stderr == ""
    assert f"study: {place.study}" in made.stdout
    assert "numpy/numpy" in made.stdout
    found = study.load(place.study)
    trials, epochs, phases = found.trials(), found.epochs(), found.phases()
    assert (len(trials), len(epochs), len(phases)) == (1, 2, len(SINGLE))
    trial = trials.iloc[0]
    assert (trial.backend, trial["mode"], trial.device) == ("numpy", "numpy", "cpu")
    assert (trial.status, trial.reason, trial.verified) == ("ok", "", "passed")
    assert list(trial[["repeat", "block", "epochs", "samples"]]) == [1, 1, 2, 1500]
    assert list(epochs.epoch) == [1, 2]
    assert set(epochs.key) == set(phases.key) == {trial.key}
    assert list(phases.phase) == [*SINGLE[:4], "evaluate", "steady epochs", "close"]
    wall = phases.set_index("phase").wall
    assert wall["first epoch"] == pytest.approx(epochs.wall[0], rel=1e-6)
    assert wall["steady epochs"] == pytest.approx(epochs.wall[1], rel=1e-6)
    assert (wall > 0).all()
    assert wall.sum() < trial.wall
    assert (trial.loss, trial.test_loss) == (epochs.loss[1], epochs.test_loss[1])
    assert 0.05 < epochs.test_loss[1] < epochs.loss[1] < epochs.loss[0] < 0.25
    assert trial.peak_memory > 10 << 20
    assert math.isnan(trial.device_memory)
    cores = len(os.sched_getaffinity(0))
    assert trial.threads == cores == len(found.records[0].cpus)


@pytest.mark.slow
def test_a_run_tells_what_it_was(made, place):
    found = study.load(place.study)
    assert [s.position for s in found.sentinels] == ["first", "last"]
    assert all(np.isfinite(s.seconds).all() and min(s.seconds) > 0 for s in found.sentinels)
    head, record = found.head, found.records[0]
    assert (head.suite, head.repeats, head.seed) == ("quick", 1, 0)
    assert head.levelfield == __version__
    assert head.contenders == ("numpy/numpy",)
    (workload,) = head.workloads.values()
    assert list(head.workloads) == [record.fingerprint]
    assert (workload["epochs"], workload["samples"], workload["batch"]) == (2, 1500, 64)
    assert workload["flops"] == 3 * 2 * (64 * 128 + 128 * 32 + 32 * 128 + 128 * 64)
    assert record.versions["numpy"] == np.__version__
    assert all(figure.passed for figure in record.verification.figures)
    assert not place.scratch()


@pytest.mark.slow
def test_resuming_what_is_complete_runs_nothing(made, place):
    before = (place.study / RECORDS).read_bytes()
    again = place.call("run", *QUICK, "--out", str(place.study), "--resume")
    assert (again.returncode, again.stdout, again.stderr) == (0, made.stdout, "")
    assert (place.study / RECORDS).read_bytes() == before


def test_the_report_is_one_file(here, capsys):
    assert cli.main(["report", "study"]) == 0
    page = here / "study" / "report.html"
    assert capsys.readouterr().out == f"report: {page}\n"
    assert "jax/scan" in page.read_text()


@pytest.mark.parametrize(
    ("what", "seen"),
    [
        ("backends", ["numpy", "keras-jax", "torch"]),
        ("datasets", ["digits", "fashion_mnist", "mnist", "synthetic"]),
        ("suites", ["autoencoder\n  The thesis network", "quick\n", "  workloads: 44\n"]),
        ("layers", ["dense\n", "residual\n", "  {kind: max_pool, window: [2, 2]}\n"]),
        ("formulas", ["  cnn: {blocks: 3, first_filters: 16}\n", "resnet\n"]),
        ("optimizers", ["adam\n  Kingma & Ba", "rmsprop\n"]),
        ("schedules", ["one_cycle\n", "triangular2\n"]),
        ("semantics", ["Adam", "RMSprop", "keras-torch"]),
    ],
)
def test_lists(what, seen, here, capsys):
    assert cli.main(["list", what]) == 0
    out = capsys.readouterr().out
    assert all(name in out for name in seen)


def test_intervals_of_two_wild_trials_are_told_by_their_magnitude(tmp_path):
    recipe = studies.Recipe(contenders=2, repeats=2, epochs=3, absent=0)

    def wild(r: Record) -> Record:
        factor = 50.0 if (r.backend, r.repeat) == ("torch", 2) else 1.0
        assert r.epochs is not None
        wall = tuple(factor * each for each in r.epochs.wall)
        return replace(r, epochs=replace(r.epochs, wall=wall))

    rows = [wild(r) if isinstance(r, Record) else r for r in studies.rows(recipe)]
    told = doctor.study_table(pages.study(tmp_path, studies.head(recipe), rows))
    assert re.search(r"\d\.\d\d \[\de-\d\d, \de\+\d\d\]", told), told


@pytest.mark.parametrize(("repeats", "bounded"), [(1, False), (2, True)])
def test_a_single_trial_has_no_interval(repeats, bounded, tmp_path):
    recipe = studies.Recipe(contenders=2, repeats=repeats, epochs=9, absent=0)
    told = doctor.study_table(pages.study(tmp_path, studies.head(recipe), studies.rows(recipe)))
    assert bool(re.search(r" \d\.\d\d \[\d\.\d\d, \d+\.\d\d\] ", told)) == bounded
    assert re.search(r" \d\.\d\d ", told)


@pytest.mark.parametrize(
    ("text", "stream"),
    [
        ("list semantics", "stdout"),
        ("list suites", "stdout"),
        ("compare study --base jax/scan --head jax/scan", "stdout"),
        ("run quick --backends numpy --out fresh", "stderr"),
        ("report none", "stderr"),
    ],
)
def test_a_reader_that_goes_away_is_no_error_and_no_answer(text, stream, here):
    ours, theirs = os.pipe()
    os.close(ours)
    streams = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, stream: theirs}
    done = subprocess.run([COMMAND, *words(text)], cwd=here, **streams, check=False)
    os.close(theirs)
    assert (done.returncode, done.stdout or b"", done.stderr or b"") == (141, b"", b"")


def test_a_fault_of_ours_is_told_as_one_and_is_no_answer(here, capsys, monkeypatch):
    def wrong(*_, **__):
        raise ZeroDivisionError("of ours")

    monkeypatch.setattr(against, "contenders", wrong)
    assert cli.main(["compare", "study", "--base", "jax/scan", "--head", "jax/scan"]) == 70
    out, err = capsys.readouterr()
    first, *rest = err.splitlines()
    assert out == ""
    assert first == (
        "levelfield: ended by a fault of its own (ZeroDivisionError), not by an answer; "
        "please report it with the traceback that follows"
    )
    assert rest[0] == "Traceback (most recent call last):"
    assert rest[-1] == "ZeroDivisionError: of ours"
    assert "in wrong" in rest[-3] + rest[-2]
