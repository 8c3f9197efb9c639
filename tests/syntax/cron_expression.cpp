#include <cliffracer/cron_expression.hpp>

#include <string>

using cliffracer::CronExpression;

struct Options {
  CronExpression at;
  int other = 0;
};

// The control.
constexpr CronExpression every = "0,30 */2 1-7,L JAN-MAR +MON#1";
constexpr CronExpression spread = "H H(0-3) ? * *";
const Options options{.at = "@daily"};

#ifdef CASE_minute_out_of_range
// error: a minute is 0 to 59
// error: refuse_cron_field
const Options bad{.at = "61 2 * * *"};
#endif

#ifdef CASE_second_out_of_range
// error: a second is 0 to 59
const Options bad{.at = "60 0 2 * * *"};
#endif

#ifdef CASE_hour_out_of_range
// error: an hour is 0 to 23
const Options bad{.at = "30 24 * * *"};
#endif

#ifdef CASE_too_few_fields
// error: a cron expression has five fields, or six with seconds first: this has fewer
const Options bad{.at = "30 2 * *"};
#endif

#ifdef CASE_year
// error: a cron expression has five fields, or six with seconds first: this has more
const Options bad{.at = "0 30 2 * * * 2030"};
#endif

#ifdef CASE_unknown_month
// error: months are JAN, FEB, MAR, APR, MAY, JUN, JUL, AUG, SEP, OCT, NOV and DEC
const Options bad{.at = "0 0 1 MAI *"};
#endif

#ifdef CASE_range_goes_down
// error: a range goes up: instead of 22-2 write 22-23,0-2
const Options bad{.at = "0 22-2 * * *"};
#endif

#ifdef CASE_step_that_begins_again
// error: a step is at most the number of values of its field, because it begins again with each
const Options bad{.at = "*/90 * * * *"};
#endif

#ifdef CASE_30_february
// error: there is no such day in any year
const Options bad{.at = "0 0 30 2 *"};
#endif

#ifdef CASE_sixth_monday
// error: # is followed by 1 to 5, or L for the last: FRI#2, FRI#L
const Options bad{.at = "0 0 * 2 MON#6"};
#endif

#ifdef CASE_unknown_name
// error: names are @yearly, @annually, @monthly, @weekly, @daily, @midnight and @hourly
const Options bad{.at = "@fortnightly"};
#endif

#ifdef CASE_too_long
// error: it has more than 80 characters
const Options bad{.at = "0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27 0 1 * *"};
#endif

#ifdef CASE_not_a_literal
// error: CronExpression
std::string text = "30 2 * * *";
const Options bad{.at = text};
#endif

#ifdef CASE_no_expression
// error: deleted
// error: a cron timer needs .at: cron<&Service::method>{.at = "30 2 * * *"}
const Options bad{};
#endif
