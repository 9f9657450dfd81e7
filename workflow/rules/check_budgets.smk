rule check_budgets:
    """Fail when a design misses its budget, is not bit-exact, or when cards and files do not agree. Comes last, and
    owns nothing but its own file."""
    localrule: True
    input:
        summary="results/summary.json" if DESIGNS else [],
        scan="results/scan.json" if POINTS else [],
        cards=expand("results/{design}/{card}.json", design=DESIGNS, card=["prove", "faults", "release", *DECISION]),
        pages=[*PAGES, *rules.page_of_index.output],
    output:
        "results/verdict.json",
    params:
        budget=always(str(options.budget)),
        targets=always(str(options.targets)),
        # What is asked for is compared, so a changed value judges again.
        asked=always(plan.budget.model_dump_json()),
        code=fingerprint("stages.check_budgets"),
    log:
        "results/logs/verdict.log",
    shell:
        stage("check_budgets", output="output", budget="params.budget", targets="params.targets")
