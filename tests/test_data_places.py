"""Where data sets are looked for, and where they would come from."""

from __future__ import annotations

import dataclasses

import pytest

from levelfield import data, registry
from levelfield.errors import UserError


@pytest.fixture(autouse=True)
def places(tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("LEVELFIELD_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "own"))
    monkeypatch.delenv("LEVELFIELD_DATA", raising=False)


def test_data_directory_is_the_option_then_the_variable_then_the_users_own(tmp_path, monkeypatch):
    option, variable = tmp_path / "option", tmp_path / "variable"
    option.mkdir()
    variable.mkdir()
    assert data.data_directory(None) == tmp_path / "own" / "levelfield"
    monkeypatch.setenv("LEVELFIELD_DATA", str(variable))
    assert data.data_directory(None) == data.data_directory("") == variable
    assert data.data_directory(str(option)) == data.data_directory(option) == option


def test_own_directories_follow_the_xdg_rules(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("LEVELFIELD_CACHE")
    for relative_or_empty in ("", "relative/folder"):
        monkeypatch.setenv("XDG_DATA_HOME", relative_or_empty)
        monkeypatch.setenv("XDG_CACHE_HOME", relative_or_empty)
        assert data.data_directory(None) == tmp_path / ".local/share/levelfield"
        assert data.cache_directory() == tmp_path / ".cache/levelfield"
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert data.cache_directory() == tmp_path / "xdg" / "levelfield"
    monkeypatch.setenv("LEVELFIELD_CACHE", "~/mine")
    assert data.cache_directory() == tmp_path / "mine"


def test_relative_directories_become_absolute(tmp_path, monkeypatch):
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LEVELFIELD_CACHE", "there")
    assert data.data_directory("here") == tmp_path / "here"
    assert data.cache_directory() == tmp_path / "there"


@pytest.mark.parametrize("given", ["missing", "file", "~nobody-of-this-name/x", "a\0b"])
def test_a_given_data_directory_must_exist(given, tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match="folder"):
        data.data_directory(given)
    if "\0" not in given:
        monkeypatch.setenv("LEVELFIELD_DATA", given)
        with pytest.raises(UserError, match="LEVELFIELD_DATA"):
            data.data_directory(None)


def test_a_machine_without_a_home_needs_both_variables(tmp_path, monkeypatch):
    """As a bare container has it: no HOME, and a user without an entry."""

    def nobody(*seen):
        raise RuntimeError("Could not determine home directory.")

    for name in ("HOME", "XDG_DATA_HOME", "XDG_CACHE_HOME", "LEVELFIELD_CACHE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("pathlib.Path.expanduser", nobody)
    for wanted in (data.cache_directory, lambda: data.data_directory(None)):
        with pytest.raises(UserError, match="no home folder is known") as caught:
            wanted()
        assert caught.value.hint.startswith("set HOME, or LEVELFIELD_")


def test_describe_says_where_each_data_set_would_come_from(tmp_path, monkeypatch):
    folder = tmp_path / "given"
    (folder / "mnist").mkdir(parents=True)
    for file in registry.datasets()["mnist"].files:
        (folder / file.path).touch()
    monkeypatch.setattr(registry, "missing", lambda packages: list(packages))
    found = {source.name: source for source in data.describe(folder)}
    assert list(found) == sorted(found)
    assert found["digits"].where == "missing package scikit-learn"
    assert found["mnist"].where == str(folder / "mnist")
    assert found["fashion_mnist"].where == "will be downloaded"
    assert found["synthetic"].where == "embedded"
    assert found["mnist"].about == registry.datasets()["mnist"].about
    lonely = dataclasses.replace(registry.datasets()["fashion_mnist"].files[0], urls=())
    monkeypatch.setattr(registry.datasets()["fashion_mnist"], "files", (lonely,))
    found = {source.name: source for source in data.describe(folder)}
    assert found["fashion_mnist"].where == "not found"
