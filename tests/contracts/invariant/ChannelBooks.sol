// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IChannels} from "commonwatt/interfaces/IChannels.sol";
import {Prepaid} from "tests/base/Prepaid.sol";

/// @notice What Channels should owe whom, kept beside it from the acts alone: per channel and per account. Nothing here is
/// read back from the contract.
abstract contract ChannelBooks is Prepaid {
    struct Book {
        IChannels.Channel terms;
        uint256 key; // of whoever signs its vouchers
        uint256 paidInWei;
        uint256 claimedWei;
        uint256 refundedWei;
        uint256 closesAt;
        uint256 highestSignedWei;
        bool isOver;
    }

    Book[] internal books;

    mapping(address account => uint256) public start; // tokens before the first act
    mapping(address account => uint256) public paidIn;
    mapping(address account => uint256) public earned;
    mapping(address account => uint256) public refunded;
    mapping(address account => uint256) public withdrawn;
    // What no act may ever bring about.
    uint256 public escapes;

    // What was reached, so that a campaign that never left one actor or one act cannot pass for a good one.
    mapping(address account => uint256) public callsOf;
    mapping(string act => uint256) public timesDone;

    function did(string memory act, address account) internal {
        callsOf[account] += 1;
        timesDone[act] += 1;
    }

    function bookOpening(IChannels.Channel memory terms, uint256 key, uint256 amountWei) internal {
        books.push();
        Book storage book = books[books.length - 1];
        (book.terms, book.key, book.paidInWei) = (terms, key, amountWei);
        paidIn[terms.payer] += amountWei;
    }

    function bookTopUp(uint256 index, address from, uint256 amountWei) internal {
        books[index].paidInWei += amountWei;
        paidIn[from] += amountWei;
    }

    /// @dev What a voucher adds, by the books' own reckoning.
    function bookVoucher(uint256 index, uint256 cumulativeWei, bool isSigned) internal returns (uint256 dueWei) {
        Book storage book = books[index];
        if (!isSigned || book.isOver) return 0;
        if (book.closesAt != 0 && block.timestamp > book.closesAt) return 0;
        if (cumulativeWei > book.highestSignedWei) book.highestSignedWei = cumulativeWei;
        uint256 reachWei = cumulativeWei > book.paidInWei ? book.paidInWei : cumulativeWei;
        if (reachWei <= book.claimedWei) return 0;
        dueWei = reachWei - book.claimedWei;
        book.claimedWei += dueWei;
        earned[book.terms.payee] += dueWei;
    }

    function bookClosing(uint256 index) internal {
        books[index].closesAt = block.timestamp + CLOSE;
    }

    function bookRefund(uint256 index, address by) internal {
        Book storage book = books[index];
        bool isAfter = book.closesAt != 0 && block.timestamp > book.closesAt;
        if (!isAfter && by != book.terms.payee) escapes += 1;
        if (!isAfter) book.closesAt = block.timestamp;
        book.refundedWei = book.paidInWei - book.claimedWei;
        book.isOver = true;
        refunded[book.terms.payer] += book.refundedWei;
    }

    function bookCount() external view returns (uint256) {
        return books.length;
    }

    function bookOf(uint256 index) external view returns (Book memory) {
        return books[index];
    }
}
