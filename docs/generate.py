"""Pages of the reference, written from the code: configuration, cards, commands, rules, targets, layers, public API."""

from __future__ import annotations

import argparse
import html
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from trigger_lut import PUBLIC, cli
from trigger_lut.cards.documentation import card_tables
from trigger_lut.config.budget import load_targets
from trigger_lut.config.documentation import FILES, documentation
from trigger_lut.config.workflow_options import COUNTS, PATHS
from trigger_lut.cost_model.delay import SOURCES
from trigger_lut.report.guarantees import guarantees_markdown

ROOT = Path(__file__).parents[1]

PUBLIC_FILES = tuple(dict.fromkeys(f"{place.split(':')[0].replace('.', '/')}.py" for place in PUBLIC.values()))
"""Files with the public names, from the root of the repository. Others may change without notice."""

COPIED = {"changelog": "CHANGELOG.md", "contributing": "CONTRIBUTING.md", "licences": "THIRD_PARTY.md"}
"""Pages that are files of the repository."""

TITLES = {"budget": "The budget file", "data-set": "The data set file", "targets": "The targets file"}


def private_modules() -> list[str]:
    """Return the paths that the pages of the public API skip."""
    public = {ROOT / file for file in PUBLIC_FILES}
    return [str(path) for path in (ROOT / "trigger_lut").rglob("*.py") if path not in public]


def pages() -> dict[str, str]:
    """Return the text of each generated page by its name."""
    return {**light_pages(), "layers": layers()}


def light_pages() -> dict[str, str]:
    """Return the pages that are written without TensorFlow."""
    return {
        **configuration(),
        "cards": cards(),
        "commands": commands(),
        "rules": rules(),
        "targets": targets(),
        "options": options(),
        "api": api(),
        "guarantees": guarantees_markdown(),
        **{name: copied(ROOT / file) for name, file in COPIED.items()},
    }


def write_pages(folder: Path) -> None:
    """Write each generated page and remove former ones. A page with the same text keeps its time for Sphinx."""
    folder.mkdir(parents=True, exist_ok=True)
    written = pages()
    for former in folder.glob("*.md"):
        if former.stem not in written:
            former.unlink()
    for name, text in written.items():
        path = folder / f"{name}.md"
        if not path.is_file() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")


# ------------------------------------------------------------------ configuration and cards


def configuration() -> dict[str, str]:
    """Return a page for each configuration file, from the models that check it."""
    sections = documentation().split("\n## ")[1:]
    written = {}
    for file, section in zip(FILES, sections, strict=True):
        path, _, rest = section.partition("\n")
        lead, head, rows = rest.strip().partition("| key |")
        tables = _by_first_key(f"{head}{rows}".splitlines())
        written[f"config_{file.replace('-', '_')}"] = f"# {TITLES[file]}\n\n`{path}`\n\n{lead.strip()}\n\n{tables}"
    return written


def _by_first_key(lines: list[str]) -> str:
    """Split one long table into a section for each first-level key that has keys below it."""
    head, rows = lines[:2], lines[2:]
    groups: dict[str, list[str]] = {}
    for row in rows:
        key = row.split("`")[1]
        groups.setdefault(re.split(r"[.\[]", key)[0], []).append(row)
    short = [group[0] for group in groups.values()]
    parts = ["## All first-level keys", "", *head, *short]
    for name, group in groups.items():
        if len(group) > 1:
            parts += ["", f"## {html.escape(name)}", "", *head, *group]
    return "\n".join(parts) + "\n"


def cards() -> str:
    """Return the page of the cards: one section for each card and each record inside a card."""
    lead = (
        "# Cards\n\nEach stage writes one card: plain JSON that names its inputs, versions and results. "
        "`trigger_lut.cards.base.read_card` reads a card and refuses unknown keys and impossible figures. "
        'Figures measured by a tool are `{"value": ..., "source": ...}`.\n\n'
    )
    return lead + re.sub(r"^\*\*(.+?)\*\*", r"## \1", card_tables(), flags=re.MULTILINE)


