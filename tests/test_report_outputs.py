"""What trained models gave, on the page: pictures, matrices, published figures, range tests."""

from __future__ import annotations

import base64
import io
import math
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pages
import pandas as pd
import pytest
import studies
from levelfield.reports import pictures
from levelfield.reports.formats import NOTHING
from levelfield.reports.sections import reconstructions
from PIL import Image

from levelfield.results import outputs, reproduce
from levelfield.results.outputs import Originals
from levelfield.results.record import Epochs, Record
from levelfield.results.study import Study, load
from levelfield.results.sweep import Sweep, found_bounds

RECIPE = studies.Recipe(contenders=3, repeats=2, epochs=4, absent=1)
RNG = np.random.default_rng(11)
CLASSES = tuple("abcde")
LABELS = RNG.integers(0, len(CLASSES), 400)


def originals(shape: tuple[int, ...] = (6, 5), count: int = 4, **changes) -> Originals:
    samples = RNG.random((count, math.prod(shape)))
    facts = {
        "places": np.arange(count), "samples": samples, "picture": shape if len(shape) > 1 else (),
        "range": (float(samples.min()), float(samples.max())), "labels": LABELS, "classes": CLASSES,
    }  # fmt: skip
    return Originals(**{**facts, **changes})


def study(folder: Path, recipe: studies.Recipe = RECIPE, **head) -> Study:
    return load(studies.write(recipe, folder / "study", **head))


def keep(given: Study, kept: Originals, make, *, repeat: int = 1) -> dict[str, np.ndarray]:
    """Keep what every contender gave in this repeat; by label."""
    made = {}
    for record in given.records:
        if record.status == "ok" and record.repeat == repeat:
            path = given.folder / "made.npz"
            arrays = make(record)
            np.savez(path, **arrays)
            outputs.keep(given.folder, fingerprint=record.fingerprint, key=record.key, made=path,
                         given=kept)  # fmt: skip
            made[f"{record.backend}/{record.mode}"] = next(iter(arrays.values()))
    return made


def pixels(source: str) -> np.ndarray:
    head, _, data = source.partition(",")
    assert head == "data:image/png;base64"
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(data, validate=True))))


def unmarked(text: str) -> str:
    return text.replace("*", "").strip()


# Pictures.


@pytest.mark.parametrize("shape", [(1, 1), (7, 3), (28, 28), (5, 9, 3)])
def test_a_picture_is_read_back_by_another_library(shape):
    drawn = RNG.integers(0, 256, shape, dtype=np.uint8)
    assert pixels(pictures.png(drawn)).tolist() == drawn.tolist()


def test_shades_end_at_black_and_white():
    values = np.array([-1.0, 2.0, 3.0, 4.0, 9.0, np.nan, np.inf])
    assert pictures.shaded(values, 2.0, 4.0).tolist() == [0, 0, 128, 255, 255, 0, 255]
    assert pictures.shaded(np.ones(2), 1.0, 1.0).tolist() == [0, 0]


# Reconstructions.


def test_originals_and_what_became_of_them(tmp_path):
    given, kept = study(tmp_path), originals()
    made = keep(given, kept, lambda _: {"rebuilt": kept.samples * RNG.uniform(0.5, 1)})
    section = pages.rendered(given).one("section", id="reconstructions")
    table = section.one("table", class_="rebuilt")
    heads = [cell.text for cell in table.one("thead").all("th")]
    assert heads[3:] == [CLASSES[label] for label in LABELS[:4]]
    rows = table.one("tbody").all("tr")
    low, high = kept.range
    assert [pixels(img.attributes["src"]).shape for img in rows[0].all("img")] == [(6, 5)] * 4
    ranked = list(made)
    assert {row.one("th").text for row in rows[1:]} == set(ranked)
    first = None
    for row in rows[1:]:
        values = made[row.one("th").text]
        first = values if first is None else first
        cells = [unmarked(cell.text) for cell in row.all("td")]
        errors = ((values - kept.samples) ** 2).mean(axis=1)
        assert float(cells[0]) == pytest.approx(errors.mean(), rel=0.006)
        assert [float(text) for text in cells[2:]] == pytest.approx(errors.tolist(), rel=0.006)
        if values is not first:
            share = 100 * np.abs(values - first).max() / (high - low)
            assert float(cells[1].split()[0]) == pytest.approx(share, abs=0.6)
        for img, sample in zip(row.all("img"), values, strict=True):
            expected = 255 * np.clip((sample - low) / (high - low), 0, 1)
            assert np.abs(pixels(img.attributes["src"]).ravel() - expected).max() <= 1
            assert row.one("th").text.split("/")[0] in img.attributes["alt"]


