"""Said: what one piece of news says, by the names that marketers and developers see."""

from __future__ import annotations

from connector.domain.news import NewsKind
from connector.journey.effects import code_of
from connector.journey.happened import ADVOCATE
from connector.ports.news import Waiting

#: When somebody may want to share their link.
_SHARED = (NewsKind.INVITED, NewsKind.ENROLLED, NewsKind.MILESTONE)
#: Reward codes and gift cards are texts that their owner must get.
_BEARER = ("code", "gift_card")


def said(each: Waiting, public_url: str, key: bytes) -> dict[str, str]:
    """All that it says to whom it is for."""
    told = {**stated(each, public_url), "reward_code": _secret(each, key), "share_text": _share_text(each, public_url)}
    return {name: text for name, text in told.items() if text}


def stated(each: Waiting, public_url: str) -> dict[str, str]:
    """The part of it that is not its owner's alone; "" where there is none."""
    link = _link(each, public_url)
    return {
        "program": each.program,
        "code": each.code,
        "link": link,
        "join": f"{public_url}{each.join}" if each.join and each.kind is NewsKind.INVITED and not link else "",
        "referral_id": str(each.referral or ""),
        "reward_id": str(each.reward or ""),
        "reward_kind": each.means,
        "reason": each.reason,
        "item": each.item,
    }


def _link(each: Waiting, public_url: str) -> str:
    """An advocate's own; a friend shares none."""
    return f"{public_url}/r/{each.code}" if each.code and each.role == ADVOCATE else ""


def _share_text(each: Waiting, public_url: str) -> str:
    """What an advocate may send to friends, with what they have of it said in plain words."""
    link = _link(each, public_url)
    if not link or each.kind not in _SHARED:
        return ""
    names = {"link": link, "code": each.code, "program": each.program, "business": each.business}
    return f"{each.share.text} {each.share.disclosure}".format_map(names)


def _secret(each: Waiting, key: bytes) -> str:
    """The text that a reward is made out to, for its owner alone."""
    tells = each.kind in (NewsKind.ISSUED, NewsKind.EXPIRING) and each.means in _BEARER
    return code_of(key, each.reward) if tells and each.reward else ""
