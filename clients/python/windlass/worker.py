"""A worker: claims jobs, runs handlers in threads, says that it lives, reports."""

import base64
import logging
import os
import platform
import queue
import signal
import socket
import threading
import time
import traceback

from .client import Conflict, LeaseLost, NotFound, Refused, Unreachable

log = logging.getLogger("windlass")

# Seconds between two attempts to reach a server that is away, first and longest.
AWAY_WAIT = (0.2, 5.0)

# Ends in one report.
REPORT_MAX = 100


class Permanent(Exception):
    """No attempt can succeed: the job fails for good."""


class Cancelled(Exception):
    """Never again: the job ends cancelled, with this reason."""


class Snooze(Exception):
    """Not now: the job runs again after so many seconds. No attempt is counted."""

    def __init__(self, seconds):
        self.seconds = seconds
        super().__init__(f"put off for {seconds} s")


class RetryAfter(Exception):
    """Failed; the job is tried again after exactly so many seconds."""

    def __init__(self, seconds, message):
        self.seconds = seconds
        super().__init__(message)


class Job:
    """A claimed job, as its handler sees it."""

    def __init__(self, client, document, identity):
        self._client = client
        self._identity = identity
        self._progress = None
        self._lock = threading.Lock()
        self._follow_ups = []
        self.document = document
        self.id = document["id"]
        self.type = document["type"]
        self.queue = document["queue"]
        self.attempt = document["attempt"]
        self.token = document["lease"]["token"]
        self.payload = content(document, "payload")
        self.checkpoint_data = content(document, "checkpoint")
        # Set when the handler is to stop: cancelled, timed out, shutting down, or the lease is lost.
        self.cancelled = threading.Event()
        self.is_lost = False
        self.is_given_up = False
        self.is_late = False
        self.ends_at = time.monotonic() + document["timeout_ms"] / 1000

    def progress(self, percent, message=None):
        """Tells how far the work is, 0 to 100. The next heartbeat carries it."""
        with self._lock:
            self._progress = (min(100.0, max(0.0, float(percent))), message)

    def checkpoint(self, data):
        """Keeps data for the next attempt; LeaseLost when another attempt owns the job by now."""
        body = {"token": self.token, "data": data}
        self._client.call("PUT", f"/jobs/{self.id}/checkpoint", body)

    def log(self, text, level="info"):
        """Adds a line to the log of the job."""
        body = {"token": self.token, "data": [{"text": text, "level": level}]}
        # A line that is lost is less bad than one that stands there twice.
        self._client.call("POST", f"/jobs/{self.id}/logs", body, repeat=False)

    def enqueue(self, type, payload=None, **options):
        """Asks for a job that is stored with the completion of this one, or not at all."""
        trace = {
            name: value
            for name, value in self.document.get("metadata", {}).items()
            if name in ("traceparent", "tracestate")
        }
        metadata = {**trace, **options.pop("metadata", {})}
        self._follow_ups.append({"type": type, "payload": payload, "metadata": metadata, **options})

    def listed(self):
        """What a heartbeat says of it."""
        with self._lock:
            told, self._progress = self._progress, None
        item = {"id": self.id, "token": self.token}
        if told is not None:
            item["percent"], message = told
            if message is not None:
                item["message"] = str(message)
        return item

    def untold(self, item):
        """The heartbeat was not answered: the next one says it again."""
        with self._lock:
            if self._progress is None and "percent" in item:
                self._progress = (item["percent"], item.get("message"))


def content(document, name):
    """A member, or its sibling in base64 as bytes."""
    encoded = document.get(name + "_base64")
    return document.get(name) if encoded is None else base64.b64decode(encoded)


