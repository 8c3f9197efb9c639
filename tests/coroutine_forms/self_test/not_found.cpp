// What the scan does not find, as none of it stands in one full-expression with co_await. Never compiled.

namespace one::two {

enum class State : std::uint8_t { idle, running };
struct Options {
  std::string name{};
  int numbers[2]{1, 2};
};

class Service final : public Base {
 public:
  Service() : Base{{.name = "service"}}, started_{false}, text_{flag ? "one" : "two"} {
    add(timer<&Service::tick>{.interval = 30s, .eager = true}, rpc<&Service::ask>{});
  }

  [[nodiscard]] asio::awaitable<nlohmann::json> ask() const noexcept {
    nlohmann::json arguments{{"article", "tea"}, {"quantity", 3}};
    nlohmann::json answer = co_await call_rpc("orders", "place_order", arguments);
    publish_event("asked", {{"answer", answer.is_null() ? "none" : "some"}});
    co_await wait(100ms);
    co_await wait(std::max<std::chrono::nanoseconds>(time_, std::chrono::seconds{1}));
    co_return nlohmann::json{{"number", orders_.load()}};
  }

  asio::awaitable<void> tick() {
    auto check = [text = std::move(text_)] { return text.empty() ? 1 : 2; };
    co_await call(check);
    co_await call([] { return Options{.name = "in its body"}; });
    co_await call([this] { return ready_ ? Options{} : Options{.name = "in its body"}; });
    co_await call([&, this](int number = int{3}) { std::string text{number ? "a" : "b"}; });
    co_await call([&text = text_] { return new Options{}; });
    auto operation = [this, count = 1]() -> asio::awaitable<void> {
      Options options{.name = "named"};
      co_await take(std::move(options));
    };
    co_await operation();
    asio::co_spawn(
        context_, [text = std::string{"text"}] { return run(text); }, asio::detached);
    if (const bool ready = ready_ ? true : false; ready) co_await pass();
    if (Options options{}; co_await is_ready(options)) {
      co_await pass();
    } else if (co_await is_ready()) {
      take(Options{});
    } else {
      co_await pass();
    }
    for (const auto& name : {"one", "two"}) co_await greet(name);
    for (auto& [key, value] : values_) {
      value = ready_ ? key : Key{};
      co_await pass();
    }
    switch (co_await state()) {
      case State::idle:
        take(ready_ ? Options{} : Options{.name = "idle"});
        break;
      case State::running: {
        take({});
        co_await pass();
      }
    }
    // co_await take({.name = "in a comment"});
    const char* text = "co_await take({.name = 1})";
    const char brace = '{';
    values_[index_] = co_await next();
    auto [first, second] = co_await both();
    delete[] text;
    co_await service_.itself().serve();
    co_await asio::this_coro::reset_cancellation_state(asio::disable_cancellation());
    auto result = first() && co_await second_one() || !co_await third();
  }

  bool operator()(int a) const { return a ? true : false; }
};

#define NOT_READ(x) co_await take(Options{x})

}  // namespace one::two
