#pragma once

// Not part of cliffracer.hpp: needs cctz. See time_zone().
//
// With CLIFFRACER_SEPARATE_COMPILATION one file of the program includes <cliffracer/time_zone_src.hpp>, too.

#include <cliffracer/build_mode.hpp>
#include <cliffracer/zone.hpp>

#include <string_view>

namespace cliffracer {

/// The time zone of that name in the tz database of this machine, by way of cctz (github.com/google/cctz):
///
///     const TimeZone berlin = time_zone("Europe/Berlin");
///
/// Throws std::invalid_argument, which names the zone, when there is none of that name. A name consists of
/// letters, digits, '_', '+', '-' and '/', and does not begin with '/'; upper and lower case differ. The data
/// are files in the folder that the environment's TZDIR names, or in /usr/share/zoneinfo; each zone is read
/// once in a program, and kept. Any thread.
///
/// cctz (2.3 or newer) is the program's own dependency, the library brings none of it. Debian and Ubuntu have
/// it as libcctz-dev, without files for CMake:
///
///     target_link_libraries(my_service PRIVATE cliffracer::cliffracer cctz)
///
/// Debian's files are fat: they list all changes up to 2037. With slim ones (of `zic -b slim`), as other
/// systems have them, cctz 2.3 refuses six zones, America/Nuuk and Antarctica/Troll among them, and is an
/// hour off in some years of nine others, Europe/Lisbon among them.
[[nodiscard]] TimeZone time_zone(std::string_view name);

}  // namespace cliffracer

#ifndef CLIFFRACER_SEPARATE_COMPILATION
#include <cliffracer/impl/time_zone.ipp>
#endif
