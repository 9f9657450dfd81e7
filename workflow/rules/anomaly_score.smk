# Anomaly detection: a teacher learns what background is like, and networks learn its score.
if plan.data_set.anomaly is not None:

    rule anomaly_score:
        """Train an autoencoder on background, and give every event its score."""
        input:
            encoded=OWN_DATA.encoded,
        output:
            codes=OWN_DATA.codes,
            card=OWN_DATA.card("teacher"),
        params:
            background=always(plan.data_set.background),
            teacher=always(plan.data_set.anomaly.teacher.model_dump_json()),
            code=fingerprint("stages.anomaly_score"),
        resources:
            **resources(mem_mb=3000, runtime=60),
        log:
            f"results/logs/data/{DATA_SET}/teacher.log",
        shell:
            stage("anomaly_score", threads="threads")

    rule page_of_teacher:
        """Draw the page of the teacher."""
        input:
            OWN_DATA.card("teacher"),
        output:
            page=report_item(f"{DATA}/pages/teacher.html", "teacher", "what is unusual"),
            plot=report_item(f"{DATA}/pages/scores.svg", "teacher", "scores by class"),
        params:
            folder=OWN_DATA.pages,
            code=fingerprint("report.pages.teacher"),
        resources:
            **resources(mem_mb=1000, runtime=10),
        log:
            f"results/logs/data/{DATA_SET}/page_of_teacher.log",
        shell:
            stage("page_of_teacher", teacher="input", folder="params.folder")
