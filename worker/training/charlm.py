"""The ready-made job of the demo: a character model of Python's own documentation, in about half a million parameters.

Decides every number of that job: sizes, schedule, seeds, limits. Runs on the buyer's side. The validation text stays
here; workers get the training text, the program and a state, nothing else.
"""

from dataclasses import dataclass
from functools import partial

import torch
from torch.func import functional_call

from market.client.recipes import BuyerJob
from market.protocol.hashing import artifact_id
from market.protocol.specs import TrainSpec
from market.protocol.words import ExecutionClass, JobKind
from worker.engine.capture import capture
from worker.engine.determinism import pinned
from worker.engine.tensors import State, load, save
from worker.training.adamw import AdamW, initial_state, train_step, weights_of
from worker.training.corpus import Corpus, read_corpus
from worker.training.transformer import Shape, Transformer, build, loss_of

_DATASET_TENSOR = "tokens"
_CONTEXT = 64
_VALIDATION_WINDOWS = 96
_PROMPT = "The "
_TEMPERATURE = 0.7


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """How the work is cut: units per round, steps per unit, steps per segment, windows per step."""

    rounds: tuple[int, ...] = (4, 4, 4, 4, 1)
    steps_per_unit: int = 28
    segment_steps: int = 10
    batch: int = 12
    rate: float = 2e-3
    seed: int = 20_261

    def settings(self) -> AdamW:
        total = len(self.rounds) * self.steps_per_unit
        return AdamW(total_steps=total, cooldown_steps=total // 2, rate=self.rate)


DEMO = Schedule()


def recipe(schedule: Schedule = DEMO) -> BuyerJob:
    """Return the job; the same on every call under one Python and one torch."""
    corpus = read_corpus()
    model = transformer_of(corpus, seed=schedule.seed)
    start = initial_state(model)
    step = train_step(partial(batch_loss, model), schedule.settings())
    program = capture(step, start, batch=schedule.batch, window=_CONTEXT + 1).encode()
    state, dataset = save(start), save({_DATASET_TENSOR: corpus.train})
    return BuyerJob(
        program=program,
        state=state,
        dataset=dataset,
        spec=_spec(schedule, program, state, dataset),
        evaluate=partial(_evaluate, model, corpus),
        sample=partial(sample, model, corpus),
    )


def transformer_of(corpus: Corpus, seed: int = DEMO.seed) -> Transformer:
    """Return the job's model with its first weights."""
    return build(Shape(vocabulary=len(corpus.alphabet), time=_CONTEXT), seed=seed)


def batch_loss(model: Transformer, weights: State, tokens: torch.Tensor) -> torch.Tensor:
    """Return the model's loss under the given weights on windows [batch, context + 1]."""
    return loss_of(functional_call(model, weights, (tokens[:, :-1],)), tokens[:, 1:])


def sample(
    model: Transformer, corpus: Corpus, state: bytes, *, prompt: str = _PROMPT, characters: int = 200, seed: int = 7
) -> str:
    """Return the prompt and what the model of this state writes after it."""
    weights = weights_of(load(state))
    chance = torch.Generator().manual_seed(seed)
    tokens = corpus.encode(prompt)
    with pinned(), torch.inference_mode():
        for _ in range(characters):
            logits = functional_call(model, weights, (tokens[None, -_CONTEXT:],))[0, -1]
            drawn = torch.multinomial(torch.softmax(logits / _TEMPERATURE, dim=-1), 1, generator=chance)
            tokens = torch.cat([tokens, drawn])
    return corpus.decode(tokens)


def _evaluate(model: Transformer, corpus: Corpus, state: bytes) -> float:
    text = corpus.validation.to(torch.int64)
    stride = (len(text) - _CONTEXT - 1) // _VALIDATION_WINDOWS
    windows = text.unfold(0, _CONTEXT + 1, stride)[:_VALIDATION_WINDOWS]
    with pinned(), torch.inference_mode():
        return float(batch_loss(model, weights_of(load(state)), windows))


def _spec(schedule: Schedule, program: bytes, state: bytes, dataset: bytes) -> TrainSpec:
    return TrainSpec(
        kind=JobKind.TRAIN,
        program=artifact_id(program),
        state=artifact_id(state),
        dataset=artifact_id(dataset),
        dataset_tensor=_DATASET_TENSOR,
        rounds=schedule.rounds,
        steps_per_unit=schedule.steps_per_unit,
        segment_steps=schedule.segment_steps,
        batch=schedule.batch,
        window=_CONTEXT + 1,
        seed=schedule.seed,
        execution_class=ExecutionClass.PINNED,
        memory_bytes=256 << 20,
        unit_seconds=120,
    )
