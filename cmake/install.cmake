# Headers, a relocatable CMake package and relocatable pkg-config files; the engine as static libraries if they were built
# (`cmake --build BUILD --target cliffracer_compiled cliffracer_compiled_testing`). Nothing else depends on the architecture.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

set(_package_dir "${CMAKE_INSTALL_DATADIR}/cmake/cliffracer")
set(_pkgconfig_dir "${CMAKE_INSTALL_DATADIR}/pkgconfig")

install(TARGETS cliffracer EXPORT cliffracerTargets FILE_SET HEADERS FILE_SET prometheus FILE_SET time_zone)
install(EXPORT cliffracerTargets NAMESPACE cliffracer:: DESTINATION "${_package_dir}")

set(_archive_dir "${CMAKE_INSTALL_LIBDIR}")
configure_package_config_file(cmake/cliffracerConfig.cmake.in cliffracerConfig.cmake
                              INSTALL_DESTINATION "${_package_dir}" PATH_VARS _archive_dir)
write_basic_package_version_file(cliffracerConfigVersion.cmake COMPATIBILITY SameMinorVersion ARCH_INDEPENDENT)
install(FILES "${PROJECT_BINARY_DIR}/cliffracerConfig.cmake" "${PROJECT_BINARY_DIR}/cliffracerConfigVersion.cmake"
              cmake/FindAsio.cmake cmake/FindNatsC.cmake
        DESTINATION "${_package_dir}")

# A pkg-config file finds its prefix from where it lies itself. The variant cliffracer-compiled comes with its library.
file(RELATIVE_PATH CLIFFRACER_PC_TO_PREFIX "/prefix/${_pkgconfig_dir}" /prefix)
configure_file(cmake/cliffracer.pc.in cliffracer.pc @ONLY)
install(FILES "${PROJECT_BINARY_DIR}/cliffracer.pc" DESTINATION "${_pkgconfig_dir}")
configure_file(cmake/cliffracer-compiled.pc.in compiled/cliffracer-compiled.pc.configured @ONLY)
add_custom_command(
  TARGET cliffracer_compiled
  POST_BUILD
  COMMAND "${CMAKE_COMMAND}" -E copy "${PROJECT_BINARY_DIR}/compiled/cliffracer-compiled.pc.configured"
          "${PROJECT_BINARY_DIR}/compiled/cliffracer-compiled.pc"
  VERBATIM)
install(FILES "$<TARGET_FILE:cliffracer_compiled>" "$<TARGET_FILE:cliffracer_compiled_testing>"
        DESTINATION "${CMAKE_INSTALL_LIBDIR}" OPTIONAL)
install(FILES "${PROJECT_BINARY_DIR}/compiled/cliffracer-compiled.pc" DESTINATION "${_pkgconfig_dir}" OPTIONAL)

install(FILES LICENSE DESTINATION "${CMAKE_INSTALL_DOCDIR}")
