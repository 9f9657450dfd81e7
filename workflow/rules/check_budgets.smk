rule check_budgets:
    """Fail when a design misses its budget, is not bit-exact, or when cards and files do not agree. Comes last, and
    owns nothing but its own file."""
    localrule: True
    input:
        summary=RESULTS.summary if DESIGNS else [],
        scan=RESULTS.scan if POINTS else [],
        cards=expand(DESIGN.card("{card}"), design=DESIGNS, card=["prove", "faults", "release", *DECISION]),
        pages=[*PAGES, *rules.page_of_index.output],
    output:
        RESULTS.verdict,
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
