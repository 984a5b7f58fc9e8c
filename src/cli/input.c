#include "input.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "buffer.h"

enum { CHUNK = 256 * 1024, BSON_HEAD = 4, SMALLEST_BSON = 5 };

typedef enum format { UNDECIDED, JSON, BSON, OVER } format;

struct oc_input {
    int fd; /* -1: nothing to read from */
    int error;
    format format;
    uint64_t size, taken; /* bytes */
    uint64_t line;        /* lines read so far, or documents */
    /* Bytes read and not yet taken: chunk[at .. end). */
    const char *chunk;
    char *own_chunk;
    size_t at, end;
    /* JSON: the lines of the object in work. text.data[pos ..] is not yet scanned. */
    oc_buffer text;
    size_t pos;
    bool unread_line; /* the last line of `text`, from `last`, belongs to the next object */
    size_t last;
    uint64_t first_line; /* of the object in work */
};

/* ---- bytes ---- */

static bool fill(oc_input *in) {
    if (in->fd < 0)
        return false;
    if (in->at < in->end)
        memmove(in->own_chunk, in->own_chunk + in->at, in->end - in->at);
    in->end -= in->at;
    in->at = 0;
    for (;;) {
        ssize_t n = read(in->fd, in->own_chunk + in->end, CHUNK - in->end);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            in->error = errno;
        if (n <= 0)
            return false;
        in->end += (size_t)n;
        in->taken += (uint64_t)n;
        return true;
    }
}

static oc_item fail(oc_input *in) {
    in->format = OVER;
    return (oc_item){.kind = OC_ITEM_FAILED, .line = in->line, .reason = strerror(in->error)};
}

static oc_item bad(uint64_t line, const char *reason) {
    return (oc_item){.kind = OC_ITEM_BAD, .line = line, .reason = reason};
}

/* ---- BSON ---- */

static const char *compression(const oc_input *in) {
    const char *head = in->chunk + in->at;
    if (in->end - in->at < BSON_HEAD)
        return NULL;
    if (memcmp(head, "\x1F\x8B", 2) == 0)
        return "compressed with gzip: zcat FILE | opencrypt check ...";
    return memcmp(head, "\x28\xB5\x2F\xFD", 4) == 0 ? "compressed with zstd: zstdcat FILE | opencrypt check ..." : NULL;
}

/* The high bytes of a document's length are 0 up to 16 MB; text has no NULs. */
static format detect(oc_input *in) {
    static const char mark[] = "\xEF\xBB\xBF"; /* of UTF-8, as some editors put it */
    while (in->end - in->at < BSON_HEAD && fill(in)) {
    }
    const char *head = in->chunk + in->at;
    if (in->end - in->at >= strlen(mark) && memcmp(head, mark, strlen(mark)) == 0)
        in->at += strlen(mark);
    return in->end - in->at >= BSON_HEAD && head[2 + 1] == 0 ? BSON : JSON;
}

/* Moves bytes into in->text until it has `len`. */
static bool take(oc_input *in, size_t len) {
    while (in->text.len < len) {
        if (in->at == in->end && !fill(in))
            return false;
        size_t n = in->end - in->at;
        if (n > len - in->text.len)
            n = len - in->text.len;
        oc_buffer_add(&in->text, in->chunk + in->at, n);
        in->at += n;
    }
    return true;
}

static oc_item next_bson(oc_input *in) {
    in->text.len = 0;
    in->line++;
    if (!take(in, BSON_HEAD)) {
        if (in->error)
            return fail(in);
        in->format = OVER;
        return in->text.len ? bad(in->line, "the file ends within a BSON document") : (oc_item){.kind = OC_ITEM_END};
    }
    const uint8_t *head = (const uint8_t *)in->text.data;
    uint32_t len = head[0] | (uint32_t)head[1] << 8 | (uint32_t)head[2] << 16 | (uint32_t)head[3] << 24;
    if (len < SMALLEST_BSON || len > OC_LONGEST_ITEM) {
        in->format = OVER;
        return bad(in->line, "not BSON from here on");
    }
    if (!take(in, len)) {
        if (in->error)
            return fail(in);
        in->format = OVER;
        return bad(in->line, "the file ends within a BSON document");
    }
    return (oc_item){.kind = OC_ITEM_BSON, .data = in->text.data, .len = len, .line = in->line};
}

/* ---- JSON ---- */

typedef enum line_result { LINE, LINE_TOO_LONG, NO_LINE } line_result;

/* Appends the next line to in->text, without its newline. The rest of one that is too long is skipped. */
static line_result read_line(oc_input *in) {
    bool some = false, too_long = false;
    for (;;) {
        if (in->at == in->end && !fill(in))
            break;
        some = true;
        const char *from = in->chunk + in->at, *newline = memchr(from, '\n', in->end - in->at);
        size_t n = newline ? (size_t)(newline - from) : in->end - in->at;
        too_long = too_long || in->text.len + n > OC_LONGEST_ITEM;
        if (!too_long)
            oc_buffer_add(&in->text, from, n);
        in->at += n + (newline != NULL);
        if (newline)
            break;
    }
    in->line += some;
    return too_long ? LINE_TOO_LONG : some ? LINE : NO_LINE;
}

