#pragma once

#include <cliffracer/detail/cluster/bucket.hpp>
#include <cliffracer/detail/cluster/bucket_answers.hpp>
#include <cliffracer/detail/cluster/bucket_client.hpp>
#include <cliffracer/detail/cluster/catch_up.hpp>
#include <cliffracer/detail/cluster/claim_attempt.hpp>
#include <cliffracer/detail/cluster/claim_value.hpp>
#include <cliffracer/detail/cluster/owner_watch.hpp>
#include <cliffracer/detail/link/inbox.hpp>
#include <cliffracer/detail/link/retry.hpp>
#include <cliffracer/detail/text/exception_text.hpp>
#include <cliffracer/detail/text/service_log.hpp>
#include <cliffracer/detail/time/alarm.hpp>
#include <cliffracer/detail/time/timer_queue.hpp>
#include <cliffracer/detail/timer/tick_claims.hpp>
#include <cliffracer/detail/timer/timer_entry.hpp>
#include <cliffracer/detail/timer/timer_log.hpp>
#include <cliffracer/detail/work/task_group.hpp>

#include <spdlog/fmt/fmt.h>
#include <asio/awaitable.hpp>
#include <asio/cancellation_state.hpp>
#include <asio/this_coro.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace cliffracer::detail {

/// Decides with a key-value bucket which replica of a service runs a tick, and tells the other replicas of
/// runs in progress. One object for the life of a service; attach() to the end of the tasks for each start.
/// Does nothing while no timer is shared. Only on the strand.
class ClusterClaims final : public TickClaims {
 public:
  using Decided = std::function<void(TimerEntry&, ClaimOutcome)>;
  /// Returns whether the timer takes the tick.
  using Missed = std::function<bool(TimerEntry&, const MissedPoint&)>;

  /// What a service has; all of it must outlive this.
  struct Surroundings {
    const Strand& strand;
    TimerQueue& queue;
    TaskGroup& tasks;
    ServiceLog log;
    const ServiceConfig& config;
    const std::string& id;
  };

  ClusterClaims(const Surroundings& around, Decided decided, Missed missed)
      : around_{around},
        decided_{std::move(decided)},
        missed_{std::move(missed)},
        bucket_{around.config.cluster, least_keep_},
        beat_alarm_{around.queue, around.strand} {}
  ClusterClaims(const ClusterClaims&) = delete;
  ClusterClaims& operator=(const ClusterClaims&) = delete;
  ~ClusterClaims() = default;

  /// The service starts: from now on this is its connection. What is known of the timers that are added again
  /// is kept.
  void attach(const std::shared_ptr<Link>& link) noexcept {
    is_stopping_ = false;
    is_started_ = false;
    link_ = link;
    before_ = std::exchange(members_, {});
    least_keep_ = std::chrono::nanoseconds{0};
  }

  // TickClaims

  void add(const std::shared_ptr<TimerEntry>& timer) override {
    const auto known = std::find_if(before_.begin(), before_.end(),
                                    [&](const auto& member) { return member->entry == timer; });
    members_.push_back(known != before_.end()
                           ? *known
                           : std::make_shared<Member>(timer, around_.id, newest_of_others(*timer)));
    members_.back()->catch_up.begin(wall_clock());
    // The bucket is looked at once more: it has to keep claims for long enough, and what the others have
    // announced of the timer is there.
    ready_for_ = 0;
    const std::chrono::nanoseconds needed = needed_keep(*timer);
    if (needed <= least_keep_) return;
    least_keep_ = needed;
    bucket_ = Bucket{around_.config.cluster, least_keep_};
  }

  void start() override {
    before_.clear();
    was_started_ = true;
    if (members_.empty()) return;
    if (std::exchange(is_started_, true)) return prepare_soon();
    const std::shared_ptr<Link> link = link_.lock();
    link->subscribe(subject_of("*", "owner"), {}, [this](const Inbound& message) { heard(message); });
    client_ = std::make_unique<BucketClient>(link, bucket_);
    around_.tasks.spawn({}, announce());
    prepare_soon();
  }

