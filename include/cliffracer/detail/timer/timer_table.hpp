#pragma once

#include <cliffracer/detail/timer/timer_entry.hpp>

#include <algorithm>
#include <cstddef>
#include <memory>
#include <mutex>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

namespace cliffracer::detail {

/// The timers of one service object by name, in the order in which they were added. Thread-safe; the lock is
/// held for a look-up, a change, or a copy of the list, and by no timer that runs.
class TimerTable {
 public:
  using Entry = std::shared_ptr<TimerEntry>;

  /// False: there is one of that name.
  [[nodiscard]] bool add(const Entry& entry) {
    const std::lock_guard lock{mutex_};
    entries_.reserve(entries_.size() + 1);
    if (!names_.emplace(entry->name, entry).second) return false;
    entries_.push_back(entry);
    return true;
  }

  /// Null: there is none of that name.
  [[nodiscard]] Entry remove(std::string_view name) {
    const std::lock_guard lock{mutex_};
    const auto found = names_.find(name);
    if (found == names_.end()) return nullptr;
    // The key lies in the entry.
    Entry removed = found->second;
    names_.erase(found);
    entries_.erase(std::find(entries_.begin(), entries_.end(), removed));
    return removed;
  }

  /// Null: there is none of that name.
  [[nodiscard]] Entry find(std::string_view name) const {
    const std::lock_guard lock{mutex_};
    const auto found = names_.find(name);
    return found == names_.end() ? nullptr : found->second;
  }

  [[nodiscard]] std::vector<Entry> all() const {
    const std::lock_guard lock{mutex_};
    return entries_;
  }

  [[nodiscard]] std::size_t size() const {
    const std::lock_guard lock{mutex_};
    return entries_.size();
  }

 private:
  mutable std::mutex mutex_;
  std::vector<Entry> entries_;
  std::unordered_map<std::string_view, Entry> names_;
};

}  // namespace cliffracer::detail
