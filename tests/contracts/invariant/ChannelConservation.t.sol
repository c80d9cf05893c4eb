// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Channels} from "commonwatt/Channels.sol";
import {IChannels} from "commonwatt/interfaces/IChannels.sol";
import {PayoutToken} from "commonwatt/PayoutToken.sol";
import {Test} from "tests/base/Test.sol";
import {ChannelBooks} from "tests/invariant/ChannelBooks.sol";
import {ChannelHandler} from "tests/invariant/ChannelHandler.sol";

/// @notice No token is made, lost or mislaid, whatever anybody does in whatever order: Channels equals the books channel
/// by channel and account by account, and in sum.
/// forge-config: default.invariant.runs = 24
contract ChannelConservationTest is Test {
    struct FuzzSelector {
        address addr;
        bytes4[] selectors;
    }

    ChannelHandler private handler;
    PayoutToken private token;
    Channels private channels;
    address[] private accounts;
    bytes4[] private acts = [
        ChannelHandler.openByAllowance.selector,
        ChannelHandler.openByAuthorization.selector,
        ChannelHandler.reopen.selector,
        ChannelHandler.topUp.selector,
        ChannelHandler.topUpByAuthorization.selector,
        ChannelHandler.claimBatch.selector,
        ChannelHandler.claimBatch.selector,
        ChannelHandler.claimBatch.selector,
        ChannelHandler.claimOne.selector,
        ChannelHandler.close.selector,
        ChannelHandler.refund.selector,
        ChannelHandler.refund.selector,
        ChannelHandler.withdraw.selector,
        ChannelHandler.passTime.selector
    ];

    function setUp() external {
        handler = new ChannelHandler();
        handler.setUp();
        (address token_, address channels_) = handler.contracts();
        (token, channels) = (PayoutToken(token_), Channels(channels_));
        accounts = handler.accounts();
    }

    function targetContracts() external view returns (address[] memory targets) {
        targets = new address[](1);
        targets[0] = address(handler);
    }

    function targetSelectors() external view returns (FuzzSelector[] memory selectors) {
        selectors = new FuzzSelector[](1);
        selectors[0] = FuzzSelector({addr: address(handler), selectors: acts});
    }

    /* INVARIANTS */

    function invariant_every_channel_is_what_its_acts_say() public view {
        for (uint256 i = 0; i < handler.bookCount(); ++i) {
            ChannelBooks.Book memory book = handler.bookOf(i);
            IChannels.State memory state = stateOf(book);
            assertEq(state.claimedWei, book.claimedWei, "claimed == sum of what vouchers added");
            assertEq(state.depositWei, book.paidInWei - book.refundedWei, "deposit == paid in - gone back");
            assertEq(state.closesAt, book.closesAt, "the clock");
        }
    }

    function invariant_no_channel_pays_more_than_was_paid_in_or_signed_for() public view {
        for (uint256 i = 0; i < handler.bookCount(); ++i) {
            ChannelBooks.Book memory book = handler.bookOf(i);
            IChannels.State memory state = stateOf(book);
            assertTrue(state.claimedWei <= book.highestSignedWei, "claimed <= the highest voucher");
            assertTrue(state.claimedWei <= state.depositWei, "claimed <= deposit");
            assertEq(book.paidInWei, state.depositWei + book.refundedWei, "claimed + rest + gone back == paid in");
            assertTrue(!book.isOver || state.depositWei == state.claimedWei, "what is over holds nothing");
        }
    }

    function invariant_credit_of_every_account_is_what_it_earned_and_got_back() public view {
        for (uint256 i = 0; i < accounts.length; ++i) {
            address account = accounts[i];
            uint256 owedWei = handler.earned(account) + handler.refunded(account) - handler.withdrawn(account);
            assertEq(channels.creditOf(account), owedWei, "credit == earned + gone back - withdrawn");
        }
    }

    function invariant_wallet_of_every_account_is_what_it_paid_and_withdrew() public view {
        for (uint256 i = 0; i < accounts.length; ++i) {
            address account = accounts[i];
            uint256 leftWei = handler.start(account) + handler.withdrawn(account) - handler.paidIn(account);
            assertEq(token.balanceOf(account), leftWei, "balance == start - paid in + withdrawn");
        }
    }

    function invariant_tokens_held_are_tokens_owed() public view {
        uint256 owedWei;
        for (uint256 i = 0; i < handler.bookCount(); ++i) {
            IChannels.State memory state = stateOf(handler.bookOf(i));
            owedWei += state.depositWei - state.claimedWei;
        }
        for (uint256 i = 0; i < accounts.length; ++i) {
            owedWei += channels.creditOf(accounts[i]);
        }
        assertEq(token.balanceOf(address(channels)), owedWei, "balance == rests + credits");
    }

    function invariant_nobody_escapes_a_voucher_and_no_voucher_is_paid_wrongly() public view {
        assertEq(
            handler.escapes(), 0, "no early refund, no second opening, no batch worth more or less than its vouchers"
        );
    }

    /* DIVERSITY */

    /// @dev A walk of the same acts with a seed of its own. It proves that the campaign above can reach every act and every
    /// actor: invariants over channels in which nothing happens would all hold.
    function test_walk_reaches_every_act_and_every_actor() external {
        for (uint256 step = 0; step < 2_000; ++step) {
            bytes32 dice = keccak256(abi.encode("walk", step));
            bytes memory arguments;
            for (uint256 i = 0; i < 8; ++i) {
                arguments = bytes.concat(arguments, keccak256(abi.encode(dice, i)));
            }
            bytes4 act = acts[uint256(dice) % acts.length];
            // A flag must be 0 or 1, so it is not drawn like the numbers.
            if (act == ChannelHandler.close.selector) arguments = abi.encode(dice, uint256(dice) >> 128 & 1 == 1);
            (bool accepted,) = address(handler).call(bytes.concat(act, arguments));
            accepted; // a refused act is as much a part of the walk as an accepted one
        }
        string[12] memory expected = [
            "openByAllowance",
            "openByAuthorization",
            "topUp",
            "topUpByAuthorization",
            "claimBatch",
            "claimNothing",
            "forged",
            "claimOne",
            "close",
            "closeBySignature",
            "refundByPayee",
            "refundByOthers"
        ];
        for (uint256 i = 0; i < expected.length; ++i) {
            assertTrue(handler.timesDone(expected[i]) > 0, expected[i]);
        }
        for (uint256 i = 0; i < accounts.length; ++i) {
            assertTrue(handler.callsOf(accounts[i]) > 0, string.concat("actor acted: ", vm.toString(i)));
        }
        invariant_every_channel_is_what_its_acts_say();
        invariant_no_channel_pays_more_than_was_paid_in_or_signed_for();
        invariant_credit_of_every_account_is_what_it_earned_and_got_back();
        invariant_wallet_of_every_account_is_what_it_paid_and_withdrew();
        invariant_tokens_held_are_tokens_owed();
        invariant_nobody_escapes_a_voucher_and_no_voucher_is_paid_wrongly();
    }

    function stateOf(ChannelBooks.Book memory book) private view returns (IChannels.State memory) {
        return channels.channelOf(keccak256(abi.encode(book.terms)));
    }
}
