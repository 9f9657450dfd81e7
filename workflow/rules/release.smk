rule release:
    """Pack what is delivered of design {wildcards.design}, and check it as its receiver would."""
    input:
        spec="results/{design}/spec.json",
        network="results/{design}/network.npz",
        codes=f"{DATA}/codes.npz",
        folder="results/{design}/firmware",
        firmware="results/{design}/firmware.json",
        verify="results/{design}/verify.json",
        synth="results/{design}/synth.json",
        timing="results/{design}/timing.json",
        decision=[f"results/{{design}}/{held}" for name in DECISION for held in (f"{name}.json", name)],
    output:
        folder=directory("results/{design}/release"),
        archive="results/{design}/release.zip",
        card="results/{design}/release.json",
    params:
        decision=lambda wildcards, input: f"--decision {input.decision[0]}" if input.decision else "",
        code=fingerprint("stages.release"),
    resources:
        **needs(mem_mb=2000, runtime=60),
    log:
        "results/logs/{design}/release.log",
    shell:
        "trigger-lut stage release --spec {input.spec} --network {input.network} --codes {input.codes}"
        " --firmware {input.firmware} --verify {input.verify} --synth {input.synth} --timing {input.timing}"
        " --folder {output.folder} --archive {output.archive} --card {output.card} {params.decision}"
        " &> {log} || failed {log}"
