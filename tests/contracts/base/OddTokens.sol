// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";

/// @notice A token that keeps one percent of every transfer.
contract FeeToken is ERC20 {
    constructor(uint256 supply) ERC20("Fee", "FEE") {
        _mint(msg.sender, supply);
    }

    function _update(address from, address to, uint256 value) internal override {
        if (from == address(0) || to == address(0)) return super._update(from, to, value);
        super._update(from, address(this), value / 100);
        super._update(from, to, value - value / 100);
    }
}

/// @notice A token that calls an account of the attacker's choice in the middle of every transfer.
contract CallbackToken is ERC20 {
    address private target;
    bytes private data;
    bool public refused; // whether the last call back was reverted

    constructor(uint256 supply) ERC20("Callback", "CALL") {
        _mint(msg.sender, supply);
    }

    function arm(address target_, bytes calldata data_) external {
        (target, data) = (target_, data_);
    }

    function _update(address from, address to, uint256 value) internal override {
        super._update(from, to, value);
        if (target == address(0)) return;
        (bool success,) = target.call(data);
        refused = !success;
    }
}

/// @notice A token that refuses to pay chosen receivers.
contract BlockingToken is ERC20 {
    mapping(address account => bool) private blocked;

    error Blocked(address account);

    constructor(uint256 supply) ERC20("Blocking", "BLK") {
        _mint(msg.sender, supply);
    }

    function blockAccount(address account) external {
        blocked[account] = true;
    }

    function _update(address from, address to, uint256 value) internal override {
        require(!blocked[to], Blocked(to));
        super._update(from, to, value);
    }
}

