if DESIGNS:

    rule summary:
        """Put all designs side by side."""
        input:
            reference=OWN_DATA.baselines,
            cards=expand(DESIGN.card("{card}"), design=DESIGNS, card=CARDS),
        output:
            json=RESULTS.summary,
            tsv=RESULTS.summary_table,
        params:
            folders=expand(DESIGN.folder, design=DESIGNS),
            code=fingerprint("stages.summary"),
        resources:
            **resources(mem_mb=1000, runtime=10),
        log:
            "results/logs/summary.log",
        shell:
            stage("summary", folders="params.folders")
