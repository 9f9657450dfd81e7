"""Public data sets from a server on this machine: resumed, checked, converted, and refused in one sentence."""

from __future__ import annotations

import hashlib
import http.server
import json
import re
import tarfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import h5py
import numpy as np
import pytest
import uproot
from jet_files import arff, cernbox, jets, named, zenodo
from workflows import ROOT

from trigger_lut.cards.base import read_card
from trigger_lut.cards.stage_cards import IngestCard
from trigger_lut.cli import main
from trigger_lut.data.fetch import CHECKSUMS, fetch, known
from trigger_lut.errors import ConfigurationError, DataError
from trigger_lut.stages.ingest import run as ingest


class Server(http.server.SimpleHTTPRequestHandler):
    """Serves bytes by path, and ranges of them; `limit` closes the connection after so many bytes."""

    files: ClassVar[dict[str, bytes]] = {}
    ranges: ClassVar[list[str]] = []
    limit: ClassVar[list[int]] = []

    def do_GET(self) -> None:
        content = self.files.get(self.path)
        if content is None:
            self.send_error(404)
            return
        asked = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        self.ranges.append(self.headers.get("Range", ""))
        start = int(asked[1]) if asked else 0
        if asked and start >= len(content):
            self.send_error(416)
            return
        self.send_response(206 if asked else 200)
        self.send_header("Content-Length", str(len(content) - start))
        self.end_headers()
        most = self.limit.pop() if self.limit else len(content)
        self.wfile.write(content[start : start + most])

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def server() -> Iterator[str]:
    Server.files, Server.ranges, Server.limit = {}, [], []
    http_server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Server)
    thread = threading.Thread(target=http_server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{http_server.server_port}"
    http_server.shutdown()
    http_server.server_close()
    thread.join()


def openml(folder: Path) -> bytes:
    return arff(folder / "source.arff", *jets()).read_bytes()


def zenodo_archive(folder: Path) -> bytes:
    tar_file = zenodo(folder / "jetImage_0.h5", named(*jets()))
    with tarfile.open(folder / "a.tar.gz", "w:gz") as archive:
        archive.add(tar_file, "train/jetImage_0.h5")
        archive.add(folder / "jetImage_0.h5", "train/notes.txt")
    return (folder / "a.tar.gz").read_bytes()


MADE = {
    "jsc-openml": openml,
    "jsc-cernbox": lambda folder: cernbox(folder / "c.z", named(*jets())).read_bytes(),
    "jsc-zenodo": zenodo_archive,
}


@pytest.mark.parametrize("name", MADE)
def test_each_jet_set_is_downloaded_from_a_mirror_and_converted(
    name: str, server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    file = known()[name]["files"][0]["name"]
    Server.files[f"/{name}/{file}"] = MADE[name](tmp_path)
    monkeypatch.chdir(tmp_path)
    assert main(["fetch", name, "--mirror", server]) == 0
    assert "tree jets, 400 jets" in capsys.readouterr().out
    with uproot.open(tmp_path / f"data/{name}/jets.root") as root:
        assert root["jets"].num_entries == 400
    recorded = json.loads((tmp_path / "data" / CHECKSUMS).read_text())
    assert list(recorded) == [f"{name}/{file}"]
    assert main(["fetch", name, "--mirror", server]) == 0
    assert "there already" in capsys.readouterr().out
    assert len(Server.ranges) == 1, "downloaded once"


def particle_lists(path: Path, count: int, seed: int) -> bytes:
    """Bytes of an HDF5 file of events (count, 19, 4), with empty rows of zeros."""
    events = np.random.default_rng(seed).exponential(30, (count, 19, 4)).astype(np.float32)
    events[:, 2:5] = events[:, 12:] = 0
    with h5py.File(path, "w") as file:
        file["Particles"] = events
    return path.read_bytes()


def test_events_for_anomaly_detection_are_fetched_and_read(
    server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for seed, entry in enumerate(known()["l1-adc2021"]["files"]):
        Server.files[f"/l1-adc2021/{entry['name']}"] = particle_lists(tmp_path / "a.h5", 300, seed)
    monkeypatch.chdir(tmp_path)
    assert main(["fetch", "l1-adc2021", "--mirror", server]) == 0
    ingest(description=ROOT / "config/data_sets/l1-adc2021.yaml", codes=Path("codes.npz"), card=Path("card.json"))
    card = read_card(IngestCard, Path("card.json"))
    assert card.events == 5 * 300
    assert sum(split["ditau"] for split in card.class_counts.values()) == 300
    with uproot.open("data/l1-adc2021/events.root") as root:
        assert root["events/jet_pt"].array(library="np").shape == (1500, 10)
        with h5py.File("a.h5") as last:
            assert (root["events/muon_eta"].array(library="np")[1200:] == last["Particles"][:, 5:9, 1]).all()


def test_other_layout_of_events_is_refused(server: str, tmp_path: Path) -> None:
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["Particles"] = np.zeros((5, 18, 4))
    Server.files["/a.h5"] = (tmp_path / "a.h5").read_bytes()
    files = [{"name": "a.h5", "url": f"{server}/a.h5", "sha256": None}]
    registry = {"toy": {"files": files, "layout": "particles", "root": "events.root"}}
    expected = re.escape("a.h5: expected Particles of (events, 19, 4), found Particles of (5, 18, 4)")
    with pytest.raises(DataError, match=expected):
        fetch("toy", tmp_path / "data", registry=registry)
    assert not (tmp_path / "data/toy/events.root").exists()


def test_interrupted_download_resumes_where_it_stopped(server: str, tmp_path: Path) -> None:
    content = bytes(range(256)) * 4000
    registry = {"toy": {"files": [{"name": "a.root", "url": f"{server}/a.root", "sha256": None}]}}
    Server.files["/a.root"], Server.limit = content, [300_000]
    with pytest.raises(DataError, match=r"toy/a\.root: cannot be downloaded: .*Run the command again; it resumes"):
        fetch("toy", tmp_path, registry=registry)
    partial = tmp_path / "toy/a.root.partial"
    got = partial.stat().st_size
    assert 0 < got <= 300_000
    assert fetch("toy", tmp_path, registry=registry).endswith(f"{len(content):,} bytes")
    assert Server.ranges == ["", f"bytes={got}-"]
    assert (tmp_path / "toy/a.root").read_bytes() == content
    assert not partial.exists()


def test_another_checksum_is_refused(server: str, tmp_path: Path) -> None:
    registry = {"toy": {"files": [{"name": "a.root", "url": f"{server}/a.root", "sha256": None}]}}
    Server.files["/a.root"] = b"first"
    fetch("toy", tmp_path, registry=registry)
    (tmp_path / "toy/a.root").unlink()
    Server.files["/a.root"] = b"other"
    with pytest.raises(DataError, match=r"toy/a\.root: another checksum than expected \(sha256:[0-9a-f]{64}\)"):
        fetch("toy", tmp_path, registry=registry)
    assert not (tmp_path / "toy/a.root").exists(), "nothing that differs remains"
    Server.files["/a.root"] = b"first"
    fetch("toy", tmp_path, registry=registry)


def test_openml_is_asked_for_the_address(server: str, tmp_path: Path) -> None:
    answer = {"data_set_description": {"url": f"{server}/file"}}
    Server.files |= {"/42468": json.dumps(answer).encode(), "/file": openml(tmp_path)}
    described = known()["jsc-openml"] | {"files": [{"name": "a.arff", "description": f"{server}/42468"}]}
    assert "400 jets" in fetch("jsc-openml", tmp_path / "data", registry={"jsc-openml": described})


def record(server: str, *names: str) -> bytes:
    """Description of the files of a record, as Zenodo gives it."""
    files = [
        {"key": name, "checksum": f"md5:{hashlib.md5(b'content').hexdigest()}", "links": {"self": f"{server}/{name}"}}
        for name in names
    ]
    return json.dumps({"files": files}).encode()


@pytest.mark.parametrize("name", ["a_13TeV.h5", "a_13TeV_filtered.h5"])
def test_zenodo_is_asked_for_name_address_and_checksum(server: str, tmp_path: Path, name: str) -> None:
    Server.files |= {"/record": record(server, "b.h5", name), f"/{name}": b"content"}
    entry = {"name": "a.h5", "record": f"{server}/record", "pattern": "a*.h5", "sha256": None}
    registry = {"toy": {"files": [entry]}}
    assert fetch("toy", tmp_path / "data", registry=registry).endswith("a.h5: 7 bytes")
    assert list(json.loads((tmp_path / "data" / CHECKSUMS).read_text())) == ["toy/a.h5"]
    Server.files[f"/{name}"] = b"damaged"
    with pytest.raises(DataError, match=r"toy/a\.h5: another checksum than expected \(md5:[0-9a-f]{32}\)"):
        fetch("toy", tmp_path / "other", registry=registry)


@pytest.mark.parametrize("kind", ["record", "description"])
@pytest.mark.parametrize("answer", ['{"files": []}', "[]", '{"files": [{"key": "a.h5"}]}', "no JSON"])
def test_a_place_without_the_file_is_said(server: str, tmp_path: Path, kind: str, answer: str) -> None:
    Server.files["/stated"] = answer.encode()
    entry = {"name": "a.h5", kind: f"{server}/stated", "pattern": "a*.h5", "sha256": None}
    with pytest.raises(DataError, match=r"toy/a\.h5: (http.*states no address of the file|cannot be downloaded: JSON)"):
        fetch("toy", tmp_path, registry={"toy": {"files": [entry]}})


def test_what_cannot_be_fetched_is_said_in_one_sentence(server: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="no public data set 'jsc-openm'; nearest: 'jsc-openml'"):
        fetch("jsc-openm", tmp_path)
    with pytest.raises(ConfigurationError, match="--mirror: expected an address http:// or https://, found 'here'"):
        fetch("jsc-openml", tmp_path, mirror="here")
    with pytest.raises(DataError, match=r"jsc-cernbox/processed.*: cannot be downloaded: HTTPError: 404"):
        fetch("jsc-cernbox", tmp_path, mirror=server)
    Server.files["/toy/a.tar.gz"] = b"no archive"
    registry = {"toy": {"files": [{"name": "a.tar.gz"}], "members": "*.h5", "root": "jets.root"}}
    with pytest.raises(DataError, match=r"a\.tar\.gz: cannot be unpacked: "):
        fetch("toy", tmp_path, mirror=server, registry=registry)
