# What the rules share.
from trigger_lut.errors import nearest
from trigger_lut.stages.registry import registry

# The report sorts its categories by name.
CATEGORIES = (
    "simulate",
    "ingest",
    "reference",
    "train",
    "physics",
    "rate",
    "drift",
    "firmware",
    "verify",
    "synth",
    "timing",
    "release",
    "summary",
)
PARENT_CATEGORY = {
    "importance": "physics",
    "scan": "summary",
    "teacher": "reference",
    "guarantees": "summary",
    "event": "verify",
    "prove": "verify",
    "faults": "verify",
}  # pages in the category of another stage
# What is known of a design, for the tables over all of them.
CARDS = ("spec", "train", "verify", "synth", "timing", "physics")


def stage(name, /, **options):
    """The shell line of a stage: files and values of the rule by the names of the stage's parameters."""
    return registry()[name].shell(**options)


def report_item(path, stage, what):
    """A page or plot for the report: its caption is that of the stage."""
    owner = "{design}" if "{design}" in path else DATA_SET if path.startswith(DATA) else "all designs"
    category = PARENT_CATEGORY.get(stage, stage)
    return report(
        path,
        caption=f"../captions/{stage}.rst",
        category=f"{CATEGORIES.index(category) + 1:02} {category.capitalize()}",
        labels={"of": owner, "shows": what, "form": Path(path).suffix[1:]},
    )


def spec_of(wildcards):
    """What a design was asked for."""
    if wildcards.design not in plan.specs:
        sys.exit(f"trigger-lut: error: no design {wildcards.design!r}{nearest(wildcards.design, plan.specs)}")
    return plan.specs[wildcards.design]


def described(wildcards):
    """The data set of that name, with its files."""
    return plan.data_sets[wildcards.data_set]


def has_wildcards(path):
    """Whether Snakemake would take a part of a file's name for a wildcard; there is no way to write such a name."""
    return "{" in str(path) or "}" in str(path)


def tracked(files):
    """The files that are inputs for Snakemake."""
    return [file for file in files if not has_wildcards(file)]


def untracked(files):
    """Name, size and time of the other files, for the parameters of a rule: it runs again when one changes."""
    found = [(file, Path(file).stat()) for file in files if has_wildcards(file)]
    return [f"{file}: {status.st_size} bytes, {status.st_mtime_ns} ns" for file, status in found]


def local_files(source):
    """The files of a source that are no addresses."""
    return [file for file in source.all_files() if isinstance(file, Path)]


def if_changed(path, resolved, content):
    """The file that was edited; `ancient` unless what was resolved from it has other content now."""
    if has_wildcards(path):
        return []
    return str(path) if is_stale(Path(resolved), content) else ancient(str(path))


def always(value):
    """A parameter as a function: Snakemake looks for wildcards in others, and users' names may have braces."""
    return lambda wildcards: value


def resources(mem_mb, runtime, gpus=0):
    """Resources of a job under the names that the executors read; twice as much in the second attempt, and so on.

    mem_mb: memory in MB. runtime: minutes. gpus: 0 asks for none. SLURM and `--resources` read mem_mb, runtime and gpu;
    HTCondor htcondor_request_mem_mb, allowed_execute_duration (in seconds) and request_gpus.

    The rules ask for two to four times what SLURM's accounting measured for 40,000 jets and three designs, and for
    1000 MB at least.
    """

    def grows(amount):
        return lambda wildcards, attempt: attempt * amount

    named = {
        "mem_mb": grows(mem_mb),
        "runtime": grows(runtime),
        "htcondor_request_mem_mb": grows(mem_mb),
        "allowed_execute_duration": grows(60 * runtime),
    }
    return named | ({"gpu": gpus, "request_gpus": gpus} if gpus else {})
