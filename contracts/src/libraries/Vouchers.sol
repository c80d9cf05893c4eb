// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";

/// @notice What is hashed and who signed it, in Channels. The type strings are those of `market/protocol/vouchers.py`.
library Vouchers {
    bytes32 internal constant VOUCHER_TYPEHASH = keccak256("Voucher(bytes32 channelId,uint128 cumulativeWei)");
    bytes32 internal constant OPENING_TYPEHASH =
        keccak256("Opening(bytes32 channelId,uint128 amountWei,uint256 deadline)");
    bytes32 internal constant CLOSING_TYPEHASH = keccak256("Closing(bytes32 channelId)");

    // The two hashes that every claim pays for are made beyond the free memory, which stays free. Both are what
    // abi.encode gives, and tests/vectors/vouchers.json says so. The addresses need no cleaning: all come out of calldata,
    // where the decoder refuses one with anything in its upper bits.

    function id(address payer, address payee, address signer, bytes32 salt) internal pure returns (bytes32 channelId) {
        assembly ("memory-safe") {
            let words := mload(0x40)
            mstore(words, payer)
            mstore(add(words, 0x20), payee)
            mstore(add(words, 0x40), signer)
            mstore(add(words, 0x60), salt)
            channelId := keccak256(words, 0x80)
        }
    }

    function voucherStructHash(bytes32 channelId, uint256 cumulativeWei) internal pure returns (bytes32 structHash) {
        bytes32 typeHash = VOUCHER_TYPEHASH;
        assembly ("memory-safe") {
            let words := mload(0x40)
            mstore(words, typeHash)
            mstore(add(words, 0x20), channelId)
            mstore(add(words, 0x40), cumulativeWei)
            structHash := keccak256(words, 0x60)
        }
    }

    /// @dev Two words where a channel's id hashes four, so no authorization can both open and top up.
    function topUpNonce(bytes32 channelId, bytes32 salt) internal pure returns (bytes32) {
        return keccak256(abi.encode(channelId, salt));
    }

    function openingStructHash(bytes32 channelId, uint128 amountWei, uint256 deadline) internal pure returns (bytes32) {
        return keccak256(abi.encode(OPENING_TYPEHASH, channelId, amountWei, deadline));
    }

    function closingStructHash(bytes32 channelId) internal pure returns (bytes32) {
        return keccak256(abi.encode(CLOSING_TYPEHASH, channelId));
    }

    /// @notice Whose vouchers count: the session key, or the payer where none was named.
    function signerOf(address payer, address signer) internal pure returns (address) {
        return signer == address(0) ? payer : signer;
    }

    /// @notice Whether the key pair of `signer` signed `digest`; the signature is in the short form of ERC-2098.
    /// @dev OpenZeppelin refuses a high s, so no signature can be altered into another.
    function isSigned(bytes32 digest, address signer, bytes32 r, bytes32 vs) internal pure returns (bool) {
        (address recovered, ECDSA.RecoverError failure,) = ECDSA.tryRecover(digest, r, vs);
        return failure == ECDSA.RecoverError.NoError && recovered == signer;
    }
}
