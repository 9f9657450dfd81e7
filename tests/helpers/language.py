"""Prose of the repository: docstrings, comments, messages, captions and schemas, and what the rules of style refuse."""

from __future__ import annotations

import ast
import inspect
import io
import json
import re
import subprocess
import sys
import tokenize
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from documentation_pages import BANNED, ROOT, long_sentences

FILES = {
    ".py",
    ".smk",
    ".rst",
    ".yaml",
    ".yml",
    ".json",
    ".html",
    ".cpp",
    ".h",
    ".v",
    ".sv",
    ".vhd",
    ".toml",
    ".md",
    "",
}
NOT_PROSE = {"CITATION.cff", "LICENSE", "requirements.lock"}
OWN = {"tests/test_language.py", "tests/helpers/language.py", "tests/helpers/documentation_pages.py"}
OWN |= {"tests/docs/test_prose.py"}
"""Files that quote the words."""
COPIED = {"trigger_lut/firmware/hls/nnet_lut_network.h"}
COPIED |= {f"trigger_lut/firmware/emulator/{name}.py" for name in ("python", "decide")}
COPIED |= {"trigger_lut/firmware/front_end/python.py"}
COPIED |= {f"trigger_lut/firmware/decision/decide.{kind}" for kind in ("v", "vhd")}
"""Sources that projects get byte for byte."""
GENERATED = {
    "trigger_lut/firmware/decision/module.py": "whole number",
    "trigger_lut/firmware/emulator/cpp.py": "stands",
}
"""Words of text that generated sources contain: they stay as they are, so that sources stay byte for byte."""

UNITS = (
    "axis|back end|batch|beat|bin|bit|block|board|branch|budget|channel|check|class|column|data set|design|"
    "disagreement|discriminator|edge|entry|epoch|event|fault|file|flag|folder|form|frame|group|hidden|implementation|"
    "input|instance|job|kind|layer|leaf|level|line|link|method|mistag|module|mutant|network|object|output|page|pair|"
    "place|point|position|problem|process|pull|row|seed|slot|stage|step|table|target|thread|value|variable|vector|"
    "word|working"
)
NO_NOUN = (
    "about|above|after|against|also|and|are|around|as|at|be|before|behind|below|but|by|each|for|from|given|has|if|in|inside|"
    "into|is|like|not|of|off|on|once|only|or|over|pair|per|such|than|that|then|to|under|until|was|when|where|which|while|"
    "with|within|without"
)
COUNTED = (
    "bits|bytes|cells|collisions|cycles|entries|events|jets|jobs|LUTs|muons|objects|operands|rows|seeds|steps|units|"
    "words"
)
RATE = (
    rf"(?<![-.\w])(?:(?:an?|one)(?: (?!(?:{NO_NOUN})\b)(?!\w+[^s]s an?\b)[A-Za-z][\w-]*)?"
    rf"|(?:two|three|four|[2-9]|\d{{2,}}) [a-zA-Z]+s|{COUNTED}) (?-i:an?) (?:{UNITS})\b"
)
"""Rates without `per`: one list an entry, events a step. Rates of cycles or seconds are plain English."""
IN_CODE = re.compile(
    (
        BANNED.pattern + r"|\bwhole[ -]number(?:s|ed)?\b|\bnone beats\b|\bwhat it is worth\b"
        r"|\w*(?:quantis|ynthesise|ormalis|ptimis(?!t|m)|nitialis|tandardis|inimis|olour|labelled(?!by)|neighbour)\w*"
        r"|\bshares? (?:of|at|assigned|differ)\b|\bshare, or\b"
        r"|\b(?:a|the|its|their|this|each|as|these|those|of|in|by|given|trained|whose) shares?\b"
        r"(?! (?:no|the|an?|all)\b)|" + RATE
    ).replace(" ", r"\s+"),
    re.IGNORECASE,
)
"""Words to avoid. A space is any white space, so that the end of a line separates no phrase."""
SHIPPED = re.compile(r"trigger_lut/firmware/(?:.*\.(?:v|vhd|cpp|h)|emulator/cmssw\.py)$")
"""Templates of firmware, which stays byte for byte: rates there may lack `per`."""
CODE = re.compile(
    r"\b(?:endmodule|endprimitive|xnor|noexcept|always @|module \S+ [(#]|std::|architecture \S+ of|struct \w+ {)"
    r"|\$(?:not|display)|module \(\?P"
)
"""Text of a string that holds Verilog, VHDL, C++, or their words."""
COMMENT = re.compile(r"(?:^|\s)(#(?!\S*!).*)$")
CODE_LINE = re.compile(r"# (?:  |- |[\w-]+:(?: |$)|yaml-language-server)")
"""Comment that holds a line of YAML or a command."""
FILE_NAME = r"(?<![\w/.<>*{}-])\w[\w/-]*\.(?:py|smk|cpp|h)\b(?![\w(])|`([a-z_]+/(?:[a-z_]+/)*(?:[\w-]+\.\w+)?)`"
WRITTEN = {
    "board/board.json",
    "src/utilities.cc",
    "results",
    "folder/name",
    "send.py",
    "emulator.py",
    "emulator.h",
    "inputs.cpp",
    "parameters.h",
    "x.cpp",
}
"""Files and folders that the workflow and projects write, and examples."""
OPENING = re.compile(r"(what|whether|of|that|how)\b", re.IGNORECASE)
OF_KERAS = {"call", "build", "get_config", "from_config", "compute_output_shape"}
"""Methods whose parameters Keras documents."""
VAGUE = {"found", "held", "made", "said", "seen"}
"""Names that variables must not have, as they do not name the content. Fields of classes may."""
LONGEST_TEST_NAME = 60
RUFF = "D,DOC102,DOC202,DOC402,DOC403,DOC501"


