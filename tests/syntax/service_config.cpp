#include <cliffracer/service_config.hpp>

// The control: durations are written with their unit.
void with_units(cliffracer::ServiceConfig& config) { config.request_timeout = std::chrono::seconds{3}; }

#ifdef CASE_number_without_unit
// error: duration<long
void without_unit(cliffracer::ServiceConfig& config) { config.request_timeout = 3; }
#endif

#ifdef CASE_unknown_option
// error: no member named 'request_time'
void unknown_option(cliffracer::ServiceConfig& config) { config.request_time = std::chrono::seconds{3}; }
#endif
