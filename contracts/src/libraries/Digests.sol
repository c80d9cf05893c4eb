// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {SignatureChecker} from "@openzeppelin/contracts/utils/cryptography/SignatureChecker.sol";
import {Acceptance, Bid, Extension, Offer, Receipt} from "../types/Documents.sol";

/// @notice What is hashed and who signed it. The type strings are those of `market/protocol/typed.py`; enums are uint8.
library Digests {
    bytes32 internal constant BID_TYPEHASH = keccak256(
        "Bid(address buyer,address payer,address operator,bytes32 specHash,uint32 units,uint32 maxAudits,"
        "uint64 unitGigaflops,uint128 maxUnitPriceWei,uint128 bondWei,uint8 executionClass,uint32 challengeWindowSeconds,uint64 deadline,"
        "uint64 expiry,uint256 nonce)"
    );
    bytes32 internal constant OFFER_TYPEHASH = keccak256(
        "Offer(address provider,address worker,uint128 priceWeiPerGigaflop,bytes32 fingerprint,bytes32 factsHash,"
        "uint64 validUntil,uint64 nonce)"
    );
    bytes32 internal constant RECEIPT_TYPEHASH = keccak256(
        "Receipt(bytes32 jobId,uint8 kind,uint32 unit,uint32 attempt,address provider,address worker,"
        "bytes32 inputRoot,bytes32 outputRoot,bytes32 traceRoot,bytes32 artifact,bytes32 fingerprint,uint128 priceWei,"
        "uint64 steps,uint64 startedAt,uint64 finishedAt,uint64 millijoules,uint8 energySource)"
    );
    bytes32 internal constant CANCEL_TYPEHASH = keccak256("Cancel(bytes32 jobId)");
    bytes32 internal constant SPONSORSHIP_TYPEHASH = keccak256("Sponsorship(bytes32 jobId)");
    bytes32 internal constant EXTENSION_TYPEHASH =
        keccak256("Extension(bytes32 jobId,uint32 revision,uint32 units,uint32 maxAudits,uint64 deadline)");
    bytes32 internal constant ACCEPTANCE_TYPEHASH =
        keccak256("Acceptance(bytes32 receiptDigest,uint32 units,uint32 audits)");

    // A struct of static fields lies in calldata in the same words as EIP-712's encodeData, so each hash is one copy. A
    // field with bits past its type gives a digest that nobody signed, and is refused when it is read.

    function structHash(Bid calldata bid) internal pure returns (bytes32 hash) {
        bytes32 typeHash = BID_TYPEHASH;
        assembly ("memory-safe") {
            let free := mload(0x40)
            mstore(free, typeHash)
            calldatacopy(add(free, 32), bid, 448)
            hash := keccak256(free, 480)
        }
    }

    function structHash(Offer calldata offer) internal pure returns (bytes32 hash) {
        bytes32 typeHash = OFFER_TYPEHASH;
        assembly ("memory-safe") {
            let free := mload(0x40)
            mstore(free, typeHash)
            calldatacopy(add(free, 32), offer, 224)
            hash := keccak256(free, 256)
        }
    }

    function structHash(Receipt calldata receipt) internal pure returns (bytes32 hash) {
        bytes32 typeHash = RECEIPT_TYPEHASH;
        assembly ("memory-safe") {
            let free := mload(0x40)
            mstore(free, typeHash)
            calldatacopy(add(free, 32), receipt, 544)
            hash := keccak256(free, 576)
        }
    }

    function cancelStructHash(bytes32 jobId) internal pure returns (bytes32) {
        return keccak256(abi.encode(CANCEL_TYPEHASH, jobId));
    }

    function structHash(Extension memory extension) internal pure returns (bytes32) {
        return keccak256(abi.encode(EXTENSION_TYPEHASH, extension));
    }

    function structHash(Acceptance memory acceptance) internal pure returns (bytes32) {
        return keccak256(abi.encode(ACCEPTANCE_TYPEHASH, acceptance));
    }

    function sponsorshipStructHash(bytes32 jobId) internal pure returns (bytes32) {
        return keccak256(abi.encode(SPONSORSHIP_TYPEHASH, jobId));
    }

    /// @notice Whether `signer` signed `digest`, as a key pair or as a contract wallet (ERC-1271).
    /// @dev The key pair is tried first: it needs no look at the signer's code, and an account that has both (EIP-7702)
    /// is ruled by its key anyway.
    function isSignedBy(bytes32 digest, address signer, bytes calldata signature) internal view returns (bool) {
        return isSignedByKey(digest, signer, signature)
            || SignatureChecker.isValidERC1271SignatureNowCalldata(signer, digest, signature);
    }

    /// @notice Whether the key pair of `signer` signed `digest`.
    /// @dev OpenZeppelin refuses high-s and odd-v signatures, so none can be altered into another.
    function isSignedByKey(bytes32 digest, address signer, bytes calldata signature) internal pure returns (bool) {
        (address recovered, ECDSA.RecoverError failure,) = ECDSA.tryRecoverCalldata(digest, signature);
        return failure == ECDSA.RecoverError.NoError && recovered == signer;
    }
}
