// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IGames} from "commonwatt/interfaces/IGames.sol";
import {Float32} from "commonwatt/libraries/Float32.sol";
import {Bid, Job, Receipt} from "commonwatt/types/Documents.sol";
import {ExactClaim, Frame, Opening, UnitPlan} from "commonwatt/types/Exact.sol";
import {ExecutionClass} from "commonwatt/types/Words.sol";
import {Court} from "tests/base/Court.sol";
import {Trees} from "tests/base/Trees.sol";

/// @notice A whole unit of exact work, small enough to execute here: three steps in two segments, a state of two slots of
/// three words, and two leaves (first + second, and that times the second), which become the new slots.
/// @dev Every tree is the true one, so that an honest defender can answer wherever a challenger leads.
abstract contract Truth is Court {
    uint256 internal constant STEPS = 3;
    uint256 internal constant WORDS = 3;

    ExactClaim internal claim;
    bytes private record; // abi.encode(Job)
    uint32 private attempts;

    function float(uint256 slot, uint256 word) private pure returns (uint256) {
        return 0x3f800000 + 0x1234 * (1 + slot) + 0x4321 * word;
    }

    /// @dev Both slots after `steps` steps of the unit.
    function stateAfter(uint256 steps) internal pure returns (uint256[3][2] memory state) {
        for (uint256 w = 0; w < WORDS; ++w) {
            (uint256 a, uint256 b) = (float(0, w), float(1, w));
            for (uint256 k = 0; k < steps; ++k) {
                a = Float32.add(a, b);
                b = Float32.mul(a, b);
            }
            (state[0][w], state[1][w]) = (a, b);
        }
    }

    function bytesOf(uint256[3] memory words) internal pure returns (bytes memory packed) {
        for (uint256 w = 0; w < WORDS; ++w) {
            for (uint256 i = 0; i < 4; ++i) {
                packed = bytes.concat(packed, bytes1(uint8(words[w] >> (8 * i))));
            }
        }
    }

    /// @dev The hashes of a state's slots, which are those of the values of the step before it as well.
    function slotsAfter(uint256 steps) internal pure returns (bytes32[] memory hashes) {
        uint256[3][2] memory state = stateAfter(steps);
        hashes = new bytes32[](2);
        for (uint256 s = 0; s < 2; ++s) {
            hashes[s] = Trees.leaf(Trees.leaf(bytesOf(state[s])));
        }
    }

    function rootAfter(uint256 steps) internal view returns (bytes32) {
        return Trees.root(slotsAfter(steps));
    }

    function hashesOf(uint256 first, uint256 last) internal view returns (bytes32[] memory hashes) {
        hashes = new bytes32[](last - first + 1);
        for (uint256 i = 0; i < hashes.length; ++i) {
            hashes[i] = Trees.leaf(rootAfter(first + i));
        }
    }

    /// @dev The states after both segments: two steps, and one.
    function segments() internal view returns (bytes32[] memory hashes) {
        hashes = new bytes32[](2);
        (hashes[0], hashes[1]) = (Trees.leaf(rootAfter(2)), Trees.leaf(rootAfter(STEPS)));
    }

    /* THE PROGRAM */

    function operand(uint32 source) private pure returns (bytes memory) {
        return abi.encodePacked(uint16(0), source, uint64(WORDS), uint8(0), uint32(0), int64(0), int64(1));
    }

    function encodingOf(uint256 leaf) internal pure returns (bytes memory) {
        bytes memory head = abi.encodePacked(leaf == 0 ? uint8(1) : uint8(3), uint8(1), uint16(0x0200));
        head = bytes.concat(head, abi.encodePacked(uint32(0), uint32(WORDS)));
        return bytes.concat(head, operand(leaf == 0 ? 0 : 4), operand(1));
    }

    function program() internal pure returns (bytes32[] memory hashes) {
        hashes = new bytes32[](2);
        (hashes[0], hashes[1]) = (Trees.leaf(encodingOf(0)), Trees.leaf(encodingOf(1)));
    }

    function outputs() internal pure returns (bytes32[] memory hashes) {
        hashes = new bytes32[](2);
        (hashes[0], hashes[1]) = (Trees.leaf(abi.encodePacked(uint32(4))), Trees.leaf(abi.encodePacked(uint32(5))));
    }

    /* THE JOB */

    function openUnit() internal {
        UnitPlan memory plan = UnitPlan({index: 0, round: 0, shard: 0, shards: 1, firstStep: 0});
        claim.plan = plan;
        claim.terms.unitsRoot =
            Trees.leaf(abi.encodePacked(plan.index, plan.round, plan.shard, plan.shards, plan.firstStep));
        claim.terms.leavesRoot = Trees.root(program());
        claim.terms.outputsRoot = Trees.root(outputs());
        claim.terms.stateRoot = rootAfter(0);
        (claim.terms.leafCount, claim.terms.stateSlots, claim.terms.unitCount) = (2, 2, 1);
        (claim.terms.segmentSteps, claim.terms.stepsPerUnit, claim.terms.batch, claim.terms.window) = (2, 3, 1, 1);
        claim.terms.datasetItems = 1;
        Bid memory bid = makeBid();
        bid.executionClass = ExecutionClass.EXACT;
        bid.specHash = sha256(abi.encodePacked(sha256(abi.encode(claim.terms)), claim.jsonHash));
        record = abi.encode(commit(openMatched(bid, 3), [uint32(1), 1, 2, 0], [uint32(0), 0, 0, 0]));
    }

    function unitJob() internal view returns (Job memory) {
        return abi.decode(record, (Job));
    }

    /// @dev An honest receipt of the unit by provider 0; each is another one, so that each can be challenged.
    function honestReceipt() internal returns (Receipt memory receipt) {
        receipt = makeReceipt(idOf(unitJob()), 0, 0, Trees.root(segments()));
        receipt.attempt = ++attempts;
        (receipt.inputRoot, receipt.outputRoot) = (rootAfter(0), rootAfter(STEPS));
    }

    function frameOf(Receipt memory receipt) internal view returns (Frame memory frame) {
        (frame.worker, frame.provider) = (receipt.worker, receipt.provider);
        (frame.inputRoot, frame.outputRoot, frame.root) = (receipt.inputRoot, receipt.outputRoot, receipt.traceRoot);
        (frame.plan, frame.terms) = (claim.plan, claim.terms);
    }

    /* THE DEFENDER'S ANSWERS */

    /// @dev The states after the steps of a segment.
    function stepsOf(uint256 segment) internal view returns (bytes32[] memory) {
        return segment == 0 ? hashesOf(1, 2) : hashesOf(3, 3);
    }

    function descentToSteps(uint256 segment) internal view returns (IGames.Descent memory descent) {
        descent.start = rootAfter(2 * segment);
        if (segment > 0) descent.startPath = sibling(segments(), 0);
        descent.end = rootAfter(segment == 0 ? 2 : STEPS);
        descent.children = stepsOf(segment);
        if (segment == 0) descent.endPath = sibling(descent.children, 1);
    }

    function descentToValues(uint256 step) internal view returns (IGames.Descent memory descent) {
        descent.start = rootAfter(step);
        if (step == 1) descent.startPath = sibling(stepsOf(0), 0);
        descent.end = rootAfter(step + 1);
        descent.children = slotsAfter(step + 1);
    }

    function linkOf(uint256 step, uint256 slot) internal pure returns (IGames.Link memory shown) {
        shown.value = uint32(4 + slot);
        shown.root = Trees.leaf(bytesOf(stateAfter(step + 1)[slot]));
        shown.outputPath = sibling(outputs(), slot);
        shown.rootPath = sibling(slotsAfter(step + 1), slot);
    }

    function bindingOf(uint256 step, uint256 leaf) internal pure returns (IGames.Binding memory binding) {
        binding.encoding = encodingOf(leaf);
        binding.leafPath = sibling(program(), leaf);
        uint256[3][2] memory before = stateAfter(step);
        bytes32 first = Trees.leaf(bytesOf(leaf == 0 ? before[0] : stateAfter(step + 1)[0]));
        binding.operands = [first, Trees.leaf(bytesOf(before[1])), 0];
        binding.operandPaths = new bytes32[][](2);
        binding.operandPaths[0] = sibling(slotsAfter(leaf == 0 ? step : step + 1), 0);
        binding.operandPaths[1] = sibling(slotsAfter(step), 1);
        binding.children = new bytes32[](1);
        binding.children[0] = Trees.leaf(bytesOf(stateAfter(step + 1)[leaf]));
    }

    function openingsOf(uint256 step, uint256 leaf) internal pure returns (Opening[] memory openings) {
        uint256[3][2] memory before = stateAfter(step);
        openings = new Opening[](2);
        openings[0].words = bytesOf(leaf == 0 ? before[0] : stateAfter(step + 1)[0]);
        openings[1].words = bytesOf(before[1]);
    }

    /// @dev The path of one of two leaves.
    function sibling(bytes32[] memory pair, uint256 index) internal pure returns (bytes32[] memory path) {
        path = new bytes32[](1);
        path[0] = pair[1 - index];
    }
}
