#pragma once

// What services need of Asio besides.
#include <asio/awaitable.hpp>
#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/io_context.hpp>
#include <asio/post.hpp>
#include <asio/signal_set.hpp>
#include <asio/steady_timer.hpp>
#include <asio/this_coro.hpp>
#include <asio/use_awaitable.hpp>
#include <asio/use_future.hpp>

#include <cliffracer/cluster_config.hpp>
#include <cliffracer/cron.hpp>
#include <cliffracer/cron_expression.hpp>
#include <cliffracer/error.hpp>
#include <cliffracer/listener.hpp>
#include <cliffracer/missed_ticks.hpp>
#include <cliffracer/nats_service.hpp>
#include <cliffracer/pacing.hpp>
#include <cliffracer/rpc.hpp>
#include <cliffracer/run_on.hpp>
#include <cliffracer/scope.hpp>
#include <cliffracer/service_config.hpp>
#include <cliffracer/service_info.hpp>
#include <cliffracer/stats_fields.hpp>
#include <cliffracer/tick_context.hpp>
#include <cliffracer/timer.hpp>
#include <cliffracer/timer_observer.hpp>
#include <cliffracer/timer_stats.hpp>
#include <cliffracer/version.hpp>
#include <cliffracer/zone.hpp>
