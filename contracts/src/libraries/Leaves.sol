// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Errors} from "./Errors.sol";

/// @notice Reads a leaf of an exact program from its bytes, and says which word an operand reads for one element of the
/// leaf's value. The twin of `market/protocol/exact/encoding.py`. Whether a leaf is sound beside the others (types, sizes
/// of what it reads) was for the buyer and the workers to check; here only its own bytes can mislead nobody.
library Leaves {
    uint256 internal constant VALUE = 0;
    uint256 internal constant CONSTANT = 1;
    uint256 internal constant INDEX = 2;
    uint256 internal constant GATHER = 32;
    uint256 internal constant CHAIN = 40;
    uint256 internal constant MATCH = 41;
    uint256 internal constant BLOCK_WORDS = 64;
    /// @dev Four bits for each operation code: how many operands it takes, 0 where there is no such operation.
    uint256 private constant ARITIES = 0x320000000200000022222222220111132221322221;
    uint256 private constant MAX_DIMENSIONS = 8;
    uint256 private constant MAX_GUARDS = 4;

    /// @dev What every judgement needs of a leaf. `starts` is where each operand begins, in the whole calldata.
    struct Head {
        uint256 operation;
        uint256 dimensions;
        uint256 operands;
        uint256 wordType;
        uint256 length;
        uint256 elements;
        uint256 sizes; // where the sizes begin, in the whole calldata
        uint256[3] starts;
    }

    /// @dev What an operand reads: word `linear` of value `source` when `isRead`, else `word` itself.
    struct Place {
        bool isRead;
        uint256 word;
        uint256 source;
        uint256 elements;
        uint256 linear;
    }

    /// @notice The head of a leaf whose every field has been checked against the bytes there are.
    function read(bytes calldata leaf) internal pure returns (Head memory head) {
        uint256 start;
        assembly ("memory-safe") {
            start := leaf.offset
        }
        if (leaf.length < 8) revert Errors.Leaves_WrongSize(leaf.length, 8);
        uint256 fields = _unsigned(start, 8);
        (head.operation, head.dimensions) = (fields >> 56, (fields >> 48) & 0xff);
        (head.operands, head.wordType, head.length) = ((fields >> 40) & 0xff, (fields >> 32) & 0xff, uint32(fields));
        uint256 arity = head.operation < 64 ? (ARITIES >> (4 * head.operation)) & 0xf : 0;
        if (arity == 0 || arity != head.operands) revert Errors.Leaves_WrongOperation(head.operation, head.operands);
        if (head.dimensions > MAX_DIMENSIONS) revert Errors.Leaves_TooManyDimensions(head.dimensions);
        if (head.wordType > 1) revert Errors.Leaves_UnknownType(head.wordType);
        if ((head.length > 0) != (head.operation >= CHAIN)) {
            revert Errors.Leaves_WrongLength(head.operation, head.length);
        }
        head.sizes = start + 8;
        _readSizes(head, start + leaf.length);
        uint256 cursor = head.sizes + 4 * head.dimensions;
        for (uint256 i = 0; i < arity; ++i) {
            head.starts[i] = cursor;
            cursor = _skip(head, i, cursor, start + leaf.length);
        }
        if (cursor != start + leaf.length) revert Errors.Leaves_WrongSize(leaf.length, cursor - start);
    }

    /// @notice The coordinates of one element of the leaf's value, outermost first.
    function coordinates(Head memory head, uint256 index) internal pure returns (uint256[] memory place) {
        if (index >= head.elements) revert Errors.Leaves_NoElement(index, head.elements);
        place = new uint256[](head.dimensions);
        unchecked {
            for (uint256 j = head.dimensions; j > 0; --j) {
                uint256 size = _unsigned(head.sizes + 4 * (j - 1), 4);
                (place[j - 1], index) = (index % size, index / size);
            }
        }
    }

    /// @notice What an operand reads at these coordinates. `nudge` moves a gather's table and is 0 for everything else.
    function resolve(Head memory head, uint256 operand, uint256[] memory place, int256 nudge)
        internal
        pure
        returns (Place memory found)
    {
        uint256 cursor = head.starts[operand];
        uint256 kind = _unsigned(cursor, 1);
        if (kind == CONSTANT) {
            found.word = _unsigned(cursor + 1, 4);
            return found;
        }
        unchecked {
            int256 linear = _signed(cursor + 19) + _dot(cursor + 27, place);
            uint256 guards = _unsigned(cursor + 1, 1);
            uint256 guard = cursor + 27 + 8 * head.dimensions;
            for (uint256 g = 0; g < guards; ++g) {
                (bool isInside, int256 step) = _guard(operand, guard, place, nudge);
                if (!isInside) {
                    found.word = _unsigned(cursor + 15, 4);
                    return found;
                }
                linear += step;
                nudge = 0;
                guard += 24 + 8 * head.dimensions;
            }
            if (kind == INDEX) {
                found.word = uint256(linear) & 0xffffffff;
                return found;
            }
            found.isRead = true;
            (found.source, found.elements) = (_unsigned(cursor + 2, 4), _unsigned(cursor + 6, 8));
            if (linear < 0 || uint256(linear) >= found.elements) {
                revert Errors.Leaves_OutsideSource(operand, linear, found.elements);
            }
            found.linear = uint256(linear);
        }
    }

    /// @dev t = base + coefficients * coordinates must be a multiple of the divisor, and the quotient in [0, size).
    function _guard(uint256 operand, uint256 guard, uint256[] memory place, int256 nudge)
        private
        pure
        returns (bool isInside, int256 step)
    {
        uint256 divisor = _unsigned(guard + 8, 4);
        if (divisor == 0) revert Errors.Leaves_ZeroDivisor(operand);
        unchecked {
            int256 t = _signed(guard) + _dot(guard + 24, place) + nudge;
            if (t < 0 || uint256(t) % divisor != 0) return (false, 0);
            uint256 quotient = uint256(t) / divisor;
            isInside = quotient < _unsigned(guard + 12, 4);
            step = int256(quotient) * _signed(guard + 16);
        }
    }

    function _readSizes(Head memory head, uint256 end) private pure {
        uint256 cursor = head.sizes;
        if (cursor + 4 * head.dimensions > end) {
            revert Errors.Leaves_WrongSize(end + 8 - cursor, 8 + 4 * head.dimensions);
        }
        uint256 elements = 1;
        unchecked {
            // Eight sizes of 32 bits cannot leave 256.
            for (uint256 j = 0; j < head.dimensions; ++j) {
                elements *= _unsigned(cursor + 4 * j, 4);
            }
        }
        head.elements = elements;
    }

    /// @dev Checks the operand that begins at `cursor` and returns where the next one does.
    function _skip(Head memory head, uint256 operand, uint256 cursor, uint256 end) private pure returns (uint256 next) {
        uint256 guards;
        uint256 kind = cursor < end ? _unsigned(cursor, 1) : CONSTANT;
        if (kind > INDEX) revert Errors.Leaves_UnknownKind(operand, kind);
        next = cursor + 5;
        if (kind != CONSTANT) {
            next = cursor + 27 + 8 * head.dimensions;
            if (next <= end) {
                guards = _unsigned(cursor + 1, 1);
                uint256 wordType = _unsigned(cursor + 14, 1);
                if (wordType > 1) revert Errors.Leaves_UnknownType(wordType);
            }
            bool isTable = head.operation == GATHER && operand == 0;
            if (guards > MAX_GUARDS || (isTable && guards == 0 && next <= end)) {
                revert Errors.Leaves_WrongGuards(operand, guards);
            }
            bool isRow = head.operation == CHAIN || (head.operation == MATCH && operand > 0);
            if (isRow && (kind == INDEX || guards > 0)) revert Errors.Leaves_UnsoundRow(operand);
            next += guards * (24 + 8 * head.dimensions);
        }
        if (next > end) revert Errors.Leaves_WrongSize(end + 8 - head.sizes, next + 8 - head.sizes);
    }

    /// @dev The sum of eight-byte factors times coordinates.
    function _dot(uint256 cursor, uint256[] memory place) private pure returns (int256 sum) {
        assembly ("memory-safe") {
            let from := add(place, 32)
            for { let end := add(from, shl(5, mload(place))) } lt(from, end) { from := add(from, 32) } {
                sum := add(sum, mul(signextend(7, shr(192, calldataload(cursor))), mload(from)))
                cursor := add(cursor, 8)
            }
        }
    }

    function _unsigned(uint256 cursor, uint256 size) private pure returns (uint256 value) {
        assembly ("memory-safe") {
            value := shr(sub(256, shl(3, size)), calldataload(cursor))
        }
    }

    function _signed(uint256 cursor) private pure returns (int256 value) {
        assembly ("memory-safe") {
            value := signextend(7, shr(192, calldataload(cursor)))
        }
    }
}
