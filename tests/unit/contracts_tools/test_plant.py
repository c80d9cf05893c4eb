"""A planted bug goes in where it says, word for word, or is refused; and being caught is not a matter of luck."""

import pytest
from plant import PLANTED, complaint_about, misfits, read
from plant_patch import BadPatch, Patch, parse

HEAD = "Bug: it takes all.\nTheft: yes\nFalls: invariant_sum, test_take\n"
DIFF = """--- a/contracts/src/Till.sol
+++ b/contracts/src/Till.sol
@@ -3,3 +3,3 @@ contract Till {
     uint256 a;
-    uint256 b;
+    uint256 c;

"""
FILE = "src/Till.sol"
SOURCE = "contract Till {\n\n    uint256 a;\n    uint256 b;\n\n    uint256 d;\n}\n"


def test_a_patch_says_what_it_plants_and_what_must_fall() -> None:
    patch = parse("take", HEAD + DIFF)

    assert (patch.bug, patch.is_theft, patch.falls) == ("it takes all.", True, ("invariant_sum", "test_take"))


def test_a_patch_changes_its_lines_alone() -> None:
    assert parse("take", HEAD + DIFF).applied({FILE: SOURCE}) == {FILE: SOURCE.replace("b;", "c;")}


def test_a_patch_whose_lines_moved_still_fits() -> None:
    moved = "// a line\n// and another\n" + SOURCE

    assert parse("take", HEAD + DIFF).applied({FILE: moved}) == {FILE: moved.replace("b;", "c;")}


@pytest.mark.parametrize(
    "change", [("uint256 b;", "uint128 b;"), ("    uint256 a;", "    uint256  a;"), ("b;\n", "b;\n\t")]
)
def test_a_patch_whose_lines_read_otherwise_is_refused(change: tuple[str, str]) -> None:
    with pytest.raises(BadPatch, match=r"take: no longer fits src/Till\.sol: .* 0 times"):
        parse("take", HEAD + DIFF).applied({FILE: SOURCE.replace(*change)})


def test_a_patch_that_fits_in_two_places_is_refused() -> None:
    with pytest.raises(BadPatch, match="2 times"):
        parse("take", HEAD + DIFF).applied({FILE: SOURCE + SOURCE})


def test_a_patch_of_a_file_that_is_gone_is_refused() -> None:
    with pytest.raises(BadPatch, match=r"there is no src/Till\.sol"):
        parse("take", HEAD + DIFF).applied({"src/Bank.sol": SOURCE})


@pytest.mark.parametrize("word", ["Bug", "Theft", "Falls"])
def test_a_patch_that_does_not_say_what_it_plants_is_refused(word: str) -> None:
    with pytest.raises(BadPatch, match="its first lines must say"):
        parse("take", HEAD.replace(f"{word}:", "Note:") + DIFF)


@pytest.mark.parametrize(
    "diff",
    [
        "",
        DIFF.replace("contracts/src/", "tests/contracts/"),
        DIFF.replace("+++ b/contracts/src/Till.sol", "+++ b/contracts/src/Bank.sol"),
        DIFF.replace("-3,3 +3,3", "-3,3 +3,2"),
        DIFF.replace("-3,3 +3,3", "-3,4 +3,4"),
        DIFF + "and so on\n",
    ],
)
def test_a_patch_that_is_no_diff_of_the_sources_is_refused(diff: str) -> None:
    with pytest.raises(BadPatch):
        parse("take", HEAD + diff)


TAKE = Patch("take", "it takes all.", True, ("invariant_sum", "test_take"), ())


@pytest.mark.parametrize(
    ("fell", "complaint"),
    [
        ([], "NOT CAUGHT"),
        (["unit/A.t.sol:A.test_take"], "A THEFT CAUGHT BY NO INVARIANT"),
        (["invariant/A.t.sol:A.invariant_sum"], "test_take should have fallen"),
    ],
)
def test_a_bug_that_is_not_caught_as_it_must_be_is_a_complaint(fell: list[str], complaint: str) -> None:
    assert complaint in complaint_about(TAKE, fell)


def test_a_bug_that_falls_to_all_that_it_names_is_caught() -> None:
    assert complaint_about(TAKE, ["invariant/A.t.sol:A.invariant_sum", "unit/A.t.sol:A.test_take"]) == ""


def test_every_planted_bug_still_fits_the_sources() -> None:
    patches, complaints = read(PLANTED)

    assert complaints + misfits(patches) == []
