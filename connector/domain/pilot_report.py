"""The exit report of a pilot: four questions, each answered by a figure, its sample, and the rule that reads it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

#: Of fewer, nobody can tell.
LEAST = 5


class Verdict(StrEnum):
    """Whether the pilot may become live, as far as one question goes."""

    YES = "yes"
    NOT_YET = "not yet"
    TOO_EARLY = "too early"


@dataclass(frozen=True)
class Question:
    """What is asked, how the figure is computed, and the percentage of the sample from which the answer is yes."""

    name: str
    words: str
    rule: str
    least_percent: int


QUESTIONS: tuple[Question, ...] = (
    Question(
        "understood",
        "Do customers understand it without support?",
        "referrals that came through a link or code, without an appeal or a support ticket, of all",
        90,
    ),
    Question(
        "landed",
        "Do leads land in the right pipeline?",
        "referrals whose source is written into the merchant's record, and whose record is what the program asks for, of"
        " those that have been written or refused",
        95,
    ),
    Question(
        "treated",
        "Are referred people treated right?",
        "referrals without an open sign of trouble (refund, ticket, standstill) and without an overdue review, of all",
        100,
    ),
    Question(
        "paid",
        "Do rewards go out without disputes?",
        "rewards delivered in time whose debits, if any, found what they looked for, of those that were due",
        100,
    ),
)


@dataclass(frozen=True)
class Counted:
    """Of how many it is so, and what each of the others is about: its id and what is wrong, in words."""

    sample: int
    wrong: Mapping[str, str]

    @property
    def right(self) -> int:
        return self.sample - len(self.wrong)


@dataclass(frozen=True)
class Answer:
    """One question with its figure."""

    question: Question
    counted: Counted

    @property
    def verdict(self) -> Verdict:
        if self.counted.sample < LEAST:
            return Verdict.TOO_EARLY
        enough = 100 * self.counted.right >= self.question.least_percent * self.counted.sample
        return Verdict.YES if enough else Verdict.NOT_YET


@dataclass(frozen=True)
class ExitReport:
    """audience: advocates who may take part; active: those of them with a referral. rewarded of cap: places taken."""

    program: str
    audience_words: str
    audience: int
    advocates: int
    active: int
    rewarded: int
    cap: int | None
    answers: tuple[Answer, ...]

    def in_words(self) -> list[str]:
        """The report, a line each."""
        places = f"{self.rewarded} rewarded friends" + (f" of {self.cap} places" if self.cap is not None else "")
        people = f"{self.audience} of {self.advocates} advocates are in it, {self.active} of them brought somebody"
        lines = [f"Pilot {self.program} for {self.audience_words}: {people}; {places}."]
        for answer in self.answers:
            counted, question = answer.counted, answer.question
            lines.append(f"{question.words} {answer.verdict}: {counted.right} of {counted.sample}.")
            lines.append(f"  Counted: {question.rule}; yes from {question.least_percent} % and {LEAST} on.")
            lines += [f"  Look at {name}: {words}" for name, words in _first(counted.wrong)]
        return lines

    def plain(self) -> dict[str, Any]:
        """The report for machines."""
        return {
            "program": self.program,
            "audience": {
                "who": self.audience_words,
                "of": self.advocates,
                "in_it": self.audience,
                "active": self.active,
            },
            "places": {"taken": self.rewarded, "cap": self.cap},
            "answers": {
                answer.question.name: {
                    "question": answer.question.words,
                    "verdict": answer.verdict,
                    "right": answer.counted.right,
                    "sample": answer.counted.sample,
                    "rule": answer.question.rule,
                    "least_percent": answer.question.least_percent,
                    "look_at": dict(answer.counted.wrong),
                }
                for answer in self.answers
            },
        }


#: So many are looked at by people; all stand in the report for machines.
_LOOK_AT = 10


def _first(wrong: Mapping[str, str]) -> Sequence[tuple[str, str]]:
    return sorted(wrong.items())[:_LOOK_AT]
