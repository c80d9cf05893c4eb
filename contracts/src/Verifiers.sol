// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {IBonds} from "./interfaces/IBonds.sol";
import {IDisputes} from "./interfaces/IDisputes.sol";
import {Errors} from "./libraries/Errors.sol";
import {Sortition} from "./libraries/Sortition.sol";

/// @title Verifiers: the half of Disputes that keeps the pools
/// @notice Who may be drawn, who is seated, and what silence costs. It knows nothing of receipts or verdicts.
abstract contract Verifiers is IDisputes {
    using Sortition for Sortition.Shuffle;

    /* IMMUTABLES AND STORAGE */

    uint256 private constant MAX_SKIPPED = 32; // newcomers met in one draw; they get into old places through fines alone

    IBonds public immutable bonds;
    uint128 internal immutable _verifierBondWei;
    uint128 internal immutable _silenceFineWei;

    mapping(address verifier => Verifier) private _verifiers;
    mapping(bytes32 fingerprint => address[] pool) private _pools;
    mapping(bytes32 fingerprint => uint32 draws) private _pendingDraws;

    constructor(IBonds bonds_, uint128 verifierBondWei, uint128 silenceFineWei) {
        bonds = bonds_;
        _verifierBondWei = verifierBondWei;
        _silenceFineWei = silenceFineWei;
    }

    /* COMING AND GOING */

    /// @inheritdoc IDisputes
    function enroll(bytes32 fingerprint) external {
        require(fingerprint != 0, Errors.Disputes_NoFingerprint());
        require(_verifiers[msg.sender].fingerprint == 0, Errors.Disputes_AlreadyEnrolled(msg.sender));

        address[] storage pool = _pools[fingerprint];
        pool.push(msg.sender);
        _verifiers[msg.sender] = Verifier({
            fingerprint: fingerprint,
            bondWei: _verifierBondWei,
            enrolledAt: uint64(block.number),
            place: uint32(pool.length),
            seats: 0
        });
        emit VerifierEnrolled(msg.sender, fingerprint);

        bonds.lock(msg.sender, _verifierBondWei);
    }

    /// @inheritdoc IDisputes
    function retire() external {
        Verifier memory verifier = _verifiers[msg.sender];
        uint32 draws = _pendingDraws[verifier.fingerprint];
        require(verifier.fingerprint != 0, Errors.Disputes_NotEnrolled(msg.sender));
        require(verifier.seats == 0, Errors.Disputes_StillSeated(msg.sender, verifier.seats));
        // INVARIANT: between a challenge and its draw nobody leaves the pool, or leaving would choose the committee.
        require(verifier.place == 0 || draws == 0, Errors.Disputes_DrawPending(verifier.fingerprint, draws));

        if (verifier.place != 0) _leavePool(msg.sender);
        delete _verifiers[msg.sender];

        if (verifier.bondWei > 0) bonds.unlock(msg.sender, verifier.bondWei);
    }

    /* VIEWS */

    /// @inheritdoc IDisputes
    function isEnrolled(address verifier) external view returns (bool) {
        return _verifiers[verifier].place != 0;
    }

    /// @inheritdoc IDisputes
    function verifierOf(address verifier) external view returns (Verifier memory) {
        return _verifiers[verifier];
    }

    /// @inheritdoc IDisputes
    function verifiersOf(bytes32 fingerprint) external view returns (address[] memory) {
        return _pools[fingerprint];
    }

    /* INTERNALS */

    function _poolSize(bytes32 fingerprint) internal view returns (uint256) {
        return _pools[fingerprint].length;
    }

    function _beginPending(bytes32 fingerprint) internal {
        _pendingDraws[fingerprint] += 1;
    }

    function _endPending(bytes32 fingerprint) internal {
        _pendingDraws[fingerprint] -= 1;
    }

    /// @dev How many members of the pool are none of the parties; the parties may repeat.
    function _countEligible(bytes32 fingerprint, address[4] memory parties) internal view returns (uint256 count) {
        count = _pools[fingerprint].length;
        for (uint256 i = 0; i < parties.length; ++i) {
            Verifier storage verifier = _verifiers[parties[i]];
            if (verifier.place == 0 || verifier.fingerprint != fingerprint || _isAmong(parties, i)) continue;
            count -= 1;
        }
    }

    /// @dev Whether the party at `index` was named before.
    function _isAmong(address[4] memory parties, uint256 index) private pure returns (bool) {
        for (uint256 i = 0; i < index; ++i) {
            if (parties[i] == parties[index]) return true;
        }
        return false;
    }

    /// @dev Seats `wanted` members of the first `poolSize`, none of them a party or enrolled at `before` or later.
    function _seat(
        bytes32 fingerprint,
        bytes32 seed,
        uint256 poolSize,
        uint256 before,
        uint256 wanted,
        address[4] memory parties
    ) internal returns (address[] memory members) {
        address[] storage pool = _pools[fingerprint];
        poolSize = Math.min(poolSize, pool.length);
        Sortition.Shuffle memory shuffle =
            Sortition.begin(seed, poolSize, Math.min(poolSize, wanted + parties.length + MAX_SKIPPED));
        members = new address[](wanted);
        uint256 found;
        while (found < wanted && shuffle.hasNext()) {
            address candidate = pool[shuffle.next()];
            Verifier storage verifier = _verifiers[candidate];
            if (verifier.enrolledAt >= before || _isParty(parties, candidate)) continue;
            verifier.seats += 1;
            members[found++] = candidate;
        }
        require(found == wanted, Errors.Disputes_NotEnoughVerifiers(fingerprint, found, wanted));
    }

    function _isParty(address[4] memory parties, address candidate) private pure returns (bool) {
        for (uint256 i = 0; i < parties.length; ++i) {
            if (parties[i] == candidate) return true;
        }
        return false;
    }

    function _freeSeat(address member) internal {
        _verifiers[member].seats -= 1;
    }

    /// @dev A silent member pays the fine and is out of the pool; what is left of the bond waits for `retire`.
    function _fine(address member) internal {
        Verifier storage verifier = _verifiers[member];
        uint128 fineWei = uint128(Math.min(_silenceFineWei, verifier.bondWei));
        verifier.bondWei -= fineWei;
        if (verifier.place != 0) _leavePool(member);

        // No victim and no challenger's cost: silence is burned, so nobody is paid for keeping a member from voting.
        bonds.slash(member, fineWei, IBonds.Split(address(0), 0, address(0), 0));
    }

    function _leavePool(address member) private {
        Verifier storage verifier = _verifiers[member];
        bytes32 fingerprint = verifier.fingerprint;
        address[] storage pool = _pools[fingerprint];
        address last = pool[pool.length - 1];
        pool[verifier.place - 1] = last;
        _verifiers[last].place = verifier.place;
        pool.pop();
        verifier.place = 0;
        emit VerifierRetired(member, fingerprint);
    }
}
