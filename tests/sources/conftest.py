"""A stand-in for the hub on loopback: what `datasets` and `huggingface_hub` ask, and ways to go wrong."""

from __future__ import annotations

import hashlib
import http.server
import io
import json
import os
import threading
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

COMMIT = "1" * 40


@dataclass
class Repo:
    """One data set, and how it misbehaves."""

    commit: str
    files: dict[str, bytes]
    status: int = 200
    error: str = ""
    busy: int = 0  # so many answers 429 come first
    cut: int = 0  # so many downloads of Parquet files end too early
    announced: dict[str, str] = field(default_factory=dict)  # sha256 in the header instead of the true one


def parquet(rows: list[dict[str, Any]], classes: dict[str, list[str]] | None = None) -> bytes:
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = pa.Table.from_pylist(rows)
    if classes:
        features: dict[str, Any] = {n: {"dtype": "string", "_type": "Value"} for n in table.column_names}
        features |= {column: {"names": names, "_type": "ClassLabel"} for column, names in classes.items()}
        table = table.replace_schema_metadata({"huggingface": json.dumps({"info": {"features": features}})})
    buffer = io.BytesIO()
    pq.write_table(table, buffer)
    return buffer.getvalue()


def card(config: str, splits: dict[str, str], classes: dict[str, list[str]] | None = None) -> bytes:
    lines = ["---", "configs:", f"- config_name: {config}", "  data_files:"]
    for split, path in splits.items():
        lines += [f"  - split: {split}", f"    path: {path}"]
    if classes:
        lines += ["dataset_info:", f"- config_name: {config}", "  features:"]
        for column, names in classes.items():
            lines += [f"  - name: {column}", "    dtype:", "      class_label:", "        names:"]
            lines += [f"          '{i}': {name}" for i, name in enumerate(names)]
    return "\n".join([*lines, "---", ""]).encode()


class StandIn:
    """Serves `repos`, {"owner/name": Repo}; counts what was asked for."""

    def __init__(self) -> None:
        self.repos: dict[str, Repo] = {}
        self.asked: Counter[str] = Counter()
        stand_in = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *args: Any) -> None:
                return

            def do_HEAD(self) -> None:
                stand_in.answer(self)

            do_GET = do_HEAD

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.endpoint = f"http://127.0.0.1:{self.server.server_port}"

    def add(
        self, name: str, rows: list[dict[str, Any]], classes: dict[str, list[str]] | None = None, **more: Any
    ) -> Repo:
        """A data set with one configuration, `sw`, and one split, `test`."""
        files = {"README.md": card("sw", {"test": "sw/test-*"}, classes), "sw/test-0.parquet": parquet(rows, classes)}
        self.repos[name] = Repo(commit=COMMIT, files=files, **more)
        return self.repos[name]

    def answer(self, request: Any) -> None:
        path = request.path.split("?")[0].strip("/")
        self.asked[path] += 1
        parts = path.split("/")
        api = parts[0] == "api"
        name = "/".join(parts[2:4] if api else parts[1:3])
        repo = self.repos.get(name)
        if repo is None:
            return self.send(request, 401, b'{"error": "Invalid username or password."}', X_Error_Code="RepoNotFound")
        if repo.busy:
            repo.busy -= 1
            return self.send(request, 429, b'{"error": "Too many requests"}', Retry_After="0")
        if repo.status != 200:
            return self.send(request, repo.status, b'{"error": "no"}', X_Error_Code=repo.error)
        rest = parts[4:] if api else parts[3:]
        if api and rest[:1] == ["tree"]:
            return self.tree(request, repo, "/".join(rest[2:]))
        if api:
            if rest[:1] == ["revision"] and rest[1] not in (repo.commit, "main") and "%2F" not in rest[1]:
                return self.send(request, 404, b"{}", X_Error_Code="RevisionNotFound")
            listing = {"id": name, "sha": repo.commit, "siblings": [{"rfilename": f} for f in repo.files]}
            return self.json(request, {**listing, "private": False, "gated": False, "tags": [], "downloads": 0})
        if rest[1] not in (repo.commit, "main"):
            return self.send(request, 404, b"", X_Error_Code="RevisionNotFound")
        return self.file(request, repo, "/".join(rest[2:]))

    def tree(self, request: Any, repo: Repo, folder: str) -> None:
        prefix = f"{folder}/" if folder else ""
        below = {f.removeprefix(prefix) for f in repo.files if f.startswith(prefix)}
        entries = [
            {"type": "file", "path": prefix + f, "size": len(repo.files[prefix + f]), "oid": "0" * 40}
            for f in sorted(below)
            if "/" not in f
        ]
        folders = {prefix + f.split("/")[0] for f in below if "/" in f}
        entries += [{"type": "directory", "path": f, "size": 0, "oid": "0" * 40} for f in sorted(folders)]
        self.json(request, entries)

    def file(self, request: Any, repo: Repo, name: str) -> None:
        if name not in repo.files:
            self.send(request, 404, b"", X_Error_Code="EntryNotFound", X_Repo_Commit=repo.commit)
            return
        content = repo.files[name]
        digest = repo.announced.get(name, hashlib.sha256(content).hexdigest())
        cut = repo.cut > 0 and name.endswith(".parquet") and request.command == "GET"
        repo.cut -= cut
        self.send(
            request, 200, content, cut=cut, ETag=f'"{digest}"', X_Repo_Commit=repo.commit, X_Linked_Etag=f'"{digest}"',
            X_Linked_Size=str(len(content)),
        )  # fmt: skip

    def json(self, request: Any, value: Any) -> None:
        self.send(request, 200, json.dumps(value).encode(), Content_Type="application/json")

    def send(self, request: Any, status: int, body: bytes, *, cut: bool = False, **headers: str) -> None:
        request.send_response(status)
        for key, value in headers.items():
            request.send_header(key.replace("_", "-"), value)
        request.send_header("Content-Length", str(len(body)))
        if cut:
            request.send_header("Connection", "close")
        request.end_headers()
        if request.command != "HEAD":
            request.wfile.write(body[: len(body) // 2] if cut else body)
        if cut:
            request.close_connection = True


def shared(name: str) -> Path:
    """Reference data beside the project."""
    folder = Path(os.environ.get("WAYSTAGE_TEST_DATA", Path(__file__).parents[3] / "shared")) / name
    if not folder.is_dir():
        pytest.skip(f"no reference data at {folder}")
    return folder


@pytest.fixture(scope="session")
def real_data() -> Path:
    return shared("data")


@pytest.fixture(scope="session")
def xtreme_example() -> Path:
    return shared("xtreme-layout-example")


@pytest.fixture(scope="module")
def stand_in() -> Iterator[StandIn]:
    server = StandIn()
    yield server
    server.server.shutdown()
    server.server.server_close()


@pytest.fixture(autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Tests share no book of hashes with the person who runs them."""
    monkeypatch.setenv("WAYSTAGE_CACHE", str(tmp_path_factory.mktemp("cache")))
