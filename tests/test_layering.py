"""Who may import whom, who may read the clock, what an adapter must look like."""

from __future__ import annotations

import ast
import inspect
import io
import json
import subprocess
import sys
import tokenize
from collections.abc import Iterator
from pathlib import Path

import pytest

from levelfield import registry
from levelfield.backend import Backend
from levelfield.dataset import Dataset
from levelfield.verify.semantics import CHOICES, meanings

ROOT = Path(__file__).parents[1]
FRAMEWORKS = {
    "torch", "tensorflow", "jax", "jaxlib", "optax", "flax", "keras", "tf_keras", "pytensor",
    "theano", "aesara", "pyspark", "elephas", "mxnet", "chainer", "cntk", "lightning",
}  # fmt: skip
BY_NAME_ONLY = ("levelfield.backends", "levelfield.datasets", "levelfield.reports")
PARENTS_OWN = ("yaml", "rich", "pandas", "jinja2", "plotly")
"""What Levelfield depends on, and a worker must do without."""
CODE_LINES = 150


def files(*folders: str) -> list[Path]:
    found = [path for folder in folders for path in sorted((ROOT / folder).rglob("*.py"))]
    assert found
    return found


ENGINE = files("levelfield")
ADAPTERS = [path for path in files("backends") if path.name != "__init__.py"]


def names(path: Path) -> str:
    return str(path.relative_to(ROOT))


