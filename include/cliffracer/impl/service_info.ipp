#pragma once

#include <cliffracer/build_mode.hpp>
#include <cliffracer/detail/text/json_fields.hpp>
#include <cliffracer/service_info.hpp>

#include <nlohmann/json.hpp>

namespace cliffracer {

CLIFFRACER_DECL void to_json(nlohmann::json& json, const BrokerInfo& info) {
  detail::write_json_fields(json, info);
}

CLIFFRACER_DECL void to_json(nlohmann::json& json, const EndpointInfo& info) {
  detail::write_json_fields(json, info);
}

CLIFFRACER_DECL void to_json(nlohmann::json& json, const ServiceInfo& info) {
  detail::write_json_fields(json, info);
}

}  // namespace cliffracer
