"""A small Hugging Face Hub on this machine: what huggingface_hub asks for to make, fill and read repositories."""

from __future__ import annotations

import base64
import hashlib
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, unquote, urlsplit


class Hub(ThreadingHTTPServer):
    """Repositories are branches of files: `repos[name][branch][path] -> bytes`."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.repos: dict[str, dict[str, dict[str, bytes]]] = {}
        self.private: set[str] = set()
        self.requests: list[str] = []
        self.tokens: set[str | None] = set()

    @property
    def endpoint(self):
        return f"http://127.0.0.1:{self.server_port}"

    def __enter__(self):
        threading.Thread(target=self.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.shutdown()
        self.server_close()

    def files(self, repo, revision):
        branches = self.repos.get(repo, {})
        for name, files in branches.items():
            if revision in (name, self.commit(repo, name)):
                return files
        return None

    def commit(self, repo, branch):
        content = sorted((path, hashlib.sha1(data).hexdigest()) for path, data in self.repos[repo][branch].items())
        return hashlib.sha1(repr((repo, content)).encode()).hexdigest()


class Handler(BaseHTTPRequestHandler):
    server: Hub
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.answer("POST", body)

    def do_GET(self):
        self.answer("GET", b"")

    def do_HEAD(self):
        self.answer("HEAD", b"")

    def answer(self, method, body):
        url = urlsplit(self.path)
        self.server.requests.append(f"{method} {url.path}")
        self.server.tokens.add(self.headers.get("Authorization"))
        parts = [unquote(part) for part in url.path.strip("/").split("/")]
        if parts[:2] == ["api", "repos"]:
            return self.create(json.loads(body))
        if parts[:2] == ["api", "validate-yaml"]:
            return self.json({"errors": [], "warnings": []})
        if parts[:2] == ["api", "models"]:
            repo, (action, *rest) = "/".join(parts[2:4]), parts[4:] or ["info"]
            return self.api(repo, action, "/".join(rest) or "main", body, parse_qs(url.query))
        if len(parts) > 4 and parts[2] == "resolve":
            return self.file("/".join(parts[:2]), parts[3], "/".join(parts[4:]))
        return self.error(404, "EntryNotFound")

    def create(self, given):
        repo = f"{given.get('organization') or 'me'}/{given['name']}"
        if repo in self.server.repos:
            return self.json({"error": "exists", "url": f"{self.server.endpoint}/{repo}"}, 409)
        self.server.repos[repo] = {"main": {".gitattributes": b""}}
        if given.get("private") or given.get("visibility") == "private":
            self.server.private.add(repo)
        return self.json({"url": f"{self.server.endpoint}/{repo}", "id": repo, "name": repo})

    def api(self, repo, action, revision, body, query):
        if repo not in self.server.repos:
            return self.error(401 if repo.startswith("gone/") else 404, "RepoNotFound")
        if action == "branch":
            fresh = dict(self.server.repos[repo]["main"])
            known = self.server.repos[repo].setdefault(revision, fresh) is not fresh
            return self.json({}, 409 if known else 201)
        files = self.server.files(repo, revision)
        if files is None:
            return self.error(404, "RevisionNotFound")
        if action == "preupload":
            told = [{"path": file["path"], "uploadMode": "regular"} for file in json.loads(body)["files"]]
            return self.json({"files": [{**file, "shouldIgnore": False, "oid": None} for file in told]})
        if action == "commit":
            return self.write(repo, revision, files, body, "create_pr" in query)
        branch = next(name for name, held in self.server.repos[repo].items() if held is files)
        if action == "tree":
            return self.json(
                [{"type": "file", "path": path, "size": len(data), "oid": "0"} for path, data in files.items()]
            )
        siblings = [{"rfilename": path} for path in files]
        return self.json({"id": repo, "modelId": repo, "sha": self.server.commit(repo, branch), "siblings": siblings})

    def write(self, repo, revision, files, body, as_request):
        target = dict(files) if as_request else files
        for line in body.splitlines():
            entry = json.loads(line)
            value = entry["value"]
            if entry["key"] == "file":
                target[value["path"]] = base64.b64decode(value["content"])
            elif entry["key"] == "deletedFile":
                target.pop(value["path"], None)
        if as_request:
            self.server.repos[repo]["refs/pr/1"] = target
        commit = self.server.commit(repo, "refs/pr/1" if as_request else revision)
        told = {"success": True, "commitOid": commit, "commitUrl": f"{self.server.endpoint}/{repo}/commit/{commit}"}
        self.json(
            {**told, **({"pullRequestUrl": f"{self.server.endpoint}/{repo}/discussions/1"} if as_request else {})}
        )

    def file(self, repo, revision, path):
        if repo not in self.server.repos:
            return self.error(404, "RepoNotFound")
        files = self.server.files(repo, revision)
        if files is None:
            return self.error(404, "RevisionNotFound")
        branch = next(name for name, held in self.server.repos[repo].items() if held is files)
        commit = self.server.commit(repo, branch)
        if path not in files:
            return self.error(404, "EntryNotFound", {"X-Repo-Commit": commit})
        etag = hashlib.sha1(files[path]).hexdigest()
        self.send(files[path], 200, {"ETag": f'"{etag}"', "X-Repo-Commit": commit}, "application/octet-stream")

    def json(self, value, status=200):
        self.send(json.dumps(value).encode(), status, {}, "application/json")

    def error(self, status, code, headers=None):
        self.send(b"{}", status, {"X-Error-Code": code, **(headers or {})}, "application/json")

    def send(self, data, status, headers, kind):
        self.send_response(status)
        for name, value in {"Content-Type": kind, "Content-Length": str(len(data)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)
