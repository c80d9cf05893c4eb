// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Job, Offer, Place} from "commonwatt/types/Documents.sol";
import {Actor} from "tests/base/Test.sol";
import {Situations} from "tests/exits/Situations.sol";

/// @notice The one cheatcode that these tests need and others do not.
interface Meter {
    function pauseGasMetering() external;
}

/// @notice The table of tests/vectors/exits.json, walked: every situation, whoever falls silent, at every deadline.
/// @dev A route is the same for all the cells that list it, so it is walked once; that none of its steps needs anybody who
/// is silent in one of them is checked for each. All acts that the table does not call possible must be refused.
contract ExitsTest is Situations {
    struct Moment {
        uint256 second;
        uint256 possible; // a bit for each act
    }

    struct Route {
        uint256 head; // the second it begins at, who it needs, and a bit for each silent set it is listed for
        uint256 outcome; // 16 bits for the status and for each amount, in whole tokens
        uint256[] steps; // second, who, act
    }

    uint256 private constant MATRIX_ACTS = 15;

    /// @dev What a refused act and a proven one leave alike: nothing.
    error Undone();

    function test_every_cell_has_its_exits_and_each_leaves_what_the_table_says() external {
        uint256 walks;
        uint256 proven;
        Meter(address(vm)).pauseGasMetering(); // thousands of acts are more than a test's gas
        bytes[] memory table = tables();
        uint256 empty = vm.snapshotState();
        for (uint256 number = 0; number < SITUATIONS; ++number) {
            assertTrue(vm.revertToState(empty), "each situation begins with an empty market");
            (uint256 routes, uint256 cells) = this.walkAll(number, table[number]);
            (walks, proven) = (walks + routes, proven + cells);
        }
        assertEq(proven, numberOf(".job_exits_total"), "exits proven");
        vm.snapshotValue("exits", "exits_total", numberOf(".exits_total"));
        vm.snapshotValue("exits", "exits_proved: jobs", proven);
        vm.snapshotValue("exits", "walks", walks);
    }

    function test_every_act_that_the_table_calls_impossible_is_refused_and_every_other_one_is_done() external {
        uint256 tried;
        Meter(address(vm)).pauseGasMetering(); // thousands of acts are more than a test's gas
        bytes[] memory table = tables();
        uint256 empty = vm.snapshotState();
        for (uint256 number = 0; number < SITUATIONS; ++number) {
            assertTrue(vm.revertToState(empty), "each situation begins with an empty market");
            tried += this.tryAll(number, table[number]);
        }
        vm.snapshotValue("exits", "acts tried", tried);
    }

    /// @dev The match of a block that a reorganization drops: the same record may be matched again, with another provider,
    /// and what was signed for the first match is of no use.
    function test_a_match_that_a_reorganization_rolls_back_is_made_again_with_another_provider() external {
        bring(0);
        Job memory open_ = jobNow();
        uint256 before = vm.snapshotState();
        perform(Act.MATCH);
        Job memory lost = commit(jobNow(), [uint32(2), 1, 1, 0], [uint32(0), 0, 0, 0]);
        assertTrue(vm.revertToState(before), "the block is dropped");

        Offer memory offer = makeOffer(3);
        (Offer[] memory offers, bytes[] memory signatures) = one(offer, signed(providers[3], jobs.offerDigest(offer)));
        vm.prank(operator.addr);
        jobs.matchOffers(open_, new Place[](0), offers, signatures);
        Job memory job = matched(open_, offers);

        vm.warp(BEGAN + WINDOW);
        assertTrue(!this.canSettle(lost), "what the dropped block held is no record");
        bytes memory work = abi.encodePacked(uint32(0), uint32(4), uint32(0));
        vm.prank(operator.addr);
        jobs.commit(job, keccak256("receipts"), work);
        job = committed(job, work);
        skip(WINDOW);
        settle(job);
        assertEq(jobs.creditOf(providers[3].addr), 4 * UNIT_PRICE, "the provider of the chain that stands is paid");
        assertBond(providers[0], 100 ether, 0);
        checkBooks();
    }

    function canSettle(Job memory job) external returns (bool) {
        try this.settleIt(job) {
            return true;
        } catch {
            return false;
        }
    }

    function settleIt(Job memory job) external {
        jobs.settle(job, placesOf(job));
    }

    /* THE TABLE */

    function tables() private view returns (bytes[] memory) {
        string memory vectors = vm.readFile("../tests/vectors/exits.json");
        return abi.decode(vm.parseJsonBytes(vectors, ".situations_encoded"), (bytes[]));
    }

    function numberOf(string memory key) private view returns (uint256) {
        return vm.parseJsonUint(vm.readFile("../tests/vectors/exits.json"), key);
    }

    /* WALKING, EACH SITUATION IN A CALL OF ITS OWN SO THAT ITS MEMORY IS GIVEN BACK */

    function walkAll(uint256 number, bytes calldata table) external returns (uint256 walks, uint256 cells) {
        (, Route[] memory routes) = abi.decode(table, (Moment[], Route[]));
        bring(number);
        uint256 left = vm.snapshotState();
        for (uint256 i = 0; i < routes.length; ++i) {
            cells += this.walk(routes[i]);
            assertTrue(vm.revertToState(left), "the situation is as it was left");
        }
        return (routes.length, cells);
    }

    /// @return cells how many cells the route is an exit of
    function walk(Route memory route) external returns (uint256 cells) {
        for (uint256 i = 0; i < route.steps.length; ++i) {
            vm.warp(BEGAN + (route.steps[i] >> 16));
            perform(Act(route.steps[i] & 0xff));
        }
        assertEq(acted, uint32(route.head >> 64), "who has acted is who the table says is needed");
        for (uint256 silent = 0; silent < 64; ++silent) {
            if ((route.head >> silent) & 1 == 0) continue;
            assertEq(acted & silent, 0, "nobody who is silent has acted");
            cells += 1;
        }
        checkOutcome(route.outcome);
        checkBooks();
        checkNothingIsStuck();
    }

    function checkOutcome(uint256 outcome) private view {
        Job memory job = jobNow();
        address[3] memory workers = [providers[0].addr, providers[1].addr, providers[2].addr];
        checkRecord(job);
        assertEq(uint256(job.status), uint16(outcome), "how the job ended");
        assertEq(jobs.escrowOf(payer().addr).freeWei, amountAt(outcome, 1), "what is back with whoever pays");
        assertEq(jobs.escrowOf(payer().addr).lockedWei, 0, "no budget stays locked");
        for (uint256 i = 0; i < 3; ++i) {
            assertEq(jobs.creditOf(workers[i]), amountAt(outcome, 2 + i), "a provider's pay");
            assertEq(jobs.idleBondOf(workers[i]), amountAt(outcome, 6 + i), "a provider's idle bond");
            assertEq(bonds.bondOf(workers[i]).lockedWei, amountAt(outcome, 6 + i), "nothing else of it is locked");
        }
        assertEq(bonds.bondOf(workers[0]).stakeWei, amountAt(outcome, 5), "the challenged provider's stake");
        assertEq(bonds.bondOf(challenger.addr).stakeWei, amountAt(outcome, 9), "the challenger's stake");
        assertEq(bonds.bondOf(challenger.addr).lockedWei, 0, "none of the challenger's stake is locked");
        assertEq(bonds.creditOf(buyer.addr), amountAt(outcome, 10), "the buyer's compensation");
        assertEq(bonds.creditOf(workers[0]), amountAt(outcome, 11), "the provider's compensation");
        assertEq(bonds.creditOf(challenger.addr), amountAt(outcome, 12), "the challenger's costs");
        assertEq(bonds.creditOf(BURNED), amountAt(outcome, 13), "burned");
        checkVerifiers(amountAt(outcome, 14), amountAt(outcome, 15));
    }

    function checkVerifiers(uint256 feesWei, uint256 stakesWei) private view {
        uint256 earnedWei;
        uint256 leftWei;
        for (uint256 i = 0; i < verifiers.length; ++i) {
            address verifier = verifiers[i].addr;
            earnedWei += bonds.creditOf(verifier);
            leftWei += bonds.bondOf(verifier).stakeWei;
            assertEq(bonds.bondOf(verifier).lockedWei, disputes.verifierOf(verifier).bondWei, "a verifier's bond");
            assertEq(disputes.verifierOf(verifier).seats, 0, "no verifier stays seated");
        }
        assertEq(earnedWei, feesWei, "what verifiers were paid");
        assertEq(leftWei, stakesWei, "what verifiers have staked");
    }

    function amountAt(uint256 outcome, uint256 place) private pure returns (uint256) {
        return uint256(uint16(outcome >> (16 * place))) * 1 ether;
    }

    /// @dev Every token that a contract holds is somebody's.
    function checkBooks() private view {
        uint256 inJobs = escrowed(buyer) + escrowed(sponsor);
        uint256 inBonds = held(buyer) + held(challenger) + bonds.creditOf(BURNED);
        for (uint256 i = 0; i < providers.length; ++i) {
            inJobs += jobs.creditOf(providers[i].addr);
            inBonds += held(providers[i]);
        }
        for (uint256 i = 0; i < verifiers.length; ++i) {
            inBonds += held(verifiers[i]);
        }
        assertEq(token.balanceOf(address(jobs)), inJobs, "Jobs holds what it owes");
        assertEq(token.balanceOf(address(bonds)), inBonds, "Bonds holds what it owes");
    }

    function escrowed(Actor memory actor) private view returns (uint256) {
        return uint256(jobs.escrowOf(actor.addr).freeWei) + jobs.escrowOf(actor.addr).lockedWei;
    }

    function held(Actor memory actor) private view returns (uint256) {
        return bonds.bondOf(actor.addr).stakeWei + bonds.creditOf(actor.addr);
    }

    /// @dev A stranger pays the providers out; whoever has paid and whoever has a bond takes the rest whenever it comes back.
    function checkNothingIsStuck() private {
        for (uint256 i = 0; i < 3; ++i) {
            address provider = providers[i].addr;
            uint256 dueWei = jobs.creditOf(provider);
            if (dueWei > 0) payOut(provider);
            assertEq(token.balanceOf(provider), dueWei, "a provider is paid its credit");
            if (jobs.idleBondOf(provider) == 0) continue;
            vm.prank(provider);
            jobs.releaseBond();
            assertEq(bonds.bondOf(provider).lockedWei, 0, "a released bond is free");
        }
        Actor memory paying = payer();
        uint128 freeWei = jobs.escrowOf(paying.addr).freeWei;
        vm.prank(paying.addr);
        jobs.withdraw(freeWei);
        assertEq(token.balanceOf(paying.addr), freeWei, "the escrow goes home");
    }

    function payOut(address provider) private {
        vm.prank(stranger.addr);
        jobs.claim(provider);
    }

    /* THE MATRIX OF ACTS */

    function tryAll(uint256 number, bytes calldata table) external returns (uint256 tried) {
        (Moment[] memory moments,) = abi.decode(table, (Moment[], Route[]));
        bring(number);
        for (uint256 i = 0; i < moments.length; ++i) {
            for (uint256 act = 0; act < MATRIX_ACTS; ++act) {
                vm.warp(BEGAN + moments[i].second);
                bool isDone = this.isPossible(Act(act));
                if (isDone != ((moments[i].possible >> act) & 1 == 1)) {
                    assertTrue(false, what(number, moments[i].second, act, isDone));
                }
                tried += 1;
            }
            this.tryAsStranger();
        }
    }

    function what(uint256 number, uint256 second, uint256 act, bool isDone) private pure returns (string memory) {
        string memory head = string.concat("situation ", vm.toString(number), " at ", vm.toString(second), ", act ");
        return string.concat(head, vm.toString(act), isDone ? " was done" : " was refused");
    }

    /// @dev Tries the act and undoes it.
    function isPossible(Act act) external returns (bool) {
        try this.performAndUndo(act) {
            return false; // it never returns
        } catch (bytes memory reason) {
            return bytes4(reason) == Undone.selector;
        }
    }

    function performAndUndo(Act act) external {
        perform(act);
        revert Undone();
    }

    /// @dev What is the operator's or the buyer's is refused to everybody else at any time.
    function tryAsStranger() external {
        Job memory job = jobNow();
        (Offer[] memory offers, bytes[] memory signatures) = makeOffers(1);
        vm.startPrank(stranger.addr);
        bytes[] memory calls = new bytes[](5);
        calls[0] = abi.encodeCall(jobs.matchOffers, (job, placesOf(job), offers, signatures));
        calls[1] = abi.encodeCall(jobs.commit, (job, HONEST_ROOT, abi.encodePacked(uint32(0), uint32(0), uint32(1))));
        calls[2] = abi.encodeCall(jobs.settlePart, (job, placesOf(job)));
        calls[3] = abi.encodeCall(jobs.cancel, (job, ""));
        calls[4] = abi.encodeCall(jobs.open, (job.bid, signatures[0], ""));
        for (uint256 i = 0; i < calls.length; ++i) {
            (bool isDone,) = address(jobs).call(calls[i]);
            assertTrue(!isDone, "a stranger is refused");
        }
        vm.stopPrank();
    }
}
