"""The plain twins of core's kernels: what the tests compare them with."""
