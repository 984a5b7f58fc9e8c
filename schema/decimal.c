#include "decimal.h"

/* 113 bits of coefficient, so that there is room for three digits more. */
__extension__ typedef unsigned __int128 u128;

typedef enum class { NOT_A_NUMBER, FINITE, INFINITE } class;

typedef struct decimal {
    class class;
    bool negative;
    u128 coefficient;
    int exponent;
} decimal;

static u128 power_of_ten(unsigned n) {
    u128 power = 1;
    while (n--)
        power *= 10;
    return power;
}

/*  | sign 1 | exponent 14 | coefficient 113 |, and with 11 after the sign a special value or a coefficient that is
 * too large, which stands for zero. */
static decimal decode(const uint8_t *bytes) {
    uint64_t low = oc_u64(bytes), high = oc_u64(bytes + 8);
    decimal d = {.class = FINITE, .negative = high >> 63};
    unsigned combination = (unsigned)(high >> 58) & 31;
    if (combination >= 30)
        d.class = combination == 30 ? INFINITE : NOT_A_NUMBER;
    if (combination >= 24)
        return d;
    d.exponent = (int)(high >> 49 & 0x3FFF) - 6176;
    d.coefficient = (u128)(high & 0x1FFFFFFFFFFFF) << 64 | low;
    if (d.coefficient >= power_of_ten(34))
        d.coefficient = 0;
    return d;
}

/* Gives both finite numbers the lower exponent. Where that one's digits would not fit, the other loses digits that are
 * too low to matter. */
static void align(decimal *a, decimal *b) {
    u128 room = power_of_ten(37);
    decimal *higher = a->exponent > b->exponent ? a : b;
    decimal *lower = higher == a ? b : a;
    while (higher->exponent > lower->exponent && higher->coefficient && higher->coefficient < room) {
        higher->coefficient *= 10;
        higher->exponent--;
    }
    while (higher->exponent > lower->exponent && higher->coefficient && lower->coefficient) {
        lower->coefficient /= 10;
        lower->exponent++;
    }
    if (higher->coefficient == 0)
        higher->exponent = lower->exponent;
    else
        lower->exponent = higher->exponent;
}

static int compare_magnitudes(decimal a, decimal b) {
    if (a.class != b.class)
        return a.class < b.class ? -1 : 1;
    if (a.class != FINITE)
        return 0;
    align(&a, &b);
    return (a.coefficient > b.coefficient) - (a.coefficient < b.coefficient);
}

static int sign_of(const decimal *d) {
    if (d->class == FINITE && d->coefficient == 0)
        return 0;
    return d->negative ? -1 : 1;
}

int oc_decimal_compare(const uint8_t *a, const uint8_t *b) {
    decimal x = decode(a), y = decode(b);
    if (x.class == NOT_A_NUMBER || y.class == NOT_A_NUMBER)
        return (y.class == NOT_A_NUMBER) - (x.class == NOT_A_NUMBER);
    int x_sign = sign_of(&x), y_sign = sign_of(&y);
    if (x_sign != y_sign)
        return x_sign < y_sign ? -1 : 1;
    return x_sign * compare_magnitudes(x, y);
}

bool oc_decimal_is_nan(const uint8_t *value) {
    return decode(value).class == NOT_A_NUMBER;
}

bool oc_decimal_spans_less(const uint8_t *min, const uint8_t *max, int32_t precision, uint32_t limit) {
    decimal low = decode(min), high = decode(max);
    if (low.class != FINITE || high.class != FINITE)
        return false;
    align(&low, &high);
    u128 span = low.negative != high.negative        ? low.coefficient + high.coefficient
                : low.coefficient > high.coefficient ? low.coefficient - high.coefficient
                                                     : high.coefficient - low.coefficient;
    int64_t exponent = (int64_t)low.exponent + precision;
    for (; exponent > 0 && span && span < limit; exponent--)
        span *= 10;
    for (; exponent < 0 && span; exponent++)
        span /= 10;
    return span < limit;
}
