"""Names and versions of models in CMSSW: defaults, choices, and two designs with one library."""

import pytest

from trigger_lut.config.release import BoardWrappers, ReleaseOptions, default_model_name, release_problems


def test_default_model_name_is_one_word():
    assert default_model_name("small-jets_2") == "TriggerLutSmallJets2"


def test_chosen_names_and_defaults_are_returned():
    options = ReleaseOptions.model_validate({"cmssw": {"small": {"model": "TopTag", "version": 3}, "large": {}}})
    assert options.cmssw_model("small") == ("TopTag", 3)
    assert options.cmssw_model("large") == ("TriggerLutLarge", 1)
    assert options.cmssw_model("medium") == ("TriggerLutMedium", 1)
    assert release_problems(options, ["small", "medium", "large"]) == []


@pytest.mark.parametrize(
    "entry",
    [{"model": "top-tag"}, {"model": ""}, {"model": "1Tag"}, {"model": "Tag\n"}, {"version": 0}, {"versions": 2}],
)
def test_impossible_entries_are_refused(entry):
    with pytest.raises(ValueError, match="small"):
        ReleaseOptions.model_validate({"cmssw": {"small": entry}})


def test_unknown_design_is_named_with_its_neighbor():
    options = ReleaseOptions.model_validate({"cmssw": {"smal": {"version": 2}}})
    assert release_problems(options, ["small"])[0].startswith(
        "release.cmssw.smal: no such design. Expected one of small"
    )


def test_two_designs_of_one_library_are_refused():
    both = {"a": {"model": "Tag"}, "b": {"model": "TAG"}}
    assert (
        "library of design 'a' too" in release_problems(ReleaseOptions.model_validate({"cmssw": both}), ["a", "b"])[0]
    )
    both["b"]["version"] = 2
    assert release_problems(ReleaseOptions.model_validate({"cmssw": both}), ["a", "b"]) == []


def test_default_names_that_are_alike_are_refused():
    assert release_problems(ReleaseOptions(), ["a-b", "aB"]) != []


def test_wrappers_are_chosen_by_design():
    options = ReleaseOptions.model_validate({"boards": {"small": {"axi_stream": {}, "emp": {"input_link": 4}}}})
    again = BoardWrappers.model_validate_json(options.board_wrappers("small"))
    assert again == options.boards["small"]
    assert (again.axi_stream.ready, again.emp.input_link) == (True, 4)
    assert options.board_wrappers("large") == ""
    assert release_problems(options, ["small", "large"]) == []


@pytest.mark.parametrize("chosen", [{"emp": {"input_links": 0}}, {"axi_stream": {"beat_bytes": 513}}, {"aurora": {}}])
def test_impossible_wrappers_are_refused(chosen):
    with pytest.raises(ValueError, match="small"):
        ReleaseOptions.model_validate({"boards": {"small": chosen}})


def test_a_design_without_a_wrapper_is_refused():
    options = ReleaseOptions.model_validate({"boards": {"small": {}, "smal": {"emp": {}}}})
    unknown, empty = release_problems(options, ["small"])
    assert unknown.startswith("release.boards.smal: no such design")
    assert empty.startswith("release.boards.small: no wrapper. Expected axi_stream, emp or both")


def test_names_in_verilog_have_a_version_where_one_is_given():
    options = ReleaseOptions.model_validate({"cmssw": {"a": {"version": 2}, "b": {"model": "Tagger"}}})
    assert [options.given_version(design) for design in ("a", "b", "c")] == [2, None, None]
    assert [options.cmssw_model(design)[1] for design in ("a", "b", "c")] == [2, 1, 1]
