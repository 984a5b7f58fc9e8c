#include "text.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

static const char ellipsis[] = "…";

static bool is_continuation(uint8_t byte) {
    return (byte & 0xC0) == 0x80;
}

/* Length of the well-formed UTF-8 sequence at p (RFC 3629: no overlong forms, no surrogates), 0 if there is none. */
static size_t sequence_length(const uint8_t *p, size_t avail) {
    static const struct {
        uint8_t first_min, first_max, second_min, second_max;
        size_t len;
    } forms[] = {
        {0xC2, 0xDF, 0x80, 0xBF, 2}, {0xE0, 0xE0, 0xA0, 0xBF, 3}, {0xE1, 0xEC, 0x80, 0xBF, 3},
        {0xED, 0xED, 0x80, 0x9F, 3}, {0xEE, 0xEF, 0x80, 0xBF, 3}, {0xF0, 0xF0, 0x90, 0xBF, 4},
        {0xF1, 0xF3, 0x80, 0xBF, 4}, {0xF4, 0xF4, 0x80, 0x8F, 4},
    };
    for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++) {
        if (*p < forms[i].first_min || *p > forms[i].first_max)
            continue;
        if (forms[i].len > avail)
            return 0;
        if (forms[i].len > 1 && (p[1] < forms[i].second_min || p[1] > forms[i].second_max))
            return 0;
        for (size_t k = 2; k < forms[i].len; k++)
            if (!is_continuation(p[k]))
                return 0;
        return forms[i].len;
    }
    return 0;
}

void oc_text_append(char *buf, size_t cap, const char *bytes, size_t len) {
    size_t used = strlen(buf);
    const uint8_t *p = (const uint8_t *)bytes;
    const uint8_t *end = p + len;
    while (p < end) {
        size_t n = *p >= 0x20 && *p < 0x7F ? 1 : sequence_length(p, (size_t)(end - p));
        size_t put = n ? n : 1;
        if (used + put + sizeof ellipsis > cap) {
            if (used + sizeof ellipsis <= cap)
                memcpy(buf + used, ellipsis, sizeof ellipsis);
            return;
        }
        if (n)
            memcpy(buf + used, p, n);
        else
            buf[used] = '?';
        used += put;
        p += put;
        buf[used] = '\0';
    }
}

void oc_text_append_string(char *buf, size_t cap, const char *string) {
    oc_text_append(buf, cap, string, strlen(string));
}
