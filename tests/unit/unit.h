#ifndef OC_UNIT_H
#define OC_UNIT_H

/* cmocka, with the headers that it wants before it. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#endif