  void forget(const TimerEntry& timer) noexcept override {
    std::erase_if(members_, [&](const auto& member) { return member->entry.get() == &timer; });
  }

  void claim(TimerEntry& entry, std::uint64_t token) override {
    const std::shared_ptr<Member> member = member_of(entry);
    follow_clock(*member);
    if (const auto known = known_of(*member, token)) return decided_(entry, *known);
    member->is_decided = false;
    const auto task = around_.tasks.spawn({}, decide(member, token));
    // It may have come to its end inside spawn().
    if (!member->is_decided) member->deciding = task;
  }

  [[nodiscard]] bool is_newest(const TimerEntry& entry, std::uint64_t token) const noexcept override {
    return member_of(entry)->watch.newest_claim() <= token;
  }

  void run_began(TimerEntry& entry) noexcept override {
    Member& member = *member_of(entry);
    member.running = {.owner = around_.id, .token = entry.cluster->token};
    entry.stats.owner_seen(around_.id);
    tell(member);
    beat_alarm_.ring();
  }

  void run_ended(TimerEntry& entry) noexcept override {
    Member& member = *member_of(entry);
    if (!member.is_executing()) return;
    member.running.has_ended = true;
    tell(member);
    member.running = {};
    if (is_stopping_) beat_alarm_.ring();
  }

  void request_stop() noexcept override {
    is_stopping_ = true;
    beat_alarm_.ring();
    if (preparing_) TaskGroup::cancel(*std::exchange(preparing_, nullptr));
    // What is cancelled may end in here, and its timer leave.
    for (std::size_t n = members_.size(); n-- > 0;) {
      if (n >= members_.size()) continue;
      const std::shared_ptr<Member> member = members_[n];
      if (member->deciding) TaskGroup::cancel(*std::exchange(member->deciding, nullptr));
    }
  }

 private:
  struct Member {
    Member(std::shared_ptr<TimerEntry> timer, const std::string& owner, std::uint64_t newest)
        : entry{std::move(timer)},
          schedule{schedule_hash(*entry)},
          value{owner + " " + schedule},
          newest_of_others{newest},
          catch_up{entry->schedule.grid(), entry->cluster->catch_up} {}
    [[nodiscard]] bool is_executing() const noexcept { return !running.owner.empty(); }

    const std::shared_ptr<TimerEntry> entry;
    const std::string schedule;  // its hash
    const std::string value;     // of a claim
    // Up to this token a timer of the same name that was removed may have claimed here.
    const std::uint64_t newest_of_others;
    OwnerWatch watch;
    CatchUp catch_up;
    Announcement running;  // of the run in progress here
    std::shared_ptr<TaskGroup::Task> deciding;
    bool is_decided = true;
    FailureLog failures;
  };

  /// How long a claim may take, and its parts.
  struct Patience {
    explicit Patience(std::chrono::nanoseconds interval)
        : whole{std::min<std::chrono::nanoseconds>(interval / 2, std::chrono::seconds{10})},
          request{whole / 4},
          pause{whole / 20} {}

    std::chrono::nanoseconds whole;
    std::chrono::nanoseconds request;
    std::chrono::nanoseconds pause;
  };

  /// How long the timer's claims must be kept: until its newest one is looked for after an outage.
  [[nodiscard]] static std::chrono::nanoseconds needed_keep(const TimerEntry& timer) noexcept {
    constexpr std::chrono::nanoseconds most = std::chrono::hours{24 * 365 * 100};
    const std::chrono::nanoseconds interval = timer.schedule.interval();
    const std::chrono::nanoseconds catch_up = timer.cluster->catch_up;
    if (catch_up == until_next_point) return 3 * interval;
    return std::max(3 * interval, std::min(catch_up, most) + interval);
  }

  static constexpr std::chrono::seconds preparing_limit{2};

