rule firmware:
    """Write design {wildcards.design} as an hls4ml project and as pipelined Verilog."""
    input:
        spec="results/{design}/spec.json",
        model="results/{design}/model.keras",
        network="results/{design}/network.npz",
    output:
        folder=directory("results/{design}/firmware"),
        card="results/{design}/firmware.json",
    params:
        code=fingerprint("stages.firmware"),
    resources:
        **needs(mem_mb=3000, runtime=60),
    log:
        "results/logs/{design}/firmware.log",
    shell:
        stage("firmware")
