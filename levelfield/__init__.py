"""Levelfield: one training workload in every deep-learning backend, proven equal, then timed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from levelfield.errors import UserError as UserError
    from levelfield.results.study import Study as Study
    from levelfield.results.study import load as load
    from levelfield.spec.workload import Workload as Workload

__version__ = "0.1.0"

_LAZY = {
    "Study": "levelfield.results.study",
    "UserError": "levelfield.errors",
    "Workload": "levelfield.spec.workload",
    "load": "levelfield.results.study",
}
__all__ = ["Study", "UserError", "Workload", "__version__", "load"]


def __getattr__(name: str) -> Any:
    """Import what is asked for when it is asked for, so that ``levelfield --help`` is instant."""
    if name in _LAZY:
        import importlib

        return getattr(importlib.import_module(_LAZY[name]), name)
    raise AttributeError(f"module 'levelfield' has no attribute {name!r}")
