"""The fast look at a sheet's XML says what a plain regular expression says."""

from __future__ import annotations

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ingestion.readers import workbook_xml
from tests.property.effort import effort

# Zeros before the number are nothing that a program writes, and no reason to overlook the cell.
_REFERENCE = re.compile(rb'\sr="(?=[A-Z0-9]{1,10}")([A-Z]{1,3})([0-9]+)"')
PIECES = st.one_of(
    st.from_regex(r'<c r="[A-Z]{1,3}[0-9]{1,7}"( s="1")?><v>1</v></c>', fullmatch=True),
    st.from_regex(r'<row r="[0-9]{1,7}">', fullmatch=True),
    st.from_regex(r' r="[A-Z0-9]{0,12}"', fullmatch=True),
    st.sampled_from(['attr="B5"', '<c s="1"\nr="AB7"/>', "<v>r=</v>", ' r="', ' r="A', "用户"]),
)


def plainly(xml: bytes) -> tuple[int, int]:
    found = [
        (int(digits), workbook_xml.position(letters) + 1)
        for letters, digits in _REFERENCE.findall(xml)
        if 0 < int(digits) < 10**7
    ]
    return max((row for row, _ in found), default=0), max((col for _, col in found), default=0)


@effort(60)
@example(pieces=[' r="A00000001"', ' r="AAA00000001"', ' r="A10000000"'], window=16)
@given(pieces=st.lists(PIECES, max_size=12), window=st.sampled_from([1 << 20, 16, 40]))
def test_extent(pieces: list[str], window: int) -> None:
    xml = "".join(pieces).encode()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(workbook_xml, "_WINDOW", window)
        assert workbook_xml.extent(xml) == plainly(xml)


def test_cells_at_the_edges_of_what_is_looked_at_together() -> None:
    for at in range(40):
        xml = b"." * at + b'<c r="XFD1048576"/>'
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(workbook_xml, "_WINDOW", 20)
            assert workbook_xml.extent(xml) == (1_048_576, 16_384)
