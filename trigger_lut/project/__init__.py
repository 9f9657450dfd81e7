"""A project folder for the workflow of the installed package.

`Snakefile`, `workflow` and `config` are symbolic links to those of the repository. A wheel holds the files themselves.
"""

from __future__ import annotations

import shlex
from pathlib import Path

from trigger_lut.errors import ConfigurationError

HERE = Path(__file__).parent
COPIED = (
    "config/budget.yaml",
    "config/targets.yaml",
    "config/data_sets/jets.yaml",
    "config/data_sets/jets.root",
    "config/budget.schema.json",
    "config/targets.schema.json",
    "config/data_set.schema.json",
    "config/README.md",
    "workflow/profiles/README.md",
    "workflow/profiles/local/config.yaml",
    "workflow/profiles/slurm/config.yaml",
    "workflow/profiles/htcondor/config.yaml",
)
TEMPLATES = {"Snakefile": "Snakefile", "README.md": "README.md", "gitignore": ".gitignore"}


def snakefile() -> str:
    """Return the path of the package's workflow, for `include` in a project's Snakefile."""
    return str(HERE / "Snakefile")


def new_project(folder: Path) -> str:
    """Write a project folder that holds the default configuration and runs the packaged workflow.

    Parameters
    ----------
    folder : Path
        Where to write it. The folder is made if needed.

    Returns
    -------
    str
        What to do next.

    Raises
    ------
    ConfigurationError
        If `folder` is a file, or a folder that is not empty.
    """
    _require_empty(folder)
    for name in COPIED:
        _write(folder / name, (HERE / name).read_bytes())
    for name, target in TEMPLATES.items():
        text = (HERE / "template" / name).read_text(encoding="utf-8")
        _write(folder / target, text.replace("PROJECT", folder.resolve().name).encode())
    return f"{folder}: written. Next: cd {shlex.quote(str(folder))} && snakemake --cores all"


def _require_empty(folder: Path) -> None:
    """Raise ConfigurationError if a path is neither an empty folder nor free."""
    if folder.is_dir():
        count = len(list(folder.iterdir()))
        content = f"{count} {'entry' if count == 1 else 'entries'}" if count else ""
    else:
        content = "a file" if folder.exists() or folder.is_symlink() else ""
    if content:
        raise ConfigurationError(
            f"{folder}: not an empty folder. Expected a new or an empty folder, found {content}. Choose another name."
        )


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
