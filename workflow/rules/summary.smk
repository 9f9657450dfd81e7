if DESIGNS:

    rule summary:
        """Put all designs side by side."""
        input:
            reference=f"{DATA}/reference.json",
            cards=expand("results/{design}/{card}.json", design=DESIGNS, card=CARDS),
        output:
            json="results/summary.json",
            tsv="results/summary.tsv",
        params:
            folders=expand("results/{design}", design=DESIGNS),
            code=fingerprint("stages.summary"),
        resources:
            **needs(mem_mb=1000, runtime=10),
        log:
            "results/logs/summary.log",
        shell:
            stage("summary", folders="params.folders")
