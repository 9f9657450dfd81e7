# The designs of the scan are made by the same rules as the others; here they are compared.
if POINTS:

    rule scan:
        """Compare all designs of the scan and mark the Pareto front."""
        input:
            reference=OWN_DATA.baselines,
            cards=expand(DESIGN.card("{card}"), design=[*POINTS, *DESIGNS], card=CARDS),
        output:
            json=RESULTS.scan,
            tsv=RESULTS.scan_table,
        params:
            points=expand(DESIGN.folder, design=POINTS),
            designs=expand(DESIGN.folder, design=DESIGNS),
            published=plan.data_set.public_data_set or "",
            code=fingerprint("stages.scan"),
        resources:
            **resources(mem_mb=1000, runtime=10),
        log:
            "results/logs/scan.log",
        shell:
            stage("scan", points="params.points", designs="params.designs")

    rule pages_of_scan:
        """Draw accuracy against LUTs and latency over all designs of the scan."""
        input:
            RESULTS.scan,
        output:
            page=report_item("results/scan.html", "scan", "scan"),
            luts=report_item("results/scan.svg", "scan", "scan, accuracy against LUTs"),
            latency=report_item("results/scan_latency.svg", "scan", "scan, accuracy against latency"),
        params:
            folder="results",
            code=fingerprint("report.pages.scan"),
        resources:
            **resources(mem_mb=2000, runtime=10),
        log:
            "results/logs/pages_of_scan.log",
        shell:
            stage("pages_of_scan", scan="input", folder="params.folder")
