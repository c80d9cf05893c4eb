// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IChannels} from "commonwatt/interfaces/IChannels.sol";
import {Prepaid} from "tests/base/Prepaid.sol";
import {Actor} from "tests/base/Test.sol";

/// @notice What each act on channels costs, as a whole transaction (21,000 and calldata included). The figures are
/// committed in contracts/snapshots/gas, and a run with FORGE_SNAPSHOT_CHECK=true fails when one changes unannounced.
/// @dev The steady state: payee and Channels hold tokens and credit, every channel has been claimed before, every payer is
/// another account with another session key. Salts are small numbers, as `market/protocol/vouchers.py` advises; a random
/// one costs 372 gas more.
/// forge-config: default.isolate = true
/// forge-config: deep.isolate = true
contract ChannelsGasTest is Prepaid {
    uint256 private constant PAYERS = 50;

    IChannels.Channel[] private all;
    Actor[] private keys;

    function setUp() public override {
        super.setUp();
        for (uint256 i = 0; i < PAYERS; ++i) {
            openOne(string.concat("payer ", vm.toString(i)), string.concat("key ", vm.toString(i)));
        }
        channels.claim(payee.addr, batch(PAYERS, 1 ether));
        token.transfer(payee.addr, 1 ether);
    }

    function snapshot(string memory name) private returns (uint256) {
        return vm.snapshotGasLastCall("channels", name);
    }

    function test_gas_of_a_batch_of_vouchers() external {
        IChannels.SignedVoucher[] memory vouchers = batch(10, 2 ether + 123_456_789);
        channels.claim(payee.addr, vouchers);
        vm.snapshotValue("channels", "claim_10_per_channel", snapshot("claim_10") / 10);

        vouchers = batch(50, 3 ether + 123_456_789);
        channels.claim(payee.addr, vouchers);
        vm.snapshotValue("channels", "claim_50_per_channel", snapshot("claim_50") / 50);

        vouchers = batch(1, 4 ether + 123_456_789);
        channels.claim(payee.addr, vouchers);
        snapshot("claim_1");
    }

    function test_gas_of_a_gasless_opening() external {
        IChannels.Channel memory channel = makeChannel(bytes32(uint256(1)));
        IChannels.Authorization memory given = authorization(payer, DEPOSIT, idOf(channel));
        vm.prank(stranger.addr);
        channels.openWithAuthorization(channel, given);
        snapshot("openWithAuthorization");

        bytes32 salt = bytes32(uint256(1));
        given = authorization(payer, DEPOSIT, channels.topUpNonce(idOf(channel), salt));
        vm.prank(stranger.addr);
        channels.topUpWithAuthorization(channel, payer.addr, salt, given);
        snapshot("topUpWithAuthorization");
    }

    function test_gas_of_the_other_openings() external {
        IChannels.Channel memory channel = makeChannel(bytes32(uint256(1)));
        vm.prank(payer.addr);
        channels.open(channel, DEPOSIT);
        snapshot("open");

        vm.prank(payer.addr);
        channels.topUp(channel, DEPOSIT);
        snapshot("topUp");

        vm.prank(payer.addr);
        token.approve(address(channels), 0);
        channel.salt = bytes32(uint256(2));
        (uint8 v, bytes32 r, bytes32 s) = signPermit(payer, DEPOSIT, block.timestamp);
        bytes memory opening = signed(payer, channels.openingDigest(idOf(channel), DEPOSIT, block.timestamp));
        vm.prank(stranger.addr);
        channels.openWithPermit(channel, DEPOSIT, block.timestamp, v, r, s, opening);
        snapshot("openWithPermit");
    }

    function test_gas_of_the_ends() external {
        IChannels.Channel memory channel = opened();
        vm.prank(payer.addr);
        channels.close(channel, "");
        snapshot("close");

        skip(CLOSE + 1);
        channels.refund(channel);
        snapshot("refund");

        channels.withdraw(payer.addr);
        snapshot("withdraw");
    }

    function openOne(string memory name, string memory keyName) private {
        Actor memory owner = makeActor(name);
        Actor memory key = makeActor(keyName);
        token.transfer(owner.addr, DEPOSIT + 1 ether);
        allow(owner);
        IChannels.Channel memory channel =
            IChannels.Channel({payer: owner.addr, payee: payee.addr, signer: key.addr, salt: bytes32(all.length + 1)});
        open(channel);
        all.push(channel);
        keys.push(key);
    }

    function batch(uint256 count, uint256 cumulativeWei) private returns (IChannels.SignedVoucher[] memory vouchers) {
        vouchers = new IChannels.SignedVoucher[](count);
        for (uint256 i = 0; i < count; ++i) {
            vouchers[i] = voucher(all[i], keys[i], cumulativeWei);
        }
    }
}