def typing_only(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING")


def statements(node: ast.AST, *, functions: bool, typing: bool) -> Iterator[ast.AST]:
    """Every node below, without the bodies of functions or of ``if TYPE_CHECKING`` if so wanted."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.FunctionDef | ast.Lambda) and not functions:
            continue
        yield child
        if typing or not typing_only(child):
            yield from statements(child, functions=functions, typing=typing)


def imports(path: Path, *, functions: bool = True, typing: bool = True) -> set[str]:
    """Absolute names of the modules, or of what is in them, that a file imports."""
    package = ["levelfield", *path.relative_to(ROOT).with_suffix("").parts[:-1]]
    package = package[1:] if package[1:2] == ["levelfield"] else package
    found = set()
    tree = ast.parse(path.read_bytes())
    for node in statements(tree, functions=functions, typing=typing):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            module = ".".join([*base, *([node.module] if node.module else [])])
            found |= {f"{module}.{alias.name}" for alias in node.names}
    return found


def within(imported: set[str], *packages: str) -> set[str]:
    return {name for name in imported if (name + ".").startswith(tuple(f"{p}." for p in packages))}


def python(code: str) -> str:
    """Run code as a worker is run, from a folder that has modules named like frameworks."""
    command = [sys.executable, "-P", "-c", code]
    done = subprocess.run(
        command, capture_output=True, text=True, cwd=ROOT / "backends", check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_scan_sees_imports(tmp_path):
    made = ROOT / "backends" / "jax.py"
    assert "jax" in imports(made)
    assert not within(imports(made, functions=False), *FRAMEWORKS)
    assert "levelfield.backend.Backend" in imports(made, functions=False)
    assert "collections.abc.Mapping" not in imports(made, functions=False, typing=False)
    assert "levelfield.backends.numpy_optimizers.MAKERS" in imports(ROOT / "backends" / "numpy.py")


@pytest.mark.parametrize("path", files("levelfield/spec", "levelfield/results"), ids=names)
def test_specifications_and_results_know_nothing_of_running(path):
    later = ("levelfield.run", "levelfield.verify", "levelfield.cli", "levelfield.data")
    assert not within(imports(path), *later)


@pytest.mark.parametrize("path", files("levelfield", "reports", "datasets"), ids=names)
def test_nothing_but_adapters_imports_a_framework(path):
    assert not within(imports(path), *FRAMEWORKS)


@pytest.mark.parametrize("path", ENGINE, ids=names)
def test_the_engine_reaches_adapters_data_sets_and_reports_by_name(path):
    assert not within(imports(path), *BY_NAME_ONLY)
    assert not within(imports(path), "backends", "datasets", "reports")


@pytest.mark.parametrize("path", files("reports"), ids=names)
def test_reports_read_records_only(path):
    ours = within(imports(path), "levelfield")
    allowed = (
        "levelfield.results", "levelfield.errors", "levelfield.naming", "levelfield.reports",
    )  # fmt: skip
    assert not ours - within(ours, *allowed, "levelfield.__version__")


@pytest.mark.parametrize("path", ADAPTERS, ids=names)
def test_adapters_import_frameworks_inside_functions_alone(path):
    assert not within(imports(path, functions=False, typing=False), *FRAMEWORKS)


@pytest.mark.parametrize("path", [*ADAPTERS, *files("datasets")], ids=names)
def test_adapters_import_the_engine_absolutely_and_siblings_relatively(path):
    for node in ast.walk(ast.parse(path.read_bytes())):
        if isinstance(node, ast.ImportFrom):
            absolute = f"{node.module or ''}.".startswith(BY_NAME_ONLY)
            assert node.level <= 1, ast.unparse(node)
            assert not absolute, ast.unparse(node)
            if node.level:
                base = path.parent / (node.module or "")
                sought = [base.with_suffix(".py")] if node.module else []
                sought = sought or [path.parent / f"{alias.name}.py" for alias in node.names]
                assert all(file.exists() for file in sought), ast.unparse(node)
    ours = within(imports(path), "levelfield")
    allowed = ("backend", "backends", "dataset", "datasets", "errors", "spec", "verify.semantics")
    assert not ours - within(
        ours, *(f"levelfield.{name}" for name in allowed), "levelfield.dataset"
    )


def test_the_clock_is_read_in_one_file():
    sources = files("levelfield", "backends", "datasets", "reports")
    seen = [names(path) for path in sources if "perf_counter" in path.read_text(encoding="utf-8")]
    assert seen == ["levelfield/run/clock.py"]


def test_nothing_that_starts_a_command_or_a_worker_imports_a_framework():
    modules = ["levelfield.cli", "levelfield.run.worker", "levelfield.run.runner"]
    modules += [f"levelfield.backends.{path.stem}" for path in ADAPTERS]
    code = (
        f"import importlib, json, sys\nfor name in {modules}: importlib.import_module(name)\n"
        "from levelfield import registry\nregistry.backends(), registry.datasets()\n"
        "print(json.dumps(sorted(sys.modules)))"
    )
    loaded = set(json.loads(python(code)))
    assert set(modules) <= loaded
    assert not within(loaded, *FRAMEWORKS, "sklearn", "scipy")


def test_a_worker_needs_numpy_alone():
    code = f"""
import sys
class Block:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {PARENTS_OWN!r}:
            raise ImportError(f"a worker imports {{name}}")
sys.meta_path.insert(0, Block())
import levelfield.run.worker, levelfield.data
from levelfield import registry
adapter = registry.adapter("numpy")
assert registry.adapter_in("levelfield.backends.numpy", "numpy") is adapter
from levelfield.spec.workload import Workload
from levelfield.verify import semantics
third = {{name.partition(".")[0] for name in sys.modules}} - sys.stdlib_module_names
print(sorted(name for name in third if not name.startswith("_")))
"""
    assert set(ast.literal_eval(python(code))) == {"levelfield", "numpy"}
    with pytest.raises(AssertionError, match="a worker imports yaml"):
        python(code.replace("import levelfield.run.worker", "import levelfield.spec.suite"))


@pytest.mark.parametrize("path", ADAPTERS, ids=names)
def test_an_adapter_is_short(path):
    """Lines of code: blank ones, comments and docstrings are free."""
    source = path.read_text(encoding="utf-8")
    code = set()
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type in {tokenize.NAME, tokenize.OP, tokenize.NUMBER, tokenize.STRING}:
            code |= set(range(token.start[0], token.end[0] + 1))
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            code -= set(range(node.lineno, (node.end_lineno or 0) + 1))
    assert 0 < len(code) < CODE_LINES


@pytest.mark.parametrize("name", registry.backends())
def test_an_adapter_keeps_to_the_contract(name):
    adapter = registry.backends()[name]
    assert adapter.name == name
    for method, promised in inspect.getmembers(Backend, inspect.isfunction):
        kept = inspect.signature(getattr(adapter, method)).parameters.values()
        wanted = inspect.signature(promised).parameters.values()
        assert [(p.name, p.kind) for p in kept] == [(p.name, p.kind) for p in wanted], method
        assert not [p for p in kept if p.default is not p.empty], method


@pytest.mark.parametrize("name", registry.backends())
def test_an_adapter_declares_what_the_engine_reads(name):
    adapter = registry.backends()[name]
    for words in (adapter.modes, adapter.packages, adapter.imports):
        assert isinstance(words, tuple)
        assert words
        assert len(set(words)) == len(words)
        assert all(isinstance(word, str) and word == word.strip() != "" for word in words)
    assert not {"all", "default"} & set(adapter.modes) or adapter.modes[0] == "default"
    assert not [mode for mode in adapter.modes if set(mode) & set("/, *@:")]
    assert isinstance(adapter.devices, frozenset)
    assert adapter.devices <= {"cpu", "cuda", "spark"}
    assert adapter.devices
    assert (ROOT / "environments" / f"{adapter.environment}.txt").is_file()
    assert all(isinstance(v, str) for item in adapter.environ.items() for v in item)
    assert set(adapter.semantics_in) <= set(adapter.modes)
    for mode in adapter.modes:
        for key in (declared := adapter.meanings(mode)):
            assert set(meanings(declared, key)) <= set(CHOICES[key].meanings)


@pytest.mark.parametrize("name", registry.datasets())
def test_a_data_set_keeps_to_the_contract(name):
    source = registry.datasets()[name]
    assert source.name == name
    assert isinstance(source.about, str)
    assert "\n" not in source.about
    kept, wanted = inspect.signature(source.load), inspect.signature(Dataset.load)
    assert list(kept.parameters) == list(wanted.parameters)
    for file in source.files:
        assert len(bytes.fromhex(file.sha256)) == 32
        assert not file.path.startswith(("/", ".."))
        assert file.urls
