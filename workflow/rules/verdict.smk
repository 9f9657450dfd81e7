rule verdict:
    """Fail when a design misses its budget, is not bit-exact, or when cards and files do not agree. Comes last, and
    owns nothing but its own file."""
    localrule: True
    input:
        **({"summary": "results/summary.json"} if DESIGNS else {}),
        **({"scan": "results/scan.json"} if POINTS else {}),
        cards=expand("results/{design}/{card}.json", design=DESIGNS, card=["prove", "faults", "release", *DECISION]),
        pages=[*PAGES, *rules.page_of_index.output],
    output:
        "results/verdict.json",
    params:
        summary="--summary results/summary.json" if DESIGNS else "",
        scan="--scan results/scan.json" if POINTS else "",
        budget=always(str(options.budget)),
        targets=always(str(options.targets)),
        # What is asked for is compared, so a changed value judges again.
        asked=always(plan.budget.model_dump_json()),
        code=fingerprint("stages.verdict"),
    log:
        "results/logs/verdict.log",
    shell:
        "trigger-lut stage verdict {params.summary} {params.scan} --cards {input.cards} --budget={params.budget:q}"
        " --targets={params.targets:q} --output {output} &> {log} || failed {log}"
