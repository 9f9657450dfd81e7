# The decision in firmware, where the data set says at what rates.
DECISION = ["decision"] if plan.data_set.trigger is not None else []  # for the rules that read its card


if DECISION:

    rule decision:
        """Write the trigger's decision as bits of the firmware of design {wildcards.design}; verify and prove it."""
        input:
            spec=DESIGN.spec,
            network=DESIGN.network,
            codes=OWN_DATA.codes,
            firmware_card=DESIGN.card("firmware"),
            sources=DESIGN.firmware,
            thresholds_card=DESIGN.card("thresholds"),
        output:
            folder=directory(DESIGN.decision),
            card=DESIGN.card("decision"),
        params:
            seconds=plan.budget.verification.sat_timeout_s,
            code=fingerprint("stages.decision"),
        resources:
            **resources(mem_mb=2000, runtime=60),
        log:
            "results/logs/{design}/decision.log",
        shell:
            stage("decision")
