# Rates in kHz, where the data set says at what rate background comes in.
if plan.data_set.trigger is not None:

    rule thresholds:
        """Choose the thresholds of design {wildcards.design} for the rates of the trigger."""
        input:
            spec=DESIGN.spec,
            network=DESIGN.network,
            codes=OWN_DATA.codes,
        output:
            card=DESIGN.card("thresholds"),
        params:
            # Other variables on the page of rates change no threshold.
            trigger=always(plan.data_set.trigger.model_dump_json(exclude={"efficiency_variables"})),
            code=fingerprint("stages.thresholds"),
        resources:
            **resources(mem_mb=2000, runtime=10),
        log:
            "results/logs/{design}/thresholds.log",
        shell:
            stage("thresholds")

    rule rate:
        """Measure rate and signal efficiency of design {wildcards.design} as a trigger."""
        input:
            spec=DESIGN.spec,
            network=DESIGN.network,
            codes=OWN_DATA.codes,
            predictions=DESIGN.predictions,
            baseline_predictions=OWN_DATA.baseline_predictions,
            thresholds=DESIGN.card("thresholds"),
        output:
            card=DESIGN.card("rate"),
        params:
            trigger=always(plan.data_set.trigger.model_dump_json()),
            plot_label=always(plan.data_set.shown_as),
            code=fingerprint("stages.rate"),
        resources:
            **resources(mem_mb=2000, runtime=10),
        log:
            "results/logs/{design}/rate.log",
        shell:
            stage("rate")

    rule page_of_rate:
        """Draw the page of the rates of design {wildcards.design}."""
        input:
            rate=DESIGN.card("rate"),
            decision=DESIGN.card("decision"),
        output:
            **(
                {"reliability": report_item(f"{DESIGN.pages}/reliability.svg", "rate", "calibration")}
                if plan.data_set.anomaly is None
                else {}
            ),
            page=report_item(f"{DESIGN.pages}/rate.html", "rate", "rates and efficiencies"),
            rates=report_item(f"{DESIGN.pages}/rates.svg", "rate", "rate against threshold"),
            turnons=report_item(f"{DESIGN.pages}/turnons.svg", "rate", "efficiency against variables"),
        params:
            folder=DESIGN.pages,
            code=fingerprint("report.pages.rate"),
        resources:
            **resources(mem_mb=1000, runtime=10),
        log:
            "results/logs/{design}/page_of_rate.log",
        shell:
            stage("page_of_rate", folder="params.folder")
