"""Verilog and VHDL of a block that uses one step in several cycles of an event (`network.time_sharing`).

With valid_in, the inputs of the block are on data_in; they are kept for the words of the next cycles. A counter starts
with valid_in and stops after the last word, so it cannot lose step. Another valid_in before the last word starts anew:
the event before is dropped. No reset: what the registers hold before a valid_in has no effect on its outputs.

The first word comes straight from data_in where the clock leaves time for that choice; then B = 1. Otherwise it is
read from the registers a cycle later, as all others are; then B = 2. Cycles are counted from valid_in. The word of
cycle k is in registers in cycle B + k. Its outputs of the step are there in cycle B + k + S, where S is the step's
latency. The accumulators have taken the last of them in cycle B + fold + S: that of valid_out.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from trigger_lut.firmware.rtl.verilog_top import module_head, offsets
from trigger_lut.firmware.rtl.vhdl_top import entity_head
from trigger_lut.fixed_point.formats import KIF
from trigger_lut.network.network import PADDING
from trigger_lut.network.time_sharing import Block, Collected


@dataclass(frozen=True)
class Schedule:
    """Cycles of a block.

    Attributes
    ----------
    block
        The block.
    step_cycles
        Latency of its step.
    direct
        True if the first word comes straight from data_in.
    """

    block: Block
    step_cycles: int
    direct: bool

    @property
    def latency_cycles(self) -> int:
        """Cycles from valid_in to valid_out."""
        return self.block.fold + self.first + 1

    @property
    def first(self) -> int:
        """Cycles by which valid_in is remembered, less one, where the outputs of the first word are there."""
        return self.step_cycles + (0 if self.direct else 1)

    @property
    def copies(self) -> int:
        """Registers in a row, in addition to the first one, in which an input waits for valid_out.

        Each is kept for `fold` cycles, as long as no event follows earlier.
        """
        return (self.latency_cycles - 1) // self.block.fold

    @property
    def started(self) -> int:
        """Cycles for which valid_in is remembered."""
        cycles = [self.first + 1]
        cycles += [self.first + 1 + c.cycle for c in self.block.collected if c.kind == "store"]
        cycles += [self.copies * self.block.fold for c in self.block.collected if c.kind == "pass"]
        return max(cycles)

    def kept(self) -> list[int]:
        """Return the inputs that are needed after the cycle of valid_in."""
        passed = {c.source for c in self.block.collected if c.kind == "pass"}
        changing = [n for n in range(self.block.words.shape[1]) if not (self.direct and self.is_constant(n))]
        words = self.block.words[1:] if self.direct else self.block.words
        return sorted(({int(v) for v in words[:, changing].ravel()} | passed) - {PADDING})

    def is_constant(self, channel: int) -> bool:
        """Return whether a channel of the step reads the same input in all cycles.

        Parameters
        ----------
        channel : int
            Number of the channel.

        Returns
        -------
        bool
        """
        return len(set(self.block.words[:, channel].tolist())) == 1


@dataclass(frozen=True)
class _Language:
    """Expressions of a language.

    slice: (signal, high, low); join: of parts, the highest first; sign: (signal, bit), one bit; zeros: of a count;
    repeat: (bit, count).
    """

    slice: Callable[[str, int, int], str]
    join: Callable[[list[str]], str]
    bit: Callable[[str, int], str]
    zeros: Callable[[int], str]
    repeat: Callable[[str, int], str]


VERILOG = _Language(
    slice=lambda signal, high, low: f"{signal}[{high}:{low}]",
    join=lambda parts: "{" + ", ".join(parts) + "}",
    bit=lambda signal, n: f"{signal}[{n}]",
    zeros=lambda count: f"{count}'b0",
    repeat=lambda bit, count: f"{{{count}{{{bit}}}}}",
)
VHDL = _Language(
    slice=lambda signal, high, low: f"{signal}({high} downto {low})",
    join=lambda parts: "std_logic_vector'(" + " & ".join(parts) + ")",
    bit=lambda signal, n: f"{signal}({n})",
    zeros=lambda count: f'"{"0" * count}"',
    repeat=lambda bit, count: " & ".join([bit] * count),
)


def converted(language: _Language, signal: str, *, low: int, source: KIF, target: KIF) -> str:
    """Write the bits of a code in another format that holds its value.

    Parameters
    ----------
    language
        VERILOG or VHDL.
    signal
        Name of the bus.
    low
        Lowest bit of the code on it.
    source, target
        Formats; the target has at least the fraction bits of the source.

    Returns
    -------
    str
        Expression of `target.bits` bits. Bits above the target's are not in it: they repeat its sign, or are 0.
    """
    right = target.f - source.f
    assert right >= 0, (source, target)
    width = min(source.bits, target.bits - right)
    left = target.bits - right - width
    parts = [language.slice(signal, low + width - 1, low)]
    if left:
        parts.insert(
            0, language.repeat(language.bit(signal, low + width - 1), left) if source.k else language.zeros(left)
        )
    if right:
        parts.append(language.zeros(right))
    return language.join(parts) if len(parts) > 1 else parts[0]


def _word(schedule: Schedule, language: _Language, channel: int, cycle: int) -> str:
    block = schedule.block
    source, target = int(block.words[cycle, channel]), block.step.inputs[channel]
    if source == PADDING:
        return language.zeros(target.bits)
    if cycle == 0 and schedule.direct:
        return converted(
            language, "data_in", low=offsets(block.inputs)[source], source=block.inputs[source], target=target
        )
    return converted(language, f"kept{source}", low=0, source=block.inputs[source], target=target)


def _header(schedule: Schedule, name: str) -> list[str]:
    block = schedule.block
    return [
        f"{name}: {block.name} at {block.positions} positions, {block.instances} in a cycle.",
        f"latency_cycles = {schedule.latency_cycles}. The next event may follow after {block.fold} cycles.",
        "One that comes earlier replaces the event before, which then has no valid_out.",
    ]


def block_verilog(schedule: Schedule, name: str, *, step: str) -> str:
    """Write the Verilog module of a block.

    Parameters
    ----------
    schedule
        The block, and the latency of its step.
    name
        Name of the module.
    step
        Name of the step's top module.

    Returns
    -------
    str
        Verilog.
    """
    block = schedule.block
    at_in, at_out = offsets(block.inputs), offsets(block.output_formats())
    formats = block.step.output_formats()
    at_word, at_step = offsets(block.step.inputs), offsets(formats)
    total = schedule.started
    lines = [
        *(f"// {line}" for line in _header(schedule, name)),
        *module_head(name, at_in[-1], bits_out=at_out[-1]),
        *_control_verilog(schedule),
        f'    (* shreg_extract = "no" *) reg [{total - 1}:0] started;',
        f"    initial started = {total}'b0;",
        f"    always @(posedge clk) started <= {{started[{total - 2}:0], valid_in}};",
        "    reg whole;",
        "    initial whole = 1'b0;",
        "    always @(posedge clk) whole <= last;",
    ]
    for v in schedule.kept():
        width = block.inputs[v].bits
        lines += [
            f"    reg [{width - 1}:0] kept{v};",
            f"    always @(posedge clk) kept{v} <= valid_in ? data_in[{at_in[v + 1] - 1}:{at_in[v]}] : kept{v};",
        ]
    lines.append(f"    wire [{at_word[-1] - 1}:0] word;")
    for n, kif in enumerate(block.step.inputs):
        lines += [
            f"    reg [{kif.bits - 1}:0] word{n};",
            f"    assign word[{at_word[n + 1] - 1}:{at_word[n]}] = word{n};",
            f"    always @(posedge clk) {_loaded(schedule, n)};",
        ]
    lines += [
        "    wire computed;",
        f"    wire [{at_step[-1] - 1}:0] result;",
        f"    {step} core (",
        "        .clk(clk), .valid_in(whole), .data_in(word), .valid_out(computed), .data_out(result)",
        "    );",
        "    reg done;",
        "    initial done = 1'b0;",
        "    always @(posedge clk) done <= computed;",
        "    assign valid_out = done;",
        f"    wire first = started[{schedule.first}];",
    ]
    for n, c in enumerate(block.collected):
        lines += _collected_verilog(schedule, n, c, formats, at_step)
        lines.append(f"    assign data_out[{at_out[n + 1] - 1}:{at_out[n]}] = out{n};")
    return "\n".join([*lines, "endmodule"]) + "\n"


def _control_verilog(schedule: Schedule) -> list[str]:
    """Write the counter of the words: which one is next, and whether this is the last one."""
    fold = schedule.block.fold
    bits = (fold - 1).bit_length()
    if schedule.direct:
        return [
            f"    reg [{bits - 1}:0] count;",
            f"    wire last = !valid_in && count == {bits}'d{fold - 1};",
            f"    initial count = {bits}'d0;",
            f"    always @(posedge clk) count <= valid_in ? {bits}'d1 : (last || count == {bits}'d0) ? {bits}'d0 : "
            f"count + {bits}'d1;",
        ]
    return [
        f"    reg [{bits - 1}:0] count;",
        "    reg running;",
        f"    wire last = running && count == {bits}'d{fold - 1};",
        "    initial running = 1'b0;",
        f"    initial count = {bits}'d0;",
        f"    always @(posedge clk) running <= valid_in || (running && count < {bits}'d{fold - 1});",
        f"    always @(posedge clk) count <= valid_in ? {bits}'d0 : count + {bits}'d1;",
    ]


def _loaded(schedule: Schedule, channel: int) -> str:
    """Write the statement that loads a channel of the word, with a choice by the bits of the counter."""
    fold = schedule.block.fold
    words = [_word(schedule, VERILOG, channel, cycle) for cycle in range(fold)]
    if schedule.is_constant(channel):
        return f"word{channel} <= " + (f"valid_in ? {words[0]} : word{channel}" if schedule.direct else words[0])
    if not schedule.direct:
        return f"word{channel} <= {_chosen(words, (fold - 1).bit_length() - 1)}"
    # The counter is never 0 while a word is read from the registers.
    others = _chosen([words[1], *words[1:]], (fold - 1).bit_length() - 1)
    return f"word{channel} <= valid_in ? {words[0]} : {others}"


def _chosen(words: list[str], bit: int) -> str:
    """Write the choice of a word by the counter's bits up to `bit`; behind the last word, the last one."""
    if len(set(words)) == 1:
        return words[0]
    half = 1 << bit
    low, high = words[:half], words[half:] or words[-1:]
    below, above = _chosen(low, bit - 1), _chosen(high, bit - 1)
    return below if below == above else f"(count[{bit}] ? {above} : {below})"


