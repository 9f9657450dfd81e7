# Vivado and Vitis HLS: only where the budget file asks for one of them. A tool that appears on PATH later runs then.
import shutil

VENDOR_TOOLS = [
    *(["--vivado"] if plan.budget.verification.vivado else []),
    *(["--vitis-hls"] if plan.budget.verification.vitis_hls else []),
]


if VENDOR_TOOLS:

    rule vendor:
        """Synthesize and route design {wildcards.design} with the vendor's tools, where they are on PATH."""
        input:
            spec=DESIGN.spec,
            firmware_card=DESIGN.card("firmware"),
            sources=DESIGN.firmware,
        output:
            folder=directory(DESIGN.vendor),
            card=DESIGN.card("vendor"),
        params:
            vivado=plan.budget.verification.vivado,
            vitis_hls=plan.budget.verification.vitis_hls,
            found=[name for name in ("vivado", "vitis-run", "vitis_hls") if shutil.which(name)],
            code=fingerprint("stages.vendor"),
        resources:
            **resources(mem_mb=16000, runtime=240),
        log:
            "results/logs/{design}/vendor.log",
        shell:
            stage("vendor")
