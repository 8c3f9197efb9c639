#pragma once

#include <string_view>

namespace cliffracer::detail {

template <auto Method>
consteval std::string_view pretty_method() {
  return __PRETTY_FUNCTION__;
}

/// `health_check` out of `... [with auto Method = &ns::Service::health_check; ...]`: what follows the last
/// `::` that is not inside template arguments or a parameter list.
consteval std::string_view method_name_in(std::string_view text) {
  text.remove_prefix(text.find("Method = ") + 9);
  std::size_t begin = 0;
  int depth = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '<' || c == '(' || c == '{') ++depth;
    if (c == '>' || c == ')' || c == '}') --depth;
    if (depth < 0) return text.substr(begin, i - begin);
    if (depth > 0) continue;
    if (c == ';' || c == ']') return text.substr(begin, i - begin);
    if (c == ':' || c == '&') begin = i + 1;
  }
  return text.substr(begin);
}

/// The name of a member function that is a template argument: `method_name<&Service::health_check>()` is
/// "health_check".
template <auto Method>
consteval std::string_view method_name() {
  return method_name_in(pretty_method<Method>());
}

}  // namespace cliffracer::detail
