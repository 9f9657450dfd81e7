# Other data with the same features, in the formats and through the network that were frozen with the data set.
# The rules that describe, simulate and read them are those of the data set itself.
if plan.drift:

    wildcard_constraints:
        drift="|".join(plan.drift),

    rule drift:
        """Compare data set {wildcards.drift} in the frozen network of design {wildcards.design} with its own."""
        input:
            thresholds="results/{design}/thresholds.json" if plan.data_set.trigger is not None else [],
            spec="results/{design}/spec.json",
            network="results/{design}/network.npz",
            description=f"{DATA}/data_set.json",
            codes=f"{DATA}/codes.npz",
            ingest=f"{DATA}/ingest.json",
            new_description=f"{DATA}/drift/{{drift}}/data_set.json",
            new_codes=f"{DATA}/drift/{{drift}}/codes.npz",
            new_ingest=f"{DATA}/drift/{{drift}}/ingest.json",
        output:
            card="results/{design}/drift_{drift}.json",
        params:
            trigger=always(plan.data_set.trigger.model_dump_json() if plan.data_set.trigger is not None else ""),
            code=fingerprint("stages.drift"),
        resources:
            **needs(mem_mb=2000, runtime=10),
        log:
            "results/logs/{design}/drift_{drift}.log",
        shell:
            stage("drift")

    rule page_of_drift:
        """Draw the page of data set {wildcards.drift} in the frozen firmware of design {wildcards.design}."""
        input:
            "results/{design}/drift_{drift}.json",
        output:
            page=shown("results/{design}/pages/drift_{drift}.html", "drift", "{drift}: inputs, outputs and rates"),
            plot=shown("results/{design}/pages/drift_{drift}.svg", "drift", "{drift}: inputs that drifted most"),
        params:
            folder="results/{design}/pages",
            code=fingerprint("report.pages.drift"),
        resources:
            **needs(mem_mb=1000, runtime=10),
        log:
            "results/logs/{design}/page_of_drift_{drift}.log",
        shell:
            stage("page_of_drift", drift="input", folder="params.folder")
