rule verify:
    """Compare every form of design {wildcards.design} with the integer reference, bit for bit."""
    input:
        spec="results/{design}/spec.json",
        model="results/{design}/model.keras",
        network="results/{design}/network.npz",
        codes=f"{DATA}/codes.npz",
        firmware_card="results/{design}/firmware.json",
        folder="results/{design}/firmware",
    output:
        card="results/{design}/verify.json",
    params:
        rtl_vectors=plan.budget.verification.rtl_vectors,
        code=fingerprint("stages.verify"),
    resources:
        **needs(mem_mb=4000, runtime=60),
    log:
        "results/logs/{design}/verify.log",
    shell:
        stage("verify", threads=True)
