"""A job asked for in the exact class: the same documents, and a court of its own.

Decides nothing but the specification: the program is lowered to leaves on the buyer's machine, the terms that follow
are hashed, and the specification states them. A program that cannot be lowered is refused here by name, before anything
is uploaded or paid.
"""

from dataclasses import replace
from typing import TypeVar

from market.client.folders import JobFolder
from market.client.recipes import BuyerJob
from market.protocol.exact.jobs import exact_job_of_documents
from market.protocol.words import ExecutionClass

_Job = TypeVar("_Job", bound=JobFolder | BuyerJob)


def as_exact(job: _Job) -> _Job:
    """Return the job with a specification of the exact class; raises CannotLower or NoWords."""
    lowered = exact_job_of_documents(job.spec, job.program, job.state, job.dataset)
    spec = replace(job.spec, execution_class=ExecutionClass.EXACT, court=lowered.terms.hash().hex())
    return replace(job, spec=spec)
