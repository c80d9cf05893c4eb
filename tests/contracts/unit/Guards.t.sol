// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Channels} from "commonwatt/Channels.sol";
import {IBonds} from "commonwatt/interfaces/IBonds.sol";
import {IChannels} from "commonwatt/interfaces/IChannels.sol";
import {IJobs} from "commonwatt/interfaces/IJobs.sol";
import {Market} from "tests/base/Market.sol";
import {CallbackToken} from "tests/base/OddTokens.sol";
import {Prepaid} from "tests/base/Prepaid.sol";

/// @notice A token that calls back in every transfer, believes every signature, and pays for what it asks in the middle.
contract CredulousToken is CallbackToken {
    constructor(uint256 supply) CallbackToken(supply) {}

    function pay(address market, uint256 value) external {
        _mint(address(this), value);
        _approve(address(this), market, value);
    }

    function permit(address owner, address spender, uint256 value, uint256, uint8, bytes32, bytes32) external {
        _approve(owner, spender, value);
    }

    function receiveWithAuthorization(
        address from,
        address to,
        uint256 value,
        uint256,
        uint256,
        bytes32,
        uint8,
        bytes32,
        bytes32
    ) external {
        _transfer(from, to, value);
    }
}

/// @notice Every way in and every way out of Jobs and Bonds refuses a deposit that is made in the middle of it. Without
/// the guard the inner amount would be counted by the outer deposit as well.
contract GuardsTest is Market {
    CredulousToken private odd;

    function setUp() public override {
        super.setUp();
        odd = new CredulousToken(SUPPLY);
        deployMarket(address(odd));
        odd.approve(address(jobs), SUPPLY);
        odd.approve(address(bonds), SUPPLY);
        jobs.deposit(address(this), 100 ether);
        bonds.deposit(address(this), 100 ether);
        odd.pay(address(jobs), 1 ether);
        odd.arm(address(jobs), abi.encodeCall(IJobs.deposit, (stranger.addr, 1 ether)));
    }

    function armBonds() private {
        odd.pay(address(bonds), 1 ether);
        odd.arm(address(bonds), abi.encodeCall(IBonds.deposit, (stranger.addr, 1 ether)));
    }

    function assertGuarded() private view {
        assertTrue(odd.refused(), "the deposit in the middle is refused");
    }

    function test_deposit_by_permit_is_guarded() external {
        jobs.depositWithPermit(address(this), 1 ether, block.timestamp, 0, 0, 0);
        assertGuarded();
    }

    function test_deposit_by_authorization_is_guarded() external {
        jobs.depositWithAuthorization(address(this), 1 ether, 0, 0, 0, new bytes(65));
        assertGuarded();
    }

    function test_withdrawal_of_escrow_is_guarded() external {
        jobs.withdraw(1 ether);
        assertGuarded();
    }

    function test_stake_by_permit_is_guarded() external {
        armBonds();
        bonds.depositWithPermit(1 ether, block.timestamp, 0, 0, 0);
        assertGuarded();
    }

    function test_withdrawal_of_stake_is_guarded() external {
        bonds.beginUnbond(1 ether);
        skip(UNBOND);
        armBonds();
        bonds.withdraw();
        assertGuarded();
    }
}

/// @notice The same for the ways into Channels that need no allowance.
contract ChannelGuardsTest is Prepaid {
    CredulousToken private odd;
    IChannels.Authorization private anything;

    function setUp() public override {
        super.setUp();
        odd = new CredulousToken(SUPPLY);
        channels = deployChannels(address(odd));
        odd.transfer(payer.addr, 100 ether);
        anything = IChannels.Authorization(1 ether, 0, 0, new bytes(65));
        vm.prank(payer.addr);
        odd.approve(address(channels), 100 ether);
        vm.prank(payer.addr);
        channels.open(makeChannel("theirs"), 1 ether);
        odd.pay(address(channels), 1 ether);
        odd.arm(address(channels), abi.encodeCall(IChannels.topUp, (makeChannel("theirs"), 1 ether)));
    }

    function assertGuarded() private view {
        assertTrue(odd.refused(), "the top-up in the middle is refused");
    }

    function test_opening_by_permit_is_guarded() external {
        vm.prank(payer.addr);
        channels.openWithPermit(makeChannel("new"), 1 ether, block.timestamp, 0, 0, 0, "");
        assertGuarded();
    }

    function test_opening_by_authorization_is_guarded() external {
        channels.openWithAuthorization(makeChannel("new"), anything);
        assertGuarded();
    }

    function test_top_up_by_authorization_is_guarded() external {
        channels.topUpWithAuthorization(makeChannel("theirs"), payer.addr, 0, anything);
        assertGuarded();
    }

    function test_one_second_is_time_enough_to_close() external {
        assertEq(new Channels(odd, 1).closeSeconds(), 1, "the shortest time that is one");
    }

    function test_refund_of_the_last_unit_is_no_refund_of_nothing() external {
        vm.prank(payer.addr);
        channels.open(makeChannel("dust"), 1);
        vm.prank(payee.addr);
        assertEq(channels.refund(makeChannel("dust")), 1, "one unit goes back");
    }
}
