rule verify:
    """Compare every form of design {wildcards.design} with the integer reference, bit for bit."""
    input:
        spec=DESIGN.spec,
        model=DESIGN.model,
        network=DESIGN.network,
        codes=OWN_DATA.codes,
        firmware_card=DESIGN.card("firmware"),
        folder=DESIGN.firmware,
    output:
        card=DESIGN.card("verify"),
    params:
        rtl_vectors=plan.budget.verification.rtl_vectors,
        code=fingerprint("stages.verify"),
    resources:
        **resources(mem_mb=4000, runtime=60),
    log:
        "results/logs/{design}/verify.log",
    shell:
        stage("verify", threads="threads")
