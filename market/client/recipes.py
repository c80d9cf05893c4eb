"""What a ready-made job is to the buyer's side: documents, a specification, and two ways to look at a result.

Decides the form alone. A recipe is a callable without arguments, found through the entry-point group
"commonwatt.recipes", that returns a BuyerJob; whoever wrote it may use torch, this room never does.
"""

from collections.abc import Callable
from dataclasses import dataclass

from market.protocol.specs import TrainSpec

RECIPES = "commonwatt.recipes"


@dataclass(frozen=True, slots=True, kw_only=True)
class BuyerJob:
    """A job ready to be uploaded and bid for.

    program: canonical JSON. state, dataset: safetensors. Their content addresses are those in `spec`.
    evaluate: end state (safetensors) -> loss on text that never leaves the buyer, in nats per character.
    sample: end state (safetensors) -> text generated from a fixed prompt and seed.
    """

    program: bytes
    state: bytes
    dataset: bytes
    spec: TrainSpec
    evaluate: Callable[[bytes], float]
    sample: Callable[[bytes], str]
