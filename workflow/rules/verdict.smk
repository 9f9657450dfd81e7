rule verdict:
    """Fail when a design misses its budget, or one of them or of the scan's is not bit-exact. Comes last, and owns
    nothing but its own file."""
    localrule: True
    input:
        **({"summary": "results/summary.json"} if DESIGNS else {}),
        **({"scan": "results/scan.json"} if POINTS else {}),
        proofs=expand("results/{design}/{card}.json", design=DESIGNS, card=["prove", "faults", *DECISION]),
        pages=[*PAGES, *rules.page_of_index.output],
    output:
        "results/verdict.json",
    params:
        summary="--summary results/summary.json" if DESIGNS else "",
        scan="--scan results/scan.json" if POINTS else "",
        code=fingerprint("verdict"),
    log:
        "results/logs/verdict.log",
    shell:
        "trigger-lut verdict {params.summary} {params.scan} --proofs {input.proofs} --output {output} &> {log} || failed {log}"
