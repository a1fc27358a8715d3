"""Energy of the processors, by RAPL: Linux counts it for Intel's and AMD's alike.

It is the energy of whole packages, whoever used them. Most systems let root alone read it.
"""

from __future__ import annotations

from pathlib import Path

from . import Unread

ROOT = Path("/sys/class/powercap")
NAME = "processors"


class Rapl:
    """The packages' counters, added up; each runs over at a limit of its own."""

    name = NAME

    def __init__(self, root: Path = ROOT) -> None:
        """Find the packages; raise `Unread` where there is none that can be read."""
        self._folders = [
            folder
            for folder in sorted(root.glob("intel-rapl:*"))
            if folder.name.count(":") == 1 and _text(folder / "name").startswith("package")
        ]
        if not self._folders:
            raise Unread(f"the system has no {root}/intel-rapl:*, where RAPL's packages are")
        self._last = {folder: _number(folder / "energy_uj") for folder in self._folders}
        self._sum = 0

    def energy(self) -> float:
        """Joules of all packages since this meter was made."""
        for folder, last in self._last.items():
            now = _number(folder / "energy_uj")
            over = now < last
            self._sum += now - last + (_number(folder / "max_energy_range_uj") if over else 0)
            self._last[folder] = now
        return self._sum / 1e6

    def sample(self) -> dict[str, float]:
        """Nothing: energy is all that it tells."""
        return {}

    def unread(self) -> dict[str, str]:
        """Nothing beyond what was raised."""
        return {}

    def foreign(self) -> tuple[str, ...]:
        """Nobody: it does not tell who used the processors."""
        return ()

    def close(self) -> None:
        """Nothing is held."""


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii").strip()
    except OSError:
        return ""


def _number(path: Path) -> int:
    try:
        return int(path.read_text(encoding="ascii"))
    except OSError as error:
        raise Unread(f"{path} cannot be read ({error.strerror})") from None
    except ValueError:
        raise Unread(f"{path} holds no number") from None
