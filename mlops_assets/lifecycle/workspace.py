"""What asset bodies and commands share: settings, catalogue, plan and the stores of one project, each opened on first use."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from functools import cached_property, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from mlops_assets.errors import MlopsError, nearest
from mlops_assets.plan import Plan, compile_plan
from mlops_assets.settings import Settings, load_settings
from mlops_assets.spec.catalogue import Catalogue

if TYPE_CHECKING:
    from mlops_assets.data.sources import SourceContext
    from mlops_assets.data.store import Store
    from mlops_assets.ledger import Ledger
    from mlops_assets.ledger.actors import Actor
    from mlops_assets.registry import Registry
    from mlops_assets.spec.checking.sound import SoundPart
    from mlops_assets.spec.problems import Problem


class DefinitionsError(MlopsError):
    """A definition, or one that it needs, has errors; the text lists every one with its file and line."""


class Workspace:
    """One project at work.

    Attributes:
        journal_clock: only in a simulation: from the time at which a server answered to the simulated one (microseconds since 1970, UTC).
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.journal_clock: Callable[[int], int] | None = None

    @cached_property
    def catalogue(self) -> Catalogue:
        """Everything of the project that can be used: definitions without an error, that need none with one."""
        return self.definitions.catalogue

    @cached_property
    def definitions(self) -> SoundPart:
        """Every definition of the project, sound or not, and what is wrong."""
        from mlops_assets.spec.checking.sound import sound_part

        return sound_part(self.settings.project)

    def demand(self, name: str) -> None:
        """Refuse ``name`` where its definition, or one that it needs, has an error. A name that nobody declares passes.

        Raises:
            DefinitionsError: with each of these errors.
        """
        if name in self.definitions.kinds:
            self._refuse(self.definitions.errors_of(name), f"what {name} needs")

    def demand_all(self) -> None:
        """Refuse where any definition has an error.

        Raises:
            DefinitionsError: with every error.
        """
        self._refuse(self.definitions.errors, "the definitions")

    def _refuse(self, found: Sequence[Problem], where: str) -> None:
        if found:
            many = "1 error" if len(found) == 1 else f"{len(found)} errors"
            lines = [problem.text(self.settings.project) for problem in found]
            raise DefinitionsError("\n".join([f"{many} in {where}:", *lines]))

    def no_such(self, what: str, name: str, valid: Iterable[str]) -> MlopsError:
        """That there is no ``what`` of that name; a file that cannot be read may hold it, so those are told too."""
        names = [*valid]
        guess = nearest(name, names)
        text = [f"Did you mean {guess!r}?"] if guess else []
        if unread := self.definitions.unread:
            lines = [problem.text(self.settings.project) for problem in unread]
            text.append("\n".join(["It may stand where nothing can be read:", *lines]))
        if not names and not text:
            text.append(f"Nothing is declared under {self.settings.definitions}.")
        return MlopsError(f"there is no {what} {name!r}.", valid=names, do=" ".join(text) or None)

    @cached_property
    def plan(self) -> Plan:
        """What the catalogue compiles to."""
        return compile_plan(self.catalogue)

    @cached_property
    def store(self) -> Store:
        """The versioned store."""
        from mlops_assets.data.store import open_store

        return open_store(self.settings.store_url)

    @cached_property
    def registry(self) -> Registry:
        """MLflow tracking and registry."""
        from mlops_assets.registry import open_registry

        return open_registry(self.settings.mlflow_tracking_uri, self.settings.mlflow_artifacts, ui=self.settings.mlflow_ui)

    @cached_property
    def ledger(self) -> Ledger:
        """The append-only log of decisions."""
        from mlops_assets.ledger import open_ledger

        settings = self.settings
        return open_ledger(
            settings.ledger_url, environment=settings.environment, checkpoints=settings.checkpoints, key=settings.checkpoint_key
        )

    def now(self) -> datetime:
        """The clock that monitoring goes by: UTC."""
        return datetime.now(UTC)

    @property
    def actor(self) -> Actor:
        """Who acts in this process: the principal whose key is in `MLOPS_KEY`, else the user of this machine."""
        from mlops_assets.governance.principals import authenticate, os_user

        presented = os.environ.get("MLOPS_KEY")
        return authenticate(self.ledger.fold().keys, presented, self.ledger.now()) if presented else os_user()

    @cached_property
    def scratch(self) -> str:
        """A folder of this process that is gone when the process ends."""
        self._scratch = tempfile.TemporaryDirectory(prefix="mlops-", ignore_cleanup_errors=True)
        return self._scratch.name

    def source_context(self, dataset: str) -> SourceContext:
        """What reading the source of ``dataset`` needs to know of the project."""
        from mlops_assets.data.sources import SourceContext

        return SourceContext(
            project=self.settings.project,
            folder=self.catalogue.folder(dataset),
            cache=self.settings.cache,
            mirror=self.settings.mirror,
        )


@lru_cache(maxsize=8)
def open_workspace(project: Path | None = None) -> Workspace:
    """The workspace of a project; the same object for the same project within a process."""
    return Workspace(load_settings(project))
