// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Bid, Job, Offer} from "commonwatt/types/Documents.sol";
import {JobStatus} from "commonwatt/types/Words.sol";
import {Market} from "tests/base/Market.sol";
import {Actor} from "tests/base/Test.sol";

/// @notice What whole jobs cost, all transactions of everybody together (21,000 and calldata included, deposits apart): the
/// figures of the README. Buyer and providers trade every day here: each provider has credit of an earlier job that it has
/// not claimed, and a bond that an earlier job left idle. Providers claim once in ten jobs.
/// forge-config: default.isolate = true
/// forge-config: deep.isolate = true
contract JobsGasTest is Market {
    uint256 private constant CLAIM_EVERY = 10;

    function setUp() public override {
        super.setUp();
        makeProviders(16);
        fundEscrow(buyer, 100_000 ether);
        fundBond(providers[0], 1_000 ether);
        trade(20, 20, 1, 1_000_000);
        claims(20);
        trade(20, 20, 1, 1_000_001);
    }

    /* FIGURES */

    function test_gas_of_a_job_of_one_unit() external {
        uint256 total = trade(1, 1, 1, 1);
        total += claims(1) / CLAIM_EVERY;
        vm.snapshotValue("jobs", "single_job_total", total);
        assertTrue(total <= 190_000, "one job of one unit costs at most 190k gas");
    }

    function test_gas_of_ten_jobs_settled_and_claimed_in_one_call() external {
        bytes[] memory acts = new bytes[](11);
        uint256 total;
        for (uint256 i = 0; i < 10; ++i) {
            (Job memory job, uint256 spent) = work(1, 1, 1, i + 1);
            acts[i] = abi.encodeCall(jobs.settle, (job, placesOf(job)));
            total += spent;
        }
        acts[10] = abi.encodeCall(jobs.claim, (providers[0].addr));
        skip(WINDOW);
        jobs.multicall(acts);
        total = (total + vm.lastCallGas().gasTotalUsed) / 10;
        vm.snapshotValue("jobs", "single_job_settled_with_nine_others", total);
        assertTrue(total <= 175_000, "and at most 175k when a provider settles ten at once");
    }

    function test_gas_of_a_job_of_1_000_units_on_20_providers() external {
        uint256 total = trade(1_000, 20, 1, 1);
        total += claims(20) / CLAIM_EVERY;
        vm.snapshotValue("jobs", "per_unit_1000", total / 1_000);
        assertTrue(total <= 700 * 1_000, "a unit costs at most 700 gas");
    }

    function test_gas_of_a_job_of_10_000_units_on_20_providers_in_ten_epochs() external {
        uint256 total = trade(10_000, 20, 10, 1);
        total += claims(20) / CLAIM_EVERY;
        vm.snapshotValue("jobs", "per_unit_10000", total / 10_000);
        assertTrue(total <= 150 * 10_000, "a unit costs at most 150 gas");
    }

    /// @dev A buyer who was never here before, so every word that is written was empty.
    function test_gas_of_a_gasless_deposit() external {
        token.transfer(stranger.addr, 9 ether);
        bytes memory signature = signAuthorization(stranger, 4 ether, keccak256("random"));
        vm.prank(operator.addr);
        jobs.depositWithAuthorization(stranger.addr, 4 ether, 0, type(uint64).max, keccak256("random"), signature);
        uint256 spent = vm.snapshotGasLastCall("jobs", "gasless_deposit");
        assertTrue(spent <= 110_000, "a deposit that somebody else relays costs at most 110k gas");
    }

    function signAuthorization(Actor memory from, uint128 amountWei, bytes32 nonce) private returns (bytes memory) {
        bytes32 typeHash = keccak256(
            "ReceiveWithAuthorization(address from,address to,uint256 value,uint256 validAfter,uint256 validBefore,bytes32 nonce)"
        );
        bytes32 structHash =
            keccak256(abi.encode(typeHash, from.addr, address(jobs), amountWei, 0, type(uint64).max, nonce));
        return signed(from, keccak256(abi.encodePacked("\x19\x01", token.DOMAIN_SEPARATOR(), structHash)));
    }

    /* ONE JOB */

    function trade(uint32 units, uint256 count, uint32 epochs, uint256 nonce) private returns (uint256 total) {
        Job memory job;
        (job, total) = work(units, count, epochs, nonce);
        skip(WINDOW);
        jobs.settle(job, placesOf(job));
        total += vm.lastCallGas().gasTotalUsed;
        ended(job, JobStatus.SETTLED);
    }

    /// @dev Opens, matches and commits `units` on `count` providers in `epochs` commits.
    function work(uint32 units, uint256 count, uint32 epochs, uint256 nonce)
        private
        returns (Job memory job, uint256 total)
    {
        Bid memory bid = makeBid();
        (bid.units, bid.maxAudits, bid.nonce, bid.deadline) = (units, 0, nonce, uint64(block.timestamp + 1 days));
        (bid.maxUnitPriceWei, bid.expiry) = (UNIT_PRICE, uint64(block.timestamp + 1 days));
        (job, total) = opened(bid, count);
        for (uint32 epoch = 0; epoch < epochs; ++epoch) {
            bytes memory done = even(units / uint32(count) / epochs, count);
            vm.prank(operator.addr);
            jobs.commit(job, keccak256(abi.encode("receipts", epoch)), done);
            total += vm.lastCallGas().gasTotalUsed;
            job = committed(job, done);
        }
    }

    function opened(Bid memory bid, uint256 count) private returns (Job memory job, uint256 spent) {
        (Offer[] memory offers, bytes[] memory signatures) = makeOffers(count);
        bytes memory signature = signed(buyer, jobs.bidDigest(bid));
        vm.prank(operator.addr);
        jobs.openAndMatch(bid, signature, "", offers, signatures);
        spent = vm.lastCallGas().gasTotalUsed;
        job = matched(opened(bid), offers);
    }

    function even(uint32 units, uint256 count) private pure returns (bytes memory done) {
        for (uint32 i = 0; i < count; ++i) {
            done = bytes.concat(done, abi.encodePacked(i, units, uint32(0)));
        }
    }

    function claims(uint256 count) private returns (uint256) {
        bytes[] memory acts = new bytes[](count);
        for (uint256 i = 0; i < count; ++i) {
            acts[i] = abi.encodeCall(jobs.claim, (providers[i].addr));
        }
        jobs.multicall(acts);
        return vm.lastCallGas().gasTotalUsed;
    }
}
