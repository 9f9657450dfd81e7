rule release:
    """Pack what is delivered of design {wildcards.design}, and check it as its receiver would."""
    input:
        spec=DESIGN.spec,
        network=DESIGN.network,
        codes=OWN_DATA.codes,
        folder=DESIGN.firmware,
        firmware_card=DESIGN.card("firmware"),
        verify_card=DESIGN.card("verify"),
        synth_card=DESIGN.card("synth"),
        timing_card=DESIGN.card("timing"),
        decision_card=[DESIGN.card(name) for name in DECISION],
        decision=DESIGN.decision if DECISION else [],
        description=OWN_DATA.description,
        files=tracked(local_files(plan.sources[0])),
    output:
        folder=directory(DESIGN.release),
        archive=DESIGN.archive,
        card=DESIGN.card("release"),
    params:
        cmssw_model=lambda wildcards: plan.budget.release.cmssw_model(wildcards.design)[0],
        cmssw_version=lambda wildcards: plan.budget.release.cmssw_model(wildcards.design)[1],
        boards=lambda wildcards: plan.budget.release.board_wrappers(wildcards.design),
        source=always(plan.sources[0].text()),
        code=fingerprint("stages.release"),
    resources:
        **resources(mem_mb=2000, runtime=60),
    log:
        "results/logs/{design}/release.log",
    shell:
        stage("release")
