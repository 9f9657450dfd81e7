# Proton collisions to jets, muons in a chamber, or whole crossings, one job per file. The files stay in data/: removing
# results/ does not remove them.
if SIMULATED:

    rule simulate:
        """Simulate part {wildcards.part} of {wildcards.process} of data set {wildcards.simulated}."""
        input:
            "data/{simulated}/simulation.json",
        output:
            root="data/{simulated}/{process}_{part}.root",
            card="data/{simulated}/{process}_{part}.json",
        params:
            code=fingerprint("stages.simulate", without=("config.data_set.model",)),
        wildcard_constraints:
            process="[A-Za-z][A-Za-z0-9]*",
            part="[0-9]+",
        resources:
            **resources(mem_mb=1500, runtime=60),
        log:
            "results/logs/data/{simulated}/simulate_{process}_{part}.log",
        shell:
            stage("simulate", description="input", process="wildcards.process", part="wildcards.part")


if plan.simulated:
    # The module that checks what is simulated, and the argument that takes the description.
    CHECK, DESCRIBED = (
        ("simulation.muons.files", "muons")
        if plan.data_set.simulate_muons
        else (
            ("simulation.crossings.check", "crossings")
            if plan.data_set.simulate_crossings
            else ("simulation.jets.mass_peaks", "")
        )
    )

    rule check_simulation:
        """Check the simulated data: mass peaks of jets, efficiencies of chambers, kinds of crossings."""
        input:
            **{name: f"data/{DATA_SET}/simulation.json" if name == DESCRIBED else [] for name in ("muons", "crossings")},
            root=plan.files,
            cards=[file.with_suffix(".json") for file in plan.files] if plan.data_set.simulate_crossings else [],
        output:
            card=OWN_DATA.card("check_simulation"),
        params:
            code=fingerprint(CHECK),
        resources:
            **resources(mem_mb=1000, runtime=10),
        log:
            f"results/logs/data/{DATA_SET}/check_simulation.log",
        shell:
            stage("check_simulation")
