"""Which files ingest waits for, and what a change of their list reruns."""

from __future__ import annotations

from pathlib import Path

import pytest
from planned import dag_of
from workflows import GIVEN, copy_workflow, pretend_done, run_jobs

LISTED = GIVEN.replace("[ntuples/*.root]", "['@list.txt']")
FRIENDS = "friends: [{files: [ntuples/a.root, http://host/more.root], tree: more}]\n"


@pytest.fixture
def done(tmp_path: Path) -> Path:
    """A finished workflow with a list of files: a local one, and one behind an address."""
    folder = copy_workflow(tmp_path / "listed", data_set=LISTED)
    (folder / "ntuples").mkdir()
    for name in ("a.root", "b.root"):
        (folder / "ntuples" / name).touch()
    (folder / "list.txt").write_text("ntuples/a.root\nhttp://host/c.root\n")
    return pretend_done(folder)


def test_files_here_are_inputs_and_addresses_are_not(done: Path) -> None:
    path = done / "config/data_sets/toy.yaml"
    path.write_text(path.read_text() + FRIENDS.replace("ntuples/a.root", "ntuples/b.root"))
    with dag_of(done) as dag:
        (job,) = [job for job in dag.jobs if job.rule.name == "ingest"]
        assert sorted(map(str, job.input.files)) == ["ntuples/a.root", "ntuples/b.root"]
        assert list(job.params.remote) == ["http://host/c.root", "http://host/more.root"]
        assert not [file for file in job.input if "host" in file]


def test_another_address_or_file_in_the_list_reads_again(done: Path) -> None:
    assert run_jobs(done) == {}
    (done / "list.txt").write_text("# a comment\nhttp://host/c.root\nntuples/a.root\n")
    assert run_jobs(done) == {}
    for entries in ("ntuples/a.root\nhttp://host/d.root\n", "ntuples/a.root\n", "ntuples/?.root\nhttp://host/c.root\n"):
        (done / "list.txt").write_text(entries)
        jobs = set(run_jobs(done))
        assert {"ingest:toy", "train:small", "check_budgets"} <= jobs
        assert "resolve_data_set:toy" not in jobs


def test_skipping_bad_files_reads_again(done: Path) -> None:
    path = done / "config/data_sets/toy.yaml"
    path.write_text(path.read_text() + "on_bad_file: refuse\n")
    assert run_jobs(done) == {}
    path.write_text(path.read_text().replace("refuse", "skip"))
    assert {"resolve_data_set:toy", "ingest:toy"} <= set(run_jobs(done))
