#pragma once

#include <string_view>

/// The version of this library, for the preprocessor. The build reads it from here: it is written nowhere
/// else.
#define CLIFFRACER_VERSION_MAJOR 0
#define CLIFFRACER_VERSION_MINOR 1
#define CLIFFRACER_VERSION_PATCH 0

#define CLIFFRACER_DETAIL_TEXT(x) #x
#define CLIFFRACER_DETAIL_VERSION(major, minor, patch) \
  CLIFFRACER_DETAIL_TEXT(major) "." CLIFFRACER_DETAIL_TEXT(minor) "." CLIFFRACER_DETAIL_TEXT(patch)

namespace cliffracer {

/// The version of this library as `major.minor.patch`.
inline constexpr std::string_view library_version =
    CLIFFRACER_DETAIL_VERSION(CLIFFRACER_VERSION_MAJOR, CLIFFRACER_VERSION_MINOR, CLIFFRACER_VERSION_PATCH);

}  // namespace cliffracer

#undef CLIFFRACER_DETAIL_VERSION
#undef CLIFFRACER_DETAIL_TEXT
