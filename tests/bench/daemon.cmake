# daemon_bench: the daemon against an echo server on the same event loop. Prints ratios.
pkg_check_modules(BENCH_BSON REQUIRED IMPORTED_TARGET libbson-1.0)

add_executable(daemon_echo ${CMAKE_CURRENT_LIST_DIR}/daemon_echo.c)
target_link_libraries(daemon_echo PRIVATE PkgConfig::UV Threads::Threads)

add_executable(daemon_bench ${CMAKE_CURRENT_LIST_DIR}/daemon_bench.c ${CMAKE_CURRENT_LIST_DIR}/daemon_load.c)
target_link_libraries(daemon_bench PRIVATE PkgConfig::BENCH_BSON)
target_compile_definitions(daemon_bench PRIVATE DAEMON_PATH="$<TARGET_FILE:opencryptd>"
                                                ECHO_PATH="$<TARGET_FILE:daemon_echo>")
add_dependencies(daemon_bench opencryptd daemon_echo)
