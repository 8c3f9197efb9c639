#pragma once

#include <cliffracer/detail/registration/cron_days.hpp>
#include <cliffracer/detail/registration/cron_fields.hpp>
#include <cliffracer/detail/registration/cron_reader.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace cliffracer::detail {

/// Makes sets of a cron expression, by recursive descent.
class CronParser {
 public:
  /// `seed`: what H is chosen by; none: H stays open.
  constexpr explicit CronParser(std::string_view text, std::optional<std::uint64_t> seed = std::nullopt)
      : reader_{text}, seed_{seed} {}

  /// Throws std::invalid_argument. With a seed the result may be one that never comes.
  [[nodiscard]] constexpr CronFields parse() {
    reader_.skip_blanks();
    if (reader_.peek() == '@') {
      read_nickname();
      return fields_;
    }
    const unsigned count = reader_.count_fields();
    if (count < 5)
      reader_.fail("a cron expression has five fields, or six with seconds first: this has fewer");
    if (count > 6)
      reader_.fail("a cron expression has five fields, or six with seconds first: this has more");
    std::size_t day_begin = 0;
    if (count == 6) fields_.seconds = 0;
    for (unsigned n = 6 - count; n < 6; ++n) {
      reader_.begin_field(static_cast<CronField>(n));
      if (reader_.field() == CronField::day_of_month) day_begin = reader_.place();
      read_field();
      reader_.skip_blanks();
    }
    if (!seed_ && !comes_ever(fields_)) {
      reader_.begin_field(CronField::day_of_month);
      reader_.fail_at(day_begin, "there is no such day in any year");
    }
    return fields_;
  }

 private:
  constexpr void read_nickname() {
    const std::string_view name = reader_.word();
    fields_.minutes = 1;
    fields_.hours = 1;
    fields_.months = static_cast<std::uint16_t>(bits_between(1, 12));
    fields_.is_any_day = fields_.is_any_weekday = true;
    if (name == "@hourly") {
      fields_.hours = static_cast<std::uint32_t>(bits_between(0, 23));
      fields_.follows_real_time = true;
    } else if (name == "@weekly") {
      fields_.weekdays = 1;
      fields_.is_any_weekday = false;
    } else if (name == "@monthly" || name == "@yearly" || name == "@annually") {
      fields_.days = 1U << 1U;
      fields_.is_any_day = false;
      if (name != "@monthly") fields_.months = 1U << 1U;
    } else if (name == "@reboot") {
      reader_.fail("@reboot is not a point of time");
    } else if (name != "@daily" && name != "@midnight") {
      reader_.fail("names are @yearly, @annually, @monthly, @weekly, @daily, @midnight and @hourly");
    }
    reader_.skip(name.size());
    reader_.skip_blanks();
    if (!reader_.is_at_end()) reader_.fail("nothing follows a name such as @daily");
  }

  constexpr void read_field() {
    const CronField field = reader_.field();
    if (reader_.peek() == '+') {
      if (field != CronField::day_of_week) reader_.fail("only the day of week begins with +");
      reader_.skip(1);
      fields_.needs_both_days = true;
    }
    if (const std::string_view whole = reader_.word(); whole == "*" || whole == "?") {
      if (field == CronField::day_of_month) fields_.is_any_day = true;
      if (field == CronField::day_of_week) fields_.is_any_weekday = true;
    }
    bool is_first = true;
    stands_alone_ = false;
    do {
      read_item();
      if (stands_alone_ && (!is_first || reader_.peek() == ','))
        reader_.fail("W and ? stand alone in a field");
      is_first = false;
    } while (reader_.take(','));
    if (!reader_.is_field_end()) reader_.fail("this means nothing here");
  }

  constexpr void read_item() {
    switch (reader_.peek()) {
      case '*':
        reader_.skip(1);
        mark_real_time();
        return add(reader_.limits().first, reader_.limits().last, reader_.read_step());
      case '?':
        return read_question_mark();
      case 'H':
        return read_hash();
      case 'L':
        return read_last_day();
      default:
        return read_values();
    }
  }

  constexpr void read_question_mark() {
    if (reader_.field() != CronField::day_of_month && reader_.field() != CronField::day_of_week)
      reader_.fail("only the day of month and the day of week can be ?");
    reader_.skip(1);
    stands_alone_ = true;
    add(reader_.limits().first, reader_.limits().last, 1);
  }

