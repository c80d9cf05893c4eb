"""The background work of a market over Celery: the same tasks, carried as row ids.

Celery is neither truth nor schedule of any one task: a message that is lost is sent again by the `dispatch_due` beat,
one that arrives twice finds its row claimed or done. One event loop and one set of services per process.
"""

import asyncio
from collections.abc import Callable, Coroutine
from functools import cache
from typing import Any, Final

from celery import Celery

from market.tasks.registry import Services, run_task

DISPATCH_SECONDS: Final = 1.0
CHAIN_SECONDS: Final = 0.5
SWEEP_SECONDS: Final = 1.0


def create_celery(broker_url: str, build: Callable[[], Services]) -> Celery:
    """Return the Celery application. build: makes the services, once in each process that runs a task."""
    app = Celery("commonwatt", broker=broker_url)
    app.conf.update(
        task_ignore_result=True,
        task_acks_late=True,
        task_reject_on_worker_lost=True,
        worker_prefetch_multiplier=1,
        task_serializer="json",
        accept_content=["json"],
        broker_transport_options={"visibility_timeout": 3600},
        broker_connection_retry_on_startup=True,
        beat_schedule={
            "dispatch-due": {"task": "dispatch_due", "schedule": DISPATCH_SECONDS},
            "follow-chain": {"task": "follow_chain", "schedule": CHAIN_SECONDS},
            "sweep-leases": {"task": "sweep_leases", "schedule": SWEEP_SECONDS},
        },
    )
    _register(app, cache(build))
    return app


def _register(app: Celery, services: Callable[[], Services]) -> None:
    def run_row(task_id: int) -> None:
        _run(run_task(services(), task_id))

    def dispatch_due() -> None:
        for task_id in _run(services().background.due()):
            app.send_task("run_row", (task_id,))

    def follow_chain() -> None:
        _run(services().submission.relay())
        _run(services().indexing.advance())

    def sweep_leases() -> None:
        _run(services().leasing.sweep())

    for task in (run_row, dispatch_due, follow_chain, sweep_leases):
        app.task(task, name=task.__name__)


@cache
def _loop() -> asyncio.AbstractEventLoop:
    """The process's one event loop: engines and connections belong to the loop that made them."""
    return asyncio.new_event_loop()


def _run(work: Coroutine[Any, Any, Any]) -> Any:
    return _loop().run_until_complete(work)
