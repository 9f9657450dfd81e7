"""Files over XRootD from a server on this machine: needs `pip install -e '.[remote]'` and Debian's xrootd-server."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest
from rootfiles import description, jet_columns, truncated, write_description, write_tree

from trigger_lut.cards.base import read_card
from trigger_lut.cards.stage_cards import IngestCard
from trigger_lut.data import root_files
from trigger_lut.errors import BadFileError
from trigger_lut.stages.ingest import run as ingest

MISSING = [m for m in root_files.XROOTD if find_spec(m) is None] + ([] if shutil.which("xrootd") else ["xrootd-server"])
pytestmark = pytest.mark.skipif(bool(MISSING), reason=f"not installed: {', '.join(MISSING)}")

CONFIGURATION = """\
all.export /data
oss.localroot {folder}
all.adminpath {folder}/admin
all.pidpath {folder}/admin
xrd.port {port}
"""


@pytest.fixture(scope="module")
def served() -> Iterator[tuple[Path, str]]:
    """(folder, its address), with a.root and b.root in it."""
    # Read when the client is loaded: one try of two seconds where nobody answers, instead of five of two minutes
    os.environ |= {"XRD_CONNECTIONRETRY": "1", "XRD_CONNECTIONWINDOW": "2", "XRD_STREAMERRORWINDOW": "2"}
    with tempfile.TemporaryDirectory() as name, socket.socket() as free:
        folder = Path(name)
        folder.chmod(0o755)  # the server refuses to be root
        for part in ("data", "admin"):
            (folder / part).mkdir()
            (folder / part).chmod(0o777)
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
        free.close()
        for n, file in enumerate("ab"):
            write_tree(folder / f"data/{file}.root", jet_columns(300, seed=n, first_event=1000 * n))
        (folder / "x.cfg").write_text(CONFIGURATION.format(folder=folder, port=port))
        other = ["-R", "nobody"] if os.getuid() == 0 else []
        log = (folder / "log").open("w")
        server = subprocess.Popen(["xrootd", "-c", str(folder / "x.cfg"), *other], stdout=log, stderr=log)
        end = time.monotonic() + 30
        while time.monotonic() < end and server.poll() is None:
            if f":{port} initialization completed" in (folder / "log").read_text():
                break
            time.sleep(0.1)
        yield folder / "data", f"root://127.0.0.1:{port}//data"
        server.terminate()
        server.wait()
        log.close()


def test_files_over_xrootd_give_the_codes_of_local_ones(served: tuple[Path, str], tmp_path: Path) -> None:
    folder, address = served
    archives = {}
    for name, files in (
        ("here", [folder / "a.root", folder / "b.root"]),
        ("there", [f"{address}/{n}.root" for n in "ab"]),
    ):
        path = write_description(tmp_path / f"{name}.yaml", description(files, chunk_entries=70) | {"name": "toy"})
        ingest(description=path, codes=tmp_path / f"{name}.npz", card=tmp_path / f"{name}.json")
        archives[name] = (tmp_path / f"{name}.npz").read_bytes()
    assert archives["here"] == archives["there"]
    card = read_card(IngestCard, tmp_path / "there.json")
    assert card.remote == {f"{address}/{n}.root": root_files.file_uuid(folder / f"{n}.root") for n in "ab"}


@pytest.mark.parametrize("fault", ["missing", "truncated", "no server"])
def test_faults_over_xrootd(
    served: tuple[Path, str], tmp_path: Path, fault: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, address = served
    bad = f"{address}/{fault.replace(' ', '_')}.root"
    if fault == "truncated":
        truncated(folder / "truncated.root", folder / "b.root")
    elif fault == "no server":
        bad = "root://127.0.0.1:9//data/b.root"  # discard: nobody listens
    path = write_description(tmp_path / "toy.yaml", description([folder / "a.root", bad]))
    with pytest.raises(BadFileError) as caught:
        ingest(description=path, codes=tmp_path / "codes.npz", card=tmp_path / "ingest.json")
    assert str(caught.value).startswith(f"{bad}: ")
    assert not (tmp_path / "codes.npz").exists()
