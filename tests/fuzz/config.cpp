// Configuration from text: hostile values are taken or refused with std::invalid_argument, and a secret shows
// nowhere, wherever in the text it stands.
//
// Input: a digit that says where the secret stands, and then values, each up to a byte 0xff: before the
// secret, inside it, behind it, what goes before a broker's address, its host, name, queue group, and a text
// of somebody else's. The secret is made of these and two marks, so that it can be told from what merely
// looks like one.

#include <cliffracer/detail/nats/secrets.hpp>
#include <cliffracer/detail/text/broker_url.hpp>
#include <cliffracer/service_config.hpp>

#include "fuzz.hpp"

#include <cstddef>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace {

using fuzz::require;

// Digits, because a password of digits looks like a port; and those that a seed has too.
constexpr std::string_view first_mark = "47263";
constexpr std::string_view last_mark = "52274";

/// Whether a value could be mistaken for a secret, as it is or escaped: "\x15" and "2274".
bool is_like_secret(std::string_view text) {
  return text.find(first_mark.substr(2)) != std::string_view::npos ||
         text.find(last_mark.substr(2)) != std::string_view::npos;
}

bool shows_secret(std::string_view text) {
  return text.find(first_mark) != std::string_view::npos || text.find(last_mark) != std::string_view::npos;
}

struct Values {
  std::string before;
  std::string inside;
  std::string behind;
  std::string scheme;
  std::string host;
  std::string name;
  std::string queue_group;
  std::string foreign;

  [[nodiscard]] std::string secret() const {
    std::string text{first_mark};
    return text.append(inside).append(last_mark);
  }
};

Values read(const std::uint8_t* data, std::size_t size) {
  fuzz::Parts parts{data, size, '\xff'};
  Values values;
  for (std::string* value : {&values.before, &values.inside, &values.behind, &values.scheme, &values.host,
                             &values.name, &values.queue_group})
    *value = parts.next();
  values.foreign = parts.rest();
  return values;
}

/// Whether a password has something in it that makes an address and another one of it, as a list has.
bool is_list(std::string_view inside) {
  for (std::size_t comma = inside.find(','); comma != std::string_view::npos;
       comma = inside.find(',', comma + 1)) {
    const std::string_view next = cliffracer::detail::trimmed(inside.substr(comma + 1));
    if (next.starts_with("nats://") || next.starts_with("tls://")) return true;
  }
  return false;
}

/// True when the config is taken.
bool check(const cliffracer::ServiceConfig& config) {
  try {
    cliffracer::check_validity(config);
    return true;
  } catch (const std::invalid_argument& error) {
    require(!shows_secret(error.what()), "a refusal shows no secret");
    require(!fuzz::has_control(error.what()), "a refusal is one line of text");
    require(std::string_view{error.what()}.size() < 1024, "a refusal is short");
  }
  return false;
}

void check_urls(const cliffracer::NatsUrls& urls) {
  for (const std::string& url : urls.list()) {
    require(!url.empty() && cliffracer::detail::trimmed(url) == url, "addresses are trimmed and not empty");
    require(url.find(',') == std::string::npos, "addresses are taken apart at commas");
    const auto parsed = cliffracer::detail::parse_broker_url(url);
    if (!parsed.problem.empty()) continue;
    require(parsed.port != 0 && !parsed.host.empty(), "an address has a host and a port");
    require(!fuzz::has_control(url) && url.find_first_of("\"\\ ") == std::string::npos,
            "an address is one word");
    const std::string redacted = cliffracer::detail::redacted_url(url);
    require(cliffracer::detail::redacted_url(redacted) == redacted, "a redacted address is an address");
  }
  require(!fuzz::has_control(urls.redacted()), "redacted addresses are one line of text");
}

void check_address(const Values& values) {
  const std::string address = values.before + values.scheme + "user:" + values.secret() + "@" + values.host;
  cliffracer::ServiceConfig config{.name = "service", .nats_url = address};
  check_urls(config.nats_url);
  const bool valid = check(config);
  if (is_list(values.inside)) return;
  require(!shows_secret(config.nats_url.redacted()), "redacted() shows no secret");
  if (!valid) return;
  require(!shows_secret(cliffracer::detail::without_secrets(values.foreign + address, config)),
          "somebody else's text is shown without the address's secret");
}

void check_member(unsigned which, const Values& values) {
  const std::string secret = values.before + values.secret() + values.behind;
  // What stands for a secret must not be one.
  const bool is_text = secret.find('*') == std::string::npos;
  const std::string foreign = values.foreign + secret + values.inside;
  cliffracer::ServiceConfig config{.name = values.name, .nats_url = values.scheme + values.host};
  config.queue_group = values.queue_group;
  switch (which) {
    case 0:
      config.user = values.inside.empty() ? "user" : values.inside;
      config.password = secret;
      break;
    case 1:
      config.token = secret;
      break;
    case 2:
      config.nkey = "UDXU4RCSJNZOIQHZNWXHXORDPRTGNJAHAHFRGZNEEJCPQTT2M7NLCNF4";
      config.nkey_seed = secret;
      break;
    case 3:
      config.nkey = values.foreign;
      config.nkey_seed = secret;
      break;
    case 4:
      config.password = secret;
      break;
    default:
      config.user = values.inside;
      config.token = secret;
      config.credentials_file = values.behind;
      config.tls.ca_file = values.behind;
  }
  if (!check(config) || !is_text) return;
  const std::string shown = cliffracer::detail::without_secrets(foreign, config);
  require(shown.find(secret) == std::string::npos, "somebody else's text is shown without the secret");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const Values values = read(data + 1, size - 1);
  for (const std::string* value : {&values.before, &values.inside, &values.behind, &values.scheme,
                                   &values.host, &values.name, &values.queue_group, &values.foreign})
    if (is_like_secret(*value)) return 0;
  if (const unsigned which = data[0] % 8U; which < 6)
    check_member(which, values);
  else
    check_address(values);
  check_urls(std::string_view{reinterpret_cast<const char*>(data), size});
  check_urls(std::vector<std::string>{values.host, values.scheme + values.host, values.foreign});
  return 0;
}
