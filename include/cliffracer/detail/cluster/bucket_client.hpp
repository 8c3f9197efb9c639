#pragma once

#include <cliffracer/detail/cluster/bucket.hpp>
#include <cliffracer/detail/cluster/bucket_answers.hpp>
#include <cliffracer/detail/link/link.hpp>
#include <cliffracer/detail/link/message_headers.hpp>
#include <cliffracer/detail/text/exception_text.hpp>
#include <cliffracer/detail/text/json_text.hpp>
#include <cliffracer/error.hpp>

#include <asio/awaitable.hpp>
#include <asio/error.hpp>
#include <nlohmann/json.hpp>

#include <chrono>
#include <cstdint>
#include <exception>
#include <memory>
#include <optional>
#include <string>
#include <system_error>
#include <utility>

namespace cliffracer::detail {

/// What is asked of a bucket, over a service's connection and without waiting for it in a blocking way. Only
/// on the strand.
///
/// Each coroutine throws std::system_error with asio::error::operation_aborted when it is cancelled or the
/// connection is closed; every other failure is told in its result, as `problem`.
class BucketClient {
 public:
  /// `bucket` must outlive it.
  BucketClient(std::shared_ptr<Link> link, const Bucket& bucket) : link_{std::move(link)}, bucket_{bucket} {}

  /// The number of the connection, 1 for the first; 0: there is none.
  [[nodiscard]] std::uint64_t connection() const {
    const LinkStatus status = link_->status();
    return status.state == LinkState::connected ? status.connects : 0;
  }
  [[nodiscard]] bool is_connected() const { return connection() != 0; }

  struct Opened {
    Opened() = default;
    std::string problem{};
    bool is_refused = false;           ///< The bucket is there, or JetStream answers, and it cannot be used.
    bool is_made = false;              ///< It was not there.
    std::chrono::nanoseconds kept{0};  ///< How long it keeps claims; 0: for ever.
  };

  /// The bucket is there, made if need be, and fits.
  asio::awaitable<Opened> open(std::chrono::nanoseconds limit) {
    Opened opened;
    auto looking = ask(bucket_.info_subject(), "{}", {}, limit);
    Reply reply = co_await std::move(looking);
    if (reply.error && reply.error->code == BucketError::no_stream) {
      auto creating = ask(bucket_.create_subject(), to_text(bucket_.create_request()), {}, limit);
      reply = co_await std::move(creating);
      opened.is_made = reply.problem.empty();
      // Another replica with another idea of it was faster.
      if (reply.error && reply.error->code == BucketError::stream_differs) {
        auto looking_again = ask(bucket_.info_subject(), "{}", {}, limit);
        reply = co_await std::move(looking_again);
      }
    }
    if (!reply.problem.empty()) {
      opened.problem = bucket_.name() + ": " + reply.problem;
      opened.is_refused = reply.error && reply.error->code != BucketError::unavailable;
    } else if (std::string problem = bucket_.problem_of(reply.answer["config"]); !problem.empty()) {
      opened.problem = bucket_.name() + " cannot be used: " + problem;
      opened.is_refused = true;
    } else {
      opened.kept = Bucket::kept_with(reply.answer["config"]);
    }
    co_return opened;
  }

  struct Answer {
    Answer() = default;
    ClaimAttempt::Created created = ClaimAttempt::Created::no_answer;
    std::string problem{};
  };

  /// Creates a key that must not exist.
  asio::awaitable<Answer> create(std::string subject, std::string value, std::chrono::nanoseconds limit) {
    MessageHeaders headers;
    headers.expected_sequence = 0;
    auto asking = ask(std::move(subject), std::move(value), std::move(headers), limit);
    Reply reply = co_await std::move(asking);
    Answer answer;
    answer.problem = std::move(reply.problem);
    if (reply.is_answered) {
      answer.created = created_by(reply.answer, reply.error);
    } else if (reply.is_refused) {
      answer.created = ClaimAttempt::Created::refused;
    }
    co_return answer;
  }

  struct Value {
    Value() = default;
    std::optional<std::string> text{};  ///< Empty: none was found, or there was no answer.
    std::string subject{};              ///< Of the text.
    bool is_absent = false;             ///< None was found.
    std::string problem{};
  };

  /// The newest value of a subject; "*" for a part of it stands for all.
  asio::awaitable<Value> read(std::string subject, std::chrono::nanoseconds limit) {
    auto asking = ask(bucket_.get_subject(), to_text(Bucket::get_request(subject)), {}, limit);
    Reply reply = co_await std::move(asking);
    Value value;
    value.problem = std::move(reply.problem);
    if (reply.is_answered) {
      value.text = value_in(reply.answer);
      value.subject = subject_in(reply.answer);
      value.is_absent = reply.error && reply.error->code == BucketError::no_message;
    }
    co_return value;
  }

  /// Sets a key without waiting for an answer. Throws as Link::publish().
  void announce(std::string subject, std::string value) {
    link_->publish(std::move(subject), std::move(value));
  }

 private:
  struct Reply {
    Reply() = default;
    nlohmann::json answer{};
    std::optional<BucketError> error{};  ///< In the answer.
    std::string problem{};               ///< Empty: an answer without an error.
    bool is_answered = false;
    bool is_refused = false;  ///< Not answered, and nobody can have acted on it.
  };

  asio::awaitable<Reply> ask(std::string subject, std::string payload, MessageHeaders headers,
                             std::chrono::nanoseconds limit) {
    Reply reply;
    try {
      auto asking = link_->request(std::move(subject), std::move(payload), std::move(headers), limit);
      reply.answer = co_await std::move(asking);
      reply.is_answered = true;
      reply.error = error_in(reply.answer);
      if (reply.error) reply.problem = reply.error->text;
    } catch (const RpcError& error) {
      reply.is_refused = error.reason() == RpcError::Reason::no_responders;
      reply.problem = reply.is_refused ? "JetStream does not answer: it is off, or has no leader"
                                       : std::string{text_of(error)};
    } catch (const std::system_error& error) {
      if (error.code() == asio::error::operation_aborted) throw;
      // All others are thrown before anything is sent.
      reply.is_refused = error.code() != asio::error::timed_out;
      reply.problem = text_of(error);
    }
    co_return reply;
  }

  std::shared_ptr<Link> link_;
  const Bucket& bucket_;
};

}  // namespace cliffracer::detail
