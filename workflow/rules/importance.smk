rule importance:
    """Metric what each bit of each input is worth to design {wildcards.design}."""
    input:
        spec="results/{design}/spec.json",
        network="results/{design}/network.npz",
        codes=f"{DATA}/codes.npz",
        description=f"{DATA}/data_set.json",
    output:
        card="results/{design}/importance.json",
    params:
        code=fingerprint("stages.importance"),
    resources:
        **needs(mem_mb=2000, runtime=20),
    log:
        "results/logs/{design}/importance.log",
    shell:
        stage("importance")


rule page_of_importance:
    """Draw the page of what each bit of each input is worth to design {wildcards.design}."""
    input:
        "results/{design}/importance.json",
    output:
        **(
            {"slots": shown("results/{design}/pages/slots.svg", "importance", "importance of object slots")}
            if plan.data_set.objects
            else {}
        ),
        page=shown("results/{design}/pages/importance.html", "importance", "importance of inputs"),
        plot=shown("results/{design}/pages/importance.svg", "importance", "importance of bits"),
    params:
        folder="results/{design}/pages",
        code=fingerprint("report.pages.importance"),
    resources:
        **needs(mem_mb=1000, runtime=10),
    log:
        "results/logs/{design}/page_of_importance.log",
    shell:
        stage("page_of_importance", importance="input", folder="params.folder")
