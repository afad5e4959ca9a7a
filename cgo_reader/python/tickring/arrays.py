"""Records as numpy structured arrays: no object for each record, no copy for each kind.

`RECORD` has the fields of every record and the six bodies, which share their bytes:
`records["trade"]["price"]` is a view. `of_kind(records, Kind.TRADE)` gives the records of
one kind with its fields beside the common ones. `floats` turns mantissas into float64.
"""

from typing import Any, Final

import numpy as np
import numpy.typing as npt

from . import _layout as layout
from ._layout import BODY_OFFSET, RECORD_SIZE, Kind, Struct
from .records import BODIES

Records = npt.NDArray[np.void]

SCALARS: Final = {
    "u8": "<u1", "i8": "<i1", "u16": "<u2", "i16": "<i2",
    "u32": "<u4", "i32": "<i4", "u64": "<u8", "i64": "<i8",
}  # fmt: skip

TABLES: Final = {"Level": layout.LEVEL_STRUCT, "Section": layout.SECTION_STRUCT}


def _format(field: layout.Field) -> Any:  # noqa: ANN401 - whatever numpy takes for a dtype
    if field.type == "u8" and field.length:
        return f"V{field.length}" if field.name.startswith("reserved") else f"S{field.length}"
    table = TABLES.get(field.type)
    base: Any = dtype_of(table) if table else SCALARS[field.type]
    return (base, (field.length,)) if field.length else base


def dtype_of(table: Struct) -> np.dtype[np.void]:
    """The dtype of a struct of the format."""
    return np.dtype(
        {
            "names": [field.name for field in table.fields],
            "formats": [_format(field) for field in table.fields],
            "offsets": [field.offset for field in table.fields],
            "itemsize": table.size,
        }
    )


def _record() -> np.dtype[np.void]:
    head = [field for field in layout.RECORD_STRUCT.fields if field.name != "body"]
    return np.dtype(
        {
            "names": [f.name for f in head] + [kind.name.lower() for kind in BODIES],
            "formats": [_format(f) for f in head] + [dtype_of(body) for body in BODIES.values()],
            "offsets": [f.offset for f in head] + [BODY_OFFSET] * len(BODIES),
            "itemsize": RECORD_SIZE,
        }
    )


def _flat(body: Struct) -> np.dtype[np.void]:
    fields = [(f, 0) for f in layout.RECORD_STRUCT.fields if f.name not in {"body", "reserved"}]
    fields += [(f, BODY_OFFSET) for f in body.fields if not f.name.startswith("reserved")]
    return np.dtype(
        {
            "names": [f.name for f, _ in fields],
            "formats": [_format(f) for f, _ in fields],
            "offsets": [base + f.offset for f, base in fields],
            "itemsize": RECORD_SIZE,
        }
    )


RECORD: Final = _record()
KINDS: Final[dict[Kind, np.dtype[np.void]]] = {kind: _flat(body) for kind, body in BODIES.items()}
LEVEL: Final = dtype_of(layout.LEVEL_STRUCT)

# Powers of ten that a float64 holds exactly, and the mantissas that it holds.
_POWERS: Final = np.array([float(f"1e{n}") for n in range(23)])
_EXACT_MANTISSA: Final = 1 << 53


def empty(count: int) -> Records:
    """An array to read records into, not initialised."""
    return np.empty(count, dtype=RECORD)


def of_kind(records: Records, kind: Kind) -> Records:
    """The records of a kind, copied out, with the kind's fields beside the common ones."""
    chosen: Records = records[records["kind"] == kind].view(KINDS[kind])
    return chosen


def sequences(records: Records) -> npt.NDArray[np.uint64]:
    """The ring's numbers of records."""
    numbers: npt.NDArray[np.uint64] = records["commit"] // np.uint64(2)
    return numbers


def floats(
    mantissas: npt.NDArray[np.int64], exponents: npt.NDArray[np.int8]
) -> npt.NDArray[np.float64]:
    """The float64 nearest to each mantissa x 10^exponent; NaN when absent."""
    m, e = np.broadcast_arrays(np.asarray(mantissas, np.int64), np.asarray(exponents, np.int64))
    power = _POWERS[np.minimum(np.abs(e), 22)]
    number = m.astype(np.float64)
    out: npt.NDArray[np.float64] = np.where(e < 0, number / power, number * power)
    out[m == layout.ABSENT] = np.nan
    rest = (np.abs(e) > 22) | (m > _EXACT_MANTISSA) | (m < -_EXACT_MANTISSA)
    rest &= m != layout.ABSENT
    for at in np.argwhere(rest):
        where = tuple(at)
        out[where] = float(f"{m[where]}e{e[where]}")
    return out
