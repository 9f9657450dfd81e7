# Place and route with open tools for an ECP5: only where the budget file asks for it.
if plan.budget.verification.ecp5_place_and_route:

    rule route:
        """Place and route design {wildcards.design} with nextpnr, in several pipeline depths."""
        input:
            spec=DESIGN.spec,
            network=DESIGN.network,
            firmware_card=DESIGN.card("firmware"),
            folder=DESIGN.firmware,
        output:
            card=DESIGN.card("route"),
        params:
            code=fingerprint("stages.route"),
        resources:
            **resources(mem_mb=4000, runtime=120),
        log:
            "results/logs/{design}/route.log",
        shell:
            stage("route")
