# Other data with the same features, in the formats and through the network that were frozen with the data set.
# The rules that describe, simulate and read them are those of the data set itself.
if plan.drift:
    OTHER_DATA = DataFiles(f"{DATA}/drift/{{drift}}")

    wildcard_constraints:
        drift="|".join(plan.drift),

    rule drift:
        """Compare data set {wildcards.drift} in the frozen network of design {wildcards.design} with its own."""
        input:
            thresholds=DESIGN.card("thresholds") if plan.data_set.trigger is not None else [],
            spec=DESIGN.spec,
            network=DESIGN.network,
            description=OWN_DATA.description,
            codes=OWN_DATA.codes,
            ingest=OWN_DATA.card("ingest"),
            new_description=OTHER_DATA.description,
            new_codes=OTHER_DATA.codes,
            new_ingest=OTHER_DATA.card("ingest"),
        output:
            card=DESIGN.card("drift_{drift}"),
        params:
            trigger=always(plan.data_set.trigger.model_dump_json() if plan.data_set.trigger is not None else ""),
            code=fingerprint("stages.drift"),
        resources:
            **resources(mem_mb=2000, runtime=10),
        log:
            "results/logs/{design}/drift_{drift}.log",
        shell:
            stage("drift")

    rule page_of_drift:
        """Draw the page of data set {wildcards.drift} in the frozen firmware of design {wildcards.design}."""
        input:
            DESIGN.card("drift_{drift}"),
        output:
            page=report_item(f"{DESIGN.pages}/drift_{{drift}}.html", "drift", "{drift}: inputs, outputs and rates"),
            plot=report_item(f"{DESIGN.pages}/drift_{{drift}}.svg", "drift", "{drift}: inputs that drifted most"),
        params:
            folder=DESIGN.pages,
            code=fingerprint("report.pages.drift"),
        resources:
            **resources(mem_mb=1000, runtime=10),
        log:
            "results/logs/{design}/page_of_drift_{drift}.log",
        shell:
            stage("page_of_drift", drift="input", folder="params.folder")
