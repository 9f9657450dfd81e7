# From collider data to verified trigger firmware. Each stage is one file in workflow/rules/; the user's
# request is config/budget.yaml.
import shlex
import sys
import time
import warnings
from pathlib import Path

from trigger_lut.cards.paths import DataFiles, DesignFiles, ResultFiles
from trigger_lut.errors import RenamedKeyWarning, TriggerLutError, warn_in_one_line
from trigger_lut.code_hash import fingerprint
from trigger_lut.plan import (
    stage_errors,
    frozen_formats,
    is_stale,
    load_plan,
    refuse_unreadable_files,
    flat_parameters,
    simulation_of,
)
from trigger_lut.config.network import model_digest
from trigger_lut.config.workflow_options import workflow_options

# Each job evaluates this file again: the main process alone warns.
warn_in_one_line()
if not workflow.is_main_process:
    warnings.simplefilter("ignore", RenamedKeyWarning)

try:
    options = workflow_options(config, workflow.configfiles)
    plan = load_plan(options.budget, options.targets, data_sets=options.data_sets)
    if options.check_files and workflow.is_main_process:
        refuse_unreadable_files(plan)
except TriggerLutError as error:
    sys.exit(f"trigger-lut: error: {error}")

DESIGNS, POINTS = plan.designs, plan.scanned
DATA_SET = plan.data_set.name
DATA = f"results/data/{DATA_SET}"
RESULTS, DESIGN = ResultFiles("results"), DesignFiles("results/{design}")
OWN_DATA, ANY_DATA = DataFiles(DATA), DataFiles("results/data/{data_set}")

# The command line of this interpreter's environment comes first, whether or not that environment is activated.
# `failed` ends each command: all output goes to the log, and a stage that fails shows the end of it.
shell.executable("bash")
shell.prefix(
    f"set -euo pipefail; export PATH={shlex.quote(str(Path(sys.executable).parent)).replace('{', '{{').replace('}', '}}')}:$PATH; "
    'failed() {{ tail -n 20 "$1" >&2; exit 1; }}; '
)


report: "workflow/captions/workflow.rst"


# Data sets that are simulated, by name.
SIMULATED = {other.data_set.name: other for other in plan.data_sets.values() if other.simulated}


wildcard_constraints:
    design="[A-Za-z0-9][A-Za-z0-9_-]*",
    data_set="|".join(plan.data_sets),
    simulated="|".join(SIMULATED),


STARTED = time.time()


onerror:
    for complaint in stage_errors(Path("results/logs"), STARTED):
        print(complaint, file=sys.stderr)


rule all:
    """Make everything: all designs, the scan, their pages, and the verdict on them."""
    default_target: True
    localrule: True
    input:
        RESULTS.verdict,


include: "workflow/rules/common.smk"
include: "workflow/rules/resolve.smk"
include: "workflow/rules/simulate.smk"
include: "workflow/rules/ingest.smk"
include: "workflow/rules/anomaly_score.smk"
include: "workflow/rules/baselines.smk"
include: "workflow/rules/train.smk"
include: "workflow/rules/firmware.smk"
include: "workflow/rules/verify.smk"
include: "workflow/rules/prove.smk"
include: "workflow/rules/synth.smk"
include: "workflow/rules/vendor.smk"
include: "workflow/rules/route.smk"
include: "workflow/rules/timing.smk"
include: "workflow/rules/physics.smk"
include: "workflow/rules/importance.smk"
include: "workflow/rules/rate.smk"
include: "workflow/rules/decision.smk"
include: "workflow/rules/drift.smk"
include: "workflow/rules/release.smk"
include: "workflow/rules/summary.smk"
include: "workflow/rules/scan.smk"
include: "workflow/rules/pages.smk"
include: "workflow/rules/check_budgets.smk"
