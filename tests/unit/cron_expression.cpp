#include "support/calendar.hpp"
#include "support/catch.hpp"

#include <cliffracer/cron_expression.hpp>

#include <array>
#include <chrono>
#include <cstdint>
#include <set>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <vector>

using namespace std::chrono_literals;
using cliffracer::CronExpression;
using support::instant;
using support::points;
using support::shown;

namespace {

using Points = std::vector<std::string>;

std::string refusal(const std::string& text) {
  try {
    static_cast<void>(CronExpression::parse(text));
    return "taken";
  } catch (const std::invalid_argument& error) {
    return error.what();
  }
}

/// What is behind the quoted text.
std::string rule_of(const std::string& text) {
  const std::string said = refusal(text);
  const std::string begin = "cron expression \"" + text + "\", column ";
  return said.starts_with(begin) ? said.substr(begin.size()) : said;
}

Points next(const std::string& text, const std::string& after, std::size_t count) {
  return points(CronExpression::parse(text), after, count);
}

}  // namespace

TEST_CASE("a literal is an expression when it is compiled") {
  constexpr CronExpression nightly = "30 2 * * MON-FRI";
  static_assert(nightly.text() == "30 2 * * MON-FRI");
  static_assert(!nightly.needs_spread());
  static_assert(std::is_trivially_copyable_v<CronExpression>);
  static_assert(sizeof(CronExpression) <= 144);
  CHECK(nightly == CronExpression::parse(" 30 2 * * MON-FRI\t"));
  CHECK_FALSE(nightly == CronExpression{"30 2 * * 1-5"});
}

TEST_CASE("a cron expression is one of an aggregate's options") {
  struct Options {
    CronExpression at;
    int other = 0;
  };
  const Options options{.at = "@daily"};
  CHECK(options.at.text() == "@daily");
}

TEST_CASE("fields") {
  CHECK(next("5 4 * * *", "2025-01-01 00:00", 2) == Points{"2025-01-01 04:05", "2025-01-02 04:05"});
  CHECK(next("10 5 4 * * *", "2025-01-01 00:00", 1) == Points{"2025-01-01 04:05:10"});
  CHECK(next("  5\t 4  * * * ", "2025-01-01 00:00", 1) == Points{"2025-01-01 04:05"});
  CHECK(next("*/20 9-10 * * *", "2025-01-01 09:30", 4) ==
        Points{"2025-01-01 09:40", "2025-01-01 10:00", "2025-01-01 10:20", "2025-01-01 10:40"});
  CHECK(next("5-59/15 0 * * *", "2025-01-01 00:00", 5) == Points{"2025-01-01 00:05", "2025-01-01 00:20",
                                                                 "2025-01-01 00:35", "2025-01-01 00:50",
                                                                 "2025-01-02 00:05"});
  CHECK(next("0 0 1,15 * *", "2025-01-01 00:00", 2) == Points{"2025-01-15 00:00", "2025-02-01 00:00"});
  CHECK(next("0 0 1 jan,Apr *", "2025-01-01 00:00", 2) == Points{"2025-04-01 00:00", "2026-01-01 00:00"});
  CHECK(next("0,30 22-23,0-1 * * *", "2025-01-01 23:00", 2) ==
        Points{"2025-01-01 23:30", "2025-01-02 00:00"});
  CHECK(next("59 59 23 31 12 *", "2025-01-01 00:00", 1) == Points{"2025-12-31 23:59:59"});
}

TEST_CASE("days of the week") {
  // 1 January 2025 is a Wednesday.
  const Points sundays{"2025-01-05 00:00", "2025-01-12 00:00"};
  for (const char* text :
       {"0 0 * * 0", "0 0 * * 7", "0 0 * * SUN", "0 0 * * sun", "0 0 ? * SUN-SUN", "@weekly"})
    CHECK(next(text, "2025-01-01 00:00", 2) == sundays);
  const Points weekend{"2025-01-03 00:00", "2025-01-04 00:00", "2025-01-05 00:00", "2025-01-10 00:00"};
  for (const char* text : {"0 0 * * FRI-SUN", "0 0 * * 5-7", "0 0 * * 5,6,0"})
    CHECK(next(text, "2025-01-01 00:00", 4) == weekend);
  CHECK(next("0 0 * * SUN-TUE", "2025-01-01 00:00", 4) ==
        Points{"2025-01-05 00:00", "2025-01-06 00:00", "2025-01-07 00:00", "2025-01-12 00:00"});
}

