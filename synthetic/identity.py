"""Made-up numbers and names that pass the real checks.

ID numbers follow GB 11643-1999, organisation codes GB 32100-2015, bank accounts the Luhn check.
"""

from __future__ import annotations

import numpy as np
import polars as pl

from synthetic.calendar import EPOCH
from synthetic.draws import Ints, Rng, pick, text
from synthetic.regions import County

ID_WEIGHTS = np.array([7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2])
ID_CHECK = list("10X98765432")
USCC_ALPHABET = "0123456789ABCDEFGHJKLMNPQRTUWXY"
SERIALS = 497
"""Serial numbers of one sex in one area and day; 996-999 stay free for those born before 1900."""

SURNAMES = list(
    "王李张刘陈杨黄赵吴周徐孙马朱胡郭何高林罗郑梁谢宋唐许韩冯邓曹彭曾肖田董袁潘于蒋蔡余杜叶程苏魏吕丁任沈"
    "姚卢姜崔钟谭陆汪范金石廖贾夏韦付方白邹孟熊秦邱江尹薛闫段雷侯龙史陶黎贺顾毛郝龚邵万钱严覃武戴莫孔向汤温"
)
MALE = list(
    "伟强军平国建明志文华德福贵财生林春山海江河龙虎成荣昌盛兴发金银宝祥瑞庆忠义仁礼智信孝勇毅刚健康宁安泰民邦立业"
    "学良才有光辉亮景云松柏树根水火土木大小新长永世代传家清正廉"
)
FEMALE = list(
    "芳秀英兰玉珍桂香梅红霞丽娟燕琴凤莲菊荷萍月娥美翠珠花琼素云淑贞惠敏静洁雪冰春夏秋冬莉娜婷婉如意善慧爱巧妹姑莺"
    "彩银金青紫蓝瑶琳琪瑾瑜璐佩环"
)
YOUNG = list("子梓浩宇轩涵欣怡雨泽睿博思佳嘉俊晨萱诗语瑞铭煜昊乐一诺可妍彤悦")


def check_digits(seventeen: Ints) -> pl.Series:
    """The check character of 17-digit numbers (ISO 7064 MOD 11-2)."""
    total = np.zeros(len(seventeen), dtype=np.int64)
    rest = seventeen.copy()
    for weight in ID_WEIGHTS[::-1]:
        total += (rest % 10) * weight
        rest //= 10
    return text(ID_CHECK, total % 11)


def finish(seventeen: Ints) -> pl.Series:
    """18-character ID numbers from their first 17 digits."""
    body = pl.Series(seventeen).cast(pl.String)
    return pl.select((body + check_digits(seventeen)).alias("id_no"))["id_no"]


def _areas(rng: Rng, county: County, birth_year: Ints) -> Ints:
    """Six digits of the place of first issue: the code the county had then (cards since 1984)."""
    area = np.full(len(birth_year), int(county.short), dtype=np.int64)
    issued = np.maximum(birth_year, rng.integers(1984, 1989, len(birth_year)))
    for code, start, end in county.old_codes:
        area[(issued >= start) & (issued < end)] = int(code)
    return area


def id_numbers(rng: Rng, county: County, birth_days: Ints, male: np.ndarray) -> Ints:
    """First 17 digits of everybody's ID number; unique within the province.

    Serials are dealt round in each (area, day, sex), from a start that depends on the day, so that
    neighbours in the list are no neighbours in number.
    """
    born = birth_days.astype("timedelta64[D]") + np.datetime64(EPOCH)
    years = born.astype("datetime64[Y]").astype(np.int64) + 1970
    months = born.astype("datetime64[M]").astype(np.int64) % 12 + 1
    dom = (born - born.astype("datetime64[M]")).astype(np.int64) + 1
    area = _areas(rng, county, years)
    frame = pl.DataFrame({"area": area, "day": birth_days, "male": male})
    rank = frame.select(pl.int_range(pl.len()).over("area", "day", "male").alias("rank"))[
        "rank"
    ].to_numpy()
    slot = (rank + birth_days * 7) % SERIALS
    serial = np.where(male, 2 * slot + 1, 2 * slot + 2)
    body: Ints = ((area * 10_000 + years) * 10_000 + months * 100 + dom) * 1_000 + serial
    return body


def given_names(rng: Rng, male: np.ndarray, young: np.ndarray) -> pl.Series:
    """One or two characters, by sex and generation."""
    size = len(male)
    pools = [MALE, FEMALE, YOUNG]
    which = np.where(young, 2, np.where(male, 0, 1))
    both = np.array(pools[0] + pools[1] + pools[2])
    starts = np.array([0, len(MALE), len(MALE) + len(FEMALE)])
    lengths = np.array([len(MALE), len(FEMALE), len(YOUNG)])

    def draw() -> pl.Series:
        return pl.Series(both).gather(
            pl.Series(starts[which] + (rng.random(size) * lengths[which]).astype(np.int64))
        )

    first, second = draw(), draw()
    single = pl.Series(rng.random(size) < 0.18)
    return pl.select(pl.when(single).then(first).otherwise(first + second).alias("given"))["given"]


def surnames(rng: Rng, size: int) -> Ints:
    """Surname indexes; the first are the commonest."""
    return pick(rng, SURNAMES, size, [1 / (i + 6) for i in range(len(SURNAMES))])


def bank_accounts(numbers: Ints) -> pl.Series:
    """19-digit account numbers with a Luhn check digit, from distinct numbers below 10**12."""
    body = 622_848 * 10**12 + numbers
    total = np.zeros(len(body), dtype=np.int64)
    rest = body.copy()
    for position in range(18):
        digit = rest % 10
        rest //= 10
        if position % 2 == 0:
            digit = digit * 2
            digit = np.where(digit > 9, digit - 9, digit)
        total += digit
    check = (10 - total % 10) % 10
    return pl.Series(body * 10 + check).cast(pl.String)


def usccs(area: str, kind: str, start: int, size: int) -> list[str]:
    """Unified social credit codes: registrar and category `kind`, division, serial, check."""
    result = []
    for number in range(start, start + size):
        organisation = f"{number:08d}"
        weights = (3, 7, 9, 10, 5, 8, 4, 2)
        rest = 11 - sum(int(c) * w for c, w in zip(organisation, weights, strict=True)) % 11
        organisation += {10: "X", 11: "0"}.get(rest, str(rest))
        body = kind + area + organisation
        total = sum(USCC_ALPHABET.index(c) * pow(3, i, 31) for i, c in enumerate(body))
        result.append(body + USCC_ALPHABET[(31 - total % 31) % 31])
    return result
