"""What every test shares: Hypothesis without deadlines, for machines that others use too."""

from __future__ import annotations

from hypothesis import settings

settings.register_profile("levelfield", deadline=None, max_examples=100)
settings.load_profile("levelfield")
