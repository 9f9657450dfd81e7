rule importance:
    """Metric what each bit of each input is worth to design {wildcards.design}."""
    input:
        spec=DESIGN.spec,
        network=DESIGN.network,
        codes=OWN_DATA.codes,
        description=OWN_DATA.description,
    output:
        card=DESIGN.card("importance"),
    params:
        code=fingerprint("stages.importance"),
    resources:
        **resources(mem_mb=2000, runtime=20),
    log:
        "results/logs/{design}/importance.log",
    shell:
        stage("importance")


rule page_of_importance:
    """Draw the page of what each bit of each input is worth to design {wildcards.design}."""
    input:
        DESIGN.card("importance"),
    output:
        **(
            {"slots": report_item(f"{DESIGN.pages}/slots.svg", "importance", "importance of object slots")}
            if plan.data_set.objects
            else {}
        ),
        page=report_item(f"{DESIGN.pages}/importance.html", "importance", "importance of inputs"),
        plot=report_item(f"{DESIGN.pages}/importance.svg", "importance", "importance of bits"),
    params:
        folder=DESIGN.pages,
        code=fingerprint("report.pages.importance"),
    resources:
        **resources(mem_mb=1000, runtime=10),
    log:
        "results/logs/{design}/page_of_importance.log",
    shell:
        stage("page_of_importance", importance="input", folder="params.folder")
