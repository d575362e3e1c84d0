"""The marks of delimited text, and the error of text that does not keep to them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from mlops_assets.spec.sources import CsvFormat


class Misread(Exception):
    """Text that cannot be read as it is declared. Who knows the file's name says it.

    Attributes:
        found: what was found.
        line: line of the file, from 1; None where it is no line's fault.
        valid: what would be valid.
        do: what to do.
    """

    def __init__(self, found: str, *, line: int | None = None, valid: Iterable[str] = (), do: str | None = None) -> None:
        self.found = found
        self.line = line
        self.valid = tuple(valid)
        self.do = do
        super().__init__(found)


@dataclass(frozen=True)
class Dialect:
    """Marks as UTF-8 bytes.

    Attributes:
        separator: between fields.
        quote: around a field; None: no character quotes.
        comment: begins a line that is no row; None: there are none.
        strip: whether white space around a field does not count.
    """

    separator: bytes
    quote: bytes | None = None
    comment: bytes | None = None
    strip: bool = True

    @classmethod
    def of(cls, form: CsvFormat) -> Dialect:
        """The marks that are declared.

        Raises:
            Misread: for marks that no file can be read with.
        """
        marks = {"separator": form.separator, "quote": form.quote or None, "comment": form.comment}
        for name, mark in marks.items():
            if mark is None:
                continue
            if len(mark) != 1 or not mark.isascii() or mark in "\r\n\0":
                raise Misread(f"{name} is declared as {mark!r}.", do="It must be one ASCII character, and none that ends a line.")
            for other, theirs in marks.items():
                if other != name and theirs == mark:
                    raise Misread(f"{name} and {other} are both declared as {mark!r}.", do="Declare two different characters.")
        encoded = {name: mark.encode() if mark else None for name, mark in marks.items()}
        return cls(form.separator.encode(), encoded["quote"], encoded["comment"], form.strip)
