# Other data with the same features, in the formats and through the network that were frozen with the data set.
if plan.drift:
    DRIFT = f"{DATA}/drift/{{drift}}"
    # Of which rules here simulate the files; those of the data set itself are made already.
    DRIFT_SIMULATED = [name for name, other in plan.drift.items() if other.simulated and name != DATA_SET]

    wildcard_constraints:
        drift="|".join(plan.drift),

    def drifting(wildcards):
        """The data set of that name, with its files."""
        return plan.drift[wildcards.drift]

    rule resolve_drift:
        """Write the description of data set {wildcards.drift} with defaults spelled out."""
        localrule: True
        input:
            lambda wildcards: edited(
                drifting(wildcards).description,
                f"{DATA}/drift/{wildcards.drift}/data_set.json",
                drifting(wildcards).data_set,
            ),
        output:
            f"{DRIFT}/data_set.json",
        params:
            description=lambda wildcards: str(drifting(wildcards).description),
            settings=lambda wildcards: settings(drifting(wildcards).data_set),
        log:
            f"results/logs/data/{DATA_SET}/drift/{{drift}}/resolve.log",
        shell:
            "trigger-lut stage resolve-data-set --description={params.description:q} --output {output} &> {log} || failed {log}"

    if DRIFT_SIMULATED:

        rule resolve_drift_simulation:
            """Write the part of the description of {wildcards.drift} that simulation depends on."""
            localrule: True
            input:
                lambda wildcards: edited(
                    drifting(wildcards).description,
                    f"data/{wildcards.drift}/simulation.json",
                    simulation_of(drifting(wildcards).data_set),
                ),
            output:
                "data/{drift}/simulation.json",
            params:
                description=lambda wildcards: str(drifting(wildcards).description),
                settings=lambda wildcards: settings(simulation_of(drifting(wildcards).data_set)),
            wildcard_constraints:
                drift="|".join(DRIFT_SIMULATED),
            log:
                f"results/logs/data/{DATA_SET}/drift/{{drift}}/resolve_simulation.log",
            shell:
                "trigger-lut stage resolve-simulation --description={params.description:q} --output {output} &> {log} || failed {log}"

        rule simulate_drift:
            """Simulate part {wildcards.part} of {wildcards.process} of data set {wildcards.drift}."""
            input:
                "data/{drift}/simulation.json",
            output:
                root="data/{drift}/{process}_{part}.root",
                card="data/{drift}/{process}_{part}.json",
            params:
                code=fingerprint(
                    "stages.simulate",
                    "simulation.muons.files",
                    "simulation.crossings.files",
                    without=("config.data_set.model",),
                ),
            wildcard_constraints:
                drift="|".join(DRIFT_SIMULATED),
                process="[A-Za-z][A-Za-z0-9]*",
                part="[0-9]+",
            resources:
                **needs(mem_mb=1500, runtime=60),
            log:
                f"results/logs/data/{DATA_SET}/drift/{{drift}}/simulate_{{process}}_{{part}}.log",
            shell:
                "trigger-lut stage simulate --description {input} --process {wildcards.process} --part {wildcards.part}"
                " --root {output.root} --card {output.card} &> {log} || failed {log}"

    rule read_drift:
        """Read file number {wildcards.number} of data set {wildcards.drift} into records."""
        input:
            description=f"{DRIFT}/data_set.json",
            files=lambda wildcards: tracked(here(drifting(wildcards).sources[int(wildcards.number)])),
        output:
            rows=temp(f"{DRIFT}/read/{{number}}.rows"),
            card=temp(f"{DRIFT}/read/{{number}}.json"),
        params:
            source=lambda wildcards: shlex.quote(drifting(wildcards).sources[int(wildcards.number)].text()),
            untracked=lambda wildcards: untracked(here(drifting(wildcards).sources[int(wildcards.number)])),
            code=fingerprint("stages.read"),
        wildcard_constraints:
            number="[0-9]+",
        resources:
            **needs(mem_mb=1000, runtime=60),
        log:
            f"results/logs/data/{DATA_SET}/drift/{{drift}}/read_{{number}}.log",
        shell:
            "trigger-lut stage read --description {input.description} --source {params.source} --card {output.card}"
            " &> {log} || failed {log}"

    rule ingest_drift:
        """Turn the entries of data set {wildcards.drift} into integer codes of the frozen formats."""
        input:
            description=f"{DRIFT}/data_set.json",
            files=lambda wildcards: tracked(drifting(wildcards).files),
            rows=lambda wildcards: expand(
                f"{DATA}/drift/{wildcards.drift}/read/{{number}}.rows",
                number=range(len(drifting(wildcards).sources)),
            ),
            cards=lambda wildcards: expand(
                f"{DATA}/drift/{wildcards.drift}/read/{{number}}.json",
                number=range(len(drifting(wildcards).sources)),
            ),
            frozen=f"{DATA}/codes.npz",
        output:
            codes=f"{DRIFT}/codes.npz",
            card=f"{DRIFT}/ingest.json",
        params:
            code=fingerprint("stages.ingest"),
            read=f"{DRIFT}/read",
            remote=lambda wildcards: drifting(wildcards).remote,
            untracked=lambda wildcards: untracked(drifting(wildcards).files),
        resources:
            **needs(mem_mb=1000, runtime=60),
        log:
            f"results/logs/data/{DATA_SET}/drift/{{drift}}/ingest.log",
        shell:
            "trigger-lut stage ingest --description {input.description} --codes {output.codes} --card {output.card}"
            " --read {params.read} --frozen {input.frozen} &> {log} || failed {log}"

    rule drift:
        """Compare data set {wildcards.drift} in the frozen network of design {wildcards.design} with its own."""
        input:
            **({"thresholds": "results/{design}/thresholds.json"} if plan.data_set.trigger is not None else {}),
            spec="results/{design}/spec.json",
            network="results/{design}/network.npz",
            description=f"{DATA}/data_set.json",
            codes=f"{DATA}/codes.npz",
            ingest=f"{DATA}/ingest.json",
            new_description=f"{DRIFT}/data_set.json",
            new_codes=f"{DRIFT}/codes.npz",
            new_ingest=f"{DRIFT}/ingest.json",
        output:
            "results/{design}/drift_{drift}.json",
        params:
            trigger=lambda wildcards: (
                f"--thresholds results/{wildcards.design}/thresholds.json"
                f" --trigger {shlex.quote(plan.data_set.trigger.model_dump_json())}"
                if plan.data_set.trigger is not None
                else ""
            ),
            code=fingerprint("stages.drift"),
        resources:
            **needs(mem_mb=2000, runtime=10),
        log:
            "results/logs/{design}/drift_{drift}.log",
        shell:
            "trigger-lut stage drift --spec {input.spec} --network {input.network} --description {input.description}"
            " --codes {input.codes} --ingest {input.ingest} --new-description {input.new_description}"
            " --new-codes {input.new_codes} --new-ingest {input.new_ingest} {params.trigger} --card {output}"
            " &> {log} || failed {log}"

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
            "trigger-lut stage page-of-drift --drift {input} --folder {params.folder} &> {log} || failed {log}"
