# Pages and plots for people, drawn from cards alone; `snakemake --report report.zip` collects them.
DATA_PAGES = OWN_DATA.pages
SIMULATED_PLOT = (
    ("angles", "angles of fits")
    if plan.data_set.simulate_muons
    else ("crossings", "jets and missing momentum") if plan.data_set.simulate_crossings else ("masses", "mass peaks")
)
PLOTS_OF_HEADS = {
    "classes": {"roc": "ROC curves", "confusion": "confusion matrix", "scores": "distributions of scores"},
    "targets": {"residuals": "found minus true", "resolution": "resolution"},
}
PHYSICS_PLOTS = {name: caption for head in plan.data_set.heads for name, caption in PLOTS_OF_HEADS[head.kind].items()}
if plan.data_set.tagging is not None:
    PHYSICS_PLOTS["pairs"] = "pairs of classes"
    if plan.data_set.tagging.efficiency_variables:
        PHYSICS_PLOTS["binned"] = "efficiency in bins"


rule pages_of_data:
    """Draw the pages of the data set."""
    input:
        simulation=OWN_DATA.card("check_simulation") if plan.simulated else [],
        ingest=OWN_DATA.card("ingest"),
        reference=OWN_DATA.baselines,
    output:
        **(
            {
                "simulation": report_item(f"{DATA_PAGES}/simulate.html", "simulate", "what was simulated"),
                "simulated": report_item(f"{DATA_PAGES}/{SIMULATED_PLOT[0]}.svg", "simulate", SIMULATED_PLOT[1]),
            }
            if plan.simulated
            else {}
        ),
        ingest=report_item(f"{DATA_PAGES}/ingest.html", "ingest", "features and formats"),
        inputs=report_item(f"{DATA_PAGES}/inputs.svg", "ingest", "input distributions"),
        codes=report_item(f"{DATA_PAGES}/codes.svg", "ingest", "codes in use"),
        reference=report_item(f"{DATA_PAGES}/reference.html", "reference", "what is learnable"),
    params:
        folder=DATA_PAGES,
        code=fingerprint("report.pages.data"),
    resources:
        **resources(mem_mb=1000, runtime=10),
    log:
        f"results/logs/data/{DATA_SET}/pages.log",
    shell:
        stage("pages_of_data", folder="params.folder")


rule pages_of_design:
    """Draw the pages of design {wildcards.design}."""
    input:
        vendor=DESIGN.card("vendor") if VENDOR_TOOLS else [],
        route=DESIGN.card("route") if plan.budget.verification.ecp5_place_and_route else [],
        spec=DESIGN.spec,
        reference=OWN_DATA.baselines,
        train=DESIGN.card("train"),
        physics=DESIGN.card("physics"),
        verify=DESIGN.card("verify"),
        synth=DESIGN.card("synth"),
        timing=DESIGN.card("timing"),
    output:
        **{name: report_item(f"{DESIGN.pages}/{name}.svg", "physics", what) for name, what in PHYSICS_PLOTS.items()},
        train=report_item(f"{DESIGN.pages}/train.html", "train", "layers, widths and budget"),
        training=report_item(f"{DESIGN.pages}/training.svg", "train", "training curves"),
        widths=report_item(f"{DESIGN.pages}/widths.svg", "train", "bit widths and pruning"),
        physics=report_item(f"{DESIGN.pages}/physics.html", "physics", "efficiencies"),
        verify=report_item(f"{DESIGN.pages}/verify.html", "verify", "comparisons"),
        matrix=report_item(f"{DESIGN.pages}/verification.svg", "verify", "verification matrix"),
        synth=report_item(f"{DESIGN.pages}/synth.html", "synth", "resources"),
        resources=report_item(f"{DESIGN.pages}/resources.svg", "synth", "resources against budget"),
        timing=report_item(f"{DESIGN.pages}/timing.html", "timing", "latency and throughput"),
        pipeline=report_item(f"{DESIGN.pages}/pipeline.svg", "timing", "pipeline timing"),
    params:
        folder=DESIGN.pages,
        # for the captions
        luts=lambda wildcards: spec_of(wildcards).budget.luts,
        latency_ns=lambda wildcards: spec_of(wildcards).budget.latency_ns,
        dsp=lambda wildcards: spec_of(wildcards).budget.dsp,
        bram18=lambda wildcards: spec_of(wildcards).budget.bram18,
        clock_mhz=lambda wildcards: spec_of(wildcards).target.clock_mhz,
        code=fingerprint("report.pages.design"),
    resources:
        **resources(mem_mb=1000, runtime=10),
    log:
        "results/logs/{design}/pages.log",
    shell:
        stage("pages_of_design", folder="params.folder")


rule page_of_event:
    """Draw the path of the first test event through design {wildcards.design}, with all integers."""
    input:
        network=DESIGN.network,
        codes=OWN_DATA.codes,
    output:
        report_item(f"{DESIGN.pages}/event.html", "event", "path of one event"),
    params:
        event=0,
        code=fingerprint("report.pages.event"),
    resources:
        **resources(mem_mb=1000, runtime=10),
    log:
        "results/logs/{design}/page_of_event.log",
    shell:
        stage("page_of_event", name="wildcards.design", event="params.event", output="output")


