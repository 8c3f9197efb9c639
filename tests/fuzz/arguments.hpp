#pragma once

#include <nlohmann/json.hpp>

#include <concepts>
#include <cstdint>
#include <limits>
#include <map>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace fuzz {

/// A number from outside is looked at before it is converted.
template <std::integral Number>
void read(const nlohmann::json& json, Number& number) {
  if (!json.is_number_integer()) throw std::invalid_argument{"a whole number is needed"};
  const bool fits = json.is_number_unsigned() ? std::in_range<Number>(json.get<std::uint64_t>())
                                              : std::in_range<Number>(json.get<std::int64_t>());
  if (!fits) throw std::invalid_argument{"a number is out of range"};
  number = json.get<Number>();
}
inline void read(const nlohmann::json& json, bool& flag) { json.get_to(flag); }
inline void read(const nlohmann::json& json, double& number) { json.get_to(number); }
inline void read(const nlohmann::json& json, std::string& text) { json.get_to(text); }

template <class Element>
void read(const nlohmann::json& json, std::vector<Element>& list) {
  if (!json.is_array()) throw std::invalid_argument{"a list is needed"};
  list.clear();
  for (const nlohmann::json& element : json) read(element, list.emplace_back());
}

template <class Value>
void read(const nlohmann::json& json, std::optional<Value>& value) {
  if (!json.is_null()) read(json, value.emplace());
}

/// Arguments of every kind. What a call leaves out keeps its default.
struct Arguments {
  std::int8_t tiny = 1;
  std::int16_t small = 2;
  std::int32_t middle = 3;
  std::int64_t big = 4;
  std::uint8_t tiny_unsigned = 5;
  std::uint16_t small_unsigned = 6;
  std::uint32_t middle_unsigned = 7;
  std::uint64_t big_unsigned = 8;
  double ratio = 0.5;
  bool flag = true;
  std::string text = "default";
  std::vector<std::int32_t> list{1, 2};
  std::vector<std::vector<std::string>> table{};
  std::optional<std::uint16_t> optional{};

  /// Calls `visit` with the name and the place of each.
  template <class Self, class Visitor>
  static void for_each(Self& self, const Visitor& visit) {
    visit("tiny", self.tiny);
    visit("small", self.small);
    visit("middle", self.middle);
    visit("big", self.big);
    visit("tiny_unsigned", self.tiny_unsigned);
    visit("small_unsigned", self.small_unsigned);
    visit("middle_unsigned", self.middle_unsigned);
    visit("big_unsigned", self.big_unsigned);
    visit("ratio", self.ratio);
    visit("flag", self.flag);
    visit("text", self.text);
    visit("list", self.list);
    visit("table", self.table);
    visit("optional", self.optional);
  }
};

inline void from_json(const nlohmann::json& json, Arguments& arguments) {
  Arguments::for_each(arguments, [&](const char* name, auto& value) {
    if (const auto found = json.find(name); found != json.end()) read(*found, value);
  });
}

inline void to_json(nlohmann::json& json, const Arguments& arguments) {
  json = nlohmann::json::object();
  const auto write = [&json]<class Value>(const char* name, const Value& value) {
    if constexpr (std::same_as<Value, std::optional<std::uint16_t>>) {
      json[name] = nullptr;
      if (value) json[name] = *value;
    } else {
      json[name] = value;
    }
  };
  Arguments::for_each(arguments, write);
}

/// What the library's JSON makes of a class without any code of the user's. Whole numbers of less than 64
/// bits are not among it: it would cut them off.
struct Place {
  std::string name;
  double width = 0;
  bool open = false;
  std::map<std::string, std::vector<double>> measurements;
};
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(Place, name, width, open, measurements)

}  // namespace fuzz
