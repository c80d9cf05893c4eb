// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IJobs} from "commonwatt/interfaces/IJobs.sol";
import {Errors} from "commonwatt/libraries/Errors.sol";
import {Bid, Job, Offer} from "commonwatt/types/Documents.sol";
import {Market} from "tests/base/Market.sol";
import {BlockingToken, CallbackToken, FeeToken} from "tests/base/OddTokens.sol";
import {Actor} from "tests/base/Test.sol";

contract EscrowTest is Market {
    bytes32 private constant PERMIT_TYPEHASH =
        keccak256("Permit(address owner,address spender,uint256 value,uint256 nonce,uint256 deadline)");
    bytes32 private constant RECEIVE_TYPEHASH = keccak256(
        "ReceiveWithAuthorization(address from,address to,uint256 value,uint256 validAfter,uint256 validBefore,bytes32 nonce)"
    );

    function signPermit(Actor memory owner, uint128 amountWei) private returns (uint8 v, bytes32 r, bytes32 s) {
        bytes32 structHash = keccak256(
            abi.encode(PERMIT_TYPEHASH, owner.addr, address(jobs), amountWei, token.nonces(owner.addr), block.timestamp)
        );
        return vm.sign(owner.key, keccak256(abi.encodePacked("\x19\x01", token.DOMAIN_SEPARATOR(), structHash)));
    }

    function signAuthorization(Actor memory from, uint128 amountWei, bytes32 nonce) private returns (bytes memory) {
        bytes32 structHash =
            keccak256(abi.encode(RECEIVE_TYPEHASH, from.addr, address(jobs), amountWei, 0, type(uint64).max, nonce));
        return signed(from, keccak256(abi.encodePacked("\x19\x01", token.DOMAIN_SEPARATOR(), structHash)));
    }

    function test_deposit_by_a_sponsor_is_the_buyers_escrow() external {
        token.approve(address(jobs), 5 ether);
        vm.expectEmit(address(jobs));
        emit IJobs.EscrowDeposited(stranger.addr, address(this), 5 ether);
        jobs.deposit(stranger.addr, 5 ether);
        assertEscrow(stranger, 5 ether, 0);
        assertEq(token.balanceOf(address(jobs)), 1_005 ether, "the tokens are in Jobs");
    }

    function test_deposit_of_nothing_is_refused() external {
        vm.expectRevert(abi.encodeWithSelector(Errors.Jobs_ZeroAmount.selector));
        jobs.deposit(buyer.addr, 0);
    }

    function test_deposit_credits_what_arrived_after_the_tokens_own_fee() external {
        FeeToken odd = new FeeToken(SUPPLY);
        deployMarket(address(odd));
        odd.approve(address(jobs), 100 ether);
        jobs.deposit(buyer.addr, 100 ether);
        assertEscrow(buyer, 99 ether, 0);
        assertEq(odd.balanceOf(address(jobs)), 99 ether, "no more is owed than is held");
    }

    function test_deposit_that_no_credit_could_count_is_refused() external {
        CallbackToken odd = new CallbackToken(type(uint128).max);
        deployMarket(address(odd));
        odd.approve(address(jobs), type(uint128).max);
        vm.expectRevert(abi.encodeWithSelector(Errors.Jobs_TooMuch.selector, uint256(1) << 96));
        jobs.deposit(buyer.addr, 1 << 96);
        jobs.deposit(buyer.addr, type(uint96).max);
        assertEscrow(buyer, type(uint96).max, 0);
        vm.expectRevert(abi.encodeWithSelector(Errors.Jobs_TooMuch.selector, uint256(1) << 96));
        jobs.deposit(stranger.addr, 1);
    }

    function test_the_largest_credit_can_be_earned_and_claimed() external {
        CallbackToken odd = new CallbackToken(type(uint128).max);
        deployMarket(address(odd));
        odd.approve(address(jobs), type(uint96).max);
        jobs.deposit(buyer.addr, type(uint96).max);
        Bid memory bid = makeBid();
        (bid.units, bid.maxAudits, bid.unitGigaflops) = (1, 0, 1);
        (bid.maxUnitPriceWei, bid.bondWei) = (type(uint96).max, 0);
        Offer memory offer = makeOffer(0);
        offer.priceWeiPerGigaflop = type(uint96).max;
        (Offer[] memory offers, bytes[] memory signatures) = one(offer, signed(providers[0], jobs.offerDigest(offer)));
        Job memory job = open(bid);
        vm.prank(operator.addr);
        jobs.matchOffers(job, placesOf(job), offers, signatures);
        job = commit(matched(job, offers), [uint32(1), 0, 0, 0], [uint32(0), 0, 0, 0]);
        skip(WINDOW);
        settle(job);
        assertEq(jobs.claim(providers[0].addr), type(uint96).max, "all there is");
    }

    function test_permit_relayed_by_a_stranger_needs_no_gas_of_the_buyer() external {
        token.transfer(stranger.addr, 9 ether);
        (uint8 v, bytes32 r, bytes32 s) = signPermit(stranger, 9 ether);
        vm.prank(operator.addr);
        jobs.depositWithPermit(stranger.addr, 9 ether, block.timestamp, v, r, s);
        assertEscrow(stranger, 9 ether, 0);
    }

    function test_permit_that_was_front_run_does_not_stop_its_owner() external {
        token.transfer(stranger.addr, 9 ether);
        (uint8 v, bytes32 r, bytes32 s) = signPermit(stranger, 9 ether);
        token.permit(stranger.addr, address(jobs), 9 ether, block.timestamp, v, r, s);
        vm.prank(stranger.addr);
        jobs.depositWithPermit(stranger.addr, 9 ether, block.timestamp, v, r, s);
        assertEscrow(stranger, 9 ether, 0);
    }

    function test_worthless_permit_cannot_spend_an_old_allowance() external {
        token.transfer(stranger.addr, 9 ether);
        vm.prank(stranger.addr);
        token.approve(address(jobs), 9 ether);
        vm.expectRevert(abi.encodeWithSelector(Errors.Jobs_PermitRefused.selector, stranger.addr));
        vm.prank(operator.addr);
        jobs.depositWithPermit(stranger.addr, 9 ether, block.timestamp, 27, bytes32(0), bytes32(0));
    }

    function test_authorization_relayed_once_is_escrow_and_twice_is_refused() external {
        token.transfer(stranger.addr, 9 ether);
        bytes32 nonce = keccak256("random");
        bytes memory signature = signAuthorization(stranger, 4 ether, nonce);
        jobs.depositWithAuthorization(stranger.addr, 4 ether, 0, type(uint64).max, nonce, signature);
        assertEscrow(stranger, 4 ether, 0);
        vm.expectPartialRevert(bytes4(keccak256("ERC3009UsedAuthorization(address,bytes32)")));
        jobs.depositWithAuthorization(stranger.addr, 4 ether, 0, type(uint64).max, nonce, signature);
    }

    function test_authorization_cannot_be_spent_in_front_of_the_deposit() external {
        token.transfer(stranger.addr, 9 ether);
        bytes32 nonce = keccak256("random");
        bytes memory signature = signAuthorization(stranger, 4 ether, nonce);
        (bytes32 r, bytes32 s, uint8 v) = split(signature);
        vm.expectPartialRevert(bytes4(keccak256("ERC20InvalidReceiver(address)")));
        token.receiveWithAuthorization(stranger.addr, address(jobs), 4 ether, 0, type(uint64).max, nonce, v, r, s);
    }

    function test_authorization_of_the_wrong_length_is_refused() external {
        vm.expectRevert(abi.encodeWithSelector(Errors.Jobs_BadSignatureLength.selector, 64));
        jobs.depositWithAuthorization(buyer.addr, 1, 0, type(uint64).max, 0, new bytes(64));
    }

    function test_withdraw_pays_free_escrow_to_its_owner() external {
        vm.prank(buyer.addr);
        jobs.withdraw(400 ether);
        assertEscrow(buyer, 600 ether, 0);
        assertEq(token.balanceOf(buyer.addr), 400 ether, "paid out");
    }

    function test_withdraw_of_a_locked_budget_is_refused() external {
        openMatched(1);
        uint256 freeWei = 1_000 ether - BUDGET;
        vm.expectRevert(abi.encodeWithSelector(Errors.Jobs_Overdraw.selector, buyer.addr, freeWei + 1, freeWei));
        vm.prank(buyer.addr);
        jobs.withdraw(uint128(freeWei + 1));
    }

    function test_withdraw_of_nothing_is_refused() external {
        vm.expectRevert(abi.encodeWithSelector(Errors.Jobs_ZeroAmount.selector));
        vm.prank(buyer.addr);
        jobs.withdraw(0);
    }

    function test_claim_without_credit_is_refused() external {
        vm.expectRevert(abi.encodeWithSelector(Errors.Jobs_NothingToClaim.selector, buyer.addr));
        jobs.claim(buyer.addr);
    }

    function test_token_that_calls_back_cannot_deposit_twice() external {
        CallbackToken odd = new CallbackToken(SUPPLY);
        deployMarket(address(odd));
        odd.approve(address(jobs), 100 ether);
        odd.arm(address(jobs), abi.encodeCall(IJobs.deposit, (stranger.addr, 1 ether)));
        jobs.deposit(buyer.addr, 10 ether);
        assertTrue(odd.refused(), "the nested deposit was reverted");
        assertEscrow(buyer, 10 ether, 0);
    }

    function test_receiver_that_the_token_blocks_holds_up_nobody_else() external {
        BlockingToken odd = new BlockingToken(SUPPLY);
        deployMarket(address(odd));
        odd.approve(address(jobs), 1_000 ether);
        jobs.deposit(buyer.addr, 1_000 ether);
        odd.approve(address(bonds), 1_000 ether);
        for (uint256 i = 0; i < 3; ++i) {
            bonds.deposit(providers[i].addr, 100 ether);
        }
        odd.blockAccount(providers[0].addr);
        settle(completeJobAndWait());
        jobs.claim(providers[1].addr);
        assertEq(odd.balanceOf(providers[1].addr), 2 * UNIT_PRICE, "another provider is paid");
        vm.expectRevert(abi.encodeWithSelector(BlockingToken.Blocked.selector, providers[0].addr));
        jobs.claim(providers[0].addr);
    }

    function split(bytes memory signature) private pure returns (bytes32 r, bytes32 s, uint8 v) {
        (r, s) = abi.decode(signature, (bytes32, bytes32));
        v = uint8(signature[64]);
    }
}
