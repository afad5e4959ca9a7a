//! Exact decimal numbers, as a record holds them.

use core::fmt;

use crate::layout::ABSENT;

/// mantissa x 10^exponent, exactly the venue's number. Two decimals of one
/// exponent compare by mantissa; `==` compares the parts, not the value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Decimal {
    /// The digits, with sign.
    pub mantissa: i64,
    /// The power of ten, -128 to 127.
    pub exponent: i8,
}

/// Digits of the largest mantissa, and of the longest text around it: a sign,
/// "0.", 128 digits on either side.
const MAX_DIGITS: usize = 19;
const MAX_TEXT: usize = 1 + 2 + 128 + MAX_DIGITS;

/// Powers of ten that a double holds exactly.
const EXACT_POWERS: [f64; 23] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16,
    1e17, 1e18, 1e19, 1e20, 1e21, 1e22,
];
/// Mantissas up to here are exact in a double.
const EXACT_MANTISSA: u64 = 1 << 53;

impl Decimal {
    /// A field of a record with the exponent that goes with it; None when the
    /// venue did not say the value.
    #[must_use]
    pub fn new(mantissa: i64, exponent: i8) -> Option<Decimal> {
        (mantissa != ABSENT).then_some(Decimal { mantissa, exponent })
    }

    /// The nearest double (ties to even): for arithmetic that may round.
    #[must_use]
    pub fn to_f64(self) -> f64 {
        let power = usize::from(self.exponent.unsigned_abs());
        if self.mantissa.unsigned_abs() <= EXACT_MANTISSA && power < EXACT_POWERS.len() {
            // Both operands are exact, so the one operation rounds once.
            let mantissa = self.mantissa as f64;
            return if self.exponent < 0 {
                mantissa / EXACT_POWERS[power]
            } else {
                mantissa * EXACT_POWERS[power]
            };
        }
        let mut text = Text::default();
        text.push_decimal(self);
        text.as_str().parse().unwrap_or(f64::NAN)
    }

    /// Appends the canonical text to `out`: no exponent, no trailing zeros, one
    /// digit at least before the point, "0" for zero.
    #[cfg(feature = "std")]
    pub fn write_to(self, out: &mut Vec<u8>) {
        let mut text = Text::default();
        text.push_decimal(self);
        out.extend_from_slice(text.as_bytes());
    }
}

impl fmt::Display for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = Text::default();
        text.push_decimal(*self);
        f.write_str(text.as_str())
    }
}

/// A text on the stack, long enough for any decimal.
struct Text {
    bytes: [u8; MAX_TEXT],
    length: usize,
}

impl Default for Text {
    fn default() -> Text {
        Text {
            bytes: [0; MAX_TEXT],
            length: 0,
        }
    }
}

impl Text {
    fn as_bytes(&self) -> &[u8] {
        &self.bytes[..self.length]
    }

    fn as_str(&self) -> &str {
        str::from_utf8(self.as_bytes()).unwrap_or_default()
    }

    fn push(&mut self, byte: u8) {
        self.bytes[self.length] = byte;
        self.length += 1;
    }

    fn push_all(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|b| self.push(*b));
    }

    fn push_zeros(&mut self, count: usize) {
        (0..count).for_each(|_| self.push(b'0'));
    }

    fn push_decimal(&mut self, value: Decimal) {
        if value.mantissa == 0 {
            return self.push(b'0');
        }
        if value.mantissa < 0 {
            self.push(b'-');
        }
        let mut magnitude = value.mantissa.unsigned_abs();
        let mut exponent = i32::from(value.exponent);
        while magnitude.is_multiple_of(10) {
            magnitude /= 10;
            exponent += 1;
        }
        let mut buffer = [0u8; MAX_DIGITS];
        let digits = digits_of(magnitude, &mut buffer);
        self.push_digits(digits, exponent);
    }

    fn push_digits(&mut self, digits: &[u8], exponent: i32) {
        let shift = usize::from(exponent.unsigned_abs() as u16);
        if exponent >= 0 {
            self.push_all(digits);
            return self.push_zeros(shift);
        }
        if digits.len() > shift {
            let (whole, fraction) = digits.split_at(digits.len() - shift);
            self.push_all(whole);
            self.push(b'.');
            return self.push_all(fraction);
        }
        self.push_all(b"0.");
        self.push_zeros(shift - digits.len());
        self.push_all(digits);
    }
}

