// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Channels} from "commonwatt/Channels.sol";
import {IChannels} from "commonwatt/interfaces/IChannels.sol";
import {Prepaid} from "tests/base/Prepaid.sol";
import {Actor} from "tests/base/Test.sol";

/// @notice What Python signs is what Channels checks: ids, nonces, digests and signatures of tests/vectors/vouchers.json.
contract ChannelsTypedTest is Prepaid {
    string private vectors;
    Channels private there; // Channels' code at the address the vectors were made for
    Actor private python;

    function setUp() public override {
        super.setUp();
        vectors = vm.readFile("../tests/vectors/vouchers.json");
        assertEq(block.chainid, vm.parseJsonUint(vectors, ".chain_id"), "the chain the vectors were made for");
        there = Channels(vm.parseJsonAddress(vectors, ".channels_contract"));
        vm.etch(address(there), address(channels).code);
        python.key = vm.parseJsonUint(vectors, ".key");
        python.addr = vm.addr(python.key);
    }

    function test_ids_and_nonces_equal_those_of_python() external view {
        for (uint256 i = 0; i < 3; ++i) {
            bytes32 channelId = there.idOf(termsOf(i));
            assertEq(channelId, bytes32At("channels", i, "id"), "the channel's id");
            bytes32 nonce = there.topUpNonce(channelId, bytes32At("channels", i, "top_up_salt"));
            assertEq(nonce, bytes32At("channels", i, "top_up_nonce"), "the top-up's nonce");
        }
    }

    function test_voucher_digests_equal_those_of_python() external {
        for (uint256 i = 0; i < 3; ++i) {
            assertSame("vouchers", i, there.voucherDigest(idAt(i), amountAt("vouchers", i)));
        }
    }

    function test_opening_digests_equal_those_of_python() external {
        for (uint256 i = 0; i < 3; ++i) {
            uint256 deadline = uint256(bytes32At("openings", i, "deadline"));
            assertSame("openings", i, there.openingDigest(idAt(i), amountAt("openings", i), deadline));
        }
    }

    function test_closing_digests_equal_those_of_python() external {
        for (uint256 i = 0; i < 3; ++i) {
            assertSame("closings", i, there.closingDigest(idAt(i)));
        }
    }

    function assertSame(string memory list, uint256 index, bytes32 digest) private {
        assertEq(digest, bytes32At(list, index, "digest"), list);
        bytes memory signature = vm.parseJsonBytes(vectors, path(list, index, "signature"));
        assertEq(keccak256(signed(python, digest)), keccak256(signature), "the same key gives the same signature");
    }

    function termsOf(uint256 index) private view returns (IChannels.Channel memory) {
        return IChannels.Channel({
            payer: vm.parseJsonAddress(vectors, path("channels", index, "payer")),
            payee: vm.parseJsonAddress(vectors, path("channels", index, "payee")),
            signer: vm.parseJsonAddress(vectors, path("channels", index, "signer")),
            salt: bytes32At("channels", index, "salt")
        });
    }

    function idAt(uint256 index) private view returns (bytes32) {
        return bytes32At("channels", index, "id");
    }

    function amountAt(string memory list, uint256 index) private view returns (uint128) {
        return uint128(uint256(bytes32At(list, index, "amount")));
    }

    function bytes32At(string memory list, uint256 index, string memory field) private view returns (bytes32) {
        return vm.parseJsonBytes32(vectors, path(list, index, field));
    }

    function path(string memory list, uint256 index, string memory field) private pure returns (string memory) {
        return string.concat(".", list, "[", vm.toString(index), "].", field);
    }
}
