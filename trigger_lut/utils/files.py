"""Output files and folders that appear complete or not at all, with one writer at a time.

A writer fills a temporary path in the same folder, which takes its final name by one rename. The temporary path is
locked, so that a second process that writes the same output ends with a message instead of mixing its bytes in. A
killed process releases its lock, and the next writer reuses the path: no temporary file stays for ever.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import hashlib
import os
import re
import shutil
import stat
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from trigger_lut.errors import OutputError

REFUSED_WRITES = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EACCES, errno.EPERM, errno.EIO}
REMEDY = "Expected free space and write permission. Mend that, then run the same command again."
ONE_RUN = "Expected one run in a folder, found two. Wait until the other run ends, or stop it."


def sha256(path: Path) -> str:
    """Return the sha256 of a file.

    Parameters
    ----------
    path : Path
        The file.

    Returns
    -------
    str
        64 hexadecimal digits.
    """
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextlib.contextmanager
def atomic_path(path: Path, *, suffix: str = "") -> Iterator[Path]:
    """Give a temporary path for an output file and rename it when the block succeeds.

    Parameters
    ----------
    path : Path
        File to write. Its folder is made. An earlier file stays until the new one is complete.
    suffix : str
        Ending of the temporary path, for libraries that choose a format by it, for example ".keras".

    Yields
    ------
    Path
        An empty file in the folder of `path`. It is removed when the block raises.

    Raises
    ------
    OutputError
        If another process writes the same file, or the file system refuses the bytes.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{path.name}.part{suffix}")
    with _explained(path, part):
        lock = _locked_file(part, path)
        try:
            if stat.S_ISREG(os.fstat(lock).st_mode):
                os.ftruncate(lock, 0)
            yield part
            part.replace(path)
        except BaseException:
            part.unlink(missing_ok=True)
            raise
        finally:
            os.close(lock)


def write_together(writers: Mapping[Path, Callable[[Path], None]], *, suffix: str = "") -> None:
    """Write each file to a temporary path, and rename all of them when the last one is complete.

    Parameters
    ----------
    writers : Mapping[Path, Callable]
        For each file a function that writes it to the path that it is given.
    suffix : str
        Ending of the temporary paths, see `atomic_path`.

    Raises
    ------
    OutputError
        If one file cannot be written. Then none is.
    """
    with contextlib.ExitStack() as stack:
        parts = {path: stack.enter_context(atomic_path(path, suffix=suffix)) for path in writers}
        for path, write in writers.items():
            write(parts[path])


@contextlib.contextmanager
def atomic_folder(folder: Path) -> Iterator[Path]:
    """Give an empty temporary folder and rename it to `folder` when the block succeeds.

    Parameters
    ----------
    folder : Path
        Folder to write. An earlier one is replaced when the block succeeds.

    Yields
    ------
    Path
        The temporary folder, next to `folder`. It is removed when the block raises.

    Raises
    ------
    OutputError
        If another process writes the same folder, or the file system refuses the bytes.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    part, old = folder.with_name(folder.name + ".part"), folder.with_name(f".{folder.name}.replaced")
    with _explained(folder, part):
        lock = _locked_folder(part, folder)
        try:
            _clear(part)
            yield part
            shutil.rmtree(old, ignore_errors=True)
            if folder.exists():
                folder.replace(old)
            part.replace(folder)
            shutil.rmtree(old, ignore_errors=True)
        except BaseException:
            shutil.rmtree(part, ignore_errors=True)
            raise
        finally:
            os.close(lock)


@contextlib.contextmanager
def only_writer(folder: Path) -> Iterator[None]:
    """Keep other processes from working in a folder.

    Parameters
    ----------
    folder : Path
        The folder, which is made if needed.

    Yields
    ------
    None
        While this process has the lock of the folder.

    Raises
    ------
    OutputError
        If another process works in it already.
    """
    folder.mkdir(parents=True, exist_ok=True)
    lock = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    _lock(lock, folder)
    try:
        yield
    finally:
        os.close(lock)


@contextlib.contextmanager
def locked_folder(parent: Path, prefix: str) -> Iterator[Path]:
    """Give a new folder that is removed at the end, and remove those that killed processes left.

    Parameters
    ----------
    parent : Path
        Folder to make it in.
    prefix : str
        Start of its name. A sibling with the same start and without a lock belongs to a process that has ended.

    Yields
    ------
    Path
        The new folder, locked by this process.
    """
    for left in parent.glob(prefix + "*"):
        with contextlib.suppress(OSError):
            lock = os.open(left, os.O_RDONLY | os.O_DIRECTORY)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(left, ignore_errors=True)
            finally:
                os.close(lock)
    while True:
        folder = parent / f"{prefix}{os.getpid()}-{os.urandom(4).hex()}"
        folder.mkdir(mode=0o700)
        try:
            lock = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        except FileNotFoundError:  # a sibling removed it before it was opened
            continue
        fcntl.flock(lock, fcntl.LOCK_EX)
        if folder.exists():  # else a sibling removed it before it was locked
            break
        os.close(lock)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(lock)


@contextlib.contextmanager
def _explained(path: Path, part: Path) -> Iterator[None]:
    """Turn a refused write to `part` into an OutputError that names `path`."""
    try:
        yield
    except OutputError as error:  # of a writer that writes its own temporary file next to `part`
        if error.path != part:
            raise
        raise OutputError(path, error.problem) from error
    except OSError as error:
        own = error.filename is None or str(error.filename).startswith(str(path))
        number = error_number(error)
        if number is None or number not in REFUSED_WRITES or not own:
            raise
        raise OutputError(path, f"cannot be written: {os.strerror(number)}. {REMEDY}") from error


def error_number(error: OSError) -> int | None:
    """Return the number of an error, also where `shutil` copied a folder and holds the errors of its files as text.

    Parameters
    ----------
    error : OSError
        Error of a write.

    Returns
    -------
    int or None
        As in `errno`; None where it is not known.
    """
    if not isinstance(error, shutil.Error):
        return error.errno
    match = re.search(r"\[Errno (\d+)\]", str(error))
    return int(match[1]) if match else None


def _locked_file(part: Path, path: Path) -> int:
    while True:
        lock = os.open(part, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        _lock(lock, path)
        if _is_still(part, lock):
            return lock
        os.close(lock)


def _locked_folder(part: Path, folder: Path) -> int:
    while True:
        part.mkdir(exist_ok=True)
        try:
            lock = os.open(part, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except FileNotFoundError:
            continue
        _lock(lock, folder)
        if _is_still(part, lock):
            return lock
        os.close(lock)


def _lock(lock: int, path: Path) -> None:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(lock)
        raise OutputError(path, f"another process is writing it. {ONE_RUN}") from error
    except OSError as error:  # a file system without locks
        if error.errno not in (errno.ENOLCK, errno.ENOTSUP, errno.ENOSYS):
            os.close(lock)
            raise


def _is_still(part: Path, lock: int) -> bool:
    """Tell if a locked file still has its name: its last writer may have renamed it before the lock was free."""
    try:
        return os.path.samestat(part.stat(), os.fstat(lock))
    except FileNotFoundError:
        return False


def _clear(folder: Path) -> None:
    for entry in folder.iterdir():
        if entry.is_dir() and not entry.is_symlink():
            shutil.rmtree(entry)
        else:
            entry.unlink()
