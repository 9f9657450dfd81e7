"""What all tests share, before anything imports TensorFlow."""

import os


def pytest_configure(config):
    """XLA optimises no code for tests, which compile for longer than they compute; benchmarks get what users get."""
    if "not benchmark" in config.option.markexpr:
        os.environ.setdefault("XLA_FLAGS", "--xla_backend_optimization_level=0")
