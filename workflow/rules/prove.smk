rule prove:
    """Prove that the Verilog of design {wildcards.design} is its network for all inputs."""
    input:
        spec=DESIGN.spec,
        network=DESIGN.network,
        firmware_card=DESIGN.card("firmware"),
        folder=DESIGN.firmware,
    output:
        card=DESIGN.card("prove"),
    params:
        seconds=plan.budget.verification.sat_timeout_s,
        second_seconds=plan.budget.verification.second_proof_timeout_s,
        code=fingerprint("stages.prove"),
    resources:
        **resources(mem_mb=2000, runtime=60),
    log:
        "results/logs/{design}/prove.log",
    shell:
        stage("prove")


rule inject_faults:
    """Put faults into the Verilog of design {wildcards.design} and see whether verification notices them."""
    input:
        spec=DESIGN.spec,
        network=DESIGN.network,
        codes=OWN_DATA.codes,
        firmware_card=DESIGN.card("firmware"),
        folder=DESIGN.firmware,
    output:
        card=DESIGN.card("faults"),
    params:
        fault_count=plan.budget.verification.faults,
        code=fingerprint("stages.inject_faults"),
    resources:
        **resources(mem_mb=2000, runtime=60),
    log:
        "results/logs/{design}/faults.log",
    shell:
        stage("inject_faults")
