# Files are read apart from each other, a job a file. Their records are removed once there are codes of them.
rule read:
    """Read file number {wildcards.number} of the data set into records."""
    input:
        description=f"{DATA}/data_set.json",
        files=lambda wildcards: tracked(here(plan.sources[int(wildcards.number)])),
    output:
        rows=temp(f"{DATA}/read/{{number}}.rows"),
        card=temp(f"{DATA}/read/{{number}}.json"),
    params:
        source=lambda wildcards: shlex.quote(plan.sources[int(wildcards.number)].text()),
        untracked=lambda wildcards: untracked(here(plan.sources[int(wildcards.number)])),
        code=fingerprint("stages.read"),
    wildcard_constraints:
        number="[0-9]+",
    resources:
        **needs(mem_mb=1000, runtime=60),
    log:
        f"results/logs/data/{DATA_SET}/read_{{number}}.log",
    shell:
        "trigger-lut stage read --description {input.description} --source {params.source} --card {output.card}"
        " &> {log} || failed {log}"


# Where an anomaly is looked for, codes come with the score that a teacher gives them.
ENCODED = f"{DATA}/{'codes' if plan.data_set.anomaly is None else 'encoded'}.npz"


rule ingest:
    """Turn the entries of all files of the data set into integer codes."""
    input:
        description=f"{DATA}/data_set.json",
        files=tracked(plan.files),
        rows=expand(f"{DATA}/read/{{number}}.rows", number=range(len(plan.sources))),
        cards=expand(f"{DATA}/read/{{number}}.json", number=range(len(plan.sources))),
    output:
        codes=ENCODED,
        card=f"{DATA}/ingest.json",
    params:
        code=fingerprint("stages.ingest"),
        read=f"{DATA}/read",  # a folder: a list of thousands of cards would be longer than a command line may be
        untracked=always(untracked(plan.files)),
        remote=always(plan.remote),  # no files that Snakemake could look at: another list of addresses reads again
    resources:
        **needs(mem_mb=1000, runtime=60),
    log:
        f"results/logs/data/{DATA_SET}/ingest.log",
    shell:
        "trigger-lut stage ingest --description {input.description} --codes {output.codes} --card {output.card}"
        " --read {params.read} &> {log} || failed {log}"
