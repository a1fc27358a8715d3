"""The history of training, commit by commit, for asv: see docs/history.md."""