def test_the_first_repeat_with_outputs_is_shown_and_who_has_none_is_told(tmp_path):
    given, kept = study(tmp_path), originals()
    for repeat, factor in ((2, 0.9), (1, 0.5)):
        keep(given, kept, lambda _, f=factor: {"rebuilt": kept.samples * f}, repeat=repeat)
    lost, late = (
        next(r.key for r in given.records if r.backend == name and r.repeat == repeat)
        for name, repeat in (("torch", 1), ("jax", 1))
    )
    (given.folder / "outputs" / f"{late}.npz").unlink()
    (given.folder / "outputs" / f"{lost}.npz").write_bytes(b"broken")
    section = pages.rendered(given).one("section", id="reconstructions")
    rows = {row[0]: unmarked(row[1]) for row in pages.rows(section)}
    errors = {factor: ((1 - factor) ** 2) * (kept.samples**2).mean() for factor in (0.5, 0.9)}
    assert float(rows["jax/scan"]) == pytest.approx(errors[0.9], rel=0.01)
    assert float(rows["torch/compile"]) == pytest.approx(errors[0.5], rel=0.01)
    assert "torch/eager" not in rows
    assert "No outputs were kept of torch/eager" in section.text


def test_colours_and_strips(tmp_path):
    given, kept = study(tmp_path / "a"), originals((4, 4, 3))
    keep(given, kept, lambda _: {"rebuilt": kept.samples})
    section = pages.rendered(given).one("section", id="reconstructions")
    assert pixels(section.all("img")[0].attributes["src"]).shape == (4, 4, 3)
    assert "A sample here is no picture" not in section.text
    given, kept = study(tmp_path / "b"), originals((10,), labels=None, classes=())
    keep(given, kept, lambda _: {"rebuilt": kept.samples})
    section = pages.rendered(given).one("section", id="reconstructions")
    strips = np.vstack([pixels(img.attributes["src"]) for img in section.all("img")[:4]])
    assert strips.shape == (4, 10)
    assert strips.min(axis=0).tolist() == [0] * 10
    assert strips.max(axis=0).tolist() == [255] * 10
    assert "A sample here is no picture" in section.text
    assert "no. 0" in section.text


def test_too_many_pictures_are_counted(tmp_path, monkeypatch):
    monkeypatch.setattr(reconstructions, "LARGEST", 1500)
    given, kept = study(tmp_path), originals((16, 16))
    keep(given, kept, lambda _: {"rebuilt": kept.samples})
    section = pages.rendered(given).one("section", id="reconstructions")
    assert len(pages.rows(section)) == 2
    assert "2 contenders more: their pictures would make the page too large" in section.text


# Confusion.


def answers(share: float) -> np.ndarray:
    wrong = RNG.random(len(LABELS)) > share
    return np.where(wrong, RNG.integers(0, len(CLASSES), len(LABELS)), LABELS)


