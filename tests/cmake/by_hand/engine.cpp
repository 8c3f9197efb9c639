#include <cliffracer/src.hpp>
