"""The operator's countersignature under each receipt that it accepts, with which a provider is paid without it.

Decides what it says: the units and audits that the receipt's match has in all, this one included. It is signed in the
transaction that stores the receipt, so no receipt is accepted without it. What the chain makes of one that its holder
shows there is for `services.countersigned`.
"""

from eth_account.signers.local import LocalAccount

from market.db.models import ReceiptRow
from market.db.repositories.work import receipt_counts
from market.db.session import WriteSession
from market.protocol.typed import Acceptance, SigningDomain, sign
from market.protocol.wire import SignedAcceptance


class Acceptances:
    """Signs for one operator."""

    def __init__(self, operator: LocalAccount, domain: SigningDomain) -> None:
        self._operator, self._domain = operator, domain

    async def add(self, session: WriteSession, receipt: ReceiptRow) -> None:
        """Store a receipt with its countersignature."""
        session.add(receipt)
        await session.flush()
        units, audits = await receipt_counts(session, receipt.job_id, receipt.worker)
        acceptance = Acceptance(receipt_digest=bytes.fromhex(receipt.digest[2:]), units=units, audits=audits)
        receipt.accepted_units, receipt.accepted_audits = units, audits
        receipt.acceptance_signature = "0x" + sign(acceptance, self._domain, self._operator).hex()


def signed_acceptance(receipt: ReceiptRow) -> SignedAcceptance | None:
    """Return what was signed under a receipt; None for one that was accepted before receipts were countersigned."""
    if receipt.acceptance_signature is None or receipt.accepted_units is None or receipt.accepted_audits is None:
        return None
    acceptance = Acceptance(
        receipt_digest=bytes.fromhex(receipt.digest[2:]),
        units=receipt.accepted_units,
        audits=receipt.accepted_audits,
    )
    return SignedAcceptance(acceptance=acceptance.to_json(), signature=receipt.acceptance_signature)