TEST_CASE("one of two days is enough, and with + both must fit") {
  CHECK(next("0 12 1 * MON", "2025-01-27 12:00", 3) ==
        Points{"2025-02-01 12:00", "2025-02-03 12:00", "2025-02-10 12:00"});
  CHECK(next("0 12 1 * +MON", "2025-01-01 00:00", 2) == Points{"2025-09-01 12:00", "2025-12-01 12:00"});
  CHECK(next("0 9 1-7 * +MON", "2025-01-01 00:00", 2) == Points{"2025-01-06 09:00", "2025-02-03 09:00"});
  // Only * itself leaves a day open.
  CHECK(next("0 0 */31 * SAT", "2025-01-01 00:00", 2) == Points{"2025-01-04 00:00", "2025-01-11 00:00"});
  CHECK(next("0 0 ? * SAT", "2025-01-01 00:00", 1) == Points{"2025-01-04 00:00"});
  CHECK(next("0 0 4 * ?", "2025-01-01 00:00", 2) == Points{"2025-01-04 00:00", "2025-02-04 00:00"});
}

TEST_CASE("days at the month's end") {
  CHECK(next("0 0 L * *", "2024-01-31 00:00", 3) ==
        Points{"2024-02-29 00:00", "2024-03-31 00:00", "2024-04-30 00:00"});
  CHECK(next("0 0 L-2,L * *", "2025-02-01 00:00", 3) ==
        Points{"2025-02-26 00:00", "2025-02-28 00:00", "2025-03-29 00:00"});
  CHECK(next("0 0 L-30 * *", "2025-01-02 00:00", 2) == Points{"2025-03-01 00:00", "2025-05-01 00:00"});
  // 31 May 2025 is a Saturday, 31 August a Sunday.
  CHECK(next("0 0 LW * *", "2025-05-01 00:00", 4) ==
        Points{"2025-05-30 00:00", "2025-06-30 00:00", "2025-07-31 00:00", "2025-08-29 00:00"});
  CHECK(next("0 0 31 * *", "2025-01-31 00:00", 3) ==
        Points{"2025-03-31 00:00", "2025-05-31 00:00", "2025-07-31 00:00"});
}

TEST_CASE("the working day that is nearest to a day") {
  // 15 February 2025 is a Saturday, 15 June a Sunday, 15 July a Tuesday.
  CHECK(next("0 0 15W 2 *", "2025-01-01 00:00", 1) == Points{"2025-02-14 00:00"});
  CHECK(next("0 0 15W 6,7 *", "2025-01-01 00:00", 2) == Points{"2025-06-16 00:00", "2025-07-15 00:00"});
  // It stays in its month: 1 February 2025 is a Saturday, 31 August a Sunday.
  CHECK(next("0 0 1W 2 *", "2025-01-01 00:00", 1) == Points{"2025-02-03 00:00"});
  CHECK(next("0 0 31W 8 *", "2025-01-01 00:00", 1) == Points{"2025-08-29 00:00"});
  // 30 February is not near to any day.
  CHECK(next("0 0 30W 1-3 *", "2025-01-31 00:00", 1) == Points{"2025-03-31 00:00"});
}

TEST_CASE("the nth weekday of a month") {
  CHECK(next("0 0 * * FRI#2", "2025-01-01 00:00", 2) == Points{"2025-01-10 00:00", "2025-02-14 00:00"});
  const Points last_fridays{"2025-01-31 00:00", "2025-02-28 00:00", "2025-03-28 00:00"};
  for (const char* text : {"0 0 * * 5L", "0 0 * * FRI#L", "0 0 * * FRIL", "0 0 ? * 5#L"})
    CHECK(next(text, "2025-01-01 00:00", 3) == last_fridays);
  // A month that has no fifth one is left out.
  CHECK(next("0 0 * * 6#5", "2025-01-01 00:00", 3) ==
        Points{"2025-03-29 00:00", "2025-05-31 00:00", "2025-08-30 00:00"});
  CHECK(next("0 0 * * 0#1,7#3,WED", "2025-01-02 00:00", 4) ==
        Points{"2025-01-05 00:00", "2025-01-08 00:00", "2025-01-15 00:00", "2025-01-19 00:00"});
}

