# Headers, a relocatable CMake package and a relocatable pkg-config file. Nothing here depends on the architecture.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

set(_package_dir "${CMAKE_INSTALL_DATADIR}/cmake/cliffracer")
set(_pkgconfig_dir "${CMAKE_INSTALL_DATADIR}/pkgconfig")

install(TARGETS cliffracer EXPORT cliffracerTargets FILE_SET HEADERS FILE_SET prometheus)
install(EXPORT cliffracerTargets NAMESPACE cliffracer:: DESTINATION "${_package_dir}")

configure_package_config_file(cmake/cliffracerConfig.cmake.in cliffracerConfig.cmake
                              INSTALL_DESTINATION "${_package_dir}")
write_basic_package_version_file(cliffracerConfigVersion.cmake COMPATIBILITY SameMinorVersion ARCH_INDEPENDENT)
install(FILES "${PROJECT_BINARY_DIR}/cliffracerConfig.cmake" "${PROJECT_BINARY_DIR}/cliffracerConfigVersion.cmake"
              cmake/FindAsio.cmake cmake/FindNatsC.cmake
        DESTINATION "${_package_dir}")

# The pkg-config file finds its prefix from where it lies itself.
file(RELATIVE_PATH CLIFFRACER_PC_TO_PREFIX "/prefix/${_pkgconfig_dir}" /prefix)
configure_file(cmake/cliffracer.pc.in cliffracer.pc @ONLY)
install(FILES "${PROJECT_BINARY_DIR}/cliffracer.pc" DESTINATION "${_pkgconfig_dir}")

install(FILES LICENSE DESTINATION "${CMAKE_INSTALL_DOCDIR}")
