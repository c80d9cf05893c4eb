// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Bid, Charge, Job, Offer, Place, Receipt} from "commonwatt/types/Documents.sol";
import {Court} from "tests/base/Court.sol";

/// @notice What each act costs, as a whole transaction (21,000 and calldata included). The figures are committed in
/// contracts/snapshots/gas, and a run with FORGE_SNAPSHOT_CHECK=true fails when one changes unannounced.
/// @dev Provider and buyer have traded before: their balances and credits are not zero, which is the usual case.
/// forge-config: default.isolate = true
/// forge-config: deep.isolate = true
contract GasTest is Court {
    function setUp() public override {
        super.setUp();
        Bid memory bid = makeBid();
        bid.nonce = 1_000;
        Job memory job = commit(openMatched(bid, 4), [uint32(1), 1, 1, 1], [uint32(0), 0, 0, 0]);
        skip(WINDOW);
        settle(job);
        for (uint256 i = 0; i < 4; ++i) {
            jobs.claim(providers[i].addr);
        }
        mine(1);
    }

    function snapshot(string memory name) private returns (uint256) {
        return vm.snapshotGasLastCall("lifecycle", name);
    }

    function test_gas_of_a_job_of_one_unit() external {
        Bid memory bid = makeBid();
        (bid.units, bid.maxAudits) = (1, 0);
        (Offer[] memory offers, bytes[] memory signatures) = makeOffers(1);
        bytes memory signature = signed(buyer, jobs.bidDigest(bid));
        vm.prank(operator.addr);
        jobs.openAndMatch(bid, signature, "", offers, signatures);
        uint256 total = snapshot("openAndMatch");

        bytes memory work = makeWork([uint32(1), 0, 0, 0], [uint32(0), 0, 0, 0]);
        Job memory job = matched(opened(bid), offers);
        vm.prank(operator.addr);
        jobs.commit(job, keccak256("receipts"), work);
        total += snapshot("commit");

        job = committed(job, work);
        skip(WINDOW);
        bytes[] memory acts = new bytes[](2);
        acts[0] = abi.encodeCall(jobs.settle, (job, placesOf(job)));
        acts[1] = abi.encodeCall(jobs.claim, (providers[0].addr));
        jobs.multicall(acts);
        total += snapshot("settleAndClaim");
        vm.snapshotValue("lifecycle", "first_job_total", total);
        assertEq(token.balanceOf(providers[0].addr), 2 * UNIT_PRICE, "paid for both jobs");
    }

    function test_gas_of_settling_and_claiming_apart() external {
        Job memory job = commit(openMatched(1), [uint32(4), 0, 0, 0], [uint32(0), 0, 0, 0]);
        skip(WINDOW);
        jobs.settle(job, placesOf(job));
        snapshot("settle");

        jobs.claim(providers[0].addr);
        snapshot("claim");
    }

    function test_gas_of_opening_and_matching_apart() external {
        Bid memory bid = makeBid();
        bytes memory signature = signed(buyer, jobs.bidDigest(bid));
        vm.prank(operator.addr);
        jobs.open(bid, signature, "");
        snapshot("open");

        (Offer[] memory offers, bytes[] memory signatures) = makeOffers(4);
        vm.prank(operator.addr);
        jobs.matchOffers(opened(bid), new Place[](0), offers, signatures);
        snapshot("matchOffers_4");
    }

    function test_gas_of_a_job_of_four_workers() external {
        Bid memory bid = makeBid();
        (Offer[] memory offers, bytes[] memory signatures) = makeOffers(4);
        bytes memory signature = signed(buyer, jobs.bidDigest(bid));
        vm.prank(operator.addr);
        jobs.openAndMatch(bid, signature, "", offers, signatures);
        snapshot("openAndMatch_4");

        bytes memory work = makeWork([uint32(1), 1, 1, 1], [uint32(1), 1, 0, 0]);
        Job memory job = matched(opened(bid), offers);
        vm.prank(operator.addr);
        jobs.commit(job, keccak256("receipts"), work);
        snapshot("commit_4");

        job = committed(job, work);
        skip(WINDOW);
        jobs.settle(job, placesOf(job));
        snapshot("settle_4");
    }

    function test_gas_of_the_other_ends() external {
        Bid memory bid = makeBid();
        Job memory job = open(bid);
        vm.prank(buyer.addr);
        jobs.cancel(job, "");
        snapshot("cancel");

        bid.nonce = 2;
        job = openMatched(bid, 1);
        vm.warp(DEADLINE + WINDOW + 1);
        jobs.expire(job, placesOf(job));
        snapshot("expire");
    }

    function test_gas_of_a_dispute() external {
        Job memory job = completeJob();
        Receipt memory receipt = makeReceipt(idOf(job), 0, 0, FORGED_ROOT);
        bytes memory signature = signed(providers[0], jobs.receiptDigest(receipt));
        vm.prank(challenger.addr);
        disputes.challenge(Charge(job, placesOf(job), 0, receipt, signature));
        snapshot("challenge");

        mine(2);
        disputes.draw(1);
        snapshot("draw");

        voteAll(1, [HONEST_ROOT, HONEST_ROOT, HONEST_ROOT]);
        snapshot("vote");
        revealAll(1, [HONEST_ROOT, HONEST_ROOT, HONEST_ROOT]);
        snapshot("reveal");

        disputes.resolve(1);
        snapshot("resolve");
    }

    function test_gas_of_stake_and_escrow() external {
        token.approve(address(jobs), 1 ether);
        jobs.deposit(buyer.addr, 1 ether);
        snapshot("depositEscrow");
        token.approve(address(bonds), 1 ether);
        bonds.deposit(buyer.addr, 1 ether);
        snapshot("depositBond");
        vm.prank(providers[0].addr);
        disputes.enroll(FINGERPRINT);
        snapshot("enroll");
    }
}
