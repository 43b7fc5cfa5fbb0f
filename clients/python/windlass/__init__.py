"""Client and worker for Windlass, durable background jobs."""

from .client import Client, Conflict, LeaseLost, NotFound, Refused, Unreachable
from .worker import Cancelled, Job, Permanent, RetryAfter, Snooze, Worker

__all__ = [
    "Cancelled",
    "Client",
    "Conflict",
    "Job",
    "LeaseLost",
    "NotFound",
    "Permanent",
    "Refused",
    "RetryAfter",
    "Snooze",
    "Unreachable",
    "Worker",
]
