// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Float32} from "commonwatt/libraries/Float32.sol";
import {Bid, Job, Receipt} from "commonwatt/types/Documents.sol";
import {ExactClaim, ExactTerms, Frame, UnitPlan} from "commonwatt/types/Exact.sol";
import {ExecutionClass} from "commonwatt/types/Words.sol";
import {Court} from "tests/base/Court.sol";
import {Trees} from "tests/base/Trees.sol";

/// @notice A made-up unit of exact work, as one plot wants it. The trees are real; of their leaves only those are, which a
/// game can come to from the picked places.
abstract contract Worlds is Court {
    enum Leaf {
        ADD, // of a state slot and an earlier value
        BATCH, // a copy of the batch
        STEP, // a copy of the step number
        CHAIN, // of rows of a state slot and of an earlier value
        GATHER, // of a state slot, at an index from an earlier value
        SELECT, // by a state slot, of an earlier value and a constant
        MATCH // of a constant, with rows of a state slot and of an earlier value
    }

    /// @dev Sizes, and the places the two sides differ at.
    struct Plot {
        Leaf kind;
        bool isLie;
        uint32 steps;
        uint32 segmentSteps;
        uint32 leaves;
        uint32 rows;
        uint32 columns;
        uint32 length;
        uint32 segment;
        uint32 step; // of the segment
        uint32 leaf;
        uint256 element;
        uint32 piece;
        uint32 round; // of the unit
        bool isUnlinked; // the new state's first slot is not the value that the program puts there
    }

    struct World {
        Plot plot;
        Job job;
        Receipt receipt;
        ExactClaim claim;
        Frame frame; // as the game keeps it at present
        uint256 id;
        bytes32[] segments; // states
        bytes32[] steps; // states
        bytes32[] values; // leaf hashes of the step's trace
        bytes32[] blocks; // leaf hashes of the disputed value
        bytes32[] pieces; // leaf hashes of the disputed chain
        bytes32[2] state; // roots of the slots before the step
        bytes32[2] newState;
        bytes32[] program; // leaf hashes
        bytes encoding;
        bytes words; // of the disputed block
        bytes32 claimedWord;
        bytes32 operandRoot; // of the earlier value
        bytes operandWords;
        bytes32[] operandPath;
        bytes stateWords;
        bytes32[] statePath;
        bytes8 before;
        bytes8 last;
        uint256 truth; // what the judgement must find
    }

    uint32 internal constant KEY = 77; // what a match looks for
    bytes internal constant CONSTANT = hex"010000004d";
    uint256 internal constant EARLIER = 0; // the leaf whose value the disputed one reads
    uint32 internal constant SLOTS = 2;
    uint32 internal constant BATCH = 4;
    uint32 internal constant WINDOW_WORDS = 33;
    uint64 internal constant ITEMS = 10_000;
    uint64 internal constant FIRST_STEP = 48;

    /* BUILDING */

    function smallPlot(Leaf kind, bool isLie) internal pure returns (Plot memory plot) {
        plot = Plot({
            kind: kind,
            isLie: isLie,
            steps: 11,
            segmentSteps: 4,
            leaves: 21,
            rows: 3,
            columns: 50,
            length: 0,
            segment: 1,
            step: 2,
            leaf: 18,
            element: 137,
            piece: 0,
            round: 0,
            isUnlinked: false
        });
        if (kind == Leaf.BATCH) (plot.rows, plot.columns) = (BATCH, WINDOW_WORDS);
        if (kind == Leaf.BATCH) plot.element = 70;
        if (kind == Leaf.CHAIN || kind == Leaf.MATCH) plot.length = 40;
    }

    function random(string memory name, uint256 index) internal pure returns (bytes32 hash) {
        bytes32 seed = keccak256(bytes(name));
        assembly ("memory-safe") {
            mstore(0, seed)
            mstore(32, index)
            hash := keccak256(0, 64)
        }
    }

    function randoms(string memory name, uint256 count) internal pure returns (bytes32[] memory hashes) {
        hashes = new bytes32[](count);
        for (uint256 i = 0; i < count; ++i) {
            hashes[i] = random(name, i);
        }
    }

    function hashed(bytes32[] memory roots) internal view returns (bytes32[] memory hashes) {
        hashes = new bytes32[](roots.length);
        for (uint256 i = 0; i < roots.length; ++i) {
            hashes[i] = Trees.leaf(roots[i]);
        }
    }

    function blocksOf(uint256 words) internal pure returns (uint256) {
        return (words + 63) / 64;
    }

    /// @dev How many words block `index` of `words` holds.
    function within(uint256 words, uint256 index) internal pure returns (uint256) {
        return words - 64 * index < 64 ? words - 64 * index : 64;
    }

    /// @dev `count` words that are ordinary floats.
    function floats(string memory name, uint256 count) internal pure returns (bytes memory words) {
        for (uint256 i = 0; i < count; ++i) {
            words = bytes.concat(words, little(0x3f000000 | (uint256(random(name, i)) & 0x80ffffff)));
        }
    }

    function little(uint256 word) internal pure returns (bytes4) {
        return bytes4(uint32((word & 0xff) << 24 | (word & 0xff00) << 8 | (word >> 8) & 0xff00 | word >> 24));
    }

    function wordAt(bytes memory words, uint256 index) internal pure returns (uint256 word) {
        for (uint256 i = 4; i > 0; --i) {
            word = word << 8 | uint8(words[4 * index + i - 1]);
        }
    }

    function withWord(bytes memory words, uint256 index, uint256 word) internal pure {
        bytes4 bits = little(word);
        for (uint256 i = 0; i < 4; ++i) {
            words[4 * index + i] = bits[i];
        }
    }

    function encodeOperand(uint32 source, uint64 elements, uint8 dtype, int64 down, int64 across)
        internal
        pure
        returns (bytes memory)
    {
        return abi.encodePacked(uint8(0), uint8(0), source, elements, dtype, uint32(0), int64(0), down, across);
    }

    /// @dev A value of `words` words with one real block: `index`.
    function treeAround(string memory name, uint256 words, uint256 index, bytes memory block_)
        internal
        view
        returns (bytes32 root, bytes32[] memory path)
    {
        bytes32[] memory hashes = randoms(name, blocksOf(words));
        hashes[index] = Trees.leaf(block_);
        return (Trees.root(hashes), Trees.path(hashes, index));
    }

    function build(Plot memory plot) internal returns (World memory world) {
        world.plot = plot;
        buildValue(world);
        buildProgram(world);
        buildTrace(world);
        buildJob(world);
    }

    /// @dev The disputed leaf, what it reads, and the block of its value that holds the disputed word.
    function buildValue(World memory world) private view {
        Plot memory plot = world.plot;
        uint64 elements = uint64(plot.rows) * plot.columns;
        world.words = floats("value", within(elements, plot.element / 64));
        bytes memory head;
        uint256 place = plot.element % 64;
        if (plot.kind == Leaf.GATHER || plot.kind == Leaf.SELECT) {
            buildChoice(world, elements, place);
            return;
        } else if (plot.kind == Leaf.ADD) {
            readBlocks(world, elements, plot.element / 64, elements, plot.element / 64);
            world.truth = Float32.add(wordAt(world.stateWords, place), wordAt(world.operandWords, place));
            head = leafHead(1, 2, 0, plot);
            head = bytes.concat(head, encodeOperand(0, elements, 0, int64(uint64(plot.columns)), 1));
            head = bytes.concat(head, encodeOperand(SLOTS + 2, elements, 0, int64(uint64(plot.columns)), 1));
        } else if (plot.kind == Leaf.CHAIN || plot.kind == Leaf.MATCH) {
            buildChain(world);
            return;
        } else if (plot.kind == Leaf.STEP) {
            world.truth = Float32.itof(FIRST_STEP + plot.segment * plot.segmentSteps + plot.step + 1);
            head = bytes.concat(leafHead(0, 1, 0, plot), encodeOperand(SLOTS + 1, 1, 0, 0, 0));
        } else {
            world.stateWords = floats("dataset", 64);
            uint256 item = itemOf(plot);
            world.truth = wordAt(world.stateWords, item % 64);
            head = leafHead(0, 1, 1, plot);
            head = bytes.concat(head, encodeOperand(SLOTS, elements, 1, int64(uint64(plot.columns)), 1));
        }
        world.encoding = head;
    }

    /// @dev A gather's table is guarded, and its index stands among the earlier value's words; a selection of three
    /// operands reads no block for its constant.
    function buildChoice(World memory world, uint64 elements, uint256 place) private view {
        Plot memory plot = world.plot;
        readBlocks(world, elements, plot.element / 64, elements, plot.element / 64);
        bytes memory second = encodeOperand(SLOTS + 2, elements, 1, int64(uint64(plot.columns)), 1);
        if (plot.kind == Leaf.GATHER) {
            world.truth = wordAt(world.stateWords, 5);
            bytes memory table = abi.encodePacked(uint8(0), uint8(1), uint32(0), elements, uint8(0), uint32(0));
            table = bytes.concat(table, abi.encodePacked(int64(0), int64(0), int64(0)));
            table = bytes.concat(table, abi.encodePacked(int64(0), uint32(1), uint32(elements), int64(1)));
            table = bytes.concat(table, abi.encodePacked(int64(0), int64(0)));
            world.encoding = bytes.concat(leafHead(32, 2, 0, plot), table, second);
        } else {
            world.truth = wordAt(world.operandWords, place);
            bytes memory first = encodeOperand(0, elements, 1, int64(uint64(plot.columns)), 1);
            world.encoding = bytes.concat(leafHead(10, 3, 0, plot), first, second, CONSTANT);
        }
    }

    function leafHead(uint8 op, uint8 operands, uint8 dtype, Plot memory plot) private pure returns (bytes memory) {
        return abi.encodePacked(op, uint8(2), operands, dtype, plot.length, plot.rows, plot.columns);
    }

    function readBlocks(World memory world, uint256 stateSize, uint256 stateBlock, uint256 size, uint256 block_)
        private
        view
    {
        world.stateWords = floats("state", within(stateSize, stateBlock));
        if (world.plot.kind == Leaf.MATCH) {
            withWord(world.stateWords, 3, KEY);
            withWord(world.stateWords, 39, KEY);
        }
        (world.state[0], world.statePath) = treeAround("state blocks", stateSize, stateBlock, world.stateWords);
        world.operandWords = floats("operand", within(size, block_));
        uint256 place = world.plot.element % 64;
        if (world.plot.kind == Leaf.GATHER) withWord(world.operandWords, place, 64 * stateBlock + 5);
        (world.operandRoot, world.operandPath) = treeAround("operand blocks", size, block_, world.operandWords);
    }

    /// @dev Rows of `length` words, padded to whole blocks; every piece but the disputed one is made up.
    function buildChain(World memory world) private view {
        Plot memory plot = world.plot;
        uint256 stride = blocksOf(plot.length) * 64;
        uint256 row = plot.element / plot.columns;
        uint256 column = plot.element % plot.columns;
        uint256 perRow = stride / 64;
        readBlocks(
            world, plot.rows * stride, row * perRow + plot.piece, plot.columns * stride, column * perRow + plot.piece
        );
        bool isMatch = plot.kind == Leaf.MATCH;
        world.encoding = bytes.concat(
            isMatch ? bytes.concat(leafHead(41, 3, 0, plot), CONSTANT) : leafHead(40, 2, 0, plot),
            encodeOperand(0, uint64(plot.rows * stride), 0, int64(uint64(stride)), 0),
            encodeOperand(SLOTS + 2, uint64(plot.columns * stride), 0, 0, int64(uint64(stride)))
        );
        if (isMatch) {
            world.truth = Float32.add(wordAt(world.operandWords, 3), wordAt(world.operandWords, 39));
            return;
        }
        world.before = plot.piece == 0 ? bytes8(0) : bytes8(bytes.concat(little(0), little(0)));
        if (plot.piece > 0) world.before = bytes8((uint64(0x40490fdb) << 32) | 0x3fc90fdb);
        (uint256 total, uint256 acc) = (uint64(world.before) >> 32, uint64(world.before) & 0xffffffff);
        for (uint256 k = 64 * plot.piece; k < 64 * plot.piece + 64 && k < plot.length; ++k) {
            if (k > 0 && k % 256 == 0) (total, acc) = (k == 256 ? acc : Float32.add(total, acc), 0);
            acc = Float32.fma(wordAt(world.stateWords, k % 64), wordAt(world.operandWords, k % 64), acc);
        }
        world.truth = plot.length > 64 ? (total << 32 | acc) : acc;
        if (plot.length <= 64) return;
        buildPieces(world, plot.isLie ? world.truth ^ 1 : world.truth);
    }

    function buildPieces(World memory world, uint256 claimed) private view {
        Plot memory plot = world.plot;
        world.pieces = randoms("pieces", blocksOf(plot.length));
        world.last = bytes8((uint64(0x3f800000) << 32) | 0x3f800000);
        world.pieces[world.pieces.length - 1] = Trees.leaf(bytes.concat(world.last));
        if (plot.piece > 0) world.pieces[plot.piece - 1] = Trees.leaf(bytes.concat(world.before));
        world.pieces[plot.piece] = Trees.leaf(bytes.concat(bytes8(uint64(claimed))));
        if (plot.piece + 1 == world.pieces.length) world.last = bytes8(uint64(claimed));
    }

    function buildProgram(World memory world) private view {
        Plot memory plot = world.plot;
        if (world.operandRoot == 0) world.operandRoot = random("earlier", 0);
        if (world.state[0] == 0) world.state[0] = random("slot", 0);
        world.state[1] = random("slot", 1);
        uint256 claimed = world.truth;
        if (plot.length > 64) {
            (uint256 total, uint256 acc) = (uint64(world.last) >> 32, uint64(world.last) & 0xffffffff);
            claimed = plot.length <= 256 ? acc : Float32.add(total, acc);
        } else if (plot.isLie) {
            claimed ^= 1;
        }
        world.claimedWord = bytes32(claimed);
        withWord(world.words, plot.element % 64, claimed);
        world.blocks = randoms("blocks", blocksOf(uint256(plot.rows) * plot.columns));
        world.blocks[plot.element / 64] = Trees.leaf(world.words);
        world.values = randoms("values", plot.leaves);
        world.values[EARLIER] = Trees.leaf(world.operandRoot);
        world.values[plot.leaf] = Trees.leaf(Trees.root(world.blocks));
        world.program = randoms("program", plot.leaves);
        world.program[plot.leaf] = Trees.leaf(world.encoding);
    }

    function buildTrace(World memory world) private view {
        Plot memory plot = world.plot;
        uint32 segments = (plot.steps + plot.segmentSteps - 1) / plot.segmentSteps;
        world.segments = randoms("segments", segments);
        uint32 steps = plot.steps - plot.segment * plot.segmentSteps;
        world.steps = randoms("steps", steps < plot.segmentSteps ? steps : plot.segmentSteps);
        bytes32 before = Trees.node(Trees.leaf(world.state[0]), Trees.leaf(world.state[1]));
        if (plot.step > 0) world.steps[plot.step - 1] = before;
        else if (plot.segment > 0) world.segments[plot.segment - 1] = before;
        else world.receipt.inputRoot = before;
        // Slot 0 becomes the disputed leaf's value, slot 1 stays as it was.
        world.newState = [plot.isUnlinked ? random("forged", 0) : Trees.root(world.blocks), world.state[1]];
        world.steps[plot.step] = Trees.node(Trees.leaf(world.newState[0]), Trees.leaf(world.newState[1]));
        world.segments[plot.segment] = world.steps[world.steps.length - 1];
    }

    function buildJob(World memory world) private {
        Plot memory plot = world.plot;
        ExactTerms memory terms = world.claim.terms;
        terms.leavesRoot = Trees.root(world.program);
        terms.outputsRoot =
            Trees.node(Trees.leaf(abi.encodePacked(SLOTS + 2 + plot.leaf)), Trees.leaf(abi.encodePacked(uint32(1))));
        terms.stateRoot = world.receipt.inputRoot;
        (terms.leafCount, terms.stateSlots, terms.unitCount) = (plot.leaves, SLOTS, 4);
        (terms.segmentSteps, terms.stepsPerUnit, terms.batch, terms.window) =
        (plot.segmentSteps, plot.steps, BATCH, WINDOW_WORDS);
        (terms.seed, terms.datasetItems) = (7, ITEMS);
        if (plot.kind == Leaf.BATCH) {
            (terms.datasetRoot, world.statePath) =
                treeAround("dataset blocks", ITEMS, itemOf(plot) / 64, world.stateWords);
        }
        world.claim.plan = planOf();
        world.claim.plan.round = plot.round;
        bytes32[] memory units = randoms("units", 4);
        UnitPlan memory plan = world.claim.plan;
        units[0] = Trees.leaf(abi.encodePacked(plan.index, plan.round, plan.shard, plan.shards, plan.firstStep));
        terms.unitsRoot = Trees.root(units);
        world.claim.path = Trees.path(units, 0);
        world.claim.jsonHash = keccak256("json");
        Bid memory bid = makeBid();
        bid.executionClass = ExecutionClass.EXACT;
        bid.specHash = sha256(abi.encodePacked(sha256(abi.encode(terms)), world.claim.jsonHash));
        world.job = commit(openMatched(bid, 3), [uint32(1), 1, 2, 0], [uint32(0), 0, 0, 0]);
        bytes32 inputRoot = world.receipt.inputRoot;
        world.receipt = makeReceipt(idOf(world.job), 0, 0, Trees.root(hashed(world.segments)));
        world.receipt.inputRoot = inputRoot;
        world.receipt.outputRoot = world.segments[world.segments.length - 1];
    }

    function planOf() internal pure returns (UnitPlan memory) {
        return UnitPlan({index: 0, round: 0, shard: 1, shards: 3, firstStep: FIRST_STEP});
    }

    /// @dev Where the batch's disputed word lies in the dataset, as market/protocol/specs.py draws it.
    function itemOf(Plot memory plot) internal pure returns (uint256) {
        UnitPlan memory plan = planOf();
        uint256 low = plan.shard * ITEMS / plan.shards;
        uint256 room = (plan.shard + 1) * ITEMS / plan.shards - low - WINDOW_WORDS + 1;
        uint64 step = plot.segment * plot.segmentSteps + plot.step;
        uint64 row = uint64(plot.element / WINDOW_WORDS);
        bytes32 digest = sha256(abi.encodePacked(uint64(7), uint64(plan.index), step, row));
        return low + uint64(bytes8(digest)) % room + plot.element % WINDOW_WORDS;
    }
}
