#include "second.hpp"

asio::awaitable<void> Second::tick() {
  publish_event("second.tick", {{"ticks", ++ticks_}});
  co_return;
}

void Second::tock() { trigger("tick"); }