class Finding(NamedTuple):
    """A place in a file, and the text there that breaks a rule."""

    path: str
    line: int
    text: str

    @property
    def unit(self) -> str:
        """Return the package, the folder of tests, or the folder at the root that the file is in."""
        parts = Path(self.path).parts
        return "/".join(parts[:2]) if parts[0] in ("trigger_lut", "tests") else parts[0]


def files() -> list[str]:
    """Return the files with prose that git has, relative to the root."""
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    paths = [path for path in listed.splitlines() if (ROOT / path).is_file() and not (ROOT / path).is_symlink()]
    chosen = [path for path in paths if Path(path).suffix in FILES and Path(path).name not in NOT_PROSE]
    return [path for path in chosen if path not in OWN | COPIED and "fixtures" not in path]


def text_of(path: str) -> str:
    """Return the text of a file; an empty one where it is no text."""
    try:
        return (ROOT / path).read_text(encoding="utf-8")
    except UnicodeDecodeError:
        return ""


def prose_of(path: str, text: str) -> Iterator[tuple[int, str]]:
    """Yield the texts with prose and their first lines: of Python code the comments, and strings of several words."""
    if not path.endswith(".py"):
        yield 1, re.sub(r"^ *[\w]+(?:-\w+)+:", "", text, flags=re.MULTILINE) if path.endswith(".yaml") else text
        return
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        prose = token.type == tokenize.STRING and " " in token.string.strip()
        if prose or token.type == tokenize.COMMENT or token.type == getattr(tokenize, "FSTRING_MIDDLE", -1):
            yield token.start[0], token.string


def banned(path: str, text: str) -> Iterator[Finding]:
    """Yield the words of the ban list; code in backticks and in braces of f-strings is no prose."""
    code = r"`[^`\n]*`|\{[^{}\n]*\}" if path.endswith(".py") else r"`[^`\n]*`"
    for first, string in prose_of(path, text):
        prose = re.sub(code, "code", string)
        for match in IN_CODE.finditer(prose):
            shipped = SHIPPED.match(path) and re.search(r"\san?\s", match[0])
            if GENERATED.get(path) != match[0].lower() and not shipped:
                yield Finding(path, first + prose.count("\n", 0, match.start()), " ".join(match[0].split()))


