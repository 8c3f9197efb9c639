#include <cliffracer/cliffracer.hpp>

std::string_view version_seen_by_the_second();

std::string_view version_seen_by_the_second() { return cliffracer::library_version; }
