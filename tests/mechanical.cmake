# Tests that need no program of tests: they compile, link, install, or read the sources.

add_subdirectory(syntax)

# Each header compiles alone.
foreach(_part IN ITEMS public definitions engine)
  add_test(NAME "headers/each compiles alone, ${_part}"
           COMMAND "${CMAKE_CURRENT_SOURCE_DIR}/headers_alone" ${_part} "${CMAKE_CXX_COMPILER}"
                   "${CMAKE_CURRENT_BINARY_DIR}/syntax/flags.txt")
  set_tests_properties("headers/each compiles alone, ${_part}" PROPERTIES LABELS mechanical TIMEOUT 1800)
endforeach()

# Two services in three files make one program, in both modes.
foreach(_mode IN ITEMS header_only compiled)
  add_executable(odr_${_mode} odr/first.cpp odr/second.cpp odr/third.cpp)
  target_link_libraries(odr_${_mode} PRIVATE $<IF:$<STREQUAL:${_mode},compiled>,cliffracer::compiled,cliffracer::cliffracer>)
  add_test(NAME "odr/two services in three files make one program, ${_mode}" COMMAND odr_${_mode})
  set_tests_properties("odr/two services in three files make one program, ${_mode}" PROPERTIES LABELS mechanical)
endforeach()
add_test(NAME "odr/files of both modes do not link" COMMAND "${CMAKE_CURRENT_SOURCE_DIR}/odr/mixed" "${CMAKE_CXX_COMPILER}"
                                                            "${PROJECT_SOURCE_DIR}/include")
set_tests_properties("odr/files of both modes do not link" PROPERTIES LABELS mechanical)

# Scripts that read the sources.
add_test(NAME "layers/each folder includes only those above it" COMMAND "${CMAKE_CURRENT_SOURCE_DIR}/layers")
add_test(NAME "readme/every code block is a region of a compiled file" COMMAND "${CMAKE_CURRENT_SOURCE_DIR}/snippets")
set_tests_properties("layers/each folder includes only those above it"
                     "readme/every code block is a region of a compiled file" PROPERTIES LABELS mechanical)

# What is written elsewhere of the statistics, compared with the lists of their fields: see fields/main.cpp.
add_executable(fields fields/main.cpp)
target_link_libraries(fields PRIVATE cliffracer::compiled)
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

# Programs elsewhere that use the library in each of the ways they can. The compiled ones install what this build has made.
function(cliffracer_consumer way mode)
  add_test(
    NAME "consumer/${way}, ${mode}"
    COMMAND
      "${CMAKE_COMMAND}" "-DWAY=${way}" "-DMODE=${mode}" "-DCLIFFRACER_SOURCE_DIR=${PROJECT_SOURCE_DIR}"
      "-DCLIFFRACER_BINARY_DIR=${PROJECT_BINARY_DIR}" "-DWORK_DIR=${CMAKE_CURRENT_BINARY_DIR}/consumers/${way}_${mode}"
      "-DGENERATOR=${CMAKE_GENERATOR}" "-DCXX=${CMAKE_CXX_COMPILER}" -P "${CMAKE_CURRENT_SOURCE_DIR}/cmake/consume.cmake")
  set_tests_properties("consumer/${way}, ${mode}" PROPERTIES LABELS mechanical TIMEOUT 600)
endfunction()
foreach(_way IN ITEMS find_package add_subdirectory pkg_config by_hand)
  cliffracer_consumer(${_way} header_only)
  cliffracer_consumer(${_way} compiled)
endforeach()
cliffracer_consumer(fetch_content header_only)
