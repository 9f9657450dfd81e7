def object_step(wildcards):
    """Options of Verilog from objects to codes, as JSON; empty for a design without it."""
    return plan.budget.release.object_step_text(wildcards.design)


rule firmware:
    """Write design {wildcards.design} as an hls4ml project and as pipelined Verilog."""
    input:
        spec=DESIGN.spec,
        model=DESIGN.model,
        network=DESIGN.network,
        description=lambda wildcards: OWN_DATA.description if object_step(wildcards) else [],
    output:
        folder=directory(DESIGN.firmware),
        card=DESIGN.card("firmware"),
    params:
        version=lambda wildcards: plan.budget.release.given_version(wildcards.design) or "",
        object_step=object_step,
        code=fingerprint("stages.firmware"),
    resources:
        **resources(mem_mb=3000, runtime=60),
    log:
        "results/logs/{design}/firmware.log",
    shell:
        stage("firmware")
