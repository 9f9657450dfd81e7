rule physics:
    """Measure how well design {wildcards.design} tells the classes apart, or finds its targets."""
    input:
        spec="results/{design}/spec.json",
        network="results/{design}/network.npz",
        codes=f"{DATA}/codes.npz",
        model="results/{design}/model.keras",
        baseline_predictions=f"{DATA}/reference.npz",
    output:
        card="results/{design}/physics.json",
    params:
        tagging=always("" if (options_of := plan.data_set.tagging_options) is None else options_of.model_dump_json()),
        code=fingerprint("stages.physics"),
    resources:
        **needs(mem_mb=2000, runtime=10),
    log:
        "results/logs/{design}/physics.log",
    shell:
        stage("physics")
