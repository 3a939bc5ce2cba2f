"""Our package made in an org where nobody installed it: a developer's own, or a scratch org.

What is sent is the package's source itself, so that a field is defined once. Salesforce works on it in the background,
all of it or nothing, and sending it again changes nothing. An org that customers use gets the package instead.

Sources: Metadata API Developer Guide, "Deploy Metadata with Apex Testing Using REST" (the form, its options, 201), "Check
the Status of Your Deployment Using REST Resources", DeployResult and DeployMessage. That a second assignment of a
permission set is DUPLICATE_VALUE is what public tools rely on.
"""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from urllib.parse import quote

from adapters.answers import Json
from adapters.plain import part, rows, text_of
from adapters.salesforce import MANIFEST
from adapters.salesforce.api import Client, shaped
from adapters.salesforce.outbound import referral_credits as money
from adapters.salesforce.outbound.org import Orgs
from adapters.salesforce.outbound.package import zipped
from connector.errors import Refused
from connector.ports.platform import CANNOT, Account

#: Fields are nobody's before this is assigned, not even those of whoever made them.
PERMISSIONS = "Referral_Connector_Integration"
_DEPLOY = "metadata/deployRequest"
#: All or nothing, which orgs in production demand, and for real; there is no Apex in it, so that no tests run.
_OPTIONS = {"rollbackOnError": True, "singlePackage": True, "checkOnly": False, "ignoreWarnings": False}
#: Seconds between one question and the next; a deployment of this size is a matter of a minute.
_PAUSES_S = (1.0, 2.0, 3.0, 5.0, 8.0, 13.0, 21.0, 34.0)
_WHOLE = f"{CANNOT}package"
_NEEDS = (
    "this takes a user with the permissions Modify Metadata Through Metadata API Functions and Customize Application: "
    "connect as a developer of the org, or install the package there"
)
_GRANT = "assign them this permission set under Setup, or give them Assign Permission Sets and run this again"
_WORKING = "the org is still working on it: run this again in some minutes, which changes nothing that is there by then"

Wait = Callable[[float], None]


@dataclass(frozen=True)
class Deploy:
    """Makes what the package would bring."""

    client: Client
    orgs: Orgs

    @shaped
    def make(self, account: Account, wait: Wait = time.sleep) -> Mapping[str, str]:
        """Our object, fields and permission sets, and the rights on them for our own user; running it again changes nothing.

        What could not be made, by `cannot:OBJECT.FIELD` in the org's own words; of several parts none is made then. wait:
        sleeps so many seconds between questions, for up to a minute and a half in all. Raises ConfigError where the
        package's source does not stand beside this installation.
        """
        there = self.orgs.kind(account, money.CREDIT)
        if there is not None and there.name != money.CREDIT:
            return {_WHOLE: f"the org has it already, from a package with a namespace: {there.name}"}
        try:
            number = self._send(account)
        except Refused as error:
            return {_WHOLE: f"Salesforce does not take it from our user ({error.reason}): {_NEEDS}"}
        result = self._ended(account, number, wait)
        try:
            return _failures(result) or self._assign(account, text_of(result["createdBy"]))
        finally:
            self.orgs.forget(account)

    def _send(self, account: Account) -> str:
        """Hand in the zip; the id of its deployment. A lost answer is no more than a failed try: it may be sent again."""
        boundary = secrets.token_hex(16)
        body = _form(boundary, json.dumps({"deployOptions": _OPTIONS}).encode(), zipped())
        path = f"/services/data/v{MANIFEST.api_version}/{_DEPLOY}"
        headers = {"Content-Type": f"multipart/form-data; boundary={boundary}", "Accept": "application/json"}
        reply = self.client.plain(account, "POST", path, operation="deploy", headers=headers, body=body)
        return text_of(self.client.read(reply, "deploy")["id"])

    def _ended(self, account: Account, number: str, wait: Wait) -> Json:
        """What the org says of the deployment once it is done, or at the last time of asking."""
        result: Json = {}
        for pause in _PAUSES_S:
            wait(pause)
            path, asked = f"{_DEPLOY}/{quote(number, safe='')}", {"includeDetails": "true"}
            told = self.client.run(account, "GET", path, operation="deployment", params=asked)
            result = part(told["deployResult"])
            if _true(result["done"]):
                break
        return result

    def _assign(self, account: Account, user: str) -> Mapping[str, str]:
        """Give our own user the permission set; one that has it already is as good."""
        soql = f"SELECT Id FROM PermissionSet WHERE Name = '{PERMISSIONS}' AND NamespacePrefix = null"  # noqa: S608
        (found,) = self.client.query(account, soql, operation="permission_set")
        body = {"AssigneeId": user, "PermissionSetId": text_of(found["Id"])}
        try:
            self.client.run(account, "POST", "sobjects/PermissionSetAssignment", operation="assign", body=body)
        except Refused as error:
            if error.code != "DUPLICATE_VALUE":
                return {
                    f"{CANNOT}{PERMISSIONS}": f"all is made, but our user may not use it ({error.reason}): {_GRANT}"
                }
        return {}


def _form(boundary: str, options: bytes, content: bytes) -> bytes:
    """Both parts of the form (RFC 7578)."""
    told = ('name="json"\r\nContent-Type: application/json', options)
    file = ('name="file"; filename="package.zip"\r\nContent-Type: application/zip', content)
    start, end = f"--{boundary}\r\nContent-Disposition: form-data; ", f"--{boundary}--\r\n"
    return b"".join(f"{start}{head}\r\n\r\n".encode() + each + b"\r\n" for head, each in (told, file)) + end.encode()


def _failures(result: Json) -> Mapping[str, str]:
    """Why nothing was made, part by part; nothing for a success."""
    if not _true(result["done"]):
        return {_WHOLE: _WORKING}
    if _true(result["success"]):
        return {}
    failed: dict[str, str] = {}
    for row in rows(part(result.get("details")).get("componentFailures")):
        name, words = f"{CANNOT}{text_of(row.get('fullName'))}", str(row.get("problem") or "")[:300]
        failed[name] = f"{failed[name]}; {words}" if name in failed else words
    return failed or {_WHOLE: str(result.get("errorMessage") or result["status"])[:300]}


def _true(value: object) -> bool:
    """The guide prints what is true or false in quotes."""
    return str(value).lower() == "true"
