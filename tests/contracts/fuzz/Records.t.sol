// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Errors} from "commonwatt/libraries/Errors.sol";
import {Records} from "commonwatt/libraries/Records.sol";
import {Job, Place} from "commonwatt/types/Documents.sol";
import {ExecutionClass, JobStatus} from "commonwatt/types/Words.sol";
import {Market} from "tests/base/Market.sol";

/// @notice Records' assembly against abi.encode: records of every shape, and layouts that abi.encode never gives.
contract RecordsTest is Market {
    // Where things lie in the calldata of `hash(Job)`: the selector, the record's offset, its 24 words, the counts.
    uint256 private constant COUNTS_OFFSET = 4 + 32 + 23 * 32;
    uint256 private constant COUNTS_LENGTH = COUNTS_OFFSET + 32;

    function hash(Job calldata job) external pure returns (bytes32) {
        return Records.hashOf(job);
    }

    function hashOfCopy(Job calldata job) external pure returns (bytes32 before, bytes32 later, bytes memory encoding) {
        Job memory record;
        Records.read(job, record);
        before = Records.hashOfStruct(record);
        bytes memory behind = abi.encode(type(uint256).max, type(uint256).max);
        later = Records.hashOfStruct(record);
        encoding = behind.length > 0 ? abi.encode(record) : behind;
    }

    function hashOfPlaces(Place[] calldata old) external pure returns (bytes32) {
        return Records.hashOf(old);
    }

    function hashOfAll(Place[] calldata old, Place[] memory added) external pure returns (bytes32) {
        return Records.hashOf(old, added);
    }

    /* RECORDS OF EVERY SHAPE */

    function diceOf(bytes32 seed, uint256 field) private pure returns (uint256) {
        return uint256(keccak256(abi.encode(seed, field)));
    }

    function makeRecord(bytes32 seed, uint256 length) private view returns (Job memory job) {
        job.bid = makeBid();
        job.bid.buyer = address(uint160(diceOf(seed, 0)));
        job.bid.payer = address(uint160(diceOf(seed, 1)));
        job.bid.units = uint32(diceOf(seed, 2));
        job.bid.maxUnitPriceWei = uint128(diceOf(seed, 3));
        job.bid.executionClass = ExecutionClass(diceOf(seed, 4) % 3);
        job.bid.nonce = diceOf(seed, 5);
        job.status = JobStatus(diceOf(seed, 6) % 7);
        job.epoch = uint32(diceOf(seed, 7));
        job.revision = uint32(diceOf(seed, 8));
        job.units = uint32(diceOf(seed, 9));
        job.maxAudits = uint32(diceOf(seed, 10));
        job.closedUnits = uint32(diceOf(seed, 11));
        job.deadline = uint64(diceOf(seed, 12));
        job.committedAt = uint64(diceOf(seed, 13));
        job.placesHash = bytes32(diceOf(seed, 14));
        job.counts = new bytes(length); // with nothing behind it, as Records.read and Counts.grown leave it
        for (uint256 i = 0; i < length; ++i) {
            job.counts[i] = bytes1(uint8(diceOf(seed, 20 + i)));
        }
    }

    function makePlaces(bytes32 seed, uint256 count) private pure returns (Place[] memory made) {
        made = new Place[](count);
        for (uint256 i = 0; i < count; ++i) {
            (uint256 first, uint256 second) = (diceOf(seed, 2 * i), diceOf(seed, 2 * i + 1));
            made[i] = Place(address(uint160(first)), address(uint160(second)), uint128(first ^ second));
        }
    }

    function wordsOf(Place[] memory made) private pure returns (bytes memory words) {
        for (uint256 i = 0; i < made.length; ++i) {
            words = bytes.concat(words, abi.encode(made[i]));
        }
    }

    function testFuzz_the_hash_is_that_of_the_encoding_without_its_last_bit(bytes32 seed, uint256 length)
        external
        view
    {
        Job memory job = makeRecord(seed, bent(length, 0, 200));
        bytes32 expected = hashOf(job);
        assertEq(this.hash(job), expected, "in calldata");
        assertEq(Records.hashOfStruct(job), expected, "in memory");
        assertEq(uint256(expected) % 2, 0, "the last bit is Jobs' own");
    }

    function testFuzz_a_record_that_was_read_is_the_same_record(bytes32 seed, uint256 length) external view {
        Job memory job = makeRecord(seed, bent(length, 0, 200));
        (bytes32 before, bytes32 later, bytes memory encoding) = this.hashOfCopy(job);
        assertEq(before, hashOf(job), "as it was read");
        assertEq(later, before, "and after more memory was used");
        assertEq(keccak256(encoding), keccak256(abi.encode(job)), "field by field");
    }

    /// forge-config: default.fuzz.runs = 64
    function testFuzz_places_are_hashed_word_by_word(bytes32 seed, uint256 old, uint256 added) external view {
        Place[] memory first = makePlaces(seed, bent(old, 0, 20));
        Place[] memory second = makePlaces(keccak256(abi.encode(seed)), bent(added, 0, 20));
        assertEq(this.hashOfPlaces(first), keccak256(wordsOf(first)), "those in calldata");
        bytes32 expected = keccak256(bytes.concat(wordsOf(first), wordsOf(second)));
        assertEq(this.hashOfAll(first, second), expected, "and new ones behind");
    }

    /* LAYOUTS THAT NOBODY ELSE GIVES */

    /// @dev What `hash` makes of calldata as it stands.
    function hashRaw(bytes memory input) private view returns (bytes32) {
        (bool success, bytes memory output) = address(this).staticcall(input);
        return success ? abi.decode(output, (bytes32)) : bytes32(0);
    }

    function wordAt(bytes memory data, uint256 start) private pure returns (uint256 word) {
        assembly ("memory-safe") {
            word := mload(add(add(data, 32), start))
        }
    }

    function setWord(bytes memory data, uint256 start, uint256 word) private pure {
        assembly ("memory-safe") {
            mstore(add(add(data, 32), start), word)
        }
    }

    function testFuzz_counts_that_lie_elsewhere_give_another_hash(bytes32 seed, uint256 gap) external view {
        Job memory job = makeRecord(seed, 48);
        bytes memory input = abi.encodeCall(this.hash, (job));
        bytes memory moved = new bytes(input.length + 32 * bent(gap, 1, 8));
        for (uint256 i = 0; i < COUNTS_LENGTH; ++i) {
            moved[i] = input[i];
        }
        for (uint256 i = COUNTS_LENGTH; i < input.length; ++i) {
            moved[moved.length - input.length + i] = input[i];
        }
        setWord(moved, COUNTS_OFFSET, 768 + moved.length - input.length);
        bytes32 got = hashRaw(moved);
        assertTrue(got != bytes32(0), "it can be read as a record");
        assertTrue(got != hashOf(job), "but it is not the record");
    }

    function testFuzz_bits_past_a_field_or_behind_the_counts_give_another_hash(bytes32 seed, uint256 field, uint256 bit)
        external
        view
    {
        Job memory job = makeRecord(seed, bent(field, 1, 31));
        bytes memory input = abi.encodeCall(this.hash, (job));
        assertEq(hashRaw(input), hashOf(job), "as abi.encode lays it out");
        // Any field but the offset of the counts and their length, or the padding behind them.
        field = bent(field, 0, 23);
        uint256 place = field == 23 ? COUNTS_LENGTH + 32 : 4 + 32 + 32 * field;
        uint256 width = field == 23 ? 8 * (32 - job.counts.length) : 256;
        setWord(input, place, wordAt(input, place) ^ (1 << (bit % width)));
        assertTrue(hashRaw(input) != hashOf(job), "another record");
    }

    function test_jobs_refuses_a_record_that_is_laid_out_in_another_way() external {
        Job memory job = openMatched(1);
        bytes memory input = abi.encodeCall(
            jobs.commit, (job, keccak256("receipts"), abi.encodePacked(uint32(0), uint32(1), uint32(0)))
        );
        uint256 start = 4 + wordAt(input, 4); // where the record begins
        uint256 padding = start + 24 * 32 + 32 + 16; // the unused half of the counts' only word
        input[padding + 15] = 0x01;
        vm.prank(operator.addr);
        (bool success, bytes memory refusal) = address(jobs).call(input);
        assertTrue(!success && bytes4(refusal) == Errors.Jobs_RecordMismatch.selector, "bits behind the counts");
        input[padding + 15] = 0x00;
        setWord(input, start + 23 * 32, 768 - 32); // the places' hash would be the length
        vm.prank(operator.addr);
        (success,) = address(jobs).call(input);
        assertTrue(!success, "counts that begin elsewhere");
        setWord(input, start + 23 * 32, 768);
        vm.prank(operator.addr);
        (success,) = address(jobs).call(input);
        assertTrue(success, "the record itself");
    }
}
