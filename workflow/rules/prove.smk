rule prove:
    """Prove that the Verilog of design {wildcards.design} is its network for all inputs."""
    input:
        spec="results/{design}/spec.json",
        network="results/{design}/network.npz",
        firmware_card="results/{design}/firmware.json",
        folder="results/{design}/firmware",
    output:
        card="results/{design}/prove.json",
    params:
        seconds=plan.budget.verification.sat_timeout_s,
        second_seconds=plan.budget.verification.second_proof_timeout_s,
        code=fingerprint("stages.prove"),
    resources:
        **needs(mem_mb=2000, runtime=60),
    log:
        "results/logs/{design}/prove.log",
    shell:
        stage("prove")


rule inject_faults:
    """Put faults into the Verilog of design {wildcards.design} and see whether verification notices them."""
    input:
        spec="results/{design}/spec.json",
        network="results/{design}/network.npz",
        codes=f"{DATA}/codes.npz",
        firmware_card="results/{design}/firmware.json",
        folder="results/{design}/firmware",
    output:
        card="results/{design}/faults.json",
    params:
        fault_count=plan.budget.verification.faults,
        code=fingerprint("stages.inject_faults"),
    resources:
        **needs(mem_mb=2000, runtime=60),
    log:
        "results/logs/{design}/faults.log",
    shell:
        stage("inject_faults")