  [[nodiscard]] std::string subject_of(std::string_view timer, std::string_view key) const {
    return bucket_.subject_of(around_.config.name, timer, key);
  }

  [[nodiscard]] const std::shared_ptr<Member>& member_of(const TimerEntry& entry) const noexcept {
    return *std::find_if(members_.begin(), members_.end(),
                         [&](const auto& member) { return member->entry.get() == &entry; });
  }

  // ---- Claims

  /// The newest token that a timer of the same name, if there was one, may have claimed here.
  [[nodiscard]] std::uint64_t newest_of_others(const TimerEntry& timer) const {
    return was_started_ ? timer.schedule.grid().token_at(wall_clock()) : 0;
  }

  /// Why there is no use in asking for a tick; empty: there may be.
  [[nodiscard]] std::optional<ClaimOutcome> known_of(const Member& member, std::uint64_t token) const {
    if (token <= member.watch.newest_claim()) return ClaimOutcome::behind;
    if (member.watch.is_executing(around_.queue.now(), around_.config.cluster.owner_timeout))
      return ClaimOutcome::running_elsewhere;
    return std::nullopt;
  }

  /// The member is kept: its timer may leave with the answer.
  asio::awaitable<void> decide(std::shared_ptr<Member> shared, std::uint64_t token) {
    Member& member = *shared;
    ClaimOutcome outcome = ClaimOutcome::failed;
    try {
      auto deciding = outcome_of(member, token);
      outcome = co_await std::move(deciding);
    } catch (...) {
      // The service stops, or there is no memory.
      with_text(std::current_exception(), [&](std::string_view text) { note_failure(member, token, text); });
    }
    member.is_decided = true;
    member.deciding = nullptr;
    if (outcome == ClaimOutcome::won || outcome == ClaimOutcome::lost) {
      member.watch.saw(token, around_.queue.now());
      member.failures.recovered();
    }
    const bool is_missed = outcome == ClaimOutcome::failed || outcome == ClaimOutcome::unclear;
    if (is_missed && member.entry->cluster->when_unavailable == WhenUnavailable::miss)
      member.catch_up.claim_failed(token);
    decided_(*member.entry, outcome);
    if (member.catch_up.is_wanted()) prepare_soon();
  }

  asio::awaitable<ClaimOutcome> outcome_of(Member& member, std::uint64_t token) {
    const Patience patience{member.entry->schedule.interval()};
    const TimePoint deadline = later(around_.queue.now(), patience.whole);
    const std::string subject = subject_of(member.entry->name, std::to_string(token));
    ClaimAttempt attempt;
    std::string why;
    while (attempt.step() != ClaimAttempt::Step::decided) {
      const TimePoint now = around_.queue.now();
      if (now >= deadline) {
        attempt.give_up();
        break;
      }
      const std::chrono::nanoseconds left = elapsed(now, deadline);
      if (attempt.step() == ClaimAttempt::Step::pause) {
        co_await sleep_until(around_.queue, around_.strand, later(now, patience.pause));
        attempt.paused();
        continue;
      }
      const auto limit = std::min(left, patience.request);
      if (attempt.step() == ClaimAttempt::Step::create) {
        auto preparing = make_ready(limit);
        std::string problem = co_await std::move(preparing);
        if (!problem.empty()) {
          why = std::move(problem);
          attempt.created(ClaimAttempt::Created::refused);
          // Time will not mend the bucket.
          if (!problem_.empty()) attempt.give_up();
          continue;
        }
        // The others may have been heard of only now.
        if (!attempt.may_be_mine()) {
          if (const auto known = known_of(member, token)) co_return *known;
          if (why = doubt_about(member, token); !why.empty()) {
            attempt.give_up();
            continue;
          }
        }
        auto creating = client_->create(subject, member.value, limit);
        BucketClient::Answer answer = co_await std::move(creating);
        if (!answer.problem.empty()) why = std::move(answer.problem);
        // It may be gone, or another one.
        if (answer.created == ClaimAttempt::Created::refused) ready_for_ = 0;
        attempt.created(answer.created);
      } else {
        auto reading = client_->read(subject, limit);
        BucketClient::Value value = co_await std::move(reading);
        if (!value.problem.empty()) why = std::move(value.problem);
        attempt.read(proof_in(value, member, token));
      }
    }
    if (attempt.outcome() == ClaimOutcome::failed || attempt.outcome() == ClaimOutcome::unclear)
      note_failure(member, token, why);
    co_return attempt.outcome();
  }

