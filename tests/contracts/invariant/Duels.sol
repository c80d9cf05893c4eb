// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IGames} from "commonwatt/interfaces/IGames.sol";
import {Charge, Job, Receipt} from "commonwatt/types/Documents.sol";
import {Frame} from "commonwatt/types/Exact.sol";
import {Level, Side, Verdict} from "commonwatt/types/Words.sol";
import {Trees} from "tests/base/Trees.sol";
import {Truth} from "tests/base/Truth.sol";

/// @notice Games about honest work, played by a challenger who denies whatever the dice say, a defender who answers from
/// the true trees within its clock, and strangers who send what they like.
contract Duels is Truth {
    struct Duel {
        uint256 id;
        Frame frame;
        uint256 leaf;
    }

    Duel[] private duels;
    uint256 public stakedWei; // by the challenger
    uint256 public lostWei; // by the challenger
    mapping(string act => uint256) public timesDone;

    function setUp() public override {
        super.setUp();
        openUnit();
        stakedWei = 500 ether;
    }

    function market() external view returns (address, address, address, address) {
        return (address(token), address(bonds), address(disputes), address(games));
    }

    function accounts() external view returns (address[] memory all) {
        all = new address[](4 + providers.length + verifiers.length);
        (all[0], all[1], all[2], all[3]) = (buyer.addr, challenger.addr, BURNED, stranger.addr);
        for (uint256 i = 0; i < providers.length; ++i) {
            all[4 + i] = providers[i].addr;
        }
        for (uint256 i = 0; i < verifiers.length; ++i) {
            all[8 + i] = verifiers[i].addr;
        }
    }

    function count() external view returns (uint256) {
        return duels.length;
    }

    function idAt(uint256 index) external view returns (uint256) {
        return duels[index].id;
    }

    /* ACTS */

    function accuse() public {
        Receipt memory receipt = honestReceipt();
        bytes memory signature = signed(providers[0], jobs.receiptDigest(receipt));
        if (bonds.freeOf(challenger.addr) < 50 ether) {
            fundBond(challenger, 50 ether);
            stakedWei += 50 ether;
        }
        Job memory job = unitJob();
        Charge memory charge = Charge(job, placesOf(job), 0, receipt, signature);
        vm.prank(challenger.addr);
        uint256 id = disputes.challengeExact(charge, claim, false);
        duels.push();
        duels[duels.length - 1].id = id;
        duels[duels.length - 1].frame = frameOf(receipt);
        timesDone["accused"] += 1;
    }

    /// @notice The challenger's next move, and the defender's answer to it.
    function play(uint256 which, uint256 dice) external {
        Duel storage duel = anyDuel(which);
        defend(duel);
        if (games.gameOf(duel.id).mover == Side.CHALLENGER) {
            deny(duel, dice);
            defend(duel);
        }
    }

    /// @notice Nobody is late but challengers.
    function passTime(uint256 seconds_) external {
        for (uint256 i = 0; i < duels.length; ++i) {
            defend(duels[i]);
        }
        skip(bent(seconds_, 1, MOVE + 10));
        for (uint256 i = 0; i < duels.length; ++i) {
            IGames.Game memory game = games.gameOf(duels[i].id);
            if (game.mover == Side.NONE || block.timestamp <= game.deadline) continue;
            games.timeout(duels[i].id);
            book(duels[i].id, "silent");
        }
    }

    /// @notice What anyone may try: mostly nothing comes of it.
    function meddle(uint256 which, uint256 dice, bytes32 junk) external {
        Duel storage duel = anyDuel(which);
        bytes32[] memory path = new bytes32[](dice % 3);
        for (uint256 i = 0; i < path.length; ++i) {
            path[i] = keccak256(abi.encode(junk, i));
        }
        vm.prank(dice % 2 == 0 ? challenger.addr : stranger.addr);
        if (dice % 5 == 0) games.timeout(duel.id);
        else if (dice % 5 == 1) games.reveal(duel.id, path);
        else if (dice % 5 == 2) games.pick(duel.id, dice % 2, junk, path);
        else if (dice % 5 == 3) games.judge(duel.id, duel.frame, encodingOf(dice % 2), openingsOf(dice % 3, dice % 2));
        else disputes.conclude(duel.id, Verdict.OVERTURNED);
    }

    /* THE TWO SIDES */

    function deny(Duel storage duel, uint256 dice) private {
        IGames.Game memory game = games.gameOf(duel.id);
        bytes32[] memory children;
        if (game.level == Level.SEGMENTS) children = segments();
        else if (game.level == Level.STEPS) children = stepsOf(game.step / 2);
        else if (game.level == Level.BLOCKS) children = bindingOf(game.step, duel.leaf).children;
        else children = slotsAfter(game.step + 1);

        vm.startPrank(challenger.addr);
        if (game.level == Level.WORDS) {
            games.pickWord(duel.id, dice % WORDS, wordsOf(game.step, duel.leaf));
        } else if (game.level == Level.VALUES && dice % 3 == 0) {
            games.doubtLink(duel.id, duel.frame);
            timesDone["doubted"] += 1;
        } else {
            uint256 index = dice % children.length;
            games.pick(duel.id, index, children[index], Trees.path(children, index));
        }
        vm.stopPrank();
    }

    /// @dev All moves that are the defender's at present.
    function defend(Duel storage duel) private {
        IGames.Game memory game = games.gameOf(duel.id);
        while (game.mover == Side.DEFENDER) {
            vm.startPrank(providers[0].addr);
            if (game.level == Level.SEGMENTS || game.level == Level.STEPS) descend(duel, game);
            else if (game.level == Level.SLOTS) link(duel, game);
            else bind(duel, game);
            vm.stopPrank();
            game = games.gameOf(duel.id);
        }
    }

    function descend(Duel storage duel, IGames.Game memory game) private {
        if (game.count > 1) {
            games.reveal(duel.id, segments());
            return;
        }
        bool isSegment = game.level == Level.SEGMENTS;
        IGames.Descent memory descent = isSegment ? descentToSteps(game.lo) : descentToValues(game.step + game.lo);
        if (isSegment) games.descendToSteps(duel.id, duel.frame, descent);
        else games.descendToValues(duel.id, duel.frame, descent);
        duel.frame.root = Trees.root(descent.children);
        (duel.frame.start, duel.frame.end) = (descent.start, descent.end);
    }

    function link(Duel storage duel, IGames.Game memory game) private {
        if (game.count > 1) {
            games.reveal(duel.id, slotsAfter(game.step + 1));
        } else {
            games.showLink(duel.id, duel.frame, linkOf(game.step, game.lo));
            book(duel.id, "linked");
        }
    }

    function bind(Duel storage duel, IGames.Game memory game) private {
        if (game.level == Level.VALUES) {
            duel.leaf = game.lo;
            IGames.Binding memory binding = bindingOf(game.step, game.lo);
            games.descendToBlocks(duel.id, duel.frame, binding);
            duel.frame.root = Trees.root(binding.children);
            (duel.frame.start, duel.frame.end, duel.frame.leaf) = (0, 0, Trees.leaf(binding.encoding));
            duel.frame.operands = binding.operands;
        } else if (game.level == Level.BLOCKS) {
            games.revealBlock(duel.id, wordsOf(game.step, duel.leaf));
        } else {
            games.judge(duel.id, duel.frame, encodingOf(duel.leaf), openingsOf(game.step, duel.leaf));
            games.conclude(duel.id);
            book(duel.id, "judged");
        }
    }

    /// @dev One of the last three.
    function anyDuel(uint256 which) private view returns (Duel storage) {
        require(duels.length > 0);
        return duels[duels.length - 1 - which % (duels.length < 3 ? duels.length : 3)];
    }

    function wordsOf(uint256 step, uint256 leaf) private pure returns (bytes memory) {
        return bytesOf(stateAfter(step + 1)[leaf]);
    }

    function book(uint256 id, string memory end) private {
        if (disputes.challengeOf(id).verdict == Verdict.UPHELD) lostWei += 50 ether;
        timesDone[end] += 1;
    }
}
