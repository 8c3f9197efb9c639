#pragma once

// The engine, for one file of a program that is compiled once; see build_mode.hpp.

#ifndef CLIFFRACER_SEPARATE_COMPILATION
#error \
    "define CLIFFRACER_SEPARATE_COMPILATION for all files of the program, or do without <cliffracer/src.hpp>"
#endif

#include <cliffracer/impl/cron_expression.ipp>
#include <cliffracer/impl/nats_service.ipp>
#include <cliffracer/impl/service_config.ipp>
#include <cliffracer/impl/service_info.ipp>
#include <cliffracer/impl/timer_stats.ipp>
