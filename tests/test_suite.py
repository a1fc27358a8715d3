"""Suites: those that are shipped, those that are wrong, data sets spread, options that change."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from levelfield import registry
from levelfield.errors import UserError
from levelfield.spec import plan, suite
from levelfield.spec.fields import FieldError
from levelfield.spec.initialisers import Initialiser
from levelfield.spec.layers import Activation

SHIPPED = sorted(registry.suites().glob("*.yaml"))
SPREAD = """\
suite: two
about: >
  Two workloads, one of them on two data sets.
repeats: 2
datasets: [mnist, 'synthetic:features=9,train=50']
workloads:
  - name: first
    layers:
      - {kind: dense, units: 9, activation: relu, kernel: he_normal, bias: zeros}
    loss: mean_squared_error
    optimizer: {kind: sgd, momentum: 0.0, nesterov: false}
    schedule: {kind: constant, rate: 0.1}
    batch: 10
    epochs: 1
  - name: second
    dataset: digits
    layers:
      - kind: dense
        units: 64
        activation: sigmoid
        kernel: he_uniform
        bias: uniform_0_1
    loss: binary_crossentropy
    optimizer:
      kind: adam
      beta1: 0.9
      beta2: 0.99
      epsilon: 1.0e-7
    schedule: {kind: constant, rate: 0.2}
    batch: 20
    epochs: 2
