"""Check that Verilog is written in the small part of the language that all readers understand alike.

The proof reads Verilog by way of Yosys. It says something of the simulated and of the synthesized circuit only where
these readers see the same text. So the text is parsed here by a grammar of what the generator and alkaid's library
emit. Anything else is refused: directives, comments and attributes that a tool obeys, implicit nets, delays,
latches, and every construct that the grammar does not have. This is a list of what is allowed, not of what is
forbidden: a construct that nobody thought of is refused too.

The values `x` are allowed as entries of a table. The proof decides if an input reaches them.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

ATTRIBUTES = {
    "shreg_extract": {"no", "yes"},
    "rom_style": {"distributed", "block"},
    "ram_style": {"distributed", "block"},
    "use_dsp": {"no", "yes"},
}
"""Attributes that choose how a tool builds something, never what it computes."""
_TOOL_WORDS = """altera ambit cadence coverage exemplar lint mentor pragma quartus rtl_synthesis simulation synopsys
    synplify synthesis vcs verific verilator vivado xilinx yosys"""
TOOL_WORDS = frozenset(_TOOL_WORDS.split())
"""First words of comments that tools take for commands."""
MARKS = ("translate_off", "translate_on", "synthesis_off", "synthesis_on", "full_case", "parallel_case")
LINT = re.compile(r"verilator lint_(on|off) [A-Z0-9_]+")
TIMESCALE = re.compile(r"`timescale\s+1\s?ns\s*/\s*1\s?ps\s*")
DEEPEST = 40
"""Levels of brackets or of blocks."""

_RESERVED = """
    accept_on alias always always_comb always_ff always_latch and assert assign assume automatic before begin bind
    bins binsof bit break buf bufif0 bufif1 byte case casex casez cell chandle checker class clocking cmos config const
    constraint context continue cover covergroup coverpoint cross deassign default defparam design disable dist do edge
    else end endcase endchecker endclass endclocking endconfig endfunction endgenerate endgroup endinterface endmodule
    endpackage endprimitive endprogram endproperty endspecify endsequence endtable endtask enum event eventually expect
    export extends extern final first_match for force foreach forever fork forkjoin function generate genvar global
    highz0 highz1 if iff ifnone ignore_bins illegal_bins implements implies import incdir include initial inout input
    inside instance int integer interconnect interface intersect join join_any join_none large let liblist library
    local localparam logic longint macromodule matches medium modport module nand negedge nettype new nexttime nmos nor
    noshowcancelled not notif0 notif1 null or output package packed parameter pmos posedge primitive priority program
    property protected pull0 pull1 pulldown pullup pulsestyle_ondetect pulsestyle_onevent pure rand randc randcase
    randsequence rcmos real realtime ref reg reject_on release repeat restrict return rnmos rpmos rtran rtranif0
    rtranif1 s_always s_eventually s_nexttime s_until s_until_with scalared sequence shortint shortreal showcancelled
    signed small soft solve specify specparam static string strong strong0 strong1 struct super supply0 supply1
    sync_accept_on sync_reject_on table tagged task this throughout time timeprecision timeunit tran tranif0 tranif1 tri
    tri0 tri1 triand trior trireg type typedef union unique unique0 unsigned until until_with untyped use uwire var
    vectored virtual void wait wait_order wand weak weak0 weak1 while wildcard wire with within wor xnor xor"""
RESERVED = frozenset(_RESERVED.split())
"""Keywords of SystemVerilog (IEEE 1800-2017, annex B)."""

TOKEN = re.compile(
    r"""(?P<space>[ \t\n]+)
    |(?P<entry>(?P<label_size>\d+)'h(?P<label>[0-9A-F]+):[ ](?P<target>[a-z]+)[ ]=[ ]
        (?P<value_size>\d+)'h(?P<value>[0-9A-FX]+);)
    |(?P<comment>//[^\n]*|/\*[^\n]*?\*/)
    |(?P<directive>`[^\n]*)
    |(?P<sensitivity>@[ ]?\([ ]?\*[ ]?\))
    |(?P<attribute>\(\*[^\n]*?\*\))
    |(?P<number>\d*'[bdhBDH][0-9a-fA-FxX]+|\d+(?!['\w]))
    |(?P<name>[A-Za-z_][A-Za-z0-9_]*(?![$\w]))
    |(?P<system>\$signed\b|\$unsigned\b)
    |(?P<refused>===|!==|[=!]=\?|\*\*|\+\+|--|->|[-+*/%&|^]=|~[&|^]|\^~|[-+]:|<<=|>>=|&&&)
    |(?P<operator><<<|>>>|<<|>>|<=|>=|==|!=|&&|\|\||[-+*~&|^!<>?:=(){}\[\],;.#@])
    """,
    re.VERBOSE | re.ASCII,
)
ATTRIBUTE = re.compile(r'\(\*\s*(\w+)\s*=\s*"(\w+)"\s*\*\)', re.ASCII)
NUMBER = re.compile(r"(\d*)'([bdhBDH])([0-9a-fA-FxX]+)|(\d+)", re.ASCII)
_OPERATORS = "<<< >>> << >> <= >= == != && || - + * ~ & | ^ ! < > ? :"
OPERATORS = frozenset(_OPERATORS.split())
OPENING = {"(": ")", "[": "]", "{": "}"}
BASES = {"b": 2, "d": 10, "h": 16}

Token = tuple[str, str, int]
"""Kind, text, and place in the file."""


class _RefusedError(Exception):
    """A construct that is not allowed, and its place in the file."""

    def __init__(self, problem: str, place: int) -> None:
        super().__init__(problem)
        self.place = place


def source_refusal(files: Sequence[Path]) -> str:
    """Check that Verilog files are in the part of the language that all tools read alike.

    Parameters
    ----------
    files
        Verilog files, read as UTF-8.

    Returns
    -------
    str
        First refusal, with file, line and construct; "" where all files are accepted.
    """
    modules: dict[str, str] = {}
    instances: dict[str, set[str]] = {}
    for path in files:
        if path.suffix != ".v":  # Verilator takes x.cpp for C++, and x.vlt for its own commands
            return f"{path.name}: expected Verilog in a file *.v, found the ending {path.suffix!r}"
        try:
            text = path.read_bytes().decode("utf-8")
        except UnicodeDecodeError as error:
            return f"{path.name}: expected UTF-8 text, found the byte {error.object[error.start]:#04x}"
        try:
            own_modules = _Parser(text).modules()
        except _RefusedError as error:
            line = text.count("\n", 0, error.place) + 1
            return f"{path.name}:{line}: {error} is not allowed in Verilog that is to be proven"
        for name in own_modules:
            if name.casefold() in modules:
                return f"{path.name}: a second module {name!r}; the first is in {modules[name.casefold()]}"
            modules[name.casefold()] = path.name
        instances |= own_modules
    while leaves := [name for name, used in instances.items() if not used & instances.keys()]:
        for name in leaves:
            del instances[name]
    return f"the modules {', '.join(sorted(instances))} contain themselves" if instances else ""


def _tokens(text: str) -> list[Token]:
    """Split a text into tokens, without spaces and comments, whose content is checked here."""
    tokens: list[Token] = []
    at, end = 0, len(text)
    match = TOKEN.match
    while at < end:
        token = match(text, at)
        if token is None:
            raise _RefusedError(f"{_shown(text[at : at + 12])}", at)
        kind, content = token.lastgroup or "", token[0]
        if token["entry"]:
            _check_entry(token, at)
            tokens.append(("entry", token["target"], at))
        elif kind == "comment":
            _check_comment(content, at)
        elif kind == "directive":
            before = text[text.rfind("\n", 0, at) + 1 : at]
            if before.strip() or not TIMESCALE.fullmatch(content):
                raise _RefusedError(f"the directive {_shown(content)}", at)
        elif kind == "attribute":
            known = ATTRIBUTE.fullmatch(content)
            if known is None or known[2] not in ATTRIBUTES.get(known[1], ()):
                raise _RefusedError(f"the attribute {_shown(content)}", at)
        elif kind == "refused":
            raise _RefusedError(f"the operator {_shown(content)}", at)
        elif kind != "space":
            tokens.append((kind, content, at))
        at = token.end()
    tokens.append(("end", "the end of the file", end))
    return tokens


def _check_entry(token: re.Match[str], at: int) -> None:
    for size, digits in ((token["label_size"], token["label"]), (token["value_size"], token["value"])):
        if "X" not in digits and int(digits, 16) >> int(size):
            raise _RefusedError(f"a number wider than its {size} bits", at)


def _check_comment(comment: str, at: int) -> None:
    text = comment[2:-2] if comment.startswith("/*") else comment[2:]
    if not text.replace("\t", " ").isprintable():
        raise _RefusedError("a control character in a comment", at)
    if text.rstrip().endswith("\\") or "/*" in text or "*/" in text:
        raise _RefusedError("a comment that readers may end in different places", at)
    text = text.strip().lower()
    word = re.match(r"[@*!]*\s*(\w*)", text)
    first = word[1] if word else ""
    if (first in TOOL_WORDS and not LINT.fullmatch(comment.strip("/* "))) or any(mark in text for mark in MARKS):
        raise _RefusedError(f"the comment {_shown(comment)}, which tools obey,", at)


def _shown(text: str) -> str:
    return ascii(text if len(text) < 60 else text[:57] + "...")


class _Parser:
    """A recursive-descent parser that keeps nothing but the names that are declared."""

    def __init__(self, text: str) -> None:
        self._tokens, self._at = _tokens(text), 0
        self._scopes: list[set[str]] = []
        self._clocked: set[str] = set()
        self._initial: list[tuple[str, int]] = []
        self._instances: set[str] = set()
        self._inputs: list[str] = []
        self._tops: dict[str, tuple[str, ...]] = {}  # of words: their highest bit, in tokens
        self._ports: set[tuple[str, ...]] = set()  # highest bits of ports

    def modules(self) -> dict[str, set[str]]:
        """Parse a file; its modules, and which modules they contain. A second module of a name is refused."""
        modules: dict[str, set[str]] = {}
        while self._kind() != "end":
            self._instances = set()
            name = self._module()
            if name in modules:
                self._at -= 1
                raise _RefusedError(f"a second module {name!r}", self._tokens[self._at][2])
            modules[name] = self._instances
        return modules

    # ------------------------------------------------------------ tokens

    def _kind(self) -> str:
        return self._tokens[self._at][0]

    def _text(self, ahead: int = 0) -> str:
        return self._tokens[min(self._at + ahead, len(self._tokens) - 1)][1]

    def _refuse(self) -> _RefusedError:
        return _RefusedError(_shown(self._text()), self._tokens[self._at][2])

    def _take(self, *wanted: str) -> str:
        """Return the next token, which must be one of those wanted."""
        text = self._text()
        if self._kind() == "entry" or (wanted and text not in wanted):
            raise self._refuse()
        self._at += 1
        return text

    def _maybe(self, text: str) -> bool:
        if self._kind() != "entry" and self._text() == text:
            self._at += 1
            return True
        return False

    def _name(self) -> str:
        """Parse a name that is no keyword."""
        if self._kind() != "name" or self._text() in RESERVED:
            raise self._refuse()
        return self._take()

    def _declare(self, name: str) -> None:
        if any(name in scope for scope in self._scopes):
            self._at -= 1
            raise _RefusedError(f"a second declaration of {name!r}", self._tokens[self._at][2])
        self._scopes[-1].add(name)

    def _known(self) -> str:
        """Parse a name that is declared before: no net comes to be by a spelling mistake."""
        name = self._name()
        if not any(name in scope for scope in self._scopes):
            self._at -= 1
            raise _RefusedError(f"the name {name!r} before its declaration", self._tokens[self._at][2])
        return name

    # ------------------------------------------------------------ expressions

    def _number(self, undefined: bool = False) -> None:
        """Parse a number that its size can hold; undefined: it may have digits x."""
        if self._kind() != "number":
            raise self._refuse()
        match = NUMBER.fullmatch(self._text())
        assert match is not None
        size, base, digits, plain = match.groups()
        if plain is not None:
            bits, value = 32, plain
            good = int(plain) < 1 << 31
        elif "x" in digits.lower():
            bits, value, good = int(size or 0), digits, undefined and bool(size)
        else:
            bits, value = int(size or 32), digits
            try:
                good = not int(digits, BASES[base.lower()]) >> bits
            except ValueError:
                good = False
        if not good or not 0 < bits < 1 << 20:
            raise _RefusedError(f"the number {value!r} in {bits} bits", self._tokens[self._at][2])
        self._take()

    def _expression(self, *ends: str) -> None:
        """Parse an expression up to one of some tokens, which stays. Its syntax is checked by those who read it."""
        waiting: list[str] = []
        begin, value = self._at, False  # value: an operand ends here, so that another one cannot begin
        while waiting or self._text() not in ends:
            kind, text = self._kind(), self._text()
            if value and (kind in ("name", "number", "system") or text == "("):
                raise self._refuse()
            value = kind in ("name", "number") or text in OPENING.values()
            if kind == "name":
                self._known()
            elif kind == "number":
                self._number()
            elif kind == "system" or text in OPERATORS or (text == "," and waiting):
                self._take()
            elif text in OPENING:
                if text == "[":
                    self._check_order()
                waiting.append(OPENING[self._take()])
            elif waiting and text == waiting[-1]:
                waiting.pop()
                self._take()
            else:
                raise self._refuse()
            if len(waiting) > DEEPEST:
                raise _RefusedError("an expression of so many brackets", self._tokens[self._at][2])
        if self._at == begin:
            raise self._refuse()

    def _top(self) -> tuple[str, ...]:
        """Return the highest bit in a declaration, which must count down to 0: tools differ where it counts up."""
        if self._text() != "[":
            return ("0",)
        begin = self._at + 1
        self._take("[")
        self._expression("]")
        if (self._text(-2), self._text(-1)) != (":", "0"):
            raise _RefusedError("a word that does not count down to bit 0", self._tokens[self._at][2])
        top = tuple(text for _, text, _ in self._tokens[begin : self._at - 2])
        self._take("]")
        return top

    def _range(self) -> None:
        """Parse an optional selection of bits of a word."""
        if self._text() == "[":
            self._check_order()
            self._take("[")
            self._expression("]")
            self._take("]")

    def _check_order(self) -> None:
        """Refuse a selection [high:low] of bits that may count up: Yosys turns it round, others do not.

        Where an accepted one does count up, one of its bits is not in the word, or a port counts up: that is refused
        elsewhere. Accepted are: low is 0; high is the word's highest bit; or high is a port's highest bit + low.

        Raises
        ------
        _RefusedError
            If the order is not known.
        """
        at, depth, colons = self._at + 1, 0, []
        while at < len(self._tokens) and (depth or self._tokens[at][1] != "]"):
            text = self._tokens[at][1]
            depth += (text in OPENING) - (text in OPENING.values())
            if not depth and text in (":", "?"):
                colons.append(at)
            at += 1
        if not colons:
            return
        spans = ((self._at + 1, colons[0]), (colons[0] + 1, at))
        high, low = (tuple(text for _, text, _ in self._tokens[begin:end]) for begin, end in spans)
        word = self._text(-1)
        if len(colons) == 1 and len(high) == len(low) == 1 and high[0].isdigit() and low[0].isdigit():
            known = int(high[0]) >= int(low[0])
        else:
            above = high[:-2] in self._ports and high[-2:] == ("+", *low) and len(low) == 1
            above = above and all(re.fullmatch(r"\w+|[-+]", text) for text in high)
            known = len(colons) == 1 and word in self._tops and (low == ("0",) or high == self._tops[word] or above)
        if not known:
            raise _RefusedError("a selection of bits that may count up", self._tokens[self._at][2])

    def _target(self) -> str:
        """Parse a net or some bits of it, no parameter and no input."""
        name = self._known()
        if name not in self._tops or name in self._inputs:
            self._at -= 1
            raise _RefusedError(f"an assignment to {name!r}", self._tokens[self._at][2])
        self._range()
        return name

    # ------------------------------------------------------------ modules

    def _module(self) -> str:
        self._take("module")
        name = self._name()
        self._scopes, self._clocked, self._initial, self._inputs = [set()], set(), [], []
        self._tops, self._ports = {}, set()
        if self._maybe("#"):
            self._take("(")
            while True:
                self._take("parameter")
                self._parameter_width()
                self._assigned()
                if self._take(",", ")") == ")":
                    break
        self._take("(")
        while True:
            direction = self._take("input", "output")
            if self._text() in ("wire", "reg"):
                self._take()
            self._maybe("signed")
            top = self._top()
            port = self._name()
            self._declare(port)
            self._tops[port] = top
            self._ports.add(top)
            if direction == "input":
                self._inputs.append(port)
            if self._take(",", ")") == ")":
                break
        self._take(";")
        while not self._maybe("endmodule"):
            self._item(0)
        for register, place in self._initial:
            if register not in self._clocked:
                raise _RefusedError(f"an initial value of {register!r}, which no clock loads,", place)
        return name

    def _parameter_width(self) -> None:
        """Parse the width of a parameter, which a number of that width must follow: no tool cuts or extends it."""
        if self._text() != "[":
            return
        top = self._top()
        value, end = NUMBER.fullmatch(self._text(2)), self._text(3)
        bits = str(int(top[0]) + 1) if len(top) == 1 and top[0].isdigit() else "none"
        if value is None or value[1] != bits or end not in (",", ")"):
            raise _RefusedError("a parameter of another width than its value", self._tokens[self._at][2])

    def _assigned(self) -> None:
        """Parse a parameter and its value."""
        name = self._name()
        self._take("=")
        self._expression(",", ")", ";")
        self._declare(name)

    def _item(self, depth: int) -> None:
        if depth > DEEPEST:
            raise _RefusedError("a block at this depth", self._tokens[self._at][2])
        if self._kind() != "name":
            raise self._refuse()
        text = self._text()
        items = {
            "wire": self._declaration,
            "reg": self._declaration,
            "localparam": self._parameter,
            "assign": self._assign,
            "initial": self._start,
            "always": self._always,
        }
        if text in items:
            items[text]()
        elif text == "generate":
            self._take()
            while not self._maybe("endgenerate"):
                self._item(depth + 1)
        elif text == "if":
            self._choice(depth)
        else:
            self._instance()

    def _declaration(self) -> None:
        kind = self._take("wire", "reg")
        self._maybe("signed")
        top = self._top()
        while True:
            name = self._name()
            self._declare(name)
            self._tops[name] = top
            if kind == "wire" and self._maybe("="):
                self._expression(",", ";")
            if self._take(",", ";") == ";":
                return

    def _parameter(self) -> None:
        self._take("localparam")
        self._assigned()
        self._take(";")

    def _assign(self) -> None:
        self._take("assign")
        self._target()
        self._take("=")
        self._expression(";")
        self._take(";")

    def _start(self) -> None:
        """Parse an initial value, which says nothing: the proof is for all states of the registers."""
        place = self._tokens[self._at][2]
        self._take("initial")
        self._initial.append((self._known(), place))
        self._take("=")
        self._number()
        self._take(";")

    def _always(self) -> None:
        self._take("always")
        if self._kind() == "sensitivity":
            self._table()
            return
        for text in ("@", "(", "posedge"):
            self._take(text)
        self._known()
        self._take(")")
        if not self._maybe("begin"):
            self._load()
            return
        while not self._maybe("end"):
            self._load()

    def _load(self) -> None:
        """Parse an assignment to a register at the clock's edge."""
        self._clocked.add(self._target())
        self._take("<=")
        self._expression(";")
        self._take(";")

    def _table(self) -> None:
        """Parse a table: the case statement over its module's only input, constants for one target.

        A simulator executes it when that word changes: a constant, or another word of constants, may never do so.

        Raises
        ------
        _RefusedError
            If the statement reads another word, or has other than one target.
        """
        self._take()
        for text in ("case", "("):
            self._take(text)
        if [self._known()] != self._inputs:
            self._at -= 1
            raise _RefusedError("a table of a word that is not its module's only input", self._tokens[self._at][2])
        self._take(")")
        targets = set()
        while not self._maybe("endcase"):
            if self._kind() == "entry":
                target = self._text()
                if not any(target in scope for scope in self._scopes):
                    raise self._refuse()
                targets.add(target)
                self._at += 1
                continue
            if not self._maybe("default"):
                self._number()
            self._take(":")
            targets.add(self._known())
            self._take("=")
            if self._maybe("{"):
                self._number()
                self._take("{")
                self._number(undefined=True)
                self._take("}")
                self._take("}")
            else:
                self._number(undefined=True)
            self._take(";")
        if len(targets) != 1:
            self._at -= 1
            raise _RefusedError("a table with other than one target", self._tokens[self._at][2])

    def _choice(self, depth: int) -> None:
        """Parse a block that exists if a condition on parameters is true."""
        self._take("if")
        self._take("(")
        self._expression(")")
        self._take(")")
        self._block(depth)
        if self._maybe("else"):
            if self._text() == "if":
                self._item(depth + 1)
            else:
                self._block(depth)

    def _block(self, depth: int) -> None:
        self._take("begin")
        self._take(":")
        self._declare(self._name())
        self._scopes.append(set())
        while not self._maybe("end"):
            self._item(depth + 1)
        self._scopes.pop()

    def _instance(self) -> None:
        self._instances.add(self._name())
        if self._maybe("#"):
            self._connections()
        self._declare(self._name())
        self._connections()
        self._take(";")

    def _connections(self) -> None:
        """Parse connections of ports or parameters, all by place or all by name."""
        self._take("(")
        named = self._text() == "."
        names: set[str] = set()
        while True:
            if named:
                self._take(".")
                name = self._name()
                if name in names:
                    self._at -= 1
                    raise _RefusedError(f"a second connection of {name!r}", self._tokens[self._at][2])
                names.add(name)
                self._take("(")
                self._expression(")")
                self._take(")")
            else:
                self._expression(",", ")")
            if self._take(",", ")") == ")":
                return
