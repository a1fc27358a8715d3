"""What can be asked of a checkout: `nox -s bench`, `nox -s tests`, `nox -s lint`; see `nox -l`.

All sessions share one environment, built from the lock files in ``environments/`` on first use and
kept in ``.nox/``; a marker written last tells a whole one from a half-made one.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import venv
from pathlib import Path

import nox

ROOT = Path(__file__).parent
LOCKS = [ROOT / "environments" / name for name in ("main.txt", "tools.txt")]
SHARED_DATA = ROOT.parent / "shared" / "datasets"

NO_GPU = 4
"""Exit status of a session that needs a GPU and finds none."""

nox.needs_version = ">=2024.3.2"
nox.options.sessions = ["lint", "tests"]


@nox.session(venv_backend="none")
def bench(session: nox.Session) -> None:
    """Build what is needed, run the main job on real data, say where the report lies.

    Words after ``--`` go to `levelfield run`; without any, the suite ``quick`` runs.
    """
    python = environment(session)
    words = session.posargs or ["quick"]
    if "--out" not in words:
        words = [*words, "--out", fresh_folder(words[0])]
    folder = words[words.index("--out") + 1]
    levelfield(session, python, "run", *words)
    levelfield(session, python, "report", folder)


@nox.session(name="bench-spark", venv_backend="none")
def bench_spark(session: nox.Session) -> None:
    """Run the scaling suite on a Spark cluster of this machine's, made here; leave a report.

    Words after ``--`` go to `levelfield run`. Needs Java 17 or later.
    """
    python = environment(session)
    folder = fresh_folder("spark-scaling")
    levelfield(session, python, "run", "spark-scaling", "--out", folder, *session.posargs)
    levelfield(session, python, "report", folder)


@nox.session(name="bench-gpu", venv_backend="none")
def bench_gpu(session: nox.Session) -> None:
    """CPU and GPU on the same workloads, and the published study's longest run; leave reports.

    Words after ``--`` go to `levelfield run`, in the place of the three suites. Without a GPU it
    ends at once with exit status 4.
    """
    without_gpu(session)
    python = environment(session)
    both = ["--device", "cpu,cuda"]
    suites = [["gpu-autoencoder", *both], ["gpu-cnn", *both], ["thesis-gpu"]]
    folders = []
    for words in [session.posargs] if session.posargs else suites:
        folders.append(fresh_folder(words[0]))
        levelfield(session, python, "run", *words, "--out", folders[-1])
        levelfield(session, python, "report", folders[-1])
    session.run(str(python), "-P", "benchmarks/gpu_goals.py", *folders, external=True)


@nox.session(name="test-gpu", venv_backend="none")
def test_gpu(session: nox.Session) -> None:
    """Run the tests that need a GPU; without one it ends at once with exit status 4."""
    without_gpu(session)
    python = environment(session)
    words = session.posargs or ["-m", "gpu"]
    session.run(str(python.parent / "pytest"), *words, external=True, env=with_data())


@nox.session(venv_backend="none")
def regression(session: nox.Session) -> None:
    """Did the working tree make training slower than where it left main? Exit status 0, 1 or 3.

    Words after ``--`` go to `levelfield compare`. Leaves verdict.json, .md and .xml in
    ``results/regression``.
    """
    python = environment(session)
    out = "results/regression/verdict"
    words = ["--base", "merge-base", "--budget", "540", "--json", f"{out}.json"]
    words += ["--markdown", f"{out}.md", "--junit", f"{out}.xml", *session.posargs]
    ended(session, python, "compare", *words)


@nox.session(name="bench-micro", venv_backend="none")
def bench_micro(session: nox.Session) -> None:
    """Time Levelfield's own parts beside their baseline; words after ``--`` go to pytest."""
    python = environment(session)
    words = ["benchmarks/pytest", "--benchmark-storage=benchmarks/pytest/baseline"]
    words += ["--benchmark-compare", "--benchmark-compare-fail=min:200%"]
    words += ["--benchmark-columns=min,median,rounds", *session.posargs]
    session.run(str(python.parent / "pytest"), *words, external=True, env=with_data())


