"""What recording costs, beside other tracers: ``python -m benchmarks`` (see README.md)."""
