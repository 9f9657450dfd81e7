"""A release from a stranger: what is not made of plain files, each once, is refused before anything of it is run."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import warnings
import zipfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trigger_lut.cards.base import load_json
from trigger_lut.cli import main
from trigger_lut.errors import DataError, NotReproducibleError
from trigger_lut.release import archive
from trigger_lut.release.archive import UnsoundError, check_names, read_release
from trigger_lut.release.check import CheckOptions, check_release
from trigger_lut.release.manifest import MANIFEST, changed_files, manifest_text, read_manifest
from trigger_lut.release.sandbox import sandbox
from trigger_lut.release.signature import check_signature, manifest_sha256, sign_release

FILES = {"README.md": b"read me", "rtl/top.v": b"module top; endmodule\n", "emulator/python/emulator.py": b"pass\n"}


def packed(path: Path, entries) -> Path:
    """A zip of (name or ZipInfo, content)."""
    with warnings.catch_warnings(), zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as zip_file:
        warnings.simplefilter("ignore", UserWarning)
        for name, content in entries:
            zip_file.writestr(name, content)
    return path


def whole(folder: Path, files=FILES) -> Path:
    """A folder with files and the manifest that lists them."""
    listed = manifest_text({"schema_version": 2}, files)
    for name, content in {**files, MANIFEST: listed}.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    return folder


def test_read_release_zip_and_folder_are_the_same(tmp_path):
    folder = whole(tmp_path / "release")
    (folder / ".snakemake_timestamp").write_text("")
    files = read_release(folder)
    assert files == read_release(packed(tmp_path / "a.zip", files.items()))
    assert changed_files(read_manifest(files), files) == []


NAMES = [
    *("/etc/passwd", "../a", "a/../../b", "a//b", "./a", "C:/a", "c:a", "a\\b", "a\nb", "a\x7f", "folder/", ""),
    *("a.", "a ", "nul", "rtl/CON.v", "a|b", "x" * 300, "/".join("abcdefghijklmn")),
]


@pytest.mark.parametrize("name", NAMES)
def test_check_names_unusual_name_is_refused(name):
    with pytest.raises(UnsoundError, match="Nothing of it was run"):
        check_names(Path("r.zip"), ["a", name])


@pytest.mark.parametrize("pair", [("a", "a"), ("a/B", "A/b"), ("\u00e9", "e\u0301"), ("a", "a/b"), ("A/b/c", "a/B")])
def test_check_names_names_that_collide_are_refused(pair):
    for names in (pair, pair[::-1]):
        with pytest.raises(UnsoundError, match=r"two files of one name|a file and a folder"):
            check_names(Path("r.zip"), names)


@given(st.text(max_size=30))
def test_check_names_accepted_names_stay_below(name):
    """Property: whatever is accepted is written below the folder and nowhere else."""
    try:
        check_names(Path("r.zip"), [name])
    except UnsoundError:
        return
    root = Path("/release")
    assert root in Path(os.path.normpath(root / name)).parents


def entry(name: str, **changed) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name)
    for key, value in changed.items():
        setattr(info, key, value)
    return info


def test_read_release_link_in_a_zip_is_refused(tmp_path):
    link = entry("rtl/top.v", external_attr=(stat.S_IFLNK | 0o777) << 16)
    with pytest.raises(UnsoundError, match="a link or a special file"):
        read_release(packed(tmp_path / "a.zip", [(link, "/etc/passwd")]))


@pytest.mark.parametrize("make", [lambda p: p.symlink_to("/etc/passwd"), os.mkfifo, lambda p: p.symlink_to("/etc")])
def test_read_release_link_in_a_folder_is_refused(tmp_path, make):
    make(whole(tmp_path / "release") / "extra")
    with pytest.raises(UnsoundError, match="a link or a special file"):
        read_release(tmp_path / "release")


def test_read_release_more_than_the_limit_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(archive, "MOST_BYTES", 1000)
    path = packed(tmp_path / "a.zip", [("a", b"0" * 600), ("b", b"0" * 600)])
    assert path.stat().st_size < 400
    for release in (path, whole(tmp_path / "release", {"a": b"0" * 600, "b": b"0" * 600})):
        with pytest.raises(UnsoundError, match="too large"):
            read_release(release)
    monkeypatch.setattr(archive, "MOST_FILES", 1)
    with pytest.raises(UnsoundError, match="too many files"):
        read_release(path)


def test_read_release_sizes_that_lie_are_refused(tmp_path):
    """A bomb: the zip's list states 10 bytes, its data unpack to a million."""
    path = packed(tmp_path / "a.zip", [("a", b"0" * 1_000_000)])
    content = path.read_bytes()
    size = (1_000_000).to_bytes(4, "little")
    assert content.count(size) == 2
    path.write_bytes(content.replace(size, (10).to_bytes(4, "little")))
    with pytest.raises(DataError):
        read_release(path)


