// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IChannels} from "commonwatt/interfaces/IChannels.sol";
import {BlockingToken, CallbackToken, FeeToken} from "tests/base/OddTokens.sol";
import {Prepaid} from "tests/base/Prepaid.sol";

/// @notice A token whose transfers say nothing, as some of the oldest ones do.
contract SilentToken {
    mapping(address account => uint256) public balanceOf;
    mapping(address owner => mapping(address spender => uint256)) public allowance;

    constructor(uint256 supply) {
        balanceOf[msg.sender] = supply;
    }

    function approve(address spender, uint256 value) external {
        allowance[msg.sender][spender] = value;
    }

    function transfer(address to, uint256 value) external {
        balanceOf[msg.sender] -= value;
        balanceOf[to] += value;
    }

    function transferFrom(address from, address to, uint256 value) external {
        allowance[from][msg.sender] -= value;
        balanceOf[from] -= value;
        balanceOf[to] += value;
    }
}

/// @notice Channels over tokens that are not like ours. This contract is the payer.
contract ChannelsTokensTest is Prepaid {
    function test_deposit_is_what_arrived_after_the_tokens_own_fee() external {
        FeeToken odd = new FeeToken(SUPPLY);
        IChannels.Channel memory channel = openOn(address(odd));
        assertChannel(channel, 99 ether, 0);
        odd.approve(address(channels), 10 ether);
        channels.topUp(channel, 10 ether);
        assertChannel(channel, 99 ether + 9.9 ether, 0);
        assertEq(odd.balanceOf(address(channels)), 99 ether + 9.9 ether, "no more is owed than is held");
    }

    function test_token_that_returns_nothing_works_on_every_path() external {
        SilentToken odd = new SilentToken(SUPPLY);
        IChannels.Channel memory channel = openOn(address(odd));
        claim(channel, 40 ether);
        vm.prank(payee.addr);
        channels.refund(channel);
        channels.withdraw(payee.addr);
        channels.withdraw(address(this));
        assertEq(odd.balanceOf(payee.addr), 40 ether, "the payee is paid");
        assertEq(odd.balanceOf(address(this)), SUPPLY - 40 ether, "the payer has the rest");
    }

    function test_token_without_permit_still_opens_by_allowance() external {
        SilentToken odd = new SilentToken(SUPPLY);
        channels = deployChannels(address(odd));
        odd.approve(address(channels), DEPOSIT);
        IChannels.Channel memory channel = terms();
        channels.openWithPermit(channel, DEPOSIT, block.timestamp, 27, bytes32(0), bytes32(0), "");
        assertChannel(channel, DEPOSIT, 0);
    }

    /// @dev The token is itself payer and payee of a channel, so that every nested act is refused for being nested alone:
    /// afterwards each of them goes through.
    function test_token_that_calls_back_gains_nothing_through_any_act() external {
        CallbackToken odd = new CallbackToken(SUPPLY);
        IChannels.Channel memory channel = openOn(address(odd));
        IChannels.Channel memory theirs = openByToken(odd);
        claim(channel, 40 ether);
        odd.approve(address(channels), SUPPLY);
        bytes[] memory acts = nestedActs(channel, theirs);
        for (uint256 i = 0; i < acts.length; ++i) {
            odd.arm(address(channels), acts[i]);
            channels.topUp(channel, 1 ether);
            assertTrue(odd.refused(), "the nested act was reverted");
        }
        assertChannel(channel, DEPOSIT + 7 ether, 40 ether);
        assertChannel(theirs, 1 ether, 0);
        assertCredit(payee, 40 ether);
        odd.arm(address(0), "");
        for (uint256 i = 0; i < acts.length; ++i) {
            vm.prank(address(odd));
            (bool accepted,) = address(channels).call(acts[i]);
            assertTrue(accepted, "the same act from outside");
        }
    }

    function test_token_that_calls_back_cannot_be_withdrawn_twice() external {
        CallbackToken odd = new CallbackToken(SUPPLY);
        claim(openOn(address(odd)), 40 ether);
        odd.arm(address(channels), abi.encodeCall(IChannels.withdraw, (payee.addr)));
        channels.withdraw(payee.addr);
        assertTrue(odd.refused(), "the nested withdrawal was reverted");
        assertEq(odd.balanceOf(payee.addr), 40 ether, "paid once");
    }

    function test_receiver_that_the_token_blocks_holds_up_nobody_else() external {
        BlockingToken odd = new BlockingToken(SUPPLY);
        IChannels.Channel memory channel = openOn(address(odd));
        claim(channel, 40 ether);
        vm.prank(payee.addr);
        channels.refund(channel);
        odd.blockAccount(payee.addr);
        channels.withdraw(address(this));
        assertEq(odd.balanceOf(address(this)), SUPPLY - 40 ether, "the payer has the rest");
        vm.expectRevert(abi.encodeWithSelector(BlockingToken.Blocked.selector, payee.addr));
        channels.withdraw(payee.addr);
    }

    function test_tokens_sent_by_mistake_are_nobodys_deposit() external {
        token.transfer(address(channels), 5 ether);
        IChannels.Channel memory channel = opened();
        assertChannel(channel, DEPOSIT, 0);
    }

    function terms() private view returns (IChannels.Channel memory channel) {
        channel = makeChannel(0);
        channel.payer = address(this);
    }

    function openByToken(CallbackToken odd) private returns (IChannels.Channel memory theirs) {
        theirs = IChannels.Channel({payer: address(odd), payee: address(odd), signer: address(0), salt: 0});
        odd.transfer(address(odd), 10 ether);
        vm.prank(address(odd));
        odd.approve(address(channels), 10 ether);
        vm.prank(address(odd));
        channels.open(theirs, 1 ether);
    }

    function nestedActs(IChannels.Channel memory channel, IChannels.Channel memory theirs)
        private
        returns (bytes[] memory acts)
    {
        acts = new bytes[](7);
        acts[0] = abi.encodeCall(IChannels.withdraw, (payee.addr));
        acts[1] = abi.encodeCall(IChannels.claim, (payee.addr, one(voucher(channel, session, 60 ether))));
        acts[2] = abi.encodeCall(IChannels.topUp, (theirs, 1));
        acts[3] = abi.encodeCall(IChannels.close, (theirs, ""));
        acts[4] = abi.encodeCall(IChannels.refund, (theirs));
        acts[6] = abi.encodeCall(
            IChannels.claimOne, (channel, 70 ether, signed(session, channels.voucherDigest(idOf(channel), 70 ether)))
        );
        theirs = IChannels.Channel({payer: theirs.payer, payee: theirs.payee, signer: address(0), salt: "other"});
        acts[5] = abi.encodeCall(IChannels.open, (theirs, 1));
    }

    function openOn(address odd) private returns (IChannels.Channel memory channel) {
        channels = deployChannels(odd);
        SilentToken(odd).approve(address(channels), DEPOSIT);
        channel = terms();
        channels.open(channel, DEPOSIT);
    }
}
