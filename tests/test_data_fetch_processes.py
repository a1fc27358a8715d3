"""Downloads by other processes: side by side, killed, with a disk that fills."""

from __future__ import annotations

import hashlib
import signal
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

BODY = bytes(range(200)) * 5_000
SHA256 = hashlib.sha256(BODY).hexdigest()
PLACE = "remote/values.bin"


class Mirror(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.server.asked.append(self.path)
        self.send_response(200)
        self.send_header("Content-Length", str(len(BODY)))
        self.end_headers()
        self.wfile.write(BODY[:500_000])
        if self.path == "/stalled":
            self.server.done.wait(60)
        self.wfile.write(BODY[500_000:])

    def log_message(self, *args) -> None:
        """Keep quiet."""


class Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *args) -> None:
        """A client that went away is no fault of the server's."""


@pytest.fixture
def server():
    with Server(("127.0.0.1", 0), Mirror) as made:
        made.asked, made.done = [], threading.Event()
        made.root = f"http://127.0.0.1:{made.server_port}"
        threading.Thread(target=made.serve_forever, args=(0.01,), daemon=True).start()
        yield made
        made.done.set()
        made.shutdown()


@pytest.fixture(autouse=True)
def places(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv("LEVELFIELD_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "own"))
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    (tmp_path / "data").mkdir()
    return tmp_path / "data"


def tree(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


SCRIPT = """
import os, resource, signal, sys
from pathlib import Path
from levelfield import data
from levelfield.dataset import Dataset, File, Split
from levelfield.errors import UserError
import numpy as np

class Remote(Dataset):
    name, shape, sizes = "remote", (200,), (4_000, 1_000)
    files = (File("remote/values.bin", (sys.argv[2],), sys.argv[3]),)
    plain = lambda self: {}
    def load(self, files):
        values = np.frombuffer(Path(*files.values()).read_bytes(), np.uint8) / 255
        values = values.reshape(5_000, 200)
        return Split(values[:4_000], values[4_000:])
Remote.__post_init__ = lambda self: None

%s
try:
    precision, folder = sys.argv[4], Path(sys.argv[1])
    print("digest", data.prepare(Remote(), precision=precision, data=folder, announce=print).digest)
except UserError as error:
    print(error)
"""


def start(places, url, *, precision="float32", before="") -> subprocess.Popen:
    words = [sys.executable, "-Puc", SCRIPT % before, str(places), url, SHA256, precision]
    return subprocess.Popen(words, stdout=subprocess.PIPE, text=True)


def test_a_disk_that_fills_is_no_fault_of_the_mirrors(places, server):
    before = "resource.setrlimit(resource.RLIMIT_FSIZE, (500_000, 500_000))"
    said = start(places, f"{server.root}/good", before=before).communicate()[0]
    assert f"{places}: cannot be written (File too large)" in said
    assert "set LEVELFIELD_DATA to another folder" in said
    assert tree(places) == []


def test_processes_side_by_side_download_once(places, server):
    url = f"{server.root}/good"
    kinds = ("float32", "float64", "float32", "float64")
    children = [start(places, url, precision=kind) for kind in kinds]
    said = [child.communicate()[0] for child in children]
    assert all("digest" in text for text in said)
    assert server.asked == ["/good"]
    assert tree(places) == [PLACE]


def test_a_process_killed_while_downloading_does_no_harm(places, server):
    child = start(places, f"{server.root}/stalled")
    started, left = time.monotonic(), ""
    while ".part" not in left and time.monotonic() - started < 30:
        left = " ".join(tree(places))
    child.send_signal(signal.SIGKILL)
    child.communicate()
    assert len(tree(places)) == 2
    assert PLACE not in tree(places)
    assert "digest" in start(places, f"{server.root}/good").communicate()[0]
    assert tree(places) == [PLACE]


def test_downloads_spare_a_disk_mounted_read_only(places, tmp_path, server):
    url = f"{server.root}/good"
    words = [sys.executable, "-Puc", SCRIPT % "", str(places), url, SHA256, "float32"]
    lines = 'mount -t tmpfs -o ro,mode=755 tmpfs "$0" && exec "$@"'
    namespace = ["unshare", "-rm", "sh", "-c", lines, str(places)]
    if subprocess.run(["unshare", "-rm", "true"], check=False).returncode:
        pytest.skip("no user namespaces here, in which a read-only disk could be mounted")
    done = subprocess.run([*namespace, *words], capture_output=True, text=True, check=True)
    assert "digest" in done.stdout
    assert tree(tmp_path / "own" / "levelfield") == [PLACE]
