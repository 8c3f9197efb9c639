#pragma once

#include <cliffracer/nats_service.hpp>

#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>

// How NatsService takes its registrations.

namespace cliffracer {

template <class Owner>
Owner& NatsService::owner_of(std::string_view registration) {
  const auto refuse = [&](std::string_view rule) {
    throw std::invalid_argument{"service " + config_.name + ": " + std::string{registration} + ": " +
                                std::string{rule}};
  };
  if (was_started_) refuse("add() must come before the first start");
  // Checked at run time, because the class that is under construction is known only there. Finds bases of the
  // service that are no NatsService, too.
  auto* owner = dynamic_cast<Owner*>(this);
  if (!owner) refuse("the method belongs to a class that is neither this service nor a public base of it");
  return *owner;
}

template <auto Method, class Type>
void NatsService::add_one(const timer<Method, Type>& registration) {
  const std::string name =
      registration.name.empty() ? std::string{timer<Method, Type>::method_name()} : registration.name;
  auto& owner = owner_of<typename timer<Method, Type>::service_type>("timer " + name);
  timers_.add(config_.name, registration, owner,
              {.tolerance = config_.default_tolerance,
               .jitter_seed = config_.jitter_seed != 0 ? config_.jitter_seed : environment_.jitter_seed(),
               .keep = config_.cluster.keep});
}

template <auto Method, class Type>
void NatsService::add_one(const rpc<Method, Type>& registration) {
  dispatcher_.add(detail::make_handler(
      registration, owner_of<typename rpc<Method, Type>::service_type>("rpc " + registration.name)));
}

template <auto Method, class Type>
void NatsService::add_one(const listener<Method, Type>& registration) {
  dispatcher_.add(detail::make_handler(registration, owner_of<typename listener<Method, Type>::service_type>(
                                                         "listener " + registration.name)));
}

}  // namespace cliffracer
