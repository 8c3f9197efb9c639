#pragma once

#include <cliffracer/detail/timer/outcome.hpp>

#include <cstdint>

namespace cliffracer::detail {

/// How one tick is claimed, decided without I/O and without a clock: a key is created that must not exist.
///
/// Creating it again is harmless: the key is there at most once, and its value says whose it is. So a create
/// that was not answered is read back and then repeated, until there is an answer or no time. Only this
/// replica's own value, found in the bucket, counts as proof; that nothing was found proves nothing, for any
/// copy of the bucket may have answered.
class ClaimAttempt {
 public:
  enum class Step : std::uint8_t {
    create,     ///< Create the key; say created().
    read_back,  ///< Read it; say read().
    pause,      ///< Wait a little; say paused().
    decided,    ///< outcome() says what came of it.
  };

  enum class Created : std::uint8_t {
    stored,     ///< The key was created.
    taken,      ///< It exists.
    refused,    ///< It was not created: an error, or nobody there to ask.
    no_answer,  ///< It may have been created, or may still be.
  };

  enum class Read : std::uint8_t {
    mine,       ///< It has this replica's value.
    other,      ///< It has another one.
    no_answer,  ///< None that proves anything.
  };

  [[nodiscard]] constexpr Step step() const noexcept { return step_; }
  /// When decided.
  [[nodiscard]] constexpr ClaimOutcome outcome() const noexcept { return outcome_; }

  /// The key may be there, created by this attempt.
  [[nodiscard]] constexpr bool may_be_mine() const noexcept { return is_unclear_; }

  constexpr void created(Created answer) noexcept {
    switch (answer) {
      case Created::stored:
        return decide(ClaimOutcome::won);
      case Created::taken:
        // By an earlier create of this attempt, perhaps.
        if (!is_unclear_) return decide(ClaimOutcome::lost);
        step_ = Step::read_back;
        return;
      case Created::refused:
        step_ = Step::pause;
        return;
      case Created::no_answer:
        is_unclear_ = true;
        step_ = Step::read_back;
        return;
    }
  }

  constexpr void read(Read answer) noexcept {
    switch (answer) {
      case Read::mine:
        return decide(ClaimOutcome::won);
      case Read::other:
        return decide(ClaimOutcome::lost);
      case Read::no_answer:
        step_ = Step::pause;
        return;
    }
  }

  constexpr void paused() noexcept { step_ = Step::create; }

  /// There is no time left.
  constexpr void give_up() noexcept {
    if (step_ != Step::decided) decide(is_unclear_ ? ClaimOutcome::unclear : ClaimOutcome::failed);
  }

 private:
  constexpr void decide(ClaimOutcome outcome) noexcept {
    outcome_ = outcome;
    step_ = Step::decided;
  }

  Step step_ = Step::create;
  ClaimOutcome outcome_ = ClaimOutcome::failed;
  bool is_unclear_ = false;
};

}  // namespace cliffracer::detail
