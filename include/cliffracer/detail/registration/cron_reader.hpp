#pragma once

#include <cliffracer/detail/registration/cron_fields.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <string_view>

namespace cliffracer::detail {

/// Throws std::invalid_argument. A constant expression may not call it: so a literal that is refused does not
/// compile, and the compiler shows this call. `column` counts from 1.
[[noreturn]] void throw_bad_cron_expression(std::string_view text, std::size_t column, CronField field,
                                            std::string_view rule);

/// A template, because g++ names its arguments but does not show values.
template <CronField Field>
constexpr void refuse_cron_field(std::string_view text, std::size_t column, std::string_view rule) {
  throw_bad_cron_expression(text, column, Field, rule);
}

/// The text of a cron expression, and the place in it: characters, numbers, names, and refusals. Each rule is
/// a literal where it is checked, for g++ shows literals when it says why a constant expression is none.
class CronReader {
 public:
  static constexpr unsigned none = 99;

  struct Limits {
    unsigned first;
    unsigned last;
  };

  constexpr explicit CronReader(std::string_view text) noexcept : text_{text} {}

  constexpr void begin_field(CronField field) noexcept { field_ = field; }
  [[nodiscard]] constexpr CronField field() const noexcept { return field_; }
  [[nodiscard]] constexpr std::size_t place() const noexcept { return at_; }

  /// The least and the greatest value of the field.
  [[nodiscard]] constexpr Limits limits() const noexcept {
    constexpr std::array<Limits, 6> all{{{0, 59}, {0, 59}, {0, 23}, {1, 31}, {1, 12}, {0, 7}}};
    return all[static_cast<std::size_t>(field_)];
  }
  /// How many there are.
  [[nodiscard]] constexpr unsigned values_of_field() const noexcept {
    return field_ == CronField::day_of_week ? 7 : limits().last - limits().first + 1;
  }

  // ---- Characters

  [[nodiscard]] static constexpr bool is_blank(char c) noexcept { return c == ' ' || c == '\t'; }
  [[nodiscard]] static constexpr bool is_digit(char c) noexcept { return c >= '0' && c <= '9'; }
  [[nodiscard]] static constexpr bool is_letter(char c) noexcept {
    return upper(c) >= 'A' && upper(c) <= 'Z';
  }
  [[nodiscard]] static constexpr char upper(char c) noexcept {
    return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
  }

  /// A blank behind the last character.
  [[nodiscard]] constexpr char peek() const noexcept { return at_ < text_.size() ? text_[at_] : ' '; }
  [[nodiscard]] constexpr bool is_field_end() const noexcept { return is_blank(peek()); }
  constexpr bool take(char c) noexcept {
    if (peek() != c) return false;
    ++at_;
    return true;
  }
  constexpr void skip(std::size_t count) noexcept { at_ += count; }
  [[nodiscard]] constexpr bool is_at_end() const noexcept { return at_ == text_.size(); }
  constexpr void skip_blanks() noexcept {
    while (at_ < text_.size() && is_blank(text_[at_])) ++at_;
  }
  /// What is left of this field.
  [[nodiscard]] constexpr std::string_view word() const noexcept {
    const std::string_view rest = text_.substr(at_);
    return rest.substr(0, rest.find_first_of(" \t"));
  }
  [[nodiscard]] constexpr unsigned count_fields() const noexcept {
    unsigned count = 0;
    for (std::size_t n = at_; n < text_.size(); ++n)
      if (!is_blank(text_[n]) && (n == at_ || is_blank(text_[n - 1]))) ++count;
    return count;
  }

  // ---- Numbers and names

  /// 1 when there is none.
  constexpr unsigned read_step() {
    if (!take('/')) return 1;
    const std::size_t begin = at_;
    const unsigned step = read_number();
    if (step == 0) fail_at(begin, "a step is not 0");
    if (step > values_of_field())
      fail_at(begin,
              "a step is at most the number of values of its field, because it begins again with each");
    return step;
  }

  constexpr unsigned read_value() {
    const std::size_t begin = at_;
    unsigned value = 0;
    if (is_digit(peek())) {
      value = read_number();
    } else if (field_ == CronField::month && is_letter(peek())) {
      value = find_name("JANFEBMARAPRMAYJUNJULAUGSEPOCTNOVDEC") + 1;
      if (value == none + 1) fail("months are JAN, FEB, MAR, APR, MAY, JUN, JUL, AUG, SEP, OCT, NOV and DEC");
      at_ += 3;
    } else if (field_ == CronField::day_of_week && is_letter(peek())) {
      value = find_name("SUNMONTUEWEDTHUFRISAT");
      if (value == none) fail("days of the week are SUN, MON, TUE, WED, THU, FRI and SAT");
      at_ += 3;
    } else if (is_field_end()) {
      fail("a value is missing");
    } else {
      fail("a value is expected here");
    }
    if (value < limits().first || value > limits().last) fail_out_of_range(begin);
    return value;
  }

  constexpr unsigned read_number() {
    const std::size_t begin = at_;
    unsigned value = 0;
    // More digits than that are out of range anywhere.
    for (; is_digit(peek()); ++at_) value = std::min(10 * value + static_cast<unsigned>(peek() - '0'), 999U);
    if (at_ == begin) fail("a number is expected here");
    return value;
  }

  /// The place of the name in a list of names of three letters, upper case or lower case; `none` for another.
  [[nodiscard]] constexpr unsigned find_name(std::string_view names) const noexcept {
    for (unsigned n = 0; 3 * n < names.size(); ++n) {
      bool is_equal = text_.size() - at_ >= 3;
      for (std::size_t k = 0; is_equal && k < 3; ++k) is_equal = upper(text_[at_ + k]) == names[3 * n + k];
      if (is_equal) return n;
    }
    return none;
  }

  // ---- Refusals

  constexpr void fail_out_of_range(std::size_t at) {
    switch (field_) {
      case CronField::second:
        return fail_at(at, "a second is 0 to 59");
      case CronField::minute:
        return fail_at(at, "a minute is 0 to 59");
      case CronField::hour:
        return fail_at(at, "an hour is 0 to 23");
      case CronField::day_of_month:
        return fail_at(at, "a day of month is 1 to 31");
      case CronField::month:
        return fail_at(at, "a month is 1 to 12, or JAN to DEC");
      default:
        return fail_at(at, "a day of week is 0 to 7, or SUN to SAT; 0 and 7 are Sunday");
    }
  }
  /// Says that `rule` is broken at that place, or where the reader is.
  constexpr void fail_at(std::size_t at, std::string_view rule) {
    at_ = at;
    fail(rule);
  }
  constexpr void fail(std::string_view rule) const {
    switch (field_) {
      case CronField::second:
        return refuse_cron_field<CronField::second>(text_, at_ + 1, rule);
      case CronField::minute:
        return refuse_cron_field<CronField::minute>(text_, at_ + 1, rule);
      case CronField::hour:
        return refuse_cron_field<CronField::hour>(text_, at_ + 1, rule);
      case CronField::day_of_month:
        return refuse_cron_field<CronField::day_of_month>(text_, at_ + 1, rule);
      case CronField::month:
        return refuse_cron_field<CronField::month>(text_, at_ + 1, rule);
      case CronField::day_of_week:
        return refuse_cron_field<CronField::day_of_week>(text_, at_ + 1, rule);
      case CronField::whole:
        return refuse_cron_field<CronField::whole>(text_, at_ + 1, rule);
    }
  }

 private:
  std::string_view text_;
  std::size_t at_ = 0;
  CronField field_ = CronField::whole;
};

}  // namespace cliffracer::detail
