"""Exact decimals: mantissa and exponent as Decimal and as text."""

from decimal import Context, Decimal

from ._layout import ABSENT

# 40 digits hold every i64 exactly, whatever the program's own context says.
_EXACT = Context(prec=40)


def decimal(mantissa: int, exponent: int) -> Decimal | None:
    """Mantissa x 10^exponent, exactly; None when absent."""
    if mantissa == ABSENT:
        return None
    return _EXACT.scaleb(Decimal(mantissa), exponent)


def decimal_text(mantissa: int, exponent: int) -> str:
    """Canonical text: no exponent, no trailing zeros behind the point; empty when absent."""
    if mantissa == ABSENT:
        return ""
    sign, digits = ("-", str(-mantissa)) if mantissa < 0 else ("", str(mantissa))
    if mantissa == 0:
        return "0"
    if exponent >= 0:
        return sign + digits + "0" * exponent
    digits = digits.rjust(1 - exponent, "0")
    whole, fraction = digits[:exponent], digits[exponent:].rstrip("0")
    return f"{sign}{whole}.{fraction}" if fraction else sign + whole
