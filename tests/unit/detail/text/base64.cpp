#include "support/catch.hpp"

#include <cliffracer/detail/text/base64.hpp>

#include <optional>
#include <string>
#include <string_view>

using cliffracer::detail::from_base64;
using cliffracer::detail::to_base64;

TEST_CASE("base64 has the digits and the padding of RFC 4648") {
  struct Pair {
    std::string_view bytes;
    std::string_view text;
  };
  for (const auto& [bytes, text] :
       {Pair{"", ""}, Pair{"f", "Zg=="}, Pair{"fo", "Zm8="}, Pair{"foo", "Zm9v"}, Pair{"foob", "Zm9vYg=="},
        Pair{"fooba", "Zm9vYmE="}, Pair{"foobar", "Zm9vYmFy"}, Pair{"\xfb\xff\xbf", "+/+/"}}) {
    CHECK(to_base64(bytes) == text);
    CHECK(from_base64(text) == std::string{bytes});
  }
}

TEST_CASE("base64 brings back all bytes, whatever is beside them") {
  std::string bytes;
  for (int n = 0; n < 256; ++n) {
    bytes += static_cast<char>(static_cast<unsigned char>(n));
    CHECK(from_base64(to_base64(bytes)) == bytes);
  }
}

TEST_CASE("what is no base64 is nothing") {
  for (const std::string_view text :
       {"Z", "Zg", "Zg=", "Zg===", "=", "====", "Z===", "Zm=v",
        "Z=8=", "Zh==", "Zm9=", "Zg==Zg==", "Zm8=Zm9v", "Zm9v\n", "Zm 9", "Zm-_", "Zm9v ", "\xc3\xa4zg="})
    CHECK(from_base64(text) == std::nullopt);
}
