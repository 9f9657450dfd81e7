rule timing:
    """Set latency and throughput of design {wildcards.design} against its budget and target."""
    input:
        spec=DESIGN.spec,
        verify_card=DESIGN.card("verify"),
        synth_card=DESIGN.card("synth"),
    output:
        card=DESIGN.card("timing"),
    params:
        code=fingerprint("stages.timing"),
    resources:
        **resources(mem_mb=1000, runtime=10),
    log:
        "results/logs/{design}/timing.log",
    shell:
        stage("timing")
