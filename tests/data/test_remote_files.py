"""Files over HTTP, from a server on this machine; XRootD without its packages."""

from __future__ import annotations

import functools
import http.server
import re
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from rootfiles import damaged, description, jet_columns, write_description, write_tree

from trigger_lut.cards.base import read_card
from trigger_lut.cards.stage_cards import IngestCard
from trigger_lut.data import read, root_files
from trigger_lut.errors import BadFileError, ToolMissingError
from trigger_lut.stages.ingest import run as ingest
from trigger_lut.utils.files import sha256


class Ranges(http.server.SimpleHTTPRequestHandler):
    """Answers a request for one range of bytes, as servers of data do; Python's own gives whole files alone."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        path = Path(self.translate_path(self.path))
        asked = re.fullmatch(r"bytes=(\d+)-(\d+)", self.headers.get("Range", ""))
        if not path.is_file():
            self.send_error(404)
            return
        content = path.read_bytes()
        part = content[int(asked[1]) : int(asked[2]) + 1] if asked else content
        self.send_response(206 if asked else 200)
        if asked:
            self.send_header("Content-Range", f"bytes {asked[1]}-{int(asked[1]) + len(part) - 1}/{len(content)}")
        self.send_header("Content-Length", str(len(part)))
        self.end_headers()
        self.wfile.write(part)

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def served(tmp_path: Path) -> Iterator[str]:
    """Address of tmp_path, with a.root and b.root in it."""
    for n, name in enumerate("ab"):
        write_tree(tmp_path / f"{name}.root", jet_columns(300, seed=n, first_event=1000 * n))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Ranges, directory=str(tmp_path)))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


def ingested(folder: Path, files: list[Any], **changes: Any) -> tuple[bytes, IngestCard]:
    path = write_description(folder / "toy.yaml", description(files, **changes))
    ingest(description=path, codes=folder / "codes.npz", card=folder / "ingest.json")
    return (folder / "codes.npz").read_bytes(), read_card(IngestCard, folder / "ingest.json")


def test_remote_files_give_the_codes_of_local_ones(served: str, tmp_path: Path) -> None:
    local, _ = ingested(tmp_path, [tmp_path / "a.root", tmp_path / "b.root"])
    remote, card = ingested(tmp_path, [f"{served}/a.root", f"{served}/b.root"], chunk_entries=70)
    assert remote == local
    assert card.inputs == {str(tmp_path / "toy.yaml"): sha256(tmp_path / "toy.yaml")}
    assert card.remote == {f"{served}/{n}.root": root_files.file_uuid(tmp_path / f"{n}.root") for n in "ab"}
    assert len(set(card.remote.values())) == 2
    mixed, card = ingested(tmp_path, [tmp_path / "a.root", f"{served}/b.root"])
    assert mixed == local
    assert (card.files, list(card.remote)) == (2, [f"{served}/b.root"])


def test_remote_friends(served: str, tmp_path: Path) -> None:
    columns = jet_columns(300)
    write_tree(tmp_path / "main.root", {b: c for b, c in columns.items() if b != "x"})
    write_tree(tmp_path / "x.root", {"x": columns["x"]}, "more")
    local, _ = ingested(tmp_path, [tmp_path / "a.root"])
    friends = [{"files": [f"{served}/x.root"], "tree": "more"}]
    assert ingested(tmp_path, [tmp_path / "main.root"], friends=friends)[0] == local


@pytest.mark.parametrize("fault", ["missing", "truncated", "damaged", "no root file", "no server"])
def test_faults_of_remote_files(fault: str, served: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    b = tmp_path / "b.root"
    content = b.read_bytes()
    address = f"{served}/b.root"
    if fault == "missing":
        b.unlink()
    elif fault == "truncated":
        b.write_bytes(content[: len(content) // 2])
    elif fault == "damaged":
        damaged(tmp_path / "c.root", b, "x").replace(b)
    elif fault == "no root file":
        b.write_bytes(b"<html>" * 1000)
    else:
        address = "http://127.0.0.1:9/b.root"  # discard: nobody listens
    with pytest.raises(BadFileError) as caught:
        ingested(tmp_path, [tmp_path / "a.root", address])
    assert str(caught.value).startswith(f"{address}: ")
    assert not (tmp_path / "codes.npz").exists()
    left, card = ingested(tmp_path, [tmp_path / "a.root", address], on_bad_file="skip")
    assert list(card.skipped_files) == [address]
    assert card.remote == {}
    assert left == ingested(tmp_path, [tmp_path / "a.root"])[0]


def test_xrootd_without_its_packages_names_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(root_files, "XROOTD", {"fsspec_xrootd_": "fsspec-xrootd", "XRootD_": "xrootd", "json": "json"})
    with pytest.raises(ToolMissingError) as caught:
        read.count_entries("root://host//a.root", "jets", branches={})
    assert str(caught.value) == (
        "root://host//a.root: reading over XRootD needs fsspec-xrootd and xrootd: pip install -e '.[remote]'"
    )
