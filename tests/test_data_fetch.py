"""Downloads, from servers of this machine that behave and misbehave."""

from __future__ import annotations

import hashlib
import os
import socket
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest

from levelfield import data, fetch, registry
from levelfield.dataset import Dataset, File, Split
from levelfield.errors import UserError

BESIDE = Path(__file__).parents[2] / "shared" / "datasets"
REAL = Path(os.environ.get("LEVELFIELD_DATA") or BESIDE)
BODY = bytes(range(200)) * 5_000
OTHER = BODY[:-1] + b"x"
SHA256 = hashlib.sha256(BODY).hexdigest()
PLACE = "remote/values.bin"


class Mirror(BaseHTTPRequestHandler):
    """Answers as the path says; counts what it was asked for."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self.server.asked.append(self.path)
        manner, body = self.path.strip("/"), self.server.bodies.get(self.path, BODY)
        if manner == "silent":
            self.server.done.wait(60)
        if manner in {"silent", "hangup"}:
            self.close_connection = True
            return
        if manner == "moved":
            self.send_response(302)
            self.send_header("Location", "/good")
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        self.send_response(404 if manner == "absent" else 200)
        length = {"odd": "many", "long": str(len(body) + 1), "chunked": None, "lost": "-5"}
        if length.get(manner, "") is not None:
            self.send_header("Content-Length", length.get(manner) or str(len(body)))
        else:
            self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        self.close_connection = True
        if manner == "chunked":
            body = b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body)
        if manner == "wrong":
            body = OTHER
        half = len(body) // 2
        self.wfile.write(body[:half])
        if manner == "stalled":
            self.wfile.flush()
            self.server.done.wait(60)
        if manner != "truncated":
            self.wfile.write(body[half:])

    def log_message(self, *args) -> None:
        """Keep quiet."""


class Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Mirror)
        self.asked, self.bodies, self.done = [], {}, threading.Event()
        self.root = f"http://127.0.0.1:{self.server_port}"

    def handle_error(self, *args) -> None:
        """A client that went away is no fault of the server's."""


@dataclass(frozen=True)
class Remote(Dataset):
    name: ClassVar[str] = "remote"
    about: ClassVar[str] = "for tests"
    files: ClassVar[tuple[File, ...]] = ()

    @property
    def shape(self) -> tuple[int]:
        return (200,)

    @property
    def sizes(self) -> tuple[int, int]:
        return (4_000, 1_000)

    def load(self, files: Mapping[str, Path]) -> Split:
        (path,) = files.values()
        values = np.frombuffer(path.read_bytes(), np.uint8).reshape(5_000, 200) / 255
        return Split(train=values[:4_000], test=values[4_000:])


