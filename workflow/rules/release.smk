rule release:
    """Pack what is delivered of design {wildcards.design}, and check it as its receiver would."""
    input:
        spec="results/{design}/spec.json",
        network="results/{design}/network.npz",
        codes=f"{DATA}/codes.npz",
        folder="results/{design}/firmware",
        firmware_card="results/{design}/firmware.json",
        verify_card="results/{design}/verify.json",
        synth_card="results/{design}/synth.json",
        timing_card="results/{design}/timing.json",
        decision_card=[f"results/{{design}}/{name}.json" for name in DECISION],
        decision=[f"results/{{design}}/{name}" for name in DECISION],
    output:
        folder=directory("results/{design}/release"),
        archive="results/{design}/release.zip",
        card="results/{design}/release.json",
    params:
        cmssw_model=lambda wildcards: plan.budget.release.cmssw_model(wildcards.design)[0],
        cmssw_version=lambda wildcards: plan.budget.release.cmssw_model(wildcards.design)[1],
        code=fingerprint("stages.release"),
    resources:
        **needs(mem_mb=2000, runtime=60),
    log:
        "results/logs/{design}/release.log",
    shell:
        stage("release")
