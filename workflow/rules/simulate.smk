# Proton collisions to jets, muons in a chamber, or whole crossings, one job a file. The files stay in data/: removing
# results/ does not remove them.
if plan.simulated:
    # By what is simulated: the modules that write a file and that look at all of them, and the option that says so.
    SIMULATED = (
        ("simulation.muon_run", "simulation.muon_run", "--muons")
        if plan.data_set.simulate_muons
        else (
            ("simulation.crossing_run", "simulation.crossing_check", "--crossings")
            if plan.data_set.simulate_crossings
            else ("simulation.run", "simulation.check", "")
        )
    )

    rule simulate:
        """Simulate part {wildcards.part} of {wildcards.process}."""
        input:
            f"data/{DATA_SET}/simulation.json",
        output:
            root=f"data/{DATA_SET}/{{process}}_{{part}}.root",
            card=f"data/{DATA_SET}/{{process}}_{{part}}.json",
        params:
            code=fingerprint(SIMULATED[0], without=("config.data_set.model",)),
        wildcard_constraints:
            process="[A-Za-z][A-Za-z0-9]*",
            part="[0-9]+",
        resources:
            **needs(mem_mb=1500, runtime=60),
        log:
            f"results/logs/data/{DATA_SET}/simulate_{{process}}_{{part}}.log",
        shell:
            "trigger-lut stage simulate --description {input} --process {wildcards.process} --part {wildcards.part}"
            " --root {output.root} --card {output.card} &> {log} || failed {log}"

    rule check_simulation:
        """Look at the simulated data: mass peaks of jets, efficiencies of chambers, kinds of crossings."""
        input:
            **({"described": f"data/{DATA_SET}/simulation.json"} if SIMULATED[2] else {}),
            files=plan.files,
            cards=[file.with_suffix(".json") for file in plan.files] if plan.data_set.simulate_crossings else [],
        output:
            f"{DATA}/check_simulation.json",
        params:
            described=f"{SIMULATED[2]} data/{DATA_SET}/simulation.json" if SIMULATED[2] else "",
            code=fingerprint(SIMULATED[1]),
        resources:
            **needs(mem_mb=1000, runtime=10),
        log:
            f"results/logs/data/{DATA_SET}/check_simulation.log",
        shell:
            "trigger-lut stage check-simulation --root {input.files} {params.described} --card {output} &> {log} || failed {log}"
