"""Flags and plug-ins of all tests, before anything imports TensorFlow."""

import os

import file_processes
from hypothesis import HealthCheck, settings

# A test's time depends on what else the machine does.
settings.register_profile("untimed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("untimed")


def pytest_configure(config):
    """Let XLA optimize no code for tests, which compile for longer than they compute; benchmarks get what users get."""
    if "not benchmark" in config.option.markexpr:
        quick = "--xla_backend_optimization_level=0 --xla_cpu_use_fusion_emitters=false"
        quick += " --xla_cpu_parallel_codegen_split_count=1"
        os.environ.setdefault("XLA_FLAGS", quick)
        # Each worker has a core; a second thread of OpenMP would only wait for one.
        os.environ.setdefault("OMP_NUM_THREADS", "1")
    file_processes.register(config)


def pytest_collection_modifyitems(items):
    """Give the slow files to the workers first, so that none of them is left alone with one at the end."""
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: item.path not in slow)