class Worker:
    """Runs jobs of the types that have handlers, so many at a time."""

    def __init__(
        self, client, name=None, queues=(), concurrency=4, lease="30s", grace=30.0, labels=None
    ):
        self._client = client
        self._name = name or f"{socket.gethostname()[:64]}-{os.getpid()}"
        self._queues = list(queues)
        self._concurrency = concurrency
        self._lease = lease
        self._grace = grace
        self._labels = {"python": platform.python_version(), **(labels or {})}
        self._handlers = {}
        self._held = {}
        self._lock = threading.Lock()
        self._identity = None
        self._quiet = threading.Event()
        self._stop = threading.Event()
        self._now = threading.Event()
        self._ended = threading.Event()
        self._reports = queue.Queue()
        self._slots = threading.Semaphore(concurrency)

    def handle(self, type):
        """Decorates the handler of a type: a function of the payload and the job."""

        def add(function):
            self._handlers[type] = function
            return function

        return add

    def stop(self, now=False):
        """Asks the worker to stop; with `now` it does not wait for its handlers."""
        self._quiet.set()
        self._stop.set()
        if now:
            self._now.set()

    def run(self, signals=True):
        """Works until it is asked to stop, by a signal or otherwise."""
        if signals:
            for name in (signal.SIGTERM, signal.SIGINT):
                signal.signal(name, lambda *_: self.stop(now=self._stop.is_set()))
        self._register()
        threads = [
            threading.Thread(target=loop, name=name, daemon=True)
            for name, loop in [
                ("windlass-claims", self._claim_jobs),
                ("windlass-heartbeat", self._heartbeat),
                ("windlass-reports", self._report),
            ]
        ]
        for thread in threads:
            thread.start()
        # A wait without a timeout is not interrupted by signals everywhere.
        while not self._stop.wait(0.5):
            pass
        self._drain()
        self._reports.put(None)
        threads[2].join(timeout=self._grace)
        self._ended.set()
        self._leave()

    # Registration

    def _register(self):
        body = {
            "name": self._name,
            "queues": self._queues,
            "types": sorted(self._handlers),
            "concurrency": self._concurrency,
            "labels": self._labels,
            "version": "python",
            "lease": self._lease,
        }
        wait = AWAY_WAIT[0]
        while True:
            try:
                answer = self._client.call("POST", "/workers", body)
                break
            except Unreachable as error:
                if self._stop.is_set():
                    raise
                log.warning("cannot register yet: %s", error)
            self._stop.wait(wait)
            wait = min(2 * wait, AWAY_WAIT[1])
        self._heartbeat_s = answer["heartbeat_ms"] / 1000
        self._lease_s = answer["lease_ms"] / 1000
        self._renewed = time.monotonic()
        self._identity = answer["worker_id"]
        log.info("registered as worker %s", self._identity)

    def _start_over(self, old):
        """The old identity is gone: its handlers are to stop, and what they report may still count."""
        with self._lock:
            if self._identity != old or self._stop.is_set():
                return
            self._identity = None
            held = [job for job in self._held.values() if job._identity == old]
        log.warning("worker %s was silent for too long: its jobs are lost", old)
        for job in held:
            job.is_lost = True
            job.cancelled.set()
        self._register()

    def _leave(self):
        if self._identity is None:
            return
        try:
            self._client.call("DELETE", f"/workers/{self._identity}")
        except NotFound:
            pass
        except (Refused, Unreachable) as error:
            log.warning("did not leave in order: %s", error)

    # Claims

    def _claim_jobs(self):
        wait = AWAY_WAIT[0]
        while not self._quiet.is_set():
            self._slots.acquire()
            free = 1
            while free < self._concurrency and self._slots.acquire(blocking=False):
                free += 1
            jobs = []
            identity = self._identity
            try:
                if identity is not None and not self._quiet.is_set():
                    jobs = self._claim(identity, free)
                wait = AWAY_WAIT[0]
            except (NotFound, LeaseLost):
                self._start_over(identity)
            except (Refused, Unreachable) as error:
                log.warning("claim failed: %s", error)
                self._quiet.wait(wait)
                wait = min(2 * wait, AWAY_WAIT[1])
            for _ in range(free - len(jobs)):
                self._slots.release()
            for job in jobs:
                threading.Thread(target=self._attempt, args=(job,), daemon=True).start()
            if identity is None:
                self._quiet.wait(AWAY_WAIT[0])

    def _claim(self, identity, limit):
        # A stop need not wait longer than this for the claim to end.
        body = {"limit": limit, "wait": "5s"}
        path = f"/workers/{identity}/claim"
        answer = self._client.call("POST", path, body, repeat=False)
        jobs = [Job(self._client, document, identity) for document in answer["jobs"]]
        with self._lock:
            for job in jobs:
                self._held[job.token] = job
        self._obey(answer)
        return jobs

    # Attempts

    def _attempt(self, job):
        item = {"id": job.id, "token": job.token}
        timer = threading.Timer(job.ends_at - time.monotonic(), self._time_out, (job,))
        timer.daemon = True
        timer.start()
        try:
            if self._stop.is_set():
                item["outcome"] = "release"
            else:
                result = self._handlers[job.type](job.payload, job)
                item.update(outcome="complete", result=result)
                if job._follow_ups:
                    item["enqueue"] = job._follow_ups
        except Cancelled as error:
            item.update(outcome="cancel", error={"message": str(error)})
        except Snooze as error:
            item.update(outcome="snooze", delay=int(error.seconds * 1000))
        except BaseException as error:  # noqa: BLE001 - whatever a handler raises is a failed attempt
            item.update(failure(error))
        timer.cancel()
        if item["outcome"] == "fail" and job.is_given_up:
            item = {"id": job.id, "token": job.token, "outcome": "release"}
        elif job.is_late:
            message = f"timed out after {job.document['timeout_ms']} ms"
            error = {"class": "timeout", "message": message}
            item = {"id": job.id, "token": job.token, "outcome": "fail", "error": error}
        job.cancelled.set()
        self._reports.put((job, item))
        self._slots.release()

    @staticmethod
    def _time_out(job):
        job.is_late = True
        job.cancelled.set()

    # Heartbeats

    def _heartbeat(self):
        while not self._ended.wait(self._pause()):
            identity = self._identity
            if identity is None:
                continue
            with self._lock:
                held = [job for job in self._held.values() if job._identity == identity]
            items = [(job, job.listed()) for job in held]
            sent = time.monotonic()
            try:
                body = {"progress": [item for _, item in items]}
                path = f"/workers/{identity}/heartbeat"
                answer = self._client.call("POST", path, body, repeat=False, timeout=self._heartbeat_s)
            except (NotFound, LeaseLost):
                self._start_over(identity)
                continue
            except (Refused, Unreachable) as error:
                log.warning("heartbeat failed: %s", error)
                for job, item in items:
                    job.untold(item)
                if time.monotonic() - self._renewed > 0.75 * self._lease_s:
                    # By the time someone else is given them, nobody here works on them any more.
                    for job in held:
                        job.is_lost = job.is_given_up = True
                        job.cancelled.set()
                continue
            self._renewed = sent
            lost = set(answer["lost"])
            for job in held:
                if job.id in lost:
                    job.is_lost = True
                    job.cancelled.set()
            self._obey(answer)

    def _pause(self):
        return min(self._heartbeat_s, 1.0) if self._identity is None else self._heartbeat_s

    def _obey(self, answer):
        cancel = set(answer["cancel"])
        with self._lock:
            asked = [job for job in self._held.values() if job.id in cancel]
        for job in asked:
            job.cancelled.set()
        if answer["state"] != "run":
            self._quiet.set()
        if answer["state"] == "terminate":
            self._stop.set()

    # Reports

    def _report(self):
        is_open = True
        while is_open:
            batch = [self._reports.get()]
            while len(batch) < REPORT_MAX:
                try:
                    batch.append(self._reports.get_nowait())
                except queue.Empty:
                    break
            is_open = None not in batch
            batch = [one for one in batch if one is not None]
            identities = {job._identity for job, _ in batch}
            for identity in identities:
                self._settle(identity, [one for one in batch if one[0]._identity == identity])

    def _settle(self, identity, batch):
        """Reports until there is an answer: a repeated report changes nothing twice."""
        path = f"/workers/{identity}/settle"
        wait = AWAY_WAIT[0]
        end = time.monotonic() + 10 * self._lease_s
        while True:
            try:
                items = [item for _, item in batch]
                answer = self._client.call("POST", path, {"items": items}, repeat=False)["items"]
                break
            except Unreachable as error:
                log.warning("outcomes not stored yet: %s", error)
                if time.monotonic() > end or (self._now.is_set() and wait > 1):
                    answer = []
                    break
            except (Refused, TypeError, ValueError) as error:
                if len(batch) > 1:
                    for one in batch:
                        self._settle(identity, [one])
                    return
                # A result that is no JSON, or too large: the attempt has failed.
                log.error("outcome of job %s refused: %s", batch[0][0].id, error)
                batch = [(batch[0][0], refused(batch[0], error))]
                if isinstance(error, Conflict):
                    answer = []
                    break
            time.sleep(wait)
            wait = min(2 * wait, AWAY_WAIT[1])
        for (job, item), status in zip(batch, answer):
            if status["status"] == "invalid" and item["outcome"] != "fail":
                self._settle(identity, [(job, refused((job, item), status["error"]["message"]))])
            elif status["status"] not in ("applied", "already_applied"):
                log.warning("outcome of job %s refused: %s", job.id, status["status"])
        with self._lock:
            for job, _ in batch:
                self._held.pop(job.token, None)

    # The end

    def _drain(self):
        end = time.monotonic() + self._grace
        while self._held_count() and time.monotonic() < end and not self._now.is_set():
            self._now.wait(0.05)
        with self._lock:
            left = list(self._held.values())
        for job in left:
            job.is_given_up = True
            job.cancelled.set()
        # Those that heed it are reported; the rest goes back when the worker leaves.
        end = time.monotonic() + min(5.0, self._grace)
        while self._held_count() and time.monotonic() < end:
            time.sleep(0.05)

    def _held_count(self):
        with self._lock:
            return len(self._held)


def failure(error):
    """The report of a failed attempt."""
    text = {
        "class": type(error).__name__,
        "message": str(error) or type(error).__name__,
        "backtrace": "".join(traceback.format_exception(type(error), error, error.__traceback__)),
    }
    item = {"outcome": "fail", "error": text}
    if isinstance(error, Permanent):
        text["class"] = "permanent"
        item["permanent"] = True
    elif isinstance(error, RetryAfter):
        text["class"] = "retryable"
        item["retry_after"] = int(error.seconds * 1000)
    return item


def refused(reported, why):
    """What stands for an outcome that cannot be stored."""
    _, item = reported
    error = {"class": "permanent", "message": f"the outcome could not be stored: {why}"}
    return {"id": item["id"], "token": item["token"], "outcome": "fail", "permanent": True, "error": error}
