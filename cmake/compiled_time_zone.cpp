#include <cliffracer/time_zone_src.hpp>
