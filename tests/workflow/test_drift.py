"""Other data in the frozen network: which jobs they add, what an edit reruns, and what is refused before any job."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from edits import replace_in
from planned import dag_of
from workflows import BUDGET, GIVEN, SIMULATED, copy_workflow, pretend_done, run_jobs

from trigger_lut.errors import TriggerLutError
from trigger_lut.plan import load_plan

PROCESSES = ("g", "q", "W", "Z", "t")
DRIFT = "drift: [later]\n"
LATER = SIMULATED.replace("name: toy", "name: later").replace("files_per_class: 1}", "files_per_class: 1, seed: 2}")
REAL = GIVEN.replace("name: toy", "name: later").replace("ntuples/*", "later/*")
REAL = "".join(line for line in REAL.splitlines(keepends=True) if not line.startswith("label"))
TRIGGER = "trigger: {signal: [W, Z, t], input_rate_khz: 100}\n"
SIMULATION = {"resolve_simulation:later", *(f"simulate:later:{p}:0" for p in PROCESSES)}
OF_DRIFT = {f"{rule}:{design}:later" for rule in ("drift", "page_of_drift") for design in ("small", "large")}
READ = {*(f"read:toy/drift/later:{n}" for n in range(5)), "ingest:toy/drift/later"}
JUDGEMENT = {"page_of_index", "check_budgets", "all"}


def workflow(folder: Path, later: str = LATER, budget: str = BUDGET + DRIFT, data_set: str = SIMULATED) -> Path:
    """The workflow on the data set `toy`, with another data set."""
    copy_workflow(folder, budget, data_set)
    (folder / "config/data_sets/later.yaml").write_text(later)
    return folder


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return pretend_done(workflow(tmp_path_factory.mktemp("finished_drift")))


@pytest.fixture
def edited(finished: Path, tmp_path: Path) -> Callable[..., set[str]]:
    folder = tmp_path / "workflow"
    shutil.copytree(finished, folder, copy_function=shutil.copy2)

    def edit(file: str, old: str, new: str) -> set[str]:
        replace_in(folder / "config" / file, old, new)
        return set(run_jobs(folder))

    return edit


def test_other_data_add_their_own_jobs_alone(tmp_path: Path) -> None:
    without = set(run_jobs(workflow(tmp_path / "without", budget=BUDGET)))
    with_them = set(run_jobs(workflow(tmp_path / "with")))
    assert with_them - without == {"resolve_data_set:toy/drift/later"} | SIMULATION | READ | OF_DRIFT
    assert with_them >= without


def test_switched_on_they_train_nothing_again(edited: Callable[..., set[str]]) -> None:
    assert edited("data_sets/later.yaml", "name: later\n", "# a comment\nname: later\n") == set()
    assert edited("budget.yaml", DRIFT, "") == JUDGEMENT
    assert edited("budget.yaml", "designs:\n", DRIFT + "designs:\n") == set()


def test_edit_of_drift_description_rereads_its_data_alone(edited: Callable[..., set[str]]) -> None:
    jobs = edited("data_sets/later.yaml", "{name: zlogz}", "{name: zlogz, expression: 1.1 * zlogz}")
    assert jobs == {"resolve_data_set:toy/drift/later"} | READ | OF_DRIFT | JUDGEMENT


def test_their_simulation_is_their_own(edited: Callable[..., set[str]]) -> None:
    jobs = edited("data_sets/later.yaml", "seed: 2", "seed: 3")
    assert jobs == {"resolve_data_set:toy/drift/later"} | SIMULATION | READ | OF_DRIFT | JUDGEMENT


def test_formats_that_are_made_again_encode_them_again(edited: Callable[..., set[str]]) -> None:
    jobs = edited("data_sets/toy.yaml", "{name: zlogz}", "{name: zlogz, width: 6}")
    assert jobs >= {"ingest:toy", "ingest:toy/drift/later"} | OF_DRIFT
    assert jobs & SIMULATION == set()


def test_the_data_set_itself_may_be_compared(tmp_path: Path) -> None:
    """As a control; its files are simulated once."""
    jobs = run_jobs(workflow(tmp_path / "self", budget=BUDGET + "drift: [toy, later]\n"))
    assert set(jobs.values()) == {1}
    assert {"simulate:toy:g:0", "read:toy:0", "read:toy/drift/toy:0", "drift:small:toy", "drift:small:later"} <= set(
        jobs
    )


def test_real_data_need_neither_label_nor_simulation(tmp_path: Path) -> None:
    folder = workflow(tmp_path / "real", later=REAL)
    (folder / "later").mkdir()
    (folder / "later/run.root").write_text("")
    jobs = set(run_jobs(folder))
    assert {job for job in jobs if "later" in job} == {
        *("resolve_data_set:toy/drift/later", "read:toy/drift/later:0", "ingest:toy/drift/later"),
        *OF_DRIFT,
    }


def test_rates_come_first_where_there_is_a_trigger(tmp_path: Path) -> None:
    with dag_of(workflow(tmp_path / "order", data_set=SIMULATED + TRIGGER)) as dag:
        jobs = [job for job in dag.jobs if job.rule.name == "drift"]
        before = [{x.rule.name for x in dag.dependencies[job]} for job in jobs]
    needed = {"resolve_design", "resolve_data_set", "train", "ingest"}
    assert before == [needed | {"thresholds"}] * 2


def refusal(folder: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.chdir(folder)
    with pytest.raises(TriggerLutError) as caught:
        load_plan(Path("config/budget.yaml"), Path("config/targets.yaml"), data_sets=Path("config/data_sets"))
    return str(caught.value)


@pytest.mark.parametrize(
    ("drift", "later", "expected"),
    [
        (
            "drift: [latter, toy, toy, later]\n",
            LATER.replace("{name: zlogz}, ", "{name: zlogs}, "),
            "config/budget.yaml: 5 mistakes\n"
            "  network.units: the last layer has 3 outputs, data set 'toy' has 5 classes (g, q, W, Z, t)\n"
            "  drift.0: no file config/data_sets/latter.yaml; nearest: 'later'\n"
            "  drift.2: 'toy' occurs twice\n"
            "  drift.3: config/data_sets/later.yaml: features: unknown 'zlogs'; nearest: 'zlogz'\n"
            "  drift.3: config/data_sets/later.yaml: features: 'zlogz' is missing",
        ),
        (
            "drift: [later, later]\n",
            LATER.replace("{name: mass_mmdt}", "{name: mass_mmdt, format: {signed: false, width: 8, integer: 8}}")
            + "cut: mass_mmdt > 5\n",
            "config/budget.yaml: 4 mistakes\n"
            "  network.units: the last layer has 3 outputs, data set 'toy' has 5 classes (g, q, W, Z, t)\n"
            "  drift.0: config/data_sets/later.yaml: cut: expected none, found 'mass_mmdt > 5', as in data set 'toy'\n"
            "  drift.0: config/data_sets/later.yaml: features.mass_mmdt.format: expected 'auto', found {'signed': "
            "False, 'width': 8, 'integer': 8}, as in data set 'toy'\n"
            "  drift.1: 'later' occurs twice",
        ),
        (
            "drift: later\n",
            LATER,
            "config/budget.yaml: 1 mistake\n  drift: expected a list, found 'later'",
        ),
        (
            DRIFT,
            LATER.replace("name: later", "name: latter"),
            "config/data_sets/later.yaml: name: expected 'later' as the file, found 'latter'",
        ),
        (
            DRIFT,
            LATER.replace("label:", "lable:"),
            "config/data_sets/later.yaml: 1 mistake\n"
            "  lable: unknown key; nearest: 'label', 'plot_label', 'observables'",
        ),
        (DRIFT, REAL, "data set later: nothing matches later/*.root; there are none"),
    ],
)
def test_mistakes_are_refused_before_any_job(tmp_path, monkeypatch, drift, later, expected) -> None:
    budget = BUDGET.replace("[4, 5]", "[4, 3]") if "mistakes" in expected else BUDGET
    folder = workflow(tmp_path / "bad", later, budget + drift)
    assert refusal(folder, monkeypatch) == expected
