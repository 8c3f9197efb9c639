#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <new>
#include <string>
#include <string_view>

namespace cliffracer::detail {

/// The text of the newest error, at most 255 bytes: one writer, readers on any thread. A copy taken during a
/// write is a mixture: the sequence lock around it sees to that. The first error allocates its place; without
/// memory the text says so.
class SharedText {
  using Words = std::array<std::uint64_t, 32>;  // zero-terminated

 public:
  SharedText() = default;
  SharedText(const SharedText&) = delete;
  SharedText& operator=(const SharedText&) = delete;
  ~SharedText() { delete place_.load(std::memory_order_acquire); }

  void set(std::string_view text) noexcept {
    Place* place = place_.load(std::memory_order_relaxed);
    if (!place) {
      place = new (std::nothrow) Place{};
      is_lost_.store(!place, std::memory_order_release);
      if (!place) return;
      place_.store(place, std::memory_order_release);
    }
    std::size_t length = std::min(text.size(), sizeof(Words) - 1);
    // Not in the middle of a UTF-8 sequence.
    if (length < text.size()) {
      while (length > 0 && (static_cast<unsigned char>(text[length]) & 0xC0U) == 0x80U) --length;
    }
    Words words{};
    if (length > 0) std::memcpy(words.data(), text.data(), length);
    for (std::size_t i = 0; i < words.size(); ++i) (*place)[i].store(words[i], std::memory_order_release);
  }

  class Copy {
   public:
    [[nodiscard]] std::string text() const {
      if (is_lost_) return "there was no memory for the text of the error";
      std::array<char, sizeof(Words)> bytes{};
      std::memcpy(bytes.data(), words_.data(), sizeof(Words));
      return bytes.data();
    }

   private:
    friend class SharedText;
    Words words_{};
    bool is_lost_ = false;
  };

  [[nodiscard]] Copy copy() const noexcept {
    Copy copy;
    copy.is_lost_ = is_lost_.load(std::memory_order_acquire);
    if (const Place* const place = place_.load(std::memory_order_acquire)) {
      for (std::size_t i = 0; i < place->size(); ++i)
        copy.words_[i] = (*place)[i].load(std::memory_order_acquire);
    }
    return copy;
  }

 private:
  using Place = std::array<std::atomic<std::uint64_t>, 32>;

  std::atomic<Place*> place_{nullptr};
  std::atomic<bool> is_lost_{false};
};

}  // namespace cliffracer::detail
