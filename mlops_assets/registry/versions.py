"""Registered versions: one per bundle, with its verdict attached, and the aliases that follow the ledger."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from mlops_assets.registry import tags as t
from mlops_assets.registry.bundles import LoggedBundle, check_bundle, discard_bundle, download_bundle, find_bundles, log_bundle
from mlops_assets.registry.connection import Connection, translated
from mlops_assets.registry.errors import RegistryError
from mlops_assets.registry.locks import exclusive

if TYPE_CHECKING:
    from mlflow.entities.model_registry import ModelVersion

MANAGED_ALIASES = ("champion", "challenger")
"""Aliases that follow the ledger; any other alias is its owner's."""


@dataclass(frozen=True)
class RegisteredVersion:
    """A version in MLflow's registry.

    Attributes:
        version: number, from 1.
        created: whether this call made it.
        url: page in the MLflow UI.
        uri: what ``mlflow.pyfunc.load_model`` takes.
    """

    name: str
    version: int
    digest: str
    created: bool
    url: str
    uri: str
    model_id: str | None


@dataclass(frozen=True)
class Difference:
    """One place where MLflow says something else than the ledger.

    Attributes:
        what: ``alias``, ``tag`` or ``version``.
        name: of the alias or tag; of the model for a version.
        version: the version whose tag differs, or that is missing; None for an alias.
        expected: what the ledger says; None for nothing.
        found: what MLflow said; None for nothing.
        repaired: whether MLflow now agrees.
    """

    what: Literal["alias", "tag", "version"]
    name: str
    version: int | None
    expected: str | None
    found: str | None
    repaired: bool

    def __str__(self) -> str:
        place = f"{self.what} {self.name}" + (f" of version {self.version}" if self.version is not None and self.what == "tag" else "")
        return f"{place}: MLflow said {self.found or 'nothing'}, the ledger says {self.expected or 'nothing'}; " + (
            "repaired" if self.repaired else "not repaired"
        )