@nox.session(venv_backend="none")
def tests(session: nox.Session) -> None:
    """Run every test, a few at a time, then those that must be alone.

    Words after ``--`` go to pytest, which then runs once.
    """
    python = environment(session)
    together = ["-m", "not alone", "-n", str(min(4, os.cpu_count() or 1)), "--dist", "loadfile"]
    for words in [session.posargs] if session.posargs else [together, ["-m", "alone"]]:
        session.run(str(python.parent / "pytest"), *words, external=True, env=with_data())


@nox.session(venv_backend="none")
def lint(session: nox.Session) -> None:
    """Check format, lint and types."""
    tools = environment(session).parent
    session.run(str(tools / "ruff"), "format", "--check", ".", external=True)
    session.run(str(tools / "ruff"), "check", ".", external=True)
    session.run(str(tools / "mypy"), external=True)


def environment(session: nox.Session) -> Path:
    """The shared environment's interpreter; built first where it is not there yet."""
    locks = b"".join(lock.read_bytes() for lock in LOCKS)
    text = locks + sys.version.encode() + (ROOT / "pyproject.toml").read_bytes()
    folder = ROOT / ".nox" / f"main-{hashlib.sha256(text).hexdigest()[:10]}"
    python = folder / "bin" / "python"
    if (folder / "complete").exists():
        return python
    session.log(f"building {folder.relative_to(ROOT)}: a few minutes, once")
    shutil.rmtree(folder, ignore_errors=True)
    venv.create(folder, with_pip=True)
    pip = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    requirements = [word for lock in LOCKS for word in ("--requirement", str(lock))]
    session.run(*pip, *requirements, external=True)
    session.run(*pip, "--no-deps", "--editable", str(ROOT), external=True)
    (folder / "complete").touch()
    return python


def without_gpu(session: nox.Session) -> None:
    """End with exit status 4 and a sentence where there is no GPU; nothing is built first."""
    if any(Path("/dev").glob("nvidia[0-9]*")) or Path("/dev/dxg").exists():
        return
    looked = "looked for /dev/nvidia0 ... and nvidia-smi"
    try:
        done = subprocess.run(["nvidia-smi", "-L"], capture_output=True, text=True, check=False)
    except FileNotFoundError:
        session.log(f"no GPU: {looked}, found neither; nothing was run")
        sys.exit(NO_GPU)
    if not done.stdout.startswith("GPU"):
        said = (done.stdout + done.stderr).strip() or "nothing"
        session.log(f"no GPU: {looked}, which says: {said}; nothing was run")
        sys.exit(NO_GPU)


def levelfield(session: nox.Session, python: Path, *words: str) -> None:
    """Run the command line, with the data directory that lies beside the checkout, if any."""
    session.run(str(python.parent / "levelfield"), *words, external=True, env=with_data())


def ended(session: nox.Session, python: Path, *words: str) -> None:
    """The same, ending as the command itself does: nox would make every failure a 1."""
    command = [str(python.parent / "levelfield"), *words]
    session.log(" ".join(command))
    status = subprocess.run(command, env={**os.environ, **with_data()}, check=False).returncode
    if status:
        sys.exit(status)


def with_data() -> dict[str, str]:
    """LEVELFIELD_DATA, unless the user has set it."""
    if "LEVELFIELD_DATA" in os.environ or not SHARED_DATA.is_dir():
        return {}
    return {"LEVELFIELD_DATA": str(SHARED_DATA)}


def fresh_folder(suite: str) -> str:
    """A folder that no study lies in yet: ``results/quick``, ``results/quick-2`` ..."""
    name, number = Path(suite).stem, 1
    while (ROOT / "results" / (name if number == 1 else f"{name}-{number}")).exists():
        number += 1
    return f"results/{name if number == 1 else f'{name}-{number}'}"