def _collected_verilog(
    schedule: Schedule, n: int, c: Collected, formats: tuple[KIF, ...], at_step: list[int]
) -> list[str]:
    width, fold = c.kif.bits, schedule.block.fold
    lines = [f"    reg [{width - 1}:0] out{n};"]
    if c.kind == "pass":
        for copy in range(1, schedule.copies + 1):
            own = f"out{n}" if copy == schedule.copies else f"out{n}_{copy}"
            before = f"kept{c.source}" if copy == 1 else f"out{n}_{copy - 1}"
            lines += [f"    reg [{width - 1}:0] {own};"] * (copy != schedule.copies)
            lines.append(f"    always @(posedge clk) {own} <= started[{copy * fold - 1}] ? {before} : {own};")
        return lines
    value = converted(VERILOG, "result", low=at_step[c.source], source=formats[c.source], target=c.kif)
    if c.kind == "store":
        flag = f"started[{schedule.first + c.cycle}]"
        return [*lines, f"    always @(posedge clk) out{n} <= {flag} ? {value} : out{n};"]
    lines.append(f"    wire [{width - 1}:0] value{n} = {value};")
    if c.kind == "sum":
        start = f"{width}'h{c.start & ((1 << width) - 1):x}"
        return [*lines, f"    always @(posedge clk) out{n} <= value{n} + (first ? {start} : out{n});"]
    larger = f"$signed(value{n}) > $signed(out{n})" if c.kif.k else f"value{n} > out{n}"
    return [*lines, f"    always @(posedge clk) out{n} <= (first || {larger}) ? value{n} : out{n};"]


