rule synth:
    """Synthesize design {wildcards.design} with Yosys, out of context."""
    input:
        spec="results/{design}/spec.json",
        network="results/{design}/network.npz",
        train_card="results/{design}/train.json",
        firmware_card="results/{design}/firmware.json",
        folder="results/{design}/firmware",
    output:
        card="results/{design}/synth.json",
    params:
        code=fingerprint("stages.synth"),
    resources:
        **needs(mem_mb=2000, runtime=60),
    log:
        "results/logs/{design}/synth.log",
    shell:
        stage("synth")
