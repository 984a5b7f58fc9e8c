#ifndef OC_DAEMON_LOG_H
#define OC_DAEMON_LOG_H

/* Log lines in MongoDB's JSON layout, so that its tooling reads them:
 *
 *     {"t":{"$date":"…"},"s":"I","c":"NETWORK","id":23016,"ctx":"listener","msg":"Waiting for
 * connections","attr":{"port":27020}}
 *
 * One log per process, usable from any thread. A line is built on the stack and written with one call; a reader that
 * does not read (a pipe nobody empties) or a full disk costs lines, never time.
 * No caller passes a value of a command: names of namespaces, commands, operators and paths only. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum oc_severity { OC_LOG_ERROR, OC_LOG_WARNING, OC_LOG_INFO, OC_LOG_DEBUG } oc_severity;

/* `path` NULL: stdout. A log file that is there is moved aside unless `append`. `verbosity` above 0 lets debug lines
 * through. False: the file cannot be opened (errno). */
bool oc_log_open(const char *path, bool append, int verbosity);
/* Opens the path again, for a log that was rotated away. */
bool oc_log_reopen(void);
bool oc_log_wants(oc_severity severity);

typedef struct oc_line {
    size_t len, attributes;
    char text[3072]; /* under PIPE_BUF, so that lines of several threads do not mix */
} oc_line;

/* `component` and `message` are literals without characters that JSON escapes. */
void oc_line_begin(oc_line *line, oc_severity severity, const char *component, int id, const char *context,
                   const char *message);
/* An attribute that does not fit is left out. Text is cut at 255 bytes and cleaned (oc_text_clean). */
void oc_line_text(oc_line *line, const char *key, const char *text);
void oc_line_number(oc_line *line, const char *key, int64_t number);
void oc_line_end(oc_line *line);

/* A line without attributes. */
void oc_log(oc_severity severity, const char *component, int id, const char *context, const char *message);

#endif
