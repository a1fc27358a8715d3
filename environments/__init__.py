"""Lock files: one environment a file, every distribution pinned."""
