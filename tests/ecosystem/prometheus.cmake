# What Prometheus, Grafana and their tools make of cliffracer/prometheus.hpp and examples/prometheus.

find_package(prometheus-cpp CONFIG QUIET)
if(prometheus-cpp_FOUND)
  # This is also how prometheus.hpp is compiled alone: it is the first include.
  add_executable(prometheus_tests "${CMAKE_CURRENT_LIST_DIR}/prometheus_families.cpp"
                                  "${PROJECT_SOURCE_DIR}/cmake/compiled_prometheus.cpp")
  target_link_libraries(prometheus_tests PRIVATE cliffracer::compiled prometheus-cpp::core ${_catch_main})
  target_include_directories(prometheus_tests PRIVATE "${PROJECT_SOURCE_DIR}/tests")
  target_compile_definitions(prometheus_tests PRIVATE CLIFFRACER_SOURCE_DIR="${PROJECT_SOURCE_DIR}")
  catch_discover_tests(
    prometheus_tests
    EXTRA_ARGS ${_catch_arguments}
    TEST_PREFIX "prometheus/"
    PROPERTIES LABELS ecosystem TIMEOUT 60)
else()
  add_test(NAME "prometheus/metrics are what they should be"
           COMMAND sh -c "echo 'SKIPPED: prometheus-cpp is not installed (cmake/install_dependencies prometheus)'; exit 77")
  set_tests_properties("prometheus/metrics are what they should be" PROPERTIES LABELS ecosystem SKIP_RETURN_CODE 77)
endif()

add_test(NAME "prometheus/promtool accepts alert rules and dashboard, and alerts fire when they should"
         COMMAND "${CMAKE_CURRENT_LIST_DIR}/prometheus.rules")
set_tests_properties("prometheus/promtool accepts alert rules and dashboard, and alerts fire when they should"
                     PROPERTIES LABELS ecosystem SKIP_RETURN_CODE 77 TIMEOUT 60)

if(CLIFFRACER_BUILD_EXAMPLES)
  # Without prometheus-cpp there is no such target and the argument is empty.
  add_test(NAME "prometheus/the example is scraped and promtool accepts its metrics"
           COMMAND "${CMAKE_CURRENT_LIST_DIR}/prometheus.scrape"
                   "$<$<TARGET_EXISTS:prometheus_example>:$<TARGET_FILE:prometheus_example>>")
  set_tests_properties("prometheus/the example is scraped and promtool accepts its metrics"
                       PROPERTIES LABELS ecosystem SKIP_RETURN_CODE 77 TIMEOUT 60)
endif()