def docstrings(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Yield the docstrings of a module, its classes and functions, with their lines."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            text = ast.get_docstring(node)
            if text:
                yield getattr(node, "lineno", 1), text


def openings(path: str, tree: ast.AST) -> Iterator[Finding]:
    """Yield docstrings that begin with a clause instead of a verb or a noun."""
    for line, text in docstrings(tree):
        if OPENING.match(text):
            yield Finding(path, line, text.splitlines()[0])


def long_docstrings(path: str, tree: ast.AST) -> Iterator[Finding]:
    """Yield sentences of docstrings with too many words."""
    for line, text in docstrings(tree):
        plain = re.sub(r"::\n\n(?: +[^\n]*\n|\n)+", "\n\n", text + "\n")
        plain = re.sub(r"^ *(-{3,}|={3,}|>>>[^\n]*|\*{0,2}\w+(?:, \*{0,2}\w+)* : [^\n]*)$", "\n", plain, flags=re.M)
        for sentence in long_sentences(plain):
            yield Finding(path, line, sentence)


def comments(path: str, text: str) -> Iterator[tuple[int, str]]:
    """Yield comments of Python, YAML and Snakemake files with their first lines; adjacent lines are one comment."""
    if path.endswith(".py"):
        tokens = tokenize.generate_tokens(io.StringIO(text).readline)
        found = [(*token.start, token.string, token.line) for token in tokens if token.type == tokenize.COMMENT]
    else:
        lines = enumerate(text.splitlines(), 1)
        found = [(n, match.start(1), match[1], line) for n, line in lines if (match := COMMENT.search(line))]
    group: list[str] = []
    last = (0, 0)
    for row, column, comment, line in found:
        alone = line.strip() == comment.strip() and not CODE_LINE.match(comment)
        if group and not (alone and (row, column) == (last[0] + 1, last[1])):
            yield last[0] - len(group) + 1, "\n".join(group)
            group = []
        group, last = [*group, re.sub(r"^#+:? ?", "", comment)], (row, column if alone else -1)
    if group:
        yield last[0] - len(group) + 1, "\n".join(group)


def strings(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Yield strings other than docstrings, with their lines; what an f-string puts in is one word."""
    texts = [node.value for node in ast.walk(tree) if isinstance(node, ast.Expr)]
    parts = {id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in ast.walk(node)}
    skipped = parts | {id(text) for text in texts}
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            yield node.lineno, "".join(str(v.value) if isinstance(v, ast.Constant) else "code" for v in node.values)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in skipped:
            yield node.lineno, node.value


def long_texts(path: str, text: str) -> Iterator[Finding]:
    """Yield long sentences of comments, and of strings without code. A colon ends no sentence."""
    found = list(comments(path, text))
    if path.endswith(".py"):
        found += [(line, string) for line, string in strings(ast.parse(text)) if not CODE.search(string)]
    for line, plain in found:
        for sentence in long_sentences(plain, ends=".!?"):
            yield Finding(path, line, sentence)


def stale_names(path: str, text: str, known: set[str]) -> Iterator[Finding]:
    """Yield files and folders that docstrings and comments name and that do not exist."""
    for first, string in prose_of(path, text):
        if string.lstrip("rRfFbB").startswith(('"""', "#")):
            for match in re.finditer(FILE_NAME, string):
                if (match[1] or match[0]).rstrip("/") not in known:
                    yield Finding(path, first + string.count("\n", 0, match.start()), match[0])


def names_of_files() -> set[str]:
    """Return the ends of the paths that git has, and of their folders."""
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    parts = [path.split("/") for path in listed.splitlines()]
    return {"/".join(p[i:j]) for p in parts for i in range(len(p)) for j in range(i + 1, len(p) + 1)} | WRITTEN


def vague(path: str, tree: ast.AST) -> Iterator[Finding]:
    """Yield variables whose names do not name their content, and names of tests that are too long."""
    classes = [node for node in ast.walk(tree) if isinstance(node, ast.ClassDef)]
    fields = {id(each.target) for node in classes for each in node.body if isinstance(each, ast.AnnAssign)}
    for node in ast.walk(tree):
        if (
            isinstance(node, ast.Name)
            and isinstance(node.ctx, ast.Store)
            and node.id in VAGUE
            and id(node) not in fields
        ):
            yield Finding(path, node.lineno, f"variable {node.id}")
        elif isinstance(node, ast.arg) and node.arg in VAGUE:
            yield Finding(path, node.lineno, f"parameter {node.arg}")
        elif isinstance(node, ast.FunctionDef) and node.name.startswith("test_") and len(node.name) > LONGEST_TEST_NAME:
            yield Finding(path, node.lineno, f"{node.name}: {len(node.name)} letters")


def modules() -> dict[str, ast.Module]:
    """Return the syntax trees of the package by path."""
    return {
        path: ast.parse(text_of(path)) for path in files() if path.startswith("trigger_lut/") and path[-3:] == ".py"
    }


def dotted(path: str) -> str:
    """Return the name under which a file is imported."""
    return path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")


def interface(trees: dict[str, ast.Module]) -> set[tuple[str, str]]:
    """Return (module, name) of each name that another package imports, and (module, "*") of imported modules."""
    names = set()
    for path, tree in trees.items():
        package = dotted(path).split(".")[1:2]
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] == "trigger_lut":
                if node.module.split(".")[1:2] == package and package:
                    continue
                for alias in node.names:
                    names |= {(node.module, alias.name), (f"{node.module}.{alias.name}", "*")}
    return names


def described(docstring: str, section: str) -> list[str] | None:
    """Return the names of a section of a NumPy docstring; None without the section."""
    match = re.search(rf"^{section}\n-+\n(.*?)(?=\n\w[^\n]*\n-{{3,}}\n|\Z)", docstring, re.DOTALL | re.MULTILINE)
    if match is None:
        return None
    lines = [line for line in match[1].splitlines() if re.match(r"[\w*]", line)]
    return [name.strip("* ") for line in lines for name in line.split(" : ")[0].split(",")]


def undocumented(function: ast.FunctionDef) -> str | None:
    """Return the section that the docstring of a function lacks; functions without parameters need none."""
    arguments = function.args
    every = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs, arguments.vararg, arguments.kwarg]
    names = [each.arg for each in every if each is not None and each.arg not in ("self", "cls")]
    if not names:
        return None
    text = ast.get_docstring(function) or ""
    if described(text, "Parameters") is None:
        return "Parameters"
    if sorted(described(text, "Parameters") or []) != sorted(names):
        return f"Parameters {names}"
    returns = ast.unparse(function.returns) if function.returns else "None"
    if returns not in ("None", "NoReturn") and described(text, "Returns") is described(text, "Yields") is None:
        return "Returns"
    return None


