"""A hub on the loopback: as much of the real one's HTTP interface as huggingface_hub needs to list and to download."""

from __future__ import annotations

import hashlib
import json
import socket
import threading
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest

COMMIT = "0123456789abcdef0123456789abcdef01234567"


@dataclass
class Repository:
    """A model on the hub, at one commit that is also its branch main."""

    files: dict[str, bytes]
    gated: bool = False
    claimed_bytes: int | None = None  # of every file, in place of its own size

    def entry(self, name: str) -> dict[str, Any]:
        """What a listing says of a file."""
        size = len(self.files[name]) if self.claimed_bytes is None else self.claimed_bytes
        lfs = {"sha256": digest(name, self.files[name]), "size": size, "pointerSize": 134}
        entry = {"rfilename": name, "size": size, "blobId": git_digest(self.files[name])}
        return entry | ({"lfs": lfs} if name.endswith(".safetensors") else {})


def digest(name: str, content: bytes) -> str:
    """A file's ETag: SHA-256 of what the hub holds in LFS, git's hash of the rest."""
    return hashlib.sha256(content).hexdigest() if name.endswith(".safetensors") else git_digest(content)


def git_digest(content: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()


@dataclass
class FakeHub:
    """A context manager that serves repositories until it is left."""

    repositories: dict[str, Repository] = field(default_factory=dict)
    requests: list[tuple[str, str, str | None]] = field(default_factory=list)  # method, path, Range
    failing: set[str] = field(default_factory=set)  # files that cannot be had: 503
    cut: set[str] = field(default_factory=set)  # files whose next transfer breaks off in the middle
    stalled: set[str] = field(default_factory=set)  # files whose transfer stops in the middle
    began_to_stall: threading.Event = field(default_factory=threading.Event)
    released: threading.Event = field(default_factory=threading.Event)

    def __enter__(self) -> FakeHub:
        hub = self

        class Handler(_Handler):
            served = hub

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Answer no more; further calls change nothing."""
        self.released.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def fetched(self) -> list[str]:
        """The names of the files that were transferred, in order."""
        return [path.rsplit("/", 1)[1] for method, path, _ in self.requests if method == "GET" and "/resolve/" in path]

    def connect(self, monkeypatch: pytest.MonkeyPatch, cache: Path) -> None:
        """Let huggingface_hub, in this process, take this for the hub, and a folder for its cache."""
        import huggingface_hub
        from huggingface_hub import constants

        for name in ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
            monkeypatch.setenv(name, "")
        monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
        monkeypatch.setattr(constants, "ENDPOINT", self.address)
        template = self.address + "/{repo_id}/resolve/{revision}/{filename}"
        monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
        monkeypatch.setattr(constants, "HF_HUB_CACHE", str(cache))
        huggingface_hub.close_session()

    def environment(self, cache: Path) -> dict[str, str]:
        """The same for a process of its own."""
        proxies = dict.fromkeys(("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"), "")
        online = dict.fromkeys(("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE"), "")
        places = {"HF_HUB_CACHE": str(cache), "HF_HOME": str(cache)}
        return {"HF_ENDPOINT": self.address, **places, **online, **proxies}


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # a body does not wait until its headers were acknowledged
    served: FakeHub

    def do_HEAD(self) -> None:
        self._answer()

    def do_GET(self) -> None:
        self._answer()

    def log_message(self, *_: Any) -> None:
        """Say nothing."""

    def _answer(self) -> None:
        path = unquote(urlsplit(self.path).path)
        self.served.requests.append((self.command, path, self.headers.get("Range")))
        if path.startswith("/api/models/"):
            name, _, revision = path.removeprefix("/api/models/").partition("/revision/")
            self._list(name, revision or "main")
        else:
            name, _, rest = path[1:].partition("/resolve/")
            self._serve(name, *rest.partition("/")[::2])

    def _repository(self, name: str, revision: str) -> Repository | None:
        """The repository asked for; None if that was answered with an error."""
        repository = self.served.repositories.get(name)
        if repository is None:
            self._send(401, b"", {"X-Error-Code": "RepoNotFound", "X-Error-Message": "Repository not found"})
        elif revision not in ("main", COMMIT):
            self._send(404, b"", {"X-Error-Code": "RevisionNotFound", "X-Error-Message": "Invalid rev id"})
            return None
        return repository

    def _list(self, name: str, revision: str) -> None:
        repository = self._repository(name, revision)
        if repository is not None:
            listing = {"id": name, "sha": COMMIT, "siblings": list(map(repository.entry, repository.files))}
            self._send(200, json.dumps(listing).encode(), {"Content-Type": "application/json"})

    def _serve(self, name: str, revision: str, file: str) -> None:
        repository = self._repository(name, revision)
        if repository is None:
            return
        if repository.gated:
            self._send(403, b"", {"X-Error-Code": "GatedRepo", "X-Error-Message": "Access is restricted"})
        elif file not in repository.files:
            self._send(404, b"", {"X-Error-Code": "EntryNotFound", "X-Repo-Commit": COMMIT})
        elif self.command == "GET" and file in self.served.failing:
            self._send(503, b"", {})
        else:
            self._transfer(file, repository.files[file])

    def _transfer(self, file: str, content: bytes) -> None:
        headers = {"ETag": f'"{digest(file, content)}"', "X-Repo-Commit": COMMIT}
        wanted = self.headers.get("Range")
        if wanted is None:
            self._send(200, content, headers, file)
            return
        start = int(wanted.removeprefix("bytes=").partition("-")[0])
        headers["Content-Range"] = f"bytes {start}-{len(content) - 1}/{len(content)}"
        self._send(206, content[start:], headers, file)

    def _send(self, status: int, body: bytes, headers: dict[str, str], file: str = "") -> None:
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command == "HEAD":
            return
        hub = self.served
        if file not in hub.cut | hub.stalled:
            self.wfile.write(body)
            return
        self.wfile.write(body[: len(body) // 2])
        if file in hub.stalled:
            hub.began_to_stall.set()
            hub.released.wait(600)
        hub.cut.discard(file)
        self.close_connection = True
        with suppress(OSError):  # the other side may have left first
            self.connection.shutdown(socket.SHUT_RDWR)
