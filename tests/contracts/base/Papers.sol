// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Acceptance, Bid, Extension, Receipt} from "commonwatt/types/Documents.sol";

/// @notice What people sign, written out from EIP-712's definition. A twin that asks no contract, so that it can stand
/// between a cheatcode and the call that the cheatcode is for.
library Papers {
    function digest(address verifier, bytes32 structHash) internal view returns (bytes32) {
        bytes32 domain = keccak256(
            abi.encode(
                keccak256("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"),
                keccak256("Commonwatt"),
                keccak256("1"),
                block.chainid,
                verifier
            )
        );
        return keccak256(abi.encodePacked("\x19\x01", domain, structHash));
    }

    function hashOf(Bid memory bid) internal pure returns (bytes32) {
        bytes32 typeHash = keccak256(
            "Bid(address buyer,address payer,address operator,bytes32 specHash,uint32 units,uint32 maxAudits,"
            "uint64 unitGigaflops,uint128 maxUnitPriceWei,uint128 bondWei,uint8 executionClass,"
            "uint32 challengeWindowSeconds,uint64 deadline,uint64 expiry,uint256 nonce)"
        );
        return keccak256(abi.encode(typeHash, bid));
    }

    function hashOf(Receipt memory receipt) internal pure returns (bytes32) {
        bytes32 typeHash = keccak256(
            "Receipt(bytes32 jobId,uint8 kind,uint32 unit,uint32 attempt,address provider,address worker,"
            "bytes32 inputRoot,bytes32 outputRoot,bytes32 traceRoot,bytes32 artifact,bytes32 fingerprint,"
            "uint128 priceWei,uint64 steps,uint64 startedAt,uint64 finishedAt,uint64 millijoules,uint8 energySource)"
        );
        return keccak256(abi.encode(typeHash, receipt));
    }

    function hashOf(Extension memory extension) internal pure returns (bytes32) {
        bytes32 typeHash =
            keccak256("Extension(bytes32 jobId,uint32 revision,uint32 units,uint32 maxAudits,uint64 deadline)");
        return keccak256(abi.encode(typeHash, extension));
    }

    function hashOf(Acceptance memory acceptance) internal pure returns (bytes32) {
        bytes32 typeHash = keccak256("Acceptance(bytes32 receiptDigest,uint32 units,uint32 audits)");
        return keccak256(abi.encode(typeHash, acceptance));
    }

    function hashOfCancel(bytes32 jobId) internal pure returns (bytes32) {
        return keccak256(abi.encode(keccak256("Cancel(bytes32 jobId)"), jobId));
    }

    function hashOfSponsorship(bytes32 jobId) internal pure returns (bytes32) {
        return keccak256(abi.encode(keccak256("Sponsorship(bytes32 jobId)"), jobId));
    }
}
