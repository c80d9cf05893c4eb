// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";
import {ERC20Permit} from "@openzeppelin/contracts/token/ERC20/extensions/ERC20Permit.sol";
import {ERC3009} from "@openzeppelin/contracts/token/ERC20/extensions/draft-ERC3009.sol";

/// @title PayoutToken: what devnet pays with
/// @notice A fixed supply, minted once to whoever deploys it; permit (ERC-2612) and authorizations (ERC-3009) spare
/// buyers the gas. No owner and no minting: Bonds and Jobs accept any ERC-20, this is only the one of the devnet.
/// @dev ERC-3009 nonces are random 32-byte values here, as existing payment clients sign them, which is why this is
/// OpenZeppelin's ERC3009 and not its sequential ERC20TransferAuthorization.
contract PayoutToken is ERC20, ERC20Permit, ERC3009 {
    constructor(uint256 supplyWei) ERC20("Commonwatt Payout", "CWATT") ERC20Permit("Commonwatt Payout") {
        _mint(msg.sender, supplyWei);
    }
}
