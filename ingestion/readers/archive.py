"""Zip: one data file, or several of the same columns, read one after the other."""

from __future__ import annotations

import contextlib
import errno
import lzma
import struct
import zipfile
import zlib
from collections.abc import Iterator
from typing import IO

from ingestion.errors import DeliveryError
from ingestion.readers.content import Content

MEMBERS = 1_000
UNPACKED_BYTES = 64 << 30  # texts are read in parts; this only ends what never would
RATIO, RATIO_FROM = 300, 64 << 20  # unpacked to packed; only counted from so many bytes on
_LOCAL_HEADER = 30  # bytes before a member's name (APPNOTE.TXT 4.3.7)
_PART = 1 << 20
_IGNORED = (".control.json", ".ds_store", "thumbs.db")


_BROKEN = (zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, NotImplementedError)
# What zipfile also raises over a directory that makes no sense.
_SENSELESS = (ValueError, RuntimeError, OverflowError, struct.error)


@contextlib.contextmanager
def plain_zip_errors(name: str, opening: bool = False) -> Iterator[None]:
    """Turn what a broken archive raises into a refusal.

    Args:
        opening: only the archive's own directory is read here.

    Raises:
        DeliveryError: `bad_archive`.
    """
    expected = _BROKEN + _SENSELESS if opening else _BROKEN
    try:
        yield
    except (*expected, OSError) as error:
        if isinstance(error, OSError) and error.errno != errno.EINVAL:
            raise
        raise DeliveryError(
            "bad_archive",
            f"压缩包 {name} 无法解压（{error}）。"
            "可能传输中断或格式特殊，请用普通 zip 重新打包报送。",
        ) from error


def check_sizes(members: list[zipfile.ZipInfo], name: str, unpacked: int) -> None:
    """Refuse an archive that would unpack to more than anyone delivers.

    Raises:
        DeliveryError: `too_large`, `encrypted`.
    """
    total = sum(member.file_size for member in members)
    packed = sum(member.compress_size for member in members)
    if any(member.flag_bits & 1 for member in members):
        raise DeliveryError("encrypted", f"压缩包 {name} 有密码。请去掉密码后重新报送。")
    if total > unpacked or (total > RATIO_FROM and total > RATIO * max(packed, 1)):
        raise DeliveryError(
            "too_large",
            f"{name} 解压后有 {total >> 20} MB（压缩前后相差 {total // max(packed, 1)} 倍），"
            "超出限度，未解压。请分批报送。",
        )


def check_honest(data: bytes, members: list[zipfile.ZipInfo]) -> None:
    """Refuse an archive whose directory states other sizes than its members have.

    For readers that unpack each member to its own end, whatever the directory says.

    Raises:
        zipfile.BadZipFile: a size is wrong, or a member is packed in an unusual way.
    """
    for member in members:
        try:
            honest = _unpacked(data, member) == member.file_size
        except struct.error:
            honest = False  # it begins behind the archive's end
        if not honest:
            raise zipfile.BadZipFile(f"{member.filename[-100:]} is not of the size that is stated")


def _unpacked(data: bytes, member: zipfile.ZipInfo) -> int:
    """Bytes that a member unpacks to; counted no further than one above what is stated."""
    name, extra = struct.unpack_from("<26xHH", data, member.header_offset)
    start = member.header_offset + _LOCAL_HEADER + name + extra
    packed = memoryview(data)[start : start + member.compress_size]
    if member.compress_type == zipfile.ZIP_STORED:
        return len(packed)
    if member.compress_type != zipfile.ZIP_DEFLATED:
        raise zipfile.BadZipFile(f"{member.filename[-100:]} is packed in an unusual way")
    unpacker, size = zlib.decompressobj(-zlib.MAX_WBITS), 0
    for begin in range(0, len(packed), _PART):
        part: bytes | memoryview = packed[begin : begin + _PART]
        while part and size <= member.file_size:
            size += len(unpacker.decompress(part, _PART))
            part = unpacker.unconsumed_tail
    # What stands behind the end of the packed text is another member's, or nobody's.
    return size if unpacker.eof and not unpacker.unused_data else -1


def archive_members(content: Content) -> Iterator[Content]:
    """The data files of an archive in name order, each to be read from the archive itself.

    Raises:
        DeliveryError: `bad_archive`, `encrypted`, `too_large`, `empty_file`.
    """
    with content.open() as file:
        with plain_zip_errors(content.name, opening=True):
            archive = zipfile.ZipFile(file)
        members = [member for member in archive.infolist() if _is_data(member)]
        if len(members) > MEMBERS:
            raise DeliveryError(
                "too_large",
                f"压缩包 {content.name} 内有 {len(members)} 个文件，最多 {MEMBERS} 个。",
            )
        check_sizes(members, content.name, UNPACKED_BYTES)
        if not members:
            raise DeliveryError("empty_file", f"压缩包 {content.name} 内没有数据文件。请重新打包。")
        for member in sorted(members, key=lambda member: member.filename):

            def opened(member: zipfile.ZipInfo = member) -> IO[bytes]:
                with plain_zip_errors(content.name, opening=True):
                    return archive.open(member)

            yield Content(member.filename, member.file_size, opened)


def _is_data(member: zipfile.ZipInfo) -> bool:
    name = member.filename.lower()
    hidden = any(part.startswith((".", "__macosx", "~$")) for part in name.split("/"))
    # Not `is_dir()`: it fails at a name that damage made empty.
    return not (hidden or name.endswith(("/", *_IGNORED)))
