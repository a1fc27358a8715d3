"""The same question put to other tools, in the same hour: how often do they cry wolf, or sleep?

    python benchmarks/other_tools.py [--rounds 10] [--delay 0.05] [TOOL ...]

TOOL: levelfield, pytest-benchmark, asv, hyperfine (each where it is installed). The code is
Levelfield's NumPy adapter on the suite ``regression``; in half of the comparisons the head waits
``delay`` of its own time longer. Each tool is used as its documentation shows, with a limit of 5 %
(Levelfield's own threshold is 3 %). Rounds of all tools alternate.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).parents[1]
LIMIT = 1.05
WORK = """
import sys, time
sys.path[:0] = {path!r}
DELAY = {delay}
def build():
    from levelfield import data, registry
    from levelfield.spec import suite
    from pathlib import Path
    workload = suite.load(registry.suites() / "regression.yaml").workloads[0]
    source = registry.dataset(workload.dataset)
    prepared = data.prepare(source, precision="float32", data=Path("."), announce=lambda text: None)
    x, _ = data.open_arrays(tuple(map(str, prepared.paths)), None)
    adapter = registry.adapter("numpy")
    made = adapter(workload, workload.initial_weights(source.shape), mode="numpy", device="cpu",
                   threads=2)
    made.stage(x, x)
    return made, workload.order(0, len(x)), workload.rates(0, len(x))
STATE = build()
def train():
    made, order, rates = STATE
    for _ in range(10):
        began = time.perf_counter()
        made.train(order, rates)
        end = time.perf_counter() + DELAY * (time.perf_counter() - began)
        while time.perf_counter() < end:
            pass
if __name__ == "__main__":
    train()
"""


def main() -> None:
    """Ask every tool both questions, so many times."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--delay", type=float, default=0.05)
    parser.add_argument("tools", nargs="*", default=list(TOOLS))
    options = parser.parse_args()
    found: Counter[tuple[str, float, str]] = Counter()
    seconds = dict.fromkeys(options.tools, 0.0)
    jobs = [
        (tool, delay) for tool in options.tools for delay in (0.0, options.delay)
    ] * options.rounds
    random.shuffle(jobs)
    for tool, delay in jobs:
        began = time.perf_counter()
        with tempfile.TemporaryDirectory() as folder:
            answer = TOOLS[tool](Path(folder), delay)
        seconds[tool] += time.perf_counter() - began
        found[tool, delay, answer] += 1
        print(f"{tool} {delay:.0%}: {answer}", file=sys.stderr, flush=True)
    print(f"{'tool':18} {'injected':>8} {'slower':>8} {'nothing':>8} {'no answer':>10}  s each")
    for tool in options.tools:
        each = seconds[tool] / (2 * options.rounds)
        for delay in (0.0, options.delay):
            counts = [found[tool, delay, answer] for answer in ("slower", "nothing", "no answer")]
            told = f"{counts[0]:8} {counts[1]:8} {counts[2]:10}"
            print(f"{tool:18} {delay:8.0%} {told}  {each:.0f}")


def write(folder: Path, delay: float) -> Path:
    """The script that trains for a moment, with a delay of its own."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "work.py"
    paths = [entry for entry in sys.path if "site-packages" in entry]
    overlay = folder / "code"
    from levelfield.run.trees import overlay as link

    link(ROOT, overlay)
    path.write_text(WORK.format(path=[str(overlay), *paths], delay=delay), encoding="utf-8")
    return path


def run(*words: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run a command there; its output is kept."""
    environ = {**os.environ, "OPENBLAS_NUM_THREADS": "2"}
    return subprocess.run(
        words, cwd=folder, env=environ, check=False, capture_output=True, text=True
    )


def pytest_benchmark(folder: Path, delay: float) -> str:
    """Save a base, compare the head with it: --benchmark-compare-fail=median:5%."""
    test = "from work import train\ndef test_train(benchmark):\n    benchmark(train)\n"
    (folder / "test_work.py").write_text(test, encoding="utf-8")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_work.py"]
    write(folder, 0.0)
    run(*command, "--benchmark-save=base", folder=folder)
    write(folder, delay)
    done = run(
        *command, "--benchmark-compare=0001", "--benchmark-compare-fail=median:5%", folder=folder
    )
    if "Performance has regressed" in done.stdout + done.stderr:
        return "slower"
    return "nothing" if done.returncode == 0 else "no answer"


def hyperfine(folder: Path, delay: float) -> str:
    """Ten runs of either script after one to warm up; means are compared."""
    base, head = write(folder / "base", 0.0), write(folder / "head", delay)
    commands = [f"{sys.executable} {path}" for path in (base, head)]
    target = folder / "found.json"
    run("hyperfine", "-N", "-w", "1", "-r", "10", "--export-json", str(target), *commands,
        folder=folder)  # fmt: skip
    if not target.exists():
        return "no answer"
    one, other = (result["mean"] for result in json.loads(target.read_text())["results"])
    return "slower" if other > LIMIT * one else "nothing"


