// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Errors} from "commonwatt/libraries/Errors.sol";
import {Job, Place} from "commonwatt/types/Documents.sol";
import {Attempts} from "tests/threats/Attempts.sol";

/// @notice Calldata that no honest encoder writes, amounts that no honest account has, and several acts in one call.
contract BytesThreatsTest is Attempts {
    uint256 private constant HEAD = 4; // a selector

    function withWordAt(bytes memory data, uint256 offset, uint256 word) private pure returns (bytes memory changed) {
        changed = bytes.concat(data);
        assembly ("memory-safe") {
            mstore(add(add(changed, 32), offset), word)
        }
    }

    function wordAt(bytes memory data, uint256 offset) private pure returns (uint256 word) {
        assembly ("memory-safe") {
            word := mload(add(add(data, 32), offset))
        }
    }

    function cut(bytes memory data, uint256 from, uint256 to) private pure returns (bytes memory part) {
        part = new bytes(to - from);
        for (uint256 i = 0; i < part.length; ++i) {
            part[i] = data[from + i];
        }
    }

    function settling() private returns (bytes memory) {
        Job memory job = completeJobAndWait();
        return abi.encodeCall(jobs.settle, (job, placesOf(job)));
    }

    /// @dev Threat: bits above a field's type, in the record or in a place, pass the hash and turn up later as another
    /// number or another account.
    /// Holds: the hash is over whole words, so a word with one bit more has another hash.
    function test_dirty_bits_in_any_word_of_record_and_places_are_refused() external {
        bytes memory data = settling();
        for (uint256 offset = HEAD; offset + 32 <= data.length; offset += 32) {
            uint256 word = wordAt(data, offset);
            assertTrue(!reaches(address(jobs), withWordAt(data, offset, word ^ (1 << 255))), "the highest bit");
            assertTrue(!reaches(address(jobs), withWordAt(data, offset, word ^ (1 << 160))), "above an address");
        }
        assertTrue(reaches(address(jobs), data), "and as it was written it is good");
    }

    /// @dev Threat: the last bit of the stored hash is Jobs' own mark, so that a record that differs there passes.
    /// Holds: the mark is cleared in both hashes, which leaves 255 bits; every bit of every word still counts.
    function test_every_low_bit_of_a_record_counts() external {
        bytes memory data = settling();
        for (uint256 offset = HEAD; offset + 32 <= data.length; offset += 32) {
            assertTrue(!reaches(address(jobs), withWordAt(data, offset, wordAt(data, offset) ^ 1)), "the lowest bit");
        }
    }

    /// @dev Threat: a call that is cut short is read on into zeros, and means a record with less in it.
    /// Holds: the decoder refuses what does not fit, and the hash what does.
    function test_calldata_cut_short_anywhere_is_refused() external {
        bytes memory data = settling();
        for (uint256 size = HEAD; size < data.length; size += 32) {
            assertTrue(!reaches(address(jobs), cut(data, 0, size)), "cut short");
        }
    }

    /// @dev Threat: words behind the end, or parts in another order, change what is read.
    /// Holds: nothing is read behind the end; a record that is laid out otherwise has another hash.
    function test_calldata_with_more_behind_it_means_the_same() external {
        bytes memory data = settling();
        // The counts and the places one word further on: the same to a decoder, not to the hash.
        uint256 job = HEAD + wordAt(data, HEAD);
        uint256 countsAt = job + 32 * 23;
        bytes memory shifted = withWordAt(data, countsAt, wordAt(data, countsAt) + 32);
        shifted = withWordAt(shifted, HEAD + 32, wordAt(data, HEAD + 32) + 32);
        shifted = bytes.concat(cut(shifted, 0, countsAt + 32), bytes32(0), cut(shifted, countsAt + 32, data.length));
        assertRefused(address(jobs), shifted, Errors.Jobs_RecordMismatch.selector, "laid out otherwise");
        assertTrue(
            reaches(address(jobs), bytes.concat(data, keccak256("more"), keccak256("words"))), "with more behind"
        );
    }

    /// @dev Threat: places of another job, or in another order, or fewer, are shown with a record, to be paid in their stead.
    /// Holds: the record holds their hash.
    function test_places_that_are_not_the_records_are_refused() external {
        Job memory job = completeJobAndWait();
        Place[] memory matches = placesOf(job);
        (matches[0], matches[1]) = (matches[1], matches[0]);
        assertRefused(
            address(jobs),
            abi.encodeCall(jobs.settle, (job, matches)),
            Errors.Jobs_PlacesMismatch.selector,
            "in another order"
        );
        assertRefused(
            address(jobs),
            abi.encodeCall(jobs.settle, (job, new Place[](0))),
            Errors.Jobs_PlacesMismatch.selector,
            "none"
        );
        Place[] memory fewer = new Place[](2);
        (fewer[0], fewer[1]) = (matches[1], matches[0]);
        assertRefused(
            address(jobs), abi.encodeCall(jobs.settle, (job, fewer)), Errors.Jobs_PlacesMismatch.selector, "fewer"
        );
    }

    /// @dev Threat: the work of a commit ends in the middle of an entry, names a match twice or one that is not there.
    /// Holds: entries are whole, in rising order, and below the count of matches.
    function test_work_that_is_not_whole_or_not_in_order_is_refused() external {
        Job memory job = openMatched(3);
        bytes memory one_ = abi.encodePacked(uint32(0), uint32(1), uint32(0));
        bytes[4] memory works = [
            abi.encodePacked(uint32(0), uint32(1), uint16(0)),
            bytes.concat(one_, one_),
            abi.encodePacked(uint32(3), uint32(1), uint32(0)),
            abi.encodePacked(uint32(0), type(uint32).max, type(uint32).max)
        ];
        bytes4[4] memory reasons = [
            Errors.Jobs_BadWork.selector,
            Errors.Jobs_WorkOutOfOrder.selector,
            Errors.Jobs_UnknownMatch.selector,
            Errors.Jobs_TooManyUnits.selector
        ];
        vm.startPrank(operator.addr);
        for (uint256 i = 0; i < 4; ++i) {
            bytes memory data = abi.encodeCall(jobs.commit, (job, HONEST_ROOT, works[i]));
            assertRefused(address(jobs), data, reasons[i], "refused");
        }
        jobs.commit(job, HONEST_ROOT, one_);
        vm.stopPrank();
        committed(job, one_);
    }

    /// @dev Threat: credit or idle bond outgrows its 96 bits, and no act that adds to it works any more.
    /// Holds: a deposit that brings a contract over 2^96 - 1 is refused, so no sum inside can get there.
    function test_no_more_than_96_bits_of_tokens_ever_come_in() external {
        uint256 cap = type(uint96).max;
        deal(cap * 2);
        uint128 roomJobs = uint128(cap - token.balanceOf(address(jobs)));
        uint128 roomBonds = uint128(cap - token.balanceOf(address(bonds)));
        assertRefused(
            address(jobs),
            abi.encodeCall(jobs.deposit, (buyer.addr, roomJobs + 1)),
            Errors.Jobs_TooMuch.selector,
            "one too much"
        );
        assertRefused(
            address(bonds),
            abi.encodeCall(bonds.deposit, (buyer.addr, roomBonds + 1)),
            Errors.Bonds_TooMuch.selector,
            "one too much"
        );
        jobs.deposit(buyer.addr, roomJobs);
        bonds.deposit(buyer.addr, roomBonds);
        settle(completeJobAndWait());
        jobs.claim(providers[2].addr);
        vm.startPrank(buyer.addr);
        jobs.withdraw(roomJobs);
        bonds.beginUnbond(roomBonds);
        skip(UNBOND);
        assertEq(bonds.withdraw(), roomBonds, "and all of it goes out again");
        vm.stopPrank();
    }

    /// @dev Tokens of this contract's, beyond the supply: its balance's slot is the first mapping's.
    function deal(uint256 amountWei) private {
        vm.store(address(token), keccak256(abi.encode(address(this), uint256(0))), bytes32(amountWei));
        assertEq(token.balanceOf(address(this)), amountWei, "the slot is the balance's");
        token.approve(address(jobs), type(uint256).max);
        token.approve(address(bonds), type(uint256).max);
    }

    /// @dev Threat: one payment of ether is counted by every act of a multicall.
    /// Holds: no act takes ether.
    function test_no_act_takes_ether() external {
        vm.deal(address(this), 1 ether);
        bytes[] memory acts = new bytes[](1);
        acts[0] = abi.encodeCall(jobs.claim, (buyer.addr));
        (bool isDone,) = address(jobs).call{value: 1}(abi.encodeCall(jobs.multicall, (acts)));
        assertTrue(!isDone, "multicall");
        (isDone,) = address(jobs).call{value: 1}("");
        assertTrue(!isDone, "a plain transfer");
    }

    /// @dev Threat: acts of a multicall act as the contract itself, or some stand while another fails.
    /// Holds: the sender stays the sender, and one that fails undoes all.
    function test_a_multicall_is_the_senders_and_all_or_nothing() external {
        settle(completeJobAndWait());
        bytes[] memory acts = new bytes[](2);
        acts[0] = abi.encodeCall(jobs.claim, (providers[2].addr));
        acts[1] = abi.encodeCall(jobs.withdraw, (1));
        vm.prank(stranger.addr);
        assertRefused(
            address(jobs),
            abi.encodeCall(jobs.multicall, (acts)),
            Errors.Jobs_Overdraw.selector,
            "a stranger has no escrow"
        );
        assertEq(jobs.creditOf(providers[2].addr), 2 * UNIT_PRICE, "and the claim before it is undone");
        vm.prank(buyer.addr);
        assertTrue(reaches(address(jobs), abi.encodeCall(jobs.multicall, (acts))), "the buyer has");
        assertEq(token.balanceOf(buyer.addr), 1, "and takes its own");
    }

    /// @dev Threat: somebody acts as the court or as Jobs, to slash, to void or to pay.
    /// Holds: only the two contracts whose addresses are fixed at deployment.
    function test_nobody_acts_as_the_court() external {
        bytes32 jobId = idOf(completeJob());
        address account = providers[0].addr;
        assertRefused(
            address(jobs),
            abi.encodeCall(jobs.voidUnit, (jobId, 0, HONEST_ROOT, 1)),
            Errors.Jobs_NotDisputes.selector,
            "voidUnit"
        );
        assertRefused(address(jobs), abi.encodeCall(jobs.hold, (jobId)), Errors.Jobs_NotDisputes.selector, "hold");
        assertRefused(address(jobs), abi.encodeCall(jobs.release, (jobId)), Errors.Jobs_NotDisputes.selector, "release");
        assertRefused(
            address(bonds), abi.encodeCall(bonds.lock, (account, 1)), Errors.Bonds_NotAllowed.selector, "lock"
        );
        assertRefused(
            address(bonds), abi.encodeCall(bonds.unlock, (account, 1)), Errors.Bonds_NotAllowed.selector, "unlock"
        );
        assertRefused(
            address(bonds),
            abi.encodeCall(bonds.payFee, (account, address(this), 1)),
            Errors.Bonds_NotAllowed.selector,
            "payFee"
        );
    }
}
