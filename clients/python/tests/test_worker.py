"""The client and the worker against a real server: WINDLASS_BINARY names the program."""

import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
import unittest

from windlass import Cancelled, Client, LeaseLost, NotFound, Permanent, RetryAfter, Unreachable, Worker

BINARY = os.environ.get("WINDLASS_BINARY")

# Far beyond what anything here takes on a busy machine.
DEADLINE = 60.0


class Forgetful(Client):
    """Loses the answers to the first reports, after the server has stored them."""

    def __init__(self, *args, **options):
        super().__init__(*args, **options)
        self.lost = 0

    def _once(self, method, path, body, timeout):
        answer = super()._once(method, path, body, timeout)
        if path.endswith("/settle") and self.lost < 2:
            self.lost += 1
            raise Unreachable("as the test wanted")
        return answer


@unittest.skipUnless(BINARY, "WINDLASS_BINARY names no program")
class WorkerTest(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        # Its own worker does the upkeep, and runs types that no test has.
        command = [BINARY, "serve", "--http", "127.0.0.1:0", "--data-dir", self.folder.name]
        self.server = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
        for line in self.server.stderr:
            found = re.match(r"listening on\s+(http\S+)", line)
            if found:
                break
        self.url = found.group(1)
        self.drain = threading.Thread(target=self.server.stderr.read, daemon=True)
        self.drain.start()
        self.client = Client(self.url)
        self.worker = None

    def tearDown(self):
        if self.worker is not None:
            self.worker.stop()
            self.thread.join(DEADLINE)
        self.server.terminate()
        self.server.wait(DEADLINE)
        self.drain.join(DEADLINE)
        self.server.stderr.close()
        self.folder.cleanup()

    def start(self, worker):
        self.worker = worker
        self.thread = threading.Thread(target=worker.run, kwargs={"signals": False}, daemon=True)
        self.thread.start()

    def ended(self, job):
        job = self.client.wait(job["id"], timeout=DEADLINE)
        self.assertIn(job["state"], ("completed", "failed", "dead_letter", "cancelled"))
        return job

    def test_handlers_end_in_every_way(self):
        worker = Worker(self.client, concurrency=3)

        @worker.handle("add")
        def add(payload, job):
            job.log("adding")
            job.enqueue("add", [], tags={"follows": job.id})
            return sum(payload) if payload else None

        @worker.handle("bad")
        def bad(payload, job):
            raise Permanent("no such address")

        @worker.handle("never")
        def never(payload, job):
            raise Cancelled("obsolete")

        @worker.handle("resume")
        def resume(payload, job):
            if job.checkpoint_data is None:
                job.checkpoint({"page": 7})
                raise RetryAfter(0, "again")
            return job.checkpoint_data

        @worker.handle("odd")
        def odd(payload, job):
            return object()

        self.start(worker)
        types = {"add": [1, 2], "bad": None, "never": None, "resume": None, "odd": None}
        jobs = {name: self.client.enqueue(name, payload) for name, payload in types.items()}
        done = {name: self.ended(job) for name, job in jobs.items()}

        self.assertEqual((done["add"]["state"], done["add"]["result"]), ("completed", 3))
        self.assertEqual(done["bad"]["state"], "failed")
        self.assertEqual(done["bad"]["last_error"], "no such address")
        self.assertEqual((done["never"]["state"], done["never"]["last_error"]), ("cancelled", "obsolete"))
        self.assertEqual((done["resume"]["attempt"], done["resume"]["result"]), (2, {"page": 7}))
        self.assertEqual(done["odd"]["state"], "failed")
        log = self.client.call("GET", f"/jobs/{jobs['add']['id']}/logs")
        self.assertEqual([line["text"] for line in log["lines"]], ["adding"])
        follows = self.client.call("GET", f"/jobs?tag=follows:{jobs['add']['id']}")
        self.assertEqual(follows["count"], 1)

    def test_reports_whose_answers_are_lost_are_repeated(self):
        forgetful = Forgetful(self.url)
        worker = Worker(forgetful)
        runs = []
        worker.handle("once")(lambda payload, job: runs.append(job.attempt))
        self.start(worker)

        done = self.ended(self.client.enqueue("once"))

        self.assertEqual((done["state"], done["attempt"], runs), ("completed", 1, [1]))

    def test_a_running_job_shows_its_progress_and_is_cancelled(self):
        worker = Worker(self.client, lease="1s")

        @worker.handle("long")
        def long(payload, job):
            job.progress(25, "a quarter")
            job.cancelled.wait(DEADLINE)
            raise RuntimeError("stopped")

        self.start(worker)
        job = self.client.enqueue("long")
        while self.client.get(job["id"])["progress"] != 25:
            pass
        self.client.cancel(job["id"], reason="enough")

        self.assertEqual(self.ended(job)["state"], "cancelled")

    def test_a_lost_lease_is_noticed(self):
        worker = Worker(self.client)
        seen = []

        @worker.handle("long")
        def long(payload, job):
            self.client.call("POST", f"/jobs/{job.id}/cancel", {"force": True})
            try:
                job.checkpoint(1)
            except LeaseLost as error:
                seen.append(error.status)

        self.start(worker)
        done = self.ended(self.client.enqueue("long"))

        self.assertEqual(done["state"], "cancelled")
        self.worker.stop()
        self.thread.join(DEADLINE)
        self.assertEqual(seen, [409])

    def test_errors_say_what_is_wrong(self):
        with self.assertRaises(NotFound):
            self.client.get(7)
        with self.assertRaisesRegex(Exception, "type"):
            self.client.enqueue("no spaces")
        with self.assertRaises(Unreachable):
            Client("http://127.0.0.1:9").call("GET", "/stats", repeat=False)

    def test_sigterm_lets_handlers_end_and_gives_back_the_rest(self):
        script = (
            "import os, windlass\n"
            f"worker = windlass.Worker(windlass.Client('{self.url}'), concurrency=2, grace=1)\n"
            "@worker.handle('polite')\n"
            "def polite(payload, job):\n"
            "    os.write(1, b'polite\\n')\n"
            "    worker._stop.wait()\n"
            "    return 'done'\n"
            "@worker.handle('rude')\n"
            "def rude(payload, job):\n"
            "    os.write(1, b'rude\\n')\n"
            "    __import__('threading').Event().wait()\n"
            "worker.run()\n"
        )
        process = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
        jobs = [self.client.enqueue(name) for name in ("polite", "rude")]
        started = sorted(process.stdout.readline().strip() for _ in jobs)
        process.send_signal(signal.SIGTERM)
        self.assertEqual(process.wait(DEADLINE), 0)
        process.stdout.close()

        self.assertEqual(started, ["polite", "rude"])
        polite, rude = (self.client.get(job["id"]) for job in jobs)
        self.assertEqual((polite["state"], polite["result"]), ("completed", "done"))
        self.assertEqual((rude["state"], rude["attempt"], rude["crashes"]), ("pending", 0, 0))


if __name__ == "__main__":
    unittest.main()
