#pragma once

#include <cliffracer/cliffracer.hpp>

/// A service that is spread over two files.
class Second : public cliffracer::NatsService {
 public:
  Second();
  asio::awaitable<void> tick();
  void tock();

 private:
  int ticks_ = 0;
};