# ------------------------------------------------------------------ commands


def commands() -> str:
    """Return the page of the command line, from its parser."""
    top = cli.parser()
    lines = ["# Commands", "", f"{top.description} {top.epilog}", ""]
    lines += ["Every command has `--help`.", ""]
    for name, sub in subcommands(top):
        lines += [f"## {name}", "", _escaped(str(sub.description or "")), "", *_usage(sub), *_options(sub)]
    return "\n".join(lines) + "\n"


def subcommands(parser: argparse.ArgumentParser, prefix: str = "") -> Iterator[tuple[str, argparse.ArgumentParser]]:
    """Yield name and parser of each command, those of groups with the group's name in front."""
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for name, sub in action.choices.items():
                below = list(subcommands(sub, f"{prefix}{name} "))
                yield from below or [(f"{prefix}{name}", sub)]


def _usage(sub: argparse.ArgumentParser) -> list[str]:
    formatter = argparse.HelpFormatter(sub.prog, width=76)
    formatter.add_usage(sub.usage, sub._actions, sub._mutually_exclusive_groups, prefix="")
    return ["```", formatter.format_help().strip(), "```", ""]


def _options(sub: argparse.ArgumentParser) -> list[str]:
    rows = []
    for action in sub._actions:
        if isinstance(action, argparse._HelpAction):
            continue
        name = ", ".join(action.option_strings) or str(action.metavar or action.dest)
        values = ", ".join(f"`{value}`" for value in action.choices) if action.choices else ""
        needed = "yes" if action.required else "no"
        rows.append(f"| `{name}` | {needed} | {_escaped(' '.join([str(action.help or ''), values]).strip())} |")
    return ["| argument | required | meaning |", "|---|---|---|", *rows, ""] if rows else []


def _escaped(text: str) -> str:
    return html.escape(text, quote=False).replace("|", "\\|").replace("*", "\\*")


# ------------------------------------------------------------------ rules, targets, options


@dataclass(frozen=True)
class Rule:
    """A rule of the workflow: its file, its docstring, the commands that it calls, and whether each run has it."""

    name: str
    file: str
    meaning: str
    commands: tuple[str, ...]
    always: bool


def workflow_rules() -> list[Rule]:
    """Return the rules in the order in which the Snakefile includes their files."""
    snakefile = (ROOT / "Snakefile").read_text(encoding="utf-8")
    files = ["Snakefile", *re.findall(r'^include: "(.+)"$', snakefile, re.MULTILINE)]
    return [rule for file in files for rule in _rules_of(file)]


def _rules_of(file: str) -> Iterator[Rule]:
    text = (ROOT / file).read_text(encoding="utf-8")
    starts = list(re.finditer(r"^( *)(?:rule|checkpoint) (\w+):\n", text, re.MULTILINE))
    ends = [*(start.start() for start in starts[1:]), len(text)]
    for start, end in zip(starts, ends, strict=False):
        body = text[start.end() : end]
        docstring = re.match(r'\s*"""(.*?)"""', body, re.DOTALL)
        if docstring is None:
            raise ValueError(f"{file}: rule {start[2]}: no docstring. Write one sentence that says what the rule does.")
        meaning = re.sub(r"\{wildcards\.(\w+)\}", r"`<\1>`", " ".join(docstring[1].split()))
        helped = [f"stage {name.replace('_', '-')}" for name in re.findall(r'^ *stage\(\s*"(\w+)"', body, re.MULTILINE)]
        called = tuple(dict.fromkeys([*re.findall(r'"trigger-lut (stage [\w-]+)', body), *helped]))
        yield Rule(start[2], file, meaning, called, always=not start[1])


def rules() -> str:
    """Return the page of the workflow's rules, from their docstrings."""
    lines = [
        "# Rules",
        "",
        "A rule is one step of the workflow. It calls one command, whose arguments are files. "
        "A conditional rule exists only where the configuration asks for it. The files are in `workflow/rules/`.",
        "",
        "| rule | command | file | task |",
        "|---|---|---|---|",
    ]
    for rule in workflow_rules():
        called = ", ".join(f"[`{name}`](commands.md#{name.replace(' ', '-')})" for name in rule.commands)
        task = rule.meaning if rule.always else f"{rule.meaning} Conditional."
        lines.append(f"| `{rule.name}` | {called} | `{Path(rule.file).name}` | {task} |")
    return "\n".join(lines) + "\n"


