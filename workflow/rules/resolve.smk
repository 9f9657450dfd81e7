# What the user asks for, with defaults spelled out. The files that people edit are `ancient`: only a changed value
# reruns a rule here, and with it the stages that depend on that value. Snakemake remembers the values in .snakemake/;
# where that is lost (results copied from elsewhere), an edited file counts by its time again.


rule resolve_design:
    """Write the specification of design {wildcards.design}."""
    localrule: True
    input:
        budget=lambda wildcards: if_changed(
            options.budget, DesignFiles(f"results/{wildcards.design}").spec, spec_of(wildcards)
        ),
        targets=lambda wildcards: if_changed(
            options.targets, DesignFiles(f"results/{wildcards.design}").spec, spec_of(wildcards)
        ),
    output:
        DESIGN.spec,
    params:
        budget=always(str(options.budget)),
        targets=always(str(options.targets)),
        settings=lambda wildcards: flat_parameters(spec_of(wildcards)),
    log:
        "results/logs/{design}/resolve.log",
    shell:
        stage(
            "resolve_design",
            budget="params.budget",
            targets="params.targets",
            design="wildcards.design",
            output="output",
        )


rule resolve_data_set:
    """Write the description of data set {wildcards.data_set} with defaults spelled out."""
    localrule: True
    input:
        lambda wildcards: if_changed(
            described(wildcards).description,
            DataFiles(f"results/data/{wildcards.data_set}").description,
            described(wildcards).data_set,
        ),
    output:
        ANY_DATA.description,
    params:
        description=lambda wildcards: str(described(wildcards).description),
        settings=lambda wildcards: flat_parameters(described(wildcards).data_set),
    log:
        "results/logs/data/{data_set}/resolve_data_set.log",
    shell:
        stage("resolve_data_set", description="params.description", output="output")


if SIMULATED:

    rule resolve_simulation:
        """Write the part of the description of {wildcards.simulated} that simulation depends on."""
        localrule: True
        input:
            lambda wildcards: if_changed(
                SIMULATED[wildcards.simulated].description,
                f"data/{wildcards.simulated}/simulation.json",
                simulation_of(SIMULATED[wildcards.simulated].data_set),
            ),
        output:
            "data/{simulated}/simulation.json",
        params:
            description=lambda wildcards: str(SIMULATED[wildcards.simulated].description),
            settings=lambda wildcards: flat_parameters(simulation_of(SIMULATED[wildcards.simulated].data_set)),
        log:
            "results/logs/data/{simulated}/resolve_simulation.log",
        shell:
            stage("resolve_simulation", description="params.description", output="output")
