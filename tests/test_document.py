"""YAML that a stranger may have written: read exactly, or refused at its line, quickly."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st

from levelfield.errors import UserError
from levelfield.spec import document
from levelfield.spec.document import DEEPEST, LARGEST, MOST
from levelfield.spec.fields import FieldError

BOMB = "a: &a [x, x]\n" + "".join(
    f"{b}: &{b} [*{a}, *{a}]\n" for a, b in zip("abcdefgh", "bcdefghi", strict=True)
)

# Text, line of the message, words in the message.
REFUSED = {
    "a key twice": ("a: 1\nb: 2\na: 3", 3, "the key 'a' stands twice (first in line 1)"),
    "a key twice below": ("x:\n  - a: 1\n    a: 1", 3, "the key 'a' stands twice"),
    "a key twice in quotes": ("{a: 1, 'a': 2}", 1, "the key 'a' stands twice"),
    "an object": ("a: 1\nb: !!python/object:os.system {}", 2, "python/object:os.system"),
    "a call": ("!!python/object/apply:os.system ['true']", 1, "python/object/apply"),
    "a name": ("- !!python/name:os.system", 1, "the tag 'tag:yaml.org,2002:python/name"),
    "a harmless tag": ("a: !!str 5", 1, "the tag 'tag:yaml.org,2002:str'; expected no tags"),
    "a local tag": ("a: !mine 5", 1, "the tag '!mine'"),
    "a binary": ("a: !!binary aGVsbG8=", 1, "the tag"),
    "a set": ("--- !!set\n? a", 1, "the tag"),
    "a bare tag": ("a: ! 5", 1, "the tag '!'"),
    "an anchor": ("a: 1\nb: &x [1]", 2, "an anchor or alias ('x')"),
    "an anchored scalar": ("- &x 1", 1, "an anchor or alias ('x')"),
    "an alias": ("a: *x", 1, "an anchor or alias ('x')"),
    "a billion laughs": (BOMB, 1, "an anchor or alias ('a')"),
    "a merge": ("a: 1\n<<: {b: 1}", 2, "not valid YAML"),
    "tabs": ("a:\n\tb: 1", 2, "found character '\\t' that cannot start any token"),
    "two documents": ("a: 1\n---\nb: 1", 2, "expected a single document"),
    "a number as key": ("a: 1\n1: 2", 2, "the key 1; expected text"),
    "an octal as key": ("017: 2", 1, "the key 15; expected text"),
    "a date as key": ("2001-01-01: 2", 1, "the key datetime.date(2001, 1, 1)"),
    "null as key": ("~: 2", 1, "the key None"),
    "yes as key": ("a: {b: 1,\n yes: 1}", 2, "the key True"),
    "a list as key": ("a: 1\n? [b, c]\n: 1", 2, "a sequence as a key"),
    "a mapping as key": ("? {b: c}\n: 1", 1, "a mapping as a key"),
    "no such date": ("a: 1\nb: 2001-13-45", 2, "not a value: month must be in 1..12"),
    "no such hour": ("a: 2001-01-01T99:00:00", 1, "not a value: hour must be in 0..23"),
    "an empty number": ("a: 0x_", 1, "not a value: invalid literal"),
    "a long number": ("a: 1\nb: " + "9" * 101, 2, "a number of 101 characters"),
    "a long time": ("a: 1" + ":1" * 500_000, 1, "a number of 1000001 characters"),
    "a zero byte": ("a: 1\nb: 1\nc: \0", 3, "a character that YAML forbids, U+0000"),
    "half a character": ("a: 1\nb: \ud800", 2, "a character that YAML forbids, U+D800"),
    "beyond Unicode": ('a: "\\U00110000"', None, "not valid YAML"),
    "far beyond Unicode": ('a: "\\Uffffffff"', None, "not valid YAML"),
    "YAML 9": ("%YAML 9.0\n--- a", 1, "found incompatible YAML document"),
    "an open list": ("a: 1\nb: [1, 2", 2, "expected ',' or ']'"),
    "an open text": ('a: 1\nb: "x', 2, "found unexpected end of stream"),
    "no mapping": ("a: 1\nb", 2, "could not find expected ':'"),
    "too deep": ("a: 1\nb: " + "[" * 32 + "]" * 32, 2, "nested too deep"),
    "too deep in block": ("- " * 33 + "a", 1, "nested too deep; expected at most 32 levels"),
    "too long": ("- 1\n" * (MOST + 1), MOST - 1, "too long; expected at most 20,000 keys"),
}

TAKEN = {
    "": None,
    "# nothing": None,
    "a": "a",
    "a: 1": {"a": 1},
    "\ufeffa: 1": {"a": 1},
    "{a, b: [1, 2.5, true, ~, x y]}": {"a": None, "b": [1, 2.5, True, None, "x y"]},
    "a: 1e-3\nb: 1.0e-3\nc: 017\nd: 0x1F\ne: 1_000": {
        "a": "1e-3", "b": 0.001, "c": 15, "d": 31, "e": 1000,
    },
    "a: '1'\n'2': b": {"a": "1", "2": "b"},
    "a: |\n  b\n  c\n": {"a": "b\nc\n"},
    "%YAML 1.1\n---\na: 1\n...": {"a": 1},
    "[" * DEEPEST + "]" * DEEPEST: json.loads("[" * DEEPEST + "]" * DEEPEST),
}  # fmt: skip


@pytest.mark.parametrize(("text", "line", "words"), REFUSED.values(), ids=REFUSED)
def test_what_is_refused_is_named_with_its_line(text, line, words):
    with pytest.raises(UserError) as error:
        document.parse(text, source="a.yaml")
    assert words in str(error.value)
    assert error.value.where == (f"a.yaml:{line}" if line else "a.yaml")


@pytest.mark.parametrize(("text", "value"), TAKEN.items())
def test_plain_yaml_is_taken_as_it_is(text, value):
    assert document.parse(text, source="a.yaml").value == value


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"a: 1\nb: \xff\n", "not UTF-8 text (byte 8)"),
        ("a: 1".encode("utf-16"), "not UTF-8 text (byte 0)"),
        (b"\x7fELF\x02\x01\x01\0\0", "a character that YAML forbids, U+007F"),
        (b"a: 1\n" + b"#" * LARGEST, "the file is too large; expected at most 1 MiB of YAML"),
        (b"[" * 10_000_000, "the file is too large"),
    ],
    ids=["latin", "utf-16", "binary", "large", "ten megabytes of brackets"],
)
def test_files_that_hold_no_text_are_refused(data, words, tmp_path):
    path = tmp_path / "a.yaml"
    path.write_bytes(data)
    with pytest.raises(UserError, match=r"a\.yaml") as error:
        document.read(path)
    assert words in str(error.value)


def test_files_that_cannot_be_read_are_refused(tmp_path):
    with pytest.raises(UserError) as error:
        document.read(tmp_path / "none.yaml")
    assert str(error.value) == f"{tmp_path}/none.yaml: cannot be read (No such file or directory)"
    with pytest.raises(UserError, match=r"cannot be read \(Is a directory\)"):
        document.read(tmp_path)
    with pytest.raises(UserError, match=r"cannot be read \(File name too long\)"):
        document.read(tmp_path / ("a" * 300))


def test_a_file_of_just_the_size_that_is_allowed_is_read(tmp_path):
    path = tmp_path / "a.yaml"
    path.write_bytes(b"a: 1\n".ljust(LARGEST, b"#"))
    assert document.read(path).value == {"a": 1}


@pytest.mark.parametrize(
    "text",
    [
        '"[" * 10_000_000',
        '"{" * 10_000_000',
        '"- " * 5_000_000',
        '"? " * 5_000_000',
        '"[" + "a," * 500_000 + "]"',
        '"".join(f"a{i}: 1\\n" for i in range(100_000))',
        '"a: 1" + ":1" * 500_000',
    ],
)
def test_floods_are_refused_in_little_time_and_memory(text):
    code = (
        "import resource, time; from levelfield.spec import document\n"
        f"text = {text}\n"
        "start, room = time.process_time(), 1024 * "
        "resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "try: document.parse(text, source='a.yaml')\n"
        "except document.UserError as error: print(error)\n"
        "print(time.process_time() - start)\n"
        "print(1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - room)\n"
    )
    done = subprocess.run(
        [sys.executable, "-P", "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    message, seconds, grown = done.stdout.splitlines()
    assert message.startswith("a.yaml:")
    assert float(seconds) < 5
    assert int(grown) < 100 << 20


def yaml_values() -> st.SearchStrategy:
    """Values that plain YAML can hold."""
    leaves = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()
    return st.recursive(
        leaves,
        lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(), inner, max_size=5),
        max_leaves=20,
    )


@given(yaml_values(), st.booleans())
def test_what_yaml_writes_is_read_back(value, flow):
    text = yaml.safe_dump(value, default_flow_style=flow)
    assert document.parse(text, source="a.yaml").value == yaml.safe_load(text)


def pieces() -> st.SearchStrategy[str]:
    """Text that is almost YAML."""
    marks = "- ,: ,? ,[,],{,},\n,\n  ,&a,*a,!,!!str,|,>,%YAML,---,...,#,',\",\\,<<,=,~,@,`,\t,\r"
    words = "a,b,1,1.5,0x_,0b1,.inf,yes,2001-01-01,1:30,\\U00110000,\\x,\u2028,\x85,\ufeff"
    choices = [*marks.split(","), ",", *words.split(",")]
    return st.lists(st.sampled_from(choices) | st.text(max_size=3)).map("".join)


@given(pieces() | st.text())
@example('"\\Uffffffff"')
@example("a: 0x_")
@example("? [a]\n: b")
@example("a: =")
def test_any_text_is_read_as_yaml_means_it_or_refused(text):
    try:
        found = document.parse(text, source="a.yaml").value
    except UserError as error:
        seen = error
    else:
        assert repr(found) == repr(yaml.safe_load(text))
        return
    assert seen.where.startswith("a.yaml")


@given(yaml_values())
def test_the_line_of_every_key_and_item_is_known(value):
    text = yaml.safe_dump({"root": value}, default_flow_style=False)
    lines = document.parse(text, source="a.yaml").lines
    nodes = yaml.compose(text, Loader=yaml.SafeLoader)
    assert lines == {**places(nodes, ()), (): 1}


def places(node: yaml.Node, path: tuple) -> dict[tuple, int]:
    """Return the line of each key, or item of a list, as PyYAML's own marks have it."""
    found = {}
    if isinstance(node, yaml.MappingNode):
        for key, inner in node.value:
            found |= places(inner, (*path, key.value))
            found[(*path, key.value)] = key.start_mark.line + 1
    elif isinstance(node, yaml.SequenceNode):
        for index, inner in enumerate(node.value):
            found |= places(inner, (*path, index))
            found[(*path, index)] = inner.start_mark.line + 1
    return found