def test_read_release_files_that_share_bytes_are_refused(tmp_path):
    path = packed(tmp_path / "a.zip", [("a", os.urandom(100)), ("b", os.urandom(100))])
    content = bytearray(path.read_bytes())
    second = content.rindex(b"PK\x01\x02")
    content[second + 42 : second + 46] = (0).to_bytes(4, "little")  # where b begins
    path.write_bytes(bytes(content))
    with pytest.raises(DataError):
        read_release(path)


@pytest.mark.parametrize("change", ["cut", "flag", "method", "not a zip"])
def test_read_release_damaged_zip_is_refused(tmp_path, change):
    path = packed(tmp_path / "a.zip", FILES.items())
    content = bytearray(path.read_bytes())
    first = content.index(b"PK\x01\x02")
    if change == "cut":
        content = content[: len(content) // 2]
    elif change == "flag":
        content[first + 8] |= 1  # encrypted
    elif change == "method":
        content[first + 10] = 99
    else:
        content = bytearray(b"no zip")
    path.write_bytes(bytes(content))
    with pytest.raises(DataError):
        read_release(path)


@pytest.mark.parametrize("text", ['{"a": 1, "a": 2}', '{"a": NaN}', '{"a": -Infinity}', '{"a": 1e999}', "[" * 100_000])
def test_load_json_what_json_leaves_open_is_refused(text):
    with pytest.raises(ValueError, match=r"twice|no number|beyond the range|too deeply"):
        load_json(text)


MANIFESTS = {
    "none": b"",
    "no JSON": b"{",
    "twice": b'{"schema_version": 2, "files": {}, "files": {}}',
    "NaN": b'{"schema_version": 2, "files": {}, "a": NaN}',
    "no list": b'{"schema_version": 2, "files": []}',
    "no size": b'{"schema_version": 2, "files": {"a": {"sha256": "0"}}}',
    "size is true": b'{"schema_version": 2, "files": {"a": {"sha256": "0", "bytes": true}}}',
    "older": b'{"schema_version": 1, "files": {}}',
    "not UTF-8": b"\xff",
}


@pytest.mark.parametrize("what", MANIFESTS)
def test_check_release_manifest_that_is_none_fails(tmp_path, what):
    (whole(tmp_path / "release") / MANIFEST).write_bytes(MANIFESTS[what])
    lines = check_release(tmp_path / "release")
    assert [(line.name, line.status) for line in lines] == [
        ("manifest", "failed"),
        ("origin", "not checked"),
        ("forms", "not checked"),
    ]
    assert MANIFEST in lines[0].detail


def test_check_release_runs_nothing_that_was_changed(tmp_path):
    folder = whole(tmp_path / "release")
    ran = tmp_path / "ran"
    (folder / "emulator/python/emulator.py").write_text(f"open({str(ran)!r}, 'w')\n")
    lines = {line.name: line for line in check_release(folder)}
    assert lines["manifest"].detail == "emulator/python/emulator.py was changed"
    assert lines["forms"].detail == "no code of the release was run; failed: manifest"
    assert not ran.exists()


def test_check_release_other_manifest_checksum_fails(tmp_path):
    folder = whole(tmp_path / "release")
    right = manifest_sha256((folder / MANIFEST).read_bytes())
    for given_one, expected in ((right.upper(), "ok"), ("0" * 64, "failed"), ("abc", "failed")):
        lines = {
            line.name: line.status for line in check_release(folder, CheckOptions(manifest_sha256=given_one, run=False))
        }
        assert lines["manifest checksum"] == expected


def test_check_no_run_and_synthesize_are_refused(tmp_path, capsys):
    assert main(["check-release", str(tmp_path), "--no-run", "--synthesize"]) == 1
    assert "found both" in capsys.readouterr().err


@pytest.fixture
def keys(tmp_path) -> list[Path]:
    """Two private keys of OpenSSH, with their public keys in the same folder."""
    if shutil.which("ssh-keygen") is None:
        pytest.skip("needs ssh-keygen")
    paths = [tmp_path / "key", tmp_path / "other"]
    for path in paths:
        command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "a name", "-f", str(path)]
        subprocess.run(command, check=True)
    return paths