  /// H, H/15, H(0-29), H(0-29)/10
  constexpr void read_hash() {
    reader_.skip(1);
    auto [first, last] = reader_.limits();
    // What each month has, and no day twice.
    if (reader_.field() == CronField::day_of_month) last = 28;
    if (reader_.field() == CronField::day_of_week) last = 6;
    const bool has_range = reader_.take('(');
    if (has_range) {
      const std::size_t begin = reader_.place();
      first = reader_.read_value();
      if (!reader_.take('-')) reader_.fail("H takes a range: H(0-29)");
      last = reader_.read_value();
      if (first > last) reader_.fail_at(begin, "a range goes up: instead of 22-2 write 22-23,0-2");
      if (!reader_.take(')')) reader_.fail("the bracket of H(0-29) is not closed");
    }
    const bool has_step = reader_.peek() == '/';
    const unsigned step = reader_.read_step();
    const unsigned count = last - first + 1;
    if (has_step && !has_range) mark_real_time();
    if (!seed_) {
      fields_.has_open_hash = true;
      add(first, last, 1);
    } else if (has_step) {
      add(first + draw_below(std::min(step, count)), last, step);
    } else {
      const unsigned chosen = first + draw_below(count);
      add(chosen, chosen, 1);
    }
  }

  /// L, L-3, LW
  constexpr void read_last_day() {
    if (reader_.field() == CronField::day_of_week)
      reader_.fail("L in the day of week follows a day: 5L or FRI#L");
    if (reader_.field() != CronField::day_of_month)
      reader_.fail("L is for the day of month and the day of week");
    reader_.skip(1);
    if (reader_.take('W')) {
      fields_.nearest_to = CronFields::last_day;
      stands_alone_ = true;
      return;
    }
    unsigned back = 0;
    if (reader_.take('-')) {
      const std::size_t begin = reader_.place();
      back = reader_.read_number();
      if (back < 1 || back > 30) reader_.fail_at(begin, "L-n is 1 to 30 days before the month's last");
    }
    fields_.days_from_end |= std::uint32_t{1} << back;
  }

  /// 5, 1-5, 1-5/2, 15W, 5L, 5#2, 5#L
  constexpr void read_values() {
    const std::size_t begin = reader_.place();
    const unsigned first = reader_.read_value();
    if (reader_.take('-')) {
      const bool is_name = !CronReader::is_digit(reader_.peek());
      unsigned last = reader_.read_value();
      // FRI-SUN ends with the Sunday after Friday, SUN-TUE begins with one.
      if (reader_.field() == CronField::day_of_week && is_name && last == 0 && first > 0) last = 7;
      if (first > last) reader_.fail_at(begin, "a range goes up: instead of 22-2 write 22-23,0-2");
      return add(first, last, reader_.read_step());
    }
    if (reader_.peek() == '/') reader_.fail("a step follows * or a range: 5-59/15");
    if (reader_.field() == CronField::day_of_month && reader_.take('W')) {
      fields_.nearest_to = static_cast<std::uint8_t>(first);
      stands_alone_ = true;
    } else if (reader_.field() == CronField::day_of_week) {
      read_weekday(static_cast<std::uint8_t>(1U << first % 7));
    } else {
      add(first, first, 1);
    }
  }

  constexpr void read_weekday(std::uint8_t weekday) {
    // FRI, FRI#2, and FRI#L or FRIL.
    const bool is_nth = reader_.take('#');
    if (reader_.take('L')) {
      fields_.last_weekdays |= weekday;
    } else if (!is_nth) {
      fields_.weekdays |= weekday;
    } else {
      const std::size_t begin = reader_.place();
      const unsigned nth = reader_.read_number();
      if (nth < 1 || nth > 5)
        reader_.fail_at(begin, "# is followed by 1 to 5, or L for the last: FRI#2, FRI#L");
      fields_.nth_weekdays[nth - 1] |= weekday;
    }
  }

  constexpr void add(unsigned first, unsigned last, unsigned step) noexcept {
    std::uint64_t set = 0;
    for (unsigned value = first; value <= last; value += step) set |= std::uint64_t{1} << value;
    switch (reader_.field()) {
      case CronField::second:
        fields_.seconds |= set;
        break;
      case CronField::minute:
        fields_.minutes |= set;
        break;
      case CronField::hour:
        fields_.hours |= static_cast<std::uint32_t>(set);
        break;
      case CronField::day_of_month:
        fields_.days |= static_cast<std::uint32_t>(set);
        break;
      case CronField::month:
        fields_.months |= static_cast<std::uint16_t>(set);
        break;
      default:
        // Sunday is 0 and 7.
        fields_.weekdays |= static_cast<std::uint8_t>((set | set >> 7U) & bits_between(0, 6));
    }
  }

  /// 0 to end - 1. Another number for each H: a linear congruential generator (Knuth's MMIX), by its high
  /// bits.
  constexpr unsigned draw_below(unsigned end) noexcept {
    *seed_ = *seed_ * 6364136223846793005U + 1442695040888963407U;
    return static_cast<unsigned>((*seed_ >> 33U) % end);
  }

  constexpr void mark_real_time() noexcept {
    if (reader_.field() == CronField::minute || reader_.field() == CronField::hour)
      fields_.follows_real_time = true;
  }

  CronReader reader_;
  std::optional<std::uint64_t> seed_;
  CronFields fields_{};
  bool stands_alone_ = false;
};

}  // namespace cliffracer::detail
