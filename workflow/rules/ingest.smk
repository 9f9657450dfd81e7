rule ingest:
    """Read the ROOT files of the data set into integer codes."""
    input:
        description=f"{DATA}/data_set.json",
        files=plan.files,
    output:
        codes=f"{DATA}/codes.npz",
        card=f"{DATA}/ingest.json",
    params:
        code=fingerprint("events.run"),
        remote=plan.remote,  # no files that Snakemake could look at: another list of addresses reads again
    resources:
        **needs(mem_mb=2000, runtime=30),
    log:
        f"results/logs/data/{DATA_SET}/ingest.log",
    shell:
        "trigger-lut ingest --description {input.description} --codes {output.codes} --card {output.card} &> {log} || failed {log}"