  [[nodiscard]] ClaimAttempt::Read proof_in(const BucketClient::Value& value, const Member& member,
                                            std::uint64_t token) const {
    if (!value.text) return ClaimAttempt::Read::no_answer;
    if (ClaimValue{*value.text}.owner != around_.id) return ClaimAttempt::Read::other;
    // It may have been claimed, and run, here: by a timer that was removed, or before the clock was set back.
    const bool is_doubtful = token <= member.newest_of_others || member.watch.has_come_before(token);
    return is_doubtful ? ClaimAttempt::Read::no_answer : ClaimAttempt::Read::mine;
  }

  void note_failure(Member& member, std::uint64_t token, std::string_view why) noexcept {
    if (is_stopping_) return;
    member.entry->stats.claim_refused(why);
    log_quietly([&] {
      if (!member.failures.worth_a_line(why, around_.queue.now())) return;
      around_.log.warn("timer {}: the tick of {} cannot be claimed: {}", member.entry->name, token,
                       escaped(why));
    });
  }

  // ---- The wall clock

  /// What it shows, since the epoch.
  [[nodiscard]] std::chrono::nanoseconds wall_clock() const {
    return around_.queue.source().wall_clock().time_since_epoch();
  }

  /// From a tick to a later one.
  [[nodiscard]] static double seconds_between(std::uint64_t token, std::uint64_t later_token) {
    return static_cast<double>(later_token - token) / 1e3;
  }

  /// What was known while the clock was ahead is forgotten: the keys say what is claimed.
  void follow_clock(Member& member) {
    const std::uint64_t newest = member.watch.newest_claim();
    const Grid& grid = member.entry->schedule.grid();
    const std::chrono::nanoseconds wall = wall_clock();
    if (!member.watch.follow_clock(grid.next_token_at(wall))) return;
    // Nor were the others believed, or listened to.
    ready_for_ = 0;
    log_quietly([&] {
      const std::uint64_t current = grid.token_at(wall);
      around_.log.warn(
          "timer {}: the tick of {} has been claimed, {:.3f} s after that of {}, which it is here: the clock "
          "was set back, and tokens go back with it; what has seen a newer one refuses them",
          member.entry->name, newest, seconds_between(current, newest), current);
    });
  }

  /// Why a key that is not there does not prove that its tick was not run; empty: it does.
  [[nodiscard]] std::string doubt_about(const Member& member, std::uint64_t token) const {
    const std::chrono::nanoseconds kept = kept_.value_or(std::chrono::nanoseconds{0});
    if (!member.watch.has_come_before(token) || kept.count() == 0) return {};
    const std::chrono::nanoseconds interval = member.entry->schedule.interval();
    const std::chrono::nanoseconds age = member.watch.age(token, around_.queue.now());
    if (age + 2 * interval <= kept) return {};
    return fmt::format(
        "the clock was set back by about {:.0f} s, and claims are kept for {:.0f} s: whether it was run is "
        "not known any more",
        seconds(age), seconds(kept));
  }

  // ---- The bucket

  /// At the start, so that a bucket that cannot be used is told of before the first tick, and whenever a tick
  /// may have been missed. Throws std::bad_alloc.
  void prepare_soon() {
    const bool is_on_its_way = preparing_ && !preparing_->has_ended();
    if (!is_stopping_ && !is_on_its_way) preparing_ = around_.tasks.spawn({}, prepare());
  }

