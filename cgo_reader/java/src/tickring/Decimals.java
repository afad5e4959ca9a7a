package tickring;

import java.math.BigDecimal;

/** Mantissa and exponent as other numbers: value = mantissa x 10^exponent. */
public final class Decimals {
    /** Powers of ten that a double holds exactly. */
    private static final double[] EXACT_POWERS = {
        1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18,
        1e19, 1e20, 1e21, 1e22
    };
    /** Integers up to here are doubles exactly. */
    private static final long EXACT_INTEGER = 1L << 53;

    private Decimals() {}

    /** The number exactly; null when the mantissa is {@link Layout#ABSENT}. */
    public static BigDecimal exact(long mantissa, int exponent) {
        return mantissa == Layout.ABSENT ? null : BigDecimal.valueOf(mantissa, -exponent);
    }

    /** Canonical text: no exponent, no zeros behind the point; "absent" when it is. */
    public static String text(long mantissa, int exponent) {
        if (mantissa == Layout.ABSENT) {
            return "absent";
        }
        return mantissa == 0 ? "0" : exact(mantissa, exponent).stripTrailingZeros().toPlainString();
    }

    /**
     * The nearest double; NaN when absent. One rounded operation on two exact numbers where that
     * will do, which allocates nothing.
     */
    public static double nearest(long mantissa, int exponent) {
        if (mantissa == Layout.ABSENT) {
            return Double.NaN;
        }
        int power = Math.abs(exponent);
        if (power < EXACT_POWERS.length && mantissa <= EXACT_INTEGER && mantissa >= -EXACT_INTEGER) {
            return exponent < 0 ? mantissa / EXACT_POWERS[power] : mantissa * EXACT_POWERS[power];
        }
        return BigDecimal.valueOf(mantissa, -exponent).doubleValue();
    }
}