fn digits_of(mut value: u64, buffer: &mut [u8; MAX_DIGITS]) -> &[u8] {
    let mut start = MAX_DIGITS;
    while value > 0 {
        start -= 1;
        buffer[start] = b'0' + (value % 10) as u8;
        value /= 10;
    }
    &buffer[start..]
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Intent: the canonical text of every shape of decimal.
    #[test]
    fn text_is_canonical() {
        let cases: &[(&str, i64, i8, &str)] = &[
            ("zero has no sign and no point", 0, -8, "0"),
            ("an integer stands as it is", 42, 0, "42"),
            ("trailing zeros go, also across the point", 4200, -3, "4.2"),
            (
                "a value with only zeros behind the point has none",
                42000,
                -3,
                "42",
            ),
            ("small values get their zeros", 7, -8, "0.00000007"),
            ("as many digits as places start with 0.", 123, -3, "0.123"),
            ("negative values keep the sign first", -1050, -2, "-10.5"),
            ("positive exponents append zeros", 12, 3, "12000"),
            (
                "zeros of the mantissa join a positive exponent",
                120,
                2,
                "12000",
            ),
            (
                "the largest mantissa",
                i64::MAX,
                -18,
                "9.223372036854775807",
            ),
            (
                "the smallest mantissa that is a value",
                i64::MIN + 1,
                0,
                "-9223372036854775807",
            ),
        ];
        for (name, mantissa, exponent, want) in cases {
            let value = Decimal::new(*mantissa, *exponent).expect(name);
            assert_eq!(*want, value.to_string(), "{name}");
            #[cfg(feature = "std")]
            {
                let mut bytes = Vec::new();
                value.write_to(&mut bytes);
                assert_eq!(want.as_bytes(), bytes, "{name}");
            }
        }
    }

    /// Intent: INT64_MIN is never a number.
    #[test]
    fn the_absent_value_is_no_decimal() {
        assert_eq!(None, Decimal::new(i64::MIN, -2));
    }

    /// Intent: the extremes of the exponent fit the buffer.
    #[test]
    fn the_longest_texts_fit() {
        for mantissa in [i64::MIN + 1, i64::MAX, 1, -1] {
            for exponent in [i8::MIN, -19, -18, 0, i8::MAX] {
                let text = Decimal { mantissa, exponent }.to_string();
                let digits = text.bytes().filter(u8::is_ascii_digit).count();
                assert!(
                    digits >= 1 && text.len() <= MAX_TEXT,
                    "{mantissa}e{exponent} {text}"
                );
            }
        }
    }

    /// Intent: the double is the one a correctly rounding parser gives, over
    /// sizes on both sides of the exact path.
    #[test]
    fn double_is_the_nearest() {
        let mut seed = 0x9e37_79b9_7f4a_7c15u64;
        let rounds = if cfg!(miri) { 60 } else { 20_000 };
        for round in 0..rounds {
            seed ^= seed << 13;
            seed ^= seed >> 7;
            seed ^= seed << 17;
            let mantissa = (seed as i64) >> (round % 60);
            let exponent = (seed >> 32) as i8;
            if mantissa == i64::MIN {
                continue;
            }
            let want: f64 = format!("{mantissa}e{exponent}").parse().expect("a number");
            let got = Decimal { mantissa, exponent }.to_f64();
            assert_eq!(
                want.to_bits() << 1,
                got.to_bits() << 1,
                "{mantissa}e{exponent}"
            );
        }
    }
}
