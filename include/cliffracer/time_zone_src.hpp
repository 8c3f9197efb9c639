#pragma once

// What <cliffracer/time_zone.hpp> declares, for a program that compiles cliffracer once: one of its files
// includes this header. It is not part of <cliffracer/src.hpp>, because it needs cctz.

#ifndef CLIFFRACER_SEPARATE_COMPILATION
#error \
    "cliffracer/time_zone_src.hpp is for programs that define CLIFFRACER_SEPARATE_COMPILATION; without it, include cliffracer/time_zone.hpp only"
#endif

#include <cliffracer/impl/time_zone.ipp>
