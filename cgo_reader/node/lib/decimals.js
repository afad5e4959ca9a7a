// Exact decimals: mantissa and exponent as text, and as the nearest double.
"use strict";

const { ABSENT } = require("./layout.js");

const EXACT_POWERS = 22; // 10^22 is the last power of ten that a double holds
const LARGEST = BigInt(Number.MAX_SAFE_INTEGER);
const POWERS = Array.from({ length: EXACT_POWERS + 1 }, (_, i) => Number(`1e${i}`));

// Canonical: no exponent, no trailing zeros behind the point, one zero before a leading point.
// null when absent.
function decimalText(mantissa, exponent) {
  if (mantissa === ABSENT) return null;
  if (mantissa === 0n) return "0";
  const sign = mantissa < 0n ? "-" : "";
  let digits = (mantissa < 0n ? -mantissa : mantissa).toString();
  if (exponent >= 0) return sign + digits + "0".repeat(exponent);
  digits = digits.padStart(1 - exponent, "0");
  const whole = digits.slice(0, exponent);
  let end = digits.length;
  while (end > whole.length && digits.charCodeAt(end - 1) === 0x30) end--;
  return end > whole.length ? `${sign}${whole}.${digits.slice(whole.length, end)}` : sign + whole;
}

// The nearest double; NaN when absent. Doubles do not hold every decimal: compare mantissas.
function decimalNumber(mantissa, exponent) {
  if (mantissa === ABSENT) return NaN;
  const exact = mantissa <= LARGEST && mantissa >= -LARGEST;
  if (exact && exponent <= 0 && exponent >= -EXACT_POWERS) return Number(mantissa) / POWERS[-exponent];
  return Number(`${mantissa}e${exponent}`);
}

module.exports = { decimalNumber, decimalText };
