#include "path.h"

#include "text.h"

void oc_path_append(char *buf, size_t cap, const oc_path *path) {
    if (!path)
        return;
    if (path->up) {
        oc_path_append(buf, cap, path->up);
        oc_text_append(buf, cap, ".", 1);
    }
    oc_text_append(buf, cap, path->name.s, path->name.n);
}
