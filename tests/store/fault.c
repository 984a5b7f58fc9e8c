#include "fault.h"

#include <stdarg.h>
#include <stdio.h>

bool oc_fault_set(oc_fault *fault, int code, const char *format, ...) {
    if (fault->code == 0) {
        va_list arguments;
        va_start(arguments, format);
        vsnprintf(fault->message, sizeof fault->message, format, arguments);
        va_end(arguments);
        fault->code = code;
    }
    return false;
}

const char *oc_fault_name(int code) {
    switch (code) {
#define X(name, number, text)                                                                                          \
    case number: return text;
        OC_FAULTS(X)
#undef X
    default: return "UnknownError";
    }
}
