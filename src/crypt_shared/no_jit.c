/* pcre2 without its just-in-time compiler, which nothing of ours uses. With these definitions the linker does not take
 * that member from libpcre2-8.a: a third of the library, code that asks for the CPU's features, and calls that make
 * memory executable, which hardened hosts watch for.
 *
 * pcre2 asks them about patterns that were compiled just in time; there are none. They are weak: where another pcre2
 * needs more of that member, it is taken whole, and only the size suffers. */

#include <stddef.h>

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#define WEAK __attribute__((weak))

WEAK void _pcre2_jit_free_8(void *jit, void *memory);
WEAK void _pcre2_jit_free_8(void *jit, void *memory) {
    (void)jit;
    (void)memory;
}

WEAK void _pcre2_jit_free_rodata_8(void *data, void *allocator);
WEAK void _pcre2_jit_free_rodata_8(void *data, void *allocator) {
    (void)data;
    (void)allocator;
}

WEAK size_t _pcre2_jit_get_size_8(void *jit);
WEAK size_t _pcre2_jit_get_size_8(void *jit) {
    (void)jit;
    return 0;
}

WEAK const char *_pcre2_jit_get_target_8(void);
WEAK const char *_pcre2_jit_get_target_8(void) {
    return "none";
}

WEAK int _pcre2_jit_check_exec_8(void);
WEAK int _pcre2_jit_check_exec_8(void) {
    return 0;
}

WEAK int pcre2_jit_compile_8(pcre2_code_8 *code, uint32_t options) {
    (void)code;
    (void)options;
    return PCRE2_ERROR_JIT_BADOPTION;
}

WEAK int pcre2_jit_match_8(const pcre2_code_8 *code, PCRE2_SPTR8 subject, PCRE2_SIZE length, PCRE2_SIZE start,
                           uint32_t options, pcre2_match_data_8 *data, pcre2_match_context_8 *context) {
    (void)code;
    (void)subject;
    (void)length;
    (void)start;
    (void)options;
    (void)data;
    (void)context;
    return PCRE2_ERROR_JIT_BADOPTION;
}
