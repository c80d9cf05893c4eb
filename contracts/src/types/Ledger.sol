// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// @notice What a provider has with Jobs, in one word: credit it can claim (96 bits), bond that is locked in Bonds and
/// answers for no job at present (96), and the nonce below which its offers are void (64, the highest bits).
/// @dev INVARIANT: neither sum outgrows its 96 bits, because deposits are refused before the tokens held do (see
/// Escrows and Bonds). `add` relies on it; that it holds is checked all the same, so that a mistake could never move an
/// amount into the next field.
type Ledger is uint256;

using {creditWei, idleBondWei, offerFloor, withoutCredit, withFloor, add, take} for Ledger global;

uint256 constant FIELD = type(uint96).max;

function creditWei(Ledger ledger) pure returns (uint256) {
    return Ledger.unwrap(ledger) & FIELD;
}

function idleBondWei(Ledger ledger) pure returns (uint256) {
    return (Ledger.unwrap(ledger) >> 96) & FIELD;
}

function offerFloor(Ledger ledger) pure returns (uint64) {
    return uint64(Ledger.unwrap(ledger) >> 192);
}

function withoutCredit(Ledger ledger) pure returns (Ledger) {
    return Ledger.wrap(Ledger.unwrap(ledger) & ~FIELD);
}

function withFloor(Ledger ledger, uint64 nonce) pure returns (Ledger) {
    return Ledger.wrap((Ledger.unwrap(ledger) & ((1 << 192) - 1)) | (uint256(nonce) << 192));
}

/// @dev Panics on overflow of either field, which the invariant above excludes.
function add(Ledger ledger, uint256 earnedWei, uint256 freedBondWei) pure returns (Ledger) {
    unchecked {
        // Neither sum can wrap: an amount of one job has fewer than 162 bits.
        assert(creditWei(ledger) + earnedWei <= FIELD && idleBondWei(ledger) + freedBondWei <= FIELD);
        return Ledger.wrap(Ledger.unwrap(ledger) + earnedWei + (freedBondWei << 96));
    }
}

/// @dev Takes idle bond. Panics when there is less, which the callers have excluded.
function take(Ledger ledger, uint256 bondWei) pure returns (Ledger) {
    assert(bondWei <= idleBondWei(ledger));
    unchecked {
        return Ledger.wrap(Ledger.unwrap(ledger) - (bondWei << 96));
    }
}
