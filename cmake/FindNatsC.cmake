# Finds nats.c, the C client of NATS: target NatsC::NatsC, NatsC_VERSION. pkg-config is asked first: Debian ships a
# CMake configuration of cnats that ends every configure with an error, because it names a library left out there.
if(NOT TARGET cnats::nats AND NOT TARGET cnats::nats_static)
  find_package(PkgConfig QUIET)
  if(PkgConfig_FOUND)
    pkg_check_modules(NatsC_PKG QUIET IMPORTED_TARGET GLOBAL libnats)
  endif()
  if(NOT NatsC_PKG_FOUND)
    find_package(cnats CONFIG QUIET GLOBAL)
  endif()
endif()

unset(_natsc_target)
foreach(_natsc_candidate IN ITEMS cnats::nats cnats::nats_static PkgConfig::NatsC_PKG)
  if(NOT _natsc_target AND TARGET ${_natsc_candidate})
    set(_natsc_target ${_natsc_candidate})
  endif()
endforeach()
if(NatsC_PKG_FOUND)
  set(NatsC_VERSION "${NatsC_PKG_VERSION}")
elseif(cnats_VERSION)
  set(NatsC_VERSION "${cnats_VERSION}")
endif()

include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(
  NatsC
  REQUIRED_VARS _natsc_target
  VERSION_VAR NatsC_VERSION
  REASON_FAILURE_MESSAGE
    "neither pkg-config's libnats nor a CMake package cnats was found (Debian, Ubuntu: apt-get install libnats-dev pkg-config)")

if(NatsC_FOUND AND NOT TARGET NatsC::NatsC)
  add_library(NatsC::NatsC INTERFACE IMPORTED GLOBAL)
  target_link_libraries(NatsC::NatsC INTERFACE ${_natsc_target})
endif()
