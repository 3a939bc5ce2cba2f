"""News: what somebody concerned is to hear of a referral, once, by its name, and who it is for."""

from __future__ import annotations

from enum import StrEnum


class NewsKind(StrEnum):
    """What happened. The words are the ones that a marketer picks in a flow."""

    INVITED = "invited"
    ENROLLED = "enrolled"
    SHARED = "link shared"
    VISITED = "friend visited"
    STARTED = "referral started"
    QUALIFIED = "referral qualified"
    CONVERTED = "referral converted"
    REJECTED = "referral rejected"
    DUE = "reward due"
    ISSUED = "reward issued"
    EXPIRING = "reward expiring"
    REDEEMED = "reward redeemed"
    REVERSED = "reward reversed"
    LATE = "reward late"
    MILESTONE = "milestone reached"


#: When each of them is told, and to whom, in a sentence for marketers.
MEANING = {
    NewsKind.INVITED: "Somebody is asked to refer friends.",
    NewsKind.ENROLLED: "Somebody became an advocate; they have a code and a link now.",
    NewsKind.SHARED: "An advocate's link was followed for the first time: it is on its way to friends.",
    NewsKind.VISITED: "Somebody who is logged in to the shop came by an advocate's link.",
    NewsKind.STARTED: "A friend was captured as referred: the friend and the advocate hear it, each as themselves.",
    NewsKind.QUALIFIED: "A friend did what qualifies; the advocate's reward waits for the hold.",
    NewsKind.CONVERTED: "A friend's referral counts.",
    NewsKind.REJECTED: "A referral does not count; the reason is one that may be shown.",
    NewsKind.DUE: "A reward is owed and will be paid after the hold.",
    NewsKind.ISSUED: "A reward was paid.",
    NewsKind.EXPIRING: "Credit ends soon.",
    NewsKind.REDEEMED: "Credit was spent.",
    NewsKind.REVERSED: "A reward, or a part of it, was taken back.",
    NewsKind.LATE: "A reward is late; the merchant knows it too.",
    NewsKind.MILESTONE: "An advocate reached a milestone and is owed something for it.",
}