def test_matrices_are_counted(tmp_path):
    given = study(tmp_path)
    made = keep(given, originals(), lambda _: {"answers": answers(0.7)})
    section = pages.rendered(given).one("section", id="confusion")
    blocks = section.all("div", class_="matrix")
    summary = pages.rows(section)
    assert len(blocks) == len(summary) == 3
    assert ["hidden" in block.attributes for block in blocks] == [False, True, True]
    options = [option.attributes["data-label"] for option in section.all("option")]
    first = made[summary[0][0]]
    for block, row, label in zip(blocks, summary, options, strict=True):
        found = made[label]
        assert row[0] == label
        expected = pd.crosstab(LABELS, found).to_numpy()
        rows = [[unmarked(cell) for cell in line] for line in pages.rows(block)]
        assert [line[0] for line in rows] == list(CLASSES)
        counts = np.array([[int(cell) for cell in line[1:-1]] for line in rows])
        assert counts.tolist() == expected.tolist()
        assert counts.sum() == len(LABELS)
        recall = 100 * expected.diagonal() / expected.sum(axis=1)
        assert [float(line[-1].split()[0]) for line in rows] == pytest.approx(recall, abs=0.06)
        accuracy = expected.trace() / len(LABELS)
        shown = [float(unmarked(cell).split()[0]) / 100 for cell in row[1:4]]
        assert shown == pytest.approx([accuracy, *wilson(expected.trace(), 400)], abs=6e-4)
        if label != summary[0][0]:
            same = 100 * (found == first).mean()
            assert float(unmarked(row[4]).split()[0]) == pytest.approx(same, abs=0.06)
        wrong = expected - np.diag(expected.diagonal())
        truth, taken = np.unravel_index(wrong.argmax(), wrong.shape)
        said = f"{CLASSES[truth]} taken for {CLASSES[taken]}, {wrong.max()} times"
        assert f"Most often confused: {said}" in block.text


def wilson(right: int, count: int) -> list[float]:
    """The interval by its formula (Wilson 1927)."""
    z, share = 1.959964, right / count
    middle = (share + z * z / (2 * count)) / (1 + z * z / count)
    reach = (
        z
        / (1 + z * z / count)
        * math.sqrt(share * (1 - share) / count + z * z / (4 * count * count))
    )
    return [middle - reach, middle + reach]


def test_a_perfect_classifier_and_a_class_without_samples(tmp_path):
    labels = np.where(LABELS == 3, 2, LABELS)
    given = study(tmp_path)
    keep(given, originals(labels=labels), lambda _: {"answers": labels})
    section = pages.rendered(given).one("section", id="confusion")
    assert "Every test sample was put into its own class." in section.text
    rows = pages.rows(section.all("div", class_="matrix")[0])
    assert unmarked(rows[3][-1]) == NOTHING
    assert unmarked(pages.rows(section)[1][4]).startswith("100")


def test_many_classes_are_a_picture(tmp_path):
    names = tuple(f"class {n}" for n in range(30))
    labels = np.arange(900) % 30
    given, found = study(tmp_path), labels.copy()
    found[labels == 7] = 8
    keep(given, originals(labels=labels, classes=names), lambda _: {"answers": found})
    section = pages.rendered(given).one("section", id="confusion")
    drawn = pixels(section.all("img")[0].attributes["src"])
    assert drawn.shape == (30, 30)
    assert (drawn[7, 8], drawn[7, 7], drawn[8, 8]) == (0, 255, 0)
    assert "class 7 taken for class 8, 30 times (100" in section.text
    assert "Recall is lowest of class 7 (0" in section.text


def test_numbers_that_are_not_verified_are_marked(tmp_path):
    given = study(tmp_path, replace(RECIPE, verified=False))
    keep(given, originals(), lambda _: {"answers": answers(0.7)})
    tree = pages.rendered(given)
    section = tree.one("section", id="confusion")
    assert all(cell.endswith("*") for row in pages.rows(section) for cell in row[1:4])
    assert "* Not verified" in section.text
    assert len(section.all("caption")[0].all("span", class_="mark")) == 1


