// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IDisputes} from "commonwatt/interfaces/IDisputes.sol";
import {Charge, Job, Receipt} from "commonwatt/types/Documents.sol";
import {ChallengeStatus, Verdict} from "commonwatt/types/Words.sol";
import {Market} from "tests/base/Market.sol";
import {Actor} from "tests/base/Test.sol";

/// @notice A market with six enrolled verifiers. What a member does follows from the root it is fed, so a dishonest
/// committee is data and not other code; a member fed `SILENT` does nothing.
abstract contract Court is Market {
    bytes32 internal constant SILENT = bytes32(uint256(1));
    bytes32 internal constant SALT = keccak256("salt");
    uint128 internal constant CHALLENGE_LOCK = 50 ether + 9 * 1 ether;

    Actor[] internal verifiers;

    function setUp() public virtual override {
        super.setUp();
        for (uint256 i = 0; i < 6; ++i) {
            verifiers.push(makeActor(string.concat("verifier ", vm.toString(i))));
            fundBond(verifiers[i], 30 ether);
            vm.prank(verifiers[i].addr);
            disputes.enroll(FINGERPRINT);
        }
        mine(1);
    }

    function raise(Job memory job, uint256 provider, uint32 unit, bytes32 claimedRoot) internal returns (uint256) {
        Receipt memory receipt = makeReceipt(idOf(job), provider, unit, claimedRoot);
        bytes memory signature = signed(providers[provider], jobs.receiptDigest(receipt));
        vm.prank(challenger.addr);
        return disputes.challenge(Charge(job, placesOf(job), uint32(provider), receipt, signature));
    }

    function drawCommittee(uint256 challengeId) internal returns (address[] memory) {
        mine(2);
        disputes.draw(challengeId);
        return disputes.committeeOf(challengeId);
    }

    /// @dev Members vote what they are fed, in the order of the draw.
    function voteAll(uint256 challengeId, bytes32[3] memory roots) internal {
        address[] memory members = disputes.committeeOf(challengeId);
        for (uint256 i = 0; i < 3; ++i) {
            if (roots[i] != SILENT) voteAs(members[i], challengeId, roots[i]);
        }
    }

    function voteAs(address member, uint256 challengeId, bytes32 root) internal {
        vm.prank(member);
        disputes.vote(challengeId, keccak256(abi.encode(root, SALT, member)));
    }

    function revealAll(uint256 challengeId, bytes32[3] memory roots) internal {
        address[] memory members = disputes.committeeOf(challengeId);
        for (uint256 i = 0; i < 3; ++i) {
            if (roots[i] == SILENT) continue;
            vm.prank(members[i]);
            disputes.reveal(challengeId, roots[i], SALT);
        }
    }

    /// @dev One whole draw: vote, wait out the silent, reveal, resolve.
    function sit(uint256 challengeId, bytes32[3] memory roots) internal returns (address[] memory members) {
        members = drawCommittee(challengeId);
        voteAll(challengeId, roots);
        if (disputes.challengeOf(challengeId).status == ChallengeStatus.VOTING) skip(policy().voteSeconds + 1);
        revealAll(challengeId, roots);
        disputes.resolve(challengeId);
    }

    function overturn(Job memory job, uint256 provider, uint32 unit) internal returns (uint256 challengeId) {
        challengeId = raise(job, provider, unit, FORGED_ROOT);
        sit(challengeId, [HONEST_ROOT, HONEST_ROOT, HONEST_ROOT]);
        assertVerdict(challengeId, Verdict.OVERTURNED);
    }

    function assertStatus(uint256 challengeId, ChallengeStatus status) internal view {
        assertEq(uint256(disputes.challengeOf(challengeId).status), uint256(status), "status of the challenge");
    }

    function assertVerdict(uint256 challengeId, Verdict verdict) internal view {
        assertStatus(challengeId, ChallengeStatus.RESOLVED);
        assertEq(uint256(disputes.challengeOf(challengeId).verdict), uint256(verdict), "verdict");
    }
}
