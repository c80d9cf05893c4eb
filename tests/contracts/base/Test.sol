// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Vm} from "forge-std/Vm.sol";

/// @notice The cheatcodes that forge has and npm's forge-std does not declare yet.
interface Cheats is Vm {
    struct Gas {
        uint64 gasLimit;
        uint64 gasTotalUsed;
        uint64 gasMemoryUsed;
        int64 gasRefunded;
        uint64 gasRemaining;
    }

    function assertEq(uint256 left, uint256 right, string calldata claim) external pure;
    function assertEq(address left, address right, string calldata claim) external pure;
    function assertEq(bytes32 left, bytes32 right, string calldata claim) external pure;
    function assertTrue(bool condition, string calldata claim) external pure;
    function computeCreateAddress(address deployer, uint256 nonce) external pure returns (address);
    function deployCode(string calldata artifact, bytes calldata arguments) external returns (address);
    function expectCall(address callee, bytes calldata data, uint64 count) external;
    function expectEmit(address emitter) external;
    function expectPartialRevert(bytes4 selector) external;
    function lastCallGas() external view returns (Gas memory);
    function parseJsonBytes(string calldata json, string calldata key) external pure returns (bytes memory);
    function parseJsonBytes32(string calldata json, string calldata key) external pure returns (bytes32);
    function parseJsonUint(string calldata json, string calldata key) external pure returns (uint256);
    function parseJsonAddress(string calldata json, string calldata key) external pure returns (address);
    function parseJsonKeys(string calldata json, string calldata key) external pure returns (string[] memory);
    function readFile(string calldata path) external view returns (string memory);
    function snapshotGasLastCall(string calldata group, string calldata name) external returns (uint256);
    function snapshotValue(string calldata group, string calldata name, uint256 value) external;
    function revertToState(uint256 state) external returns (bool);
    function snapshotState() external returns (uint256 state);
    function toString(uint256 value) external pure returns (string memory);
}

/// @notice A key pair with a name that shows in traces.
struct Actor {
    address addr;
    uint256 key;
}

/// @notice What every test stands on: cheatcodes, assertions that say what they claim, and actors.
abstract contract Test {
    Cheats internal constant vm = Cheats(address(uint160(uint256(keccak256("hevm cheat code")))));

    function makeActor(string memory name) internal returns (Actor memory actor) {
        actor.key = uint256(keccak256(bytes(name)));
        actor.addr = vm.addr(actor.key);
        vm.label(actor.addr, name);
    }

    function signed(Actor memory actor, bytes32 digest) internal returns (bytes memory) {
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(actor.key, digest);
        return abi.encodePacked(r, s, v);
    }

    /// @dev A value bent into [min, max], so that no fuzzed input is wasted.
    function bent(uint256 value, uint256 min, uint256 max) internal pure returns (uint256) {
        return min + value % (max - min + 1);
    }

    function skip(uint256 seconds_) internal {
        vm.warp(block.timestamp + seconds_);
    }

    function mine(uint256 blocks) internal {
        vm.roll(block.number + blocks);
    }

    function assertEq(uint256 left, uint256 right, string memory claim) internal pure {
        vm.assertEq(left, right, claim);
    }

    function assertEq(address left, address right, string memory claim) internal pure {
        vm.assertEq(left, right, claim);
    }

    function assertEq(bytes32 left, bytes32 right, string memory claim) internal pure {
        vm.assertEq(left, right, claim);
    }

    function assertTrue(bool condition, string memory claim) internal pure {
        vm.assertTrue(condition, claim);
    }
}