def test_names_of_classes_are_strangers(tmp_path):
    odd = ("<script>alert(1)</script>", '"><img src=x>', "\x1b[31mred", "\u202e", "x" * 500)
    given, kept = study(tmp_path), originals(classes=odd)
    keep(given, kept, lambda r: {"answers": answers(0.5)} if r.backend == "jax"
         else {"rebuilt": kept.samples})  # fmt: skip
    tree = pages.rendered(given)
    for name in ("confusion", "reconstructions"):
        section = tree.one("section", id=name)
        assert not section.all("script")
        assert all(img.attributes["src"].startswith("data:") for img in section.all("img"))
        assert "\x1b" not in section.text
        assert "x" * 100 not in section.text


def test_nothing_is_shown_where_nothing_was_kept(tmp_path):
    given = study(tmp_path)
    ids = {node.attributes["id"] for node in pages.rendered(given).all("section")}
    assert not ids & {"reconstructions", "confusion", "reproduction", "ranges"}
    (given.folder / "outputs").mkdir()
    (given.folder / "outputs" / "x.npz").write_bytes(b"")
    for record in given.records:
        (given.folder / "outputs" / f"{record.fingerprint}.npz").write_bytes(b"junk")
        (given.folder / "outputs" / f"{record.key}.npz").write_bytes(b"junk")
    assert pages.rendered(given).text == pages.rendered(study(tmp_path / "again")).text


# Published studies.


def published(folder: Path, *rows: Record, suite: str = "thesis-autoencoders") -> Study:
    return Study(folder, studies.head(RECIPE, suite=suite), rows, ())


def trial(workload: str, backend: str, user: float, loss: float, **facts) -> Record:
    column = (user,) * 4
    epochs = Epochs(wall=column, user=column, system=column, loss=column, test_loss=(loss,) * 4)
    return Record(
        key=f"{workload}{backend}", workload=workload, fingerprint=workload, backend=backend,
        mode="m", device="cpu", environment="main", repeat=1, block=1, position=0, status="ok",
        epochs=epochs, **facts,
    )  # fmt: skip


def test_the_page_says_what_the_verb_says(tmp_path):
    rows = [trial("VII-mnist", "tensorflow", 2.0, 0.01), trial("VII-mnist", "theano", 1.0, 0.012)]
    rows += [trial("I-mnist", "tensorflow", 2.0, 0.2)]
    given = published(tmp_path, *rows)
    section = pages.rendered(given).one("section", id="reproduction")
    said = reproduce.describe("thesis-autoencoders", given)
    claims = pages.rows(section)
    assert len(claims) >= 3
    for of, claim, answer, detail in claims:
        line = f"{of}: {claim}: {unmarked(answer).strip()}"
        line += f" ({unmarked(detail).strip()})" if unmarked(detail) else ""
        assert line in said
    assert ["mnist, tensorflow", "I does not learn", "holds", "its loss is 20.0 times VII's"] in [
        [unmarked(cell).strip() for cell in row] for row in claims
    ]
    figures = pages.rows(section, 1)
    assert len(figures) == 3
    for row in figures:
        assert re.search(r"\s+".join(map(re.escape, map(unmarked, row))), said)
        assert row[3].endswith("*")
        assert not row[2].endswith("*"), "what was published is no contender's"
    counts = {li.text.split(" ", 1)[1]: int(li.text.split()[0])
              for li in section.one("ul", class_="counts").all("li")}  # fmt: skip
    assert sum(counts.values()) == len(claims)


def test_a_study_that_only_has_the_name(tmp_path):
    odd = [trial("VII-mnist", "torch", 1.0, 0.01), trial("VII-mnist", "theano", math.nan, math.nan)]
    odd += [replace(odd[0], workload="I-mnist", fingerprint="I", epochs=Epochs())]
    pages.rendered(published(tmp_path, *odd))
    none = pages.rendered(published(tmp_path, trial("mine", "torch", 1.0, 1.0)))
    assert not none.all("section", id="reproduction")
    assert not pages.rendered(published(tmp_path, *odd, suite="thesis-cnn-range")).all(
        "section", id="reproduction"
    )
    accuracy = {"metrics": {"accuracy": (0.5,)}}
    name = "B2FL32-adam-cifar10"
    lost = published(tmp_path, trial(name, "torch", 1.0, 1.0, **accuracy), suite="thesis-cnn")
    lost = replace(lost, head=replace(lost.head, workloads={name: {"dataset": "<nothing>"}}))
    section = pages.rendered(lost).one("section", id="reproduction")
    assert "cannot be set beside thesis-cnn" in section.text


