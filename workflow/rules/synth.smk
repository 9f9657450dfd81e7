rule synth:
    """Synthesize design {wildcards.design} with Yosys, out of context."""
    input:
        spec=DESIGN.spec,
        network=DESIGN.network,
        train_card=DESIGN.card("train"),
        firmware_card=DESIGN.card("firmware"),
        folder=DESIGN.firmware,
    output:
        card=DESIGN.card("synth"),
    params:
        code=fingerprint("stages.synth"),
    resources:
        **resources(mem_mb=2000, runtime=60),
    log:
        "results/logs/{design}/synth.log",
    shell:
        stage("synth")