  asio::awaitable<void> prepare() {
    try {
      auto preparing = make_ready_at_last();
      co_await std::move(preparing);
    } catch (...) {
      // The service stops.
      if (!is_abort(std::current_exception())) throw;
    }
  }

  /// Waits for a connection.
  asio::awaitable<void> make_ready_at_last() {
    constexpr std::chrono::milliseconds pause{250};
    for (bool is_known = false; !is_known;) {
      auto preparing = make_ready(preparing_limit);
      const std::string problem = co_await std::move(preparing);
      is_known = !problem_.empty();
      if (problem.empty()) {
        auto looking = look_for_missed();
        is_known = co_await std::move(looking);
      }
      if (!is_known) co_await sleep_until(around_.queue, around_.strand, later(around_.queue.now(), pause));
    }
  }

  /// Ticks that nobody has run. False: the bucket has not said.
  asio::awaitable<bool> look_for_missed() {
    bool is_known = true;
    // Timers may come and go meanwhile.
    const auto members = members_;
    for (const auto& member : members) {
      if (!member->catch_up.is_wanted()) continue;
      // A claim that fails meanwhile is looked for again.
      member->catch_up.set_wanted(false);
      auto looking = look_for_missed(*member);
      const bool has_answer = co_await std::move(looking);
      if (!has_answer) member->catch_up.set_wanted(true);
      is_known = is_known && !member->catch_up.is_wanted();
    }
    co_return is_known;
  }

  asio::awaitable<bool> look_for_missed(Member& member) {
    const std::string& timer = member.entry->name;
    auto reading = client_->read(subject_of(timer, "*"), preparing_limit);
    BucketClient::Value newest = co_await std::move(reading);
    if (newest.subject == subject_of(timer, "owner")) {
      // Which does not say for what schedule its tick was claimed.
      const auto announcement = announcement_in(newest.text.value_or(std::string{}));
      if (!announcement) co_return true;
      auto reading_claim =
          client_->read(subject_of(timer, std::to_string(announcement->token)), preparing_limit);
      newest = co_await std::move(reading_claim);
    }
    // At a first deployment there is none.
    if (!newest.text) co_return newest.is_absent;
    const std::uint64_t token = token_in(newest.subject);
    if (token == 0) co_return true;
    if (ClaimValue{*newest.text}.schedule != member.schedule) {
      around_.log.info("timer {}: its newest tick was claimed for another schedule: no tick is caught up",
                       timer);
      co_return true;
    }
    const WallTime wall = wall_clock();
    // What was claimed while the answer was on its way is known already.
    const std::uint64_t newest_claim = std::max(token, member.watch.newest_claim());
    const auto missed = member.catch_up.find(newest_claim, wall, around_.queue.now());
    if (missed && missed_(*member.entry, *missed)) member.catch_up.offered(wall);
    co_return true;
  }

  /// Once for each connection, and after a refusal: the bucket is there and fits, and what the others have
  /// announced is known. Returns why not.
  asio::awaitable<std::string> make_ready(std::chrono::nanoseconds limit) {
    const std::uint64_t connection = client_->connection();
    if (connection == 0) co_return "there is no connection to NATS";
    if (connection == ready_for_) co_return std::string{};
    auto opening = client_->open(limit);
    BucketClient::Opened opened = co_await std::move(opening);
    if (opened.is_refused && opened.problem != problem_) {
      problem_ = opened.problem;
      around_.log.error("no cluster timer runs: {}", escaped(problem_));
    }
    if (!opened.problem.empty()) co_return std::move(opened.problem);
    if (!std::exchange(problem_, {}).empty()) around_.log.info("cluster timers run again");
    if (opened.is_made && kept_) {
      around_.log.warn("{} was deleted, and is made again: who has claimed the newest ticks is forgotten",
                       bucket_.name());
    }
    kept_ = opened.kept;
    // Timers may come and go meanwhile.
    const auto members = members_;
    for (const auto& member : members) {
      auto reading = client_->read(subject_of(member->entry->name, "owner"), limit);
      BucketClient::Value value = co_await std::move(reading);
      if (!value.text) continue;
      if (const auto announcement = announcement_in(*value.text)) heard(*member, *announcement);
    }
    if (members == members_) ready_for_ = connection;
    co_return std::string{};
  }

