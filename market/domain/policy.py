"""The numbers of this market: which risks it takes and how long it waits.

Decides nothing by itself: a frozen value handed to the functions that decide. A change moves people's money, so the
operator publishes the policy in force; it is never a scattered constant. Times in seconds, ratios in basis points.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """audit_floor_bps: the least share of a trusted worker's units that is executed again, however large its bond.
    collusion_bps: the share of auditors taken to be in league with whom they audit; a third, as committees assume.
    detection_bps: the chance that an honest auditor of a wrong unit sees it; certain where equal means bitwise equal.
    sabotage_gain_bps: what spoiling one unit is taken to be worth to somebody outside, as a multiple of its price.
    canary_bonus_bps, canary_slash_bps: what a verifier of tolerance-class work earns for a planted unit answered
    rightly and loses for one answered wrongly, as multiples of the price of checking one unit.
    canary_margin_bps: how far beyond the largest honest distance seen in calibration a distance is still honest.
    canary_misses: planted units answered wrongly before anything is withheld. canary_miss_share_bps: and the least
    share of all planted units answered that they must be.
    unproven_units: units a worker with no streak may have unverified at once; each verified one in a row adds one.
    lease_seconds: silence after which an assignment goes to somebody else.
    take_seconds: how long a drawn auditor or committee member may leave its assignment untaken.
    commit_wait_seconds: how long a finished receipt may wait for the rest of its round.
    part_pay_seconds: how long a running job's verified work may go unpaid, where its windows leave a gap to pay in.
    challenge_seconds: how long an auditor may take to put its challenge on chain.
    max_attempts: attempts at one unit before the job is left to expire.
    match_width: the most providers matched to one job. spare_matches: how many beyond one for each unit, so that there
    is somebody to audit and somebody to step in.
    live_seconds: silence after which a worker no longer counts as present.
    min_bond_wei: free bond that a provider must have to be listed.
    min_relayed_wei: the smallest deposit that the operator pays gas for.
    """

    audit_floor_bps: int = 200
    collusion_bps: int = 3_333
    detection_bps: int = 10_000
    sabotage_gain_bps: int = 10_000
    canary_bonus_bps: int = 50_000
    canary_slash_bps: int = 200_000
    canary_margin_bps: int = 20_000
    canary_misses: int = 3
    canary_miss_share_bps: int = 500
    unproven_units: int = 1
    lease_seconds: float = 15.0
    take_seconds: float = 10.0
    commit_wait_seconds: float = 3.0
    part_pay_seconds: float = 86_400.0
    challenge_seconds: float = 15.0
    max_attempts: int = 5
    match_width: int = 64
    spare_matches: int = 5
    live_seconds: float = 60.0
    min_bond_wei: int = 10**18
    min_relayed_wei: int = 10**18
