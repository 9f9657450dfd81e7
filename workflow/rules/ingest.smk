# The files of a data set, one job each, then the codes of all. Records are removed once there are codes of them.
# A data set to compare with is one more {data_set}, below that of the designs; its codes have the same formats.


def source(wildcards):
    """The file of that number, with its friends."""
    return described(wildcards).sources[int(wildcards.number)]


def records(suffix):
    """The records, or their cards, of all files of a data set."""
    return lambda wildcards: expand(
        f"results/data/{wildcards.data_set}/read/{{number}}.{suffix}",
        number=range(len(described(wildcards).sources)),
    )


rule read:
    """Read file number {wildcards.number} of data set {wildcards.data_set} into records."""
    input:
        description=ANY_DATA.description,
        files=lambda wildcards: tracked(local_files(source(wildcards))),
    output:
        rows=temp("results/data/{data_set}/read/{number}.rows"),
        card=temp("results/data/{data_set}/read/{number}.json"),
    params:
        source=lambda wildcards: source(wildcards).text(),
        untracked=lambda wildcards: untracked(local_files(source(wildcards))),
        code=fingerprint("stages.read"),
    wildcard_constraints:
        number="[0-9]+",
    resources:
        **resources(mem_mb=1000, runtime=60),
    log:
        "results/logs/data/{data_set}/read_{number}.log",
    shell:
        stage("read")


# An imported model gives the formats that the description of the data set leaves open.
KERAS_FILE = plan.budget.network.keras_file
MODEL_FORMATS = OWN_DATA.card("input_formats")


if KERAS_FILE is not None:

    rule input_formats:
        """Find the formats in which the imported model reads its inputs."""
        output:
            card=MODEL_FORMATS,
        params:
            model=always(KERAS_FILE),
            digest=always(model_digest(plan.budget.network)),
            code=fingerprint("stages.input_formats"),
        resources:
            **resources(mem_mb=2000, runtime=30),
        log:
            f"results/logs/data/{DATA_SET}/input_formats.log",
        shell:
            stage("input_formats", model="params.model")


rule ingest:
    """Turn the entries of all files of data set {wildcards.data_set} into integer codes."""
    input:
        description=ANY_DATA.description,
        files=lambda wildcards: tracked(described(wildcards).files),
        rows=records("rows"),
        cards=records("json"),
        # Other data are encoded in the formats of the data set that designs are trained on.
        frozen=lambda wildcards: [] if wildcards.data_set == DATA_SET else OWN_DATA.codes,
        input_formats=lambda wildcards: MODEL_FORMATS if KERAS_FILE and wildcards.data_set == DATA_SET else [],
    output:
        codes=ANY_DATA.codes,
        card=ANY_DATA.card("ingest"),
    params:
        code=fingerprint("stages.ingest"),
        # A design that is trained again keeps its input formats.
        frozen_formats=lambda wildcards: frozen_formats(plan) if wildcards.data_set == DATA_SET else "",
        read=ANY_DATA.records,  # a folder: thousands of cards are too long for a command line
        untracked=lambda wildcards: untracked(described(wildcards).files),
        # Snakemake cannot see files at these addresses: another list of addresses reads again.
        remote=lambda wildcards: described(wildcards).remote,
    resources:
        **resources(mem_mb=1000, runtime=60),
    log:
        "results/logs/data/{data_set}/ingest.log",
    shell:
        stage("ingest", read="params.read")


if plan.data_set.anomaly is not None:

    # The teacher adds its score to these codes, and writes codes.npz.
    use rule ingest as ingest_without_scores with:
        wildcard_constraints:
            data_set=DATA_SET,
        output:
            codes=ANY_DATA.encoded,
            card=ANY_DATA.card("ingest"),

    ruleorder: anomaly_score > ingest_without_scores > ingest
