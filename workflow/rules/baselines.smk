from trigger_lut.config.budget import EPOCHS


rule baselines:
    """Train the baselines: the same network in float, what is learnable from objects, and boosted trees."""
    input:
        codes=OWN_DATA.codes,
    output:
        card=OWN_DATA.baselines,
        baseline_predictions=OWN_DATA.baseline_predictions,
    params:
        network=always(plan.budget.network.model_dump_json()),
        epochs=plan.budget.training.epochs or EPOCHS,
        seed=plan.budget.seed,
        code=fingerprint("stages.baselines"),
    resources:
        **resources(mem_mb=3000, runtime=60),
    log:
        f"results/logs/data/{DATA_SET}/reference.log",
    shell:
        stage("baselines", threads="threads")