def test_an_error_is_located_at_its_key_or_the_nearest_above():
    made = document.parse("a:\n  b:\n    - c: 1\n    - d:\n        2\n", source="s.yaml")
    error = FieldError("got 2", expected="3", hint="4")
    located = {
        ("a", "b", 1, "d"): "s.yaml:4 (a.b[1].d)",
        ("a", "b", 1): "s.yaml:4 (a.b[1])",
        ("a", "b", 1, "e"): "s.yaml:4 (a.b[1].e)",
        ("a", "b", 7, "e"): "s.yaml:2 (a.b[7].e)",
        ("z",): "s.yaml:1 (z)",
    }
    for path, where in located.items():
        seen = error
        for key in reversed(path):
            seen = seen.under(key)
        assert str(made.located(seen)) == f"{where}: got 2; expected 3\n  try: 4"
    assert str(made.located(error)) == "s.yaml:1: got 2; expected 3\n  try: 4"


@pytest.mark.parametrize(
    ("text", "value"),
    [("3", 3), ("1.0e-3", 0.001), ("relu", "relu"), ("", None), ("[1, a]", [1, "a"]),
     ("{kind: sgd, nesterov: no}", {"kind": "sgd", "nesterov": False})],
)  # fmt: skip
def test_scalars_of_the_command_line(text, value):
    assert document.scalar(text) == value


def test_a_broken_value_of_the_command_line_is_named():
    with pytest.raises(UserError, match=r"^--set '\[1':1: not valid YAML: "):
        document.scalar("[1")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read every file")
def test_a_file_that_is_forbidden_is_refused(tmp_path):
    path = tmp_path / "a.yaml"
    path.touch(mode=0)
    with pytest.raises(UserError, match=r"cannot be read \(Permission denied\)"):
        document.read(path)