TEST_CASE("names for whole expressions") {
  CHECK(next("@yearly", "2025-01-01 00:00", 1) == Points{"2026-01-01 00:00"});
  CHECK(next("@annually", "2025-01-01 00:00", 1) == Points{"2026-01-01 00:00"});
  CHECK(next("@monthly", "2025-01-01 00:00", 1) == Points{"2025-02-01 00:00"});
  CHECK(next("@daily", "2025-01-01 00:00", 1) == Points{"2025-01-02 00:00"});
  CHECK(next(" @midnight ", "2025-01-01 00:00", 1) == Points{"2025-01-02 00:00"});
  CHECK(next("@hourly", "2025-01-01 00:00", 2) == Points{"2025-01-01 01:00", "2025-01-01 02:00"});
}

TEST_CASE("leap years up to 2400") {
  CHECK(next("29 2 29 2 *", "2025-01-01 00:00", 2) == Points{"2028-02-29 02:29", "2032-02-29 02:29"});
  CHECK(next("0 0 29 2 *", "2096-03-01 00:00", 1) == Points{"2104-02-29 00:00"});
  CHECK(next("0 0 29 2 *", "2396-03-01 00:00", 2) == Points{"2400-02-29 00:00"});
  CHECK(next("0 0 29 2 +MON", "2072-03-01 00:00", 1) == Points{"2112-02-29 00:00"});
  CHECK(next("59 59 23 31 12 *", "2400-12-31 23:59:58", 2) == Points{"2400-12-31 23:59:59"});
  CHECK(next("* * * * *", "1000-01-01 00:00", 1) == Points{"1970-01-01 00:00"});
  CHECK(next("* * * * *", "2401-01-01 00:00", 1).empty());
}

TEST_CASE("the point before") {
  const auto before = [](const char* text, const char* time) {
    const auto found = CronExpression::parse(text).previous_before(instant(time));
    return found ? shown(*found) : "nothing";
  };
  CHECK(before("30 2 * * *", "2025-03-01 02:30") == "2025-02-28 02:30");
  CHECK(before("30 2 * * *", "2025-03-01 02:30:01") == "2025-03-01 02:30");
  CHECK(before("*/20 9-10 * * *", "2025-01-01 09:00") == "2024-12-31 10:40");
  CHECK(before("0 0 29 2 *", "2104-02-29 00:00") == "2096-02-29 00:00");
  CHECK(before("* * * * *", "1970-01-01 00:00:01") == "1970-01-01 00:00");
  CHECK(before("* * * * *", "1970-01-01 00:00") == "nothing");
  CHECK(before("0 0 1 1 *", "3000-01-01 00:00") == "2400-01-01 00:00");
}

TEST_CASE("parts of a second are before the next second and after the last") {
  constexpr CronExpression each_second = "* * * * * *";
  const std::chrono::system_clock::time_point noon = instant("2025-01-01 12:00");
  CHECK(each_second.next_after(noon + 1ns) == instant("2025-01-01 12:00:01"));
  CHECK(each_second.next_after(noon - 1ns) == instant("2025-01-01 12:00"));
  CHECK(each_second.previous_before(noon + 1ns) == instant("2025-01-01 12:00"));
  CHECK(each_second.previous_before(noon) == instant("2025-01-01 11:59:59"));
  CHECK(each_second.next_after(std::chrono::sys_seconds::min()) == instant("1970-01-01 00:00"));
  CHECK(each_second.previous_before(std::chrono::sys_seconds::max()) == instant("2400-12-31 23:59:59"));
}

TEST_CASE("H is decided by a seed") {
  constexpr CronExpression open = "H H(0-3) * * *";
  CHECK(open.needs_spread());
  CHECK_FALSE(open.next_after(instant("2025-01-01 00:00")));
  CHECK_FALSE(open.previous_before(instant("2025-01-01 00:00")));
  CHECK(open.spread(7) == open.spread(7));
  CHECK(open.spread(7).text() == open.text());
  CHECK_FALSE(open.spread(7).needs_spread());
  // Other machines must get the same.
  CHECK(points(open.spread(7), "2025-01-01 00:00", 1) == Points{"2025-01-01 03:25"});

  std::set<std::string> seen;
  for (std::uint64_t seed = 0; seed < 5000; ++seed)
    seen.insert(points(open.spread(seed), "2024-12-31 23:59", 1)[0]);
  CHECK(seen.size() == 240);
  CHECK(*seen.begin() == "2025-01-01 00:00");
  CHECK(*seen.rbegin() == "2025-01-01 03:59");

  constexpr CronExpression without = "5 4 * * *";
  CHECK(without.spread(7) == without);
}

