#include <cliffracer/cliffracer.hpp>

int main() { return cliffracer::library_version.empty() ? 1 : 0; }
