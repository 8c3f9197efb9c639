# What a program that includes cliffracer needs. GLOBAL: with add_subdirectory() the targets must be seen by the
# directory that links cliffracer, not only by this one.
list(PREPEND CMAKE_MODULE_PATH "${CMAKE_CURRENT_LIST_DIR}")

find_package(Threads REQUIRED GLOBAL)
find_package(Asio ${CLIFFRACER_ASIO_MINIMUM} REQUIRED)
find_package(NatsC ${CLIFFRACER_NATS_MINIMUM} REQUIRED)

if(NOT TARGET spdlog::spdlog)
  find_package(spdlog CONFIG QUIET GLOBAL)
  if(NOT spdlog_FOUND)
    message(FATAL_ERROR "cliffracer needs spdlog (Debian, Ubuntu: apt-get install libspdlog-dev)")
  endif()
endif()

if(NOT TARGET nlohmann_json::nlohmann_json)
  find_package(nlohmann_json ${CLIFFRACER_JSON_MINIMUM} CONFIG QUIET GLOBAL)
  if(NOT nlohmann_json_FOUND)
    message(FATAL_ERROR "cliffracer needs nlohmann-json ${CLIFFRACER_JSON_MINIMUM} or newer "
                        "(Debian, Ubuntu: apt-get install nlohmann-json3-dev)")
  endif()
endif()

list(POP_FRONT CMAKE_MODULE_PATH)
