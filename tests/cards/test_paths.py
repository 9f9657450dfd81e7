"""Names of result files."""

from pathlib import Path

from trigger_lut.cards.paths import DataFiles, DesignFiles


def test_paths_lie_in_the_folder_of_a_pattern_or_a_path():
    assert DesignFiles("results/{design}").network == "results/{design}/network.npz"
    assert DesignFiles(Path("results/small")).card("train") == "results/small/train.json"
    assert DataFiles("results/data/jets").baselines == "results/data/jets/reference.json"