class Versions(Connection):
    """Versions of registered models."""

    def logged_bundle(self, digest: str) -> LoggedBundle | None:
        """The oldest logged model that claims to hold the bundle with this digest, if there is one."""
        return next(iter(find_bundles(self, digest)), None)

    def register(
        self,
        name: str,
        digest: str,
        *,
        folder: Path | None = None,
        tags: Mapping[str, Any] | None = None,
        description: str = "",
        verdict: Mapping[str, Any] | None = None,
    ) -> RegisteredVersion:
        """Register the bundle with ``digest`` as a version of ``name``; the same bundle is never registered twice.

        The bundle is read back from MLflow and every byte checked before it becomes a version. Registering again brings
        tags, description and verdict of the existing version up to date.

        Args:
            name: of the registered model.
            digest: of the bundle.
            folder: where the bundle lies, for the case that this MLflow does not hold it yet.
            tags: digests, environment, Dagster run, asset, partition; None is left out.
            description: Markdown, shown on the version's page.
            verdict: ``id`` and ``status`` at least.

        Raises:
            RegistryError: when no logged model holds the bundle and no folder is given, or the stored bundle was altered.
        """
        wanted = t.as_tags({**(tags or {}), **_verdict_tags(verdict), t.BUNDLE: digest, t.MODEL: name})
        existing = self._by_digest(name, digest)
        logged = None if existing is not None else self._whole(digest, folder) or self._log(name, digest, folder, tags)
        with translated(self.tracking_uri), exclusive(self.tracking_uri), self.as_default():
            existing = self._by_digest(name, digest)
            if existing is None:
                assert logged is not None
                return self._registered(self._create(name, logged, wanted, description), digest, created=True)
        self._check(existing, digest)
        self._bring_up_to_date(existing, wanted, description)
        return self._registered(existing, digest, created=False)

    def discard(self, digest: str, when: str) -> int:
        """Remove every copy of the bundle with ``digest``; versions and logged models stay, tagged with ``when``. Returns copies."""
        held = discard_bundle(self, digest, when)
        for found in self._search_versions(f"tags.`{t.BUNDLE}` = {t.quoted(digest)}"):
            self.set_tags(found.name, int(found.version), {t.PRUNED: when})
        return held

    def versions(self, name: str) -> dict[int, dict[str, str]]:
        """Tags of every registered version of ``name``, by number."""
        return {int(found.version): dict(found.tags) for found in self._search_versions(f"name = {t.quoted(name)}")}

    def aliases(self, name: str) -> dict[str, int]:
        """Version by alias; empty for a model that is not registered."""
        from mlflow.exceptions import MlflowException

        try:
            return {alias: int(version) for alias, version in self.client.get_registered_model(name).aliases.items()}
        except MlflowException as error:
            if error.error_code == "RESOURCE_DOES_NOT_EXIST":
                return {}
            raise RegistryError(str(error), where=self.tracking_uri) from error

    def set_alias(self, name: str, alias: str, version: int) -> None:
        """Make ``alias`` point at ``version``."""
        with translated(self.tracking_uri):
            self.client.set_registered_model_alias(name, alias, str(version))

    def delete_alias(self, name: str, alias: str) -> None:
        """Take ``alias`` away; nothing happens where it is not set."""
        with translated(self.tracking_uri):
            if alias in self.aliases(name):
                self.client.delete_registered_model_alias(name, alias)

    def set_tags(self, name: str, version: int, tags: Mapping[str, Any]) -> None:
        """Set tags of a version; None is left out."""
        with translated(self.tracking_uri):
            for key, value in t.as_tags(tags).items():
                self.client.set_model_version_tag(name, str(version), key, value)

    def fetch(self, name: str, version: int | str, to: Path) -> Path:
        """Copy the bundle of a version (a number or an alias) to the folder ``to``, every byte checked.

        Raises:
            RegistryError: when there is no such version, or its bundle was altered.
        """
        with translated(self.tracking_uri):
            if isinstance(version, str) and not version.isdigit():
                found = self.client.get_model_version_by_alias(name, version)
            else:
                found = self.client.get_model_version(name, str(version))
        model_id = _model_id(found)
        if model_id is None:
            raise RegistryError(
                f"{name} version {found.version} was not registered by mlops-assets: its source is {found.source}.", where=self.tracking_uri
            )
        return download_bundle(self, model_id, to, digest=found.tags.get(t.BUNDLE))

    def sync(
        self,
        name: str,
        *,
        aliases: Mapping[str, int | None],
        tags: Mapping[int, Mapping[str, Any]] | None = None,
        repair: bool = True,
    ) -> list[Difference]:
        """Compare MLflow with what the ledger says, and make MLflow follow.

        Args:
            name: of the registered model.
            aliases: version by alias; None, or a managed alias that is left out, means that nothing has it.
            tags: tags that each version must have; other tags are left alone.
            repair: False only reports.
        """
        wanted_aliases = {**dict.fromkeys(MANAGED_ALIASES), **aliases}
        wanted_tags = {version: t.as_tags(values) for version, values in (tags or {}).items()}
        present, found_aliases = self.versions(name), self.aliases(name)
        named = {version for version in wanted_aliases.values() if version is not None} | set(wanted_tags)
        differences = [Difference("version", name, version, str(version), None, False) for version in sorted(named - set(present))]
        for alias, version in sorted(wanted_aliases.items()):
            found = found_aliases.get(alias)
            if found == version:
                continue
            possible = version is None or version in present
            if repair and possible:
                self.delete_alias(name, alias) if version is None else self.set_alias(name, alias, version)
            differences.append(Difference("alias", alias, None, _str(version), _str(found), repair and possible))
        for version, values in sorted(wanted_tags.items()):
            if version not in present:
                continue
            wrong = {key: value for key, value in values.items() if present[version].get(key) != value}
            if repair:
                self.set_tags(name, version, wrong)
            differences += [Difference("tag", key, version, value, present[version].get(key), repair) for key, value in wrong.items()]
        return differences

    def _whole(self, digest: str, folder: Path | None) -> LoggedBundle | None:
        """The first logged model whose bytes are those of the digest; an altered one is passed over if ``folder`` can replace it."""
        altered: RegistryError | None = None
        for logged in find_bundles(self, digest):
            try:
                check_bundle(self, logged.model_id, digest)
            except RegistryError as error:
                altered = error
            else:
                return logged
        if altered is not None and folder is None:
            raise altered
        return None

    def _log(self, name: str, digest: str, folder: Path | None, tags: Mapping[str, Any] | None) -> LoggedBundle:
        if folder is None:
            raise RegistryError(
                f"no logged model holds bundle {digest[:12]} of {name}.", where=self.tracking_uri, do=f"Materialize {name}/model."
            )
        from mlops_assets.modeling.bundle import verify

        found = verify(folder)["digest"]
        if found != digest:
            raise RegistryError(f"the folder holds bundle {found[:12]}, not {digest[:12]}.", where=str(folder))
        logged = log_bundle(self, folder, name=name, tags=tags)
        check_bundle(self, logged.model_id, digest)
        return logged

    def _create(self, name: str, logged: LoggedBundle, tags: Mapping[str, str], description: str) -> ModelVersion:
        from mlflow.exceptions import MlflowException

        try:
            self.client.get_registered_model(name)
        except MlflowException:
            self.client.create_registered_model(name)
        return self.client.create_model_version(
            name,
            source=logged.uri,
            run_id=logged.run_id,
            tags=dict(tags),
            description=description or None,
            model_id=logged.model_id,
        )

    def _check(self, existing: ModelVersion, digest: str) -> None:
        model_id = _model_id(existing)
        if model_id is None:
            raise RegistryError(f"version {existing.version} of {existing.name} has a source of its own: {existing.source}.")
        try:
            check_bundle(self, model_id, digest)
        except RegistryError as error:
            raise RegistryError(
                f"version {existing.version} of {existing.name} is not what was registered: {error.found}",
                where=self.tracking_uri,
                do="Delete that version in MLflow; registering again makes a new one.",
            ) from error

    def _by_digest(self, name: str, digest: str) -> ModelVersion | None:
        found = self._search_versions(f"name = {t.quoted(name)} and tags.`{t.BUNDLE}` = {t.quoted(digest)}")
        return min(found, key=lambda version: int(version.version)) if found else None

    def _search_versions(self, filter_string: str) -> list[ModelVersion]:
        found: list[ModelVersion] = []
        token = None
        with translated(self.tracking_uri):
            while True:
                page = self.client.search_model_versions(filter_string, max_results=1000, page_token=token)
                found.extend(page)
                token = page.token
                if not token:
                    return found

    def _bring_up_to_date(self, existing: ModelVersion, wanted: Mapping[str, str], description: str) -> None:
        self.set_tags(existing.name, int(existing.version), {k: v for k, v in wanted.items() if existing.tags.get(k) != v})
        if description and existing.description != description:
            self.client.update_model_version(existing.name, existing.version, description)

    def _registered(self, found: ModelVersion, digest: str, *, created: bool) -> RegisteredVersion:
        version = int(found.version)
        uri = f"models:/{found.name}/{version}"
        return RegisteredVersion(found.name, version, digest, created, self.version_url(found.name, version), uri, _model_id(found))


def _verdict_tags(verdict: Mapping[str, Any] | None) -> dict[str, Any]:
    return {} if verdict is None else {t.VERDICT: verdict.get("id"), t.VERDICT_STATUS: verdict.get("status")}


def _model_id(version: ModelVersion) -> str | None:
    source = str(version.source)
    return source.removeprefix("models:/") if source.startswith("models:/m-") else None


def _str(value: int | None) -> str | None:
    return None if value is None else str(value)
