// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IChannels} from "commonwatt/interfaces/IChannels.sol";
import {Prepaid} from "tests/base/Prepaid.sol";

/// @notice Channels, as tests/vectors/exits.json has them: open or closing, with payer, payee or both silent.
contract ChannelExitsTest is Prepaid {
    struct Row {
        bool isClosing;
        uint256 second;
        bool isPayerSilent;
        bool isPayeeSilent;
        bool leaves;
        uint256 endsAt;
        uint256 payee; // whole tokens, as the next
        uint256 payer;
    }

    uint256 private constant VOUCHER = 30 ether;

    function test_every_channel_ends_as_the_table_says_or_rests_whole() external {
        string memory vectors = vm.readFile("../tests/vectors/exits.json");
        Row[] memory rows = abi.decode(vm.parseJsonBytes(vectors, ".channels_encoded"), (Row[]));
        uint256 empty = vm.snapshotState();
        for (uint256 i = 0; i < rows.length; ++i) {
            this.walk(rows[i]);
            assertTrue(vm.revertToState(empty), "each channel is the first");
        }
        vm.snapshotValue("exits", "exits_proved: channels", rows.length);
    }

    function walk(Row memory row) external {
        IChannels.Channel memory channel = opened();
        uint256 began = block.timestamp;
        uint256 before = token.balanceOf(payer.addr);
        if (row.isClosing) beginClosing(channel);
        vm.warp(began + row.second);
        if (!row.isPayeeSilent) endByPayee(channel, row.payee);
        else if (row.leaves) endByClock(channel, row.isClosing);
        else rest(channel);
        if (row.leaves) assertEq(block.timestamp, began + row.endsAt, "when the table says");
        assertCredit(payee, row.payee * 1 ether);
        assertCredit(payer, (row.leaves ? row.payer : 100) * 1 ether);
        payOut();
        assertEq(token.balanceOf(payee.addr), row.payee * 1 ether, "the payee has its pay");
        assertEq(token.balanceOf(payer.addr) - before + row.payee * 1 ether, DEPOSIT, "the payer has the rest");
        assertEq(token.balanceOf(address(channels)), 0, "nothing is left behind");
    }

    function endByPayee(IChannels.Channel memory channel, uint256 due) private {
        IChannels.SignedVoucher[] memory batch = one(voucher(channel, session, VOUCHER));
        vm.startPrank(payee.addr);
        assertEq(channels.claim(payee.addr, batch), due * 1 ether, "what the voucher earns");
        channels.refund(channel);
        vm.stopPrank();
    }

    /// @dev The payer closes if nobody has; a stranger does the rest, the second after the clock has run out.
    function endByClock(IChannels.Channel memory channel, bool isClosing) private {
        if (!isClosing) beginClosing(channel);
        uint64 closesAt = channels.channelOf(idOf(channel)).closesAt;
        if (block.timestamp <= closesAt) {
            refuse(abi.encodeCall(channels.refund, (channel)));
            vm.warp(closesAt);
            refuse(abi.encodeCall(channels.refund, (channel)));
            skip(1);
        }
        vm.prank(stranger.addr);
        channels.refund(channel);
    }

    /// @dev Both are silent: nobody else can end it, and the payer finds it whole after a year.
    function rest(IChannels.Channel memory channel) private {
        skip(365 days);
        refuse(abi.encodeCall(channels.refund, (channel)));
        refuse(abi.encodeCall(channels.close, (channel, "")));
        assertChannel(channel, DEPOSIT, 0);
        endByClock(channel, false);
    }

    function refuse(bytes memory data) private {
        vm.prank(stranger.addr);
        (bool isDone,) = address(channels).call(data);
        assertTrue(!isDone, "a stranger is refused");
    }

    function payOut() private {
        address[2] memory accounts = [payer.addr, payee.addr];
        for (uint256 i = 0; i < 2; ++i) {
            if (channels.creditOf(accounts[i]) == 0) continue;
            vm.prank(stranger.addr);
            channels.withdraw(accounts[i]);
        }
    }
}
