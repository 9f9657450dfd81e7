# The decision in firmware, where the data set says at what rates.
DECISION = ["decision"] if plan.data_set.trigger is not None else []  # for the rules that read its card


if DECISION:

    rule decision:
        """Write the trigger's decision as bits of the firmware of design {wildcards.design}; verify and prove it."""
        input:
            spec="results/{design}/spec.json",
            network="results/{design}/network.npz",
            codes=f"{DATA}/codes.npz",
            firmware_card="results/{design}/firmware.json",
            sources="results/{design}/firmware",
            thresholds_card="results/{design}/thresholds.json",
        output:
            folder=directory("results/{design}/decision"),
            card="results/{design}/decision.json",
        params:
            seconds=plan.budget.verification.sat_timeout_s,
            code=fingerprint("stages.decision"),
        resources:
            **needs(mem_mb=2000, runtime=60),
        log:
            "results/logs/{design}/decision.log",
        shell:
            stage("decision")
