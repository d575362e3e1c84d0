"""Signed checkpoints outside the database: how many events there were, and which was the last.

A chain shows a change in its middle. It does not show that its tail was cut, or that all of it was written anew; a checkpoint does.
``head.json`` always holds the newest one. Numbered ones stay for good: every N events, and at each promotion and rollback.
Whoever may write the database should not be able to write this folder or read its key; ``key`` may lie anywhere.
"""

from __future__ import annotations

import base64
import json
import os
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlops_assets.ledger.errors import LedgerError
from mlops_assets.ledger.events import Event, canonical

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

KEPT = frozenset({"promoted", "rolled_back"})
"""Kinds of event after which a checkpoint is kept whatever the count."""


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """At ``time`` the log that begins with the hash ``log`` had ``size`` events and ``head`` was the hash of the last."""

    log: str
    size: int
    head: str
    time: str

    def signed_text(self) -> bytes:
        """What the signature is over."""
        return canonical(asdict(self)).encode()


@dataclass(frozen=True, slots=True)
class Found:
    """A checkpoint read back from ``file``; ``problem`` says why it proves nothing."""

    file: str
    checkpoint: Checkpoint | None
    problem: str | None = None


class Checkpoints:
    """The folder of checkpoints of one ledger.

    The key pair is made at first use, in the folder unless ``key`` names a file; the public half is
    ``public.pem`` in the folder, and a copy kept elsewhere makes a swapped key show.
    """

    def __init__(self, folder: Path, every: int = 100, key: Path | None = None) -> None:
        self.folder = folder
        self.every = every
        self.key_file = key or folder / "signing.key"
        self._key: Ed25519PrivateKey | None = None
        self._log: str | None = None

    def after(self, events: Sequence[Event], first_hash: Callable[[], str]) -> None:
        """Write what is due after ``events`` were committed. ``first_hash`` gives the hash of the log's first event, where it is needed.

        Raises:
            LedgerError: when the folder cannot be written. The events are recorded all the same, and the error says so.
        """
        last = events[-1]
        if events[0].sequence == 1:
            self._log = events[0].hash
        if self._log is None:
            self._log = first_hash()
        checkpoint = Checkpoint(self._log, last.sequence, last.hash, last.time)
        kept = any(event.kind in KEPT for event in events) or events[0].sequence // self.every != (last.sequence + 1) // self.every
        try:
            self.note(events)
            self.write(checkpoint, keep=kept)
        except OSError as error:
            raise LedgerError(
                f"event {last.sequence} is recorded, but its checkpoint is not: {error.strerror or error}.",
                where=str(self.folder),
                do="Make the folder writable; the next event writes the next checkpoint.",
            ) from error

    def note(self, events: Sequence[Event]) -> None:
        """Keep the hash of every event at its place in ``hashes.bin``; it proves nothing, and tells where a rewrite began."""
        self.folder.mkdir(parents=True, exist_ok=True)
        handle = os.open(self.folder / "hashes.bin", os.O_WRONLY | os.O_CREAT, 0o644)
        try:
            os.pwrite(handle, b"".join(bytes.fromhex(event.hash) for event in events), 32 * (events[0].sequence - 1))
        finally:
            os.close(handle)

    def noted(self) -> bytes:
        """The hashes that :meth:`note` kept, 32 bytes for each event, zeros where none is known."""
        file = self.folder / "hashes.bin"
        return file.read_bytes() if file.is_file() else b""

    def write(self, checkpoint: Checkpoint, *, keep: bool) -> None:
        """Sign ``checkpoint`` and make it the head, unless the head is newer; with ``keep`` also for good."""
        text = self._signed(checkpoint)
        if keep:
            _replace(self.folder / f"{checkpoint.size:012d}-{checkpoint.head[:12]}.json", text)
        with _alone(self.folder / ".lock"):
            head = self.folder / "head.json"
            if head.is_file() and _size(head) >= checkpoint.size:
                return
            _replace(head, text)

    def read(self, public_key: Path | None = None) -> Iterator[Found]:
        """Every checkpoint, smallest first, checked against ``public_key`` (default: the folder's own)."""
        file = public_key or self.folder / "public.pem"
        files = sorted(self.folder.glob("*.json")) if self.folder.is_dir() else []
        if not files:
            return
        try:
            public = _public_key(file)
        except (OSError, ValueError) as error:
            yield Found(file.name, None, f"the public key cannot be read: {error}")
            return
        found = [_read(path, public) for path in files]
        yield from sorted(found, key=lambda item: item.checkpoint.size if item.checkpoint else -1)

    def _signed(self, checkpoint: Checkpoint) -> str:
        from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

        key = self._private_key()
        public = key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        return json.dumps(
            {
                "schema": 1,
                **asdict(checkpoint),
                "key": base64.b64encode(public).decode(),
                "signature": base64.b64encode(key.sign(checkpoint.signed_text())).decode(),
            },
            indent=2,
        )

    def _private_key(self) -> Ed25519PrivateKey:
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
        from cryptography.hazmat.primitives.serialization import (
            Encoding,
            NoEncryption,
            PrivateFormat,
            load_pem_private_key,
        )

        if self._key is not None:
            return self._key
        self.folder.mkdir(parents=True, exist_ok=True)
        with _alone(self.folder / ".lock"):
            if not self.key_file.is_file():
                made = Ed25519PrivateKey.generate()
                _replace(self.folder / "public.pem", _public_text(made))
                _replace(self.key_file, made.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode(), mode=0o600)
            try:
                loaded = load_pem_private_key(self.key_file.read_bytes(), password=None)
            except (ValueError, TypeError) as error:
                raise LedgerError(f"the signing key cannot be read: {error}.", where=str(self.key_file), do="Restore it.") from error
            if not isinstance(loaded, Ed25519PrivateKey):
                raise LedgerError("the signing key is not an Ed25519 key.", where=str(self.key_file), do="Restore it.")
            if not (self.folder / "public.pem").is_file():
                _replace(self.folder / "public.pem", _public_text(loaded))
        self._key = loaded
        return loaded


def _public_text(key: Ed25519PrivateKey) -> str:
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


def _read(path: Path, public: Ed25519PublicKey) -> Found:
    from cryptography.exceptions import InvalidSignature

    try:
        document: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        checkpoint = Checkpoint(str(document["log"]), int(document["size"]), str(document["head"]), str(document["time"]))
        public.verify(base64.b64decode(document["signature"]), checkpoint.signed_text())
    except InvalidSignature:
        return Found(path.name, None, "its signature is not by the ledger's key")
    except (OSError, ValueError, KeyError, TypeError) as error:
        return Found(path.name, None, f"it cannot be read: {type(error).__name__}")
    return Found(path.name, checkpoint)


def _public_key(file: Path) -> Ed25519PublicKey:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    loaded = load_pem_public_key(file.read_bytes())
    if not isinstance(loaded, Ed25519PublicKey):
        raise ValueError("it is not an Ed25519 key")
    return loaded


def _size(head: Path) -> int:
    try:
        return int(json.loads(head.read_text(encoding="utf-8"))["size"])
    except (OSError, ValueError, KeyError, TypeError):
        return -1


def _replace(path: Path, text: str, mode: int = 0o644) -> None:
    """Write a file whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=".", suffix=".tmp")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
        Path(name).chmod(mode)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


@contextmanager
def _alone(lock: Path) -> Iterator[None]:
    """One process at a time, where the platform has file locks."""
    try:
        import fcntl
    except ImportError:
        yield
        return
    with lock.open("a") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
