#include "support/catch.hpp"

#include <cliffracer/detail/text/shared_text.hpp>

#include <string>

using cliffracer::detail::SharedText;

TEST_CASE("without an error there is no text") {
  const SharedText error;
  CHECK(error.copy().text().empty());
}

TEST_CASE("the newest error's text replaces the one before, also a longer one") {
  SharedText error;
  error.set("the disk is full");
  error.set("gone");
  CHECK(error.copy().text() == "gone");
}

TEST_CASE("a long text is cut at 255 bytes, and not inside a character") {
  SharedText error;
  error.set(std::string(300, 'x'));
  CHECK(error.copy().text() == std::string(255, 'x'));
  // Two bytes each: the last one would be cut in half.
  std::string umlauts;
  for (int i = 0; i < 150; ++i) umlauts += "\xC3\xA4";
  error.set(umlauts);
  CHECK(error.copy().text() == umlauts.substr(0, 254));
}
