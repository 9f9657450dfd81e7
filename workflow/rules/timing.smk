rule timing:
    """Set latency and throughput of design {wildcards.design} against its budget and target."""
    input:
        spec="results/{design}/spec.json",
        verify="results/{design}/verify.json",
        synth="results/{design}/synth.json",
    output:
        "results/{design}/timing.json",
    params:
        code=fingerprint("stages.timing"),
    resources:
        **needs(mem_mb=1000, runtime=10),
    log:
        "results/logs/{design}/timing.log",
    shell:
        "trigger-lut stage timing --spec {input.spec} --verify {input.verify} --synth {input.synth}"
        " --card {output} &> {log} || failed {log}"
