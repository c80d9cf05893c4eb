// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Opening} from "../types/Exact.sol";
import {Chains} from "./Chains.sol";
import {Errors} from "./Errors.sol";
import {Float32} from "./Float32.sol";
import {Leaves} from "./Leaves.sol";
import {Merkle} from "./Merkle.sol";

/// @notice What one element of one leaf is, or 64 multiply-adds of a chain, given the words that the leaf reads. The twin
/// of `market/protocol/exact/judge.py`. Words are opened under the value roots that the caller has bound to the leaf's
/// operands; where a value has no root (batch and step) the caller establishes the word itself.
/// @dev Reads nothing but its arguments: there is no state, no sender and no clock in here.
library Judge {
    /// @dev Marks a word that the caller has established: `known[i] = ESTABLISHED | word`, 0 where there is none.
    uint256 internal constant ESTABLISHED = 1 << 32;
    uint256 private constant BLOCK = 64;
    uint256 private constant CHUNK = 256;
    uint256 private constant LANES = 0x0000000100000001000000010000000100000001000000010000000100000001;

    /// @notice What is put before the judge: one element of one leaf, and what its operands read.
    /// @param place the element's coordinates
    /// @param roots the value root of every operand that reads a value
    /// @param known words that the caller has established
    /// @param count multiply-adds in the piece
    struct Question {
        Leaves.Head head;
        uint256[] place;
        bytes32[3] roots;
        uint256[3] known;
        uint256 piece;
        uint256 count;
    }

    /// @notice A question with nothing established yet.
    function ask(Leaves.Head memory head, uint256 index, bytes32[3] memory roots, uint256 openings)
        internal
        pure
        returns (Question memory asked)
    {
        if (openings != head.operands) revert Errors.Judge_WrongOpenings(openings, head.operands);
        asked.head = head;
        asked.place = Leaves.coordinates(head, index);
        asked.roots = roots;
    }

    /// @notice The word of an element of a leaf that is no chain.
    /// @param openings one per operand, each the block that holds its word; empty where nothing is opened.
    function element(Question memory asked, Opening[] calldata openings) internal view returns (uint256 word) {
        uint256 operation = asked.head.operation;
        if (operation >= Leaves.CHAIN) revert Errors.Judge_NoPiece(operation, 0, asked.head.length);
        if (operation == Leaves.GATHER) {
            int256 nudge = int256(int32(uint32(_word(asked, 1, 0, openings))));
            word = _word(asked, 0, nudge, openings);
        } else if (operation == 10) {
            // Of the two choices only the one that is taken needs an opening.
            word = _word(asked, _word(asked, 0, 0, openings) != 0 ? 1 : 2, 0, openings);
        } else {
            uint256 a = _word(asked, 0, 0, openings);
            uint256 b = asked.head.operands > 1 ? _word(asked, 1, 0, openings) : 0;
            uint256 c = asked.head.operands > 2 ? _word(asked, 2, 0, openings) : 0;
            word = operation < 16 ? _float(operation, a, b, c) : _integer(operation, a, b);
        }
        if (asked.head.wordType == 0) word = Float32.canonical(word);
    }

    /// @notice The state of a chain after piece `piece` (64 multiply-adds, or what is left), from that before it.
    /// @param total the sum of the finished chunks, folded lazily: `acc` joins it at the start of the next chunk.
    /// @param openings one per operand: block start / 64 + piece of a row, the block of a key's word, else empty.
    function chainPiece(Question memory asked, uint256 piece, uint256 total, uint256 acc, Opening[] calldata openings)
        internal
        view
        returns (uint256, uint256)
    {
        Leaves.Head memory head = asked.head;
        if (head.operation < Leaves.CHAIN || piece >= pieces(head.length)) {
            revert Errors.Judge_NoPiece(head.operation, piece, head.length);
        }
        (asked.piece, asked.count) = (piece, head.length - piece * BLOCK);
        if (asked.count > BLOCK) asked.count = BLOCK;
        if (piece == 0) {
            (total, acc) = (0, 0);
        } else if (piece % (CHUNK / BLOCK) == 0) {
            (total, acc) = (piece == CHUNK / BLOCK ? acc : Float32.add(total, acc), 0);
        }
        return (total, _piece(asked, openings, acc));
    }

    /// @notice How many pieces a chain of `length` multiply-adds has.
    function pieces(uint256 length) internal pure returns (uint256) {
        return (length + BLOCK - 1) / BLOCK;
    }

    /// @notice The word of a chain whose state after its last multiply-add is (total, acc).
    function chainWord(uint256 length, uint256 total, uint256 acc) internal pure returns (uint256) {
        return length <= CHUNK ? acc : Float32.add(total, acc);
    }

    /// @dev The word that an operand reads: of its fill or constant, established, or opened.
    function _word(Question memory asked, uint256 operand, int256 nudge, Opening[] calldata openings)
        private
        view
        returns (uint256 word)
    {
        Leaves.Place memory found = Leaves.resolve(asked.head, operand, asked.place, nudge);
        if (!found.isRead) return found.word;
        if (asked.known[operand] != 0) return asked.known[operand] & 0xffffffff;
        uint256 number = found.linear / BLOCK;
        bytes memory words = _open(openings[operand], found.elements, number, asked.roots[operand], operand);
        return Chains.wordAt(words, found.linear % BLOCK);
    }

    /// @dev The multiply-adds of one piece, upon the accumulator before it.
    function _piece(Question memory asked, Opening[] calldata openings, uint256 acc) private view returns (uint256) {
        if (asked.head.operation == Leaves.CHAIN) {
            return Chains.run(_row(asked, 0, openings), _row(asked, 1, openings), asked.count, acc);
        }
        uint256 key = _word(asked, 0, 0, openings);
        return _match(key, _row(asked, 1, openings), _row(asked, 2, openings), asked.count, acc);
    }

    /// @dev The piece's words of a row, little-endian as they were hashed; a constant row is one word over and over.
    function _row(Question memory asked, uint256 operand, Opening[] calldata openings)
        private
        view
        returns (bytes memory words)
    {
        Leaves.Place memory found = Leaves.resolve(asked.head, operand, asked.place, 0);
        if (found.isRead) {
            if (found.linear % BLOCK != 0) revert Errors.Leaves_UnsoundRow(operand);
            uint256 number = found.linear / BLOCK + asked.piece;
            words = _open(openings[operand], found.elements, number, asked.roots[operand], operand);
            if (words.length < 4 * asked.count) revert Errors.Judge_BadOpening(operand);
        } else {
            words = new bytes(4 * BLOCK);
            uint256 eight = Chains.swapped(found.word * LANES);
            assembly ("memory-safe") {
                for { let at := 32 } lt(at, 288) { at := add(at, 32) } { mstore(add(words, at), eight) }
            }
        }
    }

    /// @dev A block whose length is what its place calls for and whose hash stands there under the value's root.
    function _open(Opening calldata opening, uint256 elements, uint256 number, bytes32 root, uint256 operand)
        private
        view
        returns (bytes memory words)
    {
        words = opening.words;
        uint256 wanted = elements > number * BLOCK ? elements - number * BLOCK : 0;
        if (wanted > BLOCK) wanted = BLOCK;
        bool isThere = wanted > 0 && words.length == 4 * wanted
            && Merkle.verify(Merkle.leafHash(words), number, pieces(elements), opening.path, root);
        if (!isThere) revert Errors.Judge_BadOpening(operand);
    }

    function _match(uint256 key, bytes memory keys, bytes memory words, uint256 count, uint256 acc)
        private
        pure
        returns (uint256)
    {
        unchecked {
            uint256 a;
            uint256 b;
            for (uint256 k = 0; k < count; ++k) {
                if (k & 7 == 0) {
                    (a, b) = (Chains.swapped(Chains.eightAt(keys, k)), Chains.swapped(Chains.eightAt(words, k)));
                }
                if (a >> 224 == key) acc = Float32.add(acc, b >> 224);
                (a, b) = (a << 32, b << 32);
            }
        }
        return acc;
    }

    /// @dev Operations 0 to 14, as market/protocol/exact/leaf.py numbers them; SELECT is not among them here.
    function _float(uint256 operation, uint256 a, uint256 b, uint256 c) private pure returns (uint256) {
        if (operation == 0 || operation == 14) return a;
        if (operation == 1) return Float32.add(a, b);
        if (operation == 2) return Float32.sub(a, b);
        if (operation == 3) return Float32.mul(a, b);
        if (operation == 4) return Float32.div(a, b);
        if (operation == 5) return Float32.fma(a, b, c);
        if (operation == 6) return Float32.sqrt(a);
        if (operation == 7) return Float32.lt(a, b);
        if (operation == 8) return Float32.le(a, b);
        if (operation == 9) return Float32.eq(a, b);
        if (operation == 11) return Float32.itof(a);
        if (operation == 12) return Float32.ftoi(a);
        return Float32.canonical(a);
    }

    /// @dev Operations 16 to 25, which wrap. Leaves.read lets no other number through.
    function _integer(uint256 operation, uint256 a, uint256 b) private pure returns (uint256) {
        unchecked {
            if (operation == 16) return uint32(a + b);
            if (operation == 17) return uint32(a - b);
            if (operation == 18) return uint32(a * b);
            if (operation == 19) return a & b;
            if (operation == 20) return a | b;
            if (operation == 21) return a ^ b;
            if (operation == 22) return uint32(a << (b & 31));
            if (operation == 23) return uint32(int32(uint32(a)) >> (b & 31));
            if (operation == 24) return int32(uint32(a)) < int32(uint32(b)) ? 1 : 0;
            return a == b ? 1 : 0;
        }
    }
}