def functions(tree: ast.Module) -> Iterator[tuple[str, ast.FunctionDef]]:
    """Yield public functions and methods with the name at module level that leads to them."""
    for node in tree.body:
        if isinstance(node, ast.FunctionDef) and not node.name.startswith("_"):
            yield node.name, node
        elif isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
            for method in node.body:
                if isinstance(method, ast.FunctionDef) and not method.name.startswith("_"):
                    decorators = " ".join(ast.unparse(decorator) for decorator in method.decorator_list)
                    if method.name not in OF_KERAS and not re.search(r"property|valid|serial|override", decorators):
                        yield node.name, method


def sections(trees: dict[str, ast.Module], public: set[tuple[str, str]]) -> Iterator[Finding]:
    """Yield functions that other packages use, without the sections of a NumPy docstring."""
    for path, tree in trees.items():
        module = dotted(path)
        for name, function in functions(tree):
            if (module, name) in public or (module, "*") in public:
                missing = undocumented(function)
                if missing:
                    yield Finding(path, function.lineno, f"{function.name}: {missing}")


def ruff(arguments: Iterable[str], root: Path = ROOT) -> Iterator[Finding]:
    """Yield what ruff's rules of docstrings (pydocstyle, pydoclint) say."""
    config = ["--config", 'lint.pydocstyle.convention = "numpy"']
    config += ["--config", "lint.pydoclint.ignore-one-line-docstrings = true", "--ignore", "D105"]
    command = [sys.executable, "-m", "ruff", "check", "--preview", "--no-cache", "--output-format", "json"]
    done = subprocess.run(
        [*command, "--select", RUFF, *config, *arguments], cwd=root, capture_output=True, text=True, check=False
    )
    assert done.stdout.startswith("["), done.stderr
    for entry in json.loads(done.stdout):
        if re.search(r"exception `[a-z]\w*`", entry["message"]):
            continue  # `raise refused(...)`: a function makes the error, and ruff cannot know its class
        place = Path(entry["filename"]).relative_to(root).as_posix()
        yield Finding(place, entry["location"]["row"], f"{entry['code']} {entry['message']}")


def findings(rule: str) -> list[Finding]:
    """Return what a rule refuses in the repository."""
    if rule == "words":
        return [finding for path in files() for finding in banned(path, text_of(path))]
    if rule == "sections":
        trees = modules()
        return list(sections(trees, interface(trees)))
    if rule == "ruff":
        return [finding for finding in ruff(["trigger_lut"]) if finding.path not in COPIED]
    if rule == "files":
        known = names_of_files()
        paths = [path for path in files() if path.endswith(".py")]
        return [finding for path in paths for finding in stale_names(path, text_of(path), known)]
    if rule == "texts":
        paths = [path for path in files() if path.split("/")[0] in ("Snakefile", "config", "trigger_lut", "workflow")]
        chosen = [path for path in paths if Path(path).suffix in (".py", ".smk", ".yaml", "") and path not in COPIED]
        return [finding for path in chosen for finding in long_texts(path, text_of(path))]
    check = {"openings": openings, "sentences": long_docstrings, "names": vague}[rule]
    python = [path for path in files() if path.endswith(".py")]
    return [finding for path in python for finding in check(path, ast.parse(text_of(path)))]


def clean(text: str) -> str:
    """Return source without the indentation of a test."""
    return inspect.cleandoc(text) + "\n"


if __name__ == "__main__":
    for rule in ("words", "openings", "sentences", "names", "texts", "files", "sections", "ruff"):
        for finding in findings(rule):
            if not sys.argv[1:] or finding.unit in sys.argv[1:]:
                print(f"{finding.path}:{finding.line}: {rule}: {finding.text}")
