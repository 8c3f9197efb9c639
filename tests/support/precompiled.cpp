// Where support/precompiled.hpp is parsed, and what it declares is instantiated.
#include "support/precompiled.hpp"

template class nlohmann::basic_json<>;
template class nlohmann::detail::serializer<nlohmann::json>;
template class nlohmann::detail::lexer<nlohmann::json, cliffracer_tests::JsonCharacters>;
template class nlohmann::detail::parser<nlohmann::json, cliffracer_tests::JsonCharacters>;
