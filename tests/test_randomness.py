"""Statistics of random layers: honest draws pass, each way to get them wrong is seen."""

from __future__ import annotations

import numpy as np
import pytest
from running import Place

from levelfield.spec.layers.noise import Dropout, GaussianNoise
from levelfield.verify.randomness import DRAWS, EXACT, LIMIT, statistics

SUITE = """\
suite: noisy
repeats: 1
timeout: 300
contenders: [numpy]
workloads:
  - name: noisy
    dataset: digits
    samples: 200
    layers:
      - {kind: gaussian_noise, deviation: 0.1}
      - {kind: dense, units: 8, activation: relu, kernel: glorot_normal, bias: zeros}
      - {kind: dropout, rate: 0.25}
      - {kind: dense, units: 10, activation: softmax, kernel: glorot_normal, bias: zeros}
    loss: categorical_crossentropy
    optimizer: {kind: sgd, momentum: 0.0, nesterov: false}
    schedule: {kind: constant, rate: 0.1}
    batch: 50
    epochs: 2
"""


def dropped(rng, rate, *, factor=1.0):
    return (rng.random(DRAWS) >= rate) / (1 - rate) * factor


def wrong(layer, first, second) -> set[str]:
    found = statistics(layer, first, second)
    limits = {"what is left": EXACT}
    return {part for part, value in found.items() if not value <= limits.get(part, LIMIT)}


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("rate", [0.01, 0.3, 0.5, 0.95])
def test_honest_dropout_passes(rate, seed):
    rng = np.random.default_rng(seed)
    assert wrong(Dropout(rate=rate), dropped(rng, rate), dropped(rng, rate)) == set()


@pytest.mark.parametrize("seed", range(20))
def test_honest_noise_passes(seed):
    rng = np.random.default_rng(seed)
    first, second = 1 + 0.2 * rng.standard_normal((2, DRAWS))
    assert wrong(GaussianNoise(deviation=0.2), first, second) == set()


def test_what_is_wrong_with_dropout_is_seen():
    rng, layer = np.random.default_rng(0), Dropout(rate=0.3)
    good = dropped(rng, 0.3)
    assert "share kept" in wrong(layer, dropped(rng, 0.33), good)
    assert "what is left" in wrong(layer, dropped(rng, 0.3, factor=0.7), good)
    assert wrong(layer, good, good) == {"two draws"}
    assert "share kept" in wrong(layer, np.ones(DRAWS), np.ones(DRAWS))
    assert "what is left" in wrong(layer, np.zeros(DRAWS), good)


def test_what_is_wrong_with_noise_is_seen():
    rng, layer = np.random.default_rng(0), GaussianNoise(deviation=0.2)
    first, second = rng.standard_normal((2, DRAWS))
    good = 1 + 0.2 * second
    assert "deviation" in wrong(layer, 1 + 0.04 * first, good)
    assert "mean" in wrong(layer, 1.1 + 0.2 * first, good)
    assert "kurtosis" in wrong(layer, 1 + 0.2 * np.sqrt(3) * rng.uniform(-1, 1, DRAWS), good)
    assert "two draws" in wrong(layer, good, good)
    assert "deviation" in wrong(layer, np.ones(DRAWS), good)


def test_a_backend_is_asked_for_its_draws(tmp_path):
    place = Place(tmp_path)
    path = tmp_path / "noisy.yaml"
    path.write_text(SUITE, encoding="utf-8")
    done = place.call("run", str(path), "--out", str(place.study))
    assert done.returncode == 0, done.stderr
    (record,) = place.records()
    parts = {f.part for f in record.verification.figures if f.level == "random"}
    assert {"dropout, share kept", "gaussian_noise, deviation"} <= parts
    assert {"dropout, predictions", "gaussian_noise, predictions"} <= parts
    assert len(record.metrics["accuracy"]) == 2
