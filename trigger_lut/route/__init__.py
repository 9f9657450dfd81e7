"""Place and route with open tools: Yosys and nextpnr, for an ECP5: a measured Fmax, though not the target's."""