rule page_of_firmware:
    """Draw the page of the firmware of design {wildcards.design}."""
    input:
        DESIGN.card("firmware"),
    output:
        page=report_item(f"{DESIGN.pages}/firmware.html", "firmware", "pipeline and layers"),
        plot=report_item(f"{DESIGN.pages}/stages.svg", "firmware", "pipeline stages"),
    params:
        folder=DESIGN.pages,
        code=fingerprint("report.pages.firmware"),
    resources:
        **resources(mem_mb=1000, runtime=10),
    log:
        "results/logs/{design}/page_of_firmware.log",
    shell:
        stage("page_of_firmware", firmware="input", folder="params.folder")


rule pages_of_proof:
    """Draw the pages of what is proven of design {wildcards.design}."""
    input:
        prove=DESIGN.card("prove"),
        faults=DESIGN.card("faults"),
    output:
        prove=report_item(f"{DESIGN.pages}/prove.html", "prove", "outputs proven"),
        faults=report_item(f"{DESIGN.pages}/faults.html", "faults", "faults injected"),
        plot=report_item(f"{DESIGN.pages}/faults.svg", "faults", "faults by kind"),
    params:
        folder=DESIGN.pages,
        code=fingerprint("report.pages.proof"),
    resources:
        **resources(mem_mb=1000, runtime=10),
    log:
        "results/logs/{design}/pages_of_proof.log",
    shell:
        stage("pages_of_proof", folder="params.folder")


rule page_of_release:
    """Draw the page of what is delivered of design {wildcards.design}."""
    input:
        DESIGN.card("release"),
    output:
        report_item(f"{DESIGN.pages}/release.html", "release", "what is delivered"),
    params:
        code=fingerprint("report.pages.release"),
    resources:
        **resources(mem_mb=1000, runtime=10),
    log:
        "results/logs/{design}/page_of_release.log",
    shell:
        stage("page_of_release", release="input", output="output")


if DESIGNS:

    rule pages_of_summary:
        """Draw the table over all designs."""
        input:
            summary=RESULTS.summary,
            routes=(
                expand(DESIGN.card("route"), design=DESIGNS) if plan.budget.verification.ecp5_place_and_route else []
            ),
        output:
            page=report_item("results/summary.html", "summary", "all designs"),
            plot=report_item("results/summary.svg", "summary", "accuracy against LUTs"),
        params:
            folder="results",
            code=fingerprint("report.pages.summary"),
        resources:
            **resources(mem_mb=1000, runtime=10),
        log:
            "results/logs/pages_of_summary.log",
        shell:
            stage("pages_of_summary", folder="params.folder")


rule page_of_guarantees:
    """Draw the page of what is guaranteed."""
    input:
        expand(DESIGN.card("{card}"), design=DESIGNS, card=["verify", "prove", "timing"]),
    output:
        report_item(RESULTS.guarantees, "guarantees", "meaning of each claim"),
    params:
        designs=[f"results/{design}" for design in DESIGNS],
        code=fingerprint("report.pages.guarantees"),
    resources:
        **resources(mem_mb=1000, runtime=10),
    log:
        "results/logs/page_of_guarantees.log",
    shell:
        stage("page_of_guarantees", designs="params.designs", output="output")


# Of the scan's designs no pages of their own are made unless they are asked for by name.
PAGES = [
    *rules.pages_of_data.output,
    *expand(rules.pages_of_design.output, design=DESIGNS),
    *expand(rules.page_of_event.output, design=DESIGNS),
    *expand(rules.page_of_importance.output, design=DESIGNS),
    *(expand(rules.page_of_rate.output, design=DESIGNS) if plan.data_set.trigger is not None else []),
    *(expand(rules.page_of_drift.output, design=DESIGNS, drift=list(plan.drift)) if plan.drift else []),
    *expand(rules.page_of_firmware.output, design=DESIGNS),
    *expand(rules.pages_of_proof.output, design=DESIGNS),
    *expand(rules.page_of_release.output, design=DESIGNS),
    *(rules.page_of_teacher.output if plan.data_set.anomaly is not None else []),
    *(rules.pages_of_summary.output if DESIGNS else []),
    *rules.page_of_guarantees.output,
    *(rules.pages_of_scan.output if POINTS else []),
]


# What the landing page shows of each design; `route` has no page of its own.
INDEXED = [
    *("train", "firmware", "verify", "prove", "faults", "synth", "timing", "physics"),
    *("importance", "event", "release"),
    *(["rate", *DECISION] if plan.data_set.trigger is not None else []),
    *(["route"] if plan.budget.verification.ecp5_place_and_route else []),
    *(f"drift_{name}" for name in plan.drift),
]
INDEXED_CARDS = [name for name in INDEXED if name != "event"]


rule page_of_index:
    """Draw the landing page, which leads through all stages of all designs."""
    input:
        summary=RESULTS.summary if DESIGNS else [],
        scan=RESULTS.scan if POINTS else [],
        cards=expand(DESIGN.card("{card}"), design=DESIGNS, card=["spec", *INDEXED_CARDS]),
        data=[OWN_DATA.card("ingest"), OWN_DATA.baselines],
        pages=PAGES,
    output:
        RESULTS.index,
    params:
        designs=[f"results/{design}" for design in DESIGNS],
        stages=INDEXED if DESIGNS else [],
        data=DATA,
        proof_required=plan.budget.verification.require_proof,
        code=fingerprint("report.pages.index"),
    resources:
        **resources(mem_mb=1000, runtime=10),
    log:
        "results/logs/page_of_index.log",
    shell:
        stage("page_of_index", designs="params.designs", data="params.data", output="output")


rule pages:
    """Make the pages of all stages without judging the designs."""
    input:
        PAGES,
        rules.page_of_index.output,
