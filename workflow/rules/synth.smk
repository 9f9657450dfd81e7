rule synth:
    """Synthesize design {wildcards.design} with Yosys, out of context."""
    input:
        spec="results/{design}/spec.json",
        network="results/{design}/network.npz",
        train="results/{design}/train.json",
        firmware="results/{design}/firmware.json",
        folder="results/{design}/firmware",
    output:
        "results/{design}/synth.json",
    params:
        code=fingerprint("stages.synth"),
    resources:
        **needs(mem_mb=2000, runtime=60),
    log:
        "results/logs/{design}/synth.log",
    shell:
        "trigger-lut stage synth --spec {input.spec} --network {input.network} --train {input.train}"
        " --firmware {input.firmware} --card {output} &> {log} || failed {log}"
