"""Every rule of a specification gives one error that says where, what was seen, what to try."""

from __future__ import annotations

import dataclasses
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from specs import OPTIONAL, PLACES, PLAIN, changed, junk, without, workload, workloads

from levelfield.errors import UserError, nearest, shown, unknown
from levelfield.spec.fields import FieldError, Range, path_text
from levelfield.spec.layers.dense import Dense
from levelfield.spec.optimizers import SGD
from levelfield.spec.suite import Suite
from levelfield.spec.workload import Workload

NAN, INF = float("nan"), float("inf")
WHOLE, NUMBER, FINITE = "a whole number", "a number", "a finite number"
LIST, MAPPING, NAME = "a list", "a mapping with the key 'kind'", "a name of at most 64 letters"
INITIALISERS = (
    "one of glorot_normal, glorot_uniform, he_normal, he_uniform, normal_0_1, uniform_0_1, zeros"
)
HUGE = "a value of type int too large to show"

# Where, what stands there, what the message says was seen, what it says was expected.
WRONG = [
    ("batch", 0, "got 0", "a whole number of at least 1"),
    ("batch", -32, "got -32", "a whole number of at least 1"),
    ("batch", True, "got True", WHOLE),
    ("batch", 32.0, "got 32.0", WHOLE),
    ("batch", "32", "got '32'", WHOLE),
    ("batch", None, "got None", WHOLE),
    ("batch", [32], "got [32]", WHOLE),
    ("batch", {"size": 32}, "got {'size': 32}", WHOLE),
    ("batch", NAN, "got nan", WHOLE),
    ("batch", -(10**5000), f"got {HUGE}", "a whole number of at least 1"),
    ("epochs", 0, "got 0", "a whole number of at least 1"),
    ("epochs", False, "got False", WHOLE),
    ("epochs", INF, "got inf", WHOLE),
    ("seed", -1, "got -1", "a whole number of at least 0"),
    ("seed", None, "got None", WHOLE),
    ("samples", 0, "got 0", "a whole number of at least 1"),
    ("samples", "all", "got 'all'", WHOLE),
    ("name", "", "got ''", NAME),
    ("name", "../up", "got '../up'", NAME),
    ("name", "tiny\n", "got 'tiny\\n'", NAME),
    ("name", "ä", "got 'ä'", NAME),
    ("name", "x" * 65, f"got '{'x' * 58}…", NAME),
    ("name", 5, "got 5", "text"),
    ("dataset", None, "got None", "text"),
    ("dataset", ["digits"], "got ['digits']", "text"),
    ("loss", "mse", "unknown value 'mse'", "one of binary_crossentropy, categorical_crossentropy"),
    ("loss", ["mean_squared_error"], "unknown value ['mean_squared_error']", "one of binary"),
    ("loss", {}, "unknown value {}", "one of binary_crossentropy, categorical_crossentropy"),
    ("precision", "float8", "unknown value 'float8'", "one of bfloat16, float16, float32"),
    ("precision", 32, "unknown value 32", "one of bfloat16, float16, float32, float64, tf32"),
    ("precision", True, "unknown value True", "one of bfloat16, float16, float32"),
    ("layers", [], "got an empty list", "at least one item"),
    ("layers", (), "got an empty list", "at least one item"),
    ("layers", "dense", "got 'dense'", LIST),
    ("layers", {"0": {}}, "got {'0': {}}", LIST),
    ("layers", 2, "got 2", LIST),
    ("layers", None, "got None", LIST),
    ("layers[1]", "dense", "got 'dense'", MAPPING),
    ("layers[1]", [], "got []", MAPPING),
    ("layers[0]", {"units": 8}, "got {'units': 8}", MAPPING),
    ("layers[0].kind", "conv", "unknown layer 'conv'", "one of average_pool, convolution"),
    (
        "layers[0].kind",
        ["dense"],
        "unknown layer ['dense']",
        "one of average_pool, convolution",
    ),
    ("layers[0].units", 0, "got 0", "a whole number in [1, 1e+06]"),
    ("layers[0].units", 1_000_001, "got 1000001", "a whole number in [1, 1e+06]"),
    ("layers[1].units", "64", "got '64'", WHOLE),
    ("layers[1].kernel", "normal", "unknown value 'normal'", INITIALISERS),
    ("layers[1].bias", 0, "unknown value 0", INITIALISERS),
    ("optimizer", "adam", "got 'adam'", MAPPING),
    ("optimizer", ["adam"], "got ['adam']", MAPPING),
    ("optimizer", SGD, "got <class 'levelfield.spec.optimizers.SGD'>", MAPPING),
    ("optimizer.kind", {}, "unknown optimizer {}", "one of adadelta, adagrad, adam, adamax, rms"),
    ("optimizer.beta1", 1.0, "got 1.0", "a number in [0, 1)"),
    ("optimizer.beta1", 1, "got 1.0", "a number in [0, 1)"),
    ("optimizer.beta1", -0.1, "got -0.1", "a number in [0, 1)"),
    ("optimizer.beta2", True, "got True", NUMBER),
    ("optimizer.epsilon", 0, "got 0.0", "a number above 0"),
    ("optimizer.epsilon", NAN, "got nan", FINITE),
    ("schedule.rate", INF, "got inf", FINITE),
    ("schedule.rate", -INF, "got -inf", FINITE),
    ("schedule.rate", 0.0, "got 0.0", "a number above 0"),
    ("schedule.rate", 10**400, f"got 1{'0' * 58}…", FINITE),
    ("schedule.rate", 10**5000, f"got {HUGE}", FINITE),
    ("schedule.rate", None, "got None", NUMBER),
    ("schedule.rate", 1j, "got 1j", NUMBER),
]

