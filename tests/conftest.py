"""What every test shares: Hypothesis without deadlines, for machines that are busy; a browser."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import browsing
import pytest
from hypothesis import settings

if TYPE_CHECKING:
    from playwright.sync_api import Browser

settings.register_profile("levelfield", deadline=None, max_examples=100)
settings.load_profile("levelfield")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One browser for all tests of a file; pages that it opens share nothing."""
    with browsing.browser() as made:
        yield made


def pytest_make_parametrize_id(val: object) -> str | None:
    """Name bytes by what they are: a compressed file holds the time it was made at."""
    return "bytes" if isinstance(val, bytes) else None
