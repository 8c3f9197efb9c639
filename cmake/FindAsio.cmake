# Finds standalone Asio: target Asio::Asio, Asio_VERSION. A target asio::asio that exists already, or a package
# configuration of that name, goes before a bare asio.hpp.
if(NOT TARGET asio::asio)
  find_package(asio CONFIG QUIET GLOBAL)
endif()

if(TARGET asio::asio)
  get_target_property(Asio_INCLUDE_DIRS asio::asio INTERFACE_INCLUDE_DIRECTORIES)
  find_path(Asio_INCLUDE_DIR asio.hpp HINTS ${Asio_INCLUDE_DIRS})
else()
  find_package(PkgConfig QUIET)
  if(PkgConfig_FOUND)
    pkg_check_modules(Asio_PKG QUIET asio)
  endif()
  find_path(Asio_INCLUDE_DIR asio.hpp HINTS ${Asio_PKG_INCLUDE_DIRS})
endif()
mark_as_advanced(Asio_INCLUDE_DIR)

if(Asio_INCLUDE_DIR AND EXISTS "${Asio_INCLUDE_DIR}/asio/version.hpp")
  file(STRINGS "${Asio_INCLUDE_DIR}/asio/version.hpp" _asio_version REGEX "^#define ASIO_VERSION [0-9]+")
  string(REGEX MATCH "[0-9]+" _asio_version "${_asio_version}")
  math(EXPR _asio_major "${_asio_version} / 100000")
  math(EXPR _asio_minor "${_asio_version} / 100 % 1000")
  math(EXPR _asio_patch "${_asio_version} % 100")
  set(Asio_VERSION "${_asio_major}.${_asio_minor}.${_asio_patch}")
endif()

include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(
  Asio
  REQUIRED_VARS Asio_INCLUDE_DIR
  VERSION_VAR Asio_VERSION
  REASON_FAILURE_MESSAGE "the header asio.hpp of standalone Asio is missing (Debian, Ubuntu: apt-get install libasio-dev)")

if(Asio_FOUND AND NOT TARGET Asio::Asio)
  add_library(Asio::Asio INTERFACE IMPORTED GLOBAL)
  if(TARGET asio::asio)
    target_link_libraries(Asio::Asio INTERFACE asio::asio)
  else()
    target_include_directories(Asio::Asio INTERFACE "${Asio_INCLUDE_DIR}")
  endif()
endif()
