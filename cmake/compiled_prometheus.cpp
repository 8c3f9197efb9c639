#include <cliffracer/prometheus_src.hpp>