TEST_CASE("H with a step begins anywhere below it") {
  std::set<Points> seen;
  for (std::uint64_t seed = 0; seed < 500; ++seed) {
    const auto found = points(CronExpression{"H/15 * * * *"}.spread(seed), "2024-12-31 23:59", 4);
    CHECK(instant(found[3]) - instant(found[0]) == 45min);
    seen.insert(found);
  }
  CHECK(seen.size() == 15);
  for (std::uint64_t seed = 0; seed < 100; ++seed) {
    const auto found = points(CronExpression{"H(10-29)/10 0 * * *"}.spread(seed), "2024-12-31 23:59", 3);
    CHECK(instant(found[0]) >= instant("2025-01-01 00:10"));
    CHECK(instant(found[1]) <= instant("2025-01-01 00:29"));
    CHECK(instant(found[2]) >= instant("2025-01-02 00:10"));
  }
}

TEST_CASE("H never decides for a day that does not exist") {
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    CHECK(points(CronExpression{"0 0 31 H *"}.spread(seed), "2025-01-01 00:00", 1).size() == 1);
    CHECK(points(CronExpression{"0 0 H(1-20) * +MON#3"}.spread(seed), "2025-01-01 00:00", 1).size() == 1);
    CHECK(points(CronExpression{"H,H,H,H,H,H,H,H,H,H,H,H 0 31 H(2-3) *"}.spread(seed), "2025-01-01 00:00",
                 1)[0] > "2025-03-31");
    CHECK(points(CronExpression{"H H H * *"}.spread(seed), "2025-02-01 00:00", 1)[0] < "2025-03-01");
  }
}

TEST_CASE("text that breaks a rule is refused with its place") {
  CHECK(refusal("61 * * * *") == "cron expression \"61 * * * *\", column 1, minute: a minute is 0 to 59");
  CHECK(rule_of("60 0 0 1 1 *") == "1, second: a second is 0 to 59");
  CHECK(rule_of("0 24 * * *") == "3, hour: an hour is 0 to 23");
  CHECK(rule_of("0 1-99999999999999999999 * * *") == "5, hour: an hour is 0 to 23");
  CHECK(rule_of("0 0 0 * *") == "5, day of month: a day of month is 1 to 31");
  CHECK(rule_of("0 0 32 * *") == "5, day of month: a day of month is 1 to 31");
  CHECK(rule_of("0 0 * 13 *") == "7, month: a month is 1 to 12, or JAN to DEC");
  CHECK(rule_of("0 0 * JAN-FOO *") ==
        "11, month: months are JAN, FEB, MAR, APR, MAY, JUN, JUL, AUG, SEP, OCT, NOV and DEC");
  CHECK(rule_of("0 0 * * 8") == "9, day of week: a day of week is 0 to 7, or SUN to SAT; 0 and 7 are Sunday");
  CHECK(rule_of("0 0 * * MO") == "9, day of week: days of the week are SUN, MON, TUE, WED, THU, FRI and SAT");
  CHECK(rule_of("0 0 * * MONDAY") == "12, day of week: this means nothing here");
}

TEST_CASE("the form of an expression is checked") {
  const std::string count = "a cron expression has five fields, or six with seconds first: this has ";
  CHECK(rule_of("") == "1: " + count + "fewer");
  CHECK(rule_of("* * * *") == "1: " + count + "fewer");
  CHECK(rule_of("0 0 0 1 1 * 2025") == "1: " + count + "more");
  CHECK(rule_of("0 0 * JAN* *") == "10, month: this means nothing here");
  CHECK(rule_of("5-1 * * * *") == "1, minute: a range goes up: instead of 22-2 write 22-23,0-2");
  CHECK(rule_of("0 0 * * SAT-MON") == "9, day of week: a range goes up: instead of 22-2 write 22-23,0-2");
  CHECK(rule_of("*/0 * * * *") == "3, minute: a step is not 0");
  CHECK(
      rule_of("*/90 * * * *").starts_with("3, minute: a step is at most the number of values of its field"));
  CHECK(rule_of("5/15 * * * *") == "2, minute: a step follows * or a range: 5-59/15");
  CHECK(rule_of("/15 * * * *") == "1, minute: a value is expected here");
  CHECK(rule_of("*/ * * * *") == "3, minute: a number is expected here");
  CHECK(rule_of("1,,2 * * * *") == "3, minute: a value is expected here");
  CHECK(rule_of("1, * * * *") == "3, minute: a value is missing");
  CHECK(rule_of("1- * * * *") == "3, minute: a value is missing");
  CHECK(rule_of("-1 * * * *") == "1, minute: a value is expected here");
  CHECK(rule_of("5-1-1 * * * *") == "1, minute: a range goes up: instead of 22-2 write 22-23,0-2");
  CHECK(rule_of("? * * * *") == "1, minute: only the day of month and the day of week can be ?");
  CHECK(rule_of("0 0 ?,1 * *") == "6, day of month: W and ? stand alone in a field");
  CHECK(rule_of("0 0 * * 1,+2") == "11, day of week: a value is expected here");
  CHECK(rule_of("0 0 +1 * *") == "5, day of month: only the day of week begins with +");
}

