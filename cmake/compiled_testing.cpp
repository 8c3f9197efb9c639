#include <cliffracer/build_mode.hpp>
