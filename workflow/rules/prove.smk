rule prove:
    """Prove that the Verilog of design {wildcards.design} is its network for all inputs."""
    input:
        spec="results/{design}/spec.json",
        network="results/{design}/network.npz",
        firmware="results/{design}/firmware.json",
        folder="results/{design}/firmware",
    output:
        "results/{design}/prove.json",
    params:
        seconds=plan.budget.verification.sat_timeout_s,
        second_seconds=plan.budget.verification.second_proof_timeout_s,
        code=fingerprint("stages.prove"),
    resources:
        **needs(mem_mb=2000, runtime=60),
    log:
        "results/logs/{design}/prove.log",
    shell:
        "trigger-lut stage prove --spec {input.spec} --network {input.network} --firmware {input.firmware}"
        " --seconds {params.seconds} --second-seconds {params.second_seconds} --card {output} &> {log} || failed {log}"


rule faults:
    """Put faults into the Verilog of design {wildcards.design} and see whether verification notices them."""
    input:
        spec="results/{design}/spec.json",
        network="results/{design}/network.npz",
        codes=f"{DATA}/codes.npz",
        firmware="results/{design}/firmware.json",
        folder="results/{design}/firmware",
    output:
        "results/{design}/faults.json",
    params:
        faults=plan.budget.verification.faults,
        code=fingerprint("stages.faults"),
    resources:
        **needs(mem_mb=2000, runtime=60),
    log:
        "results/logs/{design}/faults.log",
    shell:
        "trigger-lut stage faults --spec {input.spec} --network {input.network} --codes {input.codes}"
        " --firmware {input.firmware} --count {params.faults} --card {output} &> {log} || failed {log}"