  // ---- Announcements

  /// Says again and again what runs here, until the service stops and nothing runs any more.
  asio::awaitable<void> announce() {
    // What runs when the time to stop is over is still announced, until it ends.
    co_await asio::this_coro::reset_cancellation_state(asio::disable_cancellation());
    const std::chrono::nanoseconds period = around_.config.cluster.owner_timeout / 4;
    const auto is_anything_running = [this] {
      return std::any_of(members_.begin(), members_.end(),
                         [](const auto& member) { return member->is_executing(); });
    };
    TimePoint next = never;
    while (!is_stopping_ || is_anything_running()) {
      co_await beat_alarm_.wait_until(next);
      const TimePoint now = around_.queue.now();
      if (!is_anything_running()) {
        next = never;
      } else if (next == never) {
        next = later(now, period);
      } else if (next <= now) {
        next = later(now, period);
        for (const auto& member : members_) {
          if (!member->is_executing()) continue;
          ++member->running.beat;
          tell(*member);
        }
      }
    }
  }

  /// Tells the others of the run here. Courtesy: nobody's safety depends on it.
  void tell(Member& member) noexcept {
    member.watch.heard(member.running, around_.queue.now());
    try {
      if (client_->is_connected())
        client_->announce(subject_of(member.entry->name, "owner"), text_of(member.running));
    } catch (const std::exception& error) {
      log_quietly([&] {
        around_.log.warn("timer {}: the other replicas are not told of its run: {}", member.entry->name,
                         escaped(text_of(error)));
      });
    }
  }

  void heard(const Inbound& message) {
    for (const auto& member : members_) {
      if (message.subject != subject_of(member->entry->name, "owner")) continue;
      if (const auto announcement = announcement_in(message.payload)) heard(*member, *announcement);
    }
  }

  void heard(Member& member, const Announcement& announcement) {
    if (announcement.owner == around_.id) return;
    // Else one broken clock would keep all others from running.
    const Grid& grid = member.entry->schedule.grid();
    const std::chrono::nanoseconds wall = wall_clock();
    if (OwnerWatch::is_ahead(announcement.token, grid.next_token_at(wall))) {
      if (member.failures.worth_a_line("clocks", around_.queue.now())) {
        const std::uint64_t current = grid.token_at(wall);
        around_.log.warn(
            "timer {}: replica {} runs the tick of {}, {:.3f} s after that of {}, which it is here: clocks "
            "must differ by less than the interval",
            member.entry->name, escaped(announcement.owner, 128), announcement.token,
            seconds_between(current, announcement.token), current);
      }
      return;
    }
    if (announcement.token >= member.watch.newest_claim()) member.entry->stats.owner_seen(announcement.owner);
    member.watch.heard(announcement, around_.queue.now());
  }

  const Surroundings around_;
  const Decided decided_;
  const Missed missed_;
  std::chrono::nanoseconds least_keep_{0};  // of the timers
  Bucket bucket_;
  std::vector<std::shared_ptr<Member>> members_;
  std::vector<std::shared_ptr<Member>> before_;  // until start(): those of the start before
  std::weak_ptr<Link> link_;
  std::unique_ptr<BucketClient> client_;
  std::shared_ptr<TaskGroup::Task> preparing_;
  std::string problem_;          // why the bucket cannot be used; empty: it can, or is not known yet
  std::uint64_t ready_for_ = 0;  // the connection on which the bucket was looked at; 0: look again
  // How long the bucket keeps claims, 0: for ever; empty: it was not found yet.
  std::optional<std::chrono::nanoseconds> kept_;
  Alarm beat_alarm_;
  bool is_started_ = false;
  bool was_started_ = false;  // ever
  bool is_stopping_ = false;
};

}  // namespace cliffracer::detail