"""
THIRD = SPREAD[SPREAD.index("  - name: first") : SPREAD.index("  - name: second")]

# What stands in the suite, what is put in its place, a text in the line of the message (the first
# one where it is empty), the key's path, and the message.
WRONG = [
    ("repeats: 2", "repeats: 0", "repeats: 0", "repeats",
     "got 0; expected a whole number of at least 1"),
    ("repeats: 2", "repeat: 2", "repeat: 2", "repeat", "did you mean repeats?"),
    ("repeats: 2", "timeout: 0", "timeout: 0", "timeout", "expected a number above 0"),
    ("repeats: 2", "contenders: []", "contenders:", "contenders", "got an empty list"),
    ("repeats: 2", "contenders: all", "contenders:", "contenders", "got 'all'; expected a list"),
    ("repeats: 2", "contenders: [a, 5]", "contenders:", "contenders[1]", "expected text"),
    ("suite: two", "suite: a/b", "suite:", "suite", "got 'a/b'; expected a name"),
    ("suite: two", "suit: two", "suit:", "suit", "unknown key 'suit'"),
    ("suite: two\n", "", "", None, "the key 'suite' is missing"),
    ("datasets: [mnist", "datasets: [5", "datasets:", "datasets", "expected a list of data sets'"),
    ("datasets: [mnist, 'synthetic:features=9,train=50']", "datasets: mnist", "datasets:",
     "datasets", "got 'mnist'; expected a list of data sets' names"),
    ("datasets: [mnist, 'synthetic:features=9,train=50']", "datasets: []", "datasets:",
     "datasets", "got []"),
    ("datasets: [mnist, 'synthetic:features=9,train=50']", "datasets:", "datasets:",
     "datasets", "got None"),
    ("datasets: [mnist, 'synthetic:features=9,train=50']", "about2: x", "about2:", "about2",
     "did you mean about?"),
    ("datasets: [mnist, 'synthetic:features=9,train=50']\n", "", "- name: first", "workloads[0]",
     "the key 'dataset' is missing"),
    ("datasets: [mnist", "datasets: [mnist, mnist", "name: first", "workloads[0].name",
     "the name first-mnist stands twice"),
    ("- name: first", "- nam: first", "nam: first", "workloads[0].nam", "did you mean name?"),
    ("  - name: first\n    layers", "  - layers", "- layers", "workloads[0]",
     "the key 'name' is missing"),
    ("- name: first", "- name: 5", "name: 5", "workloads[0].name", "got 5; expected text"),
    ("units: 9", "units: 0", "units: 0", "workloads[0].layers[0].units", "got 0"),
    ("momentum: 0.0", "momentum: 1", "momentum: 1", "workloads[0].optimizer.momentum",
     "got 1.0; expected a number in [0, 1)"),
    ("name: second", "name: first-mnist", "name: first-mnist", "workloads[1].name",
     "the name first-mnist stands twice"),
    ("dataset: digits", "dataset: 5", "dataset: 5", "workloads[1].dataset", "expected text"),
    ("units: 64", "units: '64'", "units: '64'", "workloads[1].layers[0].units", "got '64'"),
    ("activation: sigmoid", "activation: sigmod", "sigmod", "workloads[1].layers[0].activation",
     "did you mean sigmoid?"),
    ("activation: sigmoid", "activation: relu", "loss: binary", "workloads[1].loss",
     "binary_crossentropy compares probabilities"),
    ("beta2: 0.99", "beta2: .nan", "beta2: .nan", "workloads[1].optimizer.beta2", "got nan"),
    ("epsilon: 1.0e-7", "epsilon: 1e-7", "epsilon: 1e-7", "workloads[1].optimizer.epsilon",
     "write 1.0e-07"),
    ("      epsilon: 1.0e-7\n", "", "optimizer:\n", "workloads[1].optimizer",
     "the key 'epsilon' is missing"),
    ("batch: 20", "batch: yes", "batch: yes", "workloads[1].batch", "got True"),
    ("batch: 20", "batch: 20\n    batch: 30", "batch: 30", None, "the key 'batch' stands twice"),
]  # fmt: skip

CHANGES = [
    ("epochs=7", "epochs", 7),
    ("batch=1_000", "batch", 1000),
    ("samples=5", "samples", 5),
    ("samples=null", "samples", None),
    ("dataset=mnist", "dataset", "mnist"),
    ("precision=float64", "precision", "float64"),
    ("schedule.rate=1", "schedule.rate", 1.0),
    ("schedule.rate=2.5e-4", "schedule.rate", 2.5e-4),
    ("schedule={kind: constant, rate: 3}", "schedule", {"kind": "constant", "rate": 3.0}),
]

BAD_CHANGES = [
    ("epochs", "--set: got 'epochs'; expected key=value\n  try: --set epochs=3"),
    ("=5", "--set: got '=5'; expected key=value"),
    ("", "--set: got ''; expected key=value"),
    ("epochs=", "--set epochs: got None; expected a whole number"),
    ("epochs=many", "--set epochs: got 'many'; expected a whole number"),
    ("epochs=2.0", "--set epochs: got 2.0; expected a whole number"),
    ("epochs=0", "--set epochs: got 0; expected a whole number of at least 1"),
    (
        "schedule.rate=1e-3",
        "--set schedule.rate: got '1e-3'; expected a number\n  try: write 0.001",
    ),
    ("epoch=3", "--set epoch: unknown key 'epoch'; expected one of batch, dataset, epochs,"),
    ("schedule.rat=3", "--set schedule.rat: unknown key 'rat'; expected one of rate"),
    ("schedule.rate.x=3", "--set: no key schedule.rate.x in workload first-mnist"),
    ("layers.0.units=3", "--set: no key layers.0.units in workload first-mnist"),
    ("a.b=3", "--set: no key a.b in workload first-mnist"),
    (".epochs=3", "--set: no key .epochs in workload first-mnist"),
    ("epochs.=3", "--set: no key epochs. in workload first-mnist"),
    ("optimizer=adam", "--set optimizer: got 'adam'; expected a mapping with the key 'kind'"),
    ("optimizer.kind=adam", "--set optimizer.momentum: unknown key 'momentum'; expected one of"),
    ("epochs=[1", "--set '[1':1: not valid YAML"),
    ("epochs=!!int 5", "--set '!!int 5':1: the tag"),
    ("epochs=0x" + "f" * 200, "--set '0xffff"),
    ("name=same", "workloads[1].name: the name same stands twice; expected each once"),
]


def write(folder: Path, text: str) -> Path:
    path = folder / "s.yaml"
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_shipped_suites_are_sound(path):
    made = suite.load(path)
    assert made.suite == path.stem
    assert made.about
    assert suite.find(path.stem, path.parent) == path
    assert plan.contenders(made.contenders, registry.backends())
    assert len({workload.fingerprint for workload in made.workloads}) == len(made.workloads)
    for workload in made.workloads:
        source = registry.dataset(workload.dataset)
        workload.check_shapes(source.shape, len(source.classes))
        assert workload.batch <= min(workload.samples or source.sizes[0], source.sizes[0])


def test_there_are_suites_and_they_are_found_by_name():
    assert {"quick", "autoencoder"} <= {path.stem for path in SHIPPED}
    assert suite.find("./quick.yaml", Path("x")) == Path("quick.yaml")
    assert suite.find("quick.yml", Path("x")) == Path("quick.yml")


@pytest.mark.parametrize("name", ["quik", "", "..", "QUICK", "a" * 300, "quick\n", "*"])
def test_an_unknown_suite_is_refused_with_the_known_ones(name):
    with pytest.raises(UserError) as error:
        suite.find(name, registry.suites())
    assert error.value.seen.startswith("unknown suite ")
    assert "quick" in error.value.expected
    assert error.value.expected.endswith(", or a path to a YAML file")
    assert error.value.hint == (
        "did you mean quick?" if name in {"quik", "quick\n", "QUICK"} else ""
    )


def test_a_suite_is_read_as_it_stands(tmp_path):
    made = suite.load(write(tmp_path, SPREAD))
    assert (made.suite, made.repeats, made.timeout, made.contenders) == ("two", 2, 3600, ("all",))
    assert made.about == "Two workloads, one of them on two data sets.\n"
    assert [(w.name, w.dataset, w.batch) for w in made.workloads] == [
        ("first-mnist", "mnist", 10),
        ("first-synthetic-features-9-train-50", "synthetic:features=9,train=50", 10),
        ("second", "digits", 20),
    ]
    first, copy, second = made.workloads
    assert copy.replace(name=first.name, dataset=first.dataset) == first
    assert second.optimizer.plain() == {
        "kind": "adam", "beta1": 0.9, "beta2": 0.99, "epsilon": 1e-7,
    }  # fmt: skip


@pytest.mark.parametrize(("old", "new", "line", "path", "message"), WRONG)
def test_what_is_wrong_is_named_with_file_line_and_key(old, new, line, path, message, tmp_path):
    assert SPREAD.count(old) == 1
    text = SPREAD.replace(old, new)
    number = text[: text.index(line)].count("\n") + 1
    with pytest.raises(UserError) as error:
        suite.load(write(tmp_path, text))
    key = f" ({path})" if path else ""
    assert str(error.value).startswith(f"{tmp_path}/s.yaml:{number}{key}: ")
    assert message in str(error.value)


@pytest.mark.parametrize("bad", range(3))
@pytest.mark.parametrize("sizes", ["", "samples: [5, 7, 9]\n"])
def test_lines_are_right_in_whichever_workload_the_error_is(bad, sizes, tmp_path):
    workloads = [THIRD.replace("first", f"w{place}") for place in range(3)]
    workloads[bad] = workloads[bad].replace("batch: 10", "batch: -1")
    text = f"suite: s\ndatasets: [digits, mnist]\n{sizes}workloads:\n" + "".join(workloads)
    number = text[: text.index("batch: -1")].count("\n") + 1
    with pytest.raises(UserError) as error:
        suite.load(write(tmp_path, text))
    assert error.value.where == f"{tmp_path}/s.yaml:{number} (workloads[{bad}].batch)"


def test_workloads_are_made_once_for_each_number_of_samples(tmp_path):
    open_ = THIRD.replace("first", "w")
    given = THIRD.replace("first", "v") + "    samples: 3\n    dataset: digits\n"
    text = f"suite: s\ndatasets: [digits, mnist]\nsamples: [5, 70]\nworkloads:\n{open_}{given}"
    made = suite.load(write(tmp_path, text)).workloads
    assert [(w.name, w.samples) for w in made[-1:]] == [("v", 3)]
    assert [(w.name, w.dataset, w.samples) for w in made[:-1]] == [
        ("w-digits-5", "digits", 5), ("w-digits-70", "digits", 70),
        ("w-mnist-5", "mnist", 5), ("w-mnist-70", "mnist", 70),
    ]  # fmt: skip
    for wrong in ("5", "[]", "[x]", "[true]", "[0.5]"):
        bad = text.replace("samples: [5, 70]", f"samples: {wrong}")
        with pytest.raises(UserError, match=r"expected a list of whole numbers"):
            suite.load(write(tmp_path, bad))


@pytest.mark.parametrize(
    "text",
    ["", "5", "[]", "suite: x", "- workloads: 5", "just words"],
)
def test_what_is_no_suite_is_refused(text, tmp_path):
    with pytest.raises(UserError) as error:
        suite.load(write(tmp_path, text))
    assert str(error.value).startswith(f"{tmp_path}/s.yaml:1: not a suite (got ")
    assert error.value.hint == "see benchmarks/suites/quick.yaml"


@pytest.mark.parametrize("workloads", [None, 5, "x", {}, {"name": "x"}, [], [None], ["x"], [[]]])
@pytest.mark.parametrize("datasets", [None, ["mnist"]])
def test_workloads_that_are_none_are_refused(workloads, datasets, tmp_path):
    given = {"suite": "x", "workloads": workloads} | ({"datasets": datasets} if datasets else {})
    with pytest.raises(UserError) as error:
        suite.load(write(tmp_path, yaml.safe_dump(given, sort_keys=False)))
    assert "(workloads" in error.value.where


def values() -> st.SearchStrategy:
    """Values that YAML can hold, likely to be taken for what a suite is made of."""
    words = ["mnist", "name", "dataset", "batch", "kind", "layers", "suite", "x"]
    leaves = st.none() | st.booleans() | st.integers(-5, 5) | st.sampled_from(words)
    keys = st.sampled_from(words)
    return st.recursive(
        leaves, lambda v: st.lists(v, max_size=3) | st.dictionaries(keys, v, max_size=3)
    )


@given(
    given=st.dictionaries(st.sampled_from(["suite", "datasets", "samples", "workloads"]), values())
)
def test_junk_is_refused_at_a_line_of_its_file(tmp_path_factory, given):
    folder = tmp_path_factory.getbasetemp()
    text = yaml.safe_dump(given, sort_keys=False)
    with pytest.raises(UserError) as error:
        suite.load(write(folder, text))
    number = int(error.value.where.removeprefix(f"{folder}/s.yaml:").partition(" ")[0])
    assert 1 <= number <= text.count("\n")


@pytest.mark.parametrize(("change", "path", "value"), CHANGES)
def test_options_change_every_workload_and_nothing_else(change, path, value, tmp_path):
    path_, before = path.split("."), suite.load(write(tmp_path, SPREAD))
    after = suite.load(tmp_path / "s.yaml", changes=[change])
    for old, new in zip(before.workloads, after.workloads, strict=True):
        plain = old.plain()
        place = plain
        for key in path_[:-1]:
            place = place[key]
        place[path_[-1]] = value
        assert new.plain() == plain
    assert (after.suite, after.repeats) == (before.suite, before.repeats)


def test_the_last_change_wins(tmp_path):
    made = suite.load(write(tmp_path, SPREAD), changes=["epochs=7", "seed=3", "epochs=8"])
    assert [(w.epochs, w.seed) for w in made.workloads] == [(8, 3)] * 3


@pytest.mark.parametrize(("change", "message"), BAD_CHANGES)
def test_changes_that_are_wrong_are_refused(change, message, tmp_path):
    with pytest.raises(UserError) as error:
        suite.load(write(tmp_path, SPREAD), changes=[change])
    assert str(error.value).startswith(message)


def test_python_makes_the_same_suite(tmp_path):
    read = suite.load(write(tmp_path, SPREAD))
    made = suite.Suite(
        suite="two", about=read.about, repeats=2, workloads=[w.plain() for w in read.workloads]
    )
    assert made == read
    assert suite.Suite.build(made.plain()) == read
    with pytest.raises(FieldError, match=r"^workloads\[1\]\.name: the name second stands twice"):
        suite.Suite(suite="two", workloads=[read.workloads[2]] * 2)


def test_the_suite_in_the_docs_is_one(tmp_path):
    image = pytest.importorskip("PIL.Image", reason="Pillow is not installed: pip install pillow")
    for name in ("rose", "tulip"):
        (tmp_path / "flowers" / name).mkdir(parents=True)
        for number in range(5):
            image.new("RGB", (40, 40)).save(tmp_path / "flowers" / name / f"{number}.png")
    docs = (Path(__file__).parents[1] / "docs" / "suites.md").read_text(encoding="utf-8")
    text = docs.partition("```yaml\n")[2].partition("```")[0]
    path = tmp_path / "mine.yaml"
    path.write_text(text.replace("/home/me", str(tmp_path)))
    found = suite.load(path)
    denoiser, classifier = found.workloads
    assert len(plan.contenders(found.contenders, registry.backends())) > 3
    assert denoiser.shapes((64,))[-1] == (64,)
    assert classifier.shapes((32, 32, 3))[-1] == (2,)
    told = docs.partition("**Activations**")[2]
    assert all(name in told for name in get_args(Activation) + get_args(Initialiser))
