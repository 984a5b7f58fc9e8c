// The header as C++ reads it, and the names as it links them.
#include <opencrypt.h>

int main() {
    opencrypt_engine *engine = opencrypt_engine_new();
    opencrypt_stats stats;
    opencrypt_engine_stats(engine, &stats);
    opencrypt_engine_free(engine);
    return stats.schema_count == 0 && opencrypt_max_wire_version() >= 17 ? 0 : 1;
}
