"""Writes the suites of the published studies from their tables.

    python benchmarks/published_suites.py [FOLDER]

FOLDER: where to write them (default: ``suites/`` beside this file).
"""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

HERE = Path(__file__).parent
SIZES = (1000, 500, 250, 125, 32, 125, 250, 500, 1000, 784)
HALF_CYCLE = 4.0
"""Epochs; of the 2 to 10 that the study of convolutional networks gives, and Smith advises."""
BATCH = 32
"""Keras' default; that study names none."""
OPTIMIZERS = {
    "adam": "{kind: adam, beta1: 0.9, beta2: 0.999, epsilon: 1.0e-7}",
    "adamax": "{kind: adamax, beta1: 0.9, beta2: 0.999, epsilon: 1.0e-7}",
    "adagrad": "{kind: adagrad, accumulator: 0.0, epsilon: 1.0e-7}",
    "adadelta": "{kind: adadelta, rho: 0.95, epsilon: 1.0e-7}",
    "rmsprop": "{kind: rmsprop, rho: 0.9, momentum: 0.0, epsilon: 1.0e-7}",
    "sgd": "{kind: sgd, momentum: 0.0, nesterov: false}",
}
"""With the constants that Keras had in 2019, and has; the studies name none."""
AUTOENCODERS = {
    "thesis-autoencoders": """\
suite: thesis-autoencoders
about: >
  The 22 experiments of the published autoencoder study on both data sets, in the libraries that it
  compares and in their successors. It trained 1000 epochs, five times: --set epochs=1000
  --repeats 5. One experiment: --only VII. Beside the published figures: levelfield reproduce.
repeats: 1
timeout: 86400
contenders:
  - tensorflow
  - theano
  - keras-tensorflow
  - keras-theano
  - pytensor/jax
  - torch
  - jax
datasets: [mnist, fashion_mnist]
workloads:
""",
    "thesis-elephas": """\
suite: thesis-elephas
about: >
  Experiment VII through Elephas on the five clusters of the published study, each as far as this
  machine goes (the record has what was asked for and what was run), beside Keras in one process. It
  trained 1000 epochs: --set epochs=1000.
repeats: 1
timeout: 86400
contenders:
  - keras-tensorflow
  - elephas@spark:4x4x16g/fit
  - elephas@spark:5x4x16g/fit
  - elephas@spark:4x5x20g/fit
  - elephas@spark:6x4x16g/fit
  - elephas@spark:4x6x24g/fit
datasets: [mnist, fashion_mnist]
workloads:
""",
}
CNN = """\
suite: thesis-cnn
about: >
  The ten classifiers of table 4.5 of the published study of convolutional networks: 50 epochs of
  cyclical rates between the limits that its range tests found. It names half cycles of 2 to 10
  epochs, here 4, and no batch size, here Keras' 32. It trained five seeds and kept medians; here a
  study has one seed (--seed 1). One network: --only B3FL32-adam. Beside the published figures:
  levelfield reproduce.
repeats: 1
timeout: 86400
contenders: [keras-tensorflow, torch, jax, tensorflow]
workloads:
"""
RANGE = """\
suite: thesis-cnn-range
about: >
  The range tests of tables 4.1 to 4.4 of the published study of convolutional networks: 8 epochs
  while the rate rises linearly, low from 0.0001 to 0.01, high from 0.01 to 0.1; five seeds, medians
  kept. For levelfield lr-range --scale linear, a range at a time, since it sweeps the range that it
  is given; both in one folder for levelfield reproduce.
repeats: 1
timeout: 86400
contenders: [keras-tensorflow, torch, jax, tensorflow]
workloads:
"""
RANGES = {"low": "{kind: linear, low: 0.0001, high: 0.01, epochs: 8}",
          "high": "{kind: linear, low: 0.01, high: 0.1, epochs: 8}"}  # fmt: skip


def main(folder: Path) -> None:
    """Write all suites."""
    rows = _table("autoencoder_experiments")
    for name, head in AUTOENCODERS.items():
        chosen = [row for row in rows if name != "thesis-elephas" or row["experiment"] == "VII"]
        _write(folder / f"{name}.yaml", head, (line for row in chosen for line in _workload(row)))
    extended = _table("cnn_extended_accuracy")
    _write(folder / "thesis-cnn.yaml", CNN, (line for row in extended for line in _trained(row)))
    _write(folder / "thesis-cnn-range.yaml", RANGE, _swept(_table("cnn_range_test_accuracy")))


def _table(name: str) -> list[dict[str, str]]:
    with (HERE / "published" / f"{name}.csv").open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


def _write(path: Path, head: str, lines: Iterable[str]) -> None:
    path.write_text(head + "".join(line + "\n" for line in lines), encoding="utf-8")


def _trained(row: dict[str, str]) -> Iterator[str]:
    net = f"B{row['blocks']}FL{row['first_filters']}"
    schedule = (
        f"{{kind: triangular2, low: {float(row['lr_low'])}, high: {float(row['lr_high'])}, "
        f"half_cycle: {HALF_CYCLE}}}"
    )
    name = f"{net}-{row['optimizer']}-{row['dataset']}"
    yield from _classifier(name, row, schedule=schedule, epochs=50)


def _swept(rows: list[dict[str, str]]) -> Iterator[str]:
    """Every cell of the four tables once: a few rows of the last are printed with slips."""
    known = [
        {key: row[key] for key in ("dataset", "blocks", "first_filters")}
        for row in rows
        if row["learning_rate_range"] == "0.0001-0.01" and row["optimizer"] == "Adam"
    ]
    for swept, schedule in RANGES.items():
        for net in known:
            for optimizer in ("adam", "sgd"):
                name = f"B{net['blocks']}FL{net['first_filters']}-{optimizer}-{swept}"
                row = {**net, "optimizer": optimizer}
                yield from _classifier(f"{name}-{net['dataset']}", row, schedule=schedule, epochs=8)


def _classifier(name: str, row: dict[str, str], *, schedule: str, epochs: int) -> Iterator[str]:
    yield f"  - name: {name}"
    yield f"    dataset: {row['dataset']}"
    yield "    preprocess: centred"
    yield f"    cnn: {{blocks: {row['blocks']}, first_filters: {row['first_filters']}, l2: 0.01}}"
    yield "    loss: categorical_crossentropy"
    yield f"    optimizer: {OPTIMIZERS[row['optimizer']]}"
    yield f"    schedule: {schedule}"
    yield f"    batch: {BATCH}"
    yield f"    epochs: {epochs}"


def _workload(row: dict[str, str]) -> Iterator[str]:
    yield f"  - name: {row['experiment']}"
    yield "    layers:"
    fill = f"kernel: {row['weight_init']}, bias: {row['bias_init']}"
    for units in SIZES:
        activation = row["output_activation" if units == SIZES[-1] else "hidden_activation"]
        yield f"      - {{kind: dense, units: {units}, activation: {activation}, {fill}}}"
    yield "    loss: mean_squared_error"
    yield f"    optimizer: {OPTIMIZERS[row['optimizer']]}"
    yield f"    schedule: {{kind: constant, rate: {float(row['learning_rate'])}}}"
    yield f"    batch: {row['batch_size']}"
    yield "    epochs: 10"


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else HERE / "suites")
