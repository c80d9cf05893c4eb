// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// @notice Draws from a pool without replacement: a Fisher-Yates shuffle that writes only the places it visits.
library Sortition {
    /// @dev A shuffle under way. `places[k]` now holds what stood at `moved[k]`; every other place is untouched.
    struct Shuffle {
        bytes32 seed;
        uint256 left;
        uint256 moves;
        uint256[] places;
        uint256[] moved;
    }

    function begin(bytes32 seed, uint256 poolSize, uint256 maxSteps) internal pure returns (Shuffle memory shuffle) {
        shuffle.seed = seed;
        shuffle.left = poolSize;
        shuffle.places = new uint256[](maxSteps);
        shuffle.moved = new uint256[](maxSteps);
    }

    /// @notice Whether there is an index left to draw and room to remember it.
    function hasNext(Shuffle memory shuffle) internal pure returns (bool) {
        return shuffle.left > 0 && shuffle.moves < shuffle.places.length;
    }

    /// @notice The next index, never one drawn before. The caller asks `hasNext` first.
    /// @dev The bias of `%` is below 2^-200 for any pool that fits a chain.
    function next(Shuffle memory shuffle) internal pure returns (uint256 index) {
        uint256 place = uint256(keccak256(abi.encode(shuffle.seed, shuffle.left))) % shuffle.left;
        shuffle.left -= 1;
        index = _at(shuffle, place);
        // The last place that is left moves into the hole.
        shuffle.places[shuffle.moves] = place;
        shuffle.moved[shuffle.moves] = _at(shuffle, shuffle.left);
        shuffle.moves += 1;
    }

    function _at(Shuffle memory shuffle, uint256 place) private pure returns (uint256) {
        for (uint256 k = shuffle.moves; k > 0; --k) {
            if (shuffle.places[k - 1] == place) return shuffle.moved[k - 1];
        }
        return place;
    }
}
