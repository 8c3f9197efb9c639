# The live page in a browser. It builds its example by itself, as examples/run does.
add_test(NAME "ecosystem/the live page shows a service and controls it"
         COMMAND "${CMAKE_CURRENT_LIST_DIR}/run" "${PROJECT_BINARY_DIR}/dashboard")
set_tests_properties("ecosystem/the live page shows a service and controls it"
                     PROPERTIES LABELS ecosystem SKIP_RETURN_CODE 77 TIMEOUT 600 RUN_SERIAL ON)
