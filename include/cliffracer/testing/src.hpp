#pragma once

// What <cliffracer/testing/...> needs, for one file of a program that is compiled once, beside
// <cliffracer/src.hpp>; see build_mode.hpp.

#ifndef CLIFFRACER_SEPARATE_COMPILATION
#error \
    "define CLIFFRACER_SEPARATE_COMPILATION for all files of the program, or do without <cliffracer/testing/src.hpp>"
#endif

#include <cliffracer/testing/impl/broker.ipp>
#include <cliffracer/testing/impl/log_capture.ipp>
#include <cliffracer/testing/impl/run_log.ipp>
#include <cliffracer/testing/impl/virtual_cluster.ipp>
#include <cliffracer/testing/impl/virtual_time.ipp>
