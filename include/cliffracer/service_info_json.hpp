#pragma once

#include <cliffracer/service_info.hpp>
#include <cliffracer/timer_stats_json.hpp>

#include <nlohmann/json.hpp>

namespace cliffracer {

inline void to_json(nlohmann::json& json, const BrokerInfo& info) {
  json = nlohmann::json::object();
  json["state"] = info.state;
  json["url"] = info.url;
  json["last_error"] = info.last_error;
  json["reconnects"] = info.reconnects;
  json["published"] = info.published;
  json["unconfirmed"] = info.unconfirmed;
  json["publish_errors"] = info.publish_errors;
  json["received"] = info.received;
  json["dropped"] = info.dropped;
  json["outbox_messages"] = info.outbox_messages;
  json["outbox_bytes"] = info.outbox_bytes;
}

inline void to_json(nlohmann::json& json, const EndpointInfo& info) {
  json = nlohmann::json::object();
  json["name"] = info.name;
  json["subject"] = info.subject;
  json["queue_group"] = info.queue_group;
  json["num_requests"] = info.num_requests;
  json["num_errors"] = info.num_errors;
  json["last_error"] = info.last_error;
  json["processing_time"] = detail::in_seconds(info.processing_time);
  json["average_processing_time"] = detail::in_seconds(info.average_processing_time);
}

inline void to_json(nlohmann::json& json, const ServiceInfo& info) {
  json = nlohmann::json::object();
  json["name"] = info.name;
  json["version"] = info.version;
  json["description"] = info.description;
  json["is_running"] = info.is_running;
  json["methods"] = info.methods;
  json["subjects"] = info.subjects;
  json["timers"] = info.timers;
  json["broker"] = info.broker;
  json["id"] = info.id;
  json["started"] = nullptr;
  if (info.started) json["started"] = detail::in_seconds(info.started->time_since_epoch());
  json["endpoints"] = info.endpoints;
}

}  // namespace cliffracer