def block_vhdl(schedule: Schedule, name: str, *, step: str) -> str:
    """Write the VHDL entity of a block; parameters as of `block_verilog`.

    Parameters
    ----------
    schedule
        The block, and the latency of its step.
    name
        Name of the entity.
    step
        Name of the step's top entity.

    Returns
    -------
    str
        VHDL-2008.
    """
    block, fold = schedule.block, schedule.block.fold
    at_in, at_out = offsets(block.inputs), offsets(block.output_formats())
    formats = block.step.output_formats()
    at_word, at_step = offsets(block.step.inputs), offsets(formats)
    total = schedule.started
    signals = [
        f"    signal count: natural range 0 to {(1 << (fold - 1).bit_length()) - 1} := 0;",
        "    signal last, running, whole, computed, done, first: std_logic := '0';",
        f"    signal started: std_logic_vector({total - 1} downto 0) := (others => '0');",
        "    attribute shreg_extract: string;",
        '    attribute shreg_extract of started: signal is "no";',
        f"    signal word: std_logic_vector({at_word[-1] - 1} downto 0);",
        f"    signal result: std_logic_vector({at_step[-1] - 1} downto 0);",
    ]
    clocked = [
        *_control_vhdl(schedule),
        f"started <= started({total - 2} downto 0) & valid_in;",
        "whole <= last;",
        "done <= computed;",
    ]
    for v in schedule.kept():
        signals.append(f"    signal kept{v}: std_logic_vector({block.inputs[v].bits - 1} downto 0);")
        clocked.append(f"if valid_in = '1' then kept{v} <= data_in({at_in[v + 1] - 1} downto {at_in[v]}); end if;")
    for n in range(len(block.step.inputs)):
        own = f"word({at_word[n + 1] - 1} downto {at_word[n]})"
        words = [f"{own} <= {_word(schedule, VHDL, n, cycle)};" for cycle in range(fold)]
        if schedule.is_constant(n):
            clocked.append(f"if valid_in = '1' then {words[0]} end if;" if schedule.direct else words[0])
            continue
        cases = [f"when {cycle} => {word}" for cycle, word in enumerate(words[:-1]) if cycle or not schedule.direct]
        chosen = ["case count is", *cases, f"when others => {words[-1]}", "end case;"]
        clocked += [f"if valid_in = '1' then {words[0]} else", *chosen, "end if;"] if schedule.direct else chosen
    condition = "valid_in = '0'" if schedule.direct else "running = '1'"
    body = [
        f"    last <= '1' when {condition} and count = {fold - 1} else '0';",
        f"    first <= started({schedule.first});",
        f"    core: entity work.{step} port map (clk => clk, valid_in => whole, data_in => word, "
        "valid_out => computed, data_out => result);",
        "    valid_out <= done;",
    ]
    for n, c in enumerate(block.collected):
        declared, collecting = _collected_vhdl(schedule, n, c, formats, at_step)
        signals += declared
        clocked += collecting
        body.append(f"    data_out({at_out[n + 1] - 1} downto {at_out[n]}) <= out{n};")
    return (
        "\n".join(
            [
                *(f"-- {line}" for line in _header(schedule, name)),
                "library ieee;",
                "use ieee.std_logic_1164.all;",
                "use ieee.numeric_std.all;",
                "",
                *entity_head(name, at_in[-1], bits_out=at_out[-1]),
                "",
                f"architecture rtl of {name} is",
                *signals,
                "begin",
                *body,
                "    process(clk) begin",
                "        if rising_edge(clk) then",
                *(f"            {line}" for line in clocked),
                "        end if;",
                "    end process;",
                "end architecture rtl;",
            ]
        )
        + "\n"
    )


