"""Classes that names of files or of folders tell: signal_1.root and background_1.root, hh/0.root and qcd/0.root.

Numbers, years with an era, and words such as part or train tell parts of one process apart, so they are
skipped. The rest of a name must tell the files apart in a few classes.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from trigger_lut.config.data_set.files import expand
from trigger_lut.errors import DataError

MOST_CLASSES = 10
# Parts of a process, or parts of the work
PARTS = {"part", "file", "chunk", "job", "ext", "era", "v", "ver", "run", "out", "output", "copy", "skim", "n"}
PARTS |= {"train", "training", "test", "testing", "val", "valid", "validation", "dev", "eval"}
BACKGROUND = re.compile(r"bkg|background|minbias|qcd|noise|single.?neutrino", re.IGNORECASE)


def classes_of(files: Sequence[Path]) -> dict[str, list[Path]]:
    """Files by class, background first, then by name; empty where neither names of files nor of folders tell any."""
    for texts in ([path.stem for path in files], _folders(files)):
        words = [_words(text) for text in texts]
        different = set(map(tuple, words))
        if all(words) and 2 <= len(different) <= MOST_CLASSES:
            common = set.intersection(*map(set, words))
            short = {class_words: [word for word in class_words if word not in common] for class_words in different}
            names = {
                class_words: "_".join(short[class_words] if all(short.values()) else class_words)
                for class_words in different
            }
            if len(set(names.values())) < len(names):
                names = {class_words: "_".join(class_words) for class_words in different}
            files_by_class: dict[str, list[Path]] = {}
            for path, class_words in zip(files, words, strict=True):
                files_by_class.setdefault(names[tuple(class_words)], []).append(path)
            return {
                name: files_by_class[name]
                for name in sorted(files_by_class, key=lambda name: (not BACKGROUND.search(name), name))
            }
    return {}


def _words(text: str) -> list[str]:
    """Return the words of a name that may tell a process."""
    words = []
    for token in re.split(r"[^A-Za-z0-9]+", text):
        word = re.sub(r"\d+[A-Za-z]?$", "", token)
        if word and word.lower() not in PARTS and not _is_hash(token) and not word.isdigit():
            words.append(word)
    return words


def _is_hash(token: str) -> bool:
    """Part of an identifier such as 0AA3C1B2-77F3-E811: hexadecimal, with a digit, and in letters of one case."""
    return bool(re.fullmatch(r"[0-9A-F]{4,}|[0-9a-f]{4,}", token) and re.search(r"\d", token))


def _folders(files: Sequence[Path]) -> list[str]:
    """Return the folder of each file in which paths first differ; '' where they do not."""
    parts = [path.parent.parts for path in files]
    if len({len(folders) for folders in parts}) != 1:
        return [path.parent.name for path in files]
    at = next((n for n, folders in enumerate(zip(*parts, strict=True)) if len(set(folders)) > 1), None)
    return ["" if at is None else folders[at] for folders in parts]


def patterns(classes: dict[str, list[Path]], entries: Sequence[str]) -> dict[str, list[str]]:
    """Return the entries for the files of each class.

    These are what the user wrote, globs, or each file: the shortest that means just them.
    """
    files_by_entry = {entry: _files(entry) for entry in entries}
    patterns_by_class = {}
    for name, files in classes.items():
        wanted = set(files)
        ways = [[entry for entry, matched in files_by_entry.items() if matched and matched <= wanted]]
        if len(files) > 1:
            ways.append(_globs(files))
        ways.append([path.as_posix() for path in files])
        good = [
            way for way in ways if set().union(*(files_by_entry.get(entry) or _files(entry) for entry in way)) == wanted
        ]
        patterns_by_class[name] = min(good, key=len)
    return patterns_by_class


def _globs(files: Sequence[Path]) -> list[str]:
    """One for what their names begin with, or one per folder; they may mean more files than these."""
    folders = sorted({path.parent for path in files})
    if len(folders) > 1:
        return [(folder / "*.root").as_posix() for folder in folders]
    return [(folders[0] / f"{_begin([path.name for path in files])}*.root").as_posix()]


def _begin(names: Sequence[str]) -> str:
    """Return the common beginning of all names, without a number at its end."""
    first, last = min(names), max(names)
    same = next((n for n, (a, b) in enumerate(zip(first, last, strict=False)) if a != b), len(first))
    return first[:same].rstrip("0123456789")


def _files(entry: str) -> set[Path]:
    """Files here that an entry means; empty where it means none."""
    try:
        return {file for file in expand("init", [entry]) if isinstance(file, Path)}
    except DataError:
        return set()
