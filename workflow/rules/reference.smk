rule reference:
    """Train what quantization is measured against: a Dense network of the same widths, and boosted trees."""
    input:
        codes=f"{DATA}/codes.npz",
    output:
        card=f"{DATA}/reference.json",
        outputs=f"{DATA}/reference.npz",
    params:
        units=plan.budget.network.baseline_widths,
        seed=plan.budget.seed,
        code=fingerprint("stages.baselines"),
    resources:
        **needs(mem_mb=3000, runtime=60),
    log:
        f"results/logs/data/{DATA_SET}/reference.log",
    shell:
        stage("baselines", threads=True)
