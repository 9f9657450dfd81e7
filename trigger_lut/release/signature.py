"""Signatures of a release with OpenSSH's keys: `ssh-keygen -Y` signs the manifest, which lists all files' checksums."""

from __future__ import annotations

import hashlib
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

from trigger_lut.cards.base import write_text
from trigger_lut.errors import DataError, NotReproducibleError, ToolMissingError
from trigger_lut.release.archive import read_release
from trigger_lut.release.manifest import MANIFEST, changed_files, read_manifest

NAMESPACE = "trigger_lut-release"
WHO = "release"  # the name that ssh-keygen wants for the key
PUBLIC_KEY = re.compile(r"((?:ssh|ecdsa|sk)-[\w@.-]+) ([A-Za-z0-9+/]+=*)( .*)?")


def manifest_sha256(manifest: bytes) -> str:
    """Return the checksum that identifies a release.

    Parameters
    ----------
    manifest
        Content of the manifest, which lists the checksums of all other files.

    Returns
    -------
    str
        sha256 in hexadecimal digits.
    """
    return hashlib.sha256(manifest).hexdigest()


def sign_release(release: Path, key: Path, *, signature: Path) -> str:
    """Sign the manifest of a release.

    Parameters
    ----------
    release
        Zip or folder, whose files must be those that its manifest lists.
    key
        Private key of OpenSSH; with a passphrase, ssh-keygen asks for it.
    signature
        File that is written.

    Returns
    -------
    str
        sha256 of the manifest.

    Raises
    ------
    DataError
        If the release or the key is not sound.
    ToolMissingError
        Without ssh-keygen.
    """
    files = read_release(release)
    manifest = read_manifest(files)
    if problems := changed_files(manifest, files):
        raise DataError(f"{release}: {problems[0]}. Expected files as its manifest lists them. Nothing was signed.")
    if not key.is_file():
        raise DataError(f"{key}: no such file. Expected a private key of OpenSSH. Nothing was signed.")
    command = [_ssh_keygen(), "-q", "-Y", "sign", "-f", str(key), "-n", NAMESPACE]
    done = subprocess.run(command, input=files[MANIFEST], capture_output=True, check=False)
    if done.returncode:
        message = " ".join(done.stderr.decode(errors="replace").split())
        raise DataError(f"{key}: cannot sign. Expected a private key of OpenSSH, found: {message}")
    write_text(signature, done.stdout.decode())
    return manifest_sha256(files[MANIFEST])


def check_signature(manifest: bytes, signature: Path, *, public_key: Path) -> str:
    """Check the signature of a manifest.

    Parameters
    ----------
    manifest
        Content of the manifest.
    signature
        File with the signature.
    public_key
        Public key of the sender.

    Returns
    -------
    str
        Message of ssh-keygen, with the key's fingerprint.

    Raises
    ------
    NotReproducibleError
        If the signature is not of this manifest by this key.
    DataError
        For a file that is missing, or no public key.
    ToolMissingError
        Without ssh-keygen.
    """
    for path, content in ((public_key, "the sender's public key"), (signature, "a signature of `trigger-lut sign`")):
        if not path.is_file():
            raise DataError(f"{path}: no such file. Expected {content}.")
    text = public_key.read_text(encoding="utf-8", errors="replace").strip()
    if not (key := PUBLIC_KEY.fullmatch(text)):
        raise DataError(
            f"{public_key}: no public key of OpenSSH. Expected one line such as 'ssh-ed25519 AAAA... name'."
        )
    with tempfile.TemporaryDirectory(prefix="trigger_lut_signature_") as folder:
        allowed = Path(folder, "allowed_signers")
        allowed.write_text(f'{WHO} namespaces="{NAMESPACE}" {key[1]} {key[2]}\n', encoding="utf-8")
        command = [_ssh_keygen(), "-Y", "verify", "-f", str(allowed), "-I", WHO, "-n", NAMESPACE, "-s", str(signature)]
        done = subprocess.run(command, input=manifest, capture_output=True, check=False)
    if done.returncode:
        message = " ".join((done.stderr or done.stdout).decode(errors="replace").split())
        raise NotReproducibleError(f"{signature}: no signature of this release by the key in {public_key} ({message})")
    return done.stdout.decode(errors="replace").strip()


def _ssh_keygen() -> str:
    if program := shutil.which("ssh-keygen"):
        return program
    raise ToolMissingError("ssh-keygen is not on PATH (Debian and Ubuntu: apt-get install openssh-client)")
