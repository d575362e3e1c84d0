"""From the bytes of a file to UTF-8, block by block, with nothing replaced."""

from __future__ import annotations

import codecs
from collections.abc import Callable
from contextlib import suppress

from mlops_assets.spec.delimited.dialect import Misread

Read = Callable[[int], bytes]
"""Gives up to so many bytes, and none at the end."""

_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_PACKED = ((b"\x1f\x8b", "gzip", ".gz"), (b"PK\x03\x04", "zip", ".zip"), (b"\x28\xb5\x2f\xfd", "zstd", ".zst"), (b"BZh", "bzip2", ".bz2"))
_SINGLE_BYTES = ("ascii", "iso8859", "cp125", "koi8", "mac-")
"""Codecs whose characters are one byte each, of which those below 128 are ASCII's."""
_SHOWN = 4
_BEGINNING = 2**10


class Undecodable(Exception):
    """Bytes that are no text in the declared encoding.

    Attributes:
        before: what was read of the same block before them, as UTF-8.
        found: what was found.
        do: what to do.
    """

    def __init__(self, before: bytes, found: str, do: str) -> None:
        self.before = before
        self.found = found
        self.do = do
        super().__init__(found)

    def at(self, line: int) -> Misread:
        """The error with its place."""
        return Misread(self.found, line=line, do=self.do)


class Utf8Blocks:
    """Text of a file as UTF-8, without byte order mark. What is declared as UTF-8 is given as it is: its reader must verify it."""

    def __init__(self, read: Read, encoding: str) -> None:
        """``encoding`` is any text encoding that Python knows.

        Raises:
            Misread: for one that it does not know.
        """
        try:
            codec = codecs.lookup(encoding)
        except LookupError:
            codec = None
        if codec is None or not getattr(codec, "_is_text_encoding", True) or codec.incrementaldecoder is None:
            raise Misread(f"{encoding!r} is no text encoding.", valid=("utf-8", "utf-16", "latin-1", "cp1252"))
        self._read = read
        self._encoding = encoding
        self._name = codec.name
        self._decoder = codec.incrementaldecoder()
        self._fresh = codec.incrementaldecoder
        self._clean = self._decoder.getstate()
        self._keeps_ascii = codec.name.startswith(_SINGLE_BYTES)
        self._begun = False
        self._beginning = self._ahead = b""
        self._ended = False

    @property
    def _is_utf8(self) -> bool:
        return self._name in ("utf-8", "utf-8-sig")

    def __call__(self, size: int) -> bytes:
        """About ``size`` bytes; none at the end.

        Raises:
            Undecodable: for bytes that the encoding does not have.
            Misread: for a file that begins with the mark of another encoding.
        """
        text = b""
        while not text and not self._ended:
            if not self._begun:
                self._beginning = self._ahead = self._block(_BEGINNING)
            block = self._block(size if self._begun else max(size, 4))
            self._ended = not block
            if not self._begun:
                self._begun = True
                text = self._first(block)
            else:
                text = block if self._is_utf8 else self._decoded(block)
        return text

    def invalid(self, data: bytes) -> Undecodable | None:
        """What is wrong with text that was given as it is; None where it is valid UTF-8."""
        try:
            data.decode()
        except UnicodeDecodeError as error:
            return self._undecodable(error, data[: error.start])
        return None

    def _block(self, size: int) -> bytes:
        block, self._ahead = self._ahead[:size], self._ahead[size:]
        parts = [block]
        wanted = size - len(block)
        while wanted > 0 and (part := bytes(self._read(wanted))):
            parts.append(part)
            wanted -= len(part)
        return b"".join(parts)

    def _first(self, block: bytes) -> bytes:
        family = self._name.replace("_", "-")
        marks = [(mark, name) for mark, name in _MARKS if block.startswith(mark)]
        mark, encoding = next((one for one in marks if family.startswith(one[1])), next(iter(marks), (b"", "")))
        if encoding and not family.startswith(encoding):
            raise Misread(
                f"the file begins with the byte order mark of {encoding}. The encoding is declared as {self._encoding}.",
                line=1,
                do=f"Declare encoding: {encoding}.",
            )
        beginning = self._beginning
        plain = beginning.isascii() and b"\0" not in beginning and (b"\n" in beginning or b"\r" in beginning)
        if family.startswith(("utf-16", "utf-32")) and not mark and plain:
            raise Misread(f"this is no {self._encoding}: its bytes are those of plain text.", line=1, do="Declare encoding: utf-8.")
        if self._is_utf8:
            return block[len(mark) :]
        text = self._decoded(block)
        return text.removeprefix(codecs.BOM_UTF8)

    def _decoded(self, block: bytes) -> bytes:
        if self._keeps_ascii and block.isascii() and self._decoder.getstate() == self._clean:
            return block
        state = self._decoder.getstate()
        try:
            return self._decoder.decode(block, final=not block).encode()
        except UnicodeDecodeError as error:
            before = b""
            with suppress(UnicodeError, TypeError, ValueError):
                decoder = self._fresh()
                decoder.setstate((b"", state[1]))
                before = decoder.decode(error.object[: error.start]).encode()
            raise self._undecodable(error, before) from None
        except UnicodeEncodeError:
            raise Undecodable(b"", f"half a character that {self._encoding} cannot have alone.", "Correct the file.") from None

    def _undecodable(self, error: UnicodeDecodeError, before: bytes) -> Undecodable:
        found = error.object[error.start : error.start + _SHOWN]
        shown = " ".join(f"{byte:02X}" for byte in found)
        return Undecodable(
            before,
            f"the bytes {shown} are no text in {self._encoding}. The encoding is declared as {self._encoding}.",
            self._advice(error.object[error.start :]),
        )

    def _advice(self, data: bytes) -> str:
        for mark, name, ending in _PACKED:
            if self._beginning.startswith(mark):
                return f"The file is packed ({name}): name it {ending}." if ending != ".zip" else "The file is a zip archive: unpack it."
        sample = data[: 2**16]
        readers = [name for name in ("utf-8", "cp1252", "latin-1") if name != self._name and _reads(name, sample)]
        if b"\0" in self._beginning and not self._name.startswith("utf-16"):
            readers.insert(0, "utf-16")
        if not readers:
            return "Correct the file."
        return f"These would read it: {', '.join(readers)}. Declare the one that the file was written with."


def _reads(encoding: str, sample: bytes) -> bool:
    try:
        codecs.getincrementaldecoder(encoding)().decode(sample)
    except UnicodeError:
        return False
    return True
