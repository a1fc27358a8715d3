"""The data sources: one a file, found by being in this folder."""
