"""One whole, valid-looking example of each body, for the OpenAPI document: a small job from bid to commit.

Holds no decision. The numbers belong together, so that a reader can follow one job through all routes.
"""

from typing import Any, Final

BUYER: Final = "0x3C44CdDdB6a900fa2b585dd299e03d12FA4293BC"
OPERATOR: Final = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8"
WORKER: Final = "0x90F79bf6EB2c4f870365E785982E1f101E93b906"
PROGRAM: Final = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
STATE: Final = "60303ae22b998861bce3b28f33eec1be758a213c86c93c076dbe9f558c11c752"
DATASET: Final = "fd61a03af4f77d870fc21e05e7e80678095c92d808cfb3b5c279ee04c74aca13"
JOB: Final = "0x" + "5e" * 32
FINGERPRINT: Final = "0x" + "f1" * 32
SIGNATURE: Final = "0x" + "ab" * 64 + "1b"

SPEC: Final[dict[str, Any]] = {
    "version": 1,
    "kind": "TRAIN",
    "program": PROGRAM,
    "state": STATE,
    "dataset": DATASET,
    "dataset_tensor": "tokens",
    "rounds": [3, 3],
    "steps_per_unit": 20,
    "segment_steps": 10,
    "batch": 16,
    "window": 65,
    "seed": 1,
    "execution_class": "PINNED",
    "memory_bytes": 2_147_483_648,
    "unit_seconds": 300,
    "court": None,
}

BID: Final[dict[str, Any]] = {
    "bid": {
        "buyer": BUYER,
        "payer": "0x0000000000000000000000000000000000000000",
        "operator": OPERATOR,
        "spec_hash": "0x" + "5b" * 32,
        "units": 6,
        "max_audits": 6,
        "unit_gigaflops": "62",
        "max_unit_price_wei": "1000000000000000000",
        "bond_wei": "10000000000000000000",
        "execution_class": "PINNED",
        "challenge_window_seconds": 3600,
        "deadline": "1800000000",
        "expiry": "1799990000",
        "nonce": "1",
    },
    "signature": SIGNATURE,
    "spec": SPEC,
}

OFFER: Final[dict[str, Any]] = {
    "offer": {
        "provider": WORKER,
        "worker": WORKER,
        "price_wei_per_gigaflop": "10000000000000000",
        "fingerprint": FINGERPRINT,
        "facts_hash": "0x" + "fa" * 32,
        "valid_until": "1800000000",
        "nonce": "1",
    },
    "signature": SIGNATURE,
    "facts": {"device": "cpu", "cores": 2, "zone": "DE", "electricity_price_microdollars_per_kwh": 300_000},
}

PRESENCE: Final[dict[str, Any]] = {
    "provider": WORKER,
    "fingerprint": FINGERPRINT,
    "draining": False,
    "verifier": True,
}

EXTENSION: Final[dict[str, Any]] = {
    "extension": {"job_id": JOB, "revision": 0, "units": 6, "max_audits": 8, "deadline": "1800086400"},
    "signature": SIGNATURE,
}

DEPOSIT: Final[dict[str, Any]] = {
    "owner": BUYER,
    "amount_wei": "12000000000000000000",
    "authorization": {
        "valid_after": "0",
        "valid_before": "1799983600",
        "nonce": "0x" + "0d" * 32,
        "signature": SIGNATURE,
    },
}

CANCEL: Final[dict[str, Any]] = {"signature": SIGNATURE}
LEASE: Final[dict[str, Any]] = {"wait_seconds": 20.0}
HEARTBEAT: Final[dict[str, Any]] = {"epoch": 1, "step": 10}
RELEASE: Final[dict[str, Any]] = {"epoch": 1, "reason": "draining", "failed": False}

COMMIT: Final[dict[str, Any]] = {
    "epoch": 1,
    "receipt": {
        "job_id": JOB,
        "kind": "WORK",
        "unit": 0,
        "attempt": 1,
        "provider": WORKER,
        "worker": WORKER,
        "input_root": "0x" + "01" * 32,
        "output_root": "0x" + "02" * 32,
        "trace_root": "0x" + "03" * 32,
        "artifact": "0x" + "04" * 32,
        "fingerprint": FINGERPRINT,
        "price_wei": "620000000000000000",
        "steps": "20",
        "started_at": "1799980000000",
        "finished_at": "1799980004000",
        "millijoules": "140000",
        "energy_source": "ESTIMATE",
    },
    "signature": SIGNATURE,
    "segment_roots": ["0x" + "05" * 32, "0x" + "02" * 32],
}
