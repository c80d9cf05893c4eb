// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IGames} from "../interfaces/IGames.sol";
import {Level, Side} from "../types/Words.sol";

/// @dev The first slot of an IGames.Game: level | mover << 8 | deadline << 16 | lo << 80 | count << 112 | total << 144 |
/// word << 176 | verdict << 184.
type Turn is uint256;

using Turns for Turn global;

/// @notice Reads and writes what changes with every move of a game at once: field by field it would be read a dozen times.
library Turns {
    uint256 private constant PLACE = 0xffffffff; // of the fields lo, count and total
    uint256 private constant WORD = 0xff << 176;
    uint256 private constant CLOCK = 0xffffffffffffffffff << 8; // mover and deadline

    function read(IGames.Game storage game) internal view returns (Turn turn) {
        assembly ("memory-safe") {
            turn := sload(game.slot)
        }
    }

    function keep(Turn turn, IGames.Game storage game) internal {
        assembly ("memory-safe") {
            sstore(game.slot, turn)
        }
    }

    /// @notice The top of a new tree of `total` leaves; the word that was picked above it stays.
    function entered(Turn turn, Level to, uint256 total) internal pure returns (Turn) {
        return Turn.wrap((Turn.unwrap(turn) & WORD) | uint256(to) | total << 112 | total << 144);
    }

    /// @notice The same node on the other side's clock.
    function passed(Turn turn, Side to, uint64 until) internal pure returns (Turn) {
        return Turn.wrap((Turn.unwrap(turn) & ~CLOCK) | uint256(to) << 8 | uint256(until) << 16);
    }

    /// @notice A node further down, with its first leaf and how many it has.
    function narrowed(Turn turn, uint256 first, uint256 leaves) internal pure returns (Turn) {
        uint256 rest = Turn.unwrap(turn) & ~(PLACE << 80 | PLACE << 112);
        return Turn.wrap(rest | first << 80 | leaves << 112);
    }

    function isOf(Turn turn, Side side, Level place) internal pure returns (bool) {
        return Turn.unwrap(turn) & 0xffff == uint256(place) | uint256(side) << 8;
    }

    function level(Turn turn) internal pure returns (Level) {
        return Level(Turn.unwrap(turn) & 0xff);
    }

    function mover(Turn turn) internal pure returns (Side) {
        return Side((Turn.unwrap(turn) >> 8) & 0xff);
    }

    function deadline(Turn turn) internal pure returns (uint64) {
        return uint64(Turn.unwrap(turn) >> 16);
    }

    function lo(Turn turn) internal pure returns (uint256) {
        return (Turn.unwrap(turn) >> 80) & PLACE;
    }

    function count(Turn turn) internal pure returns (uint32) {
        return uint32(Turn.unwrap(turn) >> 112);
    }
}
