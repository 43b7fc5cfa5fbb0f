"""A worker in Python: counts words, and has a way to fail of every kind.

    PYTHONPATH=clients/python python3 examples/python/worker.py

WINDLASS_SERVER (default http://127.0.0.1:8080) says where, WINDLASS_API_KEY with which key, if one is needed.
"""

import windlass

worker = windlass.Worker(windlass.Client(), name="counter", concurrency=4)


@worker.handle("count-words")
def count_words(payload, job):
    if "text" not in payload:
        raise windlass.Permanent("the payload has no text")  # never tried again
    job.progress(50, "counting")
    job.log(f"{len(payload['text'])} characters")
    return {"words": len(payload["text"].split())}


@worker.handle("fetch-page")
def fetch_page(payload, job):
    if job.attempt == 1:
        raise windlass.RetryAfter(0.1, "busy")  # tried again after exactly this time
    return {"attempt": job.attempt}


worker.run()  # until SIGTERM or SIGINT
