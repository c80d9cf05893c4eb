// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Float32} from "commonwatt/libraries/Float32.sol";
import {Cheats, Test} from "tests/base/Test.sol";

interface Files is Cheats {
    function envOr(string calldata name, string calldata otherwise) external view returns (string memory);
    function envOr(string calldata name, uint256 otherwise) external view returns (uint256);
    function readFileBinary(string calldata path) external view returns (bytes memory);
}

/// @notice Float32.sol against the processor. Python makes the cases and asks the hardware (tests/unit/exact_judge/
/// float32_cases.py): those of tests/vectors/float32.json always, and a folder of them when it names one.
contract Float32HardwareTest is Test {
    Files private constant files = Files(address(vm));

    event log(string message);

    function test_no_case_differs_from_the_hardware() external {
        uint256 count = files.envOr("FLOAT32_FILES", uint256(0));
        string memory folder = files.envOr("FLOAT32_FOLDER", string(""));
        uint256 cases;
        uint256 mismatches;
        for (uint256 i = 0; i < count; ++i) {
            // In a call of its own, whose memory is gone afterwards.
            string memory path = string.concat(folder, "/", vm.toString(i), ".bin");
            (uint256 more, uint256 wrong) = this.judgeFile(path);
            (cases, mismatches) = (cases + more, mismatches + wrong);
        }
        if (count == 0) (cases, mismatches) = this.judgeVectors();
        emit log(string.concat("float32 cases: ", vm.toString(cases), " mismatches: ", vm.toString(mismatches)));
        assertEq(mismatches, 0, "float32 differs from the hardware");
        assertTrue(cases > 0, "there are cases");
    }

    function judgeFile(string calldata path) external returns (uint256, uint256) {
        return judge(files.readFileBinary(path));
    }

    function judgeVectors() external returns (uint256, uint256) {
        return judge(vm.parseJsonBytes(vm.readFile("../tests/vectors/float32.json"), ".cases"));
    }

    /// @dev Every case is five words of 4 bytes: operation, a, b, c, expected.
    function judge(bytes memory packed) private returns (uint256 cases, uint256 mismatches) {
        cases = packed.length / 20;
        for (uint256 i = 0; i < cases; ++i) {
            uint256 row;
            assembly ("memory-safe") {
                row := shr(96, mload(add(add(packed, 32), mul(i, 20))))
            }
            if (perform(row >> 128, uint32(row >> 96), uint32(row >> 64), uint32(row >> 32)) != uint32(row)) {
                if (mismatches < 5) emit log(string.concat("differs: ", vm.toString(row)));
                ++mismatches;
            }
        }
    }

    function perform(uint256 operation, uint256 a, uint256 b, uint256 c) private pure returns (uint256) {
        if (operation == 0) return Float32.fma(a, b, c);
        if (operation == 1) return Float32.add(a, b);
        if (operation == 2) return Float32.sub(a, b);
        if (operation == 3) return Float32.mul(a, b);
        if (operation == 4) return Float32.div(a, b);
        if (operation == 5) return Float32.sqrt(a);
        if (operation == 6) return Float32.lt(a, b);
        if (operation == 7) return Float32.le(a, b);
        if (operation == 8) return Float32.eq(a, b);
        if (operation == 9) return Float32.itof(a);
        assertEq(operation, 10, "an operation we know");
        return Float32.ftoi(a);
    }
}
