#include "support/catch.hpp"

#include <cliffracer/cron_expression.hpp>
#include <cliffracer/detail/time/cron_words.hpp>

#include <string>

namespace {

std::string words(const char* text) { return cliffracer::CronExpression::parse(text).describe(); }

}  // namespace

TEST_CASE("times of day in words") {
  CHECK(words("30 2 * * *") == "at 02:30 every day");
  CHECK(words("0 9,17 * * *") == "at 09:00 and 17:00 every day");
  CHECK(words("5 30 2 * * *") == "at 02:30:05 every day");
  CHECK(words("* * * * *") == "every minute");
  CHECK(words("* * * * * *") == "every second");
  CHECK(words("*/15 * * * *") == "every 15 minutes");
  CHECK(words("*/10 * * * * *") == "every 10 seconds");
  CHECK(words("@hourly") == "at minute 0 of every hour");
  CHECK(words("5,35 * * * *") == "at minutes 5 and 35 of every hour");
  CHECK(words("*/15 9-17 * * *") == "every 15 minutes of hours 9 to 17");
  CHECK(words("7-59/15 * * * *") == "at minutes 7, 22, 37 and 52 of every hour");
  CHECK(words("0 9-17 * * *") == "at minute 0 of hours 9 to 17 every day");
  CHECK(words("*/10 30 * * * *") == "every 10 seconds of minute 30 of every hour");
  CHECK(words("*/10 * 9 * * *") == "every 10 seconds of hour 9");
  CHECK(words("7 * * * * *") == "at second 7 of every minute");
  CHECK(words("*/7 * * * *") == "at minutes 0, 7, 14, 21, 28, 35, 42, 49 and 56 of every hour");
}

TEST_CASE("days in words") {
  CHECK(words("30 2 * * MON-FRI") == "at 02:30 from Monday to Friday");
  CHECK(words("30 2 * * SAT,SUN") == "at 02:30 on Saturday and Sunday");
  CHECK(words("30 2 * * SUN,MON,WED-FRI") == "at 02:30 on Monday, Wednesday to Friday and Sunday");
  CHECK(words("30 2 1 * *") == "at 02:30 on day 1 of the month");
  CHECK(words("30 2 1,15 * *") == "at 02:30 on days 1 and 15 of the month");
  CHECK(words("30 2 L * *") == "at 02:30 on the last day of the month");
  CHECK(words("30 2 1,L-1,L-3 * *") ==
        "at 02:30 on day 1, 1 day before the last day and 3 days before the last day of the month");
  CHECK(words("30 2 15W * *") ==
        "at 02:30 on the working day (Monday to Friday) nearest to day 15 of the month");
  CHECK(words("30 2 LW * *") == "at 02:30 on the last working day (Monday to Friday) of the month");
  CHECK(words("30 2 * * FRI#2") == "at 02:30 on the second Friday of the month");
  CHECK(words("30 2 * * MON,FRI#1,SUN#L") ==
        "at 02:30 on Monday, on the first Friday of the month or on the last Sunday of the month");
  CHECK(words("30 2 1 * MON") == "at 02:30 on day 1 of the month or on Monday");
  CHECK(words("30 2 1-7 * +MON") == "at 02:30 on days 1 to 7 of the month, but only on Monday");
}

TEST_CASE("months in words") {
  CHECK(words("@yearly") == "at 00:00 on day 1 of the month in January");
  CHECK(words("0 6 * JUN-AUG *") == "at 06:00 every day in June to August");
  CHECK(words("0 6 29 2 +MON") == "at 06:00 on day 29 of the month in February, but only on Monday");
  CHECK(words("* * * 3,6,9,12 *") == "every minute in March, June, September and December");
}

TEST_CASE("an open H is not put into words") {
  CHECK(words("H 2 * * *") == "H 2 * * *, with H decided by a hash");
}
