"""Bytes of a text file as UTF-8, block by block, never more than a few blocks in memory."""

from __future__ import annotations

import codecs
import contextlib
import io
from typing import IO, Any

from ingestion.errors import DeliveryError
from ingestion.parsing import REPLACEMENT

READ_BYTES = 8 << 20
_PIECE_BYTES = 256 << 10
LINE_BYTES = 4 << 20  # no row of any feed comes near it
_SPOILT_SHARE = 0.05  # of the lines of a block; above it the encoding, not a row, is wrong
_ASCII = bytes(range(128))
_ENOUGH_TO_TELL = 20  # bytes outside ASCII
_NAMES = {"utf-8": "UTF-8", "gb18030": "GB18030", "utf-16": "UTF-16"}
_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


def _transcoded(raw: bytes, encoding: str, final: bool) -> tuple[bytes, bytes]:
    """Sound text as UTF-8, and the bytes of a character that the end cuts in two.

    Piece by piece: a piece and its text stay in the processor's cache, and other threads get
    their turn, which decoding allows to no one.

    Raises:
        UnicodeDecodeError: not sound.
    """
    if encoding == "utf-8":
        sound = codecs.utf_8_decode(raw, "strict", final)[1]
        return raw[:sound], raw[sound:]
    decoder = codecs.getincrementaldecoder(encoding)("strict")
    starts = range(0, len(raw), _PIECE_BYTES)
    pieces = [decoder.decode(raw[at : at + _PIECE_BYTES]).encode("utf-8") for at in starts]
    held = decoder.getstate()[0]
    if final:
        decoder.decode(b"", final=True)
    return b"".join(pieces), held


class Decoder(io.RawIOBase):
    """A binary file as UTF-8, decoded strictly block by block.

    A byte order mark says what the file is, whatever was agreed. Bytes that are no text in the
    encoding, and NUL bytes, become U+FFFD, which the checks refuse row by row (`bad_encoding`).

    Attributes:
        quotes: how many quotation marks were read so far.

    Raises (from read):
        DeliveryError: `bad_encoding`, when so much is spoilt that the encoding itself is wrong;
            `line_too_long`, before the line is in memory.
    """

    def __init__(self, file: IO[bytes], encoding: str) -> None:
        self._file, self._encoding = file, encoding
        self._stepwise: codecs.IncrementalDecoder | None = None  # for UTF-16
        self._held = b""  # the bytes of a character that a block's end cut in two
        self._ready = memoryview(b"")
        self._block = 0
        self._proven = False
        self._open_line = 0  # bytes since the last line break
        self._read = 0
        self.quotes = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        if not self._ready:
            self._ready = memoryview(self.block())
        size = min(len(buffer), len(self._ready))
        buffer[:size] = self._ready[:size]
        self._ready = self._ready[size:]
        return size

    def block(self) -> bytes:
        """What comes next, as much as was decoded at once; empty at the end."""
        if self._ready:
            ready, self._ready = bytes(self._ready), memoryview(b"")
            return ready
        while True:
            raw = self._file.read(READ_BYTES)
            if self._block == 0:
                raw = self._begin(raw)
            text = self._utf8(self._held + raw, final=not raw)
            if b"\0" in text:
                text = self._without_nul(text)
            self._block += 1
            self._read += len(raw)
            self._watch(text)
            if text or not raw:
                return text

    def unread(self, text: bytes) -> None:
        """Give back what was taken last; it comes again."""
        self._ready = memoryview(text + bytes(self._ready))

    def _begin(self, raw: bytes) -> bytes:
        """Take the byte order mark off."""
        for mark, encoding in _MARKS:
            if raw.startswith(mark):
                self._encoding = encoding
                self._proven = True
                if encoding == "utf-16":
                    self._stepwise = codecs.getincrementaldecoder("utf-16")("replace")
                    return raw
                return raw[len(mark) :]
        return raw

    def _utf8(self, raw: bytes, final: bool) -> bytes:
        """The block as valid UTF-8; what may be half a character waits for the next block."""
        if self._stepwise is not None:
            return self._accept(self._stepwise.decode(raw, final)).encode("utf-8")
        self._held = b""
        if not self._proven and self._encoding != "utf-8":
            self._prove(raw)
        try:
            text, self._held = _transcoded(raw, self._encoding, final)
        except UnicodeDecodeError as error:
            if not final and len(raw) - error.start < 4:
                self._held, raw = raw[error.start :], raw[: error.start]
            return self._accept(raw.decode(self._encoding, "replace")).encode("utf-8")
        return text

    def _prove(self, raw: bytes) -> None:
        """Tell UTF-8 from GB18030, in which it mostly is valid too, but other characters.

        The reverse is no accident: that many Chinese characters in GB18030 are never valid UTF-8.
        """
        foreign = raw.translate(None, _ASCII)
        if len(foreign) < _ENOUGH_TO_TELL:
            return
        self._proven = True
        with contextlib.suppress(UnicodeDecodeError):
            codecs.getincrementaldecoder("utf-8")("strict").decode(raw)
            raise self._wrong("看来是 UTF-8")

    def _wrong(self, why: str) -> DeliveryError:
        return DeliveryError(
            "bad_encoding",
            f"文件不是约定的 {_NAMES[self._encoding]} 编码（{why}）。请按约定编码重新导出。",
        )

    def _accept(self, text: str) -> str:
        """Text with some characters spoilt, unless that is so much that the encoding is wrong."""
        if REPLACEMENT not in text:
            return text
        lines = text.split("\n")
        spoilt = sum(REPLACEMENT in line for line in lines)
        in_header = self._block == 0 and REPLACEMENT in lines[0]
        if in_header or spoilt > max(1, _SPOILT_SHARE * len(lines)):
            raise self._wrong("无法识别的行过多")
        return text

    def _without_nul(self, text: bytes) -> bytes:
        """NUL bytes are no text; a file full of them is another encoding or another kind."""
        if text.count(b"\0") > max(64, len(text) // 100):
            if b"\n" not in text and len(text) > LINE_BYTES:
                raise self._too_long()
            raise self._wrong("含有大量空字节，可能是没有标记的 UTF-16，或不是文本文件")
        return text.replace(b"\0", REPLACEMENT.encode())

    def _watch(self, text: bytes) -> None:
        """Count quotation marks; refuse a line that has no end before it fills the memory."""
        self.quotes += text.count(b'"') if b'"' in text else 0
        end = text.rfind(b"\n")
        if end < 0:
            end = text.rfind(b"\r")
        self._open_line = len(text) - end - 1 if end >= 0 else self._open_line + len(text)
        if self._open_line > LINE_BYTES:
            raise self._too_long()

    def _too_long(self) -> DeliveryError:
        line = ""
        if self._file.seekable():
            self._file.seek(0)
            left, lines = self._read, 1
            while left > 0 and (block := self._file.read(min(left, READ_BYTES))):
                left -= len(block)
                # Of the last block nothing but the line without end may follow its last break.
                lines += block.count(b"\n")
            line = f"第{lines}行"
        return DeliveryError(
            "line_too_long",
            f"{line}超过 {LINE_BYTES >> 20} MB 仍没有换行，不是一行数据。"
            "请检查换行符和引号，重新导出。",
        )
