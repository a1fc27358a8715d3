"""The suites that `levelfield run NAME` knows by name, and the benchmarks of Levelfield itself."""
