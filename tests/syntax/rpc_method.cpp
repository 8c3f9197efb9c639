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
// error: an rpc method takes no argument, or the request's arguments as one nlohmann::json
rpc<&MyService::two_arguments> two{};
#endif

#ifdef CASE_number
// error: an rpc method takes no argument, or the request's arguments as one nlohmann::json
rpc<&MyService::number> number{};
#endif

#ifdef CASE_text
// error: an rpc method takes no argument, or the request's arguments as one nlohmann::json
rpc<&MyService::text> text{};
#endif

#ifdef CASE_argument_without_from_json
// error: an rpc method takes no argument, or the request's arguments as one nlohmann::json
rpc<&MyService::opaque> opaque{};
#endif

#ifdef CASE_argument_by_reference
// error: by value or const&
rpc<&MyService::changes> changes{};
#endif

#ifdef CASE_argument_by_rvalue_reference
// error: by value or const&
rpc<&MyService::takes> takes{};
#endif

#ifdef CASE_result_without_to_json
// error: an rpc method returns void, nlohmann::json or a type with to_json
rpc<&MyService::opaque_result> result{};
#endif

#ifdef CASE_coroutine_result_without_to_json
// error: or asio::awaitable of one of these
rpc<&MyService::opaque_coroutine> result{};
#endif

#ifdef CASE_static_function
// error: rpc<...> takes a pointer to a member function: rpc<&Service::method>
rpc<&MyService::no_member> function{};
#endif

#ifdef CASE_data_member
// error: rpc<...> takes a pointer to a member function: rpc<&Service::method>
rpc<&MyService::data> data{};
#endif

#ifdef CASE_unknown_option
// error: 'nam'
rpc<&MyService::right> unknown{.nam = "x"};
#endif
