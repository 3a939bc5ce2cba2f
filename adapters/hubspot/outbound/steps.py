"""Runs of our workflow step: HubSpot holds each until it hears how it ended."""

from __future__ import annotations

from dataclasses import dataclass

from adapters.hubspot.api import VERSION, Client
from connector.ports.platform import Account
from connector.ports.steps import Ended


@dataclass(frozen=True)
class Steps:
    """What the account's workflows wait for."""

    client: Client

    def complete(self, account: Account, run: str, ended: Ended) -> None:
        """A step that failed lets its workflow go on: nobody's automation stops because a referral did not count."""
        state = "SUCCESS" if ended.done else "FAIL_CONTINUE"
        body = {"outputFields": {"hs_execution_state": state, **ended.told}, "typedOutputs": {}}
        path = f"/automation/actions/callbacks/{VERSION}/{{callbackId}}/complete"
        filled = {"callbackId": run}
        self.client.run(account, "POST", path, operation="complete", body=body, filled=filled, empty=True)
