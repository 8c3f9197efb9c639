# cmake -DWAY=... -P consume.cmake: configures, builds and runs a program that uses the library from outside.
#   WAY                     find_package, add_subdirectory, fetch_content, pkg_config or by_hand: a folder beside this file
#   MODE                    header_only, or compiled: the program links cliffracer::compiled or its like
#   CLIFFRACER_SOURCE_DIR   the sources
#   CLIFFRACER_BINARY_DIR   a configured build of them, to install from
#   WORK_DIR                a folder to use up
#   GENERATOR, CXX          how to build

function(run)
  execute_process(COMMAND ${ARGV} RESULT_VARIABLE result OUTPUT_VARIABLE output ERROR_VARIABLE output)
  if(NOT result EQUAL 0)
    list(JOIN ARGV " " command)
    message(FATAL_ERROR "${command}\n${output}\nended with ${result}")
  endif()
endfunction()

file(REMOVE_RECURSE "${WORK_DIR}")
set(arguments "-DCMAKE_CXX_COMPILER=${CXX}")
if(MODE STREQUAL "compiled")
  list(APPEND arguments -DLIBRARY=cliffracer::compiled -DPACKAGE=cliffracer-compiled -DSOURCE=service.cpp)
else()
  list(APPEND arguments -DLIBRARY=cliffracer::cliffracer -DPACKAGE=cliffracer -DSOURCE=main.cpp)
endif()

if(WAY MATCHES "find_package|pkg_config")
  # Installed in one place and used in another: nothing may remember where it was.
  run("${CMAKE_COMMAND}" --install "${CLIFFRACER_BINARY_DIR}" --prefix "${WORK_DIR}/installed here")
  file(RENAME "${WORK_DIR}/installed here" "${WORK_DIR}/moved there")
  list(APPEND arguments "-DCMAKE_PREFIX_PATH=${WORK_DIR}/moved there")
  set(ENV{PKG_CONFIG_PATH} "${WORK_DIR}/moved there/share/pkgconfig")
elseif(WAY STREQUAL "fetch_content")
  list(APPEND arguments "-DFETCHCONTENT_SOURCE_DIR_CLIFFRACER=${CLIFFRACER_SOURCE_DIR}")
else()
  list(APPEND arguments "-DCLIFFRACER_SOURCE_DIR=${CLIFFRACER_SOURCE_DIR}")
endif()

run("${CMAKE_COMMAND}" -S "${CMAKE_CURRENT_LIST_DIR}/${WAY}" -B "${WORK_DIR}/build" -G "${GENERATOR}" ${arguments})
run("${CMAKE_COMMAND}" --build "${WORK_DIR}/build")
run("${WORK_DIR}/build/consumer")