@pytest.fixture(autouse=True)
def places(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv("LEVELFIELD_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "own"))
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.delenv("LEVELFIELD_DATA", raising=False)
    monkeypatch.setattr(fetch, "TIMEOUT", 0.5)
    (tmp_path / "data").mkdir()
    return tmp_path / "data"


@pytest.fixture
def server():
    with Server() as made:
        threading.Thread(target=made.serve_forever, args=(0.01,), daemon=True).start()
        yield made
        made.done.set()
        made.shutdown()


def prepare(folder, *urls, precision="float32", said=None, sha256=SHA256) -> data.Prepared:
    source = type("Remote", (Remote,), {"files": (File(PLACE, urls, sha256),)})()
    announce = print if said is None else said.append
    return data.prepare(source, precision=precision, data=folder, announce=announce)


def tree(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


@pytest.mark.parametrize("manner", ["good", "chunked", "moved"])
def test_a_download_is_kept_and_not_repeated(manner, places, server):
    said = []
    ready = prepare(places, f"{server.root}/{manner}", said=said)
    assert (places / PLACE).read_bytes() == BODY
    assert tree(places) == [PLACE]
    expected = np.frombuffer(BODY, np.uint8).reshape(5_000, 200)[:4_000] / 255
    np.testing.assert_array_equal(np.load(ready.paths[0]), expected.astype("float32"))
    assert said == [f"downloading {server.root}/{manner}", "preparing remote in float32"]
    before = len(server.asked)
    prepare(places, f"{server.root}/{manner}", precision="float64")
    assert len(server.asked) == before


def refused() -> str:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{free.getsockname()[1]}/file"


FAULTS = {
    "wrong": f"SHA-256 {hashlib.sha256(OTHER).hexdigest()[:16]}… instead of {SHA256[:16]}…",
    "truncated": "cut short: 500000 of 1000000 bytes",
    "long": "cut short: 1000000 of 1000001 bytes",
    "absent": "HTTP 404 Not Found",
    "silent": "nothing came for 0.5 s",
    "stalled": "nothing came for 0.5 s",
    "hangup": "Remote end closed connection without response",
    "odd": "cut short: 1000000 of many bytes",
    "lost": "cut short: 1000000 of -5 bytes",
}


@pytest.mark.parametrize("manner", FAULTS)
def test_a_mirror_that_fails_is_named_and_the_next_one_tried(manner, places, server):
    bad, good = f"{server.root}/{manner}", f"{server.root}/good"
    with pytest.raises(UserError) as caught:
        prepare(places, bad)
    assert f"no mirror gave it: {bad} ({FAULTS[manner]})" in str(caught.value)
    assert tree(places) == []
    prepare(places, bad, good)
    assert tree(places) == [PLACE]
    assert server.asked == [f"/{manner}", f"/{manner}", "/good"]


def test_one_message_names_every_mirror_and_what_to_try(places, server):
    closed = refused()
    urls = (closed, f"{server.root}/absent", "http://no-such-host.invalid/file", "no-address")
    with pytest.raises(UserError) as caught:
        prepare(places, *urls)
    message = str(caught.value)
    assert message.startswith(f"{places / PLACE}: not there, and no mirror gave it: ")
    assert f"{closed} (Connection refused), {urls[1]} (HTTP 404 Not Found), {urls[2]} (" in message
    assert "no-address (unknown url type: 'no-address')" in message
    assert f"give the folder that holds {PLACE} with --data or LEVELFIELD_DATA" in message
    assert tree(places) == []


def test_a_file_without_mirrors_is_asked_for(places):
    with pytest.raises(UserError, match="no mirror gave it: it has none"):
        prepare(places)


def test_an_endless_download_is_given_up(places, server, monkeypatch):
    monkeypatch.setattr(fetch, "LARGEST", 999_999)
    with pytest.raises(UserError, match="more than 999999 bytes"):
        prepare(places, f"{server.root}/good")
    assert tree(places) == []


def test_a_file_found_in_either_place_needs_no_network(places, tmp_path, server):
    for folder in (places, tmp_path / "own" / "levelfield"):
        (folder / PLACE).parent.mkdir(parents=True)
        (folder / PLACE).write_bytes(BODY)
        prepare(places, f"{server.root}/good")
        (folder / PLACE).unlink()
        for path in (tmp_path / "cache").rglob("*.npy"):
            path.unlink()
    assert server.asked == []


def test_another_file_in_its_place_is_an_error_not_a_download(places, server):
    (places / PLACE).parent.mkdir()
    (places / PLACE).write_bytes(BODY[:-1])
    with pytest.raises(UserError) as caught:
        prepare(places, f"{server.root}/good")
    error = caught.value
    assert error.where == str(places / PLACE)
    assert error.seen == f"its SHA-256 is {hashlib.sha256(BODY[:-1]).hexdigest()}"
    assert error.expected == f"{SHA256}, that of the original"
    assert "delete it" in error.hint
    assert server.asked == []
    assert (places / PLACE).read_bytes() == BODY[:-1]


def test_arrays_of_other_files_are_other_arrays(places, server):
    first = prepare(places, f"{server.root}/good")
    (places / PLACE).unlink()
    server.bodies["/other"] = OTHER
    other = prepare(places, f"{server.root}/other", sha256=hashlib.sha256(OTHER).hexdigest())
    assert first.digest != other.digest
    assert prepare(places, f"{server.root}/good") == first


def test_a_folder_in_its_place_is_an_error(places, server):
    (places / PLACE).mkdir(parents=True)
    with pytest.raises(UserError, match=r"values.bin: cannot be read \(Is a directory\)"):
        prepare(places, f"{server.root}/good")


def test_downloads_spare_a_read_only_directory(places, tmp_path, server):
    places.chmod(0o555)
    prepare(places, f"{server.root}/good")
    assert tree(tmp_path / "own" / "levelfield") == [PLACE]
    assert tree(places) == []
    prepare(places, f"{server.root}/good", precision="float64")
    assert server.asked == ["/good"]


def test_the_real_files_come_through_a_mirror(places, server, monkeypatch):
    if not (REAL / "mnist").is_dir():
        pytest.skip(f"no mnist/ in {REAL}: set LEVELFIELD_DATA to the folder that holds it")
    source = registry.dataset("mnist")
    for file in source.files:
        assert all(url.endswith(Path(file.path).name) for url in file.urls)
        server.bodies[f"/{file.path}"] = (REAL / file.path).read_bytes()
    local = tuple(
        File(file.path, (refused(), f"{server.root}/{file.path}"), file.sha256)
        for file in source.files
    )
    monkeypatch.setattr(type(source), "files", local)
    ready = data.prepare(source, precision="float32", data=places, announce=print)
    assert tree(places) == sorted(file.path for file in local)
    assert np.load(ready.paths[0]).mean(dtype=float) == pytest.approx(0.130660, abs=1e-6)
