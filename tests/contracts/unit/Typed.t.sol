// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IJobs} from "commonwatt/interfaces/IJobs.sol";
import {Digests} from "commonwatt/libraries/Digests.sol";
import {Acceptance, Bid, Extension, Job, Offer, Receipt} from "commonwatt/types/Documents.sol";
import {Market} from "tests/base/Market.sol";
import {Papers} from "tests/base/Papers.sol";
import {Actor} from "tests/base/Test.sol";

/// @notice What Python signs is what the contracts check: digests, signatures and record hashes of tests/vectors/typed.json.
contract TypedTest is Market {
    string private vectors;
    IJobs private there; // Jobs' code at the address the vectors were made for
    Actor private python;

    function setUp() public override {
        super.setUp();
        vectors = vm.readFile("../tests/vectors/typed.json");
        assertEq(block.chainid, vm.parseJsonUint(vectors, ".chain_id"), "the chain the vectors were made for");
        there = IJobs(vm.parseJsonAddress(vectors, ".jobs"));
        vm.etch(address(there), address(jobs).code);
        python.key = vm.parseJsonUint(vectors, ".key");
        python.addr = vm.addr(python.key);
    }

    function entry(string memory list, uint256 index, string memory field) private pure returns (string memory) {
        return string.concat(".", list, "[", vm.toString(index), "].", field);
    }

    function encoded(string memory list, uint256 index) private view returns (bytes memory) {
        return vm.parseJsonBytes(vectors, entry(list, index, "encoded"));
    }

    function assertSame(string memory list, uint256 index, bytes32 digest) private {
        assertEq(digest, vm.parseJsonBytes32(vectors, entry(list, index, "digest")), list);
        bytes memory signature = vm.parseJsonBytes(vectors, entry(list, index, "signature"));
        assertEq(keccak256(signed(python, digest)), keccak256(signature), "the same key gives the same signature");
    }

    function test_bid_digests_equal_those_of_python() external {
        for (uint256 i = 0; i < 3; ++i) {
            Bid memory bid = abi.decode(encoded("bids", i), (Bid));
            assertSame("bids", i, there.bidDigest(bid));
        }
    }

    function test_offer_digests_equal_those_of_python() external {
        for (uint256 i = 0; i < 3; ++i) {
            Offer memory offer = abi.decode(encoded("offers", i), (Offer));
            assertSame("offers", i, there.offerDigest(offer));
        }
    }

    function test_receipt_digests_equal_those_of_python() external {
        for (uint256 i = 0; i < 4; ++i) {
            Receipt memory receipt = abi.decode(encoded("receipts", i), (Receipt));
            assertSame("receipts", i, there.receiptDigest(receipt));
        }
    }

    function test_cancel_digests_equal_those_of_python() external {
        for (uint256 i = 0; i < 3; ++i) {
            bytes32 structHash = Digests.cancelStructHash(abi.decode(encoded("cancels", i), (bytes32)));
            assertSame("cancels", i, Papers.digest(address(there), structHash));
        }
    }

    function test_sponsorship_digests_equal_those_of_python() external {
        for (uint256 i = 0; i < 3; ++i) {
            bytes32 structHash = Digests.sponsorshipStructHash(abi.decode(encoded("sponsorships", i), (bytes32)));
            assertSame("sponsorships", i, Papers.digest(address(there), structHash));
        }
    }

    function test_extension_digests_equal_those_of_python() external {
        for (uint256 i = 0; i < 3; ++i) {
            bytes32 structHash = Digests.structHash(abi.decode(encoded("extensions", i), (Extension)));
            assertSame("extensions", i, Papers.digest(address(there), structHash));
        }
    }

    function test_acceptance_digests_equal_those_of_python() external {
        for (uint256 i = 0; i < 3; ++i) {
            bytes32 structHash = Digests.structHash(abi.decode(encoded("acceptances", i), (Acceptance)));
            assertSame("acceptances", i, Papers.digest(address(there), structHash));
        }
    }

    function test_record_hashes_equal_those_of_python() external view {
        for (uint256 i = 0; i < 12; ++i) {
            Job memory job = abi.decode(encoded("records", i), (Job));
            bytes32 expected = vm.parseJsonBytes32(vectors, entry("records", i, "hash"));
            assertEq(hashOf(job), expected, "the record's hash");
        }
    }
}
