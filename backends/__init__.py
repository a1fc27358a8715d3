"""The adapters: one backend a file, found by being in this folder."""
