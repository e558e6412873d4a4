"""Which published figure answers which demand, by name. Facts, and no legal advice.

DSA: Regulation (EU) 2022/2065, article 15(1): yearly reports of intermediary services on (a)
orders of authorities, (b) notices, (c) moderation on the service's own initiative, (d) complaints,
(e) automated means with their rate of error. Safety by Design: the principles for generative
services of Thorn and All Tech Is Human (2024), by the stage they stand under.
"""

from __future__ import annotations

from collections.abc import Mapping

ORDERS = "DSA 15(1)(a)"
NOTICES = "DSA 15(1)(b)"
OWN_INITIATIVE = "DSA 15(1)(c)"
COMPLAINTS = "DSA 15(1)(d)"
AUTOMATED = "DSA 15(1)(e)"
DEPLOY = "Safety by Design: deploy"
MAINTAIN = "Safety by Design: maintain"

ASKED_BY: Mapping[str, tuple[str, ...]] = {
    "found": (OWN_INITIATIVE, DEPLOY),
    "found_by_surface": (OWN_INITIATIVE, DEPLOY),
    "found_by_method": (OWN_INITIATIVE, AUTOMATED),
    "decided": (OWN_INITIATIVE, MAINTAIN),
    "generated": (DEPLOY, MAINTAIN),
    "reported": (MAINTAIN,),
    "hours": (ORDERS, NOTICES, COMPLAINTS),
    "cleared_percent": (AUTOMATED,),
    "flags": (NOTICES,),
    "appeals": (COMPLAINTS,),
    "orders": (ORDERS,),
}
"""By the code of a table."""

NOT_COUNTED = (
    "items_checked",
    "orders_by_state",
    "trusted_flaggers",
    "staff",
    "disputes_outside",
    "suspensions",
    "recipients",
)
"""What these ask for and the records do not hold: how many items were checked (the metric
`safehold_verdicts_total` of each server counts them), orders by member state and their own times,
which notices came from trusted flaggers, who moderates in which language, disputes outside of
court, suspended accounts, and the monthly recipients of the service."""
