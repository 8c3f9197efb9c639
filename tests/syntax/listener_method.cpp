#include <cliffracer/listener.hpp>

#include <string>
#include <string_view>

using cliffracer::listener;

struct Alert {
  int level = 0;
};
inline void from_json(const nlohmann::json& json, Alert& alert) { alert.level = json.at("level").get<int>(); }

struct MyService {
  void right(std::string_view subject, const Alert& alert) const noexcept;
  asio::awaitable<void> right_coroutine(nlohmann::json data);

  void nothing();
  void subject_only(std::string_view);
  void subject_last(nlohmann::json, std::string_view);
  void subject_as_number(int, nlohmann::json);
  void three(std::string_view, nlohmann::json, int);
  void changes(std::string_view, nlohmann::json&);
  int result(nlohmann::json);
  asio::awaitable<int> coroutine_result(nlohmann::json);
  static void no_member(nlohmann::json);
};

// The control.
listener<&MyService::right> plain{.subject = "system.alerts.*"};
listener<&MyService::right_coroutine> coroutine{
    .subject = std::string{"a.>"}, .queue_group = "g", .name = "n"};

#ifdef CASE_subject_is_missing
// error: a listener needs .subject: listener<&Service::method>{.subject = "orders.*"}
listener<&MyService::right> no_subject{};
#endif

#ifdef CASE_no_argument
// error: a listener method takes the message, or (std::string_view subject, message)
listener<&MyService::nothing> nothing{.subject = "a"};
#endif

#ifdef CASE_subject_only
// error: a listener method takes the message, or (std::string_view subject, message)
listener<&MyService::subject_only> only{.subject = "a"};
#endif

#ifdef CASE_subject_last
// error: a listener method takes the message, or (std::string_view subject, message)
listener<&MyService::subject_last> last{.subject = "a"};
#endif

#ifdef CASE_subject_as_number
// error: a listener method takes the message, or (std::string_view subject, message)
listener<&MyService::subject_as_number> number{.subject = "a"};
#endif

#ifdef CASE_three_arguments
// error: a listener method takes the message, or (std::string_view subject, message)
listener<&MyService::three> three{.subject = "a"};
#endif

#ifdef CASE_message_by_reference
// error: by value or const&
listener<&MyService::changes> changes{.subject = "a"};
#endif

#ifdef CASE_result
// error: a listener method returns void (plain, runs on a worker thread) or asio::awaitable<void> (coroutine)
listener<&MyService::result> result{.subject = "a"};
#endif

#ifdef CASE_coroutine_result
// error: a listener method returns void (plain, runs on a worker thread) or asio::awaitable<void> (coroutine)
listener<&MyService::coroutine_result> result{.subject = "a"};
#endif

#ifdef CASE_static_function
// error: listener<...> takes a pointer to a member function: listener<&Service::method>
listener<&MyService::no_member> function{.subject = "a"};
#endif
