#pragma once

#include <cliffracer/build_mode.hpp>
#include <cliffracer/detail/service/service.hpp>
#include <cliffracer/impl/service_lifecycle.ipp>
#include <cliffracer/impl/service_messaging.ipp>
#include <cliffracer/impl/service_remote_control.ipp>
#include <cliffracer/impl/service_serving.ipp>
#include <cliffracer/impl/service_stopping.ipp>
#include <cliffracer/impl/service_timers.ipp>
#include <cliffracer/nats_service.hpp>
#include <cliffracer/timer_observer.hpp>

#include <asio/io_context.hpp>

#include <utility>

namespace cliffracer {

CLIFFRACER_DECL NatsService::NatsService(ServiceConfig config)
    : service_{std::make_unique<detail::Service>(
          std::move(config),
          detail::Service::Hooks{[this] { return on_start(); }, [this] { return on_stop(); }})} {}

CLIFFRACER_DECL NatsService::NatsService(asio::io_context& context, ServiceConfig config)
    : service_{std::make_unique<detail::Service>(
          context, std::move(config),
          detail::Service::Hooks{[this] { return on_start(); }, [this] { return on_stop(); }})} {}

CLIFFRACER_DECL NatsService::~NatsService() = default;

CLIFFRACER_DECL void NatsService::run() { service_->run(); }

CLIFFRACER_DECL asio::awaitable<void> NatsService::start() { return service_->start(); }

CLIFFRACER_DECL asio::awaitable<void> NatsService::stop() { return service_->stop(); }

CLIFFRACER_DECL void NatsService::request_stop() noexcept { service_->request_stop(); }

CLIFFRACER_DECL ServiceTimerStats NatsService::get_timer_stats() const { return service_->get_timer_stats(); }

CLIFFRACER_DECL ServiceInfo NatsService::get_service_info() const { return service_->get_service_info(); }

CLIFFRACER_DECL void NatsService::publish_event(std::string_view subject, const nlohmann::json& event) {
  service_->publish_event(subject, event);
}

CLIFFRACER_DECL asio::awaitable<nlohmann::json> NatsService::call_rpc(std::string service, std::string method,
                                                                      nlohmann::json arguments) {
  return service_->call_rpc(std::move(service), std::move(method), std::move(arguments));
}

CLIFFRACER_DECL void NatsService::call_async(std::string_view service, std::string_view method,
                                             const nlohmann::json& arguments) {
  service_->call_async(service, method, arguments);
}

CLIFFRACER_DECL asio::awaitable<void> NatsService::sleep_for(std::chrono::nanoseconds duration) {
  return service_->sleep_for(duration);
}

CLIFFRACER_DECL void NatsService::pause(std::string_view name, std::string_view reason,
                                        std::optional<std::chrono::system_clock::time_point> until) {
  service_->pause(name, reason, until);
}

CLIFFRACER_DECL void NatsService::resume(std::string_view name) { service_->resume(name); }

CLIFFRACER_DECL void NatsService::trigger(std::string_view name) { service_->trigger(name); }

CLIFFRACER_DECL void NatsService::remove(std::string_view name) { service_->remove(name); }

CLIFFRACER_DECL void NatsService::set_interval(std::string_view name, detail::OptionDuration interval) {
  service_->set_interval(name, interval);
}

CLIFFRACER_DECL std::optional<std::chrono::steady_clock::time_point> NatsService::next_due(
    std::string_view name) const {
  return service_->next_due(name);
}

CLIFFRACER_DECL std::vector<std::chrono::system_clock::time_point> NatsService::next_runs(
    std::string_view name, std::size_t count) const {
  return service_->next_runs(name, count);
}

CLIFFRACER_DECL void NatsService::set_observer(std::shared_ptr<TimerObserver> observer) {
  service_->set_observer(std::move(observer));
}

CLIFFRACER_DECL const ServiceConfig& NatsService::config() const noexcept { return service_->config(); }

CLIFFRACER_DECL asio::any_io_executor NatsService::get_executor() const { return service_->get_executor(); }

CLIFFRACER_DECL asio::awaitable<void> NatsService::on_start() { co_return; }

CLIFFRACER_DECL asio::awaitable<void> NatsService::on_stop() { co_return; }

CLIFFRACER_DECL void NatsService::add_timer(detail::TimerRegistration registration) {
  service_->add_timer(std::move(registration));
}

CLIFFRACER_DECL void NatsService::add_handler(detail::HandlerRegistration registration) {
  service_->add_handler(std::move(registration));
}

}  // namespace cliffracer