static bool is_between(char c) {
    return c == ' ' || c == '\t' || c == '\r' || c == '\n' || c == ',' || c == '[' || c == ']';
}

typedef struct scan {
    size_t depth;
    bool in_string, escaped;
} scan;

/* Whether the object ends at this character. */
static bool step(scan *s, char c) {
    if (s->in_string) {
        s->in_string = s->escaped || c != '"';
        s->escaped = !s->escaped && c == '\\';
        return false;
    }
    switch (c) {
    case '"': s->in_string = true; return false;
    case '{':
    case '[': s->depth++; return false;
    case '}':
    case ']': return --s->depth == 0;
    default: return false;
    }
}

size_t oc_object_end(const char *text, size_t len, size_t at) {
    scan s = {0};
    while (at < len)
        if (step(&s, text[at++]))
            return at;
    return 0;
}

static void forget(oc_input *in) {
    in->text.len = in->pos = 0;
}

static oc_item give(oc_input *in, size_t start) {
    return (oc_item){
        .kind = OC_ITEM_JSON, .data = in->text.data + start, .len = in->pos - start, .line = in->first_line};
}

/* One more line of an object that is open. False: it cannot be part of it; *item says what is wrong. */
static bool continue_object(oc_input *in, oc_item *item) {
    size_t before = in->text.len;
    oc_buffer_char(&in->text, '\n');
    line_result result = read_line(in);
    if (result == LINE_TOO_LONG) {
        forget(in);
        *item = bad(in->first_line, "the object is longer than 64 MiB");
        return false;
    }
    if (result == NO_LINE) {
        forget(in);
        *item = in->error ? fail(in) : bad(in->first_line, "the input ends within an object");
        return false;
    }
    if (in->text.len == before + 1 || in->text.data[before + 1] != '{')
        return true;
    in->unread_line = true;
    in->last = before + 1;
    *item = bad(in->first_line, "the object breaks off");
    return false;
}

static oc_item scan_object(oc_input *in) {
    size_t start = in->pos;
    scan s = {0};
    oc_item item;
    in->first_line = in->line;
    for (;;) {
        while (in->pos < in->text.len)
            if (step(&s, in->text.data[in->pos++]))
                return give(in, start);
        if (s.in_string) {
            forget(in);
            return bad(in->line, "the line breaks off within a string");
        }
        if (!continue_object(in, &item))
            return item;
    }
}

/* The line that ended the object before it becomes the first of the next. */
static void take_back_line(oc_input *in) {
    memmove(in->text.data, in->text.data + in->last, in->text.len - in->last);
    in->text.len -= in->last;
    in->pos = 0;
    in->unread_line = false;
}

static oc_item next_json(oc_input *in) {
    if (in->unread_line)
        take_back_line(in);
    for (;;) {
        while (in->pos < in->text.len && is_between(in->text.data[in->pos]))
            in->pos++;
        if (in->pos < in->text.len)
            break;
        forget(in);
        switch (read_line(in)) {
        case LINE: continue;
        case LINE_TOO_LONG: forget(in); return bad(in->line, "the line is longer than 64 MiB");
        case NO_LINE:
            if (in->error)
                return fail(in);
            in->format = OVER;
            return (oc_item){.kind = OC_ITEM_END};
        }
    }
    if (in->text.data[in->pos] == '{')
        return scan_object(in);
    oc_item text = {
        .kind = OC_ITEM_TEXT, .data = in->text.data + in->pos, .len = in->text.len - in->pos, .line = in->line};
    forget(in);
    return text;
}

/* ---- all of it ---- */

oc_input *oc_input_open(const char *path) {
    oc_input *in = oc_allocate(sizeof *in);
    struct stat about;
    bool standard = !path || strcmp(path, "-") == 0;
    in->chunk = in->own_chunk = oc_allocate(CHUNK);
    in->fd = standard ? dup(STDIN_FILENO) : open(path, O_RDONLY | O_CLOEXEC);
    if (in->fd < 0)
        in->error = errno;
    else if (fstat(in->fd, &about) == 0 && S_ISREG(about.st_mode))
        in->size = (uint64_t)about.st_size;
    return in;
}

oc_input *oc_input_over(const void *bytes, size_t len) {
    oc_input *in = oc_allocate(sizeof *in);
    in->fd = -1;
    in->chunk = bytes;
    in->end = len;
    return in;
}

oc_item oc_input_next(oc_input *in) {
    if (in->format == UNDECIDED) {
        in->format = detect(in);
        const char *reason = compression(in);
        if (reason) {
            in->format = OVER;
            return bad(1, reason);
        }
    }
    if (in->error && in->format != OVER && in->at == in->end)
        return fail(in);
    switch (in->format) {
    case JSON: return next_json(in);
    case BSON: return next_bson(in);
    default: return (oc_item){.kind = OC_ITEM_END};
    }
}

int oc_input_progress(const oc_input *in) {
    return in->size ? (int)(in->taken * 100 / in->size) : -1;
}

void oc_input_close(oc_input *in) {
    if (!in)
        return;
    if (in->fd >= 0)
        close(in->fd);
    free(in->own_chunk);
    oc_buffer_wipe(&in->text);
    oc_buffer_done(&in->text);
    free(in);
}
