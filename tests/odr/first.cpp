#include <cliffracer/cliffracer.hpp>

std::string_view version_seen_by_the_second();

int main() { return cliffracer::library_version == version_seen_by_the_second() ? 0 : 1; }
