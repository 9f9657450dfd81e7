"""The public names: their signatures are frozen, and importing the package loads none of them."""

import inspect
import subprocess
import sys

import pytest

import trigger_lut

CONVOLUTION = "(filters, kernel_size, strides=1, padding='valid', dilation_rate=1, **kwargs)"
SIGNATURES = {
    "LUTConv1D": CONVOLUTION,
    "LUTConv2D": CONVOLUTION,
    "LUTDense": "(units, *, per_position_widths=False, **kwargs)",
    "Network": "(inputs, layers, features=(), classes=(), outputs=None, port_formats=None)",
    "TriggerLutError": "(message='')",
    "evaluate": "(network, codes)",
    "load_design": "(design, budget='config/budget.yaml', *, targets='config/targets.yaml')",
    "load_model": "(path, function=None)",
    "load_network": "(path)",
    "save_network": "(network, path)",
    "to_integer_network": "(model, features=(), *, classes=(), prune=True, inputs=None, wraps=False)",
    "write_rtl": "(network, folder, *, spec, stages=None, cuts=None, version=None)",
}


def test_public_names_are_the_frozen_ones():
    assert sorted(trigger_lut.__all__) == sorted([*SIGNATURES, "__version__"]) == dir(trigger_lut)
    assert set(trigger_lut.PUBLIC) == set(SIGNATURES)


@pytest.mark.parametrize("name", SIGNATURES)
def test_public_signature_is_the_frozen_one_and_documented(name):
    signature = inspect.signature(getattr(trigger_lut, name))
    plain = [p.replace(annotation=inspect.Parameter.empty) for p in signature.parameters.values()]
    assert str(signature.replace(parameters=plain, return_annotation=inspect.Signature.empty)) == SIGNATURES[name]
    if name not in ("Network", "TriggerLutError"):
        assert "\n    Parameters\n    ----------\n" in getattr(trigger_lut, name).__doc__


def test_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="module 'trigger_lut' has no attribute 'LutDense'"):
        trigger_lut.LutDense  # noqa: B018


def test_import_loads_nothing_before_a_name_is_used():
    script = (
        "import sys, trigger_lut\n"
        "heavy = {'numpy', 'tensorflow', 'keras', 'hls4ml', 'alkaid', 'pydantic', 'yaml'}\n"
        "before = heavy & set(sys.modules)\n"
        "trigger_lut.evaluate\n"
        "print(sorted(before), sorted(heavy & set(sys.modules)), trigger_lut.__version__[0].isdigit())\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.stdout == "[] ['numpy'] True\n", done.stderr


def test_layers_to_verilog_by_public_names(tmp_path):
    import keras
    import numpy as np

    from trigger_lut import LUTDense, evaluate, load_design, load_network, save_network, to_integer_network, write_rtl

    model = keras.Sequential([keras.Input((3,)), LUTDense(4, input_format="fixed<5,2>", seed=1), LUTDense(2, seed=2)])
    network = to_integer_network(model)
    save_network(network, str(tmp_path / "network.npz"))
    codes = np.array([[0, 1, -3], [7, -8, 2]])
    outputs = evaluate(load_network(str(tmp_path / "network.npz")), codes)
    np.testing.assert_array_equal(outputs * 2.0**-network.fractions, model.predict(codes / 8, verbose=0))
    spec = load_design("small")
    written = write_rtl(network, str(tmp_path / "rtl"), spec=spec)
    assert all(path.is_file() for path in written.files)