# Range tests.


def sweeps(**facts) -> list[Sweep]:
    """Of two contenders and two seeds each, who learn between 0.001 and 0.1."""
    rates = np.geomspace(1e-4, 1, 200)
    climb = np.clip((np.log10(rates) + 3) / 2, 0, 1)
    made = []
    for place, seed in ((0, 0), (0, 1), (1, 0), (1, 1)):
        noise = RNG.normal(0, 0.01, 200)
        given = {
            "workload": "digits", "fingerprint": "f", "optimizer": "sgd",
            "backend": ("torch", "mine")[place], "mode": ("eager", "own")[place], "device": "cpu",
            "environment": "main", "seed": seed, "status": "ok", "classes": 10, "batch": 100,
            "rates": tuple(rates.tolist()), "loss": tuple((2.3 - 2 * climb).tolist()),
            "accuracy": tuple((0.1 + 0.8 * climb + noise).tolist()), "test_accuracy": (0.9,),
        }  # fmt: skip
        made.append(Sweep(**{**given, **facts}))
    return made


@pytest.mark.parametrize("explored", [False, True])
def test_range_tests_that_lie_with_a_study(tmp_path, explored):
    rows = sweeps()
    text = "".join(sweep.line() + "\n" for sweep in rows)
    given = study(tmp_path)
    place = tmp_path if explored else given.folder
    (place / "sweeps.jsonl").write_text(text, encoding="utf-8")
    tree = pages.rendered(given)
    section = tree.one("section", id="ranges")
    found = found_bounds(rows)["digits", "torch/eager"]
    row = {row[0]: row for row in pages.rows(section)}["torch/eager"]
    assert row[1] == found.verdict == "learns"
    assert row[2].startswith(f"{found.low.estimate:.3g} [")
    assert 1e-3 < found.low.estimate < 2e-3
    assert 0.05 < found.high.estimate < 0.1
    assert row[2].endswith("*"), "its sweeps were not verified"
    lines = pages.figure(tree, "ranges-0-accuracy")["data"]
    curves = [t for t in pages.figure(tree, "curves-0-epoch")["data"] if "name" in t]
    own = next(t for t in lines if t["name"] == "torch/eager")
    same = next(t for t in curves if t["name"] == "torch/eager")
    assert own["line"]["color"] == same["line"]["color"], "a contender looks the same everywhere"
    other = next(t for t in lines if t["name"] == "mine/own")
    assert other["meta"]["group"] not in {t["meta"]["group"] for t in curves}


def test_range_tests_that_are_broken_or_of_something_else(tmp_path):
    given = study(tmp_path)
    (given.folder / "sweeps.jsonl").write_text("{}\n{}\n", encoding="utf-8")
    assert not pages.rendered(given).all("section", id="ranges")
    bad = "".join(sweep.line() + "\n" for sweep in sweeps(status="failed", reason="<b>no</b>"))
    (given.folder / "sweeps.jsonl").write_text(bad, encoding="utf-8")
    text = pages.rendered(given).one("section", id="ranges").text
    assert "No sweep ended well" in text
    assert "failed: <b>no</b>" in text
    falling = sweeps()[:1]
    falling = [replace(falling[0], rates=tuple(reversed(falling[0].rates)))]
    (given.folder / "sweeps.jsonl").write_text(falling[0].line() + "\n", encoding="utf-8")
    assert "rates that do not rise" in pages.rendered(given).one("section", id="ranges").text
    (given.folder / "sweeps.jsonl").unlink()
    (tmp_path / "sweeps.jsonl").write_text(bad, encoding="utf-8")
    moved = given.folder.rename(tmp_path / "another")
    assert not pages.rendered(load(moved)).all("section", id="ranges")