def targets() -> str:
    """Return the page of the hardware targets, from config/targets.yaml."""
    lines = ["# Targets", "", "A target is a place in a trigger: a device, a clock and an event period. "]
    lines += ["The file is `config/targets.yaml`; its keys are on [a page of their own](config_targets.md).", ""]
    for name, target in load_targets(ROOT / "config" / "targets.yaml").items():
        allowed = "unknown" if target.latency_allowed_ns is None else f"{target.latency_allowed_ns:g} ns"
        totals = {key: value for key, value in target.totals.model_dump().items() if value is not None}
        lines += [f"## {name}", "", f"{target.description}.", "", "| property | value |", "|---|---|"]
        lines += [f"| part | `{target.part}` |", f"| family | `{target.family}` |"]
        lines += [f"| clock | {target.clock_mhz:g} MHz |", f"| event period | {target.event_period_ns:g} ns |"]
        lines += [f"| latency that the trigger allows | {allowed} |"]
        lines += [f"| delay figures of the family | {SOURCES[target.family]} |"]
        lines += [f"| {key} on the device | {value:,} |" for key, value in totals.items()]
        lines += [f"| source | {target.source} |", ""]
    return "\n".join(lines) + "\n"


def options() -> str:
    """Return the page of the keys that Snakemake's --config takes."""
    lines = ["# Workflow options", "", "Give these keys to Snakemake: `snakemake --cores all --config KEY=VALUE`.", ""]
    lines += ["| key | value | default |", "|---|---|---|"]
    lines += [f"| `{key}` | path | `{default}` |" for key, default in PATHS.items()]
    lines += [f"| `{key}` | integer, at least {least} | `{default}` |" for key, (default, least) in COUNTS.items()]
    return "\n".join(lines) + "\n"


# ------------------------------------------------------------------ layers, public API, files of the repository


def layers() -> str:
    """Return the table of the layers of Keras and HGQ2, which lists those of the installed versions."""
    from trigger_lut.conversion.supported import layer_page

    return layer_page()


def api() -> str:
    """Return the page that lists the public names and their modules."""
    lines = ["# Public API", "", "Import these names from `trigger_lut`. All others may change without notice.", ""]
    lines += ["| name | module |", "|---|---|"]
    for name, place in PUBLIC.items():
        module = place.split(":")[0]
        lines.append(f"| `{name}` | [`{module}`](api/{module.replace('.', '/')}/index.rst) |")
    lines += ["", "```{toctree}", ":hidden:", ""]
    lines += [f"api/{file.removesuffix('.py')}/index" for file in PUBLIC_FILES]
    return "\n".join([*lines, "```"]) + "\n"


def columns_as_list(lines: list[str]) -> None:
    """Turn the lines `name   meaning` of a docstring, in place, into a list, so that they stay one below the other."""
    written: list[str] = []
    inside = False
    for line in lines:
        row = re.match(r"(\w+(?:, \w+)*) {2,}(\S.*)$", line)
        if row:
            written += ["", f"* ``{row[1]}``: {row[2]}"]
        elif inside and line.startswith("  "):
            written.append(f"  {line.strip()}")
        else:
            written += ["", line] if inside and line else [line]
        inside = bool(row) or (inside and line.startswith("  "))
    lines[:] = written


def copied(path: Path) -> str:
    """Return a file of the repository as a page, its relative links as plain text."""
    if not path.is_file():
        return f"# {path.stem.capitalize()}\n\nThis version has no file `{path.name}`.\n"
    return re.sub(r"\[([^\]]+)\]\((?!https?:)([^)#]+)\)", r"\1 (`\2`)", path.read_text(encoding="utf-8"))
