"""English text that every CPython carries: the language reference in `pydoc_data.topics`.

Decides which characters count (printable ASCII and newline), how they are numbered, and which part is held back for
validation. The text differs a little between Python versions; a job names its own copy by content.
"""

from dataclasses import dataclass
from pydoc_data.topics import topics

import torch

_HELD_BACK = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class Corpus:
    """Text as numbers. alphabet: character of each number. train, validation: uint8, 1-D."""

    alphabet: str
    train: torch.Tensor
    validation: torch.Tensor

    def encode(self, text: str) -> torch.Tensor:
        """Return the text as int64; characters outside the alphabet are left out."""
        return torch.tensor([self.alphabet.index(char) for char in text if char in self.alphabet], dtype=torch.int64)

    def decode(self, tokens: torch.Tensor) -> str:
        return "".join(self.alphabet[int(token)] for token in tokens)


def read_corpus() -> Corpus:
    """Return the corpus of this Python."""
    text = "\n\n".join(topics[name] for name in sorted(topics))
    text = "".join(char for char in text if char == "\n" or " " <= char <= "~")
    alphabet = "".join(sorted(set(text)))
    numbers = {char: number for number, char in enumerate(alphabet)}
    tokens = torch.tensor([numbers[char] for char in text], dtype=torch.uint8)
    kept = int(len(tokens) * (1 - _HELD_BACK))
    return Corpus(alphabet=alphabet, train=tokens[:kept].clone(), validation=tokens[kept:].clone())
