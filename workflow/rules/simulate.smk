# Proton collisions to jets, or muons in a chamber, one job a file. The files stay in data/: removing results/ does not remove them.
if plan.simulated:

    rule simulate:
        """Simulate part {wildcards.part} of {wildcards.process}."""
        input:
            f"data/{DATA_SET}/simulation.json",
        output:
            root=f"data/{DATA_SET}/{{process}}_{{part}}.root",
            card=f"data/{DATA_SET}/{{process}}_{{part}}.json",
        params:
            code=fingerprint(
                "simulation.muon_run" if plan.data_set.simulate_muons else "simulation.run",
                without=("events.description",),
            ),
        wildcard_constraints:
            process="[A-Za-z]+",
            part="[0-9]+",
        resources:
            **needs(mem_mb=1500, runtime=60),
        log:
            f"results/logs/data/{DATA_SET}/simulate_{{process}}_{{part}}.log",
        shell:
            "trigger-lut simulate --description {input} --process {wildcards.process} --part {wildcards.part}"
            " --root {output.root} --card {output.card} &> {log} || failed {log}"

    rule check_simulation:
        """Look at the simulated data: mass peaks of jets, efficiencies and angles of muons."""
        input:
            **({"chamber": f"data/{DATA_SET}/simulation.json"} if plan.data_set.simulate_muons else {}),
            files=plan.files,
        output:
            f"{DATA}/check_simulation.json",
        params:
            muons=f"--muons data/{DATA_SET}/simulation.json" if plan.data_set.simulate_muons else "",
            code=fingerprint("simulation.muon_run" if plan.data_set.simulate_muons else "simulation.check"),
        resources:
            **needs(mem_mb=1000, runtime=10),
        log:
            f"results/logs/data/{DATA_SET}/check_simulation.log",
        shell:
            "trigger-lut check-simulation --root {input.files} {params.muons} --card {output} &> {log} || failed {log}"
