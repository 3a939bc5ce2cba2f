"""Sealing of tokens, bodies and addresses: AES-256-GCM, a key id in front, and the row's place bound in.

A sealed text opens only for the merchant and field it was sealed for, so rows cannot be swapped.
"""

from __future__ import annotations

import hashlib
import hmac
import os
from collections.abc import Sequence
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from connector.errors import InvariantBroken

_NONCE = 12
_KEY_ID = 4


class Vault:
    """Seals with the first key and opens with any; keys rotate by putting a new one in front."""

    def __init__(self, secrets: Sequence[str]) -> None:
        if not secrets:
            raise InvariantBroken("no encryption key")
        keys = [hashlib.sha256(b"connector seal" + secret.encode()).digest() for secret in secrets]
        self._ciphers = {hashlib.sha256(key).digest()[:_KEY_ID]: AESGCM(key) for key in keys}
        #: What every text begins with that is sealed now; others wait for `connector rotate-keys`.
        self.newest = hashlib.sha256(keys[0]).digest()[:_KEY_ID]

    def seal(self, merchant: UUID, field: str, clear: bytes) -> bytes:
        nonce = os.urandom(_NONCE)
        return self.newest + nonce + self._ciphers[self.newest].encrypt(nonce, clear, _place(merchant, field))

    def open(self, merchant: UUID, field: str, sealed: bytes) -> bytes:
        """Raises InvariantBroken for an unknown key, or a text sealed for another place."""
        key_id, nonce, text = sealed[:_KEY_ID], sealed[_KEY_ID : _KEY_ID + _NONCE], sealed[_KEY_ID + _NONCE :]
        cipher = self._ciphers.get(key_id)
        if cipher is None:
            raise InvariantBroken(f"{field} was sealed with a key that ENCRYPTION_KEYS no longer has")
        try:
            return cipher.decrypt(nonce, text, _place(merchant, field))
        except (InvalidTag, ValueError) as error:
            raise InvariantBroken(f"{field} was sealed for another merchant or field, or changed") from error


def _place(merchant: UUID, field: str) -> bytes:
    return f"{merchant}/{field}".encode()


def derive(secret: str, purpose: str) -> bytes:
    """A key of its own for each purpose, so that nothing signed for one is good for another."""
    return hmac.new(secret.encode(), b"connector " + purpose.encode(), hashlib.sha256).digest()
