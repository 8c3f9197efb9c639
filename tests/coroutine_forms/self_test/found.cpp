// What the scan finds, in the places where code stands. Never compiled.

class Service : public Base {
 public:
  Service(Config config) : Base{{.name = "service"}}, config_{std::move(config)} {
    add(timer<&Service::tick>{.interval = 30s});
  }

  asio::awaitable<void> tick() override { co_await take({.name = "tick"}); }  // found: braces

  asio::awaitable<void> stop() noexcept {
    if (co_await is_stopped(Key{1})) {  // found: braces
      co_return;
    } else {
      co_await take(Options{});  // found: braces
    }
    for (int i = 0; i < co_await count(Key{i}); ++i) co_await pass();  // found: braces
    while (co_await count(ready() ? 1 : 2) > 0) {                      // found: conditional
      co_await new_lines();
    }
    switch (co_await state({})) {  // found: braces
      case State::running: {
        co_await take(Options{.name = "running"});  // found: braces
        break;
      }
      default:
        co_await take(Options{.name = "other"});  // found: braces
    }
    do {
      co_await call([*this] { look(); });  // found: lambda
    } while (co_await again({1, 2}));      // found: braces
    try {
      co_await Service(config_).tick();  // found: temporary
    } catch (const std::exception& error) {
      co_await report(std::string{error.what()});  // found: braces
    }
  }

  auto deduced() const -> asio::awaitable<int> {
    co_return co_await call_rpc("service", "method", {{"key", "value"}});  // found: braces
  }

  const int member_{3};
};

template <class Function>
requires std::invocable<Function> asio::awaitable<void> run(Function function,
                                                            Options options = Options{.name = "default"}) {
  std::string text{"text"};
  co_await call([=] { use(text); });                                                          // found: lambda
  co_await call([&, text] { use(text); });                                                    // found: lambda
  co_await call([this, text = std::move(text)] { use(text); });                               // found: lambda
  co_await call([&text, function]<class T>(T value) mutable noexcept -> std::map<int, int> {  // found: lambda
    return {{1, 2}};
  });
  co_await call([&text] { return asio::awaitable<void>{}; },
                [text] {  // found: lambda
                  use(text);
                });
  auto& place = *new Place(co_await next());  // found: new
  auto outer = [text]() -> asio::awaitable<void> {
    auto inner = [text] { use(text); };
    co_await call([text] { use(text); });  // found: lambda
  };
  const char* tricky = "co_await \" ; {";
  const char quote = '"';
  int big = 1'000'000;
  co_await take(R"(raw " ; text)", Options{.count = 1'000});        // found: braces
  results[index] = co_await ask(Key{1});                            // found: braces
  auto [first, second] = co_await both(Key{1});                     // found: braces
  int numbers[] = {1, 2, co_await next()};                          // found: braces
  static_cast<void>(co_await take(a /* not ? this */, b ? c : d));  // found: conditional
  co_await take(std::optional<std::string>{text},                   // found: braces
                                                                    // a comment between; with a semicolon
                {.name = text});                                    // found: braces
}
