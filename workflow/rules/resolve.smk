# What was asked for, with defaults spelled out. The files that people edit are `ancient`: only a changed value
# reruns a rule here, and with it the stages that depend on that value. Snakemake remembers the values in .snakemake/;
# where that is lost (results copied from elsewhere), an edited file counts by its time again.


rule resolve_design:
    """Write the specification of design {wildcards.design}."""
    localrule: True
    input:
        budget=lambda wildcards: edited(options.budget, f"results/{wildcards.design}/spec.json", asked(wildcards)),
        targets=lambda wildcards: edited(options.targets, f"results/{wildcards.design}/spec.json", asked(wildcards)),
    output:
        "results/{design}/spec.json",
    params:
        budget=always(str(options.budget)),
        targets=always(str(options.targets)),
        settings=lambda wildcards: settings(asked(wildcards)),
    log:
        "results/logs/{design}/resolve.log",
    shell:
        "trigger-lut stage resolve --budget={params.budget:q} --targets={params.targets:q} --design={wildcards.design}"
        " --output {output} &> {log} || failed {log}"


rule resolve_data_set:
    """Write the description of the data set with defaults spelled out."""
    localrule: True
    input:
        edited(plan.description, f"{DATA}/data_set.json", plan.data_set),
    output:
        f"{DATA}/data_set.json",
    params:
        description=always(str(plan.description)),
        settings=always(settings(plan.data_set)),
    log:
        f"results/logs/data/{DATA_SET}/resolve_data_set.log",
    shell:
        "trigger-lut stage resolve-data-set --description={params.description:q} --output {output} &> {log} || failed {log}"


if plan.simulated:

    rule resolve_simulation:
        """Write the part of the description that simulation depends on."""
        localrule: True
        input:
            edited(plan.description, f"data/{DATA_SET}/simulation.json", simulation_of(plan.data_set)),
        output:
            f"data/{DATA_SET}/simulation.json",
        params:
            description=always(str(plan.description)),
            settings=always(settings(simulation_of(plan.data_set))),
        log:
            f"results/logs/data/{DATA_SET}/resolve_simulation.log",
        shell:
            "trigger-lut stage resolve-simulation --description={params.description:q} --output {output} &> {log} || failed {log}"
