#include <cliffracer/detail/text/short_text.hpp>

#include "support/catch.hpp"

#include <string>

using namespace std::chrono_literals;
using cliffracer::detail::ShortText;

TEST_CASE("a short text is put together of texts, numbers and seconds") {
  CHECK(ShortText{}.view().empty());
  CHECK((ShortText{} << "cancelled after " << 1500ms).view() == "cancelled after 1.500 s");
  CHECK((ShortText{} << std::uint32_t{3} << " errors: "
                     << "no")
            .view() == "3 errors: no");
  CHECK((ShortText{} << 999'999ns << ", " << 31'536'000s).view() == "0.001 s, 31536000.000 s");
}

TEST_CASE("of what does not fit into a short text, a text loses its end and a number is left out") {
  const std::string whole(ShortText::most, 'x');
  CHECK((ShortText{} << whole + "y").view() == whole);
  CHECK((ShortText{} << whole << "y" << std::uint32_t{1}).view() == whole);
  const std::string nearly(ShortText::most - 2, 'x');
  CHECK((ShortText{} << nearly << std::uint32_t{123}).view() == nearly);
  CHECK((ShortText{} << nearly << std::uint32_t{12}).view() == nearly + "12");
  CHECK((ShortText{} << nearly << 1s).view() == nearly + " s");
}
