// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Court} from "tests/base/Court.sol";

/// @notice Calls that may fail, and why they did: an attack that is refused for another reason than the one that its test is
/// about proves nothing.
abstract contract Attempts is Court {
    function reaches(address target, bytes memory data) internal returns (bool isDone) {
        (isDone,) = target.call(data);
    }

    function assertRefused(address target, bytes memory data, bytes4 reason, string memory claim) internal {
        (bool isDone, bytes memory answer) = target.call(data);
        assertTrue(!isDone, claim);
        assertEq(bytes32(bytes4(answer)), bytes32(reason), string.concat(claim, ": the reason"));
    }
}
