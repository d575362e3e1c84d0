"""Telling people through Apprise: Slack, Teams, e-mail, PagerDuty, a webhook and many more, each by its URL.

A channel that cannot be reached is tried again, reported by name, and blocks neither the others nor the caller. URLs hold secrets; they
appear in no report and no log of ours.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass
from typing import Any

from mlops_assets.errors import nearest
from mlops_assets.monitoring.alerts.message import Message

ATTEMPTS = 3
PAUSE = 1.0
DEADLINE = 30.0


@dataclass(frozen=True)
class Delivery:
    """What became of one message on one channel: ``attempts`` made, ``error`` why it did not arrive (None: it did)."""

    channel: str
    delivered: bool
    attempts: int
    error: str | None = None


def deliver(
    message: Message,
    names: Sequence[str],
    channels: Mapping[str, str | Sequence[str]],
    *,
    attempts: int = ATTEMPTS,
    pause: float = PAUSE,
    deadline: float = DEADLINE,
) -> list[Delivery]:
    """Send a message to the named channels, side by side. Never raises.

    Args:
        message: what to tell.
        names: of the channels; each once.
        channels: Apprise URLs by name.
        attempts: at most this many for each channel.
        pause: seconds before the second attempt; doubled before each further one.
        deadline: seconds after which a channel counts as dead; its attempt may go on in the background.
    """
    wanted = list(dict.fromkeys(names))
    if not wanted:
        return []
    pool = ThreadPoolExecutor(max_workers=min(8, len(wanted)), thread_name_prefix="notify")
    running = {name: pool.submit(_deliver, message, name, channels, attempts, pause) for name in wanted}
    done, _ = wait(running.values(), timeout=deadline)
    pool.shutdown(wait=False, cancel_futures=True)
    late = f"no answer within {deadline:g} seconds"
    return [future.result() if future in done else Delivery(name, False, attempts, late) for name, future in running.items()]


def _deliver(message: Message, name: str, channels: Mapping[str, str | Sequence[str]], attempts: int, pause: float) -> Delivery:
    if name not in channels:
        guess = nearest(name, channels)
        hint = f"; did you mean {guess!r}?" if guess else f"; known are {', '.join(sorted(channels)) or 'none'}"
        return Delivery(name, False, 0, f"no channel of that name is set up{hint}")
    try:
        waiting = _targets(channels[name])
    except Exception as error:
        return Delivery(name, False, 0, f"its URL cannot be used ({type(error).__name__})")
    if not waiting:
        return Delivery(name, False, 0, "its URL is none that Apprise knows")
    for attempt in range(1, attempts + 1):
        waiting = [target for target in waiting if not _sent(target, message)]
        if not waiting:
            return Delivery(name, True, attempt)
        if attempt < attempts:
            time.sleep(pause * 2 ** (attempt - 1))
    services = ", ".join(sorted({str(target.service_name) for target in waiting}))
    return Delivery(name, False, attempts, f"{services} did not take it")


def _targets(urls: str | Sequence[str]) -> list[Any]:
    import apprise

    found = [apprise.Apprise.instantiate(url, suppress_exceptions=True) for url in ([urls] if isinstance(urls, str) else urls)]
    return [] if any(target is None for target in found) else found


def _sent(target: Any, message: Message) -> bool:
    try:
        return bool(target.notify(body=message.body, title=message.title, notify_type=message.kind))
    except Exception:
        return False
