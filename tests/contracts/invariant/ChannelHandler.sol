// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IChannels} from "commonwatt/interfaces/IChannels.sol";
import {Actor} from "tests/base/Test.sol";
import {ChannelBooks} from "tests/invariant/ChannelBooks.sol";

/// @notice Everything anybody can do to Channels, with arguments bent into range and every accepted act booked. An act
/// that the contract refuses reverts here too, and leaves no trace in the books.
contract ChannelHandler is ChannelBooks {
    Actor[] private people; // each pays some and is paid by others

    function setUp() public override {
        super.setUp();
        people.push(payer);
        people.push(payee);
        people.push(otherPayee);
        people.push(makeActor("fourth"));
        for (uint256 i = 0; i < people.length; ++i) {
            if (i > 0) token.transfer(people[i].addr, 1_000 ether);
            allow(people[i]);
            start[people[i].addr] = 1_000 ether;
        }
    }

    function accounts() external view returns (address[] memory all) {
        all = new address[](people.length);
        for (uint256 i = 0; i < all.length; ++i) {
            all[i] = people[i].addr;
        }
    }

    function contracts() external view returns (address, address) {
        return (address(token), address(channels));
    }

    /* MONEY IN */

    function openByAllowance(uint256 who, uint256 amount) external {
        (IChannels.Channel memory terms, uint256 key) = newTerms(who);
        uint128 amountWei = uint128(bent(amount, 1, 80 ether));
        vm.prank(terms.payer);
        channels.open(terms, amountWei);
        bookOpening(terms, key, amountWei);
        did("openByAllowance", terms.payer);
    }

    function openByAuthorization(uint256 who, uint256 amount) external {
        (IChannels.Channel memory terms, uint256 key) = newTerms(who);
        uint128 amountWei = uint128(bent(amount, 1, 80 ether));
        IChannels.Authorization memory given = authorization(people[who % 4], amountWei, idOf(terms));
        channels.openWithAuthorization(terms, given);
        bookOpening(terms, key, amountWei);
        did("openByAuthorization", terms.payer);
    }

    function reopen(uint256 which, uint256 amount) external {
        IChannels.Channel memory terms = books[pick(which)].terms;
        vm.prank(terms.payer);
        channels.open(terms, uint128(bent(amount, 1, 80 ether)));
        escapes += 1; // an id opened twice
    }

    function topUp(uint256 which, uint256 who, uint256 amount) external {
        uint256 index = pick(which);
        uint128 amountWei = uint128(bent(amount, 1, 40 ether));
        vm.prank(people[who % 4].addr);
        channels.topUp(books[index].terms, amountWei);
        bookTopUp(index, people[who % 4].addr, amountWei);
        did("topUp", people[who % 4].addr);
    }

    function topUpByAuthorization(uint256 which, uint256 who, uint256 amount, bytes32 salt) external {
        uint256 index = pick(which);
        uint128 amountWei = uint128(bent(amount, 1, 40 ether));
        bytes32 nonce = channels.topUpNonce(idOf(books[index].terms), salt);
        IChannels.Authorization memory given = authorization(people[who % 4], amountWei, nonce);
        channels.topUpWithAuthorization(books[index].terms, people[who % 4].addr, salt, given);
        bookTopUp(index, people[who % 4].addr, amountWei);
        did("topUpByAuthorization", people[who % 4].addr);
    }

    /* VOUCHERS */

    /// @dev Up to six vouchers for one payee: newer and older ones, over the deposit, of channels that are over, twice the
    /// same, and every fifth by a stranger. All that counts is booked before the contract is asked.
    function claimBatch(uint256 which, uint256[6] memory amounts, uint256 count) external {
        address payTo = books[pick(which)].terms.payee;
        count = bent(count, 1, 6);
        IChannels.SignedVoucher[] memory batch = new IChannels.SignedVoucher[](count);
        uint256 dueWei;
        for (uint256 i = 0; i < count; ++i) {
            uint256 index = pickOf(payTo, which / (i + 1) + i);
            uint256 cumulativeWei = bent(amounts[i], 0, books[index].paidInWei * 3 / 2);
            bool isSigned = amounts[i] % 5 != 0;
            uint256 key = isSigned ? books[index].key : stranger.key;
            batch[i] = voucher(books[index].terms, Actor({addr: vm.addr(key), key: key}), cumulativeWei);
            dueWei += bookVoucher(index, cumulativeWei, isSigned);
            if (!isSigned) timesDone["forged"] += 1;
        }
        uint256 earnedWei = channels.claim(payTo, batch);
        if (earnedWei != dueWei) escapes += 1; // paid more or less than the vouchers are worth
        did(dueWei > 0 ? "claimBatch" : "claimNothing", payTo);
    }

    function claimOne(uint256 which, uint256 amount) external {
        uint256 index = pick(which);
        uint256 cumulativeWei = bent(amount, 0, books[index].paidInWei * 3 / 2);
        bytes32 digest = channels.voucherDigest(idOf(books[index].terms), uint128(cumulativeWei));
        bytes memory signature = signed(Actor({addr: address(0), key: books[index].key}), digest);
        uint256 dueWei = bookVoucher(index, cumulativeWei, true);
        uint256 earnedWei = channels.claimOne(books[index].terms, uint128(cumulativeWei), signature);
        if (earnedWei != dueWei) escapes += 1;
        if (dueWei > 0) did("claimOne", books[index].terms.payee);
    }

    /* ENDS */

    function close(uint256 which, bool bySignature) external {
        uint256 index = pick(which);
        IChannels.Channel memory terms = books[index].terms;
        bytes memory signature;
        if (bySignature) signature = signed(personAt(terms.payer), channels.closingDigest(idOf(terms)));
        vm.prank(bySignature ? stranger.addr : terms.payer);
        channels.close(terms, signature);
        bookClosing(index);
        did(bySignature ? "closeBySignature" : "close", terms.payer);
    }

    function refund(uint256 which, uint256 who) external {
        uint256 index = pick(which);
        if (who % 3 == 0 && books[index].closesAt >= block.timestamp) vm.warp(books[index].closesAt + who % 2);
        address by = who % 5 == 0 ? books[index].terms.payee : people[who % 4].addr;
        vm.prank(by);
        channels.refund(books[index].terms);
        bookRefund(index, by);
        did(by == books[index].terms.payee ? "refundByPayee" : "refundByOthers", by);
    }

    function withdraw(uint256 who) external {
        address account = people[who % 4].addr;
        channels.withdraw(account);
        withdrawn[account] = earned[account] + refunded[account];
        did("withdraw", account);
    }

    function passTime(uint256 seconds_) external {
        skip(bent(seconds_, 1, CLOSE / 2));
    }

    /* HELPERS */

    /// @dev Half the channels have a session key, half are signed by the payer.
    function newTerms(uint256 who) private view returns (IChannels.Channel memory terms, uint256 key) {
        Actor memory from = people[who % 4];
        Actor memory to = people[(who / 4) % 4]; // now and then the payer itself
        bool hasKey = (who / 16) % 2 == 0;
        terms = IChannels.Channel({
            payer: from.addr, payee: to.addr, signer: hasKey ? session.addr : address(0), salt: bytes32(books.length)
        });
        key = hasKey ? session.key : from.key;
    }

    /// @dev One of the last six channels.
    function pick(uint256 which) private view returns (uint256) {
        require(books.length > 0);
        uint256 span = books.length < 6 ? books.length : 6;
        return books.length - 1 - which % span;
    }

    function pickOf(address payTo, uint256 which) private view returns (uint256 index) {
        for (uint256 i = 0; i < 6; ++i) {
            index = pick(which % 6 + i);
            if (books[index].terms.payee == payTo) return index;
        }
        revert("no channel of this payee");
    }

    function personAt(address account) private view returns (Actor memory) {
        for (uint256 i = 0; i < people.length; ++i) {
            if (people[i].addr == account) return people[i];
        }
        revert("not one of ours");
    }
}
