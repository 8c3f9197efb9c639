#pragma once

#include <cliffracer/error.hpp>
#include <cliffracer/listener.hpp>
#include <cliffracer/nats_service.hpp>
#include <cliffracer/rpc.hpp>
#include <cliffracer/run_on.hpp>
#include <cliffracer/service_config.hpp>
#include <cliffracer/service_info.hpp>
#include <cliffracer/service_info_json.hpp>
#include <cliffracer/tick_context.hpp>
#include <cliffracer/timer.hpp>
#include <cliffracer/timer_stats.hpp>
#include <cliffracer/timer_stats_json.hpp>
#include <cliffracer/version.hpp>
