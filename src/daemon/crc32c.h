#ifndef OC_DAEMON_CRC32C_H
#define OC_DAEMON_CRC32C_H

/* CRC-32C (Castagnoli), the checksum at the end of an OP_MSG. */

#include <stddef.h>
#include <stdint.h>

uint32_t oc_crc32c(const uint8_t *data, size_t len);

#endif
