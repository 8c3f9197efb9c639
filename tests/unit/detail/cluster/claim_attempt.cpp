#include "support/catch.hpp"

#include <cliffracer/detail/cluster/claim_attempt.hpp>

using cliffracer::detail::ClaimAttempt;
using cliffracer::detail::ClaimOutcome;
using Step = ClaimAttempt::Step;
using Created = ClaimAttempt::Created;
using Read = ClaimAttempt::Read;

namespace {

void check_outcome(const ClaimAttempt& attempt, ClaimOutcome outcome) {
  CHECK(attempt.step() == Step::decided);
  CHECK(attempt.outcome() == outcome);
}

}  // namespace

TEST_CASE("a key that is created is a tick that is won") {
  ClaimAttempt attempt;
  CHECK(attempt.step() == Step::create);
  attempt.created(Created::stored);
  check_outcome(attempt, ClaimOutcome::won);
}

TEST_CASE("a key that exists is a tick that is lost") {
  ClaimAttempt attempt;
  attempt.created(Created::taken);
  check_outcome(attempt, ClaimOutcome::lost);
}

TEST_CASE("a create without an answer is read back") {
  ClaimAttempt attempt;
  attempt.created(Created::no_answer);
  CHECK(attempt.step() == Step::read_back);

  SECTION("its own value is there: won") {
    attempt.read(Read::mine);
    check_outcome(attempt, ClaimOutcome::won);
  }
  SECTION("another's value is there: lost") {
    attempt.read(Read::other);
    check_outcome(attempt, ClaimOutcome::lost);
  }
  SECTION("nothing is there, which proves nothing: it is created again") {
    attempt.read(Read::no_answer);
    CHECK(attempt.step() == Step::pause);
    attempt.paused();
    CHECK(attempt.step() == Step::create);
    SECTION("now it is stored: won") {
      attempt.created(Created::stored);
      check_outcome(attempt, ClaimOutcome::won);
    }
    SECTION("it exists, perhaps by the first create: it is read back") {
      attempt.created(Created::taken);
      CHECK(attempt.step() == Step::read_back);
      attempt.read(Read::mine);
      check_outcome(attempt, ClaimOutcome::won);
    }
    SECTION("it is refused: still nobody knows of the first create") {
      attempt.created(Created::refused);
      attempt.give_up();
      check_outcome(attempt, ClaimOutcome::unclear);
    }
  }
  SECTION("there is no more time: unclear") {
    attempt.give_up();
    check_outcome(attempt, ClaimOutcome::unclear);
  }
}

TEST_CASE("a create that is refused is tried again while there is time") {
  ClaimAttempt attempt;
  attempt.created(Created::refused);
  CHECK(attempt.step() == Step::pause);
  attempt.paused();
  CHECK(attempt.step() == Step::create);
  SECTION("nobody else can have been told of it: a key that exists is somebody else's") {
    attempt.created(Created::taken);
    check_outcome(attempt, ClaimOutcome::lost);
  }
  SECTION("there is no more time: failed") {
    attempt.created(Created::refused);
    attempt.give_up();
    check_outcome(attempt, ClaimOutcome::failed);
  }
}

TEST_CASE("what is decided stays so") {
  ClaimAttempt attempt;
  attempt.created(Created::stored);
  attempt.give_up();
  check_outcome(attempt, ClaimOutcome::won);
}
