# Debian's musl-gcc, with the libraries that `dependencies` has built and none of the system. Where musl is the system's C
# library no toolchain file is needed: -DOPENCRYPT_STATIC=-static-pie.
set(CMAKE_C_COMPILER musl-gcc)
find_program(CMAKE_C_COMPILER_AR gcc-ar REQUIRED) # for link-time optimisation
find_program(CMAKE_C_COMPILER_RANLIB gcc-ranlib REQUIRED)

cmake_path(SET dependencies NORMALIZE "${CMAKE_CURRENT_LIST_DIR}/../../build/musl/deps")
set(CMAKE_PREFIX_PATH "${dependencies}")
set(CMAKE_FIND_ROOT_PATH "${dependencies}")
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
set(CMAKE_FIND_ROOT_PATH_MODE_LIBRARY ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_INCLUDE ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_PACKAGE ONLY)
set(ENV{PKG_CONFIG_LIBDIR} "${dependencies}/lib/pkgconfig")

# musl-gcc does not know -static-pie: the start files and the linker's options that it stands for.
set(musl /usr/lib/${CMAKE_HOST_SYSTEM_PROCESSOR}-linux-musl)
set(OPENCRYPT_STATIC -static -nostartfiles -Wl,-pie,--no-dynamic-linker,-z,text
                     ${musl}/rcrt1.o ${musl}/crti.o ${musl}/crtn.o CACHE STRING "")

# A shared library asks for libc by Alpine's name. musl's loader takes every name that begins with libc. for itself, so that
# it loads on all systems with musl; glibc's says what is missing, while for Debian's name, libc.so, it would find a text.
set(libc libc.musl-${CMAKE_HOST_SYSTEM_PROCESSOR}.so.1)
file(CREATE_LINK ${musl}/libc.so "${dependencies}/lib/${libc}" SYMBOLIC)
set(CMAKE_SHARED_LINKER_FLAGS_INIT "-L${dependencies}/lib -Wl,--no-as-needed -l:${libc} -Wl,--as-needed")
