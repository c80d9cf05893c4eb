"""The court's float arithmetic against this machine's: the Python twin here, Float32.sol in the EVM beside it."""

import pytest

from market.protocol.exact import float32
from tests.unit.exact_judge import float32_cases
from tests.unit.exact_judge.float32_cases import OPERATIONS, SPECIALS, hardware, make_cases, run

OPERANDS = {"fma": 3, "sqrt": 1, "itof": 1, "ftoi": 1}
SEED = 0x0F10A732


@pytest.mark.parametrize("name", OPERATIONS)
def test_python_gives_what_the_hardware_gives(name: str) -> None:
    a, b, c = make_cases(20_000 * len(OPERATIONS), SEED)[name]
    expected = hardware(name, a, b, c)
    operation, operands = getattr(float32, name), OPERANDS.get(name, 2)

    cases = zip(a.tolist(), b.tolist(), c.tolist(), expected.tolist(), strict=True)
    wrong = [case for case in cases if operation(*case[:operands]) != case[3]]

    assert not wrong, f"seed {SEED}: {len(wrong)} of {len(a)}, first {[hex(word) for word in wrong[0]]}"


def test_every_pair_of_special_words_is_among_the_cases() -> None:
    a, b, _ = make_cases(20_000 * len(OPERATIONS), SEED)["mul"]

    pairs = set(zip(a.tolist(), b.tolist(), strict=True))

    assert {(x, y) for x in SPECIALS for y in SPECIALS} <= pairs


def test_canonical_keeps_all_but_nans() -> None:
    assert [float32.canonical(word) for word in (0x7F800001, 0xFFFFFFFF, 0x7F800000, 0xFF800000, 1)] == [
        0x7FC00000,
        0x7FC00000,
        0x7F800000,
        0xFF800000,
        1,
    ]


@pytest.mark.timeout(600)
def test_solidity_gives_what_the_hardware_gives() -> None:
    assert_clean(run(30_000, SEED))


@pytest.mark.deep
@pytest.mark.timeout(1200)
def test_solidity_gives_what_the_hardware_gives_a_million_times() -> None:
    done = run(1_100_000, SEED + 1)

    assert_clean(done)
    assert done.cases >= 1_000_000


def assert_clean(done: float32_cases.Run) -> None:
    print(f"seed {done.seed}: {done.cases} cases, {done.mismatches} mismatches, {done.seconds:.1f} s")
    assert done.mismatches == 0, f"seed {done.seed}:\n{done.output}"
