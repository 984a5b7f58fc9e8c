/* The command line: what is accepted, in which spellings, and what a mistake is answered with. */

#include "config.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <setjmp.h>

#include <cmocka.h>

enum { ARGUMENTS_MAX = 8 };

/* "a b c" as argv */
static bool parse(oc_config *config, const char *line, char error[256]) {
    static char words[256];
    char *argv[ARGUMENTS_MAX + 2] = {"opencryptd"};
    int argc = 1;
    snprintf(words, sizeof words, "%s", line);
    for (char *word = strtok(words, " "); word && argc <= ARGUMENTS_MAX; word = strtok(NULL, " "))
        argv[argc++] = word;
    error[0] = 0;
    return oc_config_parse(config, argc, argv, error, 256);
}

static void numbers_and_flags_come_in_both_spellings_and_the_last_counts(void **state) {
    (void)state;
    static const struct {
        const char *line;
        int port, idle, verbosity;
        bool quiet, append;
    } cases[] = {
        {"", 27020, 0, 0, false, false},
        {"--port 1", 1, 0, 0, false, false},
        {"--port=1", 1, 0, 0, false, false},
        {"--port=0", 0, 0, 0, false, false},
        {"--port=1 --port 65535", 65535, 0, 0, false, false},
        {"--idleShutdownTimeoutSecs=10 --idleShutdownTimeoutSecs 60", 27020, 60, 0, false, false},
        {"-v", 27020, 0, 1, false, false},
        {"-vvv", 27020, 0, 3, false, false},
        {"--verbose", 27020, 0, 1, false, false},
        {"--verbose=vv", 27020, 0, 2, false, false},
        {"--quiet --logappend --quiet", 27020, 0, 0, true, true},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        oc_config config;
        char error[256];
        if (!parse(&config, cases[i].line, error))
            fail_msg("%s: %s", cases[i].line, error);
        assert_int_equal(config.port, cases[i].port);
        assert_int_equal(config.idle_seconds, cases[i].idle);
        assert_int_equal(config.verbosity, cases[i].verbosity);
        assert_int_equal(config.quiet, cases[i].quiet);
        assert_int_equal(config.log_append, cases[i].append);
    }
}

static void texts_are_kept(void **state) {
    (void)state;
    oc_config config;
    char error[256];
    assert_true(parse(&config, "--bind_ip a,b --logpath=/x=y --pidfilepath /p --help --version --bind_ip_all", error));
    assert_string_equal(config.bind_ip, "a,b");
    assert_string_equal(config.log_path, "/x=y");
    assert_string_equal(config.pid_path, "/p");
    assert_true(config.help && config.version && config.bind_ip_all);
}

static void what_drivers_pass_is_accepted(void **state) {
    (void)state;
    static const char *const lines[] = {
        "--idleShutdownTimeoutSecs=60",
        "--idleShutdownTimeoutSecs 60",
        "--idleShutdownTimeoutSecs 60 --logpath /dev/null --logappend",
        "--pidfilepath=bypass-spawning-mongocryptd.pid --port=27021",
        "--idleShutdownTimeoutSecs 60 --pidfilepath d/mongocryptd.pid --port 0 --unixSocketPrefix d",
    };
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        oc_config config;
        char error[256];
        if (!parse(&config, lines[i], error))
            fail_msg("%s: %s", lines[i], error);
    }
}

static void ignored_options_are_listed_once(void **state) {
    (void)state;
    oc_config config;
    char error[256];
    assert_true(parse(&config, "--ipv6 --nounixsocket --unixSocketPrefix /tmp --ipv6", error));
    assert_int_equal(config.ignored_count, 3);
    assert_string_equal(config.ignored[0], "ipv6");
    assert_string_equal(config.ignored[2], "unixSocketPrefix");
}

static void mistakes_are_named(void **state) {
    (void)state;
    static const struct {
        const char *line, *error;
    } cases[] = {
        {"--prot 1", "did you mean '--port'"},
        {"--Port=1", "did you mean '--port'"},
        {"--idleShutdownTimeoutSec=1", "did you mean '--idleShutdownTimeoutSecs'"},
        {"-quiet", "did you mean '--quiet'"},
        {"--zzzzzzzzzzzz", "see 'opencryptd --help'"},
        {"-x", "see 'opencryptd --help'"},
        {"file", "unrecognised option 'file'"},
        {"--", "unrecognised option '--'"},
        {"-", "unrecognised option '-'"},
        {"--port", "--port needs a value"},
        {"--port=", "--port takes a number from 0 to 65535"},
        {"--port=1x", "--port takes a number from 0 to 65535"},
        {"--port=65536", "--port takes a number from 0 to 65535"},
        {"--port=-1", "--port takes a number from 0 to 65535"},
        {"--maxConns=0", "--maxConns takes a number from 1"},
        {"--idleShutdownTimeoutSecs=99999999999999999999", "--idleShutdownTimeoutSecs takes a number"},
        {"--logpath=", "--logpath takes a value that is not empty"},
        {"--quiet=true", "--quiet takes no value"},
        {"--ipv6=true", "--ipv6 takes no value"},
        {"--verbose=3", "--verbose takes a value of v's"},
        {"--unixSocketPrefix", "--unixSocketPrefix needs a value"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        oc_config config;
        char error[256];
        assert_false(parse(&config, cases[i].line, error));
        if (!strstr(error, cases[i].error))
            fail_msg("%s: '%s' does not say '%s'", cases[i].line, error, cases[i].error);
    }
}

static void a_very_long_option_is_cut(void **state) {
    (void)state;
    static char option[10000] = "--";
    char *argv[] = {"opencryptd", option, NULL}, error[256];
    oc_config config;
    memset(option + 2, 'x', sizeof option - 3);
    assert_false(oc_config_parse(&config, 2, argv, error, sizeof error));
    assert_true(strlen(error) < 200);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_and_flags_come_in_both_spellings_and_the_last_counts),
        cmocka_unit_test(texts_are_kept),
        cmocka_unit_test(what_drivers_pass_is_accepted),
        cmocka_unit_test(ignored_options_are_listed_once),
        cmocka_unit_test(mistakes_are_named),
        cmocka_unit_test(a_very_long_option_is_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
