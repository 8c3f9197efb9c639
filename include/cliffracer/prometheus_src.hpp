#pragma once

// What <cliffracer/prometheus.hpp> declares, for a program that compiles cliffracer once: one of its files
// includes this header. It is not part of <cliffracer/src.hpp>, because it needs prometheus-cpp.

#ifndef CLIFFRACER_SEPARATE_COMPILATION
#error \
    "cliffracer/prometheus_src.hpp is for programs that define CLIFFRACER_SEPARATE_COMPILATION; without it, include cliffracer/prometheus.hpp only"
#endif

#include <cliffracer/impl/prometheus.ipp>