# Where, what stands there, what the message proposes to try.
HINTS = [
    ("schedule.rate", "1e-3", "write 0.001 (YAML reads 1e-3 as text, 1.0e-3 as a number)"),
    ("optimizer.epsilon", "1e-7", "write 1.0e-07 (YAML reads 1e-3 as text, 1.0e-3 as a number)"),
    ("schedule.rate", "1e400", ""),
    ("schedule.rate", "fast", ""),
    ("optimizer.kind", "adamm", "did you mean adam?"),
    ("layers[0].activation", "rleu", "did you mean relu?"),
    ("precision", "float23", "did you mean float32?"),
    ("optimizer", None, "for example {kind: sgd, momentum: 0.0, nesterov: false}"),
    ("schedule", [0.1], "for example {kind: constant, rate: 0.001}"),
    ("epoch", 3, "did you mean epochs?"),
    ("optimizer.bta1", 0.9, "did you mean beta1?"),
    ("layers[1].unit", 3, "did you mean units?"),
    ("momentum", 3, ""),
]

OF_DENSE = (
    "for example {kind: dense, units: 32, activation: relu, kernel: glorot_uniform, bias: zeros}"
)
OF_ADAM = "for example {kind: adam, beta1: 0.9, beta2: 0.999, epsilon: 1.0e-7}"


def refused(given: object) -> FieldError:
    """Return the error of the plain values, after seeing that Python code gets the same."""
    with pytest.raises(FieldError) as from_plain:
        Workload.build(given)
    if isinstance(given, dict) and given.keys() == PLAIN.keys():
        with pytest.raises(FieldError) as from_python:
            Workload(**given)
        assert vars(from_python.value) == vars(from_plain.value)
    return from_plain.value


def built(given: object) -> Workload | FieldError:
    """Return the workload, or why there is none."""
    try:
        return Workload.build(given)
    except FieldError as error:
        return error


@pytest.mark.parametrize(("path", "value", "seen", "expected"), WRONG, ids=shown)
def test_a_wrong_value_is_named_with_its_place_and_the_rule(path, value, seen, expected):
    error = refused(changed(path, value))
    assert (error.where, error.seen) == (path, seen)
    assert error.expected.startswith(expected)
    assert str(error).startswith(f"{path}: {seen}; expected {expected}")
    assert path_text(error.path) == path


@pytest.mark.parametrize(("path", "value", "hint"), HINTS)
def test_what_to_try_is_said_where_it_can_be_guessed(path, value, hint):
    error = refused(changed(path, value))
    assert error.hint == hint
    assert str(error).endswith(f"\n  try: {hint}" if hint else error.expected)
    assert error.where.startswith(path)


@pytest.mark.parametrize("key", [5, None, ("a", "b"), "", "né", 10**5000], ids=shown)
def test_a_key_that_is_not_known_is_shown_whatever_it_is(key):
    error = refused({**PLAIN, key: 1})
    assert error.seen == f"unknown key {shown(key)}"
    keys = {*PLAIN, "evaluate_every", "input_shape", "preprocess"}
    assert error.expected == "one of " + ", ".join(sorted(keys))


@pytest.mark.parametrize("path", sorted(PLAIN.keys() - OPTIONAL))
def test_a_missing_key_is_named(path):
    error = refused(without(path))
    assert (error.where, error.seen) == ("", f"the key '{path}' is missing")


@pytest.mark.parametrize(
    ("path", "where", "hint"),
    [
        ("layers[1].units", "layers[1]", OF_DENSE),
        ("layers[0].bias", "layers[0]", OF_DENSE),
        ("optimizer.beta2", "optimizer", OF_ADAM),
        ("schedule.rate", "schedule", "for example {kind: constant, rate: 0.001}"),
    ],
)
def test_a_missing_key_of_a_part_comes_with_an_example(path, where, hint):
    error = refused(without(path))
    assert (error.where, error.hint) == (where, hint)
    assert error.seen == f"the key '{path.rpartition('.')[2]}' is missing"