def test_sign_release_signature_holds_for_this_release_and_key(tmp_path, keys):
    folder, signature = whole(tmp_path / "release"), tmp_path / "release.sig"
    manifest = (folder / MANIFEST).read_bytes()
    assert sign_release(folder, keys[0], signature=signature) == manifest_sha256(manifest)
    assert "ED25519" in check_signature(manifest, signature, public_key=tmp_path / "key.pub")
    with pytest.raises(NotReproducibleError, match=r"no signature of this release by the key in .*other\.pub"):
        check_signature(manifest, signature, public_key=tmp_path / "other.pub")
    with pytest.raises(DataError, match=r"none\.sig: no such file"):
        check_signature(manifest, tmp_path / "none.sig", public_key=tmp_path / "key.pub")
    with pytest.raises(NotReproducibleError):
        check_signature(manifest + b" ", signature, public_key=tmp_path / "key.pub")
    (tmp_path / "two.pub").write_text((tmp_path / "other.pub").read_text() + (tmp_path / "key.pub").read_text())
    with pytest.raises(DataError, match="no public key of OpenSSH"):
        check_signature(manifest, signature, public_key=tmp_path / "two.pub")


def test_sign_release_changed_files_are_not_signed(tmp_path, keys):
    folder = whole(tmp_path / "release")
    (folder / "README.md").write_text("changed")
    with pytest.raises(DataError, match=r"README\.md was changed.*Nothing was signed"):
        sign_release(folder, keys[0], signature=tmp_path / "release.sig")
    assert not (tmp_path / "release.sig").exists()


def test_check_release_wrong_or_half_signature_fails(tmp_path, keys):
    folder, signature = whole(tmp_path / "release"), tmp_path / "release.sig"
    sign_release(folder, keys[0], signature=signature)
    for public_key in (tmp_path / "other.pub", None):
        lines = {
            line.name: line for line in check_release(folder, CheckOptions(signature=signature, public_key=public_key))
        }
        assert lines["signature"].status == "failed"
        assert lines["forms"].detail.startswith("no code of the release was run")


@pytest.mark.parametrize("works", [True, False])
def test_sandbox_that_does_not_work_is_not_used(tmp_path, monkeypatch, works):
    program = tmp_path / "bin" / "bwrap"
    program.parent.mkdir()
    program.write_text(f"#!/bin/sh\nexit {0 if works else 1}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(program.parent), prepend=os.pathsep)
    command = sandbox(tmp_path)
    assert (command is not None) is works
    if command is not None:
        assert "--unshare-all" in command
        assert command[command.index("--bind") + 1] == str(tmp_path)


@pytest.mark.skipif(shutil.which("bwrap") is None, reason="needs bwrap")
def test_sandbox_writes_below_its_folder_alone(tmp_path):
    command = sandbox(tmp_path)
    if command is None:
        pytest.skip("bwrap does not work on this machine")
    script = f"echo a > {tmp_path}/inside; echo b > {tmp_path.parent}/outside; cat /proc/net/dev"
    done = subprocess.run([*command, "sh", "-c", script], capture_output=True, text=True, check=False)
    assert (tmp_path / "inside").read_text() == "a\n"
    assert not (tmp_path.parent / "outside").exists()
    assert [line.split(":")[0].strip() for line in done.stdout.splitlines()[2:]] == ["lo"]
