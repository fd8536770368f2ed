"""A delivered file, or a member of a delivered archive: its name, its size and its bytes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO

from ingestion.errors import DeliveryError

WHOLE_BYTES = 512 << 20  # forms that can only be read whole may be so large, unpacked


@dataclass(frozen=True)
class Content:
    """Bytes to read.

    Attributes:
        name: file name, for messages.
        size: bytes, as the file system or the archive says.
        open: opens the bytes from their beginning.
    """

    name: str
    size: int
    open: Callable[[], IO[bytes]]

    @classmethod
    def of(cls, path: Path) -> Content:
        """A file on disk; one that does not exist is empty until it is opened."""
        size = path.stat().st_size if path.exists() else 0
        return cls(path.name, size, lambda: path.open("rb"))

    @property
    def suffix(self) -> str:
        """The name's ending in lower case, with its dot."""
        return PurePosixPath(self.name).suffix.lower()

    def whole(self) -> bytes:
        """All bytes of a form that cannot be read in parts.

        Raises:
            DeliveryError: `too_large`.
        """
        with self.open() as file:
            data = file.read(WHOLE_BYTES + 1)
        if len(data) > WHOLE_BYTES:
            raise DeliveryError(
                "too_large",
                f"文件 {self.name} 超过 {WHOLE_BYTES >> 20} MB，无法整体读取。"
                "请改用 CSV，或分成几个批次报送。",
            )
        return data