@pytest.mark.parametrize("key", sorted(OPTIONAL))
def test_what_is_left_out_has_its_default(key):
    assert Workload.build(without(key)) == workload()


@pytest.mark.parametrize("given", [None, 5, "tiny", b"x", [], [[]], [PLAIN], {1, 2}])
def test_what_is_no_mapping_is_no_workload(given):
    assert str(refused(given)) == f"got {shown(given)}; expected a mapping of keys to values"


def test_a_part_checks_itself_when_made_alone():
    with pytest.raises(FieldError, match=r"^units: got -5; expected a whole number in"):
        Dense(units=-5, activation="relu", kernel="zeros", bias="zeros")
    with pytest.raises(FieldError, match=r"^nesterov: got 1; expected true or false$"):
        SGD(momentum=0.5, nesterov=1)


def test_a_workload_cannot_be_changed_but_can_be_copied():
    made = workload()
    with pytest.raises(dataclasses.FrozenInstanceError):
        made.epochs = 5
    assert made.replace(epochs=5) == workload("epochs", 5)
    with pytest.raises(FieldError, match=r"^epochs: got 0;"):
        made.replace(epochs=0)


def test_a_loss_of_probabilities_needs_a_sigmoid():
    logits = {**changed("layers[1].activation", "linear"), "loss": "binary_crossentropy"}
    error = refused(logits)
    assert error.where == "loss"
    assert error.expected.startswith("activation: sigmoid on the last layer, or loss: mean_sq")
    assert workload("loss", "binary_crossentropy").loss == "binary_crossentropy"


@given(junk())
def test_junk_is_refused_and_never_breaks(given):
    for kind in (Workload, Suite):
        with pytest.raises(UserError) as error:
            kind.build(given)
        assert str(error.value)


@given(st.sampled_from(PLACES), junk())
def test_junk_in_one_place_is_refused_or_taken(path, value):
    made = built(changed(path, value))
    if isinstance(made, FieldError):
        assert path.startswith(made.where) or made.where.startswith(path.partition("[")[0])
        assert made.seen
        assert made.expected or made.hint or "missing" in made.seen
    else:
        assert Workload.build(made.plain()) == made


@given(workloads())
def test_a_workload_survives_plain_values_and_json(made):
    assert Workload.build(made.plain()) == made
    again = Workload.build(json.loads(json.dumps(made.plain())))
    assert again == made
    assert again.fingerprint == made.fingerprint
    assert Suite.build({"suite": "s", "workloads": [made]}).workloads == (made,)


@pytest.mark.parametrize(
    ("rule", "inside", "outside", "words"),
    [
        (Range(1), [1, 10**400, 1e308], [0, 0.999, -1, INF, NAN], "of at least 1"),
        (Range(0.0, open_low=True), [5e-324, 1], [0, -0.0, INF, NAN], "above 0"),
        (Range(0, 1), [0, 1, 0.5], [1.1, -0.1, INF, -INF, NAN], "in [0, 1]"),
        (Range(0, 1, open_high=True), [0, 0.999], [1, NAN], "in [0, 1)"),
        (Range(0, 1, open_low=True), [1e-9, 1], [0, NAN], "in (0, 1]"),
    ],
)
def test_ranges(rule, inside, outside, words):
    assert [value in rule for value in inside] == [True] * len(inside)
    assert [value in rule for value in outside] == [False] * len(outside)
    assert str(rule) == words


def test_messages_show_values_in_few_characters():
    assert shown("a" * 58) == repr("a" * 58)
    assert shown("a" * 59) == "'" + "a" * 58 + "…"
    assert shown(10**5000) == HUGE
    loop = []
    for _ in range(10**5):
        loop = [loop]
    assert shown(loop) == "a value of type list too large to show"


def test_an_unknown_name_brings_the_nearest_known_one():
    error = unknown("backend", "trch", ["torch", "jax"], where="--backends")
    assert str(error) == (
        "--backends: unknown backend 'trch'; expected one of jax, torch\n  try: did you mean torch?"
    )
    assert unknown("backend", "zzz", ["torch"]).hint == ""
    assert unknown("backend", 5, ["torch"]).hint == ""
    assert unknown("backend", "x", []).expected == "nothing here"


@pytest.mark.parametrize(
    ("seen", "meant"),
    [
        ("fp32", "float32"), ("FP16", "float16"), ("bf16", "bfloat16"), ("f64", "float64"),
        ("TF32", "tf32"), ("flaot32", "float32"), ("mse", "mean_squared_error"),
        ("ReLU", "relu"), ("quaternion", ""),
    ],
)  # fmt: skip
def test_the_name_that_was_meant(seen, meant):
    names = ["bfloat16", "float16", "float32", "float64", "tf32", "mean_squared_error", "relu"]
    assert nearest(seen, names) == meant
