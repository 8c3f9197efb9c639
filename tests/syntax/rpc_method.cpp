#include <cliffracer/rpc.hpp>

#include <string>
#include <string_view>

using cliffracer::rpc;

struct Query {
  int limit = 0;
};
inline void from_json(const nlohmann::json& json, Query& query) { query.limit = json.at("limit").get<int>(); }

struct Opaque {};

struct MyService {
  nlohmann::json right(const Query& query) const noexcept;
  asio::awaitable<void> right_coroutine();

  void two_arguments(int, int);
  void number(int);
  void text(std::string);
  void opaque(Opaque);
  void changes(nlohmann::json&);
  void takes(Query&&);
  Opaque opaque_result();
  asio::awaitable<Opaque> opaque_coroutine();
  static void no_member();
  int data;
};

// The control.
rpc<&MyService::right> plain{};
rpc<&MyService::right_coroutine> coroutine{.name = "other", .run_on = cliffracer::RunOn::event_loop};

#ifdef CASE_two_arguments
rpc<&MyService::two_arguments>
    two{};  // error: an rpc method takes no argument, or the request's arguments as one nlohmann::json
#endif

#ifdef CASE_number
rpc<&MyService::number>
    number{};  // error: an rpc method takes no argument, or the request's arguments as one nlohmann::json
#endif

#ifdef CASE_text
rpc<&MyService::text>
    text{};  // error: an rpc method takes no argument, or the request's arguments as one nlohmann::json
#endif

#ifdef CASE_argument_without_from_json
rpc<&MyService::opaque>
    opaque{};  // error: an rpc method takes no argument, or the request's arguments as one nlohmann::json
#endif

#ifdef CASE_argument_by_reference
rpc<&MyService::changes> changes{};  // error: by value or const&
#endif

#ifdef CASE_argument_by_rvalue_reference
rpc<&MyService::takes> takes{};  // error: by value or const&
#endif

#ifdef CASE_result_without_to_json
rpc<&MyService::opaque_result>
    result{};  // error: an rpc method returns void, nlohmann::json or a type with to_json
#endif

#ifdef CASE_coroutine_result_without_to_json
rpc<&MyService::opaque_coroutine> result{};  // error: or asio::awaitable of one of these
#endif

#ifdef CASE_static_function
rpc<&MyService::no_member>
    function{};  // error: rpc<...> takes a pointer to a member function: rpc<&Service::method>
#endif

#ifdef CASE_data_member
rpc<&MyService::data> data{};  // error: rpc<...> takes a pointer to a member function: rpc<&Service::method>
#endif

#ifdef CASE_unknown_option
rpc<&MyService::right> unknown{.nam = "x"};  // error: 'nam'
#endif