def _control_vhdl(schedule: Schedule) -> list[str]:
    """Write the counter of the words, as `_control_verilog` does."""
    fold = schedule.block.fold
    if schedule.direct:
        return [
            "if valid_in = '1' then count <= 1;",
            "elsif last = '1' or count = 0 then count <= 0;",
            "else count <= count + 1;",
            "end if;",
        ]
    return [
        f"if valid_in = '1' then running <= '1'; elsif count >= {fold - 1} then running <= '0'; end if;",
        f"if valid_in = '1' or count = {(1 << (fold - 1).bit_length()) - 1} then count <= 0; else count <= count + 1; "
        "end if;",
    ]


def _collected_vhdl(
    schedule: Schedule, n: int, c: Collected, formats: tuple[KIF, ...], at_step: list[int]
) -> tuple[list[str], list[str]]:
    width, fold = c.kif.bits, schedule.block.fold
    kind = f"std_logic_vector({width - 1} downto 0)"
    signals = [f"    signal out{n}: {kind};"]
    if c.kind == "pass":
        clocked = []
        for copy in range(1, schedule.copies + 1):
            own = f"out{n}" if copy == schedule.copies else f"out{n}_{copy}"
            before = f"kept{c.source}" if copy == 1 else f"out{n}_{copy - 1}"
            signals += [f"    signal {own}: {kind};"] * (copy != schedule.copies)
            clocked.append(f"if started({copy * fold - 1}) = '1' then {own} <= {before}; end if;")
        return signals, clocked
    value = converted(VHDL, "result", low=at_step[c.source], source=formats[c.source], target=c.kif)
    if c.kind == "store":
        return signals, [f"if started({schedule.first + c.cycle}) = '1' then out{n} <= {value}; end if;"]
    number = "signed" if c.kif.k else "unsigned"
    value, own = f"{number}'({number}({value}))", f"{number}(out{n})"
    if c.kind == "sum":
        start = format(c.start & ((1 << width) - 1), f"0{width}b")
        return signals, [
            f"if first = '1' then out{n} <= std_logic_vector({value} + {number}'(\"{start}\"));",
            f"else out{n} <= std_logic_vector({value} + {own});",
            "end if;",
        ]
    return signals, [f"if first = '1' or {value} > {own} then out{n} <= std_logic_vector({value}); end if;"]


def block_flip_flops(schedule: Schedule) -> int:
    """Count the registers of a block without those of its step.

    Parameters
    ----------
    schedule
        The block, and the latency of its step.

    Returns
    -------
    int
        Flip-flops.
    """
    block = schedule.block
    control = (block.fold - 1).bit_length() + schedule.started + 2
    kept = sum(block.inputs[v].bits for v in schedule.kept())
    words = sum(kif.bits for kif in block.step.inputs)
    collected = sum(c.kif.bits * (schedule.copies if c.kind == "pass" else 1) for c in block.collected)
    return control + kept + words + collected
