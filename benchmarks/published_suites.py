"""Writes the suites of the published study from its table of experiments.

    python benchmarks/published_suites.py [FOLDER]

FOLDER: where to write them (default: ``suites/`` beside this file).
"""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterator
from pathlib import Path

HERE = Path(__file__).parent
SIZES = (1000, 500, 250, 125, 32, 125, 250, 500, 1000, 784)
OPTIMIZERS = {
    "adam": "{kind: adam, beta1: 0.9, beta2: 0.999, epsilon: 1.0e-7}",
    "adamax": "{kind: adamax, beta1: 0.9, beta2: 0.999, epsilon: 1.0e-7}",
    "adagrad": "{kind: adagrad, accumulator: 0.0, epsilon: 1.0e-7}",
    "adadelta": "{kind: adadelta, rho: 0.95, epsilon: 1.0e-7}",
    "rmsprop": "{kind: rmsprop, rho: 0.9, momentum: 0.0, epsilon: 1.0e-7}",
    "sgd": "{kind: sgd, momentum: 0.0, nesterov: false}",
}
"""With the constants that Keras had in 2019; the study names none."""
HEADS = {
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


def main(folder: Path) -> None:
    """Write both suites."""
    with (HERE / "published" / "autoencoder_experiments.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    for name, head in HEADS.items():
        chosen = [row for row in rows if name != "thesis-elephas" or row["experiment"] == "VII"]
        text = head + "".join(line + "\n" for row in chosen for line in _workload(row))
        (folder / f"{name}.yaml").write_text(text, encoding="utf-8")


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
