#pragma once

#include <cliffracer/detail/time/alarm.hpp>
#include <cliffracer/detail/time/timer_queue.hpp>

#include <asio/awaitable.hpp>
#include <asio/co_spawn.hpp>
#include <asio/io_context.hpp>
#include <asio/post.hpp>
#include <asio/strand.hpp>

#include <chrono>
#include <compare>
#include <cstdint>
#include <exception>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <utility>

namespace cliffracer::detail {

/// What a broker will do, in order of the instants, first come, first served among equals; one thing per turn
/// of the event loop. Actions must not throw. Only on the event loop's thread.
class BrokerSchedule : public std::enable_shared_from_this<BrokerSchedule> {
 public:
  struct Entry {
    TimePoint due;
    std::uint64_t number;
    auto operator<=>(const Entry&) const = default;
  };

  /// Both must outlive the schedule.
  BrokerSchedule(asio::io_context& context, TimerQueue& queue)
      : context_{context}, queue_{queue}, strand_{asio::make_strand(context)} {}
  BrokerSchedule(const BrokerSchedule&) = delete;
  BrokerSchedule& operator=(const BrokerSchedule&) = delete;

  /// Nothing of what was added is called any more.
  void clear() {
    entries_.clear();
    changed();
  }

  Entry add(TimePoint due, std::function<void()> action) {
    const Entry entry{due, ++last_number_};
    entries_.emplace(entry, std::move(action));
    changed();
    return entry;
  }

  void remove(const Entry& entry) {
    entries_.erase(entry);
    changed();
  }

  [[nodiscard]] TimePoint now() const noexcept { return queue_.now(); }
  [[nodiscard]] std::chrono::system_clock::time_point wall_clock() const noexcept {
    return queue_.source().wall_clock();
  }

 private:
  static asio::awaitable<void> serve(std::shared_ptr<BrokerSchedule> self) {
    Alarm alarm{self->queue_, self->strand_};
    const Waiting waiting{*self, alarm};
    while (self->earliest() != never) {
      self->armed_for_ = self->earliest();
      co_await alarm.wait_until(self->armed_for_);
      self->call_first();
    }
  }

  /// The alarm is there for as long as this object.
  class Waiting {
   public:
    Waiting(BrokerSchedule& schedule, Alarm& alarm) noexcept : schedule_{schedule} {
      schedule_.alarm_ = &alarm;
    }
    Waiting(const Waiting&) = delete;
    Waiting& operator=(const Waiting&) = delete;
    ~Waiting() {
      schedule_.alarm_ = nullptr;
      schedule_.armed_for_ = never;
      schedule_.is_serving_ = false;
    }

   private:
    BrokerSchedule& schedule_;
  };

  [[nodiscard]] TimePoint earliest() const noexcept {
    return entries_.empty() ? never : entries_.begin()->first.due;
  }

  void call_first() {
    if (earliest() == never || earliest() > now()) return;
    const auto action = std::move(entries_.extract(entries_.begin()).mapped());
    is_calling_ = true;
    action();
    is_calling_ = false;
  }

  // A sleeper that is there without need would look like something due.
  void changed() {
    if (is_calling_ || armed_for_ == earliest()) return;
    if (!std::exchange(is_serving_, true)) {
      asio::co_spawn(strand_, serve(shared_from_this()), [](const std::exception_ptr& thrown) {
        if (thrown) std::rethrow_exception(thrown);
      });
      return;
    }
    // In a turn of its own: a coroutine that is woken and then gets no turn is never destroyed.
    asio::post(context_, [weak = weak_from_this()] {
      const auto self = weak.lock();
      if (self && self->alarm_ && self->armed_for_ != self->earliest()) self->alarm_->ring();
    });
  }

  asio::io_context& context_;
  TimerQueue& queue_;
  const Strand strand_;
  std::map<Entry, std::function<void()>> entries_;
  std::uint64_t last_number_ = 0;
  TimePoint armed_for_ = never;
  Alarm* alarm_ = nullptr;
  bool is_calling_ = false;
  bool is_serving_ = false;
};

/// At most one entry in a schedule, which is gone with this object.
class BrokerWake {
 public:
  explicit BrokerWake(std::shared_ptr<BrokerSchedule> schedule) noexcept : schedule_{std::move(schedule)} {}
  BrokerWake(const BrokerWake&) = delete;
  BrokerWake& operator=(const BrokerWake&) = delete;
  ~BrokerWake() { cancel(); }

  /// Replaces what was to be called. `action` may end this object.
  void at(TimePoint due, std::function<void()> action) {
    cancel();
    entry_ = schedule_->add(due, [this, action = std::move(action)] {
      entry_.reset();
      action();
    });
  }

  void cancel() {
    if (entry_) schedule_->remove(*entry_);
    entry_.reset();
  }

  [[nodiscard]] bool is_set() const noexcept { return entry_.has_value(); }

 private:
  std::shared_ptr<BrokerSchedule> schedule_;
  std::optional<BrokerSchedule::Entry> entry_;
};

}  // namespace cliffracer::detail
