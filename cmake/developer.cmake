# Settings of cliffracer's own tests and examples. Nothing of this reaches a program that uses the library.
option(CLIFFRACER_WERROR "Treat warnings as errors" ON)
set(CLIFFRACER_SANITIZE "" CACHE STRING "Sanitizers of tests and examples: empty, address (with undefined) or thread")
set_property(CACHE CLIFFRACER_SANITIZE PROPERTY STRINGS "" address thread)

if(PROJECT_IS_TOP_LEVEL)
  if(NOT CMAKE_BUILD_TYPE AND NOT CMAKE_CONFIGURATION_TYPES)
    set(CMAKE_BUILD_TYPE RelWithDebInfo CACHE STRING "Debug, Release, RelWithDebInfo or MinSizeRel" FORCE)
  endif()
  set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
endif()
set(CMAKE_CXX_EXTENSIONS OFF)

set(_compile_options -Wall -Wextra -Wpedantic -Wshadow -Wconversion)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  # g++ 12 finds Asio's two functions for a coroutine's memory unequal as soon as it has inlined one of them.
  list(APPEND _compile_options -Wno-mismatched-new-delete)
endif()
if(CLIFFRACER_WERROR)
  list(APPEND _compile_options -Werror)
endif()

set(_sanitize "")
if(CLIFFRACER_SANITIZE STREQUAL "address")
  set(_sanitize -fsanitize=address,undefined -fno-sanitize-recover=undefined)
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    # g++ 12 sees uninitialised members in std::regex, which Catch2 uses, when it is instrumented.
    list(APPEND _compile_options -Wno-maybe-uninitialized)
  endif()
elseif(CLIFFRACER_SANITIZE STREQUAL "thread")
  set(_sanitize -fsanitize=thread)
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    # g++ cannot follow the fences in Asio and says so at each of them.
    list(APPEND _compile_options -Wno-tsan)
  endif()
elseif(CLIFFRACER_SANITIZE)
  message(FATAL_ERROR "CLIFFRACER_SANITIZE is \"${CLIFFRACER_SANITIZE}\": it must be empty, address or thread")
endif()
if(CLIFFRACER_SANITIZE)
  list(APPEND _compile_options ${_sanitize} -fno-omit-frame-pointer)
endif()

# For what comes from here on, and for the engine that it links.
add_compile_options(${_compile_options})
add_link_options(${_sanitize})
# A program may use what Asio has deprecated; this project does not.
add_compile_definitions(ASIO_NO_DEPRECATED)
foreach(_engine IN ITEMS cliffracer_compiled cliffracer_compiled_testing)
  target_compile_options(${_engine} PRIVATE ${_compile_options})
  target_compile_definitions(${_engine} PRIVATE ASIO_NO_DEPRECATED)
endforeach()
