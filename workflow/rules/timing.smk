rule timing:
    """Set latency and throughput of design {wildcards.design} against its budget and target."""
    input:
        spec="results/{design}/spec.json",
        verify_card="results/{design}/verify.json",
        synth_card="results/{design}/synth.json",
    output:
        card="results/{design}/timing.json",
    params:
        code=fingerprint("stages.timing"),
    resources:
        **needs(mem_mb=1000, runtime=10),
    log:
        "results/logs/{design}/timing.log",
    shell:
        stage("timing")
