rule firmware:
    """Write design {wildcards.design} as an hls4ml project and as pipelined Verilog."""
    input:
        spec=DESIGN.spec,
        model=DESIGN.model,
        network=DESIGN.network,
    output:
        folder=directory(DESIGN.firmware),
        card=DESIGN.card("firmware"),
    params:
        version=lambda wildcards: plan.budget.release.given_version(wildcards.design) or "",
        code=fingerprint("stages.firmware"),
    resources:
        **needs(mem_mb=3000, runtime=60),
    log:
        "results/logs/{design}/firmware.log",
    shell:
        stage("firmware")
