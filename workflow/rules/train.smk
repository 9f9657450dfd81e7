def larger_design(wildcards):
    """What the training of a scan's point starts from; nothing for one that is trained from scratch."""
    spec = plan.specs.get(wildcards.design)
    return DesignFiles(f"results/{spec.warm_from}").warm_start if spec and spec.warm_from else []


def train_cores(wildcards):
    """Two cores for a design that shares hardware over cycles: its parts are synthesized side by side."""
    shared = wildcards.design in plan.specs and plan.specs[wildcards.design].budget.ii > 1
    return max(options.train_threads, 2 if shared else 1)


rule train:
    """Train design {wildcards.design} to its budget. An interrupted training resumes from its checkpoint."""
    input:
        spec=DESIGN.spec,
        codes=OWN_DATA.codes,
        warm_start=larger_design,
    output:
        model=DESIGN.model,
        network=DESIGN.network,
        predictions=DESIGN.predictions,
        card=DESIGN.card("train"),
        save_warm_start=DESIGN.warm_start,
    params:
        # Not an output: Snakemake removes the outputs of a job that fails.
        checkpoints="results/checkpoints/{design}",
        code=fingerprint("stages.train", without=("firmware.__init__",)),
    # Designs train side by side, one thread each; `--config train_threads=2` gives each more.
    threads: train_cores
    # before the references, which only the summary waits for
    priority: 1
    resources:
        # Data in memory are copied to the device once.
        **resources(mem_mb=2000 + 2 * plan.budget.training.memory_mb, runtime=240, gpus=options.train_gpus),
        # Resources, as other numbers of them are no reason to train again.
        shared_gpus=options.train_gpus,
        tensorflow_threads=options.train_threads,
    log:
        "results/logs/{design}/train.log",
    shell:
        stage(
            "train",
            threads="resources.tensorflow_threads",
            checkpoints="params.checkpoints",
            gpus="resources.shared_gpus",
            jobs="threads",
        )