TEST_CASE("L, W and # have their places") {
  CHECK(rule_of("L * * * *") == "1, minute: L is for the day of month and the day of week");
  CHECK(rule_of("0 0 * * L") == "9, day of week: L in the day of week follows a day: 5L or FRI#L");
  CHECK(rule_of("0 0 L-31 * *") == "7, day of month: L-n is 1 to 30 days before the month's last");
  CHECK(rule_of("0 0 L-0 * *") == "7, day of month: L-n is 1 to 30 days before the month's last");
  CHECK(rule_of("0 0 1W,15 * *") == "7, day of month: W and ? stand alone in a field");
  CHECK(rule_of("0 0 1,15W * *") == "10, day of month: W and ? stand alone in a field");
  CHECK(rule_of("0 0 1-15W * *") == "9, day of month: this means nothing here");
  CHECK(rule_of("0 0 15w * *") == "7, day of month: this means nothing here");
  CHECK(rule_of("0 0 * * 1W") == "10, day of week: this means nothing here");
  CHECK(rule_of("0 0 * * 5#6") ==
        "11, day of week: # is followed by 1 to 5, or L for the last: FRI#2, FRI#L");
  CHECK(rule_of("0 0 * * 5#0") ==
        "11, day of week: # is followed by 1 to 5, or L for the last: FRI#2, FRI#L");
  CHECK(rule_of("0 0 * * MON-FRI#2") == "16, day of week: this means nothing here");
  CHECK(rule_of("0 0 5#1 * *") == "6, day of month: this means nothing here");
}

TEST_CASE("H and names are checked") {
  CHECK(rule_of("H(5 * * * *") == "4, minute: H takes a range: H(0-29)");
  CHECK(rule_of("H(5-1) * * * *") == "3, minute: a range goes up: instead of 22-2 write 22-23,0-2");
  CHECK(rule_of("H(0-60) * * * *") == "5, minute: a minute is 0 to 59");
  CHECK(rule_of("H(0-5 * * * *") == "6, minute: the bracket of H(0-29) is not closed");
  CHECK(rule_of("H-5 * * * *") == "2, minute: this means nothing here");
  CHECK(rule_of("@reboot") == "1: @reboot is not a point of time");
  CHECK(rule_of("@Daily").starts_with("1: names are @yearly"));
  CHECK(rule_of("@daily *") == "8: nothing follows a name such as @daily");
  CHECK(rule_of(std::string(41, '@') + std::string(41, '@')).starts_with("1: names are @yearly"));
}

TEST_CASE("an expression that never comes is refused") {
  for (const char* text : {"0 0 30 2 *", "0 0 31 2,4,6,9,11 *", "0 0 8-31 * +MON#1", "0 0 28 2 +TUE#5",
                           "0 0 30W 2 *", "0 0 H(29-31) * +MON#4"}) {
    CAPTURE(text);
    CHECK(rule_of(text).ends_with("5, day of month: there is no such day in any year"));
  }
  for (const char* text : {"0 0 29 2 *", "0 0 29 2 +MON", "0 0 30 2 MON", "0 0 * 2 MON#5", "0 0 L-28 2 *"})
    CHECK(refusal(text) == "taken");
}

TEST_CASE("what is quoted of a text is bounded and one line") {
  CHECK(refusal("1\n* * * * *").starts_with("cron expression \"1\\n* * * * *\", column 2, minute: "));
  CHECK(refusal(std::string("0\0 * * * *", 10)).starts_with("cron expression \"0\\x00 * * * *\", column 2"));
  CHECK(refusal(std::string(100'000, '1')).size() < 300);
  const std::string longest =
      "0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,7 0 1 * *";
  CHECK(longest.size() == 80);
  CHECK(refusal(longest) == "taken");
  CHECK(refusal("7," + longest).ends_with(", column 81: it has more than 80 characters"));
}
