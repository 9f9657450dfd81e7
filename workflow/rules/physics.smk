rule physics:
    """Measure how well design {wildcards.design} tells the classes apart, or finds its targets."""
    input:
        spec=DESIGN.spec,
        network=DESIGN.network,
        codes=OWN_DATA.codes,
        predictions=DESIGN.predictions,
        baseline_predictions=OWN_DATA.baseline_predictions,
    output:
        card=DESIGN.card("physics"),
    params:
        tagging=always("" if (options_of := plan.data_set.tagging_options) is None else options_of.model_dump_json()),
        code=fingerprint("stages.physics"),
    resources:
        **resources(mem_mb=2000, runtime=10),
    log:
        "results/logs/{design}/physics.log",
    shell:
        stage("physics")
