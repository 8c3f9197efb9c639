#include <cliffracer/testing/src.hpp>
