# Tests that need no program of tests: they compile, link, install, or read the sources.

# Every header compiles alone; prometheus.hpp does so in prometheus_tests, where prometheus-cpp is.
set_target_properties(cliffracer PROPERTIES VERIFY_INTERFACE_HEADER_SETS ON INTERFACE_HEADER_SETS_TO_VERIFY HEADERS)
add_test(NAME "headers/each compiles alone" COMMAND "${CMAKE_COMMAND}" --build "${PROJECT_BINARY_DIR}" --target
                                                    all_verify_interface_header_sets --parallel 2)
set_tests_properties("headers/each compiles alone" PROPERTIES LABELS mechanical TIMEOUT 900)

# Two translation units that include everything make one program.
add_executable(odr_test odr/first.cpp odr/second.cpp)
target_link_libraries(odr_test PRIVATE cliffracer::cliffracer)
add_test(NAME "odr/two translation units make one program" COMMAND odr_test)
set_tests_properties("odr/two translation units make one program" PROPERTIES LABELS mechanical)

# Scripts that read the sources.
add_test(NAME "layers/the two wings do not include each other" COMMAND "${CMAKE_CURRENT_SOURCE_DIR}/layers")
add_test(NAME "readme/every code block is a region of a compiled file" COMMAND "${CMAKE_CURRENT_SOURCE_DIR}/snippets")
set_tests_properties("layers/the two wings do not include each other"
                     "readme/every code block is a region of a compiled file" PROPERTIES LABELS mechanical)

# What is written elsewhere of the statistics, compared with the lists of their fields: see fields/main.cpp.
add_executable(fields fields/main.cpp)
target_link_libraries(fields PRIVATE cliffracer::cliffracer)
add_test(NAME "fields/README.md names each field of the statistics"
         COMMAND fields names-fields "${PROJECT_SOURCE_DIR}/README.md")
add_test(NAME "fields/README.md names each metric" COMMAND fields names-metrics "${PROJECT_SOURCE_DIR}/README.md")
add_test(NAME "fields/the docstring of PrometheusCollector names each metric"
         COMMAND fields names-metrics "${PROJECT_SOURCE_DIR}/include/cliffracer/prometheus.hpp")
add_test(NAME "fields/the live page knows each field" COMMAND fields compare
                                                              "${PROJECT_SOURCE_DIR}/examples/dashboard/fields.js")
set_tests_properties(
  "fields/README.md names each field of the statistics" "fields/README.md names each metric"
  "fields/the docstring of PrometheusCollector names each metric" "fields/the live page knows each field"
  PROPERTIES LABELS mechanical)

# The docstrings are pages of Doxygen without a warning.
add_test(NAME "docs/Doxygen has no warning" COMMAND "${PROJECT_SOURCE_DIR}/cmake/docs" --without-installing
                                                    "${CMAKE_CURRENT_BINARY_DIR}/docs")
set_tests_properties("docs/Doxygen has no warning" PROPERTIES LABELS mechanical SKIP_RETURN_CODE 77 TIMEOUT 120)

# Programs elsewhere that use the library in each of the ways they can.
foreach(_way IN ITEMS find_package add_subdirectory fetch_content pkg_config)
  add_test(
    NAME "consumer/${_way}"
    COMMAND
      "${CMAKE_COMMAND}" "-DWAY=${_way}" "-DCLIFFRACER_SOURCE_DIR=${PROJECT_SOURCE_DIR}"
      "-DCLIFFRACER_BINARY_DIR=${PROJECT_BINARY_DIR}" "-DWORK_DIR=${CMAKE_CURRENT_BINARY_DIR}/consumers/${_way}"
      "-DGENERATOR=${CMAKE_GENERATOR}" "-DCXX=${CMAKE_CXX_COMPILER}" -P "${CMAKE_CURRENT_SOURCE_DIR}/cmake/consume.cmake")
  set_tests_properties("consumer/${_way}" PROPERTIES LABELS mechanical TIMEOUT 300)
endforeach()

add_subdirectory(syntax)
