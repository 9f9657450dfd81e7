"""What all tests share, before anything imports TensorFlow."""

import os


def pytest_configure(config):
    """XLA optimises no code for tests, which compile for longer than they compute; benchmarks get what users get."""
    if "not benchmark" in config.option.markexpr:
        quick = "--xla_backend_optimization_level=0 --xla_cpu_use_fusion_emitters=false"
        os.environ.setdefault("XLA_FLAGS", quick)
