"""Is it the same computation: levels, tolerances, declared semantics, the cache of verdicts."""
