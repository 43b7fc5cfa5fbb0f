"""Requests to a Windlass server: enqueue, read, wait, and what workers need."""

import http.client
import json
import os
import time
import urllib.parse

SERVER_DEFAULT = "http://127.0.0.1:8080"

# How long one request may wait for the end of a job; a longer wait is several requests.
WAIT_SLICE = 30.0

# How often a call is repeated whose answer was lost, and the first wait before it, in seconds.
RETRIES = 5
RETRY_WAIT = 0.2


class Refused(Exception):
    """The server refuses the request; repeating it does not help."""

    def __init__(self, status, problem):
        self.status = status
        self.code = problem.get("code", "")
        self.errors = problem.get("errors", [])
        super().__init__(problem.get("detail") or f"the server answered {status}")


class NotFound(Refused):
    """There is no such thing in this namespace."""


class Conflict(Refused):
    """The request contradicts the present state."""


class LeaseLost(Conflict):
    """Another attempt owns the job by now: nothing was changed."""


class Unreachable(Exception):
    """The server does not answer, or says that it cannot now: try again later."""


class Client:
    """A server and a namespace in it. Safe to share between threads: each request has its own connection."""

    def __init__(self, server=None, namespace="default", api_key=None, timeout=30.0):
        server = server or os.environ.get("WINDLASS_SERVER") or SERVER_DEFAULT
        self._url = urllib.parse.urlsplit(server)
        if self._url.scheme not in ("http", "https") or not self._url.hostname:
            raise ValueError(f"`{server}` is not a server such as {SERVER_DEFAULT}")
        self._timeout = timeout
        self._headers = {"Windlass-Namespace": namespace, "Content-Type": "application/json"}
        api_key = api_key or os.environ.get("WINDLASS_API_KEY")
        if api_key:
            self._headers["Authorization"] = f"Bearer {api_key}"

    def enqueue(self, type, payload=None, **options):
        """Stores a job and returns it; options are the members of POST /jobs, such as queue or delay."""
        body = {"type": type, "payload": payload, **options}
        # Without a key a repetition might store the job twice.
        repeat = options.get("idempotency_key") is not None
        return self.call("POST", "/jobs", body, repeat=repeat)

    def get(self, job_id):
        """Reads a job."""
        return self.call("GET", f"/jobs/{job_id}")

    def wait(self, job_id, timeout=60.0):
        """Waits until a job has ended, at most so many seconds; returns it as it stands then."""
        end = time.monotonic() + timeout
        while True:
            left = max(0.0, end - time.monotonic())
            span = min(left, WAIT_SLICE)
            path = f"/jobs/{job_id}/wait?timeout={int(span * 1000)}"
            state = self.call("GET", path, timeout=span + self._timeout)
            if state["completed"] or left <= 0:
                return self.get(job_id)

    def cancel(self, job_id, reason=None, force=False):
        """Cancels a job and returns it."""
        return self.call("POST", f"/jobs/{job_id}/cancel", {"reason": reason, "force": force})

    def call(self, method, path, body=None, repeat=True, timeout=None):
        """One request; what is safe to repeat is repeated when its answer is lost."""
        wait = RETRY_WAIT
        for left in range(RETRIES if repeat else 0, -1, -1):
            try:
                return self._once(method, path, body, timeout or self._timeout)
            except Unreachable:
                if left == 0:
                    raise
            time.sleep(wait)
            wait *= 2

    def _once(self, method, path, body, timeout):
        secure = self._url.scheme == "https"
        kind = http.client.HTTPSConnection if secure else http.client.HTTPConnection
        connection = kind(self._url.hostname, self._url.port, timeout=timeout)
        try:
            data = None if body is None else json.dumps(body).encode()
            path = self._url.path.rstrip("/") + "/api/v1" + path
            connection.request(method, path, data, self._headers)
            response = connection.getresponse()
            answer = response.read()
        except (OSError, http.client.HTTPException) as error:
            raise Unreachable(f"{self._url.netloc} does not answer: {error}") from error
        finally:
            connection.close()
        return read(response.status, answer)


def read(status, answer):
    """The document of an answer, or what it means instead."""
    try:
        document = json.loads(answer) if answer else None
    except ValueError:
        document = None
    if status < 300:
        return document
    problem = document if isinstance(document, dict) else {}
    if status in (429, 502, 503, 504):
        raise Unreachable(problem.get("detail") or f"the server answered {status}")
    if problem.get("code") == "lease_lost":
        raise LeaseLost(status, problem)
    kinds = {404: NotFound, 409: Conflict, 412: Conflict}
    raise kinds.get(status, Refused)(status, problem)
