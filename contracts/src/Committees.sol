// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IBonds} from "./interfaces/IBonds.sol";
import {IDisputes} from "./interfaces/IDisputes.sol";
import {Errors} from "./libraries/Errors.sol";
import {ChallengeStatus, Verdict} from "./types/Words.sol";
import {Verifiers} from "./Verifiers.sol";

/// @title Committees: drawing, voting and revealing
/// @notice The middle of Disputes: it takes a raised challenge to a finished count, and never asks what the count costs
/// whom. Draw, vote and reveal each have a clock, and each clock an exit that anyone can take.
abstract contract Committees is Verifiers {
    /* TYPES AND STORAGE */

    /// @dev What a committee needs beside the challenge's public record.
    struct Docket {
        address worker;
        uint64 raisedAt; // block number
        uint32 poolSize; // of the pool when the challenge was raised
        uint8 votes; // in the present draw
        uint8 reveals; // in the present draw
        uint128 feesWei; // paid so far, over all draws
    }

    enum SeatState {
        EMPTY,
        VOTED,
        REVEALED
    }

    /// @dev `word` is the vote's hash while VOTED and the trace root once REVEALED.
    struct Seat {
        address member;
        SeatState state;
        bytes32 word;
    }

    uint256 private constant MAX_COMMITTEE = 31; // counting compares every pair of members

    uint32 internal immutable _voteSeconds;
    uint32 internal immutable _revealSeconds;
    uint8 internal immutable _committeeSize;
    uint8 internal immutable _maxDraws;
    uint128 internal immutable _committeeFeeWei;

    mapping(uint256 challengeId => Challenge) internal _challenges;
    mapping(uint256 challengeId => Docket) internal _dockets;
    mapping(uint256 challengeId => Seat[]) private _seats;

    /* CONSTRUCTOR */

    constructor(IBonds bonds_, Policy memory policy_)
        Verifiers(bonds_, policy_.verifierBondWei, policy_.silenceFineWei)
    {
        require(
            policy_.committeeSize % 2 == 1 && policy_.committeeSize <= MAX_COMMITTEE && policy_.maxDraws > 0
                && policy_.voteSeconds > 0 && policy_.revealSeconds > 0
                && policy_.silenceFineWei <= policy_.verifierBondWei,
            Errors.Disputes_BadPolicy()
        );
        _voteSeconds = policy_.voteSeconds;
        _revealSeconds = policy_.revealSeconds;
        _committeeSize = policy_.committeeSize;
        _maxDraws = policy_.maxDraws;
        _committeeFeeWei = policy_.committeeFeeWei;
    }

    /* DRAWING, VOTING, REVEALING */

    /// @inheritdoc IDisputes
    function draw(uint256 challengeId) external {
        Challenge storage dispute = _challenges[challengeId];
        _requireStatus(challengeId, ChallengeStatus.RAISED);
        require(block.number > dispute.beaconBlock, Errors.Disputes_BeaconNotMined(challengeId, dispute.beaconBlock));
        _requirePhase(challengeId);
        bytes32 beacon = blockhash(dispute.beaconBlock);
        if (beacon == 0) {
            dispute.beaconBlock = uint64(block.number + 1);
            emit BeaconRearmed(challengeId, dispute.beaconBlock);
            return;
        }

        address[] memory members = _seat({
            fingerprint: dispute.fingerprint,
            seed: keccak256(abi.encode(beacon, challengeId, dispute.draws)),
            poolSize: _dockets[challengeId].poolSize,
            before: _dockets[challengeId].raisedAt,
            wanted: _committeeSize,
            parties: _partiesOf(challengeId)
        });
        for (uint256 i = 0; i < members.length; ++i) {
            _seats[challengeId].push(Seat({member: members[i], state: SeatState.EMPTY, word: 0}));
        }
        _endPending(dispute.fingerprint);
        dispute.draws += 1;
        dispute.status = ChallengeStatus.VOTING;
        dispute.phaseEndsAt = uint64(block.timestamp) + _voteSeconds;
        emit CommitteeDrawn(challengeId, members, dispute.phaseEndsAt);
    }

    /// @inheritdoc IDisputes
    function vote(uint256 challengeId, bytes32 voteHash) external {
        _requireStatus(challengeId, ChallengeStatus.VOTING);
        _requirePhase(challengeId);
        require(voteHash != 0, Errors.Disputes_EmptyVote(challengeId));
        Seat storage seat = _seatOf(challengeId, SeatState.EMPTY);

        seat.state = SeatState.VOTED;
        seat.word = voteHash;
        uint8 votes = ++_dockets[challengeId].votes;
        emit VoteCommitted(challengeId, msg.sender, voteHash);

        if (votes == _committeeSize) _beginReveal(challengeId);
    }

    /// @inheritdoc IDisputes
    function reveal(uint256 challengeId, bytes32 traceRoot, bytes32 salt) external {
        Challenge storage dispute = _challenges[challengeId];
        // A vote whose clock has run out turns into the reveal by itself, whoever comes first.
        if (dispute.status == ChallengeStatus.VOTING && block.timestamp > dispute.phaseEndsAt) {
            _beginReveal(challengeId);
        }
        _requireStatus(challengeId, ChallengeStatus.REVEALING);
        _requirePhase(challengeId);
        Seat storage seat = _seatOf(challengeId, SeatState.VOTED);
        require(
            keccak256(abi.encode(traceRoot, salt, msg.sender)) == seat.word,
            Errors.Disputes_VoteMismatch(challengeId, msg.sender)
        );

        seat.state = SeatState.REVEALED;
        seat.word = traceRoot;
        _dockets[challengeId].reveals += 1;
        _dockets[challengeId].feesWei += _committeeFeeWei;
        emit VoteRevealed(challengeId, msg.sender, traceRoot);

        // Paid now, before any verdict is known: the fee cannot depend on it.
        bonds.payFee(dispute.challenger, msg.sender, _committeeFeeWei);
    }

    /* VIEWS */

    /// @inheritdoc IDisputes
    function challengeOf(uint256 challengeId) external view returns (Challenge memory) {
        return _challenges[challengeId];
    }

    /// @inheritdoc IDisputes
    function committeeOf(uint256 challengeId) external view returns (address[] memory members) {
        Seat[] storage seats = _seats[challengeId];
        members = new address[](seats.length);
        for (uint256 i = 0; i < seats.length; ++i) {
            members[i] = seats[i].member;
        }
    }

    /* INTERNALS: PHASES */

    function _awaitBeacon(uint256 challengeId) internal returns (uint64 beaconBlock) {
        Challenge storage dispute = _challenges[challengeId];
        beaconBlock = uint64(block.number + 1);
        dispute.status = ChallengeStatus.RAISED;
        dispute.beaconBlock = beaconBlock;
        dispute.phaseEndsAt = uint64(block.timestamp) + uint64(_voteSeconds) * _maxDraws;
        _beginPending(dispute.fingerprint);
    }

    function _beginReveal(uint256 challengeId) internal {
        Challenge storage dispute = _challenges[challengeId];
        dispute.status = ChallengeStatus.REVEALING;
        dispute.phaseEndsAt = uint64(block.timestamp) + _revealSeconds;
        emit RevealBegun(challengeId, dispute.phaseEndsAt);
    }

    /// @dev The finding of the present draw; NONE when no root has the majority of the whole committee, silent included.
    function _count(uint256 challengeId) internal view returns (Verdict) {
        Seat[] storage seats = _seats[challengeId];
        for (uint256 i = 0; i < seats.length; ++i) {
            if (seats[i].state != SeatState.REVEALED) continue;
            uint256 equal;
            for (uint256 j = 0; j < seats.length; ++j) {
                if (seats[j].state == SeatState.REVEALED && seats[j].word == seats[i].word) equal += 1;
            }
            if (equal * 2 <= seats.length) continue;
            return seats[i].word == _challenges[challengeId].claimedRoot ? Verdict.UPHELD : Verdict.OVERTURNED;
        }
        return Verdict.NONE;
    }

    /// @dev Frees the seats of the present draw and fines its silent members.
    function _dissolve(uint256 challengeId) internal {
        Seat[] storage seats = _seats[challengeId];
        for (uint256 i = 0; i < seats.length; ++i) {
            _freeSeat(seats[i].member);
            if (seats[i].state != SeatState.REVEALED) _fine(seats[i].member);
        }
    }

    function _drawAnew(uint256 challengeId) internal {
        delete _seats[challengeId];
        _dockets[challengeId].votes = 0;
        _dockets[challengeId].reveals = 0;
        emit BeaconRearmed(challengeId, _awaitBeacon(challengeId));
    }

    /* INTERNALS: CHECKS AND LOOK-UPS */

    function _requireStatus(uint256 challengeId, ChallengeStatus wanted) internal view {
        ChallengeStatus status = _challenges[challengeId].status;
        require(status == wanted, Errors.Disputes_WrongStatus(challengeId, status));
    }

    function _requirePhase(uint256 challengeId) internal view {
        uint64 phaseEndsAt = _challenges[challengeId].phaseEndsAt;
        require(block.timestamp <= phaseEndsAt, Errors.Disputes_PhaseOver(challengeId, phaseEndsAt));
    }

    /// @dev Who may not judge: whoever wins or loses by the verdict.
    function _partiesOf(uint256 challengeId) internal view returns (address[4] memory) {
        Challenge storage dispute = _challenges[challengeId];
        return [dispute.provider, _dockets[challengeId].worker, dispute.challenger, dispute.buyer];
    }

    function _seatOf(uint256 challengeId, SeatState wanted) private view returns (Seat storage seat) {
        Seat[] storage seats = _seats[challengeId];
        for (uint256 i = 0; i < seats.length; ++i) {
            if (seats[i].member != msg.sender) continue;
            require(seats[i].state == wanted, Errors.Disputes_WrongSeat(challengeId, msg.sender));
            return seats[i];
        }
        revert Errors.Disputes_NotSeated(challengeId, msg.sender);
    }
}
