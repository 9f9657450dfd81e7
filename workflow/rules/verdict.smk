rule verdict:
    """Fail when a design misses its budget or is not bit-exact. Comes last, and owns nothing but its own file."""
    localrule: True
    input:
        summary="results/summary.json",
        pages=PAGES,
    output:
        "results/verdict.json",
    params:
        code=fingerprint("verdict"),
    log:
        "results/logs/verdict.log",
    shell:
        "trigger-lut verdict --summary {input.summary} --output {output} &> {log} || failed {log}"