def asv(folder: Path, delay: float) -> str:
    """`asv continuous -f 1.05 HEAD~1 HEAD` on a repository of two commits."""
    repository = folder / "repository"
    bench = repository / "benchmarks"
    git = ["git", "-C", str(repository), "-c", "user.name=a", "-c", "user.email=a@b"]
    bench.mkdir(parents=True)
    run("git", "init", "-q", "-b", "main", str(repository), folder=folder)
    config = {
        "version": 1,
        "project": "work",
        "repo": ".",
        "branches": ["main"],
        "environment_type": "virtualenv",
        "install_command": ["python {conf_dir}/copied.py {build_dir} {env_dir}"],
        "uninstall_command": [],
        "build_command": [],
        "benchmark_dir": "benchmarks",
    }
    (repository / "asv.conf.json").write_text(json.dumps(config), encoding="utf-8")
    (bench / "__init__.py").touch()
    copied = "import shutil, sys\nshutil.copy(sys.argv[1] + '/version', sys.argv[2])\n"
    (repository / "copied.py").write_text(copied, encoding="utf-8")
    lines = [
        "import os, sys",
        "import importlib.util as u",
        "def time_train():",
        "    STATE.train()",
        "def setup():",
        "    global STATE",
        "    side = open(os.path.join(sys.prefix, 'version')).read().strip().upper()",
        "    path = os.environ['WORK_' + side]",
        "    spec = u.spec_from_file_location('work', path)",
        "    STATE = u.module_from_spec(spec)",
        "    spec.loader.exec_module(STATE)",
    ]
    (bench / "work_bench.py").write_text("\n".join(lines) + "\n", encoding="utf-8")
    for text in ("base", "head"):
        (repository / "version").write_text(text, encoding="utf-8")
        run(*git, "add", ".", folder=folder)
        run(*git, "commit", "-qm", text, folder=folder)
    os.environ |= {
        "WORK_BASE": str(write(folder / "base", 0.0)),
        "WORK_HEAD": str(write(folder / "head", delay)),
    }
    run(sys.executable, "-m", "asv", "machine", "--yes", folder=repository)
    done = run(
        sys.executable, "-m", "asv", "continuous", "-f", "1.05", "HEAD~1", "HEAD",
        folder=repository,
    )  # fmt: skip
    if "SOME BENCHMARKS HAVE CHANGED" in done.stdout or "PERFORMANCE DECREASED" in done.stdout:
        return "slower" if "PERFORMANCE DECREASED" in done.stdout else "nothing"
    return "nothing" if "BENCHMARKS NOT SIGNIFICANTLY CHANGED" in done.stdout else "no answer"


def levelfield(folder: Path, delay: float) -> str:
    """`levelfield compare` of two states of a checkout, threshold 3 %."""
    tree = folder / "tree"
    for name in ("levelfield", "backends", "datasets", "reports", "benchmarks/suites"):
        shutil.copytree(ROOT / name, tree / name)
    git = ["git", "-C", str(tree), "-c", "user.name=a", "-c", "user.email=a@b"]
    run("git", "init", "-q", "-b", "main", str(tree), folder=folder)
    run(*git, "add", ".", folder=folder)
    run(*git, "commit", "-qm", "base", folder=folder)
    path = tree / "backends" / "numpy.py"
    text = path.read_text(encoding="utf-8")
    start = "        batch, total = self.workload.batch, 0.0\n"
    end = "        return total / len(order)\n"
    if delay:
        begun = f"        import time\n\n        began = time.perf_counter()\n{start}"
        wait = (
            f"        end = time.perf_counter() + {delay} * (time.perf_counter() - began)\n"
            f"        while time.perf_counter() < end:\n            pass\n{end}"
        )
        path.write_text(text.replace(start, begun).replace(end, wait), encoding="utf-8")
    words = ["compare", "--base", "main", "--head", ".", "--backends", "numpy", "--budget", "120"]
    done = run(sys.executable, "-P", "-m", "levelfield", *words, "--quiet", folder=tree)
    print(done.stdout.strip(), file=sys.stderr)
    return {0: "nothing", 1: "slower"}.get(done.returncode, "no answer")


TOOLS: dict[str, Callable[[Path, float], str]] = {
    "levelfield": levelfield,
    "pytest-benchmark": pytest_benchmark,
    "asv": asv,
    "hyperfine": hyperfine,
}

if __name__ == "__main__":
    main()
